//! The folder of a trial on the worker: blobs while they come in, artifacts by digest once they are kept.
//!
//! Writes are blocking calls on the page cache, at most a chunk (1 MiB) at a time.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use stakeout_contract::{
    Sha256Digest,
    artifact::{Artifact, Role},
};

/// Characters of a name that are kept: there may be tens of thousands.
const NAME_MOST: usize = 1024;

/// Artifacts of one trial. The folder goes with it.
pub struct Keep {
    dir: tempfile::TempDir,
    artifacts: Vec<Artifact>,
    stored: HashSet<Sha256Digest>,
    bytes: u64,
    most: u64,
    lost: u64,
    serial: u64,
}

/// A blob that is coming in.
pub struct Incoming {
    file: File,
    path: PathBuf,
    hash: Sha256,
    size: u64,
    most: u64,
    over: bool,
}

/// A blob that has come in: a file that is removed when this is dropped, unless it is kept.
#[derive(Debug)]
pub struct Blob {
    path: PathBuf,
    /// Digest of the bytes.
    pub digest: Sha256Digest,
    /// How many.
    pub size: u64,
}

impl Blob {
    /// Where the bytes are.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Blob {
    fn drop(&mut self) {
        // Gone already when it was kept.
        let _ = fs::remove_file(&self.path);
    }
}

impl Incoming {
    /// Takes bytes; what is beyond the limit is not written, and the blob is no blob.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.over && self.size + bytes.len() as u64 > self.most {
            self.over = true;
            self.file.set_len(0)?;
        }
        if self.over {
            return Ok(());
        }
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// The blob; none if it was too large.
    pub fn finish(self) -> Option<Blob> {
        let blob = Blob { path: self.path, digest: Sha256Digest::from_bytes(self.hash.finalize().into()), size: self.size };
        (!self.over).then_some(blob)
    }
}

impl Keep {
    /// A new folder below `parent`, for at most `most` bytes of artifacts.
    pub fn new(parent: &Path, most: u64) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("trial-").tempdir_in(parent)?;
        // Its parent is closed to others; the analysis' user sees this folder through a mount of its own.
        set_mode(dir.path(), 0o755)?;
        let artifacts = dir.path().join("in/artifacts");
        fs::create_dir_all(&artifacts)?;
        fs::create_dir(dir.path().join("blobs"))?;
        Ok(Self { dir, artifacts: Vec::new(), stored: HashSet::new(), bytes: 0, most, lost: 0, serial: 0 })
    }

    /// The folder that an analysis reads: `trial.json` is put there, artifacts are in `artifacts/SHA256`.
    pub fn analysis_folder(&self) -> PathBuf {
        self.dir.path().join("in")
    }

    /// Where an artifact's bytes are.
    pub fn path(&self, digest: &Sha256Digest) -> PathBuf {
        self.dir.path().join("in/artifacts").join(digest.to_string())
    }

    /// A new file below the folder, for bytes that are no artifact.
    pub fn scratch(&mut self) -> PathBuf {
        self.serial += 1;
        self.dir.path().join("blobs").join(self.serial.to_string())
    }

    /// Begins a blob of at most `most` bytes.
    pub fn begin(&mut self, most: u64) -> io::Result<Incoming> {
        let path = self.scratch();
        Ok(Incoming { file: File::create_new(&path)?, path, hash: Sha256::new(), size: 0, most, over: false })
    }

    /// Keeps a blob as an artifact; `false` if there is no room for it any more. `artifact`'s digest and size are set here.
    pub fn adopt(&mut self, blob: &Blob, mut artifact: Artifact) -> io::Result<bool> {
        if !self.stored.contains(&blob.digest) {
            if self.bytes + blob.size > self.most {
                self.lost += 1;
                return Ok(false);
            }
            let to = self.path(&blob.digest);
            fs::rename(&blob.path, &to)?;
            set_mode(&to, 0o644)?;
            self.stored.insert(blob.digest);
            self.bytes += blob.size;
        }
        (artifact.sha256, artifact.size) = (blob.digest, blob.size);
        self.artifacts.push(artifact);
        Ok(true)
    }

    /// Keeps what a reader gives, up to its end. If that is less than `expected` bytes, the artifact is marked as truncated.
    pub fn adopt_reader(&mut self, reader: &mut dyn Read, mut artifact: Artifact, expected: u64) -> io::Result<Option<Sha256Digest>> {
        let mut incoming = self.begin(self.most)?;
        let (mut buffer, mut read) = (vec![0; 64 << 10], 0);
        loop {
            match reader.read(&mut buffer)? {
                0 => break,
                n => {
                    read += n as u64;
                    incoming.push(&buffer[..n])?;
                }
            }
        }
        artifact.truncated |= read < expected;
        let Some(blob) = incoming.finish() else {
            self.lost += 1;
            return Ok(None);
        };
        Ok(self.adopt(&blob, artifact)?.then_some(blob.digest))
    }

    /// Keeps some bytes under a role and a name for people.
    pub fn adopt_bytes(&mut self, bytes: &[u8], role: Role, name: &str) -> io::Result<Option<Sha256Digest>> {
        self.adopt_reader(&mut &bytes[..], artifact(role, name), bytes.len() as u64)
    }

    /// What is kept.
    pub fn artifacts(&self) -> &[Artifact] {
        &self.artifacts
    }

    /// What is kept, to be amended.
    pub fn artifacts_mut(&mut self) -> &mut Vec<Artifact> {
        &mut self.artifacts
    }

    /// Digests of what is kept, each once, in order.
    pub fn digests(&self) -> Vec<Sha256Digest> {
        let mut all: Vec<_> = self.stored.iter().copied().collect();
        all.sort_unstable();
        all
    }

    /// Bytes of what is kept.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Blobs that found no room: loss of evidence.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Replaces an artifact's bytes, for all entries that name it.
    pub fn replace(&mut self, old: &Sha256Digest, bytes: &[u8]) -> io::Result<Sha256Digest> {
        let new = Sha256Digest::of(bytes);
        let (from, to) = (self.path(old), self.path(&new));
        fs::write(&to, bytes)?;
        set_mode(&to, 0o644)?;
        if new != *old {
            fs::remove_file(from)?;
        }
        self.stored.remove(old);
        self.stored.insert(new);
        for a in &mut self.artifacts {
            if a.sha256 == *old {
                (a.sha256, a.size) = (new, bytes.len() as u64);
            }
            if a.cipher == Some(*old) {
                a.cipher = Some(new);
            }
        }
        Ok(new)
    }
}

/// An artifact without bytes yet. The name that an app gave to a file is searched too: where it is cut, not all was kept.
pub fn artifact(role: Role, name: &str) -> Artifact {
    let head = crate::text::head(name, NAME_MOST);
    let truncated = head.len() < name.len() && matches!(role, Role::AppFile | Role::DeletedFile);
    Artifact { sha256: Sha256Digest::from_bytes([0; 32]), size: 0, role, name: head, flow: None, at: None, cipher: None, truncated }
}

fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_stored_once_and_named_twice() {
        let parent = tempfile::tempdir().unwrap();
        let mut keep = Keep::new(parent.path(), 100).unwrap();
        let a = keep.adopt_bytes(b"abc", Role::AppFile, "a").unwrap().unwrap();
        assert_eq!(keep.adopt_bytes(b"abc", Role::DeletedFile, "../b").unwrap(), Some(a));
        assert_eq!((keep.bytes(), keep.digests(), keep.artifacts().len()), (3, vec![a], 2));
        assert_eq!(fs::read(keep.path(&a)).unwrap(), b"abc");
        assert_eq!(fs::read_dir(parent.path().join(keep.dir.path()).join("blobs")).unwrap().count(), 0);
    }

    #[test]
    fn a_files_name_that_is_cut_is_told_and_a_long_address_is_in_its_request() {
        let cut = |role, length: usize| {
            let a = artifact(role, &"x".repeat(length));
            (a.name.len(), a.truncated)
        };
        for role in [Role::AppFile, Role::DeletedFile] {
            assert_eq!((cut(role, 1024), cut(role, 1025)), ((1024, false), (1024, true)));
        }
        assert_eq!(cut(Role::FlowRequest, 5000), (1024, false));
    }

    #[test]
    fn what_finds_no_room_is_counted_and_leaves_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let mut keep = Keep::new(parent.path(), 5).unwrap();
        assert!(keep.adopt_bytes(b"abcd", Role::AppFile, "a").unwrap().is_some());
        assert!(keep.adopt_bytes(b"efg", Role::AppFile, "b").unwrap().is_none());
        assert!(keep.adopt_bytes(b"too large at once", Role::AppFile, "c").unwrap().is_none());
        assert_eq!((keep.lost(), keep.bytes(), keep.artifacts().len()), (2, 4, 1));
        assert_eq!(fs::read_dir(keep.dir.path().join("blobs")).unwrap().count(), 0);
    }
}
