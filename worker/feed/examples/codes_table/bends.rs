//! What is done to pictures before they are read, and pictures that are nobody's.

use image::codecs::webp::WebPEncoder;
use image::imageops;
use image::{ExtendedColorType, GrayImage as Pixels};
use stakeout_feed::{raw_gray, row_length};

use crate::bend::{DAY, covered, crop, gamma, jpeg, key, noise, screenshot, shot, size, soft, tilted, tone, turned, width};

pub(crate) type Bend = Box<dyn Fn(&Pixels, u64) -> Pixels>;

/// All of them, by name.
pub(crate) fn bends() -> Vec<(&'static str, Bend)> {
    let mut rows: Vec<(&'static str, Bend)> = Vec::new();
    macro_rules! row {
        ($name:literal, |$p:ident, $s:ident| $body:expr) => {
            rows.push(($name, Box::new(|$p: &Pixels, $s: u64| $body)))
        };
    }
    row!("identity", |p, _s| p.clone());
    row!("gamma .5", |p, _s| gamma(p, 0.5));
    row!("gamma 2", |p, _s| gamma(p, 2.0));
    row!("light / 6", |p, _s| tone(p, |v| v / 6.0));
    row!("jpeg q90", |p, _s| jpeg(p, 90));
    row!("jpeg q50", |p, _s| jpeg(p, 50));
    row!("jpeg q30", |p, _s| jpeg(p, 30));
    row!("jpeg q20", |p, _s| jpeg(p, 20));
    row!("jpeg q10", |p, _s| jpeg(p, 10));
    row!("jpeg q5", |p, _s| jpeg(p, 5));
    row!("noise 5%", |p, s| noise(p, 12.7, s));
    row!("noise 10%", |p, s| noise(p, 25.0, s));
    row!("occlusion 20%", |p, _s| covered(p, 0.2));
    row!("occlusion 50%", |p, _s| covered(p, 0.5));
    row!("shot 1080x2340 q60", |p, _s| screenshot(p, 1080, 60));
    row!("shot 720->480 q50", |p, _s| jpeg(&width(&screenshot(p, 720, 90), 480), 50));
    row!("shot 1080->360 q40", |p, _s| jpeg(&width(&screenshot(p, 1080, 90), 360), 40));
    row!("scale to 1280", |p, _s| width(p, 1280));
    row!("scale to 320", |p, _s| width(p, 320));
    row!("scale to 160", |p, _s| width(p, 160));
    row!("scale to 96", |p, _s| width(p, 96));
    row!("scale to 96, soft", |p, _s| soft(p, 96, 72));
    row!("scale to 96 q50", |p, _s| jpeg(&width(p, 96), 50));
    row!("scale to 64", |p, _s| width(p, 64));
    row!("square150+q40", |p, _s| jpeg(&size(&imageops::crop_imm(p, 80, 0, 480, 480).to_image(), 150, 150), 40));
    row!("square96+q60", |p, _s| jpeg(&size(&imageops::crop_imm(p, 80, 0, 480, 480).to_image(), 96, 96), 60));
    row!("crop 63% side (40% area)", |p, s| crop(p, 0.63, s));
    row!("crop 50% side (25% area)", |p, s| crop(p, 0.5, s));
    row!("crop 40% side", |p, s| crop(p, 0.4, s));
    row!("crop 25% side", |p, s| crop(p, 0.25, s));
    row!("crop 50% side, then 1.7x", |p, s| width(&crop(p, 0.5, s), 544));
    row!("crop 40% side, then .7x", |p, s| width(&crop(p, 0.4, s), 179));
    row!("crop50side+rot270+q30", |p, s| jpeg(&imageops::rotate270(&crop(p, 0.5, s)), 30));
    row!("persp 2%", |p, s| tilted(p, 0.02, s));
    row!("persp 4%", |p, s| tilted(p, 0.04, s));
    row!("negative", |p, _s| tone(p, |v| 255.0 - v));
    row!("negative, crop 50% side", |p, s| tone(&crop(p, 0.5, s), |v| 255.0 - v));
    row!("palette 16", |p, _s| tone(p, |v| (v / 17.0).round() * 17.0));
    row!("8 grays", |p, _s| tone(p, |v| (v / 32.0).floor() * 32.0 + 16.0));
    row!("rot90", |p, _s| imageops::rotate90(p));
    row!("rot180", |p, _s| imageops::rotate180(p));
    row!("rot270+mirror", |p, _s| imageops::flip_horizontal(&imageops::rotate270(p)));
    row!("mirror", |p, _s| imageops::flip_horizontal(p));
    row!("rot +-10 deg", |p, s| turned(p, (s % 21) as f64 - 10.0));
    row!("rot any deg", |p, s| turned(p, (s * 37 % 360) as f64));
    row!("rot5+crop70side+q50", |p, s| jpeg(&crop(&turned(p, 5.0), 0.7, s), 50));
    row!("rot5+crop40side+q50", |p, s| jpeg(&crop(&turned(p, 5.0), 0.4, s), 50));
    row!("rot15+crop35side", |p, s| crop(&turned(p, 15.0), 0.35, s));
    row!("crop35side, squeezed 15%", |p, s| size(&crop(p, 0.35, s), 190, 168));
    row!("x.37 q40 x1.7 q40", |p, _s| jpeg(&width(&jpeg(&width(p, 237), 40), 403), 40));
    row!("mirror+crop60side+q50+gam1.6", |p, s| gamma(&jpeg(&crop(&imageops::flip_horizontal(p), 0.6, s), 50), 1.6));
    row!("squash to 480x480", |p, _s| size(p, 480, 480));
    row!("squash to 200x300", |p, _s| size(p, 200, 300));
    row!("blur s3", |p, _s| imageops::blur(p, 3.0));
    row!("blur s5", |p, _s| imageops::blur(p, 5.0));
    row!("mosaic 8", |p, _s| imageops::resize(&width(p, 80), 640, 480, imageops::FilterType::Nearest));
    row!("webp lossless 50%", |p, _s| {
        let half = width(p, 320);
        let mut bytes = Vec::new();
        WebPEncoder::new_lossless(&mut bytes).encode(half.as_raw(), half.width(), half.height(), ExtendedColorType::L8).unwrap();
        image::load_from_memory(&bytes).unwrap().to_luma8()
    });
    row!("NV21 raw, width unknown", |p, _s| {
        let (w, h) = p.dimensions();
        let mut bytes = p.as_raw().clone();
        bytes.resize(bytes.len() * 3 / 2, 128);
        let wide = row_length(&bytes).unwrap();
        assert_eq!(wide, w);
        let g = raw_gray(&bytes, wide, h);
        Pixels::from_raw(g.width, g.height, g.luma).unwrap()
    });
    row!("wrong stride (656 as 640)", |p, _s| {
        let (w, h) = p.dimensions();
        let mut bytes: Vec<u8> = p.as_raw().chunks(w as usize).flat_map(|r| r.iter().copied().chain([16; 16])).collect();
        bytes.truncate((w * h) as usize);
        Pixels::from_raw(w, h, bytes).unwrap()
    });
    row!("two frames blended", |p, s| {
        let q = shot(1, frame(s) + 1, 640, 480);
        Pixels::from_fn(640, 480, |x, y| {
            image::Luma([((u16::from(p.get_pixel(x, y).0[0]) * 3 + u16::from(q.get_pixel(x, y).0[0]) * 2) / 5) as u8])
        })
    });
    rows
}

/// The frame that a sample shows.
pub(crate) fn frame(sample: u64) -> u64 {
    (sample * 130_363 + 4711) % DAY
}

/// Pictures with no code, with another trial's, or with only structure that repeats.
pub(crate) fn strangers(n: u64) -> Vec<(String, Pixels)> {
    let mut out = Vec::new();
    for s in 0..n.min(14) {
        for (w, h) in [(640, 480), (320, 240), (480, 800)] {
            let bytes = |label: &str, n: usize| {
                let mut b = vec![0; n];
                key(99).fill(label, s * 3 + u64::from(w), &mut b);
                b
            };
            let area = (w * h) as usize;
            out.push((format!("noise {w}x{h}"), Pixels::from_raw(w, h, bytes("noise", area)).unwrap()));
            let b = bytes("waves", 64);
            let photo = Pixels::from_fn(w, h, |x, y| {
                let mut v = 128.0;
                for k in b.chunks_exact(4) {
                    let (fx, fy) = ((f64::from(k[0]) - 128.0) / 1500.0, (f64::from(k[1]) - 128.0) / 1500.0);
                    let a = f64::from(k[2]) / 8.0 / (1.0 + 20.0 * fx.hypot(fy));
                    v += a * (f64::from(x) * fx + f64::from(y) * fy + f64::from(k[3])).sin();
                }
                image::Luma([v.clamp(0.0, 255.0) as u8])
            });
            out.push((format!("waves {w}x{h}"), noise(&photo, 3.0, s)));
            out.push((format!("other key {w}x{h}"), shot(50 + s as u8, s * 1000, w, h)));
            let cell = 5 + s as u32;
            let b = bytes("blocks", 4096);
            out.push((
                format!("blocks {cell} {w}x{h}"),
                Pixels::from_fn(w, h, |x, y| {
                    image::Luma([if b[(x / cell % 64 + y / cell % 64 * 64) as usize] & 1 == 1 { 220 } else { 30 }])
                }),
            ));
            out.push((
                format!("chessboard {cell} {w}x{h}"),
                Pixels::from_fn(w, h, |x, y| image::Luma([if (x / cell + y / cell) % 2 == 1 { 220 } else { 30 }])),
            ));
            let text = Pixels::from_fn(w, h, |x, y| {
                image::Luma([if y / 9 % 2 == 0 && b[((x / 3 + y / 18 * 97) % 4096) as usize].is_multiple_of(4) { 20 } else { 245 }])
            });
            out.push((format!("text {w}x{h}"), jpeg(&text, 60)));
        }
    }
    out
}
