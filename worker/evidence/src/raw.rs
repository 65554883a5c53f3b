//! Pictures without a head: what bytes that nothing explains may be. Sound without one is [`pcm`](crate::pcm)'s.

use std::ops::Range;

use stakeout_feed::{GrayImage, known_heights, raw_candidates, raw_gray, row_length};

use crate::look;

/// Sizes of a raw picture that are tried.
const SIZES: usize = 4;
/// Frames of one buffer that are read; of more, so many that are spread over it.
const FRAMES: usize = 24;
/// Buffers up to here are also tried as one picture of any size.
const WHOLE: usize = 32 << 20;
/// Bytes that a row is looked for in.
const PROBE: usize = 1 << 18;
/// How far a text may seem to reach into the picture behind it, as a dark one can be taken for letters.
const BLURRED: usize = 64;

/// A picture that may lie in a stretch of the bytes, and the step's name.
pub(crate) type Guess = (&'static str, Range<usize>, GrayImage);

/// The bytes behind a text that stands in front of them; nothing if all is text.
pub(crate) fn behind_text(b: &[u8]) -> Range<usize> {
    let text = match std::str::from_utf8(b) {
        Ok(_) => b.len(),
        Err(e) => e.valid_up_to(),
    };
    if text < 1024 || !look::is_text(&b[..text]) {
        return 0..b.len();
    }
    // Frames one after the other end where the bytes do.
    let width = row_length(&b[text..b.len().min(text + PROBE)]);
    let frames: Vec<usize> = width.map_or_else(Vec::new, |w| known_heights(w).iter().map(|h| w as usize * *h as usize * 3 / 2).collect());
    let exact = |from: &usize| {
        let n = b.len() - from;
        let one = raw_candidates(n).iter().any(|&(w, h)| [w as usize * h as usize * 3 / 2, w as usize * h as usize].contains(&n));
        one || frames.iter().any(|f| n >= *f && n.is_multiple_of(*f))
    };
    let from = (0..=BLURRED).map(|k| text - k).filter(|from| *from < b.len()).find(exact);
    from.unwrap_or(text)..b.len()
}

/// Whether neighbours differ by how they lie in a pixel of `n` bytes: then each pixel has its colours together.
fn has_pixels_of(n: usize, b: &[u8]) -> bool {
    let b = &b[..b.len().min(1 << 16)];
    let step = |phase: usize| b[phase..].chunks_exact(n).map(|p| u64::from(p[0].abs_diff(p[1]))).sum::<u64>();
    let steps: Vec<u64> = (0..n).filter(|p| b.len() > p + n).map(step).collect();
    let (least, most) = (steps.iter().min().copied().unwrap_or(0), steps.iter().max().copied().unwrap_or(0));
    most > least + least / 4
}

/// The mean of the first three bytes of each pixel, which is close enough to luma.
fn mean(b: &[u8], n: usize) -> Vec<u8> {
    b.chunks_exact(n).map(|p| ((u16::from(p[0]) + 2 * u16::from(p[1]) + u16::from(p[2])) / 4) as u8).collect()
}

/// The size of which the bytes are one picture with its chroma at half size and nothing left, where their rows look as long.
fn exact_size(b: &[u8]) -> Option<(u32, u32)> {
    let is_whole = |(w, h): &(u32, u32)| *w as usize * *h as usize * 3 / 2 == b.len();
    let sizes: Vec<_> = raw_candidates(b.len()).into_iter().take(SIZES).filter(is_whole).collect();
    let row = (!sizes.is_empty()).then(|| row_length(b)).flatten()?;
    sizes.into_iter().find(|s| s.0 == row)
}

/// Pictures that all of the bytes may be, likeliest first, without those that [`exact`] gives.
fn wholes(b: &[u8]) -> impl Iterator<Item = (&'static str, GrayImage)> {
    let exact = exact_size(b);
    let known = raw_candidates(b.len()).into_iter().take(SIZES).filter(move |size| Some(*size) != exact);
    let known = known.map(|(w, h)| ("raw-yuv", raw_gray(b, w, h)));
    let full = [4, 3].into_iter().flat_map(move |n| {
        let sizes = if b.len().is_multiple_of(n) && has_pixels_of(n, b) { raw_candidates(b.len() / n) } else { Vec::new() };
        let exact = sizes.into_iter().filter(move |(w, h)| *w as usize * *h as usize * n == b.len());
        exact.take(SIZES).map(move |(width, height)| ("raw-rgb", GrayImage { width, height, luma: mean(b, n) }))
    });
    let other = raw_candidates(b.len()).is_empty().then(|| row_length(b)).flatten();
    let other = other.map(|w| ("raw-yuv", raw_gray(b, w, (b.len() as u32 / w).max(1))));
    full.chain(known).chain(other)
}

/// The picture that the bytes are without one left: tried before they are taken for several smaller ones, as few and broad patches
/// look like pixels of several bytes.
pub(crate) fn exact(b: &[u8]) -> Option<Guess> {
    let (w, h) = (b.len() <= WHOLE).then(|| exact_size(b)).flatten()?;
    Some(("raw-yuv", 0..b.len(), raw_gray(b, w, h)))
}

/// How frames lie one after the other in a buffer.
struct Roll {
    width: u32,
    height: u32,
    /// Bytes of a pixel, or 1 where luma comes first.
    pixel: usize,
    /// Bytes from one frame to the next.
    step: usize,
}

/// How a buffer of several frames may be made, by the length of its rows, likeliest first. A picture of few and broad patches looks
/// as if its pixels had several bytes, so that is never all.
fn rolls(b: &[u8]) -> Vec<Roll> {
    // The begin may be something else.
    let places = [0, b.len() / 2].map(|at| &b[at..b.len().min(at + PROBE)]);
    let of = |pixel: usize, width: u32| {
        let heights = known_heights(width);
        let bytes = |h: u32| width as usize * h as usize * if pixel == 1 { 3 } else { 2 * pixel } / 2;
        let exact = heights.iter().find(|h| b.len().is_multiple_of(bytes(**h)));
        let height = *exact.or(heights.first())?;
        (b.len() >= 2 * bytes(height)).then(|| Roll { width, height, pixel, step: bytes(height) })
    };
    let luma = places.iter().find_map(|p| of(1, row_length(p)?));
    let full =
        [4, 3].into_iter().filter_map(|n| places.iter().filter(|p| has_pixels_of(n, p)).find_map(|p| of(n, row_length(&mean(p, n))?)));
    luma.into_iter().chain(full).collect()
}

/// Frames of a buffer that holds several, in each way that it may, and whether these are all.
pub(crate) fn frames(b: &[u8]) -> Vec<(Vec<Guess>, bool)> {
    rolls(b).iter().map(|r| frames_of(b, r)).collect()
}

fn frames_of(b: &[u8], r: &Roll) -> (Vec<Guess>, bool) {
    let count = b.len() / r.step;
    let read = count.min(FRAMES);
    let one = |i: usize| {
        let at = if count == read { i } else { i * (count - 1) / (read - 1) } * r.step;
        let area = r.width as usize * r.height as usize;
        let bytes = &b[at..(at + r.step).min(b.len())];
        let guess = if r.pixel == 1 {
            ("raw-yuv", raw_gray(bytes, r.width, r.height))
        } else {
            let mut luma = mean(bytes, r.pixel);
            luma.resize(area, 128);
            ("raw-rgb", GrayImage { width: r.width, height: r.height, luma })
        };
        (guess.0, at..at + bytes.len(), guess.1)
    };
    ((0..read).map(one).collect(), count == read)
}

/// Least likeness of the neighbours in a picture, in pixels of one byte and of three or four, and of its rows.
const NEIGHBOURS: [(usize, f64); 3] = [(1, 0.75), (3, 0.85), (4, 0.85)];
const ROWS: f64 = 0.7;
/// Fewest values that a picture has.
const SHADES: usize = 12;
/// Shortest row: tables have shorter ones.
const SHORTEST: u32 = 32;

/// Whether the bytes are plainly pictures, although none of them is recognised: rows repeat, and neighbours are alike. Measured on
/// 6,001 files of a Debian system that are neither text nor noise: three programs are, and one file of icons.
pub(crate) fn is_plain(b: &[u8]) -> bool {
    [0, b.len() / 2].into_iter().any(|at| is_picture(&b[at..b.len().min(at + PROBE)]))
}

fn is_picture(b: &[u8]) -> bool {
    let mut counts = [0_usize; 256];
    for v in b {
        counts[usize::from(*v)] += 1;
    }
    // What is mostly one value is like itself, and a camera gives more shades than tables have.
    if counts.iter().any(|n| 5 * n > 3 * b.len()) || counts.iter().filter(|n| **n > 0).count() < SHADES {
        return false;
    }
    let row = row_length(b).filter(|r| *r >= SHORTEST);
    row.is_some_and(|r| NEIGHBOURS.iter().any(|(lag, least)| likeness(b, *lag) >= *least) && likeness(b, r as usize) >= ROWS)
}

/// How much bytes are like those so many later: 1 for the same, 0 for noise.
fn likeness(b: &[u8], lag: usize) -> f64 {
    let n = b.len().max(1) as f64;
    let mean = b.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let off = |v: &u8| f64::from(*v) - mean;
    let power = b.iter().map(|v| off(v).powi(2)).sum::<f64>();
    b.iter().zip(b.iter().skip(lag)).map(|(v, w)| off(v) * off(w)).sum::<f64>() / power.max(1e-9)
}

/// What all of the bytes may be, unless there are too many.
pub(crate) fn pictures(b: &[u8]) -> impl Iterator<Item = Guess> {
    let all = 0..b.len();
    (b.len() <= WHOLE).then(|| wholes(b)).into_iter().flatten().map(move |(step, p)| (step, all.clone(), p))
}

/// Whether so many bytes are tried as one picture.
pub(crate) fn is_tried_whole(b: &[u8]) -> bool {
    b.len() <= WHOLE
}

#[cfg(test)]
mod tests {
    use stakeout_feed::{CameraFeed, SubKey};

    use super::*;

    #[test]
    fn a_long_roll_of_frames_is_read_from_its_first_to_its_last() {
        let feed = CameraFeed::new(SubKey::from_bytes([1; 32]));
        let roll: Vec<u8> = (0..40).flat_map(|f| feed.nv21(f, 176, 144)).collect();
        let (read, all) = frames(&roll).remove(0);
        let size = 176 * 144 * 3 / 2;
        assert_eq!((read.len(), all, read[0].1.clone(), read[23].1.clone()), (FRAMES, false, 0..size, 39 * size..40 * size));
        let (read, all) = frames(&roll[..3 * size]).remove(0);
        assert!(read.len() == 3 && all);
        assert!(frames(&roll[..size]).is_empty());
        // Its patches are 20 pixels broad: they look like pixels of four bytes, too.
        let large: Vec<u8> = (0..3).flat_map(|f| feed.nv21(f, 640, 480)).collect();
        assert_eq!(frames(&large)[0].0[2].1, 2 * 460_800..3 * 460_800);
    }

    #[test]
    fn a_buffer_of_a_known_size_is_first_taken_for_one_picture_and_each_guess_is_made_once() {
        let one = CameraFeed::new(SubKey::from_bytes([1; 32])).nv21(7, 640, 480);
        let first = exact(&one).map(|(step, at, p)| (step, at, p.width, p.height));
        assert_eq!(first, Some(("raw-yuv", 0..460_800, 640, 480)));
        let others: Vec<_> = pictures(&one).map(|(step, _, p)| (step, p.width, p.height)).collect();
        assert!(!others.contains(&("raw-yuv", 640, 480)), "{others:?}");
        // Some bytes at its end that are no row.
        let more = [&one[..], &[0; 100]].concat();
        assert!(exact(&more).is_none());
        assert!(pictures(&more).any(|(_, _, p)| (p.width, p.height) == (640, 480)));
    }

    #[test]
    fn a_picture_behind_a_text_begins_where_the_text_ends() {
        let picture = CameraFeed::new(SubKey::from_bytes([1; 32])).nv21(7, 176, 144);
        let text = b"line of a log\n".repeat(500);
        let b = [&text[..], &picture].concat();
        assert_eq!(behind_text(&b), text.len()..b.len());
        assert!(behind_text(&text).is_empty());
        assert_eq!(behind_text(&picture), 0..picture.len());
        let roll: Vec<u8> = (0..40).flat_map(|f| CameraFeed::new(SubKey::from_bytes([1; 32])).nv21(f, 640, 480)).collect();
        let b = [&text[..], &roll].concat();
        assert_eq!(behind_text(&b), text.len()..b.len());
    }

    #[test]
    fn a_frame_is_plainly_a_picture_and_other_bytes_are_not() {
        let feed = CameraFeed::new(SubKey::from_bytes([1; 32]));
        assert!(is_plain(&feed.nv21(7, 640, 480)) && is_plain(&feed.luma(7, 656, 490)));
        let mut noise = vec![0; 60_000];
        SubKey::from_bytes([9; 32]).fill("noise", 0, &mut noise);
        let table: Vec<u8> =
            (0..4_000_u32).flat_map(|i| [&i.to_be_bytes()[..], &[0; 8], b"a name\0\0", &(i * 7).to_be_bytes()].concat()).collect();
        for other in [noise, table, include_bytes!("raw.rs").to_vec(), vec![7; 60_000]] {
            assert!(!is_plain(&other));
        }
    }
}
