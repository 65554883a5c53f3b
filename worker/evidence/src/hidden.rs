//! Where something lies in a file behind layers, for who must not keep it.

use std::{ops::Range, time::Instant};

use crate::{
    carve::Carved,
    cipher::Ciphers,
    limits::{Budget, Limits},
    part::Part,
    walk::{Visitor, Walker},
};

/// Stretches of the file that decode to bytes of which `holds` is true, in order and apart from each other. The file's own bytes are
/// not asked about, and of stretches that decode to the same bytes only the first is told: look again when that is gone. What lies
/// beyond a limit, or is not reached until then, is not found.
pub fn behind_layers(file: &[u8], limits: &Limits, until: Instant, holds: &dyn Fn(&[u8]) -> bool) -> Vec<Range<usize>> {
    let mut seeker = Seeker { holds, found: Vec::new() };
    let ciphers = Ciphers::default();
    Walker::new(Budget::new(limits, Some(until)), &ciphers, &mut seeker).file(file);
    seeker.found.sort_by_key(|at| (at.start, at.end));
    let mut apart: Vec<Range<usize>> = Vec::new();
    for at in seeker.found {
        match apart.last_mut() {
            Some(last) if at.start < last.end => last.end = last.end.max(at.end),
            _ => apart.push(at),
        }
    }
    apart
}

struct Seeker<'a> {
    holds: &'a dyn Fn(&[u8]) -> bool,
    found: Vec<Range<usize>>,
}

impl Visitor for Seeker<'_> {
    fn enter(&mut self, part: &Part<'_>) {
        let origin = part.origin;
        if !origin.exact && (self.holds)(part.bytes) {
            let start = origin.offset as usize;
            self.found.push(start..start + origin.length as usize);
        }
    }

    fn stretch(&mut self, _: &Part<'_>) {}

    fn leave(&mut self) {}

    /// Nothing is explained by what it looks like: a text in it is looked for too.
    fn medium(&mut self, _: &Part<'_>, _: &Carved, _: bool) -> bool {
        false
    }

    fn raw(&mut self, _: &Part<'_>, _: &Range<usize>) -> Vec<Range<usize>> {
        Vec::new()
    }

    fn rest(&mut self, _: &Part<'_>, _: &[Range<usize>]) {}
}

#[cfg(test)]
mod tests {
    use std::{io::Write, time::Duration};

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut e = GzEncoder::new(Vec::new(), Compression::best());
        e.write_all(text.as_bytes()).unwrap();
        e.finish().unwrap()
    }

    #[test]
    fn the_whole_encoded_stretch_is_told_and_what_holds_nothing_is_not() {
        let (one, other) = (gzip("user=alice&pw=needle&more=1"), gzip("user=alice&pw=another&more=1"));
        let file = [&b"POST /x HTTP/1.1\r\nContent-Encoding: gzip\r\n\r\n"[..], &one[..], &other[..]].concat();
        let found = |b: &[u8]| {
            let until = Instant::now() + Duration::from_secs(60);
            behind_layers(b, &Limits::default(), until, &|b| memchr::memmem::find(b, b"needle").is_some())
        };
        let at = file.len() - one.len() - other.len();
        assert_eq!(found(&file), vec![at..at + one.len()]);
        assert!(found(b"pw=needle in the file's own bytes").is_empty());
        let twice = [&one[..], b" and ", &one[..]].concat();
        assert_eq!(found(&twice), vec![0..one.len()], "the same bytes are looked at once");
        assert!(behind_layers(&file, &Limits::default(), Instant::now(), &|_| true).is_empty(), "when there is no time left");
    }
}
