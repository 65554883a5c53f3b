//! Whether a bundle is what its signer made.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use stakeout_contract::{TrialId, told::InstalledAs, trial::TrialRecord};

use crate::{
    Bundle, BundleError,
    binding::{self, Recorded},
    broken, dsse,
    keys::PublicKey,
    manifest::{Manifest, OWN, Salts, salted},
    receipt::{Given, Receipt},
    statement,
};

/// How trial keys follow from a job's root: `(root, trial id, epoch) -> key`.
pub type Derive<'a> = &'a dyn Fn(&[u8; 32], &str, u32) -> [u8; 32];

/// What the feed's crate knows of keys, and this one does not.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// A trial's key.
    pub derive: Derive<'a>,
    /// What of a record's planted values its key does not give, each in a sentence.
    pub planted: &'a dyn Fn(&TrialRecord) -> Vec<String>,
}

/// What `verify` found in an intact bundle.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Verified {
    /// `true`; what is not intact is an error and never gets here.
    pub intact: bool,
    /// Fingerprints of those who signed it.
    pub signers: Vec<String>,
    /// Those of them that are trusted.
    pub known: Vec<String>,
    /// There is one.
    pub signer_known: bool,
    /// The receipt that was given fits.
    pub receipt: Option<bool>,
    /// Fingerprints of those who signed that receipt; none: it is of the former form.
    pub receipt_signers: Vec<String>,
    /// Those of them that are trusted.
    pub receipt_known: Vec<String>,
    /// Number of trials, app, scenario and device are those of the receipt in the bundle. `false`: it is of the former form, and
    /// nothing binds them.
    pub bound: bool,
    /// Entries that are there and have their digest.
    pub entries: usize,
    /// Entries that are named and not there: they did not fit when it was made (`manifest.left_out`), or were left out when it
    /// was shared.
    pub left_out: Vec<String>,
    /// Trials of which everything was left out, or the record, without which the rest is nobody's.
    pub trials_left_out: Vec<String>,
    /// Trials whose key fits its commitment, and whose planted values follow from it.
    pub trials: usize,
    /// Those that were leased more than once, with the lease that counts.
    pub again: Vec<Again>,
    /// Who ran each trial, by its own signature; a trial without one is not in it.
    pub workers: Vec<TrialWorker>,
    /// The manifest.
    pub manifest: Manifest,
}

/// A trial that did not end in its first lease.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Again {
    /// The trial's number.
    pub trial: u32,
    /// The lease that it ended in.
    pub epoch: u32,
}

/// The worker of a trial.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TrialWorker {
    /// The trial's number.
    pub trial: String,
    /// The worker.
    pub worker: String,
    /// Fingerprint of its key.
    pub key: String,
    /// Record, observations, flows and findings are what it signed; `false`: some were left out when the bundle was shared.
    pub checked: bool,
}

/// Checks everything: layout, signature, each entry, that the trials are the job's, each key's commitment and what was planted by it.
/// The error names the entry.
pub fn verify(bundle: &Bundle, trusted: &[PublicKey], receipt: Option<&Given>, rules: Rules<'_>) -> Result<Verified, BundleError> {
    let payload = bundle.read("manifest.json")?;
    let format: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&payload).map_err(|e| broken(format!("`manifest.json` cannot be read: {e}")))?;
    let found = format.get("format").and_then(|f| f.as_str()).unwrap_or("none");
    if !Manifest::is_read(found) {
        return Err(BundleError::Version { found: found.chars().take(40).collect(), ours: Manifest::FORMAT });
    }
    let manifest: Manifest = serde_json::from_slice(&payload).map_err(|e| broken(format!("`manifest.json` cannot be read: {e}")))?;
    let (signed, signers) = dsse::open(dsse::MANIFEST, &bundle.canonical("manifest.dsse.json")?)?;
    if signed != payload {
        return Err(broken("`manifest.json` is not what `manifest.dsse.json` signs"));
    }
    let salts: Salts = bundle.canonical("salts.json")?;
    let (entries, left_out) = check_entries(bundle, &manifest, &salts)?;
    if !manifest.receipt.holds(manifest.secret.bytes()) || manifest.receipt.job != manifest.job {
        return Err(broken("the job's secret is not the one that its receipt commits to"));
    }
    let records = records(bundle)?;
    binding::refuse(binding::differs(&manifest, manifest.entries.iter().map(|e| e.path.as_str()), &records)?)?;
    let again = check_trials(&manifest, &records, rules)?;
    check_app(bundle, &manifest)?;
    let workers = check_statements(bundle, &manifest)?;
    let all: BTreeSet<&str> = manifest.entries.iter().filter_map(|e| folder_of(&e.path)).collect();
    let prints = |keys: &[PublicKey]| keys.iter().map(PublicKey::fingerprint).collect::<Vec<_>>();
    let known = |keys: &[PublicKey]| keys.iter().filter(|k| trusted.contains(k)).copied().collect::<Vec<_>>();
    Ok(Verified {
        intact: true,
        signer_known: !known(&signers).is_empty(),
        known: prints(&known(&signers)),
        signers: prints(&signers),
        receipt: receipt.map(|r| r.receipt == manifest.receipt),
        receipt_signers: receipt.map_or_else(Vec::new, |r| prints(&r.signers)),
        receipt_known: receipt.map_or_else(Vec::new, |r| prints(&known(&r.signers))),
        bound: manifest.receipt.terms.is_some(),
        entries,
        left_out,
        trials_left_out: all.iter().filter(|f| records.iter().all(|r| r.folder != **f)).map(|f| (*f).to_owned()).collect(),
        trials: records.len(),
        again,
        workers,
        manifest,
    })
}

fn check_entries(bundle: &Bundle, manifest: &Manifest, salts: &Salts) -> Result<(usize, Vec<String>), BundleError> {
    let present: BTreeSet<&str> = bundle.names().collect();
    let mut listed = BTreeSet::from(OWN);
    let (mut entries, mut left_out) = (0, vec![]);
    for e in &manifest.entries {
        if !listed.insert(&e.path) {
            return Err(broken(format!("entry `{}` stands twice in the manifest", e.path)));
        }
        match (present.contains(e.path.as_str()), salts.get(&e.path)) {
            (false, None) => left_out.push(e.path.clone()),
            (false, Some(_)) => return Err(broken(format!("entry `{}` is missing", e.path))),
            (true, None) => return Err(broken(format!("entry `{}` has no salt", e.path))),
            (true, Some(salt)) => {
                let bytes = bundle.read(&e.path)?;
                // The path's own digest is checked too: an artifact's name says what its bytes are.
                let named = e.path.rsplit('/').next().filter(|_| e.path.contains("/artifacts/"));
                let renamed = named.is_some_and(|n| n != stakeout_contract::Sha256Digest::of(&bytes).to_string());
                if salt.len() != 32 || bytes.len() as u64 != e.size || salted(salt, &bytes) != e.digest || renamed {
                    return Err(broken(format!("entry `{}` was changed", e.path)));
                }
                entries += 1;
            }
        }
    }
    if let Some(extra) = present.iter().find(|n| !listed.contains(**n)) {
        return Err(broken(format!("entry `{extra}` is not in the manifest")));
    }
    if let Some(extra) = salts.keys().find(|k| !listed.contains(k.as_str())) {
        return Err(broken(format!("`salts.json` has a salt for `{}`, which is not in the manifest", extra.escape_debug())));
    }
    Ok((entries, left_out))
}

/// The trial that an entry belongs to.
fn folder_of(entry: &str) -> Option<&str> {
    entry.strip_prefix("trials/")?.split_once('/').map(|(folder, _)| folder)
}

/// All records that are there.
fn records(bundle: &Bundle) -> Result<Vec<Recorded>, BundleError> {
    let names = bundle.names().filter(|n| n.starts_with("trials/") && n.ends_with("/trial.json"));
    let folder = |n: &str| n.strip_prefix("trials/").and_then(|n| n.strip_suffix("/trial.json")).unwrap_or_default().to_owned();
    names.map(|n| Ok(Recorded { folder: folder(n), record: bundle.json(n)? })).collect()
}

fn check_trials(manifest: &Manifest, records: &[Recorded], rules: Rules<'_>) -> Result<Vec<Again>, BundleError> {
    let root = Receipt::root(manifest.secret.bytes(), &manifest.receipt.nonce);
    let mut again = Vec::new();
    for Recorded { folder, record } in records {
        let name = format!("trials/{folder}/trial.json");
        let record: TrialRecord =
            serde_json::from_value(record.clone()).map_err(|e| broken(format!("entry `{name}` cannot be read: {e}")))?;
        let key = record.key.as_ref().ok_or_else(|| broken(format!("`{name}` does not reveal its key")))?;
        if stakeout_contract::Sha256Digest::of(key.bytes()) != record.commitment {
            return Err(broken(format!("the key in `{name}` is not the one that was committed to")));
        }
        if (rules.derive)(&root, record.trial.as_str(), record.epoch.0) != *key.bytes() {
            return Err(broken(format!("the key in `{name}` does not follow from the job's secret")));
        }
        let untrue = (rules.planted)(&record);
        if !untrue.is_empty() {
            return Err(broken(format!("in `{name}` {}", untrue.join("; "))));
        }
        if record.epoch.0 > 1 {
            again.push(Again { trial: record.number, epoch: record.epoch.0 });
        }
    }
    Ok(again)
}

fn check_app(bundle: &Bundle, manifest: &Manifest) -> Result<(), BundleError> {
    const APP: &str = "app.apk";
    if bundle.names().any(|n| n == APP) && stakeout_contract::Sha256Digest::of(&bundle.read(APP)?) != manifest.app {
        return Err(broken(format!("`{APP}` is not the app of the manifest")));
    }
    Ok(())
}

/// As what a worker saw the app installed, if an observation says so. Workers of before do not.
fn installed_as(observation: &Value) -> Option<InstalledAs> {
    let is = |key: &str, wanted: &str| observation[key] == wanted;
    (is("source", "worker") && is("fact", "log")).then(|| InstalledAs::of_line(observation["line"].as_str()?)).flatten()
}

/// Workers' statements: one that does not hold is an error, one whose documents were left out is not checked.
fn check_statements(bundle: &Bundle, manifest: &Manifest) -> Result<Vec<TrialWorker>, BundleError> {
    let mut out = Vec::new();
    for name in bundle.names().filter(|n| n.starts_with("trials/") && n.ends_with("/statement.dsse.json")) {
        let folder = name.strip_suffix("/statement.dsse.json").unwrap_or_default();
        let (statement, key) = statement::open(&bundle.canonical(name)?)?;
        // Also of a trial whose documents were left out.
        let named = folder.strip_prefix("trials/").unwrap_or_default().parse().map(|n| TrialId::of(&manifest.job, n));
        let other = manifest.receipt.terms.is_some() && named.as_ref() != Ok(&statement.trial);
        if statement.job != manifest.job || statement.app != manifest.app || other {
            return Err(broken(format!("the statement of `{folder}` is of another job, app or trial")));
        }
        let at = |entry: &str| format!("{folder}/{entry}");
        let all = ["trial.json", "observations.jsonl", "flows.json", "findings.json"];
        let checked = all.iter().all(|e| bundle.has(&at(e)));
        if checked {
            let record: TrialRecord = bundle.json(&at("trial.json"))?;
            let (mut lines, mut installed) = (statement::LineHasher::default(), true);
            for line in bundle.read(&at("observations.jsonl"))?.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
                let bad = |e| broken(format!("entry `{}` cannot be read: {e}", at("observations.jsonl")));
                let line = serde_json::from_slice::<Value>(line).map_err(bad)?;
                installed &= installed_as(&line).is_none_or(|i| i == InstalledAs::of(&record.app));
                lines.add(&line)?;
            }
            let left = statement::Left {
                record: statement::record(bundle.json(&at("trial.json"))?)?,
                observations: lines.end(),
                flows: statement::canonical(&bundle.json::<Value>(&at("flows.json"))?)?,
                findings: statement::canonical(&bundle.json::<Value>(&at("findings.json"))?)?,
            };
            if let Some(what) = statement::differs(&statement, &record, &left) {
                return Err(broken(format!("the {what} of `{folder}` is not what its worker signed")));
            }
            if !installed {
                return Err(broken(format!("the app's package or permissions in `{folder}` are not what its worker saw installed")));
            }
        }
        out.push(TrialWorker {
            trial: folder.trim_start_matches("trials/").to_owned(),
            worker: statement.worker.to_string(),
            key: key.fingerprint(),
            checked,
        });
    }
    Ok(out)
}
