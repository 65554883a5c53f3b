//! Whether a bundle's trials are those of its job, each once and all of them.
//!
//! A signature says that the operator put these entries together. It does not say that trial 3 is no copy of trial 1, that the
//! fourth was not left away because of what it showed, or that all ran the same app. This does, by the receipt, which was given
//! before anything ran.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use stakeout_contract::{Sha256Digest, TrialId, trial::TrialRecord};

use crate::{BundleError, broken, manifest::Manifest, receipt::Terms, statement::canonical};

/// Differences that are told in one message.
const TOLD: usize = 5;

/// A trial's record, and the folder that it lies in: `1` of `trials/1/trial.json`.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The folder.
    pub folder: String,
    /// As it is written: what this version does not know belongs to digests too.
    pub record: Value,
}

/// What does not belong to the manifest's job, each in a sentence; none: all does. `entries`: what the manifest lists, so that what
/// was left out when the bundle was shared is not taken for missing.
pub fn differs<'a>(manifest: &Manifest, entries: impl Iterator<Item = &'a str>, trials: &[Recorded]) -> Result<Vec<String>, BundleError> {
    let mut out = Vec::new();
    let terms = manifest.receipt.terms.as_ref();
    let folders = folders(entries);
    match terms {
        Some(t) => out.extend(of_count(t, &folders)),
        None if manifest.format == Manifest::FORMAT => out.push("the receipt does not say what the job is".to_owned()),
        None => {}
    }
    if let Some(t) = terms.filter(|t| t.app != manifest.app) {
        out.push(format!("the manifest is of the app `{}`, the receipt of `{}`", manifest.app, t.app));
    }
    let mut ids: BTreeMap<TrialId, &str> = BTreeMap::new();
    let mut scenario: Option<(Sha256Digest, &str)> = None;
    for Recorded { folder, record: value } in trials {
        let record: TrialRecord =
            serde_json::from_value(value.clone()).map_err(|e| broken(format!("entry `trials/{folder}/trial.json` cannot be read: {e}")))?;
        let mut tell = |what: String| out.push(format!("`trials/{folder}/trial.json` {what}"));
        if record.number.to_string() != *folder {
            tell(format!("is of trial {}", record.number));
        }
        if record.job != manifest.job {
            tell(format!("is of the job `{}`", record.job));
        }
        if let Some(other) = ids.insert(record.trial.clone(), folder) {
            tell(format!("is the trial that `trials/{other}/trial.json` is"));
        }
        if record.app.sha256 != Some(manifest.app) {
            tell("is of another app than the manifest".to_owned());
        }
        let digest = canonical(&value["scenario"])?;
        let (first, of) = scenario.get_or_insert((digest, folder.as_str()));
        if *first != digest {
            tell(format!("has another scenario than `trials/{of}/trial.json`"));
        }
        if let Some(t) = terms {
            if record.trial != TrialId::of(&manifest.job, record.number) {
                tell(format!("has the id `{}`, which does not follow from job and number", record.trial));
            }
            if t.scenario != digest {
                tell("has another scenario than the receipt".to_owned());
            }
            if (t.device, t.api, t.feed_mode) != (record.device, record.api, record.feed_mode) {
                tell("ran on another device than the receipt says".to_owned());
            }
        }
    }
    Ok(out)
}

/// Numbers of trials of which the manifest lists something, and whether their record is listed.
fn folders<'a>(entries: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, bool> {
    let mut out = BTreeMap::new();
    for (folder, name) in entries.filter_map(|e| e.strip_prefix("trials/")?.split_once('/')) {
        *out.entry(folder).or_default() |= name == "trial.json";
    }
    out
}

fn of_count(terms: &Terms, folders: &BTreeMap<&str, bool>) -> Vec<String> {
    let asked: BTreeSet<String> = (1..=terms.trials).map(|n| n.to_string()).collect();
    let missing = asked.iter().filter(|n| !folders.get(n.as_str()).is_some_and(|record| *record));
    let mut out: Vec<String> = missing.map(|n| format!("trial {n} is missing: {} were asked for", terms.trials)).collect();
    out.sort_by_key(String::len);
    let extra = folders.keys().filter(|f| !asked.contains(**f));
    out.extend(extra.map(|f| format!("`trials/{f}` is none of the {} trials that were asked for", terms.trials)));
    out
}

/// The first of these sentences as one error; none: nothing.
pub(crate) fn refuse(mut all: Vec<String>) -> Result<(), BundleError> {
    if all.is_empty() {
        return Ok(());
    }
    let more = all.len().saturating_sub(TOLD);
    all.truncate(TOLD);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    Err(broken(all.join("; ")))
}
