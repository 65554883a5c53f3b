//! One clock for device and gateway: the gateway dates by the host's clock, the device says how the trial's clock stands to it.

use stakeout_contract::{
    Nanos,
    clock::{ClockSample, trial_time},
};

/// At most so many samples are kept, 16 bytes each; a device gives one for each jump.
const SAMPLES_MAX: usize = 1 << 20;

/// The samples of a trial, in order.
#[derive(Debug, Default)]
pub struct Dating {
    samples: Vec<ClockSample>,
}

impl Dating {
    /// Takes a sample; what runs backwards is no clock and is left out.
    pub fn push(&mut self, sample: ClockSample) {
        let fits = self.samples.last().is_none_or(|l| l.real <= sample.real && l.at <= sample.at);
        if !fits || self.samples.len() >= SAMPLES_MAX {
            return;
        }
        // Between two samples at real speed a third says nothing new.
        if let [.., a, b] = self.samples[..]
            && sample.real - a.real == sample.at.get() - a.at.get()
            && b.real - a.real == b.at.get() - a.at.get()
        {
            self.samples.pop();
        }
        self.samples.push(sample);
    }

    /// The trial's time at a time of the host.
    pub fn date(&self, real: u64) -> Nanos {
        trial_time(&self.samples, real)
    }

    /// The host's time up to which [`Dating::date`] will not change by later samples.
    pub fn settled(&self) -> u64 {
        self.samples.last().map_or(0, |s| s.real)
    }

    /// All of them.
    pub fn into_samples(self) -> Vec<ClockSample> {
        self.samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dating(samples: &[(u64, u64)]) -> Dating {
        let mut d = Dating::default();
        for &(real, at) in samples {
            d.push(ClockSample { real, at: Nanos::saturating(at) });
        }
        d
    }

    #[test]
    fn a_clock_that_runs_backwards_is_left_out() {
        assert_eq!(dating(&[(10, 0), (20, 500), (15, 600), (30, 400), (40, 700)]).into_samples().len(), 3);
    }

    #[test]
    fn samples_at_real_speed_are_folded_and_date_the_same() {
        let d = dating(&[(10, 0), (20, 10), (30, 20), (40, 1000), (50, 1010)]);
        assert_eq!([d.date(25).get(), d.date(35).get(), d.date(45).get()], [15, 25, 1005]);
        assert_eq!(d.into_samples().len(), 4);
    }
}
