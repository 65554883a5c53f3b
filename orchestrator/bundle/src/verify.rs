//! Whether a bundle is what its signer made.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use stakeout_contract::trial::TrialRecord;

use crate::{
    Bundle, BundleError, broken, dsse,
    keys::PublicKey,
    manifest::{Manifest, OWN, Salts, salted},
    receipt::Receipt,
    statement,
};

/// How trial keys follow from a job's root: `(root, trial id, epoch) -> key`. Given by the caller, as the feed's crate knows it.
pub type Derive<'a> = &'a dyn Fn(&[u8; 32], &str, u32) -> [u8; 32];

/// What `verify` found in an intact bundle.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Verified {
    /// `true`; what is not intact is an error and never gets here.
    pub intact: bool,
    /// Fingerprints of those who signed it.
    pub signers: Vec<String>,
    /// One of them is trusted.
    pub signer_known: bool,
    /// The receipt that was given fits.
    pub receipt: Option<bool>,
    /// Entries that are there and have their digest.
    pub entries: usize,
    /// Entries that are named and not there: they did not fit when it was made (`manifest.left_out`), or were left out when it
    /// was shared.
    pub left_out: Vec<String>,
    /// Trials whose key fits its commitment.
    pub trials: usize,
    /// Who ran each trial, by its own signature; a trial without one is not in it.
    pub workers: Vec<TrialWorker>,
    /// The manifest.
    pub manifest: Manifest,
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

/// Checks everything: layout, signature, each entry, each key's commitment. The error names the entry.
pub fn verify(bundle: &Bundle, trusted: &[PublicKey], receipt: Option<&Receipt>, derive: Derive<'_>) -> Result<Verified, BundleError> {
    let payload = bundle.read("manifest.json")?;
    let format: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&payload).map_err(|e| broken(format!("`manifest.json` cannot be read: {e}")))?;
    let found = format.get("format").and_then(|f| f.as_str()).unwrap_or("none");
    if found != Manifest::FORMAT {
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
    let trials = check_trials(bundle, &manifest, derive)?;
    let workers = check_statements(bundle)?;
    Ok(Verified {
        intact: true,
        signer_known: signers.iter().any(|s| trusted.contains(s)),
        signers: signers.iter().map(PublicKey::fingerprint).collect(),
        receipt: receipt.map(|r| *r == manifest.receipt),
        entries,
        left_out,
        trials,
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

fn check_trials(bundle: &Bundle, manifest: &Manifest, derive: Derive<'_>) -> Result<usize, BundleError> {
    let root = Receipt::root(manifest.secret.bytes(), &manifest.receipt.nonce);
    let mut checked = 0;
    for name in bundle.names().filter(|n| n.starts_with("trials/") && n.ends_with("/trial.json")) {
        let record: TrialRecord = bundle.json(name)?;
        let key = record.key.as_ref().ok_or_else(|| broken(format!("`{name}` does not reveal its key")))?;
        if stakeout_contract::Sha256Digest::of(key.bytes()) != record.commitment {
            return Err(broken(format!("the key in `{name}` is not the one that was committed to")));
        }
        if derive(&root, record.trial.as_str(), record.epoch.0) != *key.bytes() || record.job != manifest.job {
            return Err(broken(format!("the key in `{name}` does not follow from the job's secret")));
        }
        checked += 1;
    }
    Ok(checked)
}

/// Workers' statements: one that does not hold is an error, one whose documents were left out is not checked.
fn check_statements(bundle: &Bundle) -> Result<Vec<TrialWorker>, BundleError> {
    let mut out = Vec::new();
    for name in bundle.names().filter(|n| n.starts_with("trials/") && n.ends_with("/statement.dsse.json")) {
        let folder = name.trim_end_matches("/statement.dsse.json");
        let (statement, key) = statement::open(&bundle.canonical(name)?)?;
        let at = |entry: &str| format!("{folder}/{entry}");
        let all = ["trial.json", "observations.jsonl", "flows.json", "findings.json"];
        let checked = all.iter().all(|e| bundle.has(&at(e)));
        if checked {
            let mut lines = statement::LineHasher::default();
            for line in bundle.read(&at("observations.jsonl"))?.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
                let bad = |e| broken(format!("entry `{}` cannot be read: {e}", at("observations.jsonl")));
                lines.add(&serde_json::from_slice::<Value>(line).map_err(bad)?)?;
            }
            let left = statement::Left {
                record: statement::record(bundle.json(&at("trial.json"))?)?,
                observations: lines.end(),
                flows: statement::canonical(&bundle.json::<Value>(&at("flows.json"))?)?,
                findings: statement::canonical(&bundle.json::<Value>(&at("findings.json"))?)?,
            };
            if let Some(what) = statement::differs(&statement, &bundle.json(&at("trial.json"))?, &left) {
                return Err(broken(format!("the {what} of `{folder}` is not what its worker signed")));
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
