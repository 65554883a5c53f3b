//! Base64 (RFC 4648), both alphabets, with or without padding and line breaks.

use super::{Candidate, Coding};
use crate::look;

/// Shortest run that is decoded: 18 bytes.
const LEAST: usize = 24;

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

/// Runs of the alphabet. A line break within a run is allowed after 60 symbols, as encoders break at 64 or 76.
pub(super) fn find(b: &[u8]) -> Vec<Candidate> {
    let mut out = Vec::new();
    let mut i = 0;
    while i < b.len() {
        if value(b[i]).is_none() {
            i += 1;
            continue;
        }
        let (start, mut line, mut symbols) = (i, i, 0);
        let mut end = i;
        while i < b.len() {
            if value(b[i]).is_some() {
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
        if symbols >= LEAST {
            end += b[end..].iter().take(2).take_while(|c| **c == b'=').count();
            out.push(Candidate::new(start..end, Coding::Base64, "base64"));
        }
        i = end;
    }
    out
}

/// Decodes a run. It may have been cut out of a longer text, so all four places to begin are tried; none if what comes out of
/// each looks like nothing.
pub(super) fn decode(b: &[u8]) -> Option<Vec<u8>> {
    let symbols: Vec<u8> = b.iter().filter_map(|c| value(*c)).collect();
    let worth = |d: &[u8]| look::has_magic(d) || look::is_text(d) && d.len() >= 12;
    let plain = join(&symbols);
    if worth(&plain) {
        return Some(plain);
    }
    for skip in 1..4 {
        let d = join(symbols.get(skip..)?);
        if worth(&d) || look::holds_magic(&d) && !look::holds_magic(&plain) {
            return Some(d);
        }
    }
    let keep = look::holds_magic(&plain)
        || look::printable_run(&plain) >= 6
        || plain.len() >= look::LEAST_OPAQUE && look::symbols_are_even(&symbols);
    keep.then_some(plain)
}

fn join(symbols: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(symbols.len() * 3 / 4);
    for q in symbols.chunks(4) {
        let v = q.iter().fold(0_u32, |v, s| v << 6 | u32::from(*s)) << (6 * (4 - q.len()));
        out.extend(&v.to_be_bytes()[1..q.len()]);
    }
    out
}
