//! Apps, uploads, scenarios.

use serde::{Deserialize, Serialize};

use crate::{Sha256Digest, UploadId, trial::AppFacts};

/// An app of a tenant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct App {
    /// SHA-256 of its base APK: its name in all other calls.
    pub sha256: Sha256Digest,
    /// Its splits.
    #[serde(default)]
    pub splits: Vec<Sha256Digest>,
    /// Bytes, all APKs together.
    pub bytes: u64,
    /// From its manifest and signature.
    pub facts: AppFacts,
    /// Unix milliseconds.
    pub created_ms: i64,
}

/// An app from uploads that were finished before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppSpec {
    /// The base APK.
    pub upload: UploadId,
    /// Splits.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub splits: Vec<UploadId>,
}

/// An upload to be begun.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UploadSpec {
    /// Bytes in all.
    #[schemars(range(min = 1))]
    pub bytes: u64,
    /// What they must hash to.
    pub sha256: Sha256Digest,
}

/// An upload. Bytes are appended with `PATCH` and the header `Upload-Offset`; after an interruption `GET` says where to go on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Upload {
    /// Its id.
    pub id: UploadId,
    /// Bytes in all.
    pub bytes: u64,
    /// Bytes that are here.
    pub offset: u64,
    /// What they must hash to.
    pub sha256: Sha256Digest,
    /// All are here, and the digest is right.
    pub complete: bool,
    /// When it is forgotten, Unix milliseconds.
    pub expires_ms: i64,
}

/// A scenario.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ScenarioDoc {
    /// Its name.
    pub name: String,
    /// Comes with Stakeout, the same for all tenants.
    pub built_in: bool,
    /// SHA-256 of its text.
    pub sha256: Sha256Digest,
    /// As it was written, YAML.
    pub text: String,
    /// Trials that a job of it has unless told otherwise.
    pub trials: u32,
    /// API level.
    pub api: u32,
    /// Length on the device's clock, seconds.
    pub seconds: f64,
    /// Unix milliseconds.
    pub created_ms: i64,
}

/// What a check of a scenario found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ScenarioCheck {
    /// Whether it can be run.
    pub ok: bool,
    /// The mistake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Its line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Its column, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}
