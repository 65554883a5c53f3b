//! When a request went: from its first byte to its last. An app can begin one in use and end it at night.

use stakeout_contract::{
    DeviceState, Nanos,
    clock::trial_time,
    finding::Finding,
    flow::{DNS, Flow},
};

use crate::{acts::Acts, dates, events, verdict::TrialEvidence};

/// When its last byte had come. Where that is not known, its answer's end is after it.
pub(crate) fn until(t: &TrialEvidence<'_>, w: &Flow) -> Nanos {
    let last = if w.real_sent > 0 { w.real_sent } else { w.real_end };
    trial_time(&t.record.clock, last).max(w.at)
}

/// Each state of the timeline in which it went, with the first moment there.
fn spans(t: &TrialEvidence<'_>, w: &Flow) -> Vec<(DeviceState, Nanos)> {
    let until = until(t, w);
    let mut out: Vec<(DeviceState, Nanos)> = t
        .record
        .timeline
        .iter()
        .filter(|s| (s.from < until || s.from <= w.at) && s.to > w.at)
        .map(|s| (s.state, s.from.max(w.at)))
        .collect();
    if out.is_empty() {
        out.push((events::state_at(t, w.at), w.at));
    }
    out
}

pub(crate) fn sorted(states: impl Iterator<Item = DeviceState>) -> Vec<DeviceState> {
    let mut out: Vec<DeviceState> = states.collect();
    out.sort_unstable();
    out.dedup();
    out
}

/// The states in which it may have gone; what follows a tap goes in use.
pub(crate) fn states(t: &TrialEvidence<'_>, acts: &Acts, w: &Flow) -> Vec<DeviceState> {
    // Names are asked for one by one: what follows a tap says nothing of the last of them.
    let last = (w.scheme == DNS).then(|| until(t, w)).map(|at| (events::state_at(t, at), at));
    sorted(spans(t, w).into_iter().chain(last).map(|(state, at)| acts.sent(state, at)))
}

/// The states in which a match may have gone. While an owner sees the preview that an act of theirs began, what its session gave is
/// sent in use as well: a scanner sends its pictures for as long as it is held up.
pub(crate) fn states_of(t: &TrialEvidence<'_>, acts: &Acts, f: &Finding, w: &Flow) -> Vec<DeviceState> {
    if w.scheme == DNS {
        return states(t, acts, w);
    }
    let (given, until) = (dates::sessions(t, f), until(t, w));
    sorted(spans(t, w).into_iter().map(|(state, at)| {
        let ends = t.record.timeline.iter().find(|s| s.from <= at && at < s.to).map_or(until, |s| s.to.min(until));
        if acts.sees(state, &given, at, ends) { DeviceState::InUse } else { acts.sent(state, at) }
    }))
}

/// The same by the timeline alone.
pub(crate) fn by_timeline(t: &TrialEvidence<'_>, w: &Flow) -> Vec<DeviceState> {
    sorted(spans(t, w).into_iter().map(|s| s.0))
}
