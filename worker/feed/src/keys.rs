//! A trial's key, its commitment, and one subkey for each sensor.
//!
//! The trial's key is published as a hash before the trial and revealed after it. A renderer gets [`SubKeys`] only, which say
//! nothing about the trial's key or about each other. All signs and chips come from [`SubKey::fill`]: BLAKE3, keyed, as an
//! extendable output over (purpose, index).

use std::fmt;

use hkdf::Hkdf;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::{Facing, FeedError};

const TRIAL_SALT: &[u8] = b"stakeout trial key 1";
const SUBKEY_SALT: &[u8] = b"stakeout subkey 1";

/// The secret of one trial, 32 bytes. It leaves the worker only when the bundle reveals it.
#[derive(Clone, PartialEq, Eq)]
pub struct TrialKey([u8; 32]);

/// The secret of one sensor (or of the canaries) in one trial, 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SubKey([u8; 32]);

/// Everything that a renderer needs, and nothing that tells the trial's key. Serialised as hexadecimal strings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubKeys {
    /// The camera that looks away from the user.
    pub camera_back: SubKey,
    /// The camera that looks at the user.
    pub camera_front: SubKey,
    /// The microphone.
    pub microphone: SubKey,
    /// Made-up contacts, numbers, places and the like.
    pub canaries: SubKey,
}

impl TrialKey {
    /// Takes the 32 bytes as they are.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// HKDF-SHA256 of the job's secret, bound to the trial's id and to the epoch of its lease, so that a trial that is run again
    /// has another key.
    pub fn derive(job_secret: &[u8], trial_id: &str, epoch: u32) -> Self {
        let length = (trial_id.len() as u64).to_le_bytes();
        Self(expand(TRIAL_SALT, job_secret, &[&length, trial_id.as_bytes(), &epoch.to_le_bytes()]))
    }

    /// SHA-256 of the key: what is published before the trial starts.
    pub fn commitment(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    /// One subkey for each sensor.
    pub fn subkeys(&self) -> SubKeys {
        let one = |label: &str| SubKey(expand(SUBKEY_SALT, &self.0, &[label.as_bytes()]));
        SubKeys {
            camera_back: one("camera_back"),
            camera_front: one("camera_front"),
            microphone: one("microphone"),
            canaries: one("canaries"),
        }
    }

    /// The key itself, for the bundle that reveals it.
    pub fn reveal(&self) -> [u8; 32] {
        self.0
    }

    /// Reads a revealed key, 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, FeedError> {
        parse(text).map(Self)
    }

    /// The key as 64 hexadecimal digits, for the bundle that reveals it.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl SubKeys {
    /// The subkey of the camera that looks this way.
    pub fn camera(&self, facing: Facing) -> SubKey {
        match facing {
            Facing::Back => self.camera_back,
            Facing::Front => self.camera_front,
        }
    }
}

impl SubKey {
    /// Takes the 32 bytes as they are.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes, to hand to a renderer.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Reads 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, FeedError> {
        parse(text).map(Self)
    }

    /// 64 hexadecimal digits.
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    /// Fills `out` with the pseudo-random bytes of (purpose, index): BLAKE3 keyed by the subkey over the purpose's length (one
    /// byte), the purpose and the index (64 bits, least byte first), as an extendable output. Purposes are short constants.
    pub fn fill(&self, purpose: &str, index: u64, out: &mut [u8]) {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&[purpose.len() as u8]).update(purpose.as_bytes()).update(&index.to_le_bytes());
        hasher.finalize_xof().fill(out);
    }
}

fn expand(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> [u8; 32] {
    let mut key = [0; 32];
    let fits = Hkdf::<Sha256>::new(Some(salt), secret).expand_multi_info(info, &mut key).is_ok();
    assert!(fits, "HKDF-SHA256 gives up to 8160 bytes, and 32 are asked");
    key
}

fn parse(text: &str) -> Result<[u8; 32], FeedError> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| FeedError::BadKey(text.len()))?;
    Ok(bytes)
}

impl fmt::Debug for TrialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrialKey(redacted)")
    }
}

impl fmt::Debug for SubKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubKey(redacted)")
    }
}

impl Serialize for SubKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for SubKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_hex(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_by_trial_epoch_and_sensor() {
        let a = TrialKey::derive(b"secret", "t1", 0);
        assert_eq!(a, TrialKey::derive(b"secret", "t1", 0));
        for other in [TrialKey::derive(b"secret", "t1", 1), TrialKey::derive(b"secret", "t2", 0), TrialKey::derive(b"Secret", "t1", 0)] {
            assert_ne!(a, other);
            assert_ne!(a.commitment(), other.commitment());
        }
        let s = a.subkeys();
        assert_ne!(s.camera_back, s.camera_front);
        assert_ne!(s.microphone, s.canaries);
    }

    #[test]
    fn a_debug_print_shows_no_key() {
        let key = TrialKey::from_bytes([0xab; 32]);
        assert!(!format!("{key:?} {:?}", key.subkeys()).to_lowercase().contains("ab, "));
        assert_eq!(format!("{key:?}"), "TrialKey(redacted)");
    }

    #[test]
    fn subkeys_survive_json_and_a_short_key_is_refused() {
        let keys = TrialKey::from_bytes([7; 32]).subkeys();
        let json = serde_json::to_string(&keys).unwrap();
        assert_eq!(serde_json::from_str::<SubKeys>(&json).unwrap(), keys);
        assert_eq!(TrialKey::from_hex("abcd"), Err(FeedError::BadKey(4)));
    }
}
