use stakeout_contract::WorkerId;
use stakeout_store::{
    Gauges,
    conformance::sample::{ask, end, insert, job},
    sqlite::SqliteStore,
};

use super::*;

#[tokio::test]
async fn the_worker_of_this_process_takes_nothing_while_its_host_has_troubles() {
    use stakeout_agent::Orchestrator as _;
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("db")).await.unwrap();
    let service = Service::new(Arc::new(store), Blobs::folder(&dir.path().join("blobs")).unwrap(), Sealer::ephemeral().unwrap());
    let ask = ask(&TenantId::farm(), "w-1");
    insert(service.store(), &job(&TenantId::farm(), 1)).await;
    let mut host = stakeout_contract::api::fleet::HostFacts { troubles: vec!["no disk".to_owned()], ..Default::default() };
    service.worker_lives(&ask.worker, &ask.abilities, &host).await.unwrap();
    assert!(service.lease(&ask.worker, &ask.abilities).await.unwrap().is_none());
    host.troubles.clear();
    service.worker_lives(&ask.worker, &ask.abilities, &host).await.unwrap();
    assert!(service.lease(&ask.worker, &ask.abilities).await.unwrap().is_some());
}

#[tokio::test]
async fn a_trial_that_ends_without_evidence_is_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("db")).await.unwrap();
    let blobs = Blobs::folder(&dir.path().join("blobs")).unwrap();
    let service = Service::new(Arc::new(store), blobs, Sealer::ephemeral().unwrap());
    let (farm, worker): (_, WorkerId) = (TenantId::farm(), "w-1".parse().unwrap());
    insert(service.store(), &job(&farm, 2)).await;
    let lease = async |worker: &WorkerId, at| {
        let (t, _) = service.store.lease(&ask(&farm, worker.as_str()), at).await.unwrap().unwrap();
        Fence { trial: t.id, epoch: t.row.epoch }
    };
    let counted = || {
        let text = service.metrics.text(&Gauges::default());
        text.lines().filter(|l| l.starts_with("stakeout_trials_total")).map(str::to_owned).collect::<Vec<_>>()
    };
    // One fails on two workers, who each say so twice.
    for w in ["w-1", "w-2"] {
        let fence = lease(&w.parse().unwrap(), now()).await;
        assert_eq!(counted(), [""; 0]);
        service.take_back(&fence, &end(TrialState::Failed, "no device")).await.unwrap();
        service.take_back(&fence, &end(TrialState::Failed, "no device")).await.unwrap_err();
    }
    let boot = "stakeout_trials_total{state=\"failed\",stage=\"boot\"} 1";
    assert_eq!(counted(), [boot]);
    // The other is lost three times, the last time as this server notices.
    let long_ago = now() - 3_600_000;
    for n in 0..3 {
        lease(&worker, long_ago).await;
        if n < 2 {
            service.store.expire(now()).await.unwrap();
        }
    }
    assert_eq!(service.expire().await.unwrap(), 1);
    assert_eq!(service.expire().await.unwrap(), 0);
    let mut all = counted();
    all.sort();
    assert_eq!(all, [boot, "stakeout_trials_total{state=\"failed\",stage=\"lease\"} 1"]);
}
