//! `dumpsys media.camera`: who has the camera open now, and the service's log of the last 100 events.
//!
//! The log has seconds and no year; the service writes the date as text when the event happens, so in the zone of that moment. It
//! prints the newest event first, [`CameraDump::log`] is the other way round. From API 33 on the service keeps an event whose whole
//! line it has logged before only once, ever: two connections of one process within a second are one line (see
//! `docs/ground-truth.md`).

use serde::{Deserialize, Serialize};

use crate::{
    lines::{Text, between},
    notes::{Cut, Notes, Parsed},
    ring::RingEntry,
    when::{GuestClock, Stamp, When},
};

/// Events that the service keeps.
pub const RING: usize = 100;

/// What the service said.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CameraDump {
    /// Who has a camera open; none if that part is missing.
    pub clients: Option<Vec<CameraClient>>,
    /// The events, oldest first; none if that part is missing.
    pub log: Option<Vec<CameraEvent>>,
    /// Whether the ring is full, so that older events are forgotten.
    pub log_full: bool,
    /// How often an event is dated before an older one: somebody set the clock.
    pub clock_jumps: u32,
}

/// An open camera.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CameraClient {
    /// The camera's name.
    pub camera: String,
    /// The process.
    pub pid: i32,
    /// Whose; empty names are none.
    pub package: Option<String>,
    /// Android's user.
    pub user: Option<u32>,
    /// `ActivityManager.PROCESS_STATE_*` when it connected or was last looked at; numbers differ between API levels.
    pub process_state: Option<i32>,
}

/// An event of the service's log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CameraEvent {
    /// When, to the second.
    pub when: When,
    /// What.
    pub what: CameraLog,
    /// The text of the ring, which tells events apart.
    pub raw: String,
}

impl RingEntry for CameraEvent {
    fn raw(&self) -> &str {
        &self.raw
    }
}

/// The process that an event is about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CameraUser {
    /// The camera's name.
    pub camera: String,
    /// As the service knows it; `media` or `cameraserver` is the service itself, which opens cameras to read their parameters.
    pub package: String,
    /// Its process.
    pub pid: i32,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CameraLog {
    /// A camera was opened.
    Connect {
        /// By whom.
        by: CameraUser,
        /// It goes on without the app's session (API 30+).
        offline: bool,
    },
    /// It was closed.
    Disconnect {
        /// By whom.
        by: CameraUser,
        /// See [`CameraLog::Connect`].
        offline: bool,
    },
    /// A process died with what it had open; its `Disconnect` follows.
    Died {
        /// The process.
        pid: i32,
        /// The service's words.
        reason: String,
    },
    /// It may not (permission, idle uid, privacy switch, policy), or the camera is in use (`DENIED`).
    Reject {
        /// Who asked.
        by: CameraUser,
        /// The service's words.
        reason: String,
    },
    /// The camera was taken away for somebody else.
    Evict {
        /// From whom.
        from: CameraUser,
        /// The service's words.
        reason: String,
    },
    /// A camera came.
    Add {
        /// Its name.
        camera: String,
    },
    /// A camera went.
    Remove {
        /// Its name.
        camera: String,
    },
    /// Another user of the device.
    UserSwitch,
    /// The torch.
    Torch {
        /// Whose lamp.
        camera: String,
        /// By which process.
        pid: Option<i32>,
    },
    /// Something that this crate does not know, or an error of the service.
    Other,
}

/// Reads the answer of `dumpsys media.camera`.
pub fn parse(bytes: &[u8], clock: &GuestClock) -> Parsed<CameraDump> {
    let (text, mut notes) = Text::new(bytes);
    let mut dump = CameraDump::default();
    let (mut in_clients, mut in_log, mut log_ended) = (false, false, false);
    for line in text.lines(&mut notes) {
        let t = line.trim();
        let first_clients = dump.clients.is_none() && dump.log.is_none();
        if let Some(rest) = t.strip_prefix("Active Camera Clients:").filter(|_| first_clients) {
            dump.clients.get_or_insert_default();
            // An empty list may stand on the same line.
            in_clients = !rest.trim().ends_with(']');
        } else if t.starts_with("== Camera service events log") {
            in_log = dump.log.is_none();
            if !in_log {
                notes.cut(Cut::Twice);
            }
            dump.log.get_or_insert_default();
            if in_clients {
                notes.cut(Cut::Missing);
                in_clients = false;
            }
        } else if in_clients {
            match client(t) {
                Some(c) => notes.keep(dump.clients.get_or_insert_default(), c),
                None if t == "]" || t == "[]" => in_clients = false,
                None if t == "[" => {}
                None => notes.unknown(t),
            }
        } else if in_log {
            if t.is_empty() || t.starts_with("== ") {
                (in_log, log_ended) = (false, true);
            } else {
                log_line(t, clock, &mut dump, &mut notes);
            }
        } else {
            notes.skipped();
            // What ended the log was text of an app.
            if log_ended && Stamp::read(t).is_some_and(|(_, rest)| rest.trim_start().strip_prefix(": ").is_some_and(is_about_apps)) {
                notes.cut(Cut::Malformed);
            }
        }
    }
    if in_clients || dump.log.is_none() || !log_ended {
        notes.cut(Cut::Missing);
    }
    let newest_first = dump.log.as_mut();
    if let Some(log) = newest_first {
        dump.log_full |= log.len() >= RING;
        log.reverse();
        dump.clock_jumps = log.windows(2).map(|w| u32::from(w[1].when.is_before(w[0].when))).sum();
    }
    notes.with(dump)
}

/// `(Camera ID: 0, Cost: 100, PID: 1, Score: 0, State: 2User Id: 0, Client Package Name: p, Conflicting Client Devices: {1, })`
fn client(t: &str) -> Option<CameraClient> {
    let t = t.strip_prefix("(Camera ID: ").or_else(|| t.strip_prefix("[(Camera ID: "))?;
    let (camera, rest) = t.split_once(", ")?;
    // No comma between the state and the user: that is how the service writes it.
    let state = between(rest, "State: ", ",").map(|s| s.split_once("User Id").map_or(s, |(n, _)| n));
    Some(CameraClient {
        camera: camera.to_owned(),
        pid: between(rest, "PID: ", ",")?.trim().parse().ok()?,
        package: between(rest, "Client Package Name: ", ",").map(str::trim).filter(|p| !p.is_empty()).map(str::to_owned),
        user: between(rest, "User Id: ", ",").and_then(|u| u.trim().parse().ok()),
        process_state: state.and_then(|s| s.trim().parse().ok()),
    })
}

fn log_line(t: &str, clock: &GuestClock, dump: &mut CameraDump, notes: &mut Notes) {
    if t == "..." {
        dump.log_full = true;
        return;
    }
    if t == "[no events yet]" {
        return;
    }
    let log = dump.log.get_or_insert_default();
    if t.starts_with("- ") {
        // More of the event above: by whom it was evicted, or what stood in its way.
        let Some(last) = log.last_mut() else { return notes.unknown(t) };
        if let CameraLog::Evict { reason, .. } | CameraLog::Reject { reason, .. } = &mut last.what
            && last.raw.len() < 4096
        {
            reason.push_str(if reason.is_empty() { "" } else { "; " });
            reason.push_str(t.trim_start_matches("- "));
            last.raw.push('\n');
            last.raw.push_str(t);
        } else {
            notes.unknown(t);
        }
        return;
    }
    let event = Stamp::read(t).and_then(|(s, rest)| Some((clock.resolve(s)?, rest.trim_start().strip_prefix(": ")?)));
    let Some((when, said)) = event else {
        notes.unknown(t);
        notes.cut(Cut::Malformed);
        return;
    };
    let what = event_of(said).unwrap_or(CameraLog::Other);
    if what == CameraLog::Other && !said.starts_with("SERVICE ERROR") {
        notes.unknown(t);
        // Of these the form is known: it is text of an app that broke it.
        if is_about_apps(said) {
            notes.cut(Cut::Malformed);
        }
    }
    notes.keep(log, CameraEvent { when, what, raw: t.to_owned() });
}

/// Whether an event is of those that name a package.
fn is_about_apps(said: &str) -> bool {
    ["CONNECT ", "DISCONNECT ", "REJECT ", "DENIED ", "EVICT "].iter().any(|v| said.starts_with(v))
}

fn event_of(said: &str) -> Option<CameraLog> {
    let (verb, rest) = said.split_once(' ')?;
    let (offline, rest) = match rest.strip_prefix("offline ") {
        Some(r) if verb == "CONNECT" || verb == "DISCONNECT" => (true, r),
        _ => (false, rest),
    };
    Some(match verb {
        "CONNECT" => CameraLog::Connect { by: user(rest, " client for package ")?.0, offline },
        "DISCONNECT" => CameraLog::Disconnect { by: user(rest, " client for package ")?.0, offline },
        "REJECT" => {
            let (head, reason) = rest.split_once("), reason: (").unwrap_or((rest, ""));
            CameraLog::Reject { by: user(head, " client for package ")?.0, reason: closed(reason) }
        }
        "DENIED" => {
            let (by, more) = user(rest.strip_prefix("connect ")?, " client for package ")?;
            CameraLog::Reject { by, reason: more.rsplit_once(')').map_or("", |(_, r)| r.trim()).to_owned() }
        }
        "EVICT" => CameraLog::Evict { from: user(rest, " client held by package ")?.0, reason: String::new() },
        "DIED" => {
            let (pid, reason) = rest.strip_prefix("client(s) with PID ")?.split_once(", reason: (")?;
            CameraLog::Died { pid: pid.trim().parse().ok()?, reason: closed(reason) }
        }
        "ADD" => CameraLog::Add { camera: device(rest)? },
        "REMOVE" => CameraLog::Remove { camera: device(rest)? },
        "USER_SWITCH" => CameraLog::UserSwitch,
        "Torch" => CameraLog::Torch {
            camera: between(rest, "for camera id ", " ")?.to_owned(),
            pid: rest.rsplit_once("client PID ").and_then(|(_, p)| p.trim().parse().ok()),
        },
        _ => return None,
    })
}

/// `device 0 client for package p (PID 1..`; what follows the number is given too. The package of a refused process may be any text
/// that it sent, so the last ` (PID ` counts, and what is no name is none.
fn user<'a>(text: &'a str, words: &str) -> Option<(CameraUser, &'a str)> {
    let (camera, rest) = text.strip_prefix("device ")?.split_once(words)?;
    let (package, rest) = rest.rsplit_once("(PID")?;
    let package = package.strip_suffix(' ').unwrap_or(package);
    if package.bytes().any(|b| b.is_ascii_whitespace() || b.is_ascii_control() || b == b'(' || b == b')') {
        return None;
    }
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(rest.len());
    let pid = rest[..end].parse().ok()?;
    Some((CameraUser { camera: camera.to_owned(), package: package.to_owned(), pid }, &rest[end..]))
}

fn device(text: &str) -> Option<String> {
    let text = text.strip_prefix("device ")?;
    Some(text.split_once(", reason").map_or(text, |(d, _)| d).to_owned())
}

fn closed(reason: &str) -> String {
    reason.strip_suffix(')').unwrap_or(reason).to_owned()
}
