//! A small disk in memory, which can be filled.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

/// Unmounted when it is dropped.
#[derive(Debug)]
pub struct Disk(PathBuf);

impl Disk {
    /// One of so many MiB, in place of what a folder has. Needs root, and a mount namespace of the process's own: else others see it.
    pub fn mount(at: &Path, mib: u32) -> io::Result<Self> {
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "stakeout-tests"]).arg(at).output()?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
            return Err(io::Error::other(format!("{said}; run it as root, under `unshare --mount --propagation private`")));
        }
        Ok(Self(at.to_owned()))
    }

    /// Takes all of its room.
    pub fn fill(&self) -> io::Result<()> {
        fill(&self.0)
    }

    /// Ends what [`Self::fill`] began.
    pub fn free(&self) -> io::Result<()> {
        free(&self.0)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(&self.0).status().ok();
    }
}

/// What lies in the way.
const FILLER: &str = "filler";

/// Takes all room of the disk that this folder is the top of.
pub(crate) fn fill(top: &Path) -> io::Result<()> {
    let mut file = File::create(top.join(FILLER))?;
    let mut block = vec![0; 1 << 20];
    loop {
        match file.write(&block) {
            Ok(n) if n > 0 => {}
            // The last of it byte by byte, or something small would still fit.
            Err(e) if e.kind() == io::ErrorKind::StorageFull && block.len() > 1 => block.truncate(block.len() / 2),
            Err(e) if e.kind() == io::ErrorKind::StorageFull => return Ok(()),
            other => return other.map(drop),
        }
    }
}

/// Gives it back.
pub(crate) fn free(top: &Path) -> io::Result<()> {
    std::fs::remove_file(top.join(FILLER))
}
