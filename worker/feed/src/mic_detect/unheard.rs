//! What of a recording can be heard and was not recognised.

use super::{Hit, PIECE, TELL, log10_p_of};

/// How far over what is told a window's best piece must be for the others to be missed.
const PLAIN: f64 = 3.0;
/// Pieces of one window that may be missed for reasons of their own: the recording begins or ends in one, or it stood still.
const MISSED: usize = 2;
/// Samples that are silent or not, together, and how loud a sample is that can be heard.
const MOMENT: usize = 80;
const HEARD: f32 = 1e-4;

/// Pieces of a window whose best is so plain that each would be found. Several must fail, as a recording may begin or end within one.
pub(super) fn missed(scores: &[(usize, usize, f64)], log10_tests: f64, start: usize) -> Vec<(usize, usize)> {
    let best = scores.iter().map(|s| s.2).fold(0.0, f64::max);
    if log10_p_of(best / PLAIN, log10_tests) > TELL {
        return Vec::new();
    }
    let failed = scores.iter().filter(|s| log10_p_of(s.2, log10_tests) > TELL);
    failed.map(|&(from, to, _)| (start + from, to - from)).collect()
}

/// Samples that are no silence, by moments.
pub(super) fn heard(x: &[f32]) -> u64 {
    x.chunks(MOMENT).filter(|m| m.iter().any(|v| v.abs() > HEARD)).map(|m| m.len() as u64).sum()
}

/// Samples that can be heard in windows without a match, and in the missed pieces of others.
pub(super) fn unheard(x: &[f32], windows: &[(usize, usize)], hits: &[Hit]) -> u64 {
    if windows.is_empty() {
        return heard(x);
    }
    // At another speed a piece's place is a little off, and may reach over the end.
    let piece = |&(from, n): &(usize, usize)| heard(&x[from.min(x.len())..(from + n).min(x.len())]);
    let of = |w: &(usize, usize)| {
        // Of two trials' matches, or two speeds', the one that explains more.
        let missed = hits.iter().filter(|h| h.start == w.0).map(|h| {
            let pieces: Vec<u64> = h.missed.iter().map(piece).filter(|n| *n as usize >= PIECE / 2).collect();
            if pieces.len() > MISSED { pieces.iter().sum() } else { 0 }
        });
        missed.min().unwrap_or_else(|| heard(&x[w.0..w.0 + w.1]))
    };
    windows.iter().map(of).sum()
}
