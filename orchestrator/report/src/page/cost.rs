//! Rates, footprint, captures and cost.

use serde::Serialize;
use stakeout_contract::{
    Nanos,
    result::{Capture, JobResult},
};

use crate::{
    ReportInput,
    clock::DeviceClock,
    numbers::{bytes, count, hours, seconds, sig},
    text::short,
    words,
};

/// Hours of a month (365.25 days / 12).
const MONTH: f64 = 730.5;
/// Captures that are printed.
const CAPTURES: usize = 60;

/// How often a permission was asked for.
#[derive(Debug, Serialize)]
pub(super) struct Rate {
    pub kind: &'static str,
    pub requests: String,
    pub per_hour: String,
    pub per_day: String,
}

/// What an app keeps and sends.
#[derive(Debug, Serialize)]
pub(super) struct Footprint {
    pub idle: String,
    pub rows: Vec<FootprintRow>,
}

/// Kept, or sent.
#[derive(Debug, Serialize)]
pub(super) struct FootprintRow {
    pub what: &'static str,
    pub trial: String,
    pub per_hour: String,
    pub per_month: String,
}

/// A session of a sensor.
#[derive(Debug, Serialize)]
pub(super) struct Session {
    pub trial: u32,
    pub kind: &'static str,
    pub state: String,
    pub from: String,
    pub length: String,
    pub rung: &'static str,
    pub frames: String,
    pub destinations: String,
}

/// A figure with its name.
#[derive(Debug, Serialize)]
pub(super) struct Figure {
    pub name: &'static str,
    pub value: String,
}

pub(super) fn rates(r: &JobResult) -> Vec<Rate> {
    let of = |q: &stakeout_contract::result::RequestRate| Rate {
        kind: words::kind(q.kind),
        requests: count(q.requests),
        per_hour: sig(q.per_idle_hour),
        per_day: sig(q.per_idle_hour * 24.0),
    };
    r.requests_per_idle_hour.iter().map(of).collect()
}

pub(super) fn footprint(r: &JobResult) -> Footprint {
    let f = &r.footprint;
    let row = |what, trial: f64, per_hour: f64| FootprintRow {
        what,
        trial: bytes(trial),
        per_hour: bytes(per_hour),
        per_month: bytes(per_hour * MONTH),
    };
    Footprint {
        idle: hours(f.idle_hours),
        rows: vec![
            row("Kept in its files", f.kept_bytes, f.kept_bytes_per_idle_hour),
            row("Sent in requests", f.sent_bytes, f.sent_bytes_per_idle_hour),
        ],
    }
}

/// The highest rung first; how many are left out.
pub(super) fn captures(input: &ReportInput<'_>) -> (Vec<Session>, usize) {
    let mut all: Vec<&Capture> = input.result.captures.iter().collect();
    if all.len() > CAPTURES {
        all.sort_by_key(|c| (!c.device_state.is_idle(), std::cmp::Reverse(c.rung)));
        all.truncate(CAPTURES);
    }
    all.sort_by(|a, b| a.trial.cmp(&b.trial).then(a.from_seconds.total_cmp(&b.from_seconds)));
    let left = input.result.captures.len() - all.len();
    (all.iter().map(|c| session(input, c)).collect(), left)
}

fn session(input: &ReportInput<'_>, c: &Capture) -> Session {
    let clock = input.trials.iter().find(|t| t.record.number == c.trial).map(|t| DeviceClock::new(&t.record.started_at));
    let from = Nanos::saturating((c.from_seconds.max(0.0) * 1e9) as u64);
    let hosts: Vec<String> = c.destinations.iter().take(3).map(|d| short(d)).collect();
    let more = if c.destinations.len() > 3 { format!(" and {} more", c.destinations.len() - 3) } else { String::new() };
    Session {
        trial: c.trial,
        kind: words::kind(c.kind),
        state: words::state_head(c.device_state).to_owned() + if c.begun_by_act { ", begun by an act of the owner" } else { "" },
        from: clock.map_or_else(String::new, |k| k.time(from)),
        length: seconds((c.to_seconds - c.from_seconds).max(0.0)),
        rung: c.rung.as_str(),
        frames: c.frames.map_or_else(|| "–".to_owned(), |[a, b]| if a == b { a.to_string() } else { format!("{a} to {b}") }),
        destinations: if hosts.is_empty() { "–".to_owned() } else { hosts.join(", ") + &more },
    }
}

pub(super) fn figures(r: &JobResult) -> Vec<Figure> {
    let c = &r.cost;
    let or_unknown = |x: f64, s: String| if x > 0.0 { s } else { "not measured".to_owned() };
    let searched =
        r.trials.iter().fold((0u64, 0u64, 0u64), |a, t| (a.0 + t.searched.files, a.1 + t.searched.bytes, a.2 + t.searched.media));
    let figure = |name, value| Figure { name, value };
    vec![
        figure("Trials that ended", count(u64::from(c.trials))),
        figure("Time from submit to result", seconds(c.wall_seconds)),
        figure("Time on the devices' clocks", seconds(c.virtual_seconds)),
        figure("Processor time of the cells", or_unknown(c.cpu_seconds, seconds(c.cpu_seconds))),
        figure("Largest memory of a device", or_unknown(c.peak_memory_bytes as f64, bytes(c.peak_memory_bytes as f64))),
        figure("Artifacts kept", bytes(c.kept_bytes as f64)),
        figure(
            "Searched for matches",
            format!("{} files, {}, {} pictures and sounds", count(searched.0), bytes(searched.1 as f64), count(searched.2)),
        ),
    ]
}
