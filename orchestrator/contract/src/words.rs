//! The words of the ladder: data kinds, rungs, device states, answers.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, schemars::JsonSchema)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as it stands in documents.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(s: &str) -> Result<Self, UnknownWord> {
                match s {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { word: s.chars().take(80).collect(), known: [$($text),+].join(", ") }),
                }
            }
        }
    };
}

/// A word that is none of those that are allowed at its place.
#[derive(Debug, thiserror::Error)]
#[error("`{word}` is not known here, use one of: {known}")]
pub struct UnknownWord {
    word: String,
    known: String,
}

words! {
    /// What a claim is about: a sensor or a kind of personal data.
    Kind {
        /// Pictures of the camera.
        Camera = "camera",
        /// Sound of the microphone.
        Microphone = "microphone",
        /// The address book.
        Contacts = "contacts",
        /// Calls made and received.
        CallLog = "call_log",
        /// Base stations in sight.
        Cell = "cell",
        /// Wi-Fi networks in sight, or the one in use.
        Wifi = "wifi",
        /// Position.
        Location = "location",
        /// IMEI, phone number, advertising id and the like.
        Identifiers = "identifiers",
        /// The clipboard.
        Clipboard = "clipboard",
        /// Text messages.
        Sms = "sms",
        /// Calendar entries.
        Calendar = "calendar",
        /// Pictures and files of the owner.
        MediaFiles = "media_files",
        /// Accounts on the device.
        Accounts = "accounts",
        /// What else is installed.
        InstalledApps = "installed_apps",
    }
}

impl Kind {
    /// Camera and microphone climb by opened and delivered, data by read.
    pub const fn is_sensor(self) -> bool {
        matches!(self, Self::Camera | Self::Microphone)
    }

    /// The rungs that this kind has, from the lowest.
    pub const fn rungs(self) -> &'static [Rung] {
        if self.is_sensor() {
            &[Rung::Declared, Rung::Requested, Rung::Granted, Rung::Opened, Rung::Delivered, Rung::Stored, Rung::Transmitted]
        } else {
            &[Rung::Declared, Rung::Requested, Rung::Granted, Rung::Read, Rung::Stored, Rung::Transmitted]
        }
    }
}

words! {
    /// A step of the ladder, from what an app says to what leaves the device.
    Rung {
        /// The manifest names the permission.
        Declared = "declared",
        /// The app asked for the permission.
        Requested = "requested",
        /// The permission was given.
        Granted = "granted",
        /// The sensor was opened.
        Opened = "opened",
        /// The data was read.
        Read = "read",
        /// Frames or sound reached the app.
        Delivered = "delivered",
        /// They are in the app's files.
        Stored = "stored",
        /// They left the device.
        Transmitted = "transmitted",
    }
}

impl Rung {
    /// Rungs that say nothing about use: permission is not use.
    pub const fn is_permission(self) -> bool {
        matches!(self, Self::Declared | Self::Requested | Self::Granted)
    }
}

words! {
    /// What the device and its owner were doing.
    DeviceState {
        /// All states together.
        Any = "any",
        /// After an act of the owner, while a visible preview that they began lasts, or what an act began while the app stays on the
        /// screen. A capture here fails no gate.
        InUse = "in_use",
        /// The app is visible, nobody touches it.
        Foreground = "foreground",
        /// Another app or Home is visible.
        Background = "background",
        /// The screen is off.
        ScreenOff = "screen_off",
        /// Deep idle.
        Doze = "doze",
        /// After a reboot, before the app was opened again.
        AfterReboot = "after_reboot",
    }
}

impl DeviceState {
    /// The states in which nobody uses the device.
    pub const IDLE: &'static [Self] = &[Self::Foreground, Self::Background, Self::ScreenOff, Self::Doze, Self::AfterReboot];

    /// Whether nobody uses the device in this state.
    pub const fn is_idle(self) -> bool {
        !matches!(self, Self::Any | Self::InUse)
    }
}

words! {
    /// A claim's answer over all trials of a job.
    Answer {
        /// A coded match or a canary in an artifact, with its false-positive probability.
        Proven = "proven",
        /// The device's own record says so, without such a match.
        Supported = "supported",
        /// Not seen, with its bound.
        NotObserved = "not_observed",
        /// Cannot be said, with the reason and what would settle it.
        Inconclusive = "inconclusive",
        /// The scenario does not exercise it.
        NotTested = "not_tested",
    }
}

words! {
    /// A kind of device image.
    DeviceKind {
        /// Android's framework classes on a JVM; needs nothing, the app shares a process with it.
        Jvm = "jvm",
        /// Google's emulator; needs KVM.
        Emulator = "emulator",
        /// The emulator's device over a stand-in that plays the guest: for tests of ourselves, says nothing of an app.
        EmulatorFake = "emulator-fake",
    }
}

impl DeviceKind {
    /// The kind and its API level, as results name it: `jvm 34`.
    pub fn with_api(self, api: u32) -> String {
        let note = if self == Self::EmulatorFake { " (a stand-in played the guest)" } else { "" };
        format!("{self} {api}{note}")
    }
}

words! {
    /// What is fed.
    Sensor {
        /// Frames.
        Camera = "camera",
        /// Sound.
        Microphone = "microphone",
    }
}

impl From<Sensor> for Kind {
    fn from(s: Sensor) -> Self {
        match s {
            Sensor::Camera => Self::Camera,
            Sensor::Microphone => Self::Microphone,
        }
    }
}
