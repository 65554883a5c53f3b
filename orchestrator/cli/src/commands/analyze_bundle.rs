//! `stakeout analyze BUNDLE`: everything is found again from the bytes alone, and compared with what the bundle says.

mod same;

use std::{path::Path, process::ExitCode};

use serde::Serialize;
use stakeout_bundle::{Bundle, BundleError, manifest::Manifest};
use stakeout_contract::{
    Nanos,
    finding::{Analysis, Finding},
    flow::Flow,
    observation::{Fact, Observation, Source},
    result::JobResult,
    trial::TrialRecord,
};
use stakeout_domain::verdict::{JobFacts, TrialEvidence, decide};
use stakeout_evidence::analyze_trial_dir;

use super::analyze::{Tools, line_of};
use crate::{exit::Failure, output};

#[derive(Serialize)]
struct Again {
    trials: Vec<TrialAgain>,
    /// Whether the result that follows from these findings is that of the bundle; none: it holds none, or not all that it
    /// followed from.
    verdicts_agree: Option<bool>,
    differences: Vec<String>,
    /// Entries that the verdicts need and that were left out when the bundle was shared.
    left_out: Vec<String>,
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
}

pub(crate) fn run(path: &Path, json: bool) -> Result<ExitCode, Failure> {
    let bundle = Bundle::open(path).map_err(Failure::usage)?;
    let mut differences = Vec::new();
    let (mut trials, mut again) = (Vec::new(), Vec::new());
    let left_out = left_out(&bundle)?;
    let names: Vec<String> = bundle.names().filter(|n| n.starts_with("trials/") && n.ends_with("/trial.json")).map(str::to_owned).collect();
    if names.is_empty() {
        return Err(Failure::hint("the bundle holds no trial", "an analysis needs at least one `trials/N/trial.json` and its artifacts"));
    }
    for name in names {
        let folder = name.trim_end_matches("trial.json").to_owned();
        eprintln!("analysing {folder}");
        let mut t = analyse(&bundle, &folder, &mut differences)?;
        lose(&mut t, &left_out);
        let said: Option<Analysis> = optional(bundle.json(&format!("{folder}findings.json")), &bundle, &format!("{folder}findings.json"))?;
        let agrees = said.map(|s| same::findings(&folder, &s, &t.analysis, &left_out, &mut differences)).transpose()?;
        again.push(TrialAgain { number: t.record.number, findings: t.analysis.findings.clone(), agrees });
        trials.push(t);
    }
    let said: Option<JobResult> = optional(bundle.json("result.json"), &bundle, "result.json")?;
    let result = decided(&trials);
    let verdicts_agree = match (&said, &result) {
        (Some(s), Some(r)) if left_out.is_empty() => Some(same::results(s, r, &mut differences)?),
        _ => None,
    };
    let same = differences.is_empty();
    let doc = Again { trials: again, verdicts_agree, differences, left_out, result };
    if json {
        output::json(&doc)?;
    } else {
        for t in &doc.trials {
            for f in &t.findings {
                output::line(&format!("trial {}: {}", t.number, line_of(f)))?;
            }
        }
        let n: usize = doc.trials.iter().map(|t| t.findings.len()).sum();
        eprintln!("{n} findings in {} trials, found again from the bytes", doc.trials.len());
        if !doc.left_out.is_empty() {
            eprintln!(
                "{} entries that the verdicts need were left out (`{}`…): what follows from them is not compared",
                doc.left_out.len(),
                output::plain(&doc.left_out[0])
            );
        }
        if said.as_ref().is_some_and(same::is_older) {
            eprintln!(
                "the bundle's result says nothing of the state in which things were sent, as it was made before; that is not compared"
            );
        }
        for d in &doc.differences {
            eprintln!("differs: {}", output::plain(d));
        }
        match (same, doc.verdicts_agree) {
            (true, Some(true)) => {
                eprintln!("the bundle's findings and its result are the same; `report.html` shows them and is not compared");
            }
            (true, _) => eprintln!("nothing in the bundle contradicts this"),
            (false, _) => eprintln!("the bundle says something else than its bytes"),
        }
    }
    Ok(ExitCode::from(u8::from(!same)))
}

/// Entries that a verdict rests on, which the manifest names and the bundle does not hold.
fn left_out(bundle: &Bundle) -> Result<Vec<String>, Failure> {
    let Some(m) = optional::<serde_json::Value>(bundle.json("manifest.json"), bundle, "manifest.json")? else { return Ok(vec![]) };
    let found = m["format"].as_str().unwrap_or("none");
    if found != Manifest::FORMAT {
        return Err(Failure::usage(BundleError::Version { found: found.chars().take(40).collect(), ours: Manifest::FORMAT }));
    }
    let m: Manifest = serde_json::from_value(m).map_err(Failure::usage)?;
    let needed = |p: &str| p.starts_with("trials/") && !["findings.json", "flows.har", "capture.pcapng"].iter().any(|n| p.ends_with(n));
    Ok(m.entries.into_iter().map(|e| e.path).filter(|p| needed(p) && !bundle.names().any(|n| n == p)).collect())
}

/// What was left out may have shown anything.
fn lose(t: &mut Trial, left_out: &[String]) {
    if !left_out.is_empty() {
        let at = t.record.timeline.last().map_or(Nanos::from_secs(0), |s| s.to);
        let fact = Fact::Lost { what: "entries of the bundle".to_owned(), count: left_out.len() as u64 };
        t.observations.push(Observation { at, source: Source::Worker, fact, stack: vec![] });
    }
}

/// What a missing entry is: nothing. A broken one stays an error.
fn optional<T>(read: Result<T, BundleError>, bundle: &Bundle, name: &str) -> Result<Option<T>, Failure> {
    match read {
        Ok(v) => Ok(Some(v)),
        Err(_) if !bundle.names().any(|n| n == name) => Ok(None),
        Err(e) => Err(Failure::usage(e)),
    }
}

/// Unpacks a trial's artifacts into a folder of ours, by digest, and searches them.
fn analyse(bundle: &Bundle, folder: &str, differences: &mut Vec<String>) -> Result<Trial, Failure> {
    let record: TrialRecord = bundle.json(&format!("{folder}trial.json")).map_err(Failure::usage)?;
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
    let analysis = analyze_trial_dir(&Tools::here().engine(), dir.path()).map_err(Failure::usage)?;
    let name = format!("{folder}observations.jsonl");
    let observations = optional(bundle.read(&name), bundle, &name)?
        .unwrap_or_default()
        .split(|b| *b == b'\n')
        .filter(|l| !l.is_empty())
        .map(serde_json::from_slice)
        .collect::<Result<_, _>>()
        .map_err(|e| Failure::usage(anyhow::anyhow!("`{name}` cannot be read: {e}")))?;
    let name = format!("{folder}flows.json");
    let flows = optional(bundle.json(&name), bundle, &name)?.unwrap_or_default();
    Ok(Trial { record, observations, flows, analysis })
}

fn decided(trials: &[Trial]) -> Option<JobResult> {
    let first = &trials.first()?.record;
    let evidence: Vec<TrialEvidence<'_>> = trials
        .iter()
        .map(|t| TrialEvidence {
            record: &t.record,
            observations: &t.observations,
            flows: &t.flows,
            analysis: &t.analysis,
            trials: trials.len(),
        })
        .collect();
    let facts = JobFacts {
        job: &first.job,
        state: stakeout_server::finish::state_of(trials.iter().map(|t| t.record.end.state)),
        app: &first.app,
        scenario: &first.scenario,
        device: first.device.with_api(first.api),
        wall_seconds: 0.0,
        engine: stakeout_server::ENGINE.to_owned(),
    };
    Some(decide(&facts, &evidence))
}
