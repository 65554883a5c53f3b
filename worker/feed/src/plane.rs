//! Planes of `f32` and what is done to them: resizing by area, box sums, local normalisation, resampling through a map.

use crate::matrix::Mat3;

/// `h` rows of `w` values.
#[derive(Debug, Clone)]
pub(crate) struct Plane {
    pub(crate) w: usize,
    pub(crate) h: usize,
    pub(crate) v: Vec<f32>,
}

impl Plane {
    pub(crate) fn new(w: usize, h: usize) -> Self {
        Self { w, h, v: vec![0.0; w * h] }
    }

    pub(crate) fn row(&self, y: usize) -> &[f32] {
        &self.v[y * self.w..][..self.w]
    }

    /// Standard deviation of all values.
    pub(crate) fn deviation(&self) -> f32 {
        let n = self.v.len().max(1) as f64;
        let mean = self.v.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let square = self.v.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
        square.sqrt() as f32
    }

    /// Resized by area where it shrinks, by straight lines where it grows.
    pub(crate) fn resized(&self, w: usize, h: usize) -> Self {
        if (w, h) == (self.w, self.h) {
            return self.clone();
        }
        let rows = weights(self.h, h);
        let cols = weights(self.w, w);
        let mut out = Self::new(w, h);
        let mut line = vec![0.0_f32; self.w];
        for (y, (first, weights)) in rows.iter().enumerate() {
            line.fill(0.0);
            for (k, &weight) in weights.iter().enumerate() {
                for (l, &v) in line.iter_mut().zip(self.row(first + k)) {
                    *l += weight * v;
                }
            }
            for (o, (first, weights)) in out.v[y * w..][..w].iter_mut().zip(&cols) {
                *o = weights.iter().zip(&line[*first..]).map(|(a, b)| a * b).sum();
            }
        }
        out
    }

    /// Half the size, by means of four; an odd last line is dropped.
    pub(crate) fn halved(&self) -> Self {
        let (w, h) = (self.w / 2, self.h / 2);
        let mut out = Self::new(w, h);
        for (y, row) in out.v.chunks_exact_mut(w.max(1)).enumerate().take(h) {
            let (a, b) = (self.row(2 * y), self.row(2 * y + 1));
            for (x, o) in row.iter_mut().enumerate() {
                *o = (a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1]) / 4.0;
            }
        }
        out
    }

    /// Sums over squares of `k` (odd) values around each, as if zeros lay outside.
    pub(crate) fn box_sum(&self, k: usize) -> Self {
        let (w, h, r) = (self.w, self.h, k / 2);
        let mut across = Self::new(w, h);
        for (y, out) in across.v.chunks_exact_mut(w.max(1)).enumerate() {
            let row = self.row(y);
            let mut sum: f32 = row[..r.min(w)].iter().sum();
            for x in 0..w {
                if x + r < w {
                    sum += row[x + r];
                }
                if x > r {
                    sum -= row[x - r - 1];
                }
                out[x] = sum;
            }
        }
        let mut out = Self::new(w, h);
        let mut sum = vec![0.0_f32; w];
        for y in 0..r.min(h) {
            add(&mut sum, across.row(y), 1.0);
        }
        for y in 0..h {
            if y + r < h {
                add(&mut sum, across.row(y + r), 1.0);
            }
            if y > r {
                add(&mut sum, across.row(y - r - 1), -1.0);
            }
            out.v[y * w..][..w].copy_from_slice(&sum);
        }
        out
    }

    /// Local mean (square of `mean`, 0 for none) taken off, divided by the local deviation (square of `spread`) + `floor`,
    /// held within `clip`, 0 where `mask` is 0.
    pub(crate) fn normalised(&self, mask: Option<&Self>, mean: usize, spread: usize, floor: f32, clip: f32) -> Self {
        let (w, h) = (self.w, self.h);
        let mut high = self.clone();
        let count = |k: usize| Counts::new(w, h, mask, k);
        if let Some(m) = mask {
            high.v.iter_mut().zip(&m.v).for_each(|(v, m)| *v *= m);
        }
        if mean > 0 {
            let (sums, counts) = (high.box_sum(mean), count(mean));
            for (i, v) in high.v.iter_mut().enumerate() {
                *v -= sums.v[i] / counts.at(i).max(1.0);
            }
            if let Some(m) = mask {
                high.v.iter_mut().zip(&m.v).for_each(|(v, m)| *v *= m);
            }
        }
        let mut square = high.clone();
        square.v.iter_mut().for_each(|v| *v *= *v);
        let (sums, counts) = (square.box_sum(spread), count(spread));
        for (i, v) in high.v.iter_mut().enumerate() {
            let deviation = (sums.v[i].max(0.0) / counts.at(i).max(1.0)).sqrt();
            *v = (*v / (deviation + floor)).clamp(-clip, clip);
        }
        high
    }
}

/// How many values each square has.
enum Counts {
    Edges { w: usize, across: Vec<f32>, down: Vec<f32> },
    Masked(Plane),
}

impl Counts {
    fn new(w: usize, h: usize, mask: Option<&Plane>, k: usize) -> Self {
        let r = k / 2;
        let line = |n: usize| (0..n).map(|i| ((i + r).min(n - 1) - i.saturating_sub(r) + 1) as f32).collect();
        match mask {
            Some(m) => Self::Masked(m.box_sum(k)),
            None => Self::Edges { w, across: line(w), down: line(h) },
        }
    }

    fn at(&self, i: usize) -> f32 {
        match self {
            Self::Edges { w, across, down } => across[i % w] * down[i / w],
            Self::Masked(p) => p.v[i],
        }
    }
}

fn add(sum: &mut [f32], row: &[f32], factor: f32) {
    for (s, &v) in sum.iter_mut().zip(row) {
        *s += factor * v;
    }
}

/// For each of `to` places, the first of `from` values that it draws on and their weights, which sum to 1.
fn weights(from: usize, to: usize) -> Vec<(usize, Vec<f32>)> {
    let ratio = from as f64 / to as f64;
    (0..to)
        .map(|i| {
            if ratio >= 1.0 {
                let (a, b) = (i as f64 * ratio, ((i + 1) as f64 * ratio).min(from as f64));
                let first = (a.floor() as usize).min(from - 1);
                let last = (b.ceil() as usize).clamp(first + 1, from);
                let each = (first..last).map(|j| (((j + 1) as f64).min(b) - (j as f64).max(a)).max(0.0) / (b - a));
                (first, each.map(|v| v as f32).collect())
            } else {
                let place = ((i as f64 + 0.5) * ratio - 0.5).clamp(0.0, (from - 1) as f64);
                let first = (place.floor() as usize).min(from.saturating_sub(2));
                let part = (place - first as f64) as f32;
                (first, if from == 1 { vec![1.0] } else { vec![1.0 - part, part] })
            }
        })
        .collect()
}

/// `image` seen through `map` (raster sample -> pixel), `w` x `h` samples, with a mask of the samples that lie on the image.
/// Where a sample is wider than a pixel, the image is first shrunk to about a pixel a sample.
pub(crate) fn seen_through(image: &Plane, map: &Mat3, w: usize, h: usize) -> (Plane, Plane) {
    let wide = map.stretch(w as f64 / 2.0, h as f64 / 2.0);
    let shrink = if wide.is_finite() { (1.0 / wide.max(1e-6)).min(1.0) } else { 1.0 };
    let shrink = shrink.max(8.0 / image.w.max(image.h) as f64);
    let small;
    let (source, map) = if shrink < 0.8 {
        let sw = ((image.w as f64 * shrink).round() as usize).max(1);
        let sh = ((image.h as f64 * shrink).round() as usize).max(1);
        small = image.resized(sw, sh);
        (&small, Mat3::scale(sw as f64 / image.w as f64, sh as f64 / image.h as f64).after(map))
    } else {
        (image, *map)
    };
    let mut out = Plane::new(w, h);
    let mut mask = Plane::new(w, h);
    let (sw, sh) = (source.w as f64, source.h as f64);
    for y in 0..h {
        for x in 0..w {
            let (px, py) = map.apply(x as f64 + 0.5, y as f64 + 0.5);
            if !(px.is_finite() && py.is_finite()) {
                continue;
            }
            let i = y * w + x;
            if px >= 0.0 && py >= 0.0 && px < sw && py < sh {
                mask.v[i] = 1.0;
            }
            let fx = (px - 0.5).clamp(0.0, sw - 1.0);
            let fy = (py - 0.5).clamp(0.0, sh - 1.0);
            let (x0, y0) = (fx as usize, fy as usize);
            let (x1, y1) = ((x0 + 1).min(source.w - 1), (y0 + 1).min(source.h - 1));
            let (ax, ay) = ((fx - x0 as f64) as f32, (fy - y0 as f64) as f32);
            let (r0, r1) = (source.row(y0), source.row(y1));
            let top = r0[x0] + (r0[x1] - r0[x0]) * ax;
            let bottom = r1[x0] + (r1[x1] - r1[x0]) * ax;
            out.v[i] = top + (bottom - top) * ay;
        }
    }
    (out, mask)
}
