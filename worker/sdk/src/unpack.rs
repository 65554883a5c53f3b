//! ZIP archives of strangers, entry by entry. All names, kinds and sizes are judged before the first byte is given out, and the
//! real sizes again while they are read. Nothing is written here.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use zip::{CompressionMethod, ZipArchive};

use crate::SdkError;

/// What an archive may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Files and folders.
    pub entries: u64,
    /// Unpacked bytes of all.
    pub total: u64,
}

impl Limits {
    /// Google's emulator: about 5,000 files, 1 GB.
    pub const TOOL: Self = Self { entries: 40_000, total: 8 << 30 };
    /// A system image: about 20 files, 3 to 5 GB.
    pub const IMAGE: Self = Self { entries: 40_000, total: 32 << 30 };
}

const MAX_NAME: usize = 500;
const MAX_DEPTH: usize = 32;
const MAX_LINK: u64 = 1024;
/// The end record and the longest comment after it.
const END_AREA: u64 = 22 + 65_535;

/// An entry.
pub(crate) enum Entry<'a> {
    /// A folder.
    Folder,
    /// A file of exactly so many bytes.
    File {
        /// Bytes that `bytes` gives, no more and no fewer.
        size: u64,
        /// May be run.
        executable: bool,
        /// Its bytes; an error when they are not `size` or not those of the checksum.
        bytes: &'a mut dyn Read,
    },
    /// A symbolic link that stays in the archive's own folder.
    Link {
        /// Relative.
        target: String,
    },
}

/// An archive that was judged.
pub(crate) struct Unpack {
    name: String,
    zip: ZipArchive<BufReader<File>>,
    /// Bytes of all files.
    pub(crate) total: u64,
}

fn refused<T>(name: &str, problem: impl Into<String>) -> Result<T, SdkError> {
    Err(SdkError::Archive { name: name.to_owned(), problem: problem.into() })
}

/// Names in messages are strangers' too.
fn shown(entry: &str) -> String {
    entry.chars().take(80).map(|c| if c.is_control() { '?' } else { c }).collect()
}

impl Unpack {
    /// Opens and judges an archive whose entries must all lie in the folder `top`.
    pub(crate) fn open(path: &Path, name: &str, top: &str, limits: Limits) -> Result<Self, SdkError> {
        let mut file = File::open(path).map_err(SdkError::io("open", path))?;
        let declared = declared_entries(&mut file).map_err(SdkError::io("read", path))?;
        let Some(declared) = declared else { return refused(name, "it is no ZIP") };
        // Before the list of them is read into memory.
        if declared > limits.entries {
            return refused(name, format!("it has {declared} entries, more than {}", limits.entries));
        }
        let mut zip = match ZipArchive::new(BufReader::new(file)) {
            Ok(zip) => zip,
            Err(e) => return refused(name, e.to_string()),
        };
        // The reader keeps one of several entries of the same name, so they are missed in the count.
        if zip.len() as u64 != declared {
            return refused(name, "two entries have the same name, or its end does not fit");
        }
        let (mut total, mut folders, mut others) = (0_u64, BTreeSet::new(), BTreeSet::new());
        for i in 0..zip.len() {
            let entry = match zip.by_index_raw(i) {
                Ok(e) => e,
                Err(e) => return refused(name, e.to_string()),
            };
            let Ok(full) = std::str::from_utf8(entry.name_raw()) else { return refused(name, "an entry's name is not UTF-8") };
            if let Some(problem) = bad_name(full, top) {
                return refused(name, format!("the entry `{}` {problem}", shown(full)));
            }
            if entry.encrypted() {
                return refused(name, format!("the entry `{}` is encrypted", shown(full)));
            }
            if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
                return refused(name, format!("the entry `{}` is compressed in an unknown way", shown(full)));
            }
            if entry.unix_mode().is_some_and(|m| !matches!(m & 0o170_000, 0 | 0o040_000 | 0o100_000 | 0o120_000)) {
                return refused(name, format!("the entry `{}` is neither file, folder nor link", shown(full)));
            }
            total = total.saturating_add(entry.size());
            if total > limits.total {
                return refused(name, format!("it unpacks to more than {} bytes", limits.total));
            }
            if entry.is_symlink() && entry.size() > MAX_LINK {
                return refused(name, format!("the link `{}` is too long", shown(full)));
            }
            let bare = full.trim_end_matches('/').to_owned();
            let fresh = if entry.is_dir() { folders.insert(bare) } else { others.insert(bare) };
            if !fresh {
                return refused(name, format!("the entry `{}` is there twice", shown(full)));
            }
        }
        // Nothing may lie below a file or a link, and no path may be both a folder and something else.
        for path in folders.iter().chain(&others) {
            let above = path.match_indices('/').map(|(i, _)| &path[..i]);
            if above.into_iter().any(|a| others.contains(a)) || (folders.contains(path) && others.contains(path)) {
                return refused(name, format!("the entry `{}` lies below something that is no folder", shown(path)));
            }
        }
        Ok(Self { name: name.to_owned(), zip, total })
    }

    /// Gives out all entries with their paths, which begin with `top`.
    pub(crate) fn each(mut self, mut take: impl FnMut(&str, Entry<'_>) -> io::Result<()>) -> Result<(), SdkError> {
        let name = self.name.clone();
        for i in 0..self.zip.len() {
            let mut entry = match self.zip.by_index(i) {
                Ok(e) => e,
                Err(e) => return refused(&name, e.to_string()),
            };
            let path = String::from_utf8_lossy(entry.name_raw()).trim_end_matches('/').to_owned();
            let write = |e| SdkError::io("write the build context at", Path::new(&path))(e);
            if entry.is_dir() {
                take(&path, Entry::Folder).map_err(write)?;
                continue;
            }
            let (size, mode, link) = (entry.size(), entry.unix_mode().unwrap_or(0), entry.is_symlink());
            let mut exact = Exact { inner: &mut entry, left: size, problem: None };
            if link {
                let mut target = String::new();
                if exact.read_to_string(&mut target).is_err() || !stays_inside(&path, &target) {
                    return refused(&name, format!("the link `{}` leads out of it", shown(&path)));
                }
                take(&path, Entry::Link { target }).map_err(write)?;
                continue;
            }
            let mut head = Vec::new();
            let read = exact.by_ref().take(4).read_to_end(&mut head);
            let executable = mode & 0o111 != 0 || head.starts_with(b"\x7fELF") || head.starts_with(b"#!");
            let taken = read.and_then(|_| {
                let mut bytes = head.as_slice().chain(&mut exact);
                take(&path, Entry::File { size, executable, bytes: &mut bytes })
            });
            match (taken, exact.problem) {
                (Err(_), Some(problem)) => return refused(&name, format!("the entry `{}` {problem}", shown(&path))),
                (taken, _) => taken.map_err(write)?,
            }
        }
        Ok(())
    }
}

/// Gives exactly `left` bytes, then the end; anything else is an error and is remembered.
struct Exact<'a> {
    inner: &'a mut dyn Read,
    left: u64,
    problem: Option<String>,
}

impl Exact<'_> {
    fn fail(&mut self, problem: &str) -> io::Error {
        self.problem = Some(problem.to_owned());
        io::Error::new(io::ErrorKind::InvalidData, problem.to_owned())
    }
}

impl Read for Exact<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if to.is_empty() {
            return Ok(0);
        }
        let most = if self.left == 0 { 1 } else { to.len().min(usize::try_from(self.left).unwrap_or(usize::MAX)) };
        let n = match self.inner.read(&mut to[..most]) {
            Ok(n) => n,
            Err(e) => return Err(self.fail(&format!("is damaged: {e}"))),
        };
        match (self.left, n) {
            (0, 0) => Ok(0),
            (0, _) => Err(self.fail("has more bytes than it says")),
            (_, 0) => Err(self.fail("has fewer bytes than it says")),
            _ => {
                self.left -= n as u64;
                Ok(n)
            }
        }
    }
}

fn bad_name(full: &str, top: &str) -> Option<&'static str> {
    let bare = full.strip_suffix('/').unwrap_or(full);
    let parts = || bare.split('/');
    if full.len() > MAX_NAME || parts().count() > MAX_DEPTH {
        Some("has too long a name")
    } else if full.chars().any(|c| c.is_control() || c == '\\') {
        Some("has strange characters")
    } else if parts().any(|p| matches!(p, "" | "." | "..")) {
        Some("leads out of its folder")
    } else if parts().next() != Some(top) {
        Some("does not lie in the folder that this package has")
    } else {
        None
    }
}

/// Whether a link in an archive's folder points into that folder. `..` only at the beginning: after a name, which may be a link
/// itself, nobody knows where it leads.
fn stays_inside(path: &str, target: &str) -> bool {
    if target.is_empty() || target.starts_with('/') || target.chars().any(|c| c.is_control() || c == '\\') {
        return false;
    }
    // Folders above the link, without the archive's own.
    let above = path.matches('/').count().saturating_sub(1);
    let up = target.split('/').take_while(|p| *p == "..").count();
    up <= above && target.split('/').skip(up).all(|p| p != ".." && !p.is_empty())
}

/// The number of entries in the end record, or in the 64-bit one; none: no end record.
fn declared_entries(file: &mut File) -> io::Result<Option<u64>> {
    let size = file.metadata()?.len();
    let area = size.min(END_AREA + 20);
    file.seek(SeekFrom::Start(size - area))?;
    let mut tail = Vec::new();
    file.by_ref().take(area).read_to_end(&mut tail)?;
    let u16_at = |b: &[u8], at: usize| b.get(at..at + 2).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes);
    let u64_at = |b: &[u8], at: usize| b.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
    let ends = |at: &usize| {
        tail[*at..].starts_with(b"PK\x05\x06") && u16_at(&tail, at + 20).is_some_and(|c| at + 22 + usize::from(c) == tail.len())
    };
    let Some(end) = (0..tail.len().saturating_sub(21)).rev().find(ends) else { return Ok(None) };
    let entries = match u16_at(&tail, end + 10) {
        Some(u16::MAX) if end >= 20 && tail[end - 20..].starts_with(b"PK\x06\x07") => {
            let at = u64_at(&tail, end - 12).unwrap_or(u64::MAX);
            let mut record = Vec::new();
            if at < size {
                file.seek(SeekFrom::Start(at))?;
                file.by_ref().take(56).read_to_end(&mut record)?;
            }
            record.starts_with(b"PK\x06\x06").then(|| u64_at(&record, 32)).flatten()
        }
        other => other.map(u64::from),
    };
    file.rewind()?;
    Ok(entries)
}

#[cfg(test)]
mod tests;
