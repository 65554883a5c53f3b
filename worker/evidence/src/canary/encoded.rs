//! Values in base64 or in hexadecimal digits that are too few to be decoded: twenty symbols may be any word. So what a value looks
//! like in them is searched for, at each of the three places that it may have in a group of three bytes.

use aho_corasick::AhoCorasick;
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};

use super::{Class, Hit, Places, tokens::groups};
use crate::look::{LEAST_BASE64, LEAST_HEX};

/// Fewest symbols that are searched for.
const LEAST: usize = 8;
/// Fewest bits that they must show.
const LEAST_BITS: u32 = 8;

#[derive(Debug, Clone, Copy)]
enum Alphabet {
    Base64,
    Hex,
}

impl Alphabet {
    fn has(self, c: u8) -> bool {
        match self {
            Self::Base64 => c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'-' | b'_'),
            Self::Hex => c.is_ascii_hexdigit(),
        }
    }

    /// The same symbol of the alphabet in which it is searched for.
    fn plain(self, c: u8) -> u8 {
        match (self, c) {
            (Self::Base64, b'-') => b'+',
            (Self::Base64, b'_') => b'/',
            (Self::Base64, c) => c,
            (Self::Hex, c) => c.to_ascii_lowercase(),
        }
    }

    /// From so many symbols on a run is decoded.
    const fn decoded(self) -> usize {
        match self {
            Self::Base64 => LEAST_BASE64,
            Self::Hex => LEAST_HEX,
        }
    }

    const fn class(self, symbols: usize) -> Class {
        match self {
            Self::Base64 => Class::InBase64(symbols),
            Self::Hex => Class::InHex(symbols),
        }
    }
}

/// What values look like in one alphabet.
#[derive(Debug)]
struct Patterns {
    alphabet: Alphabet,
    texts: Vec<Vec<u8>>,
    /// Of each, its needle and the bits that it shows.
    of: Vec<(usize, u32)>,
    lengths: Vec<usize>,
    search: Option<AhoCorasick>,
}

impl Patterns {
    const fn new(alphabet: Alphabet) -> Self {
        Self { alphabet, texts: Vec::new(), of: Vec::new(), lengths: Vec::new(), search: None }
    }

    /// Ways that were added: one, or none where the symbols are too few, or so many that they are decoded.
    fn add(&mut self, symbols: Vec<u8>, needle: usize, bits: u32) -> u32 {
        if !(LEAST..self.alphabet.decoded()).contains(&symbols.len()) || bits < LEAST_BITS {
            return 0;
        }
        self.lengths.push(symbols.len());
        self.texts.push(symbols);
        self.of.push((needle, bits));
        1
    }

    fn ready(&mut self) {
        self.lengths.sort_unstable();
        self.lengths.dedup();
        self.search = AhoCorasick::new(&self.texts).ok().filter(|_| !self.texts.is_empty());
    }

    /// In runs of symbols that are too short to be decoded. Each place within such a run is one.
    fn search(&self, b: &[u8], hits: &mut Vec<Hit>, places: &mut Places) {
        let (Some(search), Some(&least)) = (&self.search, self.lengths.first()) else { return };
        let mut met = vec![0_u64; self.lengths.len()];
        let mut run = Vec::new();
        for (start, end) in groups(b, |c| self.alphabet.has(*c)) {
            let n = end - start;
            if n < least || n >= self.alphabet.decoded() {
                continue;
            }
            for (met, length) in met.iter_mut().zip(&self.lengths).take_while(|(_, length)| **length <= n) {
                *met += (n - length + 1) as u64;
            }
            run.clear();
            run.extend(b[start..end].iter().map(|c| self.alphabet.plain(*c)));
            for m in search.find_overlapping_iter(&run) {
                let (needle, bits) = self.of[m.pattern().as_usize()];
                let at = (start + m.start(), start + m.end());
                hits.push(Hit { at, needle, class: self.alphabet.class(m.len()), bits });
            }
        }
        for (met, length) in met.into_iter().zip(&self.lengths).filter(|(met, _)| *met > 0) {
            *places.entry(self.alphabet.class(*length)).or_default() += met;
        }
    }
}

/// What all values look like.
#[derive(Debug)]
pub(super) struct Encoded {
    base64: Patterns,
    hex: Patterns,
}

impl Default for Encoded {
    fn default() -> Self {
        Self { base64: Patterns::new(Alphabet::Base64), hex: Patterns::new(Alphabet::Hex) }
    }
}

impl Encoded {
    /// Adds a text that holds the needle's bits; in how many ways it is searched for then.
    pub(super) fn add(&mut self, text: &str, needle: usize, bits: u32) -> u32 {
        let mut ways = self.hex.add(hex::encode(text).into_bytes(), needle, bits);
        for before in 0..3 {
            let (symbols, lost) = symbols(text.as_bytes(), before);
            ways += self.base64.add(symbols, needle, bits.saturating_sub(lost));
        }
        ways
    }

    /// To be called when all are added.
    pub(super) fn ready(&mut self) {
        self.base64.ready();
        self.hex.ready();
    }

    pub(super) fn search(&self, b: &[u8], hits: &mut Vec<Hit>, places: &mut Places) {
        self.base64.search(b, hits, places);
        self.hex.search(b, hits, places);
    }
}

/// The symbols that a text alone decides where so many bytes stand before it in its group, and the bits of its first and last byte
/// that they do not show.
fn symbols(text: &[u8], before: usize) -> (Vec<u8>, u32) {
    let all = BASE64_STANDARD_NO_PAD.encode([&[0_u8; 2][..before], text].concat());
    let (from, to) = (8 * before, 8 * (before + text.len()));
    let (first, last) = (from.div_ceil(6), to / 6);
    // The upper half of a digit is that of every digit.
    let ahead = if text.iter().all(u8::is_ascii_digit) { 0 } else { 6 * first - from };
    (all.as_bytes()[first..last].to_vec(), (ahead + to - 6 * last) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_shows_the_same_symbols_whatever_stands_around_it() {
        for (before, around) in [(0, "abc"), (1, "abcd"), (2, "abcde"), (0, ""), (1, "x")] {
            let (symbols, lost) = symbols(b"867394051234568", before);
            let text = BASE64_STANDARD_NO_PAD.encode(format!("{around}867394051234568tail"));
            assert!(text.as_bytes().windows(symbols.len()).any(|w| w == symbols), "{before} {around}");
            assert!(lost <= 4 && symbols.len() >= 19, "{lost}");
        }
        assert_eq!(symbols(b"ab", 1), (b"Fi".to_vec(), 4));
    }

    #[test]
    fn each_place_within_a_short_run_is_counted_and_long_runs_are_not() {
        let mut e = Encoded::default();
        assert_eq!(e.add("13988120417", 0, 30), 4);
        e.ready();
        let (mut hits, mut places) = (Vec::new(), Places::new());
        // 14 symbols, wherever it stands in its group.
        e.search(b"MTM5ODgxMjA0MTc= abcdefghijklmnop 3133393838313230343137", &mut hits, &mut places);
        assert_eq!(
            hits.iter().map(|h| (h.at, h.class.clone(), h.bits)).collect::<Vec<_>>(),
            [((0, 14), Class::InBase64(14), 26), ((34, 56), Class::InHex(22), 30)]
        );
        assert_eq!((places[&Class::InBase64(14)], places[&Class::InHex(22)]), (2 + 3, 1));
        let before = places.clone();
        e.search(&[b'a'; 400], &mut hits, &mut places);
        assert_eq!((hits.len(), places), (2, before));
    }
}
