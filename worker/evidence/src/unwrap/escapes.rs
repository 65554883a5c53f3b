//! Percent signs, entities, quoted-printable, UTF-16: text written with other text.

use super::{Candidate, Coding};
use crate::look;

/// Tokens with percent escapes, and the whole where it has entities.
pub(super) fn find(b: &[u8]) -> Vec<Candidate> {
    let mut out = Vec::new();
    if memchr::memchr(b'%', b).is_some() {
        out.extend(percents(b));
    }
    if memchr::memchr_iter(b'&', b).take(100_000).any(|i| entity(&b[i..]).is_some()) {
        out.push(Candidate::new(0..b.len(), Coding::Entities, "xml"));
    }
    out
}

/// Stretches without space or `&` that hold at least two escapes.
fn percents(b: &[u8]) -> Vec<Candidate> {
    let ends = |c: &u8| matches!(c, b'&' | b' ' | b'\r' | b'\n' | b'"' | b'\'' | b'<' | b'>' | b'\t');
    let mut out = Vec::new();
    let mut done = 0;
    for i in memchr::memchr_iter(b'%', b) {
        if i < done || escaped(&b[i..]).is_none() {
            continue;
        }
        let start = b[done..i].iter().rposition(ends).map_or(done, |p| done + p + 1);
        let end = b[i..].iter().position(ends).map_or(b.len(), |p| i + p);
        done = end;
        // A form's name stays outside: what is read is its value.
        let start = b[start..i].iter().position(|c| *c == b'=').map_or(start, |p| start + p + 1);
        if memchr::memchr_iter(b'%', &b[start..end]).filter(|&p| escaped(&b[start + p..]).is_some()).count() >= 2 || end - start >= 24 {
            out.push(Candidate::new(start..end, Coding::Percent, "percent"));
        }
    }
    out
}

fn escaped(b: &[u8]) -> Option<u8> {
    let digit = |c: &u8| char::from(*c).to_digit(16);
    Some((digit(b.get(1)?)? << 4 | digit(b.get(2)?)?) as u8)
}

/// The text with its escapes undone; twice where `+` may be a space.
pub(super) fn percent(b: &[u8]) -> Vec<Vec<u8>> {
    let mut plain = Vec::with_capacity(b.len());
    let mut i = 0;
    while i < b.len() {
        match (b[i], escaped(&b[i..])) {
            (b'%', Some(v)) => {
                plain.push(v);
                i += 3;
            }
            (c, _) => {
                plain.push(c);
                i += 1;
            }
        }
    }
    if !b.contains(&b'+') {
        return vec![plain];
    }
    let spaced = b.iter().map(|&c| if c == b'+' { b' ' } else { c }).collect::<Vec<_>>();
    let spaced = percent(&spaced).pop().unwrap_or_default();
    vec![plain, spaced]
}

/// The character that an entity at the begin of `b` stands for, and its length.
fn entity(b: &[u8]) -> Option<(char, usize)> {
    let end = memchr::memchr(b';', &b[..b.len().min(12)])?;
    let name = std::str::from_utf8(b.get(1..end)?).ok()?;
    let c = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let number = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(number.ok()?)?
        }
    };
    Some((c, end + 1))
}

pub(super) fn entities(b: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(b.len());
    let mut rest = b;
    while let Some(i) = memchr::memchr(b'&', rest) {
        out.extend_from_slice(&rest[..i]);
        rest = &rest[i..];
        if let Some((c, n)) = entity(rest) {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            rest = &rest[n..];
        } else {
            out.push(b'&');
            rest = &rest[1..];
        }
    }
    out.extend_from_slice(rest);
    out
}

pub(super) fn quoted_printable(b: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(b.len());
    let mut i = 0;
    while i < b.len() {
        if b[i] == b'=' {
            let rest = &b[i + 1..];
            if let Some(n) = [&b"\r\n"[..], b"\n"].iter().find(|e| rest.starts_with(e)).map(|e| e.len()) {
                i += 1 + n;
                continue;
            }
            if let Some(v) = escaped(&b[i..]) {
                out.push(v);
                i += 3;
                continue;
            }
        }
        out.push(b[i]);
        i += 1;
    }
    out
}

/// The whole, when nearly every second byte of its begin is zero.
pub(super) fn find_utf16(b: &[u8]) -> Vec<Candidate> {
    let head = &b[..b.len().min(4096)];
    if head.len() < 32 {
        return Vec::new();
    }
    for big in [false, true] {
        let (high, low) = if big { (0, 1) } else { (1, 0) };
        let zeros = head.iter().skip(high).step_by(2).filter(|c| **c == 0).count();
        let text = head.iter().skip(low).step_by(2).filter(|c| matches!(c, 32..127 | b'\n' | b'\r' | b'\t')).count();
        if zeros * 20 >= head.len() * 9 && text * 20 >= head.len() * 9 {
            return vec![Candidate::new(0..b.len(), Coding::Utf16(big), "utf-16")];
        }
    }
    Vec::new()
}

/// Bytes that are looked at together.
const BLOCK: usize = 64;

/// How far the bytes are text with a zero in every other place. All of them are read as such, as other characters may follow and
/// letters behind those, but only so many are explained by it: anything may follow.
pub(super) fn utf16_reaches(b: &[u8], big: bool) -> usize {
    let (high, low) = if big { (0, 1) } else { (1, 0) };
    let fits = |u: &[u8]| u[high] == 0 && matches!(u[low], 32..127 | b'\n' | b'\r' | b'\t');
    let whole = |block: &&[u8]| block.chunks_exact(2).filter(|u| fits(u)).count() * 2 * 10 >= block.len() * 9;
    let blocks = b.chunks_exact(BLOCK).take_while(whole).count() * BLOCK;
    blocks + 2 * b[blocks..].chunks_exact(2).take_while(|u| fits(u)).count()
}

pub(super) fn utf16(b: &[u8], big: bool) -> Vec<u8> {
    let units = b.chunks_exact(2).map(|c| if big { u16::from_be_bytes([c[0], c[1]]) } else { u16::from_le_bytes([c[0], c[1]]) });
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into_bytes()
}

/// Whether these bytes are text that a finder of text codings may look at as such.
pub(super) fn plausible(b: &[u8]) -> bool {
    look::is_text(&b[..b.len().min(512)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_escape_is_undone() {
        assert_eq!(percent(b"a%2Bb+%E6%9E%97%zz%4"), [b"a+b+\xe6\x9e\x97%zz%4".to_vec(), b"a+b \xe6\x9e\x97%zz%4".to_vec()]);
        assert_eq!(entities(b"&lt;a&#10;&#x6797;&nope;&"), "<a\n林&nope;&".as_bytes());
        assert_eq!(quoted_printable(b"a=3Db=\r\nc=\n=zz="), b"a=bc=zz=");
        assert_eq!(utf16(b"h\0i\0", false), b"hi");
    }

    #[test]
    fn text_in_utf16_explains_itself_and_not_what_follows() {
        let wide = |s: &str| s.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let text = wide(&"a line of it\r\n".repeat(300));
        assert_eq!(utf16_reaches(&text, false), text.len());
        let more = [&text[..], &[0x91; 5_000]].concat();
        assert!(find_utf16(&more).len() == 1 && utf16_reaches(&more, false) == text.len());
        // Other characters between letters are read, and looked at otherwise too.
        let mixed = wide(&format!("{}{}{}", "a".repeat(2_000), "林".repeat(50), "b".repeat(100)));
        assert!(utf16_reaches(&mixed, false) == 4_000 && utf16(&mixed, false).ends_with(b"bbbb"));
    }

    #[test]
    fn a_form_value_is_found_without_its_name() {
        let form = b"u=1&photo=%2F9j%2F4AAQ&x=%41";
        let found = find(form);
        assert_eq!(found.iter().map(|c| &form[c.at.clone()]).collect::<Vec<_>>(), [b"%2F9j%2F4AAQ"]);
    }
}
