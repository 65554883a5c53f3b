//! What workers see of the orchestrator.

use std::path::Path;

use stakeout_agent::{Fence, Orchestrator, OrchestratorError, RenewAnswer};
use stakeout_bundle::receipt::Receipt;
use stakeout_contract::{
    Sha256Digest, WorkerId,
    lease::{Abilities, Completion, Lease, Progress},
    observation::Observation,
    trial::{KeyHex, TrialEnd, TrialState},
};
use stakeout_feed::TrialKey;
use stakeout_store::{Store, StoreError};

use crate::{
    Service,
    service::{LEASE_SECONDS, now},
};

type Answer<T> = Result<T, OrchestratorError>;

fn refused(fence: &Fence) -> impl Fn(StoreError) -> OrchestratorError {
    let fence = fence.clone();
    move |e| match e {
        StoreError::Refused(_) => OrchestratorError::Lost(fence.clone()),
        other => OrchestratorError::Refused(chain(&other)),
    }
}

fn chain(e: &dyn std::error::Error) -> String {
    let mut out = e.to_string();
    let mut next = e.source();
    while let Some(e) = next {
        out.push_str(": ");
        out.push_str(&e.to_string());
        next = e.source();
    }
    out
}

impl<S: Store> Orchestrator for Service<S> {
    async fn lease(&self, worker: &WorkerId, abilities: &Abilities) -> Answer<Option<Lease>> {
        let other = |e: StoreError| OrchestratorError::Refused(chain(&e));
        self.store.expire(now()).await.map_err(other)?;
        let Some((trial, job)) = self.store.lease(worker, abilities, now(), LEASE_SECONDS).await.map_err(other)? else { return Ok(None) };
        let root = Receipt::root(&job.secret, &job.spec.nonce);
        let key = TrialKey::derive(&root, trial.id.as_str(), trial.row.epoch.0);
        // Differs from trial to trial and is nobody's choice: it follows from the key's commitment, which says nothing of the key.
        let seed = u64::from_le_bytes(key.commitment()[..8].try_into().unwrap_or_default());
        Ok(Some(Lease {
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
            lease_seconds: LEASE_SECONDS,
        }))
    }

    async fn waiting(&self, _: &WorkerId) -> Answer<Option<u32>> {
        self.store.waiting().await.map(Some).map_err(|e| OrchestratorError::Refused(chain(&e)))
    }

    async fn renew(&self, fence: &Fence) -> Answer<RenewAnswer> {
        match self.store.renew(&fence.trial, fence.epoch, now(), LEASE_SECONDS).await {
            Ok(row) if row.cancel => Ok(RenewAnswer::Cancelled),
            Ok(_) => Ok(RenewAnswer::Ok),
            Err(StoreError::Refused(_)) => Ok(RenewAnswer::Lost),
            Err(e) => Err(OrchestratorError::Unreachable(chain(&e))),
        }
    }

    async fn blob(&self, _: &Fence, digest: &Sha256Digest, to: &Path) -> Answer<()> {
        let bytes = self.blobs.get(digest).await.map_err(|e| match e {
            stakeout_blobs::BlobError::NotFound(d) => OrchestratorError::NoBlob(d),
            other => OrchestratorError::Refused(chain(&other)),
        })?;
        tokio::fs::write(to, bytes).await.map_err(|e| OrchestratorError::Refused(format!("`{}` cannot be written: {e}", to.display())))
    }

    async fn secret(&self, fence: &Fence, name: &str) -> Answer<Option<String>> {
        let job = self.store.trial_job(&fence.trial).await.map_err(refused(fence))?;
        let all = self.secrets.read().map_err(|_| OrchestratorError::Refused("secrets cannot be read".to_owned()))?;
        Ok(all.get(&job).and_then(|s| s.get(name)).map(str::to_owned))
    }

    async fn put_artifact(&self, fence: &Fence, digest: &Sha256Digest, path: &Path) -> Answer<()> {
        let found = self.blobs.put_file(path).await.map_err(|e| OrchestratorError::Refused(chain(&e)))?;
        if found != *digest {
            return Err(OrchestratorError::Refused(format!("the artifact `{digest}` has the digest `{found}`")));
        }
        self.store.note_artifact(&fence.trial, fence.epoch, digest).await.map_err(refused(fence))
    }

    async fn observations(&self, fence: &Fence, first: u64, batch: Vec<Observation>) -> Answer<()> {
        self.store.observe(&fence.trial, fence.epoch, first, &batch).await.map_err(refused(fence))
    }

    async fn progress(&self, _: &Fence, progress: Progress) -> Answer<()> {
        // Nobody may be watching.
        let _ = self.progress.send(progress);
        Ok(())
    }

    async fn complete(&self, fence: &Fence, completion: Completion) -> Answer<()> {
        let row = self.store.complete(&fence.trial, fence.epoch, &completion, now()).await.map_err(refused(fence))?;
        tracing::info!(trial = %fence.trial, epoch = fence.epoch.0, state = ?row.state, "trial ended");
        Ok(())
    }

    async fn fail(&self, fence: &Fence, end: TrialEnd) -> Answer<()> {
        let row = self.store.give_back(&fence.trial, fence.epoch, &end, now()).await.map_err(refused(fence))?;
        let again = row.state == TrialState::Queued;
        tracing::warn!(trial = %fence.trial, epoch = fence.epoch.0, stage = end.stage, reason = end.reason, again, "trial was given back");
        Ok(())
    }
}
