//! Whose turn it is where many wait: decisions, deliveries.

use std::collections::BTreeSet;

use stakeout_contract::{
    JobId, TenantId, TrialId,
    api::hooks::{DeliveryState, Hook},
    trial::TrialState,
};

use super::{
    ends::decide_all,
    sample::{decided, insert, job, tenant},
};
use crate::{HookRow, JobRow, Noted, Notes, Store};

pub(super) async fn all(store: &dyn Store) {
    a_job_is_decided_however_many_another_tenant_has_due(store).await;
    a_job_is_counted_until_it_is_decided_whoever_has_it(store).await;
    a_webhook_is_told_however_much_waits_for_another(store).await;
}

/// Jobs of a tenant that are due at once.
async fn due(store: &dyn Store, tenant: &TenantId, number: usize) -> Vec<JobRow> {
    let jobs: Vec<JobRow> = (0..number).map(|_| job(tenant, 1)).collect();
    let rows = jobs.iter().map(|j| (j.clone(), vec![TrialId::generate()])).collect();
    store.insert_jobs(rows, &Notes::default()).await.unwrap();
    for j in &jobs {
        store.cancel(&j.id, 1, Noted::NOTHING).await.unwrap();
    }
    jobs
}

async fn a_job_is_decided_however_many_another_tenant_has_due(store: &dyn Store) {
    let now = 50_000_000_000;
    while store.claim_due(now, 60).await.unwrap().is_some() {}
    let (many, one) = (tenant("due-many"), tenant("due-one"));
    let first = due(store, &many, 200).await;
    let late: BTreeSet<JobId> = due(store, &one, 2).await.into_iter().map(|j| j.id).collect();
    let mut claimed = Vec::new();
    for _ in 0..4 {
        claimed.push(store.claim_due(now, 60).await.unwrap().unwrap().job);
    }
    assert_eq!(claimed.iter().filter(|id| late.contains(id)).count(), 2, "they take turns");
    for j in first.iter().filter(|j| !claimed.contains(&j.id)).chain(&first) {
        store.decide(&j.id, &decided(j, TrialState::Cancelled), now).await.unwrap();
    }
}

async fn a_job_is_counted_until_it_is_decided_whoever_has_it(store: &dyn Store) {
    let now = 55_000_000_000;
    decide_all(store, now).await;
    let due = async |at| {
        let g = store.gauges(at).await.unwrap();
        (g.due, g.oldest_due_seconds)
    };
    assert_eq!(due(now).await, (0, 0.0));
    let j = job(&tenant("counted"), 1);
    insert(store, &j).await;
    assert_eq!(due(now).await, (0, 0.0), "its trial waits");
    store.cancel(&j.id, now, Noted::NOTHING).await.unwrap();
    assert_eq!(due(now + 2000).await, (1, 2.0));
    for at in [now + 2000, now + 62_000] {
        assert_eq!(store.claim_due(at, 60).await.unwrap().map(|due| due.job), Some(j.id.clone()));
        assert_eq!(due(at + 1000).await, (1, (at + 1000 - now) as f64 / 1000.0), "it is somebody's, who may not end it");
    }
    assert!(store.decide(&j.id, &decided(&j, TrialState::Cancelled), now + 70_000).await.unwrap());
    assert_eq!(due(now + 70_000).await, (0, 0.0));
}

/// A webhook, and what it was told.
async fn hook(store: &dyn Store, tenant: &TenantId, id: &str) {
    let hook = Hook { id: id.parse().unwrap(), url: "https://h.example".to_owned(), tag: None, created_ms: 1 };
    store.put_hook(&HookRow { hook, tenant: tenant.clone(), sealed: vec![9] }, Noted::NOTHING).await.unwrap();
}

async fn a_webhook_is_told_however_much_waits_for_another(store: &dyn Store) {
    let (many, one) = (tenant("told-many"), tenant("told-one"));
    let now = 60_000_000_000;
    for n in 0..6 {
        hook(store, &many, &format!("hook-many-{n}")).await;
    }
    for j in due(store, &many, 50).await {
        store.decide(&j.id, &decided(&j, TrialState::Cancelled), now - 1000).await.unwrap();
    }
    hook(store, &one, "hook-one").await;
    for j in due(store, &one, 2).await {
        store.decide(&j.id, &decided(&j, TrialState::Cancelled), now).await.unwrap();
    }
    let claim = async |at| {
        let claimed = store.claim_deliveries(at, 60, 100).await.unwrap();
        claimed.into_iter().filter(|d| d.hook.tenant == many || d.hook.tenant == one).collect::<Vec<_>>()
    };
    let first = claim(now).await;
    let hooks: BTreeSet<&str> = first.iter().map(|d| d.hook.hook.id.as_str()).collect();
    assert_eq!((first.len(), hooks.len()), (5, 5), "one of a webhook, and four of a tenant, with 300 that wait: {hooks:?}");
    let told = first.iter().find(|d| d.hook.tenant == one).unwrap();
    assert_eq!((told.since, told.delivery.tries), (now, 0));
    assert!(claim(now + 1).await.is_empty(), "nobody answers");
    let mut answered = told.delivery.clone();
    (answered.state, answered.tries, answered.next_ms, answered.status) = (DeliveryState::Waiting, 1, Some(now + 500), Some(500));
    assert!(store.delivery_tried(&answered).await.unwrap());
    // The other one of it is next, and is tried for a day from now on, however long it waited.
    let next = claim(now + 400).await;
    assert_eq!(next.iter().map(|d| (d.hook.tenant == one, d.since)).collect::<Vec<_>>(), [(true, now + 400)]);
    // Whoever claimed the others has died, or their clock went back by a day: others go on, those first who waited longest.
    let later = claim(now + 60_000).await;
    let of: Vec<&str> = later.iter().map(|d| d.hook.hook.id.as_str()).collect();
    assert!(of.contains(&"hook-many-4") && of.contains(&"hook-many-5"), "{of:?}");
    assert_eq!(claim(now - 86_400_000).await.len(), 0);
    let again = later.iter().find(|d| d.hook.hook.id.as_str() == "hook-many-4").unwrap();
    assert!(again.since >= now, "{}", again.since);
}
