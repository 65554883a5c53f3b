//! PostgreSQL, and two servers on it at once.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::json;
use stakeout_agent::{Fence, Orchestrator, OrchestratorError};
use stakeout_contract::api::problem::Code;
use stakeout_servers::postgres::{Options, Postgres};
use stakeout_store::postgres::PostgresStore;

use crate::{
    farm::{Farm, client, now, serve, spec, text},
    hand::{Hand, completion},
};

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_one_database_are_one_farm() {
    let postgres =
        tokio::task::spawn_blocking(|| Postgres::start_with(&Options { no_fsync: true, ..Options::default() })).await.unwrap().unwrap();
    let open = async || PostgresStore::open(&postgres.url(), 8).await.unwrap();
    let farm = Farm::on(Arc::new(tempfile::tempdir().unwrap()), open().await, |_| ()).await;
    let (_, second) = serve(&farm.dir, open().await, |_| ()).await;
    let (admin, stranger) = (farm.tenant("acme", json!({})).await, farm.tenant("other", json!({})).await);
    let app = farm.app("acme", "app").await;
    let there = client(&second.base, &admin);
    let job = farm.submit(&admin, &app, 40, json!({})).await;
    let id = text(&job, "id");
    // The same key at both at once is one job.
    let body = spec(&app, 1, json!({}));
    let (a, b) = (farm.client(&admin), there.clone());
    let twice: (Result<serde_json::Value, _>, Result<serde_json::Value, _>) =
        tokio::join!(a.submit("v1/jobs", "k", &body), b.submit("v1/jobs", "k", &body));
    let (one, two) = (twice.0.unwrap_or_default(), twice.1.unwrap_or_default());
    assert!(one["id"].is_null() || two["id"].is_null() || one["id"] == two["id"], "{one} {two}");
    let jobs: serde_json::Value = there.get("v1/jobs").await.unwrap();
    assert_eq!(jobs["items"].as_array().unwrap().len(), 2);
    // Six workers at two servers complete each trial once.
    let token = farm.token("farm", "worker").await;
    let hands: Vec<_> = (0..6)
        .map(|n| {
            let base = if n % 2 == 0 { &farm.server.base } else { &second.base };
            let hand = Hand::new(client(base, &token), &format!("w-{n}"));
            tokio::spawn(async move {
                let mut done = Vec::new();
                while let Some(lease) = hand.ask().await {
                    hand.run(&lease, lease.trial.as_str().as_bytes()).await;
                    done.push(lease.trial);
                }
                done
            })
        })
        .collect();
    let mut done = Vec::new();
    for hand in hands {
        done.extend(hand.await.unwrap());
    }
    assert_eq!((done.len(), done.iter().collect::<BTreeSet<_>>().len()), (41, 41));
    let ended = farm.until(&admin, id, |j| j["state"] == "finished").await;
    assert_eq!(there.get::<serde_json::Value>(&format!("v1/jobs/{id}")).await.unwrap(), ended);
    let mut numbers = Vec::new();
    there
        .follow(&id.parse().unwrap(), |e| {
            numbers.push(e.number);
            true
        })
        .await
        .unwrap();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    for path in [format!("/v1/jobs/{id}"), format!("/v1/jobs/{id}/bundle"), format!("/v1/trials/{}", done[0])] {
        farm.ask("GET", &path, &stranger).await.fails(Code::NotFound);
    }
    Box::pin(lost_at_one_known_at_the_other(&farm, &second.base, &admin, &app)).await;
    zeros(&farm, &admin).await;
    let audit = farm.get("/v1/audit", &admin).await;
    assert_eq!(
        stakeout_contract::api::access::AuditEntry::broken(None, &serde_json::from_value::<Vec<_>>(audit["items"].clone()).unwrap()),
        None
    );
    second.stop().await;
}

async fn lost_at_one_known_at_the_other(farm: &Farm, other: &str, admin: &str, app: &stakeout_contract::Sha256Digest) {
    farm.submit(admin, app, 1, json!({})).await;
    let token = farm.token("farm", "worker").await;
    let (a, b) = (Hand::new(farm.client(&token), "w-x"), Hand::new(client(other, &token), "w-y"));
    let lost = a.lease().await;
    farm.store().expire(now() + 3_600_000).await.unwrap();
    let newer = b.lease().await;
    assert_eq!((&newer.trial, newer.epoch.0), (&lost.trial, 2));
    let refused = a.remote.complete(&Fence::from(&lost), completion(&lost, vec![])).await.unwrap_err();
    assert!(matches!(refused, OrchestratorError::Lost(_)), "{refused}");
    let done = b.run(&newer, b"x").await;
    // The answer was lost, and it is said again at the other server.
    a.remote.complete(&Fence::from(&newer), done).await.unwrap();
}

/// PostgreSQL's text holds no zero byte: what would bring one is refused before it.
async fn zeros(farm: &Farm, admin: &str) {
    for (method, path, body) in [
        ("GET", "/v1/scenarios/a%00b", json!({})),
        ("DELETE", "/v1/scenarios/a%00b", json!({})),
        ("GET", "/v1/jobs?tag=a%00b", json!({})),
        ("GET", "/v1/jobs?package=a%00b", json!({})),
        ("GET", "/v1/apps?package=a%00b", json!({})),
        ("POST", "/v1/tokens", json!({"role": "reader", "label": "a\u{0}b"})),
        ("POST", "/v1/webhooks", json!({"url": "https://example.com/", "tag": "a\u{0}b"})),
    ] {
        let refused = farm.send(method, path, admin, &body).await;
        assert!((400..500).contains(&refused.status), "{method} {path}: {}", refused.text());
        refused.problem();
    }
}
