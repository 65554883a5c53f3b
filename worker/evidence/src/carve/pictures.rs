//! PNG, RIFF (WebP, WAV, AVI), GIF and BMP.

use super::{Carved, Format, be32, le16, le32};

/// By its chunks to IEND, or as far as they go.
pub(super) fn png(b: &[u8], start: usize) -> Option<Carved> {
    let mut i = start + 8;
    if b.get(i + 4..i + 8)? != b"IHDR" {
        return None;
    }
    while let (Some(length), Some(name)) = (be32(b, i), b.get(i + 4..i + 8)) {
        let end = i + 12 + length as usize;
        if !name.iter().all(u8::is_ascii_alphabetic) {
            return Some(Carved::new(start..i, Format::Png, true));
        }
        if end > b.len() {
            break;
        }
        if name == b"IEND" {
            return Some(Carved::new(start..end, Format::Png, true));
        }
        i = end;
    }
    Some(Carved::new(start..b.len(), Format::Png, true))
}

/// By the length in its head. Recorders that were stopped leave 0 or -1 there: then to the end.
pub(super) fn riff(b: &[u8], start: usize) -> Option<Carved> {
    let kind = b.get(start + 8..start + 12)?;
    let length = match le32(b, start + 4)? {
        0 | 0xffff_ffff => b.len(),
        n => start + 8 + n as usize,
    };
    let at = start..length.min(b.len());
    let format = match kind {
        b"WEBP" => Format::WebP,
        b"AVI " => Format::Avi,
        b"WAVE" => {
            let fmt = memchr::memmem::find(b.get(at.clone())?.get(..4096.min(at.len()))?, b"fmt ")?;
            match le16(b, start + fmt + 8)? {
                1 | 3 | 6 | 7 | 0xfffe => Format::Wav,
                _ => Format::WavOther,
            }
        }
        _ => return None,
    };
    (at.len() > 24).then(|| Carved::new(at, format, true))
}

/// By its blocks to the trailer (GIF89a, 15 ff.).
pub(super) fn gif(b: &[u8], start: usize) -> Option<Carved> {
    let head = b.get(start..start + 13)?;
    if !matches!(&head[..6], b"GIF87a" | b"GIF89a") {
        return None;
    }
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut i = start + 13 + table(head[10]);
    let blocks = |mut i: usize| {
        while let Some(&n) = b.get(i) {
            i += 1 + usize::from(n);
            if n == 0 {
                return Some(i);
            }
        }
        None
    };
    loop {
        let next = match b.get(i) {
            Some(0x3b) => return Some(Carved::new(start..i + 1, Format::Gif, true)),
            Some(0x21) => blocks(i + 2),
            Some(0x2c) => b.get(i + 9).and_then(|flags| blocks(i + 11 + table(*flags))),
            _ => None,
        };
        match next {
            Some(n) => i = n,
            None => return (i > start + 100).then(|| Carved::new(start..b.len(), Format::Gif, false)),
        }
    }
}

/// Uncompressed, 24 or 32 bits, by its head.
pub(super) fn bmp(b: &[u8], start: usize) -> Option<Carved> {
    let (size, header) = (le32(b, start + 2)? as usize, le32(b, start + 14)?);
    let (width, height) = (le32(b, start + 18)?, le32(b, start + 22)? as i32);
    let (planes, bits, compression) = (le16(b, start + 26)?, le16(b, start + 28)?, le32(b, start + 30)?);
    let plausible = le32(b, start + 6)? == 0
        && (40..=124).contains(&header)
        && planes == 1
        && matches!(bits, 24 | 32)
        && matches!(compression, 0 | 3)
        && (1..=20_000).contains(&width)
        && (1..=20_000).contains(&height.unsigned_abs());
    let end = start + size.max(54);
    (plausible && end <= b.len() + 4096).then(|| Carved::new(start..end.min(b.len()), Format::Bmp, true))
}
