//! What the activity manager says: the activity on screen, the state of a uid, the standby bucket of an app.

use serde::{Deserialize, Serialize};

use crate::{
    lines::{Text, boolean, field},
    notes::{Cut, Once, Parsed},
};

/// `dumpsys activity activities`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Activities {
    /// Activities that are called resumed, in the record's order.
    pub resumed: Vec<Resumed>,
    /// `isSleeping=`: the screen is off or about to be.
    pub sleeping: Option<bool>,
    /// `mKeyguardShowing=` (API 26+): the lock screen is before everything.
    pub keyguard: Option<bool>,
}

impl Activities {
    /// The activity on the screen: what the whole device calls resumed, else the top one of the display, else of a task. While the
    /// device sleeps, or the lock screen shows, it is not seen. None if two are called so: with one display, that is text of an app
    /// (an intent, a task's label) that looks like the record.
    pub fn top(&self) -> Option<&Component> {
        let of = |l| self.resumed.iter().filter(move |r| r.level == l).map(|r| &r.component);
        let level = [Level::Device, Level::Display, Level::Task].into_iter().find(|l| of(*l).next().is_some())?;
        let first = of(level).next()?;
        of(level).all(|c| c == first).then_some(first)
    }

    /// Whether a package's activity is on the screen and can be seen. None if the record does not name any.
    pub fn visible(&self, package: &str) -> Option<bool> {
        if self.sleeping == Some(true) || self.keyguard == Some(true) {
            return Some(false);
        }
        self.top().map(|c| c.package == package)
    }
}

/// A resumed activity.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Resumed {
    /// Of what.
    pub level: Level,
    /// Which.
    pub component: Component,
    /// Android's user.
    pub user: Option<u32>,
}

/// What an activity is resumed in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// `ResumedActivity: ..` at the end of the record.
    Device,
    /// `topResumedActivity=..` (API 29+).
    Display,
    /// `mResumedActivity: ..`, one for each stack or task.
    Task,
}

/// A component: `package/class`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Component {
    /// The package.
    pub package: String,
    /// The class; one that begins with `.` is inside the package.
    pub class: String,
}

impl Component {
    fn read(text: &str) -> Option<Self> {
        let (package, class) = text.split_once('/')?;
        let class = class.trim_end_matches(['}', ',']);
        let ok = !package.is_empty() && !class.is_empty();
        ok.then(|| Self { package: package.to_owned(), class: class.to_owned() })
    }
}

/// Reads the answer of `dumpsys activity activities`.
pub fn parse(bytes: &[u8]) -> Parsed<Activities> {
    let (text, mut notes) = Text::new(bytes);
    let mut got = Activities::default();
    let (mut sleeping, mut keyguard) = (Once::default(), Once::default());
    let mut said = false;
    for line in text.lines(&mut notes) {
        let t = line.trim();
        let level = [
            ("topResumedActivity=", Level::Display),
            ("mResumedActivity: ", Level::Task),
            ("mResumedActivity=", Level::Task),
            ("ResumedActivity: ", Level::Device),
            ("ResumedActivity:", Level::Device),
            ("ResumedActivity=", Level::Device),
        ]
        .into_iter()
        .find_map(|(key, level)| Some((t.strip_prefix(key)?, level)));
        if let Some((value, level)) = level {
            said = true;
            match record(value) {
                Some((user, component)) => notes.keep(&mut got.resumed, Resumed { level, component, user }),
                None if value.trim() == "null" || value.trim().is_empty() => {}
                None => notes.unknown(t),
            }
        } else if let Some(v) = field(t, "isSleeping=") {
            notes.once(&mut sleeping, boolean(v));
        } else if let Some(v) = field(t, "mKeyguardShowing=") {
            notes.once(&mut keyguard, boolean(v));
        } else {
            notes.skipped();
        }
    }
    (got.sleeping, got.keyguard) = (sleeping.value(), keyguard.value());
    if !said && !text.as_str().contains("ACTIVITY MANAGER ACTIVITIES") {
        notes.cut(Cut::Missing);
    }
    notes.with(got)
}

/// `ActivityRecord{hash u0 package/class t12}`
fn record(value: &str) -> Option<(Option<u32>, Component)> {
    let inner = value.trim().strip_prefix("ActivityRecord{")?;
    let mut user = None;
    for word in inner.split_whitespace() {
        if let Some(c) = Component::read(word) {
            return Some((user, c));
        }
        user = word.strip_prefix('u').and_then(|n| n.parse().ok()).or(user);
    }
    None
}

/// The state of a uid's most important process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UidProcessState {
    /// `ActivityManager.PROCESS_STATE_*`; the numbers differ between API levels.
    pub number: i32,
    /// Its name without `PROCESS_STATE_`; the names differ little.
    pub name: String,
}

impl UidProcessState {
    /// Whether the uid has the activity on screen. While the screen is off, its name is `TOP_SLEEPING`.
    pub fn is_top(&self) -> bool {
        self.name == "TOP"
    }

    /// Whether it has, or is bound by, a foreground service.
    pub fn is_foreground_service(&self) -> bool {
        self.name.starts_with("FOREGROUND_SERVICE") || self.name == "BOUND_FOREGROUND_SERVICE"
    }

    /// Whether it has no process.
    pub fn is_gone(&self) -> bool {
        self.name.starts_with("NONEXISTENT")
    }
}

/// Reads the answer of `am get-uid-state UID`: `2 (TOP)`, or a name alone.
pub fn parse_uid_state(bytes: &[u8]) -> Parsed<Option<UidProcessState>> {
    let (text, mut notes) = Text::new(bytes);
    let mut got = None;
    for line in text.lines(&mut notes) {
        let t = line.trim();
        let (number, name) = match t.split_once(" (") {
            Some((n, name)) => (n.trim().parse().ok(), name.strip_suffix(')').unwrap_or(name)),
            None => (t.starts_with("PROCESS_STATE_").then_some(-1), t),
        };
        let name = name.strip_prefix("PROCESS_STATE_").unwrap_or(name);
        let word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        match number {
            Some(number) if word && got.is_none() => got = Some(UidProcessState { number, name: name.to_owned() }),
            _ => notes.unknown(t),
        }
    }
    if got.is_none() {
        notes.cut(Cut::Missing);
    }
    notes.with(got)
}

/// How seldom the system lets an app work in the background.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StandbyBucket {
    /// 5: never held back.
    Exempted,
    /// 10.
    Active,
    /// 20.
    WorkingSet,
    /// 30.
    Frequent,
    /// 40.
    Rare,
    /// 45 (API 30+).
    Restricted,
    /// 50: never used.
    Never,
    /// Another number.
    Other(i32),
}

/// Reads the answer of `am get-standby-bucket PACKAGE` (API 28+).
pub fn parse_bucket(bytes: &[u8]) -> Parsed<Option<StandbyBucket>> {
    let (text, mut notes) = Text::new(bytes);
    let mut got = None;
    for line in text.lines(&mut notes) {
        match line.trim().parse::<i32>() {
            Ok(n) if got.is_none() => {
                got = Some(match n {
                    5 => StandbyBucket::Exempted,
                    10 => StandbyBucket::Active,
                    20 => StandbyBucket::WorkingSet,
                    30 => StandbyBucket::Frequent,
                    40 => StandbyBucket::Rare,
                    45 => StandbyBucket::Restricted,
                    50 => StandbyBucket::Never,
                    n => StandbyBucket::Other(n),
                });
            }
            _ => notes.unknown(line),
        }
    }
    if got.is_none() {
        notes.cut(Cut::Missing);
    }
    notes.with(got)
}
