//! Lines from the guest's process, each hostile.
#![no_main]
use libfuzzer_sys::fuzz_target;
use stakeout_device::{feed::SharedWindow, jvm::sieve::Sieve};

fuzz_target!(|data: &[u8]| {
    let mut sieve = Sieve::new(SharedWindow::default());
    for line in data.split(|b| *b == b'\n') {
        let _ = sieve.hear(line, 1_000_000);
    }
});
