//! Bytes as hexadecimal digits.

use super::{Candidate, Coding, Known};
use crate::look;

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
        let even = (i - start) % 2 == 0;
        if i - start >= look::LEAST_HEX && (whole || even && !b[start..i].iter().all(|c| *c == b[start])) {
            out.push(Candidate::new(start..i, Coding::Hex, "hex"));
        }
        i += 1;
    }
    out
}

/// Decodes a run. Of an odd number of digits the first or the last is of something else.
pub(super) fn decode(b: &[u8], known: Known<'_>) -> Option<Vec<u8>> {
    let worth = |d: &[u8]| look::has_magic(d) || look::is_text(d) || look::printable_run(d) >= 6 || known(d);
    let odd = b.len() % 2;
    let ways = [&b[..b.len() - odd], &b[odd..]].into_iter().take(1 + odd);
    let mut ways: Vec<Vec<u8>> = ways.map(hex::decode).collect::<Result<_, _>>().ok()?;
    let best = ways.iter().position(|d| worth(d)).or_else(|| ways.iter().position(|d| look::holds_magic(d)));
    let d = ways.swap_remove(best.unwrap_or(0));
    (best.is_some() || d.len() >= look::LEAST_OPAQUE).then_some(d)
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
    #[test]
    fn a_digit_too_many_at_either_end_hides_nothing() {
        let digits = hex::encode(b"what is written in digits");
        for run in [digits.clone(), format!("7{digits}"), format!("{digits}7")] {
            assert_eq!(find(run.as_bytes()).len(), 1);
            assert_eq!(decode(run.as_bytes(), &|_| false).unwrap(), b"what is written in digits");
        }
    }
}
