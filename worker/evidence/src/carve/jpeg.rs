//! JPEG by its segments (ITU T.81, annex B).

use memchr::memchr;

use super::{Carved, Format, be16};

/// Bytes of a frame's or scan's head: that of four components has 20.
const HEAD: usize = 64;
/// Bytes of all tables of a picture: four of each sort, and anew for each of many scans.
const TABLES: usize = 8 << 10;

/// From SOI over the segments and scans to EOI, or as far as the bytes go. At least a frame header must be there.
pub(super) fn probe(b: &[u8], start: usize) -> Option<Carved> {
    let mut out = Carved::new(start..b.len(), Format::Jpeg, false);
    let mut i = start + 2;
    let (mut frame, mut scans) = (false, 0);
    // Tables are no longer than this in all, whatever was made of them.
    let mut tables = 0;
    loop {
        if *b.get(i)? != 0xff {
            // Between segments only marker bytes may stand; after a scan, what is broken ends the picture.
            return (scans > 0).then(|| ended(out, i, frame));
        }
        let marker = match b.get(i + 1) {
            Some(0xff) => {
                i += 1;
                continue;
            }
            Some(m) => *m,
            None => return (scans > 0).then_some(out),
        };
        match marker {
            0xd9 => return frame.then(|| ended(out, i + 2, scans > 0)),
            0x01 | 0xd0..=0xd7 => i += 2,
            0x00 | 0xd8 => return (scans > 0).then(|| ended(out, i, frame)),
            _ => {
                let Some(length) = be16(b, i + 2).map(usize::from).filter(|l| *l >= 2) else {
                    return (scans > 0).then_some(out);
                };
                let next = i + 2 + length;
                if (0xc0..=0xcf).contains(&marker) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
                    // Precision, height, width, components.
                    let head = b.get(i + 4..i + 10)?;
                    if !matches!(head[0], 8 | 12) || head[5] == 0 || head[5] > 4 || (head[3] == 0 && head[4] == 0) {
                        return None;
                    }
                    frame = true;
                }
                tables += if matches!(marker, 0xc4 | 0xdb) { length } else { 0 };
                let read = if matches!(marker, 0xc4 | 0xdb) {
                    tables <= TABLES
                } else {
                    matches!(marker, 0xc0..=0xcf | 0xda..=0xdf) && length <= HEAD
                };
                if !read {
                    out.aside(i + 4..next.min(b.len()));
                }
                i = next;
                if marker == 0xda {
                    if !frame {
                        return None;
                    }
                    scans += 1;
                    match entropy(b, i) {
                        Some(end) => i = end,
                        None => return Some(out),
                    }
                }
                if i >= b.len() {
                    return frame.then_some(out);
                }
            }
        }
    }
}

fn ended(mut c: Carved, end: usize, sure: bool) -> Carved {
    c.at.end = end;
    c.sure = sure;
    c.asides.retain(|a| a.end <= end);
    c
}

/// The first marker after entropy-coded data that is neither a stuffed byte nor a restart; none if the bytes end before.
fn entropy(b: &[u8], mut i: usize) -> Option<usize> {
    loop {
        i += memchr(0xff, b.get(i..)?)?;
        match b.get(i + 1)? {
            0x00 | 0xd0..=0xd7 => i += 2,
            0xff => i += 1,
            _ => return Some(i),
        }
    }
}
