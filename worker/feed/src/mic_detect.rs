//! From a recording to the seconds of the trial that it holds.
//!
//! A recording is brought to 8 kHz and cut into windows of about two seconds. Each is whitened, without a look at any sign, and
//! correlated by Fourier transforms with the raw signs: over what was delivered, then over the whole horizon. Windows whose
//! places follow each other are one match. Of a long recording some windows are looked for everywhere, spread over its length,
//! and where one is found its neighbours are asked at the places that follow; so a night's recording costs little more than a
//! minute's. What an [`Effort`] leaves no room for is told.
//!
//! A window that matches holds *some* of those seconds, and may be half silence or another room's. So each match also says which
//! pieces of a quarter of a second are found on their own. And how much of the recording can be heard and is not recognised is
//! told as well ([`Listened::unheard`]), so that one window that matches speaks for no other.

use std::{ops::RangeInclusive, sync::OnceLock};

mod speeds;
mod unheard;

use crate::SubKey;
use crate::bound::log10_p_of;
use crate::correlate::{Correlator, FOLDED_MOST, Folded, near, pieces};
use crate::effort::{Effort, spread};
use crate::resample::resampled;
use crate::whisper::RATE;
use crate::whiten::whitened;
use speeds::{SPEED_PIECE, other_speeds};
use unheard::{heard, missed, unheard};

/// Samples at 8 kHz of a window.
const WINDOW: usize = 16_000;
/// A recording, or its rest, of less than this is not looked at (or joins the window before it).
const SHORTEST: usize = 2_000;
/// Windows, the loudest first, that are looked for over the whole trial.
const DEEP: usize = 3;
/// log10 of the bound from which a match is told.
const TELL: f64 = -4.0;
const _: () = assert!(2 * WINDOW <= FOLDED_MOST, "every window can be looked for in folded signs");
/// Speeds are searched only when no more than this was delivered: half an hour.
const SPEED_REACH: i64 = 30 * 60 * RATE as i64;
/// How far two windows' places may disagree and still be one match: 50 ms.
const SLACK: f64 = 400.0;
/// Windows that are looked for everywhere at once: first a few, since one that is found finds its neighbours.
const FIRST: usize = 4;
/// And then.
const TOGETHER: usize = 16;
/// Samples of a piece of a window that is asked on its own: a quarter of a second, and at most half as much again.
const PIECE: usize = 2_000;

/// One trial's microphone that a recording may have come from.
#[derive(Debug, Clone)]
pub struct MicCandidate {
    /// The microphone's subkey.
    pub subkey: SubKey,
    /// Stretches of the trial, in nanoseconds, that the feed's log says were delivered.
    pub delivered: Vec<RangeInclusive<u64>>,
    /// Whether whatever gave the sound kept a log of it. Then a match elsewhere is an alarm, not the usual case, and only clear
    /// ones (over about 28, where a clean recording of two seconds scores 60 and more) are looked for in the whole trial.
    pub logged: bool,
    /// The trial's length in nanoseconds: what was not listed as delivered is searched up to here. 0 leaves that out.
    pub horizon_nanos: u64,
}

/// A part of a match, with the bound for it alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SoundPart {
    /// Where in the trial it begins, nanoseconds.
    pub from_nanos: u64,
    /// Where in the trial it ends.
    pub to_nanos: u64,
    /// log10 of the bound, over all places, windows and pieces.
    pub log10_p: f64,
}

/// Seconds of a trial that a recording holds.
#[derive(Debug, Clone, PartialEq)]
pub struct SoundMatch {
    /// Index into the candidates.
    pub trial_index: usize,
    /// Where in the trial the sound begins, nanoseconds. A codec's own delay (up to 25 ms) is in it.
    pub from_nanos: u64,
    /// Where in the trial it ends.
    pub to_nanos: u64,
    /// Where in the recording the match begins, nanoseconds.
    pub recording_nanos: u64,
    /// Score of the best window.
    pub t: f64,
    /// log10 of the bound for the best window, over all `tests`; multiply by the number of artifacts searched.
    pub log10_p: f64,
    /// Places x windows x speeds x candidates x 3 (what was delivered, that at other speeds, and the whole trial share the risk).
    pub tests: u64,
    /// Trial seconds for one second of the recording.
    pub speed: f64,
    /// Whether it lies in what was delivered.
    pub delivered: bool,
    /// The windows that make the match, in order. Some of each is in the recording.
    pub windows: Vec<SoundPart>,
    /// Pieces of a quarter of a second (at most half as much again) that match on their own, in order. What is between them may be
    /// anything.
    pub pieces: Vec<SoundPart>,
}

/// All that a recording says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listened {
    /// Matches in the recording's order, by trial.
    pub matches: Vec<SoundMatch>,
    /// Samples at 8 kHz that are no silence and lie in nothing that matched.
    pub unheard: u64,
}

/// A window of the recording at its place in a trial.
#[derive(Debug, Clone)]
struct Hit {
    trial: usize,
    /// First sample and samples of the window in the recording at 8 kHz.
    start: usize,
    length: usize,
    lag: i64,
    speed: f64,
    t: f64,
    log10_tests: f64,
    delivered: bool,
    pieces: Vec<SoundPart>,
    /// First sample and samples, in the recording, of pieces that should match as the others do, and do not.
    missed: Vec<(usize, usize)>,
}

impl Hit {
    fn log10_p(&self) -> f64 {
        log10_p_of(self.t, self.log10_tests)
    }

    fn whole(&self) -> SoundPart {
        let end = self.lag as f64 + self.length as f64 * self.speed;
        SoundPart { from_nanos: nanos(self.lag as f64), to_nanos: nanos(end), log10_p: self.log10_p() }
    }

    /// Asks the pieces, each at the place that the window has: one more test for each piece at every place.
    fn with_pieces(mut self, key: &SubKey, signal: &[f32]) -> Self {
        let scores = pieces(key, signal, self.lag, PIECE);
        let log10_tests = self.log10_tests + (scores.len() as f64).log10();
        let part = |(from, to, t): (usize, usize, f64)| SoundPart {
            from_nanos: nanos((self.lag + from as i64) as f64),
            to_nanos: nanos((self.lag + to as i64) as f64),
            log10_p: log10_p_of(t, log10_tests),
        };
        self.missed = missed(&scores, log10_tests, self.start);
        self.pieces = scores.into_iter().map(part).filter(|p| p.log10_p <= TELL && p.to_nanos > p.from_nanos).collect();
        self
    }
}

/// Samples at 8 kHz as nanoseconds of the trial, which begins at 0.
fn nanos(samples: f64) -> u64 {
    (samples.max(0.0) * 125_000.0) as u64
}

/// One window's question: where it is in the recording and what it sounds like.
struct Window {
    start: usize,
    length: usize,
    signal: Vec<f32>,
}

/// A recording that is looked for in one trial.
struct Asked<'a> {
    trial: usize,
    key: SubKey,
    x: &'a [f32],
    windows: &'a [(usize, usize)],
    /// Places of a window that touch what was delivered.
    spans: Vec<(i64, i64)>,
    log10_tests: f64,
}

impl Asked<'_> {
    fn window(&self, i: usize) -> Window {
        let (start, length) = self.windows[i];
        Window { start, length, signal: whitened(&self.x[start..start + length]) }
    }

    fn hit(&self, w: &Window, t: f64, lag: i64) -> Option<Hit> {
        let (start, length) = (w.start, w.length);
        let hit = Hit {
            trial: self.trial,
            start,
            length,
            lag,
            speed: 1.0,
            t,
            log10_tests: self.log10_tests,
            delivered: true,
            pieces: Vec::new(),
            missed: Vec::new(),
        };
        (hit.log10_p() <= TELL).then(|| hit.with_pieces(&self.key, &w.signal))
    }

    /// The window at the place where it must be if it goes on from what was found.
    fn follow(&self, i: usize, place: i64) -> Option<Hit> {
        let within = self.spans.iter().any(|s| (s.0..s.1).contains(&place));
        let w = within.then(|| self.window(i))?;
        let (t, lag) = near(&self.key, &w.signal, place);
        self.hit(&w, t, lag)
    }

    /// All windows that lie in what was delivered, or as many as the effort allows.
    fn delivered(&self, correlator: &mut Correlator, effort: &mut Effort) -> Vec<Hit> {
        let mut found: Vec<Option<Hit>> = self.windows.iter().map(|_| None).collect();
        let mut asked = vec![false; self.windows.len()];
        // Where the recording before this one ended, this one may go on.
        if let Some(place) = effort.follows(self.trial)
            && !self.windows.is_empty()
        {
            found[0] = self.follow(0, place + self.windows[0].0 as i64);
            self.along(0, &mut found, &asked);
        }
        let order = spread(self.windows.len());
        let mut at = 0;
        let mut together = FIRST;
        loop {
            let mut some = Vec::new();
            while at < order.len() && some.len() < together {
                if found[order[at]].is_none() && !asked[order[at]] {
                    some.push(order[at]);
                }
                at += 1;
            }
            if some.is_empty() {
                break;
            }
            let longest = some.iter().map(|i| self.windows[*i].1).max().unwrap_or(0);
            if !effort.take(Correlator::cost(some.len(), longest, &self.spans)) {
                break;
            }
            let windows: Vec<Window> = some.iter().map(|i| self.window(*i)).collect();
            let signals: Vec<&[f32]> = windows.iter().map(|w| w.signal.as_slice()).collect();
            let best = correlator.best(&self.key, &signals, &self.spans);
            for ((i, w), (t, lag)) in some.iter().zip(&windows).zip(best) {
                asked[*i] = true;
                if found[*i].is_none() {
                    found[*i] = self.hit(w, t, lag);
                    self.along(*i, &mut found, &asked);
                }
            }
            together = TOGETHER;
        }
        let last = found.last().and_then(Option::as_ref);
        effort.goes_on(self.trial, last.map(|h| h.lag + h.length as i64 + (self.x.len() - h.start - h.length) as i64));
        found.into_iter().flatten().collect()
    }

    /// Windows that were found, and their neighbours as far as they follow; what of it was delivered the caller says.
    fn onwards(&self, found: Vec<Hit>, is_delivered: impl Fn(i64, i64) -> bool) -> Vec<Hit> {
        let mut all: Vec<Option<Hit>> = self.windows.iter().map(|_| None).collect();
        let at: Vec<usize> = found.iter().filter_map(|h| self.windows.iter().position(|w| w.0 == h.start)).collect();
        for (i, hit) in at.iter().zip(found) {
            all[*i] = Some(hit);
        }
        let asked = vec![false; all.len()];
        for i in at {
            self.along(i, &mut all, &asked);
        }
        let mut hits: Vec<Hit> = all.into_iter().flatten().collect();
        for hit in &mut hits {
            hit.delivered = is_delivered(hit.lag, hit.length as i64);
        }
        hits
    }

    /// From a window that was found to both sides, as long as its neighbours are found where they must be.
    fn along(&self, from: usize, found: &mut [Option<Hit>], asked: &[bool]) {
        for forwards in [true, false] {
            let mut i = from;
            while let Some(hit) = &found[i] {
                let place = |j: usize| hit.lag + self.windows[j].0 as i64 - hit.start as i64;
                let next = if forwards { Some(i + 1).filter(|j| *j < found.len()) } else { i.checked_sub(1) };
                let Some(j) = next.filter(|j| found[*j].is_none() && !asked[*j]) else { break };
                found[j] = self.follow(j, place(j));
                i = j;
            }
        }
    }
}

/// Looks for the sound of some trials in recordings.
pub struct MicDetector {
    candidates: Vec<(MicCandidate, OnceLock<Folded>)>,
}

impl MicDetector {
    /// Prepares the search for these trials.
    pub fn new(candidates: &[MicCandidate]) -> Self {
        Self { candidates: candidates.iter().map(|c| (c.clone(), OnceLock::new())).collect() }
    }

    /// Matches in a mono recording, -1 to 1, at `rate` samples a second (4000 to 384000), in the recording's order.
    pub fn detect(&self, recording: &[f32], rate: u32) -> Vec<SoundMatch> {
        self.listen(recording, rate, &mut Effort::unbounded()).matches
    }

    /// The same with as much effort as is left, and with what was not recognised; what the effort did not reach is told by
    /// [`Effort::is_cut`]. A long recording may be handed in by pieces that follow each other, with one effort.
    pub fn listen(&self, recording: &[f32], rate: u32, effort: &mut Effort) -> Listened {
        if !(4000..=384_000).contains(&rate) || recording.iter().any(|v| !v.is_finite()) {
            return Listened { matches: Vec::new(), unheard: recording.len() as u64 };
        }
        let x = resampled(recording, f64::from(rate) / RATE as f64);
        let windows = windows(&x);
        let mut hits = Vec::new();
        for trial in 0..self.candidates.len() {
            hits.extend(self.windows_of(trial, &x, &windows, effort));
        }
        let unheard = unheard(&x, &windows, &hits);
        Listened { matches: joined(hits), unheard }
    }

    fn windows_of(&self, trial: usize, x: &[f32], windows: &[(usize, usize)], effort: &mut Effort) -> Vec<Hit> {
        let candidate = &self.candidates[trial].0;
        let others = ((windows.len() * self.candidates.len() * 3) as f64).log10();
        let delivered: Vec<(i64, i64)> = candidate
            .delivered
            .iter()
            .filter(|r| !r.is_empty())
            .map(|r| ((r.start() / 125_000) as i64, (r.end() / 125_000) as i64 + 1))
            .collect();
        let mut correlator = Correlator::default();
        let longest = windows.iter().map(|w| w.1).max().unwrap_or(0);
        let spans: Vec<(i64, i64)> = delivered.iter().map(|&(a, b)| (a - longest as i64, b)).collect();
        let log10_tests = tests_in(&spans) + others;
        let asked = Asked { trial, key: candidate.subkey, x, windows, spans, log10_tests };
        let mut hits = asked.delivered(&mut correlator, effort);
        // What is left over may run at another speed.
        let open: Vec<(usize, usize)> =
            windows.iter().filter(|w| hits.iter().all(|h| h.start != w.0) && heard(&x[w.0..w.0 + w.1]) > 0).copied().collect();
        let reach: i64 = delivered.iter().map(|&(a, b)| b - a).sum();
        if !open.is_empty() && (1..=SPEED_REACH).contains(&reach) && effort.take(5 * Correlator::cost(8, SPEED_PIECE, &asked.spans)) {
            hits.extend(other_speeds(&asked, &open, &mut correlator));
        }
        if hits.is_empty() { self.anywhere(trial, x, windows, &delivered, others, effort) } else { hits }
    }

    /// In the whole trial, whether delivered or not.
    fn anywhere(
        &self,
        trial: usize,
        x: &[f32],
        windows: &[(usize, usize)],
        delivered: &[(i64, i64)],
        others: f64,
        effort: &mut Effort,
    ) -> Vec<Hit> {
        let (candidate, folded) = &self.candidates[trial];
        let horizon = (candidate.horizon_nanos / 125_000) as i64;
        // A day of sound is long: the loudest few stand for all.
        let mut tried = windows.to_vec();
        tried.sort_by(|a, b| loudness(x, b).total_cmp(&loudness(x, a)));
        tried.truncate(DEEP);
        let longest = tried.iter().map(|w| w.1).max().unwrap_or(0);
        if horizon <= 0 || longest == 0 {
            return Vec::new();
        }
        let spans = [(-(longest as i64), horizon)];
        let log10_tests = tests_in(&spans) + others;
        let cost = Correlator::cost(tried.len(), longest, &spans);
        if !effort.take(if candidate.logged { cost / 16 + 1 } else { cost }) {
            return Vec::new();
        }
        let signals: Vec<Vec<f32>> = tried.iter().map(|&(s, n)| whitened(&x[s..s + n])).collect();
        let signals: Vec<&[f32]> = signals.iter().map(Vec::as_slice).collect();
        let asked = Asked { trial, key: candidate.subkey, x, windows, spans: spans.to_vec(), log10_tests };
        let hits = |best: Vec<(f64, i64)>| -> Vec<Hit> {
            let mut out = Vec::new();
            for ((&(start, length), signal), (t, lag)) in tried.iter().zip(&signals).zip(best) {
                let delivered = delivered.iter().any(|&(a, b)| lag + length as i64 > a && lag < b);
                let hit = Hit { trial, start, length, lag, speed: 1.0, t, log10_tests, delivered, pieces: Vec::new(), missed: Vec::new() };
                if hit.log10_p() <= TELL {
                    out.push(hit.with_pieces(&candidate.subkey, signal));
                }
            }
            out
        };
        let found = if candidate.logged {
            let folded = folded.get_or_init(|| Folded::new(&candidate.subkey, horizon));
            hits(signals.iter().map(|s| folded.best(s)).collect())
        } else {
            hits(Correlator::default().best(&candidate.subkey, &signals, &spans))
        };
        asked.onwards(found, |lag, length| delivered.iter().any(|&(a, b)| lag + length > a && lag < b))
    }
}

/// log10 of the places in some spans.
fn tests_in(spans: &[(i64, i64)]) -> f64 {
    spans.iter().map(|s| (s.1 - s.0).max(0) as f64).sum::<f64>().max(1.0).log10()
}

/// Cuts of about [`WINDOW`] samples: (first, length).
fn windows(x: &[f32]) -> Vec<(usize, usize)> {
    let n = x.len();
    if n < SHORTEST {
        return Vec::new();
    }
    // Up to twice a window is one, as its score then has more to add up.
    let count = if n <= 2 * WINDOW { 1 } else { (n as f64 / WINDOW as f64).round() as usize };
    (0..count).map(|i| (i * n / count, (i + 1) * n / count - i * n / count)).collect()
}

/// Mean power of a window.
fn loudness(x: &[f32], &(start, n): &(usize, usize)) -> f32 {
    x[start..start + n].iter().map(|v| v * v).sum::<f32>() / n as f32
}

/// Windows that follow each other in the recording and in the trial are one match.
fn joined(mut hits: Vec<Hit>) -> Vec<SoundMatch> {
    hits.sort_by_key(|h| (h.trial, h.start));
    let mut out: Vec<(SoundMatch, Hit)> = Vec::new();
    for mut hit in hits {
        let (whole, pieces) = (hit.whole(), std::mem::take(&mut hit.pieces));
        if let Some((found, last)) = out.last_mut() {
            let expected = last.lag as f64 + (hit.start - last.start) as f64 * last.speed;
            if last.trial == hit.trial && last.start + last.length == hit.start && (expected - hit.lag as f64).abs() < SLACK {
                found.to_nanos = whole.to_nanos;
                if hit.t > found.t {
                    (found.t, found.log10_p) = (hit.t, hit.log10_p());
                }
                found.windows.push(whole);
                found.pieces.extend(pieces);
                *last = hit;
                continue;
            }
        }
        let found = SoundMatch {
            trial_index: hit.trial,
            from_nanos: whole.from_nanos,
            to_nanos: whole.to_nanos,
            recording_nanos: hit.start as u64 * 125_000,
            t: hit.t,
            log10_p: hit.log10_p(),
            tests: 10_f64.powf(hit.log10_tests) as u64,
            speed: hit.speed,
            delivered: hit.delivered,
            windows: vec![whole],
            pieces,
        };
        out.push((found, hit));
    }
    out.into_iter().map(|p| p.0).collect()
}
