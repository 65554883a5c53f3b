//! Files and folders that are held open.

use std::{
    ffi::OsStr,
    fs::File,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    time::Instant,
};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, openat, statat},
    io::Errno,
};

use crate::{entry::Loss, shelf::Last};

/// A copy of what a file held when a writer last closed it.
#[derive(Debug)]
pub(crate) enum Copy {
    /// No writer has closed it since it is held.
    Never,
    /// It is there.
    There(Last),
    /// It could not be made.
    Missing(Loss),
}

/// Length, and the dates of the last change of what is in a file and of what is said of it.
type Stamp = (u64, i64, i64, i64, i64);

/// A file that is held open for reading.
#[derive(Debug)]
pub(crate) struct Held {
    /// The file, whatever its name is.
    pub(crate) file: File,
    /// What was last written.
    pub(crate) copy: Copy,
    /// When that was copied; none: nobody asks any more whether it was copied in time.
    pub(crate) copied: Option<Instant>,
    /// Its length and dates then.
    stamp: Option<Stamp>,
    /// It was changed since.
    pub(crate) changed: bool,
    /// It was there before the app.
    pub(crate) old: bool,
    device: u64,
    inode: u64,
}

/// What has a name.
pub(crate) enum Found {
    /// A file, with its length.
    File(Held, u64),
    /// A folder, to be read.
    Folder(File),
    /// A link, a pipe, a socket: it holds nothing.
    Other,
}

/// Opens what has a name in a folder, without following a link and without waking anybody who waits at a pipe.
pub(crate) fn open(folder: impl AsFd, name: &OsStr) -> rustix::io::Result<Found> {
    let handle = openat(folder, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let stat = rustix::fs::fstat(&handle)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let file = File::from(reopen(&handle, OFlags::empty())?);
            let held = Held {
                file,
                copy: Copy::Never,
                copied: None,
                stamp: None,
                changed: false,
                old: false,
                device: stat.st_dev,
                inode: stat.st_ino,
            };
            Ok(Found::File(held, u64::try_from(stat.st_size).unwrap_or(0)))
        }
        FileType::Directory => Ok(Found::Folder(reopen(&handle, OFlags::DIRECTORY)?.into())),
        _ => Ok(Found::Other),
    }
}

/// What a handle stands for, opened for reading; without changing when it was last read, where we may, and without waiting for
/// whoever has it to himself.
fn reopen(handle: &OwnedFd, more: OFlags) -> rustix::io::Result<OwnedFd> {
    let path = link(handle);
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | more;
    match rustix::fs::open(path.as_str(), flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => rustix::fs::open(path.as_str(), flags, Mode::empty()),
        done => done,
    }
}

/// The name that the kernel gives to what is open here.
pub(crate) fn link(fd: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

impl Held {
    /// Whether it is the app's: it came after it, or somebody wrote to it since.
    pub(crate) const fn is_new(&self) -> bool {
        !self.old || self.changed || !matches!(self.copy, Copy::Never)
    }

    /// It is copied as it is now; at this time, if it has to be asked whether that was in time.
    pub(crate) fn seen(&mut self, copied: Option<Instant>) {
        (self.copied, self.changed, self.old) = (copied, false, false);
        self.stamp = self.stamp_now();
    }

    /// Whether it is as it was when it was copied, as far as the kernel says without looking into it.
    pub(crate) fn is_as_copied(&self) -> bool {
        !self.changed && matches!(self.copy, Copy::There(_)) && self.stamp.is_some() && self.stamp == self.stamp_now()
    }

    fn stamp_now(&self) -> Option<Stamp> {
        let m = self.file.metadata().ok()?;
        Some((m.len(), m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec()))
    }

    /// Whether a name in a folder is this file's.
    pub(crate) fn is_at(&self, folder: impl AsFd, name: &OsStr) -> bool {
        statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|s| (s.st_dev, s.st_ino) == (self.device, self.inode))
    }

    /// Whether this is the same file as another.
    pub(crate) const fn is(&self, other: &Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }

    /// When it came to be; none where the file system does not know.
    pub(crate) fn born(&self) -> Option<std::time::SystemTime> {
        self.file.metadata().ok()?.created().ok()
    }
}
