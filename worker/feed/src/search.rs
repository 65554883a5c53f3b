//! Finds where a trial's synchronisation tile lies in a picture: the picture is brought to two samples a cell, whitened, folded
//! onto one tile, and correlated by a small Fourier transform with the eight turned and mirrored tiles of both scales.
//!
//! Only synchronisation signs are used here; they are drawn apart from the frames' signs, so any number of places may be tried.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use crate::SubKey;
use crate::codeword::{Layer, TILE, sync_tile};
use crate::cyclic::{self, Four};
use crate::matrix::Mat3;
use crate::plane::{Picture, Plane, Weights, add};

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
    /// The picture is a negative: all signs are the other way round.
    pub(crate) negative: bool,
}

/// The spectra of the trials' tiles, and the transforms.
pub(crate) struct SyncBank {
    trials: Vec<Spectra>,
    forward: Arc<dyn Fft<f32>>,
    inverse: Arc<dyn Fft<f32>>,
}

/// Of one trial's tiles, turned in eight ways.
struct Spectra {
    /// At one sample a cell, four turns at a time: coarse, coarse, fine, fine.
    cells: [Box<[Four; cyclic::AREA]>; 4],
    /// At two samples a cell: both scales in one complex product, whose real part comes back as coarse, the imaginary as fine.
    samples: Vec<Vec<Complex32>>,
}

impl SyncBank {
    pub(crate) fn new(keys: &[SubKey]) -> Self {
        let mut planner = FftPlanner::new();
        let mut bank = Self { trials: Vec::new(), forward: planner.plan_fft_forward(FOLD), inverse: planner.plan_fft_inverse(FOLD) };
        for key in keys {
            let tiles = [sync_tile(key, Layer::Coarse), sync_tile(key, Layer::Fine)];
            let samples = (0..8)
                .map(|turn| {
                    let [a, b] = tiles.each_ref().map(|t| bank.spectrum(&doubled(&turned(t, turn))));
                    a.iter().zip(&b).map(|(a, b)| a.conj() + Complex32::I * b.conj()).collect()
                })
                .collect();
            let cells = std::array::from_fn(|i| {
                let four: [_; 4] = std::array::from_fn(|lane| turned(&tiles[i / 2], i % 2 * 4 + lane));
                let mut v = cyclic::zeros();
                for (k, c) in v.iter_mut().enumerate() {
                    c.re = std::array::from_fn(|lane| four[lane][k]);
                }
                // The way back of real values is the conjugate of the way there, as a correlation wants it.
                cyclic::back(&mut v);
                v
            });
            bank.trials.push(Spectra { cells, samples });
        }
        bank
    }

    fn spectrum(&self, values: &[f32]) -> Vec<Complex32> {
        let mut v: Vec<Complex32> = values.iter().map(|&r| Complex32::new(r, 0.0)).collect();
        transform(&*self.forward, &mut v);
        v
    }

    /// Adds the places of all trials in a folded picture whose z is at least `least`.
    ///
    /// With a z for a coarse look, that comes first, at half of all shifts (those of which both parts are even or both odd):
    /// only the turns that show so much there are correlated at all shifts.
    pub(crate) fn places(&self, folded: &Folded, least: f32, look: Option<f32>, out: &mut Vec<Place>) {
        let cells = look.map(|z| (z, halves(&folded.sum)));
        let mut work = cyclic::zeros();
        let mut spectrum = None;
        for (trial, spectra) in self.trials.iter().enumerate() {
            let mut seen = [cells.is_none(); 8];
            if let Some((enough, cells)) = &cells {
                for (i, filter) in spectra.cells.iter().enumerate() {
                    for (lane, z) in coarse(cells, filter, &mut work).into_iter().enumerate() {
                        seen[i % 2 * 4 + lane] |= z >= *enough;
                    }
                }
            }
            for turn in (0..8).filter(|&t| seen[t]) {
                let spectrum = spectrum.get_or_insert_with(|| self.spectrum(&folded.sum));
                self.turn(folded, spectrum, trial, turn, least, out);
            }
        }
    }

    /// Adds the places of one trial's tiles, turned in one way.
    fn turn(&self, folded: &Folded, spectrum: &[Complex32], trial: usize, turn: usize, least: f32, out: &mut Vec<Place>) {
        let mut work: Vec<Complex32> = spectrum.iter().zip(&self.trials[trial].samples[turn]).map(|(s, f)| s * f).collect();
        transform(&*self.inverse, &mut work);
        let (mut squares, mut peaks) = ([0.0_f32; 2], [(0.0_f32, 0_usize); 2]);
        for (i, c) in work.iter().enumerate() {
            squares[0] += c.re * c.re;
            squares[1] += c.im * c.im;
            if c.re.abs() > peaks[0].0.abs() {
                peaks[0] = (c.re, i);
            }
            if c.im.abs() > peaks[1].0.abs() {
                peaks[1] = (c.im, i);
            }
        }
        for (k, layer) in [Layer::Coarse, Layer::Fine].into_iter().enumerate() {
            let z = peaks[k].0.abs() / ((squares[k] / AREA as f32).sqrt() + 1e-9);
            if z >= least
                && let Some(map) = place(&folded.map, layer, turn, peaks[k].1)
            {
                out.push(Place { z, trial, layer, map, negative: peaks[k].0 < 0.0 });
            }
        }
    }
}

/// The spectrum of the sums over a cell's four samples that begin at even rows and columns (real part), and at odd ones
/// (imaginary part).
fn halves(sum: &[f32]) -> Vec<Complex32> {
    let at = |y: usize, x: usize| sum[y % FOLD * FOLD + x % FOLD];
    let cell = |y: usize, x: usize| at(y, x) + at(y, x + 1) + at(y + 1, x) + at(y + 1, x + 1);
    let mut v = cyclic::zeros();
    for (i, c) in v.iter_mut().enumerate() {
        let (y, x) = (i / TILE * 2, i % TILE * 2);
        // Conjugate, as the way there is made of the way back.
        (c.re[0], c.im[0]) = (cell(y, x), -cell(y + 1, x + 1));
    }
    cyclic::back(&mut v);
    v.iter().map(|c| Complex32::new(c.re[0], -c.im[0])).collect()
}

/// Peak over deviation of the correlations with four tiles.
fn coarse(cells: &[Complex32], filter: &[Four; cyclic::AREA], work: &mut [Four; cyclic::AREA]) -> [f32; 4] {
    for ((w, s), f) in work.iter_mut().zip(cells).zip(filter) {
        for i in 0..4 {
            w.re[i] = s.re * f.re[i] - s.im * f.im[i];
            w.im[i] = s.re * f.im[i] + s.im * f.re[i];
        }
    }
    cyclic::back(work);
    let (mut peak, mut square) = ([0.0_f32; 4], [0.0_f32; 4]);
    for w in &*work {
        for i in 0..4 {
            square[i] += w.re[i] * w.re[i] + w.im[i] * w.im[i];
            let (re, im) = (w.re[i].abs(), w.im[i].abs());
            let top = if re > im { re } else { im };
            peak[i] = if top > peak[i] { top } else { peak[i] };
        }
    }
    std::array::from_fn(|i| peak[i] / ((square[i] / (2 * cyclic::AREA) as f32).sqrt() + 1e-9))
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

/// A tile transposed (4), upside down (1), mirrored (2).
fn turned(tile: &[i8; TILE * TILE], turn: usize) -> [f32; TILE * TILE] {
    std::array::from_fn(|i| {
        let (mut y, mut x) = (i / TILE, i % TILE);
        if turn & 1 != 0 {
            y = TILE - 1 - y;
        }
        if turn & 2 != 0 {
            x = TILE - 1 - x;
        }
        if turn & 4 != 0 {
            std::mem::swap(&mut y, &mut x);
        }
        f32::from(tile[y * TILE + x])
    })
}

/// A tile at two samples a cell.
fn doubled(tile: &[f32; TILE * TILE]) -> Vec<f32> {
    (0..AREA).map(|i| tile[i / FOLD / 2 * TILE + i % FOLD / 2]).collect()
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

/// A fold's side with one more row and column, for what lies between the last and the first.
const WIDE: usize = FOLD + 1;
/// Samples a pixel of the finest level of a [`Pyramid`].
const FINEST: f64 = 1.6;
/// Levels from one size to half of it.
const STEPS: f64 = 4.0;

/// A picture at sizes that are a fourth root of two apart, each less its local mean and over its local deviation, made when
/// first asked for. An exact one is made anew at every size that is asked for.
pub(crate) struct Pyramid {
    picture: Picture,
    exact: bool,
    levels: RefCell<BTreeMap<u32, Rc<Plane>>>,
}

impl Pyramid {
    pub(crate) fn new(image: Plane, exact: bool) -> Self {
        Self { picture: Picture::new(image), exact, levels: RefCell::default() }
    }

    pub(crate) fn base(&self) -> &Plane {
        self.picture.base()
    }

    fn white(&self, w: usize, h: usize) -> Plane {
        self.picture.resized(w, h, 1).normalised(None, 3, 15, 1.0 + 0.03 * self.picture.deviation, 2.0)
    }

    /// The smallest level that has at least `scale` samples a pixel, or the finest.
    fn level(&self, scale: f64) -> Rc<Plane> {
        let base = self.base();
        let k = (STEPS * (FINEST / scale).log2() + 1e-9).max(0.0) as u32;
        let made = self.levels.borrow().get(&k).cloned();
        made.unwrap_or_else(|| {
            let scale = FINEST * 0.5_f64.powf(f64::from(k) / STEPS);
            let side = |n: usize| ((n as f64 * scale).ceil() as usize).max(1);
            let level = Rc::new(self.white(side(base.w), side(base.h)));
            self.levels.borrow_mut().insert(k, Rc::clone(&level));
            level
        })
    }

    /// Folds the whole picture with square cells of `cell` pixels.
    pub(crate) fn fold(&self, cell: f64) -> Option<Folded> {
        let (base, scale) = (self.base(), 2.0 / cell);
        let (w, h) = ((base.w as f64 * scale) as usize, (base.h as f64 * scale) as usize);
        if w < 12 || h < 12 || w.saturating_mul(h) > 4_000_000 {
            return None;
        }
        let level = if self.exact { Rc::new(self.white(w, h)) } else { self.level(scale) };
        // Rows are added up first, as whole rows; then each of the tile's rows along itself.
        let (rows, cols) = (Weights::new(level.h, h), Weights::new(level.w, w));
        let wide = level.w + 2;
        let mut tall = vec![0.0; FOLD * wide];
        for y in 0..h {
            let (first, weights) = rows.of(y);
            let line = &mut tall[y % FOLD * wide..][..level.w];
            for (k, &weight) in weights.iter().enumerate() {
                add(line, level.row(first + k), weight);
            }
        }
        let (mut sum, mut samples) = (vec![0.0; AREA], vec![0.0; w]);
        for (line, row) in sum.chunks_exact_mut(FOLD).zip(tall.chunks_exact(wide)) {
            cols.apply(row, &mut samples);
            for part in samples.chunks(FOLD) {
                add(line, part, 1.0);
            }
        }
        Some(Folded { sum: level_off(sum), map: Mat3::scale(w as f64 / base.w as f64, h as f64 / base.h as f64) })
    }

    /// Folds the whole picture onto one tile with sides `a` and `b` in pixels.
    pub(crate) fn fold_by(&self, a: [f64; 2], b: [f64; 2]) -> Option<Folded> {
        let base = self.base();
        let side = FOLD as f64;
        // Samples to pixels, from the picture's middle.
        let map = Mat3([[a[0] / side, b[0] / side, base.w as f64 / 2.0], [a[1] / side, b[1] / side, base.h as f64 / 2.0], [0.0, 0.0, 1.0]])
            .inverse()?;
        let density = side / a[0].hypot(a[1]).min(b[0].hypot(b[1]));
        if !density.is_finite() || density > 2.0 {
            return None;
        }
        let level = self.level(density.min(1.1));
        let from = map.after(&Mat3::scale(base.w as f64 / level.w as f64, base.h as f64 / level.h as f64));
        let wrap = |v: f64| v.rem_euclid(side) as f32;
        let (du, dv) = (from.0[0][0] as f32, from.0[1][0] as f32);
        let side = side as f32;
        let mut tile = vec![0.0_f32; WIDE * WIDE];
        for (y, row) in level.v.chunks_exact(level.w).enumerate() {
            let (u, v) = from.apply(0.5, y as f64 + 0.5);
            let (mut u, mut v) = (wrap(u - 0.5), wrap(v - 0.5));
            for &value in row {
                let (x0, y0) = ((u as usize).min(FOLD - 1), (v as usize).min(FOLD - 1));
                let (ax, ay) = (u - x0 as f32, v - y0 as f32);
                let (low, high) = (value * ay, value - value * ay);
                let i = y0 * WIDE + x0;
                let (top, bottom) = tile[i..i + WIDE + 2].split_at_mut(WIDE);
                top[0] += high - high * ax;
                top[1] += high * ax;
                bottom[0] += low - low * ax;
                bottom[1] += low * ax;
                u = around(u + du, side);
                v = around(v + dv, side);
            }
        }
        let mut sum = vec![0.0; AREA];
        for (y, row) in tile.chunks_exact(WIDE).enumerate() {
            let line = &mut sum[y % FOLD * FOLD..][..FOLD];
            add(line, &row[..FOLD], 1.0);
            line[0] += row[FOLD];
        }
        Some(Folded { sum: level_off(sum), map })
    }
}

/// `v`, which is at most a tile off, within a tile's side.
fn around(v: f32, side: f32) -> f32 {
    if v >= side {
        v - side
    } else if v < 0.0 {
        v + side
    } else {
        v
    }
}

fn level_off(mut sum: Vec<f32>) -> Vec<f32> {
    let mean = sum.iter().sum::<f32>() / AREA as f32;
    for v in &mut sum {
        *v -= mean;
    }
    sum
}

/// Cell sizes to try, in pixels: from `least` to a sixth of the shorter side, near enough to each other that the widest stretch
/// of the picture stays within a cell, `step` of it from the middle to both ends of a step.
pub(crate) fn cell_sizes(w: usize, h: usize, least: f64, step: f64) -> Vec<f64> {
    let mut sizes = Vec::new();
    let mut cell = least;
    while cell < w.min(h) as f64 / 6.0 {
        sizes.push(cell);
        cell *= 1.0 + step * (cell / w.max(h) as f64).clamp(0.016, 0.066_667);
    }
    sizes
}
