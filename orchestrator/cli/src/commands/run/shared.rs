//! The embedded orchestrator, as its worker sees it.

use std::path::Path;

use stakeout_agent::{Fence, Orchestrator, OrchestratorError, RenewAnswer};
use stakeout_contract::{
    Sha256Digest, WorkerId,
    lease::{Abilities, Completion, Lease, Progress},
    observation::Observation,
    trial::TrialEnd,
};

use super::Shared;

type Answer<T> = Result<T, OrchestratorError>;

impl Orchestrator for Shared {
    async fn lease(&self, worker: &WorkerId, abilities: &Abilities) -> Answer<Option<Lease>> {
        self.0.lease(worker, abilities).await
    }

    async fn waiting(&self, worker: &WorkerId) -> Answer<Option<u32>> {
        self.0.waiting(worker).await
    }

    async fn renew(&self, fence: &Fence) -> Answer<RenewAnswer> {
        self.0.renew(fence).await
    }

    async fn blob(&self, fence: &Fence, digest: &Sha256Digest, to: &Path) -> Answer<()> {
        self.0.blob(fence, digest, to).await
    }

    async fn secret(&self, fence: &Fence, name: &str) -> Answer<Option<String>> {
        self.0.secret(fence, name).await
    }

    async fn put_artifact(&self, fence: &Fence, digest: &Sha256Digest, path: &Path) -> Answer<()> {
        self.0.put_artifact(fence, digest, path).await
    }

    async fn observations(&self, fence: &Fence, first: u64, batch: Vec<Observation>) -> Answer<()> {
        self.0.observations(fence, first, batch).await
    }

    async fn progress(&self, fence: &Fence, progress: Progress) -> Answer<()> {
        self.0.progress(fence, progress).await
    }

    async fn complete(&self, fence: &Fence, completion: Completion) -> Answer<()> {
        self.0.complete(fence, completion).await
    }

    async fn fail(&self, fence: &Fence, end: TrialEnd) -> Answer<()> {
        self.0.fail(fence, end).await
    }
}
