//! The page's context, made from a result and its trials, and the template that prints it.
//!
//! All decisions are made here, in values that a test can read; the template only places them. Text of apps and peers is
//! cleaned when it enters the context and escaped by the template.

mod canaries;
mod cost;
mod found;
mod head;
mod silence;
mod summary;
mod table;
mod timeline;
mod troubles;

use askama::Template;
use serde::Serialize;
use stakeout_contract::{Answer, DeviceState, probability::PROVEN_AT_MOST, trial::TrialState};

use crate::{ReportError, ReportInput, words};

/// Trials whose timelines are drawn.
const TIMELINES: usize = 12;

/// All that the page says.
#[derive(Debug, Serialize, Template)]
#[template(path = "page.html")]
pub(crate) struct Page {
    head: head::Head,
    summary: Vec<summary::Line>,
    table: table::Table,
    timelines: Vec<timeline::Timeline>,
    timelines_left: usize,
    pairs: Vec<found::Pair>,
    chains: Vec<found::Chain>,
    chains_left: usize,
    canaries: Vec<canaries::Table>,
    captures: Vec<cost::Session>,
    captures_left: usize,
    rates: Vec<cost::Rate>,
    footprint: cost::Footprint,
    troubles: Vec<troubles::Trouble>,
    unseen: Vec<silence::Unseen>,
    open: Vec<silence::Open>,
    open_left: usize,
    untested: Vec<silence::Open>,
    skipped: Vec<Skipped>,
    costs: Vec<cost::Figure>,
    legend: Vec<Key>,
}

/// What an analysis did not look into.
#[derive(Debug, Serialize)]
struct Skipped {
    reason: String,
    count: usize,
}

/// A word of the verdict table with its sign.
#[derive(Debug, Serialize)]
struct Key {
    class: &'static str,
    symbol: &'static str,
    word: &'static str,
    means: String,
}

impl Page {
    pub(crate) fn of(input: &ReportInput<'_>) -> Self {
        let r = input.result;
        let evidence = found::by_finding(r);
        let (chains, chains_left) = found::chains(input, &evidence);
        let (captures, captures_left) = cost::captures(input);
        let reasons = silence::reasons(r, true);
        Self {
            head: head::of(input),
            summary: summary::of(r),
            table: table::of(r, &hours(input), &reasons.iter().map(|(reason, _)| *reason).collect::<Vec<_>>()),
            timelines: input.trials.iter().take(TIMELINES).map(timeline::of).collect(),
            timelines_left: input.trials.len().saturating_sub(TIMELINES),
            pairs: found::pairs(input, &evidence),
            chains,
            chains_left,
            canaries: canaries::of(input, &evidence),
            captures,
            captures_left,
            rates: cost::rates(r),
            footprint: cost::footprint(r),
            troubles: troubles::of(input),
            unseen: silence::unseen(r),
            open: silence::sections(&reasons),
            open_left: reasons.len().saturating_sub(silence::REASONS),
            untested: silence::sections(&silence::reasons(r, false)),
            skipped: skipped(input),
            costs: cost::figures(r),
            legend: Answer::ALL.iter().map(|a| key(*a)).collect(),
        }
    }

    pub(crate) fn print(&self) -> Result<String, ReportError> {
        self.render().map_err(|e| ReportError::Template(e.to_string()))
    }
}

/// Hours in each state, of the trials that finished.
fn hours(input: &ReportInput<'_>) -> Vec<(DeviceState, f64)> {
    let finished = || input.trials.iter().filter(|t| t.record.end.state == TrialState::Finished);
    DeviceState::ALL.iter().map(|s| (*s, finished().map(|t| t.record.hours_in(*s)).sum())).collect()
}

fn skipped(input: &ReportInput<'_>) -> Vec<Skipped> {
    let mut by: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for s in input.trials.iter().flat_map(|t| &t.analysis.searched.skipped) {
        *by.entry(crate::text::short(&s.reason)).or_default() += 1;
    }
    by.into_iter().take(30).map(|(reason, count)| Skipped { reason, count }).collect()
}

fn key(a: Answer) -> Key {
    let means = match a {
        Answer::Proven => &format!(
            "a coded match, or planted data, was found in an artifact; its probability of arising by chance (p) is at most {}",
            crate::numbers::power(PROVEN_AT_MOST)
        ),
        Answer::Supported => "the device's own record says so, without such a match",
        Answer::NotObserved => "not seen, with the bound that this puts on it",
        Answer::Inconclusive => "cannot be said; the number leads to the reason",
        Answer::NotTested => "the scenario does not exercise it",
    };
    Key { class: a.as_str(), symbol: words::symbol(a), word: words::answer(a), means: means.to_owned() }
}

fn capital(s: &str) -> String {
    let mut c = s.chars();
    c.next().map_or_else(String::new, |f| f.to_uppercase().chain(c).collect())
}

#[cfg(test)]
mod tests;
