//! Time since a trial began, and how the device's clock and the host's belong together.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// Nanoseconds on a trial's clock, counted from its begin. On a virtual device this is virtual time. At most 2^63-1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "u64", into = "u64")]
#[schemars(with = "u64")]
pub struct Nanos(u64);

/// A time beyond 2^63-1 nanoseconds (292 years).
#[derive(Debug, thiserror::Error)]
#[error("`{0}` nanoseconds are beyond the range of a trial's clock")]
pub struct TimeTooLarge(u64);

impl Nanos {
    /// The trial's begin.
    pub const ZERO: Self = Self(0);
    /// The largest time.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// Nanoseconds since the trial began.
    pub const fn new(nanos: u64) -> Result<Self, TimeTooLarge> {
        if nanos > i64::MAX as u64 { Err(TimeTooLarge(nanos)) } else { Ok(Self(nanos)) }
    }

    /// As [`Nanos::new`], but what is too large becomes [`Nanos::MAX`]; for times that were measured here.
    pub const fn saturating(nanos: u64) -> Self {
        if nanos > i64::MAX as u64 { Self::MAX } else { Self(nanos) }
    }

    /// Whole seconds since the trial began, as a time.
    pub const fn from_secs(secs: u64) -> Self {
        Self::saturating(secs.saturating_mul(1_000_000_000))
    }

    /// The number of nanoseconds.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Seconds, for people and for media offsets.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// This time and a duration more.
    #[must_use]
    pub fn plus(self, d: Duration) -> Self {
        Self::saturating(self.0.saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl TryFrom<u64> for Nanos {
    type Error = TimeTooLarge;

    fn try_from(n: u64) -> Result<Self, TimeTooLarge> {
        Self::new(n)
    }
}

impl From<Nanos> for u64 {
    fn from(n: Nanos) -> Self {
        n.0
    }
}

/// `1:02:03.5` for an hour, two minutes and three and a half seconds.
impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0 / 100_000_000;
        let (s, t) = (tenths / 10, tenths % 10);
        write!(f, "{}:{:02}:{:02}.{t}", s / 3600, s / 60 % 60, s % 60)
    }
}

/// At host time `real` (CLOCK_MONOTONIC, nanoseconds) the trial's clock showed `at`, and from there on it ran at real
/// speed until the next sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ClockSample {
    /// CLOCK_MONOTONIC of the host, nanoseconds.
    pub real: u64,
    /// The trial's clock.
    pub at: Nanos,
}

/// The trial's time at a host time, from samples in order of `real`. Before the first sample it is that sample's time.
pub fn trial_time(samples: &[ClockSample], real: u64) -> Nanos {
    let after = samples.partition_point(|s| s.real <= real);
    let Some(s) = samples.get(after.saturating_sub(1)) else {
        return Nanos::ZERO;
    };
    let t = s.at.plus(Duration::from_nanos(real.saturating_sub(s.real)));
    // Between two samples the clock cannot have passed the later one.
    samples.get(after).filter(|_| after > 0).map_or(t, |n| t.min(n.at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_dated_by_the_sample_before_it() {
        let s = |real, at| ClockSample { real, at: Nanos::saturating(at) };
        let samples = [s(100, 0), s(200, 1000), s(300, 1050)];
        let at = |real| trial_time(&samples, real).get();
        assert_eq!([at(50), at(150), at(220), at(290), at(400)], [0, 50, 1020, 1050, 1150]);
    }

    #[test]
    fn times_read_as_hours_minutes_seconds() {
        assert_eq!(Nanos::saturating(3_723_500_000_000).to_string(), "1:02:03.5");
    }
}
