//! One tenant's artifacts.

use std::{ops::Range, path::Path, sync::Arc};

use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt, path::Path as Key};
use stakeout_contract::{Sha256Digest, TenantId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    BlobError, BlobStream, Blobs,
    hash::Hash,
    read::{Object, Reader},
    seal::{self, TenantKey},
    upload::Upload,
};

/// Bytes of a file that are read at a time.
const READ: usize = 1 << 18;

/// What is kept of one tenant, all of it below `t/<tenant>/`. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TenantBlobs {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) tenant: TenantId,
    pub(crate) key: Option<TenantKey>,
}

impl TenantBlobs {
    pub(crate) fn new(blobs: &Blobs, tenant: &TenantId) -> Self {
        let key = blobs.master.as_ref().map(|m| m.tenant(tenant));
        Self { store: Arc::clone(&blobs.store), tenant: tenant.clone(), key }
    }

    /// Whose they are.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Stores bytes, and says their name.
    pub async fn put(&self, bytes: impl Into<Bytes>) -> Result<Sha256Digest, BlobError> {
        let bytes = bytes.into();
        let digest = Hash::of(&bytes);
        if !self.stored_as(&digest, bytes.len() as u64).await? {
            let mut upload = self.upload(self.blob_key(&digest), bytes.len() as u64)?;
            upload.write(&bytes).await?;
            upload.finish().await?;
        }
        Ok(digest)
    }

    /// Stores a file of any size, and says its name. The file is read twice; if it changed meanwhile, that is a
    /// [`BlobError::Mismatch`].
    pub async fn put_file(&self, path: &Path) -> Result<Sha256Digest, BlobError> {
        let (digest, bytes) = self.pass(path, None).await?;
        if self.stored_as(&digest, bytes).await? {
            return Ok(digest);
        }
        let mut upload = self.upload(self.blob_key(&digest), bytes)?;
        let (found, found_bytes) = self.pass(path, Some(&mut upload)).await?;
        if found != digest {
            upload.give_up().await;
            return Err(BlobError::Mismatch { wanted: digest, wanted_bytes: bytes, found, found_bytes });
        }
        upload.finish().await?;
        Ok(digest)
    }

    /// Whether there is such a blob. Its bytes are not looked at.
    pub async fn has(&self, digest: &Sha256Digest) -> Result<bool, BlobError> {
        match self.store.head(&self.blob_key(digest)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// A blob's length in plain bytes.
    pub async fn size(&self, digest: &Sha256Digest) -> Result<u64, BlobError> {
        self.blob(digest).size().await?.ok_or(BlobError::NotFound(*digest))
    }

    /// A blob's bytes, checked against its name. All of them are in memory: for what is large there are the others.
    pub async fn get(&self, digest: &Sha256Digest) -> Result<Vec<u8>, BlobError> {
        let mut reader = self.reader(digest).await?;
        let mut bytes = Vec::with_capacity(reader.bytes().min(1 << 24) as usize);
        while let Some(p) = reader.next().await? {
            bytes.extend_from_slice(&p);
        }
        Ok(bytes)
    }

    /// Writes a blob to a file, which is there when all of it was checked against its name, and not before. The file is
    /// readable by its owner alone, and replaces one that is there.
    pub async fn get_to_file(&self, digest: &Sha256Digest, path: &Path) -> Result<(), BlobError> {
        let bad = |source| BlobError::File { path: path.display().to_string(), source };
        let mut reader = self.reader(digest).await?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let (file, beside) = tempfile::Builder::new().prefix(".stakeout-").tempfile_in(folder).map_err(bad)?.into_parts();
        let mut file = tokio::fs::File::from_std(file);
        while let Some(p) = reader.next().await? {
            file.write_all(&p).await.map_err(bad)?;
        }
        file.flush().await.map_err(bad)?;
        beside.persist(path).map_err(|e| bad(e.error))
    }

    /// A part of a blob in memory. It is not compared with the digest: only a whole blob can be.
    pub async fn range(&self, digest: &Sha256Digest, range: Range<u64>) -> Result<Bytes, BlobError> {
        let mut reader = self.range_reader(digest, range).await?;
        let mut bytes = Vec::with_capacity(reader.bytes().min(1 << 24) as usize);
        while let Some(p) = reader.next().await? {
            bytes.extend_from_slice(&p);
        }
        Ok(bytes.into())
    }

    /// A blob, or a part of it, piece by piece. The whole (`None`) is compared with its digest, and gives an error in place of
    /// its last piece if it is not that; a part gives an error if it ends early.
    pub async fn stream(&self, digest: &Sha256Digest, range: Option<Range<u64>>) -> Result<BlobStream, BlobError> {
        Ok(match range {
            None => self.reader(digest).await?,
            Some(r) => self.range_reader(digest, r).await?,
        }
        .into_stream())
    }

    /// Removes a blob; it is no error if there is none.
    pub async fn remove(&self, digest: &Sha256Digest) -> Result<(), BlobError> {
        self.remove_key(&self.blob_key(digest)).await
    }

    pub(crate) async fn remove_key(&self, key: &Key) -> Result<(), BlobError> {
        match self.store.delete(key).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    pub(crate) fn blob_key(&self, digest: &Sha256Digest) -> Key {
        let name = digest.to_string();
        Key::from(format!("t/{}/{}/{name}", self.tenant, &name[..2]))
    }

    pub(crate) fn object(&self, key: Key, name: String) -> Object<'_> {
        Object { store: &self.store, key, tenant: self.key.as_ref(), name }
    }

    pub(crate) fn upload(&self, key: Key, bytes: u64) -> Result<Upload, BlobError> {
        Upload::new(Arc::clone(&self.store), key, self.key.as_ref(), bytes)
    }

    /// Whether a blob is there in its full length: one that was cut short is written again.
    pub(crate) async fn stored_as(&self, digest: &Sha256Digest, bytes: u64) -> Result<bool, BlobError> {
        let wanted = if self.key.is_some() { seal::stored_bytes(bytes) } else { bytes };
        match self.store.head(&self.blob_key(digest)).await {
            Ok(meta) => Ok(meta.size == wanted),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    fn blob(&self, digest: &Sha256Digest) -> Object<'_> {
        self.object(self.blob_key(digest), digest.to_string())
    }

    async fn reader(&self, digest: &Sha256Digest) -> Result<Reader, BlobError> {
        self.blob(digest).whole(Some(*digest)).await?.ok_or(BlobError::NotFound(*digest))
    }

    async fn range_reader(&self, digest: &Sha256Digest, range: Range<u64>) -> Result<Reader, BlobError> {
        let bytes = self.size(digest).await?;
        if range.start > range.end || range.end > bytes {
            return Err(BlobError::Range { digest: *digest, from: range.start, to: range.end, bytes });
        }
        self.blob(digest).range(range).await?.ok_or(BlobError::NotFound(*digest))
    }

    /// Reads a file to its end, into an upload if there is one.
    async fn pass(&self, path: &Path, mut upload: Option<&mut Upload>) -> Result<(Sha256Digest, u64), BlobError> {
        let bad = |source| BlobError::File { path: path.display().to_string(), source };
        let mut file = tokio::fs::File::open(path).await.map_err(bad)?;
        let (mut hash, mut buffer) = (Hash::new(), vec![0; READ]);
        loop {
            let n = file.read(&mut buffer).await.map_err(bad)?;
            if n == 0 {
                let bytes = hash.bytes();
                return Ok((hash.finish(), bytes));
            }
            hash.update(&buffer[..n]);
            if let Some(u) = &mut upload {
                u.write(&buffer[..n]).await?;
            }
        }
    }
}
