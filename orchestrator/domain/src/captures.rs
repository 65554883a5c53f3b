//! Captures: one for each session of a sensor, with the highest rung that something of it reached.

use std::collections::{BTreeMap, BTreeSet};

use stakeout_contract::{
    Kind, Nanos, Rung, Sensor,
    finding::Finding,
    observation::Fact,
    result::Capture,
    trial::{Delivered, frame_time},
};

use crate::{
    acts::Acts,
    dates,
    events::{self, Event},
    verdict::TrialEvidence,
};

pub(crate) fn of(trials: &[TrialEvidence<'_>], events: &[Event]) -> Vec<Capture> {
    let mut out = Vec::new();
    for t in trials {
        let acts = Acts::of(t);
        let found: Vec<&Event> = events.iter().filter(|e| e.evidence.trial == t.record.number && e.evidence.finding.is_some()).collect();
        let mut closed = BTreeMap::new();
        let mut delivered: BTreeMap<(Sensor, u64), Vec<&Delivered>> = BTreeMap::new();
        for o in t.observations {
            if let Fact::Closed { sensor, session } = &o.fact {
                closed.entry((*sensor, *session)).or_insert(o.at);
            }
        }
        for d in &t.record.delivered {
            delivered.entry((d.sensor, d.session)).or_default().push(d);
        }
        let mut known = BTreeSet::new();
        for o in t.observations {
            if let Fact::Opened { sensor, session, .. } = &o.fact
                // Both the books and an agent inside of the app may tell of one opening.
                && known.insert((*sensor, *session))
            {
                let given = delivered.get(&(*sensor, *session)).map_or(&[][..], Vec::as_slice);
                let closed = closed.get(&(*sensor, *session)).copied();
                out.push(capture(t, &acts, (*sensor, *session, o.at), closed, given, &found));
            }
        }
    }
    out
}

/// First and last frame of a match that the feed gave in a session.
fn frames_in(f: &Finding, given: &[&Delivered]) -> Option<[u64; 2]> {
    let [a, b] = f.frames?;
    let of_session = |n: &u64| given.iter().any(|d| (d.first..=d.last).contains(n));
    match (f.shown.iter().filter(|n| of_session(n)).min(), f.shown.iter().filter(|n| of_session(n)).max()) {
        (Some(first), Some(last)) => Some([*first, *last]),
        _ => Some([a, b]),
    }
}

fn capture(
    t: &TrialEvidence<'_>,
    acts: &Acts,
    (sensor, session, from): (Sensor, u64, Nanos),
    closed: Option<Nanos>,
    given: &[&Delivered],
    found: &[&Event],
) -> Capture {
    // Of this session are matches of media that the feed gave in it.
    let finding = |e: &Event| e.evidence.finding.and_then(|i| t.analysis.findings.get(i));
    let of_session = |e: &&&Event| finding(e).is_some_and(|f| given.iter().any(|d| d.sensor == sensor && dates::touches(f, d)));
    let kind = Kind::from(sensor);
    let found: Vec<&&Event> = if given.is_empty() { vec![] } else { found.iter().filter(|e| e.kind == kind).filter(of_session).collect() };
    let rung = found.iter().map(|e| e.rung).max().unwrap_or(if given.is_empty() { Rung::Opened } else { Rung::Delivered });
    let frames =
        found.iter().filter_map(|e| finding(e)).filter_map(|f| frames_in(f, given)).reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])]);
    let mut destinations: Vec<String> = found.iter().filter_map(|e| e.evidence.destination.clone()).collect();
    destinations.sort();
    destinations.dedup();
    let last = given.iter().map(|d| match sensor {
        Sensor::Camera => frame_time(d.last),
        Sensor::Microphone => Nanos::saturating((d.last + 1).saturating_mul(50_000_000)),
    });
    let to = closed.or_else(|| last.max()).unwrap_or(from);
    Capture {
        trial: t.record.number,
        kind,
        session: Some(session),
        device_state: acts.state(events::state_at(t, from), sensor, session, from),
        begun_by_act: acts.began(sensor, session),
        from_seconds: from.as_secs_f64(),
        to_seconds: to.as_secs_f64(),
        rung,
        frames,
        destinations,
    }
}
