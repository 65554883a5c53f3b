//! What could have hidden an event: each turns `not_observed` into `inconclusive`, with what would settle it.

use std::collections::{BTreeMap, BTreeSet};

use stakeout_contract::{Kind, Rung, artifact::Role, observation::Fact, result::Reason, trial::TrialState};

use crate::{events, verdict::TrialEvidence};

/// A reason and what it reaches.
#[derive(Clone, Debug)]
pub(crate) struct Doubt {
    pub reason: Reason,
    kinds: Option<Vec<Kind>>,
    rungs: Reach,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reach {
    /// Everything but what the manifest says.
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
    of_servers(t, &mut out);
    of_analysis(t, &mut out);
    let mut seen = BTreeSet::new();
    out.retain(|d| seen.insert((d.reason.clone(), d.kinds.clone(), format!("{:?}", d.rungs))));
    out
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
                Reach::Use,
            )),
            Fact::NativeLibrary { name, .. } => out.push(doubt(
                "native_code",
                format!("the app loads native code (`{}`), which this device does not run", short(name)),
                "the `emulator` device",
                Reach::Use,
            )),
            Fact::Escape { what } => out.push(doubt(
                "escape",
                format!("the app reached for what lies outside its sandbox: `{}`", short(what)),
                "the `emulator` device, where app and observer do not share a process",
                Reach::Use,
            )),
            Fact::Looked { what, as_phone: false } => out.push(doubt(
                "device_looked_for",
                format!("the app looked at `{}`, by which it can know that this is no phone, and may behave differently", short(what)),
                "the `emulator` device, or a phone",
                Reach::Use,
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
                Reach::Use,
            )),
            Fact::DexLoaded { path, artifact: None } => out.push(doubt(
                "loaded_code",
                format!("code that the app loaded from `{}` was not kept or could not be converted", short(path)),
                "the `emulator` device",
                Reach::Use,
            )),
            Fact::Lost { what, count } => {
                out.push(doubt("evidence_lost", format!("{count} of `{}` were lost", short(what)), "larger limits", Reach::Use));
            }
            Fact::LoginScreen { activity } => out.push(doubt(
                "login",
                format!("the app shows a login (`{}`) and was not let past it", short(activity)),
                "a scenario with `inputText` of a test account's secret",
                Reach::Use,
            )),
            Fact::UnsupportedApi { name, .. } => {
                if let Some(kinds) = kinds_of_api(name) {
                    let mut d = doubt(
                        "unsupported_api",
                        format!("`{}` does nothing on this device", short(name)),
                        "the `emulator` device",
                        Reach::Use,
                    );
                    d.kinds = kinds;
                    out.push(d);
                }
            }
            Fact::TlsRefused { host, reason, .. } => out.push(doubt(
                "pinned_traffic",
                format!("the app refused our certificate for `{}` ({}), so its server could not be played", short(host), short(reason)),
                "a scenario without interception against the live server, or a build of the app without the pin",
                Reach::Use,
            )),
            Fact::Opaque { host, port, protocol, sent, .. } if *sent > 0 => out.push(doubt(
                "opaque_traffic",
                format!("{sent} bytes of `{}` to `{}:{port}` could not be read", short(protocol), short(host)),
                "knowledge of that protocol",
                Reach::Only(Rung::Transmitted),
            )),
            Fact::Blocked { protocol, address, port, .. } => out.push(doubt(
                "blocked_traffic",
                format!("{} to `{}:{port}` was blocked, so its server could not be played", short(protocol), short(address)),
                "policy `live`, or knowledge of that protocol",
                Reach::Use,
            )),
            _ => {}
        }
    }
}

/// Kinds that a call which does nothing may hide: none of ours, some, or (`Some(None)`) any of them.
fn kinds_of_api(name: &str) -> Option<Option<Vec<Kind>>> {
    let some = |k: &[Kind]| Some(Some(k.to_vec()));
    let starts = |p: &[&str]| p.iter().any(|p| name.starts_with(p));
    if starts(&["android.hardware.camera2.", "android.hardware.Camera", "androidx.camera.", "android.media.ImageReader"]) {
        some(&[Kind::Camera])
    } else if starts(&["android.media.MediaRecorder", "android.media.projection", "android.media.MediaCodec", "android.media.MediaMuxer"]) {
        some(&[Kind::Camera, Kind::Microphone])
    } else if starts(&["android.media.AudioRecord", "android.media.AudioManager", "android.speech."]) {
        some(&[Kind::Microphone])
    } else if starts(&["android.telephony."]) {
        some(&[Kind::Cell, Kind::Identifiers, Kind::Sms])
    } else if starts(&["android.net.wifi."]) {
        some(&[Kind::Wifi])
    } else if starts(&["android.location.", "com.google.android.gms.location"]) {
        some(&[Kind::Location])
    } else if starts(&["android.provider.", "android.content.ContentResolver"]) {
        some(&[Kind::Contacts, Kind::CallLog, Kind::Sms, Kind::Calendar, Kind::MediaFiles])
    } else if starts(&["android.webkit.", "dalvik.system.", "dex", "android.hardware.SensorManager"]) {
        Some(None)
    } else {
        None
    }
}

/// Hosts that got nothing but default answers: what such a server may order was not ordered.
fn of_servers(t: &TrialEvidence<'_>, out: &mut Vec<Doubt>) {
    // Under policy `live` some hosts are reached and the others hear the sinkhole.
    let mut played: BTreeMap<&str, bool> = BTreeMap::new();
    for f in t.flows.iter().filter(|f| f.scheme.starts_with("http")) {
        *played.entry(f.host.as_str()).or_default() |= f.stub.is_some() || f.policy == "live";
    }
    for (host, _) in played.iter().filter(|(_, p)| !**p) {
        out.push(doubt(
            "server_not_played",
            format!("`{}` got only default answers, so what it may order was not ordered", short(host)),
            "a stub for it in the scenario, a replay, or policy `live`",
            Reach::Use,
        ));
    }
}

fn of_analysis(t: &TrialEvidence<'_>, out: &mut Vec<Doubt>) {
    for s in &t.analysis.searched.skipped {
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
    for f in t.analysis.findings.iter().filter(|f| f.lead) {
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
