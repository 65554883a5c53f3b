//! Why a blob was not written or read, by what a caller can do about it.
//!
//! A server answers [`BlobError::NotFound`] with 404, [`BlobError::Mismatch`] with 422, [`BlobError::Range`] with 416,
//! [`BlobError::Full`] with 507, and what is [`BlobError::retryable`] with 503. The rest are for an operator.

use std::{error::Error as StdError, io};

use object_store::client::{HttpError, HttpErrorKind};
use stakeout_contract::Sha256Digest;

use crate::parts::PartName;

/// Why a blob was not written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// There is none of that name.
    #[error("there is no blob `{0}`")]
    NotFound(Sha256Digest),
    /// There is no part of that name: it was composed, removed, or belongs to another tenant.
    #[error("there is no part `{0}`")]
    NoPart(PartName),
    /// What is stored does not have its name's digest: the storage is damaged or was changed.
    #[error("the stored bytes of blob `{wanted}` have digest `{found}`: the storage is damaged; restore it from a backup")]
    Damaged {
        /// The name.
        wanted: Sha256Digest,
        /// What the bytes have.
        found: Sha256Digest,
    },
    /// What is stored is cut short, or a segment of it was not written by who holds the key.
    #[error("the stored bytes of `{name}` are not whole (segment {segment}): the storage is damaged; restore it from a backup")]
    Torn {
        /// The blob's digest or the part's name.
        name: String,
        /// The first segment that is wrong, from 0; 0 where there are no segments.
        segment: u64,
    },
    /// The master key does not fit what is stored.
    #[error("`{name}` cannot be read: {problem}")]
    Key {
        /// The blob's digest, the part's name, or the storage.
        name: String,
        /// How it does not fit.
        problem: KeyProblem,
    },
    /// The bytes that were given are not those that were announced. Nothing was kept.
    #[error("the bytes have digest `{found}` and are {found_bytes}, not `{wanted}` and {wanted_bytes}: send them again")]
    Mismatch {
        /// What was announced.
        wanted: Sha256Digest,
        /// Their announced number.
        wanted_bytes: u64,
        /// What the bytes have.
        found: Sha256Digest,
        /// Their number.
        found_bytes: u64,
    },
    /// A range that ends before it begins, or after the blob.
    #[error("the range {from}..{to} is not in blob `{digest}` of {bytes} bytes")]
    Range {
        /// Of which blob.
        digest: Sha256Digest,
        /// Its first byte.
        from: u64,
        /// The byte after its last.
        to: u64,
        /// What the blob has.
        bytes: u64,
    },
    /// The disk or the quota is full: somebody must make room, or wait until the collection of garbage did.
    #[error("the artifact storage is full: make room, or give it a larger disk or quota")]
    Full(#[source] object_store::Error),
    /// The storage refuses us: permissions, credentials, a read-only disk, or a clock of ours that is off by which requests are signed.
    #[error("the artifact storage refuses access: look at its permissions and credentials, and at this host's clock")]
    Denied(#[source] object_store::Error),
    /// The storage does not answer, or says that it is busy. Tried again already; may work later with nobody doing anything.
    #[error("the artifact storage does not answer; try again later")]
    Unavailable(#[source] object_store::Error),
    /// The folder or the bucket itself is missing.
    #[error("the artifact storage is missing: make the folder or the bucket, or correct its address")]
    Missing(#[source] object_store::Error),
    /// The storage failed in another way.
    #[error("the artifact storage failed")]
    Storage(#[source] object_store::Error),
    /// A local file, outside the storage, failed.
    #[error("`{path}` cannot be read or written")]
    File {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Whoever sends the bytes of a part failed.
    #[error("the bytes did not come to their end")]
    Input(#[source] io::Error),
    /// An address of a storage that is none.
    #[error("`{address}` is no address of an artifact storage: {why}")]
    Address {
        /// What was given, without credentials.
        address: String,
        /// What is expected.
        why: String,
    },
}

/// How a master key does not fit what is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyProblem {
    /// It was encrypted with another master key.
    #[error("it was encrypted with another master key; give the key that it was written with")]
    Wrong,
    /// It is stored plain, although a key is given.
    #[error("it is stored without encryption, and a master key is given; use an empty storage, or no key")]
    Plain,
    /// It is encrypted, and no key is given.
    #[error("it is encrypted, and no master key is given")]
    Absent,
}

impl BlobError {
    /// Whether the same call may work later with nobody doing anything.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Whether there was no room: in the storage, or on the disk of a local file.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Full(_) => true,
            Self::File { source, .. } => no_room(source),
            _ => false,
        }
    }
}

/// Whether it is the disk or a quota that is full, and not the file or the way to it.
pub fn no_room(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// By what the chain of sources holds; an error's text is never looked at.
impl From<object_store::Error> for BlobError {
    fn from(e: object_store::Error) -> Self {
        match &e {
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => return Self::Denied(e),
            object_store::Error::Precondition { .. } => return Self::Unavailable(e),
            object_store::Error::NotFound { .. } => return Self::Missing(e),
            _ => {}
        }
        let mut next: Option<&(dyn StdError + 'static)> = Some(&e);
        let mut network = false;
        while let Some(source) = next {
            if let Some(io) = source.downcast_ref::<io::Error>() {
                match io.kind() {
                    _ if no_room(io) => return Self::Full(e),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => return Self::Denied(e),
                    io::ErrorKind::TimedOut | io::ErrorKind::StaleNetworkFileHandle => network = true,
                    _ => {}
                }
            } else if let Some(kind) = source.downcast_ref::<HttpError>().map(HttpError::kind) {
                network |= !matches!(kind, HttpErrorKind::Decode);
            }
            next = source.source();
        }
        if network { Self::Unavailable(e) } else { Self::Storage(e) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(errno: i32) -> BlobError {
        let source = Box::new(io::Error::from_raw_os_error(errno));
        object_store::Error::Generic { store: "test", source }.into()
    }

    #[test]
    fn an_error_of_the_system_is_told_by_what_can_be_done_about_it() {
        assert!(matches!(of(28), BlobError::Full(_)), "ENOSPC");
        assert!(matches!(of(122), BlobError::Full(_)), "EDQUOT");
        assert!(matches!(of(13), BlobError::Denied(_)), "EACCES");
        assert!(matches!(of(30), BlobError::Denied(_)), "EROFS");
        assert!(matches!(of(5), BlobError::Storage(_)), "EIO");
        assert!(of(110).retryable() && !of(28).retryable() && !of(13).retryable(), "ETIMEDOUT alone");
        let file = |errno| BlobError::File { path: "x".to_owned(), source: io::Error::from_raw_os_error(errno) };
        assert!(of(28).is_full() && file(28).is_full() && !of(5).is_full() && !file(5).is_full());
    }
}
