//! What the suite found, as a document that can be sent.

use serde::{Deserialize, Serialize};
use stakeout_contract::DeviceKind;
use stakeout_protocol::device::Hello;

use crate::HostFacts;

/// What a check came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// It was not asked, or says nothing of this device.
    Skipped,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::Skipped => "skipped",
        })
    }
}

/// One check of one run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CheckReport {
    /// `scene.check`.
    pub name: String,
    /// The sentence that holds, or does not.
    pub says: String,
    /// What it came to.
    pub outcome: Outcome,
    /// Real time.
    pub millis: u64,
    /// Of a failure: what should have been.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub expected: String,
    /// Of a failure: what was. Parts of it may come from the device: hostile.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub came: String,
    /// Why it was skipped.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// A run of the suite.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// [`Report::FORMAT`].
    pub format: String,
    /// Of this program.
    pub version: String,
    /// Wall clock of this host, RFC 3339.
    pub started: String,
    /// What the image was said to be.
    pub device: DeviceKind,
    /// API level that was booted.
    pub api: u32,
    /// What it said that it is; none if it said nothing.
    pub hello: Option<Hello>,
    /// Where it ran.
    pub host: HostFacts,
    /// Checks in order.
    pub checks: Vec<CheckReport>,
    /// By scene, the end of what the device logged in it, where a check failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<(String, String)>,
}

impl Report {
    /// The format of this version.
    pub const FORMAT: &str = "stakeout-conformance/1";

    /// How many checks came to this.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.checks.iter().filter(|c| c.outcome == outcome).count()
    }
}
