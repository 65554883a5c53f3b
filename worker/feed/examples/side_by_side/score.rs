//! What methods said, and how much of it is right.

use rustix::time::{ClockId, clock_gettime};

/// What a method says that an artifact shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Named {
    Nothing,
    /// Several trials are equally near.
    SomeTrial,
    /// This trial, but several of its moments are equally near.
    Trial(usize),
    /// This trial and its frame, or its millisecond.
    Moment(usize, u64),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) named: Named,
    /// What the threshold is compared with: named only where this is not above it.
    pub(crate) distance: f64,
    pub(crate) millis: f64,
}

/// Reads, and says how long this thread had a processor for it.
pub(crate) fn timed(read: impl FnOnce() -> (Named, f64)) -> Reading {
    let now = || {
        let t = clock_gettime(ClockId::ThreadCPUTime);
        t.tv_sec as f64 * 1e3 + t.tv_nsec as f64 / 1e6
    };
    let start = now();
    let (named, distance) = read();
    Reading { named, distance, millis: now() - start }
}

/// One way to read, in one setting, and all that it read.
pub(crate) struct Method {
    /// `code`, `hash`, `qr`, `fingerprint`.
    pub(crate) family: &'static str,
    /// `card`, `room`, `sound`.
    pub(crate) feed: &'static str,
    pub(crate) setting: String,
    /// The threshold that is usual.
    pub(crate) usual: f64,
    /// All that are tried.
    pub(crate) thresholds: Vec<f64>,
    /// How far a moment may be off.
    pub(crate) slack: u64,
    /// Row, trial and moment, reading.
    pub(crate) positives: Vec<(String, (usize, u64), Reading)>,
    /// Kind, reading.
    pub(crate) negatives: Vec<(String, Reading)>,
}

impl Method {
    pub(crate) fn new(family: &'static str, feed: &'static str, setting: impl Into<String>, usual: f64) -> Self {
        Self {
            family,
            feed,
            setting: setting.into(),
            usual,
            thresholds: vec![usual],
            slack: 0,
            positives: Vec::new(),
            negatives: Vec::new(),
        }
    }

    pub(crate) fn tally(&self, row: Option<&str>, threshold: f64) -> Tally {
        let mut tally = Tally::default();
        let mut millis = Vec::new();
        for (_, truth, reading) in self.positives.iter().filter(|p| row.is_none_or(|r| r == p.0)) {
            tally.add(*truth, said(reading, threshold), self.slack);
            millis.push(reading.millis);
        }
        tally.millis = median(millis);
        tally
    }

    /// Artifacts of this kind (all where none is given) that were called ours, of how many, and the median time.
    pub(crate) fn accused(&self, kind: Option<&str>, threshold: f64) -> (usize, usize, f64) {
        let of: Vec<&Reading> = self.negatives.iter().filter(|n| kind.is_none_or(|k| k == n.0)).map(|n| &n.1).collect();
        let accused = of.iter().filter(|r| said(r, threshold) != Named::Nothing).count();
        (accused, of.len(), median(of.iter().map(|r| r.millis).collect()))
    }

    /// The threshold that serves best on what was read here, and how well: each right name counts one, each wrong name and each
    /// false accusation takes one off.
    pub(crate) fn best(&self) -> (f64, i64) {
        let worth = |threshold: f64| {
            let t = self.tally(None, threshold);
            t.right as i64 - t.wrong() as i64 - self.accused(None, threshold).0 as i64
        };
        let mut best = (self.usual, worth(self.usual));
        for &threshold in &self.thresholds {
            let w = worth(threshold);
            if w > best.1 {
                best = (threshold, w);
            }
        }
        best
    }
}

fn said(reading: &Reading, threshold: f64) -> Named {
    if reading.distance <= threshold { reading.named } else { Named::Nothing }
}

#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) n: usize,
    pub(crate) right: usize,
    /// The right trial, and no moment of it.
    pub(crate) trial_only: usize,
    pub(crate) wrong_moment: usize,
    pub(crate) wrong_trial: usize,
    pub(crate) nothing: usize,
    pub(crate) millis: f64,
}

impl Tally {
    fn add(&mut self, truth: (usize, u64), named: Named, slack: u64) {
        self.n += 1;
        let counter = match named {
            Named::Nothing | Named::SomeTrial => &mut self.nothing,
            Named::Trial(t) | Named::Moment(t, _) if t != truth.0 => &mut self.wrong_trial,
            Named::Trial(_) => &mut self.trial_only,
            Named::Moment(_, at) if at.abs_diff(truth.1) <= slack => &mut self.right,
            Named::Moment(..) => &mut self.wrong_moment,
        };
        *counter += 1;
    }

    pub(crate) fn wrong(&self) -> usize {
        self.wrong_moment + self.wrong_trial
    }
}

fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    v.get(v.len() / 2).copied().unwrap_or(0.0)
}
