//! Sound files that are rows of frames: AMR, Ogg, FLAC, ADTS, MP3.

use super::{Carved, Format, be32};

/// Frames that must follow each other before bytes are taken for sound without a head.
const FRAMES: usize = 6;

/// Sizes of a frame by its type, with its head: RFC 4867, 3.6 and 5.3; 0 for types that are not used.
const NARROW: [usize; 16] = [13, 14, 16, 18, 20, 21, 27, 32, 6, 6, 6, 6, 0, 0, 0, 1];
const WIDE: [usize; 16] = [18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 0, 0, 0, 0, 1, 1];

pub(super) fn amr(b: &[u8], start: usize) -> Option<Carved> {
    let rest = &b[start..];
    let (sizes, head) = if rest.starts_with(b"#!AMR\n") {
        (&NARROW, 6)
    } else if rest.starts_with(b"#!AMR-WB\n") {
        (&WIDE, 9)
    } else {
        return None;
    };
    let mut i = start + head;
    while let Some(&toc) = b.get(i) {
        let size = sizes[usize::from(toc >> 3 & 15)];
        if toc & 0x83 != 0 || size == 0 {
            break;
        }
        i += size;
    }
    (i > start + head).then(|| Carved::new(start..i.min(b.len()), Format::Amr, true))
}

/// Page after page.
pub(super) fn ogg(b: &[u8], start: usize) -> Option<Carved> {
    let mut i = start;
    while b.get(i..i + 4) == Some(b"OggS") {
        let Some(&segments) = b.get(i + 26) else { break };
        let Some(table) = b.get(i + 27..i + 27 + usize::from(segments)) else { break };
        i += 27 + table.len() + table.iter().map(|s| usize::from(*s)).sum::<usize>();
    }
    (i > start).then(|| Carved::new(start..i.min(b.len()), Format::Ogg, true))
}

/// To the end: its frames have no lengths.
pub(super) fn flac(b: &[u8], start: usize) -> Option<Carved> {
    // The first block is STREAMINFO, 34 bytes; the others are notes, pictures and padding.
    (b.get(start + 4..start + 8)? == b"\0\0\0\x22").then(|| {
        let mut out = Carved::new(start..b.len(), Format::Flac, true);
        let mut i = start + 4 + 4 + 34;
        while let Some(head) = be32(b, i) {
            let end = i + 4 + (head & 0xff_ffff) as usize;
            // The first frame begins with its own mark.
            if head >> 16 & 0xfffc == 0xfff8 {
                break;
            }
            out.aside(i + 4..end.min(b.len()));
            i = end;
            if head >> 31 == 1 {
                break;
            }
        }
        out
    })
}

/// A tag, then MP3 frames.
pub(super) fn id3(b: &[u8], start: usize) -> Option<Carved> {
    let head = b.get(start..start + 10)?;
    if head[3] > 4 || head[6..].iter().any(|v| v & 0x80 != 0) {
        return None;
    }
    let size = head[6..].iter().fold(0_usize, |s, v| s << 7 | usize::from(*v));
    let found = mp3(b, start + 10 + size)?;
    let mut out = Carved::new(start..found.at.end, Format::Mp3, true);
    out.aside(start + 10..start + 10 + size);
    Some(out)
}

/// ADTS frames (ISO 13818-7, 6.2).
pub(super) fn adts(b: &[u8], start: usize) -> Option<Carved> {
    frames(b, start, Format::Adts, |f| {
        let same_layer = f.get(..6)?;
        if same_layer[0] != 0xff || same_layer[1] & 0xf6 != 0xf0 || same_layer[2] >> 2 & 15 > 12 {
            return None;
        }
        let n = usize::from(same_layer[3] & 3) << 11 | usize::from(same_layer[4]) << 3 | usize::from(same_layer[5] >> 5);
        (n >= 8).then_some(n)
    })
}

/// MPEG-1 and -2 layer III frames (ISO 11172-3, 2.4.2.3).
pub(super) fn mp3(b: &[u8], start: usize) -> Option<Carved> {
    const RATES: [[usize; 15]; 2] = [
        [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    frames(b, start, Format::Mp3, |f| {
        let f = f.get(..4)?;
        if f[0] != 0xff || f[1] & 0xe6 != 0xe2 || f[1] >> 3 & 3 == 1 {
            return None;
        }
        let first = f[1] >> 3 & 3 == 3;
        let kbits = *RATES[usize::from(!first)].get(usize::from(f[2] >> 4)).filter(|r| **r > 0)?;
        let slower = [4, 1, 2, 1][usize::from(f[1] >> 3 & 3)];
        let hertz = [44_100, 48_000, 32_000].get(usize::from(f[2] >> 2 & 3))? / slower;
        Some(if first { 144 } else { 72 } * kbits * 1000 / hertz + usize::from(f[2] >> 1 & 1))
    })
}

fn frames(b: &[u8], start: usize, format: Format, length: impl Fn(&[u8]) -> Option<usize>) -> Option<Carved> {
    let mut i = start;
    let mut count = 0;
    while let Some(n) = b.get(i..).and_then(&length) {
        i += n;
        count += 1;
    }
    (count >= FRAMES).then(|| Carved::new(start..i.min(b.len()), format, true))
}
