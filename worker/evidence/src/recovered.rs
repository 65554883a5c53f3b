//! The picture behind a finding, small and encoded anew, for a page that a person looks at.

use std::ops::Range;

use stakeout_contract::finding::Finding;
use stakeout_feed::GrayImage;

use crate::{
    carve::Carved,
    cipher::Ciphers,
    limits::{Budget, Limits},
    media::{self, NoDecoder, Piece},
    part::{Origin, Part},
    raw,
    walk::{Visitor, Walker},
};

/// The grey picture that `finding` is about, as a JPEG of at most `width` pixels a row. None for what is no still picture, or
/// cannot be found again in `file`, the bytes of the finding's artifact.
pub fn picture(file: &[u8], finding: &Finding, width: u32) -> Option<Vec<u8>> {
    let limits = Limits { time: std::time::Duration::from_secs(10), ..Limits::default() };
    let mut wanted = Wanted { finding, limits: &limits, found: None };
    let ciphers = Ciphers::default();
    Walker::new(Budget::new(&limits, std::time::Instant::now().checked_add(limits.time)), &ciphers, &mut wanted).file(file);
    encode(&shrink(&wanted.found?, width.clamp(16, 1024)))
}

struct Wanted<'a> {
    finding: &'a Finding,
    limits: &'a Limits,
    found: Option<GrayImage>,
}

impl Wanted<'_> {
    fn is(&self, origin: Origin, chain: &[&'static str], step: &str) -> bool {
        let same_place = origin.offset == self.finding.offset && origin.length == self.finding.length;
        same_place && self.found.is_none() && chain.iter().copied().chain([step]).eq(self.finding.chain.iter().map(String::as_str))
    }
}

impl Visitor for Wanted<'_> {
    fn enter(&mut self, _: &Part<'_>) {}
    fn stretch(&mut self, _: &Part<'_>) {}
    fn leave(&mut self) {}

    fn medium(&mut self, part: &Part<'_>, found: &Carved, more: bool) -> bool {
        let Some(bytes) = part.bytes.get(found.at.clone()).filter(|_| more) else { return false };
        if !self.is(part.origin.of(&found.at), &part.chain, found.format.name()) {
            return found.sure;
        }
        let mut first = None;
        let opened = media::open(bytes, found.format, &NoDecoder, self.limits, &mut |piece| {
            if let Piece::Picture(p) = piece {
                first = Some(p);
            }
            first.is_none()
        });
        self.found = opened.ok().and(first);
        true
    }

    fn raw(&mut self, part: &Part<'_>, gap: &Range<usize>) -> Vec<Range<usize>> {
        if self.finding.chain.last().is_none_or(|s| !s.starts_with("raw-")) {
            return Vec::new();
        }
        let behind = raw::behind_text(&part.bytes[gap.clone()]);
        let from = gap.start + behind.start;
        let b = &part.bytes[from..gap.end];
        let frames = raw::frames(b).into_iter().flat_map(|(frames, _)| frames);
        for (step, at, picture) in frames.chain(raw::pictures(b)) {
            let at = from + at.start..from + at.end;
            if self.is(part.origin.of(&at), &part.chain, step) {
                self.found = Some(picture);
                return vec![at];
            }
        }
        Vec::new()
    }

    fn rest(&mut self, _: &Part<'_>, _: &[Range<usize>]) {}
}

/// To `width` by the mean of the pixels that fall together; smaller pictures stay as they are.
fn shrink(p: &GrayImage, width: u32) -> GrayImage {
    let by = p.width.div_ceil(width).max(1);
    let (w, h) = ((p.width / by).max(1), (p.height / by).max(1));
    let mut luma = Vec::with_capacity((w * h) as usize);
    for y in 0..h {
        for x in 0..w {
            let rows = (y * by..((y + 1) * by).min(p.height)).map(|r| (r * p.width) as usize);
            let (mut sum, mut n) = (0u32, 0u32);
            for r in rows {
                for c in x * by..((x + 1) * by).min(p.width) {
                    sum += u32::from(p.luma.get(r + c as usize).copied().unwrap_or(0));
                    n += 1;
                }
            }
            luma.push((sum / n.max(1)) as u8);
        }
    }
    GrayImage { width: w, height: h, luma }
}

fn encode(p: &GrayImage) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, 85);
    image::ImageEncoder::write_image(encoder, &p.luma, p.width, p.height, image::ExtendedColorType::L8).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_keeps_the_mean_of_what_falls_together() {
        let p = GrayImage { width: 64, height: 2, luma: (0..128).map(|i| if i % 2 == 0 { 0 } else { 200 }).collect() };
        let s = shrink(&p, 32);
        assert_eq!((s.width, s.height), (32, 1));
        assert!(s.luma.iter().all(|l| *l == 100));
    }
}
