//! Strings and arrays of numbers, as JSON and its relatives write them, and numbers without brackets.
//!
//! Nothing here needs a whole, valid document: strings are found by their quotes, so a truncated, concatenated or
//! unbelievably deep document is read like any other, and without recursion.

use super::{Candidate, Coding, escapes};

/// Shortest string without an escape that may hold another coding.
const LONG: usize = 24;
/// Fewest numbers that are taken for bytes.
const NUMBERS: usize = 32;
/// The same without brackets around them.
const LISTED: usize = 64;

/// Numbers anywhere. Strings with escapes anywhere; in what begins like JSON also long strings without.
pub(super) fn find(b: &[u8]) -> Vec<Candidate> {
    let mut out = arrays(b);
    out.extend(lists(b));
    if memchr::memchr(b'"', b).is_some() {
        let is_json = matches!(b.trim_ascii_start().first(), Some(b'{' | b'[' | b'"')) && escapes::plausible(b);
        strings(b, is_json, &mut out);
    }
    out.sort_by_key(|c| c.at.start);
    out
}

fn strings(b: &[u8], is_json: bool, out: &mut Vec<Candidate>) {
    let mut i = 0;
    while let Some(quote) = memchr::memchr(b'"', &b[i..]) {
        let start = i + quote + 1;
        let mut escaped = false;
        let mut end = start;
        // Ends at the quote; gives up at a control character, which no string may hold.
        let closed = loop {
            match b.get(end) {
                Some(b'"') => break true,
                Some(b'\\') => {
                    escaped = true;
                    end += 2;
                }
                Some(c) if *c >= 32 => end += 1,
                Some(_) => break false,
                None => break is_json,
            }
        };
        let end = end.min(b.len());
        let n = end - start;
        let closed = closed && escapes::plausible(&b[start..end]);
        if closed && escaped && n >= 6 {
            out.push(Candidate::new(start..end, Coding::JsonString, "json"));
        } else if closed && is_json && n >= LONG {
            out.push(Candidate::new(start..end, Coding::Slice, "json"));
        }
        i = if closed { (end + 1).min(b.len()) } else { start };
    }
}

fn arrays(b: &[u8]) -> Vec<Candidate> {
    let mut out = Vec::new();
    let mut from = 0;
    while let Some(open) = memchr::memchr(b'[', &b[from..]) {
        let start = from + open + 1;
        let is_digit = |c: &u8| c.is_ascii_digit() || matches!(c, b',' | b' ' | b'-' | b'\n' | b'\r' | b'\t');
        let end = b[start..].iter().position(|c| !is_digit(c)).map_or(b.len(), |n| start + n);
        if end - start >= 2 * NUMBERS {
            out.push(Candidate::new(start..end, Coding::Numbers, "numbers"));
        }
        from = end;
    }
    out
}

/// What parts the numbers of a list.
const PARTS: [char; 6] = [',', ';', ' ', '\n', '\r', '\t'];

/// Many numbers of at most three digits, one after the other; those between hexadecimal ones are of their sort.
fn lists(b: &[u8]) -> Vec<Candidate> {
    let mut out = Vec::new();
    let mut at = 0;
    for run in b.split(|c| !c.is_ascii_digit() && *c != b'-' && !PARTS.contains(&char::from(*c))) {
        let end = at + run.len();
        let all = || run.split(|c| !c.is_ascii_digit()).filter(|n| !n.is_empty());
        if run.len() >= 2 * LISTED && all().count() >= LISTED && all().all(|n| n.len() <= 3) {
            let before = b[..at].iter().rev().take(3).take_while(|c| c.is_ascii_alphanumeric());
            let after = b[end..].iter().take(3).take_while(|c| c.is_ascii_alphanumeric());
            if !is_hex(before) && !is_hex(after) {
                out.push(Candidate::new(at..end, Coding::Listed, "numbers"));
            }
        }
        at = end + 1;
    }
    out
}

/// One or two hexadecimal digits.
fn is_hex<'b>(mut token: impl Iterator<Item = &'b u8>) -> bool {
    let mut digits = 0;
    token.all(|c| {
        digits += 1;
        c.is_ascii_hexdigit()
    }) && (1..=2).contains(&digits)
}

/// Numbers of a list as bytes, signed or not. Where each has two digits they may be hexadecimal, too.
pub(super) fn listed(b: &[u8]) -> Option<Vec<Vec<u8>>> {
    let text = std::str::from_utf8(b).ok()?;
    let fields: Vec<&str> = text.split(PARTS).filter(|f| !f.is_empty()).collect();
    let byte = |f: &&str| f.parse::<i32>().ok().filter(|v| (-128..=255).contains(v)).map(|v| v as u8);
    let mut out = vec![fields.iter().map(byte).collect::<Option<Vec<u8>>>()?];
    if fields.iter().all(|f| f.len() == 2) {
        out.extend(hex::decode(fields.concat()).ok());
    }
    Some(out)
}

/// Numbers as bytes, signed or not; else as samples of 16 bits, least byte first.
pub(super) fn numbers(b: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(b).ok()?;
    let mut values: Vec<i32> = Vec::new();
    let mut fields = text.split(',').peekable();
    while let Some(field) = fields.next() {
        match field.trim().parse::<i32>() {
            Ok(v) if (-32_768..=65_535).contains(&v) => values.push(v),
            // The last one may be cut.
            _ if fields.peek().is_none() => {}
            _ => return None,
        }
    }
    if values.len() < NUMBERS {
        return None;
    }
    if values.iter().all(|v| (-128..=255).contains(v)) {
        return Some(values.iter().map(|v| *v as u8).collect());
    }
    Some(values.iter().flat_map(|v| (*v as u16).to_le_bytes()).collect())
}

/// Undoes the escapes of a string; what is no escape stays.
pub(super) fn unescape(b: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(b.len());
    let mut rest = b;
    while let Some(i) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..i]);
        rest = &rest[i..];
        let simple = match rest.get(1) {
            Some(b'n') => Some(b'\n'),
            Some(b'r') => Some(b'\r'),
            Some(b't') => Some(b'\t'),
            Some(b'b') => Some(8),
            Some(b'f') => Some(12),
            Some(c @ (b'"' | b'\\' | b'/' | b'\'')) => Some(*c),
            _ => None,
        };
        if let Some(c) = simple {
            out.push(c);
            rest = &rest[2..];
        } else if let Some((c, n)) = unicode(rest) {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            rest = &rest[n..];
        } else {
            out.push(b'\\');
            rest = &rest[1..];
        }
    }
    out.extend_from_slice(rest);
    out
}

/// The character of `\u6797`, or of a pair of surrogates, and its length.
fn unicode(b: &[u8]) -> Option<(char, usize)> {
    let unit = |b: &[u8]| -> Option<u16> {
        let digits = b.strip_prefix(b"\\u")?.get(..4)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let first = unit(b)?;
    if let Some(c) = char::from_u32(u32::from(first)) {
        return Some((c, 6));
    }
    let pair = [first, b.get(6..).and_then(unit)?];
    char::decode_utf16(pair).next()?.ok().map(|c| (c, 12))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_found_in_what_is_hardly_json() {
        let text = br#"{"a":"x","b":"\u6797\/\"q","c":"AAAAAAAAAAAAAAAAAAAAAAAAAAAA"#;
        let found = find(text);
        assert_eq!(found.iter().map(|c| c.coding.clone()).collect::<Vec<_>>(), [Coding::JsonString, Coding::Slice]);
        assert_eq!(unescape(&text[found[0].at.clone()]), "林/\"q".as_bytes());
        assert_eq!(unescape(br"\ud83d\ude00\ud83d\x\"), b"\xf0\x9f\x98\x80\\ud83d\\x\\");
    }

    #[test]
    fn arrays_of_numbers_are_bytes_or_samples() {
        let list = |v: &[i32]| format!("{{\"d\":{v:?}}}").into_bytes();
        let bytes: Vec<i32> = (-20..20).collect();
        let text = list(&bytes);
        let found = find(&text);
        assert_eq!(numbers(&text[found[0].at.clone()]).unwrap(), bytes.iter().map(|v| *v as u8).collect::<Vec<_>>());
        let samples: Vec<i32> = (0..40).map(|v| v * 500).collect();
        let text = list(&samples);
        assert_eq!(numbers(&text[find(&text)[0].at.clone()]).unwrap().len(), 80);
        assert!(numbers(b"1,2,,3").is_none());
    }

    #[test]
    fn numbers_without_brackets_are_bytes() {
        let text: Vec<u8> = b"what is written in numbers, and more of it, so that there are many".to_vec();
        let spelt = |by: &str| text.iter().map(ToString::to_string).collect::<Vec<_>>().join(by);
        for by in [" ", ",", ", ", "\n", ";"] {
            let all = format!("bytes: {}.", spelt(by));
            let found = find(all.as_bytes());
            assert_eq!(found.iter().map(|c| c.coding.clone()).collect::<Vec<_>>(), [Coding::Listed], "{all}");
            assert_eq!(listed(&all.as_bytes()[found[0].at.clone()]).unwrap(), std::slice::from_ref(&text));
        }
        let pairs = "41 42 43 ".repeat(30);
        assert_eq!(listed(pairs.as_bytes()).unwrap(), [b")*+".repeat(30), b"ABC".repeat(30)]);
        assert!(find("1024 17 3000 ".repeat(30).as_bytes()).is_empty() && listed(b"1 2 300").is_none());
    }
}
