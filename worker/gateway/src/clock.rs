//! The two clocks of the host.

use rustix::time::{ClockId, clock_gettime};

fn nanos(clock: ClockId) -> u64 {
    let t = clock_gettime(clock);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// CLOCK_MONOTONIC, nanoseconds: what facts and flows are dated with. Containers share it with their host.
pub fn real() -> u64 {
    nanos(ClockId::Monotonic)
}

/// Nanoseconds since 1970, for captures and for people.
pub fn wall() -> u64 {
    nanos(ClockId::Realtime)
}

/// The wall clock as RFC 3339 in UTC.
pub fn wall_text() -> String {
    let format = time::format_description::well_known::Rfc3339;
    // Both fail only beyond the year 9999.
    time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(wall())).ok().and_then(|t| t.format(&format).ok()).unwrap_or_default()
}
