//! What is done with each piece that the walk meets: planted data, media, raw buffers, and what nothing explains.

use std::{collections::BTreeSet, ops::Range};

use sha2::{Digest, Sha256};
use stakeout_contract::artifact::Role;
use stakeout_feed::{Facing, GrayImage, SoundMatch, raw_candidates, raw_gray, row_length};

use crate::{
    Format,
    canary::{Hit, Index, Places},
    carve::Carved,
    cipher,
    detect::{Detectors, Seen},
    limits::Limits,
    look,
    media::{self, MediaDecoder, NotOpened, Opened, Sound},
    part::{Origin, Part},
    walk::Visitor,
};

/// Matches of one canary that are told for one file.
const REPEATS: usize = 4;
/// Sizes of a raw picture that are tried.
const RAW_SIZES: usize = 4;
/// Shortest raw sound: a quarter of a second at 8 kHz.
const RAW_SOUND: usize = 4_000;
/// Longest gap that is tried as raw media.
const RAW_MOST: usize = 32 << 20;
/// Unexplained stretches of one file that are tried as raw media.
const RAW_GAPS: usize = 24;

/// What was matched.
#[derive(Debug, Clone)]
pub(crate) enum What {
    Canary(Hit),
    /// Frames first and last.
    Camera {
        facing: Facing,
        frames: Option<[u64; 2]>,
        t: f64,
        log10_p: f64,
    },
    /// Nanoseconds from and to.
    Microphone {
        nanos: [u64; 2],
        t: f64,
        log10_p: f64,
    },
}

/// A match whose probability is not corrected yet.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) file: usize,
    pub(crate) origin: Origin,
    pub(crate) chain: Vec<&'static str>,
    pub(crate) what: What,
}

/// A piece that was entered and not left.
struct Piece {
    chain: Vec<&'static str>,
    /// Drafts of it, with the place within it.
    hits: Vec<(usize, usize)>,
    stretches: Vec<(Range<usize>, Vec<&'static str>)>,
}

/// What a medium showed, whichever file it lies in.
type Shown = Result<(Vec<What>, u64), NotOpened>;

/// What all files of one analysis are searched for.
pub(crate) struct Quest<'a> {
    pub(crate) index: &'a Index,
    detectors: Option<Detectors>,
    decoder: &'a (dyn MediaDecoder + Sync),
    limits: &'a Limits,
    media: Seen<Shown>,
}

impl<'a> Quest<'a> {
    pub(crate) fn new(index: &'a Index, detectors: Option<Detectors>, decoder: &'a (dyn MediaDecoder + Sync), limits: &'a Limits) -> Self {
        Self { index, detectors, decoder, limits, media: Seen::new() }
    }

    /// Different pictures and sounds that the detectors read.
    pub(crate) fn read(&self) -> usize {
        self.detectors.as_ref().map_or(0, Detectors::read)
    }

    /// Opens and reads a medium; one that several files hold is read once.
    fn medium(&self, detectors: &Detectors, bytes: &[u8], format: Format) -> Shown {
        let mut h = Sha256::new_with_prefix(format.name());
        h.update(bytes);
        self.media.of(h.finalize().into(), || {
            let Opened { pictures, sounds } = media::open(bytes, format, self.decoder, self.limits)?;
            let mut whats = pictures_of(detectors, &pictures);
            whats.extend(sounds.iter().flat_map(|s| sound_of(detectors, s)));
            Ok((whats, (pictures.len() + sounds.len()) as u64))
        })
    }
}

/// Frames of one medium; those of a film are one match for each camera.
fn pictures_of(detectors: &Detectors, pictures: &[GrayImage]) -> Vec<What> {
    let mut best: Vec<What> = Vec::new();
    for p in pictures {
        let reading = detectors.picture(p);
        for m in &reading.matches {
            let same = best.iter_mut().find_map(|w| match w {
                What::Camera { facing, frames: Some(frames), t, log10_p } if *facing == m.facing => Some((frames, t, log10_p)),
                _ => None,
            });
            if let Some((frames, t, log10_p)) = same {
                *frames = [frames[0].min(m.frame), frames[1].max(m.frame)];
                if m.log10_p < *log10_p {
                    (*t, *log10_p) = (m.t, m.log10_p);
                }
            } else {
                best.push(What::Camera { facing: m.facing, frames: Some([m.frame; 2]), t: m.t, log10_p: m.log10_p });
            }
        }
        for l in &reading.leads {
            let known = best.iter().any(|w| matches!(w, What::Camera { facing, .. } if *facing == l.facing));
            if !known {
                best.push(What::Camera { facing: l.facing, frames: None, t: l.z, log10_p: 0.0 });
            }
        }
    }
    best
}

fn sound_of(detectors: &Detectors, sound: &Sound) -> Vec<What> {
    let what = |m: SoundMatch| What::Microphone { nanos: [m.from_nanos, m.to_nanos], t: m.t, log10_p: m.log10_p };
    detectors.sound(sound).into_iter().map(what).collect()
}

/// Whether it says more than that a card was recognised.
fn is_match(what: &What) -> bool {
    !matches!(what, What::Camera { frames: None, .. })
}

/// The search through one file.
pub(crate) struct Search<'a> {
    quest: &'a Quest<'a>,
    file: usize,
    role: Option<Role>,
    pub(crate) places: Places,
    pub(crate) drafts: Vec<Draft>,
    pub(crate) skipped: BTreeSet<String>,
    /// Media that were read.
    pub(crate) media: u64,
    raw_gaps: usize,
    pieces: Vec<Piece>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(quest: &'a Quest<'a>, file: usize, role: Option<Role>) -> Self {
        Self {
            quest,
            file,
            role,
            places: Places::new(),
            drafts: Vec::new(),
            skipped: BTreeSet::new(),
            media: 0,
            raw_gaps: 0,
            pieces: Vec::new(),
        }
    }

    pub(crate) fn skip(&mut self, reason: impl Into<String>) {
        self.skipped.insert(reason.into());
    }

    /// Takes over what another search of the same bytes found behind a cipher. What it could not read was read or told by this one.
    pub(crate) fn add(&mut self, other: Self) {
        self.drafts.extend(other.drafts.into_iter().filter(|d| d.chain.contains(&cipher::STEP)));
        for (class, n) in other.places {
            let here = self.places.entry(class).or_default();
            *here = n.max(*here);
        }
        self.media = self.media.max(other.media);
    }

    /// Keeps what was matched; false if there was nothing but leads.
    fn keep(&mut self, origin: Origin, chain: &[&'static str], whats: Vec<What>) -> bool {
        let found = whats.iter().any(is_match);
        self.drafts.extend(whats.into_iter().map(|what| Draft { file: self.file, origin, chain: chain.to_vec(), what }));
        found
    }
}

/// Whether neighbours differ by how they lie in a pixel of `n` bytes: then each pixel has its colours together.
fn has_pixels_of(n: usize, b: &[u8]) -> bool {
    let b = &b[..b.len().min(1 << 16)];
    let step = |phase: usize| b[phase..].chunks_exact(n).map(|p| u64::from(p[0].abs_diff(p[1]))).sum::<u64>();
    let steps: Vec<u64> = (0..n).filter(|p| b.len() > p + n).map(step).collect();
    let (least, most) = (steps.iter().min().copied().unwrap_or(0), steps.iter().max().copied().unwrap_or(0));
    most > least + least / 4
}

/// Pictures that raw bytes may be, likeliest first.
pub(crate) fn raw_pictures(b: &[u8]) -> impl Iterator<Item = (&'static str, GrayImage)> {
    let known = raw_candidates(b.len()).into_iter().take(RAW_SIZES).map(|(w, h)| ("raw-yuv", raw_gray(b, w, h)));
    // Full colour: the mean of the first three of four, or of three, bytes is close enough to luma.
    let full = [4, 3].into_iter().flat_map(move |n| {
        let sizes = if b.len().is_multiple_of(n) && has_pixels_of(n, b) { raw_candidates(b.len() / n) } else { Vec::new() };
        let exact = sizes.into_iter().filter(move |(w, h)| *w as usize * *h as usize * n == b.len());
        exact.take(RAW_SIZES).map(move |(width, height)| {
            let luma = b.chunks_exact(n).map(|p| ((u16::from(p[0]) + 2 * u16::from(p[1]) + u16::from(p[2])) / 4) as u8).collect();
            ("raw-rgb", GrayImage { width, height, luma })
        })
    });
    let other = raw_candidates(b.len()).is_empty().then(|| row_length(b)).flatten();
    let other = other.map(|w| ("raw-yuv", raw_gray(b, w, (b.len() as u32 / w).max(1))));
    full.chain(known).chain(other)
}

/// Rates at which samples may be sound: none if they are too loud, silent, or noise without a colour, as other bytes are (and
/// sound at the wrong alignment). A voice keeps to a few kHz, so the likeness of neighbours tells how many samples a second.
fn rates(samples: impl Iterator<Item = f32>) -> &'static [u32] {
    let x: Vec<f64> = samples.take(1 << 16).map(f64::from).collect();
    let n = x.len().max(1) as f64;
    let mean = x.iter().sum::<f64>() / n;
    let power = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    let likeness = x.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum::<f64>() / n / power.max(1e-12);
    // Full-scale noise has a power of 1/3.
    if !(1e-8..0.16).contains(&power) {
        return &[];
    }
    match likeness {
        0.9.. => &[44_100, 48_000, 16_000, 22_050, 32_000],
        0.65.. => &[16_000, 11_025, 22_050, 8_000],
        0.03.. => &[8_000, 11_025],
        _ => &[],
    }
}

fn wide(b: &[u8]) -> impl Iterator<Item = f32> + '_ {
    b.chunks_exact(2).map(|s| f32::from(i16::from_le_bytes([s[0], s[1]])) / 32_768.0)
}

fn narrow(b: &[u8]) -> impl Iterator<Item = f32> + '_ {
    b.iter().map(|s| (f32::from(*s) - 128.0) / 128.0)
}

/// Sounds that raw bytes may be: 16 bits at either alignment, then 8 bits.
fn raw_sounds<'b>(b: &'b [u8], limits: &Limits) -> impl Iterator<Item = (&'static str, Sound)> + use<'b> {
    let most = limits.media_seconds as usize;
    let wides = [0, 1].into_iter().flat_map(move |skip| {
        let b = &b[skip..];
        rates(wide(b)).iter().map(move |&rate| Sound { samples: wide(b).take(rate as usize * most).collect(), rate })
    });
    let narrows = rates(narrow(b)).iter().map(move |&rate| Sound { samples: narrow(b).take(rate as usize * most).collect(), rate });
    wides.chain(narrows).map(|sound| ("raw-pcm", sound))
}

impl Visitor for Search<'_> {
    fn enter(&mut self, part: &Part<'_>) {
        let mut piece = Piece { chain: part.chain.clone(), hits: Vec::new(), stretches: Vec::new() };
        let index = self.quest.index;
        for hit in index.search(part.bytes, &mut self.places) {
            let at = hit.at.0..hit.at.1;
            let origin = part.origin.of(&at);
            let canary = index.needles[hit.needle].canary;
            let mine = self.drafts.iter().filter(|d| match &d.what {
                What::Canary(h) => index.needles[h.needle].canary == canary && (h.needle, &h.class) == (hit.needle, &hit.class),
                _ => false,
            });
            // A rewriting of text that was searched already shows the same values once more.
            let (mut repeats, mut shown) = (0, false);
            for d in mine {
                repeats += 1;
                let within = d.origin.offset >= origin.offset && d.origin.offset + d.origin.length <= origin.offset + origin.length;
                shown |= within && d.chain.len() <= part.chain.len();
            }
            if repeats < REPEATS && !shown {
                piece.hits.push((self.drafts.len(), at.start));
                self.drafts.push(Draft { file: self.file, origin, chain: part.chain.clone(), what: What::Canary(hit) });
            }
        }
        self.pieces.push(piece);
    }

    fn stretch(&mut self, part: &Part<'_>) {
        if let Some(piece) = self.pieces.last_mut() {
            piece.stretches.push((part.base..part.base + part.bytes.len(), part.chain.clone()));
        }
    }

    fn leave(&mut self) {
        let Some(piece) = self.pieces.pop() else { return };
        for (draft, place) in piece.hits {
            let inner = piece.stretches.iter().filter(|s| s.0.contains(&place)).min_by_key(|s| s.0.len());
            self.drafts[draft].chain.clone_from(inner.map_or(&piece.chain, |s| &s.1));
        }
    }

    fn medium(&mut self, part: &Part<'_>, found: &Carved, more: bool) -> bool {
        if !more {
            return false;
        }
        let Some(bytes) = part.bytes.get(found.at.clone()) else { return false };
        let quest = self.quest;
        let Some(detectors) = &quest.detectors else { return found.sure };
        let chain = |steps: &[&'static str]| [&part.chain[..], steps].concat();
        let name = found.format.name();
        match quest.medium(detectors, bytes, found.format) {
            Ok((whats, media)) => {
                self.media += media;
                self.keep(part.origin.of(&found.at), &chain(&[name]), whats);
            }
            Err(e) => {
                if found.sure {
                    self.skip(e.to_string());
                }
                return false;
            }
        }
        for at in &found.inner {
            let Some(inner) = part.bytes.get(at.clone()) else { continue };
            if let Ok((whats, media)) = quest.medium(detectors, inner, found.format) {
                self.media += media;
                self.keep(part.origin.of(at), &chain(&[name, "thumbnail"]), whats);
            }
        }
        true
    }

    fn raw(&mut self, part: &Part<'_>, gap: &Range<usize>) -> bool {
        let b = &part.bytes[gap.clone()];
        let quest = self.quest;
        let Some(detectors) = &quest.detectors else { return false };
        if b.len() < RAW_SOUND || b.len() > RAW_MOST || look::is_text(&b[..b.len().min(4096)]) {
            return false;
        }
        if look::random_bytes(b) * 2 > b.len() {
            return false;
        }
        self.raw_gaps += 1;
        if self.raw_gaps > RAW_GAPS {
            self.skip("limit: raw buffers");
            return false;
        }
        let origin = part.origin.of(gap);
        let chain = |step: &'static str| [&part.chain[..], &[step]].concat();
        for (step, picture) in raw_pictures(b) {
            self.media += 1;
            if self.keep(origin, &chain(step), pictures_of(detectors, &[picture])) {
                return true;
            }
        }
        for (step, sound) in raw_sounds(b, quest.limits) {
            self.media += 1;
            if self.keep(origin, &chain(step), sound_of(detectors, &sound)) {
                return true;
            }
        }
        false
    }

    fn rest(&mut self, part: &Part<'_>, gaps: &[Range<usize>]) {
        for gap in gaps {
            let matters = matches!(self.role, Some(Role::FlowRequest | Role::AppFile | Role::DeletedFile));
            if matters && !part.chain.contains(&cipher::STEP) && look::random_bytes(&part.bytes[gap.clone()]) >= look::LEAST_OPAQUE {
                self.skip("encrypted or unknown");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use stakeout_feed::{MIC_RATES, MicFeed, SubKey};

    use super::*;

    #[test]
    fn the_feed_at_each_rate_is_tried_at_that_rate() {
        for rate in MIC_RATES {
            let pcm = MicFeed::new(SubKey::from_bytes([4; 32])).pcm(9_000_000_000, rate as usize * 2, rate);
            let tried = rates(pcm.iter().map(|s| f32::from(*s) / 32_768.0));
            assert!(tried.contains(&rate), "{rate}: {tried:?}");
        }
        assert!(rates(std::iter::repeat_n(0.1, 5000)).is_empty());
    }
}
