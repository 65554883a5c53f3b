//! The answer of the detectors' container.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let a = stakeout_agent::analysis::parse(data, &[]);
    assert!(a.findings.is_empty(), "a finding fits no artifact");
});
