//! The strongest answers in plain sentences, made from the verdicts alone.

use std::collections::BTreeSet;

use serde::Serialize;
use stakeout_contract::{
    Answer, DeviceState, Kind, Rung,
    result::{JobResult, Verdict},
};

use crate::{
    numbers::{count, percent, power, sig},
    text::{clean, short},
    words,
};

/// A sentence and the answer that it states.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    pub class: &'static str,
    pub symbol: &'static str,
    pub word: &'static str,
    pub text: String,
}

fn line(a: Answer, text: String) -> Line {
    Line { class: a.as_str(), symbol: words::symbol(a), word: words::answer(a), text }
}

/// The highest rung that some kinds reached in the same states.
struct Said {
    answer: Answer,
    rung: Rung,
    kinds: Vec<Kind>,
    states: Vec<DeviceState>,
    /// That it happened is proven; the states are what the device's record says.
    dated_by_record: bool,
}

pub(super) fn of(r: &JobResult) -> Vec<Line> {
    let mut said: Vec<Said> = Vec::new();
    for kind in Kind::ALL {
        for one in reached(r, *kind) {
            let same = |s: &&mut Said| {
                (s.answer, s.rung, &s.states, s.dated_by_record) == (one.answer, one.rung, &one.states, one.dated_by_record)
                    && s.kinds.iter().all(|k| k.is_sensor() == kind.is_sensor())
            };
            match said.iter_mut().find(same) {
                Some(s) => s.kinds.push(*kind),
                None => said.push(one),
            }
        }
    }
    said.sort_by_key(|s| (s.answer, std::cmp::Reverse(s.rung), s.kinds.first().copied()));
    let mut out: Vec<Line> = said.iter().map(|s| line(s.answer, sentence(r, s))).collect();
    let sensors = [Kind::Camera, Kind::Microphone];
    out.extend(sensors.iter().filter_map(|k| in_use(r, *k)));
    out.extend(sent_idle(r));
    out.extend(asked(r));
    out.extend(unseen(r));
    out.extend(open(r));
    out.extend(others(r));
    out
}

fn find(r: &JobResult, kind: Kind, rung: Rung, state: DeviceState) -> Option<&Verdict> {
    r.verdicts.iter().find(|v| v.kind == kind && v.rung == rung && v.device_state == state)
}

fn is(r: &JobResult, kind: Kind, rung: Rung, state: DeviceState, a: Answer) -> bool {
    find(r, kind, rung, state).is_some_and(|v| v.verdict == a)
}

/// For each idle state the highest rung of use that is proven, and the highest that is supported if it is higher.
fn reached(r: &JobResult, kind: Kind) -> Vec<Said> {
    let mut out: Vec<Said> = Vec::new();
    let mut top: Vec<(DeviceState, Rung)> = Vec::new();
    for answer in [Answer::Proven, Answer::Supported] {
        for rung in kind.rungs().iter().rev().filter(|x| !x.is_permission()) {
            let fresh = |s: &&DeviceState| is(r, kind, *rung, **s, answer) && !top.iter().any(|(t, x)| t == *s && x >= rung);
            let states: Vec<DeviceState> = DeviceState::IDLE.iter().filter(fresh).copied().collect();
            if !states.is_empty() {
                top.extend(states.iter().map(|s| (*s, *rung)));
                // A planted value proves that it left, and the device's record says when it was read.
                let dated_by_record =
                    answer == Answer::Supported && is(r, kind, *rung, DeviceState::Any, Answer::Proven) && !kind.is_sensor();
                let answer = if dated_by_record { Answer::Proven } else { answer };
                out.push(Said { answer, rung: *rung, kinds: vec![kind], states, dated_by_record });
            }
        }
    }
    // A canary in a file tells no time: such a rung may be reached in `any` state only.
    let higher = |x: &&Rung| !x.is_permission() && !top.iter().any(|(_, t)| t >= *x) && !reached_in_use(r, kind, **x);
    for answer in [Answer::Proven, Answer::Supported] {
        let only_any = kind.rungs().iter().rev().filter(higher).find(|x| is(r, kind, **x, DeviceState::Any, answer));
        if let Some(rung) = only_any {
            out.push(Said { answer, rung: *rung, kinds: vec![kind], states: vec![DeviceState::Any], dated_by_record: false });
            break;
        }
    }
    out
}

fn reached_in_use(r: &JobResult, kind: Kind, rung: Rung) -> bool {
    [Answer::Proven, Answer::Supported].iter().any(|a| is(r, kind, rung, DeviceState::InUse, *a))
}

fn sentence(r: &JobResult, s: &Said) -> String {
    let media = list(&s.kinds.iter().map(|k| words::media(*k)).collect::<Vec<_>>());
    let states = states(&s.states);
    let sensor = s.kinds.iter().all(|k| k.is_sensor());
    let taken = if sensor { "captured" } else { "read" };
    let when = match (&s.states[..], s.rung) {
        ([DeviceState::Any], Rung::Stored | Rung::Transmitted) => format!("; in which state it was {taken} cannot be told"),
        (_, Rung::Stored | Rung::Transmitted) if s.dated_by_record => format!("; by the device's own record it was {taken} {states}"),
        (_, Rung::Stored | Rung::Transmitted) => format!(", {taken} {states}"),
        _ if s.dated_by_record => format!("; by the device's own record {states}"),
        _ => format!(" {states}"),
    };
    let did = match s.rung {
        Rung::Transmitted => format!("sent {media} away"),
        Rung::Stored => format!("kept {media} in its files"),
        Rung::Delivered => format!("was given {media}"),
        Rung::Read => format!("read {media}"),
        _ => format!("opened {}", list(&s.kinds.iter().map(|k| sensor_name(*k)).collect::<Vec<_>>())),
    };
    let head = if s.answer == Answer::Supported { "By the device's own record, the app " } else { "The app " };
    format!("{head}{did}{when}. {}", detail(r, s))
}

/// Trials, destinations and probability of what a sentence says.
fn detail(r: &JobResult, s: &Said) -> String {
    let as_said = if s.dated_by_record { Answer::Supported } else { s.answer };
    let mine = || {
        let of = |v: &&Verdict| v.rung == s.rung && s.kinds.contains(&v.kind) && s.states.contains(&v.device_state) && v.verdict == as_said;
        r.verdicts.iter().filter(of)
    };
    let any = || r.verdicts.iter().filter(|v| v.rung == s.rung && s.kinds.contains(&v.kind) && v.device_state == DeviceState::Any);
    let evidence = || mine().flat_map(|v| &v.evidence);
    let trials: BTreeSet<u32> = evidence().map(|e| e.trial).collect();
    let hosts: BTreeSet<String> = evidence().filter_map(|e| e.destination.as_deref()).map(short).collect();
    let proofs: Vec<&Verdict> = if s.dated_by_record { any().collect() } else { mine().collect() };
    let p = proofs.iter().filter_map(|v| v.p_false).map(stakeout_contract::Probability::get).reduce(f64::max);
    let mut parts = Vec::new();
    if !trials.is_empty() {
        parts.push(format!("in {} of {} trials", trials.len(), r.trials.len()));
    }
    if s.rung == Rung::Transmitted && !hosts.is_empty() {
        let shown: Vec<&str> = hosts.iter().take(3).map(String::as_str).collect();
        let left = hosts.len().saturating_sub(3);
        let more = if left > 0 { format!(" and {left} more") } else { String::new() };
        parts.push(format!("to {}{more}", shown.join(", ")));
    }
    parts.extend(p.map(|p| format!("probability of such a match by chance at most {}", power(p))));
    if parts.is_empty() { String::new() } else { super::capital(&parts.join(", ")) + "." }
}

fn in_use(r: &JobResult, kind: Kind) -> Option<Line> {
    let said = |rung: &&Rung| find(r, kind, **rung, DeviceState::InUse).filter(|v| matches!(v.verdict, Answer::Proven | Answer::Supported));
    let top = kind.rungs().iter().rev().filter(|x| !x.is_permission()).find_map(|x| said(&x))?;
    let more = match top.rung {
        Rung::Transmitted => format!(", and sent {} from then away", words::media(kind)),
        Rung::Stored => format!(", and kept {} from then in its files", words::media(kind)),
        _ => String::new(),
    };
    let text = format!("The app opened {} while its owner used it{more}. That is use, and fails no gate.", sensor_name(kind));
    Some(line(top.verdict, text))
}

/// What was taken in use, or when is not known, and left while nobody used the device: one sentence for those of the same states.
fn sent_idle(r: &JobResult) -> Vec<Line> {
    let mut said: Vec<(Answer, Vec<DeviceState>, Vec<&str>)> = Vec::new();
    for kind in Kind::ALL {
        let in_idle = |v: &&Verdict| v.kind == *kind && v.device_state.is_idle() && matches!(v.verdict, Answer::Proven | Answer::Supported);
        // What was taken while idle too has its own sentence.
        if r.verdicts.iter().filter(in_idle).any(|v| v.rung == Rung::Transmitted) {
            continue;
        }
        let sent: Vec<&Verdict> = r.sending.iter().filter(in_idle).collect();
        let Some(answer) = sent.iter().map(|v| v.verdict).min() else { continue };
        let states: Vec<DeviceState> = sent.iter().map(|v| v.device_state).collect();
        match said.iter_mut().find(|(a, s, _)| (*a, s) == (answer, &states)) {
            Some((.., kinds)) => kinds.push(words::media(*kind)),
            None => said.push((answer, states, vec![words::media(*kind)])),
        }
    }
    let text = |s: &[DeviceState], kinds: &[&str]| {
        format!(
            "The app sent {} away {}. By all that was observed it was taken while its owner used the app, or when cannot be told; that it left then fails each gate.",
            list(kinds),
            states(s)
        )
    };
    said.iter().map(|(answer, states, kinds)| line(*answer, text(states, kinds))).collect()
}

fn asked(r: &JobResult) -> Option<Line> {
    let granted = |k: &Kind| is(r, *k, Rung::Granted, DeviceState::Any, Answer::Supported);
    let all: Vec<Kind> = Kind::ALL.iter().filter(|k| is(r, **k, Rung::Requested, DeviceState::Any, Answer::Supported)).copied().collect();
    if all.is_empty() {
        return None;
    }
    let names = |k: &[Kind]| list(&k.iter().map(|k| plain(*k)).collect::<Vec<_>>());
    let given: Vec<Kind> = all.iter().filter(|k| granted(k)).copied().collect();
    let got = match given.len() {
        0 => "was granted none".to_owned(),
        1 if all.len() == 1 => "was granted it".to_owned(),
        n if n == all.len() => "was granted all of it".to_owned(),
        _ => format!("was granted {}", names(&given)),
    };
    let idle: Vec<String> = r
        .requests_per_idle_hour
        .iter()
        .map(|q| format!("{} {} times ({} an hour)", plain(q.kind), count(q.requests), sig(q.per_idle_hour)))
        .collect();
    let while_idle = if idle.is_empty() { String::new() } else { format!(" While nobody used it, it asked for {}.", idle.join(", ")) };
    Some(line(
        Answer::Supported,
        format!("The app asked for permission to use {} and {got}. Asking is not using.{while_idle}", names(&all)),
    ))
}

/// Both sensors in one sentence where the same holds for them.
fn unseen(r: &JobResult) -> Vec<Line> {
    let of = |kind: Kind| {
        let seen = |s: &&DeviceState| is(r, kind, Rung::Opened, **s, Answer::NotObserved);
        let states: Vec<DeviceState> = DeviceState::IDLE.iter().filter(seen).copied().collect();
        let bounds = states.iter().filter_map(|s| find(r, kind, Rung::Opened, *s)?.bound);
        let worst = bounds.reduce(|a, b| if b.share_of_trials > a.share_of_trials { b } else { a })?;
        let tail = format!(
            "{}. Given this device, scenario, rules and server, at most {} of trials have it, at {} confidence.",
            self::states(&states),
            percent(worst.share_of_trials),
            percent(worst.confidence)
        );
        Some(("The app was not observed to open", sensor_name(kind).to_owned(), tail))
    };
    together([Kind::Camera, Kind::Microphone].map(of)).into_iter().map(|t| line(Answer::NotObserved, t)).collect()
}

/// Of each sensor the lowest rung of use that cannot be answered, with its states and first reasons.
fn open(r: &JobResult) -> Vec<Line> {
    let of = |kind: Kind| {
        let unknown = |rung: Rung| -> Vec<DeviceState> {
            DeviceState::IDLE.iter().filter(|s| is(r, kind, rung, **s, Answer::Inconclusive)).copied().collect()
        };
        let rungs = kind.rungs().iter().filter(|x| !x.is_permission());
        let (rung, states) = rungs.map(|x| (*x, unknown(*x))).find(|(_, s)| !s.is_empty())?;
        let (head, what, tail) = match rung {
            Rung::Opened => ("Whether the app opens", sensor_name(kind), ""),
            Rung::Delivered => ("Whether the app is given", words::media(kind), ""),
            Rung::Stored => ("Whether the app keeps", words::media(kind), " in its files"),
            _ => ("Whether the app sent away", words::media(kind), " that it captured"),
        };
        let verdicts = states.iter().filter_map(|s| find(r, kind, rung, *s));
        let mut reasons: Vec<String> = verdicts.flat_map(|v| &v.reasons).map(|x| clean(&x.text, 200)).collect();
        reasons.sort();
        reasons.dedup();
        let left = reasons.len().saturating_sub(2);
        reasons.truncate(2);
        let more = if left > 0 { format!("; {left} more reasons below") } else { String::new() };
        Some((head, what.to_owned(), format!("{tail} {} cannot be said: {}{more}.", self::states(&states), reasons.join("; "))))
    };
    together([Kind::Camera, Kind::Microphone].map(of)).into_iter().map(|t| line(Answer::Inconclusive, t)).collect()
}

/// Head, thing and tail of a sentence for each sensor; one sentence if head and tail are the same.
fn together(parts: [Option<(&str, String, String)>; 2]) -> Vec<String> {
    let space = |tail: &str| if tail.starts_with(' ') { "" } else { " " };
    match parts {
        [Some((h, a, t)), Some((h2, b, t2))] if h == h2 && t == t2 => vec![format!("{h} {a} or {b}{}{t}", space(&t))],
        parts => parts.into_iter().flatten().map(|(h, a, t)| format!("{h} {a}{}{t}", space(&t))).collect(),
    }
}

/// One sentence for the data of which nothing is proven or supported.
fn others(r: &JobResult) -> Option<Line> {
    let of = |a: Answer| -> Vec<&str> {
        let kinds = Kind::ALL.iter().filter(|k| !k.is_sensor() && is(r, **k, Rung::Read, DeviceState::Any, a));
        kinds.map(|k| plain(*k)).collect()
    };
    let parts =
        [(Answer::NotObserved, "not observed to be read"), (Answer::Inconclusive, "cannot be said"), (Answer::NotTested, "not tested")];
    let parts: Vec<(Answer, String)> = parts
        .iter()
        .map(|(a, w)| (*a, of(*a), *w))
        .filter(|(_, k, _)| !k.is_empty())
        .map(|(a, k, w)| (a, format!("{w}: {}", k.join(", "))))
        .collect();
    let (first, _) = parts.first()?;
    Some(line(*first, format!("Other personal data. {}.", parts.iter().map(|(_, t)| super::capital(t)).collect::<Vec<_>>().join(". "))))
}

const fn sensor_name(k: Kind) -> &'static str {
    match k {
        Kind::Camera => "the camera",
        _ => "the microphone",
    }
}

/// As a word in a list.
fn plain(k: Kind) -> &'static str {
    match k {
        Kind::CallLog => "call log",
        Kind::Cell => "base stations",
        Kind::Wifi => "Wi-Fi networks",
        Kind::Sms => "text messages",
        Kind::MediaFiles => "media files",
        Kind::InstalledApps => "installed apps",
        k => k.as_str(),
    }
}

fn states(s: &[DeviceState]) -> String {
    list(&s.iter().map(|s| words::state(*s)).collect::<Vec<_>>())
}

/// `a, b and c`.
fn list(items: &[&str]) -> String {
    match items {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
