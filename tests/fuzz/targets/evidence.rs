//! What an app wrote or sent: unwrapped, carved, matched. That something is found is no fault: the fuzzer sees what its bytes are
//! compared with, and so learns the planted values.
#![no_main]
use std::{sync::LazyLock, time::Duration};

use libfuzzer_sys::fuzz_target;
use stakeout_contract::trial::TrialRecord;
use stakeout_evidence::{Engine, Limits, NoCaptures, NoDecoder, analyze_bytes};

static TRIAL: LazyLock<TrialRecord> = LazyLock::new(|| serde_json::from_str(include_str!("../trial.json")).expect("the trial is ours"));

fuzz_target!(|data: &[u8]| {
    let limits = Limits { time: Duration::from_secs(20), ..Limits::default() };
    let engine = Engine { limits, decoder: &NoDecoder, captures: &NoCaptures };
    let found = analyze_bytes(&engine, &TRIAL, "fuzz", data.to_vec()).expect("the key is the trial's");
    assert!(found.findings.iter().all(|f| f.offset + f.length <= data.len() as u64), "{:?}", found.findings);
});
