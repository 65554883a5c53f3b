//! gzip, zlib and raw deflate, with a ceiling on what comes out.

use std::{borrow::Cow, io::Read};

use flate2::{
    GzHeader,
    bufread::{DeflateDecoder, GzDecoder, ZlibDecoder},
};

use super::{Candidate, Coding, Decoded};
use crate::{limits::Budget, look};

/// Beginnings that are tried in one part.
const TRIES: usize = 4_000;
/// Shortest output of a gzip stream that is truncated or broken: its header is 28 bits that are not there by chance.
const LEAST_GZIP: usize = 64;
/// Shortest note in a gzip header that may hide something.
const LEAST_NOTE: usize = 24;
/// How far before the place where a decoder fails the fault may begin.
const FAULT: usize = 8;

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

/// A gzip stream as far as it goes.
struct Gzip {
    bytes: Vec<u8>,
    end: End,
    /// Bytes of the input that it took.
    used: usize,
    /// What its header says.
    notes: Vec<Vec<u8>>,
}

fn gunzip(input: &[u8], room: usize) -> Gzip {
    let mut left = input;
    let (bytes, end, notes) = {
        let mut decoder = GzDecoder::new(&mut left);
        let (bytes, end) = read(&mut decoder, room);
        (bytes, end, decoder.header().map(notes).unwrap_or_default())
    };
    Gzip { bytes, end, used: input.len() - left.len(), notes }
}

/// Fields of a header that are long enough to hide something.
fn notes(header: &GzHeader) -> Vec<Vec<u8>> {
    let all = [header.extra(), header.filename(), header.comment()];
    all.into_iter().flatten().filter(|n| n.len() >= LEAST_NOTE).map(<[u8]>::to_vec).collect()
}

/// A stream that breaks explains what it took up to there, and no more: anything may follow.
pub(super) fn gzip<'a>(input: &[u8], budget: &mut Budget) -> Option<Decoded<'a>> {
    let room = budget.room(input.len());
    let mut got = gunzip(input, room);
    if got.end == End::Broken {
        // A decoder that fails does not hand out what it made last. Where the input ends before the fault it does.
        let before = (1..=FAULT).map(|n| gunzip(&input[..got.used.saturating_sub(n)], room)).find(|g| g.end != End::Broken);
        got.bytes = before.map_or(got.bytes, |g| g.bytes);
    }
    let least = if matches!(got.end, End::Whole | End::Cut) { 1 } else { LEAST_GZIP };
    if got.bytes.len() < least {
        return None;
    }
    budget.made(got.bytes.len(), got.end == End::Cut);
    if got.end == End::Broken {
        budget.stop("broken: gzip");
    }
    let used = if matches!(got.end, End::Whole | End::Broken) { got.used } else { input.len() };
    let parts = std::iter::once(got.bytes).chain(got.notes).map(Cow::Owned).collect();
    Some(Decoded { parts, used })
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::limits::Limits;

    fn packed(b: &[u8]) -> Vec<u8> {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        e.write_all(b).unwrap();
        e.finish().unwrap()
    }

    fn text() -> Vec<u8> {
        (0..400).flat_map(|i| format!("line {i} of it\n").into_bytes()).collect()
    }

    #[test]
    fn a_stream_with_a_wrong_checksum_explains_nothing_behind_it() {
        let mut stream = packed(&text());
        let end = stream.len();
        stream[end - 8] ^= 1;
        stream.extend([7; 1_000]);
        let mut budget = Budget::new(&Limits::default(), None);
        let got = gzip(&stream, &mut budget).unwrap();
        assert_eq!((got.used, got.parts[0].as_ref(), budget.hits()), (end, &text()[..], vec!["broken: gzip"]));
    }

    #[test]
    fn all_before_a_fault_is_read_and_nothing_behind_it_is_explained() {
        // Two stored blocks (RFC 1951, 3.2.4), of which the second has a wrong length, and a third.
        let hidden = [9_u8; 200];
        let stored = |length: u16, check: u16| [&[0_u8][..], &length.to_le_bytes(), &check.to_le_bytes()].concat();
        let stream = [&b"\x1f\x8b\x08\0\0\0\0\0\0\xff"[..], &stored(200, !200), &hidden, &stored(200, 1), &[5; 300]].concat();
        let mut budget = Budget::new(&Limits::default(), None);
        let got = gzip(&stream, &mut budget).unwrap();
        assert_eq!((got.parts[0].as_ref(), budget.hits()), (&hidden[..], vec!["broken: gzip"]));
        assert!((210..=230).contains(&got.used), "{}", got.used);
    }

    #[test]
    fn a_note_in_a_header_is_a_part_of_its_own() {
        let noted = flate2::GzBuilder::new().comment(vec![b'n'; 40]).filename("a");
        let mut stream = noted.write(Vec::new(), flate2::Compression::fast());
        stream.write_all(b"content").unwrap();
        let stream = stream.finish().unwrap();
        let got = gzip(&stream, &mut Budget::new(&Limits::default(), None)).unwrap();
        assert_eq!(got.parts.iter().map(|p| p.len()).collect::<Vec<_>>(), [7, 40]);
    }
}
