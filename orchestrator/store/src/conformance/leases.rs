//! Who gets which trial.

use stakeout_contract::{
    DeviceKind, Epoch, TenantId, TrialId,
    api::{access::Quota, fleet::WorkerMode},
    trial::TrialState,
};

use super::sample::{abilities, ask, end, insert, job, lease, tenant, tenant_row};
use crate::{LeaseFor, Noted, Store, StoreError};

pub(super) async fn all(store: &dyn Store) {
    tenants_get_trials_by_their_weight(store).await;
    nobody_pays_for_having_been_alone(store).await;
    a_trial_that_nobody_can_run_holds_nobody_back(store).await;
    a_tenant_at_its_bound_is_passed_over(store).await;
    a_trial_is_leased_once_and_only_to_who_can_run_it(store).await;
    the_more_urgent_is_first_whatever_the_level(store).await;
    trials_of_own_workers_go_to_no_others(store).await;
    a_worker_that_drains_gets_nothing(store).await;
    a_worker_gets_first_what_did_not_fail_on_it(store).await;
    workers_of_like_names_are_not_taken_for_each_other(store).await;
}

pub(super) async fn cancel_all(store: &dyn Store, tenant: &TenantId) {
    let filter = crate::JobFilter { most: 1000, ..Default::default() };
    for j in store.jobs(tenant, &filter).await.unwrap() {
        store.cancel(&j.id, 5, Noted::NOTHING).await.unwrap();
        for t in store.trials(&j.id).await.unwrap().into_iter().filter(|t| !t.row.state.is_final()) {
            store.give_back(&t.id, t.row.epoch, &end(TrialState::Cancelled, ""), 5).await.unwrap();
        }
    }
}

async fn tenants_get_trials_by_their_weight(store: &dyn Store) {
    let (light, heavy) = (tenant("light"), tenant("heavy"));
    store.put_tenant(&tenant_row("light"), Noted::NOTHING).await.unwrap();
    store.put_tenant(&crate::conformance::sample::tenant_row("heavy"), Noted::NOTHING).await.unwrap();
    let mut row = tenant_row("heavy");
    row.weight = 3;
    assert!(!store.put_tenant(&row, Noted::NOTHING).await.unwrap());
    insert(store, &job(&light, 50)).await;
    let farm = ask(&TenantId::farm(), "farm-1");
    for _ in 0..10 {
        assert_eq!(store.lease(&farm, 1).await.unwrap().unwrap().0.tenant, light);
    }
    insert(store, &job(&heavy, 50)).await;
    let mut got = [0, 0];
    for _ in 0..16 {
        let (t, _) = store.lease(&farm, 1).await.unwrap().unwrap();
        got[usize::from(t.tenant == heavy)] += 1;
    }
    assert!((3..=5).contains(&got[0]), "the newcomer of weight 3 gets three of four: {got:?}");
    assert_eq!(store.waiting(&TenantId::farm(), &abilities(34)).await.unwrap(), 100 - 26);
    assert_eq!(store.waiting(&light, &abilities(34)).await.unwrap(), 40 - got[0]);
    assert_eq!(store.waiting(&light, &abilities(23)).await.unwrap(), 0);
    cancel_all(store, &light).await;
    cancel_all(store, &heavy).await;
    assert!(store.lease(&farm, 1).await.unwrap().is_none());
}

/// How many of the next trials are each tenant's.
async fn shares(store: &dyn Store, tenants: [&TenantId; 2], n: usize) -> [usize; 2] {
    let mut got = [0, 0];
    for _ in 0..n {
        let (t, _) = store.lease(&ask(&TenantId::farm(), "farm-1"), 1).await.unwrap().unwrap();
        got[tenants.iter().position(|of| **of == t.tenant).unwrap()] += 1;
    }
    got
}

async fn nobody_pays_for_having_been_alone(store: &dyn Store) {
    let (old, new) = (tenant("alone"), tenant("newcomer"));
    insert(store, &job(&old, 40)).await;
    shares(store, [&old, &new], 40).await;
    // It finds nobody that waits.
    insert(store, &job(&new, 30)).await;
    assert_eq!(shares(store, [&old, &new], 1).await, [0, 1]);
    insert(store, &job(&old, 30)).await;
    let got = shares(store, [&old, &new], 20).await;
    assert!(got[0] >= 9 && got[1] >= 9, "{got:?}");
    cancel_all(store, &old).await;
    cancel_all(store, &new).await;
}

async fn a_trial_that_nobody_can_run_holds_nobody_back(store: &dyn Store) {
    let (stuck, busy, new) = (tenant("stuck"), tenant("busy"), tenant("later"));
    let mut never = job(&stuck, 1);
    never.spec.scenario.device.api = 98;
    insert(store, &never).await;
    insert(store, &job(&busy, 80)).await;
    shares(store, [&busy, &new], 40).await;
    insert(store, &job(&new, 40)).await;
    let got = shares(store, [&busy, &new], 20).await;
    assert!(got[0] >= 9 && got[1] >= 9, "{got:?}");
    insert(store, &job(&stuck, 40)).await;
    cancel_all(store, &new).await;
    let got = shares(store, [&busy, &stuck], 20).await;
    assert!(got[0] >= 9 && got[1] >= 9, "it has saved nothing up: {got:?}");
    cancel_all(store, &stuck).await;
    cancel_all(store, &busy).await;
}

async fn a_tenant_at_its_bound_is_passed_over(store: &dyn Store) {
    let bounded = tenant("bounded");
    let mut row = tenant_row("bounded");
    row.quota = Quota { running_trials: Some(2), ..Quota::default() };
    store.put_tenant(&row, Noted::NOTHING).await.unwrap();
    insert(store, &job(&bounded, 3)).await;
    let farm = ask(&TenantId::farm(), "farm-1");
    let (first, _) = store.lease(&farm, 1).await.unwrap().unwrap();
    store.lease(&farm, 1).await.unwrap().unwrap();
    assert!(store.lease(&farm, 1).await.unwrap().is_none());
    store.give_back(&first.id, Epoch(1), &end(TrialState::Queued, "told to stop"), 2).await.unwrap();
    assert!(store.lease(&farm, 3).await.unwrap().is_some());
    cancel_all(store, &bounded).await;
}

async fn a_trial_is_leased_once_and_only_to_who_can_run_it(store: &dyn Store) {
    let t = tenant("once");
    let j = job(&t, 1);
    insert(store, &j).await;
    let other = LeaseFor { abilities: abilities(23), ..ask(&t, "w-1") };
    assert!(store.lease(&other, 1).await.unwrap().is_none());
    assert!(store.lease(&ask(&tenant("another"), "w-2"), 1).await.unwrap().is_none());
    let (got, of) = lease(store, &t, "w-1", 1).await;
    assert_eq!((&of.id, got.row.epoch, got.row.state, got.row.expires), (&j.id, Epoch(1), TrialState::Leased, Some(60_001)));
    assert_eq!((of.state, of.counts.queued, of.counts.running), (TrialState::Running, 0, 1));
    assert!(store.lease(&ask(&t, "w-2"), 1).await.unwrap().is_none());
    cancel_all(store, &t).await;
}

async fn the_more_urgent_is_first_whatever_the_level(store: &dyn Store) {
    let t = tenant("urgent");
    let mut low = job(&t, 1);
    low.priority = -1;
    let mut high = job(&t, 1);
    (high.priority, high.spec.scenario.device.api) = (5, 29);
    let (low, high) = (insert(store, &low).await, insert(store, &high).await);
    let middle = insert(store, &job(&t, 1)).await;
    let any = LeaseFor {
        abilities: stakeout_contract::lease::Abilities { devices: vec![(DeviceKind::Jvm, vec![29, 34])], slots: 1 },
        ..ask(&t, "w-1")
    };
    let mut order: Vec<TrialId> = Vec::new();
    while let Some((trial, _)) = store.lease(&any, 1).await.unwrap() {
        order.push(trial.id);
    }
    assert_eq!(order, [high, middle, low].concat());
    cancel_all(store, &t).await;
}

async fn trials_of_own_workers_go_to_no_others(store: &dyn Store) {
    let t = tenant("careful");
    let mut j = job(&t, 1);
    j.own_workers_only = true;
    insert(store, &j).await;
    assert_eq!(store.waiting(&TenantId::farm(), &abilities(34)).await.unwrap(), 0);
    assert!(store.lease(&ask(&TenantId::farm(), "farm-1"), 1).await.unwrap().is_none());
    assert!(store.lease(&ask(&t, "careful-1"), 1).await.unwrap().is_some());
    cancel_all(store, &t).await;
}

async fn a_worker_that_drains_gets_nothing(store: &dyn Store) {
    let t = tenant("drained");
    insert(store, &job(&t, 3)).await;
    let w = ask(&t, "drained-1");
    assert_eq!(store.worker_seen(&w.worker, &t, &w.abilities, None, 1).await.unwrap(), WorkerMode::Active);
    let (first, _) = store.lease(&w, 1).await.unwrap().unwrap();
    store.set_worker_mode(&t, &w.worker, WorkerMode::Draining, Noted::NOTHING).await.unwrap();
    assert!(store.lease(&w, 1).await.unwrap().is_none());
    assert!(store.renew(&first.id, Epoch(1), None, 2, 60).await.is_ok(), "it ends what it has");
    assert_eq!(
        store.set_worker_mode(&t, &w.worker, WorkerMode::Quarantined, Noted::NOTHING).await.unwrap(),
        std::slice::from_ref(&first.id)
    );
    assert!(matches!(store.renew(&first.id, Epoch(1), None, 2, 60).await, Err(StoreError::Refused(_))), "what it hands in is refused");
    assert_eq!(store.trial(None, &first.id).await.unwrap().row.state, TrialState::Queued);
    let impostor = LeaseFor { tenant: tenant("another"), ..w };
    insert(store, &job(&impostor.tenant, 1)).await;
    assert!(matches!(store.lease(&impostor, 1).await, Err(StoreError::NotFound { what: "worker", .. })));
    cancel_all(store, &t).await;
    cancel_all(store, &impostor.tenant).await;
}

async fn a_worker_gets_first_what_did_not_fail_on_it(store: &dyn Store) {
    let t = tenant("failing");
    insert(store, &job(&t, 2)).await;
    let (first, _) = lease(store, &t, "w-1", 1).await;
    store.give_back(&first.id, Epoch(1), &end(TrialState::Failed, "device died"), 1).await.unwrap();
    let (second, _) = lease(store, &t, "w-1", 1).await;
    assert_ne!(second.id, first.id);
    let (again, _) = lease(store, &t, "w-1", 1).await;
    assert_eq!((again.id, again.row.epoch), (first.id.clone(), Epoch(2)));
    assert_eq!(again.ended.unwrap().reason, "device died");
    store.give_back(&first.id, Epoch(2), &end(TrialState::Queued, "told to stop"), 1).await.unwrap();
    assert_eq!(store.trial(None, &first.id).await.unwrap().row.failed_on.len(), 1);
    cancel_all(store, &t).await;
}

async fn workers_of_like_names_are_not_taken_for_each_other(store: &dyn Store) {
    let t = tenant("alike");
    insert(store, &job(&t, 2)).await;
    let (first, _) = lease(store, &t, "wx1", 1).await;
    store.give_back(&first.id, Epoch(1), &end(TrialState::Failed, "device died"), 1).await.unwrap();
    let (again, _) = lease(store, &t, "w_1", 1).await;
    assert_eq!(again.id, first.id, "it did not fail on this one");
    cancel_all(store, &t).await;
}
