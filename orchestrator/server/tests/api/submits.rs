//! Submits that come twice.

use std::time::Duration;

use serde_json::{Value, json};
use stakeout_bundle::receipt::Given;
use stakeout_contract::{
    TrialId,
    api::problem::{Code, Problem},
};
use tokio::io::AsyncWriteExt;

use crate::farm::{Farm, Said, said, spec, text};

async fn keyed(farm: &Farm, token: &str, key: &str, body: &Value) -> Said {
    said(farm.request("POST", "/v1/jobs", token).header("Idempotency-Key", key).json(body)).await
}

async fn count(farm: &Farm, token: &str) -> usize {
    farm.get("/v1/jobs", token).await["items"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_submit_again_is_the_same_job_and_says_so() {
    let farm = Farm::start().await;
    let (admin, other) = (farm.tenant("acme", json!({})).await, farm.tenant("other", json!({})).await);
    let app = farm.app("acme", "app").await;
    farm.app("other", "app").await;
    let body = spec(&app, 1, json!({}));
    let first = keyed(&farm, &admin, "k", &body).await;
    let again = keyed(&farm, &admin, "k", &body).await;
    assert_eq!((first.header("idempotent-replay"), again.header("idempotent-replay")), ("", "true"));
    assert_eq!(first.json(201), again.json(201));
    assert_eq!(count(&farm, &admin).await, 1);
    keyed(&farm, &admin, "k", &spec(&app, 2, json!({}))).await.fails(Code::KeyReused);
    // Another tenant's key is another key.
    let theirs = keyed(&farm, &other, "k", &body).await;
    assert_eq!((theirs.status, theirs.header("idempotent-replay")), (201, ""));
    for bad in ["", &"x".repeat(201)] {
        keyed(&farm, &admin, bad, &body).await.fails(Code::BadRequest);
    }
    let strange = reqwest::header::HeaderValue::from_bytes("schlüssel".as_bytes()).unwrap();
    said(farm.request("POST", "/v1/jobs", &admin).header("Idempotency-Key", strange).json(&body)).await.fails(Code::BadRequest);
    assert_eq!(count(&farm, &admin).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_may_be_tried_again_with_its_key() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let body = spec(&stakeout_contract::Sha256Digest::of(b"app"), 1, json!({}));
    keyed(&farm, &admin, "k", &body).await.fails(Code::NotFound);
    farm.app("acme", "app").await;
    assert_eq!(keyed(&farm, &admin, "k", &body).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_are_one_job() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let body = spec(&farm.app("acme", "app").await, 3, json!({}));
    for round in 0..5 {
        let key = format!("k-{round}");
        let all = futures_util::future::join_all((0..8).map(|_| keyed(&farm, &admin, &key, &body))).await;
        for said in &all {
            if said.status == 409 {
                said.fails(Code::Conflict);
                assert_eq!(said.header("retry-after"), "1");
            } else {
                said.json(201);
            }
        }
        assert!(all.iter().any(|s| s.status == 201));
        assert_eq!(count(&farm, &admin).await, round + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_does_not_leave_its_key_hanging() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let body = spec(&farm.app("acme", "app").await, 1, json!({}));
    let address = farm.server.base.strip_prefix("http://").unwrap();
    for (n, wait) in [0u64, 100, 300, 600, 1000, 1500, 2000, 3000, 5000, 8000].into_iter().enumerate() {
        let text = body.to_string();
        let request = format!(
            "POST /v1/jobs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {admin}\r\ncontent-type: application/json\r\nidempotency-key: k-{n}\r\n\
             content-length: {}\r\n\r\n{text}",
            text.len()
        );
        let mut tcp = tokio::net::TcpStream::connect(address).await.unwrap();
        tcp.write_all(request.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_micros(wait)).await;
        drop(tcp);
        let mut status = 0;
        for _ in 0..100 {
            status = keyed(&farm, &admin, &format!("k-{n}"), &body).await.status;
            if status == 201 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!((status, count(&farm, &admin).await), (201, n + 1), "after {wait} µs");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_taken_together_or_not_at_all() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let good = spec(&farm.app("acme", "app").await, 1, json!({}));
    let bad = spec(&farm.app("acme", "app").await, 0, json!({}));
    let p = farm.send("POST", "/v1/batches", &admin, &json!({"jobs": [good, bad]})).await.fails(Code::BadValue);
    assert_eq!(p.at.as_deref(), Some("jobs[1].trials"));
    assert_eq!(count(&farm, &admin).await, 0);
    let both = farm.send("POST", "/v1/batches", &admin, &json!({"jobs": [good, good]})).await.json(201);
    assert_ne!(text(&both["jobs"][0], "id"), text(&both["jobs"][1], "id"));
    for n in [0, 1001] {
        farm.send("POST", "/v1/batches", &admin, &json!({"jobs": vec![good.clone(); n]})).await.fails(Code::BadValue);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_fixes_the_secret_before_the_nonce_and_is_taken_up_once() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let app = farm.app("acme", "app").await;
    let offer = farm.send("POST", "/v1/offers", &admin, &json!({})).await.json(200);
    let nonce = "5e".repeat(32);
    let body = spec(&app, 2, json!({}));
    let taken = |offer: &str, key: &str| {
        let header = format!("{offer}/{nonce}");
        let request = farm.request("POST", "/v1/jobs", &admin).header("Idempotency-Key", key).header("Stakeout-Offer", header);
        said(request.json(&body))
    };
    let first = taken(text(&offer, "job"), "k").await;
    let job = first.json(201);
    assert_eq!(text(&job, "id"), text(&offer, "job"));
    let given = Given::open(&serde_json::from_value(job["receipt"].clone()).unwrap()).unwrap();
    let terms = given.receipt.terms.clone().unwrap();
    assert_eq!((terms.secret.to_string().as_str(), terms.trials, terms.app), (text(&offer, "secret"), 2, app));
    assert_eq!((&given.receipt.nonce, given.signers), (&nonce, vec![farm.api.operator().public()]));
    let trials = farm.get(&format!("/v1/jobs/{}/trials", text(&job, "id")), &admin).await;
    let ids: Vec<TrialId> = trials["items"].as_array().unwrap().iter().map(|t| text(t, "id").parse().unwrap()).collect();
    assert_eq!(ids, [TrialId::of(&given.receipt.job, 1), TrialId::of(&given.receipt.job, 2)]);
    // The receipt is the same whenever it is asked for; a list leaves it out.
    assert_eq!(farm.get(&format!("/v1/jobs/{}", text(&job, "id")), &admin).await["receipt"], job["receipt"]);
    assert!(farm.get("/v1/jobs", &admin).await["items"][0].get("receipt").is_none());
    // The same submit again may have asked for another offer meanwhile: it is the same submit.
    let another = farm.send("POST", "/v1/offers", &admin, &json!({})).await.json(200);
    assert_eq!(taken(text(&another, "job"), "k").await.json(201)["id"], job["id"]);
    // Another submit does not get a secret that will be known.
    taken(text(&offer, "job"), "k-2").await.fails(Code::Conflict);
    taken("job-1", "k-3").await.fails(Code::Conflict);
    taken("no id", "k-4").await.fails(Code::BadRequest);
    assert_eq!(count(&farm, &admin).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_whose_job_is_gone_is_not_taken_up_again_and_a_stranger_hears_nothing_of_it() {
    let farm = Farm::start().await;
    let (admin, stranger) = (farm.tenant("acme", json!({})).await, farm.tenant("other", json!({})).await);
    let body = spec(&farm.app("acme", "app").await, 1, json!({}));
    farm.app("other", "app").await;
    let offer = farm.send("POST", "/v1/offers", &admin, &json!({})).await.json(200);
    let id = text(&offer, "job");
    let take = |token: &str, job: &str, nonce: &str| {
        said(farm.request("POST", "/v1/jobs", token).header("Stakeout-Offer", format!("{job}/{}", nonce.repeat(32))).json(&body))
    };
    // Of the right form, and of no time at which it could have been made.
    let never = "job-0190a0b0000070008000000000000001";
    let nothing = take(&stranger, never, "5e").await.fails(Code::Conflict);
    let says_nothing = |p: &Problem| {
        assert_eq!(p.at.as_deref(), Some("offer"));
        assert_eq!(Problem { detail: p.detail.replace(id, never), ..p.clone() }, nothing);
    };
    take(&admin, id, "5e").await.json(201);
    for token in [&admin, &stranger] {
        says_nothing(&take(token, id, "6e").await.fails(Code::Conflict));
    }
    // When it has ended its secret is in its bundle, for all who have that.
    farm.ask("POST", &format!("/v1/jobs/{id}/cancel"), &admin).await.json(200);
    farm.until(&admin, id, |j| j.get("outcome").is_some()).await;
    farm.ask("DELETE", &format!("/v1/jobs/{id}"), &admin).await.done();
    for token in [&admin, &stranger] {
        says_nothing(&take(token, id, "6e").await.fails(Code::Conflict));
        assert_eq!(count(&farm, token).await, 0);
    }
    // With a new one it goes on.
    let another = farm.send("POST", "/v1/offers", &admin, &json!({})).await.json(200);
    take(&admin, text(&another, "job"), "6e").await.json(201);
}
