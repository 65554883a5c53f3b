//! What may become of a lease.

use serde_json::json;
use stakeout_agent::{Fence, Orchestrator, OrchestratorError, RenewAnswer};
use stakeout_contract::{Nanos, Sha256Digest, api::problem::Code, flow::Flow, trial::TrialState};

use crate::{
    farm::{Farm, now, said, text},
    hand::{Hand, abilities, artifact, completion, end, progress},
};

async fn hands(farm: &Farm) -> [Hand; 2] {
    with_token(farm).await.1
}

/// Two workers that have one token, and that.
async fn with_token(farm: &Farm) -> (String, [Hand; 2]) {
    let token = farm.token("farm", "worker").await;
    let both = ["w-a", "w-b"].map(|id| Hand::new(farm.client(&token), id));
    (token, both)
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
async fn a_lease_says_which_trials_are_of_one_tenant_and_not_of_which() {
    let farm = Farm::start().await;
    let mut tags = Vec::new();
    let [hand, _] = hands(&farm).await;
    for (tenant, trials) in [("acme", 2), ("press", 1)] {
        let admin = farm.tenant(tenant, json!({})).await;
        farm.submit(&admin, &farm.app(tenant, "app").await, trials, json!({})).await;
        for _ in 0..trials {
            tags.push(hand.lease().await.tenant_tag.unwrap());
        }
    }
    assert!(tags[0] == tags[1] && tags[0] != tags[2], "the same app of two tenants: {tags:?}");
    assert!(!tags.contains(&Sha256Digest::of(b"acme")), "nobody can tell who it is");
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
    let (token, [a, b]) = with_token(&farm).await;
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
    let future = farm.send("POST", &format!("/v1/leases/{}/3/renew", lost.trial), &token, &json!({})).await;
    future.fails(Code::LeaseLost);
    b.run(&newer, b"evidence").await;
    let ended = farm.until(&admin, text(&job, "id"), |j| j["state"] == "finished").await;
    assert_eq!(ended["trials"]["finished"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_workers_token_reaches_nothing_of_a_lease() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let job = farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({"secrets": {"s": "hunter22"}})).await;
    let [owner, _] = hands(&farm).await;
    // Under the same name, and at the epoch that counts.
    let (token, [other, _]) = with_token(&farm).await;
    let lease = owner.lease().await;
    let kept = owner.artifact(&lease, b"evidence").await;
    let (fence, file) = (Fence::from(&lease), tempfile::NamedTempFile::new().unwrap());
    assert_eq!(other.remote.renew(&fence).await.unwrap(), RenewAnswer::Lost);
    let r = &other.remote;
    let refused = [
        r.observations(&fence, 0, vec![]).await.unwrap_err(),
        r.progress(&fence, progress(&lease, "boot")).await.unwrap_err(),
        r.put_artifact(&fence, &Sha256Digest::of(b""), file.path()).await.unwrap_err(),
        r.put_artifact(&fence, &kept.sha256, file.path()).await.unwrap_err(),
        r.blob(&fence, &lease.app, file.path()).await.unwrap_err(),
        r.secret(&fence, "s").await.unwrap_err(),
        r.fail(&fence, end(TrialState::Failed, "x")).await.unwrap_err(),
        r.complete(&fence, completion(&lease, vec![kept.clone()])).await.unwrap_err(),
    ];
    for (n, e) in refused.iter().enumerate() {
        assert!(matches!(e, OrchestratorError::Lost(f) if *f == fence), "{n}: {e}");
    }
    let said = farm.send("POST", &format!("/v1/leases/{}/1/renew", lease.trial), &token, &json!({})).await.fails(Code::LeaseLost);
    assert!(said.detail.contains("another token"), "{said:?}");
    // Its own goes on, to the end and once more.
    assert_eq!(owner.remote.renew(&fence).await.unwrap(), RenewAnswer::Ok);
    let done = completion(&lease, vec![kept.clone()]);
    owner.remote.complete(&fence, done.clone()).await.unwrap();
    owner.remote.complete(&fence, done.clone()).await.unwrap();
    assert!(matches!(r.complete(&fence, done).await, Err(OrchestratorError::Lost(_))));
    farm.until(&admin, text(&job, "id"), |j| j["state"] == "finished").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_of_a_version_that_kept_no_token_is_whose_knows_it() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    farm.submit(&admin, &farm.app("acme", "app").await, 2, json!({})).await;
    let ([a, _], [b, _]) = (hands(&farm).await, hands(&farm).await);
    let (first, second) = (a.lease().await, a.lease().await);
    let file = sqlx::SqlitePool::connect(&format!("sqlite://{}", farm.database().display())).await.unwrap();
    // As one that leases while others know the column already, and one that leased a trial anew.
    for sql in ["UPDATE trials SET token = NULL, token_epoch = 0 WHERE number = 1", "UPDATE trials SET epoch = 2 WHERE number = 2"] {
        assert_eq!(sqlx::query(sql).execute(&file).await.unwrap().rows_affected(), 1);
    }
    for (lease, epoch) in [(first, 1), (second, 2)] {
        let fence = Fence { trial: lease.trial.clone(), epoch: stakeout_contract::Epoch(epoch) };
        assert_eq!(b.remote.renew(&fence).await.unwrap(), RenewAnswer::Ok);
        b.remote.observations(&fence, 0, vec![stakeout_store::conformance::sample::line("x")]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_is_completed_once_and_only_with_what_was_handed_in() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({})).await;
    let (token, [hand, _]) = with_token(&farm).await;
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
    let figures = farm.api.metrics().text(&stakeout_store::Gauges::default());
    assert!(figures.contains("stakeout_trials_total{state=\"finished\",stage=\"\"} 1"), "{figures}");
    assert_eq!(farm.get("/v1/usage", &admin).await["days"][0]["trials"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn observations_count_once_and_leave_no_hole() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let job = farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({})).await;
    let (token, [hand, _]) = with_token(&farm).await;
    let lease = hand.lease().await;
    hand.observe(&lease, 0, &["a", "b"]).await;
    hand.observe(&lease, 0, &["a", "b"]).await;
    hand.observe(&lease, 1, &["b", "c"]).await;
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
    let (token, [hand, _]) = with_token(&farm).await;
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

/// An exchange as a gateway writes it, with the headers that browsers and libraries send.
fn flow(id: u32) -> Flow {
    let headers = |n: usize| (0..n).map(|i| (format!("x-header-{i}"), format!("{id:08}-{}", "v".repeat(40)))).collect();
    Flow {
        id,
        at: Nanos::ZERO,
        real: u64::from(id),
        real_end: u64::from(id) + 1,
        real_sent: 0,
        wall: "2026-01-01T00:00:00Z".to_owned(),
        scheme: "https".to_owned(),
        host: "telemetry.example".to_owned(),
        address: "203.0.113.7".to_owned(),
        port: 443,
        method: "POST".to_owned(),
        path: format!("/v1/collect?event={id}"),
        request_headers: headers(4),
        status: 200,
        response_headers: headers(4),
        sent: 100,
        received: 10,
        request: None,
        response: None,
        stub: None,
        policy: "sinkhole".to_owned(),
        truncated: false,
        error: String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_trials_evidence_is_taken_whole() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({})).await;
    let [hand, _] = hands(&farm).await;
    let lease = hand.lease().await;
    let long = "x".repeat(12_000);
    hand.observe(&lease, 0, &vec![long.as_str(); 1000]).await;
    let mut done = completion(&lease, vec![]);
    done.flows = (1..=20_000).map(flow).collect();
    assert!(serde_json::to_vec(&done).unwrap().len() > 12 << 20);
    hand.remote.complete(&Fence::from(&lease), done).await.unwrap();
    let kept = farm.store().trial(None, &lease.trial).await.unwrap();
    assert_eq!((kept.row.state, kept.completion.unwrap().flows.len()), (TrialState::Finished, 20_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_hands_in_has_its_own_bounds_and_they_are_said() {
    let farm = Farm::start().await;
    let token = farm.token("farm", "worker").await;
    let body = |mib: usize| {
        farm.request("POST", "/v1/leases/trial-x/1/observations", &token).header("content-type", "application/json").body(vec![
            b' ';
            (mib << 20)
                + 1
        ])
    };
    said(body(31)).await.fails(Code::BadRequest);
    said(body(32)).await.fails(Code::TooLarge);
    let document = farm.get("/v1/openapi.json", "").await;
    for (path, most) in [("complete", "At most 128 MiB."), ("observations", "At most 32 MiB.")] {
        assert_eq!(document["paths"][format!("/v1/leases/{{trial}}/{{epoch}}/{path}")]["post"]["requestBody"]["description"], most);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_workers_say_of_themselves_is_bounded() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let token = farm.token("acme", "worker").await;
    let beat = async |id: &str, host: serde_json::Value| {
        farm.send("PUT", &format!("/v1/workers/{id}/heartbeat"), &token, &json!({"abilities": abilities(), "host": host})).await
    };
    let text = |n: usize| "x".repeat(n);
    for host in [
        json!({"host": text(256)}),
        json!({"engine": text(101)}),
        json!({"key": text(101)}),
        json!({"images": vec![("a", "b"); 65]}),
        json!({"images": [(text(256), "b")]}),
        json!({"troubles": vec!["t"; 33]}),
    ] {
        assert_eq!(beat("w", host).await.fails(Code::BadValue).at.as_deref(), Some("host"));
    }
    let most = json!({"host": text(255), "engine": text(100), "images": vec![(text(255), text(255)); 64], "troubles": vec![text(600); 32]});
    beat("w", most).await.json(200);
    let kept = farm.get("/v1/workers/w", &admin).await;
    assert_eq!(kept["host"]["troubles"], json!(vec![text(500); 32]));

    let tenant = "acme".parse().unwrap();
    for n in 1..1000 {
        farm.store().worker_seen(&format!("w-{n}").parse().unwrap(), &tenant, &abilities(), None, now()).await.unwrap();
    }
    let ask = async |id: &str| farm.send("POST", "/v1/leases", &token, &json!({"worker": id, "abilities": abilities()})).await;
    beat("one-more", json!({})).await.fails(Code::Quota);
    ask("one-more").await.fails(Code::Quota);
    // Those that are known go on.
    beat("w-5", json!({})).await.json(200);
    ask("w-5").await.json(200);

    // The farm's own are its operator's, who may have many.
    let (operator, farms) = (farm.token("farm", "worker").await, stakeout_contract::TenantId::farm());
    for n in 0..1000 {
        farm.store().worker_seen(&format!("f-{n}").parse().unwrap(), &farms, &abilities(), None, now()).await.unwrap();
    }
    let body = json!({"worker": "f-more", "abilities": abilities()});
    farm.send("POST", "/v1/leases", &operator, &body).await.json(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_names_few_devices_and_each_counts_once() {
    let farm = Farm::start().await;
    let token = farm.token("farm", "worker").await;
    let beat = async |devices: &serde_json::Value| {
        let body = json!({"abilities": {"devices": devices, "slots": 1}, "host": {}});
        farm.send("PUT", "/v1/workers/w/heartbeat", &token, &body).await
    };
    let ask = async |devices: &serde_json::Value| {
        let body = json!({"worker": "w", "abilities": {"devices": devices, "slots": 1}});
        farm.send("POST", "/v1/leases", &token, &body).await
    };
    let levels = |n: u32| (1..=n).collect::<Vec<_>>();
    for many in [json!([["jvm", levels(65)]]), json!([["jvm", levels(40)], ["emulator", levels(25)]]), json!(vec![("jvm", [34]); 65])] {
        for refused in [beat(&many).await, ask(&many).await] {
            assert_eq!(refused.fails(Code::BadValue).at.as_deref(), Some("abilities"));
        }
    }
    let twice = json!([["jvm", [34, 29, 34]], ["jvm", [29]], ["emulator", levels(62)]]);
    beat(&twice).await.json(200);
    ask(&twice).await.json(200);
    let kept = farm.get("/v1/workers/w", &farm.admin).await;
    assert_eq!(kept["abilities"]["devices"], json!([["jvm", [34, 29]], ["emulator", levels(62)]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_trial_writes_once_and_wakes_when_one_waits() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let app = farm.app("acme", "app").await;
    farm.submit(&admin, &app, 1, json!({})).await;
    let [busy, _] = hands(&farm).await;
    let lease = busy.lease().await;
    let token = farm.token("farm", "worker").await;
    let file = sqlx::SqlitePool::connect(&format!("sqlite://{}", farm.database().display())).await.unwrap();
    sqlx::query("CREATE TABLE heard (id TEXT)").execute(&file).await.unwrap();
    sqlx::query("CREATE TRIGGER hear AFTER UPDATE ON workers BEGIN INSERT INTO heard VALUES (new.id); END").execute(&file).await.unwrap();
    let ask = json!({"worker": "w-waits", "abilities": abilities(), "wait_seconds": 20});
    let began = std::time::Instant::now();
    let (answer, ()) = tokio::join!(farm.send("POST", "/v1/leases", &token, &ask), async {
        // What happens in others' trials is nothing to those who wait.
        for n in 0..20 {
            busy.observe(&lease, n, &["x"]).await;
            busy.tell(&lease, "script").await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
        farm.submit(&admin, &app, 1, json!({})).await;
    });
    assert!(answer.json(200)["lease"].is_object() && began.elapsed().as_secs() < 10);
    let heard: i64 = sqlx::query_scalar("SELECT count(*) FROM heard WHERE id = 'w-waits'").fetch_one(&file).await.unwrap();
    assert_eq!(heard, 1);
}
