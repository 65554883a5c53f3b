//! `stakeout analyze BUNDLE`: everything is found again from the bytes alone, and compared with what the bundle says.

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use serde::Serialize;
use stakeout_bundle::{Bundle, BundleError};
use stakeout_contract::{
    Answer, DeviceState, Kind, Rung,
    finding::{Analysis, Finding},
    flow::Flow,
    observation::Observation,
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
    /// Whether the verdicts that follow from these findings are those of the bundle; none: it holds no result.
    verdicts_agree: Option<bool>,
    differences: Vec<String>,
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
    let names: Vec<String> = bundle.names().filter(|n| n.starts_with("trials/") && n.ends_with("/trial.json")).map(str::to_owned).collect();
    if names.is_empty() {
        return Err(Failure::hint("the bundle holds no trial", "an analysis needs at least one `trials/N/trial.json` and its artifacts"));
    }
    for name in names {
        let folder = name.trim_end_matches("trial.json").to_owned();
        eprintln!("analysing {folder}");
        let t = analyse(&bundle, &folder, &mut differences)?;
        let said: Option<Analysis> = optional(bundle.json(&format!("{folder}findings.json")), &bundle, &format!("{folder}findings.json"))?;
        let agrees = said.map(|s| compare(&folder, &s, &t.analysis, &mut differences));
        again.push(TrialAgain { number: t.record.number, findings: t.analysis.findings.clone(), agrees });
        trials.push(t);
    }
    let said: Option<JobResult> = optional(bundle.json("result.json"), &bundle, "result.json")?;
    let result = decided(&trials);
    let verdicts_agree = match (&said, &result) {
        (Some(s), Some(r)) => Some(compare_verdicts(s, r, &mut differences)),
        _ => None,
    };
    let same = differences.is_empty();
    let doc = Again { trials: again, verdicts_agree, differences, result };
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
        for d in &doc.differences {
            eprintln!("differs: {}", output::plain(d));
        }
        match (same, doc.verdicts_agree) {
            (true, Some(true)) => eprintln!("the bundle's findings and verdicts are the same"),
            (true, _) => eprintln!("nothing in the bundle contradicts this"),
            (false, _) => eprintln!("the bundle says something else than its bytes"),
        }
    }
    Ok(ExitCode::from(u8::from(!same)))
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

type Key = (String, Kind, Option<[u64; 2]>, Option<String>, Option<String>);

fn key(f: &Finding) -> Key {
    let seconds = f.seconds.map(|[a, b]| format!("{a:.3}..{b:.3}"));
    (f.file.clone(), f.kind, f.frames, seconds, f.canary.clone())
}

fn compare(folder: &str, said: &Analysis, found: &Analysis, differences: &mut Vec<String>) -> bool {
    let count = |a: &Analysis| {
        let mut m: BTreeMap<Key, usize> = BTreeMap::new();
        for f in &a.findings {
            *m.entry(key(f)).or_default() += 1;
        }
        m
    };
    let (said, found) = (count(said), count(found));
    let before = differences.len();
    for (k, n) in &said {
        if found.get(k) != Some(n) {
            differences.push(format!("{folder}findings.json has {n} of {} in `{}`, found again {}", k.1, k.0, found.get(k).unwrap_or(&0)));
        }
    }
    for (k, n) in found.iter().filter(|(k, _)| !said.contains_key(k)) {
        differences.push(format!("{folder}findings.json lacks {n} of {} in `{}`", k.1, k.0));
    }
    differences.len() == before
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
        state: first.end.state,
        app: &first.app,
        scenario: &first.scenario,
        device: format!("{} {}", first.device, first.api),
        wall_seconds: 0.0,
        engine: stakeout_server::ENGINE.to_owned(),
    };
    Some(decide(&facts, &evidence))
}

fn compare_verdicts(said: &JobResult, found: &JobResult, differences: &mut Vec<String>) -> bool {
    let map = |r: &JobResult| -> BTreeMap<(Kind, Rung, DeviceState), Answer> {
        r.verdicts.iter().map(|v| ((v.kind, v.rung, v.device_state), v.verdict)).collect()
    };
    let (said, found) = (map(said), map(found));
    let before = differences.len();
    for (k, s) in &said {
        let f = found.get(k);
        if f != Some(s) {
            let f = f.map_or("nothing".to_owned(), ToString::to_string);
            differences.push(format!("result.json says `{s}` of {} {} in {}, the bytes say `{f}`", k.0, k.1, k.2));
        }
    }
    differences.len() == before
}
