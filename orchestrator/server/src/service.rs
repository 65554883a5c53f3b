//! Jobs in, state out.

use std::{
    collections::BTreeMap,
    future::Future,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use sha2::{Digest, Sha256};
use stakeout_agent::Fence;
use stakeout_blobs::{BlobError, Blobs};
use stakeout_bundle::receipt::Receipt;
use stakeout_contract::{
    DeviceKind, JobId, Sha256Digest, TenantId, TokenId, TrialId,
    api::{apps::App, jobs::TrialCounts},
    lease::Progress,
    scenario::Scenario,
    trial::{FeedMode, TrialState},
};
use stakeout_store::{Deed, JobRow, JobSpec, Noted, Notes, Store, StoreError, TrialFull};
use tokio::sync::{broadcast, watch};

pub(crate) use crate::clock::now;
use crate::{
    ENGINE,
    intake::{self, Intake, IntakeError},
    metrics::Metrics,
    receipts,
    seal::{SealError, Sealer, random},
};

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
    /// What a worker handed in is not what it signed.
    #[error("the worker's statement does not hold: {0}")]
    Statement(String),
    /// The app is there with other splits.
    #[error("the app `{app}` is kept with {there} splits, and other {given} were given")]
    OtherSplits {
        /// Its base.
        app: Sha256Digest,
        /// Splits that are kept.
        there: usize,
        /// Splits that were given.
        given: usize,
    },
    /// An offer cannot be taken up.
    #[error("the offer of `{0}` is not valid, or no longer")]
    Offer(JobId),
    /// A secret could not be sealed or opened.
    #[error(transparent)]
    Seal(#[from] SealError),
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

/// Values of secrets that scenarios name. A store has them sealed, and only until their job ends; no bundle or log has them.
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

impl From<BTreeMap<String, String>> for Secrets {
    fn from(all: BTreeMap<String, String>) -> Self {
        Self(all)
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What is submitted.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Whose.
    pub tenant: TenantId,
    /// The app, which was taken before.
    pub app: App,
    /// What to do.
    pub scenario: Scenario,
    /// On what.
    pub device: DeviceKind,
    /// How often.
    pub trials: u32,
    /// How frames are coded.
    pub feed_mode: FeedMode,
    /// Chosen by the submitter; empty: drawn here.
    pub nonce: String,
    /// The job that was offered for it; none: its id and secret are drawn now.
    pub offer: Option<JobId>,
    /// For the scenario's `inputText`.
    pub secrets: Secrets,
    /// Larger is earlier within the tenant.
    pub priority: i32,
    /// For finding it again.
    pub tags: Vec<String>,
    /// Milliseconds after its end when it is deleted.
    pub delete_after: Option<i64>,
    /// Only workers of its tenant run it.
    pub own_workers_only: bool,
    /// Put the APK into the bundle.
    pub with_app: bool,
}

impl Submission {
    /// Of the embedded orchestrator's one tenant, with nothing special.
    pub fn plain(app: App, scenario: Scenario, device: DeviceKind) -> Self {
        Self {
            tenant: TenantId::farm(),
            app,
            trials: scenario.trials,
            scenario,
            device,
            feed_mode: FeedMode::default(),
            nonce: String::new(),
            offer: None,
            secrets: Secrets::default(),
            priority: 0,
            tags: vec![],
            delete_after: None,
            own_workers_only: false,
            with_app: false,
        }
    }
}

/// The orchestrator.
pub struct Service {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Blobs,
    pub(crate) sealer: Sealer,
    pub(crate) progress: broadcast::Sender<Progress>,
    pub(crate) woken: broadcast::Sender<JobId>,
    pub(crate) queued: watch::Sender<u64>,
    /// Changes with `queued`, but not when another orchestrator said so.
    pub(crate) own: watch::Sender<u64>,
    pub(crate) metrics: Metrics,
    pub(crate) intake: Intake,
    pub(crate) lease_seconds: u64,
    pub(crate) serving: bool,
    /// By which the worker in this process takes its leases. No caller has it.
    pub(crate) token: TokenId,
    /// The host of the worker in this process has troubles: it takes no trial.
    pub(crate) troubled: AtomicBool,
}

/// Seconds of a lease, unless told otherwise.
const LEASE_SECONDS: u64 = 60;

impl Service {
    /// On a store and a place for artifacts.
    pub fn new(store: Arc<dyn Store>, blobs: Blobs, sealer: Sealer) -> Self {
        let (progress, woken) = (broadcast::channel(1024).0, broadcast::channel(1024).0);
        let (queued, own, metrics) = (watch::Sender::default(), watch::Sender::default(), Metrics::default());
        Self {
            store,
            blobs,
            sealer,
            progress,
            woken,
            queued,
            own,
            metrics,
            intake: Intake::here(),
            lease_seconds: LEASE_SECONDS,
            serving: false,
            token: TokenId::generate(),
            troubled: AtomicBool::new(false),
        }
    }

    /// With strangers' apps read elsewhere than in this process: all that serves strangers has this.
    #[must_use]
    pub fn reading_apps(mut self, intake: Intake) -> Self {
        self.intake = intake;
        self
    }

    /// With leases of another length: a worker that was lost is noticed sooner, one that is cut off has less time.
    #[must_use]
    pub fn leases_of(mut self, seconds: u64) -> Self {
        self.lease_seconds = seconds.max(1);
        self
    }

    /// As one that serves: its tasks end leases that are over, and wait for workers at their start. Without it a worker in this
    /// process ends them whenever it asks for a trial.
    #[must_use]
    pub const fn serving(mut self) -> Self {
        self.serving = true;
        self
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The artifacts.
    pub const fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Progress of all trials from now on; a slow reader loses the oldest.
    pub fn watch(&self) -> broadcast::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Jobs to which something happened at this orchestrator: a hint to look, no more.
    pub fn woken(&self) -> broadcast::Receiver<JobId> {
        self.woken.subscribe()
    }

    pub(crate) fn wake(&self, job: &JobId) {
        // Nobody may be watching.
        let _ = self.woken.send(job.clone());
    }

    /// Changes when trials began to wait at this orchestrator: for those who wait for one.
    pub(crate) fn queued(&self) -> watch::Receiver<u64> {
        self.queued.subscribe()
    }

    /// Trials wait that did not before.
    pub(crate) fn some_wait(&self) {
        self.others_wait();
        self.own.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// The same, and another orchestrator said so.
    pub(crate) fn others_wait(&self) {
        self.queued.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Looks at an app and keeps it. Whether it is new to its tenant. One that is there with other splits is
    /// [`ServiceError::OtherSplits`]: a job of it would run another app than was sent.
    pub async fn add_app(&self, tenant: &TenantId, apk: &Path, splits: &[std::path::PathBuf]) -> Result<(App, bool), ServiceError> {
        self.take_app(tenant, apk, splits, |_| Vec::new()).await
    }

    /// The same, with what the audit says of it if it is new.
    pub(crate) async fn take_app(
        &self,
        tenant: &TenantId,
        apk: &Path,
        splits: &[std::path::PathBuf],
        deeds: impl Fn(&App) -> Vec<Deed> + Send + Sync,
    ) -> Result<(App, bool), ServiceError> {
        let facts = self.intake.app(apk, splits).await?;
        let (now, mut bytes) = (now(), 0);
        let mut kept = Vec::new();
        for path in std::iter::once(apk).chain(splits.iter().map(std::path::PathBuf::as_path)) {
            let (digest, size) = self.keep_file(tenant, path).await?;
            bytes += size;
            kept.push(digest);
        }
        let app = App { sha256: kept[0], splits: kept[1..].to_vec(), bytes, facts, created_ms: now };
        // Whoever forgets it between the two makes it new.
        loop {
            if self.store.put_app(tenant, &app, Noted { deeds: &deeds(&app), at: app.created_ms }).await? {
                return Ok((app, true));
            }
            match self.store.app(tenant, &app.sha256).await {
                Ok(there) if same_splits(&there, &app) => return Ok((there, false)),
                Ok(there) => return Err(ServiceError::OtherSplits { app: app.sha256, there: there.splits.len(), given: app.splits.len() }),
                Err(StoreError::NotFound { .. }) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// Stores a file and notes that its tenant gave it.
    pub(crate) async fn keep_file(&self, tenant: &TenantId, path: &Path) -> Result<(Sha256Digest, u64), ServiceError> {
        let blobs = self.blobs.of(tenant);
        let bytes = tokio::fs::metadata(path).await.map_or(0, |m| m.len());
        let mut digest = blobs.put_file(path).await?;
        patient(|| self.store.note_blob(tenant, &digest, bytes, now())).await?;
        // Bytes that were there already may have been removed before they were noted. Now that they are, what is written stays.
        if !blobs.has(&digest).await? {
            digest = blobs.put_file(path).await?;
        }
        Ok((digest, bytes))
    }

    /// Notes that an artifact belongs to a lease.
    pub(crate) async fn note_artifact(&self, fence: &Fence, sha256: &Sha256Digest, bytes: u64) -> Result<(), StoreError> {
        patient(|| self.store.note_artifact(&fence.trial, fence.epoch, sha256, bytes, now())).await
    }

    /// Notes that a tenant gave bytes.
    pub(crate) async fn note_blob(&self, tenant: &TenantId, sha256: &Sha256Digest, bytes: u64) -> Result<(), StoreError> {
        patient(|| self.store.note_blob(tenant, sha256, bytes, now())).await
    }

    /// Takes a job. The receipt is for the submitter, before anything runs.
    pub async fn submit(&self, s: Submission) -> Result<(JobId, Receipt), ServiceError> {
        let (row, trials, receipt) = self.plan(s)?;
        let id = row.id.clone();
        self.store.insert_jobs(vec![(row, trials)], &Notes::default()).await?;
        self.some_wait();
        Ok((id, receipt))
    }

    /// A job as it will be kept, not kept yet.
    pub fn plan(&self, s: Submission) -> Result<(JobRow, Vec<TrialId>, Receipt), ServiceError> {
        s.scenario.check().map_err(IntakeError::Scenario)?;
        intake::secrets_are_there(&s.scenario, &s.secrets)?;
        let (id, secret) = match s.offer {
            Some(id) => (id.clone(), self.offered(&id)?),
            None => (JobId::at(now()), random::<32>()?),
        };
        let nonce = if s.nonce.is_empty() { hex::encode(random::<32>()?) } else { s.nonce };
        let sealed = if s.secrets.0.is_empty() {
            None
        } else {
            let plain = serde_json::to_vec(&s.secrets.0).map_err(|source| ServiceError::Document { what: "secrets".to_owned(), source })?;
            Some(self.sealer.seal(id.as_str(), &plain)?)
        };
        let scenario_digest = Some(stakeout_bundle::statement::canonical(&s.scenario)?);
        let spec = JobSpec {
            app: s.app.sha256,
            splits: s.app.splits,
            facts: s.app.facts,
            scenario: s.scenario,
            device: s.device,
            trials: s.trials,
            feed_mode: s.feed_mode,
            nonce,
            with_app: s.with_app,
            scenario_digest,
        };
        // What was typed is no part of what is compared, so a job with values neither answers another nor is answered.
        let fingerprint = if sealed.is_some() { Sha256Digest::of(id.as_str().as_bytes()) } else { fingerprint(&spec) };
        let row = JobRow {
            id,
            tenant: s.tenant,
            secret,
            state: TrialState::Queued,
            priority: s.priority,
            tags: s.tags,
            fingerprint,
            sealed,
            created: now(),
            ended: None,
            delete_after: s.delete_after,
            own_workers_only: s.own_workers_only,
            counts: TrialCounts { all: s.trials, queued: s.trials, ..TrialCounts::default() },
            reused: None,
            result: None,
            outcome: None,
            report: None,
            spec,
        };
        let trials = (1..=s.trials).map(|n| TrialId::of(&row.id, n)).collect();
        let receipt = receipts::of(&row);
        Ok((row, trials, receipt))
    }

    /// The values that a job's scenario types.
    pub(crate) fn secrets_of(&self, job: &JobRow) -> Result<Secrets, ServiceError> {
        let Some(sealed) = &job.sealed else { return Ok(Secrets::default()) };
        let plain = self.sealer.open(job.id.as_str(), sealed)?;
        serde_json::from_slice(&plain).map(Secrets).map_err(|source| ServiceError::Document { what: "secrets".to_owned(), source })
    }

    /// A job's trials.
    pub async fn trials(&self, job: &JobId) -> Result<Vec<TrialFull>, ServiceError> {
        Ok(self.store.trials(job).await?)
    }

    /// Gives a job up.
    pub async fn cancel(&self, job: &JobId) -> Result<(), ServiceError> {
        self.cancel_noted(job, &[]).await
    }

    /// The same, with what the audit says of it.
    pub(crate) async fn cancel_noted(&self, job: &JobId, deeds: &[Deed]) -> Result<(), ServiceError> {
        let now = now();
        self.store.cancel(job, now, Noted { deeds, at: now }).await?;
        self.wake(job);
        Ok(())
    }

    /// Ends leases that are over; to be called now and then.
    pub async fn expire(&self) -> Result<usize, ServiceError> {
        let now = now();
        let lost = self.store.expire(now).await?;
        let shortened = self.store.shorten(now, self.lease_seconds).await?;
        if shortened > 0 {
            tracing::warn!(leases = shortened, "the clock went back: leases that would have lasted longer last as long as any other");
        }
        self.lost(&lost).await?;
        Ok(lost.len())
    }

    /// These trials have lost their leases: others get them, or they have ended.
    pub(crate) async fn lost(&self, trials: &[TrialId]) -> Result<(), ServiceError> {
        if !trials.is_empty() {
            self.some_wait();
        }
        for trial in trials {
            self.count_lost(trial).await?;
        }
        Ok(())
    }

    /// Counts a trial whose lease was lost, if that was its last.
    async fn count_lost(&self, trial: &TrialId) -> Result<(), ServiceError> {
        match self.store.trial(None, trial).await {
            Ok(t) if t.row.state.is_final() && t.completion.is_none() => {
                self.metrics.ended(t.row.state, t.ended.as_ref().map_or("lease", |e| &e.stage));
                Ok(())
            }
            // It waits again, or was deleted meanwhile.
            Ok(_) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }
}

/// Tries again for five seconds while the same bytes are just being removed: that takes a moment.
async fn patient<F: Future<Output = Result<(), StoreError>>>(note: impl Fn() -> F) -> Result<(), StoreError> {
    for _ in 0..50 {
        match note().await {
            Err(StoreError::Busy { .. }) => tokio::time::sleep(Duration::from_millis(100)).await,
            done => return done,
        }
    }
    note().await
}

/// Whether two apps have the same splits, in any order: a device installs them together.
fn same_splits(a: &App, b: &App) -> bool {
    let sorted = |app: &App| {
        let mut splits = app.splits.clone();
        splits.sort_unstable();
        splits
    };
    sorted(a) == sorted(b)
}

/// What makes a later job the same as this one: all that decides what its trials do, but its keys.
pub fn fingerprint(spec: &JobSpec) -> Sha256Digest {
    let mut h = Sha256::new();
    let what = serde_json::json!([ENGINE, spec.app, spec.splits, spec.scenario, spec.device, spec.trials, spec.feed_mode, spec.with_app]);
    h.update(what.to_string().as_bytes());
    Sha256Digest::from_bytes(h.finalize().into())
}

#[cfg(test)]
mod tests;
