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
        // Digits within a longer word are a part of something else: silence in base64 is nothing but `A`.
        let alone = |c: Option<&u8>| c.is_none_or(|c| !c.is_ascii_alphanumeric() && !matches!(c, b'+' | b'/' | b'-' | b'_' | b'='));
        let whole = alone(start.checked_sub(1).and_then(|p| b.get(p))) && alone(b.get(i));
        if i - start >= LEAST && (i - start) % 2 == 0 && (whole || !b[start..i].iter().all(|c| *c == b[start])) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_in_base64_is_not_taken_for_hexadecimal_digits() {
        let text = format!("UklGRiRxAgBXQVZF{}Zm10", "A".repeat(400));
        assert!(find(text.as_bytes()).is_empty());
        assert_eq!(find(format!("\"{}\"", "ab".repeat(40)).as_bytes()).len(), 1);
    }
}
