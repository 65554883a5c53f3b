//! What workers see of the orchestrator.

use std::{path::Path, sync::atomic::Ordering};

use stakeout_agent::{Fence, Orchestrator, OrchestratorError, RenewAnswer};
use stakeout_bundle::receipt::Receipt;
use stakeout_contract::{
    Sha256Digest, TenantId, TokenId, WorkerId,
    api::{
        events::What,
        fleet::{HostFacts, WorkerMode},
    },
    lease::{Abilities, Completion, Lease, Progress},
    observation::Observation,
    trial::{KeyHex, TrialEnd, seed_of},
};
use stakeout_feed::TrialKey;
use stakeout_store::{LeaseFor, StoreError, TrialFull};

pub(crate) use stakeout_agent::chain;

use crate::{Service, ServiceError, service::now, statements};

type Answer<T> = Result<T, OrchestratorError>;

/// What a worker is told when an answer of the service is an error.
fn refused(fence: &Fence) -> impl Fn(ServiceError) -> OrchestratorError {
    let fence = fence.clone();
    move |e| match e {
        ServiceError::Store(StoreError::Refused(_)) => OrchestratorError::Lost(fence.clone()),
        ServiceError::Blob(stakeout_blobs::BlobError::NotFound(d)) => OrchestratorError::NoBlob(d),
        other => OrchestratorError::Refused(chain(&other)),
    }
}

/// The steps of a lease, for workers in this process and behind HTTP alike.
impl Service {
    /// A worker in this process lives, and this is its host; what behind HTTP is a heartbeat. It is the farm's. With troubles it gets no
    /// trial.
    pub async fn worker_lives(&self, worker: &WorkerId, abilities: &Abilities, host: &HostFacts) -> Result<WorkerMode, ServiceError> {
        self.troubled.store(!host.troubles.is_empty(), Ordering::Relaxed);
        Ok(self.store.worker_seen(worker, &TenantId::farm(), abilities, Some(host), now()).await?)
    }

    /// A worker was heard of; whether it gets trials.
    pub(crate) async fn heard_of(&self, worker: &WorkerId, tenant: &TenantId, abilities: &Abilities) -> Result<WorkerMode, ServiceError> {
        Ok(self.store.worker_seen(worker, tenant, abilities, None, now()).await?)
    }

    /// A worker that is known asks; whether it gets trials. None: it was never heard of.
    pub(crate) async fn asks(
        &self,
        worker: &WorkerId,
        tenant: &TenantId,
        abilities: &Abilities,
    ) -> Result<Option<WorkerMode>, ServiceError> {
        Ok(self.store.worker_asks(worker, tenant, abilities, now()).await?)
    }

    /// A trial for a worker of a tenant, if there is one; none for one that is draining or in quarantine. Who has another token may not
    /// act for this lease.
    pub(crate) async fn lease_for(
        &self,
        worker: &WorkerId,
        tenant: &TenantId,
        token: &TokenId,
        abilities: &Abilities,
    ) -> Result<Option<Lease>, ServiceError> {
        let ask = LeaseFor {
            worker: worker.clone(),
            tenant: tenant.clone(),
            token: Some(token.clone()),
            abilities: abilities.clone(),
            seconds: self.lease_seconds,
        };
        let Some((trial, job)) = self.store.lease(&ask, now()).await? else { return Ok(None) };
        self.wake(&job.id);
        let root = Receipt::root(&job.secret, &job.spec.nonce);
        let key = TrialKey::derive(&root, trial.id.as_str(), trial.row.epoch.0);
        let seed = seed_of(&Sha256Digest::from_bytes(key.commitment()));
        let lease = Lease {
            trial: trial.id,
            job: job.id,
            epoch: trial.row.epoch,
            number: trial.number,
            app: job.spec.app,
            splits: job.spec.splits,
            scenario: job.spec.scenario,
            device: job.spec.device,
            key: KeyHex::new(key.reveal()),
            feed_mode: job.spec.feed_mode,
            seed,
            lease_seconds: self.lease_seconds,
            tenant_tag: self.sealer.tag(trial.tenant.as_str()),
        };
        Ok(Some(lease))
    }

    /// Whether a lease still counts, and its trial.
    pub async fn fenced(&self, fence: &Fence) -> Result<TrialFull, ServiceError> {
        Ok(self.store.fenced(None, &fence.trial, fence.epoch).await?)
    }

    /// A value that the trial's scenario types.
    pub async fn secret_for(&self, fence: &Fence, name: &str) -> Result<Option<String>, ServiceError> {
        let trial = self.fenced(fence).await?;
        let job = self.store.job(None, &trial.job).await?;
        Ok(self.secrets_of(&job)?.get(name).map(str::to_owned))
    }

    /// Whether a lease may read these bytes: its app and splits, and nothing else.
    pub async fn readable(&self, fence: &Fence, digest: &Sha256Digest) -> Result<TenantId, ServiceError> {
        let trial = self.fenced(fence).await?;
        let job = self.store.job(None, &trial.job).await?;
        if job.spec.app == *digest || job.spec.splits.contains(digest) {
            Ok(trial.tenant)
        } else {
            Err(StoreError::NotFound { what: "blob", id: digest.to_string() }.into())
        }
    }

    /// Renews a lease that was taken by this token; whether its job was given up.
    pub async fn renew_lease(&self, fence: &Fence, token: &TokenId) -> Result<bool, ServiceError> {
        Ok(self.store.renew(&fence.trial, fence.epoch, Some(token), now(), self.lease_seconds).await?.cancel)
    }

    /// Takes observations of a lease.
    pub async fn take_observations(&self, fence: &Fence, first: u64, batch: &[Observation]) -> Result<(), ServiceError> {
        Ok(self.store.observe(&fence.trial, fence.epoch, first, batch, now()).await?)
    }

    /// Takes progress of a lease.
    pub async fn take_progress(&self, fence: &Fence, progress: Progress) -> Result<(), ServiceError> {
        self.store.tell(&fence.trial, fence.epoch, &What::Progress { progress: progress.clone() }, now()).await?;
        // Nobody may be watching.
        let _ = self.progress.send(progress);
        Ok(())
    }

    /// Ends a trial with its evidence.
    pub async fn take_completion(&self, fence: &Fence, completion: &Completion) -> Result<(), ServiceError> {
        let before = self.store.trial(None, &fence.trial).await?;
        self.take_completion_of(fence, &before, completion).await
    }

    /// The same, of a trial that was just read.
    pub(crate) async fn take_completion_of(&self, fence: &Fence, before: &TrialFull, completion: &Completion) -> Result<(), ServiceError> {
        statements::check(self, fence, before, completion).await?;
        let row = self.store.complete(&fence.trial, fence.epoch, completion, now()).await?;
        // A completion whose answer was lost comes again.
        if !before.row.state.is_final() {
            self.metrics.ended(row.state, &completion.record.end.stage);
            self.metrics.took(&completion.record.cost);
        }
        tracing::info!(trial = %fence.trial, epoch = fence.epoch.0, state = ?row.state, "trial ended");
        self.wake(&completion.record.job);
        Ok(())
    }

    /// Takes a lease back.
    pub async fn take_back(&self, fence: &Fence, end: &TrialEnd) -> Result<(), ServiceError> {
        let row = self.store.give_back(&fence.trial, fence.epoch, end, now()).await?;
        let again = !row.state.is_final();
        if again {
            self.some_wait();
        } else {
            self.metrics.ended(row.state, &end.stage);
        }
        tracing::warn!(trial = %fence.trial, epoch = fence.epoch.0, stage = end.stage, reason = end.reason, again, "trial was given back");
        Ok(())
    }
}

impl Orchestrator for Service {
    async fn lease(&self, worker: &WorkerId, abilities: &Abilities) -> Answer<Option<Lease>> {
        let failed = |e: ServiceError| OrchestratorError::Refused(chain(&e));
        if !self.serving {
            self.expire().await.map_err(failed)?;
        }
        if self.troubled.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let farm = TenantId::farm();
        let mode = match self.asks(worker, &farm, abilities).await.map_err(failed)? {
            Some(mode) => mode,
            None => self.heard_of(worker, &farm, abilities).await.map_err(failed)?,
        };
        if mode != WorkerMode::Active {
            return Ok(None);
        }
        self.lease_for(worker, &farm, &self.token, abilities).await.map_err(failed)
    }

    async fn waiting(&self, _: &WorkerId, abilities: &Abilities) -> Answer<Option<u32>> {
        let n = self.store.waiting(&TenantId::farm(), abilities).await.map_err(|e| OrchestratorError::Refused(chain(&e)))?;
        Ok(Some(u32::try_from(n).unwrap_or(u32::MAX)))
    }

    async fn renew(&self, fence: &Fence) -> Answer<RenewAnswer> {
        match self.renew_lease(fence, &self.token).await {
            Ok(true) => Ok(RenewAnswer::Cancelled),
            Ok(false) => Ok(RenewAnswer::Ok),
            Err(ServiceError::Store(StoreError::Refused(_))) => Ok(RenewAnswer::Lost),
            Err(e) => Err(OrchestratorError::Unreachable(chain(&e))),
        }
    }

    async fn blob(&self, fence: &Fence, digest: &Sha256Digest, to: &Path) -> Answer<()> {
        let tenant = self.readable(fence, digest).await.map_err(refused(fence))?;
        self.blobs.of(&tenant).get_to_file(digest, to).await.map_err(|e| refused(fence)(e.into()))
    }

    async fn secret(&self, fence: &Fence, name: &str) -> Answer<Option<String>> {
        self.secret_for(fence, name).await.map_err(refused(fence))
    }

    async fn put_artifact(&self, fence: &Fence, digest: &Sha256Digest, path: &Path) -> Answer<()> {
        let trial = self.fenced(fence).await.map_err(refused(fence))?;
        let blobs = self.blobs.of(&trial.tenant);
        let failed = |e: stakeout_blobs::BlobError| refused(fence)(e.into());
        let found = blobs.put_file(path).await.map_err(failed)?;
        if found != *digest {
            return Err(OrchestratorError::Refused(format!("the artifact `{digest}` has the digest `{found}`")));
        }
        let bytes = tokio::fs::metadata(path).await.map_or(0, |m| m.len());
        self.note_artifact(fence, digest, bytes).await.map_err(|e| refused(fence)(e.into()))?;
        // As in `keep_file`.
        if !blobs.has(digest).await.map_err(failed)? {
            blobs.put_file(path).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn observations(&self, fence: &Fence, first: u64, batch: Vec<Observation>) -> Answer<()> {
        self.take_observations(fence, first, &batch).await.map_err(refused(fence))
    }

    async fn progress(&self, fence: &Fence, progress: Progress) -> Answer<()> {
        self.take_progress(fence, progress).await.map_err(refused(fence))
    }

    async fn complete(&self, fence: &Fence, completion: Completion) -> Answer<()> {
        self.take_completion(fence, &completion).await.map_err(refused(fence))
    }

    async fn fail(&self, fence: &Fence, end: TrialEnd) -> Answer<()> {
        self.take_back(fence, &end).await.map_err(refused(fence))
    }
}
