//! `dumpsys package PACKAGE`: uid, versions, permissions, processor, and whether the app is stopped.

use serde::{Deserialize, Serialize};

use crate::{
    lines::{Text, boolean, field, some},
    notes::{Cut, Notes, Parsed},
};

/// What the package manager knows of an app.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PackageInfo {
    /// The app's uid in user 0 (`userId=`, from API 34 on `appId=`).
    pub uid: Option<u32>,
    /// Version.
    pub version_code: Option<i64>,
    /// Version for people.
    pub version_name: Option<String>,
    /// Oldest level it runs on.
    pub min_sdk: Option<u32>,
    /// The level whose rules hold for it.
    pub target_sdk: Option<u32>,
    /// What its native code is made for; none without any.
    pub primary_abi: Option<String>,
    /// `HAS_CODE`, `DEBUGGABLE`, `SYSTEM` ..
    pub flags: Vec<String>,
    /// Permissions that the manifest asks for.
    pub requested: Vec<String>,
    /// Permissions that were given with the installation.
    pub install_permissions: Vec<Permission>,
    /// What holds for each of Android's users.
    pub users: Vec<PackageUser>,
}

impl PackageInfo {
    /// Permissions that user 0 gave while the app ran, or by `pm grant`.
    pub fn granted(&self) -> impl Iterator<Item = &str> {
        let user = self.users.iter().find(|u| u.user == 0);
        user.into_iter().flat_map(|u| &u.runtime_permissions).filter(|p| p.granted).map(|p| p.name.as_str())
    }
}

/// A permission.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Permission {
    /// Its name.
    pub name: String,
    /// Whether it was given.
    pub granted: bool,
    /// `USER_SET`, `ONE_TIME`, `REVOKED_COMPAT` ..
    pub flags: Vec<String>,
}

/// An app's state for a user.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PackageUser {
    /// Android's user.
    pub user: u32,
    /// It is installed.
    pub installed: Option<bool>,
    /// It was stopped by force, or never started: nothing of it runs by itself.
    pub stopped: Option<bool>,
    /// It was never started.
    pub not_launched: Option<bool>,
    /// It is suspended.
    pub suspended: Option<bool>,
    /// 0 default, 1 on, 2, 3 and 4 off.
    pub enabled: Option<u32>,
    /// Permissions that are given while it runs. Those of apps that share a uid stand elsewhere and are not read.
    pub runtime_permissions: Vec<Permission>,
}

/// Reads the answer of `dumpsys package PACKAGE`; none if it knows no such package.
pub fn parse(bytes: &[u8], package: &str) -> Parsed<Option<PackageInfo>> {
    #[derive(PartialEq)]
    enum Part {
        Top,
        Requested,
        Install,
        Runtime,
        Other,
    }
    let (text, mut notes) = Text::new(bytes);
    let mut got: Option<PackageInfo> = None;
    let (mut inside, mut ended, mut packages) = (false, false, false);
    let mut part = Part::Top;
    for line in text.lines(&mut notes) {
        let t = line.trim();
        if !line.starts_with(' ') && !t.is_empty() {
            // Headings stand at the margin; only this one's packages are installed ones (another has hidden system packages).
            packages |= t == "Packages:";
            ended |= inside;
            inside = false;
        }
        if let Some(name) = t.strip_prefix("Package [").and_then(|r| r.split_once(']')).map(|(n, _)| n) {
            ended |= inside;
            inside = packages && !ended && got.is_none() && name == package;
            if inside {
                (got, part) = (Some(PackageInfo::default()), Part::Top);
            }
            continue;
        }
        let Some(info) = got.as_mut().filter(|_| inside) else {
            notes.skipped();
            continue;
        };
        match t {
            "" => {}
            "requested permissions:" => part = Part::Requested,
            "install permissions:" => part = Part::Install,
            "runtime permissions:" => part = Part::Runtime,
            "declared permissions:" | "enabledComponents:" | "disabledComponents:" | "overlay paths:" => part = Part::Other,
            _ if t.starts_with("User ") && user(t).is_some() => {
                part = Part::Top;
                if let Some(u) = user(t) {
                    if info.users.iter().take(100).any(|known| known.user == u.user) {
                        notes.cut(Cut::Twice);
                    }
                    notes.keep(&mut info.users, u);
                }
            }
            _ => match part {
                Part::Requested
                    if is_permission(t.split(':').next().unwrap_or(t)) && !t.contains('=') || t.ends_with(": restricted=true") =>
                {
                    notes.keep(&mut info.requested, t.split(':').next().unwrap_or(t).to_owned());
                }
                Part::Install | Part::Runtime => match (permission(t), part == Part::Install) {
                    (Some(p), true) => notes.keep(&mut info.install_permissions, p),
                    (Some(p), false) => match info.users.last_mut() {
                        Some(u) => notes.keep(&mut u.runtime_permissions, p),
                        None => notes.unknown(t),
                    },
                    (None, _) => top(t, info, &mut notes),
                },
                Part::Top | Part::Requested | Part::Other => top(t, info, &mut notes),
            },
        }
    }
    let nothing = got.is_none() && (packages || notes.refused.is_some());
    if got.as_ref().map_or(!nothing, |g| g.uid.is_none() || g.users.is_empty()) {
        notes.cut(Cut::Missing);
    }
    notes.with(got)
}

fn top(t: &str, info: &mut PackageInfo, notes: &mut Notes) {
    if let Some(v) = t.strip_prefix("userId=").or_else(|| t.strip_prefix("appId=")) {
        set(&mut info.uid, v.split_whitespace().next().and_then(|n| n.parse().ok()), notes);
    } else if t.starts_with("versionCode=") {
        set(&mut info.version_code, field(t, "versionCode=").and_then(|n| n.parse().ok()), notes);
        set(&mut info.min_sdk, field(t, "minSdk=").and_then(|n| n.parse().ok()), notes);
        set(&mut info.target_sdk, field(t, "targetSdk=").and_then(|n| n.parse().ok()), notes);
    } else if let Some(v) = t.strip_prefix("versionName=") {
        info.version_name = some(v);
    } else if let Some(v) = t.strip_prefix("primaryCpuAbi=") {
        set(&mut info.primary_abi, some(v), notes);
    } else if let Some(v) = t.strip_prefix("flags=") {
        if !info.flags.is_empty() && info.flags != list(v) {
            notes.cut(Cut::Twice);
        }
        info.flags = list(v);
    } else {
        notes.skipped();
    }
}

/// The name of the version stands between the other values, and may hold lines that look like them.
fn set<T: PartialEq>(slot: &mut Option<T>, value: Option<T>, notes: &mut Notes) {
    match (&slot, &value) {
        (Some(old), Some(new)) if old != new => notes.cut(Cut::Twice),
        (None, Some(_)) => *slot = value,
        _ => {}
    }
}

/// `[ A B C ]` or `[ A|B]`
fn list(text: &str) -> Vec<String> {
    let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
    inner.split(|c: char| c.is_whitespace() || c == '|').filter(|w| !w.is_empty()).take(200).map(str::to_owned).collect()
}

/// `android.permission.CAMERA: granted=true, flags=[ USER_SET|USER_SENSITIVE_WHEN_GRANTED]`
fn permission(t: &str) -> Option<Permission> {
    let (name, rest) = t.split_once(": granted=")?;
    if !is_permission(name) {
        return None;
    }
    let (granted, flags) = rest.split_once(", flags=").unwrap_or((rest, ""));
    Some(Permission { name: name.to_owned(), granted: boolean(granted.trim())?, flags: list(flags) })
}

fn is_permission(name: &str) -> bool {
    name.contains('.') && name.len() <= 250 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'_' || b == b'-')
}

/// `User 0: ceDataInode=1 installed=true hidden=false suspended=false stopped=true notLaunched=true enabled=0 instant=false`
fn user(t: &str) -> Option<PackageUser> {
    let (number, rest) = t.strip_prefix("User ")?.split_once(": ")?;
    let flag = |key: &str| field(rest, key).and_then(boolean);
    Some(PackageUser {
        user: number.parse().ok()?,
        installed: flag("installed="),
        stopped: flag("stopped="),
        not_launched: flag("notLaunched="),
        suspended: flag("suspended="),
        enabled: field(rest, "enabled=").and_then(|n| n.parse().ok()),
        runtime_permissions: Vec::new(),
    })
}
