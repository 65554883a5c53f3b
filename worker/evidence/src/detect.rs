//! The trial's camera and microphone as the detectors want them.

use std::{
    collections::HashMap,
    ops::RangeInclusive,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use sha2::{Digest, Sha256};
use stakeout_contract::{
    DeviceKind, Sensor, observation,
    trial::{self, TrialRecord, frame_at},
};
use stakeout_feed::{
    CameraDetector, CameraReading, CandidateTrial, Effort, Facing, FeedMode, GrayImage, Listened, MicCandidate, MicDetector, TrialKey,
};

use crate::media::Sound;

/// Length that is assumed for a trial whose record has no timeline: a day.
const DAY_NANOS: u64 = 86_400_000_000_000;
/// Longest trial that is searched. A scenario lasts 40 days at most; a record from a stranger says what it likes.
const LONGEST_NANOS: u64 = 45 * DAY_NANOS;
/// Nanoseconds of a block of the feed's log of sound.
const BLOCK_NANOS: u64 = 50_000_000;

/// Detectors for one trial, with what they said of the bytes that they saw before.
pub(crate) struct Detectors {
    camera: CameraDetector,
    microphone: MicDetector,
    pictures: Seen<CameraReading>,
    sounds: Seen<(Listened, Effort)>,
}

/// What was said of bytes, by their digest: asked by several threads, answered once.
pub(crate) struct Seen<T>(Mutex<HashMap<[u8; 32], Arc<OnceLock<T>>>>);

impl<T: Clone> Seen<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    pub(crate) fn of(&self, digest: [u8; 32], say: impl FnOnce() -> T) -> T {
        let cell = Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(digest).or_default());
        cell.get_or_init(say).clone()
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Detectors {
    pub(crate) fn new(trial: &TrialRecord, key: &TrialKey) -> Self {
        let keys = key.subkeys();
        let length = Some(trial.length().get()).filter(|n| *n > 0).unwrap_or(DAY_NANOS).min(LONGEST_NANOS);
        let frames = |nanos| frame_at(stakeout_contract::Nanos::saturating(nanos)) + 1;
        let most = |sensor| match sensor {
            Sensor::Camera => frames(LONGEST_NANOS),
            Sensor::Microphone => LONGEST_NANOS / BLOCK_NANOS,
        };
        let of = |sensor, facing: Option<observation::Facing>| {
            // A log that does not say which camera it was speaks of both.
            let mut all: Vec<(u64, u64)> = trial
                .delivered
                .iter()
                .filter(|d| d.sensor == sensor && (facing.is_none() || d.facing.is_none() || d.facing == facing) && d.first <= d.last)
                .map(|d| (d.first, d.last.min(most(sensor))))
                .filter(|(first, last)| first <= last)
                .collect();
            all.sort_unstable();
            merged(&all)
        };
        let horizon_frames = of(Sensor::Camera, None).last().map_or(0, |r| r.1 + 1).max(frames(length));
        let mode = match trial.feed_mode {
            trial::FeedMode::Pattern => FeedMode::Pattern,
            trial::FeedMode::Scene => FeedMode::Scene,
        };
        let camera = |subkey, facing, side| CandidateTrial {
            subkey,
            facing,
            mode,
            delivered: of(Sensor::Camera, Some(side)).into_iter().map(|(a, b)| a..=b).collect(),
            horizon_frames,
        };
        let delivered: Vec<RangeInclusive<u64>> = of(Sensor::Microphone, None)
            .into_iter()
            .map(|(a, b)| a.saturating_mul(BLOCK_NANOS)..=(b + 1).saturating_mul(BLOCK_NANOS).saturating_sub(1))
            .collect();
        let end = delivered.iter().map(|r| *r.end()).max().unwrap_or(0);
        Self {
            camera: CameraDetector::new(&[
                camera(keys.camera_back, Facing::Back, observation::Facing::Back),
                camera(keys.camera_front, Facing::Front, observation::Facing::Front),
            ]),
            microphone: MicDetector::new(&[MicCandidate {
                subkey: keys.microphone,
                delivered,
                logged: trial.device == DeviceKind::Jvm,
                horizon_nanos: length.max(end),
            }]),
            pictures: Seen::new(),
            sounds: Seen::new(),
        }
    }

    /// What a picture shows.
    pub(crate) fn picture(&self, p: &GrayImage) -> CameraReading {
        let mut h = Sha256::new();
        h.update(p.width.to_le_bytes());
        h.update(&p.luma);
        self.pictures.of(h.finalize().into(), || self.camera.examine(p))
    }

    /// What a sound holds, with the effort that is left for its track.
    pub(crate) fn sound(&self, s: &Sound, effort: &mut Effort) -> Listened {
        let mut h = Sha256::new();
        h.update(s.rate.to_le_bytes());
        s.samples.iter().for_each(|v| h.update(v.to_le_bytes()));
        // What was found of a track before says where to look first.
        h.update(format!("{effort:?}"));
        let before = &*effort;
        let (found, left) = self.sounds.of(h.finalize().into(), || {
            let mut effort = before.clone();
            (self.microphone.listen(&s.samples, s.rate, &mut effort), effort)
        });
        *effort = left;
        found
    }

    /// Different pictures and sounds that were read: each is one more chance for chance.
    pub(crate) fn read(&self) -> usize {
        self.pictures.len() + self.sounds.len()
    }
}

/// Stretches that overlap or follow each other, as one.
fn merged(sorted: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut out: Vec<(u64, u64)> = Vec::new();
    for &(a, b) in sorted {
        match out.last_mut() {
            Some(last) if a <= last.1.saturating_add(1) => last.1 = last.1.max(b),
            _ => out.push((a, b)),
        }
    }
    out
}
