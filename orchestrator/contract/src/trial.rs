//! What one trial was: `trial.json` in a bundle, and the input of an analysis.

use serde::{Deserialize, Serialize};

use crate::{
    DeviceKind, DeviceState, Epoch, JobId, Nanos, Sensor, Sha256Digest, TrialId, artifact::Artifact, canary::Canary, clock::ClockSample,
    observation::Facing, scenario::Scenario,
};

/// A trial's state. It is not its outcome: a failed trial is never a clean one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrialState {
    /// Waits for a worker.
    Queued,
    /// A worker has it.
    Leased,
    /// Its cell runs.
    Running,
    /// Ended, with evidence.
    Finished,
    /// Ended without, or with too little.
    Failed,
    /// Given up by its owner.
    Cancelled,
}

impl TrialState {
    /// Nothing more will happen.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Cancelled)
    }
}

/// The trial's key: 64 hexadecimal digits. It is never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct KeyHex([u8; 32]);

impl KeyHex {
    /// From 32 bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for KeyHex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyHex(hidden)")
    }
}

impl TryFrom<String> for KeyHex {
    type Error = String;

    fn try_from(s: String) -> Result<Self, String> {
        let mut b = [0; 32];
        hex::decode_to_slice(&s, &mut b).map_err(|e| format!("a trial key has 64 hexadecimal digits: {e}"))?;
        Ok(Self(b))
    }
}

impl From<KeyHex> for String {
    fn from(k: KeyHex) -> Self {
        hex::encode(k.0)
    }
}

/// A stretch of the trial in one state of the device. Spans follow each other without gap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StateSpan {
    /// Begin.
    pub from: Nanos,
    /// End, not included.
    pub to: Nanos,
    /// The state.
    pub state: DeviceState,
}

/// What the feed gave in one session, by its own log: frames of 1/30 s, or blocks of 50 ms of sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Delivered {
    /// Which sensor.
    pub sensor: Sensor,
    /// Which camera.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facing: Option<Facing>,
    /// Session number of the device's `opened` fact.
    pub session: u64,
    /// First frame or block.
    pub first: u64,
    /// Last one, included.
    pub last: u64,
    /// How many between them were given.
    pub count: u64,
}

/// How the pictures are coded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeedMode {
    /// A moving card of cells.
    #[default]
    Pattern,
    /// A room that looks plausible, with the code below notice.
    Scene,
}

/// Why a trial ended as it did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TrialEnd {
    /// Finished, failed or cancelled; in what a worker gives back also `queued`: it was told to stop, and nobody is to blame.
    pub state: TrialState,
    /// Where it failed: `cell`, `boot`, `install`, `launch`, `script`, `collect`, `analyse`; empty if it did not.
    #[serde(default)]
    pub stage: String,
    /// What happened, in a sentence.
    #[serde(default)]
    pub reason: String,
    /// The end of the device's log, where that helps.
    #[serde(default)]
    pub log: String,
}

/// A lease of a trial that came to nothing, so that the trial was run again. What it saw is not counted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Try {
    /// Which lease; 0: that is not known.
    pub epoch: u32,
    /// The last stage that its worker told, as in `TrialEnd`; empty: none.
    pub stage: String,
    /// How it ended, in a sentence.
    pub reason: String,
    /// Its worker was told to stop: neither the app nor the host ended it.
    pub stopped: bool,
    /// How many facts it had handed in.
    pub observations: u64,
}

impl Try {
    /// Whether the app may have run in it. It runs from the script on.
    pub fn began(&self) -> bool {
        !matches!(self.stage.as_str(), "lease" | "cell" | "boot" | "convert" | "install")
    }
}

/// What a trial cost. Seconds of wall time by stage, and resources.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct TrialCost {
    /// Stage and seconds, in order: `lease`, `cell`, `boot`, `convert`, `install`, `script`, `collect`, `analyse`.
    pub stages: Vec<(String, f64)>,
    /// From lease to completion, seconds.
    pub wall_seconds: f64,
    /// Passed on the trial's clock, seconds.
    pub virtual_seconds: f64,
    /// Used by the cell's containers, seconds; 0 where the engine does not say.
    pub cpu_seconds: f64,
    /// Peak of the device's container, bytes; 0 where the engine does not say.
    pub peak_memory_bytes: u64,
    /// Artifacts, bytes.
    pub kept_bytes: u64,
    /// From lease to the app's first activity, seconds.
    pub first_activity_seconds: f64,
}

/// What the device said of the app at install, and what is in its manifest.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct AppFacts {
    /// SHA-256 of the APK.
    pub sha256: Option<Sha256Digest>,
    /// Package.
    pub package: String,
    /// Version for people.
    pub version_name: String,
    /// Version for machines.
    pub version_code: u64,
    /// API level that it was made for.
    pub target_sdk: u32,
    /// Name on the launcher: text from a stranger.
    pub label: String,
    /// Permissions of the manifest.
    pub permissions: Vec<String>,
    /// SHA-256 of each signing certificate, hex.
    pub signers: Vec<String>,
    /// Native ABIs that it has code for; empty: none is needed.
    pub abis: Vec<String>,
}

/// The whole of one trial. With `key` given it lets anyone render the feed again and re-run every detector.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TrialRecord {
    /// `stakeout-trial/1`.
    pub format: String,
    /// Its id: part of the key's derivation.
    pub trial: TrialId,
    /// Its job.
    pub job: JobId,
    /// The lease that wrote this.
    pub epoch: Epoch,
    /// From 1.
    pub number: u32,
    /// The app.
    #[serde(default)]
    pub app: AppFacts,
    /// The scenario, without secrets.
    pub scenario: Scenario,
    /// What ran the app.
    pub device: DeviceKind,
    /// API level of the device.
    pub api: u32,
    /// The image's id.
    #[serde(default)]
    pub image: String,
    /// The app shares a process with what observes it.
    pub cooperative: bool,
    /// SHA-256 of the key, published at the lease.
    pub commitment: Sha256Digest,
    /// The key, revealed when the trial has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyHex>,
    /// How the feed was coded.
    #[serde(default)]
    pub feed_mode: FeedMode,
    /// Device's wall clock at the trial's begin, RFC 3339.
    #[serde(default)]
    pub started_at: String,
    /// Host's wall clock at the trial's begin, RFC 3339.
    #[serde(default)]
    pub started_real: String,
    /// States of the device.
    #[serde(default)]
    pub timeline: Vec<StateSpan>,
    /// The two clocks.
    #[serde(default)]
    pub clock: Vec<ClockSample>,
    /// What the feed gave.
    #[serde(default)]
    pub delivered: Vec<Delivered>,
    /// What was planted.
    #[serde(default)]
    pub canaries: Vec<Canary>,
    /// What was kept.
    #[serde(default)]
    pub artifacts: Vec<Artifact>,
    /// How it ended.
    pub end: TrialEnd,
    /// What it cost.
    #[serde(default)]
    pub cost: TrialCost,
}

impl TrialRecord {
    /// The format of this version.
    pub const FORMAT: &'static str = "stakeout-trial/1";

    /// The seed of its trial. It differs from trial to trial and is nobody's choice: it follows from the key's commitment, which says
    /// nothing of the key.
    pub fn seed(&self) -> u64 {
        seed_of(&self.commitment)
    }

    /// When it began by the device's clock, Unix milliseconds.
    pub fn started_millis(&self) -> Option<i64> {
        self.started_at.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
    }

    /// Nobody completed it: it says so, and nothing else.
    pub fn is_empty(&self) -> bool {
        self.end.state != TrialState::Finished && self.artifacts.is_empty() && self.canaries.is_empty() && self.timeline.is_empty()
    }

    /// The device's state at a time, by the timeline.
    pub fn state_at(&self, at: Nanos) -> Option<DeviceState> {
        let i = self.timeline.partition_point(|s| s.from <= at);
        self.timeline.get(i.checked_sub(1)?).filter(|s| at < s.to || i == self.timeline.len()).map(|s| s.state)
    }

    /// The end of the last span.
    pub fn length(&self) -> Nanos {
        self.timeline.last().map_or(Nanos::ZERO, |s| s.to)
    }

    /// Hours spent in a state; `any` is all of them, idle or not.
    pub fn hours_in(&self, state: DeviceState) -> f64 {
        let spans = self.timeline.iter().filter(|s| state == DeviceState::Any || s.state == state);
        spans.map(|s| s.to.since(s.from).as_secs_f64()).sum::<f64>() / 3600.0
    }
}

/// The seed of a trial, from the commitment to its key.
pub fn seed_of(commitment: &Sha256Digest) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&commitment.as_bytes()[..8]);
    u64::from_le_bytes(eight)
}

/// Frames a second of the camera's feed: the frame at `at` is `floor(at * 30 / 1e9)`.
pub const FRAMES_PER_SECOND: u64 = 30;

/// When a frame was shown.
pub const fn frame_time(frame: u64) -> Nanos {
    Nanos::saturating((frame as u128 * 1_000_000_000).div_ceil(FRAMES_PER_SECOND as u128) as u64)
}

/// The frame that is shown at a time.
pub const fn frame_at(at: Nanos) -> u64 {
    (at.get() as u128 * FRAMES_PER_SECOND as u128 / 1_000_000_000) as u64
}
