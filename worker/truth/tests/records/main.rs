//! The parsers over the records in `tests/fixtures` (see the README there), with exact values.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod accesses;
mod hostile;
mod media;
mod ops;
mod rest;

use stakeout_truth::{GuestClock, When};

/// 25 November 2026, 09:30:00 UTC: when all of the records were asked for.
const NOW: i64 = 1_795_599_000_000;

fn clock() -> GuestClock {
    GuestClock::utc(NOW)
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// That many milliseconds before the records were asked for.
fn ago(ms: i64) -> When {
    When::at(NOW - ms)
}

/// A second that began that many seconds before.
fn second(ago: i64) -> When {
    When { earliest: NOW - ago * 1000, latest: NOW - ago * 1000 + 999 }
}
