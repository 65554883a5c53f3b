//! Folders that live as long as their process.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// A folder of this process. It is removed at the end; one that a dead process left, at the next start of the same kind.
#[derive(Debug)]
pub struct OwnFolder {
    path: PathBuf,
    lock: File,
}

impl OwnFolder {
    /// A new folder below `parent` whose name begins with `prefix` and that nobody else may enter; what others of this kind left
    /// there is removed.
    pub fn new(parent: &Path, prefix: &str) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        // One at a time: a folder whose lock is not there yet looks as if nobody had it.
        let turn = File::create(parent.join(format!(".{prefix}lock")))?;
        turn.lock()?;
        for entry in fs::read_dir(parent)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(prefix) && abandoned(&entry.path()) {
                // What cannot be removed now is tried again at the next start.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let path = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?.keep();
        let lock = File::create(path.join("lock"))?;
        lock.try_lock()?;
        Ok(Self { path, lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether no process has this folder. Its lock ends with the process, however that ends.
fn abandoned(dir: &Path) -> bool {
    match File::open(dir.join("lock")) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(e) => e.kind() == io::ErrorKind::NotFound,
    }
}

impl Drop for OwnFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
        let _ = self.lock.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_a_dead_process_left_goes_at_the_next_start_and_a_living_ones_stays() {
        let cache = tempfile::tempdir().unwrap();
        let living = OwnFolder::new(cache.path(), "serve-").unwrap();
        let (dead, cut_short, others) = (cache.path().join("serve-dead"), cache.path().join("serve-none"), cache.path().join("worker"));
        for dir in [&dead, &cut_short, &others] {
            fs::create_dir(dir).unwrap();
            fs::write(dir.join("part-1"), "an upload").unwrap();
        }
        File::create(dead.join("lock")).unwrap();
        File::create(others.join("lock")).unwrap();
        let next = OwnFolder::new(cache.path(), "serve-").unwrap();
        let there = [&dead, &cut_short, &others, living.path(), next.path()].map(std::path::Path::is_dir);
        assert_eq!(there, [false, false, true, true, true]);
        let path = next.path().to_owned();
        drop(next);
        assert!(!path.exists() && living.path().is_dir());
    }
}
