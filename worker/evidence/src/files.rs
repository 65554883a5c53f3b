//! Any files, without a trial's folder.

use std::path::PathBuf;

use stakeout_contract::{finding::Analysis, trial::TrialRecord};

use crate::{
    EvidenceError,
    analyze::{Engine, Input, analyze, run},
    canary::Index,
};

/// Searches files that a person gives: pictures, sounds, raw buffers, HTTP messages, HAR, anything. Without a trial nothing can be
/// matched, and the answer only says what could be opened.
pub fn analyze_files(engine: &Engine<'_>, paths: &[PathBuf], trial: Option<&TrialRecord>) -> Result<Analysis, EvidenceError> {
    let inputs: Vec<Input> = paths.iter().map(|p| Input { file: p.display().to_string(), artifact: None, path: p.clone() }).collect();
    match trial {
        Some(trial) => analyze(engine, trial, &inputs),
        None => Ok(run(engine, &Index::new(&[]), None, &inputs)),
    }
}
