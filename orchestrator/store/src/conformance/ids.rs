//! An id of a job is used once: the secret that follows from it is public when the job has ended.

use stakeout_contract::{TrialId, trial::TrialState};

use super::sample::{decided, job, tenant};
use crate::{IDS_KEPT, JobFilter, JobRow, Noted, Notes, Store, StoreError};

pub(super) async fn all(store: &dyn Store) {
    an_id_is_used_once_also_when_its_job_is_gone(store).await;
    of_two_that_take_an_id_at_once_one_has_it(store).await;
    an_id_whose_job_was_not_kept_is_free(store).await;
}

async fn take(store: &dyn Store, job: &JobRow) -> Result<(), StoreError> {
    store.insert_jobs(vec![(job.clone(), vec![TrialId::generate()])], &Notes::default()).await
}

#[track_caller]
fn refused(taken: &Result<(), StoreError>, job: &JobRow) {
    assert!(matches!(taken, Err(StoreError::Used { what: "job", id }) if *id == job.id.as_str()), "{taken:?}");
}

/// Ends a job whose trial waits, and forgets it.
async fn forget(store: &dyn Store, job: &JobRow) {
    store.cancel(&job.id, 1000, Noted::NOTHING).await.unwrap();
    assert!(store.decide(&job.id, &decided(job, TrialState::Cancelled), 1000).await.unwrap());
    store.delete_job(&job.tenant, &job.id, Noted::NOTHING).await.unwrap();
}

async fn an_id_is_used_once_also_when_its_job_is_gone(store: &dyn Store) {
    let mut mine = job(&tenant("id-mine"), 1);
    mine.created = 1000;
    let theirs = JobRow { tenant: tenant("id-theirs"), secret: [8; 32], ..mine.clone() };
    take(store, &mine).await.unwrap();
    for again in [&mine, &theirs] {
        refused(&take(store, again).await, &mine);
    }
    assert_eq!(store.job(None, &mine.id).await.unwrap().secret, mine.secret);
    forget(store, &mine).await;
    for again in [&mine, &theirs] {
        refused(&take(store, again).await, &mine);
    }
    // What was refused has left nothing.
    assert!(matches!(store.job(None, &mine.id).await, Err(StoreError::NotFound { .. })));
    assert!(store.trials(&mine.id).await.unwrap().is_empty());
    store.tidy(1000 + IDS_KEPT - 1).await.unwrap();
    refused(&take(store, &mine).await, &mine);
    store.tidy(1000 + IDS_KEPT).await.unwrap();
    take(store, &mine).await.unwrap();
    forget(store, &mine).await;
}

async fn of_two_that_take_an_id_at_once_one_has_it(store: &dyn Store) {
    let one = job(&tenant("id-one"), 1);
    let other = JobRow { tenant: tenant("id-other"), ..one.clone() };
    let (a, b) = tokio::join!(take(store, &one), take(store, &other));
    let (first, second, late) = if a.is_ok() { (&one, &other, &b) } else { (&other, &one, &a) };
    assert!(a.is_ok() || b.is_ok(), "{a:?} {b:?}");
    refused(late, second);
    assert_eq!(store.job(None, &one.id).await.unwrap().tenant, first.tenant);
    let all = JobFilter { most: 10, ..JobFilter::default() };
    assert!(store.jobs(&second.tenant, &all).await.unwrap().is_empty());
    forget(store, first).await;
}

async fn an_id_whose_job_was_not_kept_is_free(store: &dyn Store) {
    let (twice, beside) = (job(&tenant("id-free"), 1), job(&tenant("id-free"), 1));
    let batch = [&beside, &twice, &twice].map(|j| (j.clone(), vec![TrialId::generate()]));
    refused(&store.insert_jobs(batch.into(), &Notes::default()).await, &twice);
    for j in [&twice, &beside] {
        take(store, j).await.unwrap();
        forget(store, j).await;
    }
}
