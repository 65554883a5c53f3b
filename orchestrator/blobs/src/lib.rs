//! Artifacts by digest: bytes in, SHA-256 out, and back.
//!
//! A blob's name is the SHA-256 of its bytes, so it cannot be changed without being noticed. Nothing is ever visible under a
//! digest that it does not have: bytes are digested before the storage is told to show them, a write is whole or not at all,
//! and one that is given up half way leaves nothing that can be read. The same code serves a folder on one host and an S3
//! bucket, as both are `object_store` back ends; memory stays within a few MiB whatever the size of a blob.
//!
//! Blobs belong to a tenant: all that is kept of one lies below `t/<tenant>/`, and artifacts are deduplicated in there only,
//! since a digest grants nothing without its bytes. Who may read which blob is decided where tokens are known, not here. This
//! crate knows no jobs and no trials, and removes nothing unless it is told to.
//!
//! An upload that may be resumed is a row of *parts*, which have random names and no digest yet, and become one blob by
//! [`TenantBlobs::compose`].
//!
//! With a [`MasterKey`], all that is stored is encrypted (docs/adr/0017): AES-256-GCM in segments of 64 KiB, so that a range is
//! read without the rest. The digest stays that of the plain bytes, and every size that is said here is plain.
//!
//! What reads check: a whole blob is compared with its digest, always. A range cannot be; it is as good as the storage, or,
//! when it is encrypted, as good as the key.
//!
//! Read first: [`Blobs`], [`TenantBlobs`], [`BlobError`].

mod address;
mod error;
mod hash;
mod list;
mod parts;
mod place;
mod read;
mod s3;
mod seal;
mod tenant;
mod upload;

pub use error::{BlobError, KeyProblem, no_room};
pub use list::{StoredBlob, StoredPart};
pub use parts::{BadPartName, Part, PartName};
pub use place::Blobs;
pub use read::BlobStream;
pub use s3::{S3Credentials, S3Options};
pub use seal::{BadMasterKey, MasterKey};
pub use tenant::TenantBlobs;
