//! The trial's clock of a guest whose time is its own: its uptime since `assign`.
//!
//! The guest's uptime is asked for now and then, each time between two looks at our own clock; in between it is taken to run as
//! it did so far. So a guest that was paused, or whose time runs otherwise, is dated by its own time, and what we see outside of
//! it (a picture that is opened, a request at the gateway) is moved over. A restart begins a new uptime; the trial goes on.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use stakeout_contract::Nanos;

/// One look at the guest's clocks.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Look {
    /// CLOCK_MONOTONIC before it was asked, nanoseconds.
    pub before: u64,
    /// And after.
    pub after: u64,
    /// The guest's uptime, nanoseconds.
    pub up: u64,
    /// The guest's wall clock, Unix milliseconds.
    pub wall_ms: i64,
}

impl Look {
    /// Nanoseconds in which the answer was true at some moment.
    pub const fn width(&self) -> u64 {
        self.after - self.before
    }

    const fn middle(&self) -> u64 {
        self.before.midpoint(self.after)
    }

    /// Reads `cat /proc/uptime; date +%s.%N`.
    pub fn parse(text: &str, before: u64, after: u64) -> Option<Self> {
        let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
        let up = nanos(lines.next()?.split_whitespace().next()?)?;
        let wall = nanos(lines.next()?)?;
        Some(Self { before, after, up, wall_ms: i64::try_from(wall / 1_000_000).ok()? })
    }
}

/// `12.34` as nanoseconds.
fn nanos(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    // A shell that does not know a format prints its letter.
    if !part.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part: String = part.chars().take_while(char::is_ascii_digit).chain(std::iter::repeat('0')).take(9).collect();
    whole.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(part.parse().ok()?)
}

/// The least time between two looks from which a speed is told: uptime is given in hundredths of a second.
const SPEED_FROM: u64 = 200_000_000;
/// The same, to wait for.
pub const PACE_FROM: Duration = Duration::from_nanos(SPEED_FROM);
/// Wall clock against uptime: more than this is somebody who set the clock.
const JUMP_MS: i64 = 1500;

/// Where the trial's clock stood at a look.
#[derive(Clone, Copy, Debug)]
struct Base {
    look: Look,
    at: u64,
}

/// The clock. Before [`Clock::begin`] it stands at zero.
#[derive(Debug, Default)]
pub struct Clock {
    /// The first look of this life of the guest.
    first: Option<Base>,
    /// The latest.
    base: Option<Base>,
    /// Guest nanoseconds in one of ours, as measured over this life.
    speed: Option<f64>,
    shown: u64,
}

/// The clock as all parts of the device share it.
pub type SharedClock = Arc<Mutex<Clock>>;

/// The clock, whoever had it before.
pub fn lock(clock: &SharedClock) -> MutexGuard<'_, Clock> {
    clock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Clock {
    /// How fast the guest runs, by two looks at it before the trial: until the first looks of the trial it is taken to do so still.
    /// Whether they say it.
    pub fn pace(&mut self, first: &Look, last: &Look) -> bool {
        let ours = last.middle().saturating_sub(first.middle());
        let said = ours >= SPEED_FROM && last.up > first.up;
        if said {
            self.speed = Some((last.up - first.up) as f64 / ours as f64);
        }
        said
    }

    /// The trial begins at this look.
    pub fn begin(&mut self, look: Look) {
        let base = Base { look, at: 0 };
        *self = Self { first: Some(base), base: Some(base), speed: self.speed, shown: 0 };
    }

    /// Another look. Whether the wall clock was set since the one before.
    pub fn look(&mut self, look: Look) -> bool {
        let (Some(first), Some(base)) = (self.first, self.base) else { return false };
        if look.up < base.look.up {
            self.again(look);
            return false;
        }
        let at = base.at.saturating_add(look.up - base.look.up);
        let ours = look.middle().saturating_sub(first.look.middle());
        if ours >= SPEED_FROM {
            self.speed = Some((look.up - first.look.up) as f64 / ours as f64);
        }
        let off = |l: &Look| l.wall_ms - (l.up / 1_000_000) as i64;
        let set = (off(&look) - off(&base.look)).abs() > JUMP_MS;
        self.base = Some(Base { look, at });
        set
    }

    /// The guest has restarted: this is the first look of its new life.
    pub fn again(&mut self, look: Look) {
        let base = Base { look, at: self.date(look.middle()).get().max(self.shown) };
        (self.first, self.base) = (Some(base), Some(base));
    }

    /// The trial's time at a time of ours.
    pub fn date(&self, host: u64) -> Nanos {
        let Some(b) = self.base else { return Nanos::ZERO };
        let speed = self.speed.unwrap_or(1.0);
        let from = b.look.middle();
        let moved = (host.abs_diff(from) as f64 * speed) as u64;
        Nanos::saturating(if host >= from { b.at.saturating_add(moved) } else { b.at.saturating_sub(moved) })
    }

    /// The trial's time now. It never goes back.
    pub fn now(&mut self, host: u64) -> Nanos {
        self.shown = self.shown.max(self.date(host).get());
        Nanos::saturating(self.shown)
    }

    /// The trial's time at a time of the guest's wall clock, for times of this life. None before the trial.
    pub fn of_wall(&self, ms: i64) -> Option<Nanos> {
        let b = self.base?;
        let at = i128::from(b.at) + i128::from(ms - b.look.wall_ms) * 1_000_000;
        u64::try_from(at).ok().map(Nanos::saturating)
    }

    /// The trial's time at an uptime of this life of the guest, nanoseconds. None before the trial.
    pub fn of_up(&self, up: u64) -> Option<Nanos> {
        let b = self.base?;
        u64::try_from(i128::from(b.at) + i128::from(up) - i128::from(b.look.up)).ok().map(Nanos::saturating)
    }

    /// The guest's wall clock at a time of ours, Unix milliseconds.
    pub fn wall(&self, host: u64) -> i64 {
        let Some(b) = self.base else { return 0 };
        b.look.wall_ms + ((self.date(host).get() as i64) - (b.at as i64)) / 1_000_000
    }

    /// How fast the guest's time runs against ours.
    pub fn speed(&self) -> f64 {
        self.speed.unwrap_or(1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const S: u64 = 1_000_000_000;

    fn look(host: u64, up: u64, wall_ms: i64) -> Look {
        Look { before: host, after: host, up, wall_ms }
    }

    #[test]
    fn looks_are_read_from_what_the_guest_says() {
        let l = Look::parse("12.34 5.00\n1700000000.123456789\n", 1, 3).unwrap();
        assert_eq!((l.up, l.wall_ms), (12_340_000_000, 1_700_000_000_123));
        assert_eq!(Look::parse("12 5\n1700000000\n", 1, 3).unwrap().wall_ms, 1_700_000_000_000);
        for bad in ["12.34 5\n1700000000.N\n", "", "x\n1", "1.0\n", "99999999999999999999.0 1\n1.0"] {
            assert!(Look::parse(bad, 1, 3).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_guest_s_own_time_counts_whatever_ours_does() {
        let mut c = Clock::default();
        assert_eq!(c.now(5 * S), Nanos::ZERO);
        c.begin(look(10 * S, 100 * S, 1_000_000));
        assert!(!c.look(look(11 * S, 120 * S, 1_020_000)), "twenty times as fast, and nobody set a clock");
        assert_eq!(c.date(11 * S).get(), 20 * S);
        assert_eq!(c.date(11 * S + S / 2).get(), 30 * S);
        assert_eq!(c.of_wall(1_005_000).unwrap().get(), 5 * S);
        assert_eq!(c.of_wall(999_000), None, "before the trial");
        assert_eq!(c.of_up(105 * S).unwrap().get(), 5 * S);
        assert_eq!(c.of_up(99 * S), None, "before the trial");
        assert!(c.look(look(12 * S, 140 * S, 4_640_000)), "an hour was added");
    }

    #[test]
    fn a_trial_begins_with_the_pace_that_the_guest_had_before() {
        let mut c = Clock::default();
        assert!(c.pace(&look(0, 5 * S, 0), &look(S, 25 * S, 20_000)));
        c.begin(look(2 * S, 45 * S, 40_000));
        assert_eq!(c.date(2 * S + S / 10).get(), 2 * S);
        // Too near to each other, or of another life: no pace.
        assert!(!c.pace(&look(0, 5 * S, 0), &look(S / 10, 7 * S, 0)));
        assert!(!c.pace(&look(0, 50 * S, 0), &look(S, S, 0)));
        assert!((c.speed() - 20.0).abs() < 1e-9);
    }

    #[test]
    fn a_guest_that_was_paused_is_behind_and_time_never_goes_back() {
        let mut c = Clock::default();
        c.begin(look(0, 0, 0));
        c.look(look(10 * S, 10 * S, 10_000));
        assert_eq!(c.now(20 * S).get(), 20 * S);
        c.look(look(20 * S, 15 * S, 15_000));
        assert_eq!(c.now(20 * S).get(), 20 * S, "what was shown is not taken back");
        assert_eq!(c.date(20 * S).get(), 15 * S, "but events are dated as the guest counts");
    }

    #[test]
    fn after_a_restart_the_trial_goes_on() {
        let mut c = Clock::default();
        c.begin(look(0, 50 * S, 0));
        c.look(look(10 * S, 60 * S, 10_000));
        assert!(!c.look(look(40 * S, 3 * S, 40_000)));
        assert_eq!(c.date(40 * S).get(), 40 * S);
        c.look(look(41 * S, 4 * S, 41_000));
        assert_eq!(c.of_wall(40_500).unwrap().get(), 40 * S + S / 2);
    }

    proptest! {
        #[test]
        fn whatever_a_guest_says_now_never_goes_back(looks in prop::collection::vec((any::<u32>(), any::<u64>(), any::<i32>()), 1..30)) {
            let (mut c, mut host, mut before) = (Clock::default(), 0_u64, Nanos::ZERO);
            c.begin(look(0, 0, 0));
            for (passed, up, wall) in looks {
                host += u64::from(passed);
                c.look(look(host, up, i64::from(wall)));
                let now = c.now(host);
                prop_assert!(now >= before);
                before = now;
            }
        }

        #[test]
        fn no_answer_of_a_guest_is_fatal(text in ".{0,80}") {
            let _ = Look::parse(&text, 0, 1);
        }
    }
}
