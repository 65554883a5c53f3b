//! The same pictures before our detector, a perceptual hash and readers of QR codes.

use image::GrayImage as Pixels;
use stakeout_feed::{CameraDetector, CandidateTrial, Facing, FeedMode};

use crate::bend::{DAY, gray, jpeg, key, scene, shot};
use crate::bends::{bends, frame, strangers};
use crate::hash::{Hashes, settings};
use crate::qr::{CARD, ROOM, Tags, drawn};
use crate::score::{Method, Named, timed};

/// Keys of the trials that a picture may be of.
const TRIALS: [u8; 4] = [21, 22, 23, 24];
/// Frames that each trial delivered.
const DELIVERED: u64 = 200;
/// Rows of the table of codes that are no different here: a raw buffer is the same picture once its width is known, and a mixture
/// of two frames has no right answer.
const LEFT_OUT: [&str; 2] = ["NV21 raw, width unknown", "two frames blended"];

/// Draws a frame of a key.
type Draw = fn(u8, u64, u32, u32) -> Pixels;

fn first(trial: usize) -> u64 {
    frame(trial as u64 + 1)
}

pub(crate) fn run(mode: FeedMode, n: u64) -> Vec<Method> {
    let (feed, draw, layouts): (_, Draw, _) = match mode {
        FeedMode::Pattern => ("card", shot, CARD),
        FeedMode::Scene => ("room", scene, ROOM),
    };
    let candidates: Vec<CandidateTrial> = TRIALS
        .iter()
        .enumerate()
        .map(|(t, &k)| CandidateTrial {
            subkey: key(k),
            facing: Facing::Back,
            mode,
            delivered: vec![first(t)..=first(t) + DELIVERED - 1],
            horizon_frames: DAY,
        })
        .collect();
    let detector = CameraDetector::new(&candidates);
    let (mut hashes, mut tags) = (settings(), Tags::default());
    for (t, &k) in TRIALS.iter().enumerate() {
        for f in first(t)..first(t) + DELIVERED {
            let original = draw(k, f, 640, 480);
            for h in &mut hashes {
                h.learn(&original, t, f);
            }
            tags.learn(&key(k), t, f);
        }
    }
    let mut methods = vec![Method::new("code", feed, "as it is", -9.0)];
    for h in &hashes {
        let mut method = Method::new("hash", feed, h.name, f64::from(h.bits * 10 / 64));
        method.thresholds = (0..=h.bits * 2 / 5).map(f64::from).collect();
        methods.push(method);
    }
    for layout in layouts {
        methods.push(Method::new("qr", feed, layout.name, 0.0));
    }

    // A picture of the feed, and the same frame with each layout of QR codes, bent in one way: read by all methods.
    let ours = Ours { detector: &detector, hashes: &hashes, tags: &tags, layouts: layouts.len() };
    let frames = |k: u8, f: u64| -> Vec<Pixels> {
        let original = draw(k, f, 640, 480);
        let base = if mode == FeedMode::Pattern { Pixels::from_pixel(640, 480, image::Luma([255])) } else { original.clone() };
        std::iter::once(original).chain(layouts.iter().map(|l| drawn(&base, l, &key(k), f))).collect()
    };
    let samples: Vec<(usize, u64, Vec<Pixels>)> = (0..n)
        .map(|s| {
            let trial = (s % TRIALS.len() as u64) as usize;
            let f = first(trial) + 37 + s * 97 % (DELIVERED - 74);
            (trial, f, frames(TRIALS[trial], f))
        })
        .collect();
    for (name, bend) in bends().iter().filter(|b| !LEFT_OUT.contains(&b.0)) {
        for (s, (trial, f, pictures)) in samples.iter().enumerate() {
            let bent: Vec<Pixels> = pictures.iter().map(|p| bend(p, s as u64)).collect();
            for (method, reading) in methods.iter_mut().zip(ours.read(&bent)) {
                method.positives.push(((*name).to_owned(), (*trial, *f), reading));
            }
        }
    }

    // Other keys' frames, sharp and as JPEG, and pictures that are nobody's.
    let mut negatives: Vec<(String, Vec<Pixels>)> = Vec::new();
    for s in 0..n {
        let pictures = frames(60 + s as u8, first(0) + s);
        negatives.push(("another trial's".into(), pictures.iter().map(|p| jpeg(p, 50)).collect()));
        negatives.push(("another trial's".into(), pictures));
    }
    let nobodys = strangers(n.div_ceil(4)).into_iter().filter(|p| !p.0.starts_with("other key")).map(|p| p.1);
    negatives.extend(nobodys.map(|p| ("nobody's".into(), vec![p])));
    for (kind, pictures) in &negatives {
        for (method, reading) in methods.iter_mut().zip(ours.read(pictures)) {
            method.negatives.push((kind.clone(), reading));
        }
    }
    methods
}

struct Ours<'a> {
    detector: &'a CameraDetector,
    hashes: &'a [Hashes],
    tags: &'a Tags,
    layouts: usize,
}

impl Ours<'_> {
    /// In the order of the methods. The first picture is for the code and the hash, the others are those with QR codes; one picture
    /// alone is for all.
    fn read(&self, pictures: &[Pixels]) -> Vec<crate::score::Reading> {
        let mut out = vec![timed(|| {
            let found = self.detector.detect(&gray(&pictures[0])).first().copied();
            found.map_or((Named::Nothing, 0.0), |m| (Named::Moment(m.trial_index, m.frame), m.log10_p))
        })];
        out.extend(self.hashes.iter().map(|h| timed(|| h.read(&pictures[0]))));
        for layout in 1..=self.layouts {
            let picture = pictures.get(layout).unwrap_or(&pictures[0]);
            out.push(timed(|| self.tags.read(picture)));
        }
        out
    }
}
