//! What a device is asked and what it says. One protocol for every kind of device.

use serde::{Deserialize, Serialize};
use stakeout_contract::{
    DeviceKind, Nanos, Sha256Digest,
    canary::PlantData,
    observation::{Fact, Source},
    scenario::{PermissionPolicy, StandbyBucket},
    trial::FeedMode,
};

/// A blob that the worker sent before the request that names it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BlobRef {
    /// Its number on the pipe.
    pub blob: u64,
    /// Bytes.
    pub size: u64,
    /// Their digest; the device checks it.
    pub sha256: Sha256Digest,
}

/// What the renderer needs, 64 hexadecimal digits each. The trial's key itself never enters a cell.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct FeedKeys {
    pub camera_back: String,
    pub camera_front: String,
    pub microphone: String,
}

impl std::fmt::Debug for FeedKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FeedKeys(hidden)")
    }
}

/// What makes a booted device this trial's. Given once, before `plant`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Assignment {
    /// Keys of the feeds.
    pub keys: FeedKeys,
    /// How frames are coded.
    pub feed_mode: FeedMode,
    /// Device's wall clock at the trial's begin, Unix ms.
    pub start_millis: i64,
    /// IANA name.
    pub timezone: String,
    /// Varies what the scenario leaves open.
    pub seed: u64,
    /// The job's CA certificate.
    pub ca_pem: String,
    /// How requests are answered.
    pub permissions: PermissionPolicy,
    /// Denied whatever the policy: short names.
    pub deny: Vec<String>,
    /// API level whose rules hold; normally the device's own.
    pub rules: u32,
    /// Real milliseconds that one app thread may hold a virtual clock.
    pub hold_cap_ms: u64,
    /// Whether every name that an app calls is answered: then a phone is ready only if an app of ours was.
    #[serde(default)]
    pub answered: bool,
    /// Tell the guest's raw answers as `record:` lines of the log: for a lab that sends them to those who write parsers.
    #[serde(default)]
    pub record: bool,
}

/// What a device is asked.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "one at a time is on its way")]
pub enum Verb {
    /// Who are you? Answered by [`Hello`].
    Hello,
    /// Start the guest, without an app and without a trial. Answered by [`Booted`].
    Boot {
        /// API level.
        api: u32,
        /// `zh-CN`.
        locale: String,
    },
    /// Make it this trial's; its clock begins.
    Assign(Assignment),
    /// Put data on it. Answered with counts by kind.
    Plant {
        /// What.
        data: PlantData,
    },
    /// Install the app. Answered by [`Installed`].
    Install {
        /// The APK.
        apk: BlobRef,
        /// Its splits.
        splits: Vec<BlobRef>,
        /// What an earlier install of the same app on the same image gave as `prepared`, so that work is not done twice.
        prepared: Option<BlobRef>,
    },
    /// Open the app as its icon does. Answered by [`Launched`].
    Launch,
    /// A step of the owner. Answered by [`Found`].
    Input(Input),
    /// Press Home.
    Background,
    /// Open the app's task again.
    Foreground,
    /// Screen on or off.
    Screen {
        /// On.
        on: bool,
    },
    /// Deep idle on or off.
    Doze {
        /// On.
        on: bool,
    },
    /// Start the device anew.
    Reboot,
    /// The app is one that is used so often. `unsupported` where that makes no difference.
    StandbyBucket {
        /// How often.
        bucket: StandbyBucket,
    },
    /// Change how permission requests are answered.
    Permission {
        /// The policy.
        policy: PermissionPolicy,
        /// Denied whatever the policy.
        deny: Vec<String>,
    },
    /// Let time pass: virtual devices jump, real ones wait. Answered by [`Advanced`].
    Advance {
        /// How long.
        nanos: Nanos,
    },
    /// A PNG of the screen, as a blob with the request's id. Answered by [`Shot`].
    Screenshot,
    /// Stop the app and give its files as a tar in a blob with the request's id. Answered by [`Snapshot`].
    SnapshotFiles {
        /// At most so many bytes; more is reported as lost.
        max_bytes: u64,
        /// At most so many files.
        max_files: u64,
    },
    /// End everything and exit. Answered by [`Stopped`].
    Stop,
}

/// An input of the owner.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Input {
    /// A tap on what fits.
    Tap {
        /// Regular expression for the whole text.
        text: Option<String>,
        /// Resource id without package; not `id`, which is the request's.
        view_id: Option<String>,
        /// Pixels.
        point: Option<[u32; 2]>,
    },
    /// Typing.
    Text {
        /// What.
        value: String,
        /// Into which field; none: the one with the focus.
        view_id: Option<String>,
    },
    /// A key: `back`, `enter`, `home`, `camera`.
    Key {
        /// Which.
        key: String,
    },
}

/// Answer to `hello`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// What it is.
    pub kind: DeviceKind,
    /// API levels that it can be.
    pub api: Vec<u32>,
    /// ABIs whose native code runs; empty: none.
    pub abis: Vec<String>,
    /// `virtual` or `real`.
    pub clock: String,
    /// The app shares a process with what observes it.
    pub cooperative: bool,
    /// Version of the program.
    pub version: String,
    /// How the camera is fed.
    pub camera_route: String,
    /// How the microphone is fed.
    pub microphone_route: String,
}

/// Answer to `boot`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Booted {
    /// API level.
    pub api: u32,
    /// Android's version: `14`.
    pub release: String,
}

/// Answer to `install`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Installed {
    /// Package.
    pub package: String,
    /// Version for people; empty where the manifest has none.
    #[serde(default, deserialize_with = "empty_for_null")]
    pub version_name: String,
    /// Version for machines.
    pub version_code: u64,
    /// API level that it was made for.
    pub target_sdk: u32,
    /// Permissions of its manifest.
    pub permissions: Vec<String>,
    /// Name on the launcher; empty where the manifest has none.
    #[serde(default, deserialize_with = "empty_for_null")]
    pub label: String,
    /// Something to give to the next `install` of the same app; sent as a blob with the request's id.
    pub prepared: Option<BlobRef>,
    /// Real seconds that preparing took.
    pub prepare_seconds: f64,
}

fn empty_for_null<'de, D: serde::Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

/// Answer to `launch`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Launched {
    /// The activity.
    pub activity: String,
    /// Real ms to its first resume.
    pub millis: u64,
}

/// Answer to `input`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Found {
    /// Something fitted and was used.
    pub found: bool,
    /// What it was.
    #[serde(default)]
    pub what: String,
}

/// Answer to `advance`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Advanced {
    /// The trial's clock now.
    pub at: Nanos,
    /// Jumps made.
    #[serde(default)]
    pub jumps: u64,
    /// Real nanoseconds in which the app held the clock.
    #[serde(default)]
    pub held_nanos: u64,
}

/// Answer to `screenshot`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Shot {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The PNG.
    pub blob: BlobRef,
}

/// Answer to `snapshot_files`. In the tar, `files/..` is what the app has, `deleted/..` what it had, `crypto/..`, `code/..`
/// what the device kept of its calls. Names are the app's own: hostile.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// The tar.
    pub blob: BlobRef,
    /// Files in it.
    pub files: u64,
    /// Files and bytes that did not fit.
    pub lost_files: u64,
    /// Bytes that did not fit.
    pub lost_bytes: u64,
}

/// Answer to `stop`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Stopped {
    /// Largest memory of the guest, KiB.
    pub peak_kib: u64,
}

/// What a device says without being asked.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A fact.
    Observation {
        /// The trial's clock.
        at: Nanos,
        /// `host`, `device` or `feed`.
        source: Source,
        /// What.
        fact: Box<Fact>,
        /// The app's frames.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        stack: Vec<String>,
    },
    /// Both clocks.
    Clock {
        /// CLOCK_MONOTONIC, nanoseconds.
        real: u64,
        /// The trial's clock.
        at: Nanos,
    },
    /// Time passes.
    Progress {
        /// The trial's clock.
        at: Nanos,
    },
    /// A line of a log; the device bounds their number.
    Log {
        /// Text.
        line: String,
    },
    /// The guest is not well.
    Health {
        /// `guest_died` (killed from outside), `guest_ended` (by itself), `guest_out_of_memory`, `guest_hangs`, `feed_failed`.
        code: String,
        /// A sentence.
        message: String,
    },
}

/// What comes out of a device.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FromDevice {
    /// An answer.
    Answer(crate::Answer),
    /// An event.
    Event(Event),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Request;

    #[test]
    fn a_request_keeps_its_id_whatever_its_verb_carries() {
        let id = Some("pw".to_owned());
        for verb in [
            Verb::Hello,
            Verb::Input(Input::Tap { text: None, view_id: id.clone(), point: Some([1, 2]) }),
            Verb::Input(Input::Text { value: "x".to_owned(), view_id: id }),
            Verb::Advance { nanos: Nanos::from_secs(1) },
        ] {
            let request = Request { id: 7, verb };
            let text = serde_json::to_string(&request).unwrap();
            assert_eq!(text.matches("\"id\"").count(), 1, "{text}");
            assert_eq!(serde_json::from_str::<Request<Verb>>(&text).unwrap(), request);
        }
    }

    #[test]
    fn an_app_without_version_or_label_is_installed_all_the_same() {
        let text = r#"{"package": "a.b", "version_name": null, "version_code": 0, "target_sdk": 14, "permissions": [], "label": null,
            "prepared": null, "prepare_seconds": 0.1}"#;
        let installed: Installed = serde_json::from_str(text).unwrap();
        assert_eq!((installed.version_name.as_str(), installed.label.as_str()), ("", ""));
    }
}
