//! Names of operations: their numbers, and what they are about.

use crate::access::What;

/// The names by number, as `AppOpsManager` has them (0 to 99; later levels only add behind). The order matters: `cmd appops get` prints
/// the operations of a uid and then those of the package without a word between, each in this order.
const NAMES: [&str; 100] = [
    "COARSE_LOCATION",
    "FINE_LOCATION",
    "GPS",
    "VIBRATE",
    "READ_CONTACTS",
    "WRITE_CONTACTS",
    "READ_CALL_LOG",
    "WRITE_CALL_LOG",
    "READ_CALENDAR",
    "WRITE_CALENDAR",
    "WIFI_SCAN",
    "POST_NOTIFICATION",
    "NEIGHBORING_CELLS",
    "CALL_PHONE",
    "READ_SMS",
    "WRITE_SMS",
    "RECEIVE_SMS",
    "RECEIVE_EMERGECY_SMS",
    "RECEIVE_MMS",
    "RECEIVE_WAP_PUSH",
    "SEND_SMS",
    "READ_ICC_SMS",
    "WRITE_ICC_SMS",
    "WRITE_SETTINGS",
    "SYSTEM_ALERT_WINDOW",
    "ACCESS_NOTIFICATIONS",
    "CAMERA",
    "RECORD_AUDIO",
    "PLAY_AUDIO",
    "READ_CLIPBOARD",
    "WRITE_CLIPBOARD",
    "TAKE_MEDIA_BUTTONS",
    "TAKE_AUDIO_FOCUS",
    "AUDIO_MASTER_VOLUME",
    "AUDIO_VOICE_VOLUME",
    "AUDIO_RING_VOLUME",
    "AUDIO_MEDIA_VOLUME",
    "AUDIO_ALARM_VOLUME",
    "AUDIO_NOTIFICATION_VOLUME",
    "AUDIO_BLUETOOTH_VOLUME",
    "WAKE_LOCK",
    "MONITOR_LOCATION",
    "MONITOR_HIGH_POWER_LOCATION",
    "GET_USAGE_STATS",
    "MUTE_MICROPHONE",
    "TOAST_WINDOW",
    "PROJECT_MEDIA",
    "ACTIVATE_VPN",
    "WRITE_WALLPAPER",
    "ASSIST_STRUCTURE",
    "ASSIST_SCREENSHOT",
    "READ_PHONE_STATE",
    "ADD_VOICEMAIL",
    "USE_SIP",
    "PROCESS_OUTGOING_CALLS",
    "USE_FINGERPRINT",
    "BODY_SENSORS",
    "READ_CELL_BROADCASTS",
    "MOCK_LOCATION",
    "READ_EXTERNAL_STORAGE",
    "WRITE_EXTERNAL_STORAGE",
    "TURN_ON_SCREEN",
    "GET_ACCOUNTS",
    "RUN_IN_BACKGROUND",
    "AUDIO_ACCESSIBILITY_VOLUME",
    "READ_PHONE_NUMBERS",
    "REQUEST_INSTALL_PACKAGES",
    "PICTURE_IN_PICTURE",
    "INSTANT_APP_START_FOREGROUND",
    "ANSWER_PHONE_CALLS",
    "RUN_ANY_IN_BACKGROUND",
    "CHANGE_WIFI_STATE",
    "REQUEST_DELETE_PACKAGES",
    "BIND_ACCESSIBILITY_SERVICE",
    "ACCEPT_HANDOVER",
    "MANAGE_IPSEC_TUNNELS",
    "START_FOREGROUND",
    "BLUETOOTH_SCAN",
    "USE_BIOMETRIC",
    "ACTIVITY_RECOGNITION",
    "SMS_FINANCIAL_TRANSACTIONS",
    "READ_MEDIA_AUDIO",
    "WRITE_MEDIA_AUDIO",
    "READ_MEDIA_VIDEO",
    "WRITE_MEDIA_VIDEO",
    "READ_MEDIA_IMAGES",
    "WRITE_MEDIA_IMAGES",
    "LEGACY_STORAGE",
    "ACCESS_ACCESSIBILITY",
    "READ_DEVICE_IDENTIFIERS",
    "ACCESS_MEDIA_LOCATION",
    "QUERY_ALL_PACKAGES",
    "MANAGE_EXTERNAL_STORAGE",
    "INTERACT_ACROSS_PROFILES",
    "ACTIVATE_PLATFORM_VPN",
    "LOADER_USAGE_STATS",
    "deprecated",
    "AUTO_REVOKE_PERMISSIONS_IF_UNUSED",
    "AUTO_REVOKE_MANAGED_BY_INSTALLER",
    "NO_ISOLATED_STORAGE",
];

/// The number of an operation, of those that every level from 30 on has.
pub fn code(name: &str) -> Option<usize> {
    NAMES.iter().position(|n| *n == name)
}

/// What an operation takes, if it is something that this product has a word for. Writing is none of it.
pub fn kind_of(name: &str) -> Option<What> {
    Some(match name {
        "CAMERA" | "PHONE_CALL_CAMERA" => What::Camera,
        "RECORD_AUDIO" | "PHONE_CALL_MICROPHONE" | "RECORD_AUDIO_HOTWORD" | "RECORD_INCOMING_PHONE_AUDIO" => What::Microphone,
        "COARSE_LOCATION" | "FINE_LOCATION" | "GPS" | "MONITOR_LOCATION" | "MONITOR_HIGH_POWER_LOCATION" => What::Location,
        "READ_CONTACTS" => What::Contacts,
        "READ_CALL_LOG" => What::CallLog,
        "READ_CALENDAR" => What::Calendar,
        "WIFI_SCAN" => What::Wifi,
        "NEIGHBORING_CELLS" => What::Cell,
        "READ_SMS"
        | "RECEIVE_SMS"
        | "RECEIVE_EMERGECY_SMS"
        | "RECEIVE_MMS"
        | "RECEIVE_WAP_PUSH"
        | "READ_ICC_SMS"
        | "READ_CELL_BROADCASTS" => What::Sms,
        "READ_CLIPBOARD" => What::Clipboard,
        "READ_PHONE_STATE" | "READ_PHONE_NUMBERS" | "READ_DEVICE_IDENTIFIERS" => What::Identifiers,
        "GET_ACCOUNTS" => What::Accounts,
        "READ_EXTERNAL_STORAGE"
        | "READ_MEDIA_AUDIO"
        | "READ_MEDIA_VIDEO"
        | "READ_MEDIA_IMAGES"
        | "READ_MEDIA_VISUAL_USER_SELECTED"
        | "ACCESS_MEDIA_LOCATION"
        | "MANAGE_EXTERNAL_STORAGE" => What::MediaFiles,
        "QUERY_ALL_PACKAGES" => What::InstalledApps,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_android() {
        for (name, n) in [("CAMERA", 26), ("RECORD_AUDIO", 27), ("READ_CLIPBOARD", 29), ("GET_ACCOUNTS", 62), ("LEGACY_STORAGE", 87)] {
            assert_eq!(code(name), Some(n));
        }
    }
}
