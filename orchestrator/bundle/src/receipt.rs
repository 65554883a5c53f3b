//! The receipt: what a submitter gets at once, so that nothing of a job can be chosen later.
//!
//! It says which job of which app, scenario, device and how many trials, and commits to the keys. It is signed by the operator, so
//! that its holder can show it to others. Receipts of the former form have no [`Terms`] and no signature.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stakeout_contract::{DeviceKind, JobId, Sha256Digest, statement::Envelope, trial::FeedMode};

use crate::{
    BundleError, broken, dsse,
    keys::{PublicKey, SigningKey},
};

/// Given to the submitter before anything runs. The job's secret is committed to, together with the submitter's nonce:
/// the operator can neither change the secret later nor have prepared evidence for this nonce before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// The job.
    pub job: JobId,
    /// 64 hexadecimal digits, chosen by the submitter.
    pub nonce: String,
    /// SHA-256 of `stakeout-job`, the secret and the nonce.
    pub commitment: Sha256Digest,
    /// What the job is; none: the receipt is of the former form, and binds keys only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
}

/// What was asked for, and so what a bundle must hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Terms {
    /// `stakeout-receipt/2`.
    pub format: String,
    /// SHA-256 of `stakeout-secret` and the secret. Whoever asked for an offer heard it before the server heard the nonce.
    pub secret: Sha256Digest,
    /// How many trials: numbers 1 to this, each once.
    pub trials: u32,
    /// The app.
    pub app: Sha256Digest,
    /// Its splits, in the order in which they were given.
    pub splits: Vec<Sha256Digest>,
    /// SHA-256 of the scenario's canonical JSON (RFC 8785), as each record has it.
    pub scenario: Sha256Digest,
    /// What runs it.
    pub device: DeviceKind,
    /// API level.
    pub api: u32,
    /// How pictures are coded.
    pub feed_mode: FeedMode,
}

impl Terms {
    /// The format of this version.
    pub const FORMAT: &'static str = "stakeout-receipt/2";
}

impl Receipt {
    /// For a secret and a nonce.
    pub fn new(job: JobId, secret: &[u8; 32], nonce: &str) -> Self {
        let commitment = hash(b"stakeout-job", secret, nonce);
        Self { job, nonce: nonce.to_owned(), commitment, terms: None }
    }

    /// The same of a job with these terms.
    #[must_use]
    pub fn with(mut self, terms: Terms) -> Self {
        self.terms = Some(terms);
        self
    }

    /// Whether `secret` is the one that was committed to.
    pub fn holds(&self, secret: &[u8; 32]) -> bool {
        let told = self.terms.as_ref().is_none_or(|t| t.format == Terms::FORMAT && t.secret == Self::of_secret(secret));
        told && hash(b"stakeout-job", secret, &self.nonce) == self.commitment
    }

    /// The commitment to a secret alone, which can be told before there is a nonce.
    pub fn of_secret(secret: &[u8; 32]) -> Sha256Digest {
        hash(b"stakeout-secret", secret, "")
    }

    /// The root of the trials' keys: secret and nonce together, so that both sides took part in every key.
    pub fn root(secret: &[u8; 32], nonce: &str) -> [u8; 32] {
        *hash(b"stakeout-root", secret, nonce).as_bytes()
    }

    /// Signed, as it is given to the submitter.
    pub fn signed(&self, operator: &SigningKey) -> Result<Envelope, BundleError> {
        Ok(dsse::sign(dsse::RECEIPT, operator, &serde_json_canonicalizer::to_vec(self)?))
    }
}

/// A receipt as its holder shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Given {
    /// What it says.
    pub receipt: Receipt,
    /// Who signed it; none: it is of the former form.
    pub signers: Vec<PublicKey>,
}

impl Given {
    /// Reads an envelope, or the former form. A signature that does not hold is an error.
    pub fn read(bytes: &[u8]) -> Result<Self, BundleError> {
        let bad = |e: serde_json::Error| broken(format!("the receipt cannot be read: {e}"));
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(bad)?;
        if value.get("payload").is_none() {
            return Ok(Self { receipt: serde_json::from_value(value).map_err(bad)?, signers: vec![] });
        }
        Self::open(&serde_json::from_value(value).map_err(bad)?)
    }

    /// The same of an envelope.
    pub fn open(envelope: &Envelope) -> Result<Self, BundleError> {
        let (payload, signers) = dsse::open(dsse::RECEIPT, envelope)?;
        let receipt = serde_json::from_slice(&payload).map_err(|e| broken(format!("the receipt cannot be read: {e}")))?;
        Ok(Self { receipt, signers })
    }
}

fn hash(what: &[u8], secret: &[u8; 32], nonce: &str) -> Sha256Digest {
    let mut h = Sha256::new();
    h.update(what);
    h.update(secret);
    h.update(nonce.as_bytes());
    Sha256Digest::from_bytes(h.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_read_signed_or_of_the_former_form_and_a_forged_one_is_refused() {
        let (operator, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let receipt = Receipt::new("job-1".parse().unwrap(), &[9; 32], "ab");
        let former = Given::read(&serde_json::to_vec(&receipt).unwrap()).unwrap();
        assert_eq!(former, Given { receipt: receipt.clone(), signers: vec![] });
        let mut envelope = receipt.signed(&operator).unwrap();
        let signed = Given::read(&serde_json::to_vec_pretty(&envelope).unwrap()).unwrap();
        assert_eq!(signed, Given { receipt: receipt.clone(), signers: vec![operator.public()] });
        envelope.payload = Receipt::new("job-2".parse().unwrap(), &[9; 32], "ab").signed(&other).unwrap().payload;
        assert!(Given::open(&envelope).unwrap_err().to_string().contains("does not hold"));
    }
}
