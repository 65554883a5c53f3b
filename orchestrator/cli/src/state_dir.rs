//! Folders below the cache that live as long as their process.

use std::path::Path;

use stakeout_agent::folder::OwnFolder;

use crate::exit::Failure;

/// A folder of this process. It is removed at the end; one that a dead process left, at the next start of the same kind.
pub(crate) struct StateDir(OwnFolder);

impl StateDir {
    /// A new folder below `parent` whose name begins with `prefix`; what others of this kind left there is removed.
    pub(crate) fn new(parent: &Path, prefix: &str) -> Result<Self, Failure> {
        OwnFolder::new(parent, prefix).map(Self).map_err(|e| {
            Failure::hint(format!("`{}` cannot be used: {e}", parent.display()), "free some space, or set STAKEOUT_CACHE to another folder")
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}
