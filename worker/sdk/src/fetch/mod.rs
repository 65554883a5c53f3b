//! Indexes and archives, from the vendor's repository or from a folder. Both are checked the same way.

mod cache;
mod folder;
mod http;
mod part;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

pub use cache::Cache;
pub use http::{Network, Remote};

use crate::{
    SdkError,
    choose::Chosen,
    digest::{self, Digests, Expected, Hasher},
    index::Index,
    progress::{Event, Progress},
};

/// Names of the index of tools, the wanted one first.
const REPOSITORY: &[&str] = &["repository2-1.xml"];
/// Names of the index of images. Older names list fewer images: there for a mirror that has only these.
const IMAGES: &[&str] = &[
    "sys-img/google_apis/sys-img2-5.xml",
    "sys-img/google_apis/sys-img2-4.xml",
    "sys-img/google_apis/sys-img2-3.xml",
    "sys-img/google_apis/sys-img2-1.xml",
];

/// Where things come from.
#[derive(Debug)]
pub enum Source {
    /// A repository over HTTPS.
    Remote(Remote),
    /// A folder with indexes and archives; nothing is asked of a network.
    Folder(PathBuf),
}

/// An archive that is there and is what it must be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fetched {
    /// Where.
    pub path: PathBuf,
    /// What its bytes are.
    pub digests: Digests,
}

impl Source {
    /// Both indexes as one.
    pub async fn index(&self, progress: &dyn Progress) -> Result<Index, SdkError> {
        let mut index = Index::default();
        for names in [REPOSITORY, IMAGES] {
            progress.event(Event::Step { what: "reading the index" });
            let (name, bytes) = match self {
                Self::Remote(remote) => remote.index(names, progress).await?,
                Self::Folder(folder) => folder::index(folder, names)?,
            };
            index.merge(Index::parse(&bytes).map_err(|source| SdkError::Index { name, source })?);
        }
        Ok(index)
    }

    /// An archive, from the cache if it is there.
    pub async fn archive(&self, chosen: &Chosen, cache: &Cache, progress: &dyn Progress) -> Result<Fetched, SdkError> {
        // Held until the check below is over: it removes what is damaged, and must not remove what another has just put there.
        let mut alone = None;
        let path = match self {
            Self::Folder(folder) => folder::archive(folder, chosen)?,
            Self::Remote(remote) => {
                let path = cache.archive(&chosen.expected.sha1);
                alone = Some(cache.lock(&chosen.expected.sha1, chosen.file(), progress).await?);
                if !path.exists() {
                    let digests = remote.archive(chosen, cache, progress).await?;
                    progress.event(Event::Done { name: chosen.file(), cached: false });
                    return Ok(Fetched { path, digests });
                }
                path
            }
        };
        // What was right once may have been damaged since; and the digests are needed anyway.
        let checked = check_file(&path, chosen).await;
        if let (Self::Remote(_), Err(SdkError::WrongChecksum { .. } | SdkError::WrongSize { .. })) = (self, &checked) {
            tracing::warn!(path = %path.display(), "an archive in the cache is damaged and is removed");
            std::fs::remove_file(&path).map_err(SdkError::io("remove", &path))?;
        }
        let digests = checked?;
        progress.event(Event::Done { name: chosen.file(), cached: true });
        drop(alone);
        Ok(Fetched { path, digests })
    }
}

/// Reads a file through and compares.
async fn check_file(path: &Path, chosen: &Chosen) -> Result<Digests, SdkError> {
    let (owned, name, expected) = (path.to_owned(), chosen.file().to_owned(), chosen.expected.clone());
    let task = tokio::task::spawn_blocking(move || {
        let file = std::fs::File::open(&owned).map_err(SdkError::io("open", &owned))?;
        let size = file.metadata().map_err(SdkError::io("read", &owned))?.len();
        if size != expected.size {
            return Err(SdkError::WrongSize { name, expected: expected.size, found: size });
        }
        let (hasher, _) = digest::of_reader(file).map_err(SdkError::io("read", &owned))?;
        check(&name, &expected, hasher)
    });
    task.await.unwrap_or_else(|e| Err(SdkError::io("read", path)(std::io::Error::other(e))))
}

/// Compares digests with all that is known.
fn check(name: &str, expected: &Expected, hasher: Hasher) -> Result<Digests, SdkError> {
    let found = hasher.finish();
    let wrong = |kind, expected: String, found: String| Err(SdkError::WrongChecksum { name: name.to_owned(), kind, expected, found });
    if found.sha1 != expected.sha1 {
        return wrong("SHA-1", expected.sha1.to_string(), found.sha1.to_string());
    }
    match expected.sha256 {
        Some(sha256) if sha256 != found.sha256 => wrong("SHA-256", sha256.to_string(), found.sha256.to_string()),
        _ => Ok(found),
    }
}

/// Writes a small file so that others see all of it or nothing.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), SdkError> {
    use std::hash::{BuildHasher, RandomState};
    // A number of this call alone: process ids are the same in two containers that share a cache, and two tasks share one.
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{:016x}.new", RandomState::new().hash_one(std::process::id())));
    let new = PathBuf::from(new);
    let file = std::fs::File::options().write(true).create_new(true).open(&new).map_err(SdkError::io("make", &new))?;
    let written = { &file }.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| std::fs::rename(&new, path));
    written.map_err(|e| {
        let _ = std::fs::remove_file(&new);
        SdkError::io("write", path)(e)
    })
}

/// An error where less is free.
pub(crate) fn need_space(folder: &Path, need: u64) -> Result<(), SdkError> {
    let free = free_space(folder)?;
    if free < need { Err(SdkError::NoSpace { folder: folder.to_owned(), need, free }) } else { Ok(()) }
}

/// Bytes that are free for a user on the disk of a folder.
pub fn free_space(folder: &Path) -> Result<u64, SdkError> {
    let stat = rustix::fs::statvfs(folder).map_err(|e| SdkError::io("ask for the space of", folder)(e.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_writers_of_one_file_leave_a_whole_one_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("note.json");
        let texts: Vec<Vec<u8>> = (0..8_u8).map(|i| vec![i; 100_000]).collect();
        std::thread::scope(|s| {
            for text in &texts {
                s.spawn(|| (0..10).for_each(|_| write_atomically(&path, text).unwrap()));
            }
        });
        assert!(texts.contains(&std::fs::read(&path).unwrap()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write_atomically(folder.path(), b"a folder is in the way").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
