//! From a recording to the seconds of the trial that it holds.
//!
//! A recording is brought to 8 kHz and cut into windows of about two seconds. Each is whitened, without a look at any sign, and
//! correlated by Fourier transforms with the raw signs: over what was delivered, then over the whole horizon. Windows whose
//! places follow each other are one match.

use std::{ops::RangeInclusive, sync::OnceLock};

use crate::SubKey;
use crate::bound::log10_p_of;
use crate::correlate::{Correlator, FOLDED_MOST, Folded, near};
use crate::resample::resampled;
use crate::whisper::RATE;
use crate::whiten::whitened;

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
/// Speeds that the fine search could have tried, for the bound: 7e-5 apart over 4 %.
const SPEEDS: f64 = 600.0;
/// How far two windows' places may disagree and still be one match: 50 ms.
const SLACK: f64 = 400.0;

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

/// Seconds of a trial that a recording holds.
#[derive(Debug, Clone, Copy, PartialEq)]
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
}

/// A window of the recording at its place in a trial.
#[derive(Debug, Clone, Copy)]
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
}

impl Hit {
    fn log10_p(&self) -> f64 {
        log10_p_of(self.t, self.log10_tests)
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
        if !(4000..=384_000).contains(&rate) || recording.iter().any(|v| !v.is_finite()) {
            return Vec::new();
        }
        let x = resampled(recording, f64::from(rate) / RATE as f64);
        let windows = windows(&x);
        let mut hits = Vec::new();
        for trial in 0..self.candidates.len() {
            hits.extend(self.windows_of(trial, &x, &windows));
        }
        joined(hits)
    }

    fn windows_of(&self, trial: usize, x: &[f32], windows: &[(usize, usize)]) -> Vec<Hit> {
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
        let signals: Vec<Vec<f32>> = windows.iter().map(|&(s, n)| whitened(&x[s..s + n])).collect();
        let signals: Vec<&[f32]> = signals.iter().map(Vec::as_slice).collect();
        let mut hits: Vec<Hit> = Vec::new();
        for (&(start, length), (t, lag)) in windows.iter().zip(correlator.best(&candidate.subkey, &signals, &spans)) {
            hits.push(Hit { trial, start, length, lag, speed: 1.0, t, log10_tests, delivered: true });
        }
        hits.retain(|h| h.log10_p() <= TELL);
        if !hits.is_empty() || windows.is_empty() {
            return hits;
        }
        let reach: i64 = delivered.iter().map(|&(a, b)| b - a).sum();
        if (1..=SPEED_REACH).contains(&reach) {
            hits = other_speeds(trial, candidate, x, windows, &spans, log10_tests, &mut correlator);
        }
        if hits.is_empty() { self.anywhere(trial, x, windows, &delivered, others) } else { hits }
    }

    /// In the whole trial, whether delivered or not.
    fn anywhere(&self, trial: usize, x: &[f32], windows: &[(usize, usize)], delivered: &[(i64, i64)], others: f64) -> Vec<Hit> {
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
        let signals: Vec<Vec<f32>> = tried.iter().map(|&(s, n)| whitened(&x[s..s + n])).collect();
        let signals: Vec<&[f32]> = signals.iter().map(Vec::as_slice).collect();
        let hits = |best: Vec<(f64, i64)>| -> Vec<Hit> {
            let hit = |(&(start, length), (t, lag)): (&(usize, usize), (f64, i64))| {
                let delivered = delivered.iter().any(|&(a, b)| lag + length as i64 > a && lag < b);
                Hit { trial, start, length, lag, speed: 1.0, t, log10_tests, delivered }
            };
            tried.iter().zip(best).map(hit).filter(|h| h.log10_p() <= TELL).collect()
        };
        if candidate.logged {
            let folded = folded.get_or_init(|| Folded::new(&candidate.subkey, horizon));
            hits(signals.iter().map(|s| folded.best(s)).collect())
        } else {
            hits(Correlator::default().best(&candidate.subkey, &signals, &spans))
        }
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

/// Speeds within 2 %: a short loud piece at 41 speeds, then the best of them finely over the whole window.
fn other_speeds(
    trial: usize,
    candidate: &MicCandidate,
    x: &[f32],
    open: &[(usize, usize)],
    spans: &[(i64, i64)],
    log10_tests: f64,
    correlator: &mut Correlator,
) -> Vec<Hit> {
    let Some(&(start, length)) = open.iter().max_by(|a, b| loudness(x, a).total_cmp(&loudness(x, b))) else { return Vec::new() };
    let window = &x[start..start + length];
    let piece = length.min(4800);
    let from = loudest(window, piece);
    let mut tried: Vec<(f64, i64, f64)> = Vec::new();
    let speeds: Vec<f64> = (-20..=20).filter(|k| *k != 0).map(|k| 1.0 + 1e-3 * f64::from(k)).collect();
    for chunk in speeds.chunks(8) {
        let signals: Vec<Vec<f32>> = chunk.iter().map(|&v| whitened(&resampled(&window[from..from + piece], 1.0 / v))).collect();
        let signals: Vec<&[f32]> = signals.iter().map(Vec::as_slice).collect();
        tried.extend(correlator.best(&candidate.subkey, &signals, spans).into_iter().zip(chunk).map(|((t, lag), &v)| (t, lag, v)));
    }
    tried.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut best: Option<Hit> = None;
    for &(_, lag, coarse) in tried.iter().take(4) {
        for k in -8..=8 {
            let speed = coarse + 1.25e-4 * f64::from(k);
            let signal = whitened(&resampled(window, 1.0 / speed));
            let centre = lag - (from as f64 * speed) as i64;
            let (t, lag) = near(&candidate.subkey, &signal, centre);
            if best.is_none_or(|b| t > b.t) {
                best = Some(Hit { trial, start, length, lag, speed, t, log10_tests: log10_tests + SPEEDS.log10(), delivered: true });
            }
        }
    }
    let Some(best) = best.filter(|b| b.log10_p() <= TELL) else { return Vec::new() };
    // The other windows run at the same speed, near where this one puts them.
    let mut hits = vec![best];
    for &(other, n) in open.iter().filter(|w| w.0 != start) {
        let signal = whitened(&resampled(&x[other..other + n], 1.0 / best.speed));
        let centre = best.lag + ((other as f64 - start as f64) * best.speed) as i64;
        let (t, lag) = near(&candidate.subkey, &signal, centre);
        let hit = Hit { start: other, length: n, lag, t, ..best };
        if hit.log10_p() <= TELL {
            hits.push(hit);
        }
    }
    hits
}

/// Mean power of a window.
fn loudness(x: &[f32], &(start, n): &(usize, usize)) -> f32 {
    x[start..start + n].iter().map(|v| v * v).sum::<f32>() / n as f32
}

/// Start of the piece of `n` samples with the most energy.
fn loudest(x: &[f32], n: usize) -> usize {
    let mut sum: f64 = x[..n].iter().map(|v| f64::from(v * v)).sum();
    let mut best = (sum, 0);
    for i in n..x.len() {
        sum += f64::from(x[i] * x[i]) - f64::from(x[i - n] * x[i - n]);
        if sum > best.0 {
            best = (sum, i - n + 1);
        }
    }
    best.1
}

/// Windows that follow each other in the recording and in the trial are one match.
fn joined(mut hits: Vec<Hit>) -> Vec<SoundMatch> {
    hits.sort_by_key(|h| (h.trial, h.start));
    let mut out: Vec<(SoundMatch, Hit)> = Vec::new();
    for hit in hits {
        let nanos = |samples: f64| (samples.max(0.0) * 125_000.0) as u64;
        let end = nanos(hit.lag as f64 + hit.length as f64 * hit.speed);
        if let Some((found, last)) = out.last_mut() {
            let expected = last.lag as f64 + (hit.start - last.start) as f64 * last.speed;
            if last.trial == hit.trial && last.start + last.length == hit.start && (expected - hit.lag as f64).abs() < SLACK {
                found.to_nanos = end;
                if hit.t > found.t {
                    (found.t, found.log10_p) = (hit.t, hit.log10_p());
                }
                *last = hit;
                continue;
            }
        }
        let found = SoundMatch {
            trial_index: hit.trial,
            from_nanos: nanos(hit.lag as f64),
            to_nanos: end,
            recording_nanos: hit.start as u64 * 125_000,
            t: hit.t,
            log10_p: hit.log10_p(),
            tests: 10_f64.powf(hit.log10_tests) as u64,
            speed: hit.speed,
            delivered: hit.delivered,
        };
        out.push((found, hit));
    }
    out.into_iter().map(|p| p.0).collect()
}
