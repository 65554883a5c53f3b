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
}

impl Out {
    /// A way into `items`.
    pub fn new(items: mpsc::Sender<Item>) -> Self {
        Self { items, blobs: Arc::new(AtomicU64::new(FIRST_BLOB)) }
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

    /// Begins a blob under a new number; at most `max` bytes of it are kept.
    pub fn blob(&self, max: u64) -> Blob {
        self.blob_as(self.blobs.fetch_add(1, Ordering::Relaxed), max)
    }

    /// Begins a blob under a given number.
    pub fn blob_as(&self, blob: u64, max: u64) -> Blob {
        Blob { out: self.clone(), blob, max, size: 0, hash: Sha256::new(), truncated: false }
    }
}

/// A blob on its way. Chunks go out at once, so that nothing is held here however large it is.
pub struct Blob {
    out: Out,
    blob: u64,
    max: u64,
    size: u64,
    hash: Sha256,
    truncated: bool,
}

impl Blob {
    /// Adds bytes, as far as the limit allows.
    pub async fn push(&mut self, bytes: &[u8]) {
        let room = (self.max - self.size).min(bytes.len() as u64) as usize;
        self.truncated |= room < bytes.len();
        for chunk in bytes[..room].chunks(CHUNK_MAX) {
            self.hash.update(chunk);
            self.size += chunk.len() as u64;
            self.out.send(Wire::Chunk { blob: self.blob, bytes: Bytes::copy_from_slice(chunk) }).await;
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
        self.out.send(Wire::Chunk { blob: self.blob, bytes: Bytes::new() }).await;
        BlobRef { blob: self.blob, size: self.size, sha256: Sha256Digest::from_bytes(self.hash.finalize().into()) }
    }
}
