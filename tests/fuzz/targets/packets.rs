//! What the kernel logs of an app's packets.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = stakeout_gateway::capture::packet::parse(data);
    for logged in stakeout_gateway::capture::nflog::parse(data) {
        std::hint::black_box(&logged);
    }
});
