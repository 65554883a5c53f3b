//! What was found and proves, and of which it is not known when it was taken, or when it was sent.

use std::collections::{BTreeMap, BTreeSet};

use stakeout_contract::{DeviceState, Kind, Rung, artifact::Role, finding::Finding};

use super::{Doubt, Reach, doubt};
use crate::{acts::Acts, dates, events, photos::Photos, sent, verdict::TrialEvidence};

fn names(states: &[DeviceState]) -> String {
    states.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A match that proves, but not in which of several states it was captured or read, or in which it was sent.
pub(super) fn of(t: &TrialEvidence<'_>, acts: &Acts, out: &mut Vec<Doubt>) {
    // There may be thousands of them, of which the same is to be said.
    let mut in_files: BTreeMap<Kind, BTreeSet<Rung>> = BTreeMap::new();
    let photos = Photos::of(t);
    for f in t.analysis.findings.iter().filter(|f| events::counts(t, f) && events::delivered(t, f) && !photos.own(t, f)) {
        of_sending(t, acts, f, out);
        if events::captured_at(f).is_none() && events::rung_of(f.role) == Some(Rung::Stored) {
            in_files.entry(f.kind).or_default().extend(events::rungs(f));
        }
        let maybe = [dates::of(t, acts, f).maybe, events::undated(t, f)].concat();
        if maybe.is_empty() {
            continue;
        }
        for rung in events::rungs(f) {
            let mut d = doubt(
                "undated",
                format!("{} was found, and may be of any of these states: {}", events::what(t, f), names(&maybe)),
                "another trial, whose begin differs",
                Reach::Only(rung),
            );
            (d.kinds, d.states, d.sent) = (Some(vec![f.kind]), Some(maybe.clone()), Some(vec![]));
            out.push(d);
        }
    }
    for (kind, rungs) in in_files {
        let states = events::may_be_read_in(t, kind);
        for rung in rungs.into_iter().filter(|_| states.len() > 1) {
            let mut d = doubt(
                "undated",
                format!(
                    "what was planted as {kind} lies in the app's files, and may have been read in any of these states: {}",
                    names(&states)
                ),
                "a scenario that lets it be read in one state alone",
                Reach::Only(rung),
            );
            (d.kinds, d.states, d.sent) = (Some(vec![kind]), Some(states.clone()), Some(vec![]));
            out.push(d);
        }
    }
}

/// A request that began in one state and ended in another: when its parts went is not known.
fn of_sending(t: &TrialEvidence<'_>, acts: &Acts, f: &Finding, out: &mut Vec<Doubt>) {
    let flow = events::flow_of(t, f).filter(|_| f.role == Some(Role::FlowRequest));
    let states = flow.map(|w| sent::states_of(t, acts, f, w)).filter(|s| s.len() > 1).unwrap_or_default();
    if states.is_empty() {
        return;
    }
    let mut d = doubt(
        "undated",
        format!("{} was in a request that went on through these states: {}", events::what(t, f), names(&states)),
        "another trial, whose begin differs",
        Reach::Only(Rung::Transmitted),
    );
    (d.kinds, d.states, d.sent) = (Some(vec![f.kind]), Some(vec![]), Some(states));
    out.push(d);
}
