//! Checksums: SHA-1, which is all that Google's index gives, and SHA-256, which a reviewed lock adds.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use serde::{Deserialize, Serialize};
use stakeout_contract::Sha256Digest;

/// A SHA-1 digest. It finds a broken transfer; against a forger it proves nothing, so a reviewed lock also has a SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha1Digest([u8; 20]);

/// Not 40 hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a SHA-1 digest: 40 hexadecimal digits are expected")]
pub struct BadSha1(String);

impl Sha1Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        hasher.update(bytes);
        Self(array(hasher.finish().as_ref()))
    }
}

/// The first `N` bytes; a digest has exactly as many.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}

impl fmt::Display for Sha1Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha1Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha1:{self}")
    }
}

impl FromStr for Sha1Digest {
    type Err = BadSha1;

    fn from_str(s: &str) -> Result<Self, BadSha1> {
        let mut bytes = [0; 20];
        // Some indexes have upper-case digits.
        match hex::decode_to_slice(s, &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(_) => Err(BadSha1(s.chars().take(64).collect())),
        }
    }
}

impl TryFrom<String> for Sha1Digest {
    type Error = BadSha1;

    fn try_from(s: String) -> Result<Self, BadSha1> {
        s.parse()
    }
}

impl From<Sha1Digest> for String {
    fn from(d: Sha1Digest) -> Self {
        d.to_string()
    }
}

/// What an archive must be: its size, and every digest that is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expected {
    /// Bytes.
    pub size: u64,
    /// The index's checksum. It also names the archive in the cache.
    pub sha1: Sha1Digest,
    /// The lock's, where somebody took it down.
    pub sha256: Option<Sha256Digest>,
}

/// What an archive is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digests {
    /// SHA-1.
    pub sha1: Sha1Digest,
    /// SHA-256.
    pub sha256: Sha256Digest,
}

/// Both digests of bytes that come piece by piece.
#[derive(Clone)]
pub(crate) struct Hasher {
    sha1: Context,
    sha256: Context,
}

impl Hasher {
    pub(crate) fn new() -> Self {
        Self { sha1: Context::new(&SHA1_FOR_LEGACY_USE_ONLY), sha256: Context::new(&SHA256) }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.sha1.update(bytes);
        self.sha256.update(bytes);
    }

    pub(crate) fn finish(self) -> Digests {
        Digests {
            sha1: Sha1Digest(array(self.sha1.finish().as_ref())),
            sha256: Sha256Digest::from_bytes(array(self.sha256.finish().as_ref())),
        }
    }
}

/// Both digests of a file's bytes.
pub(crate) fn of_reader(mut from: impl std::io::Read) -> std::io::Result<(Hasher, u64)> {
    let (mut hasher, mut bytes, mut total) = (Hasher::new(), vec![0; 1 << 18], 0);
    loop {
        let n = from.read(&mut bytes)?;
        if n == 0 {
            return Ok((hasher, total));
        }
        hasher.update(&bytes[..n]);
        total += n as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standards() {
        // FIPS 180-2, appendix A.1 and B.1.
        assert_eq!(Sha1Digest::of(b"abc").to_string(), "a9993e364706816aba3e25717850c26c9cd0d89d");
        let (hasher, n) = of_reader(&b"abc"[..]).unwrap();
        let d = hasher.finish();
        assert_eq!(n, 3);
        assert_eq!(d.sha1, Sha1Digest::of(b"abc"));
        assert_eq!(d.sha256, Sha256Digest::of(b"abc"));
    }

    #[test]
    fn a_checksum_is_forty_digits_in_either_case() {
        let upper: Sha1Digest = "A9993E364706816ABA3E25717850C26C9CD0D89D".parse().unwrap();
        assert_eq!(upper, Sha1Digest::of(b"abc"));
        for bad in ["", "a9", "g9993e364706816aba3e25717850c26c9cd0d89d", "a9993e364706816aba3e25717850c26c9cd0d89d0"] {
            assert!(bad.parse::<Sha1Digest>().is_err(), "{bad}");
        }
    }
}
