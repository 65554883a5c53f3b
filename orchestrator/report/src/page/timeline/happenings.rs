//! What a trial's picture shows, from its observations, flows and findings.

use std::collections::{BTreeMap, BTreeSet};

use stakeout_contract::{
    Kind, Nanos, Sensor,
    artifact::Role,
    finding::Finding,
    observation::{Fact, Observation, previews_shown},
    trial::frame_time,
};

use crate::{TrialInput, numbers, text::short, words};

/// One thing that happened, at a point or over a span of time.
pub(super) struct Happening {
    pub at: Nanos,
    pub to: Option<Nanos>,
    pub lane: usize,
    pub class: &'static str,
    /// The weightier one is drawn where two fall together.
    pub weight: u8,
    pub what: String,
}

const CAMERA: usize = 0;
const MICROPHONE: usize = 1;
const ASKS: usize = 2;
const READS: usize = 3;
const SENDS: usize = 4;
const EVENTS: usize = 5;

const fn lane_of(s: Sensor) -> usize {
    match s {
        Sensor::Camera => CAMERA,
        Sensor::Microphone => MICROPHONE,
    }
}

fn point(at: Nanos, lane: usize, class: &'static str, weight: u8, what: String) -> Happening {
    Happening { at, to: None, lane, class, weight, what }
}

pub(super) fn of(t: &TrialInput<'_>) -> Vec<Happening> {
    let mut out = sessions(t);
    out.extend(t.observations.iter().filter_map(of_observation));
    out.extend(flows(t));
    out.extend(t.analysis.findings.iter().filter(|f| !f.lead && f.trial.is_none()).filter_map(of_finding));
    out
}

/// From `opened` to `closed`, or to the trial's end.
fn sessions(t: &TrialInput<'_>) -> Vec<Happening> {
    let shown = previews_shown(t.observations);
    let closed = |s: Sensor, n: u64, from: Nanos| {
        let of = |o: &&Observation| o.at >= from && matches!(&o.fact, Fact::Closed { sensor, session } if *sensor == s && *session == n);
        t.observations.iter().find(of).map(|o| o.at)
    };
    let of = |o: &Observation| match &o.fact {
        Fact::Opened { sensor, api, session, preview_visible, .. } => {
            let end = closed(*sensor, *session, o.at);
            // A preview is attached after the opening: what was told first of it counts.
            let seen = match (sensor, *preview_visible || shown.contains(session)) {
                (Sensor::Camera, true) => ", preview visible",
                (Sensor::Camera, false) => ", no visible preview",
                _ => "",
            };
            let open = if end.is_none() { ", never closed" } else { "" };
            let what = format!("{} opened by {}{seen}{open}", words::kind((*sensor).into()), short(api));
            Some(Happening {
                at: o.at,
                to: Some(end.unwrap_or_else(|| t.record.length())),
                lane: lane_of(*sensor),
                class: "open",
                weight: 6,
                what,
            })
        }
        _ => None,
    };
    // Of what is told twice, by the books and from inside of the app, the first stands.
    let mut known = BTreeSet::new();
    let is_first = |o: &&Observation| matches!(&o.fact, Fact::Opened { sensor, session, .. } if known.insert((*sensor, *session)));
    t.observations.iter().filter(is_first).filter_map(of).collect()
}

fn names(permissions: &[String]) -> String {
    permissions.iter().take(6).map(|p| short(p.rsplit('.').next().unwrap_or(p))).collect::<Vec<_>>().join(", ")
}

fn of_observation(o: &Observation) -> Option<Happening> {
    let event = |class, weight, what: String| Some(point(o.at, EVENTS, class, weight, what));
    match &o.fact {
        Fact::PermissionRequested { permissions, answers } => {
            let denied = answers.iter().all(|a| a != "granted");
            let answer = if denied { "denied" } else { "granted" };
            Some(point(o.at, ASKS, if denied { "ask-denied" } else { "ask" }, 4, format!("asked for {}: {answer}", names(permissions))))
        }
        Fact::Read { data, what, rows } => {
            let rows = rows.map_or_else(String::new, |n| format!(", {} rows", numbers::count(n)));
            Some(point(o.at, READS, "read", 4, format!("read {data} by {}{rows}", short(what))))
        }
        Fact::Refused { sensor, data, what, reason } => {
            let lane = sensor.map_or_else(|| if data.is_some() { READS } else { EVENTS }, lane_of);
            Some(point(o.at, lane, "refused", 5, format!("refused: {} ({})", short(what), short(reason))))
        }
        Fact::Shutter { audible, .. } => {
            let heard = if *audible { "the shutter sounded" } else { "the shutter was silent" };
            // What an owner could have heard is among the first things to know.
            Some(point(o.at, CAMERA, "shutter", if *audible { 9 } else { 3 }, heard.to_owned()))
        }
        Fact::Crashed { message, .. } => event("crash", 9, format!("crashed: {}", short(message))),
        Fact::Anr { message } => event("crash", 8, format!("did not respond: {}", short(message))),
        Fact::Restarted { reason } => event("event", 5, format!("restarted: {}", short(reason))),
        Fact::Escape { what } => event("crash", 7, format!("reached outside its sandbox: {}", short(what))),
        Fact::Lost { what, count } => event("crash", 7, format!("evidence lost: {} of {}", numbers::count(*count), short(what))),
        Fact::Alert { what } => event("crash", 8, format!("alert: {}", short(what))),
        Fact::DialogOpen { texts, .. } => event("event", 5, format!("unanswered dialog: {}", short(&texts.join(" / ")))),
        Fact::LoginScreen { activity } => event("event", 5, format!("login screen {}", short(activity))),
        Fact::Step { step, outcome, .. } => event("step", 2, format!("step {}: {}", short(step), short(outcome))),
        Fact::Alarm { what } => event("wake", 1, format!("woken by alarm {}", short(what))),
        Fact::Job { what } => event("wake", 1, format!("woken by job {}", short(what))),
        Fact::Broadcast { what } => event("wake", 1, format!("woken by broadcast {}", short(what))),
        Fact::Service { name, change, types, .. } => {
            let types = if types.is_empty() {
                String::new()
            } else {
                format!(" ({})", types.iter().take(5).map(|t| short(t)).collect::<Vec<_>>().join(", "))
            };
            event("wake", 1, format!("service {} {}{types}", short(name), short(change)))
        }
        Fact::Blocked { protocol, address, port, reason } => {
            Some(point(o.at, SENDS, "refused", 4, format!("blocked: {} to {}:{port} ({})", short(protocol), short(address), short(reason))))
        }
        Fact::TlsRefused { host, reason, .. } => {
            Some(point(o.at, SENDS, "refused", 5, format!("the app refused the certificate of {} ({})", short(host), short(reason))))
        }
        Fact::Opaque { host, protocol, sent, .. } => Some(point(
            o.at,
            SENDS,
            "refused",
            5,
            format!("{} of unread {} to {}", numbers::bytes(*sent as f64), short(protocol), short(host)),
        )),
        _ => None,
    }
}

/// Each flow, with what was found in it.
fn flows(t: &TrialInput<'_>) -> Vec<Happening> {
    let mut found: BTreeMap<u32, BTreeMap<Kind, u32>> = BTreeMap::new();
    for f in t.analysis.findings.iter().filter(|f| !f.lead && f.trial.is_none() && f.role == Some(Role::FlowRequest)) {
        if let Some(id) = f.flow {
            *found.entry(id).or_default().entry(f.kind).or_default() += 1;
        }
    }
    let of = |w: &stakeout_contract::flow::Flow| {
        let head = format!("flow {}: {} {}, {} sent", w.id, short(&w.method), short(&w.host), numbers::bytes(w.sent as f64));
        match found.get(&w.id) {
            Some(kinds) => {
                let kinds: Vec<String> = kinds.iter().map(|(k, n)| format!("{n} {k}")).collect();
                point(w.at, SENDS, "upload", 8, format!("{head}; holds matches: {}", kinds.join(", ")))
            }
            None => point(w.at, SENDS, "flow", 1, head),
        }
    };
    t.flows.iter().map(of).collect()
}

/// Media are shown when they were captured; canaries in files have no time of their own and are not drawn.
fn of_finding(f: &Finding) -> Option<Happening> {
    let lane = match f.kind {
        Kind::Camera => CAMERA,
        Kind::Microphone => MICROPHONE,
        _ => return None,
    };
    let (at, what) = match (f.frames, f.seconds) {
        (Some([a, b]), _) if a == b => (frame_time(a), format!("frame {a}")),
        (Some([a, b]), _) => (frame_time(a), format!("frames {a} to {b}")),
        (_, Some([a, b])) => (Nanos::saturating((a.max(0.0) * 1e9) as u64), format!("sound, seconds {a:.1} to {b:.1}")),
        _ => return None,
    };
    let p = numbers::probability(f.p_false.get());
    match f.role {
        Some(Role::FlowRequest) => {
            Some(point(at, lane, "sent", 9, format!("{what} captured here was found in flow {} (p {p})", f.flow.unwrap_or(0))))
        }
        Some(Role::AppFile) => Some(point(at, lane, "stored", 7, format!("{what} captured here was found in a file of the app (p {p})"))),
        Some(Role::DeletedFile) => {
            Some(point(at, lane, "stored", 7, format!("{what} captured here was found in a file that the app deleted again (p {p})")))
        }
        Some(Role::CryptoPlain) => Some(point(at, lane, "crypto", 6, format!("{what} was found in what the app encrypted"))),
        _ => None,
    }
}
