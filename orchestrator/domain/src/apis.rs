//! What a call that does nothing on the device may hide.

use stakeout_contract::Kind;

/// Kinds that something touches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Kinds {
    /// Nothing of ours.
    None,
    /// These.
    Some(Vec<Kind>),
    /// Any: what follows from it is not known.
    All,
}

/// How a call to another app's page or receiver begins, and how it ends where that is told something: by an address, or by extras.
const OTHERS: [&str; 2] = ["android.content.Context.startActivity of ", "android.content.Context.sendBroadcast of "];
const TOLD: &str = ", with data";
/// What makes a phone send the app's files when it likes.
const BACKUP: &str = "android.app.backup.";

/// Whether a call gave something to another app. On a phone that may send it.
pub(crate) fn gives(name: &str) -> bool {
    OTHERS.iter().any(|p| name.starts_with(p)) && name.ends_with(TOLD) || keeps(name)
}

/// Whether it may be sent at any later time.
pub(crate) fn keeps(name: &str) -> bool {
    name.starts_with(BACKUP)
}

/// Calls whose absence hides nothing: they play, show or set something, or lead to another app.
const HARMLESS: &[&str] = &[
    "android.app.WallpaperManager",
    BACKUP,
    "android.content.Context.sendBroadcast of ",
    "android.content.Context.startActivity of android.intent.action.",
    "android.content.Context.startActivity of android.settings.",
    "android.hardware.biometrics.",
    "android.hardware.display.",
    "android.hardware.fingerprint.",
    "android.hardware.input.",
    "android.media.AudioAttributes",
    "android.media.AudioFocusRequest",
    "android.media.AudioTrack",
    "android.media.MediaPlayer",
    "android.media.MediaSession",
    "android.media.Ringtone",
    "android.media.SoundPool",
    "android.media.ToneGenerator",
    "android.media.VolumeShaper",
    "android.media.audiofx.",
    "android.media.session.",
];

const CAMERA: &[&str] = &[
    "android.graphics.SurfaceTexture",
    "android.hardware.Camera",
    "android.hardware.HardwareBuffer",
    "android.hardware.camera2.",
    "android.hardware.usb.",
    "android.media.Image",
    "android.opengl.",
    "android.renderscript.",
    "android.view.PixelCopy",
    "androidx.camera.",
    "com.google.android.gles_jni.",
    "android.content.Context.startActivity of android.media.action.",
];

const MICROPHONE: &[&str] = &["android.media.AudioManager", "android.media.AudioRecord", "android.media.AudioSystem", "android.speech."];

const BOTH: &[&str] = &["android.media."];

const PROVIDERS: &[&str] = &["android.content.ContentResolver", "android.provider.", "content://"];

/// Looks a call up by its full name. A name that is in no list may hide anything.
pub(crate) fn kinds_of(name: &str) -> Kinds {
    let starts = |list: &[&str]| list.iter().any(|p| name.starts_with(p));
    let some = |k: &[Kind]| Kinds::Some(k.to_vec());
    if starts(HARMLESS) {
        Kinds::None
    } else if starts(CAMERA) {
        some(&[Kind::Camera])
    } else if starts(MICROPHONE) {
        some(&[Kind::Microphone])
    } else if starts(BOTH) {
        some(&[Kind::Camera, Kind::Microphone])
    } else if name.starts_with("android.telephony.") && !name.starts_with("android.telephony.SmsManager") {
        some(&[Kind::Cell, Kind::Identifiers, Kind::Sms])
    } else if name.starts_with("android.net.wifi.") {
        some(&[Kind::Wifi, Kind::Location])
    } else if starts(&["android.location.", "com.google.android.gms.location"]) {
        some(&[Kind::Location])
    } else if starts(&["android.bluetooth.", "android.companion.", "android.nfc."]) {
        some(&[Kind::Location, Kind::Identifiers])
    } else if name.starts_with("android.app.usage.") {
        some(&[Kind::InstalledApps])
    } else if starts(PROVIDERS) {
        some(&[Kind::Contacts, Kind::CallLog, Kind::Sms, Kind::Calendar, Kind::MediaFiles])
    } else {
        Kinds::All
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_the_device_tells_them() {
        for (name, kind) in [
            ("android.hardware.camera2.CameraDevice.createReprocessableCaptureSession", Kind::Camera),
            ("android.media.ImageReader of format 36", Kind::Camera),
            ("android.graphics.SurfaceTexture.nativeUpdateTexImage", Kind::Camera),
            ("android.opengl.GLES20.glReadPixels", Kind::Camera),
            ("android.hardware.Camera.setPreviewCallbackSurface", Kind::Camera),
            ("android.media.MediaRecorder.pause", Kind::Microphone),
            ("android.media.MediaCodec.native_configure", Kind::Camera),
            ("android.media.AudioRecord.native_read", Kind::Microphone),
            ("content://com.example/x", Kind::Contacts),
            ("android.telephony.SubscriptionManager.getActiveSubscriptionInfoList", Kind::Identifiers),
            ("android.bluetooth.le.BluetoothLeScanner.startScan", Kind::Location),
        ] {
            match kinds_of(name) {
                Kinds::Some(k) => assert!(k.contains(&kind), "{name}: {k:?}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_not_known_may_hide_anything() {
        for name in [
            "android.webkit.WebView.loadUrl",
            "android.hardware.SensorManager.registerListener",
            "android.telephony.SmsManager.sendTextMessage",
            "android.telephony.SmsManager.sendMultimediaMessage",
            "android.app.DownloadManager.enqueue",
            "android.app.job.JobScheduler.enqueue",
            "android.content.Context.startService of com.example/.Spy",
            "com.example.New.call",
        ] {
            assert_eq!(kinds_of(name), Kinds::All, "{name}");
        }
    }

    #[test]
    fn a_page_that_is_told_something_is_no_page_that_is_only_shown() {
        let view = "android.content.Context.startActivity of android.intent.action.VIEW";
        assert!(!gives(view) && gives(&format!("{view}, with data")) && !gives("android.content.X, with data"));
        let broadcast = "android.content.Context.sendBroadcast of a.b, with data";
        let backup = "android.app.backup.BackupManager.dataChanged";
        assert!(gives(broadcast) && !keeps(broadcast) && gives(backup) && keeps(backup));
        assert_eq!((kinds_of(broadcast), kinds_of(backup)), (Kinds::None, Kinds::None));
    }

    #[test]
    fn playing_and_showing_hide_nothing() {
        for name in [
            "android.media.MediaPlayer.native_start",
            "android.content.Context.startActivity of android.intent.action.MAIN",
            "android.hardware.display.X",
        ] {
            assert_eq!(kinds_of(name), Kinds::None, "{name}");
        }
    }
}
