//! A storage for all tenants: a folder or a bucket, with or without encryption.

use std::{fmt, path::Path, sync::Arc};

use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload, local::LocalFileSystem, path::Path as Key};
use stakeout_contract::{Sha256Digest, TenantId};

use crate::{
    BlobError, KeyProblem, MasterKey, S3Options, TenantBlobs,
    address::{self, Address},
};

/// Says how a storage is written, so that a wrong master key is noticed before anything is read or written.
const MARK: &str = "stakeout-blobs";

/// A place for artifacts. Cheap to clone; all clones are the same place.
#[derive(Clone)]
pub struct Blobs {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) master: Option<MasterKey>,
    shown: Arc<str>,
}

impl fmt::Debug for Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blobs").field("at", &self.shown).field("sealed", &self.master.is_some()).finish_non_exhaustive()
    }
}

impl Blobs {
    /// By an operator's address: `DIR`, `file:///DIR`, or `s3://bucket/prefix?endpoint=http://host:9000&region=eu-west-1`, for
    /// which there are also `allow_http` (on for an endpoint in the clear) and `path_style` (on for any endpoint). Credentials
    /// come from the `AWS_*` variables.
    pub fn open(address: &str) -> Result<Self, BlobError> {
        match address::parse(address)? {
            Address::Folder(path) => Self::folder(&path),
            Address::S3(options) => Self::s3(&options),
        }
    }

    /// A folder; it is made if it is missing. What is written is on the disk before it is said to be.
    pub fn folder(path: &Path) -> Result<Self, BlobError> {
        std::fs::create_dir_all(path).map_err(|source| BlobError::File { path: path.display().to_string(), source })?;
        let store = LocalFileSystem::new_with_prefix(path)?.with_fsync(true);
        Ok(Self { store: Arc::new(store), master: None, shown: path.display().to_string().into() })
    }

    /// A bucket. Nothing is asked of the server yet: see [`Blobs::check`].
    pub fn s3(options: &S3Options) -> Result<Self, BlobError> {
        Ok(Self { store: Arc::new(options.store()?), master: None, shown: options.address().into() })
    }

    /// The same place, with all that is written from now on encrypted, and only what is encrypted with this key read.
    #[must_use]
    pub fn sealed(self, key: MasterKey) -> Self {
        Self { master: Some(key), ..self }
    }

    /// One tenant's artifacts.
    pub fn of(&self, tenant: &TenantId) -> TenantBlobs {
        TenantBlobs::new(self, tenant)
    }

    /// Tenants of whom something is stored; of a folder, also those of whom something was.
    pub async fn tenants(&self) -> Result<Vec<TenantId>, BlobError> {
        let listed = self.store.list_with_delimiter(Some(&Key::from("t"))).await?;
        let mut tenants: Vec<TenantId> = listed.common_prefixes.iter().filter_map(|p| p.filename()?.parse().ok()).collect();
        tenants.sort();
        Ok(tenants)
    }

    /// Whether the storage answers, may be read and written, and is written with this master key or without one: a server asks
    /// once, when it starts. The first who asks decides for all later ones, by a mark in the storage.
    pub async fn check(&self) -> Result<(), BlobError> {
        let key = Key::from(MARK);
        let ours = match &self.master {
            None => "1 plain\n".to_owned(),
            Some(m) => format!("1 sealed {}\n", hex::encode(m.id())),
        };
        let found = match self.store.get(&key).await {
            Ok(got) => got.bytes().await?,
            Err(object_store::Error::NotFound { .. }) => {
                match self.store.put_opts(&key, PutPayload::from(ours.clone()), PutMode::Create.into()).await {
                    Ok(_) => return Ok(()),
                    // Another server was first.
                    Err(object_store::Error::AlreadyExists { .. }) => self.store.get(&key).await?.bytes().await?,
                    Err(e) => return Err(e.into()),
                }
            }
            Err(e) => return Err(e.into()),
        };
        if found == ours.as_bytes() {
            return Ok(());
        }
        let problem = match (&self.master, found.starts_with(b"1 plain")) {
            (Some(_), true) => KeyProblem::Plain,
            (Some(_), false) => KeyProblem::Wrong,
            (None, _) => KeyProblem::Absent,
        };
        Err(BlobError::Key { name: self.shown.to_string(), problem })
    }
}

/// The farm's own artifacts, for programs that know one tenant only.
impl Blobs {
    /// [`TenantBlobs::put`] of [`TenantId::farm`].
    pub async fn put(&self, bytes: impl Into<Bytes>) -> Result<Sha256Digest, BlobError> {
        self.of(&TenantId::farm()).put(bytes).await
    }

    /// [`TenantBlobs::put_file`] of [`TenantId::farm`].
    pub async fn put_file(&self, path: &Path) -> Result<Sha256Digest, BlobError> {
        self.of(&TenantId::farm()).put_file(path).await
    }

    /// [`TenantBlobs::has`] of [`TenantId::farm`].
    pub async fn has(&self, digest: &Sha256Digest) -> Result<bool, BlobError> {
        self.of(&TenantId::farm()).has(digest).await
    }

    /// [`TenantBlobs::get`] of [`TenantId::farm`].
    pub async fn get(&self, digest: &Sha256Digest) -> Result<Vec<u8>, BlobError> {
        self.of(&TenantId::farm()).get(digest).await
    }

    /// [`TenantBlobs::remove`] of [`TenantId::farm`].
    pub async fn remove(&self, digest: &Sha256Digest) -> Result<(), BlobError> {
        self.of(&TenantId::farm()).remove(digest).await
    }
}
