//! Planted data that was found again, in one table a kind.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use stakeout_contract::{Kind, artifact::Role, finding::Finding};

use super::found::{ByFinding, is_data, label};
use crate::{
    ReportInput, TrialInput,
    clock::DeviceClock,
    numbers::{self, count},
    text::{clean, short},
    words,
};

/// Rows that are always visible.
const ROWS: usize = 8;
/// Rows that can be unfolded.
const FOLDED: usize = 150;

/// Planted data of one kind.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    pub kind: &'static str,
    pub says: String,
    pub rows: Vec<Row>,
    pub folded: Vec<Row>,
    pub left: usize,
}

/// One planted thing.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub trial: u32,
    pub id: String,
    pub label: String,
    pub place: String,
    pub when: String,
    pub ordered_by: String,
    pub decoded: String,
    pub p_false: String,
}

/// All matches of one canary in one trial.
struct Found<'a> {
    trial: &'a TrialInput<'a>,
    id: &'a str,
    matches: Vec<(usize, &'a Finding)>,
}

impl Found<'_> {
    fn left(&self) -> bool {
        self.matches.iter().any(|(_, f)| f.role == Some(Role::FlowRequest))
    }
}

pub(super) fn of(input: &ReportInput<'_>, evidence: &ByFinding<'_>) -> Vec<Table> {
    let mut tables = Vec::new();
    for kind in Kind::ALL.iter().filter(|k| is_data(**k)) {
        let mut found: BTreeMap<(u32, &str), Found<'_>> = BTreeMap::new();
        for t in &input.trials {
            for (i, f) in t.analysis.findings.iter().enumerate().filter(|(_, f)| f.kind == *kind && !f.lead && f.trial.is_none()) {
                let Some(id) = f.canary.as_deref() else { continue };
                let new = || Found { trial: t, id, matches: vec![] };
                found.entry((t.record.number, id)).or_insert_with(new).matches.push((i, f));
            }
        }
        if !found.is_empty() {
            tables.push(table(input, *kind, found.into_values().collect(), evidence));
        }
    }
    tables
}

fn table(input: &ReportInput<'_>, kind: Kind, mut found: Vec<Found<'_>>, evidence: &ByFinding<'_>) -> Table {
    let planted = |t: &TrialInput<'_>| t.record.canaries.iter().filter(|c| c.kind == kind).count();
    let says: Vec<String> = input
        .trials
        .iter()
        .map(|t| {
            let mine = || found.iter().filter(|f| f.trial.record.number == t.record.number);
            let (sent, all) = (mine().filter(|f| f.left()).count(), mine().count());
            format!(
                "trial {}: {} planted, {} found again, {} of them sent away",
                t.record.number,
                count(planted(t) as u64),
                count(all as u64),
                count(sent as u64)
            )
        })
        .collect();
    found.sort_by_key(|f| (!f.left(), f.trial.record.number, number_of(f.id)));
    Table {
        kind: words::kind(kind),
        says: super::capital(&says.join("; ")) + ".",
        rows: found.iter().take(ROWS).filter_map(|f| row(f, evidence)).collect(),
        folded: found.iter().skip(ROWS).take(FOLDED).filter_map(|f| row(f, evidence)).collect(),
        left: found.len().saturating_sub(ROWS + FOLDED),
    }
}

/// `contacts/12` after `contacts/3`.
fn number_of(id: &str) -> (u64, String) {
    (id.rsplit('/').next().and_then(|n| n.parse().ok()).unwrap_or(u64::MAX), id.to_owned())
}

fn row(f: &Found<'_>, evidence: &ByFinding<'_>) -> Option<Row> {
    let t = f.trial;
    // What left stands before what was kept, then the less likely match.
    let (index, best) = f.matches.iter().min_by(|a, b| {
        let key = |x: &(usize, &Finding)| x.1.role != Some(Role::FlowRequest);
        key(a).cmp(&key(b)).then(a.1.p_false.get().total_cmp(&b.1.p_false.get()))
    })?;
    let flow = t.flows.iter().find(|w| Some(w.id) == best.flow);
    let ordered = evidence.get(&(t.record.number, *index)).and_then(|e| e.ordered_by_flow);
    let places: BTreeSet<String> = f.matches.iter().map(|(_, m)| super::found::place(t, m)).collect();
    let shown: Vec<String> = places.iter().take(2).cloned().collect();
    let more = if places.len() > 2 { format!(" and {} more", places.len() - 2) } else { String::new() };
    Some(Row {
        trial: t.record.number,
        id: short(f.id),
        label: label(t, f.id),
        place: shown.join("; ") + &more,
        when: flow.map_or_else(|| "–".to_owned(), |w| DeviceClock::new(&t.record.started_at).time(w.at)),
        ordered_by: ordered.map_or_else(|| "–".to_owned(), |n| format!("flow {n}")),
        decoded: best.chain.iter().take(10).map(|c| clean(c, 40)).collect::<Vec<_>>().join(" → "),
        p_false: numbers::probability(best.p_false.get()),
    })
}
