//! Which Android permissions belong to which kind.

use stakeout_contract::Kind;

/// Permissions by their short name, any of which lets an app at the kind. A kind without a permission has an empty list.
/// Source: the platform's `Manifest.permission` reference, protection level `dangerous`, and `normal` where it suffices.
pub const fn of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Camera => &["CAMERA"],
        Kind::Microphone => &["RECORD_AUDIO"],
        Kind::Contacts => &["READ_CONTACTS"],
        Kind::CallLog => &["READ_CALL_LOG"],
        Kind::Cell | Kind::Location => &["ACCESS_FINE_LOCATION", "ACCESS_COARSE_LOCATION", "ACCESS_BACKGROUND_LOCATION"],
        Kind::Wifi => &["ACCESS_WIFI_STATE", "NEARBY_WIFI_DEVICES"],
        Kind::Identifiers => &["READ_PHONE_STATE", "READ_PRIVILEGED_PHONE_STATE", "READ_PHONE_NUMBERS"],
        Kind::Clipboard => &[],
        Kind::Sms => &["READ_SMS", "RECEIVE_SMS"],
        Kind::Calendar => &["READ_CALENDAR"],
        Kind::MediaFiles => {
            &["READ_EXTERNAL_STORAGE", "READ_MEDIA_IMAGES", "READ_MEDIA_VIDEO", "READ_MEDIA_AUDIO", "MANAGE_EXTERNAL_STORAGE"]
        }
        Kind::Accounts => &["GET_ACCOUNTS"],
        Kind::InstalledApps => &["QUERY_ALL_PACKAGES"],
    }
}

/// Whether `permission`, with or without its `android.permission.` prefix, is one of the kind's.
pub fn is_of(kind: Kind, permission: &str) -> bool {
    let short = permission.strip_prefix("android.permission.").unwrap_or(permission);
    of(kind).contains(&short)
}
