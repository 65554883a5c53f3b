//! How the contract's words read in sentences.

use stakeout_contract::{
    Answer, DeviceState, Kind,
    result::{Bound, Verdict},
};

use crate::numbers::{hours, percent, sig};

/// As the head of a row: `Camera`.
pub(crate) const fn kind(k: Kind) -> &'static str {
    match k {
        Kind::Camera => "Camera",
        Kind::Microphone => "Microphone",
        Kind::Contacts => "Contacts",
        Kind::CallLog => "Call log",
        Kind::Cell => "Cell (base stations)",
        Kind::Wifi => "Wi-Fi networks",
        Kind::Location => "Location",
        Kind::Identifiers => "Identifiers",
        Kind::Clipboard => "Clipboard",
        Kind::Sms => "SMS",
        Kind::Calendar => "Calendar",
        Kind::MediaFiles => "Media files",
        Kind::Accounts => "Accounts",
        Kind::InstalledApps => "Installed apps",
    }
}

/// What of a kind is taken: `pictures from the camera`.
pub(crate) const fn media(k: Kind) -> &'static str {
    match k {
        Kind::Camera => "pictures from the camera",
        Kind::Microphone => "sound from the microphone",
        Kind::Contacts => "contacts from the address book",
        Kind::CallLog => "records of calls",
        Kind::Cell => "base stations in sight",
        Kind::Wifi => "Wi-Fi networks in sight",
        Kind::Location => "the device's location",
        Kind::Identifiers => "identifiers of the device",
        Kind::Clipboard => "the clipboard's text",
        Kind::Sms => "text messages",
        Kind::Calendar => "calendar entries",
        Kind::MediaFiles => "the owner's pictures and files",
        Kind::Accounts => "accounts on the device",
        Kind::InstalledApps => "the list of installed apps",
    }
}

/// With a clause: `while the screen was off`.
pub(crate) const fn state(s: DeviceState) -> &'static str {
    match s {
        DeviceState::Any => "in any state",
        DeviceState::InUse => "while it was in use",
        DeviceState::Foreground => "while it was open and nobody touched it",
        DeviceState::Background => "while it was in the background",
        DeviceState::ScreenOff => "while the screen was off",
        DeviceState::Doze => "while the phone dozed",
        DeviceState::AfterReboot => "after a reboot, before it was opened again",
    }
}

/// As the head of a column.
pub(crate) const fn state_head(s: DeviceState) -> &'static str {
    match s {
        DeviceState::Any => "any",
        DeviceState::InUse => "in use",
        DeviceState::Foreground => "foreground",
        DeviceState::Background => "background",
        DeviceState::ScreenOff => "screen off",
        DeviceState::Doze => "doze",
        DeviceState::AfterReboot => "after reboot",
    }
}

/// `not observed`.
pub(crate) const fn answer(a: Answer) -> &'static str {
    match a {
        Answer::Proven => "proven",
        Answer::Supported => "supported",
        Answer::NotObserved => "not observed",
        Answer::Inconclusive => "inconclusive",
        Answer::NotTested => "not tested",
    }
}

/// A sign that does not need colour.
pub(crate) const fn symbol(a: Answer) -> &'static str {
    match a {
        Answer::Proven => "●",
        Answer::Supported => "◐",
        Answer::NotObserved => "○",
        Answer::Inconclusive => "?",
        Answer::NotTested => "–",
    }
}

/// How the row is called that says in which state something left, whenever it was captured or read.
pub(crate) const SENT_WHILE: &str = "sent while";

/// `camera, transmitted, screen_off`.
pub(crate) fn claim(v: &Verdict) -> String {
    format!("{}, {}, {}", v.kind, v.rung, v.device_state)
}

/// The bound in words, with its condition.
pub(crate) fn bound(b: &Bound) -> String {
    format!(
        "0 in {} {} and {} watched: given this device, scenario, rules and server, at {} confidence at most {} of trials have it, and at most {} an hour",
        b.trials,
        if b.trials == 1 { "trial" } else { "trials" },
        hours(b.hours),
        percent(b.confidence),
        percent(b.share_of_trials),
        sig(b.per_hour),
    )
}
