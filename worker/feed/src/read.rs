//! Reads the vector u of a picture at a place: the sum over each cell of what its surroundings do not predict, folded onto the
//! tile, the frame's half of it. Weights come from the synchronisation signs and from the picture, never from a frame's signs.

use crate::codeword::{Layer, SIGNS, TILE, is_sync};
use crate::matrix::Mat3;
use crate::plane::{Picture, Plane, seen_through};
use crate::refine::{extent, raster_map, refine};
use crate::search::Place;

const WIDEST: i64 = 180;
const NEAR: usize = 24;
/// Synchronisation score after the first step below which a place is noise's; a true one is above 5 where it was found at all.
const GIVE_UP: f64 = 4.5;
/// The same for a place of a room that was not found but guessed.
const GIVE_UP_GUESS: f64 = 2.5;

/// Samples that the prediction is fitted to.
const FITS: usize = 20_000;
/// The same for a first look, which asks only whether the tile is there.
pub(crate) const FITS_FIRST: usize = 4_000;

/// What a reading gives.
pub(crate) struct Reading {
    /// Unit vector, coarse signs then fine.
    pub(crate) u: Vec<f32>,
    /// Score of the synchronisation signs by scale, 0 to 21.2.
    pub(crate) sync: [f64; 2],
    /// Coarse cells to pixels.
    pub(crate) map: Mat3,
}

/// The synchronisation tiles of a trial.
pub(crate) struct Tiles {
    pub(crate) coarse: [i8; TILE * TILE],
    pub(crate) fine: [i8; TILE * TILE],
}

/// Makes the place exact and reads it. None when the place shows too little of the picture, or when the first step towards it
/// makes plain that the tile is not there.
pub(crate) fn read(tiles: &Tiles, image: &Picture, place: &Place, thorough: bool) -> Option<Reading> {
    let map = &place.map;
    let fits = if thorough { FITS } else { FITS_FIRST };
    let give_up = if place.z > 0.0 || !thorough { GIVE_UP } else { GIVE_UP_GUESS };
    let map = match place.layer {
        Layer::Coarse => {
            let m = refine(&tiles.coarse, image, map, Layer::Coarse, 8, 5);
            if signs(&tiles.coarse, image, &m, Layer::Coarse, fits)?.1 < give_up {
                return None;
            }
            let m = refine(&tiles.coarse, image, &m, Layer::Coarse, 8, 4);
            refine(&tiles.fine, image, &m, Layer::Fine, 10, 5)
        }
        Layer::Fine => {
            let m = refine(&tiles.fine, image, map, Layer::Fine, 10, 5);
            if signs(&tiles.fine, image, &m, Layer::Fine, fits)?.1 < give_up {
                return None;
            }
            // Three by three fine tiles make one coarse tile: which of the nine this is, the coarse signs say.
            let table = cells(image, &m, Layer::Coarse, FITS)?.folded();
            let mut best = (f64::MIN, m);
            for i in 0..9 {
                let (dx, dy) = (10 * (i % 3), 10 * (i / 3));
                let z = sync_score(&tiles.coarse, &table, dx, dy);
                if z > best.0 {
                    best = (z, m.after(&Mat3::shift(-(dx as f64), -(dy as f64))));
                }
            }
            best.1
        }
    };
    let (coarse, zc) = signs(&tiles.coarse, image, &map, Layer::Coarse, FITS)?;
    let (fine, zf) = signs(&tiles.fine, image, &map, Layer::Fine, FITS)?;
    let mut u = weighted(&coarse, zc);
    u.extend(weighted(&fine, zf));
    let length = norm(&u);
    for v in &mut u {
        *v = (f64::from(*v) / length) as f32;
    }
    Some(Reading { u, sync: [zc, zf], map })
}

fn norm(v: &[f32]) -> f64 {
    v.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt() + 1e-12
}

/// A layer counts by how well its synchronisation signs were seen.
fn weighted(v: &[f32], z: f64) -> Vec<f32> {
    let rho = (z.max(0.0) / (SIGNS as f64).sqrt()).min(0.97);
    let factor = (rho / (1.02 - rho * rho) + 1e-3) / norm(v);
    v.iter().map(|&x| (f64::from(x) * factor) as f32).collect()
}

/// Cell values of a layer and their mask, from cell `lo` on.
pub(crate) struct Cells {
    pub(crate) lo: [i64; 2],
    pub(crate) values: Plane,
    pub(crate) mask: Plane,
}

pub(crate) fn cells(image: &Picture, map: &Mat3, layer: Layer, fits: usize) -> Option<Cells> {
    let samples = if layer == Layer::Coarse { 3 } else { 2 };
    let (lo, mut hi) = extent(map, image, layer, WIDEST)?;
    for a in 0..2 {
        hi[a] += (lo[a] - hi[a]).rem_euclid(3);
    }
    let (nx, ny) = ((hi[0] - lo[0]) as usize, (hi[1] - lo[1]) as usize);
    if nx < 3 || ny < 3 {
        return None;
    }
    let (seen, mask) = seen_through(image, &raster_map(map, lo, layer, samples), nx * samples, ny * samples);
    let floor = 0.3 * (0.7 + 0.02 * image.deviation);
    let surprise = unpredicted(&seen, &mask, fits).normalised(Some(&mask), 0, 4 * samples + 1, floor, 3.0);
    let (mut values, mut whole) = (Plane::new(nx, ny), Plane::new(nx, ny));
    let area = (samples * samples) as f32;
    for cy in 0..ny {
        for cx in 0..nx {
            let (mut v, mut m) = (0.0, 0.0);
            for y in cy * samples..(cy + 1) * samples {
                v += surprise.row(y)[cx * samples..][..samples].iter().sum::<f32>();
                m += mask.row(y)[cx * samples..][..samples].iter().sum::<f32>();
            }
            if m / area > 0.6 {
                values.v[cy * nx + cx] = v / area;
                whole.v[cy * nx + cx] = 1.0;
            }
        }
    }
    Some(Cells { lo, values, mask: whole })
}

impl Cells {
    /// Index in the tile of the cell in this column and row.
    pub(crate) fn index(&self, x: usize, y: usize) -> usize {
        let wrap = |v: i64| v.rem_euclid(TILE as i64) as usize;
        wrap(self.lo[1] + y as i64) * TILE + wrap(self.lo[0] + x as i64)
    }

    /// All cells added up on one tile.
    fn folded(&self) -> Vec<f32> {
        let mut sum = vec![0.0_f32; TILE * TILE];
        for y in 0..self.values.h {
            for (x, v) in self.values.row(y).iter().enumerate() {
                sum[self.index(x, y)] += v;
            }
        }
        sum
    }
}

/// The frame's half of the folded tile, and the score of the synchronisation signs.
fn signs(tile: &[i8; TILE * TILE], image: &Picture, map: &Mat3, layer: Layer, fits: usize) -> Option<(Vec<f32>, f64)> {
    let cells = cells(image, map, layer, fits)?;
    let (values, mask) = (&cells.values, &cells.mask);
    // How far the synchronisation cells around a cell agree says how much to trust it.
    let (mut agree, mut count) = (Plane::new(values.w, values.h), Plane::new(values.w, values.h));
    for y in 0..values.h {
        for x in 0..values.w {
            let (i, s) = (y * values.w + x, f32::from(tile[cells.index(x, y)]));
            agree.v[i] = values.v[i] * s;
            count.v[i] = s.abs() * mask.v[i];
        }
    }
    let (agree, count) = (agree.box_sum(11), count.box_sum(11));
    let mut trusted = vec![0.0_f32; TILE * TILE];
    for y in 0..values.h {
        for x in 0..values.w {
            let i = y * values.w + x;
            trusted[cells.index(x, y)] += values.v[i] * (agree.v[i] / (count.v[i] + 20.0)).clamp(0.02, 1.0);
        }
    }
    let z = sync_score(tile, &cells.folded(), 0, 0);
    let frame = (0..TILE * TILE).filter(|&k| !is_sync(k / TILE, k % TILE)).map(|k| trusted[k]).collect();
    Some((frame, z))
}

/// Score of the synchronisation signs when the tile begins `dx` cells to the left and `dy` above the table.
fn sync_score(tile: &[i8; TILE * TILE], table: &[f32], dx: i64, dy: i64) -> f64 {
    let (mut sum, mut square) = (0.0, 1e-12);
    for (k, &sign) in tile.iter().enumerate().filter(|t| *t.1 != 0) {
        let wrap = |v: i64| v.rem_euclid(TILE as i64) as usize;
        let v = f64::from(table[wrap((k / TILE) as i64 - dy) * TILE + wrap((k % TILE) as i64 - dx)]);
        sum += v * f64::from(sign);
        square += v * v;
    }
    sum / f64::sqrt(square)
}

/// What is left of each sample when a least-squares prediction from its 24 neighbours is taken off. This is in proportion to
/// the picture's inverse covariance times the picture, so a plain sum over a cell is its matched filter.
fn unpredicted(seen: &Plane, mask: &Plane, fits: usize) -> Plane {
    let (w, h) = (seen.w, seen.h);
    let mean = seen.v.iter().sum::<f32>() / seen.v.len().max(1) as f32;
    // Two samples of mirrored border.
    let mirror = |i: i64, n: usize| -> usize {
        let n = n as i64;
        let i = if i < 0 { -i } else { i };
        (if i >= n { 2 * n - 2 - i } else { i }).clamp(0, n - 1) as usize
    };
    let mut big = Plane::new(w + 4, h + 4);
    for y in 0..h + 4 {
        for x in 0..w + 4 {
            big.v[y * (w + 4) + x] = seen.row(mirror(y as i64 - 2, h))[mirror(x as i64 - 2, w)] - mean;
        }
    }
    let near = |k: usize| {
        let k = if k < 12 { k } else { k + 1 };
        (k / 5, k % 5)
    };
    let line = |y: usize, k: usize| {
        let (dy, dx) = near(k);
        &big.row(y + dy)[dx..dx + w]
    };
    let mut normal = [[0.0_f64; NEAR + 1]; NEAR];
    let mut weighted = vec![0.0_f32; w];
    let mut weight = vec![0.0_f32; w];
    let step = (w * h / fits).max(1);
    for y in (0..h).step_by(step) {
        let (up, here, down) = (big.row(y + 1), big.row(y + 2), big.row(y + 3));
        for x in 0..w {
            let bend = up[x + 2] + down[x + 2] + here[x + 1] + here[x + 3] - 4.0 * here[x + 2];
            weight[x] = mask.row(y)[x] / (1.0 + bend.abs());
        }
        for (i, sums) in normal.iter_mut().enumerate() {
            for ((o, a), b) in weighted.iter_mut().zip(line(y, i)).zip(&weight) {
                *o = a * b;
            }
            for (j, sum) in sums.iter_mut().enumerate().skip(i) {
                *sum += f64::from(dot(&weighted, if j < NEAR { line(y, j) } else { &here[2..2 + w] }));
            }
        }
    }
    let ridge = 0.01 * (0..NEAR).map(|i| normal[i][i]).sum::<f64>() / NEAR as f64 + 1e-3;
    for i in 0..NEAR {
        let (above, below) = normal.split_at_mut(i + 1);
        above[i][i] += ridge;
        for (row, j) in below.iter_mut().zip(i + 1..) {
            row[i] = above[i][j];
        }
    }
    let taps = solve(normal);
    let mut out = Plane::new(w, h);
    for y in 0..h {
        let row = &mut out.v[y * w..][..w];
        row.copy_from_slice(&big.row(y + 2)[2..2 + w]);
        for (k, &t) in taps.iter().enumerate() {
            for (o, a) in row.iter_mut().zip(line(y, k)) {
                *o -= t as f32 * a;
            }
        }
        for (o, m) in row.iter_mut().zip(mask.row(y)) {
            *o *= m;
        }
    }
    out
}

/// Sum of products in eight lanes, so that it runs in vectors.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    let (mut ca, mut cb) = (a.chunks_exact(8), b.chunks_exact(8));
    for (x, y) in ca.by_ref().zip(cb.by_ref()) {
        for k in 0..8 {
            lanes[k] += x[k] * y[k];
        }
    }
    lanes.iter().sum::<f32>() + ca.remainder().iter().zip(cb.remainder()).map(|(x, y)| x * y).sum::<f32>()
}

/// Gaussian elimination with pivots.
fn solve(mut m: [[f64; NEAR + 1]; NEAR]) -> [f64; NEAR] {
    for i in 0..NEAR {
        let pivot = (i..NEAR).max_by(|&a, &b| m[a][i].abs().total_cmp(&m[b][i].abs())).unwrap_or(i);
        m.swap(i, pivot);
        let head = m[i];
        if head[i].abs() < 1e-30 {
            continue;
        }
        for row in m.iter_mut().skip(i + 1) {
            let f = row[i] / head[i];
            for j in i..=NEAR {
                row[j] -= f * head[j];
            }
        }
    }
    let mut x = [0.0; NEAR];
    for i in (0..NEAR).rev() {
        let known: f64 = (i + 1..NEAR).map(|j| m[i][j] * x[j]).sum();
        x[i] = if m[i][i].abs() < 1e-30 { 0.0 } else { (m[i][NEAR] - known) / m[i][i] };
    }
    x
}
