//! What could have hidden an event: each turns `not_observed` into `inconclusive`, with what would settle it.

mod dated;
mod nobodys;
mod served;
mod unread;

use std::collections::{BTreeMap, BTreeSet};

use stakeout_contract::{
    DeviceState, Kind, Nanos, Rung, Sensor,
    artifact::Role,
    finding::Finding,
    observation::{Fact, LOST_STEP, LOST_TYPED, Source},
    result::Reason,
    scenario::NetworkPolicy,
    trial::{FeedMode, TrialState},
};

use crate::{
    acts::Acts,
    apis::{self, Kinds},
    dates, events,
    photos::Photos,
    verdict::TrialEvidence,
};

/// A reason and what it reaches.
#[derive(Clone, Debug)]
pub(crate) struct Doubt {
    pub reason: Reason,
    kinds: Option<Vec<Kind>>,
    rungs: Reach,
    /// States in which it can hide something; none: in each.
    states: Option<Vec<DeviceState>>,
    /// The same of what was sent there, whenever it was captured or read; none: the same states.
    sent: Option<Vec<DeviceState>>,
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
    pub(crate) fn touches(&self, kind: Kind, rung: Rung, state: DeviceState) -> bool {
        let kinds = self.kinds.as_ref().is_none_or(|k| k.contains(&kind));
        let rungs = match self.rungs {
            Reach::All => rung != Rung::Declared,
            Reach::Use => !rung.is_permission(),
            Reach::Only(r) => r == rung,
        };
        let states = self.states.as_ref().is_none_or(|s| s.contains(&state) || state == DeviceState::Any && !s.is_empty());
        kinds && rungs && states
    }

    /// The same doubt about the states in which something was sent.
    pub(crate) fn by_sending(&self) -> Self {
        Self { states: self.sent.clone().or_else(|| self.states.clone()), ..self.clone() }
    }

    /// Doubts of one sort are told as one where they are many.
    fn sort(&self) -> Sort {
        (self.reason.code.clone(), self.kinds.clone(), format!("{:?} {:?} {:?}", self.rungs, self.states, self.sent))
    }
}

type Sort = (String, Option<Vec<Kind>>, String);

fn doubt(code: &str, text: String, settled_by: &str, rungs: Reach) -> Doubt {
    let reason = Reason { code: code.to_owned(), text, settled_by: settled_by.to_owned() };
    Doubt { reason, kinds: None, rungs, states: None, sent: None }
}

/// All doubts of a trial, each once.
pub(crate) fn of(t: &TrialEvidence<'_>) -> Vec<Doubt> {
    let acts = &Acts::of(t);
    let mut out = Vec::new();
    of_end(t, &mut out);
    of_tries(t, &mut out);
    of_observations(t, &mut out);
    served::of(t, &mut out);
    of_begun(t, acts, &mut out);
    nobodys::of(t, acts, &mut out);
    of_flows(t, &mut out);
    of_feed(t, &mut out);
    of_alarms(t, &mut out);
    of_analysis(t, acts, &mut out);
    dated::of(t, acts, &mut out);
    unread::of(t, acts, &mut out);
    let mut seen = BTreeSet::new();
    out.retain(|d| seen.insert((d.reason.clone(), d.sort())));
    few(out, t.record.number)
}

/// Doubts of one sort that are told one by one; an app can make as many as it likes, and each stands in each row.
const TOLD: usize = 8;

/// The first of each sort, and how many more there are.
fn few(all: Vec<Doubt>, trial: u32) -> Vec<Doubt> {
    let mut sorts: BTreeMap<Sort, Vec<Doubt>> = BTreeMap::new();
    for d in all {
        sorts.entry(d.sort()).or_default().push(d);
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

/// A trial that is judged by its last lease is judged by the one that was let live. What ended another may be the app.
fn of_tries(t: &TrialEvidence<'_>, out: &mut Vec<Doubt>) {
    for tried in t.tries.iter().filter(|t| t.began() && !t.stopped) {
        let stage = if tried.stage.is_empty() { "where is not known".to_owned() } else { format!("at stage `{}`", short(&tried.stage)) };
        out.push(doubt(
            "tried_again",
            format!(
                "trial {} was run again: the app may have run before, in lease {}, which ended {stage}: {}",
                t.record.number,
                tried.epoch,
                short(&tried.reason)
            ),
            "trials that end in their first lease; if they never do, look at what the app does to its device",
            Reach::All,
        ));
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
            Fact::ClockHeld { thread, r#where, spins: false } if t.record.scenario.network.policy == NetworkPolicy::Live => {
                let mut d = doubt(
                    "clock_held",
                    format!(
                        "thread `{}` waited in `{}` for longer than the device holds its clock, and was let go: what a live server answers or orders came at another time, or not",
                        short(thread),
                        short(r#where)
                    ),
                    "the `emulator` device, whose clock is real",
                    Reach::All,
                );
                d.states = Some(served::between(t, o.at, None));
                out.push(d);
            }
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
            Fact::Lost { what, count } if o.source == Source::Worker && what == LOST_TYPED => out.push(doubt(
                "overwritten",
                format!("{count} {LOST_TYPED} may have held something else, which is then not found"),
                "a value that stands nowhere else, such as a long random one",
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
            Fact::UnsupportedApi { name, .. } => {
                of_api(name, out);
                of_page(t, name, o.at, out);
            }
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

/// What another app was told may be anything that was captured or read until then, and left there and then; or later, where it was
/// told to a backup.
fn of_page(t: &TrialEvidence<'_>, name: &str, at: Nanos, out: &mut Vec<Doubt>) {
    if !apis::gives(name) {
        return;
    }
    let mut d = doubt(
        "unsupported_api",
        format!("`{}`: another app was told something, which it may have sent, and this device has no other apps", short(name)),
        "the `emulator` device",
        Reach::Only(Rung::Transmitted),
    );
    let timeline = &t.record.timeline;
    let before: BTreeSet<DeviceState> = timeline.iter().filter(|s| s.from <= at).map(|s| s.state).collect();
    let after = timeline.iter().filter(|s| s.to > at && apis::keeps(name)).map(|s| s.state);
    let sent: BTreeSet<DeviceState> = after.chain([events::state_at(t, at)]).collect();
    // The device tells of a backup once.
    d.states = (!apis::keeps(name)).then(|| before.into_iter().collect());
    d.sent = Some(sent.into_iter().collect());
    out.push(d);
}

/// A session that nobody saw begin, which an act of the owner may have asked for, and which no act ended.
fn of_begun(t: &TrialEvidence<'_>, acts: &Acts, out: &mut Vec<Doubt>) {
    for (kind, text) in acts.unclear(t) {
        let mut d = doubt("begun_by_act", text, "a scenario that ends it by an act of the owner, or that leaves this act out", Reach::Use);
        (d.kinds, d.states) = (Some(vec![kind]), Some(vec![DeviceState::Foreground]));
        out.push(d);
    }
}

/// A request that ended badly may have held more than was kept.
fn of_flows(t: &TrialEvidence<'_>, out: &mut Vec<Doubt>) {
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
    for f in t.analysis.findings.iter().filter(|f| events::counts(t, f) && !dates::all_given(t, f)) {
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

fn of_analysis(t: &TrialEvidence<'_>, acts: &Acts, out: &mut Vec<Doubt>) {
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
    let photos = Photos::of(t);
    let is_lead = |f: &&Finding| f.trial.is_none() && events::weak(t, f) && !adds_nothing(t, acts, f) && !photos.own(t, f);
    for f in t.analysis.findings.iter().filter(is_lead) {
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

/// A weak match within a medium of which another match proves the same in the same states: the next picture of a film.
fn adds_nothing(t: &TrialEvidence<'_>, acts: &Acts, weak: &Finding) -> bool {
    let mine = dates::of(t, acts, weak);
    let same =
        |f: &&Finding| (&f.file, f.offset, f.length, &f.chain, f.kind) == (&weak.file, weak.offset, weak.length, &weak.chain, weak.kind);
    let proven = t.analysis.findings.iter().filter(same).filter(|f| events::counts(t, f) && events::delivered(t, f));
    let sure: Vec<DeviceState> = proven.flat_map(|f| dates::of(t, acts, f).sure).collect();
    !mine.sure.is_empty() && mine.sure.iter().chain(&mine.maybe).all(|s| sure.contains(s))
}

fn short(s: &str) -> String {
    let mut out: String = s.chars().take(120).collect();
    if out.len() < s.len() {
        out.push('…');
    }
    out
}
