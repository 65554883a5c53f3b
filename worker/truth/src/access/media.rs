//! Camera and microphone, from the logs of their services.

use std::collections::HashMap;

use super::{Access, Changes, Gap, Lost, Outcome, Source, Span, What, unreadable};
use crate::{
    audio::{self, AudioDump, Rec, RecEvent, RecVerb, Recorder},
    camera::{self, CameraDump, CameraEvent, CameraLog, CameraUser},
    notes::Parsed,
    ring::{Delta, RingEntry, delta},
    when::When,
};

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
        let began = open.get(&(r.riid, if r.riid.is_some() { None } else { r.session })).map(|o| o.from);
        let outcome = if r.silenced == Some(true) { Outcome::Silenced } else { Outcome::Ongoing };
        changes.accesses.push(of_recorder(r, outcome, Span { from: began, to: None }));
    }
    changes
}

/// A recorder's number; without one, its session.
type RecorderKey = (Option<i64>, Option<i64>);

struct Recording {
    from: When,
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
            let sound = match known {
                Some(r) if zeros == r.silenced => return None,
                Some(r) => {
                    r.silenced = zeros;
                    Outcome::Unsilenced
                }
                None => {
                    open.insert(key, Recording { from: event.when, silenced: zeros, package: package.clone(), source: source.clone() });
                    Outcome::Opened
                }
            };
            let outcome = if zeros { Outcome::Silenced } else { sound };
            Some(of_recorder(&as_recorder(package, source), outcome, Span { from: Some(event.when), to: None }))
        }
        RecVerb::Stop | RecVerb::Release => {
            let was = open.remove(&key);
            if was.is_none() && *verb == RecVerb::Release {
                // It had stopped before, or was never started.
                return None;
            }
            let span = Span { from: was.as_ref().map(|r| r.from), to: Some(event.when) };
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
