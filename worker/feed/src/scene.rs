//! A room drawn from the key, with the code below notice in it, for apps that look at the picture before they use it.
//!
//! The room is drawn once at 960 x 720 in integers: walls and floor with soft stains, a window, framed pictures, shelves of
//! books, a table with things on it, grain. A frame is the largest middle part of it that has the frame's shape, resized by area
//! (or by straight lines where it grows) in fixed point, plus the two scales of cells at about 36 dB, a little stronger where
//! the room is busy. The code goes into luma only. The detector does not need the room: it reads the cells blind.

use std::sync::{Arc, Mutex, PoisonError};

use crate::SubKey;
use crate::pattern::{AREA, Cells};

const W: usize = 960;
const H: usize = 720;
/// Swing of the coarse and of the fine cells, in 256ths of a step of luma: 2.08 and 3.46, root of the squares 4.04.
const COARSE: i64 = 533;
const FINE: i64 = 886;
/// Sides of the square in which the room's busyness is measured: a coarse cell.
const NEAR: usize = 24;

/// The room of one key.
#[derive(Debug)]
pub(crate) struct Scene {
    /// Luma, blue and red difference, each W x H.
    planes: [Vec<u8>; 3],
    /// Strength of the code, 256 on average, W x H.
    strength: Vec<u16>,
    /// The room at the size that was last asked for, as frames of one size follow each other.
    last: Mutex<Option<Arc<Sized>>>,
}

/// The room at one size, with 8 bits of fraction.
#[derive(Debug)]
struct Sized {
    size: (u32, u32),
    room: Vec<i32>,
    strength: Vec<i32>,
}

/// Y, Cb, Cr.
type Colour = [i32; 3];

/// A stream of numbers from the key.
struct Dice {
    bytes: Vec<u8>,
    at: usize,
}

impl Dice {
    fn below(&mut self, n: i32) -> i32 {
        let v = i32::from(u16::from_le_bytes([self.bytes[self.at], self.bytes[self.at + 1]]));
        self.at = (self.at + 2) % (self.bytes.len() - 1);
        v * n.max(1) / 65536
    }

    fn between(&mut self, a: i32, b: i32) -> i32 {
        a + self.below(b - a + 1)
    }

    fn colour(&mut self, low: i32, high: i32, hue: i32) -> Colour {
        [self.between(low, high), 128 + self.between(-hue, hue), 128 + self.between(-hue, hue)]
    }
}

impl Scene {
    pub(crate) fn new(key: &SubKey) -> Self {
        let mut bytes = vec![0; 16_384];
        key.fill("camera-scene", 0, &mut bytes);
        let mut dice = Dice { bytes, at: 0 };
        let mut room = Room { planes: [vec![0; W * H], vec![0; W * H], vec![0; W * H]] };
        room.draw(&mut dice, key);
        let planes = room.planes.map(|p| p.into_iter().map(|v| (v >> 8).clamp(8, 247) as u8).collect::<Vec<u8>>());
        let strength = strength(&planes[0]);
        Self { planes, strength, last: Mutex::new(None) }
    }

    /// Luma of a frame with its code.
    pub(crate) fn luma(&self, key: &SubKey, frame: u64, width: u32, height: u32) -> Vec<u8> {
        let (w, h) = (width as usize, height as usize);
        if w == 0 || h == 0 {
            return Vec::new();
        }
        let sized = self.sized(width, height);
        let cells = Cells::new(key, frame, width, height);
        let (mut coarse, mut fine) = (vec![0_i32; w], vec![0_i32; w]);
        let mut out = vec![0; w * h];
        for (y, row) in out.chunks_exact_mut(w).enumerate() {
            cells.row(y, &mut coarse, &mut fine);
            for (x, o) in row.iter_mut().enumerate() {
                let code = COARSE * i64::from(coarse[x]) + FINE * i64::from(fine[x]);
                // Both resized planes carry 8 bits of fraction; all is brought to 256 x 256 x AREA.
                let sum = i64::from(sized.room[y * w + x]) * 256 * i64::from(AREA) + i64::from(sized.strength[y * w + x]) * code / 256;
                let unit = 65_536 * i64::from(AREA);
                *o = (sum + unit / 2).div_euclid(unit).clamp(0, 255) as u8;
            }
        }
        out
    }

    fn sized(&self, width: u32, height: u32) -> Arc<Sized> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sized) = last.as_ref().filter(|s| s.size == (width, height)) {
            return Arc::clone(sized);
        }
        let (w, h) = (width as usize, height as usize);
        let (room, strength) = (resized(&self.planes[0], w, h), resized(&self.strength, w, h));
        Arc::clone(last.insert(Arc::new(Sized { size: (width, height), room, strength })))
    }

    /// Blue and red difference of a frame at this size.
    pub(crate) fn chroma(&self, w: usize, h: usize) -> [Vec<u8>; 2] {
        [1, 2].map(|i| resized(&self.planes[i], w, h).into_iter().map(|v| ((v + 128) >> 8).clamp(0, 255) as u8).collect())
    }
}

/// What is drawn on; values have 8 bits of fraction.
struct Room {
    planes: [Vec<i32>; 3],
}

impl Room {
    fn draw(&mut self, dice: &mut Dice, key: &SubKey) {
        let floor = dice.between(480, 580);
        let (wall, ground) = (dice.colour(140, 185, 14), dice.colour(80, 120, 18));
        let fall = dice.between(-30, 30);
        self.rectangle([0, 0, W as i32, floor], wall, fall);
        self.rectangle([0, floor, W as i32, H as i32 - floor], ground, 30);
        for i in 0..12 {
            // Planks get wider towards the eye.
            let y = floor + (H as i32 - floor) * i * i / 144;
            self.rectangle([0, y, W as i32, 1 + i / 4], [ground[0] - 28, ground[1], ground[2]], 0);
        }
        self.rectangle([0, floor - 14, W as i32, 14], [wall[0] + 30, 128, 128], 0);
        self.window(dice);
        for _ in 0..dice.between(2, 4) {
            let (x, y) = (dice.between(20, 820), dice.between(20, 260));
            let (w, h) = (dice.between(70, 170), dice.between(60, 150));
            self.picture(dice, [x, y, w, h]);
        }
        let (x, y, w) = (dice.between(30, 420), dice.between(180, 260), dice.between(260, 460));
        for shelf in 0..3 {
            self.shelf(dice, x, y + shelf * 100, w);
        }
        self.table(dice, floor);
        self.stains(key);
    }

    /// x, y, width, height; luma falls by `fall` from top to bottom.
    fn rectangle(&mut self, [x, y, w, h]: [i32; 4], colour: Colour, fall: i32) {
        for row in y.max(0)..(y + h).min(H as i32) {
            let shade = (row - y) * fall * 256 / h.max(1) - fall * 128;
            for col in x.max(0)..(x + w).min(W as i32) {
                self.dot(col, row, colour, shade);
            }
        }
    }

    fn disc(&mut self, [x, y, rx, ry]: [i32; 4], colour: Colour, fall: i32) {
        for row in (y - ry).max(0)..(y + ry).min(H as i32) {
            for col in (x - rx).max(0)..(x + rx).min(W as i32) {
                let (dx, dy) = (col - x, row - y);
                if dx * dx * ry * ry + dy * dy * rx * rx < rx * rx * ry * ry {
                    self.dot(col, row, colour, (dx + dy) * fall * 128 / (rx + ry).max(1));
                }
            }
        }
    }

    fn dot(&mut self, x: i32, y: i32, colour: Colour, shade: i32) {
        let i = y as usize * W + x as usize;
        for (p, c) in self.planes.iter_mut().zip(colour) {
            p[i] = c * 256;
        }
        self.planes[0][i] += shade;
    }

    fn window(&mut self, dice: &mut Dice) {
        let [x, y, w, h] = [dice.between(480, 680), dice.between(30, 90), dice.between(180, 250), dice.between(200, 300)];
        self.rectangle([x - 12, y - 12, w + 24, h + 24], [205, 126, 130], 10);
        self.rectangle([x, y, w, h], [215, 140, 120], -40);
        for _ in 0..9 {
            let (cx, cy, r) = (dice.between(x, x + w), y + h - dice.below(h / 3), dice.between(8, 28));
            let green = [dice.between(70, 130), 112, 112];
            self.disc([cx, cy, r.min(cx - x).min(x + w - cx).max(1), r.min(y + h - cy).max(1)], green, 20);
        }
        self.rectangle([x + w / 2 - 4, y, 8, h], [200, 126, 130], 10);
        self.rectangle([x, y + h / 2 - 4, w, 8], [200, 126, 130], 0);
    }

    fn picture(&mut self, dice: &mut Dice, [x, y, w, h]: [i32; 4]) {
        let frame = dice.colour(40, 90, 20);
        self.rectangle([x - 7, y - 7, w + 14, h + 14], frame, 12);
        let ground = dice.colour(150, 220, 25);
        self.rectangle([x, y, w, h], ground, 20);
        for _ in 0..dice.between(5, 14) {
            let (rx, ry) = (dice.between(3, w / 5), dice.between(3, h / 5));
            let (cx, cy) = (x + rx + dice.below(w - 2 * rx), y + ry + dice.below(h - 2 * ry));
            let colour = dice.colour(40, 220, 45);
            self.disc([cx, cy, rx, ry], colour, 30);
        }
    }

    fn shelf(&mut self, dice: &mut Dice, x: i32, y: i32, w: i32) {
        let mut at = x + 4;
        while at < x + w - 26 {
            let (width, height) = (dice.between(8, 24), dice.between(50, 86));
            if dice.below(8) > 0 {
                let colour = dice.colour(50, 210, 45);
                self.rectangle([at, y + 90 - height, width, height], colour, 16);
                self.rectangle([at + 2, y + 90 - height * 3 / 4, width - 4, dice.between(4, 14)], [colour[0] / 2 + 110, 128, 128], 0);
            }
            at += width + dice.below(3);
        }
        self.rectangle([x, y + 90, w, 9], [110, 116, 142], 20);
    }

    fn table(&mut self, dice: &mut Dice, floor: i32) {
        let (y, x, w) = (floor - dice.between(-20, 40), dice.between(60, 300), dice.between(420, 600));
        let wood = dice.colour(95, 150, 10);
        for row in 0..40 {
            self.rectangle([x - row, y + row, w + 2 * row, 1], [wood[0] + row / 2, wood[1] - 8, wood[2] + 12], 0);
        }
        for leg in [x - 30, x + w + 10] {
            self.rectangle([leg, y + 40, 20, 160], [wood[0] - 30, wood[1] - 8, wood[2] + 12], 30);
        }
        for _ in 0..dice.between(5, 9) {
            let (cx, width, height) = (x + dice.below(w), dice.between(14, 60), dice.between(14, 80));
            let colour = dice.colour(40, 225, 40);
            if dice.below(2) == 0 {
                self.rectangle([cx, y + 20 - height, width, height], colour, 24);
            } else {
                self.disc([cx, y + 10 - height / 3, width / 2 + 4, height / 2 + 4], colour, 40);
            }
        }
    }

    /// Soft stains of five sizes and grain, so that nothing is flat.
    fn stains(&mut self, key: &SubKey) {
        for (octave, (cells, swing)) in (0..).zip([(4_usize, 16), (8, 10), (16, 7), (32, 5), (96, 4), (240, 4)]) {
            let side = W / cells;
            let across = cells + 2;
            let mut nodes = vec![0; across * (H / side + 2)];
            key.fill("camera-stain", octave, &mut nodes);
            for y in 0..H {
                for x in 0..W {
                    let (cx, cy, fx, fy) = (x / side, y / side, (x % side) as i32, (y % side) as i32);
                    let node = |dx: usize, dy: usize| i32::from(nodes[(cy + dy) * across + cx + dx]) - 128;
                    let s = side as i32;
                    let top = node(0, 0) * (s - fx) + node(1, 0) * fx;
                    let low = node(0, 1) * (s - fx) + node(1, 1) * fx;
                    self.planes[0][y * W + x] += (top * (s - fy) + low * fy) * 2 / (s * s) * swing;
                }
            }
        }
        let mut grain = vec![0; W * H];
        key.fill("camera-grain", 0, &mut grain);
        for (v, g) in self.planes[0].iter_mut().zip(grain) {
            *v += (i32::from(g) - 128) * 4;
        }
    }
}

/// Mean distance from the local mean, turned into a strength between 0.6 and 1.8 of the middle.
fn strength(luma: &[u8]) -> Vec<u16> {
    let values: Vec<i32> = luma.iter().map(|&v| i32::from(v)).collect();
    let mean = near_sum(&values);
    let area = (NEAR * NEAR) as i32;
    let off: Vec<i32> = values.iter().zip(&mean).map(|(v, m)| (v * 16 - m * 16 / area).abs()).collect();
    let off = near_sum(&off);
    // Sixteenths of a step of luma, summed; 2 steps are added, as the eye's own threshold.
    let busy: Vec<i64> = off.iter().map(|&v| i64::from(v / area) + 32).collect();
    let middle = busy.iter().sum::<i64>() / busy.len() as i64;
    let raw: Vec<i64> = busy.iter().map(|b| (b * 256 / middle).clamp(154, 461)).collect();
    // Scaled so that the squares' mean is 1.
    let square = raw.iter().map(|v| v * v).sum::<i64>() / raw.len() as i64;
    let root = square.isqrt();
    raw.into_iter().map(|v| (v * 256 / root) as u16).collect()
}

/// Sums over squares of NEAR x NEAR around each value; at the border the nearest whole square's.
fn near_sum(v: &[i32]) -> Vec<i32> {
    let mut table = vec![0_i32; (W + 1) * (H + 1)];
    for y in 0..H {
        let mut row = 0;
        for x in 0..W {
            row += v[y * W + x];
            table[(y + 1) * (W + 1) + x + 1] = table[y * (W + 1) + x + 1] + row;
        }
    }
    let start = |i: usize, n: usize| i.saturating_sub(NEAR / 2).min(n - NEAR);
    let mut out = vec![0; W * H];
    for y in 0..H {
        for x in 0..W {
            let (x, y, i) = (start(x, W), start(y, H), y * W + x);
            let at = |dx: usize, dy: usize| table[(y + dy) * (W + 1) + x + dx];
            out[i] = at(NEAR, NEAR) + at(0, 0) - at(NEAR, 0) - at(0, NEAR);
        }
    }
    out
}

/// The largest middle part of a plane that has the shape `w` x `h`, at that size, with 8 bits of fraction.
fn resized<T: Copy + Into<u32>>(plane: &[T], w: usize, h: usize) -> Vec<i32> {
    let (cut_w, cut_h) = if W * h > H * w { ((H * w / h).max(1), H) } else { (W, (W * h / w).max(1)) };
    let cols = weights((W - cut_w) / 2, cut_w, w);
    let rows = weights((H - cut_h) / 2, cut_h, h);
    let mut out = vec![0; w * h];
    let mut line = vec![0_u64; W];
    for (row, (first, weights)) in out.chunks_exact_mut(w).zip(&rows) {
        line.fill(0);
        for (k, &weight) in weights.iter().enumerate() {
            for (l, &v) in line.iter_mut().zip(&plane[(first + k) * W..][..W]) {
                *l = l.wrapping_add(u64::from(weight) * u64::from(v.into()));
            }
        }
        for (o, (first, weights)) in row.iter_mut().zip(&cols) {
            let sum: u64 = weights.iter().zip(&line[*first..]).map(|(&a, &b)| u64::from(a) * b).sum();
            // 16 bits of weight twice; 8 bits of fraction stay.
            *o = ((sum + (1 << 23)) >> 24) as i32;
        }
    }
    out
}

/// For each of `to` places, the first value and the weights (65536 in all) of the `from` values that begin at `start`.
fn weights(start: usize, from: usize, to: usize) -> Vec<(usize, Vec<u32>)> {
    (0..to)
        .map(|i| {
            if from >= to {
                let (a, b) = (i * from, (i + 1) * from);
                let (first, last) = (a / to, b.div_ceil(to));
                let mut left = 65_536;
                let mut each: Vec<u32> = (first..last)
                    .map(|j| {
                        let share = (((j + 1) * to).min(b) - (j * to).max(a)) * 65_536 / from;
                        left -= share as u32;
                        share as u32
                    })
                    .collect();
                each[0] += left;
                (start + first, each)
            } else {
                let place = (((2 * i + 1) * from) as u64 * 32_768 / to as u64).saturating_sub(32_768).min((from as u64 - 1) * 65_536);
                let first = (place >> 16) as usize;
                let part = (place & 65_535) as u32;
                (start + first, if first + 1 < from { vec![65_536 - part, part] } else { vec![65_536] })
            }
        })
        .collect()
}
