//! Runs of digits, of hexadecimal digits and of base64 symbols: phone numbers, identifiers, addresses of access points, digests.

use super::{Class, Hit, Index, Places, Runs};

/// Searches all kinds of runs.
pub(super) fn search(index: &Index, b: &[u8], hits: &mut Vec<Hit>, places: &mut Places) {
    digits(index, b, hits, places);
    if !index.hexes.is_empty() {
        runs(b, |c| c.is_ascii_hexdigit(), |c| c.to_ascii_lowercase(), &index.hexes, Class::Hex, hits, places);
    }
    if !index.base64s.is_empty() {
        let symbol = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'-' | b'_');
        let plain = |c: u8| match c {
            b'-' => b'+',
            b'_' => b'/',
            c => c,
        };
        runs(b, symbol, plain, &index.base64s, Class::Base64, hits, places);
    }
    if !index.macs.is_empty() {
        macs(index, b, hits, places);
    }
}

fn runs(
    b: &[u8],
    is_in: impl Fn(u8) -> bool,
    normal: impl Fn(u8) -> u8,
    table: &Runs,
    class: fn(usize) -> Class,
    hits: &mut Vec<Hit>,
    places: &mut Places,
) {
    let mut lengths: Vec<usize> = table.keys().map(Vec::len).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let mut key = Vec::new();
    let mut i = 0;
    while i < b.len() {
        if !is_in(b[i]) {
            i += 1;
            continue;
        }
        let start = i;
        while i < b.len() && is_in(b[i]) {
            i += 1;
        }
        for &n in lengths.iter().filter(|n| ends(b, start, i, **n)) {
            *places.entry(class(n)).or_default() += 1;
            key.clear();
            key.extend(b[start..start + n].iter().map(|c| normal(*c)));
            for &(needle, bits) in table.get(&key).into_iter().flatten() {
                hits.push(Hit { at: (start, start + n), needle, class: class(n), bits });
            }
        }
    }
}

/// Whether a byte says that so many follow: in protocol buffers, in what Java writes and in `MessagePack`; as the type of a text in
/// SQLite; as that of a short one in CBOR.
pub(super) fn is_length(v: u8, n: usize) -> bool {
    let v = usize::from(v);
    n < 128 && (v == n || v == 13 + 2 * n || n < 24 && v == 0x60 + n)
}

/// Whether so many symbols from the begin of a run are a value of their own: the run ends with them, or the byte in front says so.
fn ends(b: &[u8], start: usize, end: usize, n: usize) -> bool {
    start + n == end || start + n < end && start > 0 && is_length(b[start - 1], n)
}

/// Characters that people put between the groups of a number.
fn is_separator(b: &[u8]) -> bool {
    matches!(b.len(), 1 | 2) && b.iter().all(|c| matches!(c, b' ' | b'-' | b'.' | b'(' | b')'))
}

/// Numbers, with or without separators: from the begin of a group to the end of one.
fn digits(index: &Index, b: &[u8], hits: &mut Vec<Hit>, places: &mut Places) {
    let mut lengths: Vec<usize> = index.digits.keys().map(Vec::len).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let Some(&longest) = lengths.last() else { return };
    let groups = groups(b, u8::is_ascii_digit);
    let mut key = Vec::new();
    for (i, first) in groups.iter().enumerate() {
        for &n in lengths.iter().filter(|n| first.0 + **n < first.1 && ends(b, first.0, first.1, **n)) {
            *places.entry(Class::Digits(n)).or_default() += 1;
            for &needle in index.digits.get(&b[first.0..first.0 + n]).into_iter().flatten() {
                index.hit(hits, first.0..first.0 + n, needle, Class::Digits(n));
            }
        }
        key.clear();
        let mut before = first.0;
        for (j, &(start, end)) in groups[i..].iter().enumerate() {
            if j > 0 && !is_separator(&b[before..start]) || key.len() + end - start > longest {
                break;
            }
            key.extend_from_slice(&b[start..end]);
            before = end;
            if lengths.binary_search(&key.len()).is_ok() {
                *places.entry(Class::Digits(key.len())).or_default() += 1;
                for &needle in index.digits.get(&key).into_iter().flatten() {
                    index.hit(hits, first.0..end, needle, Class::Digits(key.len()));
                }
            }
        }
    }
}

/// Maximal runs: (start, end).
pub(super) fn groups(b: &[u8], is_in: impl Fn(&u8) -> bool) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    let mut i = 0;
    while i < b.len() {
        if is_in(&b[i]) {
            let start = i;
            while i < b.len() && is_in(&b[i]) {
                i += 1;
            }
            out.push((start, i));
        } else {
            i += 1;
        }
    }
    out
}

/// `a4:5e:60:..` and `A4-5E-60-..`.
fn macs(index: &Index, b: &[u8], hits: &mut Vec<Hit>, places: &mut Places) {
    for (i, w) in b.windows(17).enumerate() {
        let separator = w[2];
        if !matches!(separator, b':' | b'-') || [5, 8, 11, 14].iter().any(|&k| w[k] != separator) {
            continue;
        }
        let mut value = [0; 6];
        let whole = (0..6).all(|k| hex::decode_to_slice(&w[3 * k..3 * k + 2], &mut value[k..=k]).is_ok());
        if !whole {
            continue;
        }
        *places.entry(Class::Mac).or_default() += 1;
        for &needle in index.macs.get(&value).into_iter().flatten() {
            index.hit(hits, i..i + 17, needle, Class::Mac);
        }
    }
}
