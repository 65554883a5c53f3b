//! The first bytes of a connection, and a TLS client hello.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = stakeout_gateway::connection::sniff::sniff(data);
    let _ = stakeout_gateway::tls::hello::parse(data);
});
