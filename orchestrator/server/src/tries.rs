//! The leases of a trial that came to nothing, from its job's events.
//!
//! A trial that is run again is judged by its last lease, and an app that ends its device whenever it has spied would be judged by
//! the time when it kept quiet. So how the leases before ended goes into result and bundle, and what forbids silence is decided of
//! it (`stakeout_domain`).

use std::collections::BTreeMap;

use stakeout_contract::{
    JobId, TrialId,
    api::events::What,
    trial::{TrialState, Try},
};
use stakeout_store::{Store, TrialFull};

use crate::ServiceError;

/// Events that are read at a time.
const PART: u32 = 500;

/// The tries before the last, by trial. Events are read only where a trial had some.
pub(crate) async fn of(store: &dyn Store, job: &JobId, trials: &[TrialFull]) -> Result<BTreeMap<TrialId, Vec<Try>>, ServiceError> {
    let again = |t: &&TrialFull| t.row.leases > 1 || t.row.epoch.0 > 1;
    if !trials.iter().any(|t| again(&t)) {
        return Ok(BTreeMap::new());
    }
    let (mut leases, mut after) = (Leases::default(), 0);
    loop {
        let part = store.events(job, after, PART).await?;
        let Some(last) = part.last() else { break };
        after = last.number;
        for e in part {
            leases.heard(e.what);
        }
    }
    Ok(trials.iter().filter(again).map(|t| (t.id.clone(), leases.before(t))).collect())
}

/// What events said of leases, as they went.
#[derive(Default)]
struct Leases {
    /// By trial and epoch.
    all: BTreeMap<(TrialId, u32), Try>,
    /// The lease that is on, by trial: progress does not say of which it is.
    now: BTreeMap<TrialId, u32>,
}

impl Leases {
    fn of(&mut self, trial: &TrialId, epoch: u32) -> &mut Try {
        self.all.entry((trial.clone(), epoch)).or_insert_with(|| Try { epoch, ..Try::default() })
    }

    fn heard(&mut self, what: What) {
        match what {
            What::Trial { trial, epoch, state: TrialState::Leased | TrialState::Running, .. } => {
                self.now.insert(trial.clone(), epoch);
                self.of(&trial, epoch);
            }
            // It waits again, or has ended: of this lease.
            What::Trial { trial, epoch, reason, stopped, .. } => {
                let lease = self.of(&trial, epoch);
                lease.reason = reason;
                lease.stopped = stopped;
            }
            // That it failed is no stage: it did where it was.
            What::Progress { progress } if progress.stage != "failed" => {
                if let Some(epoch) = self.now.get(&progress.trial).copied() {
                    self.of(&progress.trial, epoch).stage = progress.stage;
                }
            }
            What::Observations { trial, epoch, observations, .. } => self.of(&trial, epoch).observations += observations.len() as u64,
            _ => {}
        }
    }

    /// Those before a trial's last. One of which nothing is known is one that may have been anything.
    fn before(&self, t: &TrialFull) -> Vec<Try> {
        let all = self.all.range((t.id.clone(), 0)..(t.id.clone(), t.row.epoch.0));
        let mut out: Vec<Try> = all.filter(|((_, epoch), _)| *epoch > 0).map(|(_, t)| t.clone()).collect();
        let missing = (t.row.leases.saturating_sub(1) as usize).saturating_sub(out.len());
        out.extend((0..missing).map(|_| Try { reason: "nothing is known of it".to_owned(), ..Try::default() }));
        out
    }
}

#[cfg(test)]
mod tests {
    use stakeout_contract::{TenantId, lease::Progress, trial::TrialEnd};
    use stakeout_store::{
        conformance::sample::{ask, end, insert, job, line},
        sqlite::SqliteStore,
    };

    use super::*;
    use crate::service::now;

    #[tokio::test]
    async fn each_lease_that_came_to_nothing_is_told_with_where_it_ended_and_by_whom() {
        let dir = tempfile::tempdir().unwrap();
        let store: Box<dyn Store> = Box::new(SqliteStore::open(&dir.path().join("db")).await.unwrap());
        let farm = TenantId::farm();
        let j = job(&farm, 1);
        insert(&*store, &j).await;
        let lease = async |worker: &str, at: i64| store.lease(&ask(&farm, worker), at).await.unwrap().unwrap().0;
        let stage = async |t: &TrialFull, stage: &str| {
            let progress = Progress {
                trial: t.id.clone(),
                number: 1,
                stage: stage.to_owned(),
                detail: String::new(),
                at_seconds: 0.0,
                of_seconds: 1.0,
            };
            store.tell(&t.id, t.row.epoch, &What::Progress { progress }, now()).await.unwrap();
        };
        // The first is stopped before it began, the second fails in the script, the third is lost there.
        let t = lease("w-1", now()).await;
        stage(&t, "cell").await;
        store.give_back(&t.id, t.row.epoch, &end(TrialState::Queued, "the worker was stopped"), now()).await.unwrap();
        let t = lease("w-1", now()).await;
        stage(&t, "script").await;
        store.observe(&t.id, t.row.epoch, 0, &[line("one"), line("two")], now()).await.unwrap();
        store
            .give_back(&t.id, t.row.epoch, &TrialEnd { stage: "script".to_owned(), ..end(TrialState::Failed, "the guest died") }, now())
            .await
            .unwrap();
        let t = lease("w-1", now() - 3_600_000).await;
        stage(&t, "script").await;
        store.expire(now()).await.unwrap();
        let t = lease("w-2", now()).await;
        let tries = of(&*store, &j.id, &store.trials(&j.id).await.unwrap()).await.unwrap().remove(&t.id).unwrap();
        let told: Vec<_> = tries.iter().map(|t| (t.epoch, t.stage.as_str(), t.stopped, t.observations)).collect();
        assert_eq!(told, [(1, "cell", true, 0), (2, "script", false, 2), (3, "script", false, 0)]);
        assert!(tries[1].reason.contains("the guest died") && tries[2].reason.contains("was not heard of"), "{tries:?}");
    }
}
