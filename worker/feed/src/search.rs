//! Finds where a trial's synchronisation tile lies in a picture: the picture is brought to two samples a cell, whitened, folded
//! onto one tile, and correlated by a small Fourier transform with the eight turned and mirrored tiles of both scales.
//!
//! Only synchronisation signs are used here; they are drawn apart from the frames' signs, so any number of places may be tried.

use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use crate::SubKey;
use crate::codeword::{Layer, TILE, sync_tile};
use crate::matrix::Mat3;
use crate::plane::Plane;

/// Samples on a folded tile's side: two a cell.
pub(crate) const FOLD: usize = 2 * TILE;
const AREA: usize = FOLD * FOLD;

/// A folded picture and the map from its pixels to the fold's samples.
pub(crate) struct Folded {
    sum: Vec<f32>,
    map: Mat3,
}

/// A place where a trial's tile may lie.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Peak of the correlation over the deviation of its surface.
    pub(crate) z: f32,
    pub(crate) trial: usize,
    pub(crate) layer: Layer,
    /// Coarse cells to pixels.
    pub(crate) map: Mat3,
}

/// The spectra of one trial's tiles, and the transforms.
pub(crate) struct SyncBank {
    trials: Vec<Vec<Vec<Complex32>>>,
    forward: Arc<dyn Fft<f32>>,
    inverse: Arc<dyn Fft<f32>>,
}

impl SyncBank {
    pub(crate) fn new(keys: &[SubKey]) -> Self {
        let mut planner = FftPlanner::new();
        let mut bank = Self { trials: Vec::new(), forward: planner.plan_fft_forward(FOLD), inverse: planner.plan_fft_inverse(FOLD) };
        for key in keys {
            let tiles = [sync_tile(key, Layer::Coarse), sync_tile(key, Layer::Fine)];
            let filters = (0..8)
                .map(|turn| {
                    let [a, b] = tiles.each_ref().map(|t| bank.spectrum(&turned(t, turn)));
                    // Both scales in one complex product: the real part of what comes back is coarse, the imaginary part fine.
                    a.iter().zip(&b).map(|(a, b)| a.conj() + Complex32::I * b.conj()).collect()
                })
                .collect();
            bank.trials.push(filters);
        }
        bank
    }

    fn spectrum(&self, values: &[f32]) -> Vec<Complex32> {
        let mut v: Vec<Complex32> = values.iter().map(|&r| Complex32::new(r, 0.0)).collect();
        transform(&*self.forward, &mut v);
        v
    }

    /// Adds the places of all trials in a folded picture whose z is at least `least`.
    pub(crate) fn places(&self, folded: &Folded, least: f32, out: &mut Vec<Place>) {
        let spectrum = self.spectrum(&folded.sum);
        let mut work = vec![Complex32::default(); AREA];
        for (trial, filters) in self.trials.iter().enumerate() {
            for (turn, filter) in filters.iter().enumerate() {
                for ((w, s), f) in work.iter_mut().zip(&spectrum).zip(filter) {
                    *w = s * f;
                }
                transform(&*self.inverse, &mut work);
                let (mut squares, mut peaks) = ([0.0_f32; 2], [(0.0_f32, 0_usize); 2]);
                for (i, c) in work.iter().enumerate() {
                    squares[0] += c.re * c.re;
                    squares[1] += c.im * c.im;
                    if c.re > peaks[0].0 {
                        peaks[0] = (c.re, i);
                    }
                    if c.im > peaks[1].0 {
                        peaks[1] = (c.im, i);
                    }
                }
                for (k, layer) in [Layer::Coarse, Layer::Fine].into_iter().enumerate() {
                    let z = peaks[k].0 / ((squares[k] / AREA as f32).sqrt() + 1e-9);
                    if z >= least
                        && let Some(map) = place(&folded.map, layer, turn, peaks[k].1)
                    {
                        out.push(Place { z, trial, layer, map });
                    }
                }
            }
        }
    }
}

/// Rows, transpose, rows, transpose: the transform of a square. A spectrum stays transposed, and the way back
/// transposes again.
fn transform(fft: &dyn Fft<f32>, v: &mut [Complex32]) {
    fft.process(v);
    for y in 0..FOLD {
        for x in 0..y {
            v.swap(y * FOLD + x, x * FOLD + y);
        }
    }
    fft.process(v);
}

/// A tile at two samples a cell, transposed (4), upside down (1), mirrored (2).
fn turned(tile: &[i8; TILE * TILE], turn: usize) -> Vec<f32> {
    let mut out = vec![0.0; AREA];
    for (i, o) in out.iter_mut().enumerate() {
        let (mut y, mut x) = (i / FOLD / 2, i % FOLD / 2);
        if turn & 1 != 0 {
            y = TILE - 1 - y;
        }
        if turn & 2 != 0 {
            x = TILE - 1 - x;
        }
        if turn & 4 != 0 {
            std::mem::swap(&mut y, &mut x);
        }
        *o = f32::from(tile[y * TILE + x]);
    }
    out
}

/// The map from coarse cells to pixels that a peak of the correlation stands for.
fn place(map: &Mat3, layer: Layer, turn: usize, peak: usize) -> Option<Mat3> {
    let (dy, dx) = ((peak / FOLD) as f64, (peak % FOLD) as f64);
    let side = FOLD as f64;
    let mut g = Mat3::shift(-dx, -dy).after(map);
    if turn & 1 != 0 {
        g = Mat3([[1.0, 0.0, 0.0], [0.0, -1.0, side], [0.0, 0.0, 1.0]]).after(&g);
    }
    if turn & 2 != 0 {
        g = Mat3([[-1.0, 0.0, side], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]).after(&g);
    }
    if turn & 4 != 0 {
        g = Mat3([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]).after(&g);
    }
    let unit = 0.5 * layer.cell();
    Mat3::scale(unit, unit).after(&g).inverse()
}

/// A picture at its own size and at halves of it, so that a coarse look costs little.
pub(crate) struct Pyramid {
    levels: Vec<Plane>,
    floor: f32,
}

impl Pyramid {
    pub(crate) fn new(image: Plane) -> Self {
        let floor = 1.0 + 0.03 * image.deviation();
        let mut levels = vec![image];
        while let Some(last) = levels.last().filter(|p| p.w >= 48 && p.h >= 48 && levels.len() < 6) {
            levels.push(last.halved());
        }
        Self { levels, floor }
    }

    pub(crate) fn base(&self) -> &Plane {
        &self.levels[0]
    }

    /// Folds the whole picture with square cells of `cell` pixels, or of `cell * squeeze^-1/2` by `cell * squeeze^1/2`.
    pub(crate) fn fold(&self, cell: f64, squeeze: f64) -> Option<Folded> {
        let base = self.base();
        let (sx, sy) = (2.0 / cell * squeeze.powf(-0.5), 2.0 / cell * squeeze.sqrt());
        let (w, h) = ((base.w as f64 * sx) as usize, (base.h as f64 * sy) as usize);
        if w < 12 || h < 12 || w.saturating_mul(h) > 4_000_000 {
            return None;
        }
        // The level that is still at least as fine as the samples.
        let level = self.levels.iter().rev().find(|l| l.w >= w && l.h >= h).unwrap_or(base);
        let samples = level.resized(w, h).normalised(None, 3, 15, self.floor, 2.0);
        Some(Folded { sum: fold(&samples), map: Mat3::scale(w as f64 / base.w as f64, h as f64 / base.h as f64) })
    }
}

/// Folds samples that were taken through a map from pixels.
pub(crate) fn folded(samples: &Plane, map: Mat3) -> Folded {
    Folded { sum: fold(samples), map }
}

fn fold(samples: &Plane) -> Vec<f32> {
    let mut sum = vec![0.0; AREA];
    for (y, row) in samples.v.chunks_exact(samples.w).enumerate() {
        let line = &mut sum[y % FOLD * FOLD..][..FOLD];
        for part in row.chunks(FOLD) {
            for (s, &v) in line.iter_mut().zip(part) {
                *s += v;
            }
        }
    }
    let mean = sum.iter().sum::<f32>() / AREA as f32;
    for v in &mut sum {
        *v -= mean;
    }
    sum
}

/// Cell sizes to try, in pixels: from `least` to a sixth of the shorter side, near enough to each other that the widest stretch
/// of the picture stays within a cell.
pub(crate) fn cell_sizes(w: usize, h: usize, least: f64) -> Vec<f64> {
    let mut sizes = Vec::new();
    let mut cell = least;
    while cell < w.min(h) as f64 / 6.0 {
        sizes.push(cell);
        cell *= 1.0 + (0.75 * cell / w.max(h) as f64).clamp(0.012, 0.05);
    }
    sizes
}
