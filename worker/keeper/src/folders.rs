//! Folders: watched when they come, followed when they move, let go when they go.

use std::{
    ffi::OsString,
    fs::File,
    os::unix::{ffi::OsStringExt, fs::MetadataExt},
    time::{Duration, SystemTime},
};

use rustix::{
    fs::{
        AtFlags, Dir,
        inotify::{self, WatchFlags},
        statat,
    },
    io::Errno,
};

use crate::{
    entry::Loss,
    held::{self, Held},
    keeper::{Keeper, Key},
};

/// Depth of folders.
pub(crate) const DEPTH: usize = 200;
/// How exactly a file system dates: a tick of the kernel's, and some.
const TICK: Duration = Duration::from_millis(12);
/// A folder that is older than this when it is watched, and was used, may have lost something before.
const FRESH: Duration = Duration::from_millis(25);

/// A folder that is watched.
pub(crate) struct Folder {
    pub(crate) handle: File,
    /// The folder that it is in; none: it is one of those that were asked for.
    pub(crate) parent: Option<i32>,
    pub(crate) name: OsString,
}

impl Folder {
    /// Whether a name in another folder is this one's.
    fn is_at(&self, folder: &Self, name: &OsString) -> bool {
        let Ok(own) = self.handle.metadata() else { return false };
        statat(&folder.handle, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|s| (s.st_dev, s.st_ino) == (own.dev(), own.ino()))
    }
}

/// Names in a folder.
fn names(handle: &File) -> Result<Vec<OsString>, Errno> {
    let mut all = Vec::new();
    for entry in Dir::read_from(handle)? {
        let name = OsString::from_vec(entry?.file_name().to_bytes().to_vec());
        if name != "." && name != ".." {
            all.push(name);
        }
    }
    Ok(all)
}

impl Keeper {
    /// Watches a folder, and holds what is in it.
    pub(crate) fn adopt(&mut self, parent: Option<i32>, name: OsString, handle: File) -> anyhow::Result<()> {
        let key = parent.map(|p| (p, name.clone()));
        let depth = std::iter::successors(parent, |p| self.folders.get(p)?.parent).take(DEPTH + 1).count();
        let flags = WatchFlags::CREATE
            | WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::ONLYDIR;
        let watch = if depth > DEPTH { Err(Errno::LOOP) } else { inotify::add_watch(&self.events, held::link(&handle), flags) };
        let Ok(wd) = watch else {
            return self.lost(Loss::Unwatched, &key.unwrap_or((-1, name)));
        };
        if self.folders.contains_key(&wd) {
            // It was seen under another name, which it has no more.
            if let Some(key) = key {
                self.unname(wd);
                self.settle(wd, key);
            }
            return Ok(());
        }
        let found = names(&handle);
        let before = handle.metadata();
        if let Some(key) = key {
            self.quick.remove(&key);
            self.below.insert(key, wd);
        }
        self.folders.insert(wd, Folder { handle, parent, name });
        let Ok(found) = found else { return self.lost(Loss::Unreadable, &(wd, OsString::new())) };
        let (mut newest, any) = (None, !found.is_empty());
        for n in found {
            let key = (wd, n);
            self.take(key.clone())?;
            let folder = || self.below.get(&key).and_then(|wd| self.folders.get(wd)?.handle.metadata().ok()?.created().ok());
            newest = newest.max(self.files.get(&key).and_then(Held::born).or_else(folder));
        }
        if !self.first && before.map_or(true, |m| was_used(&m, newest, any)) {
            self.lost(Loss::NewFolder, &(wd, OsString::new()))?;
        }
        Ok(())
    }

    /// A folder has this name now.
    pub(crate) fn settle(&mut self, wd: i32, key: Key) {
        if let Some(f) = self.folders.get_mut(&wd) {
            (f.parent, f.name) = (Some(key.0), key.1.clone());
        }
        self.quick.remove(&key);
        self.below.insert(key, wd);
    }

    /// A folder has its name no more.
    fn unname(&mut self, wd: i32) {
        if let Some(Folder { parent: Some(parent), name, .. }) = self.folders.get(&wd) {
            let key = (*parent, name.clone());
            if self.below.get(&key) == Some(&wd) {
                self.below.remove(&key);
            }
        }
    }

    /// Takes the folder of a name out; none if the name still stands for it, so that what went was another, which is lost.
    pub(crate) fn leave(&mut self, key: &Key) -> anyhow::Result<Option<i32>> {
        let Some(wd) = self.below.get(key).copied() else { return Ok(None) };
        let stays = self.folders.get(&wd).zip(self.folders.get(&key.0)).is_some_and(|(f, parent)| f.is_at(parent, &key.1));
        if stays {
            self.lost(Loss::TooQuick, key)?;
            return Ok(None);
        }
        self.below.remove(key);
        Ok(Some(wd))
    }

    pub(crate) fn folder_gone(&mut self, key: &Key) -> anyhow::Result<()> {
        if self.quick.remove(key) {
            return self.lost(Loss::TooQuick, key);
        }
        self.leave(key).map(drop)
    }

    /// A folder was moved to where nobody watches.
    pub(crate) fn folder_out(&mut self, wd: i32, path: &str) -> anyhow::Result<()> {
        let inside: Vec<Key> = self.files.keys().filter(|k| k.0 == wd).cloned().collect();
        for key in inside {
            if let Some(held) = self.files.remove(&key) {
                self.gone(held, format!("{path}/{}", key.1.to_string_lossy()), false)?;
            }
        }
        let folders: Vec<(Key, i32)> = self.below.iter().filter(|(k, _)| k.0 == wd).map(|(k, w)| (k.clone(), *w)).collect();
        for (key, sub) in folders {
            self.below.remove(&key);
            self.folder_out(sub, &format!("{path}/{}", key.1.to_string_lossy()))?;
        }
        let _ = inotify::remove_watch(&self.events, wd);
        self.folders.remove(&wd);
        Ok(())
    }

    /// The kernel watches a folder no more: it is gone.
    pub(crate) fn forget(&mut self, wd: i32) -> anyhow::Result<()> {
        let left: Vec<Key> = self.files.keys().filter(|k| k.0 == wd).cloned().collect();
        for key in left {
            if let Some(held) = self.files.remove(&key) {
                self.gone(held, self.path(&key), false)?;
            }
        }
        self.unname(wd);
        self.folders.remove(&wd);
        Ok(())
    }

    /// Events are missing: looks at everything. What came and went meanwhile is lost.
    pub(crate) fn look_again(&mut self) -> anyhow::Result<()> {
        self.lost(Loss::Overflow, &(-1, OsString::new()))?;
        let known: Vec<Key> = self.files.keys().cloned().collect();
        for key in known {
            if let Some(held) = self.let_go(&key) {
                self.gone(held, self.path(&key), false)?;
            }
        }
        let folders: Vec<i32> = self.folders.keys().copied().collect();
        for wd in folders {
            let Some(f) = self.folders.get(&wd) else { continue };
            for n in names(&f.handle).unwrap_or_default() {
                let key = (wd, n);
                if !self.files.contains_key(&key) {
                    self.take(key)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether something may have been removed from a folder before it was watched: its names changed after the newest that is in it
/// came, and after it came itself; or it was used and is no longer as fresh as those that are seen at once. By the date that only
/// the kernel sets. Where the file system does not know when something was made, nothing can be said, and that counts as used.
fn was_used(meta: &std::fs::Metadata, newest: Option<SystemTime>, any: bool) -> bool {
    let Ok(made) = meta.created() else { return true };
    let changed = SystemTime::UNIX_EPOCH + Duration::new(u64::try_from(meta.ctime()).unwrap_or(0), meta.ctime_nsec() as u32);
    if changed > newest.map_or(made, |n| n.max(made)) + TICK {
        return true;
    }
    let age = SystemTime::now().duration_since(made).unwrap_or_default();
    age > FRESH && (any || changed > made + TICK)
}
