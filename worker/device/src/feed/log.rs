//! What was given, as runs: the source of `delivered`.

use std::collections::HashMap;

use stakeout_contract::{
    Nanos, Sensor,
    observation::{Facing, Fact},
};

use crate::core::limits;

/// Frames or blocks that may be missing inside of a run: one second of preview, a second and a half of sound.
const GAP: u64 = 30;

/// A stream that is given.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Key {
    pub sensor: Sensor,
    pub facing: Option<Facing>,
    pub session: u64,
}

/// Frames or blocks `first..=last`, of which `count` were given; `at` is the time of the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Run {
    pub first: u64,
    pub last: u64,
    pub count: u64,
    pub at: Nanos,
}

/// Runs that go on, and ended ones that nobody has taken yet.
#[derive(Debug, Default)]
pub struct Deliveries {
    open: HashMap<Key, Run>,
    ended: Vec<(Key, Run)>,
    taken: u64,
    lost: u64,
}

impl Deliveries {
    /// Frames or blocks `first..=last` were given at `at`.
    pub fn add(&mut self, key: Key, first: u64, last: u64, at: Nanos) {
        let whole = Run { first, last, count: last - first + 1, at };
        if let Some(r) = self.open.get_mut(&key) {
            if first >= r.first && first <= r.last.saturating_add(GAP) {
                r.count += last.saturating_sub(r.last.max(first.saturating_sub(1)));
                r.last = r.last.max(last);
                r.at = r.at.max(at);
                return;
            }
            self.ended.push((key, std::mem::replace(r, whole)));
        } else {
            if self.open.len() >= limits::OPEN_RUNS {
                self.end_all();
            }
            self.open.insert(key, whole);
        }
        self.bound();
    }

    /// Ends all runs: the device's state changes, and a run must not lie in two of them.
    pub fn end_all(&mut self) {
        self.ended.extend(self.open.drain());
        self.bound();
    }

    /// Facts that are ready, the earliest first.
    pub fn take(&mut self) -> Vec<(Nanos, Fact)> {
        let mut runs = std::mem::take(&mut self.ended);
        runs.sort_by_key(|(k, r)| (r.at, r.first, k.session));
        self.taken += runs.len() as u64;
        let mut facts: Vec<_> = runs
            .into_iter()
            .map(|(k, r)| {
                let Key { sensor, facing, session } = k;
                (r.at, Fact::Delivered { sensor, facing, session, first: r.first, last: r.last, count: r.count })
            })
            .collect();
        if self.lost > 0 {
            let at = facts.last().map_or(Nanos::ZERO, |f| f.0);
            facts.push((at, Fact::Lost { what: "delivered".to_owned(), count: std::mem::take(&mut self.lost) }));
        }
        facts
    }

    fn bound(&mut self) {
        let room = limits::DELIVERED.saturating_sub(self.taken) as usize;
        if self.ended.len() > room {
            self.lost += (self.ended.len() - room) as u64;
            self.ended.truncate(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: Key = Key { sensor: Sensor::Camera, facing: Some(Facing::Back), session: 1 };

    fn facts(d: &mut Deliveries) -> Vec<(u64, u64, u64)> {
        d.take()
            .into_iter()
            .filter_map(|(_, f)| if let Fact::Delivered { first, last, count, .. } = f { Some((first, last, count)) } else { None })
            .collect()
    }

    #[test]
    fn a_preview_is_one_run_and_a_pause_ends_it() {
        let mut d = Deliveries::default();
        for f in [10, 12, 12, 14, 100, 101] {
            d.add(CAMERA, f, f, Nanos::saturating(f));
        }
        assert_eq!(facts(&mut d), [(10, 14, 3)]);
        d.end_all();
        assert_eq!(facts(&mut d), [(100, 101, 2)]);
        d.end_all();
        assert_eq!(facts(&mut d), []);
    }

    #[test]
    fn blocks_of_sound_that_overlap_count_once() {
        let mut d = Deliveries::default();
        let key = Key { sensor: Sensor::Microphone, facing: None, session: 2 };
        for (first, last) in [(0, 1), (1, 2), (2, 2), (3, 5)] {
            d.add(key, first, last, Nanos::ZERO);
        }
        d.end_all();
        assert_eq!(facts(&mut d), [(0, 5, 6)]);
    }

    #[test]
    fn going_back_in_time_is_a_run_of_its_own() {
        let mut d = Deliveries::default();
        d.add(CAMERA, 50, 50, Nanos::ZERO);
        d.add(CAMERA, 40, 40, Nanos::ZERO);
        d.end_all();
        assert_eq!(facts(&mut d), [(40, 40, 1), (50, 50, 1)]);
    }

    #[test]
    fn a_flood_of_runs_is_counted_as_lost() {
        let mut d = Deliveries { taken: limits::DELIVERED - 1, ..Deliveries::default() };
        for f in [0, 1000, 2000] {
            d.add(CAMERA, f, f, Nanos::ZERO);
        }
        d.end_all();
        let all = d.take();
        assert_eq!(all.len(), 2);
        assert_eq!(all[1].1, Fact::Lost { what: "delivered".to_owned(), count: 2 });
    }
}
