//! What was observed so far in a job, folded from its events: where each trial is, and a row for each use of a sensor.
//!
//! A fold takes events in order and once. It shows raw observations: verdicts are decided when the job has ended, and may count
//! less (a capture in use) or more (a match in a file) than these rows.

use std::collections::{BTreeMap, VecDeque};

use stakeout_contract::{
    DeviceState, Kind, Nanos, Sensor, TrialId,
    api::events::{Event, What},
    observation::{Facing, Fact, Observation},
};
use stakeout_domain::permission;

use super::words;

/// Rows that are kept, the newest ones.
const ROWS: usize = 100;

/// What is counted: a column of the table.
pub(super) const COLUMNS: [&str; 7] = [
    "camera asked for",
    "camera opened",
    "camera frames delivered",
    "microphone asked for",
    "microphone opened",
    "microphone blocks delivered",
    "data read",
];

const ASKED: usize = 0;
const OPENED: usize = 1;
const DELIVERED: usize = 2;
const DATA: usize = 6;

const fn column(sensor: Sensor, what: usize) -> usize {
    match sensor {
        Sensor::Camera => what,
        Sensor::Microphone => 3 + what,
    }
}

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Row {
    trial: TrialId,
    pub(super) number: u32,
    pub(super) at: String,
    pub(super) state: String,
    pub(super) class: &'static str,
    pub(super) what: String,
    /// Text of a stranger.
    pub(super) detail: String,
}

/// A trial, as its events tell it.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct TrialSeen {
    pub(super) number: u32,
    epoch: u32,
    pub(super) stage: String,
    pub(super) detail: String,
    pub(super) at_seconds: f64,
    pub(super) of_seconds: f64,
    pub(super) matches: usize,
    states: Vec<(Nanos, DeviceState)>,
    counts: BTreeMap<(DeviceState, usize), u64>,
}

impl TrialSeen {
    /// The device's state at a time; before the scenario put it into one it is any.
    fn state_at(&self, at: Nanos) -> DeviceState {
        let i = self.states.partition_point(|(from, _)| *from <= at);
        i.checked_sub(1).map_or(DeviceState::Any, |i| self.states[i].1)
    }
}

/// A job, as its events tell it.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Seen {
    /// Number of the last event that was taken.
    pub(super) after: u64,
    pub(super) trials: BTreeMap<TrialId, TrialSeen>,
    pub(super) rows: VecDeque<Row>,
}

/// The counts of one state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct StateRow {
    pub(super) state: String,
    pub(super) counts: Vec<u64>,
}

impl Seen {
    /// Takes the next event.
    pub(super) fn take(&mut self, e: &Event) {
        self.after = e.number;
        match &e.what {
            What::Job { .. } => {}
            What::Trial { trial, trial_number, epoch, .. } => self.lease(trial, *epoch).number = *trial_number,
            What::Progress { progress: p } => {
                let t = self.trials.entry(p.trial.clone()).or_default();
                t.number = p.number;
                (t.stage, t.detail) = (words::short(&p.stage), words::short(&p.detail));
                (t.at_seconds, t.of_seconds) = (p.at_seconds, p.of_seconds);
            }
            What::Observations { trial, epoch, observations, .. } => {
                if self.lease(trial, *epoch).epoch == *epoch {
                    for o in observations {
                        self.note(trial, o);
                    }
                }
            }
            What::Findings { trial, findings } => {
                self.trials.entry(trial.clone()).or_default().matches = findings.iter().filter(|f| !f.lead).count();
            }
        }
    }

    /// A trial; a later lease begins anew, and what an earlier one told counts no more.
    fn lease(&mut self, trial: &TrialId, epoch: u32) -> &mut TrialSeen {
        let t = self.trials.entry(trial.clone()).or_default();
        if epoch > t.epoch {
            *t = TrialSeen { number: t.number, epoch, ..TrialSeen::default() };
            self.rows.retain(|r| r.trial != *trial);
        }
        t
    }

    fn note(&mut self, trial: &TrialId, o: &Observation) {
        let Some(t) = self.trials.get_mut(trial) else { return };
        if let Fact::State { state, .. } = &o.fact {
            t.states.push((o.at, *state));
        }
        let state = t.state_at(o.at);
        let Some((counted, class, what, detail)) = told(&o.fact) else { return };
        // A device says how many they were, and it may say anything.
        for (column, n) in counted {
            let sum = t.counts.entry((state, column)).or_default();
            *sum = sum.saturating_add(n);
        }
        let row = Row {
            trial: trial.clone(),
            number: t.number,
            at: words::clock(o.at.as_secs_f64()),
            state: words::plain(state),
            class,
            what,
            detail: words::short(&detail),
        };
        self.rows.push_front(row);
        self.rows.truncate(ROWS);
    }

    /// Counts by state, all trials together; states in which nothing was counted are left out.
    pub(super) fn table(&self) -> Vec<StateRow> {
        let mut rows = Vec::new();
        for state in DeviceState::ALL {
            let count = |column: usize| {
                let of = self.trials.values().filter_map(|t| t.counts.get(&(*state, column)));
                of.fold(0_u64, |sum, n| sum.saturating_add(*n))
            };
            let counts: Vec<u64> = (0..COLUMNS.len()).map(count).collect();
            if counts.iter().any(|n| *n > 0) {
                rows.push(StateRow {
                    state: if *state == DeviceState::Any { "before the scenario".to_owned() } else { words::plain(state) },
                    counts,
                });
            }
        }
        rows
    }
}

type Told = (Vec<(usize, u64)>, &'static str, String, String);

/// What is counted, and a row's words; none: the fact is for the report only.
fn told(fact: &Fact) -> Option<Told> {
    let count = |column| vec![(column, 1)];
    Some(match fact {
        Fact::State { state, .. } => (vec![], "state", format!("from here on: {}", words::plain(state)), String::new()),
        Fact::PermissionRequested { permissions, answers } => {
            let asked = [(Kind::Camera, Sensor::Camera), (Kind::Microphone, Sensor::Microphone)];
            let of = |kind| permissions.iter().any(|p| permission::is_of(kind, p));
            let counted: Vec<_> = asked.into_iter().filter(|(k, _)| of(*k)).map(|(_, s)| (column(s, ASKED), 1)).collect();
            let names: Vec<&str> = permissions.iter().map(|p| p.strip_prefix("android.permission.").unwrap_or(p)).collect();
            (counted, "asked", "permission asked for".to_owned(), format!("{}: {}", names.join(", "), answers.join(", ")))
        }
        Fact::Opened { sensor, facing, preview_visible, api, .. } => {
            let side = match facing {
                Some(Facing::Back) => " (back)",
                Some(Facing::Front) => " (front)",
                None => "",
            };
            let shown = if *preview_visible { ", with a preview on the screen" } else { "" };
            (count(column(*sensor, OPENED)), "opened", format!("{sensor}{side} opened{shown}"), api.clone())
        }
        Fact::Delivered { sensor, count: n, .. } => {
            let what = if *sensor == Sensor::Camera { "frame" } else { "block" };
            (
                vec![(column(*sensor, DELIVERED), *n)],
                "delivered",
                format!("{} of the {sensor} delivered", words::count(*n, what)),
                String::new(),
            )
        }
        Fact::Read { data, what, rows } => {
            let rows = rows.map_or_else(String::new, |n| format!(", {}", words::count(n, "row")));
            (count(DATA), "read", format!("{} read{rows}", words::plain(data)), what.clone())
        }
        Fact::Refused { sensor: Some(sensor), reason, .. } => (vec![], "refused", format!("{sensor} refused"), reason.clone()),
        Fact::Crashed { message, .. } => (vec![], "trouble", "the app crashed".to_owned(), message.clone()),
        Fact::Lost { what, count } => (vec![], "trouble", format!("evidence was lost ({count})"), what.clone()),
        Fact::Alert { what } => (vec![], "trouble", "the evidence contradicts itself".to_owned(), what.clone()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(number: u64, what: serde_json::Value) -> Event {
        let mut e = json!({"number": number, "job": "job-1", "at_ms": 0});
        e.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
        serde_json::from_value(e).unwrap()
    }

    fn observed(number: u64, epoch: u32, facts: serde_json::Value) -> Event {
        event(number, json!({"event": "observations", "trial": "trial-1", "epoch": epoch, "first": 0, "observations": facts}))
    }

    fn text(seen: &Seen) -> String {
        let rows = seen.rows.iter().map(|r| format!("{} {} [{}] {} {}", r.number, r.at, r.state, r.what, r.detail).trim_end().to_owned());
        let table = seen.table().into_iter().map(|r| format!("{}: {:?}", r.state, r.counts));
        rows.chain(table).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn observations_become_rows_and_counts_of_the_devices_state() {
        let mut seen = Seen::default();
        seen.take(&event(1, json!({"event": "trial", "trial": "trial-1", "trial_number": 1, "epoch": 1, "state": "leased"})));
        let second = 1_000_000_000_u64;
        seen.take(&observed(
            2,
            1,
            json!([
                {"at": 0, "source": "worker", "fact": "state", "state": "foreground"},
                {"at": 5 * second, "source": "host", "fact": "permission_requested", "permissions": ["android.permission.CAMERA"], "answers": ["granted"]},
                {"at": 60 * second, "source": "worker", "fact": "state", "state": "screen_off"},
                {"at": 3661 * second, "source": "host", "fact": "opened", "sensor": "camera", "facing": "front", "session": 1, "api": "Camera.open"},
                {"at": 3662 * second, "source": "feed", "fact": "delivered", "sensor": "camera", "session": 1, "first": 1, "last": 30, "count": 30},
                {"at": 3663 * second, "source": "host", "fact": "read", "data": "contacts", "what": "content://\u{202e}contacts", "rows": 25},
                {"at": 3663 * second, "source": "host", "fact": "log", "line": "not shown"}
            ]),
        ));
        assert_eq!(seen.after, 2);
        insta::assert_snapshot!(text(&seen), @r"
        1 1:01:03 [screen off] contacts read, 25 rows content://�contacts
        1 1:01:02 [screen off] 30 frames of the camera delivered
        1 1:01:01 [screen off] camera (front) opened Camera.open
        1 0:01:00 [screen off] from here on: screen off
        1 0:00:05 [foreground] permission asked for CAMERA: granted
        1 0:00:00 [foreground] from here on: foreground
        foreground: [1, 0, 0, 0, 0, 0, 0]
        screen off: [0, 1, 30, 0, 0, 0, 1]
        ");
    }

    #[test]
    fn a_later_lease_begins_anew_and_an_earlier_one_tells_no_more() {
        let opened = json!([{"at": 1, "source": "host", "fact": "opened", "sensor": "microphone", "session": 1}]);
        let mut seen = Seen::default();
        seen.take(&observed(1, 1, opened.clone()));
        seen.take(&event(2, json!({"event": "trial", "trial": "trial-1", "trial_number": 1, "epoch": 2, "state": "leased"})));
        assert_eq!(text(&seen), "");
        seen.take(&observed(3, 1, opened.clone()));
        assert_eq!(text(&seen), "");
        seen.take(&observed(4, 2, opened));
        assert_eq!(text(&seen), "1 0:00:00 [any] microphone opened\nbefore the scenario: [0, 0, 0, 0, 1, 0, 0]");
    }

    #[test]
    fn a_device_that_counts_beyond_all_numbers_is_shown_the_largest_one() {
        let frames = json!({"at": 1, "source": "feed", "fact": "delivered", "sensor": "camera", "session": 1, "first": 1, "last": 2, "count": u64::MAX});
        let mut seen = Seen::default();
        for (number, trial) in [(1, "trial-1"), (2, "trial-2")] {
            let what = json!({"event": "observations", "trial": trial, "epoch": 1, "first": 0, "observations": [frames, frames]});
            seen.take(&event(number, what));
        }
        assert_eq!((seen.rows.len(), seen.table()[0].counts[DELIVERED]), (4, u64::MAX));
    }

    #[test]
    fn a_job_that_tells_much_keeps_the_newest_rows_and_all_counts() {
        let opened: Vec<_> =
            (0..300).map(|n| json!({"at": n, "source": "host", "fact": "opened", "sensor": "camera", "session": n})).collect();
        let mut seen = Seen::default();
        seen.take(&observed(1, 1, json!(opened)));
        assert_eq!((seen.rows.len(), seen.table()[0].counts[OPENED]), (ROWS, 300));
    }
}
