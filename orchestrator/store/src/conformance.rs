//! What every store must do. A store's own tests call [`all`] with an empty store; it panics at the first difference.

use stakeout_contract::{
    DeviceKind, Epoch, JobId, Sha256Digest, TrialId, WorkerId,
    lease::Abilities,
    observation::{Fact, Observation, Source},
    trial::{AppFacts, FeedMode, TrialEnd, TrialState},
};
use stakeout_domain::lease::Refused;

use crate::{JobRow, JobSpec, Store, StoreError};

fn job(trials: u32) -> JobRow {
    #[allow(clippy::expect_used, reason = "a literal")]
    let scenario = serde_json::from_value(serde_json::json!({"name": "s", "steps": ["launchApp"]})).expect("a scenario");
    let spec = JobSpec {
        app: Sha256Digest::of(b"app"),
        splits: vec![],
        facts: AppFacts::default(),
        scenario,
        device: DeviceKind::Jvm,
        trials,
        feed_mode: FeedMode::Pattern,
        nonce: "ab".to_owned(),
    };
    JobRow { id: JobId::generate(), spec, secret: [7; 32], state: TrialState::Queued, created: 1, result: None }
}

fn worker() -> WorkerId {
    WorkerId::generate()
}

fn abilities(api: u32) -> Abilities {
    Abilities { devices: vec![(DeviceKind::Jvm, vec![api])], slots: 1 }
}

fn line(text: &str) -> Observation {
    Observation { at: stakeout_contract::Nanos::ZERO, source: Source::Worker, fact: Fact::Log { line: text.to_owned() }, stack: vec![] }
}

/// Runs every case. The store must be empty.
///
/// # Panics
/// When the store does not do what it must.
#[allow(clippy::unwrap_used, reason = "a test suite")]
pub async fn all<S: Store>(store: &S) {
    what_is_written_is_read(store).await;
    a_trial_is_leased_once_and_only_to_who_can_run_it(store).await;
    only_the_newest_epoch_writes(store).await;
    a_cancelled_job_is_not_leased(store).await;
    a_given_back_trial_is_queued_again_with_its_reason(store).await;
}

#[allow(clippy::unwrap_used)]
async fn what_is_written_is_read<S: Store>(store: &S) {
    let j = job(2);
    let ids = vec![TrialId::generate(), TrialId::generate()];
    store.insert_job(j.clone(), ids.clone()).await.unwrap();
    assert_eq!(store.job(&j.id).await.unwrap(), j);
    let trials = store.trials(&j.id).await.unwrap();
    assert_eq!(trials.iter().map(|t| (t.id.clone(), t.number)).collect::<Vec<_>>(), [(ids[0].clone(), 1), (ids[1].clone(), 2)]);
    assert!(matches!(store.job(&JobId::generate()).await, Err(StoreError::NotFound { what: "job", .. })));
    store.cancel(&j.id, 0).await.unwrap();
}

#[allow(clippy::unwrap_used)]
async fn a_trial_is_leased_once_and_only_to_who_can_run_it<S: Store>(store: &S) {
    let j = job(1);
    store.insert_job(j.clone(), vec![TrialId::generate()]).await.unwrap();
    assert!(store.lease(&worker(), &abilities(23), 0, 60).await.unwrap().is_none());
    let (t, of) = store.lease(&worker(), &abilities(34), 0, 60).await.unwrap().unwrap();
    assert_eq!((of.id, t.row.epoch), (j.id.clone(), Epoch(1)));
    assert!(store.lease(&worker(), &abilities(34), 0, 60).await.unwrap().is_none());
    store.cancel(&j.id, 0).await.unwrap();
    store.give_back(&t.id, Epoch(1), &end("x"), 0).await.unwrap();
}

fn end(reason: &str) -> TrialEnd {
    TrialEnd { state: TrialState::Failed, stage: "boot".to_owned(), reason: reason.to_owned(), log: String::new() }
}

#[allow(clippy::unwrap_used)]
async fn only_the_newest_epoch_writes<S: Store>(store: &S) {
    let j = job(1);
    store.insert_job(j.clone(), vec![TrialId::generate()]).await.unwrap();
    let (t, _) = store.lease(&worker(), &abilities(34), 0, 60).await.unwrap().unwrap();
    store.observe(&t.id, Epoch(1), 0, &[line("old")]).await.unwrap();
    assert!(store.expire(59_999).await.unwrap().is_empty());
    assert_eq!(store.expire(60_000).await.unwrap(), std::slice::from_ref(&t.id));
    let (again, _) = store.lease(&worker(), &abilities(34), 61_000, 60).await.unwrap().unwrap();
    assert_eq!((&again.id, again.row.epoch), (&t.id, Epoch(2)));
    let refused = |r: Result<(), StoreError>| matches!(r, Err(StoreError::Refused(Refused::Fenced { .. })));
    assert!(refused(store.observe(&t.id, Epoch(1), 1, &[line("late")]).await));
    assert!(refused(store.note_artifact(&t.id, Epoch(1), &Sha256Digest::of(b"a")).await));
    assert!(refused(store.renew(&t.id, Epoch(1), 62_000, 60).await.map(drop)));
    store.observe(&t.id, Epoch(2), 0, &[line("a"), line("b")]).await.unwrap();
    store.observe(&t.id, Epoch(2), 0, &[line("a"), line("b")]).await.unwrap();
    store.observe(&t.id, Epoch(2), 2, &[line("c")]).await.unwrap();
    assert_eq!(store.observations(&t.id, Epoch(2)).await.unwrap(), [line("a"), line("b"), line("c")]);
    assert_eq!(store.observations(&t.id, Epoch(1)).await.unwrap(), [line("old")]);
    store.cancel(&j.id, 0).await.unwrap();
    assert!(store.renew(&t.id, Epoch(2), 63_000, 60).await.unwrap().cancel);
    store.give_back(&t.id, Epoch(2), &end("cancelled"), 0).await.unwrap();
}

#[allow(clippy::unwrap_used)]
async fn a_cancelled_job_is_not_leased<S: Store>(store: &S) {
    let j = job(3);
    store.insert_job(j.clone(), (0..3).map(|_| TrialId::generate()).collect()).await.unwrap();
    store.cancel(&j.id, 0).await.unwrap();
    assert!(store.lease(&worker(), &abilities(34), 0, 60).await.unwrap().is_none());
    assert!(store.trials(&j.id).await.unwrap().iter().all(|t| t.row.state == TrialState::Cancelled));
}

#[allow(clippy::unwrap_used)]
async fn a_given_back_trial_is_queued_again_with_its_reason<S: Store>(store: &S) {
    let j = job(1);
    store.insert_job(j.clone(), vec![TrialId::generate()]).await.unwrap();
    for try_number in 1..=3 {
        let (t, _) = store.lease(&worker(), &abilities(34), 0, 60).await.unwrap().unwrap();
        store.give_back(&t.id, Epoch(try_number), &end("device died"), 0).await.unwrap();
    }
    let t = &store.trials(&j.id).await.unwrap()[0];
    assert_eq!(t.row.state, TrialState::Failed);
    assert_eq!(t.ended.as_ref().unwrap().reason, "device died");
}
