//! What happens to pictures on their way: the bends that tests and the table of codes use.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{ExtendedColorType, GrayImage as Pixels, Luma};
use stakeout_feed::{CameraFeed, CandidateTrial, Facing, FeedMode, GrayImage, SubKey, TrialKey};

pub(crate) const DAY: u64 = 2_592_000;

pub(crate) fn key(n: u8) -> SubKey {
    TrialKey::from_bytes([n; 32]).subkeys().camera_back
}

/// A trial of a day whose log says nothing of frames.
pub(crate) fn candidate(n: u8, horizon_frames: u64) -> CandidateTrial {
    CandidateTrial { subkey: key(n), facing: Facing::Back, mode: FeedMode::Pattern, delivered: vec![], horizon_frames }
}

pub(crate) fn shot(n: u8, frame: u64, w: u32, h: u32) -> Pixels {
    Pixels::from_raw(w, h, CameraFeed::new(key(n)).luma(frame, w, h)).unwrap()
}

/// A frame of the room that this key draws.
pub(crate) fn scene(n: u8, frame: u64, w: u32, h: u32) -> Pixels {
    Pixels::from_raw(w, h, CameraFeed::with_mode(key(n), FeedMode::Scene).luma(frame, w, h)).unwrap()
}

pub(crate) fn gray(p: &Pixels) -> GrayImage {
    GrayImage { width: p.width(), height: p.height(), luma: p.as_raw().clone() }
}

pub(crate) fn jpeg(p: &Pixels, quality: u8) -> Pixels {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).encode(p.as_raw(), p.width(), p.height(), ExtendedColorType::L8).unwrap();
    image::load_from_memory(&bytes).unwrap().to_luma8()
}

pub(crate) fn width(p: &Pixels, w: u32) -> Pixels {
    size(p, w, (w * p.height() + p.width() / 2) / p.width())
}

/// By area where both sides shrink, by straight lines otherwise.
pub(crate) fn size(p: &Pixels, w: u32, h: u32) -> Pixels {
    if w < p.width() && h < p.height() { imageops::thumbnail(p, w, h) } else { soft(p, w, h) }
}

/// By triangles twice as wide as the area, as image libraries do by default.
pub(crate) fn soft(p: &Pixels, w: u32, h: u32) -> Pixels {
    imageops::resize(p, w, h, FilterType::Triangle)
}

/// A cut of this part of each side, at a place that `seed` picks.
pub(crate) fn crop(p: &Pixels, side: f64, seed: u64) -> Pixels {
    let (w, h) = ((f64::from(p.width()) * side) as u32, (f64::from(p.height()) * side) as u32);
    let mut at = [0; 4];
    SubKey::from_bytes([9; 32]).fill("crop", seed, &mut at);
    let x = u32::from(u16::from_le_bytes([at[0], at[1]])) % (p.width() - w + 1);
    let y = u32::from(u16::from_le_bytes([at[2], at[3]])) % (p.height() - h + 1);
    imageops::crop_imm(p, x, y, w, h).to_image()
}

pub(crate) fn gamma(p: &Pixels, g: f64) -> Pixels {
    tone(p, |v| 255.0 * (v / 255.0).powf(g))
}

pub(crate) fn tone(p: &Pixels, f: impl Fn(f64) -> f64) -> Pixels {
    let mut out = p.clone();
    out.pixels_mut().for_each(|q| q.0[0] = f(f64::from(q.0[0])).round().clamp(0.0, 255.0) as u8);
    out
}

pub(crate) fn noise(p: &Pixels, deviation: f64, seed: u64) -> Pixels {
    let mut out = p.clone();
    let mut bytes = vec![0; out.as_raw().len() * 4];
    SubKey::from_bytes([8; 32]).fill("noise", seed, &mut bytes);
    for (q, b) in out.pixels_mut().zip(bytes.chunks_exact(4)) {
        // Four uniform bytes: near enough to a normal law.
        let sum: f64 = b.iter().map(|&v| f64::from(v) - 127.5).sum();
        q.0[0] = (f64::from(q.0[0]) + sum / 147.8 * deviation).round().clamp(0.0, 255.0) as u8;
    }
    out
}

/// A plain bar over this part of the height.
pub(crate) fn covered(p: &Pixels, part: f64) -> Pixels {
    let mut out = p.clone();
    let from = (f64::from(p.height()) * (1.0 - part)) as u32;
    for y in from..p.height() {
        for x in 0..p.width() {
            out.put_pixel(x, y, Luma([if (x / 7 + y / 5) % 9 == 0 { 20 } else { 235 }]));
        }
    }
    out
}

/// A screenshot of a phone with the preview near its top and a round button below.
pub(crate) fn screenshot(p: &Pixels, w: u32, quality: u8) -> Pixels {
    let preview = width(p, w);
    let mut out = Pixels::from_pixel(w, w * 216 / 100, Luma([245]));
    let top = w / 7;
    imageops::replace(&mut out, &preview, 0, i64::from(top));
    let (cx, cy, r) = (i64::from(w / 2), i64::from(top + preview.height()), i64::from(w / 10));
    for y in cy - r..cy + r {
        for x in cx - r..cx + r {
            if (x - cx).pow(2) + (y - cy).pow(2) < r * r {
                out.put_pixel(x as u32, y as u32, Luma([20]));
            }
        }
    }
    jpeg(&out, quality)
}

/// Seen through a projective map from the new picture's pixels to the old one's; grey outside.
pub(crate) fn warp(p: &Pixels, map: [[f64; 3]; 3]) -> Pixels {
    let (w, h) = p.dimensions();
    Pixels::from_fn(w, h, |x, y| {
        let [a, b, c] = map.map(|r| r[0] * (f64::from(x) + 0.5) + r[1] * (f64::from(y) + 0.5) + r[2]);
        let (sx, sy) = (a / c - 0.5, b / c - 0.5);
        if sx < 0.0 || sy < 0.0 || sx > f64::from(w - 1) || sy > f64::from(h - 1) {
            return Luma([0]);
        }
        let (x0, y0) = (sx as u32, sy as u32);
        let (x1, y1) = ((x0 + 1).min(w - 1), (y0 + 1).min(h - 1));
        let (ax, ay) = (sx - f64::from(x0), sy - f64::from(y0));
        let v = |x, y| f64::from(p.get_pixel(x, y).0[0]);
        let top = v(x0, y0) * (1.0 - ax) + v(x1, y0) * ax;
        let low = v(x0, y1) * (1.0 - ax) + v(x1, y1) * ax;
        Luma([(top * (1.0 - ay) + low * ay).round() as u8])
    })
}

/// Turned by some degrees about the middle.
pub(crate) fn turned(p: &Pixels, degrees: f64) -> Pixels {
    let (s, c) = degrees.to_radians().sin_cos();
    let (x, y) = (f64::from(p.width()) / 2.0, f64::from(p.height()) / 2.0);
    warp(p, [[c, -s, x - c * x + s * y], [s, c, y - s * x - c * y], [0.0, 0.0, 1.0]])
}

/// Tilted, so that opposite sides differ by about `part` of their length, in a direction that `seed` picks.
pub(crate) fn tilted(p: &Pixels, part: f64, seed: u64) -> Pixels {
    let (w, h) = (f64::from(p.width()), f64::from(p.height()));
    let (s, c) = (seed as f64 * 2.4).sin_cos();
    let (g, k) = (part * c * 2.0 / w, part * s * 2.0 / h);
    // The middle stays.
    warp(
        p,
        [
            [1.0 + g * w / 2.0, k * w / 2.0, -(g * w / 2.0 + k * h / 2.0) * w / 2.0],
            [g * h / 2.0, 1.0 + k * h / 2.0, -(g * w / 2.0 + k * h / 2.0) * h / 2.0],
            [g, k, 1.0 - g * w / 2.0 - k * h / 2.0],
        ],
    )
}
