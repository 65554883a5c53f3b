//! What goes to the worker. One task writes; everybody else has an [`Outbox`].
//!
//! The queue is short: a worker that does not read stops the device, which stops the guest, and no memory grows.

use std::io;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use stakeout_contract::{
    Nanos, Sha256Digest,
    observation::{Fact, Source},
};
use stakeout_protocol::{
    Answer, Wire,
    device::{BlobRef, Event, FromDevice},
};
use tokio::sync::mpsc;

/// Items that wait for the worker.
const QUEUE: usize = 256;
/// Bytes of one chunk.
const CHUNK: usize = 256 << 10;

/// The way to the worker. When the worker is gone, what is said is dropped: the device is about to end.
#[derive(Clone, Debug)]
pub struct Outbox(mpsc::Sender<Wire<FromDevice>>);

impl Outbox {
    /// An outbox, and what is to be written.
    pub fn new() -> (Self, mpsc::Receiver<Wire<FromDevice>>) {
        let (tx, rx) = mpsc::channel(QUEUE);
        (Self(tx), rx)
    }

    /// Says something.
    pub async fn event(&self, event: Event) {
        let _ = self.0.send(Wire::Message(FromDevice::Event(event))).await;
    }

    /// Says something, from a thread that may block.
    pub fn event_blocking(&self, event: Event) {
        let _ = self.0.blocking_send(Wire::Message(FromDevice::Event(event)));
    }

    /// A fact that the device itself knows.
    pub async fn fact(&self, at: Nanos, source: Source, fact: Fact) {
        self.event(Event::Observation { at, source, fact: Box::new(fact), stack: Vec::new() }).await;
    }

    /// A fact of the app's own process, with the app's frames.
    pub async fn fact_of_app(&self, at: Nanos, fact: Fact, stack: Vec<String>) {
        self.event(Event::Observation { at, source: Source::Host, fact: Box::new(fact), stack }).await;
    }

    /// Answers a request.
    pub async fn answer(&self, answer: Answer) {
        let _ = self.0.send(Wire::Message(FromDevice::Answer(answer))).await;
    }

    /// Sends what is written to it as a blob; for threads that may block.
    pub fn blob(&self, blob: u64) -> BlobWriter {
        BlobWriter { out: self.clone(), blob, size: 0, digest: Sha256::new(), buffer: Vec::with_capacity(CHUNK) }
    }
}

/// A blob on its way to the worker.
pub struct BlobWriter {
    out: Outbox,
    blob: u64,
    size: u64,
    digest: Sha256,
    buffer: Vec<u8>,
}

impl BlobWriter {
    /// Sends the rest and gives the blob's name.
    pub fn finish(mut self) -> io::Result<BlobRef> {
        self.send()?;
        self.chunk(Bytes::new())?;
        Ok(BlobRef { blob: self.blob, size: self.size, sha256: Sha256Digest::from_bytes(self.digest.finalize().into()) })
    }

    fn send(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        self.digest.update(&bytes);
        self.size += bytes.len() as u64;
        self.chunk(bytes.into())
    }

    fn chunk(&self, bytes: Bytes) -> io::Result<()> {
        self.out.0.blocking_send(Wire::Chunk { blob: self.blob, bytes }).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl io::Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..n]);
        if self.buffer.len() == CHUNK {
            self.send()?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
