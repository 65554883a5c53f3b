//! A question to the gateway's name server: an answer fits a datagram and parses again. And whether it is plain.
#![no_main]
use libfuzzer_sys::fuzz_target;
use stakeout_gateway::dns::{self, names::Names};

fuzz_target!(|data: &[u8]| {
    if let Some((answer, _)) = dns::answer(data, &Names::default()) {
        assert!(answer.len() <= 65_535);
    }
    dns::plain::is_plain(data);
});
