//! How trials and jobs end.

use stakeout_contract::{
    Epoch, HookId, Sha256Digest,
    api::{
        events::What,
        hooks::{DeliveryState, Hook},
        jobs::Outcome,
    },
    artifact::{Artifact, Role},
    trial::TrialState,
};

use super::sample::{FIRST, completion, decided, end, insert, job, lease, tenant, tenant_row};
use crate::{Due, HookRow, Noted, Store, StoreError};

pub(super) async fn all(store: &dyn Store) {
    a_completion_that_comes_twice_counts_once(store).await;
    a_given_back_trial_is_queued_again_with_its_reason(store).await;
    stops_and_mad_figures_harm_nobody(store).await;
    a_job_that_cannot_be_decided_waits_longer_each_time(store).await;
    a_claim_that_is_given_back_does_not_count(store).await;
    a_claim_of_a_clock_that_went_back_holds_no_job(store).await;
    a_cancelled_job_is_due_when_its_last_trial_has_ended(store).await;
    a_job_is_decided_once_and_its_webhooks_are_told(store).await;
    what_a_completion_names_must_be_there(store).await;
    jobs_are_forgotten_when_their_time_has_come(store).await;
    a_job_is_kept_until_its_webhooks_were_told(store).await;
}

async fn claim(store: &dyn Store, now: i64) -> Option<stakeout_contract::JobId> {
    store.claim_due(now, 30).await.unwrap().map(|due| due.job)
}

/// What other rooms left undecided is not this room's.
pub(super) async fn decide_all(store: &dyn Store, now: i64) {
    while let Some(id) = claim(store, now).await {
        let j = store.job(None, &id).await.unwrap();
        assert!(store.decide(&id, &decided(&j, TrialState::Cancelled), now).await.unwrap());
    }
}

async fn a_completion_that_comes_twice_counts_once(store: &dyn Store) {
    decide_all(store, 100_000_000).await;
    let t = tenant("twice");
    let j = job(&t, 1);
    insert(store, &j).await;
    let (trial, of) = lease(store, &t, "w-1", 1000).await;
    let done = completion(&trial, &of, TrialState::Finished);
    let row = store.complete(&trial.id, FIRST, &done, 3000).await.unwrap();
    assert_eq!(row.state, TrialState::Finished);
    assert_eq!(store.complete(&trial.id, FIRST, &done, 4000).await.unwrap(), row);
    let mut other = done.clone();
    "another".clone_into(&mut other.record.end.reason);
    assert!(matches!(store.complete(&trial.id, FIRST, &other, 4000).await, Err(StoreError::Refused(_))));
    assert_eq!(store.trial(None, &trial.id).await.unwrap().completion, Some(done));
    let usage = store.usage(&t, 1, 5000).await.unwrap();
    let day = &usage.days[0];
    assert_eq!((day.day, day.jobs, day.trials, day.slot_seconds, day.cpu_seconds), (0, 1, 1, 2.0, 2.5));
    decide_all(store, 100_000_000).await;
}

async fn a_given_back_trial_is_queued_again_with_its_reason(store: &dyn Store) {
    let t = tenant("back");
    let j = job(&t, 1);
    insert(store, &j).await;
    for try_number in 1..=3 {
        let (trial, _) = lease(store, &t, "w-1", 0).await;
        store.give_back(&trial.id, Epoch(try_number), &end(TrialState::Failed, "device died"), 0).await.unwrap();
    }
    let trial = &store.trials(&j.id).await.unwrap()[0];
    assert_eq!((trial.row.state, &trial.row.failed_on.len()), (TrialState::Failed, &1));
    assert_eq!(trial.ended.as_ref().unwrap().reason, "device died");
    assert_eq!(claim(store, 1).await, Some(j.id.clone()));
    decide_all(store, 100_000_000).await;
}

async fn stops_and_mad_figures_harm_nobody(store: &dyn Store) {
    let t = tenant("stopped");
    let j = job(&t, 1);
    insert(store, &j).await;
    for try_number in 1..=5 {
        let (trial, _) = lease(store, &t, "w-1", 0).await;
        let back = store.give_back(&trial.id, Epoch(try_number), &end(TrialState::Queued, "told to stop"), 0).await.unwrap();
        assert_eq!((back.state, back.attempts, back.leases), (TrialState::Queued, 0, try_number));
    }
    let (trial, of) = lease(store, &t, "w-1", 0).await;
    let mut done = completion(&trial, &of, TrialState::Finished);
    (done.record.cost.cpu_seconds, done.record.cost.kept_bytes) = (1e300, u64::MAX);
    store.complete(&trial.id, Epoch(6), &done, 1000).await.unwrap();
    insert(store, &job(&t, 2)).await;
    for cpu in [-1e300, 1e300] {
        let (trial, of) = lease(store, &t, "w-1", 0).await;
        let mut done = completion(&trial, &of, TrialState::Finished);
        done.record.cost.cpu_seconds = cpu;
        store.complete(&trial.id, FIRST, &done, 1000).await.unwrap();
    }
    let day = &store.usage(&t, 1, 1000).await.unwrap().days[0];
    assert_eq!((day.trials, day.cpu_seconds), (3, 2.0 * 30.0 * 86_400.0));
    decide_all(store, 100_000_000).await;
}

async fn a_job_that_cannot_be_decided_waits_longer_each_time(store: &dyn Store) {
    decide_all(store, 100_000_000).await;
    let t = tenant("undecided");
    let j = job(&t, 1);
    insert(store, &j).await;
    store.cancel(&j.id, 0, Noted::NOTHING).await.unwrap();
    let mut now = 0;
    for (tries, seconds) in [(1, 30), (2, 60), (3, 120), (4, 240), (5, 480), (6, 960), (7, 1920), (8, 3600), (9, 3600)] {
        assert_eq!(store.claim_due(now, 30).await.unwrap(), Some(Due { job: j.id.clone(), tries }));
        now += seconds * 1000;
        assert_eq!(store.claim_due(now - 1, 30).await.unwrap(), None);
    }
    let mut d = decided(&j, TrialState::Failed);
    "it cannot be".clone_into(&mut d.reason);
    assert!(store.decide(&j.id, &d, now).await.unwrap());
    let told = store.events(&j.id, 0, 100).await.unwrap().pop().unwrap().what;
    assert_eq!(told, What::Job { state: TrialState::Failed, reason: d.reason });
    assert_eq!(store.claim_due(i64::MAX, 30).await.unwrap(), None);
}

async fn a_claim_that_is_given_back_does_not_count(store: &dyn Store) {
    decide_all(store, 100_000_000).await;
    let j = job(&tenant("given-back"), 1);
    insert(store, &j).await;
    store.cancel(&j.id, 0, Noted::NOTHING).await.unwrap();
    let due = |tries| Due { job: j.id.clone(), tries };
    for now in [0, 5_000, 10_000] {
        assert_eq!(store.claim_due(now, 30).await.unwrap(), Some(due(1)));
        store.unclaim_due(&due(1), now + 5_000).await.unwrap();
        assert_eq!(store.claim_due(now + 4_999, 30).await.unwrap(), None);
    }
    // Whoever claimed it since has it, and what was decided stays.
    assert_eq!(store.claim_due(15_000, 30).await.unwrap(), Some(due(1)));
    assert_eq!(store.claim_due(45_000, 30).await.unwrap(), Some(due(2)));
    store.unclaim_due(&due(1), 0).await.unwrap();
    assert_eq!(store.claim_due(104_999, 30).await.unwrap(), None);
    assert!(store.decide(&j.id, &decided(&j, TrialState::Cancelled), 50_000).await.unwrap());
    store.unclaim_due(&due(2), 0).await.unwrap();
    assert_eq!(store.claim_due(i64::MAX, 30).await.unwrap(), None);
}

async fn a_claim_of_a_clock_that_went_back_holds_no_job(store: &dyn Store) {
    decide_all(store, 100_000_000).await;
    let j = job(&tenant("set-back"), 1);
    insert(store, &j).await;
    store.cancel(&j.id, 0, Noted::NOTHING).await.unwrap();
    let due = |tries| Some(Due { job: j.id.clone(), tries });
    let ahead = 7_200_000;
    assert_eq!(store.claim_due(ahead, 30).await.unwrap(), due(1));
    // Clocks that differ by a little, and one that went back by two hours.
    assert_eq!(store.claim_due(ahead - 5_000, 30).await.unwrap(), None);
    assert_eq!(store.claim_due(1_000, 30).await.unwrap(), due(2));
    assert_eq!(store.claim_due(1_000, 30).await.unwrap(), None, "now it is as any other");
    assert_eq!(store.claim_due(61_000, 30).await.unwrap(), due(3));
    assert!(store.decide(&j.id, &decided(&j, TrialState::Cancelled), 62_000).await.unwrap());
}

async fn a_cancelled_job_is_due_when_its_last_trial_has_ended(store: &dyn Store) {
    let t = tenant("cancel");
    let j = job(&t, 3);
    insert(store, &j).await;
    let (trial, _) = lease(store, &t, "w-1", 0).await;
    store.cancel(&j.id, 10, Noted::NOTHING).await.unwrap();
    store.cancel(&j.id, 11, Noted::NOTHING).await.unwrap();
    assert_eq!(claim(store, 20).await, None, "a trial of it runs");
    assert!(matches!(store.decide(&j.id, &decided(&j, TrialState::Cancelled), 20).await, Err(StoreError::InUse { .. })));
    assert!(store.lease(&super::sample::ask(&t, "w-1"), 20).await.unwrap().is_none());
    store.give_back(&trial.id, FIRST, &end(TrialState::Cancelled, ""), 30).await.unwrap();
    let counts = store.job(None, &j.id).await.unwrap().counts;
    assert_eq!((counts.cancelled, counts.queued, counts.running), (3, 0, 0));
    assert_eq!(claim(store, 30).await, Some(j.id.clone()));
    assert_eq!(claim(store, 30).await, None, "it is somebody's for half a minute");
    assert_eq!(claim(store, 30_030).await, Some(j.id.clone()));
    decide_all(store, 100_000_000).await;

    let waiting = job(&t, 2);
    insert(store, &waiting).await;
    store.cancel(&waiting.id, 40, Noted::NOTHING).await.unwrap();
    assert_eq!(claim(store, 40).await, Some(waiting.id));
    decide_all(store, 100_000_000).await;
}

fn outcome(bundle: Sha256Digest) -> Outcome {
    Outcome { exit_code: 0, found: vec![], inconclusive: 1, bundle, bundle_bytes: 5, signer: "s".to_owned() }
}

async fn a_job_is_decided_once_and_its_webhooks_are_told(store: &dyn Store) {
    let t = tenant("hooked");
    for (id, tag) in [("hook-all", None), ("hook-nightly", Some("nightly")), ("hook-other", Some("other"))] {
        let hook = Hook { id: id.parse().unwrap(), url: "https://h.example".to_owned(), tag: tag.map(str::to_owned), created_ms: 1 };
        store.put_hook(&HookRow { hook, tenant: t.clone(), sealed: vec![9] }, Noted::NOTHING).await.unwrap();
    }
    let mut j = job(&t, 1);
    j.tags = vec!["nightly".to_owned()];
    insert(store, &j).await;
    store.cancel(&j.id, 5, Noted::NOTHING).await.unwrap();
    let mut d = decided(&j, TrialState::Finished);
    (d.report, d.outcome) = (Some(Sha256Digest::of(b"report")), Some(outcome(Sha256Digest::of(b"bundle"))));
    assert!(matches!(store.decide(&j.id, &d, 6).await, Err(StoreError::NotFound { what: "blob", .. })), "its report must be there");
    store.note_blob(&t, &Sha256Digest::of(b"report"), 6, 6).await.unwrap();
    store.note_blob(&t, &Sha256Digest::of(b"bundle"), 5, 6).await.unwrap();
    assert!(store.decide(&j.id, &d, 7).await.unwrap());
    assert!(!store.decide(&j.id, &decided(&j, TrialState::Failed), 8).await.unwrap());
    let read = store.job(None, &j.id).await.unwrap();
    assert_eq!((read.state, read.ended, read.sealed), (TrialState::Finished, Some(7), None));
    assert_eq!((read.outcome, read.report, read.result), (d.outcome, d.report, Some(d.result)));

    let due = store.claim_deliveries(7, 60, 10).await.unwrap();
    let hooks: Vec<&str> = due.iter().map(|d| d.hook.hook.id.as_str()).collect();
    assert_eq!(hooks, ["hook-all", "hook-nightly"]);
    let body: serde_json::Value = serde_json::from_str(&due[0].body).unwrap();
    assert_eq!((body["event"].as_str(), body["job"]["id"].as_str()), (Some("job.ended"), Some(j.id.as_str())));
    assert!(store.claim_deliveries(7, 60, 10).await.unwrap().is_empty(), "they are somebody's for a minute");
    let mut tried = due[0].delivery.clone();
    (tried.state, tried.tries, tried.next_ms, tried.status) = (DeliveryState::Delivered, 1, None, Some(204));
    assert!(store.delivery_tried(&tried).await.unwrap());
    let mut again = due[1].delivery.clone();
    (again.tries, again.next_ms, again.status) = (1, Some(50_000), Some(500));
    assert!(store.delivery_tried(&again).await.unwrap());
    let mut late = tried.clone();
    (late.state, late.next_ms) = (DeliveryState::Waiting, Some(9));
    assert!(!store.delivery_tried(&late).await.unwrap(), "another's try was kept");
    let hook: HookId = "hook-all".parse().unwrap();
    assert_eq!(store.deliveries(&t, &hook, None, 10).await.unwrap(), std::slice::from_ref(&tried));
    assert!(store.deliveries(&t, &hook, Some(&tried.id), 10).await.unwrap().is_empty());
    assert!(matches!(store.deliveries(&tenant("stranger"), &hook, None, 10).await, Err(StoreError::NotFound { .. })));
    assert!(matches!(store.replay(&tenant("stranger"), &tried.id, 9, Noted::NOTHING).await, Err(StoreError::NotFound { .. })));
    let again = store.replay(&t, &tried.id, 9, Noted::NOTHING).await.unwrap();
    assert_eq!((again.state, again.tries, again.next_ms), (DeliveryState::Waiting, 0, Some(9)));
    let claimed = store.claim_deliveries(9, 60, 10).await.unwrap();
    assert_eq!((claimed.len(), claimed[0].since, claimed[0].delivery.created_ms), (1, 9, 7), "its day begins anew");
    tried.tries = 2;
    assert!(!store.delivery_tried(&tried).await.unwrap(), "a try from before the replay");
    assert_eq!(store.claim_deliveries(100_000, 60, 10).await.unwrap().len(), 2);
    let left = async |hook: &str| store.deliveries(&t, &hook.parse().unwrap(), None, 10).await.unwrap().len();
    store.tidy(7 + 30 * 86_400_000).await.unwrap();
    assert_eq!((left("hook-all").await, left("hook-nightly").await), (1, 0), "the replayed one is younger");
    store.delete_job(&t, &j.id, Noted::NOTHING).await.unwrap();
    assert_eq!(left("hook-all").await, 0);
    tried.tries = 1;
    assert!(!store.delivery_tried(&tried).await.unwrap(), "it is there no more");
    let next = job(&t, 1);
    insert(store, &next).await;
    store.cancel(&next.id, 10, Noted::NOTHING).await.unwrap();
    assert!(store.decide(&next.id, &decided(&next, TrialState::Cancelled), 10).await.unwrap());
    assert_eq!(left("hook-all").await, 1);
}

async fn what_a_completion_names_must_be_there(store: &dyn Store) {
    let t = tenant("bytes");
    insert(store, &job(&t, 1)).await;
    let (trial, of) = lease(store, &t, "w-1", 0).await;
    let [kept, left] = [Sha256Digest::of(b"kept"), Sha256Digest::of(b"left")];
    let mut done = completion(&trial, &of, TrialState::Finished);
    done.record.artifacts.push(Artifact {
        sha256: kept,
        size: 4,
        role: Role::AppFile,
        name: String::new(),
        flow: None,
        at: None,
        cipher: None,
        truncated: false,
    });
    assert!(matches!(store.complete(&trial.id, FIRST, &done, 2).await, Err(StoreError::NotFound { what: "blob", .. })));
    store.note_artifact(&trial.id, FIRST, &kept, 4, 1).await.unwrap();
    store.note_artifact(&trial.id, FIRST, &kept, 4, 1).await.unwrap();
    store.note_artifact(&trial.id, FIRST, &left, 5, 1).await.unwrap();
    assert_eq!(store.usage(&t, 1, 1).await.unwrap().bytes_kept, 9);
    assert_eq!(store.usage(&t, 1, 1).await.unwrap().days[0].bytes, 9);
    let dropped = |all: Vec<(_, Sha256Digest)>| all.into_iter().filter(|(of, _)| *of == t).map(|(_, d)| d).collect::<Vec<_>>();
    assert!(dropped(store.drop_blobs(1000, 0, 100).await.unwrap()).is_empty(), "the lease holds them");
    store.complete(&trial.id, FIRST, &done, 2).await.unwrap();
    assert_eq!(dropped(store.drop_blobs(1000, 0, 100).await.unwrap()), [left], "the completion does not name it");
    assert_eq!((store.blob(&t, &kept).await.unwrap(), store.blob(&t, &left).await.unwrap()), (Some(4), None));
    decide_all(store, 100_000_000).await;
    store.delete_job(&t, &of.id, Noted::NOTHING).await.unwrap();
    assert!(matches!(store.job(None, &of.id).await, Err(StoreError::NotFound { .. })));
    assert!(store.events(&of.id, 0, 10).await.unwrap().is_empty());
    assert_eq!(dropped(store.drop_blobs(1000, 0, 100).await.unwrap()), [kept]);
}

async fn jobs_are_forgotten_when_their_time_has_come(store: &dyn Store) {
    let day = 86_400_000;
    let t = tenant("forgetful");
    let mut row = tenant_row("forgetful");
    row.retention_days = Some(10);
    store.put_tenant(&row, Noted::NOTHING).await.unwrap();
    let mut soon = job(&t, 1);
    soon.delete_after = Some(1000);
    let late = job(&t, 1);
    for j in [&soon, &late] {
        insert(store, j).await;
        store.cancel(&j.id, 0, Noted::NOTHING).await.unwrap();
        store.decide(&j.id, &decided(j, TrialState::Cancelled), 100).await.unwrap();
    }
    let outdated =
        async |now| store.outdated_jobs(now, 10).await.unwrap().into_iter().filter(|(of, _)| *of == t).map(|(_, j)| j).collect::<Vec<_>>();
    assert!(outdated(1099).await.is_empty());
    assert_eq!(outdated(1100).await, [soon.id.clone()]);
    assert_eq!(outdated(100 + 10 * day).await, [soon.id, late.id]);
}

async fn a_job_is_kept_until_its_webhooks_were_told(store: &dyn Store) {
    let (t, day) = (tenant("told-first"), 86_400_000);
    let id: HookId = "hook-told-first".parse().unwrap();
    let hook = Hook { id: id.clone(), url: "https://h.example".to_owned(), tag: None, created_ms: 1 };
    store.put_hook(&HookRow { hook, tenant: t.clone(), sealed: vec![9] }, Noted::NOTHING).await.unwrap();
    let mut j = job(&t, 1);
    j.delete_after = Some(0);
    insert(store, &j).await;
    store.cancel(&j.id, 0, Noted::NOTHING).await.unwrap();
    store.decide(&j.id, &decided(&j, TrialState::Cancelled), 100).await.unwrap();
    let outdated = async |now| store.outdated_jobs(now, 100).await.unwrap().contains(&(t.clone(), j.id.clone()));
    assert!(!outdated(100).await && !outdated(99 + day).await);
    assert!(outdated(100 + day).await, "a webhook that does not hear keeps no evidence");
    let mut told = store.deliveries(&t, &id, None, 10).await.unwrap().remove(0);
    (told.state, told.tries, told.next_ms) = (DeliveryState::Delivered, 1, None);
    assert!(store.delivery_tried(&told).await.unwrap());
    assert!(outdated(100).await);
    store.delete_job(&t, &j.id, Noted::NOTHING).await.unwrap();
}
