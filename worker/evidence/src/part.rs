//! A piece of an artifact, with the way back to the artifact's own bytes.

use std::ops::Range;

/// Where a part lies in the file that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// First byte in the file.
    pub(crate) offset: u64,
    /// Bytes in the file.
    pub(crate) length: u64,
    /// Byte i of the part is byte `offset + i` of the file. Otherwise the part was decoded from that stretch as a whole.
    pub(crate) exact: bool,
}

impl Origin {
    /// Of `at` within the part.
    pub(crate) fn of(&self, at: &Range<usize>) -> Self {
        if self.exact { Self { offset: self.offset + at.start as u64, length: at.len() as u64, exact: true } } else { *self }
    }

    /// Of something that was decoded from `at` within the part.
    pub(crate) fn decoded(&self, at: &Range<usize>) -> Self {
        Self { exact: false, ..self.of(at) }
    }
}

/// Bytes after some decodings.
#[derive(Debug, Clone)]
pub(crate) struct Part<'a> {
    /// The bytes.
    pub(crate) bytes: &'a [u8],
    /// What was undone, from the outside in.
    pub(crate) chain: Vec<&'static str>,
    /// Where they come from.
    pub(crate) origin: Origin,
    /// Where they begin in the innermost part that decoding made, of which this is a stretch.
    pub(crate) base: usize,
}

impl<'a> Part<'a> {
    /// A whole file.
    pub(crate) fn file(bytes: &'a [u8]) -> Self {
        Self { bytes, chain: Vec::new(), origin: Origin { offset: 0, length: bytes.len() as u64, exact: true }, base: 0 }
    }
}

/// Stretches of a part that are explained. Disjoint and in order.
#[derive(Debug, Default, Clone)]
pub(crate) struct Cover(Vec<Range<usize>>);

impl Cover {
    pub(crate) fn add(&mut self, at: Range<usize>) {
        if at.is_empty() {
            return;
        }
        let from = self.0.partition_point(|r| r.end < at.start);
        let to = self.0.partition_point(|r| r.start <= at.end);
        let start = self.0.get(from).filter(|_| from < to).map_or(at.start, |r| r.start.min(at.start));
        let end = to.checked_sub(1).filter(|&i| i >= from).and_then(|i| self.0.get(i)).map_or(at.end, |r| r.end.max(at.end));
        self.0.splice(from..to, std::iter::once(start..end));
    }

    pub(crate) fn holds(&self, place: usize) -> bool {
        let i = self.0.partition_point(|r| r.end <= place);
        self.0.get(i).is_some_and(|r| r.start <= place)
    }

    /// What is left of `0..len`.
    pub(crate) fn gaps(&self, len: usize) -> Vec<Range<usize>> {
        let mut out = Vec::new();
        let mut at = 0;
        for r in &self.0 {
            if r.start > at {
                out.push(at..r.start.min(len));
            }
            at = at.max(r.end);
        }
        if at < len {
            out.push(at..len);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_join_and_the_gaps_are_the_rest() {
        let mut c = Cover::default();
        for r in [10..20, 30..40, 15..32, 50..60, 0..2, 60..61] {
            c.add(r);
        }
        assert_eq!(c.gaps(70), [2..10, 40..50, 61..70]);
        assert!(c.holds(10) && c.holds(39) && !c.holds(40) && !c.holds(2));
    }
}
