//! Rows of the camera's table.
use std::process::Command;

use image::GrayImage as Pixels;
use stakeout_feed::{CameraDetector, CameraFeed, CandidateTrial, Facing, FeedMode, raw_gray};

use crate::bend::{DAY, candidate, crop, gray, jpeg, key, scene, shot};
use crate::bends::{Bend, bends, frame, strangers};
use crate::{Table, Watch};

/// Only the rows whose name holds the fourth argument, when there is one.
fn rows() -> Vec<(&'static str, Bend)> {
    let mut rows = bends();
    rows.retain(|r| std::env::args().nth(4).is_none_or(|part| r.0.contains(&part)));
    rows
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
