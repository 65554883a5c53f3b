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
            let (least, most) = ((2 * longest).next_power_of_two(), LONGEST.max((4 * longest).next_power_of_two()));
            let size = ((to - from) as usize + longest).next_power_of_two().clamp(least, most);
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
                    for (p, (c, s)) in product.iter_mut().zip(signs_spectrum.iter().zip(spectrum)) {
                        *p = c * s.conj();
                    }
                    product[0].im = 0.0;
                    product[size / 2].im = 0.0;
                    if inverse.process_with_scratch(&mut product, &mut line, &mut scratch).is_err() {
                        continue;
                    }
                    let (i, top) = line[..valid].iter().enumerate().fold((0, f32::MIN), |m, (i, &v)| if v > m.1 { (i, v) } else { m });
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
