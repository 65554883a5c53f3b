//! What was not observed, with its bound; what cannot be said, and what would settle it; what was not tested.

use std::collections::BTreeMap;

use serde::Serialize;
use stakeout_contract::{
    Answer, DeviceState, Kind, Rung,
    result::{JobResult, Reason, Verdict},
};

use crate::{
    numbers,
    text::{clean, short},
    words,
};

/// Rows of the list of reasons.
pub(super) const REASONS: usize = 40;

/// Claims that share a state and so a bound.
#[derive(Debug, Serialize)]
pub(super) struct Unseen {
    pub state: String,
    pub watched: String,
    pub trials: u32,
    pub share: String,
    pub per_hour: String,
    pub claims: Vec<Claim>,
}

/// Rungs of one kind, or of several.
#[derive(Debug, Serialize)]
pub(super) struct Claim {
    pub kinds: String,
    pub rungs: String,
}

/// Claims that share a reason.
#[derive(Debug, Serialize)]
pub(super) struct Open {
    pub number: usize,
    pub code: String,
    pub text: String,
    pub settled_by: String,
    pub states: String,
    pub claims: Vec<Claim>,
}

/// Rungs in the order of the ladder; kinds with the same rungs are one claim, camera and microphone first.
fn claims(v: &[&Verdict]) -> Vec<Claim> {
    let mut by: BTreeMap<Kind, Vec<Rung>> = BTreeMap::new();
    for v in v {
        by.entry(v.kind).or_default().push(v.rung);
    }
    let mut out: Vec<(Vec<&str>, String)> = Vec::new();
    for (kind, mut rungs) in by {
        rungs.sort_unstable();
        rungs.dedup();
        let all = rungs.len() == kind.rungs().len();
        let text = if all { "all rungs".to_owned() } else { rungs.iter().map(|r| r.as_str()).collect::<Vec<_>>().join(", ") };
        match out.iter_mut().find(|(_, t)| *t == text) {
            Some((kinds, _)) => kinds.push(words::kind(kind)),
            None => out.push((vec![words::kind(kind)], text)),
        }
    }
    out.into_iter().map(|(kinds, rungs)| Claim { kinds: kinds.join(", "), rungs }).collect()
}

pub(super) fn unseen(r: &JobResult) -> Vec<Unseen> {
    let mut groups: Vec<Vec<&Verdict>> = Vec::new();
    for v in r.verdicts.iter().filter(|v| v.verdict == Answer::NotObserved) {
        match groups.iter_mut().find(|g| g.first().is_some_and(|f| f.device_state == v.device_state && f.bound == v.bound)) {
            Some(g) => g.push(v),
            None => groups.push(vec![v]),
        }
    }
    groups.sort_by_key(|g| g.first().map(|v| v.device_state));
    groups
        .iter()
        .filter_map(|g| {
            let first = g.first()?;
            let b = first.bound;
            let or_none = |f: fn(&stakeout_contract::result::Bound) -> String| b.as_ref().map_or_else(|| "no bound".to_owned(), f);
            Some(Unseen {
                state: super::capital(match first.device_state {
                    DeviceState::Any => "all states together",
                    s => words::state_head(s),
                }),
                watched: or_none(|b| numbers::hours(b.hours)),
                trials: b.map_or(0, |b| b.trials),
                share: or_none(|b| numbers::percent(b.share_of_trials)),
                per_hour: or_none(|b| numbers::sig(b.per_hour)),
                claims: claims(g),
            })
        })
        .collect()
}

/// Reasons of verdicts, those of most claims first; the numbers in the verdict table count in this order.
pub(super) fn reasons(r: &JobResult, tested: bool) -> Vec<(&Reason, Vec<&Verdict>)> {
    let mut by: BTreeMap<&Reason, Vec<&Verdict>> = BTreeMap::new();
    for v in r.verdicts.iter().filter(|v| (v.verdict != Answer::NotTested) == tested) {
        for reason in &v.reasons {
            by.entry(reason).or_default().push(v);
        }
    }
    let mut all: Vec<_> = by.into_iter().collect();
    all.sort_by_key(|(_, v)| std::cmp::Reverse(v.len()));
    all
}

/// The reasons as sections, at most [`REASONS`] of them.
pub(super) fn sections(all: &[(&Reason, Vec<&Verdict>)]) -> Vec<Open> {
    let of = |((reason, v), number): (&(&Reason, Vec<&Verdict>), usize)| {
        let mut states: Vec<DeviceState> = v.iter().map(|v| v.device_state).collect();
        states.sort_unstable();
        states.dedup();
        let states = if states.len() == DeviceState::ALL.len() {
            "every state".to_owned()
        } else {
            states.iter().map(|s| words::state_head(*s)).collect::<Vec<_>>().join(", ")
        };
        Open {
            number,
            code: short(&reason.code),
            text: super::capital(&clean(&reason.text, 400)),
            settled_by: clean(&reason.settled_by, 300),
            states,
            claims: claims(v),
        }
    };
    all.iter().zip(1..).take(REASONS).map(of).collect()
}
