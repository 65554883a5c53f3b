//! Blobs from the worker, on a tmpfs, each checked against its digest before it is used.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use stakeout_contract::Sha256Digest;
use stakeout_protocol::{Problem, device::BlobRef};

use super::limits;

/// Blobs that have come or are coming. Files are named by number, never by what the worker says.
#[derive(Debug)]
pub struct Blobs {
    folder: PathBuf,
    blobs: HashMap<u64, Blob>,
}

#[derive(Debug)]
enum Blob {
    Coming { file: File, size: u64, digest: Sha256 },
    Whole { size: u64, sha256: Sha256Digest },
    Failed(String),
}

impl Blobs {
    /// Blobs in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), blobs: HashMap::new() }
    }

    /// Where blobs lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes a chunk; an empty one ends the blob. What goes wrong is said when the blob is asked for.
    pub fn chunk(&mut self, blob: u64, bytes: &[u8]) {
        if !self.blobs.contains_key(&blob) {
            let entry = if self.blobs.len() >= limits::BLOBS {
                Blob::Failed(format!("more than {} blobs came", limits::BLOBS))
            } else {
                match File::create(self.path(blob)) {
                    Ok(file) => Blob::Coming { file, size: 0, digest: Sha256::new() },
                    Err(e) => Blob::Failed(e.to_string()),
                }
            };
            if self.blobs.len() <= limits::BLOBS {
                self.blobs.insert(blob, entry);
            }
        }
        let path = self.path(blob);
        let Some(entry) = self.blobs.get_mut(&blob) else { return };
        let Blob::Coming { file, size, digest } = entry else {
            if !bytes.is_empty() {
                *entry = Blob::Failed("more came after its end".to_owned());
            }
            return;
        };
        if bytes.is_empty() {
            *entry = Blob::Whole { size: *size, sha256: Sha256Digest::from_bytes(digest.clone().finalize().into()) };
            return;
        }
        *size += bytes.len() as u64;
        digest.update(bytes);
        let written = if *size > limits::BLOB { Err(std::io::ErrorKind::FileTooLarge.into()) } else { file.write_all(bytes) };
        if let Err(e) = written {
            *entry = Blob::Failed(e.to_string());
            let _ = fs::remove_file(path);
        }
    }

    /// The blob under a name of ours, if it is whole and is what the worker says. It can be taken once.
    pub fn take(&mut self, wanted: &BlobRef, name: &str) -> Result<PathBuf, Problem> {
        let bad = |why: String| Problem::new("bad_request", format!("blob `{}` cannot be used: {why}", wanted.blob));
        match self.blobs.remove(&wanted.blob) {
            None => return Err(bad("it did not come".to_owned())),
            Some(Blob::Coming { .. }) => return Err(bad("it did not end".to_owned())),
            Some(Blob::Failed(why)) => return Err(bad(why)),
            Some(Blob::Whole { size, sha256 }) if size != wanted.size || sha256 != wanted.sha256 => {
                return Err(bad(format!("{size} bytes with digest {sha256} came")));
            }
            Some(Blob::Whole { .. }) => {}
        }
        let to = self.folder.join(name);
        fs::rename(self.path(wanted.blob), &to).map_err(|e| bad(e.to_string()))?;
        Ok(to)
    }

    fn path(&self, blob: u64) -> PathBuf {
        self.folder.join(format!("blob-{blob}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(blob: u64, bytes: &[u8]) -> BlobRef {
        BlobRef { blob, size: bytes.len() as u64, sha256: Sha256Digest::of(bytes) }
    }

    #[test]
    fn a_blob_in_pieces_is_given_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut b = Blobs::new(dir.path());
        for piece in [&b"ab"[..], b"c", b""] {
            b.chunk(4, piece);
        }
        let path = b.take(&named(4, b"abc"), "base.apk").unwrap();
        assert_eq!(fs::read(path).unwrap(), b"abc");
        assert!(b.take(&named(4, b"abc"), "base.apk").is_err());
    }

    #[test]
    fn a_blob_with_another_digest_or_without_end_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut b = Blobs::new(dir.path());
        b.chunk(1, b"abc");
        assert!(b.take(&named(1, b"abc"), "x").unwrap_err().message.contains("did not end"));
        b.chunk(2, b"abd");
        b.chunk(2, b"");
        assert!(b.take(&named(2, b"abc"), "x").unwrap_err().message.contains("digest"));
        b.chunk(3, b"abc");
        b.chunk(3, b"");
        b.chunk(3, b"more");
        assert!(b.take(&named(3, b"abc"), "x").unwrap_err().message.contains("after its end"));
    }
}
