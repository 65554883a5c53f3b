//! Jobs, trials, leases and what they leave.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stakeout_contract::{
    DeviceKind, Epoch, JobId, Sha256Digest, TenantId, TokenId, TrialId, WorkerId,
    api::{
        events::{Event, What},
        jobs::{Outcome, TrialCounts},
    },
    lease::{Abilities, Completion},
    observation::Observation,
    result::JobResult,
    scenario::Scenario,
    trial::{AppFacts, FeedMode, TrialEnd, TrialState},
};
use stakeout_domain::lease::{Millis, TrialRow};

use crate::{Answered, Deed, Noted, StoreError};

/// What a job is, as submitted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct JobSpec {
    /// The app.
    pub app: Sha256Digest,
    /// Its splits.
    pub splits: Vec<Sha256Digest>,
    /// What its manifest says.
    pub facts: AppFacts,
    /// What to do.
    pub scenario: Scenario,
    /// On what.
    pub device: DeviceKind,
    /// How often.
    pub trials: u32,
    /// How frames are coded.
    pub feed_mode: FeedMode,
    /// Chosen by the submitter: part of every key.
    pub nonce: String,
    /// Put the APK into the bundle.
    #[serde(default)]
    pub with_app: bool,
    /// SHA-256 of the scenario's canonical JSON, for the receipt. None: it was submitted to a version whose receipts bind keys only.
    #[serde(default)]
    pub scenario_digest: Option<Sha256Digest>,
}

/// A job in a store. Its secret is the root of its trials' keys.
#[derive(Clone, PartialEq)]
pub struct JobRow {
    /// Its id.
    pub id: JobId,
    /// Whose.
    pub tenant: TenantId,
    /// As submitted.
    pub spec: JobSpec,
    /// 32 random bytes.
    pub secret: [u8; 32],
    /// How far it is.
    pub state: TrialState,
    /// Larger is earlier within the tenant.
    pub priority: i32,
    /// For finding it again.
    pub tags: Vec<String>,
    /// What makes a later job the same as this one: app, scenario, device, trials, feed and engine.
    pub fingerprint: Sha256Digest,
    /// Values for `inputText`, sealed by the server; none: there are none, or the job has ended.
    pub sealed: Option<Vec<u8>>,
    /// When it was submitted.
    pub created: Millis,
    /// When it ended.
    pub ended: Option<Millis>,
    /// Milliseconds after its end when it is deleted.
    pub delete_after: Option<Millis>,
    /// Only workers of its tenant may lease its trials.
    pub own_workers_only: bool,
    /// Kept in the same transaction as the state.
    pub counts: TrialCounts,
    /// The job whose answer this one is.
    pub reused: Option<JobId>,
    /// The result, when there is one.
    pub result: Option<JobResult>,
    /// In short, and where report and bundle are.
    pub outcome: Option<Outcome>,
    /// SHA-256 of the report, when there is one.
    pub report: Option<Sha256Digest>,
}

impl std::fmt::Debug for JobRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobRow").field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
    }
}

/// A trial in a store.
#[derive(Clone, PartialEq, Debug)]
pub struct TrialFull {
    /// Its id.
    pub id: TrialId,
    /// Its job.
    pub job: JobId,
    /// Whose.
    pub tenant: TenantId,
    /// From 1.
    pub number: u32,
    /// State, epoch, lease.
    pub row: TrialRow,
    /// What its worker handed in.
    pub completion: Option<Completion>,
    /// How its last try ended, if it did not complete.
    pub ended: Option<TrialEnd>,
}

/// Which jobs are wanted, the newest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct JobFilter {
    /// Older than this one.
    pub before: Option<JobId>,
    /// In this state.
    pub state: Option<TrialState>,
    /// With this tag.
    pub tag: Option<String>,
    /// Of this package.
    pub package: Option<String>,
    /// Of this app.
    pub app: Option<Sha256Digest>,
    /// At most so many.
    pub most: u32,
}

/// Who asks for a trial.
#[derive(Clone, PartialEq, Debug)]
pub struct LeaseFor {
    /// The worker.
    pub worker: WorkerId,
    /// Whose it is: of `farm`, it may have everyone's trials but those of tenants who want their own workers; else its own's.
    pub tenant: TenantId,
    /// Its token: who has another may not act for the lease. None: whoever knows the lease may.
    pub token: Option<TokenId>,
    /// What it can run now.
    pub abilities: Abilities,
    /// How long the lease lasts.
    pub seconds: u64,
}

/// What is kept together with new jobs, or not at all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Notes {
    /// What the request is answered: whoever sends it again gets that, and no second job.
    pub answered: Option<Answered>,
    /// For the audit.
    pub deeds: Vec<Deed>,
}

/// The bound of a tenant that something new would go over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OverQuota {
    /// Of trials that wait.
    #[error("{waiting} trials wait, and {most} may; this asks for {new} more")]
    Waiting {
        /// So many do.
        waiting: u64,
        /// So many may.
        most: u32,
        /// So many are asked for.
        new: u64,
    },
    /// Of trials in a UTC day.
    #[error("{today} of {most} trials of today (UTC) have run, run or wait; this asks for {new} more")]
    TrialsADay {
        /// Those that ended today, run or wait.
        today: u64,
        /// So many may.
        most: u32,
        /// So many are asked for.
        new: u64,
    },
    /// Of hours of slots in a UTC day.
    #[error("the {most} hours of today (UTC) are used")]
    SlotHoursADay {
        /// So many may.
        most: u32,
    },
    /// Of bytes that are kept or are about to come.
    #[error("{kept} of {most} bytes are kept and {coming} are coming; this asks for {new} more")]
    Bytes {
        /// So many are kept.
        kept: u64,
        /// Of open uploads, as they were begun.
        coming: u64,
        /// So many may.
        most: u64,
        /// So many are asked for.
        new: u64,
    },
    /// Of uploads that are open.
    #[error("{most} uploads are open")]
    Uploads {
        /// So many may.
        most: u32,
    },
    /// Of scenarios.
    #[error("a tenant has at most {most} scenarios")]
    Scenarios {
        /// So many may.
        most: u32,
    },
    /// Of tokens that count.
    #[error("a tenant has at most {most} tokens that count")]
    Tokens {
        /// So many may.
        most: u32,
    },
    /// Of deliveries to webhooks that wait.
    #[error("{most} deliveries wait")]
    Deliveries {
        /// So many may.
        most: u32,
    },
}

/// A job that is to be decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Due {
    /// Which.
    pub job: JobId,
    /// Which try this is, from 1.
    pub tries: u32,
}

/// A job's end, as decided.
#[derive(Clone, PartialEq, Debug)]
pub struct Decided {
    /// Finished, failed or cancelled.
    pub state: TrialState,
    /// The whole.
    pub result: JobResult,
    /// In short.
    pub outcome: Option<Outcome>,
    /// SHA-256 of the report.
    pub report: Option<Sha256Digest>,
    /// Why, where there is something to say.
    pub reason: String,
}

/// How long trials of a kind took: for estimates.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Paces {
    /// Trials that it rests on.
    pub trials: u32,
    /// Seconds of a slot, mean.
    pub slot_seconds: f64,
    /// Bytes kept, mean.
    pub bytes: f64,
}

/// How long an id stays used when its job is gone, counted from its submit. Longer than an offer is valid, by more than clocks are
/// usually set: the secret of an offered job is public when it has ended, so whoever got its id again would know the keys.
pub const IDS_KEPT: Millis = 86_400_000;

/// Who waits beside a tenant's next trial: for estimates.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ahead {
    /// Trials of the tenant that wait and are as urgent, or more.
    pub own: u64,
    /// Trials of the tenant that run.
    pub running: u64,
    /// Weights of other tenants that wait for the same workers, in all.
    pub others: u64,
}

/// Jobs and trials. Every method is one transaction. A trial's change of state is written together with its job's counts, and
/// with the event that tells of it; when the last trial of a job ends, the job becomes due for its decision.
#[async_trait]
pub trait Jobs: Send + Sync + 'static {
    /// Remembers jobs and their trials, all queued, and what is noted of them: all of it or nothing. A job with `reused` has no
    /// trials, and has ended. [`StoreError::OverQuota`]: their tenant may not have so many. [`StoreError::Changed`] of a request: it
    /// took so long that another try has its key. [`StoreError::Used`]: a job has this id, whosever, or had it within [`IDS_KEPT`].
    async fn insert_jobs(&self, jobs: Vec<(JobRow, Vec<TrialId>)>, notes: &Notes) -> Result<(), StoreError>;
    /// A job of this tenant; of the farm itself when none is given. Another tenant's is [`StoreError::NotFound`].
    async fn job(&self, tenant: Option<&TenantId>, id: &JobId) -> Result<JobRow, StoreError>;
    /// A tenant's jobs, the newest first.
    async fn jobs(&self, tenant: &TenantId, filter: &JobFilter) -> Result<Vec<JobRow>, StoreError>;
    /// The newest finished job of this tenant with this fingerprint that is not itself an answer of before.
    async fn same_job(&self, tenant: &TenantId, fingerprint: &Sha256Digest) -> Result<Option<JobRow>, StoreError>;
    /// A job's trials by number.
    async fn trials(&self, job: &JobId) -> Result<Vec<TrialFull>, StoreError>;
    /// A job's trials after a number, by number, at most so many.
    async fn trials_after(&self, job: &JobId, number: u32, most: u32) -> Result<Vec<TrialFull>, StoreError>;
    /// A trial; see [`Jobs::job`] for whose.
    async fn trial(&self, tenant: Option<&TenantId>, id: &TrialId) -> Result<TrialFull, StoreError>;
    /// The next trial by [`stakeout_domain::share`] that this worker can run, now leased to it.
    async fn lease(&self, ask: &LeaseFor, now: Millis) -> Result<Option<(TrialFull, JobRow)>, StoreError>;
    /// How many trials wait that such a worker could run.
    async fn waiting(&self, tenant: &TenantId, abilities: &Abilities) -> Result<u64, StoreError>;
    /// The worker lives. The row says whether the trial was cancelled meanwhile. `by`: its token, where it has one.
    async fn renew(&self, trial: &TrialId, epoch: Epoch, by: Option<&TokenId>, now: Millis, seconds: u64) -> Result<TrialRow, StoreError>;
    /// Whether this lease still counts, and whose trial it is: for reads of a worker, and before bytes are taken.
    /// See [`Jobs::job`] for `tenant`.
    async fn fenced(&self, tenant: Option<&TenantId>, trial: &TrialId, epoch: Epoch) -> Result<TrialFull, StoreError>;
    /// Adds observations to a lease's stream; `first` is the line of the first. A batch that comes twice counts once, one that
    /// leaves a hole is [`StoreError::Changed`]: a hole would be lost evidence.
    async fn observe(&self, trial: &TrialId, epoch: Epoch, first: u64, observations: &[Observation], now: Millis)
    -> Result<(), StoreError>;
    /// A lease's stream, from a line on, at most so many.
    async fn observations(&self, trial: &TrialId, epoch: Epoch, from: u64, most: u32) -> Result<Vec<Observation>, StoreError>;
    /// An artifact belongs to a lease, and its bytes (so many) to its tenant. [`StoreError::Busy`] while such bytes are being
    /// removed.
    async fn note_artifact(&self, trial: &TrialId, epoch: Epoch, digest: &Sha256Digest, bytes: u64, now: Millis) -> Result<(), StoreError>;
    /// Keeps an event of a lease (its progress). States, observations and findings make theirs by themselves.
    async fn tell(&self, trial: &TrialId, epoch: Epoch, what: &What, now: Millis) -> Result<(), StoreError>;
    /// Ends a trial with what its worker handed in, and counts what it used. The same completion of the same epoch twice is once.
    /// [`StoreError::NotFound`] of a blob: it names an artifact that was not given.
    async fn complete(&self, trial: &TrialId, epoch: Epoch, completion: &Completion, now: Millis) -> Result<TrialRow, StoreError>;
    /// The worker gives up; the trial is queued again or failed.
    async fn give_back(&self, trial: &TrialId, epoch: Epoch, end: &TrialEnd, now: Millis) -> Result<TrialRow, StoreError>;
    /// Ends leases that are over, at most a thousand. Gives the trials whose row changed.
    async fn expire(&self, now: Millis) -> Result<Vec<TrialId>, StoreError>;
    /// Leases that end later than one of so many seconds can, as the clock went back since, last so long from now. How many; at most
    /// a thousand.
    async fn shorten(&self, now: Millis, seconds: u64) -> Result<u64, StoreError>;
    /// Gives a job up. Leased trials end when their worker lets go. Noted where a trial waits or runs.
    async fn cancel(&self, job: &JobId, now: Millis, noted: Noted<'_>) -> Result<(), StoreError>;
    /// A job whose trials have all ended and that nobody decides now; it is the caller's for `seconds`, and for twice as long as
    /// before with each try, to an hour. One that would be due later than that, as the clock went back since, is due now.
    async fn claim_due(&self, now: Millis, seconds: u64) -> Result<Option<Due>, StoreError>;
    /// Gives back a claim that came to nothing for a reason that is not the job's: that try does not count, and the job is due again
    /// at `due`. Nothing, if it was claimed again or decided meanwhile.
    async fn unclaim_due(&self, claim: &Due, due: Millis) -> Result<(), StoreError>;
    /// Keeps a job's end, once: a second decision changes nothing and says so by `false`. Sealed secrets go. Deliveries to the
    /// tenant's webhooks begin to wait. [`StoreError::InUse`] while a trial waits or runs; [`StoreError::NotFound`] of a blob: report
    /// or bundle was not given.
    async fn decide(&self, job: &JobId, decided: &Decided, now: Millis) -> Result<bool, StoreError>;
    /// A job's state, and the number of its last event: all that whoever follows it asks again and again.
    async fn progress(&self, job: &JobId) -> Result<(TrialState, u64), StoreError>;
    /// A job's events after a number, at most so many, and fewer where they are large: there are no more only where none come.
    /// Observations are filled in.
    async fn events(&self, job: &JobId, after: u64, most: u32) -> Result<Vec<Event>, StoreError>;
    /// Forgets a job that has ended, and all that it left but the bytes: also what webhooks were told of it.
    async fn delete_job(&self, tenant: &TenantId, job: &JobId, noted: Noted<'_>) -> Result<(), StoreError>;
    /// Jobs whose time to be deleted has come, at most so many. One whose end webhooks have still to be told is kept until they were,
    /// for a day at most: what they are told goes with it.
    async fn outdated_jobs(&self, now: Millis, most: u32) -> Result<Vec<(TenantId, JobId)>, StoreError>;
    /// How long this tenant's trials of this device and scenario took, of the last ones. Others' are not told: a scenario's name
    /// would tell who runs it, how long and how much it finds.
    async fn paces(&self, tenant: &TenantId, device: DeviceKind, scenario: &str) -> Result<Paces, StoreError>;
    /// Who waits beside a new trial of a tenant with this priority, on this device. Tenants with workers of their own wait for those.
    async fn ahead(&self, tenant: &TenantId, device: DeviceKind, api: u32, priority: i32) -> Result<Ahead, StoreError>;
    /// What time it is where all orchestrators of a farm look, Unix milliseconds; none: there is no such place, and one orchestrator.
    async fn clock(&self) -> Result<Option<Millis>, StoreError>;
    /// Tells other orchestrators that trials began to wait, where the store can.
    async fn tell_waiting(&self) -> Result<(), StoreError>;
    /// What others tell so.
    async fn hints(&self) -> Result<Box<dyn Hints>, StoreError>;
}

/// Hints that trials began to wait: to look sooner, no more. Any of them may be lost, and one may come for nothing.
#[async_trait]
pub trait Hints: Send {
    /// Waits for the next.
    async fn next(&mut self) -> Result<(), StoreError>;
}
