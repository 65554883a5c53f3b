//! Which evidence goes into a job's bundle, where not all of it fits.
//!
//! A bundle has limits that its reader insists on, and an app may write as many files as it likes. Documents come first, then what
//! findings name, then what shows the trial as a whole, then the rest, in an order that is the same each time. What does not fit
//! is counted: [`crate::finish::lost`] makes it part of what is decided.

use std::{collections::HashSet, path::Path};

use stakeout_blobs::TenantBlobs;
use stakeout_bundle::{Later, Writer};
use stakeout_contract::artifact::{Artifact, Role};
use stakeout_store::{JobRow, Store};

use crate::{
    Service, ServiceError,
    finish::{Observed, TrialData, each, entry_name, line, pretty},
};

/// Room for `result.json` and `report.html`, which follow.
const LATER: Later = Later { entries: 2, bytes: 256 << 20 };

/// Begins a job's bundle with all its evidence that fits. Of each trial, how many entries that verdicts rest on do not.
pub(crate) async fn evidence(
    service: &Service,
    job: &JobRow,
    data: &[TrialData],
    with_app: bool,
    path: &Path,
) -> Result<(Writer, Vec<u64>), ServiceError> {
    let mut p = Packing { writer: Writer::create(path)?, later: LATER, left_out: vec![0; data.len()] };
    for (i, d) in data.iter().enumerate() {
        documents(&mut p, service.store(), i, d).await?;
    }
    let blobs = service.blobs.of(&job.tenant);
    if with_app {
        // Nothing rests on it: it is the submitter's own.
        let bytes = blobs.get(&job.spec.app).await?;
        p.add(None, "app.apk", &bytes)?;
    }
    for (i, name, a) in in_order(data) {
        p.artifact(&blobs, i, &name, a).await?;
    }
    Ok((p.writer, p.left_out))
}

struct Packing {
    writer: Writer,
    later: Later,
    left_out: Vec<u64>,
}

impl Packing {
    fn fits(&self, name: &str, bytes: u64) -> bool {
        self.writer.fits(name, bytes, self.later)
    }

    fn add(&mut self, trial: Option<usize>, name: &str, bytes: &[u8]) -> Result<(), ServiceError> {
        if self.fits(name, bytes.len() as u64) {
            self.writer.add(name, bytes)?;
        } else {
            self.writer.leave_out(name, bytes)?;
            self.count(trial);
        }
        Ok(())
    }

    async fn artifact(&mut self, blobs: &TenantBlobs, trial: usize, name: &str, a: &Artifact) -> Result<(), ServiceError> {
        // These two show a trial to people and are not searched.
        let trial = (!matches!(a.role, Role::Capture | Role::Har)).then_some(trial);
        if self.fits(name, a.size) || self.writer.names_left_out() {
            return self.add(trial, name, &blobs.get(&a.sha256).await?);
        }
        // Only counted: its bytes are not needed.
        self.writer.leave_out(name, &[])?;
        self.count(trial);
        Ok(())
    }

    /// They are never in memory as a whole.
    async fn observations(&mut self, store: &dyn Store, trial: usize, name: &str, all: &Observed) -> Result<(), ServiceError> {
        let fits = self.fits(name, all.bytes);
        let mut entry = if fits { self.writer.begin(name, all.bytes)? } else { self.writer.begin_left_out(name, all.bytes)? };
        each(store, &all.trial, all.epoch, |o| Ok(entry.write(&line(&o)?)?)).await?;
        entry.end();
        if !fits {
            self.count(Some(trial));
        }
        Ok(())
    }

    fn count(&mut self, trial: Option<usize>) {
        if let Some(n) = trial.and_then(|t| self.left_out.get_mut(t)) {
            *n += 1;
        }
    }
}

async fn documents(p: &mut Packing, store: &dyn Store, i: usize, d: &TrialData) -> Result<(), ServiceError> {
    let at = |name: &str| format!("trials/{}/{name}", d.record.number);
    p.add(Some(i), &at("trial.json"), &pretty("trial.json", &d.record)?)?;
    p.observations(store, i, &at("observations.jsonl"), &d.observed).await?;
    // The detectors make them again.
    p.add(None, &at("findings.json"), &pretty("findings.json", &d.analysis)?)?;
    p.add(Some(i), &at("flows.json"), &pretty("flows.json", &d.flows)?)?;
    if !d.tries.is_empty() {
        p.add(Some(i), &at("tries.json"), &pretty("tries.json", &d.tries)?)?;
    }
    if let Some(s) = &d.statement {
        p.add(Some(i), &at("statement.dsse.json"), &pretty("statement.dsse.json", s)?)?;
    }
    Ok(())
}

/// All artifacts, each entry once: which trial's, the entry's name.
fn in_order(data: &[TrialData]) -> Vec<(usize, String, &Artifact)> {
    let mut all = Vec::new();
    for (i, d) in data.iter().enumerate() {
        let named: HashSet<&str> = d.analysis.findings.iter().filter_map(|f| f.file.strip_prefix("artifacts/")).collect();
        let mut seen = HashSet::new();
        for a in &d.record.artifacts {
            let name = entry_name(d.record.number, a);
            if !seen.contains(&name) {
                seen.insert(name.clone());
                let found = named.contains(a.sha256.to_string().as_str());
                all.push((if found { 0 } else { rank(a.role) }, i, name, a));
            }
        }
    }
    // Stable: within a rank as the trials have them.
    all.sort_by_key(|(rank, ..)| *rank);
    all.into_iter().map(|(_, i, name, a)| (i, name, a)).collect()
}

/// What matters more is less.
const fn rank(role: Role) -> u8 {
    match role {
        Role::Capture | Role::Har | Role::Log => 1,
        // Without the one the other of a pair cannot be read, nor what was sent of it.
        Role::CryptoPlain | Role::CryptoCipher | Role::FlowRequest => 2,
        Role::FlowResponse | Role::LoadedCode | Role::Screenshot => 3,
        Role::AppFile | Role::DeletedFile => 4,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stakeout_contract::{Epoch, Sha256Digest, finding::Analysis};

    use super::*;

    fn trial(number: u32, roles: &[&str], found: &[usize]) -> TrialData {
        let digest = |n: usize| Sha256Digest::of(&[number as u8, n as u8]);
        let artifacts: Vec<_> =
            roles.iter().enumerate().map(|(n, role)| json!({"sha256": digest(n), "size": 2, "role": role, "name": role})).collect();
        let record = json!({
            "format": "stakeout-trial/1", "trial": "trial-1", "job": "job-1", "epoch": 1, "number": number, "api": 34, "cooperative": true,
            "scenario": {"name": "s", "steps": ["launchApp"]}, "device": "jvm", "commitment": digest(0), "artifacts": artifacts,
            "end": {"state": "finished"},
        });
        let finding = |n: &usize| {
            json!({"file": format!("artifacts/{}", digest(*n)), "offset": 0, "length": 1, "chain": [], "kind": "camera", "frames": [1, 1],
                "seconds": null, "canary": null, "p_false": 1e-12})
        };
        let analysis = json!({"findings": found.iter().map(finding).collect::<Vec<_>>(), "searched":
            {"files": 0, "bytes": 0, "media": 0, "keys": 1, "skipped": []}});
        TrialData {
            record: serde_json::from_value(record).unwrap(),
            observed: Observed::new("trial-1".parse().unwrap(), Epoch(1)),
            flows: vec![],
            analysis: serde_json::from_value::<Analysis>(analysis).unwrap(),
            statement: None,
            tries: vec![],
        }
    }

    #[test]
    fn what_findings_name_comes_first_and_plain_files_last() {
        let roles = ["app_file", "flow_response", "log", "flow_request", "app_file", "capture"];
        let data = [trial(1, &roles, &[4]), trial(2, &roles, &[])];
        let order: Vec<_> = in_order(&data).iter().map(|(i, _, a)| (a.name.clone(), *i)).collect();
        let of = |name: &str, trials: &[usize]| trials.iter().map(|i| (name.to_owned(), *i)).collect::<Vec<_>>();
        let mut wanted = of("app_file", &[0]);
        wanted.extend([("log", 0), ("capture", 0), ("log", 1), ("capture", 1)].map(|(n, i)| (n.to_owned(), i)));
        wanted.extend([of("flow_request", &[0, 1]), of("flow_response", &[0, 1]), of("app_file", &[0, 1, 1])].concat());
        assert_eq!(order, wanted);
    }
}
