//! gzip, zlib and raw deflate, with a ceiling on what comes out.

use std::io::Read;

use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};

use super::{Candidate, Coding, Decoded};
use crate::{limits::Budget, look};

/// Beginnings that are tried in one part.
const TRIES: usize = 4_000;

/// Every place where a stream may begin.
pub(super) fn find(b: &[u8]) -> Vec<Candidate> {
    let gzip = memchr::memmem::find_iter(b, b"\x1f\x8b\x08").filter(|&i| b.get(i + 3).is_some_and(|flags| flags & 0xe0 == 0));
    let gzip = gzip.map(|i| Candidate::new(i..b.len(), Coding::Gzip, "gzip"));
    let zlib = memchr::memchr_iter(0x78, b).filter(|&i| look::is_zlib(&b[i..]));
    let zlib = zlib.map(|i| Candidate::new(i..b.len(), Coding::Zlib, "zlib"));
    gzip.take(TRIES).chain(zlib.take(TRIES)).collect()
}

/// How a stream ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// With its checksum.
    Whole,
    /// The input ended first.
    Short,
    /// Not a stream, or a broken one.
    Broken,
    /// The ceiling was reached.
    Cut,
}

fn read(mut reader: impl Read, room: usize) -> (Vec<u8>, End) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 << 10];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return (bytes, End::Whole),
            Ok(n) => {
                bytes.extend_from_slice(&buffer[..n.min(room.saturating_sub(bytes.len()))]);
                if bytes.len() >= room {
                    return (bytes, End::Cut);
                }
            }
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return (bytes, End::Short),
            Err(_) => return (bytes, End::Broken),
        }
    }
}

/// `keep`: whether a stream that ended thus, after so many bytes, is one at all.
fn kept<'a>(
    input: &[u8],
    left: &[u8],
    read: (Vec<u8>, End),
    keep: impl Fn(End, usize) -> bool,
    budget: &mut Budget,
) -> Option<Decoded<'a>> {
    let (bytes, end) = read;
    if bytes.is_empty() || !(matches!(end, End::Whole | End::Cut) || keep(end, bytes.len())) {
        return None;
    }
    budget.made(bytes.len(), end == End::Cut);
    let used = if end == End::Whole { input.len() - left.len() } else { input.len() };
    Decoded::one(bytes, used)
}

/// A truncated or broken stream counts from 64 bytes on: its header is 28 bits that are not there by chance.
pub(super) fn gzip<'a>(input: &[u8], budget: &mut Budget) -> Option<Decoded<'a>> {
    let mut left = input;
    let got = read(GzDecoder::new(&mut left), budget.room(input.len()));
    kept(input, left, got, |_, n| n >= 64, budget)
}

/// A header of 16 bits is met by chance: the stream must end with its checksum, or run to the end of a truncated part.
pub(super) fn zlib<'a>(input: &[u8], budget: &mut Budget) -> Option<Decoded<'a>> {
    let mut left = input;
    let got = read(ZlibDecoder::new(&mut left), budget.room(input.len()));
    kept(input, left, got, |end, n| end == End::Short && n >= 1024, budget)
}

/// Without any header, so only where something says that it is one.
pub(super) fn deflate<'a>(input: &[u8], budget: &mut Budget) -> Option<Decoded<'a>> {
    let mut left = input;
    let got = read(DeflateDecoder::new(&mut left), budget.room(input.len()));
    kept(input, left, got, |end, n| end == End::Short && n >= 16, budget)
}
