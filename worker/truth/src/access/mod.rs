//! Accesses, from what changed between two polls of a record.
//!
//! A record says what is, or what its ring still holds; an access is what is new in it. [`camera`] and [`audio`] compare logs, so each
//! opening and closing is told once; [`ops`] compares the last use in each state, so several uses between two polls
//! are one [`Access`]. All three take only whole records: from a cut or refused one nothing is concluded, and that is a [`Gap`]. The
//! caller then keeps the last whole poll to compare the next one with; a poll before that is not whole counts as none.
//!
//! [`Outcome::Ongoing`] is told with every poll for which it holds; everything else once.

mod media;
mod ops;

use serde::{Deserialize, Serialize};

pub use media::{audio, camera};
pub use ops::ops;

use crate::{appops::UidState, when::When};

/// Something that an app got, or asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Access {
    /// What.
    pub what: What,
    /// Whether it got it.
    pub outcome: Outcome,
    /// When.
    pub span: Span,
    /// Which record says so.
    pub source: Source,
    /// The package as the record has it. Where a [`Source`] says so, this may be the app's own word.
    pub package: Option<String>,
    /// The uid.
    pub uid: Option<u32>,
    /// The process.
    pub pid: Option<i32>,
    /// The camera's name, the recorder's number or session, or the operation's name.
    pub id: String,
    /// What the app was doing (app ops, API 28+).
    pub state: Option<UidState>,
    /// The service's words to a refusal.
    pub reason: Option<String>,
}

/// From when until when; none is not known, or not yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Span {
    /// The begin.
    pub from: Option<When>,
    /// The end.
    pub to: Option<When>,
}

impl Span {
    /// A moment.
    pub const fn at(when: When) -> Self {
        Self { from: Some(when), to: Some(when) }
    }
}

/// What an access takes, in the product's words.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Camera.
    Camera,
    /// Microphone.
    Microphone,
    /// Position.
    Location,
    /// Contacts.
    Contacts,
    /// Call log.
    CallLog,
    /// Calendar.
    Calendar,
    /// Networks nearby.
    Wifi,
    /// Cells nearby.
    Cell,
    /// Messages.
    Sms,
    /// Clipboard.
    Clipboard,
    /// Numbers of the device, its line and its SIM.
    Identifiers,
    /// Accounts.
    Accounts,
    /// Pictures, sound, films and files.
    MediaFiles,
    /// Other apps.
    InstalledApps,
}

/// Whether an app got what it asked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A camera was opened, a recorder started. (A camera that is open need not deliver pictures.)
    Opened,
    /// It was closed, or stopped; the span has the begin if it is known.
    Closed,
    /// A recorder runs, but gets zeros: an attempt, no capture.
    Silenced,
    /// A recorder gets sound again.
    Unsilenced,
    /// Data was let through, by the platform's books. It does not say what was returned.
    Accessed,
    /// It was refused.
    Refused,
    /// It is open, recording or in use at the time of the poll.
    Ongoing,
}

/// Which record an access is from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// `dumpsys media.camera`.
    CameraService,
    /// `dumpsys audio`.
    AudioService,
    /// `dumpsys appops`.
    AppOps,
}

/// What is new since the poll before.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Changes {
    /// In the record's order, oldest first; those that go on last.
    pub accesses: Vec<Access>,
    /// What may be missing.
    pub gap: Option<Gap>,
    /// Entries of the ring are alike, so more may have happened than is told.
    pub at_least: bool,
}

/// A time of which the record says nothing, or not all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gap {
    /// Of which record.
    pub source: Source,
    /// Why.
    pub why: Lost,
    /// The newest event before it.
    pub after: Option<When>,
    /// The oldest event behind it.
    pub before: Option<When>,
}

/// Why events may be missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// More happened between two polls than the ring holds; or it was full at the first poll.
    Overflow,
    /// The service began anew between two polls.
    Restarted,
    /// The poll is cut, refused or without the part that matters.
    Unreadable,
}

fn unreadable(source: Source) -> Changes {
    Changes { gap: Some(Gap { source, why: Lost::Unreadable, after: None, before: None }), ..Changes::default() }
}
