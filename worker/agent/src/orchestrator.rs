//! What a worker needs of an orchestrator, wherever that is.

use std::{future::Future, path::Path};

use stakeout_contract::{
    Epoch, Sha256Digest, TrialId, WorkerId,
    lease::{Abilities, Completion, Lease, Progress},
    observation::Observation,
    trial::TrialEnd,
};

/// Which lease writes: every write carries it, and only the newest epoch of a trial is accepted.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Fence {
    /// The trial.
    pub trial: TrialId,
    /// The lease's epoch.
    pub epoch: Epoch,
}

impl From<&Lease> for Fence {
    fn from(l: &Lease) -> Self {
        Self { trial: l.trial.clone(), epoch: l.epoch }
    }
}

/// What came of renewing a lease.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RenewAnswer {
    /// It lasts `lease_seconds` from now.
    Ok,
    /// A newer epoch exists: stop at once, write nothing.
    Lost,
    /// The job's owner gave it up: stop, then say so by `fail` with `TrialState::Cancelled`.
    Cancelled,
}

/// Why an orchestrator did not do what a worker asked.
#[derive(Debug, thiserror::Error)]
pub enum OrchestratorError {
    /// A newer epoch of the trial exists: this worker's writes are refused from now on.
    #[error("the lease of trial `{}` in epoch {} is lost: a newer one exists", .0.trial, .0.epoch)]
    Lost(Fence),
    /// It cannot be reached now; asking again may help.
    #[error("the orchestrator cannot be reached: {0}")]
    Unreachable(String),
    /// It does not have these bytes.
    #[error("the orchestrator has no bytes with the digest `{0}`")]
    NoBlob(Sha256Digest),
    /// It refused; asking again does not help.
    #[error("the orchestrator refused: {0}")]
    Refused(String),
}

type Answer<T> = Result<T, OrchestratorError>;

/// An orchestrator, as its workers see it. Implementors write `async fn`; futures are `Send`.
///
/// All writes are idempotent for the same fence: a worker repeats a call whose answer it did not get.
pub trait Orchestrator: Send + Sync + 'static {
    /// A trial that this worker can run, if there is one now. May wait some seconds for one (long poll).
    fn lease(&self, worker: &WorkerId, abilities: &Abilities) -> impl Future<Output = Answer<Option<Lease>>> + Send;

    /// How many trials wait that this worker could lease; none: it does not say. No more cells are kept warm than that.
    fn waiting(&self, worker: &WorkerId, abilities: &Abilities) -> impl Future<Output = Answer<Option<u32>>> + Send {
        let _ = (worker, abilities);
        async { Ok(None) }
    }

    /// Keeps the lease. Called about three times in `lease_seconds`.
    fn renew(&self, fence: &Fence) -> impl Future<Output = Answer<RenewAnswer>> + Send;

    /// Writes the bytes of an app or split of the leased trial to `to`, a new file in a folder of the worker. The worker checks
    /// the digest.
    fn blob(&self, fence: &Fence, digest: &Sha256Digest, to: &Path) -> impl Future<Output = Answer<()>> + Send;

    /// The value of a secret that the scenario names; none: it was not given to this job.
    fn secret(&self, fence: &Fence, name: &str) -> impl Future<Output = Answer<Option<String>>> + Send {
        let _ = (fence, name);
        async { Ok(None) }
    }

    /// Hands in an artifact's bytes; `path` is a file of the worker that is removed afterwards.
    fn put_artifact(&self, fence: &Fence, digest: &Sha256Digest, path: &Path) -> impl Future<Output = Answer<()>> + Send;

    /// Hands in observations in the order in which they are in the record; `first` is the index of the first, so that a batch
    /// that is sent twice counts once. They come while the trial runs, up to some hundreds at a time. One that is dated before
    /// an earlier one is possible (gateway and device report separately).
    fn observations(&self, fence: &Fence, first: u64, batch: Vec<Observation>) -> impl Future<Output = Answer<()>> + Send;

    /// Shows how far a trial is. Failures are ignored.
    fn progress(&self, fence: &Fence, progress: Progress) -> impl Future<Output = Answer<()>> + Send;

    /// Ends the trial with its evidence, or, where its record says `failed`, with what there is: the app is at fault, and
    /// another try would end the same way. All artifacts and observations were handed in before.
    fn complete(&self, fence: &Fence, completion: Completion) -> impl Future<Output = Answer<()>> + Send;

    /// Gives the lease back without evidence: another try may do better, and the orchestrator decides whether there is one. With
    /// `TrialState::Cancelled` the trial ends, as its owner wished.
    fn fail(&self, fence: &Fence, end: TrialEnd) -> impl Future<Output = Answer<()>> + Send;
}

/// One orchestrator for several, in one process.
impl<O: Orchestrator> Orchestrator for std::sync::Arc<O> {
    fn lease(&self, worker: &WorkerId, abilities: &Abilities) -> impl Future<Output = Answer<Option<Lease>>> + Send {
        (**self).lease(worker, abilities)
    }

    fn waiting(&self, worker: &WorkerId, abilities: &Abilities) -> impl Future<Output = Answer<Option<u32>>> + Send {
        (**self).waiting(worker, abilities)
    }

    fn renew(&self, fence: &Fence) -> impl Future<Output = Answer<RenewAnswer>> + Send {
        (**self).renew(fence)
    }

    fn blob(&self, fence: &Fence, digest: &Sha256Digest, to: &Path) -> impl Future<Output = Answer<()>> + Send {
        (**self).blob(fence, digest, to)
    }

    fn secret(&self, fence: &Fence, name: &str) -> impl Future<Output = Answer<Option<String>>> + Send {
        (**self).secret(fence, name)
    }

    fn put_artifact(&self, fence: &Fence, digest: &Sha256Digest, path: &Path) -> impl Future<Output = Answer<()>> + Send {
        (**self).put_artifact(fence, digest, path)
    }

    fn observations(&self, fence: &Fence, first: u64, batch: Vec<Observation>) -> impl Future<Output = Answer<()>> + Send {
        (**self).observations(fence, first, batch)
    }

    fn progress(&self, fence: &Fence, progress: Progress) -> impl Future<Output = Answer<()>> + Send {
        (**self).progress(fence, progress)
    }

    fn complete(&self, fence: &Fence, completion: Completion) -> impl Future<Output = Answer<()>> + Send {
        (**self).complete(fence, completion)
    }

    fn fail(&self, fence: &Fence, end: TrialEnd) -> impl Future<Output = Answer<()>> + Send {
        (**self).fail(fence, end)
    }
}
