//! Standard input and output of a container's first process, as messages and chunks.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use bollard::container::{AttachContainerResults, LogOutput};
use bytes::Bytes;
use futures_util::{SinkExt, Stream, StreamExt};
use serde::{Serialize, de::DeserializeOwned};
use stakeout_protocol::{Wire, WireCodec, WireError};
use tokio::io::AsyncWrite;
use tokio_util::{
    codec::{FramedRead, FramedWrite},
    io::StreamReader,
};

/// What is wrong with a pipe.
pub type PipeError = WireError;

/// At most so many bytes of a container's standard error are kept: its end.
pub const STDERR_KEPT: usize = 64 << 10;

/// The end of what a container wrote to its standard error. Clones share it.
#[derive(Clone, Default, Debug)]
pub struct Stderr(Arc<Mutex<VecDeque<u8>>>);

impl Stderr {
    pub(crate) fn push(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = &bytes[bytes.len().saturating_sub(STDERR_KEPT)..];
        let over = (kept.len() + bytes.len()).saturating_sub(STDERR_KEPT);
        kept.drain(..over);
        kept.extend(bytes);
    }

    /// The text so far; what is no UTF-8 is replaced. It may come from the app: hostile.
    pub fn text(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept.iter().copied().collect::<Vec<u8>>()).into_owned()
    }
}

type Input = Pin<Box<dyn AsyncWrite + Send>>;
type Output = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// Sends `Out` to a container. [`PipeWriter::end`] ends the container's standard input; so does dropping it together with the
/// reader, as both share a connection.
pub struct PipeWriter<Out>(FramedWrite<Input, WireCodec<(), Out>>);

impl<Out: Serialize> PipeWriter<Out> {
    /// Sends one item, and waits until the engine has it.
    pub async fn send(&mut self, item: Wire<Out>) -> Result<(), PipeError> {
        self.0.send(item).await
    }

    /// Ends the container's standard input.
    pub async fn end(mut self) -> Result<(), PipeError> {
        use tokio::io::AsyncWriteExt;
        Ok(self.0.get_mut().shutdown().await?)
    }
}

/// Receives `In` from a container.
pub struct PipeReader<In>(FramedRead<StreamReader<Output, Bytes>, WireCodec<In, ()>>);

impl<In: DeserializeOwned> PipeReader<In> {
    /// The next item; none: the container closed its standard output, so it has ended. Safe to cancel.
    pub async fn next(&mut self) -> Option<Result<Wire<In>, PipeError>> {
        self.0.next().await
    }
}

/// Both directions, and the end of standard error.
pub struct Pipe<In, Out> {
    /// From the container.
    pub reader: PipeReader<In>,
    /// To the container.
    pub writer: PipeWriter<Out>,
    /// What it wrote to standard error.
    pub stderr: Stderr,
}

impl<In: DeserializeOwned, Out: Serialize> Pipe<In, Out> {
    pub(crate) fn new(attached: AttachContainerResults) -> Self {
        let stderr = Stderr::default();
        let output = stdout(attached.output, stderr.clone());
        Self {
            reader: PipeReader(FramedRead::new(StreamReader::new(output), WireCodec::default())),
            writer: PipeWriter(FramedWrite::new(attached.input, WireCodec::default())),
            stderr,
        }
    }
}

/// Standard output alone; standard error goes to `stderr` on the way.
pub(crate) fn stdout(output: Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>, stderr: Stderr) -> Output {
    Box::pin(output.filter_map(move |item| {
        let out = match item {
            Ok(LogOutput::StdOut { message }) => Some(Ok(message)),
            Ok(LogOutput::StdErr { message }) => {
                stderr.push(&message);
                None
            }
            Ok(LogOutput::StdIn { .. }) => None,
            // Only a broken frame comes as this: the containers have no terminal.
            Ok(LogOutput::Console { .. }) => Some(Err(io::Error::new(io::ErrorKind::InvalidData, "the engine's stream is out of step"))),
            Err(e) => Some(Err(io::Error::other(e))),
        };
        std::future::ready(out)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_standard_error_is_kept() {
        let s = Stderr::default();
        s.push(&vec![b'a'; STDERR_KEPT - 1]);
        s.push(b"bcd");
        assert_eq!(s.text().len(), STDERR_KEPT);
        assert!(s.text().ends_with("abcd"));
        s.push(&vec![b'e'; 3 * STDERR_KEPT]);
        assert_eq!(s.text(), "e".repeat(STDERR_KEPT));
    }

    #[tokio::test]
    async fn standard_error_between_two_halves_of_a_line_does_not_split_it() {
        let item = |m: &'static str, err: bool| {
            Ok(if err { LogOutput::StdErr { message: m.into() } } else { LogOutput::StdOut { message: m.into() } })
        };
        let output = futures_util::stream::iter([item("{\"a\":", false), item("a log line\n", true), item("1}\n", false)]);
        let attached = AttachContainerResults { output: Box::pin(output), input: Box::pin(tokio::io::sink()) };
        let mut pipe: Pipe<serde_json::Value, ()> = Pipe::new(attached);
        assert_eq!(pipe.reader.next().await.unwrap().unwrap(), Wire::Message(serde_json::json!({"a": 1})));
        assert!(pipe.reader.next().await.is_none());
        assert_eq!(pipe.stderr.text(), "a log line\n");
    }
}
