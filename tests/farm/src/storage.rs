//! Where a farm's artifacts are: an S3-compatible server, or a folder.

use anyhow::Result;
use stakeout_servers::{disk::Disk, s3::S3Server};
use tempfile::TempDir;

/// Where artifacts are.
pub(crate) enum Storage {
    S3(S3Server),
    /// Unmounted before its folder is removed.
    Folder(Disk, TempDir),
}

impl Storage {
    /// On a disk of its own of so many MiB.
    pub(crate) fn start(folder: bool, mib: u32) -> Result<Self> {
        if !folder {
            return Ok(Self::S3(S3Server::start_on_a_small_disk(mib)?));
        }
        let dir = tempfile::tempdir()?;
        Ok(Self::Folder(Disk::mount(dir.path(), mib)?, dir))
    }

    /// For `--blobs`.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::S3(s) => format!("s3://{}/farm?endpoint={}&region={}", S3Server::BUCKET, s.endpoint(), S3Server::REGION),
            Self::Folder(_, dir) => dir.path().join("artifacts").display().to_string(),
        }
    }

    pub(crate) fn fill(&self) -> Result<()> {
        match self {
            Self::S3(s) => s.fill()?,
            Self::Folder(disk, _) => disk.fill()?,
        }
        Ok(())
    }

    pub(crate) fn free(&self) -> Result<()> {
        match self {
            Self::S3(s) => s.free()?,
            Self::Folder(disk, _) => disk.free()?,
        }
        Ok(())
    }
}
