//! Correlation of whitened sound with a key's raw signs.
//!
//! The signs are plain +1 and -1 and the sound is scaled to length 1, so a score is exactly a sum of random signs with weights
//! that do not know them, as the bound wants it.

use std::collections::BTreeMap;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::SubKey;
use crate::whisper::chips;

/// Longest transform, unless a signal is longer than a quarter of it.
const LONGEST: usize = 1 << 18;

/// Samples of a block of the whole trial, and from one block to the next: a signal of up to [`FOLDED_MOST`] lies in one of them.
const FOLDED: usize = 1 << 18;
const FOLDED_STEP: usize = FOLDED - FOLDED_MOST;
/// Longest signal that is looked for in folded signs.
pub(crate) const FOLDED_MOST: usize = 1 << 15;
/// Blocks that are added up: a match of score t is seen as t / 4.
const FOLD: usize = 16;
/// Spectra that are kept, a megabyte each: those of the first day. Those of a later time are made for each sound.
const SPECTRA_MOST: usize = 192;
/// Score in the sum from which each of its blocks is asked. Chance reaches it once in 1e9 places.
const FOLDED_TELL: f64 = 6.0;

/// A trial's signs, [`FOLD`] blocks added up into one: signs of different blocks are noise to each other, so that the whole trial
/// is searched by few transforms, at the price of the weak matches. Made once, asked by each sound.
pub(crate) struct Folded {
    key: SubKey,
    end: i64,
    plans: Plans,
    spectra: Vec<Vec<Complex32>>,
}

impl Folded {
    /// The signs up to a place.
    pub(crate) fn new(key: &SubKey, end: i64) -> Self {
        let mut planner = RealFftPlanner::new();
        let plans: Plans = (planner.plan_fft_forward(FOLDED), planner.plan_fft_inverse(FOLDED));
        let mut out = Self { key: *key, end: end.max(0), plans, spectra: Vec::new() };
        out.spectra = (0..out.groups().min(SPECTRA_MOST)).map(|group| out.spectrum(group)).collect();
        out
    }

    fn blocks(&self) -> usize {
        (self.end as usize + FOLDED_MOST).div_ceil(FOLDED_STEP)
    }

    fn groups(&self) -> usize {
        self.blocks().div_ceil(FOLD)
    }

    fn spectrum(&self, group: usize) -> Vec<Complex32> {
        let (mut signs, mut line) = (vec![0_i16; FOLDED], vec![0.0_f32; FOLDED]);
        for block in group * FOLD..((group + 1) * FOLD).min(self.blocks()) {
            chips(&self.key, Self::start(block), &mut signs);
            line.iter_mut().zip(&signs).for_each(|(l, &s)| *l += f32::from(s));
        }
        let mut spectrum = self.plans.0.make_output_vec();
        // It fails for other lengths only.
        let _ = self.plans.0.process(&mut line, &mut spectrum);
        spectrum
    }

    /// The trial's sample at which a block begins: the first begins before the trial, as a recording may.
    fn start(block: usize) -> i64 {
        (block * FOLDED_STEP) as i64 - FOLDED_MOST as i64
    }

    /// The best score and its place, as [`Correlator::best`] would find them if it is over 28 (7 by the root of the blocks).
    pub(crate) fn best(&self, signal: &[f32]) -> (f64, i64) {
        let mut best = (0.0, 0);
        let (forward, inverse) = &self.plans;
        let mut line = vec![0.0_f32; FOLDED];
        line[..signal.len()].copy_from_slice(signal);
        let mut wanted = forward.make_output_vec();
        if forward.process(&mut line, &mut wanted).is_err() {
            return best;
        }
        let length = norm(signal);
        let mut product = forward.make_output_vec();
        for group in 0..self.groups() {
            let made;
            let spectrum = if let Some(kept) = self.spectra.get(group) {
                kept
            } else {
                made = self.spectrum(group);
                &made
            };
            product_of(&mut product, spectrum, &wanted);
            if inverse.process(&mut product, &mut line).is_err() {
                continue;
            }
            let (i, top) = highest(&line[..FOLDED_STEP]);
            if f64::from(top) / FOLDED as f64 / length / (FOLD as f64).sqrt() < FOLDED_TELL {
                continue;
            }
            for block in group * FOLD..(group + 1) * FOLD {
                let at = Self::start(block) + i as i64;
                let t = if at < self.end { score(&self.key, signal, at) / length } else { 0.0 };
                if t > best.0 {
                    best = (t, at);
                }
            }
        }
        best
    }
}

/// A spectrum times the conjugate of another; the two real lines are kept real.
fn product_of(product: &mut [Complex32], signs: &[Complex32], signal: &[Complex32]) {
    for (p, (c, s)) in product.iter_mut().zip(signs.iter().zip(signal)) {
        *p = c * s.conj();
    }
    product[0].im = 0.0;
    if let Some(last) = product.last_mut() {
        last.im = 0.0;
    }
}

/// The highest value and where it is. In eight lanes: one running maximum waits for itself.
fn highest(line: &[f32]) -> (usize, f32) {
    let top = line.chunks(8).fold([f32::MIN; 8], |mut m, c| {
        m.iter_mut().zip(c).for_each(|(m, &v)| *m = if v > *m { v } else { *m });
        m
    });
    let top = top.into_iter().fold(f32::MIN, f32::max);
    (line.iter().position(|&v| v >= top).unwrap_or(0), top)
}

fn score(key: &SubKey, signal: &[f32], at: i64) -> f64 {
    let mut signs = vec![0_i16; signal.len()];
    chips(key, at, &mut signs);
    f64::from(signal.iter().zip(&signs).map(|(x, &c)| x * f32::from(c)).sum::<f32>())
}

/// Scores of a signal's pieces of about `length` samples, each as if it were alone: first sample, end, score.
pub(crate) fn pieces(key: &SubKey, signal: &[f32], at: i64, length: usize) -> Vec<(usize, usize, f64)> {
    let n = signal.len();
    let mut signs = vec![0_i16; n];
    chips(key, at, &mut signs);
    let count = (n / length).max(1);
    let bounds = |i: usize| (i * n / count, (i + 1) * n / count);
    let score = |(from, to): (usize, usize)| {
        let sum: f32 = signal[from..to].iter().zip(&signs[from..to]).map(|(x, &c)| x * f32::from(c)).sum();
        (from, to, f64::from(sum) / norm(&signal[from..to]))
    };
    (0..count).map(|i| score(bounds(i))).collect()
}

/// The best score within 40 samples of a place.
pub(crate) fn near(key: &SubKey, signal: &[f32], centre: i64) -> (f64, i64) {
    const AROUND: i64 = 40;
    let mut signs = vec![0_i16; signal.len() + 2 * AROUND as usize];
    chips(key, centre - AROUND, &mut signs);
    let length = norm(signal);
    let mut best = (f64::MIN, centre);
    for d in 0..=2 * AROUND as usize {
        let sum: f32 = signal.iter().zip(&signs[d..]).map(|(x, &c)| x * f32::from(c)).sum();
        let t = f64::from(sum) / length;
        if t > best.0 {
            best = (t, centre - AROUND + d as i64);
        }
    }
    best
}

fn norm(x: &[f32]) -> f64 {
    x.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt() + 1e-9
}

/// Signals whose spectra are held at once, a megabyte each.
const TOGETHER: usize = 16;

type Plans = (Arc<dyn RealToComplex<f32>>, Arc<dyn ComplexToReal<f32>>);

/// Correlates signals with a key's signs by overlapping blocks.
#[derive(Default)]
pub(crate) struct Correlator {
    plans: BTreeMap<usize, Plans>,
}

impl Correlator {
    /// What a search costs, in transforms of [`LONGEST`] values.
    pub(crate) fn cost(signals: usize, longest: usize, spans: &[(i64, i64)]) -> u64 {
        let of = |&(from, to): &(i64, i64)| {
            let size = Self::size(longest, from, to);
            let blocks = (to - from).max(0) as usize / (size - longest).max(1) + 1;
            // Once for the signs and once each for the signals, and each signal's own.
            (blocks * (1 + signals) + signals) as f64 * size as f64 / LONGEST as f64
        };
        spans.iter().map(of).sum::<f64>().ceil() as u64
    }

    fn size(longest: usize, from: i64, to: i64) -> usize {
        let (least, most) = ((2 * longest).next_power_of_two(), LONGEST.max((4 * longest).next_power_of_two()));
        ((to - from).max(0) as usize + longest).next_power_of_two().clamp(least, most)
    }

    /// For each signal the best score and its place (sample of the trial at which the signal begins) within the spans.
    pub(crate) fn best(&mut self, key: &SubKey, signals: &[&[f32]], spans: &[(i64, i64)]) -> Vec<(f64, i64)> {
        // A few at a time, as each keeps its spectrum in memory.
        signals.chunks(TOGETHER).flat_map(|some| self.best_of(key, some, spans)).collect()
    }

    fn best_of(&mut self, key: &SubKey, signals: &[&[f32]], spans: &[(i64, i64)]) -> Vec<(f64, i64)> {
        let mut best = vec![(0.0, 0); signals.len()];
        let Some(longest) = signals.iter().map(|s| s.len()).max() else { return best };
        for &(from, to) in spans {
            if to <= from {
                continue;
            }
            let size = Self::size(longest, from, to);
            let (forward, inverse) = self.plans.entry(size).or_insert_with(|| {
                let mut planner = RealFftPlanner::new();
                (planner.plan_fft_forward(size), planner.plan_fft_inverse(size))
            });
            let mut line = vec![0.0_f32; size];
            let mut scratch = vec![Complex32::default(); forward.get_scratch_len().max(inverse.get_scratch_len())];
            let mut product = forward.make_output_vec();
            let spectra: Vec<(Vec<Complex32>, f64)> = signals
                .iter()
                .map(|s| {
                    line.fill(0.0);
                    line[..s.len()].copy_from_slice(s);
                    let mut out = forward.make_output_vec();
                    let _ = forward.process_with_scratch(&mut line, &mut out, &mut scratch);
                    (out, norm(s))
                })
                .collect();
            let mut signs = vec![0_i16; size];
            let mut signs_spectrum = forward.make_output_vec();
            let step = (size - longest) as i64;
            let mut at = from;
            while at < to {
                chips(key, at, &mut signs);
                for (l, &s) in line.iter_mut().zip(&signs) {
                    *l = f32::from(s);
                }
                if forward.process_with_scratch(&mut line, &mut signs_spectrum, &mut scratch).is_err() {
                    break;
                }
                let valid = step.min(to - at) as usize;
                for ((spectrum, length), best) in spectra.iter().zip(&mut best) {
                    product_of(&mut product, &signs_spectrum, spectrum);
                    if inverse.process_with_scratch(&mut product, &mut line, &mut scratch).is_err() {
                        continue;
                    }
                    let (i, top) = highest(&line[..valid]);
                    let t = f64::from(top) / size as f64 / length;
                    if t > best.0 {
                        *best = (t, at + i as i64);
                    }
                }
                at += step;
            }
        }
        best
    }
}
