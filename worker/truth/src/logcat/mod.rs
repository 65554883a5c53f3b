//! `logcat`: lines, and what the system's own processes say in known words.
//!
//! **The log is written by everybody**: an app may write any text under any tag, so a line is a fact only if it comes from a process
//! that is trusted to write it. [`Log::from_uids`] takes those of [`TRUSTED`] uids, [`Log::from_pids`] those of processes that
//! the caller names (`pidof system_server`); nothing else should be given to [`said`]. A crash is reported by the process that crashes,
//! so that is always the app's own word; that it is gone is said by the system ([`Said::Died`]).
//!
//! As text ([`parse`]) the log can be forged all the same: a tag may hold a line end, and what follows looks like a line of anybody. So
//! facts should be taken from `logcat -B` ([`parse_binary`]), where pid, uid and time are numbers that `logd` put there.

mod said;

use serde::{Deserialize, Serialize};

use crate::{
    lines::{Text, uid},
    notes::{Cut, MAX_BYTES, Notes, Parsed},
    when::{GuestClock, Stamp, When},
};

pub use said::{Crash, Said, crashes, said};

/// Uids whose words [`said`] knows: system_server (and other parts of the system with its uid), audioserver, cameraserver.
pub const TRUSTED: [u32; 3] = [1000, 1041, 1047];

/// What was logged.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Log {
    /// In the log's order.
    pub lines: Vec<Line>,
}

impl Log {
    /// The lines of these processes.
    pub fn from_pids<'a>(&'a self, pids: &'a [i32]) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(|l| pids.contains(&l.pid))
    }

    /// The lines of these uids; none if the log does not tell them.
    pub fn from_uids<'a>(&'a self, uids: &'a [u32]) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(|l| l.uid.is_some_and(|u| uids.contains(&u)))
    }
}

/// A line. A message with several lines is several of these.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Line {
    /// When, to the millisecond.
    pub when: When,
    /// Its uid, where `-v uid` or `-B` was asked for.
    pub uid: Option<u32>,
    /// The process that wrote it.
    pub pid: i32,
    /// Its thread.
    pub tid: i32,
    /// How bad it is.
    pub level: Level,
    /// The writer's name for itself; anything.
    pub tag: String,
    /// What it says; anything.
    pub text: String,
}

/// How bad a line is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// `V`
    Verbose,
    /// `D`
    Debug,
    /// `I`
    Info,
    /// `W`
    Warn,
    /// `E`
    Error,
    /// `F`
    Fatal,
}

impl Level {
    fn read(word: &str) -> Option<Self> {
        Some(match word {
            "V" => Self::Verbose,
            "D" => Self::Debug,
            "I" => Self::Info,
            "W" => Self::Warn,
            "E" => Self::Error,
            "F" | "A" => Self::Fatal,
            _ => return None,
        })
    }
}

/// Reads the answer of `logcat -d -v threadtime`.
pub fn parse(bytes: &[u8], clock: &GuestClock) -> Parsed<Log> {
    let (text, mut notes) = Text::new(bytes);
    let mut log = Log::default();
    for t in text.lines(&mut notes) {
        if t.starts_with("--------- ") {
            // Where a buffer begins, or the log goes over to another.
            continue;
        }
        match line(t, clock) {
            Some(l) => notes.keep(&mut log.lines, l),
            None => notes.unknown(t),
        }
    }
    notes.with(log)
}

/// Reads the answer of `logcat -d -B`: entries of `logger_entry_v4` (log/log_read.h), API 26+. Dates are UTC and exact.
pub fn parse_binary(bytes: &[u8]) -> Parsed<Log> {
    let (mut notes, mut log) = (Notes::default(), Log::default());
    let mut rest = &bytes[..bytes.len().min(MAX_BYTES)];
    if rest.len() < bytes.len() {
        notes.cut(Cut::TooLong);
    }
    while !rest.is_empty() {
        let Some((head, body, after)) = entry(rest) else {
            notes.cut(if rest.len() < ENTRY_MAX { Cut::NoLineEnd } else { Cut::Malformed });
            break;
        };
        rest = after;
        match text_entry(head, body) {
            Some(lines) => lines.for_each(|l| notes.keep(&mut log.lines, l)),
            // Other buffers than text.
            None => notes.skipped(),
        }
    }
    notes.with(log)
}

/// `LOGGER_ENTRY_MAX_LEN`
const ENTRY_MAX: usize = 5 * 1024;
/// Of the buffers: events, statistics and security are no text.
const NO_TEXT: [u32; 3] = [2, 5, 6];

/// Head, body and what follows.
fn entry(bytes: &[u8]) -> Option<(&[u8; 28], &[u8], &[u8])> {
    let two = |at: usize| Some(usize::from(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?)));
    let (body, head) = (two(0)?, two(2)?);
    let first = bytes.first_chunk::<28>().filter(|_| (28..=64).contains(&head) && body <= ENTRY_MAX)?;
    let (all, after) = bytes.split_at_checked(head + body)?;
    Some((first, &all[head..], after))
}

/// The lines of an entry of a text buffer.
fn text_entry<'a>(head: &[u8; 28], body: &'a [u8]) -> Option<impl Iterator<Item = Line> + use<'a>> {
    let four = |at: usize| head[at..].first_chunk().map_or(0, |b| u32::from_le_bytes(*b));
    if NO_TEXT.contains(&four(20)) {
        return None;
    }
    let (pid, tid, uid) = (four(4) as i32, four(8) as i32, four(24));
    let when = When::at(i64::from(four(12)) * 1000 + i64::from(four(16) / 1_000_000));
    let (level, rest) = body.split_first()?;
    let level = match level {
        0..=2 => Level::Verbose,
        3 => Level::Debug,
        4 => Level::Info,
        5 => Level::Warn,
        6 => Level::Error,
        _ => Level::Fatal,
    };
    let mut parts = rest.splitn(2, |b| *b == 0);
    let tag = String::from_utf8_lossy(parts.next()?).into_owned();
    let text = parts.next().unwrap_or_default();
    let text = text.split(|b| *b == 0).next().unwrap_or_default();
    let line = move |t: &[u8]| {
        let text = String::from_utf8_lossy(t.strip_suffix(b"\r").unwrap_or(t)).into_owned();
        Line { when, uid: Some(uid), pid, tid, level, tag: tag.clone(), text }
    };
    Some(text.strip_suffix(b"\n").unwrap_or(text).split(|b| *b == b'\n').map(line))
}

/// `11-25 09:54:40.691 [+0000] [uid] 1234 1250 I Tag     : text`
fn line(t: &str, clock: &GuestClock) -> Option<Line> {
    let (stamp, mut rest) = Stamp::read(t)?;
    let (zone, after) = word(rest)?;
    let when = if zone.len() == 5 && zone.starts_with(['+', '-']) {
        rest = after;
        clock.east_of_utc(zone)?.resolve(stamp)?
    } else {
        clock.resolve(stamp)?
    };
    let (first, rest) = word(rest)?;
    let (second, rest) = word(rest)?;
    let (third, rest) = word(rest)?;
    let (uid, pid, tid, level, rest) = if let Some(level) = Level::read(third) {
        (None, first, second, level, rest)
    } else {
        let (fourth, rest) = word(rest)?;
        // Names of up to five letters stand for numbers.
        let uid = match first {
            "root" => Some(0),
            "shell" => Some(2000),
            n => uid(n),
        };
        (uid, second, third, Level::read(fourth)?, rest)
    };
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let (tag, text) = rest.split_once(": ").or_else(|| Some((rest.strip_suffix(':')?, "")))?;
    Some(Line { when, uid, pid: pid.parse().ok()?, tid: tid.parse().ok()?, level, tag: tag.trim_end().to_owned(), text: text.to_owned() })
}

fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(' ');
    let end = text.find(' ').unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}
