//! What an Android guest says of itself; the first byte chooses the record.
#![no_main]
use libfuzzer_sys::fuzz_target;
use stakeout_truth::{RecordKind, parse_any};

fuzz_target!(|data: &[u8]| {
    let Some((kind, record)) = data.split_first() else { return };
    let _ = parse_any(RecordKind::ALL[usize::from(*kind) % RecordKind::ALL.len()], record);
});
