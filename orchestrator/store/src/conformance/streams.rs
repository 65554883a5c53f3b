//! What leases stream, and the events that come of it.

use stakeout_contract::{Epoch, Sha256Digest, WorkerId, api::events::What, lease::Progress, trial::TrialState};
use stakeout_domain::lease::Refused;

use super::sample::{FIRST, completion, decided, end, insert, job, lease, line, tenant};
use crate::{Noted, Store, StoreError};

pub(super) async fn all(store: &dyn Store) {
    only_the_newest_epoch_writes(store).await;
    a_lease_of_a_clock_that_went_back_is_shortened(store).await;
    events_tell_all_in_order_without_gap(store).await;
    a_part_of_large_events_ends_early_and_the_next_goes_on(store).await;
}

fn refused<T>(r: Result<T, StoreError>) -> bool {
    matches!(r, Err(StoreError::Refused(Refused::Fenced { .. })))
}

async fn only_the_newest_epoch_writes(store: &dyn Store) {
    let t = tenant("epochs");
    let j = job(&t, 1);
    insert(store, &j).await;
    let (trial, of) = lease(store, &t, "w-1", 0).await;
    let id = &trial.id;
    store.observe(id, Epoch(1), 0, &[line("old")], 1).await.unwrap();
    assert_eq!(store.fenced(Some(&t), id, Epoch(1)).await.unwrap().tenant, t);
    assert!(matches!(store.fenced(Some(&tenant("stranger")), id, Epoch(1)).await, Err(StoreError::NotFound { what: "trial", .. })));
    assert!(store.expire(59_999).await.unwrap().is_empty());
    assert_eq!(store.expire(60_000).await.unwrap(), std::slice::from_ref(id));
    let lost = store.trial(None, id).await.unwrap();
    assert_eq!(lost.row.failed_on, ["w-1".parse::<WorkerId>().unwrap()], "others get it first");
    assert!(lost.ended.unwrap().reason.contains("w-1"));
    let (again, _) = lease(store, &t, "w-2", 61_000).await;
    assert_eq!((&again.id, again.row.epoch), (id, Epoch(2)));
    let progress = What::Job { state: TrialState::Running, reason: String::new() };
    assert!(refused(store.observe(id, Epoch(1), 1, &[line("late")], 62_000).await));
    assert!(refused(store.note_artifact(id, Epoch(1), &Sha256Digest::of(b"a"), 1, 62_000).await));
    assert!(refused(store.renew(id, Epoch(1), None, 62_000, 60).await));
    assert!(refused(store.fenced(None, id, Epoch(1)).await));
    assert!(refused(store.tell(id, Epoch(1), &progress, 62_000).await));
    assert!(refused(store.complete(id, Epoch(1), &completion(&trial, &of, TrialState::Finished), 62_000).await));
    assert!(refused(store.give_back(id, Epoch(1), &end(TrialState::Failed, "late"), 62_000).await));
    store.observe(id, Epoch(2), 0, &[line("a"), line("b")], 62_000).await.unwrap();
    store.observe(id, Epoch(2), 0, &[line("a"), line("b")], 62_000).await.unwrap();
    store.observe(id, Epoch(2), 1, &[line("b"), line("c")], 62_000).await.unwrap();
    let hole = store.observe(id, Epoch(2), 7, &[line("x")], 62_000).await;
    assert!(matches!(hole, Err(StoreError::Changed { .. })), "a hole would be lost evidence");
    assert_eq!(store.observations(id, Epoch(2), 0, 100).await.unwrap(), [line("a"), line("b"), line("c")]);
    assert_eq!(store.observations(id, Epoch(2), 1, 1).await.unwrap(), [line("b")]);
    assert_eq!(store.observations(id, Epoch(1), 0, 100).await.unwrap(), [line("old")]);
    store.cancel(&j.id, 63_000, Noted::NOTHING).await.unwrap();
    assert!(store.renew(id, Epoch(2), None, 63_000, 60).await.unwrap().cancel);
    let gone = store.give_back(id, Epoch(2), &end(TrialState::Cancelled, ""), 64_000).await.unwrap();
    assert_eq!(gone.state, TrialState::Cancelled);
}

async fn a_lease_of_a_clock_that_went_back_is_shortened(store: &dyn Store) {
    let t = tenant("set-back-leases");
    let j = job(&t, 2);
    insert(store, &j).await;
    let (at, back) = (20_000_000_000, 20_000_000_000 - 7_200_000);
    let (early, _) = lease(store, &t, "w-1", back).await;
    let (late, _) = lease(store, &t, "w-2", at).await;
    assert_eq!(store.shorten(at - 5_000, 60).await.unwrap(), 0, "clocks differ by a little");
    assert_eq!(store.shorten(back, 60).await.unwrap(), 1);
    assert_eq!(store.shorten(back, 60).await.unwrap(), 0);
    let of = store.trials(&j.id).await.unwrap();
    assert!(of.iter().all(|t| t.row.expires == Some(back + 60_000) && t.row.epoch == Epoch(1)), "{of:?}");
    // Who has one goes on.
    for id in [&early.id, &late.id] {
        let renewed = store.renew(id, Epoch(1), None, back + 50_000, 60).await.unwrap();
        assert_eq!(renewed.expires, Some(back + 110_000));
        store.give_back(id, Epoch(1), &end(TrialState::Queued, "stopped"), back + 61_000).await.unwrap();
    }
    store.cancel(&j.id, back + 62_000, Noted::NOTHING).await.unwrap();
}

/// The form of an event, for comparison.
fn short(what: &What) -> String {
    match what {
        What::Job { state, .. } => format!("job {state:?}"),
        What::Trial { trial_number, epoch, state, reason, .. } => format!("trial {trial_number} {epoch} {state:?} {reason}"),
        What::Progress { progress } => format!("progress {}", progress.stage),
        What::Observations { epoch, first, observations, .. } => format!("observations {epoch} {first} {}", observations.len()),
        What::Findings { findings, .. } => format!("findings {}", findings.len()),
    }
}

async fn a_part_of_large_events_ends_early_and_the_next_goes_on(store: &dyn Store) {
    let t = tenant("large");
    let j = job(&t, 1);
    insert(store, &j).await;
    let (trial, _) = lease(store, &t, "w-1", 5).await;
    let long = "x".repeat(3 << 20);
    for n in 0..4 {
        store.observe(&trial.id, FIRST, n, &[line(&long)], 6).await.unwrap();
    }
    let (mut numbers, mut parts, mut after) = (Vec::new(), 0, 0);
    loop {
        let part = store.events(&j.id, after, 100).await.unwrap();
        let Some(last) = part.last() else { break };
        assert!(part.iter().filter(|e| matches!(e.what, What::Observations { .. })).count() <= 2, "more than a part should hold");
        (after, parts) = (last.number, parts + 1);
        numbers.extend(part.iter().map(|e| e.number));
    }
    assert_eq!((numbers, parts), ((1..=after).collect(), 2));
    store.give_back(&trial.id, FIRST, &end(TrialState::Failed, "over"), 7).await.unwrap();
    store.cancel(&j.id, 8, Noted::NOTHING).await.unwrap();
    store.decide(&j.id, &decided(&j, TrialState::Cancelled), 9).await.unwrap();
}

async fn events_tell_all_in_order_without_gap(store: &dyn Store) {
    let t = tenant("events");
    let j = job(&t, 1);
    insert(store, &j).await;
    let (trial, _) = lease(store, &t, "w-1", 5).await;
    store.renew(&trial.id, FIRST, None, 6, 60).await.unwrap();
    store.renew(&trial.id, FIRST, None, 7, 60).await.unwrap();
    store.observe(&trial.id, FIRST, 0, &[line("a"), line("b")], 8).await.unwrap();
    store.observe(&trial.id, FIRST, 1, &[line("b"), line("c")], 8).await.unwrap();
    let progress =
        Progress { trial: trial.id.clone(), number: 1, stage: "boot".to_owned(), detail: String::new(), at_seconds: 0.0, of_seconds: 1.0 };
    store.tell(&trial.id, FIRST, &What::Progress { progress }, 9).await.unwrap();
    store.give_back(&trial.id, FIRST, &end(TrialState::Failed, "died"), 10).await.unwrap();
    let (trial, of) = lease(store, &t, "w-2", 11).await;
    let mut done = completion(&trial, &of, TrialState::Finished);
    done.analysis.findings.push(
        serde_json::from_value(serde_json::json!({
            "file": "f", "offset": 0, "length": 1, "chain": [], "kind": "camera", "frames": [1, 2], "seconds": null, "canary": null,
            "p_false": 1e-12
        }))
        .unwrap(),
    );
    store.complete(&trial.id, Epoch(2), &done, 12).await.unwrap();
    store.complete(&trial.id, Epoch(2), &done, 13).await.unwrap();
    store.decide(&j.id, &decided(&j, TrialState::Finished), 14).await.unwrap();
    let events = store.events(&j.id, 0, 100).await.unwrap();
    assert_eq!(
        events.iter().map(|e| short(&e.what)).collect::<Vec<_>>(),
        [
            "job Queued",
            "job Running",
            "trial 1 1 Leased ",
            "trial 1 1 Running ",
            "observations 1 0 2",
            "observations 1 2 1",
            "progress boot",
            "trial 1 1 Queued died",
            "trial 1 2 Leased ",
            "findings 1",
            "trial 1 2 Finished ran",
            "job Finished",
        ]
    );
    assert_eq!(events.iter().map(|e| e.number).collect::<Vec<_>>(), (1..=12).collect::<Vec<_>>());
    assert_eq!(store.events(&j.id, 5, 2).await.unwrap(), events[5..7]);
}
