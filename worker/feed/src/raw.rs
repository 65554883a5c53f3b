//! Raw camera buffers: NV21, NV12, I420 or luma alone, whose size is not written anywhere.

use std::sync::{Arc, OnceLock};

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::num_complex::Complex32;

use crate::GrayImage;

/// Sizes that cameras and previews have, commonest first.
const SIZES: [(u32, u32); 22] = [
    (640, 480),
    (320, 240),
    (1280, 720),
    (1920, 1080),
    (176, 144),
    (352, 288),
    (160, 120),
    (720, 480),
    (800, 600),
    (1280, 960),
    (1024, 768),
    (960, 720),
    (960, 540),
    (640, 360),
    (768, 432),
    (480, 360),
    (480, 320),
    (240, 160),
    (1600, 1200),
    (1440, 1080),
    (2048, 1536),
    (864, 480),
];

/// Widths and heights that a raw buffer of this many bytes may have, likeliest first: known sizes, upright and turned, with
/// chroma at half size (3/2 bytes a pixel) or luma only, then with chroma or alpha in full (2 to 4 bytes) left out. A buffer may
/// be longer than its frame by less than a row.
pub fn raw_candidates(bytes_len: usize) -> Vec<(u32, u32)> {
    let mut out = Vec::new();
    for exact in [true, false] {
        for (w, h) in SIZES.into_iter().flat_map(|(w, h)| [(w, h), (h, w)]) {
            let area = w as usize * h as usize;
            for frame in [area * 3 / 2, area] {
                let spare = bytes_len.checked_sub(frame);
                let fits = spare.is_some_and(|s| if exact { s == 0 } else { s > 0 && s < w as usize });
                if fits && !out.contains(&(w, h)) {
                    out.push((w, h));
                }
            }
        }
    }
    out
}

/// Heights that a picture with rows of `width` pixels may have, commonest first; none for a width that no camera has.
pub fn known_heights(width: u32) -> Vec<u32> {
    SIZES.into_iter().flat_map(|(w, h)| [(w, h), (h, w)]).filter(|s| s.0 == width).map(|s| s.1).collect()
}

/// The luma of a raw buffer at this size; what is missing at the end is mid-grey.
pub fn raw_gray(bytes: &[u8], width: u32, height: u32) -> GrayImage {
    let area = width as usize * height as usize;
    let mut luma = bytes[..area.min(bytes.len())].to_vec();
    luma.resize(area, 128);
    GrayImage { width, height, luma }
}

/// The row length at which a buffer's lines are most alike, 24..=4096, when one stands out: for buffers of no known size.
pub fn row_length(bytes: &[u8]) -> Option<u32> {
    let x = &bytes[..bytes.len().min(1 << 18)];
    if x.len() < 4096 {
        return None;
    }
    let n = x.len();
    // Differences of neighbours, as all neighbours are alike.
    let d: Vec<f32> = x.windows(2).map(|p| f32::from(p[1]) - f32::from(p[0])).collect();
    let line = likeness(&d)?;
    let last = LONGEST.min(n / 8);
    let square = line[24..=last].iter().map(|v| v * v).sum::<f32>() / (last - 23) as f32;
    let top = (24..=last).max_by(|&a, &b| line[a].total_cmp(&line[b]))?;
    (line[top] > 5.0 * square.sqrt()).then_some(top as u32)
}

/// Longest row that is looked for.
const LONGEST: usize = 4096;
/// Values of one transform: those of a block, and as many lags as are asked for.
const SIZE: usize = 4 * LONGEST;

type Plans = (Arc<dyn RealToComplex<f32>>, Arc<dyn ComplexToReal<f32>>);

/// Sum of the products of all values with those `0..=LONGEST` later, by blocks that stay in the processor's cache.
fn likeness(d: &[f32]) -> Option<Vec<f32>> {
    static PLANS: OnceLock<Plans> = OnceLock::new();
    let (forward, inverse) = PLANS.get_or_init(|| {
        let mut planner = RealFftPlanner::new();
        (planner.plan_fft_forward(SIZE), planner.plan_fft_inverse(SIZE))
    });
    let mut line = forward.make_input_vec();
    let mut scratch = vec![Complex32::default(); forward.get_scratch_len().max(inverse.get_scratch_len())];
    let (mut block, mut more) = (forward.make_output_vec(), forward.make_output_vec());
    let mut sum = vec![Complex32::default(); block.len()];
    for from in (0..d.len()).step_by(SIZE - LONGEST) {
        let rest = &d[from..];
        for (spectrum, length) in [(&mut block, SIZE - LONGEST), (&mut more, SIZE)] {
            let part = &rest[..length.min(rest.len())];
            line[..part.len()].copy_from_slice(part);
            line[part.len()..].fill(0.0);
            forward.process_with_scratch(&mut line, spectrum, &mut scratch).ok()?;
        }
        for (s, (a, b)) in sum.iter_mut().zip(block.iter().zip(&more)) {
            *s += a.conj() * b;
        }
    }
    sum[0].im = 0.0;
    sum[SIZE / 2].im = 0.0;
    inverse.process_with_scratch(&mut sum, &mut line, &mut scratch).ok()?;
    line.truncate(LONGEST + 1);
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CameraFeed, SubKey};

    #[test]
    fn a_preview_buffer_gives_its_size_first() {
        assert_eq!(raw_candidates(640 * 480 * 3 / 2)[0], (640, 480));
        assert_eq!(raw_candidates(176 * 144 * 3 / 2)[0], (176, 144));
        assert_eq!(raw_candidates(320 * 240)[0], (320, 240));
        assert!(raw_candidates(12345).is_empty());
    }

    #[test]
    fn an_odd_row_length_is_found_from_the_rows() {
        let luma = CameraFeed::new(SubKey::from_bytes([1; 32])).luma(9, 648, 486);
        assert_eq!(row_length(&luma), Some(648));
        let mut noise = vec![0; 100_000];
        SubKey::from_bytes([1; 32]).fill("noise", 0, &mut noise);
        assert_eq!(row_length(&noise), None);
    }
}
