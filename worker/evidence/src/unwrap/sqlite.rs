//! SQLite databases: values that are spread over pages.
//!
//! A value that fits its page lies in the file as it is and is found there. A longer one goes on in overflow pages, each with a
//! pointer in front, and would be broken: those are put together, by walking every table leaf (SQLite file format, 1.6). And as the
//! values of a row stand without anything between them, and numbers as binary ones, all rows are written once more as text.

use std::{collections::HashMap, ops::Range};

use super::{Candidate, Coding, Hint};
use crate::carve::be32;

const MAGIC: &[u8] = b"SQLite format 3\0";
/// Bytes of all values of one file that are put together.
const LARGEST: usize = 64 << 20;

/// Pages of a database or of its write-ahead log.
struct Pages<'a> {
    b: &'a [u8],
    size: usize,
    /// Bytes of a page that hold content.
    usable: usize,
    /// Bytes before the first page, and between pages.
    head: usize,
    between: usize,
    /// Of a log: where the last version of a page is.
    latest: HashMap<u32, usize>,
}

impl<'a> Pages<'a> {
    fn new(b: &'a [u8]) -> Option<Self> {
        if b.starts_with(MAGIC) && b.len() > 512 {
            let size = match u16::from_be_bytes([b[16], b[17]]) {
                1 => 65_536,
                n if n >= 512 && n.is_power_of_two() => usize::from(n),
                _ => return None,
            };
            return Some(Self { b, size, usable: size - usize::from(b[20]).min(32), head: 0, between: 0, latest: HashMap::new() });
        }
        // Write-ahead log, SQLite file format 4.1.
        if !matches!(b.get(..4)?, b"\x37\x7f\x06\x82" | b"\x37\x7f\x06\x83") {
            return None;
        }
        let size = be32(b, 8)? as usize;
        if !(512..=65_536).contains(&size) || !size.is_power_of_two() {
            return None;
        }
        let mut out = Self { b, size, usable: size, head: 32, between: 24, latest: HashMap::new() };
        let mut at = 32;
        while let Some(number) = be32(b, at).filter(|_| at + 24 + size <= b.len()) {
            out.latest.insert(number, at + 24);
            at += 24 + size;
        }
        Some(out)
    }

    /// Where each page begins.
    fn starts(&self) -> impl Iterator<Item = usize> + use<> {
        let (size, head, between) = (self.size, self.head, self.between);
        let count = self.b.len().saturating_sub(head) / (size + between);
        (0..count).map(move |i| head + i * (size + between) + between)
    }

    /// A page by its number, from 1.
    fn page(&self, number: u32) -> Option<&'a [u8]> {
        let start = if self.head == 0 { (number as usize).checked_sub(1)?.checked_mul(self.size)? } else { *self.latest.get(&number)? };
        self.b.get(start..start.checked_add(self.usable)?)
    }
}

/// Payloads that overflow, of a database or a write-ahead log.
pub(super) fn find(b: &[u8]) -> Vec<Candidate> {
    let Some(pages) = Pages::new(b) else { return Vec::new() };
    let mut out = Vec::new();
    let mut room = LARGEST;
    for start in pages.starts() {
        let Some(bytes) = b.get(start..start + pages.usable) else { break };
        let head = if start == 0 { 100 } else { 0 };
        if bytes[head] != 13 {
            continue;
        }
        let cells = usize::from(u16::from_be_bytes([bytes[head + 3], bytes[head + 4]]));
        for cell in 0..cells {
            let Some(p) = bytes.get(head + 8 + 2 * cell..head + 10 + 2 * cell) else { break };
            let Some((payload, local)) = overflowing(&pages, bytes, usize::from(u16::from_be_bytes([p[0], p[1]])), room) else { continue };
            room -= payload.len();
            let at = start + local.start..start + local.end;
            out.push(Candidate { at, coding: Coding::Made(payload), label: Some("sqlite"), hint: Hint::default() });
        }
    }
    out
}

/// Text and numbers of all rows, parted by tabulators and line breaks.
pub(super) fn rows(b: &[u8]) -> Vec<Candidate> {
    let Some(pages) = Pages::new(b) else { return Vec::new() };
    let mut text = Vec::new();
    for start in pages.starts() {
        let Some(bytes) = b.get(start..start + pages.usable) else { break };
        let head = if start == 0 { 100 } else { 0 };
        let is_table = match bytes[head] {
            13 => true,
            10 => false,
            _ => continue,
        };
        let cells = usize::from(u16::from_be_bytes([bytes[head + 3], bytes[head + 4]]));
        // Cells lie beside each other, unless a page was made to hurt.
        let mut left = pages.usable;
        for cell in 0..cells {
            let Some(p) = bytes.get(head + 8 + 2 * cell..head + 10 + 2 * cell) else { break };
            let at = usize::from(u16::from_be_bytes([p[0], p[1]]));
            let long = if is_table { overflowing(&pages, bytes, at, LARGEST.saturating_sub(text.len())) } else { None };
            let payload = match &long {
                Some((payload, _)) => payload.as_slice(),
                None => whole(bytes, at, is_table).unwrap_or_default(),
            };
            let taken = long.as_ref().map_or(payload.len(), |l| l.1.len());
            if taken > left || text.len() > LARGEST {
                break;
            }
            left -= taken;
            row(payload, &mut text);
        }
    }
    let mut out = Vec::new();
    if text.len() > LARGEST {
        out.push(Candidate::new(0..b.len(), Coding::Unknown("limit: expanded bytes"), "sqlite"));
    }
    if !text.is_empty() {
        out.push(Candidate::new(0..b.len(), Coding::Again(text), "sqlite"));
    }
    out
}

/// Payload of a cell that lies in its page.
fn whole(bytes: &[u8], at: usize, is_table: bool) -> Option<&[u8]> {
    let (length, n) = varint(bytes.get(at..)?)?;
    // The number of a row of a table.
    let m = if is_table { varint(bytes.get(at + n..)?)?.1 } else { 0 };
    let start = at + n + m;
    bytes.get(start..start.checked_add(usize::try_from(length).ok()?)?)
}

/// A record's values (SQLite file format, 2.1), as far as they say something as text.
fn row(record: &[u8], text: &mut Vec<u8>) {
    let Some((head, mut at)) = varint(record).and_then(|(h, n)| Some((usize::try_from(h).ok()?, n))) else { return };
    let mut body = head;
    while at < head
        && let Some((kind, n)) = record.get(at..).and_then(varint)
    {
        at += n;
        let size = match kind {
            0..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            8..=11 => 0,
            _ => (kind - 12) / 2,
        };
        let end = usize::try_from(size).ok().and_then(|s| body.checked_add(s));
        let Some(value) = end.and_then(|e| record.get(body..e)) else { break };
        body += value.len();
        let number = value.iter().take(8).fold(0_u64, |v, c| v << 8 | u64::from(*c));
        let unused = 64 - 8 * value.len().min(8) as u32;
        match kind {
            // Small ones are everywhere.
            3..=6 => text.extend((((number << unused) as i64) >> unused).to_string().bytes()),
            7 if (1e-3..1e12).contains(&f64::from_bits(number).abs()) => text.extend(f64::from_bits(number).to_string().bytes()),
            13.. if kind % 2 == 1 => text.extend_from_slice(value),
            _ => continue,
        }
        text.push(b'\t');
    }
    text.push(b'\n');
}

/// Payload of the cell at `at` of a page if it goes on in other pages, and where its begin lies in the page.
fn overflowing(pages: &Pages<'_>, bytes: &[u8], at: usize, room: usize) -> Option<(Vec<u8>, Range<usize>)> {
    let usable = pages.usable;
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
    let mut next = be32(bytes, start + local)?;
    // Pages may point in a circle: a payload needs no more of them than its length says.
    while out.len() < length
        && let Some(overflow) = pages.page(next)
    {
        next = be32(overflow, 0)?;
        out.extend_from_slice(&overflow[4..usable.min(4 + length - out.len())]);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of a table with one row whose payload, `text`, goes on in pages 3 and 4; 512 bytes a page.
    fn leaf(text: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
        let local = 39 + (text.len() - 39) % 508;
        assert!(local <= 477 && text.len() > 477);
        let mut page = vec![0; 512];
        page[..8].copy_from_slice(b"\x0d\0\0\0\x01\0\0\0");
        page[8..10].copy_from_slice(&10_u16.to_be_bytes());
        page[10..13].copy_from_slice(&[0x80 | (text.len() >> 7) as u8, (text.len() & 127) as u8, 1]);
        page[13..13 + local].copy_from_slice(&text[..local]);
        page[13 + local..17 + local].copy_from_slice(&3_u32.to_be_bytes());
        let rest: Vec<&[u8]> = text[local..].chunks(508).collect();
        let overflow = rest.iter().enumerate().map(|(i, r)| {
            let next = if i + 1 < rest.len() { 4 + i as u32 } else { 0 };
            let mut p = [&next.to_be_bytes()[..], r].concat();
            p.resize(512, 0);
            p
        });
        (page, overflow.collect())
    }

    #[test]
    fn a_value_is_joined_over_its_pages_in_a_database_and_in_its_log() {
        let text: Vec<u8> = (0..1400_u32).map(|i| (i * 7 % 251) as u8).collect();
        let (page, overflow) = leaf(&text);
        let mut head = vec![0; 512];
        head[..24].copy_from_slice(b"SQLite format 3\0\x02\0\x01\x01\0\x40\x20\x20");
        let database = [&[head.clone(), page.clone()][..], &overflow].concat().concat();
        assert_eq!(find(&database).iter().map(|c| c.coding.clone()).collect::<Vec<_>>(), [Coding::Made(text.clone())]);
        let mut log = b"\x37\x7f\x06\x82\0\x2d\xe2\x18\0\0\x02\0".to_vec();
        log.resize(32, 0);
        for (number, p) in [(2_u32, &page)].into_iter().chain((3..).zip(&overflow)) {
            log.extend(number.to_be_bytes());
            log.extend([0; 20]);
            log.extend(p);
        }
        assert_eq!(find(&log).iter().map(|c| c.coding.clone()).collect::<Vec<_>>(), [Coding::Made(text)]);
    }

    #[test]
    fn values_of_a_row_are_parted_and_numbers_are_written() {
        // Two texts, an integer of six bytes, a fraction, nothing, a small number and a blob.
        let values =
            [&b"com.google"[..], b"linyuhe.q7w2k9@example.org", &[0, 0, 11, 23, 45, 67], &39.904_217_f64.to_be_bytes(), &[7], b"blob"];
        let types = [8_u8, 13 + 20, 13 + 52, 5, 7, 0, 1, 12 + 8];
        let record = [&types[..], &values.concat()].concat();
        let mut text = Vec::new();
        // The head's length counts itself.
        row(&record, &mut text);
        assert_eq!(String::from_utf8_lossy(&text), "com.google\tlinyuhe.q7w2k9@example.org\t186068291\t39.904217\t\n");
        let mut negative = Vec::new();
        row(&[2, 3, 0xff, 0xff, 0xfe], &mut negative);
        assert_eq!(negative, b"-2\t\n");
    }

    #[test]
    fn a_page_whose_cells_all_say_the_same_gives_no_more_than_its_size() {
        let mut page = vec![0; 512];
        page[..8].copy_from_slice(b"\x0d\0\0\0\xc8\0\0\0");
        for cell in 0..200 {
            page[8 + 2 * cell..10 + 2 * cell].copy_from_slice(&420_u16.to_be_bytes());
        }
        page[420..424].copy_from_slice(&[52, 1, 2, 113]);
        page[424..474].fill(b'a');
        let mut head = vec![0; 512];
        head[..24].copy_from_slice(b"SQLite format 3\0\x02\0\x01\x01\0\x40\x20\x20");
        let found = rows(&[head, page].concat());
        assert_eq!(found[0].coding, Coding::Again([&[b'a'; 50][..], b"\t\n"].concat().repeat(9)));
    }

    #[test]
    fn a_circle_of_pages_ends() {
        let (page, mut overflow) = leaf(&vec![9; 1400]);
        overflow[0][..4].copy_from_slice(&3_u32.to_be_bytes());
        let mut head = vec![0; 512];
        head[..24].copy_from_slice(b"SQLite format 3\0\x02\0\x01\x01\0\x40\x20\x20");
        assert_eq!(find(&[&[head, page][..], &overflow].concat().concat()).len(), 1);
    }
}
