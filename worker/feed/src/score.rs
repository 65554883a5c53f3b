//! Scores of a vector u against the signs of many frames, by tables of a byte's eight signs.

use std::ops::RangeInclusive;

use crate::SubKey;
use crate::codeword::{Codeword, SIGN_BYTES, SIGNS};

/// The best frame of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Best {
    pub(crate) frame: u64,
    pub(crate) t: f64,
}

/// t of any frame in 114 look-ups.
pub(crate) struct Scorer {
    tables: Vec<[f32; 256]>,
}

impl Scorer {
    /// `u` has 900 values: coarse, then fine.
    pub(crate) fn new(u: &[f32]) -> Self {
        let mut tables = vec![[0.0; 256]; 2 * SIGN_BYTES];
        for (layer, half) in u.chunks_exact(SIGNS).enumerate() {
            for (table, values) in tables[layer * SIGN_BYTES..].iter_mut().zip(half.chunks(8)) {
                for (byte, sum) in table.iter_mut().enumerate() {
                    *sum = values.iter().enumerate().map(|(i, v)| if byte >> i & 1 == 1 { *v } else { -v }).sum();
                }
            }
        }
        Self { tables }
    }

    pub(crate) fn t(&self, key: &SubKey, frame: u64) -> f64 {
        let Codeword(bytes) = Codeword::frame(key, frame);
        let coarse = self.tables[..SIGN_BYTES].iter().zip(&bytes[..SIGN_BYTES]);
        let fine = self.tables[SIGN_BYTES..].iter().zip(&bytes[64..]);
        coarse.chain(fine).map(|(t, &b)| f64::from(t[usize::from(b)])).sum()
    }

    /// The best of all frames in the ranges; None when there are none.
    pub(crate) fn best(&self, key: &SubKey, ranges: &[RangeInclusive<u64>]) -> Option<Best> {
        let mut best: Option<Best> = None;
        for frame in ranges.iter().flat_map(Clone::clone) {
            let t = self.t(key, frame);
            if best.is_none_or(|b| t > b.t) {
                best = Some(Best { frame, t });
            }
        }
        best
    }
}

/// How many frames the ranges hold.
pub(crate) fn count(ranges: &[RangeInclusive<u64>]) -> u64 {
    ranges.iter().filter(|r| !r.is_empty()).map(|r| (r.end() - r.start()).saturating_add(1)).fold(0, u64::saturating_add)
}
