use std::path::PathBuf;

use stakeout_contract::TrialId;

/// What a caller can do something about. Nothing that an app wrote makes an error: what cannot be read becomes `Skipped`.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The record holds no key, so nothing coded can be recognised.
    #[error("trial `{0}` has no key yet; analyse it after the key is revealed")]
    NoKey(TrialId),
    /// The record's key is not the one that was published before the trial.
    #[error("the key of trial `{0}` does not fit its commitment; take `trial.json` from the bundle again")]
    OtherKey(TrialId),
    /// A file of the trial's folder that must be there.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `trial.json` is not one.
    #[error("`{path}` is not a trial record: {source}")]
    NotATrial {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}
