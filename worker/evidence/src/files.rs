//! Any files, without a trial's folder.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use stakeout_contract::{
    finding::{Analysis, Skipped},
    trial::TrialRecord,
};

use crate::{
    EvidenceError,
    analyze::{Engine, Input, Source, analyze, run},
    canary::Index,
    tshark,
};

/// Searches files that a person gives: pictures, sounds, raw buffers, HTTP messages, HAR, captures, anything. Without a trial
/// nothing can be matched, and the answer only says what could be opened.
///
/// Bodies that are taken out of a capture are told as `CAPTURE#1`, ..: their offsets are those in the body.
pub fn analyze_files(engine: &Engine<'_>, paths: &[PathBuf], trial: Option<&TrialRecord>) -> Result<Analysis, EvidenceError> {
    let mut inputs = Vec::new();
    let mut skipped = Vec::new();
    let mut folders = Vec::new();
    for path in paths {
        let file = path.display().to_string();
        if tshark::is_capture(&head(path)) {
            let folder = tempfile::tempdir().map_err(|source| EvidenceError::Read { path: path.clone(), source })?;
            match engine.captures.bodies(path, folder.path()) {
                Ok(bodies) => inputs.extend((1..).zip(bodies).map(|(n, path)| Input {
                    file: format!("{file}#{n}"),
                    artifact: None,
                    source: Source::File(path),
                })),
                Err(e) => skipped.push(Skipped { file: file.clone(), reason: e.to_string(), role: None }),
            }
            folders.push(folder);
        }
        inputs.push(Input { file, artifact: None, source: Source::File(path.clone()) });
    }
    let mut analysis = match trial {
        Some(trial) => analyze(engine, trial, &inputs)?,
        None => run(engine, &Index::new(&[]), None, &inputs, true),
    };
    analysis.searched.skipped.extend(skipped);
    Ok(analysis)
}

/// The first bytes of a file; none if it cannot be read, which is told when it is searched.
fn head(path: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    let read = fs::File::open(path).map(|f| f.take(4).read_to_end(&mut out));
    if read.is_ok() { out } else { Vec::new() }
}
