//! A bundle whose operator signs it again, with other trials than the receipt says.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stakeout_bundle::{
    Bundle, BundleError, Writer,
    keys::SigningKey,
    manifest::Manifest,
    receipt::{Given, Receipt, Terms},
    share, statement,
    verify::{Again, Rules, Verified, verify},
};
use stakeout_contract::{DeviceKind, JobId, Sha256Digest, TrialId, scenario::Scenario, trial::FeedMode, trial::KeyHex};

const SECRET: [u8; 32] = [9; 32];
const APP: &[u8] = b"app";

fn derive(root: &[u8; 32], trial: &str, epoch: u32) -> [u8; 32] {
    *Sha256Digest::of(&[&root[..], trial.as_bytes(), &epoch.to_le_bytes()].concat()).as_bytes()
}

/// A record whose canaries are others than planted says so.
fn planted(r: &stakeout_contract::trial::TrialRecord) -> Vec<String> {
    r.canaries.iter().map(|c| format!("the canary `{}` does not follow from the key", c.id)).collect()
}

const RULES: Rules<'static> = Rules { derive: &derive, planted: &planted };

fn job() -> JobId {
    "job-0190a0b000007000a000000000000001".parse().unwrap()
}

fn scenario() -> Value {
    let s: Scenario = serde_json::from_value(json!({"name": "s", "steps": ["launchApp"]})).unwrap();
    serde_json::to_value(s).unwrap()
}

fn receipt() -> Receipt {
    Receipt::new(job(), &SECRET, "ab").with(Terms {
        format: Terms::FORMAT.to_owned(),
        secret: Receipt::of_secret(&SECRET),
        trials: 3,
        app: Sha256Digest::of(APP),
        splits: vec![],
        scenario: statement::canonical(&scenario()).unwrap(),
        device: DeviceKind::Jvm,
        api: 34,
        feed_mode: FeedMode::Pattern,
    })
}

/// A record with its key, which follows from what it says of itself.
fn record(number: u32, id: &TrialId, epoch: u32) -> Value {
    let key = derive(&Receipt::root(&SECRET, "ab"), id.as_str(), epoch);
    json!({
        "format": "stakeout-trial/1", "trial": id, "job": job(), "epoch": epoch, "number": number, "app": {"sha256": Sha256Digest::of(APP)},
        "scenario": scenario(), "device": "jvm", "api": 34, "cooperative": true, "commitment": Sha256Digest::of(&key),
        "key": hex::encode(key), "end": {"state": "finished"},
    })
}

type Trials = BTreeMap<String, Value>;

fn trials() -> Trials {
    (1..=3).map(|n| (n.to_string(), record(n, &TrialId::of(&job(), n), 1))).collect()
}

/// What the operator signs after `change`.
fn signed(receipt: &Receipt, change: impl FnOnce(&mut Trials), app: &[u8]) -> (tempfile::TempDir, SigningKey) {
    let (dir, operator, mut trials) = (tempfile::tempdir().unwrap(), SigningKey::generate().unwrap(), trials());
    change(&mut trials);
    let mut w = Writer::create(&dir.path().join("b.zip")).unwrap();
    for (folder, record) in &trials {
        w.add(&format!("trials/{folder}/trial.json"), &serde_json::to_vec(record).unwrap()).unwrap();
    }
    w.add("app.apk", app).unwrap();
    let manifest = Manifest {
        format: Manifest::format_of(receipt).to_owned(),
        job: job(),
        app: Sha256Digest::of(app),
        created: String::new(),
        versions: BTreeMap::new(),
        host: BTreeMap::new(),
        receipt: receipt.clone(),
        secret: KeyHex::new(SECRET),
        entries: vec![],
        left_out: 0,
    };
    w.finish(manifest, &operator).unwrap();
    (dir, operator)
}

fn check(receipt: &Receipt, change: impl FnOnce(&mut Trials), app: &[u8]) -> Result<Verified, BundleError> {
    let (dir, operator) = signed(receipt, change, app);
    verify(&Bundle::open(&dir.path().join("b.zip")).unwrap(), &[operator.public()], None, RULES)
}

fn refused(change: impl FnOnce(&mut Trials), app: &[u8]) -> String {
    check(&receipt(), change, app).unwrap_err().to_string()
}

#[test]
fn all_trials_of_the_receipt_each_once_are_bound_and_a_later_lease_is_told() {
    let second = TrialId::of(&job(), 2);
    let v = check(&receipt(), |t| drop(t.insert("2".to_owned(), record(2, &second, 3))), APP).unwrap();
    assert!(v.bound && v.trials == 3);
    assert_eq!(v.again, [Again { trial: 2, epoch: 3 }]);
}

#[test]
fn a_copied_missing_extra_or_renumbered_trial_is_named() {
    let copied = refused(|t| drop(t.insert("2".to_owned(), t["1"].clone())), APP);
    assert!(
        copied.contains("`trials/2/trial.json` is of trial 1") && copied.contains("the trial that `trials/1/trial.json` is"),
        "{copied}"
    );
    let missing = refused(|t| drop(t.remove("3")), APP);
    assert!(missing.contains("trial 3 is missing: 3 were asked for"), "{missing}");
    let extra = refused(|t| drop(t.insert("4".to_owned(), record(4, &TrialId::of(&job(), 4), 1))), APP);
    assert!(extra.contains("`trials/4` is none of the 3 trials"), "{extra}");
    let renumbered = refused(|t| t.get_mut("2").unwrap()["number"] = json!(3), APP);
    assert!(renumbered.contains("`trials/2/trial.json` is of trial 3"), "{renumbered}");
}

#[test]
fn an_id_that_was_chosen_for_its_key_is_named() {
    let chosen = refused(|t| drop(t.insert("1".to_owned(), record(1, &"trial-of-my-liking".parse().unwrap(), 1))), APP);
    assert!(chosen.contains("does not follow from job and number"), "{chosen}");
}

#[test]
fn another_app_scenario_or_device_is_named() {
    let other = refused(|_| (), b"another");
    assert!(other.contains("the receipt of") && other.contains("another app than the manifest"), "{other}");
    let of_one = refused(|t| t.get_mut("2").unwrap()["app"]["sha256"] = json!(Sha256Digest::of(b"another")), APP);
    assert!(of_one.contains("`trials/2/trial.json` is of another app"), "{of_one}");
    let scenario = refused(|t| t.get_mut("3").unwrap()["scenario"]["name"] = json!("other"), APP);
    assert!(scenario.contains("`trials/3/trial.json` has another scenario than the receipt"), "{scenario}");
    let device = refused(|t| t.get_mut("3").unwrap()["api"] = json!(23), APP);
    assert!(device.contains("`trials/3/trial.json` ran on another device"), "{device}");
}

#[test]
fn planted_values_that_do_not_follow_from_the_key_are_named() {
    let added = json!([{"id": "contacts/99", "kind": "contacts", "label": "", "needles": [{"text": "always sent", "bits": 65}]}]);
    let told = refused(|t| t.get_mut("1").unwrap()["canaries"] = added, APP);
    assert!(told.contains("in `trials/1/trial.json` the canary `contacts/99` does not follow from the key"), "{told}");
}

#[test]
fn a_receipt_of_the_former_form_binds_no_count_and_its_trials_must_be_different_all_the_same() {
    let former = Receipt { terms: None, ..receipt() };
    let v = check(&former, |t| drop(t.remove("3")), APP).unwrap();
    assert!(!v.bound && v.trials == 2);
    let copied = check(&former, |t| drop(t.insert("2".to_owned(), t["1"].clone())), APP).unwrap_err().to_string();
    assert!(copied.contains("is of trial 1"), "{copied}");
}

#[test]
fn the_submitters_receipt_fits_its_own_bundle_only() {
    let (dir, operator) = signed(&receipt(), |_| (), APP);
    let bundle = Bundle::open(&dir.path().join("b.zip")).unwrap();
    let fits = |r: &Receipt| {
        let given = Given::open(&r.signed(&operator).unwrap()).unwrap();
        let v = verify(&bundle, &[operator.public()], Some(&given), RULES).unwrap();
        (v.receipt, v.receipt_known.len())
    };
    assert_eq!(fits(&receipt()), (Some(true), 1));
    let mut fewer = receipt();
    fewer.terms.as_mut().unwrap().trials = 5;
    assert_eq!(fits(&fewer), (Some(false), 1), "five were asked for, and three are shown");
}

#[test]
fn what_was_left_out_by_who_shares_is_no_missing_trial_and_is_named() {
    let (dir, operator) = signed(&receipt(), |_| (), APP);
    let out = dir.path().join("s.zip");
    share(&Bundle::open(&dir.path().join("b.zip")).unwrap(), &out, &|n| n.starts_with("trials/2/")).unwrap();
    let v = verify(&Bundle::open(&out).unwrap(), &[operator.public()], None, RULES).unwrap();
    assert_eq!((v.trials, v.trials_left_out), (2, vec!["2".to_owned()]));
}
