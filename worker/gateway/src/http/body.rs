//! Where a body ends: a decoder of bytes, without input or output.
//!
//! Framing has room for more than framing: what a chunk's size line says beside the size, and lines behind the last chunk, are of
//! no meaning to a server and reach it all the same. So the decoder keeps them, as they came, for whoever asks: its asides.

use bytes::{Buf, Bytes, BytesMut};

/// How a body is framed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// So many bytes.
    Length(u64),
    /// In chunks.
    Chunked,
    /// Until the connection ends.
    UntilClose,
}

/// Longest line with a chunk's size.
const SIZE_LINE_MAX: usize = 4096;
/// All trailers together.
const TRAILERS_MAX: usize = 64 << 10;
/// Trailers that are read as headers.
const TRAILERS: usize = 256;

/// What a step brought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Bytes of the body.
    Data(Bytes),
    /// More bytes are needed.
    More,
    /// The body is complete; what is left in the buffer belongs to the next message.
    End,
}

/// A body that cannot be understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadBody {
    /// A chunk's size is no number.
    #[error("a chunk's size is no number")]
    Size,
    /// A chunk does not end where its size says.
    #[error("a chunk does not end where its size says")]
    End,
    /// Too long a line, or too many trailers.
    #[error("a chunk's size or the trailers are too long")]
    Long,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// So many bytes are left, and then the message is over.
    Plain(u64),
    Endless,
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    Over,
}

/// Takes the framing off a body.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    trailers: BytesMut,
    asides: BytesMut,
}

impl Decoder {
    /// Begins behind the head.
    pub fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Length(0) => State::Over,
            Framing::Length(n) => State::Plain(n),
            Framing::Chunked => State::ChunkSize,
            Framing::UntilClose => State::Endless,
        };
        Self { state, trailers: BytesMut::new(), asides: BytesMut::new() }
    }

    /// Whether the end of the connection is the end of the body.
    pub fn ends_at_close(&self) -> bool {
        matches!(self.state, State::Endless | State::Over)
    }

    /// Trailers that came behind the last chunk; none: there are too many, or they are no headers. Their bytes are among the
    /// asides in any case.
    pub fn trailers(&self) -> Option<Vec<(String, String)>> {
        let mut headers = [httparse::EMPTY_HEADER; TRAILERS];
        let mut block = self.trailers.to_vec();
        block.extend(b"\r\n");
        match httparse::parse_headers(&block, &mut headers) {
            Ok(httparse::Status::Complete((_, found))) => {
                Some(found.iter().map(|h| (h.name.to_owned(), String::from_utf8_lossy(h.value).into_owned())).collect())
            }
            _ => None,
        }
    }

    /// What the framing said since this was asked last beside the lengths: size lines with anything but a size, and trailers.
    pub fn asides(&mut self) -> Bytes {
        self.asides.split().freeze()
    }

    fn aside(&mut self, line: &[u8]) {
        self.asides.extend_from_slice(line);
        self.asides.extend_from_slice(b"\r\n");
    }

    /// Takes what it can from `buffer`.
    pub fn step(&mut self, buffer: &mut BytesMut) -> Result<Step, BadBody> {
        loop {
            match self.state {
                State::Over => return Ok(Step::End),
                State::Endless => return Ok(if buffer.is_empty() { Step::More } else { Step::Data(buffer.split().freeze()) }),
                State::Plain(left) | State::Chunk(left) => {
                    let n = left.min(buffer.len() as u64);
                    if n == 0 {
                        return Ok(Step::More);
                    }
                    let data = buffer.split_to(n as usize).freeze();
                    self.state = match (self.state, left - n) {
                        (State::Plain(_), 0) => State::Over,
                        (State::Plain(_), more) => State::Plain(more),
                        (_, 0) => State::ChunkEnd,
                        (_, more) => State::Chunk(more),
                    };
                    return Ok(Step::Data(data));
                }
                State::ChunkEnd => match &buffer[..] {
                    [b'\r', b'\n', ..] => self.go(buffer, 2, State::ChunkSize),
                    [b'\n', ..] => self.go(buffer, 1, State::ChunkSize),
                    [] | [b'\r'] => return Ok(Step::More),
                    _ => return Err(BadBody::End),
                },
                State::ChunkSize => {
                    let Some(line) = line(buffer, SIZE_LINE_MAX)? else { return Ok(Step::More) };
                    if !line.iter().all(u8::is_ascii_hexdigit) {
                        self.aside(&line);
                    }
                    self.state = match size(&line)? {
                        0 => State::Trailers,
                        n => State::Chunk(n),
                    };
                }
                State::Trailers => {
                    let Some(line) = line(buffer, TRAILERS_MAX)? else { return Ok(Step::More) };
                    if line.is_empty() {
                        self.state = State::Over;
                    } else if self.trailers.len() + line.len() > TRAILERS_MAX {
                        return Err(BadBody::Long);
                    } else {
                        self.aside(&line);
                        self.trailers.extend_from_slice(&line);
                        self.trailers.extend_from_slice(b"\r\n");
                    }
                }
            }
        }
    }

    fn go(&mut self, buffer: &mut BytesMut, skip: usize, state: State) {
        buffer.advance(skip);
        self.state = state;
    }
}

/// A line without its end; none: it is not there yet.
fn line(buffer: &mut BytesMut, max: usize) -> Result<Option<Bytes>, BadBody> {
    let Some(end) = buffer.iter().position(|b| *b == b'\n') else {
        return if buffer.len() > max { Err(BadBody::Long) } else { Ok(None) };
    };
    if end > max {
        return Err(BadBody::Long);
    }
    let mut line = buffer.split_to(end + 1).freeze();
    line.truncate(end);
    if line.last() == Some(&b'\r') {
        line.truncate(end - 1);
    }
    Ok(Some(line))
}

fn size(line: &[u8]) -> Result<u64, BadBody> {
    let digits = line.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    if digits.is_empty() || digits.len() > 15 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(BadBody::Size);
    }
    std::str::from_utf8(digits).ok().and_then(|d| u64::from_str_radix(d, 16).ok()).ok_or(BadBody::Size)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds `bytes` in pieces; gives the body, and what was left over.
    fn decode(framing: Framing, bytes: &[u8], piece: usize) -> Result<(Vec<u8>, Vec<u8>, bool), BadBody> {
        let (mut d, mut buffer, mut body) = (Decoder::new(framing), BytesMut::new(), Vec::new());
        let mut pieces = bytes.chunks(piece.max(1));
        loop {
            match d.step(&mut buffer)? {
                Step::Data(b) => body.extend(b),
                Step::End => return Ok((body, [&buffer[..], &pieces.flatten().copied().collect::<Vec<_>>()].concat(), true)),
                Step::More => match pieces.next() {
                    Some(p) => buffer.extend_from_slice(p),
                    None => return Ok((body, buffer.to_vec(), false)),
                },
            }
        }
    }

    #[test]
    fn chunks_with_extensions_and_trailers_are_read_and_the_next_message_is_left() {
        let bytes = b"5;a=b\r\nhello\r\n1\n!\n0\r\nX-Sum: 7\r\n\r\nGET / HTTP/1.1";
        for piece in 1..bytes.len() {
            assert_eq!(decode(Framing::Chunked, bytes, piece).unwrap(), (b"hello!".to_vec(), b"GET / HTTP/1.1".to_vec(), true));
        }
        let (mut d, mut b) = (Decoder::new(Framing::Chunked), BytesMut::from(&b"0\r\nX-Sum: 7\r\n\r\n"[..]));
        assert_eq!(d.step(&mut b), Ok(Step::End));
        assert_eq!(d.trailers().unwrap(), [("X-Sum".to_owned(), "7".to_owned())]);
    }

    #[test]
    fn what_framing_says_beside_lengths_is_kept_as_it_came() {
        let wire = b"5;secret=one\r\nhello\r\n1\r\n!\r\n00 \r\nX-Sum: 7\r\nno header\r\n\r\n";
        for piece in [1, 7, wire.len()] {
            let (mut d, mut buffer) = (Decoder::new(Framing::Chunked), BytesMut::new());
            for p in wire.chunks(piece) {
                buffer.extend_from_slice(p);
                while let Step::Data(_) = d.step(&mut buffer).unwrap() {}
            }
            assert_eq!(&d.asides()[..], b"5;secret=one\r\n00 \r\nX-Sum: 7\r\nno header\r\n");
            assert_eq!((d.asides().len(), d.trailers()), (0, None));
        }
        let many: Vec<u8> = (0..=TRAILERS).flat_map(|i| format!("X-{i}: y\r\n").into_bytes()).collect();
        let mut d = Decoder::new(Framing::Chunked);
        let mut buffer = BytesMut::from(&[b"0\r\n", &many[..], b"\r\n"].concat()[..]);
        assert_eq!((d.step(&mut buffer), d.asides().len(), d.trailers()), (Ok(Step::End), many.len(), None));
    }

    #[test]
    fn a_size_line_that_breaks_the_rules_is_kept_too() {
        let mut d = Decoder::new(Framing::Chunked);
        assert_eq!(d.step(&mut BytesMut::from(&b"no size\r\n"[..])), Err(BadBody::Size));
        assert_eq!(&d.asides()[..], b"no size\r\n");
    }

    #[test]
    fn broken_chunks_are_errors() {
        for (bytes, error) in [
            (&b"x\r\n"[..], BadBody::Size),
            (b"\r\n", BadBody::Size),
            (b"-1\r\n", BadBody::Size),
            (b"1\r\nabc", BadBody::End),
            (b"fffffffffffffffff\r\n", BadBody::Size),
        ] {
            assert_eq!(decode(Framing::Chunked, bytes, 100), Err(error));
        }
        assert_eq!(decode(Framing::Chunked, &[b'1'; SIZE_LINE_MAX + 1], 9999), Err(BadBody::Long));
    }

    proptest! {
        #[test]
        fn what_was_chunked_comes_out_whole(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 0..6), piece in 1..40_usize) {
            let mut wire = Vec::new();
            for c in &chunks {
                wire.extend(format!("{:x}\r\n", c.len()).bytes());
                wire.extend(c);
                wire.extend(b"\r\n");
            }
            wire.extend(b"0\r\n\r\n");
            prop_assert_eq!(decode(Framing::Chunked, &wire, piece).unwrap(), (chunks.concat(), vec![], true));
        }

        #[test]
        fn a_length_takes_exactly_its_bytes(bytes in prop::collection::vec(any::<u8>(), 0..80), length in 0..100_u64, piece in 1..30_usize) {
            let (body, rest, over) = decode(Framing::Length(length), &bytes, piece).unwrap();
            prop_assert_eq!(over, bytes.len() as u64 >= length);
            prop_assert_eq!(body.len(), bytes.len().min(length as usize));
            prop_assert_eq!([body, rest].concat(), bytes);
        }

        #[test]
        fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..200), piece in 1..40_usize) {
            let _ = decode(Framing::Chunked, &noise, piece);
        }
    }
}
