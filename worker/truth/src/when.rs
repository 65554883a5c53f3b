//! Dates of records, with what they leave open.

use jiff::{
    Timestamp, civil,
    tz::{AmbiguousOffset, Offset, TimeZone},
};
use serde::{Deserialize, Serialize};

/// How far after the dump an event without a year may be dated and still be of this year. Nothing happens after the dump, but
/// the guest's clock may have been set back since; without this, such an event would be called a year old.
const AHEAD_MS: i64 = 24 * 3600 * 1000;
/// Years that are tried backwards, so that 29 February is found.
const YEARS_BACK: i16 = 8;
/// The guest's clock is believed from 1970 to 2200; other values are moved in.
const LAST_MS: i64 = 7_258_118_400_000;

/// The earliest and the latest instant that a record allows, Unix milliseconds of the guest's clock, both included.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct When {
    /// Not before.
    pub earliest: i64,
    /// Not after.
    pub latest: i64,
}

impl When {
    /// Exactly then.
    pub const fn at(ms: i64) -> Self {
        Self { earliest: ms, latest: ms }
    }

    /// The least that holds both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { earliest: self.earliest.min(other.earliest), latest: self.latest.max(other.latest) }
    }

    /// That much later (or earlier, if negative).
    #[must_use]
    pub const fn plus(self, ms: i64) -> Self {
        Self { earliest: self.earliest.saturating_add(ms), latest: self.latest.saturating_add(ms) }
    }

    /// Whether this was certainly before `other`.
    pub const fn is_before(self, other: Self) -> bool {
        self.latest < other.earliest
    }

    /// Whether both may be the same instant.
    pub const fn may_be(self, other: Self) -> bool {
        self.earliest <= other.latest && other.earliest <= self.latest
    }

    /// Milliseconds between the earliest and the latest instant.
    pub const fn width(self) -> i64 {
        self.latest.saturating_sub(self.earliest)
    }
}

/// A time zone, as the guest names it (`persist.sys.timezone`) or as seconds east of UTC.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Zone {
    /// Seconds east of UTC.
    Offset(i32),
    /// IANA name.
    Named(String),
}

/// A time zone that is none.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no time zone; use a name of the IANA database or an offset under 26 hours")]
pub struct ZoneError(String);

/// The guest's clock at the time of a dump.
#[derive(Clone, Debug)]
pub struct GuestClock {
    now: When,
    zone: TimeZone,
}

impl GuestClock {
    /// The guest's clock showed `now_ms` (Unix milliseconds) in `zone` when the dump was made.
    pub fn new(now_ms: i64, zone: &Zone) -> Result<Self, ZoneError> {
        let zone = match zone {
            Zone::Offset(s) => Offset::from_seconds(*s).map(TimeZone::fixed).map_err(|_| ZoneError(s.to_string()))?,
            Zone::Named(n) => TimeZone::get(n).map_err(|_| ZoneError(n.chars().take(80).collect()))?,
        };
        Ok(Self { now: When::at(now_ms.clamp(0, LAST_MS)), zone })
    }

    /// UTC, for records whose dates nobody needs.
    pub fn utc(now_ms: i64) -> Self {
        Self { now: When::at(now_ms.clamp(0, LAST_MS)), zone: TimeZone::UTC }
    }

    /// As the clock was read some time before or after the dump, by at most `ms`.
    #[must_use]
    pub fn give_or_take(mut self, ms: u32) -> Self {
        self.now = When { earliest: self.now.earliest - i64::from(ms), latest: self.now.latest + i64::from(ms) };
        self
    }

    /// The same clock in a zone that is given as `+0130`.
    pub(crate) fn east_of_utc(&self, zone: &str) -> Option<Self> {
        let (sign, digits) = zone.split_at_checked(1)?;
        let (hours, minutes) = digits.split_at_checked(2)?;
        let hours = i32::from(hours.parse::<u8>().ok()?);
        let seconds = (hours * 60 + i32::from(minutes.parse::<u8>().ok()?)) * 60;
        let offset = Offset::from_seconds(if sign == "-" { -seconds } else { seconds }).ok()?;
        Some(Self { now: self.now, zone: TimeZone::fixed(offset) })
    }

    /// When the dump was made.
    pub const fn now(&self) -> When {
        self.now
    }

    /// That long before the dump.
    pub fn ago(&self, ms: i64) -> When {
        self.now.plus(ms.saturating_neg())
    }

    /// Resolves a local date; none if there is no such day.
    pub(crate) fn resolve(&self, stamp: Stamp) -> Option<When> {
        if let Some(year) = stamp.year {
            return self.in_year(stamp, year);
        }
        let this = Timestamp::from_millisecond(self.now.latest).ok()?.to_zoned(self.zone.clone()).year();
        (this.saturating_sub(YEARS_BACK)..=this.saturating_add(1))
            .rev()
            .filter_map(|y| self.in_year(stamp, y))
            .find(|w| w.earliest <= self.now.latest.saturating_add(AHEAD_MS))
    }

    fn in_year(&self, s: Stamp, year: i16) -> Option<When> {
        let at = civil::DateTime::new(year, s.month, s.day, s.hour, s.minute, s.second, 0).ok()?;
        // An hour that a change of the clock repeats, or leaves out, is either of two.
        let (a, b) = match self.zone.to_ambiguous_timestamp(at).offset() {
            AmbiguousOffset::Unambiguous { offset } => (offset, offset),
            AmbiguousOffset::Gap { before, after } | AmbiguousOffset::Fold { before, after } => (before, after),
        };
        let ms = |o: Offset| Some(o.to_timestamp(at).ok()?.as_millisecond());
        let (first, width) = s.millis.map_or((0, 999), |m| (i64::from(m), 0));
        let w = |ms: i64| When { earliest: ms + first, latest: ms + first + width };
        Some(w(ms(a)?).or(w(ms(b)?)))
    }
}

/// A date as it stands in a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stamp {
    year: Option<i16>,
    month: i8,
    day: i8,
    hour: i8,
    minute: i8,
    second: i8,
    millis: Option<u16>,
}

impl Stamp {
    /// Reads `[YYYY-]MM-DD HH:MM:SS[.mmm]` (or `:mmm`, or more digits) at the begin of `text`; also gives what follows.
    pub(crate) fn read(text: &str) -> Option<(Self, &str)> {
        let (first, rest) = number(text, 4)?;
        let (year, month, rest) = if first.len() == 4 {
            let (month, rest) = number(rest.strip_prefix('-')?, 2)?;
            (Some(first.parse().ok()?), month, rest)
        } else {
            (None, first, rest)
        };
        let (day, rest) = number(rest.strip_prefix('-')?, 2)?;
        let (hour, rest) = number(rest.strip_prefix(' ')?.trim_start_matches(' '), 2)?;
        let (minute, rest) = number(rest.strip_prefix(':')?, 2)?;
        let (second, rest) = number(rest.strip_prefix(':')?, 2)?;
        let (millis, rest) = match rest.strip_prefix(['.', ':', ',']).and_then(|r| number(r, 9)) {
            Some((digits, after)) if digits.len() >= 3 => (digits[..3].parse().ok(), after),
            _ => (None, rest),
        };
        let two = |t: &str| if t.len() == 2 { t.parse::<i8>().ok() } else { None };
        let stamp = Self { year, month: two(month)?, day: two(day)?, hour: two(hour)?, minute: two(minute)?, second: two(second)?, millis };
        Some((stamp, rest))
    }
}

/// Up to `max` digits at the begin, at least one.
fn number(text: &str, max: usize) -> Option<(&str, &str)> {
    let n = text.bytes().take(max).take_while(u8::is_ascii_digit).count();
    (n > 0).then(|| text.split_at(n))
}

/// A span as Android's `TimeUtils` writes it: `+1d2h3m4s5ms`, `-12ms`, `0`; milliseconds.
pub(crate) fn span(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        b'0'..=b'9' => (1, text),
        _ => return None,
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut sum = 0_i64;
    while !rest.is_empty() {
        let (digits, after) = number(rest, 12)?;
        let unit_len = after.bytes().take_while(u8::is_ascii_lowercase).count();
        let unit = match &after[..unit_len] {
            "d" => 86_400_000,
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1000,
            "ms" => 1,
            _ => return None,
        };
        sum = sum.checked_add(digits.parse::<i64>().ok()?.checked_mul(unit)?)?;
        rest = &after[unit_len..];
    }
    Some(sign * sum)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn clock(now: &str, zone: &Zone) -> GuestClock {
        GuestClock::new(ms(now), zone).unwrap()
    }

    fn resolve(c: &GuestClock, text: &str) -> When {
        c.resolve(Stamp::read(text).unwrap().0).unwrap()
    }

    #[test]
    fn a_second_without_a_year_is_a_second_wide_and_of_the_last_year_that_has_it() {
        let c = clock("2026-01-01T00:00:05Z", &Zone::Offset(0));
        let old = resolve(&c, "12-31 23:59:58");
        assert_eq!(old, When { earliest: ms("2025-12-31T23:59:58Z"), latest: ms("2025-12-31T23:59:58.999Z") });
        assert_eq!(resolve(&c, "01-01 00:00:01").earliest, ms("2026-01-01T00:00:01Z"));
        // The other way round: in the guest it is still last year, and the clock was set back by seconds.
        let c = clock("2025-12-31T23:59:59Z", &Zone::Offset(0));
        assert_eq!(resolve(&c, "01-01 00:00:04").earliest, ms("2026-01-01T00:00:04Z"));
        assert_eq!(resolve(&c, "01-02 12:00:00").earliest, ms("2025-01-02T12:00:00Z"));
    }

    #[test]
    fn the_new_year_is_that_of_the_guests_zone() {
        let c = clock("2025-12-31T23:30:00Z", &Zone::Offset(3600));
        assert_eq!(resolve(&c, "01-01 00:10:00").earliest, ms("2025-12-31T23:10:00Z"));
    }

    #[test]
    fn the_29th_of_february_is_looked_for_in_a_leap_year() {
        let c = clock("2026-06-01T00:00:00Z", &Zone::Offset(0));
        assert_eq!(resolve(&c, "02-29 12:00:00").earliest, ms("2024-02-29T12:00:00Z"));
        assert!(c.resolve(Stamp::read("02-30 12:00:00").unwrap().0).is_none());
    }

    #[test]
    fn an_hour_that_happens_twice_is_two_hours_wide() {
        let c = clock("2026-11-01T00:00:00Z", &Zone::Named("Europe/Berlin".into()));
        let w = resolve(&c, "10-25 02:30:00.250");
        assert_eq!(w, When { earliest: ms("2026-10-25T00:30:00.250Z"), latest: ms("2026-10-25T01:30:00.250Z") });
    }

    #[test]
    fn an_hour_that_is_left_out_is_either_of_two() {
        let c = clock("2026-06-01T00:00:00Z", &Zone::Named("Europe/Berlin".into()));
        let w = resolve(&c, "03-29 02:30:00.000");
        assert_eq!(w, When { earliest: ms("2026-03-29T00:30:00Z"), latest: ms("2026-03-29T01:30:00Z") });
    }

    #[test]
    fn a_clock_that_was_set_back_by_more_than_a_day_makes_what_was_before_a_year_old() {
        let c = clock("2026-11-25T00:00:00Z", &Zone::Offset(0));
        assert_eq!(resolve(&c, "11-25 23:59:59.000"), When::at(ms("2026-11-25T23:59:59Z")));
        assert_eq!(resolve(&c, "11-27 00:00:00.000"), When::at(ms("2025-11-27T00:00:00Z")));
        // With a year nothing is guessed.
        assert_eq!(resolve(&c, "2026-11-27 00:00:00.000"), When::at(ms("2026-11-27T00:00:00Z")));
    }

    #[test]
    fn zones_that_are_none_are_refused() {
        assert!(GuestClock::new(0, &Zone::Named("Mars/Olympus".into())).is_err());
        assert!(GuestClock::new(0, &Zone::Offset(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn what_was_written_is_within_what_is_read(at in 0..LAST_MS, later in 0..300 * 86_400_000_i64, zone in 0..4_usize, millis: bool) {
            let zone = [Zone::Offset(0), Zone::Offset(-12_600), Zone::Named("Europe/Berlin".into()), Zone::Named("America/New_York".into())]
                [zone]
                .clone();
            let c = GuestClock::new(at + later, &zone).unwrap();
            let local = Timestamp::from_millisecond(at).unwrap().to_zoned(c.zone.clone()).datetime();
            let text = local.strftime(if millis { "%m-%d %H:%M:%S.%3f" } else { "%m-%d %H:%M:%S" }).to_string();
            let read = resolve(&c, &text);
            prop_assert!(read.may_be(When::at(at)), "{text}: {read:?}, {at}");
        }

        #[test]
        fn spans_come_back(ms in -1_000_000_000_000..1_000_000_000_000_i64) {
            let (sign, n) = (if ms < 0 { '-' } else { '+' }, ms.abs());
            let (d, h, m, s, ms_) = (n / 86_400_000, n / 3_600_000 % 24, n / 60_000 % 60, n / 1000 % 60, n % 1000);
            prop_assert_eq!(span(&format!("{sign}{d}d{h}h{m}m{s}s{ms_}ms")), Some(ms));
        }
    }

    #[test]
    fn stamps_are_read_in_all_forms() {
        let c = clock("2026-11-25T00:00:00Z", &Zone::Offset(0));
        let exact = When::at(ms("2026-09-15T09:29:03.631Z"));
        for text in ["09-15 09:29:03:631 x", "09-15 09:29:03.631", "2026-09-15 09:29:03.631", "2026-09-15 09:29:03.631999 y"] {
            assert_eq!(resolve(&c, text), exact, "{text}");
        }
        for text in ["", "9-15 09:29:03", "09-15", "09-15 9:29:03", "2026-9-15 09:29:03", "é09-15 09:29:03"] {
            assert!(Stamp::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn spans_are_read() {
        for (text, want) in [
            ("0", Some(0)),
            ("+5ms", Some(5)),
            ("-1h2m3s4ms", Some(-3_723_004)),
            ("+38d23h30m11s6ms", Some(((38 * 24 + 23) * 3600 + 30 * 60 + 11) * 1000 + 6)),
            ("+3s", Some(3000)),
            ("12s", Some(12_000)),
            ("+", None),
            ("+s", None),
            ("+5", None),
            ("+999999999999d", None),
            ("", None),
            ("é", None),
        ] {
            assert_eq!(span(text), want, "{text}");
        }
    }

    #[test]
    fn a_clock_that_was_read_beside_the_dump_widens_what_is_counted_from_it() {
        let c = GuestClock::utc(1_000_000).give_or_take(40);
        assert_eq!(c.ago(1000), When { earliest: 998_960, latest: 999_040 });
    }
}
