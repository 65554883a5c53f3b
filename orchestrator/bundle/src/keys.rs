//! Keys that sign, the operator's and the workers', and keys that a verifier trusts.

use std::{
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use ed25519_dalek::{
    Signer as _, Verifier as _, VerifyingKey,
    pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, spki::der::pem::LineEnding},
};
use stakeout_contract::Sha256Digest;

use crate::BundleError;

/// An operator's or a worker's key (ed25519, PKCS#8 PEM in a file of mode 0600).
pub struct SigningKey(ed25519_dalek::SigningKey);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.public().fingerprint())
    }
}

fn bad(path: &Path, why: impl Into<String>) -> BundleError {
    BundleError::Key { path: path.display().to_string(), why: why.into() }
}

impl SigningKey {
    /// A new key from the system's randomness.
    pub fn generate() -> Result<Self, BundleError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|e| bad(Path::new("new key"), e.to_string()))?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// Reads the key in `path`; makes one there if there is none. Its public half is written beside it as `NAME.pub`. Of several
    /// processes that make one at once, one does and the others read it.
    pub fn load_or_create(path: &Path) -> Result<Self, BundleError> {
        match Self::load(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            there => return there.map_err(|e| bad(path, e.to_string())),
        }
        let new = Self::generate()?;
        match new.write(path) {
            Ok(()) => Ok(new),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Self::load(path).map_err(|e| bad(path, e.to_string())),
            Err(e) => Err(bad(path, e.to_string())),
        }
    }

    fn load(path: &Path) -> io::Result<Self> {
        let mut file = std::fs::File::open(path)?;
        let mode = file.metadata()?.permissions().mode();
        if mode & 0o077 != 0 {
            let why = format!("its mode is {:o}, others may read it; run `chmod 600` on it", mode & 0o777);
            return Err(io::Error::new(ErrorKind::PermissionDenied, why));
        }
        let mut pem = String::new();
        file.read_to_string(&mut pem)?;
        ed25519_dalek::SigningKey::from_pkcs8_pem(&pem).map(Self).map_err(io::Error::other)
    }

    /// The file is there whole or not at all, and never instead of another.
    fn write(&self, path: &Path) -> io::Result<()> {
        let pem = self.0.to_pkcs8_pem(LineEnding::LF).map_err(io::Error::other)?;
        let public = self.public().pem().map_err(io::Error::other)?;
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir)?;
        }
        let mut unique = [0; 8];
        getrandom::fill(&mut unique).map_err(io::Error::other)?;
        let part = path.with_extension(format!("{}.part", hex::encode(unique)));
        let mut f = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        let made = f.write_all(pem.as_bytes()).and_then(|()| f.sync_all()).and_then(|()| std::fs::hard_link(&part, path));
        std::fs::remove_file(&part)?;
        made?;
        std::fs::write(path.with_extension("pub"), public)
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// A public key that a verifier may trust.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads a PEM file (SubjectPublicKeyInfo).
    pub fn load(path: &Path) -> Result<Self, BundleError> {
        let pem = std::fs::read_to_string(path).map_err(|e| bad(path, e.to_string()))?;
        VerifyingKey::from_public_key_pem(&pem).map(Self).map_err(|e| bad(path, e.to_string()))
    }

    /// From 32 bytes.
    pub fn from_bytes(b: &[u8; 32]) -> Option<Self> {
        VerifyingKey::from_bytes(b).ok().map(Self)
    }

    /// The 32 bytes.
    pub fn bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// As PEM.
    pub fn pem(&self) -> Result<String, BundleError> {
        self.0.to_public_key_pem(LineEnding::LF).map_err(|e| bad(Path::new("public key"), e.to_string()))
    }

    /// SHA-256 of its 32 bytes, as people compare it: `sha256:..`.
    pub fn fingerprint(&self) -> String {
        format!("sha256:{}", Sha256Digest::of(&self.bytes()))
    }

    /// Whether the signature is this key's. Strict: small-order keys and malleable signatures are refused.
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let s = ed25519_dalek::Signature::from_bytes(signature);
        self.0.verify(message, &s).is_ok() && self.0.verify_strict(message, &s).is_ok()
    }
}

/// Every key in a folder of `*.pub` files; a missing folder holds none.
pub fn trust_store(dir: &Path) -> Result<Vec<PublicKey>, BundleError> {
    let Ok(list) = std::fs::read_dir(dir) else { return Ok(vec![]) };
    let mut paths: Vec<_> = list.filter_map(|e| e.ok().map(|e| e.path())).filter(|p| p.extension().is_some_and(|e| e == "pub")).collect();
    paths.sort();
    paths.iter().map(|p| PublicKey::load(p)).collect()
}
