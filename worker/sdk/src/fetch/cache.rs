//! Archives by digest in a folder, each fetched by one process at a time.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    SdkError,
    digest::Sha1Digest,
    progress::{Event, Progress},
};

/// How often a process that waits for another looks again.
const LOOK: Duration = Duration::from_millis(200);

/// The cache.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cache {
    folder: PathBuf,
}

/// Held while an archive is fetched. The system gives it back when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Alone(#[expect(dead_code, reason = "held for its lock")] File);

impl Cache {
    /// A cache in a folder, which is made.
    pub fn open(folder: &Path) -> Result<Self, SdkError> {
        let archives = folder.join("archives");
        std::fs::create_dir_all(&archives).map_err(SdkError::io("make", &archives))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a whole archive is.
    pub fn archive(&self, sha1: &Sha1Digest) -> PathBuf {
        self.with(sha1, "zip")
    }

    /// Where the beginning of one is.
    pub(crate) fn part(&self, sha1: &Sha1Digest) -> PathBuf {
        self.with(sha1, "zip.part")
    }

    fn with(&self, sha1: &Sha1Digest, ending: &str) -> PathBuf {
        self.folder.join("archives").join(format!("{sha1}.{ending}"))
    }

    /// Waits until no other process fetches this archive.
    pub(crate) async fn lock(&self, sha1: &Sha1Digest, name: &str, progress: &dyn Progress) -> Result<Alone, SdkError> {
        let path = self.with(sha1, "lock");
        // Never removed: another process may just be opening it.
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(SdkError::io("open", &path))?;
        let mut said = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Alone(file)),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(e)) => return Err(SdkError::io("lock", &path)(e)),
            }
            if !said {
                progress.event(Event::Waiting { name });
                said = true;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
