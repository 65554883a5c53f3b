//! What an orchestrator remembers: apps, jobs, trials, leases, observations. Artifacts' bytes are in `blobs`.
//!
//! [`Store`] is what the rest of the product sees. Its methods are whole steps (lease a trial, complete one), each one
//! transaction: the store reads a row, asks [`stakeout_domain::lease`] what it becomes, writes that. So two servers on one
//! database cannot lease one trial twice, and a worker whose lease was lost cannot write: it gets [`StoreError::Refused`].
//!
//! [`sqlite::SqliteStore`] is the default: one file in WAL mode with one writer, made for one host. PostgreSQL is the
//! second home of the same trait; [`conformance`] holds what both must do, and a new store is done when it passes.
//!
//! It keeps no bytes of apps and decides no verdicts. Times are Unix milliseconds of the caller's clock, given as
//! arguments, so that a test can be a day long without waiting.
//!
//! Read first: [`Store`], [`JobRow`], [`TrialFull`].

pub mod conformance;
pub mod sqlite;

use std::future::Future;

use serde::{Deserialize, Serialize};
use stakeout_contract::{
    DeviceKind, Epoch, JobId, Sha256Digest, TrialId, WorkerId,
    lease::{Abilities, Completion},
    observation::Observation,
    result::JobResult,
    scenario::Scenario,
    trial::{AppFacts, FeedMode, TrialEnd, TrialState},
};
use stakeout_domain::lease::{Millis, Refused, TrialRow};

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
}

/// A job in a store. Its secret is the root of its trials' keys.
#[derive(Clone, PartialEq)]
pub struct JobRow {
    /// Its id.
    pub id: JobId,
    /// As submitted.
    pub spec: JobSpec,
    /// 32 random bytes.
    pub secret: [u8; 32],
    /// How far it is.
    pub state: TrialState,
    /// When it was submitted.
    pub created: Millis,
    /// The result, when there is one.
    pub result: Option<JobResult>,
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
    /// From 1.
    pub number: u32,
    /// State, epoch, lease.
    pub row: TrialRow,
    /// What its worker handed in.
    pub completion: Option<Completion>,
    /// How its last try ended, if it did not complete.
    pub ended: Option<TrialEnd>,
}

/// Why a store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The rules of leases refuse it: stop writing to this trial.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// There is no such job, trial or app.
    #[error("there is no {what} `{id}`")]
    NotFound {
        /// `job`, `trial`, `app`.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// The database does not answer as it should.
    #[error("the database failed at `{doing}`")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A row does not have the form that this version writes.
    #[error("a row of `{what}` cannot be read; was it written by another version?")]
    BadRow {
        /// Which table.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A store. Every method is one transaction.
pub trait Store: Send + Sync + 'static {
    /// Remembers a job and its trials, all queued.
    fn insert_job(&self, job: JobRow, trials: Vec<TrialId>) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// A job.
    fn job(&self, id: &JobId) -> impl Future<Output = Result<JobRow, StoreError>> + Send;
    /// All jobs, the newest first.
    fn jobs(&self, most: u32) -> impl Future<Output = Result<Vec<JobRow>, StoreError>> + Send;
    /// A job's trials by number.
    fn trials(&self, job: &JobId) -> impl Future<Output = Result<Vec<TrialFull>, StoreError>> + Send;
    /// The oldest queued trial that such a worker can run, now leased to it.
    fn lease(
        &self,
        worker: &WorkerId,
        abilities: &Abilities,
        now: Millis,
        seconds: u64,
    ) -> impl Future<Output = Result<Option<(TrialFull, JobRow)>, StoreError>> + Send;
    /// Whose trial it is.
    fn trial_job(&self, trial: &TrialId) -> impl Future<Output = Result<JobId, StoreError>> + Send;
    /// How many trials wait.
    fn waiting(&self) -> impl Future<Output = Result<u32, StoreError>> + Send;
    /// The worker lives. The row says whether the trial was cancelled meanwhile.
    fn renew(&self, trial: &TrialId, epoch: Epoch, now: Millis, seconds: u64) -> impl Future<Output = Result<TrialRow, StoreError>> + Send;
    /// Adds observations to a lease's stream; `first` is the line of the first. A batch that comes twice counts once.
    fn observe(
        &self,
        trial: &TrialId,
        epoch: Epoch,
        first: u64,
        observations: &[Observation],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// A lease's stream.
    fn observations(&self, trial: &TrialId, epoch: Epoch) -> impl Future<Output = Result<Vec<Observation>, StoreError>> + Send;
    /// An artifact belongs to a lease.
    fn note_artifact(&self, trial: &TrialId, epoch: Epoch, digest: &Sha256Digest) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Ends a trial with what its worker handed in.
    fn complete(
        &self,
        trial: &TrialId,
        epoch: Epoch,
        completion: &Completion,
        now: Millis,
    ) -> impl Future<Output = Result<TrialRow, StoreError>> + Send;
    /// The worker gives up; the trial is queued again or failed.
    fn give_back(
        &self,
        trial: &TrialId,
        epoch: Epoch,
        end: &TrialEnd,
        now: Millis,
    ) -> impl Future<Output = Result<TrialRow, StoreError>> + Send;
    /// Ends leases that are over. Gives the trials whose row changed.
    fn expire(&self, now: Millis) -> impl Future<Output = Result<Vec<TrialId>, StoreError>> + Send;
    /// Gives a job up. Leased trials end when their worker lets go.
    fn cancel(&self, job: &JobId, now: Millis) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Keeps a job's result and state.
    fn finish_job(&self, job: &JobId, state: TrialState, result: &JobResult) -> impl Future<Output = Result<(), StoreError>> + Send;
}
