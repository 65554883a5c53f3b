//! Calls that come at the same time: each gets what it would get alone.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use stakeout_contract::{
    DeviceKind, Epoch, Sha256Digest, TenantId, TokenId, TrialId,
    api::{
        access::Quota,
        fleet::{HostFacts, WorkerMode},
    },
    artifact::{Artifact, Role},
    lease::Abilities,
    trial::TrialState,
};
use stakeout_domain::lease::Refused;

use super::{
    leases::cancel_all,
    sample::{FIRST, abilities, ask, completion, end, insert, job, lease, tenant, tenant_row},
};
use crate::{JobRow, LeaseFor, Noted, Store, StoreError, TrialFull};

pub(super) async fn all(store: &dyn Store) {
    tenants_get_their_weight_and_their_bound(store).await;
    the_most_urgent_are_first_whatever_the_level(store).await;
    only_who_may_gets_a_trial(store).await;
    who_failed_gets_others_if_there_are(store).await;
    each_lease_is_of_the_token_of_who_asked(store).await;
    renewals_and_completions_are_each_its_own(store).await;
    what_is_read_at_once_is_each_its_own(store).await;
}

async fn leases(store: &dyn Store, asks: &[LeaseFor]) -> Vec<Result<Option<(TrialFull, JobRow)>, StoreError>> {
    join_all(asks.iter().map(|a| store.lease(a, 1))).await
}

fn workers(tenant: &TenantId, n: usize) -> Vec<LeaseFor> {
    (0..n).map(|n| ask(tenant, &format!("{tenant}-{n}"))).collect()
}

async fn tenants_get_their_weight_and_their_bound(store: &dyn Store) {
    let (light, heavy, bound) = (tenant("tog-light"), tenant("tog-heavy"), tenant("tog-bound"));
    let mut row = tenant_row("tog-heavy");
    row.weight = 3;
    store.put_tenant(&row, Noted::NOTHING).await.unwrap();
    let mut row = tenant_row("tog-bound");
    row.quota = Quota { running_trials: Some(2), ..Quota::default() };
    store.put_tenant(&row, Noted::NOTHING).await.unwrap();
    let (a, b) = (job(&light, 40), job(&light, 40));
    for j in [&a, &b, &job(&heavy, 80), &job(&bound, 80)] {
        insert(store, j).await;
    }
    let got: Vec<_> = leases(store, &workers(&TenantId::farm(), 42)).await.into_iter().map(|l| l.unwrap().unwrap()).collect();
    let of = |t: &TenantId| got.iter().filter(|(trial, _)| trial.tenant == *t).count();
    assert_eq!(of(&bound), 2, "not one more than it may have");
    assert!((7..=13).contains(&of(&light)), "a quarter of the rest, which is soft: {}", of(&light));
    assert_eq!(got.iter().map(|(trial, _)| &trial.id).collect::<BTreeSet<_>>().len(), 42, "each trial once");
    assert!(got.iter().all(|(trial, of)| trial.job == of.id && trial.row.epoch == FIRST && of.counts.running > 0));
    // More than there are: the rest get none, and the counts are those of all.
    let rest = leases(store, &workers(&TenantId::farm(), 200)).await;
    assert_eq!(rest.iter().filter(|l| l.as_ref().unwrap().is_some()).count(), 160 - 40);
    for (j, trials) in [(&a, 40), (&b, 40)] {
        let now = store.job(None, &j.id).await.unwrap();
        assert_eq!((now.state, now.counts.queued, now.counts.running), (TrialState::Running, 0, trials));
        let told = store.events(&j.id, 0, 1000).await.unwrap();
        assert_eq!(told.iter().map(|e| e.number).collect::<Vec<_>>(), (1..=42).collect::<Vec<_>>(), "submitted, running, 40 leases");
    }
    for t in [&light, &heavy, &bound] {
        cancel_all(store, t).await;
    }
}

async fn the_most_urgent_are_first_whatever_the_level(store: &dyn Store) {
    let t = tenant("tog-urgent");
    let mut high = job(&t, 6);
    (high.priority, high.spec.scenario.device.api) = (5, 29);
    let high = insert(store, &high).await;
    let middle = insert(store, &job(&t, 20)).await;
    let any = Abilities { devices: vec![(DeviceKind::Jvm, vec![29, 34])], slots: 1 };
    let asks: Vec<_> = workers(&t, 16).into_iter().map(|a| LeaseFor { abilities: any.clone(), ..a }).collect();
    let got: BTreeSet<_> = leases(store, &asks).await.into_iter().map(|l| l.unwrap().unwrap().0.id).collect();
    assert_eq!(got, high.into_iter().chain(middle.into_iter().take(10)).collect());
    cancel_all(store, &t).await;
}

async fn only_who_may_gets_a_trial(store: &dyn Store) {
    let t = tenant("tog-may");
    insert(store, &job(&t, 30)).await;
    let mut asks = workers(&t, 12);
    for a in &asks {
        store.worker_seen(&a.worker, &t, &a.abilities, None, 1).await.unwrap();
    }
    store.set_worker_mode(&t, &asks[3].worker, WorkerMode::Draining, Noted::NOTHING).await.unwrap();
    asks.push(LeaseFor { abilities: abilities(23), ..ask(&t, "tog-old") });
    asks.push(LeaseFor { tenant: tenant("tog-other"), ..asks[5].clone() });
    let mut own = job(&tenant("tog-other"), 3);
    own.own_workers_only = true;
    insert(store, &own).await;
    asks.push(ask(&TenantId::farm(), "tog-farm"));
    let got = leases(store, &asks).await;
    let place = |p: usize| got[p].as_ref().map(|l| l.as_ref().map(|(trial, _)| trial.tenant.to_string()));
    assert!(matches!(place(14), Ok(Some(tenant)) if tenant == "tog-may"), "the farm's serves who does not want his own");
    assert!(matches!(place(13), Err(StoreError::NotFound { what: "worker", .. })), "whose worker it is");
    assert!(matches!((place(3), place(12)), (Ok(None), Ok(None))), "one drains, one cannot");
    assert_eq!(got.iter().filter(|l| matches!(l, Ok(Some(_)))).count(), 12);
    cancel_all(store, &t).await;
    cancel_all(store, &own.tenant).await;
}

async fn who_failed_gets_others_if_there_are(store: &dyn Store) {
    let t = tenant("tog-failed");
    insert(store, &job(&t, 6)).await;
    let asks = workers(&t, 3);
    let mut held = Vec::new();
    for a in &asks {
        held.push(store.lease(a, 1).await.unwrap().unwrap().0.id);
    }
    // The first trial has failed on the first of them, and so on.
    for id in held {
        store.give_back(&id, FIRST, &end(TrialState::Failed, "device died"), 1).await.unwrap();
    }
    let failed: Vec<_> = store.jobs(&t, &crate::JobFilter { most: 1, ..Default::default() }).await.unwrap();
    let trials = store.trials(&failed[0].id).await.unwrap();
    let before: Vec<_> = trials.iter().map(|t| (t.id.clone(), t.row.failed_on.clone())).collect();
    let got = leases(store, &asks).await;
    for (a, l) in asks.iter().zip(got) {
        let (trial, _) = l.unwrap().unwrap();
        let on = &before.iter().find(|(id, _)| *id == trial.id).unwrap().1;
        assert!(!on.contains(&a.worker), "`{}` had `{}` before: {before:?}", a.worker, trial.id);
    }
    cancel_all(store, &t).await;
}

async fn each_lease_is_of_the_token_of_who_asked(store: &dyn Store) {
    let t = tenant("tog-tokens");
    insert(store, &job(&t, 12)).await;
    let asks: Vec<_> = workers(&t, 12).into_iter().map(|a| LeaseFor { token: Some(TokenId::generate()), ..a }).collect();
    let got: Vec<TrialFull> = leases(store, &asks).await.into_iter().map(|l| l.unwrap().unwrap().0).collect();
    for (trial, ask) in got.iter().zip(&asks) {
        assert_eq!((&trial.row.token, trial.row.worker.as_ref()), (&ask.token, Some(&ask.worker)));
    }
    // Every other one renews its own, the rest one that is another's.
    let by = |n: usize| asks[n - n % 2].token.as_ref();
    let renewed = join_all(got.iter().enumerate().map(|(n, trial)| store.renew(&trial.id, FIRST, by(n), 5, 60))).await;
    for (n, r) in renewed.iter().enumerate() {
        let own = n.is_multiple_of(2);
        assert!(if own { r.is_ok() } else { matches!(r, Err(StoreError::Refused(Refused::Others))) }, "{n}: {r:?}");
    }
    // It is known also when the lease has ended, until there is another.
    let first = &got[0].id;
    store.give_back(first, FIRST, &end(TrialState::Queued, "told to stop"), 6).await.unwrap();
    assert_eq!(store.trial(None, first).await.unwrap().row.token, asks[0].token);
    let (again, _) = lease(store, &t, "tog-tokens-x", 7).await;
    assert_eq!((&again.id, again.row.token), (first, None));
    cancel_all(store, &t).await;
}

async fn renewals_and_completions_are_each_its_own(store: &dyn Store) {
    let t = tenant("tog-ends");
    let (a, b) = (job(&t, 5), job(&t, 5));
    insert(store, &a).await;
    insert(store, &b).await;
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(lease(store, &t, "w-1", 1).await);
    }
    let lost = &held[3].0;
    store.give_back(&lost.id, FIRST, &end(TrialState::Queued, "told to stop"), 2).await.unwrap();
    let none = "trial-none".parse().unwrap();
    let ids = held.iter().map(|(trial, _)| &trial.id).chain([&none, &held[0].0.id]);
    let renewed = join_all(ids.map(|id| store.renew(id, FIRST, None, 5, 60))).await;
    for (n, r) in renewed.iter().enumerate() {
        match (n, r) {
            (3, Err(StoreError::Refused(_))) | (10, Err(StoreError::NotFound { what: "trial", .. })) => {}
            (3 | 10, other) => panic!("{n}: {other:?}"),
            (_, row) => {
                assert_eq!((row.as_ref().unwrap().state, row.as_ref().unwrap().expires), (TrialState::Running, Some(60_005)), "{n}");
            }
        }
    }

    let given = Sha256Digest::of(b"given");
    store.note_blob(&t, &given, 5, 6).await.unwrap();
    let with = |n: usize, sha256: Option<Sha256Digest>| {
        let (trial, of) = &held[n];
        let mut done = completion(trial, of, TrialState::Finished);
        done.record.artifacts = sha256
            .into_iter()
            .map(|sha256| Artifact {
                sha256,
                size: 5,
                role: Role::AppFile,
                name: "f".to_owned(),
                flow: None,
                at: None,
                cipher: None,
                truncated: false,
            })
            .collect();
        done
    };
    let mut all: Vec<_> = (0..10).map(|n| (n, FIRST, with(n, Some(given)))).collect();
    all[5].2 = with(5, Some(Sha256Digest::of(b"never given")));
    all[6].1 = Epoch(7);
    all.push((0, FIRST, all[0].2.clone()));
    all.push((1, FIRST, with(1, None)));
    let done = join_all(all.iter().map(|(n, epoch, done)| store.complete(&held[*n].0.id, *epoch, done, 2001))).await;
    for (n, r) in done.iter().enumerate() {
        match (n, r) {
            (3 | 6 | 11, Err(StoreError::Refused(_))) | (5, Err(StoreError::NotFound { what: "blob", .. })) => {}
            (3 | 5 | 6 | 11, other) => panic!("{n}: {other:?}"),
            (_, row) => assert_eq!(row.as_ref().unwrap().state, TrialState::Finished, "{n}"),
        }
    }
    let counts = [store.job(None, &a.id).await.unwrap().counts, store.job(None, &b.id).await.unwrap().counts];
    assert_eq!(counts.map(|c| c.finished).iter().sum::<u32>(), 7);
    assert_eq!(counts.map(|c| (c.queued, c.running)), [(1, 0), (0, 2)], "the one that was given back, and two that were refused");
    let day = &store.usage(&t, 1, 3000).await.unwrap().days[0];
    assert_eq!((day.trials, day.slot_seconds, day.cpu_seconds), (7, 14.0 + 0.001, 7.0 * 2.5));
    assert!(store.drop_blobs(1_000_000, 0, 10).await.unwrap().iter().all(|(_, b)| *b != given), "what ended keeps it");
    cancel_all(store, &t).await;
}

async fn what_is_read_at_once_is_each_its_own(store: &dyn Store) {
    let (t, other) = (tenant("tog-read"), tenant("tog-read-other"));
    let ids = insert(store, &job(&t, 3)).await;
    let none: TrialId = "trial-none".parse().unwrap();
    let asked = [(Some(&t), &ids[0]), (None, &ids[1]), (Some(&other), &ids[2]), (None, &none), (Some(&t), &ids[0])];
    let got = join_all(asked.iter().map(|(of, id)| store.trial(*of, id))).await;
    for (n, (g, (_, id))) in got.into_iter().zip(asked).enumerate() {
        match (n, g) {
            (2 | 3, Err(StoreError::NotFound { what: "trial", .. })) => {}
            (2 | 3, g) => panic!("{n}: {g:?}"),
            (_, g) => assert_eq!(g.unwrap().id, *id),
        }
    }

    let asks = workers(&t, 3);
    let host = HostFacts { key: "its key".to_owned(), ..HostFacts::default() };
    store.worker_seen(&asks[0].worker, &t, &asks[0].abilities, Some(&host), 1).await.unwrap();
    store.worker_seen(&asks[1].worker, &other, &asks[1].abilities, None, 1).await.unwrap();
    let known = join_all(asks.iter().map(|a| store.worker_asks(&a.worker, &t, &a.abilities, 2))).await;
    assert!(matches!(known[..], [Ok(Some(WorkerMode::Active)), Err(StoreError::NotFound { what: "worker", .. }), Ok(None)]), "{known:?}");
    let hosts = join_all(asks.iter().map(|a| store.worker_host(&a.worker))).await;
    let keys: Vec<_> = hosts.into_iter().map(|h| h.unwrap().map(|h| h.key)).collect();
    assert_eq!(keys, [Some("its key".to_owned()), Some(String::new()), None]);
    cancel_all(store, &t).await;
}
