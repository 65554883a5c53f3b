//! Sealing of what the store must not hold in the clear: values that scenarios type, secrets of webhooks.
//!
//! AES-256-GCM with a random nonce in front. The context (job, webhook) is authenticated, so a sealed value cannot be moved to
//! another row. The key is the operator's, 32 bytes, and the same on all orchestrators of a store.

use std::{io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

/// Why a sealed value cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key file.
    #[error("the seal key `{path}` cannot be used: {why}\nhint: it holds 64 hexadecimal digits and is nobody else's to read (mode 0600)")]
    Key {
        /// Which.
        path: String,
        /// Why.
        why: String,
    },
    /// Another key, or another place.
    #[error(
        "a sealed value cannot be opened: it was sealed with another key\nhint: give all orchestrators of a store the same `--seal-key`"
    )]
    Opened,
    /// The system.
    #[error("the system gives no randomness")]
    Randomness,
}

/// Seals and opens.
pub struct Sealer(LessSafeKey);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(hidden)")
    }
}

impl Sealer {
    /// With a key.
    pub fn new(key: &[u8; 32]) -> Result<Self, SealError> {
        UnboundKey::new(&AES_256_GCM, key).map(|k| Self(LessSafeKey::new(k))).map_err(|_| SealError::Opened)
    }

    /// With a key that nobody keeps: for one process that needs no other.
    pub fn ephemeral() -> Result<Self, SealError> {
        Self::new(&random()?)
    }

    /// Reads the key in `path`; makes one there if there is none.
    pub fn load_or_create(path: &Path) -> Result<Self, SealError> {
        let bad = |why: String| SealError::Key { path: path.display().to_string(), why };
        let text = match std::fs::read_to_string(path) {
            Ok(t) => t,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let text = hex::encode(random::<32>()?);
                if let Some(dir) = path.parent() {
                    std::fs::create_dir_all(dir).map_err(|e| bad(e.to_string()))?;
                }
                let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
                file.and_then(|mut f| f.write_all(text.as_bytes())).map_err(|e| bad(e.to_string()))?;
                text
            }
            Err(e) => return Err(bad(e.to_string())),
        };
        let mut key = [0; 32];
        hex::decode_to_slice(text.trim(), &mut key).map_err(|e| bad(e.to_string()))?;
        Self::new(&key)
    }

    /// Seals.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut out: Vec<u8> = plain.to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context.as_bytes()), &mut out)
            .map_err(|_| SealError::Randomness)?;
        Ok([&nonce[..], &out].concat())
    }

    /// Opens.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Opened)?;
        let mut rest = rest.to_vec();
        let plain = self.0.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context.as_bytes()), &mut rest);
        plain.map(|p| p.to_vec()).map_err(|_| SealError::Opened)
    }
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], SealError> {
    let mut out = [0; N];
    getrandom::fill(&mut out).map_err(|_| SealError::Randomness)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_with_its_key_and_in_its_place() {
        let (a, b) = (Sealer::ephemeral().unwrap(), Sealer::ephemeral().unwrap());
        let sealed = a.seal("job-1", b"hunter22").unwrap();
        assert!(!sealed.windows(8).any(|w| w == b"hunter22"));
        assert_eq!(a.open("job-1", &sealed).unwrap(), b"hunter22");
        assert!(a.open("job-2", &sealed).is_err() && b.open("job-1", &sealed).is_err() && a.open("job-1", &sealed[..20]).is_err());
    }

    #[test]
    fn a_key_file_is_made_once_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seal.key");
        let sealed = Sealer::load_or_create(&path).unwrap().seal("x", b"y").unwrap();
        assert_eq!(Sealer::load_or_create(&path).unwrap().open("x", &sealed).unwrap(), b"y");
        std::fs::write(&path, "short").unwrap();
        assert!(Sealer::load_or_create(&path).unwrap_err().to_string().contains("seal.key"));
    }
}
