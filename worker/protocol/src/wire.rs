//! Lines and chunks on a pipe.

use std::marker::PhantomData;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio_util::codec::{Decoder, Encoder};

/// Longest line, bytes.
pub const LINE_MAX: usize = 1 << 20;
/// Largest chunk, bytes.
pub const CHUNK_MAX: usize = 1 << 20;

/// A question: `{"id":1,"verb":"boot",..}`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Request<V> {
    /// Chosen by the worker, answered once.
    pub id: u64,
    /// What to do.
    #[serde(flatten)]
    pub verb: V,
}

/// The answer to a request.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// Of the request.
    pub id: u64,
    /// What came out, by verb.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ok: Option<serde_json::Value>,
    /// Or why nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
}

/// Why a request failed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Problem {
    /// Stable: `bad_request`, `unsupported`, `app_crashed`, `not_found`, `failed`, `out_of_memory`, `deadline`, `no_code`, `bad_dex`.
    pub code: String,
    /// A sentence.
    pub message: String,
}

impl Problem {
    /// A problem with a stable code.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
}

/// One item on the pipe.
#[derive(Clone, PartialEq, Debug)]
pub enum Wire<T> {
    /// A JSON line.
    Message(T),
    /// Some bytes of a blob; none: the blob is complete.
    Chunk {
        /// Which blob, chosen by the sender.
        blob: u64,
        /// The bytes.
        bytes: Bytes,
    },
}

/// What is wrong on a pipe. All but `Io` mean that the other side is broken or hostile: end the cell.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The pipe broke.
    #[error("the pipe broke")]
    Io(#[from] std::io::Error),
    /// A line is no message.
    #[error("a line on the pipe is no message: {0}")]
    BadLine(#[source] serde_json::Error),
    /// A line is too long.
    #[error("a line on the pipe is longer than {LINE_MAX} bytes")]
    LongLine,
    /// A chunk is too large.
    #[error("a chunk on the pipe is larger than {CHUNK_MAX} bytes")]
    LargeChunk,
}

#[derive(Serialize, Deserialize)]
struct ChunkHead {
    chunk: ChunkSize,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
struct ChunkSize {
    blob: u64,
    bytes: usize,
}

/// Reads [`Wire`] items with messages of `In`, writes those of `Out`.
pub struct WireCodec<In, Out> {
    pending: Option<ChunkSize>,
    scanned: usize,
    types: PhantomData<fn(Out) -> In>,
}

impl<In, Out> Default for WireCodec<In, Out> {
    fn default() -> Self {
        Self { pending: None, scanned: 0, types: PhantomData }
    }
}

impl<In: DeserializeOwned, Out> Decoder for WireCodec<In, Out> {
    type Item = Wire<In>;
    type Error = WireError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Wire<In>>, WireError> {
        loop {
            if let Some(head) = self.pending {
                if src.len() < head.bytes {
                    src.reserve(head.bytes - src.len());
                    return Ok(None);
                }
                self.pending = None;
                return Ok(Some(Wire::Chunk { blob: head.blob, bytes: src.split_to(head.bytes).freeze() }));
            }
            let Some(end) = src[self.scanned..].iter().position(|b| *b == b'\n').map(|i| i + self.scanned) else {
                self.scanned = src.len();
                return if src.len() > LINE_MAX { Err(WireError::LongLine) } else { Ok(None) };
            };
            self.scanned = 0;
            let line = src.split_to(end);
            src.advance(1);
            if line.len() > LINE_MAX {
                return Err(WireError::LongLine);
            }
            if line.is_empty() {
                continue;
            }
            if line.starts_with(br#"{"chunk":"#) {
                let head: ChunkHead = serde_json::from_slice(&line).map_err(WireError::BadLine)?;
                if head.chunk.bytes > CHUNK_MAX {
                    return Err(WireError::LargeChunk);
                }
                self.pending = Some(head.chunk);
                continue;
            }
            return serde_json::from_slice(&line).map(|m| Some(Wire::Message(m))).map_err(WireError::BadLine);
        }
    }
}

impl<In, Out: Serialize> Encoder<Wire<Out>> for WireCodec<In, Out> {
    type Error = WireError;

    fn encode(&mut self, item: Wire<Out>, dst: &mut BytesMut) -> Result<(), WireError> {
        match item {
            Wire::Message(m) => {
                serde_json::to_writer(dst.writer(), &m).map_err(WireError::BadLine)?;
                dst.put_u8(b'\n');
            }
            Wire::Chunk { blob, bytes } => {
                if bytes.len() > CHUNK_MAX {
                    return Err(WireError::LargeChunk);
                }
                let head = ChunkHead { chunk: ChunkSize { blob, bytes: bytes.len() } };
                serde_json::to_writer(dst.writer(), &head).map_err(WireError::BadLine)?;
                dst.put_u8(b'\n');
                dst.extend_from_slice(&bytes);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    type Codec = WireCodec<Value, Value>;

    fn decode_in_pieces(bytes: &[u8], piece: usize) -> Vec<Wire<Value>> {
        let (mut codec, mut buf, mut out) = (Codec::default(), BytesMut::new(), Vec::new());
        for p in bytes.chunks(piece) {
            buf.extend_from_slice(p);
            while let Some(i) = codec.decode(&mut buf).unwrap() {
                out.push(i);
            }
        }
        out
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_whatever_the_pieces(blobs in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..8), piece in 1..50usize) {
            let items: Vec<Wire<Value>> = blobs.into_iter().enumerate().flat_map(|(i, b)| [
                Wire::Message(json!({"id": i, "text": "a\nb"})), Wire::Chunk { blob: i as u64, bytes: b.into() }]).collect();
            let (mut codec, mut buf) = (Codec::default(), BytesMut::new());
            for i in items.clone() {
                codec.encode(i, &mut buf).unwrap();
            }
            prop_assert_eq!(decode_in_pieces(&buf, piece), items);
        }

        #[test]
        fn noise_is_an_error_or_waits_for_more_but_never_a_panic(noise in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut buf = BytesMut::from(&noise[..]);
            let mut codec = Codec::default();
            while let Ok(Some(_)) = codec.decode(&mut buf) {}
        }
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut buf = BytesMut::from(&vec![b'a'; LINE_MAX + 1][..]);
        assert!(matches!(Codec::default().decode(&mut buf), Err(WireError::LongLine)));
    }

    #[test]
    fn a_chunk_beyond_the_limit_is_refused() {
        let mut buf = BytesMut::from(
            &br#"{"chunk":{"blob":1,"bytes":99999999}}
"#[..],
        );
        assert!(matches!(Codec::default().decode(&mut buf), Err(WireError::LargeChunk)));
    }
}
