//! Bytes as hexadecimal digits.

use super::{Candidate, Coding};
use crate::look;

/// Shortest run: 16 bytes.
const LEAST: usize = 32;

pub(super) fn find(b: &[u8]) -> Vec<Candidate> {
    let mut out = Vec::new();
    let mut i = 0;
    while i < b.len() {
        let start = i;
        while i < b.len() && b[i].is_ascii_hexdigit() {
            i += 1;
        }
        if i - start >= LEAST && (i - start) % 2 == 0 {
            out.push(Candidate::new(start..i, Coding::Hex, "hex"));
        }
        i += 1;
    }
    out
}

pub(super) fn decode(b: &[u8]) -> Option<Vec<u8>> {
    let d = hex::decode(b).ok()?;
    (look::has_magic(&d) || look::is_text(&d) || look::printable_run(&d) >= 6 || d.len() >= look::LEAST_OPAQUE).then_some(d)
}
