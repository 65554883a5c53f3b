//! Base32 (RFC 4648, section 6), in large or in small letters.

use super::{Candidate, Coding, Known, base64};
use crate::look;

/// Shortest run that is decoded: 16 bytes.
const LEAST: usize = 26;
/// Printable characters in a row that are worth reading.
const PRINTABLE: usize = 8;

const fn value(c: u8) -> Option<u8> {
    match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a'),
        b'2'..=b'7' => Some(c - b'2' + 26),
        _ => None,
    }
}

/// Runs of base64 symbols that are all of one case and of base32, with a digit: long words have none.
pub(super) fn find(b: &[u8]) -> Vec<Candidate> {
    let mut out = Vec::new();
    for (mut at, symbols) in base64::runs(b, base64::is_symbol) {
        let run = || b[at.clone()].iter().filter(|c| c.is_ascii_graphic());
        let large = run().all(|c| value(*c).is_some() && !c.is_ascii_lowercase());
        let small = run().all(|c| value(*c).is_some() && !c.is_ascii_uppercase());
        if symbols >= LEAST && (large || small) && run().any(u8::is_ascii_digit) {
            at.end += b[at.end..].iter().take(6).take_while(|c| **c == b'=').count();
            out.push(Candidate::new(at, Coding::Base32, "base32"));
        }
    }
    out
}

/// Decodes a run; none if what comes out looks like nothing.
pub(super) fn decode(b: &[u8], known: Known<'_>) -> Option<Vec<u8>> {
    let symbols: Vec<u8> = b.iter().filter_map(|c| value(*c)).collect();
    let d: Vec<u8> = symbols
        .chunks(8)
        .flat_map(|c| {
            let all = c.iter().fold(0_u64, |v, s| v << 5 | u64::from(*s)) << (5 * (8 - c.len()));
            all.to_be_bytes()[3..3 + 5 * c.len() / 8].to_vec()
        })
        .collect();
    let worth = look::has_magic(&d) || look::is_text(&d) || look::holds_magic(&d) || look::printable_run(&d) >= PRINTABLE || known(&d);
    let noise = d.len() >= look::LEAST_OPAQUE && look::evenness(&symbols, 32.0) < 1.5;
    (worth || noise).then_some(d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_undone_in_either_case_and_words_are_left_alone() {
        // RFC 4648, section 10, and a longer one.
        assert_eq!(decode(b"MZXW6YTBOI======", &|_| false).unwrap(), b"foobar");
        let text = b"x=JVXXE53FNZXGCICROVUXG5DHMFQXEZBNKZQWK3A=&y";
        let found = find(text);
        assert_eq!((found.len(), found[0].at.clone()), (1, 2..42));
        for run in [text[found[0].at.clone()].to_vec(), text[found[0].at.clone()].to_ascii_lowercase()] {
            assert_eq!(decode(&run, &|_| false).unwrap(), b"Morwenna Quistgaard-Vael");
        }
        assert!(find(b"LIFECYCLECALLBACKADAPTERFACTORYIMPLEMENTATION").is_empty());
        assert!(find(b"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b").is_empty());
    }
}
