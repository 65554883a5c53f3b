//! What could have hidden an event: each turns `not_observed` into `inconclusive`, with what would settle it.

use std::collections::{BTreeMap, BTreeSet};

use stakeout_contract::{
    Kind, Rung, Sensor,
    artifact::Role,
    flow::Flow,
    observation::{Fact, LOST_STEP, Source},
    result::Reason,
    trial::{FeedMode, TrialState},
};

use crate::{
    apis::{self, Kinds},
    events,
    verdict::TrialEvidence,
};

/// A reason and what it reaches.
#[derive(Clone, Debug)]
pub(crate) struct Doubt {
    pub reason: Reason,
    kinds: Option<Vec<Kind>>,
    rungs: Reach,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reach {
    /// Everything but what the manifest says: what did not come may have asked too.
    All,
    /// Opened, read and above.
    Use,
    /// Only this one.
    Only(Rung),
}

impl Doubt {
    pub(crate) fn touches(&self, kind: Kind, rung: Rung) -> bool {
        let kinds = self.kinds.as_ref().is_none_or(|k| k.contains(&kind));
        let rungs = match self.rungs {
            Reach::All => rung != Rung::Declared,
            Reach::Use => !rung.is_permission(),
            Reach::Only(r) => r == rung,
        };
        kinds && rungs
    }
}

fn doubt(code: &str, text: String, settled_by: &str, rungs: Reach) -> Doubt {
    let reason = Reason { code: code.to_owned(), text, settled_by: settled_by.to_owned() };
    Doubt { reason, kinds: None, rungs }
}

/// All doubts of a trial, each once.
pub(crate) fn of(t: &TrialEvidence<'_>) -> Vec<Doubt> {
    let mut out = Vec::new();
    of_end(t, &mut out);
    of_observations(t, &mut out);
    of_flows(t, &mut out);
    of_feed(t, &mut out);
    of_alarms(t, &mut out);
    of_analysis(t, &mut out);
    let mut seen = BTreeSet::new();
    out.retain(|d| seen.insert((d.reason.clone(), d.kinds.clone(), format!("{:?}", d.rungs))));
    few(out, t.record.number)
}

/// Doubts of one sort that are told one by one; an app can make as many as it likes, and each stands in each row.
const TOLD: usize = 8;

/// The first of each sort, and how many more there are.
fn few(all: Vec<Doubt>, trial: u32) -> Vec<Doubt> {
    type Sort = (String, Option<Vec<Kind>>, String);
    let mut sorts: BTreeMap<Sort, Vec<Doubt>> = BTreeMap::new();
    for d in all {
        sorts.entry((d.reason.code.clone(), d.kinds.clone(), format!("{:?}", d.rungs))).or_default().push(d);
    }
    let cut = |mut v: Vec<Doubt>| {
        let more = v.len().saturating_sub(TOLD);
        v.truncate(TOLD);
        if let Some(mut last) = v.last().filter(|_| more > 0).cloned() {
            last.reason.text = format!("{more} more of this sort in trial {trial}");
            v.push(last);
        }
        v
    };
    sorts.into_values().flat_map(cut).collect()
}

fn of_end(t: &TrialEvidence<'_>, out: &mut Vec<Doubt>) {
    let end = &t.record.end;
    if end.state != TrialState::Finished {
        let text = format!("trial {} {} at stage `{}`: {}", t.record.number, word(end.state), end.stage, end.reason);
        out.push(doubt("trial_failed", text, "run it again; if it fails again, the reason is the app's or the device's", Reach::All));
    }
}

const fn word(s: TrialState) -> &'static str {
    match s {
        TrialState::Cancelled => "was cancelled",
        TrialState::Failed => "failed",
        _ => "did not end",
    }
}

fn of_observations(t: &TrialEvidence<'_>, out: &mut Vec<Doubt>) {
    for o in t.observations {
        match &o.fact {
            Fact::Crashed { message, .. } => {
                out.push(doubt(
                    "crashed",
                    format!("the app crashed: {}", short(message)),
                    "a device that the app runs on, or a fixed app",
                    Reach::All,
                ));
            }
            Fact::Anr { message } => {
                out.push(doubt(
                    "not_responding",
                    format!("the app did not respond: {}", short(message)),
                    "the `emulator` device",
                    Reach::All,
                ));
            }
            Fact::ClockHeld { thread, r#where, spins: true } => out.push(doubt(
                "clock_held",
                format!(
                    "thread `{}` ran without pause in `{}` and was let go: what it waits for by real time did not come",
                    short(thread),
                    short(r#where)
                ),
                "the `emulator` device, whose clock is real",
                Reach::All,
            )),
            Fact::NativeLibrary { name, .. } => out.push(doubt(
                "native_code",
                format!("the app loads native code (`{}`), which this device does not run", short(name)),
                "the `emulator` device",
                Reach::All,
            )),
            Fact::Escape { what } => out.push(doubt(
                "escape",
                format!("the app reached for what lies outside its sandbox: `{}`", short(what)),
                "the `emulator` device, where app and observer do not share a process",
                Reach::All,
            )),
            Fact::Looked { what, as_phone: false } => out.push(doubt(
                "device_looked_for",
                format!("the app looked at `{}`, by which it can know that this is no phone, and may behave differently", short(what)),
                "the `emulator` device, or a phone",
                Reach::All,
            )),
            Fact::OutOfMemory { what } => out.push(doubt(
                "out_of_memory",
                format!("the app ran out of memory ({}): what it would have done with more did not come", short(what)),
                "a device with more memory, or a fixed app",
                Reach::All,
            )),
            Fact::RealTime { what } => out.push(doubt(
                "real_time",
                format!("the app read `{}`, which shows real time: what it waits for by that did not come", short(what)),
                "the `emulator` device, whose clock is real",
                Reach::All,
            )),
            Fact::DexLoaded { path, .. } => out.push(doubt(
                "loaded_code",
                format!("the app loaded code from `{}`, which was not run", short(path)),
                "the `emulator` device",
                Reach::All,
            )),
            Fact::Lost { what, .. } if o.source == Source::Worker && what.starts_with(LOST_STEP) => out.push(doubt(
                "step_failed",
                format!("{}: what would have followed did not come", short(what)),
                "a scenario whose steps fit this app; if it crashed, another device",
                Reach::All,
            )),
            Fact::Lost { what, count } => {
                out.push(doubt("evidence_lost", format!("{count} of `{}` were lost", short(what)), "larger limits", Reach::All));
            }
            Fact::LoginScreen { activity } => out.push(doubt(
                "login",
                format!("the app shows a login (`{}`) and was not let past it", short(activity)),
                "a scenario with `inputText` of a test account's secret",
                Reach::All,
            )),
            Fact::DialogOpen { activity, texts } => out.push(doubt(
                "dialog",
                format!("a dialog stood open over `{}` and nobody answered it: {}", short(activity), short(&texts.join(" / "))),
                "a scenario whose `consent` or `tapOn` answers it",
                Reach::All,
            )),
            Fact::UnsupportedApi { name, .. } => of_api(name, out),
            Fact::NotWatched { kinds, rung, what, settled_by } => {
                let mut d = doubt("not_watched", short(what), &short(settled_by), Reach::Only(*rung));
                d.kinds = Some(kinds.clone());
                out.push(d);
            }
            Fact::TlsRefused { host, reason, .. } => out.push(doubt(
                "pinned_traffic",
                format!("the app refused our certificate for `{}` ({}), so its server could not be played", short(host), short(reason)),
                "a scenario without interception against the live server, or a build of the app without the pin",
                Reach::All,
            )),
            Fact::Opaque { host, port, protocol, sent, received } => {
                if *sent > 0 {
                    out.push(doubt(
                        "opaque_traffic",
                        format!("{sent} bytes of `{}` to `{}:{port}` could not be read", short(protocol), short(host)),
                        "knowledge of that protocol",
                        Reach::Only(Rung::Transmitted),
                    ));
                }
                if *received == 0 {
                    out.push(doubt(
                        "server_not_played",
                        format!(
                            "`{}:{port}` was spoken to by `{}` and answered nothing, so what it may order was not ordered",
                            short(host),
                            short(protocol)
                        ),
                        "policy `live`",
                        Reach::All,
                    ));
                }
            }
            Fact::Dns { name, answer } if answer.starts_with("no ") && !["AAAA", "HTTPS", "SVCB"].iter().any(|t| answer.contains(t)) => {
                out.push(doubt(
                    "server_not_played",
                    format!("a question for `{}` got {}, so what such a record may order was not ordered", short(name), short(answer)),
                    "policy `live`",
                    Reach::All,
                ));
            }
            Fact::Blocked { protocol, address, port, .. } => out.push(doubt(
                "blocked_traffic",
                format!("{} to `{}:{port}` was blocked, so its server could not be played", short(protocol), short(address)),
                "policy `live`, or knowledge of that protocol",
                Reach::All,
            )),
            _ => {}
        }
    }
}

fn of_api(name: &str, out: &mut Vec<Doubt>) {
    let kinds = match apis::kinds_of(name) {
        Kinds::None => return,
        Kinds::Some(k) => Some(k),
        Kinds::All => None,
    };
    let mut d = doubt("unsupported_api", format!("`{}` does nothing on this device", short(name)), "the `emulator` device", Reach::Use);
    d.kinds = kinds;
    out.push(d);
}

/// Whether the server that a flow asked answered as it would: by a stub, or itself.
fn played(f: &Flow) -> bool {
    f.stub.is_some() || f.policy == "live" && f.error.is_empty() && f.status > 0
}

/// What a server that got only default answers may order was not ordered. Each of a host's paths counts for itself: a stub
/// for one says nothing of another. And a request that ended badly may have held more than was kept.
fn of_flows(t: &TrialEvidence<'_>, out: &mut Vec<Doubt>) {
    let mut paths: BTreeMap<(&str, &str), bool> = BTreeMap::new();
    for f in t.flows.iter().filter(|f| f.scheme.starts_with("http")) {
        *paths.entry((f.host.as_str(), f.path.split(['?', '#']).next().unwrap_or_default())).or_default() |= played(f);
    }
    let mut hosts: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for ((host, path), _) in paths.iter().filter(|(_, p)| !**p) {
        hosts.entry(host).or_insert((path, 0)).1 += 1;
    }
    for (host, (path, n)) in hosts {
        let more = if n > 1 { format!(" and {} more", n - 1) } else { String::new() };
        out.push(doubt(
            "server_not_played",
            format!("`{}` got only default answers for `{}`{more}, so what it may order was not ordered", short(host), short(path)),
            "a stub for it in the scenario, a replay, or policy `live`",
            Reach::All,
        ));
    }
    for f in t.flows.iter().filter(|f| !f.error.is_empty()) {
        out.push(doubt(
            "analysis_incomplete",
            format!("a request to `{}` did not end well ({}): there may have been more of it", short(&f.host), short(&f.error)),
            "another trial",
            Reach::Only(Rung::Transmitted),
        ));
    }
}

/// In mode `scene` the code is faint: small pictures made of frames are often not recognised.
fn of_feed(t: &TrialEvidence<'_>, out: &mut Vec<Doubt>) {
    if t.record.feed_mode == FeedMode::Scene && t.record.delivered.iter().any(|d| d.sensor == Sensor::Camera) {
        for rung in [Rung::Stored, Rung::Transmitted] {
            let mut d = doubt(
                "faint_code",
                "frames were given in mode `scene`, whose code small pictures often lose".to_owned(),
                "the same job with `--feed pattern`",
                Reach::Only(rung),
            );
            d.kinds = Some(vec![Kind::Camera]);
            out.push(d);
        }
    }
}

/// A match that would prove but for its date: the feed never gave that frame or sound.
fn of_alarms(t: &TrialEvidence<'_>, out: &mut Vec<Doubt>) {
    for f in t.analysis.findings.iter().filter(|f| events::counts(t, f) && !events::delivered(t, f)) {
        let mut d = doubt(
            "not_delivered",
            format!("ALARM: {} was found that the feed has no record of giving: a fault of ours, or a forgery", events::what(t, f)),
            "the artifact and the feed's log, looked at by a person",
            Reach::Use,
        );
        d.kinds = Some(vec![f.kind]);
        out.push(d);
    }
}

fn of_analysis(t: &TrialEvidence<'_>, out: &mut Vec<Doubt>) {
    // What an agent inside of the app tells is the app's word beside a record that does without it: it makes nothing uncertain.
    let beside = |role| role == Some(Role::CryptoPlain) && !t.record.cooperative;
    for s in t.analysis.searched.skipped.iter().filter(|s| !beside(s.role)) {
        let (reach, what) = match s.role.map(|r| (events::rung_of(Some(r)), r)) {
            Some((Some(Rung::Stored), _)) => (Reach::Only(Rung::Stored), "a file of the app"),
            Some((Some(r), _)) => (Reach::Only(r), "something that it sent"),
            Some((None, Role::CryptoPlain | Role::CryptoCipher | Role::LoadedCode)) => {
                (Reach::Only(Rung::Transmitted), "what it encrypted")
            }
            Some((None, _)) => continue,
            None => (Reach::Use, "an artifact"),
        };
        let code = if s.reason.starts_with("encrypted") { "encrypted" } else { "analysis_incomplete" };
        out.push(doubt(code, format!("{what} was not looked into: {}", short(&s.reason)), "a larger limit, or the app's key", reach));
    }
    for f in t.analysis.findings.iter().filter(|f| f.trial.is_none() && events::weak(t, f)) {
        let mut d = doubt(
            "lead",
            format!("a lead: {} may be there, but the match is too weak to prove it (p {:.1e})", f.kind, f.p_false.get()),
            "more trials, or a look at the artifact",
            events::rung_of(f.role).map_or(Reach::Use, Reach::Only),
        );
        d.kinds = Some(vec![f.kind]);
        out.push(d);
    }
}

fn short(s: &str) -> String {
    let mut out: String = s.chars().take(120).collect();
    if out.len() < s.len() {
        out.push('…');
    }
    out
}
