//! What a medium shows of the trial, piece by piece.

use stakeout_feed::{Effort, Facing, GrayImage, SoundMatch};

use crate::{
    canary::Hit,
    detect::Detectors,
    media::{self, Piece, Sound},
};

/// Side of a picture from which it can hold a code that is read.
const READABLE: u32 = 24;
/// Samples of a sound from which it can.
const AUDIBLE: usize = 2_000;

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
    /// There is a picture that nothing was recognised in.
    pub(crate) unread_picture: bool,
    /// There is sound that nothing was recognised in.
    pub(crate) unread_sound: bool,
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

    fn picture(&mut self, detectors: &Detectors, p: &GrayImage) {
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
        let nothing = reading.matches.is_empty() && reading.leads.is_empty();
        self.unread_picture |= nothing && p.width.min(p.height) >= READABLE && !is_plain(&p.luma);
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
        self.unread_sound |= found.is_empty() && sound.samples.len() >= AUDIBLE && sound.samples.iter().any(|v| v.abs() > 1e-4);
        self.whats.extend(found.into_iter().map(What::Microphone));
    }
}

/// All pixels alike: a blank, which says nothing.
fn is_plain(luma: &[u8]) -> bool {
    luma.iter().all(|v| Some(v) == luma.first())
}
