//! One door to all parsers, for fuzzers and property tests.

use serde::{Deserialize, Serialize};

use crate::{
    access, activity, appops, audio, camera, logcat,
    notes::{Notes, Parsed},
    package, power, privacy, props, ui,
    when::GuestClock,
};

/// Which answer is to be read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// `dumpsys media.camera`
    Camera,
    /// `dumpsys audio`
    Audio,
    /// `dumpsys appops`
    AppOps,
    /// `cmd appops get PACKAGE`
    AppOpsGet,
    /// `dumpsys sensor_privacy`
    SensorPrivacy,
    /// `dumpsys power`
    Power,
    /// `dumpsys deviceidle`
    DeviceIdle,
    /// `dumpsys activity activities`
    Activities,
    /// `am get-uid-state UID`
    UidState,
    /// `am get-standby-bucket PACKAGE`
    StandbyBucket,
    /// `dumpsys package PACKAGE`
    Package,
    /// `pm path PACKAGE`
    Paths,
    /// `pm list packages -U`
    Packages,
    /// `getprop`
    Props,
    /// `service check NAME`
    ServiceCheck,
    /// `logcat -d -v threadtime`
    Logcat,
    /// `logcat -d -B`
    LogcatBinary,
    /// `uiautomator dump`
    Ui,
}

impl RecordKind {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Camera,
        Self::Audio,
        Self::AppOps,
        Self::AppOpsGet,
        Self::SensorPrivacy,
        Self::Power,
        Self::DeviceIdle,
        Self::Activities,
        Self::UidState,
        Self::StandbyBucket,
        Self::Package,
        Self::Paths,
        Self::Packages,
        Self::Props,
        Self::ServiceCheck,
        Self::Logcat,
        Self::LogcatBinary,
        Self::Ui,
    ];
}

/// Reads an answer, and what can be made of it; gives the notes alone. The package and the service that some are asked about are
/// `com.example.app` and `sensor_privacy`, the time is 25 November 2026.
pub fn parse_any(kind: RecordKind, bytes: &[u8]) -> Notes {
    const NOW_MS: i64 = 1_795_600_000_000;
    let clock = GuestClock::utc(NOW_MS).give_or_take(50);
    match kind {
        RecordKind::Camera => {
            let p = camera::parse(bytes, &clock);
            access::camera(None, &p);
            access::camera(Some(&p), &p);
            p.notes
        }
        RecordKind::Audio => {
            let p = audio::parse(bytes, &clock);
            access::audio(None, &p);
            access::audio(Some(&p), &p);
            p.notes
        }
        RecordKind::AppOps => {
            let p = appops::parse(bytes, &clock);
            access::ops(None, &p);
            access::ops(Some(&p), &p);
            p.notes
        }
        RecordKind::Logcat | RecordKind::LogcatBinary => {
            let p = if kind == RecordKind::Logcat { logcat::parse(bytes, &clock) } else { logcat::parse_binary(bytes) };
            p.value.lines.iter().for_each(|l| drop(logcat::said(l)));
            logcat::crashes(&p.value.lines);
            p.notes
        }
        RecordKind::Ui => {
            let p = ui::parse(bytes);
            p.value.point(&p.value.nodes);
            p.notes
        }
        RecordKind::AppOpsGet => notes(appops::parse_get(bytes, &clock)),
        RecordKind::SensorPrivacy => notes(privacy::parse(bytes)),
        RecordKind::Power => notes(power::parse(bytes)),
        RecordKind::DeviceIdle => notes(power::parse_idle(bytes)),
        RecordKind::Activities => notes(activity::parse(bytes)),
        RecordKind::UidState => notes(activity::parse_uid_state(bytes)),
        RecordKind::StandbyBucket => notes(activity::parse_bucket(bytes)),
        RecordKind::Package => notes(package::parse(bytes, "com.example.app")),
        RecordKind::Paths => notes(props::parse_paths(bytes)),
        RecordKind::Packages => notes(props::parse_packages(bytes)),
        RecordKind::Props => notes(props::parse_props(bytes)),
        RecordKind::ServiceCheck => notes(props::parse_service_check(bytes, "sensor_privacy")),
    }
}

fn notes<T>(parsed: Parsed<T>) -> Notes {
    parsed.notes
}
