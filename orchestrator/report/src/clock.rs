//! The device's own clock, for people: trial time plus the date that the device was given.

use jiff::{Timestamp, Zoned, fmt::temporal::Pieces, tz::TimeZone};
use stakeout_contract::Nanos;

/// Where a trial's clock begins on the device's.
pub(crate) struct DeviceClock {
    start: Option<Zoned>,
}

impl DeviceClock {
    /// From RFC 3339; what is not a time gives a clock that counts from zero.
    pub(crate) fn new(started_at: &str) -> Self {
        let parse = || {
            let timestamp: Timestamp = started_at.parse().ok()?;
            let offset = Pieces::parse(started_at).ok()?.to_numeric_offset()?;
            Some(timestamp.to_zoned(TimeZone::fixed(offset)))
        };
        Self { start: parse() }
    }

    fn zoned(&self, at: Nanos) -> Option<Zoned> {
        let span = jiff::SignedDuration::from_nanos(i64::try_from(at.get()).ok()?);
        self.start.as_ref()?.checked_add(span).ok()
    }

    /// `08:02:11`, with the date from the second day on: `02-10 08:02:11`.
    pub(crate) fn time(&self, at: Nanos) -> String {
        match (self.zoned(at), &self.start) {
            (Some(z), Some(s)) if z.date() == s.date() => z.strftime("%H:%M:%S").to_string(),
            (Some(z), _) => z.strftime("%m-%d %H:%M:%S").to_string(),
            _ => format!("+{at}"),
        }
    }

    /// `08:02`, for the axis.
    pub(crate) fn tick(&self, at: Nanos) -> String {
        self.zoned(at).map_or_else(|| format!("+{at}"), |z| z.strftime("%H:%M").to_string())
    }

    /// `2016-02-09 08:00:00 +08:00`.
    pub(crate) fn begin(&self) -> String {
        self.start.as_ref().map_or_else(|| "not known".to_owned(), |z| z.strftime("%Y-%m-%d %H:%M:%S %:z").to_string())
    }

    /// Seconds from the device's midnight to the trial's begin.
    pub(crate) fn seconds_of_day(&self) -> f64 {
        self.start.as_ref().map_or(0.0, |z| f64::from(i32::from(z.hour()) * 3600 + i32::from(z.minute()) * 60 + i32::from(z.second())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_clock_keeps_its_own_zone_and_names_the_next_day() {
        let c = DeviceClock::new("2016-02-09T23:59:00+08:00");
        assert_eq!([c.time(Nanos::from_secs(30)), c.time(Nanos::from_secs(90))], ["23:59:30", "02-10 00:00:30"]);
        assert_eq!(c.begin(), "2016-02-09 23:59:00 +08:00");
        assert_eq!(DeviceClock::new("2025-01-01T00:00:01.5Z").begin(), "2025-01-01 00:00:01 +00:00");
    }

    #[test]
    fn a_clock_that_is_not_known_counts_from_zero() {
        assert_eq!(DeviceClock::new("").time(Nanos::from_secs(90)), "+0:01:30.0");
    }
}
