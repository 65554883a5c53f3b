//! `dumpsys audio`: who records now, and the audio service's log of the last 50 events about recorders.
//!
//! Dates have milliseconds and no year; up to API 32 they are in the zone that the service was started in, later in the zone of
//! the dump. The ring is printed oldest first. The first event of a recorder is often `update` and not `start`: the service logs a start
//! only once it knows the recorder's format. `silenced` is not said by every build; a silenced recorder gets zeros.

use serde::{Deserialize, Serialize};

use crate::{
    lines::{Text, boolean, field, some},
    notes::{Cut, Parsed},
    ring::RingEntry,
    when::{GuestClock, Stamp, When},
};

/// Events that the service keeps.
pub const RING: usize = 50;

/// What the service said of recorders.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct AudioDump {
    /// The recorders that it knows; none if that part is missing.
    pub recorders: Option<Vec<Recorder>>,
    /// The events, oldest first; none if that part is missing.
    pub log: Option<Vec<RecEvent>>,
    /// Whether the ring is full, so that older events are forgotten.
    pub log_full: bool,
    /// How often an event is dated before an older one: somebody set the clock.
    pub clock_jumps: u32,
}

/// A recorder, or before API 29 a recording session.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Recorder {
    /// The recorder's number (API 29+); -1 and 0 are none.
    pub riid: Option<i64>,
    /// Whether it records.
    pub active: bool,
    /// The audio session.
    pub session: Option<i64>,
    /// `MIC`, `CAMCORDER`, `VOICE_RECOGNITION` ..
    pub source: Option<String>,
    /// Whose.
    pub uid: Option<u32>,
    /// The first package of the uid.
    pub package: Option<String>,
    /// Whether it gets zeros (API 29+).
    pub silenced: Option<bool>,
}

/// An event of the service's log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RecEvent {
    /// When, to the millisecond.
    pub when: When,
    /// What.
    pub rec: Rec,
    /// The text of the ring, which tells events apart.
    pub raw: String,
}

impl RingEntry for RecEvent {
    fn raw(&self) -> &str {
        &self.raw
    }
}

/// What an event says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rec {
    /// What happened.
    pub verb: RecVerb,
    /// See [`Recorder::riid`].
    pub riid: Option<i64>,
    /// See [`Recorder::uid`].
    pub uid: Option<u32>,
    /// See [`Recorder::session`].
    pub session: Option<i64>,
    /// See [`Recorder::source`].
    pub source: Option<String>,
    /// See [`Recorder::silenced`]; none where the build does not say.
    pub silenced: Option<bool>,
    /// See [`Recorder::package`]; before API 29 missing in `stop`.
    pub package: Option<String>,
}

/// What happened to a recorder.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecVerb {
    /// It began to record.
    Start,
    /// Its format, device or silence changed while it records; often the first that is logged.
    Update,
    /// It stopped.
    Stop,
    /// It was given up, or its process died.
    Release,
}

/// Reads the answer of `dumpsys audio`.
pub fn parse(bytes: &[u8], clock: &GuestClock) -> Parsed<AudioDump> {
    #[derive(PartialEq)]
    enum Part {
        Other,
        Recorders,
        Log,
    }
    let (text, mut notes) = Text::new(bytes);
    let mut dump = AudioDump::default();
    let mut part = Part::Other;
    let (mut waiting, mut opened) = (false, 0);
    for line in text.lines(&mut notes) {
        let t = line.trim();
        if t.starts_with("RecordActivityMonitor") {
            // Other parts of this dump hold text of apps, which may look like this one.
            if dump.recorders.replace(Vec::new()).is_some() {
                notes.cut(Cut::Twice);
            }
            (part, waiting) = (Part::Recorders, false);
        } else if t.starts_with("Audio event log:") || t.starts_with("Events log:") {
            part = if t.to_ascii_lowercase().contains("recording activity") { Part::Log } else { Part::Other };
            if part == Part::Log && dump.log.replace(Vec::new()).is_some() {
                notes.cut(Cut::Twice);
            }
        } else if t.is_empty() {
            part = Part::Other;
        } else if part == Part::Recorders {
            let list = dump.recorders.get_or_insert_default();
            if let Some((riid, active)) = riid_line(t) {
                // Its configuration, if it has one, is the next line.
                (waiting, opened) = (true, list.len());
                notes.keep(list, Recorder { riid, active, ..Recorder::default() });
            } else if let Some(r) = recorder(t) {
                match list.get_mut(opened).filter(|_| waiting) {
                    Some(head) => *head = Recorder { riid: head.riid, active: head.active, ..r },
                    // Without a line of its own the recorder is of API 28 or older, where only those that record are listed.
                    None => notes.keep(list, Recorder { active: true, ..r }),
                }
                waiting = false;
            } else if t != "no config" {
                notes.unknown(t);
            }
        } else if part == Part::Log {
            let event = Stamp::read(t).and_then(|(s, rest)| Some((clock.resolve(s)?, rec(rest)?)));
            match event {
                Some((when, rec)) => notes.keep(dump.log.get_or_insert_default(), RecEvent { when, rec, raw: t.to_owned() }),
                None => notes.unknown(t),
            }
        } else {
            notes.skipped();
        }
    }
    if dump.log.is_none() || dump.recorders.is_none() {
        notes.cut(Cut::Missing);
    }
    if let Some(log) = &dump.log {
        dump.log_full = log.len() >= RING;
        dump.clock_jumps = log.windows(2).map(|w| u32::from(w[1].when.is_before(w[0].when))).sum();
    }
    notes.with(dump)
}

/// `riid 47; active? true`
fn riid_line(t: &str) -> Option<(Option<i64>, bool)> {
    let (riid, active) = t.strip_prefix("riid ")?.split_once("; active? ")?;
    Some((real(riid.parse().ok()?), boolean(active)?))
}

/// Recorders that the audio server tracks by itself have no number of their own.
fn real(riid: i64) -> Option<i64> {
    (riid > 0).then_some(riid)
}

/// `session:33 -- source client=MIC, dev=.. -- uid:10192 -- patch:24 -- pack:p -- format .. -- silenced:false -- effects ..`; the
/// names of effects may hold anything, so the first part of each kind counts.
fn recorder(t: &str) -> Option<Recorder> {
    let session = t.strip_prefix("session:")?;
    let part = |key: &str| t.split(" -- ").find_map(|p| p.trim().strip_prefix(key));
    Some(Recorder {
        riid: None,
        active: false,
        session: session.split(" -- ").next()?.trim().parse().ok(),
        source: part("source client=").map(|s| s.split(',').next().unwrap_or(s).trim().to_owned()),
        uid: part("uid:").and_then(|u| u.trim().parse().ok()),
        package: part("pack:").and_then(some),
        silenced: part("silenced:").and_then(|s| boolean(s.trim())),
    })
}

/// `rec start riid:47 uid:10192 session:33 src:MIC [not ]silenced pack:p`; without the date. Also a line of logcat.
pub(crate) fn rec(text: &str) -> Option<Rec> {
    let rest = text.trim_start().strip_prefix("rec ")?.trim_start();
    let (verb, rest) = rest.split_once(' ')?;
    let verb = match verb {
        "start" => RecVerb::Start,
        "update" => RecVerb::Update,
        "stop" => RecVerb::Stop,
        "release" => RecVerb::Release,
        _ => return None,
    };
    let words = rest.split(" pack:").next().unwrap_or(rest);
    let silenced = words.split_whitespace().any(|w| w == "silenced").then(|| !words.contains("not silenced"));
    Some(Rec {
        verb,
        riid: field(rest, "riid:").and_then(|n| n.parse().ok()).and_then(real),
        uid: field(rest, "uid:").and_then(|n| n.parse().ok()),
        session: field(rest, "session:").and_then(|n| n.parse().ok()).filter(|s| *s >= 0),
        source: field(rest, "src:").map(str::to_owned),
        silenced,
        package: field(rest, "pack:").and_then(some),
    })
}
