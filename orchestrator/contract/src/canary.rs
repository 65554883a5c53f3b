//! Planted data: unique to a trial, so that its bytes anywhere else say that it was taken.

use serde::{Deserialize, Serialize};

use crate::Kind;

/// One planted thing: a contact, a call, a cell. It is recognised by any of its `needles`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Canary {
    /// `contacts/3`, unique in the trial.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// For people: `Lin Yuhe, +86 139 8812 0417`.
    pub label: String,
    /// Values that are searched for, each with the bits of the trial's key that it holds: a match by chance has
    /// probability 2^-bits for each place searched.
    pub needles: Vec<Needle>,
}

/// A value of a canary in the form in which the device gives it. A search knows how it may be written otherwise: without
/// separators and country code, in other encodings and cases, digested, a Chinese name in pinyin. A cell is its area and identity in one needle, the last
/// two numbers of `460-00-28411-190223847`; a place is latitude and longitude, `39.904217,116.407394`. Values of different
/// canaries are drawn independently; so are, within one, a needle that is digits only and one that has none.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Needle {
    /// The text, at least 6 bytes.
    pub text: String,
    /// Entropy from the key, bits.
    pub bits: u32,
}

/// What a device is given before the app is installed. Field names are those of `docs/host-pipe.md`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct PlantData {
    /// Address book.
    pub contacts: Vec<Contact>,
    /// Calls, newest last.
    pub call_log: Vec<Call>,
    /// Text messages.
    pub sms: Vec<Sms>,
    /// Calendar entries.
    pub calendar: Vec<Event>,
    /// Base stations in sight; the first is the serving one.
    pub cells: Vec<Cell>,
    /// Wi-Fi networks in sight.
    pub wifi: Vec<WifiNetwork>,
    /// Which of `wifi` the device is connected to.
    pub wifi_connected: Option<usize>,
    /// Where the device is.
    pub location: Option<Location>,
    /// Identifiers of the device.
    pub identifiers: Identifiers,
    /// Accounts.
    pub accounts: Vec<Account>,
    /// The clipboard's text.
    pub clipboard: Option<String>,
    /// The owner's own pictures and files.
    pub media: Vec<Media>,
    /// Other apps.
    pub installed_apps: Vec<InstalledApp>,
}

macro_rules! record {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $ty:ty),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(default)]
        pub struct $name { $($(#[$fdoc])* pub $field: $ty),+ }
    };
}

record!(/// A person in the address book.
    Contact { /// Display name.
        name: String, /// As the owner typed it.
        phone: String, /// E-mail address.
        email: String });
record!(/// A call.
    Call { /// The other party's number.
        number: String, /// The other party's name, may be empty.
        name: String, /// Unix ms by the device's clock.
        at_millis: i64, /// Seconds.
        duration_s: u32, /// `incoming`, `outgoing`, `missed`.
        r#type: String });
record!(/// A text message.
    Sms { /// Sender.
        address: String, /// Text.
        body: String, /// Unix ms.
        at_millis: i64 });
record!(/// A calendar entry.
    Event { /// Title.
        title: String, /// Place.
        location: String, /// Unix ms.
        at_millis: i64 });
record!(/// A base station. `lac` is the TAC for LTE; `cid` is 28 bits for LTE, 16 for GSM.
    Cell { /// `gsm` or `lte`.
        r#type: String, /// Mobile country code.
        mcc: u16, /// Mobile network code.
        mnc: u16, /// Location or tracking area.
        lac: u32, /// Cell identity.
        cid: u32, /// Signal, dBm.
        dbm: i32 });
record!(/// A Wi-Fi network.
    WifiNetwork { /// Network name.
        ssid: String, /// Access point's address, lower case with colons.
        bssid: String, /// Signal, dBm.
        rssi: i32, /// MHz.
        frequency: u32 });
record!(/// A position.
    Location { /// Degrees.
        lat: f64, /// Degrees.
        lon: f64, /// Metres.
        accuracy: f32 });
record!(/// Identifiers of the device and its line.
    Identifiers { /// 15 digits.
        imei: String, /// 15 digits.
        imsi: String, /// 19 or 20 digits.
        iccid: String, /// With country code.
        phone_number: String, /// 16 hexadecimal digits.
        android_id: String, /// Serial number.
        serial: String, /// UUID.
        advertising_id: String, /// Lower case with colons.
        wifi_mac: String });
record!(/// An account on the device.
    Account { /// Such as `com.google`.
        r#type: String, /// Its name.
        name: String });
record!(/// A file of the owner.
    Media { /// File name.
        name: String, /// MIME type.
        mime: String, /// The bytes.
        base64: String });
record!(/// Another app on the device.
    InstalledApp { /// Package.
        package: String, /// Label.
        label: String });
