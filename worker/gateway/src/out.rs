//! What the gateway says to its worker: events, answers, and blobs that are sent as they come.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use stakeout_contract::{Sha256Digest, observation::Fact};
use stakeout_protocol::{
    Answer, Wire,
    gateway::{BlobRef, Event, FromGateway},
    wire::CHUNK_MAX,
};
use tokio::sync::{mpsc, oneshot};

use crate::clock;

/// An item for whoever writes to the pipe.
#[derive(Debug)]
pub enum Item {
    /// To be written.
    Wire(Wire<FromGateway>),
    /// To be answered when all before it is written.
    Flush(oneshot::Sender<()>),
}

/// Blobs of flows are numbered from here, so that they never meet the id of a request.
pub const FIRST_BLOB: u64 = 1 << 32;

/// The way to the worker. Clones share it; sending waits while the worker does not read. When the worker is gone, what is
/// said is lost with it.
#[derive(Clone, Debug)]
pub struct Out {
    items: mpsc::Sender<Item>,
    blobs: Arc<AtomicU64>,
    room: Arc<AtomicU64>,
}

impl Out {
    /// A way into `items`.
    pub fn new(items: mpsc::Sender<Item>) -> Self {
        Self { items, blobs: Arc::new(AtomicU64::new(FIRST_BLOB)), room: Arc::default() }
    }

    async fn send(&self, item: Wire<FromGateway>) {
        // The receiver ends only with the process.
        let _ = self.items.send(Item::Wire(item)).await;
    }

    /// Waits until all that was said is written.
    pub async fn flushed(&self) {
        let (done, written) = oneshot::channel();
        if self.items.send(Item::Flush(done)).await.is_ok() {
            // An error means that the writer is gone, and with it the worker.
            let _ = written.await;
        }
    }

    /// Says something.
    pub async fn event(&self, event: Event) {
        self.send(Wire::Message(FromGateway::Event(event))).await;
    }

    /// Reports a fact, dated now.
    pub async fn fact(&self, fact: Fact) {
        self.event(Event::Observation { real: clock::real(), fact: Box::new(fact) }).await;
    }

    /// Answers a request.
    pub async fn answer(&self, answer: Answer) {
        self.send(Wire::Message(FromGateway::Answer(answer))).await;
    }

    /// Lets blobs have so many more bytes together: an app that sends without end must not fill the worker's disk.
    pub fn allow(&self, bytes: u64) {
        self.room.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Takes up to `wanted` bytes of what blobs may have together.
    fn take_room(&self, wanted: u64) -> u64 {
        let before = self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| Some(room.saturating_sub(wanted)));
        before.unwrap_or_default().min(wanted)
    }

    /// Begins a blob under a new number; at most `max` bytes of it are kept.
    pub fn blob(&self, max: u64) -> Blob {
        self.blob_as(self.blobs.fetch_add(1, Ordering::Relaxed), max)
    }

    /// Begins a blob under a given number.
    fn blob_as(&self, blob: u64, max: u64) -> Blob {
        Blob { out: self.clone(), number: blob, max, size: 0, hash: Sha256::new(), truncated: false }
    }

    /// Begins a blob that answers a request and may have what it needs.
    pub fn answering(&self, request: u64) -> Blob {
        Blob { out: Self { room: Arc::new(AtomicU64::new(u64::MAX)), ..self.clone() }, ..self.blob_as(request, u64::MAX) }
    }
}

/// A blob on its way. Chunks go out at once, so that nothing is held here however large it is.
pub struct Blob {
    out: Out,
    number: u64,
    max: u64,
    size: u64,
    hash: Sha256,
    truncated: bool,
}

impl Blob {
    /// Adds bytes, as far as the limit allows.
    pub async fn push(&mut self, bytes: &[u8]) {
        let room = self.out.take_room((self.max - self.size).min(bytes.len() as u64)) as usize;
        self.truncated |= room < bytes.len();
        for chunk in bytes[..room].chunks(CHUNK_MAX) {
            self.hash.update(chunk);
            self.size += chunk.len() as u64;
            self.out.send(Wire::Chunk { blob: self.number, bytes: Bytes::copy_from_slice(chunk) }).await;
        }
    }

    /// Lets more in than was said at first.
    pub fn allow(&mut self, more: u64) {
        self.max = self.max.saturating_add(more);
    }

    /// Some bytes did not fit.
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// Ends it. None, and nothing said, where no byte came.
    pub async fn finish(self) -> Option<BlobRef> {
        if self.size == 0 { None } else { Some(self.finish_always().await) }
    }

    /// Ends it, also when it is empty.
    pub async fn finish_always(self) -> BlobRef {
        self.out.send(Wire::Chunk { blob: self.number, bytes: Bytes::new() }).await;
        BlobRef { blob: self.number, size: self.size, sha256: Sha256Digest::from_bytes(self.hash.finalize().into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn blobs_share_what_they_may_have_together() {
        let (items, mut queue) = mpsc::channel(100);
        let out = Out::new(items);
        out.allow(10);
        let (mut a, mut b, mut c) = (out.blob(6), out.blob(6), out.answering(7));
        a.push(b"1234567").await;
        b.push(b"1234567").await;
        c.push(b"1234567").await;
        assert!(a.truncated() && b.truncated() && !c.truncated());
        let sizes = [a.finish().await, b.finish().await, c.finish().await].map(|r| r.unwrap().size);
        assert_eq!(sizes, [6, 4, 7]);
        assert!(matches!(queue.recv().await, Some(Item::Wire(Wire::Chunk { blob: FIRST_BLOB, .. }))));
    }
}
