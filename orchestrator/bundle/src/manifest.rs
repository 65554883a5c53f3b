//! `manifest.json`: what a bundle holds and how it came to be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stakeout_contract::{JobId, Sha256Digest, trial::KeyHex};

use crate::receipt::Receipt;

/// What is signed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// `stakeout-bundle/2`; `/1`, if its receipt has no terms.
    pub format: String,
    /// The job.
    pub job: JobId,
    /// The app.
    pub app: Sha256Digest,
    /// When it was made, RFC 3339.
    pub created: String,
    /// Versions and image digests.
    pub versions: BTreeMap<String, String>,
    /// Kernel, CPU model and count, memory of the host.
    pub host: BTreeMap<String, String>,
    /// What the submitter got at once.
    pub receipt: Receipt,
    /// The job's secret, revealed: with it every trial's key can be derived.
    pub secret: KeyHex,
    /// Every entry but the manifest, its signature and the salts.
    pub entries: Vec<ManifestEntry>,
    /// So many more there would be, but they did not fit: the first [`LISTED_MAX`] of them stand in `entries` like those that are
    /// left out when a bundle is shared.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Entries that did not fit and are named in a manifest, at most.
pub const LISTED_MAX: u64 = 20_000;

impl Manifest {
    /// The format of this version.
    pub const FORMAT: &'static str = "stakeout-bundle/2";
    /// The one before, which does not bind the number of trials and what they ran.
    pub const FORMER: &'static str = "stakeout-bundle/1";

    /// The format of a bundle with this receipt.
    pub const fn format_of(receipt: &Receipt) -> &'static str {
        if receipt.terms.is_some() { Self::FORMAT } else { Self::FORMER }
    }

    /// Whether this version reads a format.
    pub fn is_read(format: &str) -> bool {
        [Self::FORMAT, Self::FORMER].contains(&format)
    }
}

/// One entry.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// Its name in the ZIP.
    pub path: String,
    /// Bytes, unpacked.
    pub size: u64,
    /// SHA-256 of the salt followed by the bytes.
    pub digest: Sha256Digest,
}

/// Salts by entry, 32 hexadecimal digits each. Those of entries that were left out are left out too.
pub type Salts = BTreeMap<String, String>;

/// The salted digest of an entry.
pub(crate) fn salted(salt: &str, bytes: &[u8]) -> Sha256Digest {
    let mut h = salting(salt);
    h.update(bytes);
    Sha256Digest::from_bytes(h.finalize().into())
}

/// The same, begun: the entry's bytes follow.
pub(crate) fn salting(salt: &str) -> Sha256 {
    Sha256::new_with_prefix(salt)
}

/// Names of the entries that are not in the manifest.
pub(crate) const OWN: [&str; 3] = ["manifest.json", "manifest.dsse.json", "salts.json"];
