//! Where a picture does not show the frame that was found in it.
//!
//! The search ends at the first frame, and a frame is found in a part of a picture as well. So all signs of the frame are known
//! then, and are asked back, block by block: where the picture is not plain and the signs are not there, it shows something else.
//! That is laid out as a picture of its own, for whoever wants to read it.

use crate::SubKey;
use crate::codeword::{Layer, TILE, frame_tile, is_sync};
use crate::matrix::Mat3;
use crate::plane::{Picture, seen_through};
use crate::read::{Cells, FITS_FIRST, cells};
use crate::refine::raster_map;

/// Samples of a cell's side that are asked whether it is plain.
const SAMPLES: usize = 2;
/// Steps of luma, and part of the picture's deviation, up to which the surroundings of a cell are plain.
const PLAIN: f32 = 4.0;
const PLAIN_PART: f32 = 0.1;
/// Pixels of a block's side at least.
const LEAST: f64 = 24.0;
/// Cells of a block that are not plain, of all that could be.
const FULL: f64 = 0.85;
/// Deviations that the sum of a block's signs has, if they are there.
const SURE: f64 = 6.5;
/// Part of that sum under which they are not.
const ABSENT: f64 = 0.25;
/// Cells of the blocks by which it is measured how well signs are seen in this picture.
const MEASURE: usize = 10;
/// Such blocks at least.
const MEASURED: usize = 4;
/// A block wider than this part of the picture says nothing of where.
const WIDEST: f64 = 0.6;

/// A stretch of pixels: left, top, right, bottom.
pub(crate) type Bounds = [f64; 4];

/// Bounds of all blocks that show something else than the frame; none if there is no such block, or if its signs are too faint
/// here to say.
pub(crate) fn elsewhere(image: &Picture, map: &Mat3, key: &SubKey, frame: u64) -> Option<Bounds> {
    let mut all: Option<Bounds> = None;
    for layer in [Layer::Fine, Layer::Coarse] {
        let Some(agreement) = Agreement::new(image, map, layer, key, frame) else { continue };
        // Another picture has none of the signs; another frame of the same camera, where its cells lie as these do, has half.
        for frames_own in [false, true] {
            if let Some(b) = agreement.absent(frames_own) {
                let all = all.get_or_insert(b);
                *all = [all[0].min(b[0]), all[1].min(b[1]), all[2].max(b[2]), all[3].max(b[3])];
            }
        }
    }
    all
}

/// How far each cell agrees with its sign.
struct Agreement<'a> {
    map: &'a Mat3,
    layer: Layer,
    cells: Cells,
    /// A cell's pixels, on a side.
    pixels: f64,
    /// By cell: agreement, and whether it is asked at all.
    all: Vec<(f64, bool)>,
    /// Whether a cell's sign is the frame's own.
    own: Vec<bool>,
}

impl<'a> Agreement<'a> {
    fn new(image: &Picture, map: &'a Mat3, layer: Layer, key: &SubKey, frame: u64) -> Option<Self> {
        let cells = cells(image, map, layer, FITS_FIRST)?;
        let tile = frame_tile(key, layer, frame);
        let (w, h) = (cells.values.w, cells.values.h);
        let textured = textured(image, map, &cells, layer);
        let index = |i: usize| cells.index(i % w, i / w);
        let all = (0..w * h).map(|i| (f64::from(cells.values.v[i]) * f64::from(tile[index(i)]), cells.mask.v[i] > 0.0 && textured[i]));
        let all = all.collect();
        let own = (0..w * h).map(|i| !is_sync(index(i) / TILE, index(i) % TILE)).collect();
        let (x, y) = (w as f64 / 2.0, h as f64 / 2.0);
        let pixels = raster_map(map, cells.lo, layer, 1).stretch(x, y);
        (pixels.is_finite() && pixels > 0.0).then_some(Self { map, layer, cells, pixels, all, own })
    }

    /// Bounds of the blocks in which the signs are absent.
    fn absent(&self, frames_own: bool) -> Option<Bounds> {
        let (w, h) = (self.cells.values.w, self.cells.values.h);
        let counts = |i: usize| self.all[i].1 && (!frames_own || self.own[i]);
        let sums = Sums::new(w, h, |i| if counts(i) { (1.0, self.all[i].0) } else { (0.0, 0.0) });
        let (mean, deviation) = self.measured(&sums, &counts)?;
        let density = if frames_own { 0.5 } else { 1.0 };
        let needed = (SURE * deviation / mean).powi(2);
        let side = (needed / density).sqrt().max(LEAST / self.pixels).ceil() as usize;
        if side as f64 > WIDEST * w.min(h) as f64 {
            return None;
        }
        let least = FULL * density * (side * side) as f64;
        let mut found: Option<[usize; 4]> = None;
        for y in 0..=h - side {
            for x in 0..=w - side {
                let (n, sum) = sums.of([x, y, x + side, y + side]);
                if n >= least && sum < ABSENT * mean * n {
                    let f = found.get_or_insert([x, y, x + side, y + side]);
                    *f = [f[0].min(x), f[1].min(y), f[2].max(x + side), f[3].max(y + side)];
                }
            }
        }
        found.map(|f| self.bounds(f))
    }

    /// Mean and deviation of what a cell says, where the frame is seen: of the better half of the blocks, as the others may show
    /// something else.
    fn measured(&self, sums: &Sums, counts: &impl Fn(usize) -> bool) -> Option<(f64, f64)> {
        let (w, h) = (self.cells.values.w, self.cells.values.h);
        let full = MEASURE * MEASURE / 4;
        let corners = (0..h / MEASURE).flat_map(|y| (0..w / MEASURE).map(move |x| (x * MEASURE, y * MEASURE)));
        let of = |(x, y): (usize, usize)| sums.of([x, y, x + MEASURE, y + MEASURE]);
        let mut means: Vec<f64> = corners.map(of).filter(|b| b.0 as usize >= full).map(|(n, sum)| sum / n).collect();
        if means.len() < MEASURED {
            return None;
        }
        means.sort_by(f64::total_cmp);
        let mean = means[means.len() * 3 / 4];
        let some: Vec<f64> = (0..w * h).filter(|i| counts(*i)).map(|i| self.all[i].0).collect();
        let deviation = (some.iter().map(|v| v * v).sum::<f64>() / some.len().max(1) as f64).sqrt();
        (mean > 0.0).then_some((mean, deviation))
    }

    /// Cells as pixels.
    fn bounds(&self, [x0, y0, x1, y1]: [usize; 4]) -> Bounds {
        let to_pixels = raster_map(self.map, self.cells.lo, self.layer, 1);
        let corners = [(x0, y0), (x1, y0), (x0, y1), (x1, y1)].map(|(x, y)| to_pixels.apply(x as f64, y as f64));
        let of = |f: fn(f64, f64) -> f64, from: f64| (corners.iter().map(|c| c.0).fold(from, f), corners.iter().map(|c| c.1).fold(from, f));
        let ((left, top), (right, bottom)) = (of(f64::min, f64::MAX), of(f64::max, f64::MIN));
        [left, top, right, bottom]
    }
}

/// Whether each cell has something to see in and around it: bars beside a picture, and what is blank, have not.
fn textured(image: &Picture, map: &Mat3, cells: &Cells, layer: Layer) -> Vec<bool> {
    let (w, h) = (cells.values.w, cells.values.h);
    let (seen, _) = seen_through(image, &raster_map(map, cells.lo, layer, SAMPLES), w * SAMPLES, h * SAMPLES);
    let least = PLAIN.max(PLAIN_PART * image.deviation);
    let mut out = Vec::with_capacity(w * h);
    for y in 0..h {
        for x in 0..w {
            let side = |v: usize, n: usize| (v.saturating_sub(1) * SAMPLES)..((v + 2).min(n) * SAMPLES);
            let (mut low, mut high) = (f32::MAX, f32::MIN);
            for row in side(y, h) {
                for v in &seen.row(row)[side(x, w)] {
                    (low, high) = (low.min(*v), high.max(*v));
                }
            }
            out.push(high - low > least);
        }
    }
    out
}

/// Sums over blocks of cells.
struct Sums {
    w: usize,
    v: Vec<(f64, f64)>,
}

impl Sums {
    fn new(w: usize, h: usize, of: impl Fn(usize) -> (f64, f64)) -> Self {
        let mut v = vec![(0.0, 0.0); (w + 1) * (h + 1)];
        for y in 0..h {
            let mut row = (0.0, 0.0);
            for x in 0..w {
                let (n, sum) = of(y * w + x);
                row = (row.0 + n, row.1 + sum);
                let above = v[y * (w + 1) + x + 1];
                v[(y + 1) * (w + 1) + x + 1] = (above.0 + row.0, above.1 + row.1);
            }
        }
        Self { w: w + 1, v }
    }

    fn of(&self, [x0, y0, x1, y1]: [usize; 4]) -> (f64, f64) {
        let at = |x: usize, y: usize| self.v[y * self.w + x];
        let (a, b, c, d) = (at(x0, y0), at(x1, y0), at(x0, y1), at(x1, y1));
        (d.0 - b.0 - c.0 + a.0, d.1 - b.1 - c.1 + a.1)
    }
}
