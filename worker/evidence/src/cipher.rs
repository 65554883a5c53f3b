//! Cipher texts whose plain text the device recorded, found again in what was kept or sent.
//!
//! A hook in the device saw both sides of an encryption. Where the cipher text lies in a request, byte for byte, the plain text is
//! what the request says, as far as the device's record is believed. Pieces that follow each other (a stream cipher's blocks) are
//! one plain text again.
//!
//! Where the app has no part in the record otherwise, such a pair is the app's own word beside it, and an app may name any bytes a
//! cipher text: what is found by them is added, and everything else is searched as if there were none.

use std::collections::HashMap;

use crate::unwrap::{Candidate, Coding, Hint};

/// Shortest cipher text that is looked for: one block.
const LEAST: usize = 16;
/// Bytes of plain text that one part may give.
const MOST: usize = 64 << 20;
/// The step's name in a chain. Findings behind it rest on the device's record.
pub(crate) const STEP: &str = "cipher";

/// Pairs of cipher text and plain text.
#[derive(Debug, Default)]
pub(crate) struct Ciphers {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
    by_start: HashMap<[u8; LEAST], Vec<usize>>,
    /// They are no worse than the rest of the record: what they explain is explained.
    explain: bool,
}

impl Ciphers {
    pub(crate) fn new(pairs: Vec<(Vec<u8>, Vec<u8>)>, explain: bool) -> Self {
        let mut by_start: HashMap<[u8; LEAST], Vec<usize>> = HashMap::new();
        for (i, (cipher, _)) in pairs.iter().enumerate() {
            if let Some(start) = cipher.first_chunk() {
                by_start.entry(*start).or_default().push(i);
            }
        }
        // The longest first: a shorter one may be its begin.
        for list in by_start.values_mut() {
            list.sort_by_key(|i| std::cmp::Reverse(pairs[*i].0.len()));
        }
        Self { pairs, by_start, explain }
    }

    /// Whether they only add to what is found without them.
    pub(crate) fn add(&self) -> bool {
        !self.explain && !self.by_start.is_empty()
    }

    /// The pair whose cipher text the bytes begin with.
    fn at(&self, b: &[u8]) -> Option<usize> {
        let all = self.by_start.get(b.first_chunk::<LEAST>()?)?;
        all.iter().copied().find(|p| b.starts_with(&self.pairs[*p].0))
    }

    /// Whether a cipher text lies in the bytes.
    pub(crate) fn lie_in(&self, b: &[u8]) -> bool {
        !self.by_start.is_empty() && (0..b.len()).any(|i| self.at(&b[i..]).is_some())
    }

    /// Cipher texts in the bytes; those without a gap between them are one.
    pub(crate) fn find(&self, b: &[u8]) -> Vec<Candidate> {
        let mut out: Vec<Candidate> = Vec::new();
        if self.by_start.is_empty() {
            return out;
        }
        let mut i = 0;
        while i + LEAST <= b.len() {
            let Some(pair) = self.at(&b[i..]) else {
                i += 1;
                continue;
            };
            let (cipher, plain) = &self.pairs[pair];
            let end = i + cipher.len();
            match out.last_mut() {
                Some(Candidate { at, coding: Coding::Made(text), .. }) if at.end == i && text.len() + plain.len() <= MOST => {
                    at.end = end;
                    text.extend_from_slice(plain);
                }
                _ => out.push(Candidate { at: i..end, coding: Coding::Made(plain.clone()), label: Some(STEP), hint: Hint::default() }),
            }
            i = end;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_that_follow_each_other_are_one_text() {
        let c = |v: u8| vec![v; 20];
        let all = Ciphers::new(vec![(c(1), b"one".to_vec()), (c(2), b"two".to_vec()), ([c(1), c(9)].concat(), b"long".to_vec())], true);
        let text = [&b"head"[..], &c(1), &c(2), b"gap", &c(2), &c(1)[..10]].concat();
        let found = all.find(&text);
        assert_eq!(
            found.iter().map(|f| (f.at.clone(), f.coding.clone())).collect::<Vec<_>>(),
            [(4..44, Coding::Made(b"onetwo".to_vec())), (47..67, Coding::Made(b"two".to_vec()))]
        );
        assert!(all.lie_in(&text) && !all.lie_in(&c(3)) && !Ciphers::default().lie_in(&text));
        assert_eq!(all.find(&[c(1), c(9)].concat())[0].coding, Coding::Made(b"long".to_vec()));
    }
}
