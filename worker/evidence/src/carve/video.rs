//! Films: boxes (MP4, 3GP, M4A, HEIF) and bare H.264.

use super::{Carved, Format, be32, boxes};

const BOXES: &[&[u8; 4]] = &[
    b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"mfra", b"uuid", b"udta", b"meta", b"styp", b"sidx", b"pnot", b"emsg",
];

/// By its boxes (ISO 14496-12, 4.2), as long as their names are known ones.
pub(super) fn mp4(b: &[u8], start: usize) -> Option<Carved> {
    if !(8..=256).contains(&be32(b, start)?) {
        return None;
    }
    let brand = b.get(start + 8..start + 12)?;
    if !brand.iter().all(|c| c.is_ascii_graphic() || *c == b' ') {
        return None;
    }
    let still = matches!(brand, b"heic" | b"heix" | b"mif1" | b"msf1" | b"avif" | b"hevc");
    let mut i = start;
    let mut count = 0;
    while let (Some(size), Some(name)) = (be32(b, i), b.get(i + 4..i + 8)) {
        if !BOXES.iter().any(|n| name == *n) {
            break;
        }
        let size = match size {
            0 => b.len() - i,
            1 => usize::try_from(u64::from(be32(b, i + 8)?) << 32 | u64::from(be32(b, i + 12)?)).ok()?,
            n => n as usize,
        };
        if size < 8 {
            break;
        }
        count += 1;
        i = i.saturating_add(size);
    }
    (count >= 2).then(|| {
        let mut out = Carved::new(start..i.min(b.len()), if still { Format::Heif } else { Format::Mp4 }, true);
        boxes::asides(b, &mut out);
        out
    })
}

/// A sequence parameter set that a picture parameter set follows: to the end.
pub(super) fn h264(b: &[u8], start: usize) -> Option<Carved> {
    let head = b.get(start..b.len().min(start + 128))?;
    memchr::memmem::find(head, b"\0\0\x01\x68").map(|_| Carved::new(start..b.len(), Format::H264, true))
}
