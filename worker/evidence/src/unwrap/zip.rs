//! ZIP archives, by their local headers: as good as the directory for whole archives, and it works for pieces of one.

use super::{Candidate, Coding};

/// Entries that are looked at in one part.
const ENTRIES: usize = 20_000;

/// The contents of the entries. A stored one is a slice, a deflated one runs as far as its stream does.
pub(super) fn find(b: &[u8]) -> Vec<Candidate> {
    memchr::memmem::find_iter(b, b"PK\x03\x04").filter_map(|i| entry(b, i)).take(ENTRIES).collect()
}

fn entry(b: &[u8], at: usize) -> Option<Candidate> {
    let head = b.get(at..at + 30)?;
    let u16_at = |i: usize| u16::from_le_bytes([head[i], head[i + 1]]);
    let size = u32::from_le_bytes([head[18], head[19], head[20], head[21]]) as usize;
    let (flags, method) = (u16_at(6), u16_at(8));
    let start = at + 30 + usize::from(u16_at(26)) + usize::from(u16_at(28));
    let known = flags & 8 == 0 && size > 0 && size != 0xffff_ffff;
    let end = if known { (start + size).min(b.len()) } else { b.len() };
    if start >= end {
        return None;
    }
    if flags & 1 == 1 {
        return Some(Candidate::new(start..end, Coding::Unknown("encrypted: zip"), "zip"));
    }
    match method {
        0 if known => Some(Candidate::new(start..end, Coding::Slice, "zip")),
        8 => Some(Candidate::new(start..end, Coding::Deflate, "zip")),
        0 => None,
        _ => Some(Candidate::new(start..end, Coding::Unknown("unsupported: zip method"), "zip")),
    }
}
