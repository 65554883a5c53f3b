//! `stakeout analyze BUNDLE`: everything is found again from the bytes alone, and compared with what the bundle says.

mod same;

use std::{collections::BTreeSet, path::Path, process::ExitCode};

use serde::Serialize;
use stakeout_bundle::{
    Bundle, BundleError,
    binding::{self, Recorded},
    manifest::Manifest,
};
use stakeout_contract::{
    artifact::Role,
    finding::{Analysis, Finding, Searched},
    flow::Flow,
    observation::{Fact, Observation, Source},
    result::JobResult,
    told::InstalledAs,
    trial::{TrialRecord, Try},
};
use stakeout_domain::verdict::{JobFacts, TrialEvidence, decide};
use stakeout_evidence::analyze_trial_dir;
use stakeout_feed::planting;
use stakeout_server::finish;

use super::analyze::{Tools, line_of};
use crate::{exit::Failure, output};

#[derive(Serialize)]
struct Again {
    trials: Vec<TrialAgain>,
    /// Whether the result that follows from these findings is that of the bundle; none: it holds none, or not all that it
    /// followed from.
    verdicts_agree: Option<bool>,
    differences: Vec<String>,
    /// Entries that the verdicts need and that are not there: they did not fit when the bundle was made, or were left out when it
    /// was shared.
    left_out: BTreeSet<String>,
    /// Trials of which nothing is there.
    trials_left_out: Vec<String>,
    result: Option<JobResult>,
}

#[derive(Serialize)]
struct TrialAgain {
    number: u32,
    findings: Vec<Finding>,
    /// Whether the bundle says the same; none: it holds no findings.
    agrees: Option<bool>,
}

struct Trial {
    record: TrialRecord,
    observations: Vec<Observation>,
    flows: Vec<Flow>,
    analysis: Analysis,
    tries: Vec<Try>,
}

pub(crate) fn run(path: &Path, json: bool) -> Result<ExitCode, Failure> {
    let bundle = Bundle::open(path).map_err(Failure::usage)?;
    let mut differences = Vec::new();
    let (mut trials, mut again, mut records) = (Vec::new(), Vec::new(), Vec::new());
    let manifest = manifest(&bundle)?;
    let mut left_out = manifest.as_ref().map_or_else(BTreeSet::new, |m| left_out(&bundle, m));
    let names: Vec<String> = bundle.names().filter(|n| n.starts_with("trials/") && n.ends_with("/trial.json")).map(str::to_owned).collect();
    if names.is_empty() {
        return Err(Failure::hint("the bundle holds no trial", "an analysis needs at least one `trials/N/trial.json` and its artifacts"));
    }
    for name in names {
        let folder = name.strip_suffix("trial.json").unwrap_or(&name).to_owned();
        say!("analysing {folder}");
        let number = folder.strip_prefix("trials/").unwrap_or(&folder).trim_end_matches('/').to_owned();
        records.push(Recorded { folder: number, record: bundle.json(&name).map_err(Failure::usage)? });
        let mut t = analyse(&bundle, &folder, &mut differences)?;
        let missing = missing(&bundle, &folder, &t.record);
        t.analysis.searched.skipped.retain(|s| !missing.contains(&format!("{folder}{}", s.file)));
        left_out.extend(missing);
        let said: Option<Analysis> = optional(bundle.json(&format!("{folder}findings.json")), &bundle, &format!("{folder}findings.json"))?;
        let agrees = said.map(|s| same::findings(&folder, &s, &t.analysis, &left_out, &mut differences)).transpose()?;
        again.push(TrialAgain { number: t.record.number, findings: t.analysis.findings.clone(), agrees });
        trials.push(t);
    }
    let trials_left_out = manifest.as_ref().map_or_else(Vec::new, |m| whole(m, &records));
    if let Some(m) = &manifest {
        differences.extend(binding::differs(m, m.entries.iter().map(|e| e.path.as_str()), &records).map_err(Failure::usage)?);
    }
    lose(&mut trials, &left_out);
    let said: Option<JobResult> = optional(bundle.json("result.json"), &bundle, "result.json")?;
    let asked = manifest.as_ref().and_then(|m| m.receipt.terms.as_ref()).map_or(0, |t| t.trials as usize);
    let result = decided(&trials, left_out.len() as u64, asked);
    // What its maker left out was decided with it. What was left out since was not.
    let as_made = |s: &JobResult| s.left_out == left_out.len() as u64 && trials_left_out.is_empty();
    let older = said.as_ref().is_some_and(|s| same::is_older(manifest.as_ref().map(|m| m.format.as_str()), s));
    let verdicts_agree = match (&said, &result) {
        (Some(s), Some(r)) if as_made(s) => Some(same::results(s, r, older, &mut differences)?),
        _ => None,
    };
    let doc = Again { trials: again, verdicts_agree, differences, left_out, trials_left_out, result };
    if json {
        output::json(&doc)?;
    } else {
        for t in &doc.trials {
            for f in &t.findings {
                output::line(&format!("trial {}: {}", t.number, line_of(f)))?;
            }
        }
        let n: usize = doc.trials.iter().map(|t| t.findings.len()).sum();
        say!("{n} findings in {} trials, found again from the bytes", doc.trials.len());
        if older {
            say!("the bundle's result says nothing of the state in which things were sent, as it was made before; that is not compared");
        }
        say(&doc);
    }
    Ok(ExitCode::from(match (doc.differences.is_empty(), doc.incomplete()) {
        (false, _) => 1,
        (true, true) => INCOMPLETE,
        (true, false) => 0,
    }))
}

impl Again {
    /// Something that the verdicts need was left out after they were made.
    fn incomplete(&self) -> bool {
        !self.left_out.is_empty() && self.verdicts_agree.is_none()
    }
}

/// The exit code of a bundle from which the verdicts cannot be made again, as something that they need was left out.
const INCOMPLETE: u8 = 4;
/// Names of entries that are printed at most.
const NAMED: usize = 20;

/// What differs and what is missing, for people.
fn say(doc: &Again) {
    for t in &doc.trials_left_out {
        say!("trial {} was left out whole: nothing is said of it", output::plain(t));
    }
    if !doc.left_out.is_empty() {
        let n = doc.left_out.len();
        if doc.incomplete() {
            say!("{n} entries that the verdicts need were left out: what follows from them is not compared");
        } else {
            say!("{n} entries that the verdicts need did not fit into the bundle: its result says so too");
        }
    }
    for name in doc.left_out.iter().take(NAMED) {
        say!("  {}", output::plain(name));
    }
    if doc.left_out.len() > NAMED {
        say!("  and {} more (`--json` has all)", doc.left_out.len() - NAMED);
    }
    for d in &doc.differences {
        say!("differs: {}", output::plain(d));
    }
    match (doc.differences.is_empty(), doc.incomplete(), doc.verdicts_agree) {
        (false, ..) => say!("the bundle says something else than its bytes"),
        (true, true, _) => say!("the bundle is incomplete: nothing in it contradicts this, and its verdicts are not made again"),
        (true, false, Some(true)) => {
            say!("the bundle's findings and its result are the same; `report.html` shows them and is not compared");
        }
        (true, false, _) => say!("nothing in the bundle contradicts this"),
    }
}

fn manifest(bundle: &Bundle) -> Result<Option<Manifest>, Failure> {
    let Some(m) = optional::<serde_json::Value>(bundle.json("manifest.json"), bundle, "manifest.json")? else { return Ok(None) };
    let found = m["format"].as_str().unwrap_or("none");
    if !Manifest::is_read(found) {
        return Err(Failure::usage(BundleError::Version { found: found.chars().take(40).collect(), ours: Manifest::FORMAT }));
    }
    serde_json::from_value(m).map(Some).map_err(Failure::usage)
}

/// Entries that a verdict rests on, which the manifest names and the bundle does not hold.
fn left_out(bundle: &Bundle, m: &Manifest) -> BTreeSet<String> {
    const NOT_NEEDED: [&str; 4] = ["/findings.json", "/flows.har", "/capture.pcapng", "/statement.dsse.json"];
    let needed = |p: &str| p.starts_with("trials/") && !NOT_NEEDED.iter().any(|n| p.ends_with(n));
    m.entries.iter().map(|e| &e.path).filter(|p| needed(p) && !bundle.has(p)).cloned().collect()
}

/// Trials that the manifest has, and the bundle has no record of.
fn whole(m: &Manifest, records: &[Recorded]) -> Vec<String> {
    let listed = m.entries.iter().filter_map(|e| e.path.strip_prefix("trials/")?.strip_suffix("/trial.json"));
    listed.filter(|n| records.iter().all(|r| r.folder != *n)).map(str::to_owned).collect()
}

/// The same of artifacts that the trial names: where very many did not fit, the manifest names some of them only.
fn missing(bundle: &Bundle, folder: &str, record: &TrialRecord) -> BTreeSet<String> {
    let artifacts = record.artifacts.iter().filter(|a| !matches!(a.role, Role::Capture | Role::Har));
    artifacts.map(|a| format!("{folder}artifacts/{}", a.sha256)).filter(|p| !bundle.has(p)).collect()
}

/// What was left out may have shown anything. Of a trial that is not there at all, the first one says so.
fn lose(trials: &mut [Trial], left_out: &BTreeSet<String>) {
    let mut rest = left_out.len() as u64;
    for t in trials.iter_mut() {
        let folder = format!("trials/{}/", t.record.number);
        let n = left_out.iter().filter(|p| p.starts_with(&folder)).count() as u64;
        rest -= n.min(rest);
        t.observations.extend(finish::lost(&t.record, n));
    }
    if let Some(t) = trials.first_mut() {
        t.observations.extend(finish::lost(&t.record, rest));
    }
}

/// What a missing entry is: nothing. A broken one stays an error.
fn optional<T>(read: Result<T, BundleError>, bundle: &Bundle, name: &str) -> Result<Option<T>, Failure> {
    match read {
        Ok(v) => Ok(Some(v)),
        Err(_) if !bundle.has(name) => Ok(None),
        Err(e) => Err(Failure::usage(e)),
    }
}

/// Unpacks a trial's artifacts into a folder of ours, by digest, and searches them.
fn analyse(bundle: &Bundle, folder: &str, differences: &mut Vec<String>) -> Result<Trial, Failure> {
    let record: TrialRecord = bundle.json(&format!("{folder}trial.json")).map_err(Failure::usage)?;
    differences.extend(planting::differs(&record).into_iter().map(|d| format!("{folder}trial.json: {d}")));
    let dir = tempfile::tempdir().map_err(Failure::other)?;
    std::fs::create_dir(dir.path().join("artifacts")).map_err(Failure::other)?;
    for name in bundle.names().filter(|n| n.starts_with(folder) && n.contains("/artifacts/")) {
        let bytes = bundle.read(name).map_err(Failure::usage)?;
        let digest = stakeout_contract::Sha256Digest::of(&bytes).to_string();
        if !name.ends_with(&digest) {
            differences.push(format!("`{name}` does not hold the bytes of its name"));
        }
        std::fs::write(dir.path().join("artifacts").join(name.rsplit('/').next().unwrap_or(&digest)), bytes).map_err(Failure::other)?;
    }
    std::fs::write(dir.path().join("trial.json"), serde_json::to_vec(&record).map_err(Failure::other)?).map_err(Failure::other)?;
    let mut analysis = analyze_trial_dir(&Tools::here().engine(), dir.path()).map_err(Failure::usage)?;
    // As the worker did.
    analysis.searched.cut(Searched::SKIPPED_MOST);
    let name = format!("{folder}observations.jsonl");
    let observations: Vec<Observation> = optional(bundle.read(&name), bundle, &name)?
        .unwrap_or_default()
        .split(|b| *b == b'\n')
        .filter(|l| !l.is_empty())
        .map(serde_json::from_slice)
        .collect::<Result<_, _>>()
        .map_err(|e| Failure::usage(anyhow::anyhow!("`{name}` cannot be read: {e}")))?;
    let mut said = observations.iter().filter(|o| o.source == Source::Worker).filter_map(|o| match &o.fact {
        Fact::Log { line } => InstalledAs::of_line(line),
        _ => None,
    });
    if said.any(|i| i != InstalledAs::of(&record.app)) {
        differences.push(format!("{folder}trial.json: the app's package or permissions are not what the worker saw installed"));
    }
    let name = format!("{folder}flows.json");
    let flows = optional(bundle.json(&name), bundle, &name)?.unwrap_or_default();
    let name = format!("{folder}tries.json");
    let tries = optional(bundle.json(&name), bundle, &name)?.unwrap_or_default();
    Ok(Trial { record, observations, flows, analysis, tries })
}

/// `asked`: how many trials there were, also those that were left out: a match's chance counts them all.
fn decided(trials: &[Trial], left_out: u64, asked: usize) -> Option<JobResult> {
    let first = &trials.first()?.record;
    let evidence: Vec<TrialEvidence<'_>> = trials
        .iter()
        .map(|t| TrialEvidence {
            record: &t.record,
            observations: &t.observations,
            lines: &[],
            flows: &t.flows,
            analysis: &t.analysis,
            tries: &t.tries,
            trials: trials.len().max(asked),
        })
        .collect();
    let facts = JobFacts {
        job: &first.job,
        state: finish::state_of(trials.iter().map(|t| t.record.end.state)),
        app: &first.app,
        scenario: &first.scenario,
        device: first.device.with_api(first.api),
        wall_seconds: 0.0,
        engine: stakeout_server::ENGINE.to_owned(),
    };
    Some(JobResult { left_out, ..decide(&facts, &evidence) })
}
