//! Jobs, trials, artifacts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    DeviceKind, Epoch, JobId, Sha256Digest, TenantId, TrialId, WorkerId,
    artifact::Role,
    result::Verdict,
    scenario::Scenario,
    statement::Envelope,
    trial::{FeedMode, TrialEnd, TrialState},
};

/// Which scenario: by name (built in or the tenant's), or as a document.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum ScenarioRef {
    /// By name.
    Name(String),
    /// As YAML text, `{"yaml": ".."}`: a mistake is told with line and column.
    Text {
        /// The text.
        yaml: String,
    },
    /// As a document.
    Inline(Box<Scenario>),
}

/// Whether an answer of before is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reuse {
    /// Run it.
    #[default]
    Never,
    /// If this tenant already ran the same app, scenario, device, engine and number of trials: that job.
    Allow,
    /// That job, or nothing runs.
    Require,
}

/// A job to be run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// SHA-256 of an app that was uploaded before.
    pub app: Sha256Digest,
    /// What to do; `idle-demo` if not given.
    #[serde(default = "idle_demo")]
    pub scenario: ScenarioRef,
    /// On what.
    #[serde(default = "jvm")]
    pub device: DeviceKind,
    /// API level, instead of the scenario's.
    #[serde(default)]
    #[schemars(range(min = 1, max = 99))]
    pub api: Option<u32>,
    /// How often, 1 to 1000, instead of the scenario's number.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    pub trials: Option<u32>,
    /// How pictures are coded.
    #[serde(default)]
    pub feed_mode: FeedMode,
    /// Larger is earlier within the tenant, -100 to 100.
    #[serde(default)]
    #[schemars(range(min = -100, max = 100))]
    pub priority: i32,
    /// For finding it again: at most 20 of at most 64 characters each.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub tags: Vec<String>,
    /// Values for the scenario's `inputText`; sealed until the job ends, and in no answer, bundle or log.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// 64 hexadecimal digits of the submitter's choice, part of every key; the server draws one if not given.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9a-fA-F]{64}$"))]
    pub nonce: Option<String>,
    /// Whether an answer of before is wanted.
    #[serde(default)]
    pub reuse: Reuse,
    /// Days after its end when the job is deleted with all it left; none: as long as the tenant's things are kept. Webhooks are told
    /// first, for a day at most.
    #[serde(default)]
    #[schemars(range(min = 0, max = 36500))]
    pub delete_after_days: Option<u32>,
    /// Put the APK into the bundle.
    #[serde(default)]
    pub with_app: bool,
}

fn idle_demo() -> ScenarioRef {
    ScenarioRef::Name("idle-demo".to_owned())
}

const fn jvm() -> DeviceKind {
    DeviceKind::Jvm
}

/// A job that may be submitted: its id, and what its secret is, by its digest. Ask for it, choose a nonce, submit both: then the
/// secret was not chosen for the nonce, and the receipt shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Offer {
    /// The job's id, for the header `Stakeout-Offer` of the submit.
    pub job: JobId,
    /// SHA-256 of `stakeout-secret` and the job's secret, as the receipt has it again.
    pub secret: Sha256Digest,
    /// Until when it is taken up, Unix milliseconds.
    pub valid_until_ms: i64,
}

/// A job, as it is now.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Whose.
    pub tenant: TenantId,
    /// The app.
    pub app: Sha256Digest,
    /// The app's package: text from a stranger.
    pub package: String,
    /// The scenario's name.
    pub scenario: String,
    /// Device and API level, as `jvm 34`.
    pub device: String,
    /// State; it says nothing of the outcome.
    pub state: TrialState,
    /// How its trials are.
    pub trials: TrialCounts,
    /// Larger is earlier.
    pub priority: i32,
    /// For finding it again.
    pub tags: Vec<String>,
    /// Unix milliseconds.
    pub created_ms: i64,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<i64>,
    /// When it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_ms: Option<i64>,
    /// SHA-256 of what is revealed at its end: keep it, it proves that the keys were chosen before the trials.
    pub commitment: Sha256Digest,
    /// The submitter's part of the keys.
    pub nonce: String,
    /// The receipt, signed by the operator: keep it. Lists of jobs leave it out, and so does a job that answers from an earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Envelope>,
    /// It answers from an earlier job: nothing ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reused: Option<Reused>,
    /// The strongest answers, when it has ended; all of them are in its report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// From where an answer was taken.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Reused {
    /// The job that ran.
    pub job: JobId,
    /// When it ended, Unix milliseconds: the answer's age. None: it was deleted since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<i64>,
}

/// How many trials are in which state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TrialCounts {
    /// Asked for.
    pub all: u32,
    /// Wait.
    pub queued: u32,
    /// A worker has them.
    pub running: u32,
    /// Ended with evidence.
    pub finished: u32,
    /// Ended without.
    pub failed: u32,
    /// Given up.
    pub cancelled: u32,
}

/// What a job found, in short.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Outcome {
    /// What `stakeout run` would exit with at `--fail-on opened`.
    pub exit_code: u8,
    /// Verdicts that are `proven` or `supported` in an idle state at `opened`, `read` or above.
    pub found: Vec<Verdict>,
    /// How many claims are inconclusive.
    pub inconclusive: u32,
    /// SHA-256 of the signed bundle.
    pub bundle: Sha256Digest,
    /// Its bytes.
    pub bundle_bytes: u64,
    /// Fingerprint of the operator's key.
    pub signer: String,
}

/// A trial, as it is now.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Trial {
    /// Its id.
    pub id: TrialId,
    /// Its job.
    pub job: JobId,
    /// From 1.
    pub number: u32,
    /// State.
    pub state: TrialState,
    /// How often it was leased.
    pub epoch: Epoch,
    /// Who has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerId>,
    /// How it ended, or its last try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<TrialEnd>,
    /// SHA-256 of its key in this epoch; none before the first lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commitment: Option<Sha256Digest>,
    /// What it left, once it has ended; in a list of trials the first 100.
    #[serde(default)]
    pub artifacts: Vec<ArtifactDoc>,
    /// How many more it left: `/v1/trials/{trial}` has all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub artifacts_left_out: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// An artifact.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ArtifactDoc {
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
    /// What it is.
    pub role: Role,
    /// Its name: text from a stranger.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
}

/// Several jobs at once; they are taken together or not at all.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchSpec {
    /// At most 1000.
    #[schemars(length(min = 1, max = 1000))]
    pub jobs: Vec<JobSpec>,
}

/// What came of a batch.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Batch {
    /// In the order of the request.
    pub jobs: Vec<Job>,
}

/// What a job would cost, and how long until it begins. From trials of this tenant; a guess, and said so.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Estimate {
    /// Trials.
    pub trials: u32,
    /// Length on the devices' clocks, seconds, all trials together.
    pub virtual_seconds: f64,
    /// Seconds of slots; none: this farm has not run such a trial yet.
    #[serde(default)]
    pub slot_seconds: Option<f64>,
    /// Bytes kept; none: as above.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// Seconds until its first trial begins, by the tenant's share of the slots and by its own trials that are as urgent; none: no
    /// worker that takes trials can run it, or nothing is known.
    #[serde(default)]
    pub wait_seconds: Option<f64>,
    /// Workers that take trials and can run it.
    pub workers: u32,
    /// Trials that the figures rest on.
    pub based_on: u32,
    /// A job that `reuse: allow` would answer with.
    #[serde(default)]
    pub reusable: Option<JobId>,
}

/// Which jobs are wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JobQuery {
    /// `next` of the part before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Items, 1 to 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
    /// In this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<TrialState>,
    /// With this tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Of this package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Of this app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<Sha256Digest>,
}
