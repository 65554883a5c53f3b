//! The verdict table: a row for each claim, a column for each state of the device.

use serde::Serialize;
use stakeout_contract::{
    Answer, DeviceState, Kind,
    result::{JobResult, Reason, Verdict},
};

use super::silence::REASONS;
use crate::{
    numbers::{self, percent, sig},
    words,
};

/// The table; the numbers of its reasons are those of the sections below it.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    pub heads: Vec<Head>,
    pub groups: Vec<Group>,
    pub quiet: Vec<Group>,
    pub quiet_says: String,
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
    pub details: Vec<String>,
    pub notes: Vec<usize>,
    pub more_notes: usize,
}

pub(super) fn of(r: &JobResult, hours: &[(DeviceState, f64)], reasons: &[&Reason]) -> Table {
    let (mut groups, mut quiet) = (Vec::new(), Vec::new());
    for kind in Kind::ALL {
        let mine: Vec<&Verdict> = r.verdicts.iter().filter(|v| v.kind == *kind).collect();
        if mine.is_empty() {
            continue;
        }
        let sent: Vec<&Verdict> = r.sending.iter().filter(|v| v.kind == *kind).collect();
        let known = |v: &&Verdict| matches!(v.verdict, Answer::Proven | Answer::Supported) && v.device_state != DeviceState::Any;
        let happened = mine.iter().chain(&sent).any(known);
        let rows = kind.rungs().iter().map(|rung| Row {
            rung: rung.as_str(),
            cells: DeviceState::ALL
                .iter()
                .map(|s| cell(mine.iter().find(|v| v.rung == *rung && v.device_state == *s).copied(), reasons))
                .collect(),
        });
        let at = |s: &DeviceState| cell(sent.iter().find(|v| v.device_state == *s).copied(), reasons);
        let sending = (!sent.is_empty()).then(|| Row { rung: words::SENT_WHILE, cells: DeviceState::ALL.iter().map(at).collect() });
        let group = Group { kind: words::kind(*kind), rows: rows.chain(sending).collect() };
        if happened || kind.is_sensor() { &mut groups } else { &mut quiet }.push(group);
    }
    let head = |s: &DeviceState| Head {
        state: words::state_head(*s),
        hours: hours.iter().find(|(t, h)| t == s && *h > 0.0).map_or_else(String::new, |(_, h)| numbers::hours(*h)),
    };
    Table { heads: DeviceState::ALL.iter().map(head).collect(), quiet_says: quiet_says(&quiet), groups, quiet }
}

fn cell(v: Option<&Verdict>, reasons: &[&Reason]) -> Cell {
    let Some(v) = v else {
        return Cell { class: "none", symbol: "", word: "", details: vec![], notes: vec![], more_notes: 0 };
    };
    let mut details = Vec::new();
    if v.count > 0 {
        details.push(format!("{}×", numbers::count(v.count)));
    }
    details.extend(v.p_false.map(|p| format!("p ≤ {}", numbers::probability(p.get()))));
    if let Some(b) = v.bound {
        details.extend([format!("≤ {} of trials", percent(b.share_of_trials)), format!("≤ {}/h", sig(b.per_hour))]);
    }
    let mut notes: Vec<usize> = if v.verdict == Answer::NotTested {
        vec![]
    } else {
        v.reasons.iter().filter_map(|r| reasons.iter().position(|o| *o == r)).filter(|i| *i < REASONS).map(|i| i + 1).collect()
    };
    let more_notes = notes.len().saturating_sub(3);
    notes.truncate(3);
    Cell { class: v.verdict.as_str(), symbol: words::symbol(v.verdict), word: words::answer(v.verdict), details, notes, more_notes }
}

fn quiet_says(quiet: &[Group]) -> String {
    let cells = || quiet.iter().flat_map(|g| &g.rows).flat_map(|r| &r.cells);
    let count = |a: Answer| cells().filter(|c| c.class == a.as_str()).count();
    let parts = Answer::ALL.iter().map(|a| (count(*a), words::answer(*a))).filter(|(n, _)| *n > 0).map(|(n, w)| format!("{n} {w}"));
    parts.collect::<Vec<_>>().join(", ")
}
