//! Jobs in, state out.

use std::{collections::BTreeMap, path::Path, time::SystemTime};

use stakeout_blobs::{BlobError, Blobs};
use stakeout_bundle::receipt::Receipt;
use stakeout_contract::{
    DeviceKind, JobId, TrialId,
    lease::Progress,
    scenario::Scenario,
    trial::{FeedMode, TrialState},
};
use stakeout_store::{JobRow, JobSpec, Store, StoreError, TrialFull};
use tokio::sync::broadcast;

use crate::intake::{self, IntakeError};

/// Why the orchestrator did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The app or the scenario was refused at the door.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The artifact storage failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A bundle could not be written.
    #[error(transparent)]
    Bundle(#[from] stakeout_bundle::BundleError),
    /// A report could not be written.
    #[error(transparent)]
    Report(#[from] stakeout_report::ReportError),
    /// The system gives no randomness.
    #[error("the system gives no randomness: {0}")]
    Randomness(String),
    /// A document of ours could not be written as JSON.
    #[error("`{what}` cannot be written as JSON")]
    Document {
        /// Which.
        what: String,
        /// Why.
        source: serde_json::Error,
    },
    /// A file failed.
    #[error("`{path}` cannot be written")]
    File {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Values of secrets that scenarios name. They live in memory only, and never in a store, bundle or log.
#[derive(Clone, Default)]
pub struct Secrets(BTreeMap<String, String>);

impl Secrets {
    /// Adds one.
    pub fn insert(&mut self, name: String, value: String) {
        self.0.insert(name, value);
    }

    /// A value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What is submitted.
#[derive(Clone, Debug)]
pub struct Submission<'a> {
    /// The APK.
    pub apk: &'a Path,
    /// Its splits.
    pub splits: &'a [std::path::PathBuf],
    /// What to do.
    pub scenario: Scenario,
    /// On what.
    pub device: DeviceKind,
    /// How often.
    pub trials: u32,
    /// How frames are coded.
    pub feed_mode: FeedMode,
    /// Chosen by the submitter.
    pub nonce: String,
    /// For the scenario's `inputText`.
    pub secrets: Secrets,
}

/// The orchestrator.
pub struct Service<S> {
    pub(crate) store: S,
    pub(crate) blobs: Blobs,
    pub(crate) progress: broadcast::Sender<Progress>,
    pub(crate) secrets: std::sync::RwLock<BTreeMap<JobId, Secrets>>,
}

/// Seconds of a lease.
pub(crate) const LEASE_SECONDS: u64 = 60;

impl<S: Store> Service<S> {
    /// On a store and a place for artifacts.
    pub fn new(store: S, blobs: Blobs) -> Self {
        Self { store, blobs, progress: broadcast::channel(1024).0, secrets: std::sync::RwLock::default() }
    }

    /// The store.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// Progress of all trials from now on; a slow reader loses the oldest.
    pub fn watch(&self) -> broadcast::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Takes a job. The receipt is for the submitter, before anything runs.
    pub async fn submit(&self, s: Submission<'_>) -> Result<(JobId, Receipt), ServiceError> {
        s.scenario.check().map_err(IntakeError::Scenario)?;
        intake::secrets_are_there(&s.scenario, &s.secrets)?;
        let facts = intake::app(s.apk, s.splits)?;
        let app = self.blobs.put_file(s.apk).await?;
        let mut splits = Vec::new();
        for p in s.splits {
            splits.push(self.blobs.put_file(p).await?);
        }
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|e| ServiceError::Randomness(e.to_string()))?;
        let id = JobId::generate();
        let receipt = Receipt::new(id.clone(), &secret, &s.nonce);
        let spec = JobSpec {
            app,
            splits,
            facts,
            scenario: s.scenario,
            device: s.device,
            trials: s.trials,
            feed_mode: s.feed_mode,
            nonce: s.nonce,
        };
        let job = JobRow { id: id.clone(), spec, secret, state: TrialState::Queued, created: now(), result: None };
        let trials = (0..s.trials).map(|_| TrialId::generate()).collect();
        if let Ok(mut all) = self.secrets.write() {
            all.insert(id.clone(), s.secrets);
        }
        self.store.insert_job(job, trials).await?;
        Ok((id, receipt))
    }

    /// A job's trials.
    pub async fn trials(&self, job: &JobId) -> Result<Vec<TrialFull>, ServiceError> {
        Ok(self.store.trials(job).await?)
    }

    /// Whether every trial of a job has ended.
    pub async fn has_ended(&self, job: &JobId) -> Result<bool, ServiceError> {
        Ok(self.store.trials(job).await?.iter().all(|t| t.row.state.is_final()))
    }

    /// Gives a job up.
    pub async fn cancel(&self, job: &JobId) -> Result<(), ServiceError> {
        Ok(self.store.cancel(job, now()).await?)
    }

    /// Ends leases that are over; to be called now and then.
    pub async fn expire(&self) -> Result<usize, ServiceError> {
        Ok(self.store.expire(now()).await?.len())
    }
}

/// Unix milliseconds.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}
