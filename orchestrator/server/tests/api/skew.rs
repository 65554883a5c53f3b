//! A worker and a server whose versions are not the same.
//!
//! `before.json` holds what a worker sent and what it was answered, as the version before wrote it. It is renewed when a version
//! is released and not otherwise: `STAKEOUT_RENEW=1 cargo test -p stakeout-server --test api of_the_version_before`.

use serde_json::{Map, Value, json};
use stakeout_contract::lease::Lease;

use crate::{
    farm::{Farm, text},
    hand::{abilities, completion, end, progress},
};

/// Each message of the protocol once: what is sent, and what comes back (`null`: nothing).
struct Talk<'a> {
    farm: &'a Farm,
    token: String,
    recorded: Map<String, Value>,
    said: Map<String, Value>,
}

impl Talk<'_> {
    /// Sends what the version before would, and keeps the answer.
    async fn turn(&mut self, name: &str, method: &str, path: &str, now: Value, replace: &[(&str, String)]) -> Value {
        let mut body = self.recorded.get(name).map_or_else(|| now.clone(), |r| r["sent"].clone());
        for (from, to) in replace {
            fill(&mut body, from, to);
        }
        let said = self.farm.send(method, path, &self.token, &body).await;
        assert!(matches!(said.status, 200 | 204), "{name}: {}", said.text());
        let answer = if said.status == 204 { Value::Null } else { serde_json::from_slice(&said.body).unwrap() };
        self.said.insert(name.to_owned(), json!({"sent": now, "answered": answer.clone()}));
        answer
    }
}

/// Puts a value in the place of a name, wherever it stands.
fn fill(v: &mut Value, from: &str, to: &str) {
    match v {
        Value::String(s) if s == from => to.clone_into(s),
        Value::Array(a) => a.iter_mut().for_each(|v| fill(v, from, to)),
        Value::Object(o) => o.values_mut().for_each(|v| fill(v, from, to)),
        _ => (),
    }
}

/// Everything that a reader of `before` may look for is in `now`, and of the same type.
fn has_all(before: &Value, now: &Value, at: &str) {
    match (before, now) {
        (Value::Object(b), Value::Object(n)) => {
            for (key, value) in b {
                let there = n.get(key).unwrap_or_else(|| panic!("`{at}/{key}` is not answered any more"));
                has_all(value, there, &format!("{at}/{key}"));
            }
        }
        (Value::Array(b), Value::Array(n)) => {
            if let (Some(b), Some(n)) = (b.first(), n.first()) {
                has_all(b, n, &format!("{at}/0"));
            }
        }
        (Value::Null, _) => (),
        _ => assert_eq!(std::mem::discriminant(before), std::mem::discriminant(now), "`{at}` has another type: {now}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_of_the_version_before_is_served_and_understands_the_answers() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/before.json");
    let renew = std::env::var_os("STAKEOUT_RENEW").is_some();
    let recorded = if renew { Map::new() } else { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    farm.submit(&admin, &farm.app("acme", "app").await, 2, json!({})).await;
    let token = farm.token("farm", "worker").await;
    let mut t = Talk { farm: &farm, token, recorded: recorded.clone(), said: Map::new() };

    let host = json!({"host": "h", "engine": "stakeout 0.1.0", "images": [["gateway", "sha256:1"]], "cpus": 2, "memory_free": 1, "disk_free": 1,
        "troubles": [], "key": ""});
    let beat = json!({"abilities": abilities(), "host": host});
    t.turn("heartbeat", "PUT", "/v1/workers/w-old/heartbeat", beat, &[]).await;
    let ask = json!({"worker": "w-old", "abilities": abilities(), "wait_seconds": 0});
    let answer = t.turn("lease", "POST", "/v1/leases", ask.clone(), &[]).await;
    let lease: Lease = serde_json::from_value(answer["lease"].clone()).unwrap();
    let base = format!("/v1/leases/{}/{}", lease.trial, lease.epoch);
    t.turn("renew", "POST", &format!("{base}/renew"), json!({}), &[]).await;
    let line = json!({"at": 5, "source": "device", "fact": "log", "line": "seen"});
    t.turn("observations", "POST", &format!("{base}/observations"), json!({"first": 0, "observations": [line]}), &[]).await;
    let names = [("TRIAL", lease.trial.to_string()), ("JOB", lease.job.to_string()), ("KEY", commitment(&lease))];
    let mut how_far = json!(progress(&lease, "boot"));
    let mut done = json!(completion(&lease, vec![]));
    for (name, value) in &names {
        fill(&mut how_far, value, name);
        fill(&mut done, value, name);
    }
    t.turn("progress", "POST", &format!("{base}/progress"), how_far, &names).await;
    t.turn("complete", "POST", &format!("{base}/complete"), done, &names).await;
    let answer = t.turn("second lease", "POST", "/v1/leases", ask, &[]).await;
    let base = format!("/v1/leases/{}/1", text(&answer["lease"], "trial"));
    t.turn("fail", "POST", &format!("{base}/fail"), json!(end(stakeout_contract::trial::TrialState::Failed, "no boot")), &[]).await;

    if renew {
        std::fs::write(path, serde_json::to_string_pretty(&t.said).unwrap() + "\n").unwrap();
        return;
    }
    assert_eq!(recorded.len(), t.said.len(), "a message was added or removed: say how both versions go on, then renew");
    for (name, before) in &recorded {
        has_all(&before["answered"], &t.said[name]["answered"], name);
    }
}

fn commitment(lease: &Lease) -> String {
    completion(lease, vec![]).record.commitment.to_string()
}
