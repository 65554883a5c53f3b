//! One trial as a picture: states of the device from left to right, what happened in lanes below them.
//!
//! A trial is two minutes of one state and eight hours of the next, so each state has its own scale (its width grows with
//! the square root of its length) and says how long it is. What lies nearer together than a mark is wide becomes one mark
//! with a count, so that a picture has a bounded size whatever an app does.

mod happenings;
mod scale;

use serde::Serialize;
use stakeout_contract::{Nanos, trial::TrialState};

use self::{happenings::Happening, scale::Scale};
use crate::{TrialInput, clock::DeviceClock, numbers, words};

/// Height of a lane, pixels.
pub(super) const LANE: u32 = 30;
/// Height of the bands of states.
const BAND: u32 = 44;
/// Height of the axis.
const AXIS: u32 = 22;
/// Nearest distance of two marks of a lane.
const APART: u32 = 7;
/// Rows of the table below the picture.
const ROWS: usize = 120;

/// Names of the lanes, from the top.
pub(super) const LANES: [&str; 6] = ["Camera", "Microphone", "Asks", "Reads", "Sends", "Events"];

/// The picture of one trial.
#[derive(Debug, Serialize)]
pub(super) struct Timeline {
    pub number: u32,
    pub ended: bool,
    pub begin: String,
    pub length: String,
    pub width: u32,
    pub height: u32,
    pub lanes: Vec<Lane>,
    pub bands: Vec<Band>,
    pub ticks: Vec<Tick>,
    pub bars: Vec<Bar>,
    pub marks: Vec<Mark>,
    pub rows: Vec<Row>,
    pub rows_left: usize,
}

/// A lane's name and its upper edge.
#[derive(Debug, Serialize)]
pub(super) struct Lane {
    pub name: &'static str,
    pub y: u32,
}

/// A state.
#[derive(Debug, Serialize)]
pub(super) struct Band {
    pub x: u32,
    pub width: u32,
    pub class: &'static str,
    pub name: &'static str,
    pub length: String,
    pub title: String,
}

/// A time on the axis.
#[derive(Debug, Serialize)]
pub(super) struct Tick {
    pub x: u32,
    pub label: String,
}

/// From open to close.
#[derive(Debug, Serialize)]
pub(super) struct Bar {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub title: String,
}

/// A point in time: its shape and colour are its class.
#[derive(Debug, Serialize)]
pub(super) struct Mark {
    pub x: u32,
    pub y: u32,
    pub class: &'static str,
    pub title: String,
}

/// The same in words.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub when: String,
    pub state: &'static str,
    pub what: String,
}

pub(super) fn of(t: &TrialInput<'_>) -> Timeline {
    let clock = DeviceClock::new(&t.record.started_at);
    let scale = Scale::of(&t.record.timeline);
    let lanes: Vec<Lane> = LANES.iter().zip(0..).map(|(name, i)| Lane { name, y: BAND + i * LANE }).collect();
    let mut all = happenings::of(t);
    all.sort_by_key(|h| h.at);
    let (rows, rows_left) = rows(t, &clock, &all);
    Timeline {
        number: t.record.number,
        ended: t.record.end.state == TrialState::Finished,
        begin: clock.begin(),
        length: numbers::seconds(t.record.length().as_secs_f64()),
        width: scale.width(),
        height: BAND + LANES.len() as u32 * LANE + AXIS,
        bands: bands(&scale, &clock),
        ticks: scale.ticks(&clock).into_iter().map(|(x, label)| Tick { x, label }).collect(),
        bars: all.iter().filter_map(|h| bar(&scale, &clock, h)).collect(),
        marks: marks(&scale, &clock, &all),
        lanes,
        rows,
        rows_left,
    }
}

fn bands(scale: &Scale, clock: &DeviceClock) -> Vec<Band> {
    let of = |(x, width, s): (u32, u32, &stakeout_contract::trial::StateSpan)| {
        let length = numbers::seconds(s.to.since(s.from).as_secs_f64());
        let name = words::state_head(s.state);
        let title = format!("{name}: {} to {}, {length}", clock.time(s.from), clock.time(s.to));
        Band { x, width, class: s.state.as_str(), name, length, title }
    };
    scale.bands().map(of).collect()
}

fn lane_middle(lane: usize) -> u32 {
    BAND + lane as u32 * LANE + LANE / 2
}

fn bar(scale: &Scale, clock: &DeviceClock, h: &Happening) -> Option<Bar> {
    let to = h.to?;
    let (x, end) = (scale.x(h.at), scale.x(to));
    let title = format!("{}: {}", range(clock, h.at, to), h.what);
    Some(Bar { x, y: lane_middle(h.lane) - 7, width: end.saturating_sub(x).max(3), title })
}

fn range(clock: &DeviceClock, from: Nanos, to: Nanos) -> String {
    format!("{} to {}", clock.time(from), clock.time(to))
}

/// Marks of a lane that lie together are one, drawn as the weightiest of them.
fn marks(scale: &Scale, clock: &DeviceClock, all: &[Happening]) -> Vec<Mark> {
    let mut out = Vec::new();
    for lane in 0..LANES.len() {
        let mut open: Option<(u32, Vec<&Happening>)> = None;
        for h in all.iter().filter(|h| h.lane == lane && h.to.is_none()) {
            let x = scale.x(h.at);
            match &mut open {
                Some((first, group)) if x.saturating_sub(*first) < APART => group.push(h),
                _ => {
                    out.extend(open.take().and_then(|(x, g)| mark(clock, lane, x, &g)));
                    open = Some((x, vec![h]));
                }
            }
        }
        out.extend(open.and_then(|(x, g)| mark(clock, lane, x, &g)));
    }
    out
}

fn mark(clock: &DeviceClock, lane: usize, x: u32, group: &[&Happening]) -> Option<Mark> {
    let top = group.iter().max_by_key(|h| h.weight)?;
    let more = group.len() - 1;
    let more = if more > 0 { format!(" (and {more} more here)") } else { String::new() };
    Some(Mark { x, y: lane_middle(lane), class: top.class, title: format!("{}: {}{more}", clock.time(top.at), top.what) })
}

/// Weighty facts first if not all fit, then in order of time.
fn rows(t: &TrialInput<'_>, clock: &DeviceClock, all: &[Happening]) -> (Vec<Row>, usize) {
    let mut chosen: Vec<usize> = (0..all.len()).collect();
    chosen.sort_by_key(|i| (std::cmp::Reverse(all[*i].weight), *i));
    chosen.truncate(ROWS);
    chosen.sort_unstable();
    let row = |h: &Happening| Row {
        when: h.to.map_or_else(|| clock.time(h.at), |to| range(clock, h.at, to)),
        state: t.record.state_at(h.at).map_or("", words::state_head),
        what: h.what.clone(),
    };
    (chosen.iter().map(|i| row(&all[*i])).collect(), all.len().saturating_sub(ROWS))
}
