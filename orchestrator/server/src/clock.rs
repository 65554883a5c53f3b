//! What time it is, for all that is kept: leases, events, ends of tokens and uploads, signatures of webhooks.
//!
//! Orchestrators of one farm share rows that have times in them. One whose clock is two hours ahead would end all leases that the
//! others gave, as soon as it looked. So they share the clock too: the database's, which this process looks at now and then; in
//! between time goes on by the monotonic clock. A step of the host's own clock changes nothing but the log's lines. On SQLite there
//! is one orchestrator, and its host's clock is the farm's.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use stakeout_store::{Store, StoreError};

/// The database's clock was set: milliseconds that no two looks differ by otherwise.
const SET: i64 = 1000;
/// How far the host's clock may be off before it is told: signatures of requests to S3 count for 15 minutes.
const OFF: i64 = 60_000;

static FARM: LazyLock<Clock> = LazyLock::new(Clock::new);

/// The farm's clock, as this process last saw it.
struct Clock {
    began: Instant,
    /// What it shows less what has passed since `began`, milliseconds; [`UNKNOWN`]: it is the host's.
    ahead: AtomicI64,
    /// That the host's clock is off was told.
    told: AtomicBool,
}

const UNKNOWN: i64 = i64::MIN;

impl Clock {
    fn new() -> Self {
        Self { began: Instant::now(), ahead: AtomicI64::new(UNKNOWN), told: AtomicBool::new(false) }
    }

    /// At a time of the monotonic clock.
    fn at(&self, when: Instant, host: impl Fn() -> i64) -> i64 {
        match self.ahead.load(Ordering::Relaxed) {
            UNKNOWN => host(),
            ahead => ahead.saturating_add(passed(when.saturating_duration_since(self.began))),
        }
    }

    /// It showed this between two times of the monotonic clock. Whether it was set since the last look.
    fn saw(&self, millis: i64, asked: Instant, answered: Instant, host: i64) -> bool {
        let unsure = passed(answered.saturating_duration_since(asked)) / 2;
        let known = self.ahead.load(Ordering::Relaxed);
        let ahead = millis.saturating_add(unsure).saturating_sub(passed(answered.saturating_duration_since(self.began)));
        let by = if known == UNKNOWN { i64::MAX } else { ahead.saturating_sub(known) };
        // A slow answer says nothing against what is known, unless the two cannot both be right.
        if by.saturating_abs() > unsure {
            self.ahead.store(ahead, Ordering::Relaxed);
        }
        let set = known != UNKNOWN && by.saturating_abs() > SET + unsure;
        if set {
            tracing::warn!(by_ms = by, "the database's clock was set; what waits for a time is early or late by it");
        }
        let off = host - self.at(answered, || host);
        if off.abs() > OFF && !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(off_ms = off, "this host's clock is not the database's: an artifact storage may refuse what it signs");
        } else if off.abs() <= OFF {
            self.told.store(false, Ordering::Relaxed);
        }
        set
    }
}

fn passed(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn host() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, passed)
}

/// Unix milliseconds.
pub(crate) fn now() -> i64 {
    FARM.at(Instant::now(), host)
}

/// Looks at the farm's clock; whether it was set since the last look. To be called before anything is kept, and before what is late
/// is ended: two that disagree must not end each other's leases.
pub async fn look(store: &dyn Store) -> Result<bool, StoreError> {
    let asked = Instant::now();
    let seen = store.clock().await?;
    Ok(seen.is_some_and(|millis| FARM.saw(millis, asked, Instant::now(), host())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn a_host_whose_clock_is_set_goes_on_by_the_farms() {
        let (clock, second) = (Clock::new(), Duration::from_secs(1));
        let start = clock.began;
        assert_eq!(clock.at(start, || 7), 7, "before the first look, and on SQLite, it is the host's");
        clock.saw(100 * HOUR, start, start, 100 * HOUR);
        assert_eq!(clock.at(start + 5 * second, || 102 * HOUR), 100 * HOUR + 5000);
        assert_eq!(clock.at(start + 6 * second, || 98 * HOUR), 100 * HOUR + 6000);
    }

    #[test]
    fn a_database_whose_clock_is_set_is_followed_and_that_is_said() {
        let (clock, second) = (Clock::new(), Duration::from_secs(1));
        let start = clock.began;
        assert!(!clock.saw(100 * HOUR, start, start, 0), "the first look");
        assert!(!clock.saw(100 * HOUR + 10_003, start + 10 * second, start + 10 * second, 0), "clocks drift");
        assert_eq!(clock.at(start + 10 * second, || 0), 100 * HOUR + 10_003);
        assert!(clock.saw(98 * HOUR, start + 20 * second, start + 20 * second, 0));
        assert_eq!(clock.at(start + 21 * second, || 0), 98 * HOUR + 1000);
    }

    #[test]
    fn a_slow_answer_is_dated_in_its_middle_and_changes_nothing_that_it_fits() {
        let (clock, second) = (Clock::new(), Duration::from_secs(1));
        let start = clock.began;
        clock.saw(100 * HOUR, start, start + 4 * second, 0);
        assert_eq!(clock.at(start + 4 * second, || 0), 100 * HOUR + 2000);
        assert!(!clock.saw(100 * HOUR + 5500, start + 4 * second, start + 8 * second, 0));
        assert_eq!(clock.at(start + 8 * second, || 0), 100 * HOUR + 6000);
        assert!(clock.saw(200 * HOUR, start + 8 * second, start + 12 * second, 0));
        assert_eq!(clock.at(start + 12 * second, || 0), 200 * HOUR + 2000);
    }
}
