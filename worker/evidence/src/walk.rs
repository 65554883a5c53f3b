//! Layer after layer, down to what nothing undoes.

use std::{collections::HashSet, ops::Range};

use sha2::{Digest, Sha256};

use crate::{
    carve::{self, Carved},
    cipher::Ciphers,
    limits::Budget,
    part::{Cover, Part},
    unwrap::{self, Candidate, Coding, Finder, Hint},
};

/// The step into what lies in a medium and is not decoded with it: notes, padding, thumbnails.
const ASIDE: &str = "aside";

/// Told of everything that the walk meets.
pub(crate) trait Visitor {
    /// A new piece: the file itself, or what a decoding made. Stretches of it are told by [`Visitor::stretch`] until
    /// [`Visitor::leave`].
    fn enter(&mut self, part: &Part<'_>);
    /// A stretch of the piece that was entered last, such as the body of a request.
    fn stretch(&mut self, part: &Part<'_>);
    /// The piece is done.
    fn leave(&mut self);
    /// A medium; true when it could be opened, so that its bytes but for its asides are explained.
    fn medium(&mut self, part: &Part<'_>, found: &Carved, more: bool) -> bool;
    /// Bytes that are no known container, and maybe raw pictures or sound; the stretches that are.
    fn raw(&mut self, part: &Part<'_>, gap: &Range<usize>) -> Vec<Range<usize>>;
    /// Bytes that nothing explained, between those that something did.
    fn rest(&mut self, part: &Part<'_>, gaps: &[Range<usize>]);
}

/// Walks through one file.
pub(crate) struct Walker<'v> {
    budget: Budget,
    visitor: &'v mut dyn Visitor,
    /// What decodings made in this file: the same bytes are not looked at twice.
    seen: HashSet<[u8; 32]>,
    ciphers: &'v Ciphers,
}

impl<'v> Walker<'v> {
    pub(crate) fn new(budget: Budget, ciphers: &'v Ciphers, visitor: &'v mut dyn Visitor) -> Self {
        Self { budget, visitor, seen: HashSet::new(), ciphers }
    }

    /// The limits that were hit.
    pub(crate) fn file(mut self, bytes: &[u8]) -> Vec<&'static str> {
        self.part(&Part::file(bytes), &Hint::default(), true);
        self.budget.hits()
    }

    fn part(&mut self, part: &Part<'_>, hint: &Hint, fresh: bool) {
        if fresh {
            self.visitor.enter(part);
        } else {
            self.visitor.stretch(part);
        }
        let b = part.bytes;
        let mut cover = Cover::default();
        for c in unwrap::structures(b, hint) {
            self.follow(part, 0, c, &mut cover);
        }
        let ciphers = self.ciphers;
        for gap in cover.gaps(b.len()) {
            for c in ciphers.find(&b[gap.clone()]) {
                self.follow(part, gap.start, c, &mut cover);
            }
        }
        for gap in cover.gaps(b.len()) {
            for mut found in carve::carve(&b[gap.clone()]) {
                found.shift(gap.start);
                let more = self.budget.medium();
                let opened = self.visitor.medium(part, &found, more);
                if more {
                    found.unpack(b);
                    self.asides(part, &found);
                    for aside in &found.asides {
                        cover.add(aside.clone());
                    }
                }
                if opened {
                    cover.add(found.at);
                }
            }
        }
        self.find(unwrap::ANYWHERE, part, &mut cover);
        for gap in cover.gaps(b.len()) {
            if self.budget.in_time() {
                for found in self.visitor.raw(part, &gap) {
                    cover.add(found);
                }
            }
        }
        self.find(unwrap::TEXTS, part, &mut cover);
        for c in unwrap::rewritten(b) {
            self.follow(part, 0, c, &mut cover);
        }
        self.visitor.rest(part, &cover.gaps(b.len()));
        if fresh {
            self.visitor.leave();
        }
    }

    /// What a medium holds beside what its decoder reads, each as a part of its own.
    fn asides(&mut self, part: &Part<'_>, found: &Carved) {
        let chain = [&part.chain[..], &[found.format.name(), ASIDE]].concat();
        for at in &found.asides {
            let Some(bytes) = part.bytes.get(at.clone()) else { continue };
            if !self.budget.depth(chain.len()) || !self.budget.part() {
                return;
            }
            let inner = Part { bytes, chain: chain.clone(), origin: part.origin.of(at), base: part.base + at.start };
            self.part(&inner, &Hint::default(), false);
        }
    }

    /// Asks each finder about what is not explained yet.
    fn find(&mut self, finders: &[Finder], part: &Part<'_>, cover: &mut Cover) {
        for find in finders {
            for gap in cover.gaps(part.bytes.len()) {
                for c in find(&part.bytes[gap.clone()]) {
                    self.follow(part, gap.start, c, cover);
                }
            }
        }
    }

    /// Decodes a candidate that was found `shift` bytes into the part, and goes on with what it gave.
    fn follow(&mut self, part: &Part<'_>, shift: usize, mut c: Candidate, cover: &mut Cover) {
        c.at = c.at.start + shift..c.at.end + shift;
        if cover.holds(c.at.start) || !self.budget.in_time() {
            return;
        }
        let ciphers = self.ciphers;
        let Some(decoded) = unwrap::decode(&c, part.bytes, &|d| ciphers.lie_in(d), &mut self.budget) else { return };
        let at = c.at.start..c.at.start + decoded.used;
        // A rewriting of the whole leaves the plain parts to the other finders.
        if !matches!(c.coding, Coding::Entities | Coding::Again(_)) {
            cover.add(at.clone());
        }
        let slice = c.coding == Coding::Slice;
        // Text in UTF-16 is read further than it explains.
        let place = if matches!(c.coding, Coding::Utf16(_)) { c.at.clone() } else { at.clone() };
        let mut chain = part.chain.clone();
        chain.extend(c.label);
        if !self.budget.depth(chain.len()) {
            return;
        }
        for bytes in &decoded.parts {
            if bytes.is_empty() || (!slice && !self.seen.insert(Sha256::digest(bytes).into())) {
                continue;
            }
            if !self.budget.part() {
                return;
            }
            let origin = if slice { part.origin.of(&at) } else { part.origin.decoded(&place) };
            let base = if slice { part.base + at.start } else { 0 };
            self.part(&Part { bytes, chain: chain.clone(), origin, base }, &c.hint, !slice);
        }
    }
}
