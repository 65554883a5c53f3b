//! SQLite databases: values that are spread over pages.
//!
//! A value that fits its page lies in the file as it is and is found there. A longer one goes on in overflow pages, each with a
//! pointer in front, and would be broken: those are put together, by walking every table leaf (SQLite file format, 1.6).

use super::{Candidate, Coding, Hint};

const MAGIC: &[u8] = b"SQLite format 3\0";
/// Bytes of one value, and of all values of one file, that are put together.
const LARGEST: usize = 64 << 20;

pub(super) fn is_one(b: &[u8]) -> bool {
    b.len() > 512 && b.starts_with(MAGIC)
}

/// Payloads that overflow. They cover nothing: what else is in their pages is looked at as well.
pub(super) fn find(b: &[u8]) -> Vec<Candidate> {
    let size = match u16::from_be_bytes([b[16], b[17]]) {
        1 => 65_536,
        n if n >= 512 && n.is_power_of_two() => usize::from(n),
        _ => return Vec::new(),
    };
    let usable = size - usize::from(b[20]).min(32);
    let mut out = Vec::new();
    let mut room = LARGEST;
    for page in 0..b.len() / size {
        let bytes = &b[page * size..(page + 1) * size];
        let head = if page == 0 { 100 } else { 0 };
        if bytes[head] != 13 {
            continue;
        }
        let cells = usize::from(u16::from_be_bytes([bytes[head + 3], bytes[head + 4]]));
        for cell in 0..cells {
            let Some(p) = bytes.get(head + 8 + 2 * cell..head + 10 + 2 * cell) else { break };
            let at = usize::from(u16::from_be_bytes([p[0], p[1]]));
            let Some((payload, local)) = overflowing(b, size, usable, page, at, room) else { continue };
            room -= payload.len();
            let start = page * size + local.start;
            out.push(Candidate { at: start..page * size + local.end, coding: Coding::Made(payload), label: Some("sqlite"), hint: Hint::default() });
        }
    }
    out
}

/// Payload of the cell at `at` if it goes on in other pages, and where its begin lies in its page.
fn overflowing(b: &[u8], size: usize, usable: usize, page: usize, at: usize, room: usize) -> Option<(Vec<u8>, std::ops::Range<usize>)> {
    let bytes = b.get(page * size..page * size + usable)?;
    let (length, n) = varint(bytes.get(at..)?)?;
    let (_, m) = varint(bytes.get(at + n..)?)?;
    let length = usize::try_from(length).ok().filter(|l| *l <= room)?;
    if length <= usable - 35 {
        return None;
    }
    // How much of a long payload stays in its leaf: SQLite file format, 1.6, "cell payload overflow".
    let least = (usable - 12) * 32 / 255 - 23;
    let even = least + (length - least) % (usable - 4);
    let local = if even <= usable - 35 { even } else { least };
    let start = at + n + m;
    let mut out = bytes.get(start..start + local)?.to_vec();
    let pointer = bytes.get(start + local..start + local + 4)?;
    let mut next = u32::from_be_bytes([pointer[0], pointer[1], pointer[2], pointer[3]]) as usize;
    let mut hops = 0;
    while out.len() < length && next > 0 && hops <= b.len() / size {
        let Some(overflow) = b.get((next - 1).checked_mul(size)?..(next - 1) * size + usable) else { break };
        next = u32::from_be_bytes([overflow[0], overflow[1], overflow[2], overflow[3]]) as usize;
        out.extend_from_slice(&overflow[4..usable.min(4 + length - out.len())]);
        hops += 1;
    }
    Some((out, start..start + local))
}

/// A variable-length integer of 1 to 9 bytes, big end first.
fn varint(b: &[u8]) -> Option<(u64, usize)> {
    let mut v = 0_u64;
    for i in 0..9 {
        let c = *b.get(i)?;
        if i == 8 {
            return Some((v << 8 | u64::from(c), 9));
        }
        v = v << 7 | u64::from(c & 0x7f);
        if c < 0x80 {
            return Some((v, i + 1));
        }
    }
    None
}
