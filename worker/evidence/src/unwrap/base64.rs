//! Base64 (RFC 4648), both alphabets, with or without padding and line breaks.

use std::ops::Range;

use super::{Candidate, Coding, Known};
use crate::look;

const fn value(c: u8) -> Option<u8> {
    match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// Whether it is a symbol of either alphabet.
pub(super) const fn is_symbol(c: u8) -> bool {
    value(c).is_some()
}

/// Runs of symbols, and how many there are in each. A line break within a run is allowed after 60 symbols, as encoders break at 64
/// or 76.
pub(super) fn runs(b: &[u8], is_in: impl Fn(u8) -> bool) -> Vec<(Range<usize>, usize)> {
    let mut out = Vec::new();
    let mut i = 0;
    while i < b.len() {
        if !is_in(b[i]) {
            i += 1;
            continue;
        }
        let (start, mut line, mut symbols) = (i, i, 0);
        let mut end = i;
        while i < b.len() {
            if is_in(b[i]) {
                i += 1;
                symbols += 1;
                end = i;
            } else if i - line >= 60 && matches!(b[i], b'\r' | b'\n') {
                while i < b.len() && matches!(b[i], b'\r' | b'\n' | b' ' | b'\t') {
                    i += 1;
                }
                line = i;
            } else {
                break;
            }
        }
        out.push((start..end, symbols));
        i = end;
    }
    out
}

/// Runs of the alphabet.
pub(super) fn find(b: &[u8]) -> Vec<Candidate> {
    let long = runs(b, is_symbol).into_iter().filter(|(_, symbols)| *symbols >= look::LEAST_BASE64);
    let padded = |end: usize| end + b[end..].iter().take(2).take_while(|c| **c == b'=').count();
    long.map(|(at, _)| Candidate::new(at.start..padded(at.end), Coding::Base64, "base64")).collect()
}

/// Printable characters in a row that are worth reading, where a run begins with a symbol of four, and where it does not.
const PRINTABLE: [usize; 2] = [6, 8];

/// Decodes a run. It may have been cut out of a longer text, so all four places to begin are tried; none if what comes out of
/// each looks like nothing, and nothing that is known lies in it.
pub(super) fn decode(b: &[u8], known: Known<'_>) -> Option<Vec<u8>> {
    let symbols: Vec<u8> = b.iter().filter_map(|c| value(*c)).collect();
    let worth = |d: &[u8]| look::has_magic(d) || look::is_text(d) && d.len() >= 12 || known(d);
    let plain = join(&symbols);
    if worth(&plain) {
        return Some(plain);
    }
    let magic = look::holds_magic(&plain);
    // The longest row of printable characters, and where its run begins.
    let mut best = Some((look::printable_run(&plain), 0)).filter(|(n, _)| *n >= PRINTABLE[0]);
    for skip in 1..4 {
        let d = from(&symbols, skip)?;
        if worth(&d) || !magic && look::holds_magic(&d) {
            return Some(d);
        }
        let n = look::printable_run(&d);
        if n >= PRINTABLE[1] && best.is_none_or(|b| n > b.0) {
            best = Some((n, skip));
        }
    }
    match best {
        Some((_, skip)) if skip > 0 && !magic => from(&symbols, skip),
        None if !magic => (plain.len() >= look::LEAST_OPAQUE && look::symbols_are_even(&symbols)).then_some(plain),
        _ => Some(plain),
    }
}

/// What symbols mean whose first `skip` are the end of a group of four: that holds whole bytes too.
fn from(symbols: &[u8], skip: usize) -> Option<Vec<u8>> {
    let (end, rest) = symbols.split_at_checked(skip)?;
    let v = end.iter().fold(0_u32, |v, s| v << 6 | u32::from(*s));
    Some([&v.to_be_bytes()[4 - skip * 3 / 4..], &join(rest)].concat())
}

fn join(symbols: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(symbols.len() * 3 / 4);
    for q in symbols.chunks(4) {
        let v = q.iter().fold(0_u32, |v, s| v << 6 | u32::from(*s)) << (6 * (4 - q.len()));
        out.extend(&v.to_be_bytes()[1..q.len()]);
    }
    out
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};

    use super::*;

    #[test]
    fn a_run_that_begins_within_a_group_of_four_is_read() {
        let text = [&[0xf1_u8, 0x9c, 0xe0][..], b"867394051234568", &[0xf3; 9]].concat();
        let run = BASE64_STANDARD_NO_PAD.encode(&text);
        for cut in 0..3 {
            let d = decode(&run.as_bytes()[cut..], &|_| false).unwrap();
            // Of the group that was cut, only the bytes are lost of which a symbol is.
            assert_eq!(d, text[cut..], "{cut}");
        }
    }

    #[test]
    fn what_looks_like_nothing_is_kept_where_it_is_known() {
        let cipher = [0x91, 0xe7, 0x3c, 0xf0, 0x05, 0xaa, 0xbb, 0x9d, 0x81, 0xfe, 0x02, 0xc4, 0xd5, 0x8e, 0x99, 0xb7];
        let run = BASE64_STANDARD_NO_PAD.encode(cipher);
        assert!(find(run.as_bytes()).len() == 1 && decode(run.as_bytes(), &|_| false).is_none());
        assert_eq!(decode(run.as_bytes(), &|d| d == cipher).unwrap(), cipher);
    }
}
