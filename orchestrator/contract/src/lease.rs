//! What an orchestrator gives to a worker and takes from it.

use serde::{Deserialize, Serialize};

use crate::{
    DeviceKind, Epoch, JobId, Sha256Digest, TrialId,
    finding::Analysis,
    flow::Flow,
    scenario::Scenario,
    statement::Envelope,
    trial::{FeedMode, KeyHex, TrialRecord},
};

/// A trial, leased.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Lease {
    /// Which trial.
    pub trial: TrialId,
    /// Of which job.
    pub job: JobId,
    /// The fence: every later call carries it.
    pub epoch: Epoch,
    /// From 1.
    pub number: u32,
    /// The app's APK, and its splits.
    pub app: Sha256Digest,
    /// Splits of the app.
    pub splits: Vec<Sha256Digest>,
    /// What to do.
    pub scenario: Scenario,
    /// On what.
    pub device: DeviceKind,
    /// The trial's key: HKDF(job secret, trial id, epoch).
    pub key: KeyHex,
    /// How to code the pictures.
    pub feed_mode: FeedMode,
    /// Varies what the scenario leaves open (jitter), so that trials are independent.
    pub seed: u64,
    /// Seconds until the lease ends unless it is renewed.
    pub lease_seconds: u64,
    /// Stands for the job's tenant, and says nothing of it: what a worker keeps of one tenant's trials is for that tenant's alone.
    /// None: there is but one tenant, or the orchestrator is older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_tag: Option<Sha256Digest>,
}

/// What the worker hands in at the end, once. Artifacts were given before, by digest.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Completion {
    /// The record; its key is left out until the orchestrator reveals it.
    pub record: TrialRecord,
    /// Flows, dated on both clocks.
    pub flows: Vec<Flow>,
    /// Findings.
    pub analysis: Analysis,
    /// The worker's statement of all this, signed; none: it has no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<Envelope>,
}

/// What a worker can run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Abilities {
    /// Device kind and API levels.
    pub devices: Vec<(DeviceKind, Vec<u32>)>,
    /// Trials at a time.
    pub slots: u32,
}

/// Progress of a trial, for people.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Progress {
    /// Which trial.
    pub trial: TrialId,
    /// From 1.
    pub number: u32,
    /// `lease`, `cell`, `boot`, `install`, `script`, `collect`, `analyse`, `done`, `failed`.
    pub stage: String,
    /// The scenario's step, or a reason.
    #[serde(default)]
    pub detail: String,
    /// The trial's clock, seconds.
    #[serde(default)]
    pub at_seconds: f64,
    /// The length of the scenario, seconds.
    #[serde(default)]
    pub of_seconds: f64,
}
