//! Sealing of what the store must not hold in the clear: values that scenarios type, secrets of webhooks.
//!
//! AES-256-GCM with a random nonce in front. The context (job, webhook) is authenticated, so a sealed value cannot be moved to
//! another row. The key is the operator's, 32 bytes, and the same on all orchestrators of a store.

use std::{
    io::{self, Read, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};
use stakeout_contract::Sha256Digest;

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

/// Seals and opens, and derives what must be the same at all orchestrators and is nowhere kept.
pub struct Sealer {
    key: LessSafeKey,
    deriving: hmac::Key,
    /// Names tenants to workers; none: the key is nobody's tomorrow, and such names would not last.
    tags: Option<hmac::Key>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(hidden)")
    }
}

impl Sealer {
    /// With a key.
    pub fn new(key: &[u8; 32]) -> Result<Self, SealError> {
        // Other keys than that which seals, and none that leads to it or to the other.
        let another = |what: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), what).as_ref());
        let (deriving, tags) = (another(b"stakeout derive 1"), Some(another(b"stakeout tenants' tags")));
        UnboundKey::new(&AES_256_GCM, key).map(|k| Self { key: LessSafeKey::new(k), deriving, tags }).map_err(|_| SealError::Opened)
    }

    /// With a key that nobody keeps: for one process that needs no other.
    pub fn ephemeral() -> Result<Self, SealError> {
        Ok(Self { tags: None, ..Self::new(&random()?)? })
    }

    /// What stands for a tenant where its name must not: always the same, and nobody else can make it.
    pub fn tag(&self, tenant: &str) -> Option<Sha256Digest> {
        let tag = hmac::sign(self.tags.as_ref()?, tenant.as_bytes());
        tag.as_ref().try_into().ok().map(Sha256Digest::from_bytes)
    }

    /// Reads the key in `path`; makes one there if there is none. A file that others can read is refused.
    pub fn load_or_create(path: &Path) -> Result<Self, SealError> {
        let bad = |why: String| SealError::Key { path: path.display().to_string(), why };
        let text = match read_secret(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let text = hex::encode(random::<32>()?);
                match make(path, &text) {
                    // Another orchestrator was first: its key counts.
                    Err(e) if e.kind() == io::ErrorKind::AlreadyExists => read_secret(path),
                    made => made.map(|()| text),
                }
            }
            there => there,
        };
        let text = text.map_err(|e| bad(e.to_string()))?;
        let mut key = [0; 32];
        hex::decode_to_slice(text.trim(), &mut key).map_err(|e| bad(e.to_string()))?;
        Self::new(&key)
    }

    /// Seals.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut out: Vec<u8> = plain.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context.as_bytes()), &mut out)
            .map_err(|_| SealError::Randomness)?;
        Ok([&nonce[..], &out].concat())
    }

    /// 32 bytes that only this key gives for this context, always the same.
    pub(crate) fn derive(&self, context: &str) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(hmac::sign(&self.deriving, context.as_bytes()).as_ref());
        out
    }

    /// Opens.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Opened)?;
        let mut rest = rest.to_vec();
        let plain = self.key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context.as_bytes()), &mut rest);
        plain.map(|p| p.to_vec()).map_err(|_| SealError::Opened)
    }
}

/// The text of a file that holds a key or a token. One that everybody on this host can reach is refused. A group may read it: that
/// is how a cluster gives a secret to a process that is not root.
pub fn read_secret(path: &Path) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o007 != 0 {
        let why = format!("its mode is {:03o}: everybody on this host can reach it (`chmod 600`)", mode & 0o777);
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// Makes a key's file, whole and on the disk or not at all: half a key, or one that a crash takes, seals what nobody opens.
fn make(path: &Path, text: &str) -> io::Result<()> {
    let dir = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir)?;
    // Made with the mode 0600.
    let mut beside = tempfile::Builder::new().prefix(".seal-").tempfile_in(dir)?;
    beside.write_all(text.as_bytes())?;
    beside.as_file().sync_all()?;
    beside.persist_noclobber(path).map_err(|e| e.error)?;
    std::fs::File::open(dir)?.sync_all()
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
    fn a_tag_is_one_tenants_and_one_farms_and_lasts() {
        let (a, b) = (Sealer::new(&[1; 32]).unwrap(), Sealer::new(&[2; 32]).unwrap());
        assert_eq!(a.tag("press"), Sealer::new(&[1; 32]).unwrap().tag("press"));
        assert!(a.tag("press").is_some() && a.tag("press") != a.tag("company") && a.tag("press") != b.tag("press"));
        assert_eq!(Sealer::ephemeral().unwrap().tag("farm"), None);
    }

    #[test]
    fn a_key_file_is_made_once_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seal.key");
        let sealed = Sealer::load_or_create(&path).unwrap().seal("x", b"y").unwrap();
        assert_eq!(Sealer::load_or_create(&path).unwrap().open("x", &sealed).unwrap(), b"y");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
        std::fs::write(&path, "short").unwrap();
        assert!(Sealer::load_or_create(&path).unwrap_err().to_string().contains("seal.key"));
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seal.key");
        Sealer::load_or_create(&path).unwrap();
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        for open in [0o644, 0o604, 0o606] {
            mode(open);
            let e = Sealer::load_or_create(&path).unwrap_err().to_string();
            assert!(e.contains("chmod 600") && e.contains("hint"), "{e}");
        }
        // As a cluster mounts a secret.
        mode(0o440);
        Sealer::load_or_create(&path).unwrap();
    }
}
