//! Finds where a picture repeats. The fine tile comes again every ten coarse cells, so a picture of the card has peaks in its
//! autocorrelation at the tile's two sides, however it was sized, turned, squeezed or sheared. No key is used.

use std::cell::RefCell;
use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use crate::plane::Plane;
use crate::search::{Folded, Pyramid};

/// Longest side of the picture that is looked at.
const LONGEST: usize = 512;
/// Shortest repetition in its pixels: fine cells of about 1.2 pixels.
const SHORTEST: f64 = 36.0;
/// Rows that are turned into columns at once.
const TOGETHER: usize = 8;
const PEAKS: usize = 10;
/// Lattices that are folded and tried.
const TRIED: usize = 6;

type Vector = [f64; 2];

/// The picture folded by the most likely lattices, best first.
pub(crate) fn lattices(pyramid: &Pyramid, most: usize) -> Vec<Folded> {
    let image = pyramid.base();
    let shrink = (LONGEST as f64 / image.w.max(image.h) as f64).min(1.0);
    let (w, h) = ((image.w as f64 * shrink).round() as usize, (image.h as f64 * shrink).round() as usize);
    if w < 48 || h < 48 {
        return Vec::new();
    }
    let small = image.resized(w, h);
    let white = small.normalised(None, 7, 31, 1.0 + 0.03 * small.deviation(), 2.0);
    let surface = Autocorrelation::new(&white);
    let back = image.w as f64 / w as f64;
    surface.likely().into_iter().take(most).filter_map(|(a, b)| pyramid.fold_by(a.map(|v| v * back), b.map(|v| v * back))).collect()
}

/// Autocorrelation by lag, x from -mx to mx, y from 0 to my, each in units of its own noise.
struct Autocorrelation {
    mx: i64,
    my: i64,
    v: Plane,
}

impl Autocorrelation {
    fn new(p: &Plane) -> Self {
        let (mx, my) = ((p.w * 2 / 3) as i64, (p.h * 2 / 3) as i64);
        let (nw, nh) = (smooth(p.w + mx as usize), smooth(p.h + my as usize));
        let half = nw / 2 + 1;
        let Plans { across, back, down, up } = plans(nw, nh);
        // Columns of the spectrum, one after another.
        let mut columns = vec![Complex32::default(); half * nh];
        let mut line = vec![0.0_f32; nw];
        let mut rows = vec![Complex32::default(); half * TOGETHER];
        for y in (0..p.h).step_by(TOGETHER) {
            let some = TOGETHER.min(p.h - y);
            for (k, row) in rows.chunks_exact_mut(half).enumerate().take(some) {
                line[..p.w].copy_from_slice(p.row(y + k));
                line[p.w..].fill(0.0);
                if across.process(&mut line, row).is_err() {
                    row.fill(Complex32::default());
                }
            }
            for (x, column) in columns.chunks_exact_mut(nh).enumerate() {
                for (k, c) in column[y..y + some].iter_mut().enumerate() {
                    *c = rows[k * half + x];
                }
            }
        }
        down.process(&mut columns);
        for c in &mut columns {
            *c = Complex32::new(c.norm_sqr(), 0.0);
        }
        up.process(&mut columns);
        let power = p.v.iter().map(|v| v * v).sum::<f32>() / p.v.len() as f32 + 1e-9;
        let scale = 1.0 / ((nw * nh) as f32 * power);
        // One over the root of the overlap, which is that of the rows times that of the columns.
        let wide: Vec<f32> = (0..=mx).map(|dx| 1.0 / (p.w as f32 - dx as f32).sqrt()).collect();
        let mut v = Plane::new(2 * mx as usize + 1, my as usize + 1);
        for y in (0..=my as usize).step_by(TOGETHER) {
            let some = TOGETHER.min(my as usize + 1 - y);
            for (x, column) in columns.chunks_exact(nh).enumerate() {
                for (k, c) in column[y..y + some].iter().enumerate() {
                    rows[k * half + x] = *c;
                }
            }
            for (k, spectrum) in rows.chunks_exact_mut(half).enumerate().take(some) {
                spectrum[0].im = 0.0;
                if nw.is_multiple_of(2) {
                    spectrum[half - 1].im = 0.0;
                }
                if back.process(spectrum, &mut line).is_err() {
                    continue;
                }
                let scale = scale / (p.h as f32 - (y + k) as f32).sqrt();
                let (left, right) = v.v[(y + k) * (2 * mx as usize + 1)..][..=2 * mx as usize].split_at_mut(mx as usize);
                for ((o, l), w) in right.iter_mut().zip(&line).zip(&wide) {
                    *o = l * scale * w;
                }
                for ((o, l), w) in left.iter_mut().rev().zip(line.iter().rev()).zip(&wide[1..]) {
                    *o = l * scale * w;
                }
            }
        }
        // Slow swells of the surface are of the picture, not of the tile.
        v.level(None, 9);
        Self { mx, my, v }
    }

    fn at(&self, x: i64, y: i64) -> f32 {
        let (x, y) = if y < 0 { (-x, -y) } else { (x, y) };
        if x.abs() > self.mx || y > self.my { 0.0 } else { self.v.row(y as usize)[(x + self.mx) as usize] }
    }

    /// Greatest value within two pixels of a lag.
    fn around(&self, v: Vector) -> f32 {
        let (x, y) = (v[0].round() as i64, v[1].round() as i64);
        (-2..=2).flat_map(|dy| (-2..=2).map(move |dx| (dx, dy))).fold(0.0, |m, (dx, dy)| m.max(self.at(x + dx, y + dy)))
    }

    /// The highest tops outside the middle, at a fraction of a pixel.
    fn peaks(&self) -> Vec<(f32, Vector)> {
        let mut tops = Vec::new();
        for y in 0..self.my {
            for x in 1 - self.mx..self.mx {
                let v = self.at(x, y);
                if v < 0.01 || (y == 0 && x <= 0) || ((x * x + y * y) as f64) < SHORTEST * SHORTEST {
                    continue;
                }
                let top = (-1..=1).all(|dy| (-1..=1).all(|dx| self.at(x + dx, y + dy) <= v));
                if top {
                    tops.push((v, x, y));
                }
            }
        }
        tops.sort_by(|a, b| b.0.total_cmp(&a.0));
        tops.truncate(PEAKS);
        let part = |before: f32, here: f32, after: f32| {
            let bend = before - 2.0 * here + after;
            if bend.abs() < 1e-9 { 0.0 } else { f64::from(0.5 * (before - after) / bend).clamp(-0.5, 0.5) }
        };
        tops.into_iter()
            .map(|(v, x, y)| {
                let fx = part(self.at(x - 1, y), v, self.at(x + 1, y));
                let fy = part(self.at(x, y - 1), v, self.at(x, y + 1));
                (v, [x as f64 + fx, y as f64 + fy])
            })
            .collect()
    }

    /// Pairs of sides of the tile, best first.
    fn likely(&self) -> Vec<(Vector, Vector)> {
        let n = self.v.v.len().max(1) as f32;
        let noise = (self.v.v.iter().map(|v| v * v).sum::<f32>() / n).sqrt() + 1e-9;
        let peaks: Vec<_> = self.peaks().into_iter().filter(|p| p.0 > 4.5 * noise).collect();
        let mut pairs: Vec<(f32, Vector, Vector)> = Vec::new();
        let mut consider = |a: Vector, b: Vector| {
            let (la, lb) = (a[0].hypot(a[1]), b[0].hypot(b[1]));
            let area = (a[0] * b[1] - a[1] * b[0]).abs();
            if la.min(lb) < SHORTEST || la.max(lb) > 2.6 * la.min(lb) || area < 0.75 * la * lb {
                return;
            }
            let corner = |s: f64| [a[0] + s * b[0], a[1] + s * b[1]];
            let score = self.around(a) + self.around(b) + 0.7 * (self.around(corner(1.0)) + self.around(corner(-1.0)));
            let same = |p: &(f32, Vector, Vector)| near(p.1, a) && near(p.2, b) || near(p.1, b) && near(p.2, a);
            if !pairs.iter().any(same) {
                pairs.push((score, a, b));
            }
        };
        for (i, &(_, a)) in peaks.iter().enumerate() {
            consider(a, [-a[1], a[0]]);
            // Or `a` is the tile's diagonal.
            let (half_sum, half_difference) = ((a[0] + a[1]) * 0.5, (a[0] - a[1]) * 0.5);
            consider([half_difference, half_sum], [-half_sum, half_difference]);
            for &(_, b) in &peaks[i + 1..] {
                consider(a, b);
            }
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        pairs.truncate(TRIED);
        pairs.into_iter().map(|p| (p.1, p.2)).collect()
    }
}

/// The same side, or the same backwards.
fn near(a: Vector, b: Vector) -> bool {
    let off = |s: f64| (a[0] - s * b[0]).hypot(a[1] - s * b[1]);
    off(1.0).min(off(-1.0)) < 2.0
}

/// Transforms of rows and of columns, and their ways back.
struct Plans {
    across: Arc<dyn RealToComplex<f32>>,
    back: Arc<dyn ComplexToReal<f32>>,
    down: Arc<dyn Fft<f32>>,
    up: Arc<dyn Fft<f32>>,
}

/// Each thread keeps its plans: there are about a hundred lengths.
fn plans(nw: usize, nh: usize) -> Plans {
    thread_local! {
        static PLANNERS: RefCell<(RealFftPlanner<f32>, FftPlanner<f32>)> = RefCell::new((RealFftPlanner::new(), FftPlanner::new()));
    }
    PLANNERS.with_borrow_mut(|(real, complex)| Plans {
        across: real.plan_fft_forward(nw),
        back: real.plan_fft_inverse(nw),
        down: complex.plan_fft_forward(nh),
        up: complex.plan_fft_inverse(nh),
    })
}

/// The next length whose only prime factors are 2, 3 and 5.
fn smooth(n: usize) -> usize {
    let rest = |m: usize| {
        [2, 3, 5].iter().fold(m, |mut m, &p| {
            while m > 0 && m.is_multiple_of(p) {
                m /= p;
            }
            m
        })
    };
    (n..=2 * n).find(|&m| rest(m) == 1).unwrap_or(n)
}
