//! What a medium shows of the trial, piece by piece.

use stakeout_feed::{CameraReading, Effort, Facing, GrayImage, SoundMatch};

use crate::{
    canary::Hit,
    detect::Detectors,
    media::{self, Piece, Sound},
};

/// Pixels from which pictures can hold a code that is read: 24 x 24, however they are cut.
const READABLE: u64 = 24 * 24;
/// Samples at 8 kHz from which sound can: a quarter of a second.
const AUDIBLE: u64 = 2_000;

/// How much was opened and not recognised. It is added up, as what is too little to say anything in each piece is not so in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Unread {
    /// Of pictures that are not blank.
    pub(crate) pixels: u64,
    /// At 8 kHz, of sound that is no silence.
    pub(crate) samples: u64,
}

impl Unread {
    pub(crate) fn add(&mut self, other: Self) {
        self.pixels = self.pixels.saturating_add(other.pixels);
        self.samples = self.samples.saturating_add(other.samples);
    }

    /// Kinds of media of which there is any, and whether there is enough to hold something.
    pub(crate) fn kinds(self) -> impl Iterator<Item = (&'static str, bool)> {
        let all = [("picture", self.pixels, READABLE), ("sound", self.samples, AUDIBLE)];
        all.into_iter().filter(|k| k.1 > 0).map(|(kind, n, least)| (kind, n >= least))
    }
}

/// A frame that one picture shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FrameSeen {
    pub(crate) frame: u64,
    pub(crate) t: f64,
    pub(crate) log10_p: f64,
}

/// What was matched.
#[derive(Debug, Clone)]
pub(crate) enum What {
    Canary(Hit),
    /// Frames of one camera, one for each picture of a medium in which one was found.
    Camera {
        facing: Facing,
        frames: Vec<FrameSeen>,
    },
    /// The card, without a frame.
    Card {
        facing: Facing,
        t: f64,
    },
    Microphone(SoundMatch),
}

/// All that a medium shows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    pub(crate) whats: Vec<What>,
    /// Pictures and pieces of sound.
    pub(crate) media: u64,
    /// What was not read of it.
    pub(crate) told: Vec<String>,
    /// That nothing was recognised in.
    pub(crate) unread: Unread,
    /// Of the track that is being read.
    effort: Option<(usize, Effort)>,
}

impl Shown {
    /// Whether it says more than that a card was recognised.
    pub(crate) fn is_match(&self) -> bool {
        self.whats.iter().any(|w| !matches!(w, What::Card { .. }))
    }

    /// Reads the next piece.
    pub(crate) fn read(&mut self, detectors: &Detectors, piece: &Piece, effort: u64) {
        self.media += 1;
        match piece {
            Piece::Picture(p) => self.picture(detectors, p),
            Piece::Sound { track, sound } => self.sound(detectors, *track, sound, effort),
        }
    }

    /// A picture, and the part of it that does not show the frame that was found in it, as a picture of its own.
    fn picture(&mut self, detectors: &Detectors, p: &GrayImage) {
        let first = self.note(detectors, p);
        let Some(rest) = &first.rest else {
            if !is_recognised(&first) {
                self.unread.pixels += pixels(p);
            }
            return;
        };
        let second = self.note(detectors, rest);
        let same = |r: &CameraReading| r.matches.iter().map(|m| (m.facing, m.frame)).collect::<Vec<_>>();
        // What is left of the rest, or is the same frame once more, says nothing of what else is there.
        if !is_recognised(&second) || second.rest.is_some() || same(&first) == same(&second) {
            self.unread.pixels += pixels(rest);
        }
    }

    /// Keeps what a picture shows.
    fn note(&mut self, detectors: &Detectors, p: &GrayImage) -> CameraReading {
        let reading = detectors.picture(p);
        for m in &reading.matches {
            let seen = FrameSeen { frame: m.frame, t: m.t, log10_p: m.log10_p };
            let same = self.whats.iter_mut().find_map(|w| match w {
                What::Camera { facing, frames } if *facing == m.facing => Some(frames),
                _ => None,
            });
            match same {
                Some(frames) => frames.push(seen),
                None => self.whats.push(What::Camera { facing: m.facing, frames: vec![seen] }),
            }
        }
        for l in &reading.leads {
            let known = |w: &What| matches!(w, What::Card { facing, .. } if *facing == l.facing);
            if !self.whats.iter().any(known) {
                self.whats.push(What::Card { facing: l.facing, t: l.z });
            }
        }
        reading
    }

    fn sound(&mut self, detectors: &Detectors, track: usize, sound: &Sound, transforms: u64) {
        let (_, effort) = match &mut self.effort {
            Some(same) if same.0 == track => same,
            other => other.insert((track, Effort::new(transforms))),
        };
        let found = detectors.sound(sound, effort);
        if effort.is_cut() && !self.told.iter().any(|t| t == media::SOUND) {
            self.told.push(media::SOUND.to_owned());
        }
        self.unread.samples += found.unheard;
        self.whats.extend(found.matches.into_iter().map(What::Microphone));
    }
}

fn is_recognised(r: &CameraReading) -> bool {
    !r.matches.is_empty() || !r.leads.is_empty()
}

/// Of a picture that is not all alike: a blank says nothing.
fn pixels(p: &GrayImage) -> u64 {
    let plain = p.luma.iter().all(|v| Some(v) == p.luma.first());
    if plain { 0 } else { p.luma.len() as u64 }
}
