//! Any order of giving, naming, forgetting and collecting blobs, against the simplest model of it: what is on the disk, and who names
//! it. Whatever an app, an open job, a lease, a completed trial or a bundle names is never removed, and what nobody names goes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use stakeout_contract::{
    JobId, Sha256Digest, TenantId, TrialId,
    api::{apps::App, jobs::Outcome},
    artifact::{Artifact, Role},
    trial::{AppFacts, TrialState},
};
use stakeout_store::{
    Decided, JobRow, Jobs, Library, Noted, Notes, StoreError, TrialFull,
    conformance::sample::{ask, completion, decided, end, insert, job, tenant},
    sqlite::SqliteStore,
};

/// Few, so that the same bytes are an app, an artifact and a bundle.
const BLOBS: u8 = 4;
const MINUTE: i64 = 60_000;

#[derive(Clone, Debug)]
enum Step {
    /// A tenant gives bytes: they lie there before that is noted.
    Give(u8),
    PutApp(u8),
    DeleteApp(u8),
    Submit(u8),
    Lease,
    /// A lease gives an artifact.
    Note {
        trial: u8,
        blob: u8,
    },
    /// It hands in, and names these of four.
    Complete {
        trial: u8,
        names: u8,
    },
    GiveBack(u8),
    Cancel(u8),
    /// A job that is over gets its report and its bundle.
    Decide {
        job: u8,
        report: u8,
        bundle: u8,
    },
    /// It is answered by one of before.
    Reuse(u8),
    DeleteJob(u8),
    /// What nobody names is claimed for removal.
    Collect,
    /// One that was claimed is removed; its server may have died before it said so.
    Remove {
        which: u8,
        says: bool,
    },
    Pass(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let blob = || 0..BLOBS;
    prop_oneof![
        5 => blob().prop_map(Step::Give),
        2 => blob().prop_map(Step::PutApp),
        1 => blob().prop_map(Step::DeleteApp),
        2 => blob().prop_map(Step::Submit),
        3 => Just(Step::Lease),
        4 => (0..4u8, blob()).prop_map(|(trial, blob)| Step::Note { trial, blob }),
        3 => (0..4u8, 0..16u8).prop_map(|(trial, names)| Step::Complete { trial, names }),
        1 => (0..4u8).prop_map(Step::GiveBack),
        1 => (0..4u8).prop_map(Step::Cancel),
        4 => (0..4u8, blob(), blob()).prop_map(|(job, report, bundle)| Step::Decide { job, report, bundle }),
        2 => (0..4u8).prop_map(Step::Reuse),
        2 => (0..4u8).prop_map(Step::DeleteJob),
        5 => Just(Step::Collect),
        4 => (0..4u8, any::<bool>()).prop_map(|(which, says)| Step::Remove { which, says }),
        2 => prop_oneof![Just(1), Just(5), Just(11)].prop_map(Step::Pass),
    ]
}

fn digest(blob: u8) -> Sha256Digest {
    Sha256Digest::of(&[blob])
}

struct Lab {
    store: SqliteStore,
    tenant: TenantId,
    now: i64,
    /// What lies in the storage.
    disk: BTreeSet<Sha256Digest>,
    /// Who names what, and must find it.
    names: BTreeMap<String, BTreeSet<Sha256Digest>>,
    /// Claimed for removal, and when.
    claimed: Vec<(Sha256Digest, i64)>,
    jobs: Vec<JobRow>,
    leased: Vec<TrialFull>,
}

impl Lab {
    fn job(&self, n: u8) -> Option<JobRow> {
        self.jobs.get(usize::from(n)).cloned()
    }

    fn given(&mut self, blob: Sha256Digest, told: &Result<(), StoreError>) {
        match told {
            Ok(()) => drop(self.disk.insert(blob)),
            // It is given again when its removal is over.
            Err(StoreError::Busy { .. }) => {}
            other => panic!("{other:?}"),
        }
    }

    /// Named, and so there; or refused, as it is not.
    fn named(&mut self, by: String, blobs: BTreeSet<Sha256Digest>, told: Result<(), StoreError>) {
        match told {
            Ok(()) => drop(self.names.insert(by, blobs)),
            Err(StoreError::NotFound { what: "blob", .. } | StoreError::InUse { .. } | StoreError::Refused(_)) => {}
            other => panic!("{by}: {other:?}"),
        }
    }

    fn by_trials(&mut self, job: &JobId) {
        let of = |t: &TrialId, leased: &[TrialFull]| leased.iter().any(|l| l.id == *t && l.job == *job);
        let leased = self.leased.clone();
        self.names.retain(|by, _| by.strip_prefix("trial ").is_none_or(|t| !of(&t.parse().unwrap(), &leased)));
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Give(b) => {
                let told = self.store.note_blob(&self.tenant, &digest(b), 7, self.now).await;
                self.given(digest(b), &told);
            }
            Step::PutApp(b) => {
                let facts = AppFacts { package: "com.example".to_owned(), ..AppFacts::default() };
                let app = App { sha256: digest(b), splits: vec![], bytes: 7, facts, created_ms: self.now };
                let told = self.store.put_app(&self.tenant, &app, Noted::NOTHING).await.map(drop);
                self.named(format!("app {b}"), [digest(b)].into(), told);
            }
            Step::DeleteApp(b) => {
                if self.store.delete_app(&self.tenant, &digest(b), Noted::NOTHING).await.is_ok() {
                    self.names.remove(&format!("app {b}"));
                }
            }
            Step::Submit(b) => {
                // The server looks for the app first, and it is then in the same transaction that the job keeps its bytes.
                if self.store.app(&self.tenant, &digest(b)).await.is_ok() {
                    let mut j = job(&self.tenant, 1);
                    (j.spec.app, j.created) = (digest(b), self.now);
                    insert(&self.store, &j).await;
                    self.names.insert(format!("job {}", j.id), [digest(b)].into());
                    self.jobs.push(j);
                }
            }
            Step::Lease => {
                if let Some((trial, _)) = self.store.lease(&ask(&self.tenant, "w-1"), self.now).await.unwrap() {
                    self.leased.push(trial);
                }
            }
            Step::Note { trial, blob } => {
                let Some(t) = self.leased.get(usize::from(trial)).cloned() else { return };
                match self.store.note_artifact(&t.id, t.row.epoch, &digest(blob), 7, self.now).await {
                    Ok(()) => {
                        self.disk.insert(digest(blob));
                        self.names.entry(format!("trial {}", t.id)).or_default().insert(digest(blob));
                    }
                    Err(StoreError::Busy { .. } | StoreError::Refused(_)) => {}
                    other => panic!("{other:?}"),
                }
            }
            Step::Complete { trial, names } => {
                let Some(t) = self.leased.get(usize::from(trial)).cloned() else { return };
                let Some(of) = self.jobs.iter().find(|j| j.id == t.job) else { return };
                let mut done = completion(&t, of, TrialState::Finished);
                let all: BTreeSet<_> = (0..BLOBS).filter(|b| names & (1 << b) != 0).map(digest).collect();
                done.record.artifacts.extend(all.iter().map(|sha256| artifact(*sha256)));
                let before = self.store.trial(None, &t.id).await.unwrap().row;
                let told = self.store.complete(&t.id, t.row.epoch, &done, self.now).await.map(drop);
                // The same once more changes nothing.
                if !before.state.is_final() {
                    self.named(format!("trial {}", t.id), all, told);
                }
            }
            Step::GiveBack(trial) => {
                let Some(t) = self.leased.get(usize::from(trial)).cloned() else { return };
                if self.store.give_back(&t.id, t.row.epoch, &end(TrialState::Queued, "stopped"), self.now).await.is_ok() {
                    // What it gave stays with the trial until it ends or is completed; nobody needs it.
                    self.names.remove(&format!("trial {}", t.id));
                }
            }
            Step::Cancel(n) => {
                if let Some(j) = self.job(n) {
                    self.store.cancel(&j.id, self.now, Noted::NOTHING).await.unwrap();
                    for t in self.store.trials(&j.id).await.unwrap().into_iter().filter(|t| t.row.state == TrialState::Cancelled) {
                        self.names.remove(&format!("trial {}", t.id));
                    }
                }
            }
            Step::Decide { job, report, bundle } => {
                let Some(j) = self.job(job) else { return };
                let outcome = Outcome {
                    exit_code: 0,
                    found: vec![],
                    inconclusive: 0,
                    bundle: digest(bundle),
                    bundle_bytes: 7,
                    signer: String::new(),
                };
                let with = Decided { outcome: Some(outcome.clone()), report: Some(digest(report)), ..decided(&j, TrialState::Finished) };
                let told = self.store.decide(&j.id, &with, self.now).await;
                if matches!(told, Ok(true)) {
                    self.jobs[usize::from(job)].ended = Some(self.now);
                    self.jobs[usize::from(job)].outcome = Some(outcome);
                    self.jobs[usize::from(job)].report = Some(digest(report));
                }
                if !matches!(told, Ok(false)) {
                    self.named(format!("job {}", j.id), [digest(bundle), digest(report)].into(), told.map(drop));
                }
            }
            Step::Reuse(n) => {
                let Some(before) = self.job(n).filter(|j| j.outcome.is_some()) else { return };
                let mut j = job(&self.tenant, 0);
                (j.reused, j.outcome, j.report) = (Some(before.id.clone()), before.outcome.clone(), before.report);
                (j.state, j.created, j.ended) = (TrialState::Finished, self.now, Some(self.now));
                let told = self.store.insert_jobs(vec![(j.clone(), vec![])], &Notes::default()).await;
                let blobs: BTreeSet<_> = j.report.into_iter().chain(j.outcome.as_ref().map(|o| o.bundle)).collect();
                if told.is_ok() {
                    self.jobs.push(j.clone());
                }
                self.named(format!("job {}", j.id), blobs, told);
            }
            Step::DeleteJob(n) => {
                let Some(j) = self.job(n) else { return };
                if self.store.delete_job(&self.tenant, &j.id, Noted::NOTHING).await.is_ok() {
                    self.names.remove(&format!("job {}", j.id));
                    self.by_trials(&j.id);
                    self.jobs.remove(usize::from(n));
                }
            }
            Step::Collect => {
                let young = self.now - MINUTE;
                for (of, blob) in self.store.drop_blobs(young, self.now, 100).await.unwrap() {
                    assert_eq!(of, self.tenant);
                    self.claimed.retain(|(b, _)| *b != blob);
                    self.claimed.push((blob, self.now));
                }
            }
            Step::Remove { which, says } => {
                let n = usize::from(which);
                // Who takes longer than ten minutes has lost its claim, and knows.
                if n < self.claimed.len() && self.now - self.claimed[n].1 < 10 * MINUTE {
                    let (blob, since) = self.claimed[n];
                    self.disk.remove(&blob);
                    if says {
                        self.store.blob_dropped(&self.tenant, &blob, since).await.unwrap();
                        self.claimed.remove(n);
                    }
                }
            }
            Step::Pass(minutes) => self.now += minutes * MINUTE,
        }
    }

    /// What is named lies there, and the store says so; what the store says is there lies there.
    async fn holds(&self) {
        for (by, blobs) in &self.names {
            for blob in blobs {
                assert!(self.disk.contains(blob), "{by} names {blob}, which was removed");
                assert_eq!(self.store.blob(&self.tenant, blob).await.unwrap(), Some(7), "{by}");
            }
        }
        for blob in (0..BLOBS).map(digest) {
            let there = self.store.blob(&self.tenant, &blob).await.unwrap().is_some();
            assert!(!there || self.disk.contains(&blob), "{blob} is said to be there");
        }
    }

    /// With all jobs and apps gone nothing is left, in however many rounds.
    async fn all_goes(mut self) {
        for n in 0..4 {
            self.take(Step::Cancel(n)).await;
        }
        for j in self.jobs.clone() {
            self.store.cancel(&j.id, self.now, Noted::NOTHING).await.unwrap();
            // One that a worker has ends with its lease.
            self.store.expire(self.now + 60 * MINUTE).await.unwrap();
            let _ = self.store.decide(&j.id, &decided(&j, TrialState::Cancelled), self.now).await.unwrap();
            self.store.delete_job(&self.tenant, &j.id, Noted::NOTHING).await.unwrap();
        }
        for b in 0..BLOBS {
            let _ = self.store.delete_app(&self.tenant, &digest(b), Noted::NOTHING).await;
        }
        self.names.clear();
        self.now += 60 * MINUTE;
        self.take(Step::Collect).await;
        while !self.claimed.is_empty() {
            self.take(Step::Remove { which: 0, says: true }).await;
        }
        assert_eq!(self.disk, BTreeSet::new(), "what nobody names is removed");
        self.holds().await;
    }
}

fn artifact(sha256: Sha256Digest) -> Artifact {
    let (name, flow, at, cipher, truncated) = (String::new(), None, None, None, false);
    Artifact { sha256, size: 7, role: Role::AppFile, name, flow, at, cipher, truncated }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn what_is_named_is_never_removed_and_what_is_not_goes(steps in prop::collection::vec(step(), 1..120)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let store = SqliteStore::open(&dir.path().join("s.db")).await.unwrap();
            let mut lab = Lab {
                store,
                tenant: tenant("t"),
                now: 1_000_000_000_000,
                disk: BTreeSet::new(),
                names: BTreeMap::new(),
                claimed: vec![],
                jobs: vec![],
                leased: vec![],
            };
            for step in steps {
                lab.take(step).await;
                lab.holds().await;
            }
            lab.all_goes().await;
        });
    }
}
