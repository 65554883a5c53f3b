//! The moving card: two scales of cells, drawn by exact area in integers.
//!
//! With m the shorter side in pixels, a fine cell is m/90 pixels and a coarse one m/30. Lengths are counted in ninetieths of a
//! pixel, so every border is an integer: a pixel is 90 units, a fine cell m, a coarse cell 3m. A pixel's share of a cell is a
//! product of two overlaps, of 8100 in all, and luma is 128 + 52 (coarse + fine), rounded half up.

use crate::SubKey;
use crate::codeword::{Layer, TILE, frame_tile};

const PIXEL: u64 = 90;
/// What a pixel adds up to when it lies on cells of +1 only.
pub(crate) const AREA: i32 = 8100;
const SWING: i32 = 52;

/// The cells of one frame at one size.
pub(crate) struct Cells {
    width: usize,
    layers: [(Vec<i32>, Vec<Span>); 2],
}

impl Cells {
    /// Neither side may be 0.
    pub(crate) fn new(key: &SubKey, frame: u64, width: u32, height: u32) -> Self {
        let (w, h) = (width as usize, height as usize);
        let m = u64::from(width.min(height));
        let layers = [(Layer::Coarse, 3 * m), (Layer::Fine, m)]
            .map(|(layer, cell)| (project(&frame_tile(key, layer, frame), &spans(w, cell), w), spans(h, cell)));
        Self { width: w, layers }
    }

    /// Row `y`: each pixel's sum over the coarse and over the fine cells, -8100..=8100.
    pub(crate) fn row(&self, y: usize, coarse: &mut [i32], fine: &mut [i32]) {
        for (sum, (rows, spans)) in [coarse, fine].into_iter().zip(&self.layers) {
            sum.fill(0);
            for &(cell, overlap) in &spans[y] {
                for (s, &c) in sum.iter_mut().zip(&rows[cell * self.width..][..self.width]) {
                    *s = s.wrapping_add(c.wrapping_mul(overlap));
                }
            }
        }
    }
}

/// Luma of a frame, `height` rows of `width` bytes, 24..=232, full range.
pub(crate) fn luma(key: &SubKey, frame: u64, width: u32, height: u32) -> Vec<u8> {
    let (w, h) = (width as usize, height as usize);
    if w == 0 || h == 0 {
        return Vec::new();
    }
    let cells = Cells::new(key, frame, width, height);
    let mut out = vec![0; w * h];
    let (mut coarse, mut fine) = (vec![0_i32; w], vec![0_i32; w]);
    for (y, row) in out.chunks_exact_mut(w).enumerate() {
        cells.row(y, &mut coarse, &mut fine);
        for (y, (&c, &f)) in row.iter_mut().zip(coarse.iter().zip(&fine)) {
            *y = (SWING.wrapping_mul(c.wrapping_add(f)).wrapping_add(128 * AREA + AREA / 2) as u32 / AREA as u32) as u8;
        }
    }
    out
}

/// Cells of the tile under one pixel of a line, each with its overlap in ninetieths.
type Span = Vec<(usize, i32)>;

fn spans(pixels: usize, cell: u64) -> Vec<Span> {
    (0..pixels as u64)
        .map(|x| {
            let (from, to) = (x * PIXEL, (x + 1) * PIXEL);
            let mut span: Span = Vec::new();
            for c in from / cell..to.div_ceil(cell) {
                let overlap = (to.min((c + 1) * cell) - from.max(c * cell)) as i32;
                let index = (c % TILE as u64) as usize;
                match span.iter_mut().find(|s| s.0 == index) {
                    Some(s) => s.1 += overlap,
                    None => span.push((index, overlap)),
                }
            }
            span
        })
        .collect()
}

/// The tile's 30 rows, each spread over the line's pixels: 30 x `w`, -90..=90.
fn project(tile: &[i8; TILE * TILE], spans: &[Span], w: usize) -> Vec<i32> {
    let mut out = vec![0; TILE * w];
    for (row, line) in out.chunks_exact_mut(w).enumerate() {
        for (p, span) in line.iter_mut().zip(spans) {
            *p = span.iter().map(|&(c, o)| i32::from(tile[row * TILE + c]) * o).sum();
        }
    }
    out
}
