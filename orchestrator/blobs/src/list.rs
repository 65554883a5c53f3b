//! What is stored of a tenant, for whoever compares it with what is still named.
//!
//! Blobs are listed in 256 pages, by the first two digits of their names: a page is small enough for memory, and needs no
//! cursor that a folder, which has no order, could not keep.

use std::time::SystemTime;

use futures_util::TryStreamExt;
use object_store::{ObjectMeta, path::Path as Key};
use stakeout_contract::Sha256Digest;

use crate::{BlobError, PartName, TenantBlobs, seal};

/// A blob that is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoredBlob {
    /// Its name.
    pub digest: Sha256Digest,
    /// Its plain bytes; nothing if what is stored cannot be a whole encrypted object.
    pub bytes: Option<u64>,
    /// When it was last written, by the storage's clock.
    pub modified: SystemTime,
}

/// A part that is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoredPart {
    /// Its name.
    pub name: PartName,
    /// Its plain bytes; nothing if what is stored cannot be a whole encrypted object.
    pub bytes: Option<u64>,
    /// When it was written, by the storage's clock.
    pub modified: SystemTime,
}

impl TenantBlobs {
    /// The blobs whose digests begin with this byte, in the order of their digests. What has another kind of name is left out.
    pub async fn list(&self, first: u8) -> Result<Vec<StoredBlob>, BlobError> {
        let of = |name: &str, bytes, modified| Some(StoredBlob { digest: name.parse().ok()?, bytes, modified });
        let mut page = self.page(&format!("{first:02x}"), of).await?;
        page.sort_by_key(|b| *b.digest.as_bytes());
        Ok(page)
    }

    /// All parts, in the order of their names. Those of an upload that nobody will go on with are the caller's to remove.
    pub async fn list_parts(&self) -> Result<Vec<StoredPart>, BlobError> {
        let mut page = self.page("parts", |name, bytes, modified| Some(StoredPart { name: name.parse().ok()?, bytes, modified })).await?;
        page.sort_by_key(|p| p.name);
        Ok(page)
    }

    async fn page<T>(&self, folder: &str, of: impl Fn(&str, Option<u64>, SystemTime) -> Option<T>) -> Result<Vec<T>, BlobError> {
        let sealed = self.key.is_some();
        let entry = |meta: ObjectMeta| {
            let bytes = if sealed { seal::plain_bytes(meta.size) } else { Some(meta.size) };
            of(meta.location.filename()?, bytes, meta.last_modified.into())
        };
        let prefix = Key::from(format!("t/{}/{folder}", self.tenant));
        let listed = self.store.list(Some(&prefix)).try_filter_map(|meta| std::future::ready(Ok(entry(meta))));
        Ok(listed.try_collect().await?)
    }
}
