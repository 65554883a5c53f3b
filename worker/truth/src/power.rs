//! `dumpsys power` and `dumpsys deviceidle`: whether the device sleeps, and how deep.

use serde::{Deserialize, Serialize};

use crate::{
    lines::{Text, boolean, field},
    notes::{Cut, Notes, Once, Parsed},
};

/// What the power service says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Power {
    /// `mWakefulness`.
    pub wakefulness: Option<Wakefulness>,
    /// The screen's state: `ON`, `OFF`, `DOZE`, `DOZE_SUSPEND` ..
    pub screen: Option<String>,
    /// Whether the hardware was told that the owner uses the device.
    pub interactive: Option<bool>,
}

impl Power {
    /// Whether the screen is off. The screen's own word counts; without one, a device that sleeps has it off. None if neither is said.
    pub fn screen_off(&self) -> Option<bool> {
        let asleep = || match self.wakefulness? {
            Wakefulness::Asleep | Wakefulness::Dozing => Some(true),
            Wakefulness::Awake => Some(false),
            Wakefulness::Dreaming => None,
        };
        match self.screen.as_deref() {
            Some("OFF" | "DOZE" | "DOZE_SUSPEND") => Some(true),
            Some("ON" | "ON_SUSPEND" | "VR") => Some(false),
            _ => asleep(),
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

/// Reads the answer of `dumpsys power`. The names of wake locks in it are text of apps.
pub fn parse(bytes: &[u8]) -> Parsed<Power> {
    let (text, mut notes) = Text::new(bytes);
    let (mut wakefulness, mut screen, mut interactive) = (Once::default(), Once::default(), Once::default());
    for line in text.lines(&mut notes) {
        let t = line.trim();
        if let Some(v) = t.strip_prefix("mWakefulness=") {
            let word = match v {
                "Awake" => Some(Wakefulness::Awake),
                "Dreaming" => Some(Wakefulness::Dreaming),
                "Dozing" => Some(Wakefulness::Dozing),
                "Asleep" => Some(Wakefulness::Asleep),
                _ => None,
            };
            if word.is_none() {
                notes.unknown(t);
            }
            notes.once(&mut wakefulness, word);
        } else if let Some(v) = t.strip_prefix("Display Power: state=") {
            notes.once(&mut screen, v.split_whitespace().next().map(str::to_owned));
        } else if let Some(v) = t.strip_prefix("mHalInteractiveModeEnabled=") {
            notes.once(&mut interactive, boolean(v));
        } else {
            notes.skipped();
        }
    }
    missing(&mut notes, wakefulness.is_nothing());
    notes.with(Power { wakefulness: wakefulness.value(), screen: screen.value(), interactive: interactive.value() })
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
    let (mut deep, mut light, mut forced) = (Once::default(), Once::default(), Once::default());
    for line in text.lines(&mut notes) {
        let t = line.trim();
        if t.starts_with("mState=") || t.starts_with("mLightState=") {
            notes.once(&mut deep, field(t, "mState=").map(IdleState::read));
            notes.once(&mut light, field(t, "mLightState=").map(IdleState::read));
        } else if let Some(v) = t.strip_prefix("mForceIdle=") {
            notes.once(&mut forced, boolean(v));
        } else {
            notes.skipped();
        }
    }
    let whole = text.as_str().trim();
    if deep.is_nothing() && !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') && whole.len() < 40 {
        deep = Once::Said(IdleState::read(whole));
    }
    missing(&mut notes, deep.is_nothing());
    notes.with(DeviceIdle { deep: deep.value(), light: light.value(), forced: forced.value() })
}

fn missing(notes: &mut Notes, it_is: bool) {
    if it_is {
        notes.cut(Cut::Missing);
    }
}
