//! What may become of a lease.

use serde_json::json;
use stakeout_agent::{Fence, Orchestrator, OrchestratorError, RenewAnswer};
use stakeout_contract::{Sha256Digest, api::problem::Code, trial::TrialState};

use crate::{
    farm::{Farm, now, text},
    hand::{Hand, artifact, completion, end, progress},
};

async fn hands(farm: &Farm) -> [Hand; 2] {
    let token = farm.token("farm", "worker").await;
    ["w-a", "w-b"].map(|id| Hand::new(farm.client(&token), id))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_hears_that_its_job_was_given_up_and_lets_go() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let job = farm.submit(&admin, &farm.app("acme", "app").await, 2, json!({})).await;
    let [hand, _] = hands(&farm).await;
    let lease = hand.lease().await;
    let fence = Fence::from(&lease);
    assert_eq!(hand.remote.renew(&fence).await.unwrap(), RenewAnswer::Ok);
    let path = format!("/v1/jobs/{}/cancel", text(&job, "id"));
    let now = farm.ask("POST", &path, &admin).await.json(200);
    assert_eq!((now["trials"]["running"].as_u64(), now["trials"]["cancelled"].as_u64()), (Some(1), Some(1)));
    assert_eq!(hand.remote.renew(&fence).await.unwrap(), RenewAnswer::Cancelled);
    assert!(hand.ask().await.is_none());
    hand.remote.fail(&fence, end(TrialState::Cancelled, "given up")).await.unwrap();
    let ended = farm.until(&admin, text(&job, "id"), |j| j.get("outcome").is_some()).await;
    assert_eq!((text(&ended, "state"), ended["trials"]["cancelled"].as_u64()), ("cancelled", Some(2)));
    // Twice is once, and a job that has ended stays as it is.
    assert_eq!(farm.ask("POST", &path, &admin).await.json(200)["state"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_that_fails_on_two_workers_fails_its_job_and_its_log_is_seen() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let job = farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({})).await;
    let [a, b] = hands(&farm).await;
    let first = a.lease().await;
    a.remote.fail(&Fence::from(&first), end(TrialState::Failed, "a device that does not boot")).await.unwrap();
    let second = b.lease().await;
    assert_eq!((&second.trial, second.epoch.0), (&first.trial, 2));
    assert_ne!(first.key.bytes(), second.key.bytes(), "each epoch has its key");
    b.remote.fail(&Fence::from(&second), end(TrialState::Failed, "nor here")).await.unwrap();
    assert!(a.ask().await.is_none() && b.ask().await.is_none());
    let ended = farm.until(&admin, text(&job, "id"), |j| j.get("outcome").is_some()).await;
    assert_eq!((text(&ended, "state"), ended["outcome"]["exit_code"].as_u64()), ("failed", Some(12)));
    let trial = farm.get(&format!("/v1/trials/{}", first.trial), &admin).await;
    assert_eq!((text(&trial["end"], "reason"), text(&trial["end"], "log")), ("nor here", "log of nor here"));
    let events = farm.get(&format!("/v1/jobs/{}/event-list", text(&job, "id")), &admin).await.to_string();
    assert!(events.contains("a device that does not boot") && events.contains("nor here"), "{events}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lost_a_lease_writes_nothing() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let job = farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({"secrets": {"s": "hunter22"}})).await;
    let [a, b] = hands(&farm).await;
    let lost = a.lease().await;
    let kept = a.artifact(&lost, b"evidence").await;
    farm.store().expire(now() + 3_600_000).await.unwrap();
    let newer = b.lease().await;
    assert_eq!(newer.epoch.0, 2);
    let file = tempfile::NamedTempFile::new().unwrap();
    let fence = Fence::from(&lost);
    assert_eq!(a.remote.renew(&fence).await.unwrap(), RenewAnswer::Lost);
    let r = &a.remote;
    let refused = [
        r.observations(&fence, 0, vec![]).await.unwrap_err(),
        r.progress(&fence, progress(&lost, "boot")).await.unwrap_err(),
        r.put_artifact(&fence, &Sha256Digest::of(b""), file.path()).await.unwrap_err(),
        r.put_artifact(&fence, &kept.sha256, file.path()).await.unwrap_err(),
        r.blob(&fence, &lost.app, file.path()).await.unwrap_err(),
        r.secret(&fence, "s").await.unwrap_err(),
        r.fail(&fence, end(TrialState::Failed, "x")).await.unwrap_err(),
        r.complete(&fence, completion(&lost, vec![kept.clone()])).await.unwrap_err(),
    ];
    for (n, e) in refused.iter().enumerate() {
        assert!(matches!(e, OrchestratorError::Lost(f) if *f == fence), "{n}: {e}");
    }
    // An epoch that was never given is no better.
    let future = farm.send("POST", &format!("/v1/leases/{}/3/renew", lost.trial), &farm.token("farm", "worker").await, &json!({})).await;
    future.fails(Code::LeaseLost);
    b.run(&newer, b"evidence").await;
    let ended = farm.until(&admin, text(&job, "id"), |j| j["state"] == "finished").await;
    assert_eq!(ended["trials"]["finished"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_is_completed_once_and_only_with_what_was_handed_in() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({})).await;
    let [hand, _] = hands(&farm).await;
    let token = farm.token("farm", "worker").await;
    let lease = hand.lease().await;
    let path = format!("/v1/leases/{}/1/complete", lease.trial);
    let missing = completion(&lease, vec![artifact(Sha256Digest::of(b"nobody gave it"), 1)]);
    farm.send("POST", &path, &token, &json!(missing)).await.fails(Code::Conflict);
    let mut other = completion(&lease, vec![]);
    other.record.trial = "trial-x".parse().unwrap();
    farm.send("POST", &path, &token, &json!(other)).await.fails(Code::BadValue);
    let mut no_end = completion(&lease, vec![]);
    no_end.record.end.state = TrialState::Running;
    farm.send("POST", &path, &token, &json!(no_end)).await.fails(Code::BadValue);
    let done = hand.run(&lease, b"x").await;
    farm.send("POST", &path, &token, &json!(done)).await.done();
    let mut changed = done.clone();
    changed.record.end.reason = "another end".to_owned();
    farm.send("POST", &path, &token, &json!(changed)).await.fails(Code::LeaseLost);
    assert_eq!(farm.get("/v1/usage", &admin).await["days"][0]["trials"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn observations_count_once_and_leave_no_hole() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let job = farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({})).await;
    let [hand, _] = hands(&farm).await;
    let lease = hand.lease().await;
    hand.observe(&lease, 0, &["a", "b"]).await;
    hand.observe(&lease, 0, &["a", "b"]).await;
    hand.observe(&lease, 1, &["b", "c"]).await;
    let token = farm.token("farm", "worker").await;
    let batch = json!({"first": 9, "observations": [stakeout_store::conformance::sample::line("hole")]});
    farm.send("POST", &format!("/v1/leases/{}/1/observations", lease.trial), &token, &batch).await.fails(Code::Conflict);
    let events = farm.get(&format!("/v1/jobs/{}/event-list", text(&job, "id")), &admin).await;
    let told = events["items"].as_array().unwrap().iter().filter(|e| e["event"] == "observations");
    let lines: Vec<String> = told.flat_map(|e| e["observations"].as_array().unwrap()).map(|o| text(o, "line").to_owned()).collect();
    assert_eq!(lines, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_whose_bytes_were_changed_on_their_way_can_be_handed_in_again() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({})).await;
    let [hand, _] = hands(&farm).await;
    let token = farm.token("farm", "worker").await;
    let lease = hand.lease().await;
    let path = format!("/v1/leases/{}/1/artifacts/{}", lease.trial, Sha256Digest::of(b"right"));
    farm.send("POST", &path, &token, &json!({"bytes": 5})).await.json(200);
    let fill = |offset: u64, bytes: &'static str| {
        let request = farm.request("PATCH", &path, &token).header("content-type", "application/octet-stream");
        crate::farm::said(request.header("upload-offset", offset).body(bytes))
    };
    fill(0, "wrong").await.fails(Code::Digest);
    fill(0, "right").await.fails(Code::NotFound);
    hand.artifact(&lease, b"right").await;
    // Begun with another size than it has: not taken as it is.
    farm.send("POST", &path, &token, &json!({"bytes": 6})).await.fails(Code::Conflict);
    assert_eq!(farm.send("POST", &path, &token, &json!({"bytes": 5})).await.json(200)["complete"], true);
    hand.artifact(&lease, b"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_drains_gets_no_more_and_one_in_quarantine_hands_in_nothing() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    farm.submit(&admin, &farm.app("acme", "app").await, 3, json!({})).await;
    let [a, b] = hands(&farm).await;
    let (one, two) = (a.lease().await, b.lease().await);
    let set = async |worker: &str, what: &str| {
        farm.send("POST", &format!("/v1/workers/{worker}/{what}"), &farm.admin, &json!({})).await.json(200)
    };
    assert_eq!(set("w-a", "drain").await["mode"], "draining");
    assert!(a.ask().await.is_none());
    a.run(&one, b"x").await;
    assert_eq!(set("w-b", "quarantine").await["mode"], "quarantined");
    let refused = b.remote.complete(&Fence::from(&two), completion(&two, vec![])).await.unwrap_err();
    assert!(matches!(refused, OrchestratorError::Lost(_) | OrchestratorError::Refused(_)), "{refused}");
    assert!(b.ask().await.is_none());
    set("w-a", "activate").await;
    // What was taken away is given to another.
    let left = [a.lease().await.trial, a.lease().await.trial];
    assert!(left.contains(&two.trial) && a.ask().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_own_worker_gets_its_trials_only_and_no_other_gets_those_that_are_for_it_alone() {
    let farm = Farm::start().await;
    let (acme, _) = (farm.tenant("acme", json!({"own_workers_only": true})).await, farm.tenant("other", json!({})).await);
    let [everyones, _] = hands(&farm).await;
    let own = Hand::new(farm.client(&farm.token("acme", "worker").await), "w-acme");
    let strange = Hand::new(farm.client(&farm.token("other", "worker").await), "w-other");
    farm.submit(&acme, &farm.app("acme", "app").await, 1, json!({})).await;
    assert!(everyones.ask().await.is_none() && strange.ask().await.is_none());
    let lease = own.lease().await;
    own.run(&lease, b"x").await;
}
