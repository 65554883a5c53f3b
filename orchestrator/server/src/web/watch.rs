//! Folds of jobs that people look at, so that a page which is loaded again reads only what is new.
//!
//! It spares work and holds no truth: without it, or at another orchestrator, a page reads the job's events from the begin.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use stakeout_contract::JobId;
use stakeout_store::StoreError;

use super::seen::Seen;
use crate::api::App;

/// Jobs that are kept at a time.
const JOBS: usize = 64;
/// Events that are read at once; each may hold a thousand observations.
const PART: u32 = 50;
/// Parts that one request reads; the next one goes on.
const PARTS: usize = 40;

/// A fold that one request at a time moves on.
type Fold = Arc<tokio::sync::Mutex<Seen>>;

/// The folds.
#[derive(Default)]
pub(crate) struct Watched(Mutex<HashMap<JobId, Fold>>);

impl Watched {
    fn of(&self, job: &JobId) -> Fold {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= JOBS && !all.contains_key(job) {
            // Whichever goes is read again when it is looked at again.
            if let Some(other) = all.keys().next().cloned() {
                all.remove(&other);
            }
        }
        all.entry(job.clone()).or_default().clone()
    }
}

/// What a job's events tell until now, and whether there are more than one request reads. The caller has seen that the job is
/// there, and its tenant's.
pub(super) async fn read(app: &App, job: &JobId) -> Result<(Seen, bool), StoreError> {
    let fold = app.watched().of(job);
    let mut seen = fold.lock().await;
    for _ in 0..PARTS {
        let events = app.service().store().events(job, seen.after, PART).await?;
        for e in &events {
            seen.take(e);
        }
        if events.is_empty() {
            return Ok((seen.clone(), false));
        }
    }
    Ok((seen.clone(), true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bounded_number_of_folds_is_kept() {
        let watched = Watched::default();
        let first = JobId::generate();
        watched.of(&first).lock().await.after = 7;
        assert_eq!(watched.of(&first).lock().await.after, 7);
        for _ in 0..3 * JOBS {
            watched.of(&JobId::generate());
        }
        assert_eq!(watched.0.lock().unwrap().len(), JOBS);
    }
}
