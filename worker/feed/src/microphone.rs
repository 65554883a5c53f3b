use std::sync::OnceLock;

use crate::trig::{cos_turn, sin_turn};
use crate::{SubKey, whisper};

/// Signs of the sound's code a second.
pub const CHIP_RATE: u64 = whisper::RATE;
/// Signs in a block, which is drawn at once: 50 ms.
pub const BLOCK_CHIPS: u64 = whisper::BLOCK;
/// Sample rates that have a kept table; any other works too, more slowly.
pub const MIC_RATES: [u32; 7] = [8000, 11025, 16000, 22050, 32000, 44100, 48000];

const TAPS: usize = 48;
/// A tap of 1, so that at 8 kHz the samples come through as they are.
const ONE: f64 = 16384.0;

/// Draws the sound of one microphone: a whisper whose breath is the code.
#[derive(Debug, Clone)]
pub struct MicFeed {
    subkey: SubKey,
}

impl MicFeed {
    /// A microphone that hears the whisper.
    pub fn new(subkey: SubKey) -> Self {
        Self { subkey }
    }

    /// `frames` samples of mono 16-bit sound at `rate` samples a second. The first is the one nearest to `start_nanos` of the
    /// trial; sample i of the trial is at i/rate seconds, so calls that follow each other join without a seam and any of them
    /// can be made alone. Empty when `rate` is 0.
    pub fn pcm(&self, start_nanos: u64, frames: usize, rate: u32) -> Vec<i16> {
        if rate == 0 || frames == 0 {
            return Vec::new();
        }
        let first = ((u128::from(start_nanos) * u128::from(rate) + 500_000_000) / 1_000_000_000) as u64;
        let rate = u64::from(rate);
        let common = gcd(rate, whisper::RATE);
        let (phases, step) = (rate / common, whisper::RATE / common);
        // Output i lies at i * step / phases samples of the whisper.
        let at = |i: u64| {
            let place = u128::from(i) * u128::from(step);
            ((place / u128::from(phases)) as i64, (place % u128::from(phases)) as u64)
        };
        let half = TAPS as i64 / 2;
        let from = at(first).0 - (half - 1);
        let end = at(first + frames as u64 - 1).0 + half + 1;
        let x = whisper::samples(&self.subkey, from, (end - from) as usize);
        let table = MIC_RATES.iter().position(|&r| u64::from(r) == rate).map(|i| kept(i, phases));
        (first..first + frames as u64)
            .map(|i| {
                let (n, phase) = at(i);
                let near = &x[(n - (half - 1) - from) as usize..][..TAPS];
                match table {
                    Some(t) => blend(&t[phase as usize], near),
                    None => blend(&taps(phase, phases), near),
                }
            })
            .collect()
    }
}

/// Sum in integers, rounded half up, kept in 16 bits.
fn blend(taps: &[i16; TAPS], x: &[i16]) -> i16 {
    let sum = taps.iter().zip(x).fold(0_i32, |s, (&t, &x)| s.wrapping_add(i32::from(t).wrapping_mul(i32::from(x))));
    (sum.wrapping_add(8192) >> 14).clamp(-32768, 32767) as i16
}

/// Blackman-windowed sinc for a place `phase / phases` of the way from one sample to the next.
fn taps(phase: u64, phases: u64) -> [i16; TAPS] {
    let half = TAPS as u64 / 2;
    std::array::from_fn(|k| {
        // Distance from tap k to the place, in samples: k - (half - 1) - phase / phases, kept as a fraction of `phases`.
        let d = (k as i64 - (half as i64 - 1)) * phases as i64 - phase as i64;
        if d == 0 {
            return ONE as i16;
        }
        let a = d.unsigned_abs();
        let x = std::f64::consts::PI * a as f64 / phases as f64;
        let sinc = sin_turn(a, 2 * phases) / x;
        let turn = (a + half * phases, 2 * half * phases); // window: a full turn over 48 samples, its top in the middle
        let window = if a >= half * phases { 0.0 } else { 0.42 - 0.5 * cos_turn(turn.0, turn.1) + 0.08 * cos_turn(2 * turn.0, turn.1) };
        (ONE * sinc * window + 0.5).floor() as i16
    })
}

fn kept(rate: usize, phases: u64) -> &'static [[i16; TAPS]] {
    static TABLES: [OnceLock<Vec<[i16; TAPS]>>; 7] = [const { OnceLock::new() }; 7];
    TABLES[rate].get_or_init(|| (0..phases).map(|p| taps(p, phases)).collect())
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed() -> MicFeed {
        MicFeed::new(SubKey::from_bytes([5; 32]))
    }

    #[test]
    fn any_piece_alone_equals_that_piece_of_the_whole() {
        for rate in MIC_RATES.into_iter().chain([9000]) {
            let whole = feed().pcm(0, rate as usize / 2, rate);
            let mut joined = Vec::new();
            while joined.len() < whole.len() {
                let nanos = joined.len() as u64 * 1_000_000_000 / u64::from(rate);
                joined.extend(feed().pcm(nanos, (whole.len() - joined.len()).min(371), rate));
            }
            assert_eq!(joined, whole, "{rate}");
        }
    }

    #[test]
    fn the_whisper_has_its_loudness_and_no_sound_above_its_band() {
        let x = feed().pcm(3_000_000_000, 44100 * 4, 44100);
        let rms = (x.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / x.len() as f64).sqrt() / 32768.0;
        assert!((0.08..0.16).contains(&rms), "{rms}");
        // One bin of the spectrum at a time: what resampling mirrors from 8 kHz must not be there.
        let power = |hertz: u64| {
            let (mut re, mut im) = (0.0, 0.0);
            for (i, &v) in x.iter().enumerate() {
                re += f64::from(v) * cos_turn(hertz * i as u64, 44100);
                im += f64::from(v) * sin_turn(hertz * i as u64, 44100);
            }
            re * re + im * im
        };
        let voice: f64 = (0..20).map(|k| power(500 + 101 * k)).sum();
        let image: f64 = (0..20).map(|k| power(5000 + 251 * k)).sum();
        assert!(image < voice * 1e-5, "{voice} {image}");
    }
}
