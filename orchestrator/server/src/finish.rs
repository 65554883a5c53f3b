//! The end of a job: verdicts, result, report, bundle.

mod observed;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use stakeout_bundle::{keys::SigningKey, manifest::Manifest, receipt::Receipt};
use stakeout_contract::{
    Answer, Epoch, JobId, Nanos, Rung, Sha256Digest,
    api::jobs::Outcome,
    artifact::{Artifact, Role},
    finding::Analysis,
    flow::Flow,
    lease::Completion,
    observation::{Fact, Observation, Source},
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
use stakeout_store::{Decided, JobRow, TrialFull};

pub use observed::Observed;
pub(crate) use observed::{each, line};

use crate::{ENGINE, Service, ServiceError, host, packing, pictures, receipts, service::now, tries};

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
    /// What was observed, as far as it matters.
    pub observed: Observed,
    /// In order.
    pub flows: Vec<Flow>,
    /// What was found.
    pub analysis: Analysis,
    /// The worker's signature over all this.
    pub statement: Option<Envelope>,
    /// Leases before, which came to nothing: as this server heard of them.
    pub tries: Vec<Try>,
}

/// Trials that are read at a time: as text and as values at once, each may have a completion of a hundred megabytes.
const PART: u32 = 8;

/// Reads all trials of a job, each with its key revealed.
pub async fn gather(service: &Service, job: &JobRow) -> Result<Vec<TrialData>, ServiceError> {
    let root = Receipt::root(&job.secret, &job.spec.nonce);
    // What is left of each when its completion is taken.
    let (mut trials, mut out): (Vec<TrialFull>, Vec<TrialData>) = (Vec::new(), Vec::new());
    loop {
        let part = service.store.trials_after(&job.id, trials.last().map_or(0, |t| t.number), PART).await?;
        if part.is_empty() {
            break;
        }
        for mut t in part {
            let observed = observed::of(service.store(), &t.id, t.row.epoch).await?;
            let key = TrialKey::derive(&root, t.id.as_str(), t.row.epoch.0);
            let commitment = Sha256Digest::from_bytes(key.commitment());
            let Completion { mut record, flows, analysis, statement } = t.completion.take().unwrap_or_else(|| Completion {
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
            out.push(TrialData { record, observed, flows, analysis, statement, tries: vec![] });
            trials.push(t);
        }
    }
    let mut tries = tries::of(service.store(), &job.id, &trials).await?;
    for (t, d) in trials.iter().zip(&mut out) {
        d.tries = tries.remove(&t.id).unwrap_or_default();
    }
    Ok(out)
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
            observations: &d.observed.kept,
            lines: &d.observed.lines,
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
    let mut data = gather(service, job).await?;
    let path = options.out.join("bundle.zip");
    // Evidence first: what does not fit into the bundle is part of what is decided.
    let (mut bundle, left_out) = packing::evidence(service, job, &data, options.with_app, &path).await?;
    for (d, n) in data.iter_mut().zip(&left_out) {
        if let Some(o) = lost(&d.record, *n) {
            d.observed.push(o);
        }
    }
    let wall = (now() - job.created).max(0) as f64 / 1000.0;
    let result = JobResult { left_out: left_out.iter().sum(), ..result_of(job, &data, wall) };
    let receipt = receipts::of(job);
    let pictures = pictures::of(&service.blobs.of(&job.tenant), &data).await;
    let report = stakeout_report::html(&ReportInput {
        result: &result,
        scenario: &job.spec.scenario,
        trials: data
            .iter()
            .map(|d| TrialInput { record: &d.record, observations: &d.observed.kept, flows: &d.flows, analysis: &d.analysis })
            .collect(),
        pictures,
        signer: operator.public().fingerprint(),
        receipt: receipt.commitment.to_string(),
    })?;
    let json = pretty("result.json", &result)?;
    write_file(&options.out.join("result.json"), &json)?;
    write_file(&options.out.join("report.html"), report.as_bytes())?;
    bundle.add("result.json", &json)?;
    bundle.add("report.html", report.as_bytes())?;
    bundle.finish(manifest(job, receipt, options), operator)?;
    let (bundle, bundle_bytes) = digest_of(&path)?;
    let outcome = outcome(&result, job.spec.trials, bundle, bundle_bytes, operator.public().fingerprint());
    Ok(Produced { result, outcome, report: Sha256Digest::of(report.as_bytes()) })
}

/// What was searched and cannot be searched again may have shown anything to whoever has the bundle alone: nothing of this trial
/// is `not_observed`. `None` if nothing is missing.
pub fn lost(record: &TrialRecord, entries: u64) -> Option<Observation> {
    let fact = Fact::Lost { what: "entries of the bundle".to_owned(), count: entries };
    (entries > 0).then(|| Observation { at: record.length(), source: Source::Worker, fact, stack: vec![] })
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

pub(crate) fn pretty<T: serde::Serialize>(what: &str, value: &T) -> Result<Vec<u8>, ServiceError> {
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

/// The manifest, but for what the writer knows.
fn manifest(job: &JobRow, receipt: Receipt, options: &FinishOptions) -> Manifest {
    let mut versions = options.images.clone();
    versions.insert("engine".to_owned(), ENGINE.to_owned());
    Manifest {
        format: Manifest::format_of(&receipt).to_owned(),
        job: job.id.clone(),
        app: job.spec.app,
        created: rfc3339(now()),
        versions,
        host: host::facts(),
        receipt,
        secret: KeyHex::new(job.secret),
        entries: vec![],
        left_out: 0,
    }
}

fn rfc3339(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| String::new(), |t| t.to_string())
}

/// The length of a trial's script in seconds, for progress.
pub fn length_seconds(job: &JobRow) -> f64 {
    Nanos::ZERO.plus(job.spec.scenario.virtual_length()).as_secs_f64()
}
