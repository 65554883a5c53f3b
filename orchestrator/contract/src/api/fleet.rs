//! Workers and their leases.

use serde::{Deserialize, Serialize};

use crate::{
    TenantId, TrialId, WorkerId,
    lease::{Abilities, Completion, Lease, Progress},
    observation::Observation,
    trial::TrialEnd,
};

/// Whether a worker gets trials.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkerMode {
    /// It does.
    #[default]
    Active,
    /// It ends what it has, and gets no more.
    Draining,
    /// It gets no more, and what it hands in from now on is refused.
    Quarantined,
}

/// What a worker says of its host.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct HostFacts {
    /// Host name.
    #[schemars(length(max = 255))]
    pub host: String,
    /// Version of the worker.
    #[schemars(length(max = 100))]
    pub engine: String,
    /// Images by name, with their digests.
    #[schemars(length(max = 64))]
    pub images: Vec<(String, String)>,
    /// Processors.
    pub cpus: u32,
    /// Bytes of memory that are free.
    pub memory_free: u64,
    /// Bytes of disk that are free.
    pub disk_free: u64,
    /// Why it takes no trial now: no disk, no memory, no engine; empty: it does.
    /// Of each, 500 characters are kept.
    #[schemars(length(max = 32))]
    pub troubles: Vec<String>,
    /// Fingerprint of the key that it signs what it hands in with, as `stakeout verify` shows it; empty: it has none.
    #[schemars(length(max = 100))]
    pub key: String,
}

/// A worker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct WorkerDoc {
    /// Its id; it stays the same when the worker is started again.
    pub id: WorkerId,
    /// Whose trials it runs: of `farm`, everyone's.
    pub tenant: TenantId,
    /// Whether it gets trials.
    pub mode: WorkerMode,
    /// What it can run.
    pub abilities: Abilities,
    /// Its host.
    pub host: HostFacts,
    /// Trials that it has.
    pub running: u32,
    /// Heard of within three lease times.
    pub alive: bool,
    /// Unix milliseconds.
    pub first_seen_ms: i64,
    /// Unix milliseconds.
    pub last_seen_ms: i64,
}

/// A worker asks for a trial.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaseAsk {
    /// Who.
    pub worker: WorkerId,
    /// What it can run now.
    pub abilities: Abilities,
    /// Seconds that it waits for one, at most 30.
    #[serde(default)]
    #[schemars(range(min = 0, max = 30))]
    pub wait_seconds: u32,
}

/// A worker says that it lives.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// What it can run.
    pub abilities: Abilities,
    /// Its host.
    pub host: HostFacts,
}

/// What it is told.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HeartbeatAnswer {
    /// Whether it gets trials.
    pub mode: WorkerMode,
    /// Trials that wait and that it could run.
    pub waiting: u64,
}

/// A lease, or none now.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LeaseAnswer {
    /// The trial.
    #[serde(default)]
    pub lease: Option<Lease>,
    /// Whether it gets trials at all.
    pub mode: WorkerMode,
}

/// What came of a renewal.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RenewDoc {
    /// The job's owner gave it up: stop, and say so.
    pub cancelled: bool,
    /// Seconds that the lease lasts from now.
    pub lease_seconds: u64,
}

/// Observations of a lease.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservationBatch {
    /// Number of the first in the lease's stream, from 0.
    pub first: u64,
    /// In order, at most 1000.
    #[schemars(length(max = 1000))]
    pub observations: Vec<Observation>,
}

/// Progress of a lease.
pub type ProgressDoc = Progress;
/// The end of a lease with evidence.
pub type CompletionDoc = Completion;
/// The end of a lease without.
pub type FailDoc = TrialEnd;

/// A value that a scenario types.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SecretDoc {
    /// The value; none: the job has none of that name.
    #[serde(default)]
    pub value: Option<String>,
}

impl std::fmt::Debug for SecretDoc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretDoc(hidden)")
    }
}

/// How much of an artifact has come.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ArtifactState {
    /// Of which trial.
    pub trial: TrialId,
    /// Bytes that are here; the next part begins there.
    pub offset: u64,
    /// All of it is here, and the digest is right.
    pub complete: bool,
}
