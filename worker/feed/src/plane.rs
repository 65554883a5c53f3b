//! Planes of `f32` and what is done to them: resizing by area, box sums, local normalisation, resampling through a map.

use crate::matrix::Mat3;

/// `h` rows of `w` values.
#[derive(Debug, Clone)]
pub(crate) struct Plane {
    pub(crate) w: usize,
    pub(crate) h: usize,
    pub(crate) v: Vec<f32>,
}

/// A picture at its own size and at halves of it, so that a coarse look costs little.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    levels: Vec<Plane>,
    /// Standard deviation of all values.
    pub(crate) deviation: f32,
}

impl Picture {
    pub(crate) fn new(image: Plane) -> Self {
        let deviation = image.deviation();
        let mut levels = vec![image];
        while let Some(last) = levels.last().filter(|p| p.w >= 48 && p.h >= 48 && levels.len() < 6) {
            levels.push(last.halved());
        }
        Self { levels, deviation }
    }

    /// Dark and light exchanged.
    pub(crate) fn negative(&self) -> Self {
        let turned = |l: &Plane| Plane { w: l.w, h: l.h, v: l.v.iter().map(|v| 255.0 - v).collect() };
        Self { levels: self.levels.iter().map(turned).collect(), deviation: self.deviation }
    }

    pub(crate) fn base(&self) -> &Plane {
        &self.levels[0]
    }

    /// Resized from the smallest level that is still `finer` times as fine, or from the picture itself.
    pub(crate) fn resized(&self, w: usize, h: usize, finer: usize) -> Plane {
        self.levels.iter().rev().find(|l| l.w >= finer * w && l.h >= finer * h).unwrap_or(self.base()).resized(w, h)
    }
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
        let rows = Weights::new(self.h, h);
        let cols = Weights::new(self.w, w);
        let mut out = Self::new(w, h);
        // A little longer than the row, so that three columns can be taken anywhere.
        let mut line = vec![0.0_f32; self.w + 2];
        for (y, o) in out.v.chunks_exact_mut(w.max(1)).enumerate() {
            line.fill(0.0);
            let (first, weights) = rows.of(y);
            for (k, &weight) in weights.iter().enumerate() {
                for (l, &v) in line.iter_mut().zip(self.row(first + k)) {
                    *l += weight * v;
                }
            }
            cols.apply(&line, o);
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
        let (mut power, mut twice, mut sum) = (vec![0.0_f32; w + 2 * k], vec![0.0_f32; w + 2 * k], vec![0.0_f32; w]);
        for (y, out) in across.v.chunks_exact_mut(w.max(1)).enumerate() {
            // Sums of 1, 2, 4, .. values that begin at each place; those of the powers of two in `k` make the whole.
            power.fill(0.0);
            power[r..r + w].copy_from_slice(self.row(y));
            let (mut from, mut width) = (0, 1);
            out.fill(0.0);
            loop {
                if k & width != 0 {
                    add(out, &power[from..from + w], 1.0);
                    from += width;
                }
                if 2 * width > k {
                    break;
                }
                for ((t, a), b) in twice[..w + k].iter_mut().zip(&power).zip(&power[width..]) {
                    *t = a + b;
                }
                std::mem::swap(&mut power, &mut twice);
                width *= 2;
            }
        }
        let mut out = Self::new(w, h);
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

    fn hide(&mut self, mask: Option<&Self>) {
        if let Some(m) = mask {
            self.v.iter_mut().zip(&m.v).for_each(|(v, m)| *v *= m);
        }
    }

    /// Takes off the local mean (square of `k`).
    pub(crate) fn level(&mut self, mask: Option<&Self>, k: usize) {
        let (sums, counts) = (self.box_sum(k), Counts::new(self.w, self.h, mask, k));
        for (y, row) in self.v.chunks_exact_mut(self.w.max(1)).enumerate() {
            counts.divide(y, row, sums.row(y), |v, mean| *v -= mean);
        }
    }

    /// Local mean (square of `mean`, 0 for none) taken off, divided by the local deviation (square of `spread`) + `floor`,
    /// held within `clip`, 0 where `mask` is 0.
    pub(crate) fn normalised(&self, mask: Option<&Self>, mean: usize, spread: usize, floor: f32, clip: f32) -> Self {
        let (w, h) = (self.w, self.h);
        if w == 0 || h == 0 {
            return self.clone();
        }
        let mut high = self.clone();
        high.hide(mask);
        if mean > 0 {
            high.level(mask, mean);
            high.hide(mask);
        }
        let mut square = high.clone();
        square.v.iter_mut().for_each(|v| *v *= *v);
        let (sums, counts) = (square.box_sum(spread), Counts::new(w, h, mask, spread));
        for (y, row) in high.v.chunks_exact_mut(w).enumerate() {
            counts.divide(y, row, sums.row(y), |v, power| *v = (*v / (power.max(0.0).sqrt() + floor)).clamp(-clip, clip));
        }
        high
    }
}

/// One over how many values each square has.
enum Counts {
    Edges { across: Vec<f32>, down: Vec<f32> },
    Masked(Plane),
}

impl Counts {
    fn new(w: usize, h: usize, mask: Option<&Plane>, k: usize) -> Self {
        let r = k / 2;
        let line = |n: usize| (0..n).map(|i| 1.0 / ((i + r).min(n - 1) - i.saturating_sub(r) + 1) as f32).collect();
        match mask {
            Some(m) => {
                let mut counts = m.box_sum(k);
                counts.v.iter_mut().for_each(|c| *c = 1.0 / c.max(1.0));
                Self::Masked(counts)
            }
            None => Self::Edges { across: line(w), down: line(h) },
        }
    }

    /// Tells `with` each value of row `y` and the mean of its square.
    fn divide(&self, y: usize, row: &mut [f32], sums: &[f32], with: impl Fn(&mut f32, f32)) {
        match self {
            Self::Edges { across, down } => {
                let down = down[y];
                row.iter_mut().zip(sums).zip(across).for_each(|((v, s), c)| with(v, s * (c * down)));
            }
            Self::Masked(p) => row.iter_mut().zip(sums).zip(p.row(y)).for_each(|((v, s), c)| with(v, s * c)),
        }
    }
}

pub(crate) fn add(sum: &mut [f32], row: &[f32], factor: f32) {
    for (s, &v) in sum.iter_mut().zip(row) {
        *s += factor * v;
    }
}

/// For each place of a resized line, the first of the old values that it draws on and their weights, which sum to 1.
pub(crate) struct Weights {
    first: Vec<usize>,
    each: usize,
    shares: Vec<f32>,
}

impl Weights {
    pub(crate) fn new(from: usize, to: usize) -> Self {
        let ratio = from as f64 / to as f64;
        let each = if ratio >= 1.0 { ratio.ceil() as usize + 1 } else { 2 };
        let mut out = Self { first: Vec::with_capacity(to), each, shares: vec![0.0; each * to] };
        for (i, weights) in out.shares.chunks_exact_mut(each).enumerate() {
            let first = if ratio >= 1.0 {
                let (a, b) = (i as f64 * ratio, ((i + 1) as f64 * ratio).min(from as f64));
                let first = (a.floor() as usize).min(from - 1);
                let last = (b.ceil() as usize).clamp(first + 1, from);
                for (j, w) in (first..last).zip(weights) {
                    *w = ((((j + 1) as f64).min(b) - (j as f64).max(a)).max(0.0) / (b - a)) as f32;
                }
                first
            } else {
                let place = ((i as f64 + 0.5) * ratio - 0.5).clamp(0.0, (from - 1) as f64);
                let first = (place.floor() as usize).min(from.saturating_sub(2));
                let part = (place - first as f64) as f32;
                (weights[0], weights[1]) = (1.0 - part, part);
                first
            };
            out.first.push(first);
        }
        out
    }

    /// Those of place `i`, without what lies past the old line's end (which has no weight).
    pub(crate) fn of(&self, i: usize) -> (usize, &[f32]) {
        let weights = &self.shares[i * self.each..][..self.each];
        let used = weights.iter().rposition(|w| *w != 0.0).map_or(1, |last| last + 1);
        (self.first[i], &weights[..used])
    }

    /// The line resized; it has two values more than the old line.
    pub(crate) fn apply(&self, line: &[f32], out: &mut [f32]) {
        if self.each <= 3 {
            for ((o, &first), w) in out.iter_mut().zip(&self.first).zip(self.shares.chunks_exact(self.each)) {
                let v = &line[first..first + 3];
                *o = w[0] * v[0] + w[1] * v[1] + w.get(2).map_or(0.0, |w| w * v[2]);
            }
            return;
        }
        for (i, o) in out.iter_mut().enumerate() {
            let (first, weights) = self.of(i);
            *o = weights.iter().zip(&line[first..]).map(|(a, b)| a * b).sum();
        }
    }
}

/// `image` seen through `map` (raster sample -> pixel), `w` x `h` samples, with a mask of the samples that lie on the image.
/// Where a sample is wider than a pixel, the image is first shrunk to about a pixel a sample.
pub(crate) fn seen_through(picture: &Picture, map: &Mat3, w: usize, h: usize) -> (Plane, Plane) {
    let image = picture.base();
    let wide = map.stretch(w as f64 / 2.0, h as f64 / 2.0);
    let shrink = if wide.is_finite() { (1.0 / wide.max(1e-6)).min(1.0) } else { 1.0 };
    let shrink = shrink.max(8.0 / image.w.max(image.h) as f64);
    let small;
    let (source, map) = if shrink < 0.8 {
        let sw = ((image.w as f64 * shrink).round() as usize).max(1);
        let sh = ((image.h as f64 * shrink).round() as usize).max(1);
        small = picture.resized(sw, sh, 2);
        (&small, Mat3::scale(sw as f64 / image.w as f64, sh as f64 / image.h as f64).after(map))
    } else {
        (image, *map)
    };
    let mut out = Plane::new(w, h);
    let mut mask = Plane::new(w, h);
    let (sw, sh) = (source.w as f64, source.h as f64);
    let Mat3([_, _, [m20, m21, m22]]) = map;
    let straight = [m20, m21, m22 - 1.0].iter().all(|m| m.abs() <= f64::MIN_POSITIVE);
    for y in 0..h {
        let line = map.0.map(|r| r[1] * (y as f64 + 0.5) + r[2]);
        let (seen, inside) = (&mut out.v[y * w..][..w], &mut mask.v[y * w..][..w]);
        for (x, (seen, inside)) in seen.iter_mut().zip(inside).enumerate() {
            let x = x as f64 + 0.5;
            let (mut px, mut py) = (map.0[0][0] * x + line[0], map.0[1][0] * x + line[1]);
            if !straight {
                let part = 1.0 / (m20 * x + line[2]);
                (px, py) = (px * part, py * part);
            }
            if !(px + py).is_finite() {
                continue;
            }
            if px >= 0.0 && py >= 0.0 && px < sw && py < sh {
                *inside = 1.0;
            }
            let fx = (px - 0.5).clamp(0.0, sw - 1.0);
            let fy = (py - 0.5).clamp(0.0, sh - 1.0);
            let (x0, y0) = (fx as usize, fy as usize);
            let (x1, y1) = ((x0 + 1).min(source.w - 1), (y0 + 1).min(source.h - 1));
            let (ax, ay) = ((fx - x0 as f64) as f32, (fy - y0 as f64) as f32);
            let (r0, r1) = (source.row(y0), source.row(y1));
            let top = r0[x0] + (r0[x1] - r0[x0]) * ax;
            let bottom = r1[x0] + (r1[x1] - r1[x0]) * ax;
            *seen = top + (bottom - top) * ay;
        }
    }
    (out, mask)
}
