//! The beginning of an archive on disk, and what is known of where it came from.

use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    SdkError,
    digest::{self, Hasher},
};

/// Longest validator that is kept.
const MAX_VALIDATOR: usize = 256;

/// What a later run must know to go on.
#[derive(Serialize, Deserialize, PartialEq, Eq, Debug)]
struct Origin {
    url: String,
    size: u64,
    /// The strong ETag, else the date; sent back in If-Range.
    validator: String,
}

/// An archive that is being written.
pub(super) struct Part {
    path: PathBuf,
    file: File,
    hasher: Hasher,
    have: u64,
    origin: Option<Origin>,
    /// Bytes of more than one answer are in it.
    pub(super) mended: bool,
}

impl Part {
    /// Goes on with what is there, if it is the beginning of the same file; else begins anew.
    pub(super) fn open(path: &Path, url: &str, size: u64) -> Result<Self, SdkError> {
        let io = SdkError::io("open", path);
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        let mut part = Self { path: path.to_owned(), file, hasher: Hasher::new(), have: 0, origin: None, mended: false };
        let origin =
            std::fs::read(part.origin_path()).ok().filter(|b| b.len() < 4096).and_then(|b| serde_json::from_slice::<Origin>(&b).ok());
        let there = part.file.metadata().map_err(SdkError::io("read", path))?.len();
        match origin {
            Some(o) if o.url == url && o.size == size && o.validator.len() <= MAX_VALIDATOR && there > 0 && there <= size => {
                let (hasher, have) = digest::of_reader(&part.file).map_err(SdkError::io("read", path))?;
                (part.hasher, part.have, part.origin, part.mended) = (hasher, have, Some(o), true);
            }
            _ => part.restart()?,
        }
        Ok(part)
    }

    fn origin_path(&self) -> PathBuf {
        self.path.with_extension("part.json")
    }

    /// Bytes that are there.
    pub(super) fn have(&self) -> u64 {
        self.have
    }

    /// What to send in If-Range; none: the rest cannot be asked for.
    pub(super) fn validator(&self) -> Option<&str> {
        self.origin.as_ref().map(|o| o.validator.as_str())
    }

    /// Forgets what is there.
    pub(super) fn restart(&mut self) -> Result<(), SdkError> {
        // First the note, so that no run takes other bytes for what it describes.
        match std::fs::remove_file(self.origin_path()) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(SdkError::io("remove", &self.origin_path())(e)),
            _ => {}
        }
        self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0))).map_err(SdkError::io("empty", &self.path))?;
        (self.hasher, self.have, self.origin, self.mended) = (Hasher::new(), 0, None, false);
        Ok(())
    }

    /// Notes what the bytes that follow belong to.
    pub(super) fn begins(&mut self, url: &str, size: u64, validator: Option<&str>) -> Result<(), SdkError> {
        let Some(validator) = validator.filter(|v| v.len() <= MAX_VALIDATOR) else { return Ok(()) };
        let origin = Origin { url: url.to_owned(), size, validator: validator.to_owned() };
        let note = serde_json::to_vec(&origin).map_err(|e| SdkError::io("make", &self.origin_path())(e.into()))?;
        super::write_atomically(&self.origin_path(), &note)?;
        self.origin = Some(origin);
        Ok(())
    }

    /// Adds bytes. Written at once and in this thread: a future that is dropped leaves no write behind that a later run would meet.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), SdkError> {
        self.file.write_all(bytes).map_err(SdkError::io("write", &self.path))?;
        self.hasher.update(bytes);
        self.have += bytes.len() as u64;
        Ok(())
    }

    /// The digests of what is there.
    pub(super) fn hasher(&self) -> Hasher {
        self.hasher.clone()
    }

    /// Gives the whole file its name.
    pub(super) fn finish(self, to: &Path) -> Result<(), SdkError> {
        self.file.sync_all().and_then(|()| std::fs::rename(&self.path, to)).map_err(SdkError::io("rename", &self.path))?;
        let _ = std::fs::remove_file(self.origin_path());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_goes_on_only_where_it_is_the_beginning_of_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.zip.part");
        let mut part = Part::open(&path, "u", 6).unwrap();
        part.begins("u", 6, Some("\"a\"")).unwrap();
        part.write(b"abc").unwrap();
        drop(part);
        let part = Part::open(&path, "u", 6).unwrap();
        assert_eq!((part.have(), part.validator(), part.mended), (3, Some("\"a\""), true));
        assert_eq!(part.hasher().finish().sha1, crate::digest::Sha1Digest::of(b"abc"));
        for (url, size) in [("v", 6), ("u", 7)] {
            assert_eq!(Part::open(&path, url, size).unwrap().have(), 0);
            let mut part = Part::open(&path, "u", 6).unwrap();
            assert_eq!(part.have(), 0, "the other one emptied it");
            part.begins("u", 6, Some("\"a\"")).unwrap();
            part.write(b"abc").unwrap();
        }
    }

    #[test]
    fn without_a_validator_a_later_run_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.zip.part");
        let mut part = Part::open(&path, "u", 6).unwrap();
        part.begins("u", 6, None).unwrap();
        part.write(b"abc").unwrap();
        drop(part);
        assert_eq!(Part::open(&path, "u", 6).unwrap().have(), 0);
    }
}
