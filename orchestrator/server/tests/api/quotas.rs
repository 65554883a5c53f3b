//! Bounds of tenants, and who is next.

use serde_json::json;
use stakeout_contract::{
    TenantId,
    api::{access::Tenant, problem::Code},
};

use crate::{
    farm::{Farm, said, spec, text},
    hand::Hand,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_a_bound_is_refused_and_told_when_to_come_again() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({"quota": {"waiting_trials": 3, "trials_a_day": 3, "bytes": 100}})).await;
    let app = farm.app("acme", "app").await;
    farm.submit(&admin, &app, 2, json!({})).await;
    let over = farm.send("POST", "/v1/jobs", &admin, &spec(&app, 2, json!({}))).await;
    over.fails(Code::Quota);
    assert_eq!(over.header("retry-after"), "60");
    let batch = json!({"jobs": [spec(&app, 1, json!({})), spec(&app, 1, json!({}))]});
    farm.send("POST", "/v1/batches", &admin, &batch).await.fails(Code::Quota);
    farm.submit(&admin, &app, 1, json!({})).await;
    let hand = Hand::new(farm.client(&farm.token("farm", "worker").await), "w");
    hand.run(&hand.lease().await, b"x").await;
    let tomorrow = farm.send("POST", "/v1/jobs", &admin, &spec(&app, 1, json!({}))).await;
    tomorrow.fails(Code::Quota);
    assert!((1..=86_401).contains(&tomorrow.header("retry-after").parse::<u32>().unwrap()));
    let sha256 = stakeout_contract::Sha256Digest::of(b"x");
    let full = farm.send("POST", "/v1/uploads", &admin, &json!({"bytes": 97, "sha256": sha256})).await;
    full.fails(Code::Quota);
    assert_eq!(full.header("retry-after"), "", "no time makes room");
    farm.send("POST", "/v1/uploads", &admin, &json!({"bytes": 90, "sha256": sha256})).await.json(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_asks_too_often_waits_and_others_do_not() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({"quota": {"requests_a_minute": 5}})).await;
    let other = farm.tenant("other", json!({})).await;
    for _ in 0..5 {
        farm.get("/v1/me", &admin).await;
    }
    let refused = farm.ask("GET", "/v1/me", &admin).await;
    refused.fails(Code::TooMany);
    assert!((1..=12).contains(&refused.header("retry-after").parse::<u32>().unwrap()));
    farm.get("/v1/me", &other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_trials_of_a_tenant_run_than_may() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({"quota": {"running_trials": 2}})).await;
    farm.submit(&admin, &farm.app("acme", "app").await, 4, json!({})).await;
    let hand = Hand::new(farm.client(&farm.token("farm", "worker").await), "w");
    let first = hand.lease().await;
    hand.lease().await;
    assert!(hand.ask().await.is_none());
    hand.run(&first, b"x").await;
    assert!(hand.ask().await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_is_next_however_much_another_has_queued() {
    let farm = Farm::start().await;
    let (many, one) = (farm.tenant("many", json!({})).await, farm.tenant("one", json!({})).await);
    let app = farm.app("many", "app").await;
    farm.app("one", "app").await;
    for _ in 0..2 {
        farm.submit(&many, &app, 1000, json!({"priority": 100})).await;
    }
    let hand = Hand::new(farm.client(&farm.token("farm", "worker").await), "w");
    for _ in 0..5 {
        hand.lease().await;
    }
    let job = farm.submit(&one, &app, 3, json!({"priority": -100})).await;
    let next = hand.lease().await;
    assert_eq!(next.job.as_str(), text(&job, "id"));
    // From here on they take turns.
    let mut of_one = 0;
    for _ in 0..4 {
        of_one += usize::from(hand.lease().await.job.as_str() == text(&job, "id"));
    }
    assert_eq!(of_one, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_changes_a_tenant_that_was_changed_since_hears_it_and_undoes_nothing() {
    let farm = Farm::start().await;
    let (acme, other) = (farm.tenant("acme", json!({})).await, farm.tenant("other", json!({})).await);
    let read = farm.ask("GET", "/v1/tenants/acme", &farm.admin).await;
    assert_eq!(read.json(200), farm.get("/v1/tenants/acme", &acme).await);
    farm.ask("GET", "/v1/tenants/acme", &other).await.fails(Code::NotFound);
    let tag = read.header("etag").to_owned();
    assert_eq!(said(farm.request("GET", "/v1/tenants/acme", &acme).header("If-None-Match", &tag)).await.status, 304);
    let put = |id: &str, header: &str, tag: &str, weight: u32| {
        said(farm.request("PUT", "/v1/tenants", &farm.admin).header(header, tag).json(&json!({"id": id, "weight": weight})))
    };
    let first = put("acme", "If-Match", &tag, 2).await;
    assert_eq!((first.json(200)["weight"].as_u64(), first.header("etag") == tag), (Some(2), false));
    put("acme", "If-Match", &tag, 3).await.fails(Code::Changed);
    put("acme", "If-None-Match", "*", 3).await.fails(Code::Changed);
    put("nobody", "If-Match", "*", 3).await.fails(Code::Changed);
    assert_eq!(farm.get("/v1/tenants/acme", &acme).await["weight"], 2);
    put("acme", "If-Match", first.header("etag"), 3).await.json(200);
    put("new", "If-None-Match", "*", 3).await.json(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_change_something_of_a_tenant_at_once_nobody_undoes_anothers() {
    let farm = Farm::start().await;
    let client = farm.client(&farm.admin);
    let id: TenantId = "crowded".parse().unwrap();
    // Each adds one to what there is.
    let one = async || {
        let more = |now: Option<Tenant>| {
            let before = now.map_or(1, |t| t.weight);
            serde_json::from_value(json!({"id": "crowded", "weight": before + 1})).unwrap()
        };
        client.change_tenant(&id, more).await.unwrap()
    };
    tokio::join!(one(), one(), one(), one(), one(), one());
    assert_eq!(farm.get("/v1/tenants/crowded", &farm.admin).await["weight"], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_estimate_waits_for_the_tenants_share_and_not_for_what_others_have_queued() {
    let farm = Farm::start().await;
    let (acme, many) = (farm.tenant("acme", json!({})).await, farm.tenant("many", json!({"weight": 3})).await);
    let app = farm.app("acme", "app").await;
    farm.app("many", "app").await;
    // Four slots, and a trial of a minute.
    let hand = Hand::new(farm.client(&farm.token("farm", "worker").await), "w");
    farm.submit(&acme, &app, 1, json!({})).await;
    hand.run(&hand.lease().await, b"x").await;
    let file = sqlx::SqlitePool::connect(&format!("sqlite://{}", farm.database().display())).await.unwrap();
    sqlx::query("UPDATE trials SET slot_ms = 60000").execute(&file).await.unwrap();
    let wait = async |more: serde_json::Value| {
        let estimate = farm.send("POST", "/v1/estimates", &acme, &spec(&app, 1, more)).await.json(200);
        estimate["wait_seconds"].as_f64()
    };
    assert_eq!(wait(json!({})).await, Some(0.0));
    farm.submit(&acme, &app, 8, json!({})).await;
    assert_eq!(wait(json!({})).await, Some(120.0), "two rounds of four");
    farm.submit(&many, &app, 1000, json!({})).await;
    assert_eq!(wait(json!({})).await, Some(480.0), "one slot of four is its share");
    assert_eq!(wait(json!({"priority": 1})).await, Some(0.0), "it goes before those");
}
