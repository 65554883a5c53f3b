//! The stretch of a trial's clock in which a guest may act now.
//!
//! The device lets a guest's clock run from where it stood to the end of an `advance` and no further. A time outside of
//! that is a mistake or a lie: a frame with another date would be a frame with another meaning. So it is moved in, and
//! whoever asks is told that it was.

use stakeout_contract::{Nanos, clock::ClockSample};

/// What is allowed, and what was said last.
#[derive(Clone, Debug, Default)]
pub struct Window {
    last: Nanos,
    end: Nanos,
    seen: Nanos,
    sample: Option<ClockSample>,
}

impl Window {
    /// The clock may run for so long. Returns from when and until when.
    pub fn open(&mut self, nanos: Nanos) -> (Nanos, Nanos) {
        self.end = Nanos::saturating(self.last.get().saturating_add(nanos.get()));
        self.seen = self.last;
        (self.last, self.end)
    }

    /// The guest says that its clock stands at `at` now; what is believed is returned, and the clock stands there.
    pub fn close(&mut self, at: Nanos) -> Nanos {
        self.last = self.clamp(at);
        self.end = self.last;
        self.last
    }

    /// The guest did not say where its clock stands: it stands at the latest time that was heard.
    pub fn close_unknown(&mut self) -> Nanos {
        self.close(self.seen)
    }

    /// Where the clock stood when the window was opened.
    pub fn last(&self) -> Nanos {
        self.last
    }

    /// `at`, moved into the window.
    pub fn clamp(&self, at: Nanos) -> Nanos {
        at.clamp(self.last, self.end)
    }

    /// As [`Window::clamp`] for a time at which something happened, and whether it had to be moved.
    pub fn hear(&mut self, at: Nanos) -> (Nanos, bool) {
        let t = self.clamp(at);
        self.seen = self.seen.max(t);
        (t, t != at)
    }

    /// A pair of times that the guest gives, `now` being the host's time as we see it. None: it contradicts what is known.
    pub fn sample(&mut self, real: u64, at: Nanos, now: u64) -> Option<ClockSample> {
        if real > now || self.sample.is_some_and(|s| at < s.at) || self.clamp(at) != at {
            return None;
        }
        // A sample of ours may have overtaken the guest's on its way here.
        let real = real.max(self.sample.map_or(0, |s| s.real));
        self.sample = Some(ClockSample { real, at });
        self.sample
    }

    /// A pair of times that we measured ourselves.
    pub fn own_sample(&mut self, now: u64) -> ClockSample {
        let s = ClockSample { real: now.max(self.sample.map_or(0, |s| s.real)), at: self.last };
        self.sample = Some(s);
        s
    }
}

/// CLOCK_MONOTONIC, nanoseconds: what the gateway's flows are dated with.
pub fn monotonic_nanos() -> u64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    (t.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(t.tv_nsec as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn n(v: u64) -> Nanos {
        Nanos::saturating(v)
    }

    #[test]
    fn outside_of_an_advance_only_the_present_is_allowed() {
        let mut w = Window::default();
        assert_eq!(w.open(n(100)), (n(0), n(100)));
        assert_eq!(w.close(n(100)), n(100));
        assert_eq!([0, 100, 999].map(|t| w.clamp(n(t)).get()), [100, 100, 100]);
    }

    #[test]
    fn a_clock_that_goes_back_or_ahead_is_not_believed() {
        let mut w = Window::default();
        w.open(n(100));
        assert!(w.sample(5, n(10), 6).is_some());
        assert!(w.sample(7, n(10), 6).is_none(), "a real time that has not come yet");
        assert!(w.sample(6, n(9), 6).is_none(), "virtual time goes back");
        assert_eq!(w.sample(4, n(11), 6).map(|s| s.real), Some(5), "a sample of ours overtook it");
        assert!(w.sample(6, n(101), 6).is_none(), "more than was allowed");
    }

    proptest! {
        #[test]
        fn whatever_a_guest_says_the_clock_never_goes_back_and_never_beyond_what_was_allowed(says in prop::collection::vec((any::<u32>(), any::<u64>()), 1..40)) {
            let (mut w, mut before, mut allowed) = (Window::default(), n(0), 0_u64);
            for (nanos, at) in says {
                w.open(n(u64::from(nanos)));
                allowed += u64::from(nanos);
                let now = w.close(n(at));
                prop_assert!(now >= before && now.get() <= allowed);
                before = now;
            }
        }
    }
}
