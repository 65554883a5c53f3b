//! Every order in which two workers, two trials, time and an owner can act: all states that can be reached are looked at.
//!
//! A worker may say anything about any lease that it ever had, at any time and again: so late and doubled messages are in it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

use std::collections::{HashMap, HashSet, VecDeque};

use stakeout_contract::{Epoch, WorkerId, trial::TrialState};
use stakeout_domain::lease::{ATTEMPTS, Command, LEASES, TrialRow, apply};

const TRIALS: usize = 2;

/// What is true of the whole: trials, who had which lease, which epochs completed.
#[derive(Clone)]
struct World {
    trials: [TrialRow; TRIALS],
    /// Leases that each worker ever had: trial and epoch.
    had: [Vec<(usize, Epoch)>; 2],
    completed: [Vec<Epoch>; TRIALS],
}

impl World {
    /// The state in a few bytes.
    fn key(&self) -> Vec<u8> {
        let mut key = Vec::new();
        for (row, completed) in self.trials.iter().zip(&self.completed) {
            let worker = row.worker.iter().chain(&row.failed_on).map(|w| w.as_str().as_bytes()[7]);
            key.extend([row.state as u8, row.epoch.0 as u8, row.attempts as u8, row.failed_on.len() as u8, u8::from(row.cancel)]);
            key.extend(worker);
            key.push(completed.iter().fold(0u8, |mask, e| mask | 1 << e.0));
        }
        for had in &self.had {
            key.extend([0, 1].map(|t| had.iter().filter(|(of, _)| *of == t).fold(0u8, |mask, (_, e)| mask | 1 << e.0)));
        }
        key
    }

    fn over(&self) -> bool {
        self.trials.iter().all(|t| t.state.is_final())
    }

    /// Each state that the next act may lead to.
    fn next(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for (w, name) in ["worker-1", "worker-2"].iter().enumerate() {
            let worker: WorkerId = name.parse().unwrap();
            for t in 0..TRIALS {
                self.act(&mut all, t, &Command::Lease { worker: worker.clone(), token: None, seconds: 1 }, 0, |new| {
                    let epoch = new.trials[t].epoch;
                    new.had[w].push((t, epoch));
                });
            }
            for (t, epoch) in self.had[w].iter().copied() {
                self.act(&mut all, t, &Command::Renew { epoch, seconds: 1 }, 0, |_| {});
                self.act(&mut all, t, &Command::GiveBack { epoch, failed: true }, 0, |_| {});
                // One stop of one trial is as good as twenty of both, and the states stay countable.
                if t == 0 && self.trials[t].leases <= self.trials[t].attempts + 1 {
                    self.act(&mut all, t, &Command::GiveBack { epoch, failed: false }, 0, |_| {});
                }
                self.act(&mut all, t, &Command::Complete { epoch, state: TrialState::Finished }, 0, |new| new.completed[t].push(epoch));
            }
        }
        for t in 0..TRIALS {
            self.act(&mut all, t, &Command::Expire, 1000, |_| {});
        }
        // A job is given up as a whole.
        let mut given_up = self.clone();
        for trial in &mut given_up.trials {
            if let Ok(next) = apply(trial, &Command::Cancel, 0) {
                *trial = next;
            }
        }
        all.push(given_up);
        all
    }

    fn act(&self, all: &mut Vec<Self>, trial: usize, command: &Command, now: i64, also: impl Fn(&mut Self)) {
        let Ok(next) = apply(&self.trials[trial], command, now) else { return };
        let mut new = self.clone();
        new.trials[trial] = next;
        also(&mut new);
        assert!(!self.trials[trial].state.is_final(), "nothing happens to a trial that has ended");
        assert!(new.trials[trial].epoch >= self.trials[trial].epoch);
        all.push(new);
    }

    fn check(&self) {
        for (row, completed) in self.trials.iter().zip(&self.completed) {
            assert!(completed.len() <= 1, "completed twice");
            assert!(completed.first().is_none_or(|e| *e == row.epoch), "completed by an old lease");
            assert_eq!(row.state == TrialState::Finished, completed.len() == 1, "finished is completed");
            assert!(row.attempts <= ATTEMPTS && row.leases <= LEASES);
            let held = matches!(row.state, TrialState::Leased | TrialState::Running);
            assert_eq!((row.worker.is_some(), row.expires.is_some()), (held, held));
        }
    }
}

#[test]
fn no_order_loses_a_trial_completes_it_twice_or_gets_stuck() {
    let first =
        World { trials: [TrialRow::queued(), TrialRow::queued()], had: [Vec::new(), Vec::new()], completed: [Vec::new(), Vec::new()] };
    let mut ids: HashMap<Vec<u8>, usize> = HashMap::from([(first.key(), 0)]);
    let (mut todo, mut before, mut over) = (VecDeque::from([(0, first)]), vec![Vec::new()], Vec::new());
    while let Some((id, world)) = todo.pop_front() {
        world.check();
        if world.over() {
            over.push(id);
        }
        for next in world.next() {
            let count = ids.len();
            let to = *ids.entry(next.key()).or_insert(count);
            if to == count {
                before.push(Vec::new());
                todo.push_back((to, next));
            }
            before[to].push(id);
        }
    }
    // From each state some way leads to the end of all trials.
    let mut ends: HashSet<usize> = over.iter().copied().collect();
    while let Some(id) = over.pop() {
        for b in &before[id] {
            if ends.insert(*b) {
                over.push(*b);
            }
        }
    }
    assert_eq!(ends.len(), ids.len(), "some state never ends");
    assert!(ids.len() > 1000, "{} states are no exploration", ids.len());
}
