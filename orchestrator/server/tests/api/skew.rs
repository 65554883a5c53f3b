//! A worker and a server whose versions are not the same.
//!
//! `before.json` holds what a worker sent and what it was answered, as the version before wrote it. It is renewed when a version
//! is released and not otherwise: `STAKEOUT_RENEW=1 cargo test -p stakeout-server --test api of_the_version_before`.

use serde_json::{Map, Value, json};
use stakeout_bundle::{
    keys::SigningKey,
    statement::{self, Left, LineHasher},
};
use stakeout_contract::{
    Sha256Digest,
    lease::Lease,
    statement::Envelope,
    trial::{TrialRecord, TrialState},
};

use crate::{
    farm::{Farm, said, text},
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
        let body = self.sent(name, &now, replace);
        let said = self.farm.send(method, path, &self.token, &body).await;
        assert!(matches!(said.status, 200 | 204), "{name}: {}", said.text());
        let answer = if said.status == 204 { Value::Null } else { serde_json::from_slice(&said.body).unwrap() };
        self.said.insert(name.to_owned(), json!({"sent": now, "answered": answer.clone()}));
        answer
    }

    /// Asks for a document.
    async fn get(&mut self, name: &str, path: &str) -> Value {
        let answer = self.farm.get(path, &self.token).await;
        self.said.insert(name.to_owned(), json!({"sent": null, "answered": answer.clone()}));
        answer
    }

    /// Asks for bytes: all of them, or a range.
    async fn bytes(&mut self, name: &str, path: &str, range: &str) -> (u16, String) {
        let request = self.farm.request("GET", path, &self.token);
        let got = said(if range.is_empty() { request } else { request.header("Range", range) }).await;
        self.said.insert(name.to_owned(), json!({"sent": null, "answered": {"status": got.status, "text": got.text()}}));
        (got.status, got.text())
    }

    /// Gives bytes of an artifact.
    async fn fill(&mut self, name: &str, path: &str, bytes: &[u8]) -> Value {
        let request = self.farm.request("PATCH", path, &self.token);
        let request = request.header("Content-Type", "application/octet-stream").header("Upload-Offset", "0");
        let answer = said(request.body(bytes.to_vec())).await.json(200);
        self.said.insert(name.to_owned(), json!({"sent": null, "answered": answer.clone()}));
        answer
    }

    /// What the version before would send, with what is this trial's in it; `now`: what this one does.
    fn sent(&self, name: &str, now: &Value, replace: &[(&str, String)]) -> Value {
        let mut body = self.recorded.get(name).map_or_else(|| now.clone(), |r| r["sent"].clone());
        for (from, to) in replace {
            fill(&mut body, from, to);
        }
        body
    }
}

/// A worker's envelope over what it hands in, word for word as it is sent: digests are of what a worker of then wrote, with no field
/// that is newer.
fn signed(key: &SigningKey, worker: &str, body: &Value, observations: &[Value]) -> Envelope {
    let mut lines = LineHasher::default();
    for o in observations {
        lines.add(o).unwrap();
    }
    let left = Left {
        record: statement::record(body["record"].clone()).unwrap(),
        observations: lines.end(),
        flows: statement::canonical(&body["flows"]).unwrap(),
        findings: statement::canonical(&body["analysis"]).unwrap(),
    };
    let record: TrialRecord = serde_json::from_value(body["record"].clone()).unwrap();
    statement::sign(key, &statement::make(&worker.parse().unwrap(), &record, &left)).unwrap()
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
    farm.submit(&admin, &farm.app("acme", "app").await, 3, json!({"secrets": {"s": "hunter22"}})).await;
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
    assert_eq!(t.get("secret", &format!("{base}/secrets/s")).await["value"], "hunter22");
    let blob = format!("{base}/blobs/{}", lease.app);
    assert_eq!(t.bytes("blob", &blob, "").await, (200, "app".to_owned()));
    assert_eq!(t.bytes("rest of a blob", &blob, "bytes=1-").await, (206, "pp".to_owned()));
    let artifact = format!("{base}/artifacts/{}", Sha256Digest::of(b"evidence"));
    let begun = t.turn("begin artifact", "POST", &artifact, json!({"bytes": 8}), &[]).await;
    assert_eq!((begun["offset"].as_u64(), begun["complete"].as_bool()), (Some(0), Some(false)));
    let filled = t.fill("fill artifact", &artifact, b"evidence").await;
    assert_eq!((filled["offset"].as_u64(), filled["complete"].as_bool()), (Some(8), Some(true)));
    let line = json!({"at": 5, "source": "device", "fact": "log", "line": "seen"});
    t.turn("observations", "POST", &format!("{base}/observations"), json!({"first": 0, "observations": [line]}), &[]).await;
    let names = names_of(&lease);
    let (mut how_far, mut done) = (json!(progress(&lease, "boot")), json!(completion(&lease, vec![])));
    for (name, value) in &names {
        fill(&mut how_far, value, name);
        fill(&mut done, value, name);
    }
    t.turn("progress", "POST", &format!("{base}/progress"), how_far, &names).await;
    t.turn("complete", "POST", &format!("{base}/complete"), done, &names).await;
    let answer = t.turn("second lease", "POST", "/v1/leases", ask, &[]).await;
    let second = format!("/v1/leases/{}/1", text(&answer["lease"], "trial"));

    // The same of a worker that signs.
    let key = SigningKey::generate().unwrap();
    let mut beat = json!({"abilities": abilities(), "host": host});
    beat["host"]["key"] = json!("FINGERPRINT");
    let fingerprint = [("FINGERPRINT", key.public().fingerprint())];
    t.turn("heartbeat of who signs", "PUT", "/v1/workers/w-signs/heartbeat", beat, &fingerprint).await;
    let ask = json!({"worker": "w-signs", "abilities": abilities(), "wait_seconds": 0});
    let answer = t.turn("lease of who signs", "POST", "/v1/leases", ask, &[]).await;
    let lease: Lease = serde_json::from_value(answer["lease"].clone()).unwrap();
    let base = format!("/v1/leases/{}/{}", lease.trial, lease.epoch);
    let batch = json!({"first": 0, "observations": [{"at": 5, "source": "device", "fact": "log", "line": "seen"}]});
    let observed = t.sent("observations of who signs", &batch, &[])["observations"].as_array().unwrap().clone();
    t.turn("observations of who signs", "POST", &format!("{base}/observations"), batch, &[]).await;
    let mut replace = names_of(&lease);
    let mut done = json!(completion(&lease, vec![]));
    done["record"]["app"]["sha256"] = json!(lease.app);
    for (name, value) in &replace {
        fill(&mut done, value, name);
    }
    let envelope = signed(&key, "w-signs", &t.sent("signed complete", &done, &replace), &observed);
    let s = &envelope.signatures[0];
    let parts = [("PAYLOAD", &envelope.payload), ("KEYID", &s.keyid), ("SIGNATURE", &s.sig), ("PUBLIC KEY", &s.public_key)];
    done["statement"] = json!(envelope);
    for (name, value) in parts {
        fill(&mut done["statement"], value, name);
        replace.push((name, value.clone()));
    }
    t.turn("signed complete", "POST", &format!("{base}/complete"), done, &replace).await;
    // Last: what failed waits again, and would be the next.
    let failed = json!(end(TrialState::Failed, "no boot"));
    t.turn("fail", "POST", &format!("{second}/fail"), failed, &[]).await;

    if renew {
        std::fs::write(path, serde_json::to_string_pretty(&t.said).unwrap() + "\n").unwrap();
        return;
    }
    assert_eq!(recorded.len(), t.said.len(), "a message was added or removed: say how both versions go on, then renew");
    for (name, before) in &recorded {
        has_all(&before["answered"], &t.said[name]["answered"], name);
    }
}

/// What of a trial stands under a name in what is recorded.
fn names_of(lease: &Lease) -> Vec<(&'static str, String)> {
    vec![("TRIAL", lease.trial.to_string()), ("JOB", lease.job.to_string()), ("KEY", commitment(lease))]
}

fn commitment(lease: &Lease) -> String {
    completion(lease, vec![]).record.commitment.to_string()
}
