//! From a picture to the frame of the trial that it shows.

use std::ops::RangeInclusive;

use crate::bound::log10_p;
use crate::codeword::{Layer, sync_tile};
use crate::elsewhere::{Bounds, elsewhere};
use crate::lattice::lattices;
use crate::matrix::Mat3;
use crate::plane::{Picture, Plane};
use crate::raw::row_length;
use crate::read::{Tiles, read};
use crate::score::{Scorer, count};
use crate::search::{Folded, Place, Pyramid, SyncBank, cell_sizes};
use crate::{Facing, FeedMode, SubKey};

/// Places of one trial that are read in one picture at most; every test counts as if all were.
const READS: u64 = 16;
/// Places below [`SURE_Z`] are read up to this many when only cards are looked for: a card that is there is among the first.
const READS_CARD: u64 = 6;
/// A place below this is noise's: the greatest of a whole search over a picture without the tile is 5 to 6.5.
const LEAST_Z: f32 = 5.8;
/// The same for pictures that are so small that reading costs little, where the tile may be weak.
const LEAST_Z_SMALL: f32 = 4.8;
/// What a coarse look for a card must show, where a place between the shifts that are seen shows less.
const COARSE_Z: f32 = 4.5;
/// The same for small pictures.
const COARSE_Z_SMALL: f32 = 3.75;
/// Pixels of a small picture.
const SMALL: usize = 200 * 200;
/// A place above this ends the search.
const SURE_Z: f32 = 9.0;
/// Synchronisation score from which all frames of the horizon are scored, not only those that were delivered.
const DEEP_SYNC: f64 = 6.5;
/// Synchronisation score that says that this trial's card was seen, whatever the frame.
const LEAD_SYNC: f64 = 9.0;
/// log10 of the bound from which a match is told; what it proves is the caller's to say.
const TELL: f64 = -4.0;
/// Repetitions of the picture that are tried.
const LATTICES: usize = 6;
/// The same when only cards are looked for.
const LATTICES_CARD: usize = 3;
/// How far a step from one cell size to the next may move the picture's ends, in cells.
const STEP: f64 = 0.75;
/// The same when only cards are looked for in a large picture.
const STEP_CARD: f64 = 1.3;
/// Pictures are shrunk to this before anything else.
const LONGEST: usize = 1600;
/// And to this for the search.
const SEARCHED: usize = 640;
/// Work of the search by size, in samples of its finest fold.
const FINEST: f64 = 75_000.0;

/// A grey picture, `height` rows of `width` bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrayImage {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width * height` bytes of luma.
    pub luma: Vec<u8>,
}

/// One trial's camera that a picture may have come from.
#[derive(Debug, Clone)]
pub struct CandidateTrial {
    /// The camera's subkey.
    pub subkey: SubKey,
    /// Which camera it is.
    pub facing: Facing,
    /// What it was shown: the room's code is faint, so everything is tried for it; the card's is found without.
    pub mode: FeedMode,
    /// Frames that the feed's log says were delivered.
    pub delivered: Vec<RangeInclusive<u64>>,
    /// Frames 0..horizon could have been shown at all: scored where the card is recognised and no delivered frame fits, about a
    /// second for a day. 0 leaves that out.
    pub horizon_frames: u64,
}

/// Where the card lies in the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geometry {
    /// Projective map from coarse cells of the card (30 to its shorter side, origin top left) to pixels, row by row.
    pub cells_to_pixels: [[f64; 3]; 3],
    /// Score of the coarse and the fine synchronisation signs, 21.2 at most.
    pub sync: [f64; 2],
}

/// A frame that a picture shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameMatch {
    /// Index into the candidates.
    pub trial_index: usize,
    /// Which camera.
    pub facing: Facing,
    /// Frame number in the trial.
    pub frame: u64,
    /// Score, 30 at most.
    pub t: f64,
    /// log10 of the bound on a false match over all `tests`; multiply by the number of artifacts searched.
    pub log10_p: f64,
    /// Frames x geometries x candidates x 2 (as they are or negative) x 2 (delivered frames and all frames each take half of the
    /// risk).
    pub tests: u64,
    /// Whether the frame is among the delivered.
    pub delivered: bool,
    /// Where it lies.
    pub geometry: Geometry,
}

/// This trial's card was recognised, but no frame of it: an average of frames, perhaps. It forbids `not_observed`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lead {
    /// Index into the candidates.
    pub trial_index: usize,
    /// Which camera.
    pub facing: Facing,
    /// Score of the synchronisation signs, both scales together.
    pub z: f64,
}

/// All that a picture says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CameraReading {
    /// The frame found: at most one, as a picture shows one capture.
    pub matches: Vec<FrameMatch>,
    /// Candidates that were recognised without a frame.
    pub leads: Vec<Lead>,
    /// The part of the picture that does not show the frame found, if there is one that is not plain and large enough to say so:
    /// it may be another frame. Not looked for in the room, whose code is too faint for it.
    pub rest: Option<GrayImage>,
}

/// Looks for the cards of some trials in pictures.
pub struct CameraDetector {
    candidates: Vec<CandidateTrial>,
    tiles: Vec<Tiles>,
    bank: SyncBank,
}

impl CameraDetector {
    /// Prepares the search for these trials.
    pub fn new(candidates: &[CandidateTrial]) -> Self {
        let keys: Vec<SubKey> = candidates.iter().map(|c| c.subkey).collect();
        let tiles = keys.iter().map(|k| Tiles { coarse: sync_tile(k, Layer::Coarse), fine: sync_tile(k, Layer::Fine) }).collect();
        Self { candidates: candidates.to_vec(), tiles, bank: SyncBank::new(&keys) }
    }

    /// A room's code is faint, so all is tried for it.
    fn thorough(&self) -> bool {
        self.candidates.iter().any(|c| c.mode == FeedMode::Scene)
    }

    /// The frame that the picture shows, if any.
    pub fn detect(&self, image: &GrayImage) -> Vec<FrameMatch> {
        self.examine(image).matches
    }

    /// Frames and leads. A picture smaller than 24 pixels on a side, or whose luma is too short, says nothing.
    pub fn examine(&self, image: &GrayImage) -> CameraReading {
        let (w, h) = (image.width as usize, image.height as usize);
        if w < 24 || h < 24 || image.luma.len() < w * h || self.candidates.is_empty() {
            return CameraReading::default();
        }
        let mut work = Work {
            detector: self,
            reads: vec![0; self.candidates.len()],
            matches: Vec::new(),
            leads: Vec::new(),
            negative: None,
            rest: None,
        };
        let mut laid = w;
        let plane = |w: usize, h: usize| Plane { w, h, v: image.luma[..w * h].iter().map(|&v| f32::from(v)).collect() };
        if !self.search(shrunk(plane(w, h), LONGEST), &mut work)
            && let Some(row) = row_length(&image.luma).map(|r| r as usize)
            && row.abs_diff(w) > 1
            && (w / 2..=2 * w).contains(&row)
        {
            laid = row;
            // The rows are like each other at another distance than a row's: a buffer that was read with the wrong width.
            self.search(shrunk(plane(row, w * h / row), LONGEST), &mut work);
        }
        let Work { matches, mut leads, rest, .. } = work;
        let rest = rest.and_then(|part| cut(&image.luma, laid, w * h / laid, part));
        leads.retain(|l| matches.iter().all(|m| m.trial_index != l.trial_index));
        leads.sort_by(|a, b| a.trial_index.cmp(&b.trial_index).then(b.z.total_cmp(&a.z)));
        leads.dedup_by_key(|l| l.trial_index);
        CameraReading { matches, leads, rest }
    }

    /// True when a frame was found. Cheap and likely places first.
    fn search(&self, full: Plane, work: &mut Work<'_>) -> bool {
        work.negative = None;
        let looked = shrunk(full.clone(), SEARCHED);
        let small = looked.w * looked.h <= SMALL;
        let thorough = self.thorough();
        let pyramid = Pyramid::new(looked, thorough);
        let full = &Picture::new(full);
        let base = pyramid.base();
        let to_full = Mat3::scale(full.base().w as f64 / base.w as f64, full.base().h as f64 / base.h as f64);
        let side = base.w.min(base.h) as f64;
        let least_z = if small { LEAST_Z_SMALL } else { LEAST_Z };
        let coarse = (!thorough).then_some(if small { COARSE_Z_SMALL } else { COARSE_Z });
        let mut rest = Vec::new();
        let mut stage = |folds: &mut dyn Iterator<Item = Folded>, work: &mut Work<'_>| {
            for folded in folds {
                let from = rest.len();
                self.bank.places(&folded, least_z, coarse, &mut rest);
                for place in &mut rest[from..] {
                    place.map = to_full.after(&place.map);
                }
                if rest[from..].iter().any(|p| p.z > SURE_Z) && work.read(full, &mut rest, SURE_Z) {
                    return true;
                }
            }
            false
        };
        // The whole frame at any size, then a cut of a frame of 640 x 480 at its own.
        let scale = base.w as f64 / full.base().w as f64;
        let likely = [side / 30.0, side / 90.0, 16.0 * scale, 16.0 / 3.0 * scale];
        if stage(&mut likely.iter().filter(|&&p| p >= 1.25).filter_map(|&p| pyramid.fold(p)), work) {
            return true;
        }
        if stage(&mut lattices(&pyramid, if thorough { LATTICES } else { LATTICES_CARD }).into_iter(), work) {
            return true;
        }
        let least = ((base.w * base.h) as f64 / FINEST).sqrt().max(1.25) * 2.0;
        let least = if least < 2.6 { 1.25 } else { least };
        if stage(
            &mut cell_sizes(base.w, base.h, least, if thorough || small { STEP } else { STEP_CARD })
                .into_iter()
                .filter_map(|p| pyramid.fold(p)),
            work,
        ) {
            return true;
        }
        work.read(full, &mut rest, least_z) || small && work.read(full, &mut self.guesses(full.base()), 0.0)
    }

    /// Thumbnails by the book, whatever the search saw: the whole frame, or the middle square of one of 4 : 3, in all eight turns.
    fn guesses(&self, full: &Plane) -> Vec<Place> {
        let (w, h) = (full.w as f64, full.h as f64);
        let cell = w.min(h) / 30.0;
        let middle = if full.w == full.h { 5.0 } else { 0.0 };
        let mut out = Vec::new();
        for trial in 0..self.candidates.len() {
            for turn in 0..8 {
                let (fx, fy) = (if turn & 1 == 0 { 1.0 } else { -1.0 }, if turn & 2 == 0 { 1.0 } else { -1.0 });
                let (ox, oy) = (if turn & 1 == 0 { 0.0 } else { w }, if turn & 2 == 0 { 0.0 } else { h });
                let to_pixels = Mat3([[fx * cell, 0.0, ox], [0.0, fy * cell, oy], [0.0, 0.0, 1.0]]);
                let swap = if turn & 4 == 0 { Mat3::scale(1.0, 1.0) } else { Mat3([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]) };
                let map = to_pixels.after(&swap).after(&Mat3::shift(-middle, 0.0));
                out.push(Place { z: 0.0, trial, layer: Layer::Coarse, map, negative: false });
            }
        }
        out
    }
}

fn shrunk(p: Plane, longest: usize) -> Plane {
    let f = longest as f64 / p.w.max(p.h) as f64;
    if f >= 1.0 {
        return p;
    }
    p.resized(((p.w as f64 * f).round() as usize).max(1), ((p.h as f64 * f).round() as usize).max(1))
}

/// A part of a picture of `w` bytes a row, by parts of its sides; none if it is too small to be read.
fn cut(luma: &[u8], w: usize, h: usize, part: Bounds) -> Option<GrayImage> {
    let at = |v: f64, n: usize| (v.clamp(0.0, 1.0) * n as f64).round() as usize;
    let (x, y, to_x, to_y) = (at(part[0], w), at(part[1], h), at(part[2], w), at(part[3], h));
    let (width, height) = (to_x.saturating_sub(x), to_y.saturating_sub(y));
    if width * height < 24 * 24 {
        return None;
    }
    let rows = luma.chunks_exact(w).skip(y).take(height);
    let luma = rows.flat_map(|r| &r[x..to_x]).copied().collect();
    Some(GrayImage { width: width as u32, height: height as u32, luma })
}

struct Work<'a> {
    detector: &'a CameraDetector,
    reads: Vec<u64>,
    matches: Vec<FrameMatch>,
    leads: Vec<Lead>,
    /// The picture that is searched, with dark and light exchanged, once a place asks for it.
    negative: Option<Picture>,
    /// Where the frame found is not, in parts of the picture's sides.
    rest: Option<Bounds>,
}

impl Work<'_> {
    /// Reads places from the best on and takes them out of the list; true when one gave a frame.
    fn read(&mut self, full: &Picture, places: &mut Vec<Place>, least: f32) -> bool {
        places.sort_by(|a, b| b.z.total_cmp(&a.z));
        let split = places.partition_point(|p| p.z >= least);
        let taken: Vec<Place> = places.drain(..split).collect();
        for place in &taken {
            // Half of the reads are kept for the places of the last look.
            let allowed = match least {
                z if z >= SURE_Z => READS / 2,
                z if z > 0.0 && !self.detector.thorough() => READS_CARD,
                _ => READS,
            };
            if self.reads[place.trial] < allowed {
                self.reads[place.trial] += 1;
                if let Some(found) = self.frame(full, place) {
                    self.matches.push(found);
                    return true;
                }
            }
        }
        false
    }

    fn frame(&mut self, full: &Picture, place: &Place) -> Option<FrameMatch> {
        let candidate = &self.detector.candidates[place.trial];
        let full = if place.negative { &*self.negative.get_or_insert_with(|| full.negative()) } else { full };
        let reading = read(&self.detector.tiles[place.trial], full, place, self.detector.thorough())?;
        let scorer = Scorer::new(&reading.u);
        let strong = reading.sync[0].hypot(reading.sync[1]);
        let others = READS * self.detector.candidates.len() as u64 * 2 * 2;
        let whole = [0..=candidate.horizon_frames.saturating_sub(1)];
        for (ranges, delivered) in [(&candidate.delivered[..], true), (&whole[..], false)] {
            if !delivered && (reading.sync[0].max(reading.sync[1]) < DEEP_SYNC || candidate.horizon_frames == 0) {
                break;
            }
            let Some(best) = scorer.best(&candidate.subkey, ranges) else { continue };
            let tests = count(ranges).saturating_mul(others);
            let p = log10_p(best.t, tests);
            if p <= TELL {
                if candidate.mode == FeedMode::Pattern {
                    let (w, h) = (full.base().w as f64, full.base().h as f64);
                    let rest = elsewhere(full, &reading.map, &candidate.subkey, best.frame);
                    self.rest = rest.map(|r| [r[0] / w, r[1] / h, r[2] / w, r[3] / h]);
                }
                return Some(FrameMatch {
                    trial_index: place.trial,
                    facing: candidate.facing,
                    frame: best.frame,
                    t: best.t,
                    log10_p: p,
                    tests,
                    delivered: candidate.delivered.iter().any(|r| r.contains(&best.frame)),
                    geometry: Geometry { cells_to_pixels: reading.map.0, sync: reading.sync },
                });
            }
        }
        if reading.sync[0].max(reading.sync[1]) >= LEAD_SYNC {
            self.leads.push(Lead { trial_index: place.trial, facing: candidate.facing, z: strong });
        }
        None
    }
}
