//! Planted data, in every form in which it may be kept or sent.
//!
//! A needle is a value with some bits of the trial's key in it. Chance is counted, not estimated: the null hypothesis is bytes
//! that were made without the key. Given such bytes, the needle can only lie where something of *its shape* lies (eleven digits
//! in a row, six pairs of hexadecimal digits with colons), so the number of such places, over everything that was searched, times
//! 2^-bits bounds the chance. Each way of writing a needle is a [`Class`] with its own count of places.

mod encoded;
mod forms;
mod numbers;
mod score;
mod shape;
mod tokens;

use std::{collections::HashMap, ops::Range};

use aho_corasick::AhoCorasick;
use stakeout_contract::{Kind, canary::Canary};

pub(crate) use score::Scores;

/// A way of writing a needle that is searched, with its own count of places.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Class {
    /// So many digits, with or without separators between them.
    Digits(usize),
    /// A run of hexadecimal digits.
    Hex(usize),
    /// A run of base64 symbols.
    Base64(usize),
    /// So many base64 symbols within a run that is too short to be decoded.
    InBase64(usize),
    /// The same of hexadecimal digits.
    InHex(usize),
    /// Six pairs of hexadecimal digits with colons or dashes.
    Mac,
    /// Two numbers of so many digits near each other.
    Pair(usize, usize),
    /// The same in hexadecimal.
    HexPair(usize, usize),
    /// Two decimal fractions near each other.
    Place,
    /// Text: index into the shapes.
    Text(usize),
    /// A Chinese name in Latin letters: the same index. Its places are those of a text of its shape.
    Spelled(usize),
}

/// A needle found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hit {
    /// Where, in the bytes that were searched.
    pub(crate) at: (usize, usize),
    /// Index into the needles.
    pub(crate) needle: usize,
    /// How it was written.
    pub(crate) class: Class,
    /// Bits of the needle that the match shows; fewer than it has where a number was rounded.
    pub(crate) bits: u32,
}

/// What is known of one needle.
#[derive(Debug, Clone)]
pub(crate) struct NeedleInfo {
    /// Index into the trial's canaries.
    pub(crate) canary: usize,
    pub(crate) bits: u32,
    /// Ways of writing it that are searched: itself, digests of it, itself in base64 and hexadecimal digits, and how it sounds in Latin
    /// letters. The first have half of the risk, and the others share the rest.
    pub(crate) ways: [u32; 4],
    /// Only digits: independent of a needle of the same canary that has none.
    pub(crate) digits_only: bool,
    pub(crate) has_digits: bool,
}

/// What a text that is searched for is.
#[derive(Debug, Clone, Copy)]
struct Pattern {
    needle: usize,
    shape: usize,
    /// Of a name in Latin letters: the bits that this way of writing it shows.
    spelled: Option<u32>,
}

/// A pair of numbers: a cell.
#[derive(Debug, Clone)]
struct PairForm {
    needle: usize,
    values: [u64; 2],
    /// Bits of the needle that they show.
    bits: u32,
}

/// A place on earth.
#[derive(Debug, Clone)]
struct PlaceForm {
    needle: usize,
    /// Integer part with sign, and decimals.
    lat: (String, String),
    lon: (String, String),
}

/// Runs of symbols, each with the needles that it is written for and the bits that it shows of them.
type Runs = HashMap<Vec<u8>, Vec<(usize, u32)>>;

/// All needles of a trial, ready to search.
pub(crate) struct Index {
    pub(crate) needles: Vec<NeedleInfo>,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) ids: Vec<String>,
    texts: Option<AhoCorasick>,
    patterns: Vec<Pattern>,
    shapes: shape::Shapes,
    digits: HashMap<Vec<u8>, Vec<usize>>,
    hexes: Runs,
    base64s: Runs,
    encoded: encoded::Encoded,
    macs: HashMap<[u8; 6], Vec<usize>>,
    pairs: Vec<PairForm>,
    places: Vec<PlaceForm>,
}

/// Places of each class that were met.
pub(crate) type Places = HashMap<Class, u64>;

impl Index {
    /// Prepares the search. Needles under 6 bytes or 8 bits are left out: they would match anything.
    pub(crate) fn new(canaries: &[Canary]) -> Self {
        forms::build(canaries)
    }

    /// Whether there is anything to look for.
    pub(crate) fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// All needles in the bytes, in order, and the places that were looked at.
    pub(crate) fn search(&self, b: &[u8], places: &mut Places) -> Vec<Hit> {
        let mut hits = Vec::new();
        if self.is_empty() {
            return hits;
        }
        self.search_texts(b, &mut hits, places);
        tokens::search(self, b, &mut hits, places);
        numbers::search(self, b, &mut hits, places);
        self.encoded.search(b, &mut hits, places);
        hits.sort();
        hits.dedup();
        // A number with its country code is one match, not two.
        let within = |a: &Hit, b: &Hit| a.needle == b.needle && a.at != b.at && a.at.0 >= b.at.0 && a.at.1 <= b.at.1;
        let mut kept: Vec<Hit> = Vec::new();
        for hit in hits {
            // Sorted by their begin, a wider one is just before, or begins at the same place.
            while kept.last().is_some_and(|k| within(k, &hit)) {
                kept.pop();
            }
            if !kept.iter().rev().take(8).any(|k| within(&hit, k)) {
                kept.push(hit);
            }
        }
        kept
    }

    fn search_texts(&self, b: &[u8], hits: &mut Vec<Hit>, places: &mut Places) {
        let Some(texts) = &self.texts else { return };
        self.shapes.count(b, |shape, n| *places.entry(Class::Text(shape)).or_default() += n);
        for m in texts.find_overlapping_iter(b) {
            let Pattern { needle, shape, spelled } = self.patterns[m.pattern().as_usize()];
            if !self.shapes.bounded(shape, b, m.start(), m.end()) {
                continue;
            }
            match spelled {
                None => self.hit(hits, m.range(), needle, Class::Text(shape)),
                Some(bits) => hits.push(Hit { at: (m.start(), m.end()), needle, class: Class::Spelled(shape), bits }),
            }
        }
    }

    fn hit(&self, hits: &mut Vec<Hit>, at: Range<usize>, needle: usize, class: Class) {
        hits.push(Hit { at: (at.start, at.end), needle, class, bits: self.needles[needle].bits });
    }
}
