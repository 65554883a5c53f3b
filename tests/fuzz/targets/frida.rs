//! Lines of an agent inside of an app, each hostile, and what comes of them.
#![no_main]
use std::{path::Path, time::Duration};

use libfuzzer_sys::fuzz_target;
use stakeout_contract::Nanos;
use stakeout_device::emulator::frida::{ear::Ear, lines::Line, seek::processes};

fuzz_target!(|data: &[u8]| {
    // Nothing can be written there.
    let mut ear = Ear::new(Path::new("/dev/null"));
    for (n, line) in data.split(|b| *b == b'\n').enumerate() {
        let text = String::from_utf8_lossy(line);
        let _ = processes(&text, 10_123);
        if let Some(line) = Line::parse(&text, 7) {
            ear.hear(7, line, Nanos::from_secs(n as u64));
        }
    }
    ear.gone(7, Nanos::ZERO);
    let _ = ear.take(&[], Duration::ZERO);
    let _ = ear.remarks(Nanos::ZERO, true);
});
