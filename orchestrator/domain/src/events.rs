//! From what a trial left behind to events: this rung of this kind, reached at this time, in this state.

use std::{collections::BTreeSet, time::Duration};

use stakeout_contract::{
    DeviceState, Kind, Nanos, Probability, Rung, Sensor,
    artifact::Role,
    finding::Finding,
    flow::Flow,
    observation::{Fact, Observation, Source, previews_shown},
    probability::PROVEN_AT_MOST,
    result::Evidence,
    scenario::Body,
    trial::{Delivered, frame_time},
};

use crate::{
    acts::Acts,
    attribution::{Attribution, Nobodys, nobodys},
    dates, permission,
    photos::Photos,
    sent,
    verdict::TrialEvidence,
};

/// A rung that was reached.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub kind: Kind,
    pub rung: Rung,
    pub state: DeviceState,
    /// The state in which it left, whenever it was captured or read; for what was transmitted.
    pub sent: Option<DeviceState>,
    /// The probability, if it proves; none: it supports.
    pub proves: Option<Probability>,
    /// Why it is not known to be the app's own doing: else it would prove.
    pub unattributed: Option<String>,
    /// Its state rests on the device's record, so it proves under `any` alone.
    pub dated_by_record: bool,
    pub evidence: Evidence,
}

/// What tells more of a trial's sessions than its timeline.
struct Known<'a> {
    acts: Acts,
    whose: Attribution<'a>,
    nobodys: Nobodys,
}

/// The request that a match was found in.
pub(crate) fn flow_of<'a>(t: &TrialEvidence<'a>, f: &Finding) -> Option<&'a Flow> {
    f.flow.and_then(|id| t.flows.iter().find(|w| w.id == id))
}

/// All events of a trial.
pub(crate) fn of(t: &TrialEvidence<'_>) -> Vec<Event> {
    let mut out = declared(t);
    let shown = previews_shown(t.observations);
    let whose = Attribution::of(t);
    let known = Known { acts: Acts::of(t), nobodys: nobodys(t, &whose), whose };
    for (i, o) in t.observations.iter().enumerate() {
        let line = t.lines.get(i).map_or(i, |line| *line as usize);
        of_observation(t, &known.acts, (line, o), &shown, &mut out);
    }
    of_delivery(t, &known, &mut out);
    let photos = Photos::of(t);
    let is_one = |f: &Finding| counts(t, f) && delivered(t, f) && !photos.own(t, f);
    for (index, f) in t.analysis.findings.iter().enumerate().filter(|(_, f)| is_one(f)) {
        of_finding(t, &known, (index, f), &mut out);
    }
    for e in &mut out {
        (e.evidence.device_state, e.evidence.sent_state) = (Some(e.state), e.sent);
    }
    out
}

/// Whether a finding is an event at all: of this trial's key, and strong enough.
pub(crate) fn counts(t: &TrialEvidence<'_>, f: &Finding) -> bool {
    f.trial.is_none() && !weak(t, f)
}

/// Whether a match is a lead: too weak to prove once all trials of the job are counted. What the device itself says of plain
/// text supports without proof.
pub(crate) fn weak(t: &TrialEvidence<'_>, f: &Finding) -> bool {
    f.lead || !f.cooperative && corrected(t, f).get() > PROVEN_AT_MOST
}

fn corrected(t: &TrialEvidence<'_>, f: &Finding) -> Probability {
    f.p_false.times(t.trials as f64)
}

/// The state in which a capture, read or request at `at` happened.
pub(crate) fn state_at(t: &TrialEvidence<'_>, at: Nanos) -> DeviceState {
    t.record.state_at(at).unwrap_or(DeviceState::Any)
}

fn declared(t: &TrialEvidence<'_>) -> Vec<Event> {
    let number = t.record.number;
    let of_kind = |kind: Kind| {
        let p = t.record.app.permissions.iter().find(|p| permission::is_of(kind, p))?;
        let evidence = Evidence { trial: number, text: format!("the manifest names `{p}`"), ..Evidence::default() };
        Some(Event {
            kind,
            rung: Rung::Declared,
            state: DeviceState::Any,
            sent: None,
            proves: None,
            unattributed: None,
            dated_by_record: true,
            evidence,
        })
    };
    Kind::ALL.iter().filter_map(|k| of_kind(*k)).collect()
}

fn of_observation(t: &TrialEvidence<'_>, acts: &Acts, (line, o): (usize, &Observation), shown: &BTreeSet<u64>, out: &mut Vec<Event>) {
    let state = match &o.fact {
        Fact::Opened { sensor, session, .. } => acts.state(state_at(t, o.at), *sensor, *session, o.at),
        _ => state_at(t, o.at),
    };
    let mut push = |kind: Kind, rung: Rung, text: String| {
        let evidence =
            Evidence { trial: t.record.number, observation: Some(line), at_seconds: Some(o.at.as_secs_f64()), text, ..Evidence::default() };
        out.push(Event { kind, rung, state, sent: None, proves: None, unattributed: None, dated_by_record: true, evidence });
    };
    match &o.fact {
        Fact::PermissionRequested { permissions, answers } => {
            for kind in Kind::ALL {
                let mine: Vec<usize> = (0..permissions.len()).filter(|i| permission::is_of(*kind, &permissions[*i])).collect();
                let Some(first) = mine.first() else { continue };
                push(*kind, Rung::Requested, format!("asked for `{}`", permissions[*first]));
                if mine.iter().any(|i| answers.get(*i).is_some_and(|a| a == "granted")) {
                    push(*kind, Rung::Granted, format!("was granted `{}`", permissions[*first]));
                }
            }
        }
        Fact::PermissionGranted { permissions } => {
            for kind in Kind::ALL {
                if let Some(p) = permissions.iter().find(|p| permission::is_of(*kind, p)) {
                    push(*kind, Rung::Granted, format!("was granted `{p}` at install"));
                }
            }
        }
        Fact::Opened { sensor, api, id, preview_visible, session, .. } => {
            let seen = match (sensor, *preview_visible || shown.contains(session)) {
                (Sensor::Camera, true) => ", preview visible",
                (Sensor::Camera, false) => ", no visible preview",
                _ => "",
            };
            push((*sensor).into(), Rung::Opened, format!("opened {sensor} `{id}` by {api}{seen}{}", acts.said(*sensor, *session)));
        }
        Fact::Read { data, what, rows } => {
            let rows = rows.map_or(String::new(), |n| format!(", {n} rows"));
            push(*data, Rung::Read, format!("read {data} by {what}{rows}"));
        }
        _ => {}
    }
}

/// What the feed gave, by its own log.
fn of_delivery(t: &TrialEvidence<'_>, Known { acts, whose, nobodys }: &Known<'_>, out: &mut Vec<Event>) {
    // What another app was given is not the app's, and what another may have been given is a doubt.
    let of_the_app = |d: &&Delivered| whose.other(d.sensor, d.session).is_none() && !nobodys.contains_key(&(d.sensor, d.session));
    for d in t.record.delivered.iter().filter(of_the_app) {
        let unattributed = whose.of_session(d.sensor, d.session);
        let (from, to) = dates::begins(d);
        for state in dates::states_of(t, acts, d) {
            let (what, frames, seconds) = match d.sensor {
                Sensor::Camera => ("frames", Some([d.first, d.last]), None),
                Sensor::Microphone => ("blocks of sound", None, Some([from.as_secs_f64(), to.as_secs_f64() + 0.05])),
            };
            let evidence = Evidence {
                trial: t.record.number,
                text: format!("the feed gave {} {what} in session {}{}", d.count, d.session, acts.said(d.sensor, d.session)),
                at_seconds: Some(from.as_secs_f64()),
                frames,
                seconds,
                ..Evidence::default()
            };
            let kind = d.sensor.into();
            out.push(Event {
                kind,
                rung: Rung::Delivered,
                state,
                sent: None,
                proves: None,
                unattributed: unattributed.clone(),
                dated_by_record: true,
                evidence,
            });
        }
    }
}

/// Which rung a match in such an artifact reaches.
pub(crate) fn rung_of(role: Option<Role>) -> Option<Rung> {
    match role? {
        Role::AppFile | Role::DeletedFile => Some(Rung::Stored),
        Role::FlowRequest => Some(Rung::Transmitted),
        _ => None,
    }
}

/// Rungs that a match reaches. What was found must have been delivered or read: the lower rungs follow. Plain text that the app
/// encrypted is such a match too, but says nothing of where it went.
pub(crate) fn rungs(f: &Finding) -> Vec<Rung> {
    let mut out = vec![if f.kind.is_sensor() { Rung::Opened } else { Rung::Read }];
    if f.kind.is_sensor() {
        out.push(Rung::Delivered);
    }
    match rung_of(f.role) {
        Some(r) => out.push(r),
        None if f.role == Some(Role::CryptoPlain) => {}
        None => out.clear(),
    }
    out
}

fn of_finding(t: &TrialEvidence<'_>, known: &Known<'_>, (index, f): (usize, &Finding), out: &mut Vec<Event>) {
    let Known { acts, whose, nobodys } = known;
    let flow = flow_of(t, f);
    let given: Vec<(Sensor, u64)> = dates::sessions(t, f).into_iter().collect();
    let unattributed = whose.of_match(t, f, flow, &given);
    let proves = (!f.cooperative && unattributed.is_none()).then(|| corrected(t, f));
    let evidence = Evidence {
        trial: t.record.number,
        finding: Some(index),
        text: text(t, f, flow) + &by_act(t, acts, f) + &unattributed.as_ref().map_or_else(String::new, |why| format!("; {why}")),
        at_seconds: captured_at(f).map(Nanos::as_secs_f64),
        frames: f.frames,
        seconds: f.seconds,
        canary: f.canary.clone(),
        destination: flow.map(|w| w.host.clone()),
        flow: f.flow,
        ordered_by_flow: flow.and_then(|w| ordered_by(t, w)),
        chain: f.chain.clone(),
        artifact: f.file.rsplit('/').next().and_then(|s| s.parse().ok()),
        p_false: Some(corrected(t, f)),
        ..Evidence::default()
    };
    let mut rungs = rungs(f);
    let not_the_apps = |s: &(Sensor, u64)| whose.other(s.0, s.1).is_some() || nobodys.contains_key(s);
    if !given.is_empty() && given.iter().all(not_the_apps) {
        // It was opened by somebody else, and given to them; or may have been.
        rungs.retain(|r| rung_of(f.role) == Some(*r));
    }
    let proves = if f.role == Some(Role::CryptoPlain) { None } else { proves };
    // Which of several states it was is not known: a doubt says so.
    let left = flow.map(|w| sent::states_of(t, acts, f, w)).and_then(|s| if let [one] = s[..] { Some(one) } else { None });
    for state in states(t, acts, f, flow) {
        for rung in &rungs {
            let dated_by_record = captured_at(f).is_none();
            let sent = left.filter(|_| *rung == Rung::Transmitted);
            let (unattributed, evidence) = (unattributed.clone(), evidence.clone());
            out.push(Event { kind: f.kind, rung: *rung, state, sent, proves, unattributed, dated_by_record, evidence });
        }
    }
}

/// Whether the feed's log has the frame or sound of a match. What it has not would be a fault of ours, or a forgery.
pub(crate) fn delivered(t: &TrialEvidence<'_>, f: &Finding) -> bool {
    captured_at(f).is_none() || dates::is_given(t, f)
}

/// That an act began all that is in a match, if one did.
fn by_act(t: &TrialEvidence<'_>, acts: &Acts, f: &Finding) -> String {
    let said: BTreeSet<String> = dates::sessions(t, f).into_iter().map(|(sensor, session)| acts.said(sensor, session)).collect();
    if said.len() == 1 { said.into_iter().next().unwrap_or_default() } else { String::new() }
}

/// How much later than a flow a read may be dated that came before it.
const ADB: Duration = Duration::from_secs(2);

pub(crate) fn captured_at(f: &Finding) -> Option<Nanos> {
    match (f.frames, f.seconds) {
        (Some([first, _]), _) => Some(frame_time(first)),
        (_, Some([from, _])) => Some(Nanos::saturating((from.max(0.0) * 1e9) as u64)),
        _ => None,
    }
}

/// Coded media carry their own date. A canary does not: it is dated by the read before it left, else by the flow itself.
fn states(t: &TrialEvidence<'_>, acts: &Acts, f: &Finding, flow: Option<&Flow>) -> Vec<DeviceState> {
    if captured_at(f).is_some() {
        let sure = dates::of(t, acts, f).sure;
        return if sure.is_empty() { vec![DeviceState::Any] } else { sure };
    }
    // When it left is not known: neither, then, is what was read before it.
    if f.flow.is_some() && flow.is_none() {
        return vec![DeviceState::Any];
    }
    if let Some(w) = flow {
        let may_be = read_in(t, f, w);
        if may_be.len() == 1 { may_be } else { vec![DeviceState::Any] }
    } else {
        let s = read_states(t, f.kind);
        if s.len() == 1 { s } else { vec![DeviceState::Any] }
    }
}

/// The states in which a canary may have been read that left in a request: by the last read before that began, and by each while it
/// went. Without a read, those in which it went.
fn read_in(t: &TrialEvidence<'_>, f: &Finding, w: &Flow) -> Vec<DeviceState> {
    let reads = read_before(t, f, w).into_iter().chain(read_while(t, f, w));
    let out = sent::sorted(reads.map(|o| state_at(t, o.at)));
    if out.is_empty() { sent::by_timeline(t, w) } else { out }
}

/// Reads of a canary's kind while it left.
fn read_while<'a>(t: &TrialEvidence<'a>, f: &Finding, w: &Flow) -> impl Iterator<Item = &'a Observation> {
    let (from, until, kind) = (w.at, sent::until(t, w), f.kind);
    let is = move |o: &&Observation| matches!(&o.fact, Fact::Read { data, .. } if *data == kind) && o.at > from && o.at <= until;
    t.observations.iter().filter(is)
}

/// The states in which a planted value may have been read that lies in the app's files: of all reads of its kind. Where none was seen
/// there was one all the same, in any state.
pub(crate) fn may_be_read_in(t: &TrialEvidence<'_>, kind: Kind) -> Vec<DeviceState> {
    let out = read_states(t, kind);
    if out.is_empty() { sent::sorted(t.record.timeline.iter().map(|s| s.state)) } else { out }
}

/// The states in which anything of a kind was read.
fn read_states(t: &TrialEvidence<'_>, kind: Kind) -> Vec<DeviceState> {
    let reads = t.observations.iter().filter(|o| matches!(&o.fact, Fact::Read { data, .. } if *data == kind));
    sent::sorted(reads.map(|o| state_at(t, o.at)))
}

/// The states of which one is that of a canary that left, where it is not known which.
pub(crate) fn undated(t: &TrialEvidence<'_>, f: &Finding) -> Vec<DeviceState> {
    let flow = flow_of(t, f).filter(|_| captured_at(f).is_none());
    flow.map(|w| read_in(t, f, w)).filter(|s| s.len() > 1).unwrap_or_default()
}

/// The last read of a canary's kind before it left.
fn read_before<'a>(t: &TrialEvidence<'a>, f: &Finding, w: &Flow) -> Option<&'a Observation> {
    // Android's books and the gateway's clock are brought together over adb, which is never exact.
    let slack = |o: &Observation| if o.source == Source::Device { ADB } else { Duration::ZERO };
    let is = |o: &&Observation| matches!(&o.fact, Fact::Read { data, .. } if *data == f.kind) && o.at <= w.at.plus(slack(o));
    // The books tell late what was early.
    if captured_at(f).is_some() { None } else { t.observations.iter().filter(is).max_by_key(|o| o.at) }
}

/// What was found, in words.
pub(crate) fn what(t: &TrialEvidence<'_>, f: &Finding) -> String {
    match (f.frames, f.seconds, &f.canary) {
        (Some([a, b]), ..) if a == b => format!("frame {a}"),
        (Some([a, b]), ..) if f.shown.is_empty() => format!("something of frames {a} to {b}"),
        (Some([a, b]), ..) => format!("{} frames from {a} to {b}", f.shown.len()),
        (_, Some([a, b]), _) => format!("seconds {a:.1} to {b:.1} of the microphone"),
        (.., Some(id)) => {
            let label = t.record.canaries.iter().find(|c| c.id == *id).map_or("", |c| c.label.as_str());
            format!("planted {} `{id}` ({label})", f.kind)
        }
        _ => f.kind.to_string(),
    }
}

fn text(t: &TrialEvidence<'_>, f: &Finding, flow: Option<&Flow>) -> String {
    let what = what(t, f);
    match (flow, f.role) {
        (Some(w), Some(Role::FlowRequest)) => match read_before(t, f, w) {
            Some(o) => format!(
                "{what} in what was sent to `{}`, read {:.0} s before by the device's record, as the last read that was observed",
                w.host,
                w.at.as_secs_f64() - o.at.as_secs_f64()
            ),
            None if captured_at(f).is_none() && read_while(t, f, w).next().is_some() => {
                format!("{what} in what was sent to `{}`, read while that went by the device's record", w.host)
            }
            None if captured_at(f).is_none() => format!("{what} in what was sent to `{}`, without a read on the device's record", w.host),
            None => format!("{what} in what was sent to `{}`", w.host),
        },
        (_, Some(Role::DeletedFile)) => format!("{what} in a file that the app deleted again"),
        (_, Some(Role::CryptoPlain)) => format!("{what} in what the app encrypted"),
        _ => format!("{what} in a file of the app"),
    }
}

/// The latest flow before `flow` whose answer, given by a stub of the scenario, names the host that `flow` goes to.
fn ordered_by(t: &TrialEvidence<'_>, flow: &Flow) -> Option<u32> {
    let gives = |w: &&Flow| {
        let stub = w.stub.and_then(|i| t.record.scenario.network.stubs.get(i));
        stub.is_some_and(|s| match s.content() {
            Body::Text(b) => names(b, &flow.host),
            Body::Json(j) => names(&j.to_string(), &flow.host),
            Body::Base64(_) => false,
        })
    };
    t.flows.iter().filter(|w| w.id != flow.id && w.real_end <= flow.real && !flow.host.is_empty()).filter(gives).map(|w| w.id).max()
}

/// Whether a text names a host, as a whole name: `t.cn` is not in `about.cn`.
fn names(text: &str, host: &str) -> bool {
    let of_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    text.match_indices(host)
        .any(|(i, _)| !text[..i].chars().next_back().is_some_and(of_name) && !text[i + host.len()..].chars().next().is_some_and(of_name))
}

#[cfg(test)]
mod tests {
    use stakeout_contract::trial::{Delivered, StateSpan, frame_at};

    use super::*;
    use crate::samples::silent;

    #[test]
    fn nothing_is_given_between_two_runs_of_a_session() {
        let mut s = silent();
        let span = |from, to, state| StateSpan { from: Nanos::from_secs(from), to: Nanos::from_secs(to), state };
        let last = s.record.length();
        s.record.timeline.push(StateSpan { from: last, to: Nanos::from_secs(9000), state: DeviceState::InUse });
        s.record.timeline.push(span(9000, 9600, DeviceState::Background));
        let run = |from, to| {
            let (first, last) = (frame_at(Nanos::from_secs(from)), frame_at(Nanos::from_secs(to)));
            Delivered { sensor: Sensor::Camera, facing: None, session: 1, first, last, count: last - first + 1 }
        };
        // A preview that the owner sees, stopped for hours without the camera being closed, and seen again.
        s.record.delivered = vec![run(10, 20), run(8000, 8100)];
        let t =
            TrialEvidence { record: &s.record, observations: &[], lines: &[], flows: &[], analysis: &s.analysis, tries: &[], trials: 1 };
        let states = |t: &TrialEvidence<'_>| {
            let mut out = Vec::new();
            of_delivery(t, &Known { acts: Acts::of(t), whose: Attribution::of(t), nobodys: Nobodys::new() }, &mut out);
            out.iter().map(|e| (e.rung, e.state)).collect::<Vec<_>>()
        };
        assert_eq!(states(&t), [(Rung::Delivered, DeviceState::InUse), (Rung::Delivered, DeviceState::InUse)]);
        // One run over all of them would lie in each state.
        s.record.delivered = vec![run(10, 8100)];
        let t =
            TrialEvidence { record: &s.record, observations: &[], lines: &[], flows: &[], analysis: &s.analysis, tries: &[], trials: 1 };
        assert_eq!(states(&t).len(), 3);
    }
}
