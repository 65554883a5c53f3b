//! Any order of what workers and owners do, against the simplest model of it: what each trial's row is by the rules of leases.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use stakeout_contract::{
    Epoch, JobId, TenantId, TrialId,
    api::{events::What, jobs::TrialCounts},
    trial::TrialState,
};
use stakeout_domain::{
    lease::{Command, TrialRow, apply},
    tally,
};
use stakeout_store::{
    JobRow, Jobs, Noted, StoreError,
    conformance::sample::{ask, completion, decided, end, insert, job, line, tenant},
    sqlite::SqliteStore,
};

#[derive(Clone, Debug)]
enum Step {
    Insert { tenant: u8, trials: u32 },
    Lease { worker: u8 },
    Write { trial: u8, epoch: u32, how: u8 },
    Cancel { job: u8 },
    Pass { seconds: i64 },
    Decide,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0..2u8, 1..4u32).prop_map(|(tenant, trials)| Step::Insert { tenant, trials }),
        4 => (0..3u8).prop_map(|worker| Step::Lease { worker }),
        6 => (0..6u8, 1..4u32, 0..6u8).prop_map(|(trial, epoch, how)| Step::Write { trial, epoch, how }),
        1 => (0..3u8).prop_map(|job| Step::Cancel { job }),
        // Clocks are set, and orchestrators disagree.
        2 => prop_oneof![4 => Just(1), 4 => Just(30), 4 => Just(61), 1 => Just(-45), 1 => Just(-7200), 1 => Just(7200)]
            .prop_map(|seconds| Step::Pass { seconds }),
        1 => Just(Step::Decide),
    ]
}

/// What a store should hold, by the rules alone.
#[derive(Default)]
struct Model {
    now: i64,
    jobs: Vec<JobRow>,
    trials: BTreeMap<TrialId, (JobId, TrialRow)>,
    /// Who completed a trial.
    completed: BTreeMap<TrialId, Epoch>,
    decided: Vec<JobId>,
}

impl Model {
    fn counts(&self, job: &JobId) -> TrialCounts {
        let of: Vec<_> = self.trials.values().filter(|(j, _)| j == job).map(|(_, r)| r.state).collect();
        let mut counts = tally::fresh(of.len() as u32);
        for state in of {
            tally::moved(&mut counts, TrialState::Queued, state);
        }
        counts
    }

    async fn take(&mut self, store: &SqliteStore, step: Step) {
        match step {
            Step::Insert { tenant: t, trials } => {
                let mut j = job(&tenant(&format!("t{t}")), trials);
                j.created = self.now;
                for id in insert(store, &j).await {
                    self.trials.insert(id, (j.id.clone(), TrialRow::queued()));
                }
                self.jobs.push(j);
            }
            Step::Lease { worker } => {
                let ask = ask(&TenantId::farm(), &format!("w-{worker}"));
                let waits = self.trials.values().any(|(_, r)| r.state == TrialState::Queued);
                let got = store.lease(&ask, self.now).await.unwrap();
                assert_eq!(got.is_some(), waits, "who asks gets a trial exactly if one waits");
                if let Some((trial, _)) = got {
                    let row = &mut self.trials.get_mut(&trial.id).unwrap().1;
                    *row = apply(row, &Command::Lease { worker: ask.worker, token: None, seconds: 60 }, self.now).unwrap();
                    assert_eq!(trial.row, *row);
                }
            }
            Step::Write { trial, epoch, how } => self.write(store, usize::from(trial), Epoch(epoch), how).await,
            Step::Cancel { job } => {
                let Some(job) = self.jobs.get(usize::from(job)).map(|j| j.id.clone()) else { return };
                store.cancel(&job, self.now, Noted::NOTHING).await.unwrap();
                for (_, row) in self.trials.values_mut().filter(|(j, r)| *j == job && !r.state.is_final()) {
                    *row = apply(row, &Command::Cancel, self.now).unwrap();
                }
            }
            Step::Pass { seconds } => {
                self.now += seconds * 1000;
                store.expire(self.now).await.unwrap();
                store.shorten(self.now, 60).await.unwrap();
                for (_, row) in self.trials.values_mut().filter(|(_, r)| !r.state.is_final()) {
                    *row = apply(row, &Command::Expire, self.now).unwrap();
                    if !row.state.is_final() {
                        *row = apply(row, &Command::Shorten { seconds: 60 }, self.now).unwrap();
                    }
                }
            }
            Step::Decide => self.decide(store).await,
        }
    }

    async fn write(&mut self, store: &SqliteStore, trial: usize, epoch: Epoch, how: u8) {
        let Some(id) = self.trials.keys().nth(trial).cloned() else { return };
        let (job, row) = self.trials[&id].clone();
        let of = self.jobs.iter().find(|j| j.id == job).unwrap();
        let mut full = store.trial(None, &id).await.unwrap();
        full.row.epoch = epoch;
        let again = how == 0 && row.epoch == epoch && self.completed.get(&id) == Some(&epoch);
        let (command, got) = match how {
            0 => {
                let got = store.complete(&id, epoch, &completion(&full, of, TrialState::Finished), self.now).await;
                (Command::Complete { epoch, state: TrialState::Finished }, got)
            }
            1 => (Command::Renew { epoch, seconds: 60 }, store.renew(&id, epoch, None, self.now, 60).await),
            2 => {
                let got = store.give_back(&id, epoch, &end(TrialState::Failed, "died"), self.now).await;
                (Command::GiveBack { epoch, failed: true }, got)
            }
            3 => {
                let got = store.give_back(&id, epoch, &end(TrialState::Queued, "stopped"), self.now).await;
                (Command::GiveBack { epoch, failed: false }, got)
            }
            _ => {
                let here = store.observations(&id, epoch, 0, 1000).await.unwrap().len() as u64;
                let got = store.observe(&id, epoch, here, &[line("x")], self.now).await;
                let may = apply(&row, &Command::Complete { epoch, state: TrialState::Finished }, self.now);
                assert_eq!(got.is_ok(), may.is_ok(), "only the newest lease writes");
                return;
            }
        };
        match apply(&row, &command, self.now) {
            Ok(next) => {
                assert_eq!(got.unwrap(), next);
                if how == 0 {
                    assert_eq!(self.completed.insert(id.clone(), epoch), None, "a trial is completed once");
                }
                self.trials.get_mut(&id).unwrap().1 = next;
            }
            Err(_) if again => assert_eq!(got.unwrap(), row),
            Err(refused) => match got {
                Err(StoreError::Refused(by)) => assert_eq!(by, refused),
                other => panic!("{command:?} gave {other:?}, expected {refused:?}"),
            },
        }
    }

    async fn decide(&mut self, store: &SqliteStore) {
        while let Some(id) = store.claim_due(self.now, 1).await.unwrap().map(|due| due.job) {
            assert!(tally::over(&self.counts(&id)) && !self.decided.contains(&id));
            let of = self.jobs.iter().find(|j| j.id == id).unwrap();
            assert!(store.decide(&id, &decided(of, TrialState::Finished), self.now).await.unwrap());
            assert!(!store.decide(&id, &decided(of, TrialState::Failed), self.now).await.unwrap());
            self.decided.push(id);
        }
        for j in &self.jobs {
            assert_eq!(tally::over(&self.counts(&j.id)), self.decided.contains(&j.id), "a job is due exactly when its last trial ended");
        }
    }

    async fn agrees(&self, store: &SqliteStore) {
        for j in &self.jobs {
            let read = store.job(None, &j.id).await.unwrap();
            assert_eq!(read.counts, self.counts(&j.id));
            let mut told: BTreeMap<TrialId, TrialState> = BTreeMap::new();
            let events = store.events(&j.id, 0, 10_000).await.unwrap();
            for (n, event) in events.into_iter().enumerate() {
                assert_eq!(event.number, n as u64 + 1);
                match event.what {
                    What::Trial { trial, state, .. } => drop(told.insert(trial, state)),
                    What::Observations { observations, .. } => assert_eq!(observations.len(), 1),
                    _ => {}
                }
            }
            for t in store.trials(&j.id).await.unwrap() {
                assert_eq!(t.row, self.trials[&t.id].1);
                assert_eq!(told.get(&t.id).copied().unwrap_or(TrialState::Queued), t.row.state, "the events tell the last state");
                assert_eq!(t.completion.is_some(), self.completed.contains_key(&t.id));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_store_does_what_the_rules_say_and_each_job_ends(steps in prop::collection::vec(step(), 1..60)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let store = SqliteStore::open(&dir.path().join("s.db")).await.unwrap();
            let mut model = Model { now: 1_000_000_000_000, ..Model::default() };
            for step in steps {
                model.take(&store, step).await;
            }
            model.agrees(&store).await;
            // Time alone ends what is leased, and workers that come and die end the rest; leases of a clock that was ahead end no later.
            model.take(&store, Step::Pass { seconds: 0 }).await;
            model.take(&store, Step::Pass { seconds: 60 + 5 }).await;
            prop_assert!(model.trials.values().all(|(_, r)| r.worker.is_none()));
            for _ in 0..100 {
                model.take(&store, Step::Lease { worker: 0 }).await;
                model.take(&store, Step::Pass { seconds: 61 }).await;
            }
            model.decide(&store).await;
            prop_assert_eq!(model.decided.len(), model.jobs.len());
            model.agrees(&store).await;
            Ok(())
        })?;
    }
}
