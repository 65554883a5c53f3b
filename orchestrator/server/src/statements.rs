//! Whether what a worker hands in is what it signed.

use stakeout_agent::Fence;
use stakeout_bundle::statement::{self, Left, LineHasher};
use stakeout_contract::lease::Completion;
use stakeout_store::TrialFull;

use crate::{Service, ServiceError, finish};

fn wrong(why: impl Into<String>) -> ServiceError {
    ServiceError::Statement(why.into())
}

/// The statement of a completion holds, over what is handed in now and over the observations that came before. A worker that
/// said its key must use it, and cannot say another: a stolen token is not enough to hand in what its host did not see.
pub(crate) async fn check(service: &Service, fence: &Fence, trial: &TrialFull, completion: &Completion) -> Result<(), ServiceError> {
    let Some(worker) = trial.row.worker.clone().filter(|_| trial.row.epoch == fence.epoch && !trial.row.state.is_final()) else {
        // Not this lease's any more, or a repetition: the rules of leases say what becomes of it.
        return Ok(());
    };
    // The one of `stakeout run` says nothing of its host.
    let said = service.store.worker_host(&worker).await?.map_or_else(String::new, |host| host.key);
    let Some(envelope) = &completion.statement else {
        return if said.is_empty() { Ok(()) } else { Err(wrong("the worker said its key, and did not sign")) };
    };
    let (s, key) = statement::open(envelope).map_err(|e| wrong(e.to_string()))?;
    if s.worker != worker {
        return Err(wrong("another worker signed it"));
    }
    if !said.is_empty() && said != key.fingerprint() {
        return Err(wrong("it is signed with another key than this worker's"));
    }
    if s.app != service.store.job(None, &trial.job).await?.spec.app {
        return Err(wrong("it is of another app than the job's"));
    }
    let mut lines = LineHasher::default();
    finish::each(service.store(), &trial.id, trial.row.epoch, |o| Ok(lines.add(&o)?)).await?;
    let left = Left::with(completion, lines.end())?;
    match statement::differs(&s, &completion.record, &left) {
        Some(what) => Err(wrong(format!("the {what} is not what was signed"))),
        None => Ok(()),
    }
}
