//! Files and folders that are held open.

use std::{
    ffi::OsStr,
    fs::File,
    os::fd::{AsFd, AsRawFd, OwnedFd},
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

/// A file that is held open for reading.
#[derive(Debug)]
pub(crate) struct Held {
    /// The file, whatever its name is.
    pub(crate) file: File,
    /// What was last written.
    pub(crate) copy: Copy,
    /// When that was copied; none: nobody asks any more whether it was copied in time.
    pub(crate) copied: Option<Instant>,
    device: u64,
    inode: u64,
}

/// What has a name.
pub(crate) enum Found {
    /// A file; whether it has other names too, so that it was written under one of them.
    File(Held, bool),
    /// A folder, to be read.
    Folder(OwnedFd),
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
            let held = Held { file, copy: Copy::Never, copied: None, device: stat.st_dev, inode: stat.st_ino };
            Ok(Found::File(held, stat.st_nlink > 1))
        }
        FileType::Directory => Ok(Found::Folder(reopen(&handle, OFlags::DIRECTORY)?)),
        _ => Ok(Found::Other),
    }
}

/// What a handle stands for, opened for reading; without changing when it was last read, where we may.
fn reopen(handle: &OwnedFd, more: OFlags) -> rustix::io::Result<OwnedFd> {
    let path = link(handle);
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | more;
    match rustix::fs::open(path.as_str(), flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => rustix::fs::open(path.as_str(), flags, Mode::empty()),
        done => done,
    }
}

/// The name that the kernel gives to what is open here.
pub(crate) fn link(fd: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

impl Held {
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
