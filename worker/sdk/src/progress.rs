//! What a caller can show while this works.

use std::time::Duration;

use crate::digest::Sha1Digest;

/// Something that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A step began: `reading the index`.
    Step {
        /// In words.
        what: &'a str,
    },
    /// A licence that the user accepted, before anything under it is fetched.
    Accepted {
        /// Its id.
        id: &'a str,
        /// Names its wording.
        hash: Sha1Digest,
    },
    /// A stage of a bake began.
    Stage {
        /// From 1 on.
        number: usize,
        /// How many there are.
        of: usize,
        /// In words.
        what: &'a str,
        /// Longest time.
        deadline: Duration,
    },
    /// A bake begins anew.
    Again {
        /// The stage that failed.
        what: &'a str,
        /// Why.
        why: &'a str,
    },
    /// The program in a container said something for people. It may be anything.
    Note {
        /// What.
        text: &'a str,
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
