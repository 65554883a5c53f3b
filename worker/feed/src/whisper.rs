//! The whisper at 8 kHz: signs drawn from the key are the breath, formed by three moving formants and a syllable's rise and fall.
//!
//! Every 20 ms a symmetric filter of 255 taps is made from the formants of that moment, in `f64` with basic operations in this
//! order, and rounded to integers; between two moments the two filters' outputs are blended in integers. A symmetric filter
//! delays nothing, so the code's place is the sample's place. All energy is code.

use crate::SubKey;
use crate::trig::cos_turn;

/// Samples and signs a second.
pub(crate) const RATE: u64 = 8000;
/// Signs that one draw gives: 50 ms.
pub(crate) const BLOCK: u64 = 400;
const HOP: u64 = 160;
const TARGET: u64 = 8; // hops from one set of formants to the next: 160 ms
const HALF: usize = 127;
const TAPS: usize = 256; // 255 in use; the last is 0, so that the sum runs in whole vectors
const BINS: usize = 256;
/// Root mean square of a filter's output at the loudest, in quarters of a 16-bit step: 0.12 of full scale over a whole trial.
const LOUD: f64 = 25_000.0;

/// The signs of chips `from..from + out.len()`; 0 before the trial began.
pub(crate) fn chips(key: &SubKey, from: i64, out: &mut [i16]) {
    out.fill(0);
    let before = usize::try_from(-from).unwrap_or(0).min(out.len());
    let mut rest = &mut out[before..];
    let mut n = (from + before as i64) as u64;
    let mut bytes = [0_u8; 64];
    while !rest.is_empty() {
        let (block, first) = (n / BLOCK, (n % BLOCK) as usize);
        key.fill("mic-chip", block, &mut bytes);
        let (these, others) = rest.split_at_mut((BLOCK as usize - first).min(rest.len()));
        for (bit, chip) in (first..).zip(these.iter_mut()) {
            *chip = i16::from(bytes[bit / 8] >> (bit % 8) & 1) * 2 - 1;
        }
        n += these.len() as u64;
        rest = others;
    }
}

/// Samples `from..from + count` at 8 kHz, 16 bit.
pub(crate) fn samples(key: &SubKey, from: i64, count: usize) -> Vec<i16> {
    let mut signs = vec![0; count + TAPS];
    chips(key, from - HALF as i64, &mut signs);
    let mut out = vec![0; count];
    let mut at = 0;
    let mut next: Option<(u64, [i16; TAPS])> = None;
    while at < count {
        let n = from + at as i64;
        if n < 0 {
            at += 1;
            continue;
        }
        let hop = n as u64 / HOP;
        let this = match next {
            Some((h, filter)) if h == hop => filter,
            _ => filter(key, hop),
        };
        let after = filter(key, hop + 1);
        let end = count.min(at + (HOP - n as u64 % HOP) as usize);
        for (i, y) in out.iter_mut().enumerate().take(end).skip(at) {
            let r = ((from + i as i64) as u64 % HOP) as i64;
            let (a, b) = (dot(&this, &signs[i..i + TAPS]), dot(&after, &signs[i..i + TAPS]));
            // Quarters of a step, 160ths of a blend: round half up.
            let y4 = i64::from(a) * (HOP as i64 - r) + i64::from(b) * r;
            *y = (y4 + 320).div_euclid(640).clamp(-32768, 32767) as i16;
        }
        next = Some((hop + 1, after));
        at = end;
    }
    out
}

fn dot(filter: &[i16; TAPS], signs: &[i16]) -> i32 {
    filter.iter().zip(signs).fold(0_i32, |s, (&f, &c)| s.wrapping_add(i32::from(f).wrapping_mul(i32::from(c))))
}

/// Formants (Hz) and loudness at a target, each uniform in its range.
fn target(key: &SubKey, index: u64) -> [f64; 4] {
    let mut bytes = [0; 8];
    key.fill("mic-voice", index, &mut bytes);
    let unit = |i: usize| f64::from(u16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]])) / 65536.0;
    [300.0 + 550.0 * unit(0), 900.0 + 1300.0 * unit(1), 2300.0 + 800.0 * unit(2), 0.15 + 0.85 * unit(3)]
}

/// The symmetric filter at one hop.
fn filter(key: &SubKey, hop: u64) -> [i16; TAPS] {
    let (a, b) = (target(key, hop / TARGET), target(key, hop / TARGET + 1));
    let mix = (hop % TARGET) as f64 / TARGET as f64;
    let now: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a * (1.0 - mix) + b * mix).collect();
    let table = cosines();
    let mut gain = [0.0; BINS / 2];
    for (i, g) in gain.iter_mut().enumerate() {
        let f = i as f64 * RATE as f64 / BINS as f64;
        let band = ((f - 250.0) / 80.0).clamp(0.0, 1.0) * ((3500.0 - f) / 120.0).clamp(0.0, 1.0);
        if band > 0.0 {
            let voice: f64 = [(90.0, 1.0), (130.0, 0.7), (200.0, 0.5)]
                .iter()
                .zip(&now)
                .map(|(&(width, height), centre): (&(f64, f64), _)| height / (1.0 + (f - centre) / width * ((f - centre) / width)))
                .sum();
            *g = band * (voice + 0.06);
        }
    }
    let mut half = [0.0; HALF + 1];
    for (k, h) in half.iter_mut().enumerate() {
        let sum: f64 = gain.iter().enumerate().map(|(i, g)| g * table[i * k % BINS]).sum();
        *h = sum * (0.5 + 0.5 * table[k]);
    }
    let energy: f64 = half[0] * half[0] + 2.0 * half[1..].iter().map(|h| h * h).sum::<f64>();
    let scale = LOUD * now[3] / energy.sqrt();
    let mut out = [0; TAPS];
    for (k, h) in half.iter().enumerate() {
        let tap = (h * scale + 0.5).floor().clamp(-32767.0, 32767.0) as i16;
        out[HALF + k] = tap;
        out[HALF - k] = tap;
    }
    out
}

fn cosines() -> &'static [f64; BINS] {
    static TABLE: std::sync::OnceLock<[f64; BINS]> = std::sync::OnceLock::new();
    TABLE.get_or_init(|| std::array::from_fn(|i| cos_turn(i as u64, BINS as u64)))
}
