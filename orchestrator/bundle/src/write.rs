//! Writing a bundle, within what its reader takes.

use std::{
    fs::File,
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use sha2::{Digest, Sha256};
use stakeout_contract::Sha256Digest;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{
    BundleError, dsse,
    keys::SigningKey,
    layout::{self, ENTRIES_MAX},
    manifest::{LISTED_MAX, Manifest, ManifestEntry, OWN, Salts, salted, salting},
    read::{BUNDLE_MAX, ENTRY_MAX, UNPACKED_MAX},
};

/// Writes a bundle beside its name and renames it when it is whole. What would make it one that [`crate::Bundle`] does not read is
/// refused with [`BundleError::Limit`], and the rest can still be written: see [`Writer::fits`] and [`Writer::leave_out`].
pub struct Writer {
    zip: ZipWriter<Counted<BufWriter<File>>>,
    part: PathBuf,
    path: PathBuf,
    entries: Vec<ManifestEntry>,
    salts: Salts,
    left_out: u64,
    used: Used,
}

/// How much of a reader's limits is taken. Where a size is not known before it is written, it is taken for the largest that it
/// may be.
#[derive(Default)]
struct Used {
    entries: usize,
    unpacked: u64,
    /// Bytes of the file, as far as they are written.
    file: Arc<AtomicU64>,
    /// Of the last entry, those that may not be written yet.
    last: u64,
    /// The ZIP's directory.
    directory: u64,
    /// Manifest, envelope and salts.
    own: u64,
}

/// Bytes of an entry in the file: deflate makes little more of what it cannot make smaller.
const fn packed(name: &str, bytes: u64) -> u64 {
    bytes + bytes / 256 + 256 + name.len() as u64
}

/// Bytes of a row of the manifest, which stands in its envelope once more as base64, and of its salt.
const fn row(name: &str) -> u64 {
    let manifest = 200 + name.len() as u64;
    manifest + manifest * 4 / 3 + 60 + name.len() as u64
}

impl Used {
    /// Why an entry cannot be added, if there is to be room for these after it.
    fn refuses(&self, name: &str, bytes: u64, later: Later) -> Option<String> {
        let (entries, own) = (self.entries + 1 + later.entries + OWN.len(), self.own + row(name));
        // The directory, and a little for the envelope itself and the end.
        let rest = self.directory + 46 + name.len() as u64 + own + own / 256 + 4096;
        let file = self.file.load(Ordering::Relaxed) + self.last + packed(name, bytes) + later.bytes + rest;
        if entries > ENTRIES_MAX {
            Some(format!("{entries} entries; at most {ENTRIES_MAX} are read"))
        } else if bytes > ENTRY_MAX {
            Some(format!("entry `{name}` has {bytes} bytes; at most {ENTRY_MAX} are read"))
        } else if self.unpacked + bytes + later.bytes + own > UNPACKED_MAX {
            Some(format!("more than {UNPACKED_MAX} bytes unpacked with `{name}`"))
        } else if file > BUNDLE_MAX {
            Some(format!("more than {BUNDLE_MAX} bytes with `{name}`"))
        } else {
            None
        }
    }

    fn add(&mut self, name: &str, bytes: u64) {
        self.entries += 1;
        self.unpacked += bytes;
        // Deflate holds less than this back.
        self.last = packed(name, bytes).min(1 << 20);
        self.directory += 46 + name.len() as u64;
    }
}

/// What is to come after an entry, for which room is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Later {
    /// So many entries.
    pub entries: usize,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// How far a file was written.
struct Counted<W> {
    inner: W,
    at: u64,
    file: Arc<AtomicU64>,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(buf)?;
        self.at += n as u64;
        self.file.fetch_max(self.at, Ordering::Relaxed);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Seek> Seek for Counted<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.inner.seek(to)?;
        Ok(self.at)
    }
}

impl Writer {
    /// Begins a bundle at `path`, which must not exist.
    pub fn create(path: &Path) -> Result<Self, BundleError> {
        let part = path.with_extension("zip.part");
        let made = |source| BundleError::File { path: part.display().to_string(), doing: "made", source };
        let used = Used::default();
        let inner = BufWriter::new(File::create(&part).map_err(made)?);
        let zip = ZipWriter::new(Counted { inner, at: 0, file: used.file.clone() });
        Ok(Self { zip, part, path: path.to_owned(), entries: vec![], salts: Salts::new(), left_out: 0, used })
    }

    /// Whether an entry of so many bytes can be added, and others later.
    pub fn fits(&self, name: &str, bytes: u64, later: Later) -> bool {
        self.used.refuses(name, bytes, later).is_none()
    }

    /// Adds an entry.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), BundleError> {
        if let Some(what) = self.used.refuses(name, bytes.len() as u64, Later::default()) {
            return Err(BundleError::Limit { what });
        }
        let salt = self.list(name, bytes)?;
        self.salts.insert(name.to_owned(), salt);
        self.put(name, bytes)
    }

    /// Counts an entry that does not fit. The first ones are named in the manifest; none of their bytes are kept.
    pub fn leave_out(&mut self, name: &str, bytes: &[u8]) -> Result<(), BundleError> {
        if self.names_left_out() {
            // Its salt is thrown away: the digest gives nothing away.
            self.list(name, bytes)?;
        }
        self.left_out += 1;
        Ok(())
    }

    /// Whether the next one that is left out will be named: only then its bytes are needed.
    pub const fn names_left_out(&self) -> bool {
        self.left_out < LISTED_MAX
    }

    /// Names an entry in the manifest, and gives its salt.
    fn list(&mut self, name: &str, bytes: &[u8]) -> Result<String, BundleError> {
        let salt = salt()?;
        self.entries.push(ManifestEntry { path: name.to_owned(), size: bytes.len() as u64, digest: salted(&salt, bytes) });
        self.used.own += row(name);
        Ok(salt)
    }

    /// Begins an entry of text of so many bytes, which are given in parts; it must be ended.
    pub fn begin(&mut self, name: &str, bytes: u64) -> Result<Entry<'_>, BundleError> {
        if let Some(what) = self.used.refuses(name, bytes, Later::default()) {
            return Err(BundleError::Limit { what });
        }
        self.start(name, CompressionMethod::Deflated)?;
        self.used.add(name, bytes);
        self.parts(name, bytes, true)
    }

    /// The same of an entry that does not fit, as [`Self::leave_out`].
    pub fn begin_left_out(&mut self, name: &str, bytes: u64) -> Result<Entry<'_>, BundleError> {
        self.parts(name, bytes, false)
    }

    fn parts(&mut self, name: &str, left: u64, kept: bool) -> Result<Entry<'_>, BundleError> {
        let salt = salt()?;
        let hash = salting(&salt);
        Ok(Entry { name: name.to_owned(), salt, hash, size: 0, left, kept, writer: self })
    }

    fn start(&mut self, name: &str, method: CompressionMethod) -> Result<(), BundleError> {
        if !layout::plain(name) {
            return Err(BundleError::Limit { what: format!("`{}` cannot be an entry's name", name.escape_debug()) });
        }
        let options =
            SimpleFileOptions::default().compression_method(method).last_modified_time(zip::DateTime::default()).unix_permissions(0o644);
        Ok(self.zip.start_file(name, options)?)
    }

    pub(crate) fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), BundleError> {
        // Media and archives do not shrink; a size below the limit of plain ZIP is part of the format.
        let dense = bytes.len() > 64 && (bytes.starts_with(b"\xff\xd8\xff") || bytes.starts_with(b"\x89PNG") || bytes.starts_with(b"PK"));
        let method = if dense { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        self.start(name, method)?;
        self.used.add(name, bytes.len() as u64);
        let failed = |source| BundleError::File { path: self.part.display().to_string(), doing: "written", source };
        self.zip.write_all(bytes).map_err(failed)
    }

    /// Fills in the manifest's entries, signs it, and gives the file its name. Returns the signed manifest.
    pub fn finish(mut self, mut manifest: Manifest, operator: &SigningKey) -> Result<Manifest, BundleError> {
        manifest.entries = std::mem::take(&mut self.entries);
        manifest.left_out = self.left_out;
        let payload = serde_json::to_vec_pretty(&manifest)?;
        let envelope = serde_json::to_vec_pretty(&dsse::sign(dsse::MANIFEST, operator, &payload))?;
        let salts = serde_json::to_vec_pretty(&self.salts)?;
        self.close(&payload, &envelope, &salts)?;
        Ok(manifest)
    }

    pub(crate) fn close(mut self, payload: &[u8], envelope: &[u8], salts: &[u8]) -> Result<(), BundleError> {
        for (name, bytes) in OWN.iter().zip([payload, envelope, salts]) {
            self.put(name, bytes)?;
        }
        let failed = |source| BundleError::File { path: self.part.display().to_string(), doing: "written", source };
        let file = self.zip.finish()?.inner.into_inner().map_err(|e| failed(e.into_error()))?;
        let (entries, bytes, unpacked) = (self.used.entries, self.used.file.load(Ordering::Relaxed), self.used.unpacked);
        if entries > ENTRIES_MAX || bytes > BUNDLE_MAX || unpacked > UNPACKED_MAX {
            return Err(BundleError::Limit { what: format!("{entries} entries of {unpacked} bytes in a file of {bytes}") });
        }
        file.sync_all().map_err(failed)?;
        std::fs::rename(&self.part, &self.path).map_err(failed)
    }
}

fn salt() -> Result<String, BundleError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|e| BundleError::Limit { what: format!("no randomness: {e}") })?;
    Ok(hex::encode(salt))
}

/// An entry that is being written: what is large is never in memory as a whole.
pub struct Entry<'a> {
    writer: &'a mut Writer,
    name: String,
    salt: String,
    hash: Sha256,
    size: u64,
    left: u64,
    kept: bool,
}

impl Entry<'_> {
    /// The next part.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), BundleError> {
        let other = || BundleError::Limit { what: format!("entry `{}` has become longer than it was", self.name) };
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(other)?;
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        if !self.kept {
            return Ok(());
        }
        let part = &self.writer.part;
        self.writer.zip.write_all(bytes).map_err(|source| BundleError::File { path: part.display().to_string(), doing: "written", source })
    }

    /// There is no more of it.
    pub fn end(self) {
        let Self { writer: w, name, salt, hash, size, kept, .. } = self;
        if kept || w.names_left_out() {
            w.used.own += row(&name);
            w.entries.push(ManifestEntry { path: name.clone(), size, digest: Sha256Digest::from_bytes(hash.finalize().into()) });
        }
        if kept {
            w.salts.insert(name, salt);
        } else {
            w.left_out += 1;
        }
    }
}
