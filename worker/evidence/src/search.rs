//! What is done with each piece that the walk meets: planted data, media, raw buffers, and what nothing explains.

use std::{collections::BTreeSet, ops::Range, time::Instant};

use sha2::{Digest, Sha256};
use stakeout_contract::artifact::Role;
use stakeout_feed::GrayImage;

use crate::{
    Format,
    canary::{Index, Places},
    carve::Carved,
    cipher,
    detect::{Detectors, Seen},
    faint::{self, Faint},
    limits::Limits,
    look,
    media::{self, MediaDecoder, NotOpened, Piece as MediaPiece, Sound},
    part::{Origin, Part},
    pcm, raw,
    shown::{Shown, Unread, What},
    walk::Visitor,
};

/// Matches of one canary that are told for one file.
const REPEATS: usize = 4;
/// Shortest raw sound: a quarter of a second at 8 kHz.
const RAW_SOUND: usize = 4_000;
/// Unexplained stretches of one file that are tried as raw media.
const RAW_GAPS: usize = 24;

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
type Looked = Result<Shown, NotOpened>;

/// What all files of one analysis are searched for.
pub(crate) struct Quest<'a> {
    pub(crate) index: &'a Index,
    detectors: Option<Detectors>,
    decoder: &'a (dyn MediaDecoder + Sync),
    limits: &'a Limits,
    /// When the analysis must end.
    until: Option<Instant>,
    media: Seen<Looked>,
}

impl<'a> Quest<'a> {
    pub(crate) fn new(
        index: &'a Index,
        detectors: Option<Detectors>,
        decoder: &'a (dyn MediaDecoder + Sync),
        limits: &'a Limits,
        until: Option<Instant>,
    ) -> Self {
        Self { index, detectors, decoder, limits, until, media: Seen::new() }
    }

    /// Different pictures and sounds that the detectors read.
    pub(crate) fn read(&self) -> usize {
        self.detectors.as_ref().map_or(0, Detectors::read)
    }

    /// Opens and reads a medium; one that several files hold is read once.
    fn medium(&self, detectors: &Detectors, bytes: &[u8], format: Format) -> Looked {
        let mut h = Sha256::new_with_prefix(format.name());
        h.update(bytes);
        self.media.of(h.finalize().into(), || {
            let mut shown = Shown::default();
            let mut late = false;
            let told = media::open(bytes, format, self.decoder, self.limits, &mut |piece| {
                late = self.until.is_some_and(|t| Instant::now() >= t);
                if !late {
                    shown.read(detectors, &piece, self.limits.sound_transforms);
                }
                !late
            })?;
            shown.told.extend(told);
            shown.told.extend(late.then(|| "limit: time".to_owned()));
            Ok(shown)
        })
    }

    /// The pictures and sounds without a head in a buffer, with their places in it, until one is recognised; and whether
    /// something was not tried.
    fn buffer(&self, detectors: &Detectors, b: &[u8], keep: &mut dyn FnMut(&'static str, Range<usize>, Shown) -> bool) -> bool {
        let read = |picture: GrayImage| {
            let mut shown = Shown::default();
            shown.read(detectors, &MediaPiece::Picture(picture), 0);
            shown
        };
        if let Some((step, at, picture)) = raw::exact(b)
            && keep(step, at, read(picture))
        {
            return false;
        }
        let mut cut = false;
        for (frames, all) in raw::frames(b) {
            cut |= !all;
            let found = frames.into_iter().fold(false, |found, (step, at, p)| keep(step, at, read(p)) || found);
            if found {
                return cut;
            }
        }
        cut |= !raw::is_tried_whole(b);
        for (step, at, picture) in raw::pictures(b) {
            if keep(step, at, read(picture)) {
                return cut;
            }
        }
        for pcm in pcm::sounds(b) {
            let mut shown = Shown::default();
            let bytes = pcm.of(b);
            let mut read = 0;
            for piece in bytes.chunks(pcm.bytes(media::CHUNK)) {
                let sound = Sound { samples: pcm.samples(piece), rate: pcm.rate };
                shown.read(detectors, &MediaPiece::Sound { track: 0, sound }, self.limits.sound_transforms);
                read += piece.len();
                // What is not this sound in its first half hour is another, or begins later.
                if !shown.is_match() {
                    break;
                }
            }
            cut |= read < bytes.len() || !shown.told.is_empty();
            if keep("raw-pcm", 0..b.len(), shown) {
                return cut;
            }
        }
        cut
    }
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
    /// What was opened and not recognised.
    pub(crate) unread: Unread,
    /// Noise in pieces that are too short to be told alone.
    pub(crate) faint: Faint,
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
            unread: Unread::default(),
            faint: Faint::default(),
            raw_gaps: 0,
            pieces: Vec::new(),
        }
    }

    pub(crate) fn skip(&mut self, reason: impl Into<String>) {
        self.skipped.insert(reason.into());
    }

    /// To be called when all of the file was walked through.
    pub(crate) fn end(&mut self) {
        if self.faint.is_enough(self.role) {
            self.skip(media::OPAQUE);
        }
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

    /// Takes over what was found in a file's name.
    pub(crate) fn add_name(&mut self, name: Self) {
        let none = Origin { offset: 0, length: 0, exact: false };
        let named = |d: Draft| Draft { origin: none, chain: [&["name"], &d.chain[..]].concat(), ..d };
        self.drafts.extend(name.drafts.into_iter().map(named));
        for (class, n) in name.places {
            *self.places.entry(class).or_default() += n;
        }
    }

    /// Keeps what was matched; false if there was nothing but leads.
    fn keep(&mut self, origin: Origin, chain: &[&'static str], shown: Shown) -> bool {
        let found = shown.is_match();
        self.media += shown.media;
        self.drafts.extend(shown.whats.into_iter().map(|what| Draft { file: self.file, origin, chain: chain.to_vec(), what }));
        found
    }

    /// What the app kept or sent, and not what others did.
    fn is_the_apps(&self) -> bool {
        matches!(self.role, Some(Role::FlowRequest | Role::AppFile | Role::DeletedFile))
    }
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
        let chain = [&part.chain[..], &[found.format.name()]].concat();
        match quest.medium(detectors, bytes, found.format) {
            Ok(shown) => {
                // Of what the device says that it was, nothing is hidden.
                let plain = part.chain.contains(&cipher::STEP);
                for told in &shown.told {
                    if !told.starts_with("encrypted") || self.is_the_apps() && !plain {
                        self.skip(told.as_str());
                    }
                }
                self.unread.add(shown.unread);
                self.keep(part.origin.of(&found.at), &chain, shown);
                true
            }
            Err(e) => {
                if found.sure {
                    self.skip(e.to_string());
                }
                false
            }
        }
    }

    fn raw(&mut self, part: &Part<'_>, gap: &Range<usize>) -> Vec<Range<usize>> {
        let quest = self.quest;
        let Some(detectors) = &quest.detectors else { return Vec::new() };
        let bytes = &part.bytes[gap.clone()];
        let behind = raw::behind_text(bytes);
        let from = gap.start + behind.start;
        let b = &bytes[behind];
        // The lower bytes of wide samples are noise.
        if b.len() < RAW_SOUND || look::random_bytes(b) * 2 > b.len() && pcm::sounds(b).is_empty() {
            return Vec::new();
        }
        self.raw_gaps += 1;
        if self.raw_gaps > RAW_GAPS {
            self.skip("limit: raw buffers");
            return Vec::new();
        }
        let mut found = Vec::new();
        let cut = quest.buffer(detectors, b, &mut |step, at, shown| {
            let at = from + at.start..from + at.end;
            // What is recognised is a picture or a sound; whether the rest of it is read is worth telling then.
            if shown.is_match() {
                self.unread.add(shown.unread);
            }
            let kept = self.keep(part.origin.of(&at), &[&part.chain[..], &[step]].concat(), shown);
            found.extend(kept.then_some(at));
            kept
        });
        if cut {
            self.skip("limit: raw buffer");
        }
        if found.is_empty() {
            let pixels = if raw::is_plain(b) { b.len() as u64 } else { 0 };
            let samples = if pcm::is_plain(b) { b.len() as u64 / 2 } else { 0 };
            self.unread.add(Unread { pixels, samples });
        }
        found
    }

    fn rest(&mut self, part: &Part<'_>, gaps: &[Range<usize>]) {
        if !self.is_the_apps() || part.chain.contains(&cipher::STEP) {
            return;
        }
        for gap in gaps {
            let bytes = &part.bytes[gap.clone()];
            let pieces = faint::pieces(bytes);
            if look::random_bytes(bytes) >= look::LEAST_OPAQUE || pieces.iter().any(|p| p.bytes >= look::LEAST_OPAQUE) {
                self.skip(media::OPAQUE);
            }
            self.faint.add(&pieces);
        }
    }
}
