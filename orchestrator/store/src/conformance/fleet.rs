//! Workers and webhooks.

use stakeout_contract::{
    TenantId, WorkerId,
    api::{
        fleet::{HostFacts, WorkerMode},
        hooks::Hook,
    },
    trial::TrialState,
};

use super::sample::{FIRST, abilities, ask, end, insert, job, lease, tenant, tenant_row};
use crate::{HookRow, Noted, Store, StoreError, fleet::ALIVE};

pub(super) async fn all(store: &dyn Store) {
    workers_are_seen_by_those_whose_trials_they_run(store).await;
    webhooks_are_their_tenants(store).await;
    gauges_count_what_is_open(store).await;
}

async fn workers_are_seen_by_those_whose_trials_they_run(store: &dyn Store) {
    let (t, careful, farm) = (tenant("owner"), tenant("own-only"), TenantId::farm());
    let mut row = tenant_row("own-only");
    row.own_workers_only = true;
    store.put_tenant(&row, Noted::NOTHING).await.unwrap();
    let now = 1_000_000_000;
    let (mine, theirs) = (ask(&t, "owner-1").worker, ask(&farm, "farm-9").worker);
    let host = HostFacts { host: "h".to_owned(), cpus: 4, ..HostFacts::default() };
    store.worker_seen(&mine, &t, &abilities(34), Some(&host), now).await.unwrap();
    store.worker_seen(&mine, &t, &abilities(30), None, now + 1).await.unwrap();
    store.worker_seen(&theirs, &farm, &abilities(34), None, now).await.unwrap();
    let doc = store.worker(&t, &mine, now + 2).await.unwrap();
    assert_eq!((&doc.host, &doc.abilities, doc.first_seen_ms, doc.last_seen_ms), (&host, &abilities(30), now, now + 1));
    assert!(doc.alive && !store.worker(&farm, &mine, now + 1 + ALIVE).await.unwrap().alive);
    assert!(matches!(store.worker(&tenant("stranger"), &mine, now).await, Err(StoreError::NotFound { what: "worker", .. })));
    assert_eq!(store.worker(&t, &theirs, now).await.unwrap().id, theirs, "what the list shows can be looked at");
    assert!(matches!(store.worker(&careful, &theirs, now).await, Err(StoreError::NotFound { .. })));
    let hijack = store.worker_seen(&mine, &tenant("stranger"), &abilities(34), None, now).await;
    assert!(matches!(hijack, Err(StoreError::NotFound { .. })), "an id is one tenant's");
    let of = async |t: &TenantId| {
        store.workers(t, now).await.unwrap().into_iter().map(|w| w.id).filter(|w| *w == mine || *w == theirs).collect::<Vec<_>>()
    };
    assert_eq!(of(&farm).await, [theirs.clone(), mine.clone()]);
    assert_eq!(of(&t).await, [theirs.clone(), mine.clone()]);
    assert_eq!(of(&tenant("stranger")).await, std::slice::from_ref(&theirs));
    assert!(of(&careful).await.is_empty());
    let known = async |t: &TenantId| store.workers_known(t).await.unwrap();
    assert_eq!((known(&t).await, known(&tenant("stranger")).await), (1, 0), "its own, not those that run its trials");
    assert!(matches!(store.set_worker_mode(&t, &theirs, WorkerMode::Draining, Noted::NOTHING).await, Err(StoreError::NotFound { .. })));
    store.set_worker_mode(&farm, &mine, WorkerMode::Draining, Noted::NOTHING).await.unwrap();
    assert_eq!(store.worker_seen(&mine, &t, &abilities(34), None, now).await.unwrap(), WorkerMode::Draining);

    asks_are_noted_now_and_then(store, &mine, &t, now).await;

    store.set_worker_mode(&farm, &mine, WorkerMode::Active, Noted::NOTHING).await.unwrap();
    insert(store, &job(&t, 1)).await;
    let (trial, _) = lease(store, &t, "owner-1", now).await;
    assert_eq!(store.worker(&t, &mine, now).await.unwrap().running, 1);
    store.forget_workers(now + 10).await.unwrap();
    assert!(store.worker(&farm, &theirs, now).await.is_err());
    assert!(store.worker(&t, &mine, now).await.is_ok(), "it has a trial");
    store.cancel(&trial.job, now, Noted::NOTHING).await.unwrap();
    store.give_back(&trial.id, FIRST, &end(TrialState::Cancelled, ""), now).await.unwrap();
    store.set_worker_mode(&farm, &mine, WorkerMode::Quarantined, Noted::NOTHING).await.unwrap();
    assert_eq!(store.forget_workers(now + 10).await.unwrap(), 0, "a quarantined one would come back as new");
}

async fn webhooks_are_their_tenants(store: &dyn Store) {
    let t = tenant("hooks");
    let hook = Hook { id: "hook-1".parse().unwrap(), url: "https://h.example".to_owned(), tag: None, created_ms: 1 };
    store.put_hook(&HookRow { hook: hook.clone(), tenant: t.clone(), sealed: vec![1] }, Noted::NOTHING).await.unwrap();
    assert_eq!(store.hooks(&t).await.unwrap(), std::slice::from_ref(&hook));
    assert!(store.hooks(&tenant("stranger")).await.unwrap().is_empty());
    assert!(matches!(
        store.delete_hook(&tenant("stranger"), &hook.id, Noted::NOTHING).await,
        Err(StoreError::NotFound { what: "webhook", .. })
    ));
    store.delete_hook(&t, &hook.id, Noted::NOTHING).await.unwrap();
    assert!(store.hooks(&t).await.unwrap().is_empty());
}

async fn gauges_count_what_is_open(store: &dyn Store) {
    let t = tenant("gauged");
    let now = 2_000_000_000;
    let before = store.gauges(now).await.unwrap();
    let mut j = job(&t, 3);
    j.created = now - 5000;
    insert(store, &j).await;
    lease(store, &t, "g-1", now).await;
    store.worker_seen(&ask(&t, "g-1").worker, &t, &abilities(34), None, now).await.unwrap();
    let after = store.gauges(now).await.unwrap();
    assert_eq!((after.waiting - before.waiting, after.running - before.running), (2, 1));
    assert_eq!((after.workers - before.workers, after.slots - before.slots), (1, 2));
    assert!(after.oldest_waiting_seconds >= 5.0);
    let usage = store.usage(&t, 1, now).await.unwrap();
    assert_eq!((usage.waiting_trials, usage.running_trials), (2, 1));

    // Who gets no trials, or takes none, is no worker that is there.
    let (worker, farm) = (ask(&t, "g-1").worker, TenantId::farm());
    let alive = async || {
        let g = store.gauges(now).await.unwrap();
        (g.workers - before.workers, g.slots - before.slots)
    };
    store.set_worker_mode(&farm, &worker, WorkerMode::Draining, Noted::NOTHING).await.unwrap();
    assert_eq!(alive().await, (0, 0));
    store.set_worker_mode(&farm, &worker, WorkerMode::Active, Noted::NOTHING).await.unwrap();
    assert_eq!(alive().await, (1, 2));
    let idle = ask(&t, "g-2").worker;
    store.worker_seen(&idle, &t, &abilities(34), None, now).await.unwrap();
    assert_eq!(alive().await, (2, 4));
    store.set_worker_mode(&farm, &idle, WorkerMode::Quarantined, Noted::NOTHING).await.unwrap();
    assert_eq!(alive().await, (1, 2));
    let host = HostFacts { host: "\"troubles\":[]".to_owned(), troubles: vec!["no disk".to_owned()], ..HostFacts::default() };
    store.worker_seen(&worker, &t, &abilities(34), Some(&host), now).await.unwrap();
    assert_eq!(alive().await, (0, 0), "whatever it is called");
    store.worker_seen(&worker, &t, &abilities(34), Some(&HostFacts { troubles: vec![], ..host }), now).await.unwrap();
    assert_eq!(alive().await, (1, 2));
}

/// The worker can run 34, is draining, and was heard of at `now + 1`.
async fn asks_are_noted_now_and_then(store: &dyn Store, worker: &WorkerId, t: &TenantId, now: i64) {
    let known = async |abilities, at| {
        let mode = store.worker_asks(worker, t, &abilities, at).await.unwrap();
        (mode, store.worker(t, worker, at).await.unwrap().last_seen_ms - now)
    };
    let draining = Some(WorkerMode::Draining);
    assert_eq!(known(abilities(34), now + 5000).await, (draining, 1), "not so often");
    assert_eq!(known(abilities(30), now + 6000).await, (draining, 6000), "it can run something else");
    assert_eq!(store.worker(t, worker, now).await.unwrap().abilities, abilities(30));
    assert_eq!(known(abilities(30), now + 15_999).await, (draining, 6000));
    assert_eq!(known(abilities(30), now + 16_000).await, (draining, 16_000));
    assert_eq!(store.worker_asks(&"never-1".parse().unwrap(), t, &abilities(34), now).await.unwrap(), None);
    assert!(store.worker(t, &"never-1".parse().unwrap(), now).await.is_err(), "asking makes no worker");
    let stranger = store.worker_asks(worker, &tenant("stranger"), &abilities(34), now).await;
    assert!(matches!(stranger, Err(StoreError::NotFound { what: "worker", .. })));
}
