//! A scenario: what the device is, what is planted, which steps a trial takes. Written in YAML by people.
//!
//! Step names are those that people know from UI test tools. Unknown fields are errors, as a typing mistake would
//! silently weaken the trial. Errors carry line and column, as `serde` passes them on.

mod duration;
mod expression;
mod network;
mod step;

pub use duration::{BadSpan, Span};
pub use network::{Body, Network, NetworkPolicy, Stub, TlsMode, glob};
pub use step::{IdleState, InputText, STEP_NAMES, StandbyBucket, Step, TapOn};

use serde::{Deserialize, Serialize};

/// A script for a trial.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// Its name: letters, digits, `-`.
    pub name: String,
    /// What it is for, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The device.
    #[serde(default)]
    pub device: DeviceSpec,
    /// The device's clock at the trial's begin, RFC 3339 with offset.
    #[serde(default = "default_start")]
    pub start_at: String,
    /// Each trial begins up to so much later, by its seed, so that trials are not identical.
    #[serde(default = "default_jitter")]
    pub start_jitter: Span,
    /// How permission requests are answered.
    #[serde(default)]
    pub permissions: PermissionPolicy,
    /// Permissions that are denied whatever the policy, by their short name: `CAMERA`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
    /// What is planted.
    #[serde(default)]
    pub plant: PlantSpec,
    /// The network.
    #[serde(default)]
    pub network: Network,
    /// How often it is run, unless the job says otherwise.
    #[serde(default = "default_trials")]
    pub trials: u32,
    /// Real time that one trial may take.
    #[serde(default = "default_deadline")]
    pub deadline: Span,
    /// Consent dialogs that are answered by tapping one of these texts (regular expressions), in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consent: Vec<String>,
    /// The steps.
    pub steps: Vec<Step>,
}

fn default_start() -> String {
    "2024-03-05T08:00:00+08:00".to_owned()
}

fn default_jitter() -> Span {
    Span::from_secs(600)
}

const fn default_trials() -> u32 {
    3
}

/// Real time that a trial may take at most: so long it holds its slot on a farm.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3600);

fn default_deadline() -> Span {
    Span::from_secs(900)
}

/// The device that a scenario asks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DeviceSpec {
    /// API level: the jvm device has 23, 27 and 34.
    pub api: u32,
    /// Language and country.
    pub locale: String,
    /// IANA name.
    pub timezone: String,
}

impl Default for DeviceSpec {
    fn default() -> Self {
        Self { api: 34, locale: "zh-CN".to_owned(), timezone: "Asia/Shanghai".to_owned() }
    }
}

/// How permission requests are answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PermissionPolicy {
    /// Yes, when asked.
    #[default]
    GrantOnRequest,
    /// No.
    Deny,
    /// All of the manifest at install.
    GrantAll,
}

/// How much of each kind is planted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PlantSpec {
    /// People.
    pub contacts: u32,
    /// Calls.
    pub call_log: u32,
    /// Messages.
    pub sms: u32,
    /// Calendar entries.
    pub calendar: u32,
    /// Base stations.
    pub cells: u32,
    /// Networks.
    pub wifi: u32,
    /// Accounts.
    pub accounts: u32,
    /// Owner's pictures.
    pub media: u32,
    /// Other apps.
    pub installed_apps: u32,
    /// A position.
    pub location: bool,
    /// IMEI and the like.
    pub identifiers: bool,
    /// A text on the clipboard.
    pub clipboard: bool,
}

impl Default for PlantSpec {
    fn default() -> Self {
        Self {
            contacts: 25,
            call_log: 40,
            sms: 5,
            calendar: 5,
            cells: 3,
            wifi: 6,
            accounts: 1,
            media: 2,
            installed_apps: 8,
            location: true,
            identifiers: true,
            clipboard: true,
        }
    }
}

impl PlantSpec {
    /// At most so many of each kind.
    pub const MOST: u32 = 1000;
}

/// Expressions that are tapped after each launch.
const CONSENTS: usize = 100;

/// Why not every device reads this expression, for the person who wrote it.
fn unreadable(place: &str, text: &str) -> Option<String> {
    let why = expression::check(text).err()?;
    let shown: String = text.chars().take(100).collect();
    Some(format!("{place}: `{}` is no regular expression that every device reads: {why}", shown.escape_debug()))
}

const READABLE: &str = "put `\\` before a character that means itself, as in `\\(`; docs/scenarios.md says what may be used";

/// A part of the way to a place in a document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part<'a> {
    /// The value of a key.
    Key(&'a str),
    /// The element of a list, from 0.
    Index(usize),
}

/// What is wrong with a scenario beyond its form.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}\nhint: {hint}")]
pub struct ScenarioProblem {
    what: String,
    hint: String,
    at: Vec<Part<'static>>,
}

impl ScenarioProblem {
    /// The way to what is wrong; in what was written short, the last part may not be there.
    pub fn at(&self) -> &[Part<'static>] {
        &self.at
    }
}

impl Scenario {
    /// Checks what the form alone cannot say: names, times, counts, order of steps.
    pub fn check(&self) -> Result<(), ScenarioProblem> {
        self.problems().into_iter().next().map_or(Ok(()), Err)
    }

    /// All that [`Scenario::check`] finds.
    pub fn problems(&self) -> Vec<ScenarioProblem> {
        let mut all = Vec::new();
        let mut problem =
            |at: &[Part<'static>], what: String, hint: &str| all.push(ScenarioProblem { what, hint: hint.to_owned(), at: at.to_vec() });
        if self.name.is_empty() || self.name.len() > 64 || !self.name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
            problem(
                &[Part::Key("name")],
                format!("`name: {}` is not usable", self.name.escape_debug()),
                "use 1 to 64 letters, digits, `-`, `_` or `.`",
            );
        }
        if self.start().is_none() {
            problem(
                &[Part::Key("startAt")],
                format!("`startAt: {}` is not a time", self.start_at.escape_debug()),
                "write it as `2016-02-09T08:00:00+08:00`",
            );
        }
        if jiff::tz::TimeZone::get(&self.device.timezone).is_err() {
            problem(
                &[Part::Key("device"), Part::Key("timezone")],
                format!("`timezone: {}` is not known", self.device.timezone.escape_debug()),
                "use an IANA name such as `Asia/Shanghai`",
            );
        }
        if !(1..=1000).contains(&self.trials) {
            problem(&[Part::Key("trials")], format!("`trials: {}` is out of range", self.trials), "use 1 to 1000");
        }
        let p = &self.plant;
        if [p.contacts, p.call_log, p.sms, p.calendar, p.cells, p.wifi, p.accounts, p.media, p.installed_apps]
            .iter()
            .any(|n| *n > PlantSpec::MOST)
        {
            problem(&[Part::Key("plant")], "`plant` asks for too much".to_owned(), "plant at most 1000 of each kind");
        }
        if self.steps.is_empty() || self.steps.len() > 1000 {
            problem(
                &[Part::Key("steps")],
                format!("`steps` has {} steps", self.steps.len()),
                "give 1 to 1000 steps; the first is usually `launchApp`",
            );
        } else if self.virtual_length() > std::time::Duration::from_secs(40 * 24 * 3600) {
            problem(
                &[Part::Key("steps")],
                "the steps last longer than 40 days".to_owned(),
                "shorten the `idle` steps, or split the scenario",
            );
        }
        if self.deadline.get() > LONGEST || self.deadline.get().is_zero() {
            problem(
                &[Part::Key("deadline")],
                "`deadline` is out of range".to_owned(),
                "give more than none, and at most `7d`: it is real time, in which the trial holds its slot",
            );
        }
        if self.consent.len() > CONSENTS {
            problem(
                &[Part::Key("consent")],
                format!("`consent` has {} expressions", self.consent.len()),
                "give at most 100; one may have parts: `agree|accept`",
            );
        }
        for (i, text) in self.consent.iter().enumerate().take(CONSENTS) {
            if let Some(what) = unreadable(&format!("consent[{i}]"), text) {
                problem(&[Part::Key("consent"), Part::Index(i)], what, READABLE);
            }
        }
        for (i, s) in self.steps.iter().enumerate() {
            let at = |key| [Part::Key("steps"), Part::Index(i), Part::Key(key)];
            match s {
                Step::PressKey(key) if !step::KEYS.contains(&key.as_str()) => {
                    let what = format!("`pressKey: {}` is not known", key.escape_debug());
                    problem(&at("pressKey"), what, "use `back`, `enter`, `home` or `camera`");
                }
                Step::TapOn(TapOn { text: None, id: None, point: None, .. }) => {
                    problem(&at("tapOn"), format!("steps[{i}]: `tapOn` does not say what"), "give `text`, `id` or `point`");
                }
                Step::TapOn(TapOn { text: Some(text), .. }) => {
                    if let Some(what) = unreadable(&format!("steps[{i}].tapOn"), text) {
                        problem(&at("tapOn"), what, READABLE);
                    }
                }
                Step::InputText(t) if t.text.is_some() == t.secret.is_some() => {
                    let what = format!("steps[{i}]: `inputText` does not say what is typed");
                    problem(&at("inputText"), what, "give either `text` or `secret`");
                }
                _ => {}
            }
        }
        for (n, s) in self.network.stubs.iter().enumerate() {
            if let Err(what) = s.check() {
                problem(
                    &[Part::Key("network"), Part::Key("stubs"), Part::Index(n)],
                    what,
                    "give `host` and `path` as globs with `*`, a `status` of 100 to 599 and one of `body`, `json`, `bodyBase64`",
                );
            }
        }
        all
    }

    /// The device's clock at the begin, before jitter.
    pub fn start(&self) -> Option<jiff::Timestamp> {
        self.start_at.parse().ok()
    }

    /// The device's clock at the begin of a trial with this seed, Unix milliseconds: up to `startJitter` after `startAt`.
    pub fn start_millis(&self, seed: u64) -> Option<i64> {
        // SplitMix64: seeds 1, 2, 3 must not lie together.
        let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let most = self.start_jitter.get().as_millis() as u64;
        let jitter = (z ^ (z >> 31)) % most.saturating_add(1).max(1);
        self.start()?.as_millisecond().checked_add(i64::try_from(jitter).ok()?)
    }

    /// How long its idle steps last together.
    pub fn virtual_length(&self) -> std::time::Duration {
        self.steps
            .iter()
            .map(|s| match s {
                Step::Idle { r#for, .. } => r#for.get(),
                _ => std::time::Duration::ZERO,
            })
            .sum()
    }

    /// States that its steps exercise.
    pub fn states(&self) -> Vec<crate::DeviceState> {
        let mut rebooted = false;
        let mut out = Vec::new();
        for s in &self.steps {
            match s {
                Step::Reboot => rebooted = true,
                Step::LaunchApp => rebooted = false,
                Step::Idle { state, .. } => out.push(if rebooted { crate::DeviceState::AfterReboot } else { (*state).into() }),
                Step::TapOn(_) | Step::InputText(_) | Step::PressKey(_) => out.push(crate::DeviceState::InUse),
                _ => {}
            }
        }
        out.sort_unstable();
        out.dedup();
        out
    }
}

#[cfg(test)]
mod tests;
