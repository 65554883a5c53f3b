//! The app: installed, opened, and its requests for permissions answered.

use std::{
    collections::BTreeSet,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    time::Instant,
};

use stakeout_contract::{
    observation::Fact,
    scenario::{PermissionPolicy, StandbyBucket},
};
use stakeout_links::{Fault, guest::Guest as _, guest::quote};
use stakeout_protocol::{
    Problem,
    device::{Installed, Launched},
};
use stakeout_truth::{
    activity,
    package::{self, PackageInfo},
};

use super::phone::{Phone, first_line, problem};

/// Bytes of an answer of the package manager.
const PACKAGES: usize = 4 << 20;
/// Real time of an installation.
const INSTALL: std::time::Duration = std::time::Duration::from_secs(180);
/// Dialogs that are answered at a time: an app may ask again as soon as it was answered.
const DIALOGS: usize = 8;
/// Who shows Android's dialogs for permissions, by version.
const ASKERS: [&str; 4] = [
    "com.android.permissioncontroller",
    "com.google.android.permissioncontroller",
    "com.android.packageinstaller",
    "com.google.android.packageinstaller",
];
/// Buttons that say yes, in the order in which they are preferred, and those that say no.
const YES: [&str; 5] = [
    "permission_allow_foreground_only_button",
    "permission_allow_button",
    // Of pictures and films, from API 34 on, beside some that would have to be chosen.
    "permission_allow_all_button",
    "permission_allow_one_time_button",
    // Of the place, also where the app has it for the foreground already.
    "permission_allow_always_button",
];
const NO: [&str; 4] = [
    "permission_deny_button",
    "permission_deny_and_dont_ask_again_button",
    // Of more than the app has already.
    "permission_no_upgrade_button",
    "permission_no_upgrade_and_dont_ask_again_button",
];
/// From this API level on Android refuses apps for an Android that is too old, unless it is told not to.
pub const REFUSES_OLD: u32 = 34;

/// The app under test.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct App {
    /// Its package.
    pub package: String,
    /// Its uid.
    pub uid: u32,
    /// The activity behind its icon, as `package/class`; none: it has no icon.
    pub activity: Option<String>,
}

impl Phone {
    async fn packages(&self) -> Result<BTreeSet<String>, Problem> {
        let said = self.run_long("pm list packages -3", PACKAGES, self.within).await?;
        Ok(said.text().lines().filter_map(|l| l.trim().strip_prefix("package:")).map(str::to_owned).collect())
    }

    /// What the package manager knows of a package.
    pub async fn package(&self, name: &str) -> Result<Option<PackageInfo>, Problem> {
        let said = self.run_long(&format!("dumpsys package {}", quote(name)), PACKAGES, self.within).await?;
        Ok(package::parse(&said.stdout, name).value)
    }

    /// Installs an app, and says which it is. `old`: whether this Android blocks apps for old ones and has to be told not to.
    pub async fn install(&self, apks: &[PathBuf], grant: bool, old: bool) -> Result<(App, Installed), Problem> {
        if let Some(bad) = apks.iter().find(|a| !is_zip(a)) {
            let name = bad.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Err(Problem::new("bad_apk", format!("`{name}` is no APK: it does not begin as a ZIP")));
        }
        let before = self.packages().await?;
        let mut options = vec!["-r", "-t", "-d"];
        if grant {
            options.push("-g");
        }
        if old {
            options.push("--bypass-low-target-sdk-block");
        }
        self.adb.install(apks, &options, INSTALL).await.map_err(|e| match &e.fault {
            Fault::Install { code, message } => refused(code, message),
            _ => problem(e),
        })?;
        let after = self.packages().await?;
        let new: Vec<&String> = after.difference(&before).collect();
        let [name] = new[..] else {
            return Err(Problem::new("failed", format!("{} packages are new after the installation, instead of one", new.len())));
        };
        let info = self.package(name).await?.ok_or_else(|| Problem::new("failed", "the package manager does not know the app"))?;
        let uid = info.uid.ok_or_else(|| Problem::new("failed", "the package manager gives the app no uid"))?;
        let resolve = format!("cmd package resolve-activity --brief -c android.intent.category.LAUNCHER {}", quote(name));
        let said = self.run(&resolve).await?;
        let activity = said.text().lines().map(str::trim).find(|l| l.starts_with(&format!("{name}/"))).map(str::to_owned);
        let installed = Installed {
            package: name.clone(),
            version_name: info.version_name.clone().unwrap_or_default(),
            version_code: info.version_code.and_then(|v| u64::try_from(v).ok()).unwrap_or(0),
            target_sdk: info.target_sdk.unwrap_or(0),
            permissions: info.requested.clone(),
            // The package manager does not tell names for people.
            label: name.clone(),
            prepared: None,
            prepare_seconds: 0.0,
        };
        Ok((App { package: name.clone(), uid, activity }, installed))
    }

    /// Opens the app as its icon does: from nothing, or its task as it was left.
    pub async fn launch(&self, app: &App) -> Result<Launched, Problem> {
        let Some(activity) = &app.activity else {
            return Err(Problem::new("unsupported", "the app has no icon on the launcher"));
        };
        let begun = Instant::now();
        let command = "am start -W -a android.intent.action.MAIN -c android.intent.category.LAUNCHER -n";
        let done = self.run(&format!("{command} {}", quote(activity))).await?;
        if done.failed() || done.text().contains("Error:") {
            return Err(Problem::new("app_crashed", format!("the app does not open: {}", first_line(&done))));
        }
        Ok(Launched { activity: activity.clone(), millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX) })
    }

    /// Puts an app among those that are used so often, and makes sure that it is there: Android may know better.
    pub async fn bucket(&self, app: &App, api: u32, bucket: StandbyBucket) -> Result<(), Problem> {
        let (word, number, since) = match bucket {
            StandbyBucket::Active => ("active", 10, 28),
            StandbyBucket::WorkingSet => ("working_set", 20, 28),
            StandbyBucket::Frequent => ("frequent", 30, 28),
            StandbyBucket::Rare => ("rare", 40, 28),
            StandbyBucket::Restricted => ("restricted", 45, 31),
        };
        if api < since {
            return Err(Problem::new("unsupported", format!("standby bucket `{word}` is of API level {since} on, and this is {api}")));
        }
        self.unplug().await?;
        let package = quote(&app.package);
        self.say(&format!("am set-standby-bucket {package} {word}")).await?;
        let said = self.say(&format!("am get-standby-bucket {package}")).await?;
        // An exempted app is in bucket 5 whatever anybody wants.
        match said.trim().parse::<u32>() {
            Ok(n) if n == number => Ok(()),
            _ => {
                let is: String = said.trim().chars().filter(|c| !c.is_control()).take(60).collect();
                Err(Problem::new("unsupported", format!("the app is in standby bucket `{is}` and does not go to `{word}` ({number})")))
            }
        }
    }

    /// Answers the dialogs for permissions that are on the screen, and tells them.
    pub async fn answer_requests(&self, app: &App, policy: PermissionPolicy, deny: &[String]) -> Result<Vec<Fact>, Problem> {
        let mut facts = Vec::new();
        for _ in 0..DIALOGS {
            let top = activity::parse(&self.run("dumpsys activity activities").await?.stdout).value;
            if !top.top().is_some_and(|t| ASKERS.contains(&t.package.as_str())) {
                break;
            }
            let before = self.package(&app.package).await?.unwrap_or_default();
            let screen = self.screen().await?;
            // Which permission it is about is known only afterwards; a list of those to deny needs it before.
            let asked = screen.nodes.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join(" ");
            let no = policy == PermissionPolicy::Deny || deny.iter().any(|d| mentions(&asked, d));
            let order: &[&'static str] = if no { &NO } else { &YES };
            let ours = |id: &'static str| screen.by_id(id).filter(|n| ASKERS.contains(&n.package.as_str()));
            let Some(at) = order.iter().find_map(|id| screen.point(ours(id))) else {
                facts.push(Fact::Lost { what: "a dialog for a permission, which has no button that is known".to_owned(), count: 1 });
                break;
            };
            self.touch(at).await?;
            let after = self.package(&app.package).await?.unwrap_or_default();
            facts.push(request(&before, &after, no));
        }
        Ok(facts)
    }
}

fn is_zip(path: &Path) -> bool {
    let mut head = [0; 4];
    File::open(path).and_then(|mut f| f.read_exact(&mut head)).is_ok() && head == *b"PK\x03\x04"
}

/// Words by which a dialog speaks of a permission, in English and Chinese.
fn mentions(text: &str, permission: &str) -> bool {
    let short = permission.rsplit('.').next().unwrap_or(permission);
    let words: &[&str] = match short {
        "CAMERA" => &["picture", "photo", "\u{62cd}"],
        "RECORD_AUDIO" => &["record audio", "\u{5f55}\u{97f3}"],
        "READ_CONTACTS" | "WRITE_CONTACTS" | "GET_ACCOUNTS" => &["contacts", "\u{901a}\u{8baf}\u{5f55}"],
        "READ_CALL_LOG" | "WRITE_CALL_LOG" => &["call log", "\u{901a}\u{8bdd}\u{8bb0}\u{5f55}"],
        "ACCESS_FINE_LOCATION" | "ACCESS_COARSE_LOCATION" | "ACCESS_BACKGROUND_LOCATION" => &["location", "\u{4f4d}\u{7f6e}"],
        "READ_SMS" | "RECEIVE_SMS" | "SEND_SMS" => &["SMS", "\u{77ed}\u{4fe1}"],
        "READ_CALENDAR" | "WRITE_CALENDAR" => &["calendar", "\u{65e5}\u{5386}"],
        "READ_PHONE_STATE" | "READ_PHONE_NUMBERS" | "CALL_PHONE" => &["phone calls", "\u{7535}\u{8bdd}"],
        "READ_EXTERNAL_STORAGE" | "WRITE_EXTERNAL_STORAGE" => &["files", "media", "\u{6587}\u{4ef6}"],
        "POST_NOTIFICATIONS" => &["notifications", "\u{901a}\u{77e5}"],
        _ => return false,
    };
    words.iter().any(|w| text.contains(w))
}

/// What was asked for, by what changed in the app's permissions. A dialog after which nothing changed is told without a name.
fn request(before: &PackageInfo, after: &PackageInfo, denied: bool) -> Fact {
    let of = |p: &PackageInfo| {
        p.users.iter().flat_map(|u| &u.runtime_permissions).map(|r| (r.name.clone(), r.granted, r.flags.clone())).collect::<Vec<_>>()
    };
    let old = of(before);
    let permissions: Vec<String> = of(after).into_iter().filter(|p| !old.contains(p)).map(|p| p.0).collect();
    let answer = if denied { "denied" } else { "granted" };
    Fact::PermissionRequested { answers: permissions.iter().map(|_| answer.to_owned()).collect(), permissions }
}

/// Why the package manager refuses. What is the app's fault is the same on every device.
fn refused(code: &str, message: &str) -> Problem {
    let kind = match code {
        // Another API level, or another processor, would take it.
        "INSTALL_FAILED_NO_MATCHING_ABIS" | "INSTALL_FAILED_DEPRECATED_SDK_VERSION" | "INSTALL_FAILED_OLDER_SDK" => "unsupported",
        "INSTALL_FAILED_INSUFFICIENT_STORAGE" | "INSTALL_FAILED_INTERNAL_ERROR" | "UNKNOWN" => "failed",
        _ => "bad_apk",
    };
    let why = match code {
        "INSTALL_FAILED_NO_MATCHING_ABIS" => "its native code does not run on this image: ",
        "INSTALL_FAILED_DEPRECATED_SDK_VERSION" => "it is for an older Android than this one takes: ",
        "INSTALL_FAILED_OLDER_SDK" => "it is for a newer Android: ",
        _ => "",
    };
    Problem::new(kind, format!("the app is not installed: {why}{code} {}", message.chars().take(300).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_for_other_processors_or_androids_is_no_fault_of_the_app_s_nor_of_the_device_s() {
        assert_eq!(refused("INSTALL_FAILED_NO_MATCHING_ABIS", "x").code, "unsupported");
        assert_eq!(refused("INSTALL_FAILED_DEPRECATED_SDK_VERSION", "x").code, "unsupported");
        assert_eq!(refused("INSTALL_FAILED_OLDER_SDK", "x").code, "unsupported");
        assert_eq!(refused("INSTALL_PARSE_FAILED_NOT_APK", "x").code, "bad_apk");
        assert_eq!(refused("INSTALL_FAILED_INSUFFICIENT_STORAGE", "x").code, "failed");
    }

    #[test]
    fn a_request_is_what_changed_and_one_without_a_change_still_counts() {
        let info = |granted| PackageInfo {
            users: vec![stakeout_truth::package::PackageUser {
                runtime_permissions: vec![stakeout_truth::package::Permission {
                    name: "android.permission.CAMERA".to_owned(),
                    granted,
                    flags: vec![],
                }],
                ..Default::default()
            }],
            ..PackageInfo::default()
        };
        let named = |f| if let Fact::PermissionRequested { permissions, .. } = f { permissions } else { panic!() };
        assert_eq!(named(request(&info(false), &info(true), false)), ["android.permission.CAMERA"]);
        assert_eq!(named(request(&info(true), &info(true), false)), [""; 0]);
    }
}
