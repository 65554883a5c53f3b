//! Indexes of a mirror, a lock that a person wrote, the host's list of processors.
#![no_main]
use libfuzzer_sys::fuzz_target;
use stakeout_sdk::{host::Cpu, index::Index, lock::Lock};

fuzz_target!(|data: &[u8]| {
    let _ = Index::parse(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = (Lock::parse(text), Cpu::parse(text));
    }
});
