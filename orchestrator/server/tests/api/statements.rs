//! What workers sign.

use serde_json::json;
use stakeout_agent::{Fence, Orchestrator, OrchestratorError};
use stakeout_bundle::{
    Bundle,
    keys::SigningKey,
    statement::{self, Left},
    verify::{Rules, verify},
};
use stakeout_contract::{
    Sha256Digest, WorkerId,
    api::fleet::HostFacts,
    lease::{Completion, Lease},
};
use stakeout_store::conformance::sample::line;

use crate::{
    farm::{Farm, text},
    hand::{Hand, abilities, completion},
};

/// What was observed.
const LINES: [&str; 3] = ["one", "two", "three"];

/// A completion of this lease, signed as `worker` with `key` over `lines`.
fn signed(lease: &Lease, worker: &WorkerId, key: &SigningKey, lines: &[&str]) -> Completion {
    let mut done = completion(lease, vec![]);
    done.record.app.sha256 = Some(lease.app);
    let observations: Vec<_> = lines.iter().map(|l| line(l)).collect();
    let left = Left::of(&done, &observations).unwrap();
    done.statement = Some(statement::sign(key, &statement::make(worker, &done.record, &left)).unwrap());
    done
}

async fn joined(farm: &Farm, key: &SigningKey) -> Hand {
    let hand = Hand::new(farm.client(&farm.token("farm", "worker").await), "w-1");
    let host = HostFacts { key: key.public().fingerprint(), ..HostFacts::default() };
    hand.remote.heartbeat(&hand.id, &abilities(), &host).await.unwrap();
    hand
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_by_the_worker_s_key_is_not_taken() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({})).await;
    let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let hand = joined(&farm, &key).await;
    let lease = hand.lease().await;
    hand.observe(&lease, 0, &LINES).await;
    let refused = async |c: Completion, why: &str| match hand.remote.complete(&Fence::from(&lease), c).await {
        Err(OrchestratorError::Refused(e)) if e.contains(why) => (),
        r => panic!("{why}: {r:?}"),
    };
    refused(completion(&lease, vec![]), "did not sign").await;
    refused(signed(&lease, &hand.id, &other, &LINES), "another key").await;
    refused(signed(&lease, &"w-2".parse().unwrap(), &key, &LINES), "another worker").await;
    refused(signed(&lease, &hand.id, &key, &LINES[..2]), "observations").await;
    refused(signed(&lease, &hand.id, &key, &["one", "three", "two"]), "observations").await;
    let mut changed = signed(&lease, &hand.id, &key, &LINES);
    changed.record.cost.cpu_seconds += 1.0;
    refused(changed, "record").await;
    let mut app = signed(&lease, &hand.id, &key, &LINES);
    app.record.app.sha256 = Some(Sha256Digest::of(b"another"));
    let left = Left::of(&app, &LINES.map(line)).unwrap();
    app.statement = Some(statement::sign(&key, &statement::make(&hand.id, &app.record, &left)).unwrap());
    refused(app, "another app").await;
    let other_key = HostFacts { key: other.public().fingerprint(), ..HostFacts::default() };
    assert!(hand.remote.heartbeat(&hand.id, &abilities(), &other_key).await.unwrap_err().to_string().contains("another key"));
    assert!(hand.remote.heartbeat(&hand.id, &abilities(), &HostFacts::default()).await.is_err(), "nor none");
    let good = signed(&lease, &hand.id, &key, &LINES);
    hand.remote.complete(&Fence::from(&lease), good.clone()).await.unwrap();
    // Twice is once.
    hand.remote.complete(&Fence::from(&lease), good).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_says_who_ran_each_trial() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let job = farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({})).await;
    let key = SigningKey::generate().unwrap();
    let hand = joined(&farm, &key).await;
    let lease = hand.lease().await;
    hand.observe(&lease, 0, &LINES).await;
    hand.remote.complete(&Fence::from(&lease), signed(&lease, &hand.id, &key, &LINES)).await.unwrap();
    let id = text(&job, "id").to_owned();
    farm.until(&admin, &id, |j| j.get("outcome").is_some()).await;
    let bytes = farm.ask("GET", &format!("/v1/jobs/{id}/bundle"), &admin).await.body;
    let bundle = Bundle::parse(bytes).unwrap();
    let derive = |root: &[u8; 32], trial: &str, epoch: u32| stakeout_feed::TrialKey::derive(root, trial, epoch).reveal();
    let v = verify(&bundle, &[farm.api.operator().public()], None, Rules { derive: &derive, planted: &stakeout_feed::planting::differs })
        .unwrap();
    assert!(v.signer_known);
    assert_eq!(v.workers.iter().map(|w| (w.key.clone(), w.checked)).collect::<Vec<_>>(), [(key.public().fingerprint(), true)]);
}
