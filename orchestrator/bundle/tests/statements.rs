//! What a worker signed cannot be changed behind it, not even by who has the bundle's key.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stakeout_bundle::{
    Bundle, BundleError, Writer, dsse,
    keys::SigningKey,
    manifest::Manifest,
    receipt::Receipt,
    statement::{self, Left},
    verify::{Rules, Verified, verify},
};
use stakeout_contract::{Sha256Digest, finding::Analysis, lease::Completion, observation::Observation, told::InstalledAs, trial::KeyHex};

const SECRET: [u8; 32] = [9; 32];

fn derive(root: &[u8; 32], _: &str, _: u32) -> [u8; 32] {
    *root
}

const RULES: Rules<'static> = Rules { derive: &derive, planted: &|_| vec![] };

/// Documents of a trial, as a bundle has them.
struct Docs {
    record: Value,
    observations: Vec<Value>,
    flows: Value,
    findings: Value,
}

fn docs() -> Docs {
    let key = Receipt::root(&SECRET, "ab");
    let record = json!({
        "format": "stakeout-trial/1", "trial": "trial-1", "job": "job-1", "epoch": 2, "number": 1,
        "app": {"sha256": Sha256Digest::of(b"app"), "package": "com.example", "permissions": ["android.permission.CAMERA"]},
        "scenario": {"name": "s", "steps": ["launchApp"]}, "device": "jvm", "api": 34, "cooperative": true,
        "commitment": Sha256Digest::of(&key), "end": {"state": "finished"}, "cost": {"wall_seconds": 0.1, "cpu_seconds": 1e-7},
    });
    let observation = |at: u64| json!({"at": at, "source": "device", "fact": "crashed", "message": "ä\u{7}"});
    let installed = InstalledAs::of(&serde_json::from_value(record["app"].clone()).unwrap());
    let installed = json!({"at": 0, "source": "worker", "fact": "log", "line": installed.to_string()});
    Docs {
        record,
        observations: vec![observation(5), observation(7), installed],
        flows: json!([]),
        findings: serde_json::to_value(Analysis::default()).unwrap(),
    }
}

/// As the types write it.
fn completion(d: &Docs) -> (Completion, Vec<Observation>) {
    let completion = Completion {
        record: serde_json::from_value(d.record.clone()).unwrap(),
        flows: serde_json::from_value(d.flows.clone()).unwrap(),
        analysis: serde_json::from_value(d.findings.clone()).unwrap(),
        statement: None,
    };
    (completion, d.observations.iter().map(|o| serde_json::from_value(o.clone()).unwrap()).collect())
}

/// A bundle of what was handed in, changed by `change` after the worker signed it, and then signed by the operator.
fn bundle(worker: &SigningKey, change: impl FnOnce(&mut Docs)) -> Result<Verified, BundleError> {
    bundle_of(&docs(), worker, change)
}

fn bundle_of(docs: &Docs, worker: &SigningKey, change: impl FnOnce(&mut Docs)) -> Result<Verified, BundleError> {
    let (c, observations) = completion(docs);
    let left = Left::of(&c, &observations).unwrap();
    let envelope = statement::sign(worker, &statement::make(&"worker-1".parse().unwrap(), &c.record, &left)).unwrap();
    let key = Receipt::root(&SECRET, "ab");
    let mut d = Docs {
        record: serde_json::to_value(&c.record).unwrap(),
        observations: observations.iter().map(|o| serde_json::to_value(o).unwrap()).collect(),
        flows: serde_json::to_value(&c.flows).unwrap(),
        findings: serde_json::to_value(&c.analysis).unwrap(),
    };
    // What an orchestrator adds.
    d.record["key"] = json!(KeyHex::new(key));
    d.record["app"]["signers"] = json!(["ab"]);
    change(&mut d);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("b.zip");
    let mut w = Writer::create(&path).unwrap();
    w.add("trials/1/trial.json", &serde_json::to_vec_pretty(&d.record).unwrap()).unwrap();
    let lines: Vec<u8> = d.observations.iter().flat_map(|o| [o.to_string().into_bytes(), b"\n".to_vec()].concat()).collect();
    w.add("trials/1/observations.jsonl", &lines).unwrap();
    w.add("trials/1/flows.json", &serde_json::to_vec_pretty(&d.flows).unwrap()).unwrap();
    w.add("trials/1/findings.json", &serde_json::to_vec_pretty(&d.findings).unwrap()).unwrap();
    w.add("trials/1/statement.dsse.json", &serde_json::to_vec_pretty(&envelope).unwrap()).unwrap();
    let operator = SigningKey::generate().unwrap();
    let manifest = Manifest {
        format: Manifest::FORMER.to_owned(),
        job: "job-1".parse().unwrap(),
        app: Sha256Digest::of(b"app"),
        created: String::new(),
        versions: BTreeMap::new(),
        host: BTreeMap::new(),
        receipt: Receipt::new("job-1".parse().unwrap(), &SECRET, "ab"),
        secret: KeyHex::new(SECRET),
        entries: vec![],
        left_out: 0,
    };
    w.finish(manifest, &operator).unwrap();
    verify(&Bundle::open(&path).unwrap(), &[operator.public()], None, RULES)
}

#[test]
fn a_worker_s_statement_holds_over_what_the_orchestrator_adds() {
    let worker = SigningKey::generate().unwrap();
    let v = bundle(&worker, |_| ()).unwrap();
    assert_eq!(v.workers.len(), 1);
    let w = &v.workers[0];
    assert_eq!((w.trial.as_str(), w.worker.as_str(), &w.key, w.checked), ("1", "worker-1", &worker.public().fingerprint(), true));
}

/// What somebody does to the documents behind the worker.
type Change = fn(&mut Docs);

#[test]
fn what_a_worker_signed_cannot_be_changed_behind_it() {
    let worker = SigningKey::generate().unwrap();
    let cases: [(&str, Change); 7] = [
        ("observations", |d| d.observations[0]["at"] = json!(6)),
        ("observations", |d| d.observations.swap(0, 1)),
        ("observations", |d| d.observations.truncate(1)),
        ("observations", |d| d.observations.push(d.observations[0].clone())),
        ("record", |d| d.record["end"]["state"] = json!("failed")),
        ("record", |d| d.record["cost"]["cpu_seconds"] = json!(1.000_000_000_000_000_2e-7)),
        ("findings", |d| d.findings["x"] = json!(1)),
    ];
    for (what, change) in cases {
        let e = bundle(&worker, change).unwrap_err().to_string();
        assert!(e.contains(&format!("the {what} of `trials/1` is not what its worker signed")), "{what}: {e}");
    }
    let e = bundle(&worker, |d| d.record["app"]["sha256"] = json!(Sha256Digest::of(b"other"))).unwrap_err().to_string();
    assert!(e.contains("`trials/1/trial.json` is of another app than the manifest"), "{e}");
}

#[test]
fn the_app_that_a_worker_saw_installed_cannot_be_renamed_behind_it() {
    let worker = SigningKey::generate().unwrap();
    let cases: [Change; 3] = [
        |d| d.record["app"]["package"] = json!("com.other"),
        |d| d.record["app"]["permissions"] = json!([]),
        |d| d.record["app"]["permissions"] = json!(["android.permission.CAMERA", "android.permission.RECORD_AUDIO"]),
    ];
    for change in cases {
        let e = bundle(&worker, change).unwrap_err().to_string();
        assert!(e.contains("in `trials/1` are not what its worker saw installed"), "{e}");
    }
    // A worker of before did not say it: its statement holds as it did.
    let mut before = docs();
    before.observations.pop();
    let v = bundle_of(&before, &worker, |d| d.record["app"]["package"] = json!("com.other")).unwrap();
    assert!(v.workers[0].checked);
}

#[test]
fn a_statement_is_no_manifest_and_has_one_signature() {
    let key = SigningKey::generate().unwrap();
    let (c, observations) = completion(&docs());
    let s = statement::make(&"worker-1".parse().unwrap(), &c.record, &Left::of(&c, &observations).unwrap());
    let good = statement::sign(&key, &s).unwrap();
    assert_eq!(statement::open(&good).unwrap(), (s.clone(), key.public()));
    let manifest = dsse::sign(dsse::MANIFEST, &key, &serde_json::to_vec(&s).unwrap());
    assert!(statement::open(&manifest).unwrap_err().to_string().contains("signs something else"));
    let mut two = good.clone();
    two.signatures.push(good.signatures[0].clone());
    assert!(statement::open(&two).unwrap_err().to_string().contains("more than one"));
    let mut none = good.clone();
    none.signatures.clear();
    assert!(statement::open(&none).unwrap_err().to_string().contains("no signature"));
    let mut other = good;
    other.signatures[0].keyid = SigningKey::generate().unwrap().public().fingerprint();
    assert!(statement::open(&other).unwrap_err().to_string().contains("does not hold"));
}
