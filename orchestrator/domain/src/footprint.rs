//! How an app fills the phone and the line, and how often it asks.

use stakeout_contract::{
    DeviceState, Kind, Rung,
    artifact::Role,
    result::{Footprint, RequestRate},
    trial::TrialRecord,
};

use crate::{events::Event, sent, verdict::TrialEvidence};

/// Hours of a trial in which nobody used the device.
pub(crate) fn idle_hours(r: &TrialRecord) -> f64 {
    DeviceState::IDLE.iter().map(|s| r.hours_in(*s)).sum()
}

pub(crate) fn of(trials: &[TrialEvidence<'_>]) -> Footprint {
    let n = trials.len().max(1) as f64;
    let idle: f64 = trials.iter().map(|t| idle_hours(t.record)).sum();
    let kept: u64 = trials.iter().flat_map(|t| &t.record.artifacts).filter(|a| a.role == Role::AppFile).map(|a| a.size).sum();
    let flows = || trials.iter().flat_map(|t| t.flows.iter().map(move |f| (t, f)));
    let sent: u64 = flows().map(|(_, f)| f.sent).sum();
    let sent_idle: u64 = flows().filter(|(t, f)| sent::by_timeline(t, f).into_iter().any(DeviceState::is_idle)).map(|(_, f)| f.sent).sum();
    let per = |x: u64| if idle > 0.0 { x as f64 / idle } else { 0.0 };
    Footprint {
        kept_bytes_per_idle_hour: per(kept),
        sent_bytes_per_idle_hour: per(sent_idle),
        kept_bytes: kept as f64 / n,
        sent_bytes: sent as f64 / n,
        idle_hours: idle,
    }
}

/// For every kind that was asked for while idle.
pub(crate) fn requests(trials: &[TrialEvidence<'_>], events: &[Event]) -> Vec<RequestRate> {
    let idle: f64 = trials.iter().map(|t| idle_hours(t.record)).sum();
    let rate = |kind: Kind| {
        let requests = events.iter().filter(|e| e.kind == kind && e.rung == Rung::Requested && e.state.is_idle()).count() as u64;
        let per_idle_hour = if idle > 0.0 { requests as f64 / idle } else { 0.0 };
        RequestRate { kind, requests, per_idle_hour }
    };
    Kind::ALL.iter().map(|k| rate(*k)).filter(|r| r.requests > 0).collect()
}
