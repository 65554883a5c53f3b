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
        let (path, cached) = match self {
            Self::Folder(folder) => (folder::archive(folder, chosen)?, true),
            Self::Remote(remote) => {
                let path = cache.archive(&chosen.expected.sha1);
                let _alone = cache.lock(&chosen.expected.sha1, chosen.file(), progress).await?;
                if !path.exists() {
                    let digests = remote.archive(chosen, cache, progress).await?;
                    progress.event(Event::Done { name: chosen.file(), cached: false });
                    return Ok(Fetched { path, digests });
                }
                (path, true)
            }
        };
        // What was right once may have been damaged since; and the digests are needed anyway.
        let checked = check_file(&path, chosen).await;
        if let (Self::Remote(_), Err(SdkError::WrongChecksum { .. } | SdkError::WrongSize { .. })) = (self, &checked) {
            tracing::warn!(path = %path.display(), "an archive in the cache is damaged and is removed");
            std::fs::remove_file(&path).map_err(SdkError::io("remove", &path))?;
        }
        let digests = checked?;
        progress.event(Event::Done { name: chosen.file(), cached });
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
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}.new", std::process::id()));
    let new = PathBuf::from(new);
    let written = std::fs::File::create(&new).and_then(|mut f| f.write_all(bytes).and_then(|()| f.sync_all()));
    written.and_then(|()| std::fs::rename(&new, path)).map_err(SdkError::io("write", path))
}

/// Bytes that a user may still put on the disk of a folder.
pub(crate) fn need_space(folder: &Path, need: u64) -> Result<(), SdkError> {
    let stat = rustix::fs::statvfs(folder).map_err(|e| SdkError::io("ask for the space of", folder)(e.into()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free < need { Err(SdkError::NoSpace { folder: folder.to_owned(), need, free }) } else { Ok(()) }
}
