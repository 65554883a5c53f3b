//! What a caller can show while this works.

use std::time::Duration;

/// Something that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A step began: `reading the index`.
    Step {
        /// In words.
        what: &'a str,
    },
    /// Another process fetches the same file; this one waits for it.
    Waiting {
        /// The file.
        name: &'a str,
    },
    /// More of a file is there.
    Bytes {
        /// The file.
        name: &'a str,
        /// Bytes that are there, those of an earlier run included.
        done: u64,
        /// Bytes that there will be.
        total: u64,
    },
    /// A transfer broke and will be tried again.
    Retry {
        /// The file.
        name: &'a str,
        /// What happened.
        why: &'a str,
        /// When.
        after: Duration,
    },
    /// A file is there and is what it must be.
    Done {
        /// The file.
        name: &'a str,
        /// It was there before.
        cached: bool,
    },
}

/// Takes the events: a bar, a log, nothing. Called from the task that works, so it should return at once.
pub trait Progress: Send + Sync {
    /// Takes one.
    fn event(&self, event: Event<'_>);
}

/// Shows nothing.
impl Progress for () {
    fn event(&self, _: Event<'_>) {}
}
