//! Whether what a lossless medium holds is noise: a cipher text can be the pixels of a PNG or the samples of a WAV, and every
//! viewer opens it. No camera, no artwork and no microphone makes such values; what does is told as what is bare noise.

use std::io::Read;

use flate2::read::ZlibDecoder;

use crate::{
    Format,
    carve::{be32, le32},
    look,
};

/// Bytes that are looked at together.
const BLOCK: usize = 512;
/// Blocks from which it is told.
const BLOCKS: usize = 2;
/// Bytes of one medium that are looked at.
const MOST: u64 = 128 << 20;
/// Samples that are looked at together.
const SAMPLES: usize = 4_096;

/// Whether so much of it is noise that it is worth telling.
pub(super) fn is_in(bytes: &[u8], format: Format) -> bool {
    match format {
        Format::Png => is_noise(&rows(bytes)),
        Format::Bmp => le32(bytes, 10).and_then(|at| bytes.get(at as usize..)).is_some_and(is_noise),
        Format::Wav => samples(bytes).is_some_and(sounds_like_noise),
        Format::WebP if memchr::memmem::find(&bytes[..bytes.len().min(4096)], b"VP8L").is_some() => {
            let mut decoded = Vec::new();
            image::codecs::webp::WebPDecoder::new(std::io::Cursor::new(bytes))
                .ok()
                .filter(|d| u64::from(image::ImageDecoder::dimensions(d).0) * u64::from(image::ImageDecoder::dimensions(d).1) <= MOST / 4)
                .and_then(|d| image::DynamicImage::from_decoder(d).ok())
                .is_some_and(|d| {
                    decoded.extend_from_slice(d.as_bytes());
                    is_noise(&decoded)
                })
        }
        _ => false,
    }
}

/// The rows of a PNG before their filters are undone: a filter leaves noise as even as it was, and makes everything else less so.
fn rows(b: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut i = 8;
    while let (Some(length), Some(name)) = (be32(b, i), b.get(i + 4..i + 8)) {
        let Some(data) = b.get(i + 8..(i + 8).saturating_add(length as usize).min(b.len())) else { break };
        if name == b"IDAT" {
            packed.extend(data);
        } else if name == b"fdAT" {
            // Frames of an animation are streams of their own; the first of them stands for the others.
            break;
        }
        i += 12 + length as usize;
    }
    let mut out = Vec::new();
    // A broken stream gives what came before.
    let _ = ZlibDecoder::new(packed.as_slice()).take(MOST).read_to_end(&mut out);
    out
}

/// Blocks whose bytes are even, and whose steps to the next byte, pixel and two pixels are too: a ramp has even bytes, and one step.
fn is_noise(b: &[u8]) -> bool {
    let even = |c: &&[u8]| {
        let steps = |n: usize| look::is_random(&c.windows(n + 1).map(|w| w[n].wrapping_sub(w[0])).collect::<Vec<u8>>());
        look::is_random(c) && [1, 2, 3, 4, 6, 8].into_iter().all(steps)
    };
    b.chunks_exact(BLOCK).filter(even).nth(BLOCKS - 1).is_some()
}

/// The samples of a WAV of 16 bits.
fn samples(b: &[u8]) -> Option<&[u8]> {
    let form = memchr::memmem::find(b.get(..b.len().min(4096))?, b"fmt ")?;
    let word = |i: usize| b.get(form + i..form + i + 2).map(|v| u16::from_le_bytes([v[0], v[1]]));
    if (word(8)?, word(22)?) != (1, 16) {
        return None;
    }
    let data = memchr::memmem::find(b.get(form..)?, b"data")? + form + 8;
    let size = le32(b, data - 4)? as usize;
    let end = if matches!(size, 0 | 0xffff_ffff) { b.len() } else { data.saturating_add(size).min(b.len()) };
    b.get(data..end)
}

/// Samples of all values alike, each without a likeness to the one before: as loud as noise can be, and white.
fn sounds_like_noise(b: &[u8]) -> bool {
    b.chunks_exact(2 * SAMPLES).any(|c| {
        let x: Vec<f64> = c.chunks_exact(2).map(|s| f64::from(i16::from_le_bytes([s[0], s[1]])) / 32_768.0).collect();
        let n = x.len() as f64;
        let power = x.iter().map(|v| v * v).sum::<f64>() / n;
        let likeness = |k: usize| x.windows(k + 1).map(|w| w[0] * w[k]).sum::<f64>() / n / power.max(1e-12);
        // A uniform distribution has a power of 1/3; both are off by less than five deviations.
        (power - 1.0 / 3.0).abs() < 0.024 && [1, 2].into_iter().all(|k| likeness(k).abs() < 0.08)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ramps_waves_and_grain_are_no_noise() {
        let ramp: Vec<u8> = (0..8192).map(|i| i as u8).collect();
        let colours: Vec<u8> = (0..8192_u32).flat_map(|i| [i as u8, (i / 3) as u8, (255 - i % 256) as u8]).collect();
        let mut grain = vec![0; 8192];
        stakeout_feed::SubKey::from_bytes([7; 32]).fill("noise", 0, &mut grain);
        // What a camera in the dark makes: a sum of a few small steps.
        let dark: Vec<u8> = grain.windows(4).map(|w| 90 + w.iter().map(|v| v / 16).sum::<u8>()).collect();
        for b in [&ramp, &colours, &dark] {
            assert!(!is_noise(b));
        }
        assert!(is_noise(&grain));
        let loud: Vec<u8> = (0..9000).map(|i| ((f64::from(i) * 0.7).sin() * 32_000.0) as i16).flat_map(i16::to_le_bytes).collect();
        assert!(!sounds_like_noise(&loud) && sounds_like_noise(&[grain.clone(), grain].concat()[..]));
    }
}
