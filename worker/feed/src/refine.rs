//! Makes a found place exact: correlates small blocks of cells with what the tile should be there, a few samples around, and
//! moves eight displacement parameters (six affine, two projective) to where the *sum* of all blocks is greatest. As no block
//! decides for itself, it works when every one of them is below its noise.

use crate::codeword::{Layer, TILE};
use crate::matrix::Mat3;
use crate::plane::{Picture, Plane, seen_through};

const SAMPLES: usize = 4;
const WIDEST: i64 = 120;

/// Cells of a layer, from `lo` up to `hi`, that the picture shows under `map`; starts on a multiple of three, at most `widest`.
pub(crate) fn extent(map: &Mat3, image: &Picture, layer: Layer, widest: i64) -> Option<([i64; 2], [i64; 2])> {
    let back = map.inverse()?;
    let (w, h) = (image.base().w as f64, image.base().h as f64);
    let corners = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)].map(|(x, y)| back.apply(x, y));
    let axis = |values: [f64; 4]| {
        let cell = layer.cell();
        let lo = values.iter().fold(f64::MAX, |a, &b| a.min(b)) / cell;
        let hi = values.iter().fold(f64::MIN, |a, &b| a.max(b)) / cell;
        if !(lo.is_finite() && hi.is_finite()) || lo.abs() > 1e6 || hi.abs() > 1e6 {
            return None;
        }
        let (mut lo, mut hi) = (lo.floor() as i64, hi.ceil() as i64);
        if hi - lo > widest {
            lo = i64::midpoint(lo, hi) - widest / 2;
            hi = lo + widest;
        }
        Some((lo - lo.rem_euclid(3), hi))
    };
    let (x, y) = (axis(corners.map(|c| c.0))?, axis(corners.map(|c| c.1))?);
    Some(([x.0, y.0], [x.1, y.1]))
}

/// From samples of a raster that starts at cell `lo` to pixels.
pub(crate) fn raster_map(map: &Mat3, lo: [i64; 2], layer: Layer, samples: usize) -> Mat3 {
    let cell = layer.cell();
    let step = cell / samples as f64;
    map.after(&Mat3::shift(lo[0] as f64 * cell, lo[1] as f64 * cell)).after(&Mat3::scale(step, step))
}

struct Block {
    /// Centre, from -1 to 1 over the longer side.
    at: [f64; 2],
    surface: Vec<f32>,
}

/// A better map from coarse cells to pixels, or the same when nothing is better. `size` is the block's side in cells, `reach`
/// how many samples (four a cell) a block may lie off.
pub(crate) fn refine(tile: &[i8; TILE * TILE], image: &Picture, map: &Mat3, layer: Layer, size: usize, reach: usize) -> Mat3 {
    refined(tile, image, map, layer, size, reach).unwrap_or(*map)
}

fn refined(tile: &[i8; TILE * TILE], image: &Picture, map: &Mat3, layer: Layer, size: usize, reach: usize) -> Option<Mat3> {
    let (lo, hi) = extent(map, image, layer, WIDEST)?;
    let (nx, ny) = ((hi[0] - lo[0]) as usize, (hi[1] - lo[1]) as usize);
    if nx < 3 || ny < 3 {
        return None;
    }
    let (w, h) = (nx * SAMPLES, ny * SAMPLES);
    let (seen, mask) = seen_through(image, &raster_map(map, lo, layer, SAMPLES), w, h);
    let floor = 1.0 + 0.03 * image.deviation;
    let values = seen.normalised(Some(&mask), 7, 9 * SAMPLES + 1, floor, 2.0);
    // Sums over a cell's samples at every sample, with a border of zeros, so that a block at any shift is a sum over cells.
    let pad = reach + SAMPLES;
    let mut padded = Plane::new(w + 2 * pad, h + 2 * pad);
    for y in 0..h {
        padded.v[(y + pad) * (w + 2 * pad) + pad..][..w].copy_from_slice(values.row(y));
    }
    let sums = cell_sums(&padded);
    let block = size.min(nx / 3).min(ny / 3).max(4).min(nx).min(ny);
    let step = (block / 2).max(2);
    let half = nx.max(ny) as f64 / 2.0;
    let side = 2 * reach + 1;
    let mut blocks = Vec::new();
    for by in (0..=ny - block).step_by(step) {
        for bx in (0..=nx - block).step_by(step) {
            let inside: f32 =
                (by * SAMPLES..(by + block) * SAMPLES).map(|y| mask.row(y)[bx * SAMPLES..(bx + block) * SAMPLES].iter().sum::<f32>()).sum();
            if inside < 0.5 * (block * block * SAMPLES * SAMPLES) as f32 {
                continue;
            }
            let mut surface = vec![0.0; side * side];
            for cy in by..by + block {
                for cx in bx..bx + block {
                    let row = (lo[1] + cy as i64).rem_euclid(TILE as i64) as usize;
                    let col = (lo[0] + cx as i64).rem_euclid(TILE as i64) as usize;
                    let sign = f32::from(tile[row * TILE + col]);
                    if sign == 0.0 {
                        continue;
                    }
                    for dy in 0..side {
                        let from = (cy * SAMPLES + pad + dy - reach) * sums.w + cx * SAMPLES + pad - reach;
                        for (s, v) in surface[dy * side..][..side].iter_mut().zip(&sums.v[from..][..side]) {
                            *s += sign * v;
                        }
                    }
                }
            }
            let centre = |b: usize, n: usize| (b as f64 + block as f64 / 2.0 - n as f64 / 2.0) / half;
            blocks.push(Block { at: [centre(bx, nx), centre(by, ny)], surface });
        }
    }
    if blocks.len() < 3 {
        return None;
    }
    let best = climb(&mut blocks, reach);
    let p = best.map(|v| v / half);
    let moved = Mat3([[1.0 + p[1], p[2], p[0]], [p[4], 1.0 + p[5], p[3]], [-p[6], -p[7], 1.0]]);
    let cell = layer.cell();
    let frame = Mat3::shift(lo[0] as f64 * cell, lo[1] as f64 * cell)
        .after(&Mat3::scale(cell, cell))
        .after(&Mat3::shift(nx as f64 / 2.0, ny as f64 / 2.0))
        .after(&Mat3::scale(half, half));
    Some(map.after(&frame).after(&moved).after(&frame.inverse()?))
}

/// Sum over the square of 4 x 4 values that starts at each.
fn cell_sums(p: &Plane) -> Plane {
    let mut out = Plane::new(p.w, p.h);
    for y in 0..p.h.saturating_sub(SAMPLES - 1) {
        for x in 0..p.w.saturating_sub(SAMPLES - 1) {
            let mut sum = 0.0;
            for k in 0..SAMPLES {
                let r = &p.row(y + k)[x..x + SAMPLES];
                sum += (r[0] + r[1]) + (r[2] + r[3]);
            }
            out.v[y * p.w + x] = sum;
        }
    }
    out
}

/// Displacements in cells: (a0 + a1 x + a2 y + x w, b0 + b1 x + b2 y + y w) with w = g x + h y.
fn climb(blocks: &mut [Block], reach: usize) -> [f64; 8] {
    let side = 2 * reach + 1;
    let n = (blocks.len() * side * side) as f64;
    let square: f64 = blocks.iter().flat_map(|b| &b.surface).map(|&v| f64::from(v).powi(2)).sum();
    let unit = ((square / n).sqrt() + 1e-9) as f32;
    let mut total = vec![0.0_f32; side * side];
    for b in blocks.iter_mut() {
        for (t, s) in total.iter_mut().zip(&mut b.surface) {
            *s /= unit;
            *t += *s;
        }
    }
    let value = |p: &[f64; 8]| -> f64 { blocks.iter().map(|b| at(b, p, reach)).sum() };
    let mut best = [0.0; 8];
    let mut high = value(&best);
    let top = total.iter().enumerate().fold((0, f32::MIN), |a, (i, &v)| if v > a.1 { (i, v) } else { a }).0;
    let mut jump = [0.0; 8];
    jump[0] = ((top % side) as f64 - reach as f64) / SAMPLES as f64;
    jump[3] = ((top / side) as f64 - reach as f64) / SAMPLES as f64;
    let v = value(&jump);
    if v > high {
        (best, high) = (jump, v);
    }
    for step in [0.5, 0.25, 0.12, 0.06] {
        for _ in 0..6 {
            let mut moved = false;
            for k in 0..8 {
                for sign in [1.0, -1.0] {
                    let mut p = best;
                    p[k] += sign * step;
                    let v = value(&p);
                    if v > high + 1e-6 * high.abs() + 0.3 {
                        (best, high, moved) = (p, v, true);
                    }
                }
            }
            if !moved {
                break;
            }
        }
    }
    best
}

/// A block's surface at the displacement, between its samples by straight lines; 0 outside.
fn at(b: &Block, p: &[f64; 8], reach: usize) -> f64 {
    let [x, y] = b.at;
    let w = p[6] * x + p[7] * y;
    let dx = (p[0] + p[1] * x + p[2] * y + x * w) * SAMPLES as f64 + reach as f64;
    let dy = (p[3] + p[4] * x + p[5] * y + y * w) * SAMPLES as f64 + reach as f64;
    let (side, last) = (2 * reach + 1, 2.0 * reach as f64);
    if !(0.0..=last).contains(&dx) || !(0.0..=last).contains(&dy) {
        return 0.0;
    }
    let (x0, y0) = ((dx as usize).min(side - 2), (dy as usize).min(side - 2));
    let (ax, ay) = (dx - x0 as f64, dy - y0 as f64);
    let s = |y: usize, x: usize| f64::from(b.surface[y * side + x]);
    let top = s(y0, x0) * (1.0 - ax) + s(y0, x0 + 1) * ax;
    let low = s(y0 + 1, x0) * (1.0 - ax) + s(y0 + 1, x0 + 1) * ax;
    top * (1.0 - ay) + low * ay
}
