//! The bundle: a signed ZIP of all that a job left behind, which anyone can check and analyse again, offline.
//!
//! `manifest.json` lists every entry with its size and a salted digest; `manifest.dsse.json` is the operator's signature
//! over it (DSSE, ed25519). Salts are in `salts.json`: whoever shares a bundle may leave entries out together with their
//! salts ([`share`]), and the rest still verifies, while the digest of what is missing gives nothing away.
//!
//! The writer keeps to its reader's limits: what an app left that does not fit is counted and named, and never makes a bundle that
//! nobody can read.
//!
//! A bundle comes from a stranger. Names are data and never become paths here; sizes are limits before they are
//! allocations; the ZIP's directory is read by [`layout`], which accepts only what [`Writer`] writes: no entry twice, none
//! hidden between others, local and central headers alike. Anything else is [`BundleError::Broken`], which names the entry.
//!
//! `verify` says three things apart: what is not intact, whether the signer is known, and what was left out. That the trials are
//! the job's, each once and all of them, is [`binding`]'s; what was asked for is in the [`receipt`]. It does not
//! say whether the verdicts are right: for that, `stakeout analyze` runs the detectors again on the bytes.
//!
//! Each trial has its worker's own signature too ([`statement`]): what a worker saw cannot be changed behind it, by whoever
//! keeps the bundle's key.
//!
//! What a signature cannot prove: that the operator did not forge the trial. See `docs/threat-model.md`.
//!
//! Read first: [`manifest::Manifest`], [`verify::verify`], [`Writer`].

pub mod binding;
pub mod dsse;
pub mod keys;
pub mod layout;
pub mod manifest;
mod read;
pub mod receipt;
mod share;
pub mod statement;
pub mod verify;
mod write;

pub use read::Bundle;
pub use share::share;
pub use write::{Later, Writer};

/// Why a bundle could not be written, read or believed.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file failed.
    #[error("`{path}` cannot be {doing}")]
    File {
        /// Which.
        path: String,
        /// `read`, `written`, `made`.
        doing: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no bundle, or was changed.
    #[error("the bundle is not intact: {what}")]
    Broken {
        /// Which entry and how.
        what: String,
    },
    /// Another version wrote it.
    #[error(
        "the bundle has format `{found}`, this version reads `{ours}` and the one before\nhint: use the version of stakeout that wrote it"
    )]
    Version {
        /// Its format.
        found: String,
        /// This version's.
        ours: &'static str,
    },
    /// It is larger than what is read.
    #[error("the bundle exceeds a limit: {what}")]
    Limit {
        /// Which.
        what: String,
    },
    /// The key's file is unusable.
    #[error(
        "the key in `{path}` cannot be used: {why}\nhint: move it away and run `stakeout key show`, which makes a new one readable by you alone"
    )]
    Key {
        /// Which file.
        path: String,
        /// Why.
        why: String,
    },
    /// Writing the ZIP failed.
    #[error("the bundle cannot be written")]
    Zip(#[from] zip::result::ZipError),
    /// A document cannot be written.
    #[error("a document of the bundle cannot be written")]
    Json(#[from] serde_json::Error),
}

pub(crate) fn broken(what: impl Into<String>) -> BundleError {
    BundleError::Broken { what: what.into() }
}
