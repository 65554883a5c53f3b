//! What is written is read, by whom it belongs to.

use stakeout_contract::{
    DeviceKind, JobId, Sha256Digest, TrialId,
    api::access::{Quota, Tenant},
    trial::TrialState,
};

use super::sample::{FIRST, abilities, ask, completion, decided, end, insert, job, lease, tenant, tenant_row};
use crate::{Ahead, JobFilter, JobRow, LeaseFor, Noted, Notes, OverQuota, Paces, Store, StoreError};

pub(super) async fn all(store: &dyn Store) {
    what_is_written_is_read(store).await;
    jobs_come_together_or_not_at_all(store).await;
    jobs_beyond_a_quota_are_refused(store).await;
    jobs_are_found_by_what_they_are(store).await;
    an_answer_of_before_is_found_and_kept(store).await;
    who_waits_beside_a_trial_is_known(store).await;
}

async fn what_is_written_is_read(store: &dyn Store) {
    let (t, stranger) = (tenant("reader"), tenant("stranger"));
    let mut j = job(&t, 2);
    j.tags = vec!["nightly".to_owned()];
    j.delete_after = Some(1000);
    let ids = insert(store, &j).await;
    assert_eq!(store.job(None, &j.id).await.unwrap(), j);
    assert_eq!(store.job(Some(&t), &j.id).await.unwrap(), j);
    let trials = store.trials(&j.id).await.unwrap();
    assert_eq!(trials.iter().map(|t| (t.id.clone(), t.number)).collect::<Vec<_>>(), [(ids[0].clone(), 1), (ids[1].clone(), 2)]);
    assert_eq!(store.trial(Some(&t), &ids[0]).await.unwrap(), trials[0]);
    assert!(matches!(store.job(None, &JobId::generate()).await, Err(StoreError::NotFound { what: "job", .. })));
    assert!(matches!(store.job(Some(&stranger), &j.id).await, Err(StoreError::NotFound { what: "job", .. })));
    assert!(matches!(store.trial(Some(&stranger), &ids[0]).await, Err(StoreError::NotFound { what: "trial", .. })));
    assert!(matches!(store.delete_job(&stranger, &j.id, Noted::NOTHING).await, Err(StoreError::NotFound { .. })));
    assert!(matches!(store.delete_job(&t, &j.id, Noted::NOTHING).await, Err(StoreError::InUse { .. })));
    assert!(store.jobs(&stranger, &JobFilter { most: 10, ..JobFilter::default() }).await.unwrap().is_empty());
    store.cancel(&j.id, 0, Noted::NOTHING).await.unwrap();
    assert!(matches!(store.cancel(&JobId::generate(), 0, Noted::NOTHING).await, Err(StoreError::NotFound { .. })));
}

async fn jobs_come_together_or_not_at_all(store: &dyn Store) {
    let t = tenant("batch");
    let (a, b) = (job(&t, 1), job(&t, 1));
    let id = TrialId::generate();
    let twice = vec![(a.clone(), vec![id.clone()]), (b.clone(), vec![id])];
    assert!(matches!(store.insert_jobs(twice, &Notes::default()).await, Err(StoreError::Database { .. })));
    assert!(matches!(store.job(None, &a.id).await, Err(StoreError::NotFound { .. })));
    let many = job(&t, 1100);
    assert_eq!(insert(store, &many).await.len(), 1100);
    let all = store.trials(&many.id).await.unwrap();
    assert_eq!(all.last().unwrap().number, 1100);
    assert_eq!(store.trials_after(&many.id, 0, 3).await.unwrap(), all[..3]);
    assert_eq!(store.trials_after(&many.id, 1098, 8).await.unwrap(), all[1098..]);
    assert!(store.trials_after(&many.id, 1100, 8).await.unwrap().is_empty());
    store.cancel(&many.id, 0, Noted::NOTHING).await.unwrap();
    assert_eq!(store.job(None, &many.id).await.unwrap().counts.cancelled, 1100);
}

async fn jobs_beyond_a_quota_are_refused(store: &dyn Store) {
    let t = tenant("quota");
    let mut row = tenant_row("quota");
    row.quota = Quota { waiting_trials: Some(3), trials_a_day: Some(4), slot_hours_a_day: Some(1), ..Quota::default() };
    store.put_tenant(&row, Noted::NOTHING).await.unwrap();
    let put = async |trials: u32| {
        let j = job(&t, trials);
        let ids = (0..trials).map(|_| TrialId::generate()).collect();
        match store.insert_jobs(vec![(j.clone(), ids)], &Notes::default()).await {
            Ok(()) => None,
            Err(StoreError::OverQuota(over)) => {
                assert!(matches!(store.job(None, &j.id).await, Err(StoreError::NotFound { .. })));
                Some(over)
            }
            Err(e) => panic!("{e}"),
        }
    };
    assert_eq!(put(2).await, None);
    assert_eq!(put(2).await, Some(OverQuota::Waiting { waiting: 2, most: 3, new: 2 }));
    assert_eq!(put(1).await, None);
    let (trial, of) = lease(store, &t, "w-1", 1).await;
    store.complete(&trial.id, FIRST, &completion(&trial, &of, TrialState::Finished), 10).await.unwrap();
    assert_eq!(put(1).await, None);
    let (trial, of) = lease(store, &t, "w-1", 1).await;
    assert_eq!(put(1).await, Some(OverQuota::TrialsADay { today: 4, most: 4, new: 1 }), "what runs and waits counts too");
    row.quota.trials_a_day = None;
    store.put_tenant(&row, Noted::NOTHING).await.unwrap();
    store.complete(&trial.id, FIRST, &completion(&trial, &of, TrialState::Finished), 3_700_000).await.unwrap();
    assert_eq!(put(1).await, Some(OverQuota::SlotHoursADay { most: 1 }));
    for j in store.jobs(&t, &JobFilter { most: 10, ..JobFilter::default() }).await.unwrap() {
        store.cancel(&j.id, 0, Noted::NOTHING).await.unwrap();
    }
}

async fn jobs_are_found_by_what_they_are(store: &dyn Store) {
    let t = tenant("filter");
    let mut all = Vec::new();
    for n in 0..5u8 {
        let mut j = job(&t, 1);
        j.tags = if n % 2 == 0 { vec!["even".to_owned(), "n".to_owned()] } else { vec!["n".to_owned()] };
        j.spec.facts.package = format!("com.example.n{}", n / 2);
        j.spec.app = Sha256Digest::of(&[n]);
        insert(store, &j).await;
        all.push(j);
    }
    all.reverse();
    let find = async |f: JobFilter| store.jobs(&t, &f).await.unwrap().into_iter().map(|j| j.id).collect::<Vec<_>>();
    let any = JobFilter { most: 10, ..JobFilter::default() };
    let ids = |of: &[usize]| of.iter().map(|i| all[*i].id.clone()).collect::<Vec<_>>();
    assert_eq!(find(any.clone()).await, ids(&[0, 1, 2, 3, 4]));
    assert_eq!(find(JobFilter { most: 2, ..any.clone() }).await, ids(&[0, 1]));
    assert_eq!(find(JobFilter { before: Some(all[1].id.clone()), most: 2, ..any.clone() }).await, ids(&[2, 3]));
    assert_eq!(find(JobFilter { tag: Some("even".to_owned()), ..any.clone() }).await, ids(&[0, 2, 4]));
    assert_eq!(find(JobFilter { package: Some("com.example.n0".to_owned()), ..any.clone() }).await, ids(&[3, 4]));
    assert_eq!(find(JobFilter { app: Some(Sha256Digest::of(&[4])), ..any.clone() }).await, ids(&[0]));
    assert_eq!(find(JobFilter { state: Some(TrialState::Finished), ..any.clone() }).await, ids(&[]));
    for j in &all {
        store.cancel(&j.id, 0, Noted::NOTHING).await.unwrap();
    }
}

async fn an_answer_of_before_is_found_and_kept(store: &dyn Store) {
    let t = tenant("again");
    let mut j = job(&t, 1);
    j.fingerprint = Sha256Digest::of(b"again");
    "paced".clone_into(&mut j.spec.scenario.name);
    insert(store, &j).await;
    assert_eq!(store.same_job(&t, &j.fingerprint).await.unwrap(), None);
    let (trial, of) = lease(store, &t, "w-1", 1000).await;
    store.complete(&trial.id, FIRST, &completion(&trial, &of, TrialState::Finished), 31_000).await.unwrap();
    let paces = store.paces(&t, DeviceKind::Jvm, "paced").await.unwrap();
    assert_eq!((paces.trials, paces.slot_seconds, paces.bytes), (1, 30.0, 100.0));
    assert_eq!(store.paces(&t, DeviceKind::Jvm, "never").await.unwrap().trials, 0);
    assert_eq!(store.paces(&tenant("stranger"), DeviceKind::Jvm, "paced").await.unwrap(), Paces::default(), "it is nobody else's business");
    assert!(store.decide(&j.id, &decided(&j, TrialState::Finished), 32_000).await.unwrap());
    let before = store.same_job(&t, &j.fingerprint).await.unwrap().unwrap();
    assert_eq!(before.id, j.id);
    assert_eq!(store.same_job(&tenant("stranger"), &j.fingerprint).await.unwrap(), None);

    let mut again = job(&t, 1);
    (again.fingerprint, again.reused, again.state) = (j.fingerprint, Some(j.id.clone()), TrialState::Finished);
    (again.result, again.created, again.sealed) = (before.result.clone(), 40_000, None);
    again.counts = before.counts;
    store.insert_jobs(vec![(again.clone(), vec![])], &Notes::default()).await.unwrap();
    let read = store.job(Some(&t), &again.id).await.unwrap();
    assert_eq!(
        (read.state, read.ended, &read.result, &read.reused),
        (TrialState::Finished, Some(40_000), &before.result, &Some(j.id.clone()))
    );
    assert_eq!(store.same_job(&t, &j.fingerprint).await.unwrap().unwrap().id, j.id, "an answer of before is no new answer");
    assert!(store.trials(&again.id).await.unwrap().is_empty());
    assert_eq!(store.events(&again.id, 0, 10).await.unwrap().len(), 1);
    assert!(!store.decide(&again.id, &decided(&again, TrialState::Failed), 41_000).await.unwrap());
}

async fn who_waits_beside_a_trial_is_known(store: &dyn Store) {
    // No other room has trials for this level.
    const API: u32 = 77;
    let names = ["ahead", "ahead-light", "ahead-heavy", "ahead-apart"];
    let [t, ..] = names.map(tenant);
    for (name, weight) in names.into_iter().zip([1, 2, 5, 7]) {
        store.put_tenant(&Tenant { weight, own_workers_only: name == "ahead-apart", ..tenant_row(name) }, Noted::NOTHING).await.unwrap();
    }
    let mut all = Vec::new();
    for (name, trials, priority) in [("ahead", 3, 0), ("ahead", 2, 5), ("ahead-light", 9, 0), ("ahead-heavy", 1, 0), ("ahead-apart", 1, 0)]
    {
        let mut j = JobRow { priority, ..job(&tenant(name), trials) };
        j.spec.scenario.device.api = API;
        insert(store, &j).await;
        all.push(j);
    }
    let ahead = async |api, priority| store.ahead(&t, DeviceKind::Jvm, api, priority).await.unwrap();
    assert_eq!(ahead(API, 0).await, Ahead { own: 5, running: 0, others: 7 });
    assert_eq!(ahead(API, 1).await.own, 2, "what is less urgent waits behind it");
    assert_eq!(ahead(API + 1, 0).await, Ahead { own: 5, running: 0, others: 0 });
    let ask = LeaseFor { abilities: abilities(API), ..ask(&t, "ahead-1") };
    assert!(store.lease(&ask, 1000).await.unwrap().is_some());
    assert_eq!(ahead(API, 0).await, Ahead { own: 4, running: 1, others: 7 });
    for j in &all {
        store.cancel(&j.id, 1000, Noted::NOTHING).await.unwrap();
    }
    assert_eq!(ahead(API, 0).await, Ahead { own: 0, running: 1, others: 0 }, "its worker has not let go yet");
    let held = store.trials(&all[1].id).await.unwrap().into_iter().find(|t| t.row.worker.is_some()).unwrap();
    store.give_back(&held.id, FIRST, &end(TrialState::Cancelled, ""), 1000).await.unwrap();
}
