//! A worker's statement of a trial: made, signed, checked.
//!
//! Digests are of canonical JSON (RFC 8785), so that it does not matter how a server stores and writes what a worker handed
//! in, and whoever checks it needs no code of ours.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use stakeout_contract::{
    Sha256Digest, WorkerId,
    lease::Completion,
    observation::Observation,
    statement::{Envelope, Statement},
    trial::TrialRecord,
};

use crate::{
    BundleError, broken, dsse,
    keys::{PublicKey, SigningKey},
};

/// Digests of what a trial left, as far as a statement speaks of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Left {
    /// Of `trial.json`, as far as it is the worker's.
    pub record: Sha256Digest,
    /// Of `observations.jsonl`, and how many they are.
    pub observations: Lines,
    /// Of `flows.json`.
    pub flows: Sha256Digest,
    /// Of `findings.json`.
    pub findings: Sha256Digest,
}

impl Left {
    /// What is handed in.
    pub fn of(completion: &Completion, observations: &[Observation]) -> Result<Self, BundleError> {
        let mut lines = LineHasher::default();
        for o in observations {
            lines.add(o)?;
        }
        Self::with(completion, lines.end())
    }

    /// The same with observations of which only their digest is here.
    pub fn with(completion: &Completion, observations: Lines) -> Result<Self, BundleError> {
        Ok(Self {
            record: record(serde_json::to_value(&completion.record)?)?,
            observations,
            flows: canonical(&completion.flows)?,
            findings: canonical(&completion.analysis)?,
        })
    }
}

/// A stream of documents.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lines {
    /// How many.
    pub count: u64,
    /// Of their canonical JSON, each with a line feed.
    pub digest: Sha256Digest,
}

/// Makes the digest of a stream of documents, one at a time.
#[derive(Default)]
pub struct LineHasher {
    count: u64,
    hash: Sha256,
}

impl LineHasher {
    /// The next one.
    pub fn add<T: Serialize>(&mut self, document: &T) -> Result<(), BundleError> {
        self.hash.update(serde_json_canonicalizer::to_vec(document)?);
        self.hash.update(b"\n");
        self.count += 1;
        Ok(())
    }

    /// All of them.
    pub fn end(self) -> Lines {
        Lines { count: self.count, digest: Sha256Digest::from_bytes(self.hash.finalize().into()) }
    }
}

/// SHA-256 of a document's canonical JSON.
pub fn canonical<T: Serialize>(value: &T) -> Result<Sha256Digest, BundleError> {
    Ok(Sha256Digest::of(&serde_json_canonicalizer::to_vec(value)?))
}

/// The same of a record, without what is the orchestrator's: the app, which it completes, and the key, which it reveals.
pub fn record(mut record: Value) -> Result<Sha256Digest, BundleError> {
    if let Some(o) = record.as_object_mut() {
        o.remove("app");
        o.remove("key");
    }
    canonical(&record)
}

/// What a worker says of it.
pub fn make(worker: &WorkerId, record: &TrialRecord, left: &Left) -> Statement {
    Statement {
        format: Statement::FORMAT.to_owned(),
        worker: worker.clone(),
        trial: record.trial.clone(),
        job: record.job.clone(),
        epoch: record.epoch,
        app: record.app.sha256.unwrap_or_else(|| Sha256Digest::of(b"")),
        record: left.record,
        lines: left.observations.count,
        observations: left.observations.digest,
        flows: left.flows,
        findings: left.findings,
    }
}

/// Signs it.
pub fn sign(key: &SigningKey, statement: &Statement) -> Result<Envelope, BundleError> {
    Ok(dsse::sign(dsse::STATEMENT, key, &serde_json_canonicalizer::to_vec(statement)?))
}

/// The statement in an envelope, and the key that signed it. Several signatures are not expected.
pub fn open(envelope: &Envelope) -> Result<(Statement, PublicKey), BundleError> {
    let (payload, keys) = dsse::open(dsse::STATEMENT, envelope)?;
    let statement: Statement = serde_json::from_slice(&payload).map_err(|e| broken(format!("a worker's statement cannot be read: {e}")))?;
    match keys.as_slice() {
        [key] if statement.format == Statement::FORMAT => Ok((statement, *key)),
        [_] => Err(broken("a worker's statement has a format that this version does not know")),
        _ => Err(broken("a worker's statement has more than one signature")),
    }
}

/// What of a trial is not what its worker said; none: all is.
pub fn differs(statement: &Statement, record: &TrialRecord, left: &Left) -> Option<&'static str> {
    let now = make(&statement.worker, record, left);
    let parts = [
        ("trial", now.trial == statement.trial && now.job == statement.job && now.epoch == statement.epoch),
        ("app", now.app == statement.app),
        ("record", now.record == statement.record),
        ("observations", now.lines == statement.lines && now.observations == statement.observations),
        ("flows", now.flows == statement.flows),
        ("findings", now.findings == statement.findings),
    ];
    parts.into_iter().find(|(_, same)| !same).map(|(what, _)| what)
}
