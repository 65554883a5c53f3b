//! A recording that runs a little faster or slower than it was given.

use super::{Asked, Correlator, Hit, TELL, loudness, near, resampled, whitened};

/// Speeds that the fine search could have tried, for the bound: 7e-5 apart over 4 %.
const SPEEDS: f64 = 600.0;
/// Samples of the piece of a window that other speeds are tried with.
pub(super) const SPEED_PIECE: usize = 4_800;

/// Speeds within 2 %: a short loud piece at 41 speeds, then the best of them finely over the whole window.
pub(super) fn other_speeds(asked: &Asked<'_>, open: &[(usize, usize)], correlator: &mut Correlator) -> Vec<Hit> {
    let (x, key) = (asked.x, &asked.key);
    let Some(&(start, length)) = open.iter().max_by(|a, b| loudness(x, a).total_cmp(&loudness(x, b))) else { return Vec::new() };
    let window = &x[start..start + length];
    let piece = length.min(SPEED_PIECE);
    let from = loudest(window, piece);
    let mut tried: Vec<(f64, i64, f64)> = Vec::new();
    let speeds: Vec<f64> = (-20..=20).filter(|k| *k != 0).map(|k| 1.0 + 1e-3 * f64::from(k)).collect();
    for chunk in speeds.chunks(8) {
        let signals: Vec<Vec<f32>> = chunk.iter().map(|&v| whitened(&resampled(&window[from..from + piece], 1.0 / v))).collect();
        let signals: Vec<&[f32]> = signals.iter().map(Vec::as_slice).collect();
        tried.extend(correlator.best(key, &signals, &asked.spans).into_iter().zip(chunk).map(|((t, lag), &v)| (t, lag, v)));
    }
    tried.sort_by(|a, b| b.0.total_cmp(&a.0));
    let hit = |start: usize, length: usize, t: f64, lag: i64, speed: f64, signal: &[f32]| {
        let log10_tests = asked.log10_tests + SPEEDS.log10();
        let hit =
            Hit { trial: asked.trial, start, length, lag, speed, t, log10_tests, delivered: true, pieces: Vec::new(), missed: Vec::new() };
        (hit.log10_p() <= TELL).then(|| hit.with_pieces(key, signal))
    };
    let mut best: Option<(f64, i64, f64)> = None;
    for &(_, lag, coarse) in tried.iter().take(4) {
        for k in -8..=8 {
            let speed = coarse + 1.25e-4 * f64::from(k);
            let signal = whitened(&resampled(window, 1.0 / speed));
            let centre = lag - (from as f64 * speed) as i64;
            let (t, lag) = near(key, &signal, centre);
            if best.is_none_or(|b| t > b.0) {
                best = Some((t, lag, speed));
            }
        }
    }
    let Some((t, place, speed)) = best else { return Vec::new() };
    let sounds = |from: usize, n: usize| whitened(&resampled(&x[from..from + n], 1.0 / speed));
    let Some(best) = hit(start, length, t, place, speed, &sounds(start, length)) else { return Vec::new() };
    // The other windows run at the same speed, near where this one puts them.
    let mut hits = vec![best];
    for &(other, n) in open.iter().filter(|w| w.0 != start) {
        let signal = sounds(other, n);
        let centre = place + ((other as f64 - start as f64) * speed) as i64;
        let (t, lag) = near(key, &signal, centre);
        hits.extend(hit(other, n, t, lag, speed, &signal));
    }
    hits
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
