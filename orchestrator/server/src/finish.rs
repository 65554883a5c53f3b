//! The end of a job: verdicts, result, report, bundle.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use stakeout_bundle::{Writer, keys::SigningKey, manifest::Manifest, receipt::Receipt};
use stakeout_contract::{
    Answer, Epoch, JobId, Nanos, Rung, Sha256Digest,
    api::jobs::Outcome,
    artifact::{Artifact, Role},
    finding::Analysis,
    flow::Flow,
    lease::Completion,
    observation::Observation,
    result::{JobResult, Verdict},
    statement::Envelope,
    trial::{AppFacts, KeyHex, TrialCost, TrialEnd, TrialRecord, TrialState, Try},
};
use stakeout_domain::{
    gate::gate,
    verdict::{JobFacts, TrialEvidence, decide},
};
use stakeout_feed::TrialKey;
use stakeout_report::{ReportInput, TrialInput};
use stakeout_store::{Decided, JobRow, Store, TrialFull};

use crate::{ENGINE, Service, ServiceError, host, pictures, receipts, service::now, tries};

/// How a job is ended.
#[derive(Clone, Debug)]
pub struct FinishOptions {
    /// Folder for `result.json`, `report.html`, `bundle.zip`. It exists and is ours.
    pub out: PathBuf,
    /// Put the APK into the bundle.
    pub with_app: bool,
    /// Images by name, with their ids.
    pub images: BTreeMap<String, String>,
}

/// What one trial left, in one place.
pub struct TrialData {
    /// The record, key revealed.
    pub record: TrialRecord,
    /// In order.
    pub observations: Vec<Observation>,
    /// In order.
    pub flows: Vec<Flow>,
    /// What was found.
    pub analysis: Analysis,
    /// The worker's signature over all this.
    pub statement: Option<Envelope>,
    /// Leases before, which came to nothing: as this server heard of them.
    pub tries: Vec<Try>,
}

/// Reads all trials of a job, each with its key revealed.
pub async fn gather(service: &Service, job: &JobRow) -> Result<Vec<TrialData>, ServiceError> {
    let root = Receipt::root(&job.secret, &job.spec.nonce);
    let mut out = Vec::new();
    let trials = service.store.trials(&job.id).await?;
    let mut tries = tries::of(service.store(), &job.id, &trials).await?;
    for t in trials {
        let observations = all_observations(service.store(), &t).await?;
        let key = TrialKey::derive(&root, t.id.as_str(), t.row.epoch.0);
        let commitment = Sha256Digest::from_bytes(key.commitment());
        let Completion { mut record, flows, analysis, statement } = t.completion.clone().unwrap_or_else(|| Completion {
            record: without_completion(job, &t, commitment),
            flows: vec![],
            analysis: Analysis::default(),
            statement: None,
        });
        record.app.sha256 = Some(job.spec.app);
        if record.app.package.is_empty() {
            record.app = AppFacts { sha256: Some(job.spec.app), ..job.spec.facts.clone() };
        }
        record.app.signers.clone_from(&job.spec.facts.signers);
        record.app.abis.clone_from(&job.spec.facts.abis);
        record.commitment = commitment;
        record.key = Some(KeyHex::new(key.reveal()));
        let tries = tries.remove(&t.id).unwrap_or_default();
        out.push(TrialData { record, observations, flows, analysis, statement, tries });
    }
    Ok(out)
}

/// The whole stream of a trial's last lease, read in parts.
pub(crate) async fn all_observations(store: &dyn Store, t: &TrialFull) -> Result<Vec<Observation>, ServiceError> {
    const PART: u32 = 5000;
    let mut all = Vec::new();
    loop {
        let part = store.observations(&t.id, t.row.epoch, all.len() as u64, PART).await?;
        let last = part.len() < PART as usize;
        all.extend(part);
        if last {
            return Ok(all);
        }
    }
}

/// A trial that nobody completed: it says so, and nothing else.
fn without_completion(job: &JobRow, t: &TrialFull, commitment: Sha256Digest) -> TrialRecord {
    let state = if t.row.state == TrialState::Cancelled { TrialState::Cancelled } else { TrialState::Failed };
    let end = t.ended.clone().map(|e| TrialEnd { state, ..e }).unwrap_or(TrialEnd {
        state,
        stage: "lease".to_owned(),
        reason: if state == TrialState::Cancelled { "given up by its owner" } else { "its workers were lost" }.to_owned(),
        log: String::new(),
    });
    TrialRecord {
        format: TrialRecord::FORMAT.to_owned(),
        trial: t.id.clone(),
        job: job.id.clone(),
        epoch: Epoch(t.row.epoch.0),
        number: t.number,
        app: job.spec.facts.clone(),
        scenario: job.spec.scenario.clone(),
        device: job.spec.device,
        api: job.spec.scenario.device.api,
        image: String::new(),
        cooperative: true,
        commitment,
        key: None,
        feed_mode: job.spec.feed_mode,
        started_at: String::new(),
        started_real: String::new(),
        timeline: vec![],
        clock: vec![],
        delivered: vec![],
        canaries: vec![],
        artifacts: vec![],
        end,
        cost: TrialCost::default(),
    }
}

/// A job's state, from its trials': it says nothing about the verdicts.
pub fn state_of(trials: impl Iterator<Item = TrialState> + Clone) -> TrialState {
    let any = |s| trials.clone().any(|t| t == s);
    match (any(TrialState::Cancelled), any(TrialState::Finished)) {
        (true, _) => TrialState::Cancelled,
        (false, true) => TrialState::Finished,
        (false, false) => TrialState::Failed,
    }
}

/// The verdicts of a job whose trials have ended.
pub fn result_of(job: &JobRow, data: &[TrialData], wall_seconds: f64) -> JobResult {
    let evidence: Vec<TrialEvidence<'_>> = data
        .iter()
        .map(|d| TrialEvidence {
            record: &d.record,
            observations: &d.observations,
            flows: &d.flows,
            analysis: &d.analysis,
            tries: &d.tries,
            trials: data.len(),
        })
        .collect();
    let state = state_of(data.iter().map(|d| d.record.end.state));
    let mut app = data.first().map_or_else(|| job.spec.facts.clone(), |d| d.record.app.clone());
    app.sha256 = Some(job.spec.app);
    let facts = JobFacts {
        job: &job.id,
        state,
        app: &app,
        scenario: &job.spec.scenario,
        device: job.spec.device.with_api(job.spec.scenario.device.api),
        wall_seconds,
        engine: ENGINE.to_owned(),
    };
    decide(&facts, &evidence)
}

/// What was made of a job.
pub struct Produced {
    /// The whole result.
    pub result: JobResult,
    /// In short; the bundle's digest and size are those of the file.
    pub outcome: Outcome,
    /// SHA-256 of the report.
    pub report: Sha256Digest,
}

/// Decides and writes the three files, and keeps the decision; the files are the caller's, and no artifacts.
pub async fn finish(service: &Service, id: &JobId, operator: &SigningKey, options: &FinishOptions) -> Result<JobResult, ServiceError> {
    let job = service.store.job(None, id).await?;
    let made = produce(service, &job, operator, options).await?;
    let decided = Decided { state: made.result.state, result: made.result.clone(), outcome: None, report: None, reason: String::new() };
    service.store.decide(id, &decided, now()).await?;
    service.wake(id);
    Ok(made.result)
}

/// Decides and writes the three files into a folder; nothing is kept.
pub async fn produce(service: &Service, job: &JobRow, operator: &SigningKey, options: &FinishOptions) -> Result<Produced, ServiceError> {
    let data = gather(service, job).await?;
    let wall = (now() - job.created).max(0) as f64 / 1000.0;
    let result = result_of(job, &data, wall);
    let receipt = receipts::of(job);
    let pictures = pictures::of(&service.blobs.of(&job.tenant), &data).await;
    let report = stakeout_report::html(&ReportInput {
        result: &result,
        scenario: &job.spec.scenario,
        trials: data
            .iter()
            .map(|d| TrialInput { record: &d.record, observations: &d.observations, flows: &d.flows, analysis: &d.analysis })
            .collect(),
        pictures,
        signer: operator.public().fingerprint(),
        receipt: receipt.commitment.to_string(),
    })?;
    let json = pretty("result.json", &result)?;
    write_file(&options.out.join("result.json"), &json)?;
    write_file(&options.out.join("report.html"), report.as_bytes())?;
    let parts = Parts { job, data: &data, result: &json, report: report.as_bytes(), receipt };
    bundle(service, &parts, operator, options).await?;
    let path = options.out.join("bundle.zip");
    let (bundle, bundle_bytes) = digest_of(&path)?;
    let outcome = outcome(&result, job.spec.trials, bundle, bundle_bytes, operator.public().fingerprint());
    Ok(Produced { result, outcome, report: Sha256Digest::of(report.as_bytes()) })
}

/// The short form of a result.
fn outcome(result: &JobResult, trials: u32, bundle: Sha256Digest, bundle_bytes: u64, signer: String) -> Outcome {
    let at = |v: &&Verdict| {
        v.device_state.is_idle()
            && !matches!(v.rung, Rung::Declared | Rung::Requested | Rung::Granted)
            && matches!(v.verdict, Answer::Proven | Answer::Supported)
    };
    Outcome {
        exit_code: gate(result, Rung::Opened, trials) as u8,
        found: result.verdicts.iter().filter(at).cloned().collect(),
        inconclusive: result.verdicts.iter().filter(|v| v.verdict == Answer::Inconclusive).count() as u32,
        bundle,
        bundle_bytes,
        signer,
    }
}

fn digest_of(path: &Path) -> Result<(Sha256Digest, u64), ServiceError> {
    let failed = |source| ServiceError::File { path: path.display().to_string(), source };
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut hash = Sha256::new();
    let n = std::io::copy(&mut file, &mut hash).map_err(failed)?;
    Ok((Sha256Digest::from_bytes(hash.finalize().into()), n))
}

struct Parts<'a> {
    job: &'a JobRow,
    data: &'a [TrialData],
    result: &'a [u8],
    report: &'a [u8],
    receipt: Receipt,
}

fn pretty<T: serde::Serialize>(what: &str, value: &T) -> Result<Vec<u8>, ServiceError> {
    serde_json::to_vec_pretty(value).map_err(|source| ServiceError::Document { what: what.to_owned(), source })
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), ServiceError> {
    std::fs::write(path, bytes).map_err(|source| ServiceError::File { path: path.display().to_string(), source })
}

/// The entry of an artifact in a bundle.
pub fn entry_name(trial: u32, a: &Artifact) -> String {
    match a.role {
        Role::Capture => format!("trials/{trial}/capture.pcapng"),
        Role::Har => format!("trials/{trial}/flows.har"),
        _ => format!("trials/{trial}/artifacts/{}", a.sha256),
    }
}

async fn bundle(service: &Service, p: &Parts<'_>, operator: &SigningKey, options: &FinishOptions) -> Result<(), ServiceError> {
    let mut w = Writer::create(&options.out.join("bundle.zip"))?;
    w.add("result.json", p.result)?;
    w.add("report.html", p.report)?;
    for d in p.data {
        let n = d.record.number;
        w.add(&format!("trials/{n}/trial.json"), &pretty("trial.json", &d.record)?)?;
        let mut lines = Vec::new();
        for o in &d.observations {
            lines.extend_from_slice(
                &serde_json::to_vec(o).map_err(|source| ServiceError::Document { what: "observations.jsonl".to_owned(), source })?,
            );
            lines.push(b'\n');
        }
        w.add(&format!("trials/{n}/observations.jsonl"), &lines)?;
        w.add(&format!("trials/{n}/findings.json"), &pretty("findings.json", &d.analysis)?)?;
        w.add(&format!("trials/{n}/flows.json"), &pretty("flows.json", &d.flows)?)?;
        if !d.tries.is_empty() {
            w.add(&format!("trials/{n}/tries.json"), &pretty("tries.json", &d.tries)?)?;
        }
        if let Some(s) = &d.statement {
            w.add(&format!("trials/{n}/statement.dsse.json"), &pretty("statement.dsse.json", s)?)?;
        }
        let mut seen = std::collections::BTreeSet::new();
        for a in &d.record.artifacts {
            let name = entry_name(n, a);
            if seen.insert(name.clone()) {
                w.add(&name, &service.blobs.of(&p.job.tenant).get(&a.sha256).await?)?;
            }
        }
    }
    if options.with_app {
        w.add("app.apk", &service.blobs.of(&p.job.tenant).get(&p.job.spec.app).await?)?;
    }
    let mut versions = options.images.clone();
    versions.insert("engine".to_owned(), ENGINE.to_owned());
    let manifest = Manifest {
        format: Manifest::format_of(&p.receipt).to_owned(),
        job: p.job.id.clone(),
        app: p.job.spec.app,
        created: rfc3339(now()),
        versions,
        host: host::facts(),
        receipt: p.receipt.clone(),
        secret: KeyHex::new(p.job.secret),
        entries: vec![],
    };
    w.finish(manifest, operator)?;
    Ok(())
}

fn rfc3339(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| String::new(), |t| t.to_string())
}

/// The length of a trial's script in seconds, for progress.
pub fn length_seconds(job: &JobRow) -> f64 {
    Nanos::ZERO.plus(job.spec.scenario.virtual_length()).as_secs_f64()
}
