//! The files of a stopped guest, as a tar.
//!
//! The app made them and may have laid traps: links to our own files, pipes that block, files of a terabyte without
//! blocks, a million names, names with anything in them. So every folder and file is opened from its parent without
//! following links, only regular files are read, files and bytes and names are counted against a budget, and names go
//! into the tar as they are, below a prefix of ours. Where a link points to is up to 4 KiB of the app's choice, so it is
//! taken as a small file. Nobody writes any more: the guest's users are dead by now.

use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStringExt,
    },
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstat, openat, readlinkat, statat};

use crate::core::limits;

/// What may be taken, and what did not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Budget {
    /// Bytes left.
    pub bytes: u64,
    /// Files left.
    pub files: u64,
    /// Files taken.
    pub taken: u64,
    /// Files that did not fit or could not be read.
    pub lost_files: u64,
    /// Their bytes.
    pub lost_bytes: u64,
    names: u64,
}

impl Budget {
    /// So many bytes and files.
    pub fn new(bytes: u64, files: u64) -> Self {
        Self { bytes, files, names: limits::TREE.1, ..Self::default() }
    }
}

/// Files that were there before the app: device, inode, size and time of the last change, which only the kernel sets.
pub type Known = HashSet<(u64, u64, i64, i64, u64)>;

fn mark(s: &rustix::fs::Stat) -> (u64, u64, i64, i64, u64) {
    #[allow(clippy::unnecessary_cast, trivial_numeric_casts, reason = "the types differ by the platform")]
    (s.st_dev as u64, s.st_ino as u64, s.st_size as i64, s.st_ctime as i64, s.st_ctime_nsec as u64)
}

/// All files and links below a folder, before an app has run: what is still so at the end is not the app's.
pub fn known(folder: &Path) -> Known {
    let mut found = Known::new();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut open: Vec<OwnedFd> = rustix::fs::open(folder, flags, Mode::empty()).into_iter().collect();
    while let Some(dir) = open.pop() {
        let Ok(entries) = Dir::read_from(&dir) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Ok(stat) = statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                found.insert(mark(&stat));
            } else if !matches!(name.to_bytes(), b"." | b"..") {
                open.extend(openat(&dir, name, flags, Mode::empty()));
            }
        }
    }
    found
}

/// Folders that go into one tar, each below its prefix.
pub struct Snapshot<W: Write> {
    tar: tar::Builder<W>,
    budget: Budget,
    known: Known,
}

impl<W: Write> Snapshot<W> {
    /// A tar that is written to `to`.
    pub fn new(to: W, budget: Budget) -> Self {
        Self { tar: tar::Builder::new(to), budget, known: Known::new() }
    }

    /// From here on without these files, as long as they are as they were.
    pub fn leave_out(&mut self, known: Known) {
        self.known.extend(known);
    }

    /// Adds all below `folder`, which is a path of ours and may not exist. Errors are those of the writer.
    pub fn add(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::open(folder, flags, Mode::empty()) {
            Ok(dir) => self.walk(dir, Path::new(prefix), 0),
            Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(_) => {
                self.budget.lost_files += 1;
                Ok(())
            }
        }
    }

    /// Ends the tar.
    pub fn finish(self) -> io::Result<(W, Budget)> {
        Ok((self.tar.into_inner()?, self.budget))
    }

    fn walk(&mut self, dir: OwnedFd, at: &Path, depth: usize) -> io::Result<()> {
        let Ok(names) = self.names(&dir) else {
            self.budget.lost_files += 1;
            return Ok(());
        };
        for name in names {
            let path = at.join(&name);
            let Ok(stat) = statat(&dir, &*name, AtFlags::SYMLINK_NOFOLLOW) else {
                self.budget.lost_files += 1;
                continue;
            };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile | FileType::Symlink if self.known.contains(&mark(&stat)) => {}
                FileType::RegularFile => self.file(dir.as_fd(), &name, &path)?,
                FileType::Symlink => self.link(dir.as_fd(), &name, &path)?,
                FileType::Directory if depth < limits::TREE.0 => {
                    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    match openat(&dir, &*name, flags, Mode::empty()) {
                        Ok(d) => self.walk(d, &path, depth + 1)?,
                        Err(_) => self.budget.lost_files += 1,
                    }
                }
                FileType::Directory => self.budget.lost_files += 1,
                // Pipes, sockets and devices hold no bytes of the app's.
                _ => {}
            }
        }
        Ok(())
    }

    /// The names in a folder, sorted, so that the same files make the same tar.
    fn names(&mut self, dir: &OwnedFd) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if self.budget.names == 0 {
                self.budget.lost_files += 1;
                continue;
            }
            self.budget.names -= 1;
            names.push(OsString::from_vec(name.to_vec()));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Where a link points to, as a file of these bytes.
    fn link(&mut self, dir: BorrowedFd<'_>, name: &OsStr, path: &Path) -> io::Result<()> {
        let target = readlinkat(dir, name, Vec::new()).map(std::ffi::CString::into_bytes).unwrap_or_default();
        let size = target.len() as u64;
        if size == 0 || self.budget.files == 0 || size > self.budget.bytes {
            self.budget.lost_files += 1;
            self.budget.lost_bytes = self.budget.lost_bytes.saturating_add(size);
            return Ok(());
        }
        self.budget.files -= 1;
        self.budget.bytes -= size;
        self.budget.taken += 1;
        let mut header = tar::Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o600);
        self.tar.append_data(&mut header, path, &target[..])
    }

    fn file(&mut self, dir: BorrowedFd<'_>, name: &OsStr, path: &Path) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let open = openat(dir, name, flags, Mode::empty()).and_then(|fd| fstat(&fd).map(|s| (fd, s)));
        let Ok((fd, stat)) = open else {
            self.budget.lost_files += 1;
            return Ok(());
        };
        let size = stat.st_size.max(0) as u64;
        if self.budget.files == 0 || size > self.budget.bytes || FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            self.budget.lost_files += 1;
            self.budget.lost_bytes = self.budget.lost_bytes.saturating_add(size);
            return Ok(());
        }
        self.budget.files -= 1;
        self.budget.bytes -= size;
        self.budget.taken += 1;
        let mut header = tar::Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o600);
        header.set_mtime(stat.st_mtime.max(0) as u64);
        // A file that became shorter still fills what its header says.
        self.tar.append_data(&mut header, path, File::from(fd).chain(io::repeat(0)).take(size))
    }
}

/// One file below a folder of ours that the guest may write to: opened without following a link, regular, at most `max` bytes.
pub fn open_one(folder: &Path, name: &str, max: u64) -> io::Result<(File, u64)> {
    let dir = rustix::fs::open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let fd = openat(&dir, name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    let stat = fstat(&fd)?;
    let size = stat.st_size.max(0) as u64;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no regular file"));
    }
    if size > max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has {size} bytes, {max} are allowed")));
    }
    Ok((File::from(fd), size))
}

/// The folders that the host keeps bytes in.
const KEPT: [&str; 3] = ["deleted", "crypto", "code"];

/// The folders of a guest.
#[derive(Clone, Debug)]
pub struct Parts {
    /// What the app has.
    pub data: PathBuf,
    /// What the host kept of it.
    pub artifacts: PathBuf,
    /// What the guest could write to besides: a file there is the app's as much as one among its data.
    pub elsewhere: Vec<PathBuf>,
    /// Of these, what was there before the app.
    pub before: Known,
}

/// All files of a guest: what the app has below `files/`, what was kept of it below a folder for each kind, and what lies
/// elsewhere below `elsewhere/` with its path.
pub fn take<W: Write>(to: W, budget: Budget, parts: Parts) -> io::Result<(W, Budget)> {
    let mut s = Snapshot::new(to, budget);
    s.leave_out(parts.before);
    s.add(&parts.data, "files")?;
    for kind in KEPT {
        let folder = parts.artifacts.join(kind);
        s.add(&folder, kind)?;
        s.leave_out(known(&folder));
    }
    for folder in parts.elsewhere.iter().chain([&parts.artifacts]) {
        s.add(folder, &format!("elsewhere/{}", folder.strip_prefix("/").unwrap_or(folder).display()))?;
    }
    s.finish()
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        fs,
        os::unix::{ffi::OsStrExt, fs::symlink},
    };

    use super::*;

    fn take(folder: &Path, bytes: u64, files: u64) -> (BTreeMap<Vec<u8>, Vec<u8>>, Budget) {
        let mut s = Snapshot::new(Vec::new(), Budget::new(bytes, files));
        s.add(folder, "files").unwrap();
        let (tar, budget) = s.finish().unwrap();
        let mut found = BTreeMap::new();
        for e in tar::Archive::new(&tar[..]).entries().unwrap() {
            let mut e = e.unwrap();
            let mut content = Vec::new();
            e.read_to_end(&mut content).unwrap();
            found.insert(e.path_bytes().into_owned(), content);
        }
        (found, budget)
    }

    #[test]
    fn links_are_not_followed_pipes_are_left_alone_and_hostile_names_are_data() {
        let dir = tempfile::tempdir().unwrap();
        let secret = tempfile::NamedTempFile::new().unwrap();
        fs::write(secret.path(), "secret").unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        fs::write(dir.path().join("a/b/x"), "1").unwrap();
        fs::write(dir.path().join("new\nline"), "2").unwrap();
        fs::write(dir.path().join(OsStr::from_bytes(b"\xff\xfe")), "3").unwrap();
        let long = "n".repeat(255);
        fs::write(dir.path().join(&long), "4").unwrap();
        symlink(secret.path(), dir.path().join("link")).unwrap();
        symlink("/etc", dir.path().join("a/etc")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, dir.path().join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let (found, budget) = take(dir.path(), 1000, 100);
        let names: Vec<Vec<u8>> = found.keys().cloned().collect();
        let mut want =
            vec![b"files/a/b/x".to_vec(), b"files/new\nline".to_vec(), b"files/\xff\xfe".to_vec(), format!("files/{long}").into_bytes()];
        want.extend([b"files/link".to_vec(), b"files/a/etc".to_vec()]);
        want.sort();
        assert_eq!(names, want);
        assert_eq!(found[&b"files/link"[..]], secret.path().as_os_str().as_bytes(), "where it points to, and not what is there");
        assert_eq!(found[&b"files/a/etc"[..]], b"/etc");
        assert_eq!((budget.taken, budget.lost_files), (6, 0));
    }

    #[test]
    fn a_file_without_blocks_does_not_cost_its_size() {
        let dir = tempfile::tempdir().unwrap();
        File::create(dir.path().join("huge")).unwrap().set_len(1 << 40).unwrap();
        fs::write(dir.path().join("small"), "abc").unwrap();
        let (found, budget) = take(dir.path(), 1 << 20, 100);
        assert_eq!(found.len(), 1);
        assert_eq!((budget.lost_files, budget.lost_bytes), (1, 1 << 40));
    }

    #[test]
    fn more_files_than_allowed_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        for i in 0..10 {
            fs::write(dir.path().join(i.to_string()), "abc").unwrap();
        }
        let (found, budget) = take(dir.path(), 1000, 4);
        assert_eq!((found.len(), budget.lost_files, budget.lost_bytes), (4, 6, 18));
    }

    #[test]
    fn one_file_is_opened_only_if_it_is_one() {
        let dir = tempfile::tempdir().unwrap();
        symlink("/etc/passwd", dir.path().join("shot.png")).unwrap();
        assert!(open_one(dir.path(), "shot.png", 1000).is_err());
        fs::write(dir.path().join("ok"), "abc").unwrap();
        assert!(open_one(dir.path(), "ok", 2).is_err());
        assert_eq!(open_one(dir.path(), "ok", 3).unwrap().1, 3);
    }

    #[test]
    fn what_was_there_before_the_app_is_left_out_until_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("jvm")).unwrap();
        for name in ["jvm/same", "jvm/other"] {
            fs::write(dir.path().join(name), "library").unwrap();
        }
        symlink("/lib", dir.path().join("link")).unwrap();
        let before = known(dir.path());
        assert_eq!(before.len(), 3);
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(dir.path().join("jvm/other"), "secrets").unwrap();
        fs::write(dir.path().join("new"), "1").unwrap();
        let mut s = Snapshot::new(Vec::new(), Budget::new(1000, 100));
        s.leave_out(before);
        s.add(dir.path(), "elsewhere/tmp").unwrap();
        let (tar, budget) = s.finish().unwrap();
        let names: Vec<_> =
            tar::Archive::new(&tar[..]).entries().unwrap().map(|e| e.unwrap().path().unwrap().to_str().unwrap().to_owned()).collect();
        assert_eq!(names, ["elsewhere/tmp/jvm/other", "elsewhere/tmp/new"]);
        assert_eq!((budget.taken, budget.lost_files), (2, 0));
    }
}
