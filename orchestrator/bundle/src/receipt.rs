//! The receipt: what a submitter gets at once, so that keys cannot be chosen later.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stakeout_contract::{JobId, Sha256Digest};

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
}

impl Receipt {
    /// For a secret and a nonce.
    pub fn new(job: JobId, secret: &[u8; 32], nonce: &str) -> Self {
        let commitment = commit(secret, nonce);
        Self { job, nonce: nonce.to_owned(), commitment }
    }

    /// Whether `secret` is the one that was committed to.
    pub fn holds(&self, secret: &[u8; 32]) -> bool {
        commit(secret, &self.nonce) == self.commitment
    }

    /// The root of the trials' keys: secret and nonce together, so that both sides took part in every key.
    pub fn root(secret: &[u8; 32], nonce: &str) -> [u8; 32] {
        let mut h = Sha256::new();
        h.update(b"stakeout-root");
        h.update(secret);
        h.update(nonce.as_bytes());
        h.finalize().into()
    }
}

fn commit(secret: &[u8; 32], nonce: &str) -> Sha256Digest {
    let mut h = Sha256::new();
    h.update(b"stakeout-job");
    h.update(secret);
    h.update(nonce.as_bytes());
    Sha256Digest::from_bytes(h.finalize().into())
}
