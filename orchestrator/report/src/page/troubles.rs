//! What went wrong, what was refused and what the device could not do, each counted over all trials.

use std::collections::BTreeMap;

use serde::Serialize;
use stakeout_contract::{Kind, Nanos, observation::Fact};

use crate::{ReportInput, clock::DeviceClock, text::clean, words};

/// Rows of a table.
const ROWS: usize = 25;

/// A table of facts of one sort.
#[derive(Debug, Serialize)]
pub(super) struct Trouble {
    pub head: &'static str,
    pub says: &'static str,
    pub rows: Vec<Row>,
    pub left: usize,
}

/// A fact, how often, and when first.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub what: String,
    pub why: String,
    pub count: u64,
    pub first: String,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Refused,
    Crashed,
    Lost,
    Escape,
    Unread,
    Blocked,
    Unsupported,
    Clock,
    Alert,
}

impl Sort {
    const fn says(self) -> (&'static str, &'static str) {
        match self {
            Self::Refused => ("Refused", "The app tried, and the device's rules for its Android version or the scenario's policy said no."),
            Self::Crashed => ("Crashes", "What the app does after a crash, or instead of one, was not seen."),
            Self::Lost => ("Evidence that was lost", "It turns not observed into inconclusive for what it could have shown."),
            Self::Escape => {
                ("Reaching outside", "The app reached for what lies outside its sandbox, loads code, or stands before a login.")
            }
            Self::Unread => {
                ("Traffic that could not be read", "Pinned certificates and unknown protocols are evidence of traffic, not of its content.")
            }
            Self::Blocked => ("Traffic that was blocked", "Connections and datagrams that did not become a flow."),
            Self::Unsupported => {
                ("Calls that this device does not support", "What the app would have done with their results was not seen.")
            }
            Self::Clock => ("Held clock", "Threads that kept the device's clock from going on."),
            Self::Alert => ("Alerts", "Evidence that contradicts other evidence. Read these first."),
        }
    }
}

pub(super) fn of(input: &ReportInput<'_>) -> Vec<Trouble> {
    let mut all: BTreeMap<(Sort, String, String), (u64, u32, Nanos)> = BTreeMap::new();
    for t in &input.trials {
        for o in t.observations {
            let Some((sort, what, why, n)) = sorted(&o.fact) else { continue };
            let e = all.entry((sort, clean(&what, 200), clean(&why, 300))).or_insert((0, t.record.number, o.at));
            e.0 = e.0.saturating_add(n);
        }
    }
    let mut by: BTreeMap<Sort, Vec<Row>> = BTreeMap::new();
    for ((sort, what, why), (count, trial, at)) in all {
        let clock = input.trials.iter().find(|t| t.record.number == trial).map(|t| DeviceClock::new(&t.record.started_at));
        let first = clock.map_or_else(String::new, |c| format!("trial {trial}, {}", c.time(at)));
        by.entry(sort).or_default().push(Row { what, why, count, first });
    }
    let table = |(sort, mut rows): (Sort, Vec<Row>)| {
        rows.sort_by_key(|r| std::cmp::Reverse(r.count));
        let left = rows.len().saturating_sub(ROWS);
        rows.truncate(ROWS);
        let (head, says) = sort.says();
        Trouble { head, says, rows, left }
    };
    by.into_iter().map(table).collect()
}

fn sorted(f: &Fact) -> Option<(Sort, String, String, u64)> {
    let one = |s: Sort, what: String, why: &str| Some((s, what, why.to_owned(), 1));
    match f {
        Fact::Refused { sensor, data, what, reason } => {
            let kind = sensor.map(Kind::from).or(*data).map_or(String::new(), |k| format!("{}: ", words::kind(k)));
            one(Sort::Refused, format!("{kind}{what}"), reason)
        }
        Fact::Crashed { message, trace } => one(Sort::Crashed, message.clone(), trace.first().map_or("", String::as_str)),
        Fact::Anr { message } => one(Sort::Crashed, message.clone(), "did not respond"),
        Fact::Restarted { reason } => one(Sort::Crashed, "restarted".to_owned(), reason),
        Fact::Lost { what, count } => Some((Sort::Lost, what.clone(), String::new(), *count)),
        Fact::Escape { what } => one(Sort::Escape, what.clone(), "outside its sandbox"),
        Fact::NativeLibrary { name, .. } => one(Sort::Escape, name.clone(), "native code, which this device does not run"),
        Fact::DexLoaded { path, artifact } => one(
            Sort::Escape,
            path.clone(),
            if artifact.is_some() { "code loaded at run time, kept" } else { "code loaded at run time, not kept" },
        ),
        Fact::Looked { what, as_phone } => one(
            Sort::Escape,
            what.clone(),
            if *as_phone { "looked for the device, answered as by a phone" } else { "looked for the device" },
        ),
        Fact::OutOfMemory { what } => one(Sort::Crashed, what.clone(), "out of memory"),
        Fact::RealTime { what } => one(Sort::Clock, what.clone(), "shows real time"),
        Fact::DialogOpen { activity, texts } => {
            one(Sort::Escape, activity.clone(), &format!("a dialog that nobody answered: {}", texts.join(" / ")))
        }
        Fact::LoginScreen { activity } => one(Sort::Escape, activity.clone(), "a login that was not passed"),
        Fact::TlsRefused { host, port, reason } => one(Sort::Unread, format!("{host}:{port}: certificate refused by the app"), reason),
        Fact::Opaque { host, port, protocol, sent, .. } => {
            one(Sort::Unread, format!("{host}:{port}"), &format!("{protocol}, {sent} bytes sent"))
        }
        Fact::Blocked { protocol, address, port, reason } => one(Sort::Blocked, format!("{protocol} to {address}:{port}"), reason),
        Fact::UnsupportedApi { name, effect } => one(Sort::Unsupported, name.clone(), effect),
        Fact::ClockHeld { thread, r#where: place, spins } => {
            one(Sort::Clock, format!("{thread} in {place}"), if *spins { "ran without pause, was let go" } else { "waited by real time" })
        }
        Fact::Alert { what } => one(Sort::Alert, what.clone(), ""),
        _ => None,
    }
}
