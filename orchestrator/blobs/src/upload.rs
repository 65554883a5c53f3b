//! One object on its way into the storage.
//!
//! It becomes visible by [`Upload::finish`] and by nothing else; dropped before, it takes away what it has sent. At most two
//! pieces are in memory: one that is being filled and one that is being sent.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, path::Path as Key};
use tokio::{runtime::Handle, task::JoinHandle};

use crate::{
    BlobError,
    seal::{SEGMENT, Sealer, TenantKey, stored_bytes},
};

const MIB: u64 = 1 << 20;
/// S3 takes no piece but the last that is smaller.
const S3_PIECE: u64 = 5 * MIB;
/// S3 takes 10 000; what is larger than 45 GiB is sent in larger pieces.
const S3_PIECES: u64 = 9_000;

/// An object on its way.
pub(crate) struct Upload {
    store: Arc<dyn ObjectStore>,
    key: Key,
    seal: Option<Sealer>,
    /// Plain bytes of a segment that is not encrypted yet, as it may be the last.
    segment: Vec<u8>,
    piece: BytesMut,
    piece_bytes: usize,
    /// There is one once the first piece was full.
    multipart: Option<Box<dyn MultipartUpload>>,
    flying: Option<JoinHandle<object_store::Result<()>>>,
}

/// The size of pieces for an object of so many stored bytes.
pub(crate) fn piece_bytes(stored: u64) -> usize {
    S3_PIECE.max(stored.div_ceil(S3_PIECES).next_multiple_of(MIB)) as usize
}

impl Upload {
    /// For about so many plain bytes.
    pub(crate) fn new(store: Arc<dyn ObjectStore>, key: Key, tenant: Option<&TenantKey>, bytes: u64) -> Result<Self, BlobError> {
        let seal = tenant.map(|k| k.seal(key.as_ref())).transpose().map_err(cipher_failed)?;
        let mut piece = BytesMut::new();
        if let Some(s) = &seal {
            piece.extend_from_slice(s.header());
        }
        let piece_bytes = piece_bytes(stored_bytes(bytes));
        Ok(Self { store, key, seal, segment: Vec::new(), piece, piece_bytes, multipart: None, flying: None })
    }

    pub(crate) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), BlobError> {
        while !bytes.is_empty() {
            let taken = if self.seal.is_some() {
                if self.segment.len() == SEGMENT {
                    self.close_segment(false)?;
                }
                let n = bytes.len().min(SEGMENT - self.segment.len());
                self.segment.extend_from_slice(&bytes[..n]);
                n
            } else {
                let n = bytes.len().min(self.piece_bytes - self.piece.len());
                self.piece.extend_from_slice(&bytes[..n]);
                n
            };
            bytes = &bytes[taken..];
            if self.piece.len() >= self.piece_bytes {
                let full = self.piece.split_to(self.piece_bytes).freeze();
                self.send(full).await?;
            }
        }
        Ok(())
    }

    /// Makes the object visible. Whoever calls this has checked that it is what its name says.
    pub(crate) async fn finish(mut self) -> Result<(), BlobError> {
        self.close_segment(true)?;
        while self.piece.len() > self.piece_bytes {
            let full = self.piece.split_to(self.piece_bytes).freeze();
            self.send(full).await?;
        }
        let rest = std::mem::take(&mut self.piece).freeze();
        if self.multipart.is_none() {
            self.store.put(&self.key, PutPayload::from_bytes(rest)).await?;
            return Ok(());
        }
        if !rest.is_empty() {
            self.send(rest).await?;
        }
        self.landed().await?;
        if let Some(m) = &mut self.multipart {
            m.complete().await?;
        }
        self.multipart = None;
        Ok(())
    }

    /// Takes away what was sent, and waits for it.
    pub(crate) async fn give_up(mut self) {
        let (flying, multipart) = (self.flying.take(), self.multipart.take());
        take_away(flying, multipart).await;
    }

    fn close_segment(&mut self, last: bool) -> Result<(), BlobError> {
        if let Some(s) = &mut self.seal {
            s.seal(last, &mut self.segment).map_err(cipher_failed)?;
            self.piece.extend_from_slice(&self.segment);
            self.segment.clear();
        }
        Ok(())
    }

    async fn send(&mut self, piece: Bytes) -> Result<(), BlobError> {
        self.landed().await?;
        let multipart = match &mut self.multipart {
            Some(m) => m,
            none => none.insert(self.store.put_multipart(&self.key).await?),
        };
        self.flying = Some(tokio::spawn(multipart.put_part(PutPayload::from_bytes(piece))));
        Ok(())
    }

    async fn landed(&mut self) -> Result<(), BlobError> {
        if let Some(f) = &mut self.flying {
            let sent = f.await;
            self.flying = None;
            sent.map_err(|source| object_store::Error::JoinError { source })??;
        }
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let (flying, multipart) = (self.flying.take(), self.multipart.take());
        // Without a runtime nothing can be sent; a folder's upload then removes its own file, and a bucket has a rule for it.
        if let (Some(m), Ok(runtime)) = (multipart, Handle::try_current()) {
            runtime.spawn(take_away(flying, Some(m)));
        }
    }
}

async fn take_away(flying: Option<JoinHandle<object_store::Result<()>>>, multipart: Option<Box<dyn MultipartUpload>>) {
    if let Some(f) = flying {
        // Not aborted: the server may have it already, and a piece that lands after the end stays for ever.
        f.await.ok();
    }
    if let Some(mut m) = multipart {
        m.abort().await.ok();
    }
}

pub(crate) fn cipher_failed(e: aws_lc_rs::error::Unspecified) -> BlobError {
    BlobError::Storage(object_store::Error::Generic { store: "encryption", source: Box::new(e) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_small_until_there_would_be_too_many() {
        assert_eq!(piece_bytes(0) as u64, S3_PIECE);
        assert_eq!(piece_bytes(40 << 30) as u64, S3_PIECE);
        for stored in [50_u64 << 30, 5 << 40] {
            assert!(stored.div_ceil(piece_bytes(stored) as u64) <= 10_000);
        }
    }
}
