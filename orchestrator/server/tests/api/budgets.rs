//! A worker that knows no bounds, with a lease that counts.

use serde_json::json;
use stakeout_agent::{Fence, Limits, Orchestrator, OrchestratorError};
use stakeout_contract::{Sha256Digest, api::problem::Code};
use stakeout_domain::budget;
use stakeout_store::conformance::sample::line;

use crate::{
    farm::{Farm, text},
    hand::{Hand, progress},
};

/// The bounds of a worker are in `worker/agent`: here is what they come to.
#[test]
fn an_honest_worker_never_meets_the_servers_bounds() {
    let own = Limits::default();
    // Of device and gateway, which have room of their own (`record.rs`), and as much again for the worker's facts.
    assert!(budget::OBSERVATIONS > own.observations + 50_000 + 100_000);
    const { assert!(budget::OBSERVATION_BYTES > (96 + 32 + 32) << 20) };
    // Each upload that is broken off and begins anew counts again.
    assert!(budget::ARTIFACT_BYTES >= 2 * own.kept_bytes);
    // Two bodies of each exchange that can be told, and the app's files.
    assert!(budget::ARTIFACTS > 2 * (own.observations + 50_000) + own.files);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lease_writes_beyond_its_bounds_is_refused_and_says_so() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({})).await;
    let token = farm.token("acme", "worker").await;
    let hand = Hand::new(farm.client(&token), "w");
    let lease = hand.lease().await;
    let at = format!("/v1/leases/{}/1", lease.trial);
    hand.observe(&lease, 0, &["one"]).await;
    hand.tell(&lease, "boot").await;
    hand.artifact(&lease, b"first").await;
    let file = sqlx::SqlitePool::connect(&format!("sqlite://{}", farm.database().display())).await.unwrap();
    let set = async |sql: String| sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&file).await.unwrap().rows_affected();

    // As one that has said how far it is so often as one may at its begin.
    assert_eq!(set("UPDATE trials SET told = 10000 WHERE counted = 1".to_owned()).await, 1);
    for _ in 0..5 {
        // A second or two may have passed.
        let said = farm.send("POST", &format!("{at}/progress"), &token, &json!(progress(&lease, "script"))).await;
        assert!(matches!(said.status, 204 | 413), "{}", said.text());
    }
    assert_eq!(set("UPDATE trials SET told = 20000".to_owned()).await, 1);
    let refused = farm.send("POST", &format!("{at}/progress"), &token, &json!(progress(&lease, "script"))).await.fails(Code::TooLarge);
    assert!(refused.detail.contains("5 times a second") && refused.hint.is_some(), "{refused:?}");

    // Lines and bytes of observations.
    set(format!("UPDATE observations SET upto = {}", budget::OBSERVATION_BYTES - 10)).await;
    let more = json!({"first": 1, "observations": [line("two")]});
    let refused = farm.send("POST", &format!("{at}/observations"), &token, &more).await.fails(Code::TooLarge);
    assert!(refused.detail.contains("bytes of observations"), "{refused:?}");
    set(format!("UPDATE observations SET upto = 1, line = {}", budget::OBSERVATIONS - 1)).await;
    let more = json!({"first": budget::OBSERVATIONS, "observations": [line("two")]});
    let refused = farm.send("POST", &format!("{at}/observations"), &token, &more).await.fails(Code::TooLarge);
    assert!(refused.detail.contains("400000 observations"), "{refused:?}");
    // A worker is told in a way that ends its trial, and does not make it ask again and again.
    let told = hand.remote.observations(&Fence::from(&lease), budget::OBSERVATIONS, vec![line("two")]).await;
    assert!(matches!(told, Err(OrchestratorError::Refused(_))), "{told:?}");

    // Artifacts: their number, their bytes as they are begun, and how many are open.
    let begin = async |name: &str, bytes: u64| {
        let path = format!("{at}/artifacts/{}", Sha256Digest::of(name.as_bytes()));
        farm.send("POST", &path, &token, &json!({"bytes": bytes})).await
    };
    begin("large", Limits::default().kept_bytes + 1).await.fails(Code::TooLarge);
    for n in 0..100 {
        begin(&format!("open {n}"), 1).await.json(200);
    }
    assert!(begin("one more", 1).await.fails(Code::TooLarge).detail.contains("100 uploads"));
    begin("open 7", 1).await.json(200);
    set("DELETE FROM uploads WHERE complete = 0".to_owned()).await;
    for name in ["a", "b"] {
        let said = begin(name, Limits::default().kept_bytes).await;
        assert!(matches!((name, said.status), ("a", 200) | ("b", 413)), "{}", said.text());
    }
    set(format!("UPDATE trials SET artifacts = {}", budget::ARTIFACTS)).await;
    let refused = hand.remote.put_artifact(&Fence::from(&lease), &Sha256Digest::of(b""), file_of(b"").path()).await;
    assert!(refused.is_err());
    hand.artifact(&lease, b"first").await;
}

fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_a_worker_are_short_and_a_lease_with_a_long_story_is_given_back_all_the_same() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let job = farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({})).await;
    let token = farm.token("acme", "worker").await;
    let hand = Hand::new(farm.client(&token), "w");
    let lease = hand.lease().await;
    let at = format!("/v1/leases/{}/1", lease.trial);
    let mut long = progress(&lease, "script");
    long.detail = "x".repeat(1001);
    farm.send("POST", &format!("{at}/progress"), &token, &json!(long)).await.fails(Code::BadValue);
    long.detail = "ü".repeat(1000);
    farm.send("POST", &format!("{at}/progress"), &token, &json!(long)).await.done();
    let end = json!({"state": "failed", "stage": "boot", "reason": "y".repeat(1 << 20), "log": "z".repeat(3 << 20)});
    farm.send("POST", &format!("{at}/fail"), &token, &end).await.done();
    let trial = farm.store().trial(None, &lease.trial).await.unwrap();
    let kept = trial.ended.unwrap();
    assert_eq!((kept.reason.len(), kept.log.len()), (10_000, 2 << 20));
    let events = farm.get(&format!("/v1/jobs/{}/event-list", text(&job, "id")), &admin).await.to_string();
    assert!(events.len() < 30_000);
}
