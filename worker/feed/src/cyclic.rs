//! Cyclic transforms of 30 x 30 values, four at a time.
//!
//! A tile's side is 30 = 2 x 3 x 5 cells, whose factors have no divisor in common: then the transforms of 2, 3 and 5 along
//! strides of 15, 10 and 6 make the transform of 30, in place, in the natural order and without twiddle factors (Good, 1958).
//! Four transforms lie side by side, so that all of it runs in vectors.

use crate::codeword::TILE;

/// One complex value of each of four transforms.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Four {
    pub(crate) re: [f32; 4],
    pub(crate) im: [f32; 4],
}

/// `TILE * TILE` values, row by row.
pub(crate) const AREA: usize = TILE * TILE;

#[inline]
fn each(f: impl Fn(usize) -> f32) -> [f32; 4] {
    [f(0), f(1), f(2), f(3)]
}

impl Four {
    #[inline]
    fn plus(self, o: Self) -> Self {
        Self { re: each(|i| self.re[i] + o.re[i]), im: each(|i| self.im[i] + o.im[i]) }
    }

    #[inline]
    fn minus(self, o: Self) -> Self {
        Self { re: each(|i| self.re[i] - o.re[i]), im: each(|i| self.im[i] - o.im[i]) }
    }

    #[inline]
    fn times(self, f: f32) -> Self {
        Self { re: each(|i| self.re[i] * f), im: each(|i| self.im[i] * f) }
    }

    /// Times the imaginary unit.
    #[inline]
    fn turned(self) -> Self {
        Self { re: each(|i| -self.im[i]), im: self.re }
    }
}

/// Room for one transform.
pub(crate) fn zeros() -> Box<[Four; AREA]> {
    match vec![Four::default(); AREA].into_boxed_slice().try_into() {
        Ok(v) => v,
        Err(_) => unreachable!("its length is its type's"),
    }
}

/// The transform of a square with e^(+2 pi i k n / 30) along both sides, not scaled: a way back. The way there is that of the
/// conjugates.
pub(crate) fn back(v: &mut [Four; AREA]) {
    for row in v.chunks_exact_mut(TILE) {
        if let Ok(row) = row.try_into() {
            line(row);
        }
    }
    let mut column = [Four::default(); TILE];
    for x in 0..TILE {
        for (y, c) in column.iter_mut().enumerate() {
            *c = v[y * TILE + x];
        }
        line(&mut column);
        for (y, c) in column.iter().enumerate() {
            v[y * TILE + x] = *c;
        }
    }
}

/// Cosines and sines of a fifth of a turn and of two fifths.
const C1: f32 = 0.309_017;
const C2: f32 = -0.809_017;
const S1: f32 = 0.951_056_5;
const S2: f32 = 0.587_785_25;

fn line(v: &mut [Four; TILE]) {
    // Each begins at a multiple of its length.
    for i in 0..15 {
        let at = [2 * i, (2 * i + 15) % TILE];
        let (a, b) = (v[at[0]], v[at[1]]);
        (v[at[0]], v[at[1]]) = (a.plus(b), a.minus(b));
    }
    for i in 0..10 {
        let at = [3 * i, (3 * i + 10) % TILE, (3 * i + 20) % TILE];
        let [a, b, c] = at.map(|k| v[k]);
        let (sum, difference) = (b.plus(c), b.minus(c).times(0.866_025_4).turned());
        let middle = a.minus(sum.times(0.5));
        (v[at[0]], v[at[1]], v[at[2]]) = (a.plus(sum), middle.plus(difference), middle.minus(difference));
    }
    for i in 0..6 {
        let at = [0, 6, 12, 18, 24].map(|k| (5 * i + k) % TILE);
        let [a, b, c, d, e] = at.map(|k| v[k]);
        let (be, cd) = (b.plus(e), c.plus(d));
        let (bme, cmd) = (b.minus(e), c.minus(d));
        let m1 = a.plus(be.times(C1)).plus(cd.times(C2));
        let m2 = a.plus(be.times(C2)).plus(cd.times(C1));
        let n1 = bme.times(S1).plus(cmd.times(S2)).turned();
        let n2 = bme.times(S2).minus(cmd.times(S1)).turned();
        v[at[0]] = a.plus(be).plus(cd);
        v[at[1]] = m1.plus(n1);
        v[at[4]] = m1.minus(n1);
        v[at[2]] = m2.plus(n2);
        v[at[3]] = m2.minus(n2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_squares_are_transformed_as_the_definition_says() {
        let mut v = zeros();
        let mut bytes = vec![0; AREA * 8];
        crate::SubKey::from_bytes([5; 32]).fill("noise", 0, &mut bytes);
        for (c, b) in v.iter_mut().zip(bytes.chunks_exact(8)) {
            *c = Four { re: each(|i| f32::from(b[i]) - 127.5), im: each(|i| f32::from(b[4 + i]) - 127.5) };
        }
        let before = v.clone();
        back(&mut v);
        for (ky, kx) in [(0, 0), (1, 0), (0, 1), (7, 22), (29, 3), (15, 10), (12, 25)] {
            for lane in 0..4 {
                let (mut re, mut im) = (0.0_f64, 0.0_f64);
                for (n, c) in before.iter().enumerate() {
                    let turn = ((n / TILE * ky + n % TILE * kx) % TILE) as f64 / TILE as f64;
                    let (s, c2) = (turn * std::f64::consts::TAU).sin_cos();
                    let (a, b) = (f64::from(c.re[lane]), f64::from(c.im[lane]));
                    re += a * c2 - b * s;
                    im += a * s + b * c2;
                }
                let got = v[ky * TILE + kx];
                assert!((f64::from(got.re[lane]) - re).abs() < 0.05, "{ky} {kx} {re} {}", got.re[lane]);
                assert!((f64::from(got.im[lane]) - im).abs() < 0.05, "{ky} {kx} {im} {}", got.im[lane]);
            }
        }
    }
}
