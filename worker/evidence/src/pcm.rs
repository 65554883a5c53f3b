//! Sound without a head: the samples that bytes may be.
//!
//! A wrong guess costs a search, so each way to read the bytes has a look at them first: neighbours in sound are like each other as
//! much as a voice's are, the upper byte of a wide sample moves less than the lower ones, and a float is neither huge nor no number.

use crate::look;

/// Samples that raw sound may consist of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pcm {
    coding: Coding,
    /// First byte.
    skip: usize,
    /// Samples a second.
    pub(crate) rate: u32,
}

/// How a sample lies in its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    /// 8 bits without a sign.
    Narrow,
    /// 16 bits, least byte first. The other order is heard in it a byte further.
    Wide,
    /// 24 bits in 3 bytes.
    Packed(Order),
    /// 32 bits.
    Long(Order),
    /// 32 bits, IEEE 754.
    Float(Order),
}

/// Order of a sample's bytes: the device's, or that of Java's streams and buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Least,
    Most,
}

impl Coding {
    /// Likeliest first.
    const ALL: [Self; 8] = [
        Self::Wide,
        Self::Float(Order::Least),
        Self::Packed(Order::Least),
        Self::Long(Order::Least),
        Self::Float(Order::Most),
        Self::Packed(Order::Most),
        Self::Long(Order::Most),
        Self::Narrow,
    ];

    const fn bytes(self) -> usize {
        match self {
            Self::Narrow => 1,
            Self::Wide => 2,
            Self::Packed(_) => 3,
            Self::Long(_) | Self::Float(_) => 4,
        }
    }

    /// One sample, of as many bytes as it has.
    fn value(self, s: &[u8]) -> f32 {
        let four = |order| match order {
            Order::Least => [s[0], s[1], s[2], s[3]],
            Order::Most => [s[3], s[2], s[1], s[0]],
        };
        match self {
            Self::Narrow => (f32::from(s[0]) - 128.0) / 128.0,
            Self::Wide => f32::from(i16::from_le_bytes([s[0], s[1]])) / 32_768.0,
            Self::Packed(Order::Least) => long([0, s[0], s[1], s[2]]),
            Self::Packed(Order::Most) => long([0, s[2], s[1], s[0]]),
            Self::Long(order) => long(four(order)),
            Self::Float(order) => f32::from_le_bytes(four(order)),
        }
    }

    fn samples(self, b: &[u8]) -> impl Iterator<Item = f32> + '_ {
        b.chunks_exact(self.bytes()).map(move |s| self.value(s))
    }

    /// Whether the bytes can be samples of it, by what neither a likeness nor a power says.
    fn suits(self, b: &[u8]) -> bool {
        let b = &b[..b.len().min(PROBED * self.bytes())];
        match self {
            Self::Narrow | Self::Wide => true,
            Self::Packed(order) | Self::Long(order) => has_upper_byte(b, self.bytes(), order),
            Self::Float(_) => self.samples(b).all(|v| v.is_finite() && v.abs() <= LOUDEST),
        }
    }
}

/// Samples that are looked at in one place.
const PROBED: usize = 1 << 16;
/// Places of a buffer in which its samples are looked at.
const PLACES: usize = 8;
/// A float of sound is up to 1, and a little over it where it was made louder.
const LOUDEST: f32 = 8.0;

fn long(bytes: [u8; 4]) -> f32 {
    i32::from_le_bytes(bytes) as f32 / 2_147_483_648.0
}

/// Whether the upper bytes of samples move less than the others, which are noise or nothing. In pixels and in samples of 16 bits
/// all bytes move alike, or every other one.
fn has_upper_byte(b: &[u8], width: usize, order: Order) -> bool {
    let step = |lane: usize| -> u64 {
        let at = |s: &[u8]| s[lane] as i8;
        b.chunks_exact(width).zip(b.chunks_exact(width).skip(1)).map(|(a, c)| u64::from(at(a).abs_diff(at(c)))).sum()
    };
    let mut lanes: Vec<u64> = (0..width).map(step).collect();
    if order == Order::Most {
        lanes.reverse();
    }
    let upper = lanes.pop().unwrap_or(0);
    lanes.iter().any(|s| *s > 0) && lanes.iter().all(|s| *s == 0 || 2 * s > 3 * upper)
}

impl Pcm {
    /// Bytes of so many samples.
    pub(crate) fn bytes(self, samples: usize) -> usize {
        self.coding.bytes() * samples
    }

    /// All samples in the bytes.
    pub(crate) fn samples(self, b: &[u8]) -> Vec<f32> {
        // What lies behind a sound may be no number.
        self.coding.samples(b).map(|v| if v.is_finite() { v.clamp(-LOUDEST, LOUDEST) } else { 0.0 }).collect()
    }

    /// The bytes from its first sample on.
    pub(crate) fn of(self, b: &[u8]) -> &[u8] {
        &b[self.skip.min(b.len())..]
    }
}

/// Sounds that raw bytes may be: each coding at each alignment.
pub(crate) fn sounds(b: &[u8]) -> Vec<Pcm> {
    let mut out = Vec::new();
    for coding in Coding::ALL {
        for skip in 0..coding.bytes() {
            // A recording may begin or end with silence, from which nothing follows.
            let step = b.len() / PLACES / coding.bytes() * coding.bytes();
            let place = |i: usize| &b[(skip + i * step).min(b.len())..];
            let tried = |p: &[u8]| if coding.suits(p) { rates(coding.samples(p)) } else { &[] };
            let found = (0..PLACES).map(|i| tried(place(i))).find(|r| !r.is_empty()).unwrap_or_default();
            out.extend(found.iter().map(|&rate| Pcm { coding, skip, rate }));
        }
    }
    out
}

/// Bytes of a place that say whether it is plainly sound, and fewest samples.
const SEEN: usize = 8_192;
const FEWEST: usize = 1_000;
/// Samples in which a voice passes the mean at least once, at any usual rate.
const PASSES: usize = 400;
/// No louder than this is silence.
const SILENT: f32 = 1e-4;

/// Whether the bytes are plainly sound of 16 bits, although it is not recognised: at most places that are not silent, samples are like
/// their neighbours and their lower bytes are as even as noise, which those of no other numbers are.
pub(crate) fn is_plain(b: &[u8]) -> bool {
    let step = b.len() / PLACES / 2 * 2;
    (0..2).any(|skip| {
        let (mut sounds, mut others) = (0, 0);
        for i in 0..PLACES {
            let place = &b[(skip + i * step).min(b.len())..];
            let place = &place[..place.len().min(SEEN)];
            if place.len() < 2 * FEWEST || Coding::Wide.samples(place).all(|v| v.abs() < SILENT) {
                continue;
            }
            let low: Vec<u8> = place.iter().copied().step_by(2).collect();
            let sound = look::evenness(&low, 256.0) < 1.5 && swings(place) && !rates(Coding::Wide.samples(place)).is_empty();
            if sound { sounds += 1 } else { others += 1 }
        }
        sounds > others
    })
}

/// Whether samples of 16 bits pass their mean again and again, as numbers that grow do not.
fn swings(b: &[u8]) -> bool {
    let x: Vec<f32> = Coding::Wide.samples(b).collect();
    let mean = x.iter().sum::<f32>() / x.len().max(1) as f32;
    let passes = x.windows(2).filter(|w| (w[0] < mean) != (w[1] < mean)).count();
    passes * PASSES >= x.len()
}

/// Rates at which samples may be sound: none if they are too loud, silent, or noise without a colour, as other bytes are (and
/// sound at the wrong alignment). A voice keeps to a few kHz, so the likeness of neighbours tells how many samples a second.
fn rates(samples: impl Iterator<Item = f32>) -> &'static [u32] {
    let x: Vec<f64> = samples.take(PROBED).map(f64::from).collect();
    let n = x.len().max(1) as f64;
    let mean = x.iter().sum::<f64>() / n;
    let power = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    let likeness = x.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum::<f64>() / n / power.max(1e-12);
    // Full-scale noise has a power of 1/3.
    if !(1e-8..0.16).contains(&power) {
        return &[];
    }
    match likeness {
        0.9.. => &[44_100, 48_000, 16_000, 22_050, 32_000],
        0.65.. => &[16_000, 11_025, 22_050, 8_000],
        0.03.. => &[8_000, 11_025],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use stakeout_feed::{CameraFeed, MIC_RATES, MicFeed, SubKey};

    use super::*;

    /// Samples in each coding that a recorder offers, in both orders.
    fn coded(pcm: &[i16]) -> Vec<(Coding, Vec<u8>)> {
        let four = |order: Order, v: [u8; 4]| match order {
            Order::Least => v.to_vec(),
            Order::Most => v.iter().rev().copied().collect(),
        };
        // More bits than 16, as a resampler makes.
        let long = |s: &i16| (i32::from(*s) << 16) + (i32::from(*s).wrapping_mul(40_503) & 0xffff);
        let mut out = vec![(Coding::Wide, pcm.iter().flat_map(|s| s.to_le_bytes()).collect())];
        for order in [Order::Least, Order::Most] {
            out.push((Coding::Long(order), pcm.iter().flat_map(|s| four(order, long(s).to_le_bytes())).collect()));
            let packed = |s: &i16| match order {
                Order::Least => long(s).to_le_bytes()[1..].to_vec(),
                Order::Most => long(s).to_be_bytes()[..3].to_vec(),
            };
            out.push((Coding::Packed(order), pcm.iter().flat_map(packed).collect()));
            let float = |s: &i16| four(order, (long(s) as f32 / 2_147_483_648.0).to_le_bytes());
            out.push((Coding::Float(order), pcm.iter().flat_map(float).collect()));
            let padded = |s: &i16| four(order, (i32::from(*s) << 16).to_le_bytes());
            out.push((Coding::Long(order), pcm.iter().flat_map(padded).collect()));
        }
        out
    }

    #[test]
    fn the_feed_at_each_rate_and_in_each_coding_is_tried_so() {
        for rate in MIC_RATES {
            let pcm = MicFeed::new(SubKey::from_bytes([4; 32])).pcm(9_000_000_000, rate as usize * 2, rate);
            let tried = rates(pcm.iter().map(|s| f32::from(*s) / 32_768.0));
            assert!(tried.contains(&rate), "{rate}: {tried:?}");
            for (coding, bytes) in coded(&pcm) {
                let behind_silence = [vec![0; bytes.len() * 3], bytes].concat();
                let all = sounds(&behind_silence);
                assert!(all.contains(&Pcm { coding, skip: 0, rate }), "{rate} {coding:?}: {all:?}");
            }
        }
        assert!(rates(std::iter::repeat_n(0.1, 5000)).is_empty());
    }

    #[test]
    fn pictures_and_samples_of_16_bits_are_not_tried_as_wider_ones() {
        let wider = |b: &[u8]| sounds(b).into_iter().filter(|p| p.coding.bytes() > 2).collect::<Vec<_>>();
        for rate in MIC_RATES {
            let pcm = MicFeed::new(SubKey::from_bytes([4; 32])).pcm(9_000_000_000, rate as usize * 2, rate);
            assert_eq!(wider(&coded(&pcm)[0].1), [], "{rate}");
        }
        let feed = CameraFeed::new(SubKey::from_bytes([1; 32]));
        assert_eq!(wider(&feed.nv21(7, 640, 480)), []);
        assert_eq!(wider(&feed.rgb(7, 320, 240)), []);
    }

    #[test]
    fn sound_is_plainly_so_in_either_order_and_backwards_and_pictures_are_not() {
        for rate in MIC_RATES {
            let pcm = MicFeed::new(SubKey::from_bytes([4; 32])).pcm(9_000_000_000, rate as usize * 2, rate);
            let bytes = coded(&pcm)[0].1.clone();
            let backwards: Vec<u8> = bytes.iter().rev().copied().collect();
            assert!(is_plain(&bytes) && is_plain(&backwards) && is_plain(&bytes[1..]), "{rate}");
            assert!(is_plain(&[&vec![0; 3 * bytes.len()][..], &bytes].concat()), "{rate}");
        }
        let mut noise = vec![0; 60_000];
        SubKey::from_bytes([9; 32]).fill("noise", 0, &mut noise);
        let numbers: Vec<u8> = (0..20_000_u32).flat_map(|i| ((i / 3) as u16).to_le_bytes()).collect();
        for other in
            [CameraFeed::new(SubKey::from_bytes([1; 32])).nv21(7, 640, 480), noise, numbers, vec![0; 60_000], b"text ".repeat(9_000)]
        {
            assert!(!is_plain(&other));
        }
    }
}
