//! The verdict table: a row for each claim, a column for each state of the device.

use serde::Serialize;
use stakeout_contract::{
    Answer, DeviceState, Kind,
    result::{JobResult, Reason, Verdict},
};

use crate::{
    numbers::{self, percent, sig},
    text::{clean, short},
    words,
};

/// Footnotes that are printed; further ones are in `result.json`.
const NOTES: usize = 40;

/// The table and its footnotes.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    pub heads: Vec<Head>,
    pub groups: Vec<Group>,
    pub quiet: Vec<Group>,
    pub quiet_says: String,
    pub notes: Vec<Note>,
    pub notes_left: usize,
}

/// A column.
#[derive(Debug, Serialize)]
pub(super) struct Head {
    pub state: &'static str,
    pub hours: String,
}

/// The rows of one kind.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    pub kind: &'static str,
    pub rows: Vec<Row>,
}

/// A claim.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub rung: &'static str,
    pub cells: Vec<Cell>,
}

/// An answer.
#[derive(Debug, Serialize)]
pub(super) struct Cell {
    pub class: &'static str,
    pub symbol: &'static str,
    pub word: &'static str,
    pub detail: String,
    pub notes: Vec<usize>,
    pub more_notes: usize,
}

/// Why an answer is not more than it is.
#[derive(Debug, Serialize)]
pub(super) struct Note {
    pub number: usize,
    pub code: String,
    pub text: String,
    pub settled_by: String,
}

pub(super) fn of(r: &JobResult, hours: &[(DeviceState, f64)]) -> Table {
    let mut reasons: Vec<&Reason> = r.verdicts.iter().filter(|v| v.verdict != Answer::NotTested).flat_map(|v| &v.reasons).collect();
    reasons.sort();
    reasons.dedup();
    let (mut groups, mut quiet) = (Vec::new(), Vec::new());
    for kind in Kind::ALL {
        let mine: Vec<&Verdict> = r.verdicts.iter().filter(|v| v.kind == *kind).collect();
        if mine.is_empty() {
            continue;
        }
        let happened = mine.iter().any(|v| matches!(v.verdict, Answer::Proven | Answer::Supported) && v.device_state != DeviceState::Any);
        let rows = kind.rungs().iter().map(|rung| Row {
            rung: rung.as_str(),
            cells: DeviceState::ALL
                .iter()
                .map(|s| cell(mine.iter().find(|v| v.rung == *rung && v.device_state == *s).copied(), &reasons))
                .collect(),
        });
        let group = Group { kind: words::kind(*kind), rows: rows.collect() };
        if happened || kind.is_sensor() { &mut groups } else { &mut quiet }.push(group);
    }
    let head = |s: &DeviceState| Head {
        state: words::state_head(*s),
        hours: hours.iter().find(|(t, h)| t == s && *h > 0.0).map_or_else(String::new, |(_, h)| numbers::hours(*h)),
    };
    Table {
        heads: DeviceState::ALL.iter().map(head).collect(),
        quiet_says: quiet_says(&quiet),
        groups,
        quiet,
        notes: reasons.iter().take(NOTES).enumerate().map(|(i, r)| note(i, r)).collect(),
        notes_left: reasons.len().saturating_sub(NOTES),
    }
}

fn note(index: usize, r: &Reason) -> Note {
    Note { number: index + 1, code: short(&r.code), text: clean(&r.text, 400), settled_by: clean(&r.settled_by, 300) }
}

fn cell(v: Option<&Verdict>, reasons: &[&Reason]) -> Cell {
    let Some(v) = v else {
        return Cell { class: "none", symbol: "", word: "", detail: String::new(), notes: vec![], more_notes: 0 };
    };
    let mut detail = Vec::new();
    if v.count > 0 {
        detail.push(format!("{}×", numbers::count(v.count)));
    }
    detail.extend(v.p_false.map(|p| format!("p ≤ {}", numbers::probability(p.get()))));
    detail.extend(v.bound.map(|b| format!("≤ {} of trials, ≤ {}/h", percent(b.share_of_trials), sig(b.per_hour))));
    let mut notes: Vec<usize> = if v.verdict == Answer::NotTested {
        vec![]
    } else {
        v.reasons.iter().filter_map(|r| reasons.iter().position(|o| *o == r)).filter(|i| *i < NOTES).map(|i| i + 1).collect()
    };
    let more_notes = notes.len().saturating_sub(3);
    notes.truncate(3);
    Cell { class: v.verdict.as_str(), symbol: words::symbol(v.verdict), word: words::answer(v.verdict), detail: detail.join(", "), notes, more_notes }
}

fn quiet_says(quiet: &[Group]) -> String {
    let cells = || quiet.iter().flat_map(|g| &g.rows).flat_map(|r| &r.cells);
    let count = |a: Answer| cells().filter(|c| c.class == a.as_str()).count();
    let parts = Answer::ALL.iter().map(|a| (count(*a), words::answer(*a))).filter(|(n, _)| *n > 0).map(|(n, w)| format!("{n} {w}"));
    parts.collect::<Vec<_>>().join(", ")
}
