//! `dumpsys sensor_privacy`: whether the owner switched camera or microphone off for all apps (API 29+).

use serde::{Deserialize, Serialize};

use crate::{
    lines::{Text, boolean},
    notes::{Cut, Parsed},
};

/// The switches.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SensorPrivacy {
    /// One for each user, sensor and kind of switch that was ever touched; what is not here is open.
    pub switches: Vec<Switch>,
    /// Everything is off at once (API 29 and 30: the only switch there is).
    pub all_off: Option<bool>,
}

impl SensorPrivacy {
    /// Whether a sensor is off for a user. None if the answer does not say.
    pub fn is_off(&self, user: u32, sensor: PrivateSensor) -> Option<bool> {
        let of = |s: &&Switch| s.sensor == sensor && s.user.is_none_or(|u| u == user);
        let off = self.all_off == Some(true) || self.switches.iter().filter(of).any(|s| s.off == Some(true));
        let unknown = self.switches.iter().filter(of).any(|s| s.off.is_none());
        if off { Some(true) } else { (!unknown).then_some(false) }
    }
}

/// A switch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Switch {
    /// Android's user; none where the record has one for all (some builds of API 31).
    pub user: Option<u32>,
    /// What it switches.
    pub sensor: PrivateSensor,
    /// 1 software, 2 hardware (API 32+).
    pub toggle_type: Option<u32>,
    /// Off means that apps get nothing, or blank frames and zeros.
    pub off: Option<bool>,
    /// When it was last changed, Unix milliseconds.
    pub last_change_ms: Option<i64>,
}

/// What has a switch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrivateSensor {
    /// 1.
    Microphone,
    /// 2.
    Camera,
    /// Another number.
    Other(u32),
}

/// Reads the answer of `dumpsys sensor_privacy`.
///
/// The form is that of Android's `DualDumpOutputStream`: `name={` or `name=[` around, `{` for items of a list, `key=value` inside.
pub fn parse(bytes: &[u8]) -> Parsed<SensorPrivacy> {
    let (text, mut notes) = Text::new(bytes);
    let mut got = SensorPrivacy::default();
    let mut user = None;
    let mut depth = 0_i32;
    let mut opened = false;
    for line in text.lines(&mut notes) {
        let t = line.trim();
        if t.starts_with("SENSOR PRIVACY MANAGER STATE") || t.is_empty() {
            continue;
        }
        if t == "{" || t == "[" || t.ends_with("={") || t.ends_with("=[") || t.ends_with(" {") {
            depth += 1;
            opened = true;
            continue;
        }
        if t == "}" || t == "]" {
            depth -= 1;
            if depth <= 1 {
                user = None;
            }
            continue;
        }
        let Some((key, value)) = t.split_once('=') else {
            notes.unknown(t);
            continue;
        };
        match key {
            "user_id" => user = value.parse().ok(),
            "sensor" => {
                let sensor = match value {
                    "1" => PrivateSensor::Microphone,
                    "2" => PrivateSensor::Camera,
                    _ => PrivateSensor::Other(value.parse().unwrap_or(0)),
                };
                let switch = Switch { user, sensor, toggle_type: None, off: None, last_change_ms: None };
                notes.keep(&mut got.switches, switch);
            }
            "is_enabled" if got.switches.is_empty() || depth <= 2 => got.all_off = got.all_off.max(boolean(value)),
            "toggle_type" | "state_type" | "last_change" | "is_enabled" | "is_enabled_sensor" => match got.switches.last_mut() {
                Some(s) if key == "toggle_type" => s.toggle_type = value.parse().ok(),
                // 1 is ENABLED: the privacy is on, the sensor off. 2 is DISABLED.
                Some(s) if key == "state_type" => {
                    s.off = match value {
                        "1" => Some(true),
                        "2" => Some(false),
                        _ => None,
                    };
                }
                Some(s) if key == "last_change" => s.last_change_ms = value.parse().ok(),
                Some(s) => s.off = boolean(value),
                None => notes.unknown(t),
            },
            "storage_implementation" => {}
            _ => notes.unknown(t),
        }
    }
    if depth > 0 || !opened {
        notes.cut(Cut::Missing);
    }
    notes.with(got)
}
