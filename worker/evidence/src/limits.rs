//! What hostile input may cost.
//!
//! A limit that is hit ends nothing but the branch that hit it, and is told once for each file: the reason goes into
//! `Searched::skipped`, and from there turns `not_observed` into `inconclusive`.

use std::time::{Duration, Instant};

/// Ceilings for one analysis. The defaults fit a container of 2 GiB that may run ten minutes.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Decodings inside each other.
    pub depth: usize,
    /// Bytes of one file; the rest of a longer one is not searched.
    pub file_bytes: u64,
    /// Bytes that decoding may make from one file.
    pub expanded_bytes: u64,
    /// Bytes that one decoding may make.
    pub part_bytes: usize,
    /// Output over input of one decompression, for outputs over 1 MB.
    pub ratio: usize,
    /// Parts of one file.
    pub parts: usize,
    /// Pictures and sounds that are decoded in one file.
    pub media: usize,
    /// Pixels of a picture.
    pub pixels: u64,
    /// Seconds of a recording.
    pub media_seconds: u32,
    /// Pictures of a film; a longer one is read at so many places over its length.
    pub film_pictures: usize,
    /// What the search through one recording may cost, in transforms of some 3 ms.
    pub sound_transforms: u64,
    /// Wall time of the whole analysis.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 12,
            file_bytes: 256 << 20,
            expanded_bytes: 512 << 20,
            part_bytes: 64 << 20,
            ratio: 250,
            parts: 20_000,
            media: 4_000,
            pixels: 32_000_000,
            media_seconds: 86_400,
            film_pictures: 480,
            sound_transforms: 40_000,
            time: Duration::from_secs(480),
        }
    }
}

/// What of the limits one file has used.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) limits: Limits,
    expanded: u64,
    parts: usize,
    media: usize,
    until: Option<Instant>,
    hit: Vec<&'static str>,
}

impl Budget {
    /// `until` is when the whole analysis must end.
    pub(crate) fn new(limits: &Limits, until: Option<Instant>) -> Self {
        Self { limits: limits.clone(), expanded: 0, parts: 0, media: 0, until, hit: Vec::new() }
    }

    /// Counts one more part; false when there may be no more.
    pub(crate) fn part(&mut self) -> bool {
        self.parts += 1;
        if self.parts > self.limits.parts {
            return self.stop("limit: parts");
        }
        self.in_time()
    }

    /// Counts one more picture or sound.
    pub(crate) fn medium(&mut self) -> bool {
        self.media += 1;
        if self.media > self.limits.media {
            return self.stop("limit: media");
        }
        self.in_time()
    }

    /// Whether this nesting is allowed.
    pub(crate) fn depth(&mut self, depth: usize) -> bool {
        depth <= self.limits.depth || self.stop("limit: nesting")
    }

    /// Bytes that a decoding of `input` bytes may make now.
    pub(crate) fn room(&self, input: usize) -> usize {
        let left = usize::try_from(self.limits.expanded_bytes.saturating_sub(self.expanded)).unwrap_or(usize::MAX);
        let ratio = input.saturating_mul(self.limits.ratio).max(1 << 20);
        left.min(self.limits.part_bytes).min(ratio)
    }

    /// Counts bytes that a decoding made; `cut` says that it would have made more.
    pub(crate) fn made(&mut self, bytes: usize, cut: bool) {
        self.expanded = self.expanded.saturating_add(bytes as u64);
        if cut {
            self.stop(if self.expanded >= self.limits.expanded_bytes { "limit: expanded bytes" } else { "limit: ratio" });
        }
    }

    /// Whether there is room for another byte.
    pub(crate) fn open(&mut self) -> bool {
        self.expanded < self.limits.expanded_bytes || self.stop("limit: expanded bytes")
    }

    /// Notes a limit that was hit, once; always false.
    pub(crate) fn stop(&mut self, reason: &'static str) -> bool {
        if !self.hit.contains(&reason) {
            self.hit.push(reason);
        }
        false
    }

    pub(crate) fn in_time(&mut self) -> bool {
        self.until.is_none_or(|t| Instant::now() < t) || self.stop("limit: time")
    }

    /// Limits that were hit, in order.
    pub(crate) fn hits(self) -> Vec<&'static str> {
        self.hit
    }
}
