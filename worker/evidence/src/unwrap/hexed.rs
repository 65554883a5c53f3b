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

/// Fewest pairs of digits that stand apart.
const PAIRS: usize = 16;

/// Pairs of digits with the same between them: `ff d8`, `ff:d8`, `0xff, 0xd8`, `\xff\xd8`.
pub(super) fn find_pairs(b: &[u8]) -> Vec<Candidate> {
    let mut out = Vec::new();
    let mut i = 0;
    while i + 2 <= b.len() {
        let inside = i > 0 && b[i - 1].is_ascii_alphanumeric() && b[i - 1] != b'x';
        if inside || !is_pair(&b[i..]) {
            i += 1;
            continue;
        }
        let (start, mut end, mut count) = (i, i + 2, 1);
        let mark = between(&b[end..]).map(|m| m.1);
        while let Some((n, m)) = between(&b[end..])
            && Some(m) == mark
        {
            end += n + 2;
            count += 1;
        }
        if count >= PAIRS {
            out.push(Candidate::new(start..end, Coding::HexPairs, "hex"));
        }
        i = end;
    }
    out
}

/// Two digits that are no part of more.
fn is_pair(b: &[u8]) -> bool {
    b.len() >= 2 && b[..2].iter().all(u8::is_ascii_hexdigit) && !b.get(2).is_some_and(u8::is_ascii_alphanumeric)
}

/// How far the next pair is, and what stands in front of it beside blanks: a sign, and a mark of hexadecimal digits.
fn between(b: &[u8]) -> Option<(usize, (u8, u8))> {
    let blanks = |from: usize| b[from..].iter().take(4).take_while(|c| c.is_ascii_whitespace()).count();
    let mut n = blanks(0);
    let sign = b.get(n).copied().filter(|c| matches!(c, b',' | b':' | b'-' | b';' | b'|')).unwrap_or(0);
    if sign > 0 {
        n += 1;
        n += blanks(n);
    }
    let mark = match b.get(n..n + 2) {
        Some(b"0x" | b"\\x") => b[n],
        _ => 0,
    };
    n += if mark > 0 { 2 } else { 0 };
    (n > 0 && is_pair(&b[n..])).then_some((n, (sign, mark)))
}

/// Decodes pairs that stand apart.
pub(super) fn decode_pairs(b: &[u8], known: Known<'_>) -> Option<Vec<u8>> {
    let mut digits = Vec::with_capacity(b.len());
    let mut at = 0;
    while let Some(pair) = b.get(at..at + 2) {
        digits.extend(pair);
        let Some((n, _)) = between(&b[at + 2..]) else { break };
        at += 2 + n;
    }
    decode(&digits, known)
}

/// Decodes a run. Of an odd number of digits the first or the last is of something else.
pub(super) fn decode(b: &[u8], known: Known<'_>) -> Option<Vec<u8>> {
    let odd = b.len() % 2;
    let ways = [&b[..b.len() - odd], &b[odd..]].into_iter().take(1 + odd);
    let mut ways: Vec<Vec<u8>> = ways.map(hex::decode).collect::<Result<_, _>>().ok()?;
    let plain = |d: &Vec<u8>| look::has_magic(d) || look::is_text(d) || known(d);
    let best = ways.iter().position(plain).or_else(|| ways.iter().position(|d| look::holds_magic(d)));
    let best = best.or_else(|| ways.iter().position(|d| look::printable_run(d) >= 6));
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

    #[test]
    fn pairs_that_stand_apart_are_read_whatever_parts_them() {
        let text = b"what is written in digits";
        let pairs: Vec<String> = text.iter().map(|c| format!("{c:02x}")).collect();
        for (before, by) in [("", " "), ("", ":"), ("", ", "), ("0x", ", 0x"), ("\\x", "\\x"), ("", "-"), ("", "\n")] {
            let written = format!("dump: {before}{} .", pairs.join(by));
            let found = find_pairs(written.as_bytes());
            assert_eq!(found.len(), 1, "{written}");
            assert_eq!(decode_pairs(&written.as_bytes()[found[0].at.clone()], &|_| false).unwrap(), text, "{written}");
        }
        // Addresses of access points, a time, a digest: too few, or of nothing that is known.
        assert!(find_pairs(b"02:3b:66:c6:a4:c2\n02:3b:66:c6:a4:c3\n02:3b:66:c6:a4:c4, 10:20:30").is_empty());
        let digest =
            [0x9f_u8, 0x86, 0xd0, 0x81, 0x88, 0x4c, 0x7d, 0x65, 0x9a, 0x2f, 0xea, 0xa0, 0xc5, 0x5a, 0xd0, 0x15, 0xa3, 0xbf, 0x4f, 0x1b];
        let digest = digest.map(|v| format!("{v:02X}")).join(":");
        assert!(find_pairs(digest.as_bytes()).len() == 1 && decode_pairs(digest.as_bytes(), &|_| false).is_none());
    }
}
