//! `dumpsys power` and `dumpsys deviceidle`: whether the device sleeps, and how deep.

use serde::{Deserialize, Serialize};

use crate::{
    lines::{Text, boolean, field},
    notes::{Cut, Notes, Parsed},
};

/// What the power service says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Power {
    /// `mWakefulness`.
    pub wakefulness: Option<Wakefulness>,
    /// The screen's state: `ON`, `OFF`, `DOZE`, `DOZE_SUSPEND` ..
    pub screen: Option<String>,
    /// Whether the owner uses the device, as apps are told.
    pub interactive: Option<bool>,
}

impl Power {
    /// Whether the screen is off. The screen's own word counts; without one, a device that sleeps has it off. None if neither is said.
    pub fn screen_off(&self) -> Option<bool> {
        match (self.screen.as_deref(), self.wakefulness) {
            (Some("OFF" | "DOZE" | "DOZE_SUSPEND"), _) => Some(true),
            (Some("ON" | "ON_SUSPEND" | "VR"), _) => Some(false),
            (_, Some(Wakefulness::Asleep | Wakefulness::Dozing)) => Some(true),
            (_, Some(Wakefulness::Awake)) => Some(false),
            _ => None,
        }
    }
}

/// How awake the device is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wakefulness {
    /// The screen is on, or about to go off.
    Awake,
    /// A screen saver.
    Dreaming,
    /// The screen is off but for what shows the time.
    Dozing,
    /// The screen is off.
    Asleep,
}

/// Reads the answer of `dumpsys power`.
pub fn parse(bytes: &[u8]) -> Parsed<Power> {
    let (text, mut notes) = Text::new(bytes);
    let mut power = Power::default();
    for line in text.lines(&mut notes) {
        let t = line.trim();
        if let Some(v) = t.strip_prefix("mWakefulness=") {
            power.wakefulness = power.wakefulness.or(match v {
                "Awake" => Some(Wakefulness::Awake),
                "Dreaming" => Some(Wakefulness::Dreaming),
                "Dozing" => Some(Wakefulness::Dozing),
                "Asleep" => Some(Wakefulness::Asleep),
                _ => None,
            });
            if power.wakefulness.is_none() {
                notes.unknown(t);
            }
        } else if let Some(v) = t.strip_prefix("Display Power: state=") {
            power.screen.get_or_insert_with(|| v.split_whitespace().next().unwrap_or(v).to_owned());
        } else if let Some(v) = t.strip_prefix("mInteractive=").or_else(|| t.strip_prefix("mHalInteractiveModeEnabled=")) {
            power.interactive = power.interactive.or(boolean(v));
        } else {
            notes.skipped();
        }
    }
    missing(&mut notes, power.wakefulness.is_none());
    notes.with(power)
}

/// What the doze controller says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct DeviceIdle {
    /// The deep state.
    pub deep: Option<IdleState>,
    /// The light state.
    pub light: Option<IdleState>,
    /// It was put there by `force-idle`, and stays.
    pub forced: Option<bool>,
}

impl DeviceIdle {
    /// Whether the device is in deep idle, what the product calls doze. Maintenance is a pause of it, in which apps may work: no.
    pub fn is_doze(&self) -> Option<bool> {
        self.deep.as_ref().map(|d| *d == IdleState::Idle)
    }
}

/// A state of the doze controller.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdleState {
    /// In use.
    Active,
    /// The screen is off.
    Inactive,
    /// On the way (`IDLE_PENDING`, `SENSING`, `LOCATING`, `PRE_IDLE`, `QUICK_DOZE_DELAY`).
    Underway,
    /// Idle.
    Idle,
    /// A pause of it.
    Maintenance,
    /// The light state, while deep idle rules.
    Override,
    /// The light state waits for a network.
    WaitingForNetwork,
    /// Another word.
    Other(String),
}

impl IdleState {
    fn read(text: &str) -> Self {
        match text.trim() {
            "ACTIVE" => Self::Active,
            "INACTIVE" => Self::Inactive,
            "IDLE_PENDING" | "SENSING" | "LOCATING" | "PRE_IDLE" | "QUICK_DOZE_DELAY" => Self::Underway,
            "IDLE" => Self::Idle,
            "IDLE_MAINTENANCE" => Self::Maintenance,
            "OVERRIDE" => Self::Override,
            "WAITING_FOR_NETWORK" => Self::WaitingForNetwork,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// Reads the answer of `dumpsys deviceidle`, or of `cmd deviceidle get deep`, which is a word.
pub fn parse_idle(bytes: &[u8]) -> Parsed<DeviceIdle> {
    let (text, mut notes) = Text::new(bytes);
    let mut idle = DeviceIdle::default();
    for line in text.lines(&mut notes) {
        let t = line.trim();
        if t.starts_with("mState=") || t.starts_with("mLightState=") {
            idle.deep = idle.deep.or_else(|| field(t, "mState=").map(IdleState::read));
            idle.light = idle.light.or_else(|| field(t, "mLightState=").map(IdleState::read));
        } else if let Some(v) = t.strip_prefix("mForceIdle=") {
            idle.forced = idle.forced.or(boolean(v));
        } else {
            notes.skipped();
        }
    }
    let whole = text.as_str().trim();
    if idle.deep.is_none() && !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') && whole.len() < 40 {
        idle.deep = Some(IdleState::read(whole));
    }
    missing(&mut notes, idle.deep.is_none());
    notes.with(idle)
}

fn missing(notes: &mut Notes, it_is: bool) {
    if it_is {
        notes.cut(Cut::Missing);
    }
}
