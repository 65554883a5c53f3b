//! Rows of a PNG beyond those that its head declares: a decoder stops there, whatever the data still hold.

use flate2::Crc;

use crate::carve::{be32, png_rows};

/// Bytes beyond the rows from which they may hide something.
const LEAST: u64 = 24;

/// What the data of a PNG hold beyond what it declares.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// The same PNG with all of its rows, if they are more than it declares.
    pub(super) higher: Option<Vec<u8>>,
    /// There is more than rows.
    pub(super) more: bool,
    /// Bytes follow the end of its rows within their chunks.
    pub(super) behind: bool,
}

/// Counts the rows of a PNG.
pub(super) fn held(b: &[u8]) -> Held {
    let (Some(width), Some(height), Some([depth, colour, _, _, interlaced])) =
        (be32(b, 16), be32(b, 20), b.get(24..).and_then(|r| r.first_chunk::<5>()).copied())
    else {
        return Held::default();
    };
    let channels = match colour {
        2 => 3,
        4 => 2,
        6 => 4,
        _ => 1,
    };
    // W3C PNG third edition, 7.2: each row begins with its filter.
    let row = |width: u64| 1 + (width * u64::from(depth) * channels).div_ceil(8);
    let (width, height) = (u64::from(width), u64::from(height));
    let found = png_rows(b, 0..b.len());
    let behind = found.behind.iter().any(|r| r.len() as u64 >= LEAST);
    if interlaced > 0 {
        return Held { higher: None, more: found.bytes >= interlaced_bytes(width, height, row) + LEAST, behind };
    }
    let rows = found.bytes / row(width);
    let rest = found.bytes % row(width);
    let higher = (rows > height).then(|| u32::try_from(rows).map_or_else(|_| Vec::new(), |rows| with_height(b, rows)));
    Held { higher, more: rows >= height && rest >= LEAST, behind }
}

/// Bytes of all rows of the seven passes (8.2).
fn interlaced_bytes(width: u64, height: u64, row: impl Fn(u64) -> u64) -> u64 {
    let passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
    let of = |(x, y, across, down): (u64, u64, u64, u64)| {
        let (w, h) = (width.saturating_sub(x).div_ceil(across), height.saturating_sub(y).div_ceil(down));
        if w == 0 { 0 } else { h * row(w) }
    };
    passes.into_iter().map(of).sum()
}

fn with_height(b: &[u8], rows: u32) -> Vec<u8> {
    let mut out = b.to_vec();
    out[20..24].copy_from_slice(&rows.to_be_bytes());
    let mut crc = Crc::new();
    crc.update(&out[12..29]);
    if let Some(sum) = out.get_mut(29..33) {
        sum.copy_from_slice(&crc.sum().to_be_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use image::{ExtendedColorType, ImageEncoder};

    use super::*;

    fn png(w: u32, h: u32) -> Vec<u8> {
        let mut out = Vec::new();
        let rgb: Vec<u8> = (0..w * h * 3).map(|i| (i % 251) as u8).collect();
        image::codecs::png::PngEncoder::new(&mut out).write_image(&rgb, w, h, ExtendedColorType::Rgb8).unwrap();
        out
    }

    #[test]
    fn an_ordinary_picture_holds_what_it_declares() {
        for (w, h) in [(64, 48), (1, 1), (33, 7)] {
            assert_eq!(held(&png(w, h)), Held::default(), "{w} x {h}");
        }
        assert_eq!(held(b"\x89PNG"), Held::default());
    }

    #[test]
    fn rows_below_the_declared_end_are_counted() {
        let whole = png(64, 48);
        let low = with_height(&whole, 8);
        assert_eq!(held(&low), Held { higher: Some(whole.clone()), more: false, behind: false });
        // Half of a row, or what passes cannot be, is told.
        let mut wide = with_height(&whole, 47);
        wide[16..20].copy_from_slice(&63_u32.to_be_bytes());
        assert!(held(&wide).more);
        let mut interlaced = whole;
        interlaced[28] = 1;
        assert!(!held(&interlaced).more && held(&with_height(&interlaced, 40)).more);
    }

    #[test]
    fn passes_hold_what_their_rows_hold() {
        // Eight by eight of one byte: 1, 1, 2, 4, 8, 16 and 32 pixels in 1, 1, 1, 2, 2, 4 and 4 rows.
        assert_eq!(interlaced_bytes(8, 8, |w| 1 + w), 64 + 15);
    }
}
