//! Rows of the camera's table.
use std::process::Command;

use image::codecs::webp::WebPEncoder;
use image::imageops;
use image::{ExtendedColorType, GrayImage as Pixels};
use stakeout_feed::{CameraDetector, CameraFeed, CandidateTrial, Facing, FeedMode, raw_gray, row_length};

use crate::bend::{
    DAY, candidate, covered, crop, gamma, gray, jpeg, key, noise, scene, screenshot, shot, size, soft, tilted, tone, turned, width,
};
use crate::{Table, Watch};

type Bend = Box<dyn Fn(&Pixels, u64) -> Pixels>;

/// Only the rows whose name holds the fourth argument, when there is one.
fn rows() -> Vec<(&'static str, Bend)> {
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
    rows.retain(|r| std::env::args().nth(4).is_none_or(|part| r.0.contains(&part)));
    rows
}

fn frame(sample: u64) -> u64 {
    (sample * 130_363 + 4711) % DAY
}

fn judge(detector: &CameraDetector, picture: &Pixels, frame: u64) -> (bool, f64, f64) {
    let watch = Watch::start();
    let found = detector.detect(&gray(picture));
    let millis = watch.millis();
    let good = found.first().is_some_and(|m| m.frame == frame && m.log10_p < -9.0);
    if found.first().is_some_and(|m| m.frame != frame && m.log10_p < -9.0) {
        println!("WRONG FRAME {found:?}");
    }
    (good, found.first().map_or(0.0, |m| m.t), millis)
}

/// The same rows for the room: blind, as the detector does not know it.
pub(crate) fn scene_table(table: &mut Table, n: u64) {
    let frames: Vec<Pixels> = (0..n).map(|s| scene(s as u8 + 1, frame(s), 640, 480)).collect();
    for (name, bend) in rows() {
        if name == "two frames blended" {
            continue;
        }
        let samples: Vec<_> = (0..n)
            .map(|s| {
                let mut c = candidate(s as u8 + 1, DAY);
                c.mode = FeedMode::Scene;
                c.delivered = vec![frame(s).saturating_sub(900)..=frame(s) + 900];
                judge(&CameraDetector::new(&[c]), &bend(&frames[s as usize], s), frame(s))
            })
            .collect();
        table.row("camera scene", name, &samples);
    }
}

pub(crate) fn table(table: &mut Table, n: u64) {
    // Frames of a minute around the true one were delivered; the day is the horizon.
    let detector = |around: u64| {
        let mut c = candidate(1, DAY);
        c.delivered = vec![around.saturating_sub(900)..=around + 900];
        CameraDetector::new(&[c])
    };
    for (name, bend) in rows() {
        let samples: Vec<_> = (0..n).map(|s| judge(&detector(frame(s)), &bend(&shot(1, frame(s), 640, 480), s), frame(s))).collect();
        table.row("camera pattern", name, &samples);
    }
    let nothing_known = CameraDetector::new(&[candidate(1, DAY)]);
    let samples: Vec<_> = (0..n.min(5)).map(|s| judge(&nothing_known, &shot(1, frame(s), 640, 480), frame(s))).collect();
    table.row("camera pattern", "identity, all frames of a day scored", &samples);
    let ten: Vec<_> = (1..=10)
        .flat_map(|k| {
            let mut a = candidate(k, DAY);
            a.delivered = vec![0..=3600];
            let mut b = a.clone();
            (b.subkey, b.facing) = (stakeout_feed::TrialKey::from_bytes([k; 32]).subkeys().camera_front, Facing::Front);
            [a, b]
        })
        .collect();
    let ten = CameraDetector::new(&ten);
    let samples: Vec<_> = (0..n).map(|s| judge(&ten, &shot(7, s, 640, 480), s)).collect();
    table.row("camera pattern", "identity, 10 trials x 2 cameras", &samples);
    let samples: Vec<_> = (0..n).map(|s| judge(&ten, &crop(&shot(7, s, 640, 480), 0.4, s), s)).collect();
    table.row("camera pattern", "crop 40% side, 10 trials x 2", &samples);
    for (codec, name) in [("libx264", "H.264 100 kbit/s 320x240"), ("libx265", "HEVC 100 kbit/s 320x240")] {
        if let Some([exact, near, seen]) = video(n.min(20), codec) {
            table.row("camera pattern", &format!("{name}, exact"), &exact);
            table.row("camera pattern", &format!("{name}, or <= 2 s older"), &near);
            table.row("camera pattern", &format!("{name}, or a lead"), &seen);
        }
    }
}

/// Four seconds of the feed at 15 frames a second through a video codec, every third picture read: exact, or a frame up to two
/// seconds older (an encoder keeps parts of earlier pictures, and such a part is of the earlier frame), or at least a lead.
fn video(n: u64, codec: &str) -> Option<[Vec<(bool, f64, f64)>; 3]> {
    let dir = std::env::temp_dir().join(format!("codes-{}", std::process::id()));
    std::fs::create_dir_all(&dir).ok()?;
    let feed = CameraFeed::new(key(1));
    let raw: Vec<u8> = (0..60)
        .flat_map(|i| {
            let mut y = feed.luma(1000 + 2 * i, 320, 240);
            y.resize(320 * 240 * 3 / 2, 128);
            y
        })
        .collect();
    std::fs::write(dir.join("in.yuv"), raw).ok()?;
    let run = |args: &[&str]| {
        Command::new("ffmpeg")
            .current_dir(&dir)
            .args(["-v", "error", "-y"])
            .args(args)
            .stderr(std::process::Stdio::null())
            .status()
            .ok()
            .filter(std::process::ExitStatus::success)
    };
    run(&["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "320x240", "-r", "15", "-i", "in.yuv", "-c:v", codec, "-b:v", "100k", "out.mp4"])?;
    run(&["-i", "out.mp4", "-f", "rawvideo", "-pix_fmt", "gray", "-fps_mode", "passthrough", "out.gray"])?;
    let pictures = std::fs::read(dir.join("out.gray")).ok()?;
    let mut c = candidate(1, DAY);
    c.delivered = vec![900..=1200];
    let detector = CameraDetector::new(&[c]);
    let mut out = [Vec::new(), Vec::new(), Vec::new()];
    for (i, luma) in pictures.chunks_exact(320 * 240).enumerate().step_by(3).take(n as usize) {
        let watch = Watch::start();
        let found = detector.examine(&raw_gray(luma, 320, 240));
        let millis = watch.millis();
        let (frame, t) = found.matches.first().filter(|m| m.log10_p < -9.0).map_or((0, 0.0), |m| (m.frame, m.t));
        let shown = 1000 + 2 * i as u64;
        out[0].push((frame == shown, t, millis));
        out[1].push(((shown - 60..=shown).contains(&frame), t, millis));
        out[2].push((frame > 0 || !found.leads.is_empty(), t, millis));
    }
    let _ = std::fs::remove_dir_all(&dir);
    Some(out)
}

/// Pictures without the trial's code: their time, and the least bound that any of them gave.
pub(crate) fn negatives(table: &mut Table, n: u64) {
    let detector = CameraDetector::new(&[candidate(1, DAY)]);
    let pictures = strangers(n);
    let samples: Vec<_> = pictures
        .iter()
        .map(|(_, p)| {
            let watch = Watch::start();
            let found = detector.examine(&gray(p));
            (!found.matches.is_empty() || !found.leads.is_empty(), found.matches.first().map_or(0.0, |m| m.t), watch.millis())
        })
        .collect();
    for kind in ["noise", "waves", "other key", "blocks", "chessboard", "text"] {
        for size in ["640x480", "320x240", "480x800"] {
            let of: Vec<_> =
                pictures.iter().zip(&samples).filter(|(p, _)| p.0.starts_with(kind) && p.0.ends_with(size)).map(|(_, s)| *s).collect();
            table.row("no code", &format!("{kind} {size}"), &of);
        }
    }
    own_pictures(table, n);
}

/// Pictures as an app has them of its own (rooms that other keys drew, as JPEGs), before the two cameras of one trial.
fn own_pictures(table: &mut Table, n: u64) {
    let keys = stakeout_feed::TrialKey::from_bytes([1; 32]).subkeys();
    for mode in [FeedMode::Pattern, FeedMode::Scene] {
        let camera = |subkey, facing| CandidateTrial { subkey, facing, mode, delivered: vec![0..=1800], horizon_frames: 36_000 };
        let detector = CameraDetector::new(&[camera(keys.camera_back, Facing::Back), camera(keys.camera_front, Facing::Front)]);
        for (w, h) in [(640, 480), (1920, 1080), (160, 120)] {
            let samples: Vec<_> = (0..n)
                .map(|s| {
                    let picture = gray(&jpeg(&scene(100 + s as u8, s, w, h), 85));
                    let watch = Watch::start();
                    let found = detector.examine(&picture);
                    (!found.matches.is_empty() || !found.leads.is_empty(), 0.0, watch.millis())
                })
                .collect();
            table.row("no code", &format!("rooms as JPEG {w}x{h}, two cameras, {mode:?}"), &samples);
        }
    }
}

/// Pictures with no code, with another trial's, or with only structure that repeats.
fn strangers(n: u64) -> Vec<(String, Pixels)> {
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
