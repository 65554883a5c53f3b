//! What the keeper writes down: one JSON object a line, in the order in which it learned of it.

use serde::{Deserialize, Serialize};

/// Name of the list, in the keeper's own folder.
pub const LIST: &str = "entries.jsonl";
/// Folder of what was kept, in the keeper's own folder.
pub const KEPT: &str = "kept";
/// A file of this name in the keeper's own folder tells it to end.
pub const STOP: &str = "stop";

/// A line of the list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// When the keeper was told of it: nanoseconds since the boot. It is told at once, or says that it is behind.
    pub at: u64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened to a file. Paths are as the app knows them; what is no UTF-8 in them is replaced.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum What {
    /// From here on everything is watched.
    Watching {
        /// Folders that there were.
        folders: u64,
        /// Files that there were.
        files: u64,
    },
    /// Somebody who could write to it has closed it.
    Written {
        /// The file.
        path: String,
        /// Its length then.
        bytes: u64,
    },
    /// It is gone, or was moved to where nobody watches.
    Deleted {
        /// The file.
        path: String,
        /// Its length.
        bytes: u64,
        /// Its name in the folder [`KEPT`]; none: it was empty, or was there before the app and nobody had changed it, or it was
        /// not kept, which a [`What::Lost`] before this says too.
        kept: Option<String>,
    },
    /// What was in it is gone: written over, or another file was renamed to its name.
    Replaced {
        /// The file.
        path: String,
        /// The length of what was in it.
        bytes: u64,
        /// As in [`What::Deleted`].
        kept: Option<String>,
    },
    /// It has another name.
    Renamed {
        /// The former one.
        path: String,
        /// The new one.
        to: String,
    },
    /// Something could not be kept, or may have been there without being seen.
    Lost {
        /// What.
        why: Loss,
        /// Where.
        path: String,
    },
    /// It was told to end, and has written all that it knows.
    Ended {
        /// Losses that are not in the list, as that is limited.
        unlisted: u64,
    },
}

/// Why something is not there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Gone before it could be opened.
    TooQuick,
    /// Something was removed from a folder that was new, before it was watched.
    NewFolder,
    /// Larger than what is kept of one file.
    TooLarge,
    /// The space, or the number of files, that may be kept is used up.
    Full,
    /// More files than can be held open.
    TooMany,
    /// A folder that is not there, or more of them than can be watched.
    Unwatched,
    /// The app was so far ahead that names may have stood for others in between.
    Behind,
    /// The kernel's queue, or ours, ran over.
    Overflow,
    /// It could not be read or written.
    Unreadable,
}
