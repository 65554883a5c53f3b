//! What a worker says, signed, of a trial that it ran.
//!
//! The envelope is DSSE's; the payload is a [`Statement`]: digests of what the worker handed in. It is made where the trial
//! ran, with a key that never leaves that host, so that neither a server nor who holds its database can change what a worker
//! saw without its being noticed. Signing and checking are in `bundle`.

use serde::{Deserialize, Serialize};

use crate::{Epoch, JobId, Sha256Digest, TrialId, WorkerId};

/// A signed payload: an envelope of DSSE v1.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// What the payload is.
    pub payload_type: String,
    /// Base64.
    pub payload: String,
    /// Who signed it.
    pub signatures: Vec<Signature>,
}

/// One signature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Signature {
    /// Fingerprint of the key.
    pub keyid: String,
    /// Base64 of 64 bytes.
    pub sig: String,
    /// Base64 of the public key's 32 bytes, so that an unknown signer can be named and the signature checked.
    #[serde(rename = "publicKey")]
    pub public_key: String,
}

/// What a worker says of a trial. Each digest is SHA-256 of the canonical JSON (RFC 8785) of a part.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// `stakeout-statement/1`.
    pub format: String,
    /// Who ran it.
    pub worker: WorkerId,
    /// The trial.
    pub trial: TrialId,
    /// Its job.
    pub job: JobId,
    /// The lease.
    pub epoch: Epoch,
    /// The APK that was installed.
    pub app: Sha256Digest,
    /// Of the trial's record without `app`, which the orchestrator completes, and without `key`, which it reveals. The record
    /// names every artifact by digest.
    pub record: Sha256Digest,
    /// How many observations there are.
    pub lines: u64,
    /// Of the observations: each one's canonical JSON and a line feed, in order.
    pub observations: Sha256Digest,
    /// Of the flows.
    pub flows: Sha256Digest,
    /// Of the analysis.
    pub findings: Sha256Digest,
}

impl Statement {
    /// The format of this version.
    pub const FORMAT: &'static str = "stakeout-statement/1";
}
