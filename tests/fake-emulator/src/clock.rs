//! The guest's clock, which may run faster than ours.

use std::{
    fmt::Write as _,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use jiff::{Timestamp, tz::TimeZone};

/// The guest's time zone: there is one guest in a process. This is what the property says, and programs that are not Java's look it up
/// each time.
static ZONE: RwLock<Option<TimeZone>> = RwLock::new(None);
/// The zone that the system server was told last.
static TOLD: RwLock<Option<TimeZone>> = RwLock::new(None);

/// Sets the guest's time zone, as its property; an unknown name leaves it as it is.
pub fn set_zone(name: &str) {
    if let Ok(zone) = TimeZone::get(name) {
        *ZONE.write().unwrap_or_else(PoisonError::into_inner) = Some(zone);
    }
}

/// The system server hears of the zone that the property says: when it starts, or is told.
pub fn tell_zone() {
    let zone = ZONE.read().unwrap_or_else(PoisonError::into_inner).clone();
    *TOLD.write().unwrap_or_else(PoisonError::into_inner) = zone;
}

/// A clock.
#[derive(Debug)]
pub struct Clock {
    start: Instant,
    wall: Duration,
    scale: f64,
    jump: AtomicI64,
}

impl Clock {
    /// Now, at so many guest seconds a second.
    pub fn new(scale: f64) -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start: Instant::now(), wall, scale: scale.clamp(0.01, 10_000.0), jump: AtomicI64::new(0) }
    }

    /// Guest time since the emulator's start.
    pub fn up(&self) -> Duration {
        self.start.elapsed().mul_f64(self.scale)
    }

    /// Milliseconds since 1970 in the guest.
    pub fn millis(&self) -> i64 {
        (self.wall + self.up()).as_millis() as i64 + self.jump.load(Ordering::Relaxed)
    }

    /// Sets the clock forward, or back.
    pub fn jump(&self, millis: i64) {
        self.jump.fetch_add(millis, Ordering::Relaxed);
    }

    /// Waits for so many guest seconds.
    pub async fn sleep(&self, seconds: f64) {
        tokio::time::sleep(Duration::from_secs_f64((seconds / self.scale).max(0.0))).await;
    }

    /// Our seconds of so many guest seconds.
    pub fn ours(&self, seconds: f64) -> f64 {
        seconds / self.scale
    }

    /// Guest time of so much of ours.
    pub fn theirs(&self, ours: Duration) -> Duration {
        ours.mul_f64(self.scale)
    }

    /// A guest time in a form of `strftime`, in the guest's zone.
    pub fn format(millis: i64, form: &str) -> String {
        Self::format_in(&ZONE, millis, form)
    }

    /// The same, as the system server writes it.
    pub fn format_of_server(millis: i64, form: &str) -> String {
        Self::format_in(&TOLD, millis, form)
    }

    fn format_in(zone: &RwLock<Option<TimeZone>>, millis: i64, form: &str) -> String {
        let time = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH);
        let zone = zone.read().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or(TimeZone::UTC);
        time.to_zoned(zone).strftime(form).to_string()
    }

    /// `09-15 09:29:03:631`.
    pub fn log_time(millis: i64, between: char) -> String {
        format!("{}{between}{:03}", Self::format(millis, "%m-%d %H:%M:%S"), millis.rem_euclid(1000))
    }
}

/// A time as Android prints it: `+38d23h30m11s6ms`.
pub fn duration(millis: i64) -> String {
    let (sign, mut rest) = if millis < 0 { ('-', -millis) } else { ('+', millis) };
    let mut out = String::from(sign);
    let mut begun = false;
    for (unit, name) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")] {
        let count = rest / unit;
        rest %= unit;
        if begun || count > 0 {
            begun = true;
            let _ = write!(out, "{count}{name}");
        }
    }
    out + &format!("{rest}ms")
}
