//! Pairs of numbers that only together say something: area and cell, latitude and longitude.

use std::collections::{HashMap, VecDeque};

use super::{Class, Hit, Index, PairForm, PlaceForm, Places, tokens::groups};

/// How far apart the two may stand, bytes, and how many numbers may stand between them.
const NEAR: usize = 256;
const BETWEEN: usize = 24;
/// Decimals that a position must have: 11 m.
const LEAST_DECIMALS: usize = 4;

pub(super) fn search(index: &Index, b: &[u8], hits: &mut Vec<Hit>, places: &mut Places) {
    if !index.pairs.is_empty() {
        pairs(index, b, 10, hits, places);
        pairs(index, b, 16, hits, places);
    }
    if !index.places.is_empty() {
        positions(index, b, hits, places);
    }
}

fn length(value: u64, radix: u32) -> usize {
    if radix == 10 { value.to_string().len() } else { format!("{value:x}").len() }
}

/// Whether the hexadecimal form of a pair cannot be taken for a decimal one.
pub(super) fn has_letter(p: [u64; 2]) -> bool {
    p.iter().any(|v| format!("{v:x}").bytes().any(|c| c.is_ascii_alphabetic()))
}

fn pairs(index: &Index, b: &[u8], radix: u32, hits: &mut Vec<Hit>, places: &mut Places) {
    let class = |a, c| if radix == 10 { Class::Pair(a, c) } else { Class::HexPair(a, c) };
    // By the lengths of the two, and by the two.
    let mut wanted: Vec<[usize; 2]> = Vec::new();
    let mut table: HashMap<[u64; 2], Vec<&PairForm>> = HashMap::new();
    for p in index.pairs.iter().filter(|p| radix == 10 || has_letter(p.values)) {
        wanted.push(p.values.map(|v| length(v, radix)));
        table.entry(p.values).or_default().push(p);
    }
    wanted.sort_unstable();
    wanted.dedup();
    let is_in = |c: &u8| if radix == 10 { c.is_ascii_digit() } else { c.is_ascii_hexdigit() };
    let mut recent: VecDeque<(usize, usize, u64, usize)> = VecDeque::new();
    for (start, end) in groups(b, is_in) {
        let n = end - start;
        // A number with a zero in front has another length than its value, so it is no place of this shape.
        if !wanted.iter().any(|w| w.contains(&n)) || b[start] == b'0' {
            continue;
        }
        let Some(value) = std::str::from_utf8(&b[start..end]).ok().and_then(|t| u64::from_str_radix(t, radix).ok()) else { continue };
        while recent.front().is_some_and(|r| start - r.0 > NEAR) || recent.len() > BETWEEN {
            recent.pop_front();
        }
        for &(from, _, other, m) in &recent {
            for (lengths, values) in [([m, n], [other, value]), ([n, m], [value, other])] {
                if !wanted.contains(&lengths) {
                    continue;
                }
                *places.entry(class(lengths[0], lengths[1])).or_default() += 1;
                for p in table.get(&values).into_iter().flatten() {
                    hits.push(Hit { at: (from, end), needle: p.needle, class: class(lengths[0], lengths[1]), bits: p.bits });
                }
            }
        }
        recent.push_back((start, end, value, n));
    }
}

/// A decimal fraction in a text.
struct Fraction<'a> {
    at: (usize, usize),
    whole: &'a str,
    decimals: &'a str,
}

fn fractions(b: &[u8]) -> Vec<Fraction<'_>> {
    let mut out = Vec::new();
    for dot in memchr::memchr_iter(b'.', b) {
        let start = b[..dot].iter().rposition(|c| !c.is_ascii_digit()).map_or(0, |p| p + 1);
        let end = b[dot + 1..].iter().position(|c| !c.is_ascii_digit()).map_or(b.len(), |p| dot + 1 + p);
        let minus = usize::from(start > 0 && b[start - 1] == b'-');
        if !(1..=3).contains(&(dot - start)) || !(LEAST_DECIMALS..=20).contains(&(end - dot - 1)) {
            continue;
        }
        let text = |r: std::ops::Range<usize>| std::str::from_utf8(&b[r]).unwrap_or_default();
        out.push(Fraction { at: (start, end), whole: text(start - minus..dot), decimals: text(dot + 1..end) });
    }
    out
}

/// Decimals that agree: all that both have, but for the last one, which may have been rounded.
fn agree(whole: &str, decimals: &str, f: &Fraction<'_>) -> Option<usize> {
    let n = decimals.len().min(f.decimals.len());
    if whole != f.whole || n < LEAST_DECIMALS {
        return None;
    }
    let value = |d: &str| d[..n].parse::<i64>().ok();
    // Written with fewer decimals it is cut or rounded; with more it is a binary fraction's long form.
    ((value(decimals)? - value(f.decimals)?).abs() <= 1).then_some(n)
}

fn positions(index: &Index, b: &[u8], hits: &mut Vec<Hit>, places: &mut Places) {
    let found = fractions(b);
    for (i, a) in found.iter().enumerate() {
        for c in found[i + 1..].iter().take(BETWEEN).take_while(|c| c.at.0 - a.at.0 <= NEAR) {
            // Either may be the latitude, and the last decimal of each may be off by one: 2 x 3 x 3 tests.
            *places.entry(Class::Place).or_default() += 18;
            for p in &index.places {
                for (lat, lon) in [(a, c), (c, a)] {
                    if let Some(bits) = position(index, p, lat, lon) {
                        hits.push(Hit { at: (a.at.0, c.at.1), needle: p.needle, class: Class::Place, bits });
                    }
                }
            }
        }
    }
}

fn position(index: &Index, p: &PlaceForm, lat: &Fraction<'_>, lon: &Fraction<'_>) -> Option<u32> {
    let (n, m) = (agree(&p.lat.0, &p.lat.1, lat)?, agree(&p.lon.0, &p.lon.1, lon)?);
    let lost = (p.lat.1.len() - n + p.lon.1.len() - m) as f64 * std::f64::consts::LOG2_10;
    Some(index.needles[p.needle].bits.saturating_sub(lost.ceil() as u32))
}
