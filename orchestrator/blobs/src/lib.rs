//! Artifacts by digest: bytes in, SHA-256 out, and back.
//!
//! A blob's name is the SHA-256 of its bytes, so it cannot be changed without being noticed: [`Blobs::get`] checks what it
//! reads. Writes are whole or not at all (the object store writes beside and renames). The same code serves a folder on one
//! host and, later, an S3 bucket, as both are `object_store` back ends.
//!
//! A digest grants nothing by itself: who may read which blob is decided where tenants are known, not here. This crate
//! knows no jobs and no trials, and removes nothing unless it is told to.
//!
//! Read first: [`Blobs::put_file`], [`Blobs::get`].

use std::{path::Path, sync::Arc};

use futures_util::TryStreamExt;
use object_store::{ObjectStore, PutPayload, WriteMultipart, local::LocalFileSystem, path::Path as Key};
use sha2::{Digest, Sha256};
use stakeout_contract::Sha256Digest;
use tokio::io::AsyncReadExt;

/// Why a blob was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is none of that name.
    #[error("there is no blob `{0}`")]
    NotFound(Sha256Digest),
    /// What is stored does not have its name's digest: the storage is damaged or was changed.
    #[error("the stored bytes of blob `{wanted}` have digest `{found}`: the storage is damaged; restore it from a backup")]
    Damaged {
        /// The name.
        wanted: Sha256Digest,
        /// What the bytes have.
        found: Sha256Digest,
    },
    /// The storage failed.
    #[error("the artifact storage failed")]
    Storage(#[from] object_store::Error),
    /// A local file failed.
    #[error("`{path}` cannot be read")]
    File {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// A place for artifacts.
#[derive(Clone, Debug)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
}

impl Blobs {
    /// A folder; it is made if it is missing.
    pub fn folder(path: &Path) -> Result<Self, BlobError> {
        std::fs::create_dir_all(path).map_err(|source| BlobError::File { path: path.display().to_string(), source })?;
        Ok(Self { store: Arc::new(LocalFileSystem::new_with_prefix(path)?) })
    }

    /// Stores bytes, and says their name.
    pub async fn put(&self, bytes: Vec<u8>) -> Result<Sha256Digest, BlobError> {
        let digest = Sha256Digest::of(&bytes);
        if !self.has(&digest).await? {
            self.store.put(&key(&digest), PutPayload::from(bytes)).await?;
        }
        Ok(digest)
    }

    /// Stores a file of any size, and says its name.
    pub async fn put_file(&self, path: &Path) -> Result<Sha256Digest, BlobError> {
        let bad = |source| BlobError::File { path: path.display().to_string(), source };
        let mut file = tokio::fs::File::open(path).await.map_err(bad)?;
        let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
        loop {
            let n = file.read(&mut buffer).await.map_err(bad)?;
            if n == 0 {
                break;
            }
            hash.update(&buffer[..n]);
        }
        let digest = Sha256Digest::from_bytes(hash.finalize().into());
        if self.has(&digest).await? {
            return Ok(digest);
        }
        let mut file = tokio::fs::File::open(path).await.map_err(bad)?;
        let mut upload = WriteMultipart::new(self.store.put_multipart(&key(&digest)).await?);
        loop {
            let n = file.read(&mut buffer).await.map_err(bad)?;
            if n == 0 {
                break;
            }
            upload.write(&buffer[..n]);
            upload.wait_for_capacity(4).await?;
        }
        upload.finish().await?;
        Ok(digest)
    }

    /// Whether there is such a blob.
    pub async fn has(&self, digest: &Sha256Digest) -> Result<bool, BlobError> {
        match self.store.head(&key(digest)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// A blob's bytes, checked against its name.
    pub async fn get(&self, digest: &Sha256Digest) -> Result<Vec<u8>, BlobError> {
        let got = match self.store.get(&key(digest)).await {
            Err(object_store::Error::NotFound { .. }) => return Err(BlobError::NotFound(*digest)),
            other => other?,
        };
        let mut bytes = Vec::new();
        let mut stream = got.into_stream();
        while let Some(part) = stream.try_next().await? {
            bytes.extend_from_slice(&part);
        }
        let found = Sha256Digest::of(&bytes);
        if found == *digest { Ok(bytes) } else { Err(BlobError::Damaged { wanted: *digest, found }) }
    }

    /// Removes a blob; it is no error if there is none.
    pub async fn remove(&self, digest: &Sha256Digest) -> Result<(), BlobError> {
        match self.store.delete(&key(digest)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }
}

fn key(digest: &Sha256Digest) -> Key {
    let name = digest.to_string();
    Key::from(format!("{}/{}", &name[..2], name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_blob_is_read_as_it_was_written_whatever_its_way_in() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::folder(&dir.path().join("b")).unwrap();
        let bytes: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
        std::fs::write(dir.path().join("f"), &bytes).unwrap();
        let d = blobs.put_file(&dir.path().join("f")).await.unwrap();
        assert_eq!(d, blobs.put(bytes.clone()).await.unwrap());
        assert_eq!(blobs.get(&d).await.unwrap(), bytes);
        blobs.remove(&d).await.unwrap();
        assert!(matches!(blobs.get(&d).await, Err(BlobError::NotFound(_))));
    }

    #[tokio::test]
    async fn a_changed_blob_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::folder(dir.path()).unwrap();
        let d = blobs.put(b"evidence".to_vec()).await.unwrap();
        let name = d.to_string();
        std::fs::write(dir.path().join(&name[..2]).join(&name), b"evidencE").unwrap();
        assert!(matches!(blobs.get(&d).await, Err(BlobError::Damaged { .. })));
    }
}
