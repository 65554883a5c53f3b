//! The folder where things are kept: the list, copies of what is gone, and copies of what was last written.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::entry::{Entry, KEPT, LIST, Loss, What};

/// Copies of what was last written, which become kept ones when it is written over.
const LAST: &str = "last";
/// Lines of the list.
const LINES: u64 = 200_000;
/// Bytes of the list.
const LIST_BYTES: u64 = 64 << 20;
/// Losses in the list.
const LOSSES: u64 = 2000;
/// A piece of a copy.
const PIECE: usize = 1 << 16;

/// What may be kept.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Bytes of a file.
    pub file_bytes: u64,
    /// Bytes together, copies of what was last written among them.
    pub bytes: u64,
    /// Files.
    pub files: u64,
}

/// A copy of what was last written to a file.
#[derive(Debug)]
pub(crate) struct Last {
    number: u64,
    /// Its length.
    pub(crate) bytes: u64,
}

/// What became of what was in a file before a writer closed it.
#[derive(Debug)]
pub(crate) enum Before {
    /// It is the begin of what is in it now, or nothing is known of it.
    Same,
    /// It is kept under this name in [`KEPT`].
    Kept(String),
    /// It is not.
    Lost(Loss),
}

/// See the module.
pub(crate) struct Shelf {
    folder: PathBuf,
    list: BufWriter<File>,
    left: Budget,
    number: u64,
    lines: u64,
    losses: u64,
    unlisted: u64,
    written: u64,
    /// When what is told now happened; none: now.
    pub(crate) at: Option<u64>,
}

impl Shelf {
    /// In a folder, which may hold what an earlier one kept before the guest restarted.
    pub(crate) fn open(folder: &Path, budget: Budget) -> io::Result<Self> {
        for f in [folder.to_owned(), folder.join(KEPT), folder.join(LAST)] {
            fs::create_dir_all(&f)?;
            fs::set_permissions(&f, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        }
        let mut left = budget;
        let mut number = 0;
        for entry in fs::read_dir(folder.join(KEPT))? {
            let entry = entry?;
            number = number.max(entry.file_name().to_str().and_then(|n| n.parse().ok()).unwrap_or(0));
            left.bytes = left.bytes.saturating_sub(entry.metadata()?.len());
            left.files = left.files.saturating_sub(1);
        }
        for entry in fs::read_dir(folder.join(LAST))? {
            fs::remove_file(entry?.path())?;
        }
        let list = BufWriter::new(OpenOptions::new().create(true).append(true).open(folder.join(LIST))?);
        Ok(Self { folder: folder.to_owned(), list, left, number, lines: 0, losses: 0, unlisted: 0, written: 0, at: None })
    }

    /// Writes a line. One that is too many is counted as a loss only if it is one.
    pub(crate) fn tell(&mut self, what: What) -> io::Result<()> {
        let lost = matches!(what, What::Lost { .. });
        let last = matches!(what, What::Ended { .. });
        if lost {
            self.losses += 1;
        }
        if !last && (self.lines >= LINES || self.written >= LIST_BYTES || (lost && self.losses > LOSSES)) {
            // That a file was written or renamed is no loss: it is there. What is gone is in the list or is lost.
            self.unlisted += u64::from(!matches!(what, What::Written { .. } | What::Renamed { .. }));
            return Ok(());
        }
        self.lines += 1;
        let mut line = serde_json::to_vec(&Entry { at: self.at.unwrap_or_else(boot_time), what })?;
        line.push(b'\n');
        self.written += line.len() as u64;
        self.list.write_all(&line)
    }

    /// The last line.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.tell(What::Ended { unlisted: self.unlisted })?;
        self.list.flush()
    }

    /// What was told until here can be read by others.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.list.flush()
    }

    fn path(&self, folder: &str, number: u64) -> PathBuf {
        self.folder.join(folder).join(format!("{number:06}"))
    }

    /// Room for a file of so many bytes, of which so many are new.
    fn room(&self, bytes: u64, more: u64) -> Result<(), Loss> {
        if bytes > self.left.file_bytes {
            return Err(Loss::TooLarge);
        }
        if more > self.left.bytes || self.left.files == 0 {
            return Err(Loss::Full);
        }
        Ok(())
    }

    /// Keeps what a file holds: its name in [`KEPT`], and its length. Nothing is kept of an empty one.
    pub(crate) fn keep(&mut self, file: &File) -> Result<Option<(String, u64)>, Loss> {
        let bytes = file.metadata().map_err(|_| Loss::Unreadable)?.len();
        if bytes == 0 {
            return Ok(None);
        }
        self.room(bytes, bytes)?;
        self.number += 1;
        let to = self.path(KEPT, self.number);
        // Not more than was asked for: somebody may write to it still.
        let Ok(copied) = copy(file, 0, bytes, &to) else {
            let _ = fs::remove_file(&to);
            return Err(Loss::Unreadable);
        };
        self.left.bytes -= copied;
        self.left.files -= 1;
        Ok(Some((format!("{:06}", self.number), copied)))
    }

    /// A file was closed by a writer: what became of what was in it before, and a copy of what is in it now.
    pub(crate) fn written(&mut self, file: &File, last: Option<Last>) -> (Before, Result<Last, Loss>) {
        let Ok(bytes) = file.metadata().map(|m| m.len()) else { return (Before::Same, Err(Loss::Unreadable)) };
        let Some(last) = last else { return (Before::Same, self.copy_last(file, bytes)) };
        let path = self.path(LAST, last.number);
        if begins_with(file, &path, last.bytes) {
            return (Before::Same, self.add(file, last, bytes));
        }
        let before = self.keep_last(last);
        (before, self.copy_last(file, bytes))
    }

    /// What was last written is kept, if it is not the begin of what is in the file now; the copy is gone in any case.
    pub(crate) fn put_by(&mut self, file: &File, last: Last) -> Before {
        if begins_with(file, &self.path(LAST, last.number), last.bytes) {
            self.drop_last(last);
            return Before::Same;
        }
        self.keep_last(last)
    }

    /// A copy of what was last written becomes a kept one. Its bytes are in the budget already, and stay there.
    fn keep_last(&mut self, last: Last) -> Before {
        if self.left.files == 0 {
            self.drop_last(last);
            return Before::Lost(Loss::Full);
        }
        self.number += 1;
        self.left.files -= 1;
        let moved = fs::rename(self.path(LAST, last.number), self.path(KEPT, self.number));
        moved.map_or(Before::Lost(Loss::Unreadable), |()| Before::Kept(format!("{:06}", self.number)))
    }

    /// Tells what became of what was in a file before.
    pub(crate) fn told(&mut self, before: Before, bytes: u64, path: &str) -> io::Result<()> {
        let path = path.to_owned();
        match before {
            Before::Same => Ok(()),
            Before::Kept(name) => self.tell(What::Replaced { path, bytes, kept: Some(name) }),
            Before::Lost(why) => {
                self.tell(What::Lost { why, path: path.clone() })?;
                self.tell(What::Replaced { path, bytes, kept: None })
            }
        }
    }

    fn copy_last(&mut self, file: &File, bytes: u64) -> Result<Last, Loss> {
        self.room(bytes, bytes)?;
        self.number += 1;
        let number = self.number;
        let to = self.path(LAST, number);
        let Ok(copied) = copy(file, 0, bytes, &to) else {
            let _ = fs::remove_file(&to);
            return Err(Loss::Unreadable);
        };
        self.left.bytes -= copied;
        Ok(Last { number, bytes: copied })
    }

    /// The copy of what was last written has an end more.
    fn add(&mut self, file: &File, last: Last, bytes: u64) -> Result<Last, Loss> {
        let more = bytes.saturating_sub(last.bytes);
        if more == 0 {
            return Ok(last);
        }
        if let Err(why) = self.room(bytes, more) {
            self.drop_last(last);
            return Err(why);
        }
        let path = self.path(LAST, last.number);
        let Ok(copied) = copy(file, last.bytes, more, &path) else {
            self.drop_last(last);
            return Err(Loss::Unreadable);
        };
        self.left.bytes -= copied;
        Ok(Last { bytes: last.bytes + copied, ..last })
    }

    /// The copy of what was last written is needed no more.
    pub(crate) fn drop_last(&mut self, last: Last) {
        if fs::remove_file(self.path(LAST, last.number)).is_ok() {
            self.left.bytes += last.bytes;
        }
    }
}

/// Copies a part of a file to the end of another; how much there was.
fn copy(mut from: &File, at: u64, bytes: u64, to: &Path) -> io::Result<u64> {
    from.seek(SeekFrom::Start(at))?;
    let mut to = OpenOptions::new().create(true).append(true).open(to)?;
    io::copy(&mut from.take(bytes), &mut to)
}

/// Whether a file begins with what another holds.
fn begins_with(mut file: &File, other: &Path, bytes: u64) -> bool {
    let mut compare = || -> io::Result<bool> {
        file.seek(SeekFrom::Start(0))?;
        let mut other = File::open(other)?.take(bytes);
        let (mut a, mut b) = (vec![0; PIECE], vec![0; PIECE]);
        loop {
            let n = other.read(&mut a)?;
            if n == 0 {
                return Ok(true);
            }
            match file.read_exact(&mut b[..n]) {
                Ok(()) if a[..n] == b[..n] => {}
                _ => return Ok(false),
            }
        }
    };
    compare().unwrap_or(false)
}

/// Nanoseconds since the boot.
pub(crate) fn boot_time() -> u64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}
