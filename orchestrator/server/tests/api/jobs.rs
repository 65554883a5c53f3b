//! A job's whole way.

use std::time::Duration;

use serde_json::{Value, json};
use stakeout_bundle::{
    Bundle,
    receipt::Given,
    verify::{Rules, verify},
};
use stakeout_contract::{
    JobId,
    api::{events::Event, problem::Code},
    trial::AppFacts,
};
use stakeout_feed::{TrialKey, planting};
use stakeout_store::sqlite::SqliteStore;

use crate::{
    farm::{Farm, client, said, serve, spec, text},
    hand::Hand,
};

/// The events of a stream that has ended.
fn events(stream: &str) -> Vec<(u64, Event)> {
    let blocks = stream.split("\n\n").filter(|b| b.contains("data:"));
    blocks
        .map(|b| {
            let field =
                |name: &str| b.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": ").or(l.strip_prefix(name)?.strip_prefix(':')));
            (field("id").unwrap().parse().unwrap(), serde_json::from_str(field("data").unwrap()).unwrap())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_run_by_two_workers_followed_across_a_restart_and_verified() {
    let mut farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let app = farm.app("acme", "app").await;
    let nonce = "ab".repeat(32);
    let job = farm.submit(&admin, &app, 2, json!({"nonce": nonce, "tags": ["t"], "with_app": true})).await;
    let id: JobId = text(&job, "id").parse().unwrap();
    let token = farm.token("farm", "worker").await;
    let (a, b) = (Hand::new(farm.client(&token), "w-a"), Hand::new(farm.client(&token), "w-b"));
    let (one, two) = (a.lease().await, b.lease().await);
    assert_ne!(one.trial, two.trial);
    assert_ne!(one.key.bytes(), two.key.bytes());
    assert!(a.ask().await.is_none());
    a.run(&one, b"of one").await;
    // Somebody follows while the server goes and another comes.
    let (base, follower) = (farm.server.base.clone(), farm.client(&admin));
    let following = {
        let id = id.clone();
        tokio::spawn(async move {
            let mut seen: Vec<u64> = Vec::new();
            let gone = follower
                .patient(Duration::ZERO)
                .follow(&id, |e| {
                    seen.push(e.number);
                    true
                })
                .await;
            (seen, gone.is_err())
        })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    let store = SqliteStore::open(&farm.database()).await.unwrap();
    let (api, server) = serve(&farm.dir, store, |_| ()).await;
    let old = std::mem::replace(&mut farm.server, server);
    farm.api = api;
    let began = std::time::Instant::now();
    old.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5), "a stream does not keep a server that was told to stop: {:?}", began.elapsed());
    assert_ne!(base, farm.server.base);
    let (seen, lost) = following.await.unwrap();
    assert!(lost && seen.len() >= 3 && seen == (1..=seen.len() as u64).collect::<Vec<_>>(), "{seen:?}");
    let b = Hand::new(client(&farm.server.base, &token), "w-b");
    b.run(&two, b"of two").await;
    farm.until(&admin, id.as_str(), |j| j["state"] == "finished").await;
    // Who comes back with the last number gets what is after it, once; the stream ends.
    let path = format!("/v1/jobs/{id}/events");
    let all = said(farm.request("GET", &path, &admin)).await;
    assert_eq!(all.header("content-type"), "text/event-stream");
    let all = events(&all.text());
    assert!(all.iter().enumerate().all(|(i, (number, e))| *number == i as u64 + 1 && e.number == *number && e.job == id), "{all:?}");
    let last = *seen.last().unwrap();
    let rest = events(&said(farm.request("GET", &path, &admin).header("last-event-id", last)).await.text());
    assert_eq!(rest, all[last as usize..]);
    let listed = farm.get(&format!("/v1/jobs/{id}/event-list?limit=200"), &admin).await;
    assert_eq!(serde_json::from_value::<Vec<Event>>(listed["items"].clone()).unwrap(), all.into_iter().map(|(_, e)| e).collect::<Vec<_>>());
    farm.request("GET", &path, &admin).header("last-event-id", "x").send().await.unwrap().error_for_status().unwrap_err();
    reports(&farm, &admin, &job).await;
}

async fn reports(farm: &Farm, admin: &str, job: &Value) {
    let id = text(job, "id");
    let get = async |name: &str| farm.ask("GET", &format!("/v1/jobs/{id}/{name}"), admin).await;
    let result = get("report.json").await.json(200);
    assert_eq!((text(&result, "job"), text(&result, "state"), result["trials"].as_array().unwrap().len()), (id, "finished", 2));
    let page = get("report.html").await;
    assert!(page.status == 200 && page.text().starts_with("<!doctype html>"), "{}", &page.text()[..200]);
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && policy.contains("sandbox") && !policy.contains("script"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(get("report.sarif").await.json(200)["version"], "2.1.0");
    assert!(get("report.junit.xml").await.text().contains("<testsuites"));
    assert_eq!(get("report.junit.xml?fail_on=stored").await.status, 200);
    get("report.junit.xml?fail_on=nothing").await.fails(Code::BadRequest);
    assert_eq!(get("report.md").await.header("content-type"), "text/markdown; charset=utf-8");
    let to = farm.dir.path().join("bundle.zip");
    farm.client(admin).download(&format!("v1/jobs/{id}/bundle"), &to).await.unwrap();
    let bundle = Bundle::open(&to).unwrap();
    let derive = |root: &[u8; 32], trial: &str, epoch: u32| TrialKey::derive(root, trial, epoch).reveal();
    let rules = Rules { derive: &derive, planted: &planting::differs };
    let receipt = Given::open(&serde_json::from_value(job["receipt"].clone()).unwrap()).unwrap();
    let v = verify(&bundle, &[farm.api.operator().public()], Some(&receipt), rules).unwrap();
    assert_eq!((v.receipt, v.bound, v.receipt_known.len()), (Some(true), true, 1));
    assert_eq!((v.intact, v.signer_known, v.trials, v.left_out.len()), (true, true, 2, 0));
    // What was given at the submit is what is revealed.
    assert_eq!(v.manifest.receipt.commitment.to_string(), text(job, "commitment"));
    assert_eq!(v.manifest.receipt.nonce, text(job, "nonce"));
    assert_eq!(bundle.read("app.apk").unwrap(), b"app");
    let now = farm.get(&format!("/v1/jobs/{id}"), admin).await;
    assert_eq!(text(&now["outcome"], "bundle"), stakeout_contract::Sha256Digest::of(&std::fs::read(&to).unwrap()).to_string());
    let trials = farm.get(&format!("/v1/jobs/{id}/trials"), admin).await;
    for (t, bytes) in trials["items"].as_array().unwrap().iter().zip(["of one", "of two"]) {
        let artifact = &t["artifacts"][0];
        let got = farm.ask("GET", &format!("/v1/trials/{}/artifacts/{}", text(t, "id"), text(artifact, "sha256")), admin).await;
        assert_eq!((got.status, got.text().as_str()), (200, bytes));
        assert_eq!(got.header("content-disposition"), format!("attachment; filename=\"{}\"", text(artifact, "sha256")));
        // An artifact is read through its own trial only.
        let other = stakeout_contract::Sha256Digest::of(b"app");
        farm.ask("GET", &format!("/v1/trials/{}/artifacts/{other}", text(t, "id")), admin).await.fails(Code::NotFound);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_before_is_given_where_it_is_wanted_and_there() {
    let farm = Farm::start().await;
    let (admin, stranger) = (farm.tenant("acme", json!({})).await, farm.tenant("other", json!({})).await);
    let app = farm.app("acme", "app").await;
    farm.app("other", "app").await;
    let require = crate::farm::spec(&app, 1, json!({"reuse": "require"}));
    farm.send("POST", "/v1/jobs", &admin, &require).await.fails(Code::NothingToReuse);
    let first = farm.submit(&admin, &app, 1, json!({"reuse": "allow"})).await;
    // One that runs answers nothing yet.
    farm.send("POST", "/v1/jobs", &admin, &require).await.fails(Code::NothingToReuse);
    let hand = Hand::new(farm.client(&farm.token("farm", "worker").await), "w");
    hand.run(&hand.lease().await, b"x").await;
    let first = farm.until(&admin, text(&first, "id"), |j| j["state"] == "finished").await;
    let again = farm.send("POST", "/v1/jobs", &admin, &require).await.json(200);
    assert_eq!((text(&again["reused"], "job"), text(&again, "state")), (text(&first, "id"), "finished"));
    assert_eq!(again["outcome"], first["outcome"]);
    assert!(hand.ask().await.is_none(), "nothing runs");
    let report = farm.get(&format!("/v1/jobs/{}/report.json", text(&again, "id")), &admin).await;
    assert_eq!(text(&report, "job"), text(&first, "id"));
    for other in [
        json!({"reuse": "require", "trials": 2}),
        json!({"reuse": "require", "api": 33}),
        json!({"reuse": "require", "feed_mode": "camera"}),
    ] {
        let said = farm.send("POST", "/v1/jobs", &admin, &crate::farm::spec(&app, 1, other)).await;
        assert!(said.status == 409 || said.status == 422, "{}", said.text());
    }
    farm.send("POST", "/v1/jobs", &stranger, &require).await.fails(Code::NothingToReuse);
    let estimate = farm.send("POST", "/v1/estimates", &admin, &crate::farm::spec(&app, 1, json!({}))).await.json(200);
    assert_eq!((text(&estimate, "reusable"), estimate["based_on"].as_u64()), (text(&first, "id"), Some(1)));
    // What others rest on can be deleted; what was answered stays.
    farm.ask("DELETE", &format!("/v1/jobs/{}", text(&first, "id")), &admin).await.done();
    assert_eq!(farm.ask("GET", &format!("/v1/jobs/{}/bundle", text(&again, "id")), &admin).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_with_secrets_is_no_answer_and_gets_none() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let app = farm.app("acme", "app").await;
    let hand = Hand::new(farm.client(&farm.token("farm", "worker").await), "w");
    let with = |value: &str| {
        json!({"reuse": "allow", "secrets": {"password": value},
            "scenario": {"name": "login", "steps": ["launchApp", {"inputText": {"secret": "password"}}]}})
    };
    for value in ["of the first account", "of the second account", "of the second account"] {
        let job = farm.submit(&admin, &app, 1, with(value)).await;
        assert!(job.get("reused").is_none(), "{job}");
        let estimate = farm.send("POST", "/v1/estimates", &admin, &spec(&app, 1, with(value))).await.json(200);
        assert!(estimate.get("reusable").is_none_or(Value::is_null), "{estimate}");
        hand.run(&hand.lease().await, value.as_bytes()).await;
        farm.until(&admin, text(&job, "id"), |j| j["state"] == "finished").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_deleted_with_all_it_left_when_asked_or_when_its_time_has_come() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let app = farm.app("acme", "app").await;
    let (asked, kept) =
        (farm.submit(&admin, &app, 1, json!({})).await, farm.submit(&admin, &app, 1, json!({"delete_after_days": 0})).await);
    let path = |job: &Value| format!("/v1/jobs/{}", text(job, "id"));
    farm.ask("DELETE", &path(&asked), &admin).await.fails(Code::Conflict);
    farm.ask("DELETE", &format!("/v1/apps/{app}"), &admin).await.fails(Code::Conflict);
    farm.ask("GET", &format!("{}/report.json", path(&asked)), &admin).await.fails(Code::Conflict);
    let hand = Hand::new(farm.client(&farm.token("farm", "worker").await), "w");
    let trial = hand.lease().await.trial;
    farm.ask("POST", &format!("{}/cancel", path(&asked)), &admin).await.json(200);
    let fence = format!("v1/leases/{trial}/1/fail");
    let end = crate::hand::end(stakeout_contract::trial::TrialState::Cancelled, "told to stop");
    hand.client.tell(reqwest::Method::POST, &fence, &end).await.unwrap();
    hand.run(&hand.lease().await, b"x").await;
    farm.until(&admin, text(&asked, "id"), |j| j["state"] == "cancelled").await;
    farm.until(&admin, text(&kept, "id"), |j| j["state"] == "finished" && j["delete_ms"] == j["ended_ms"]).await;
    farm.ask("DELETE", &path(&asked), &admin).await.done();
    for rest in ["", "/trials", "/events", "/event-list", "/report.json", "/bundle"] {
        farm.ask("GET", &format!("{}{rest}", path(&asked)), &admin).await.fails(Code::NotFound);
    }
    farm.ask("DELETE", &path(&asked), &admin).await.fails(Code::NotFound);
    farm.ask("GET", &format!("/v1/trials/{trial}"), &admin).await.fails(Code::NotFound);
    // Another server looks at once for what is over.
    let (_, other) = serve(&farm.dir, SqliteStore::open(&farm.database()).await.unwrap(), |_| ()).await;
    for _ in 0..200 {
        if farm.ask("GET", &path(&kept), &admin).await.status == 404 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    farm.ask("GET", &path(&kept), &admin).await.fails(Code::NotFound);
    let audit = farm.get("/v1/audit", &admin).await;
    let last = audit["items"].as_array().unwrap().last().unwrap();
    assert_eq!((text(last, "action"), last.get("token")), ("job.expire", None));
    farm.ask("DELETE", &format!("/v1/apps/{app}"), &admin).await.done();
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_large_events_ends_early_and_says_that_there_are_more() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let job = farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({})).await;
    let hand = Hand::new(farm.client(&farm.token("farm", "worker").await), "w");
    let lease = hand.lease().await;
    let long = "x".repeat(3 << 20);
    for n in 0..4 {
        hand.observe(&lease, n, &[&long]).await;
    }
    let (mut lines, mut pages, mut after) = (0, 0, "0".to_owned());
    loop {
        let page = farm.get(&format!("/v1/jobs/{}/event-list?after={after}", text(&job, "id")), &admin).await;
        let some = page["items"].to_string();
        assert!(some.len() < 8 << 20, "{}", some.len());
        (lines, pages) = (lines + some.matches(&long).count(), pages + 1);
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut after);
    }
    assert_eq!((lines, pages), (4, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_reads_a_scenario_once_and_keeps_no_gigabytes_of_it() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let app = farm.app("acme", "app").await;
    let put = async |bytes: usize| {
        let yaml = format!("name: long\ndescription: {}\nsteps: [launchApp]\n", "x".repeat(bytes));
        said(farm.request("PUT", "/v1/scenarios/long", &admin).header("content-type", "application/yaml").body(yaml)).await
    };
    put(256 << 10).await.fails(Code::BadScenario);
    put(200 << 10).await.json(200);
    let batch = |n| json!({"jobs": vec![spec(&app, 1, json!({"scenario": "long"})); n]});
    let p = farm.send("POST", "/v1/batches", &admin, &batch(1000)).await.fails(Code::TooLarge);
    assert!(p.hint.is_some() && p.at.unwrap().starts_with("jobs["), "{}", p.detail);
    assert_eq!(farm.get("/v1/jobs", &admin).await["items"], json!([]), "together or not at all");
    let taken = farm.send("POST", "/v1/batches", &admin, &batch(20)).await.json(201);
    assert_eq!((taken["jobs"].as_array().unwrap().len(), text(&taken["jobs"][19], "scenario")), (20, "long"));
    // Who writes what is no scenario hears which job it is.
    let wrong = json!({"jobs": [spec(&app, 1, json!({})), spec(&app, 1, json!({"scenario": "nowhere"}))]});
    assert!(farm.send("POST", "/v1/batches", &admin, &wrong).await.fails(Code::NotFound).at.unwrap().starts_with("jobs[1]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_counts_what_each_job_keeps_of_its_app() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let facts = AppFacts { package: "com.example.asks".to_owned(), permissions: vec!["p".repeat(200); 1000], ..AppFacts::default() };
    let app = farm.app_of("acme", "app", facts).await;
    let batch = |n| json!({"jobs": vec![spec(&app, 1, json!({})); n]});
    let p = farm.send("POST", "/v1/batches", &admin, &batch(200)).await.fails(Code::TooLarge);
    assert!(p.detail.contains("at most 32 MiB") && p.at.unwrap().starts_with("jobs["), "{}", p.detail);
    assert_eq!(farm.get("/v1/jobs", &admin).await["items"], json!([]), "together or not at all");
    farm.send("POST", "/v1/batches", &admin, &batch(20)).await.json(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_asks_each_time_whether_it_may_show_evidence_and_forgets_it_at_sign_out() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({})).await;
    let hand = Hand::new(farm.client(&farm.token("farm", "worker").await), "w");
    let lease = hand.lease().await;
    let kept = hand.run(&lease, b"evidence").await.record.artifacts[0].sha256;
    let path = format!("/v1/trials/{}/artifacts/{kept}", lease.trial);
    let whole = farm.ask("GET", &path, &admin).await;
    assert_eq!((whole.status, whole.header("cache-control")), (200, "private, no-cache"));
    let again = said(farm.request("GET", &path, &admin).header("if-none-match", whole.header("etag"))).await;
    assert_eq!((again.status, again.header("cache-control"), again.header("etag")), (304, "private, no-cache", whole.header("etag")));
    let browser = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let out = browser.post(format!("{}/sign-out", farm.server.base)).header("sec-fetch-site", "same-origin");
    assert_eq!(said(out).await.header("clear-site-data"), "\"cache\"");
}
