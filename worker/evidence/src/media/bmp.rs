use stakeout_feed::GrayImage;

use super::{NotOpened, luma, size};
use crate::limits::Limits;

/// Luma of an uncompressed bitmap of 24 or 32 bits; what is missing at the end is grey.
pub(super) fn read(b: &[u8], limits: &Limits) -> Result<GrayImage, NotOpened> {
    parse(b).ok_or_else(|| NotOpened("broken: bmp".to_owned())).and_then(|(at, width, height, up, bytes)| {
        let area = size(width, height, limits)?;
        let (w, h) = (width as usize, height as usize);
        let stride = (w * bytes).next_multiple_of(4);
        let mut out = vec![128; area];
        for y in 0..h {
            let row = if up { h - 1 - y } else { y };
            let Some(line) = b.get(at + row * stride..).map(|l| &l[..l.len().min(w * bytes)]) else { continue };
            for (x, p) in line.chunks_exact(bytes).enumerate() {
                out[y * w + x] = luma(p[2], p[1], p[0]);
            }
        }
        Ok(GrayImage { width, height, luma: out })
    })
}

/// Offset of the pixels, width, height, whether rows run upwards, bytes a pixel.
fn parse(b: &[u8]) -> Option<(usize, u32, u32, bool, usize)> {
    let word = |i: usize| b.get(i..i + 4).and_then(|v| v.try_into().ok()).map(i32::from_le_bytes);
    let (at, width, height) = (word(10)?, word(18)?, word(22)?);
    let bits = u16::from_le_bytes([*b.get(28)?, *b.get(29)?]);
    let bytes = match bits {
        24 => 3,
        32 => 4,
        _ => return None,
    };
    Some((usize::try_from(at).ok()?, u32::try_from(width).ok()?, height.unsigned_abs(), height > 0, bytes))
}
