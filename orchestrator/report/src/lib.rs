//! Verdicts for people (one HTML file) and for pipelines (SARIF, JUnit, Markdown).
//!
//! The page is one file: no network, no script needed to read it, both themes, printable. All text that came from an app or
//! a peer is escaped by the template engine; nothing of it is ever an attribute that acts. What the page says is taken from
//! [`stakeout_contract::result::JobResult`]; this crate decides nothing.
//!
//! Read first: [`ReportInput`], [`html`].

mod clock;
mod junit;
mod markdown;
mod numbers;
mod page;
mod sarif;
mod text;
mod words;

#[cfg(test)]
extern crate self as stakeout_report;
#[cfg(test)]
#[path = "../tests/sample/mod.rs"]
mod sample;

pub use junit::junit;
pub use markdown::markdown;
pub use sarif::sarif;

use stakeout_contract::{
    finding::Analysis, flow::Flow, observation::Observation, result::JobResult, scenario::Scenario, trial::TrialRecord,
};

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The template failed.
    #[error("the report could not be written: {0}")]
    Template(String),
    /// A document could not be serialised.
    #[error("the result could not be written as JSON")]
    Json(#[source] serde_json::Error),
    /// Text could not be put together.
    #[error("the result could not be written as XML")]
    Format(#[from] std::fmt::Error),
}

/// One trial, for the timeline.
#[derive(Clone, Copy, Debug)]
pub struct TrialInput<'a> {
    /// The record.
    pub record: &'a TrialRecord,
    /// In order.
    pub observations: &'a [Observation],
    /// In order.
    pub flows: &'a [Flow],
    /// What was found.
    pub analysis: &'a Analysis,
}

/// A recovered picture beside the frame that was fed, both JPEG.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Trial's number.
    pub trial: u32,
    /// Index of the finding.
    pub finding: usize,
    /// From the artifact.
    pub found: Option<Vec<u8>>,
    /// From the key.
    pub fed: Option<Vec<u8>>,
}

/// What a report is made from.
#[derive(Clone, Debug)]
pub struct ReportInput<'a> {
    /// The verdicts.
    pub result: &'a JobResult,
    /// The script.
    pub scenario: &'a Scenario,
    /// Each trial.
    pub trials: Vec<TrialInput<'a>>,
    /// Some recovered pictures.
    pub pictures: Vec<Picture>,
    /// Fingerprint of the operator's key.
    pub signer: String,
    /// The job's commitment.
    pub receipt: String,
}

/// The page: one HTML file that loads nothing.
pub fn html(input: &ReportInput<'_>) -> Result<String, ReportError> {
    page::Page::of(input).print()
}
