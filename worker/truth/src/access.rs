//! Accesses, from what changed between two polls of a record.
//!
//! A record says what is, or what its ring still holds; an access is what is new in it. [`camera`] and [`audio`] compare logs, so each
//! opening and closing is told once; [`ops`] compares the last use in each state, so several uses between two polls
//! are one [`Access`]. All three take only whole records: from a cut or refused one nothing is concluded, and that is a [`Gap`]. The
//! caller then keeps the last whole poll to compare the next one with; a poll before that is not whole counts as none.
//!
//! [`Outcome::Ongoing`] is told with every poll for which it holds; everything else once.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{
    appops::{AppOps, Attributed, OpAccess, UidState, kind_of},
    audio::{self, AudioDump, Rec, RecEvent, RecVerb, Recorder},
    camera::{self, CameraDump, CameraEvent, CameraLog, CameraUser},
    notes::Parsed,
    ring::{Delta, RingEntry, delta},
    when::When,
};

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

/// New accesses to cameras.
pub fn camera(prev: Option<&Parsed<CameraDump>>, now: &Parsed<CameraDump>) -> Changes {
    let Some(log) = now.value.log.as_ref().filter(|_| now.notes.is_whole()) else { return unreadable(Source::CameraService) };
    let old = prev.filter(|p| p.notes.is_whole()).and_then(|p| p.value.log.as_deref());
    let (fresh, mut changes) = fresh(old, log, camera::RING, now.value.log_full, Source::CameraService, |e: &CameraEvent| e.when);
    let mut open: HashMap<(String, bool), (CameraUser, When)> = HashMap::new();
    let before = if changes.gap.is_none() { old.unwrap_or_default() } else { &[] };
    for (event, is_new) in before.iter().map(|e| (e, false)).chain(fresh.iter().map(|e| (e, true))) {
        let (by, outcome, span, reason) = match &event.what {
            CameraLog::Connect { by, offline } => {
                open.insert((by.camera.clone(), *offline), (by.clone(), event.when));
                (by, Outcome::Opened, Span { from: Some(event.when), to: None }, None)
            }
            CameraLog::Disconnect { by, offline } => {
                let began = open.remove(&(by.camera.clone(), *offline)).filter(|(u, _)| u.pid == by.pid).map(|(_, w)| w);
                (by, Outcome::Closed, Span { from: began, to: Some(event.when) }, None)
            }
            CameraLog::Reject { by, reason } => (by, Outcome::Refused, Span::at(event.when), Some(reason.clone())),
            _ => continue,
        };
        if is_new {
            changes.accesses.push(of_camera(by, outcome, span, reason));
        }
    }
    for c in now.value.clients.iter().flatten() {
        let by = CameraUser { camera: c.camera.clone(), package: c.package.clone().unwrap_or_default(), pid: c.pid };
        let began = open.get(&(c.camera.clone(), false)).filter(|(u, _)| u.pid == c.pid).map(|(_, w)| *w);
        changes.accesses.push(of_camera(&by, Outcome::Ongoing, Span { from: began, to: None }, None));
    }
    changes
}

fn of_camera(by: &CameraUser, outcome: Outcome, span: Span, reason: Option<String>) -> Access {
    Access {
        what: What::Camera,
        outcome,
        span,
        source: Source::CameraService,
        package: Some(by.package.clone()).filter(|p| !p.is_empty()),
        uid: None,
        pid: Some(by.pid),
        id: by.camera.clone(),
        state: None,
        reason: reason.filter(|r| !r.is_empty()),
    }
}

/// New accesses to the microphone, by apps and by the system itself.
pub fn audio(prev: Option<&Parsed<AudioDump>>, now: &Parsed<AudioDump>) -> Changes {
    let Some(log) = now.value.log.as_ref().filter(|_| now.notes.is_whole()) else { return unreadable(Source::AudioService) };
    let old = prev.filter(|p| p.notes.is_whole()).and_then(|p| p.value.log.as_deref());
    let (fresh, mut changes) = fresh(old, log, audio::RING, now.value.log_full, Source::AudioService, |e: &RecEvent| e.when);
    let mut open: HashMap<RecorderKey, Recording> = HashMap::new();
    let before = if changes.gap.is_none() { old.unwrap_or_default() } else { &[] };
    for (event, is_new) in before.iter().map(|e| (e, false)).chain(fresh.iter().map(|e| (e, true))) {
        let told = recorder_event(event, &mut open);
        if is_new {
            changes.accesses.extend(told);
        }
    }
    for r in now.value.recorders.iter().flatten().filter(|r| r.active) {
        let began = open.get(&(r.riid, if r.riid.is_some() { None } else { r.session })).and_then(|o| o.from);
        let outcome = if r.silenced == Some(true) { Outcome::Silenced } else { Outcome::Ongoing };
        changes.accesses.push(of_recorder(r, outcome, Span { from: began, to: None }));
    }
    changes
}

/// A recorder's number; without one, its session.
type RecorderKey = (Option<i64>, Option<i64>);

struct Recording {
    from: Option<When>,
    silenced: bool,
    package: Option<String>,
    source: Option<String>,
}

fn recorder_event(event: &RecEvent, open: &mut HashMap<RecorderKey, Recording>) -> Option<Access> {
    let Rec { verb, riid, session, silenced, package, source, uid } = &event.rec;
    let key = (*riid, if riid.is_some() { None } else { *session });
    let as_recorder = |package: &Option<String>, source: &Option<String>| Recorder {
        riid: *riid,
        active: false,
        session: *session,
        source: source.clone(),
        uid: *uid,
        package: package.clone(),
        silenced: *silenced,
    };
    match verb {
        RecVerb::Start | RecVerb::Update => {
            let zeros = *silenced == Some(true);
            let known = open.get_mut(&key).filter(|_| *verb == RecVerb::Update);
            let (outcome, from) = match known {
                Some(r) if zeros == r.silenced => return None,
                Some(r) => {
                    r.silenced = zeros;
                    (if zeros { Outcome::Silenced } else { Outcome::Unsilenced }, event.when)
                }
                None => {
                    let r = Recording { from: Some(event.when), silenced: zeros, package: package.clone(), source: source.clone() };
                    open.insert(key, r);
                    (if zeros { Outcome::Silenced } else { Outcome::Opened }, event.when)
                }
            };
            Some(of_recorder(&as_recorder(package, source), outcome, Span { from: Some(from), to: None }))
        }
        RecVerb::Stop | RecVerb::Release => {
            let was = open.remove(&key);
            if was.is_none() && *verb == RecVerb::Release {
                // It had stopped before, or was never started.
                return None;
            }
            let span = Span { from: was.as_ref().and_then(|r| r.from), to: Some(event.when) };
            let package = package.clone().or_else(|| was.as_ref()?.package.clone());
            let source = source.clone().or_else(|| was?.source);
            Some(of_recorder(&as_recorder(&package, &source), Outcome::Closed, span))
        }
    }
}

fn of_recorder(r: &Recorder, outcome: Outcome, span: Span) -> Access {
    Access {
        what: What::Microphone,
        outcome,
        span,
        source: Source::AudioService,
        package: r.package.clone(),
        uid: r.uid,
        pid: None,
        id: r.riid.or(r.session).map(|n| n.to_string()).unwrap_or_default(),
        state: None,
        reason: None,
    }
}

/// New uses of operations that the product has a word for. Without a poll before, the last use of each, however old.
pub fn ops(prev: Option<&Parsed<AppOps>>, now: &Parsed<AppOps>) -> Changes {
    if !now.notes.is_whole() {
        return unreadable(Source::AppOps);
    }
    let mut known: HashMap<(PartKey<'_>, UseKey<'_>), Vec<&OpAccess>> = HashMap::new();
    for (part, uses) in prev.filter(|p| p.notes.is_whole()).map(|p| parts(&p.value)).unwrap_or_default() {
        for u in &uses.accesses {
            known.entry((part, use_key(u))).or_default().push(u);
        }
    }
    let mut changes = Changes::default();
    let mut going_on = Vec::new();
    for (part, uses) in parts(&now.value) {
        for u in &uses.accesses {
            if known.get(&(part, use_key(u))).is_some_and(|old| old.iter().any(|o| same_use(o, u))) {
                continue;
            }
            let (outcome, span) = if u.rejected {
                (Outcome::Refused, Span::at(u.when))
            } else {
                (Outcome::Accessed, Span { from: Some(u.when), to: u.duration_ms.map(|ms| u.when.plus(ms)) })
            };
            changes.accesses.extend(of_op(part, outcome, span, u.state.clone()));
        }
        if uses.running_ms.is_some() {
            // What is in use has an entry for its begin.
            let last = uses.accesses.iter().filter(|u| !u.rejected).max_by_key(|u| u.when.latest);
            let span = Span { from: last.map(|u| u.when), to: None };
            going_on.extend(of_op(part, Outcome::Ongoing, span, last.and_then(|u| u.state.clone())));
        }
    }
    changes.accesses.append(&mut going_on);
    changes
}

/// Uid, package, operation, tag.
type PartKey<'a> = (u32, &'a str, &'a str, Option<&'a str>);
/// Refused, state, flags.
type UseKey<'a> = (bool, Option<&'a UidState>, &'a [String]);

fn use_key(u: &OpAccess) -> UseKey<'_> {
    (u.rejected, u.state.as_ref(), &u.flags)
}

/// Whether two polls tell the same use. What is doubtful may have been at any time between date and age, and so would be the next use
/// too; but both ends stay where they are.
fn same_use(a: &OpAccess, b: &OpAccess) -> bool {
    const SLACK_MS: u64 = 1000;
    let near = |a: i64, b: i64| a.abs_diff(b) <= SLACK_MS;
    if a.doubtful || b.doubtful {
        near(a.when.earliest, b.when.earliest) && near(a.when.latest, b.when.latest)
    } else {
        a.when.may_be(b.when)
    }
}

fn parts(books: &AppOps) -> Vec<(PartKey<'_>, &Attributed)> {
    let mut all = Vec::new();
    for uid in &books.uids {
        for package in &uid.packages {
            for op in package.ops.iter().filter(|o| kind_of(&o.name).is_some()) {
                for part in &op.attributed {
                    all.push(((uid.uid, package.package.as_str(), op.name.as_str(), part.tag.as_deref()), part));
                }
            }
        }
    }
    all
}

fn of_op((uid, package, op, _): PartKey<'_>, outcome: Outcome, span: Span, state: Option<UidState>) -> Option<Access> {
    Some(Access {
        what: kind_of(op)?,
        outcome,
        span,
        source: Source::AppOps,
        package: Some(package.to_owned()),
        uid: Some(uid),
        pid: None,
        id: op.to_owned(),
        state,
        reason: None,
    })
}

fn unreadable(source: Source) -> Changes {
    Changes { gap: Some(Gap { source, why: Lost::Unreadable, after: None, before: None }), ..Changes::default() }
}

/// What is new in a log, and the changes with the gap in front of it.
fn fresh<'a, E: RingEntry>(
    old: Option<&[E]>,
    log: &'a [E],
    capacity: usize,
    full: bool,
    source: Source,
    when: impl Fn(&E) -> When,
) -> (&'a [E], Changes) {
    let d = delta(old.unwrap_or_default(), log, capacity);
    let why = match d {
        Delta::Overflow { .. } => Some(Lost::Overflow),
        Delta::Restarted { .. } => Some(Lost::Restarted),
        Delta::New { .. } => (full && old.is_none_or(<[E]>::is_empty)).then_some(Lost::Overflow),
    };
    let after = old.and_then(<[E]>::last).map(&when);
    let gap = why.map(|why| Gap { source, why, after, before: log.first().map(&when) });
    (d.events(), Changes { accesses: Vec::new(), gap, at_least: matches!(d, Delta::New { at_least: true, .. }) })
}
