//! Which servers were played: what one that was not may order was not ordered.
//!
//! Each request counts for itself. That another one was answered well, before or after it, by another method or query, says
//! nothing of what this one would have brought: an app asks when it starts and is ordered about when it polls. The gateway
//! says of each which stub answered it; a stub's scope is so large as its author made it. A live server that gave no answer,
//! failed or refused this host may have had an order until the same question was answered.

use std::collections::{BTreeMap, BTreeSet};

use stakeout_contract::{DeviceState, Nanos, flow::Flow};

use super::{Doubt, Reach, doubt, short};
use crate::verdict::TrialEvidence;

/// Answers by which a server refuses whoever asks, and not what is asked for (RFC 9110 §15.5, RFC 6585, RFC 7725): another
/// phone, another time or another place may be told more.
const REFUSALS: [u16; 6] = [401, 403, 407, 408, 429, 451];

/// What is asked for: what is answered is of this alone.
type Question<'a> = (&'a str, &'a str, &'a str);

fn question(f: &Flow) -> Question<'_> {
    (&f.host, &f.method, f.path.split('#').next().unwrap_or_default())
}

fn is_live(f: &Flow) -> bool {
    f.stub.is_none() && f.policy == "live"
}

/// Why a live server's answer is none.
fn unanswered(f: &Flow) -> Option<String> {
    match f.status {
        _ if !f.error.is_empty() => Some(format!("gave no whole answer ({})", short(&f.error))),
        0 => Some("gave no answer".to_owned()),
        s if s >= 500 || REFUSALS.contains(&s) => Some(format!("answered {s}")),
        _ => None,
    }
}

pub(super) fn of(t: &TrialEvidence<'_>, out: &mut Vec<Doubt>) {
    let asked = || t.flows.iter().filter(|f| f.scheme.starts_with("http"));
    let mut hosts: BTreeMap<&str, BTreeSet<Question<'_>>> = BTreeMap::new();
    for f in asked().filter(|f| f.stub.is_none() && !is_live(f)) {
        hosts.entry(f.host.as_str()).or_default().insert(question(f));
    }
    for (host, questions) in &hosts {
        let Some((_, method, path)) = questions.first() else { continue };
        let more = if questions.len() > 1 { format!(" and {} more", questions.len() - 1) } else { String::new() };
        out.push(doubt(
            "server_not_played",
            format!(
                "`{}` got only default answers for `{} {}`{more}, so what it may order was not ordered",
                short(host),
                short(method),
                short(path)
            ),
            "a stub for it in the scenario, a replay, or policy `live`",
            Reach::All,
        ));
    }
    let mut live: Vec<&Flow> = asked().filter(|f| is_live(f)).collect();
    live.sort_by_key(|f| std::cmp::Reverse((f.at, f.id)));
    // The last first: when the same was asked again and answered.
    let mut answered: BTreeMap<Question<'_>, Nanos> = BTreeMap::new();
    for f in live {
        let Some(why) = unanswered(f) else {
            answered.insert(question(f), f.at);
            continue;
        };
        let mut d = doubt(
            "server_not_played",
            format!("`{}` {why} to `{} {}`, so what it may order was not ordered", short(&f.host), short(&f.method), short(&f.path)),
            "another trial while its server answers, or a stub for it in the scenario",
            Reach::All,
        );
        d.states = Some(between(t, f.at, answered.get(&question(f)).copied()));
        out.push(d);
    }
}

/// States that the device was in from a time until another, else until the end.
pub(super) fn between(t: &TrialEvidence<'_>, from: Nanos, to: Option<Nanos>) -> Vec<DeviceState> {
    let in_it = t.record.timeline.iter().filter(|s| s.to > from && to.is_none_or(|to| s.from <= to));
    let states: BTreeSet<DeviceState> = in_it.map(|s| s.state).collect();
    states.into_iter().collect()
}
