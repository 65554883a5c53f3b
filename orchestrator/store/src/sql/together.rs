//! What workers call most, done for all who call at the same time in one transaction: leases, renewals, completions.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use stakeout_contract::{Epoch, JobId, Sha256Digest, TenantId, TokenId, TrialId, lease::Completion, trial::TrialState};
use stakeout_domain::lease::{Command, Millis, TrialRow, apply};

use super::{
    Backend, Conn, TRACKS,
    change::{Kept, Locked, lock_trials, write_end, write_trials},
    end::holder,
    hold::{Hold, keep_all, let_all_go, touch},
    lease::Leases,
    look::{Askers, Tokens, Trials},
    settle::{Settled, Told, settle_all},
    usage::{self, Used},
};
use crate::{
    StoreError,
    codec::{cpu_ms, db, json, kept_bytes, missing},
    train::{Line, Train, Trip, ended},
};

/// How many calls are one transaction at most: it locks the rows of all of them.
const SEATS: usize = 64;

/// Somebody waits for a lease, and longer for a transaction before it than for company.
const LEASES: Line = Line { tracks: TRACKS, seats: SEATS, pace: Duration::from_millis(8) };
/// Nobody waits for these.
const WRITES: Line = Line { tracks: TRACKS, seats: SEATS, pace: Duration::from_millis(10) };
/// Each call reads before it does anything.
const READS: Line = Line { tracks: 2, seats: SEATS, pace: Duration::from_millis(1) };

/// One line of trains for each kind of call.
#[derive(Clone, Debug)]
pub(crate) struct Trains {
    pub(super) leases: Train<Leases>,
    renewals: Train<Renewals>,
    completions: Train<Completions>,
    pub(super) tokens: Train<Tokens>,
    pub(super) askers: Train<Askers>,
    pub(super) trials: Train<Trials>,
}

impl Default for Trains {
    fn default() -> Self {
        Self {
            leases: Train::new(LEASES),
            renewals: Train::new(WRITES),
            completions: Train::new(WRITES),
            tokens: Train::new(READS),
            askers: Train::new(READS),
            trials: Train::new(READS),
        }
    }
}

/// See [`crate::Jobs::renew`].
pub(super) async fn renew(
    store: &Backend,
    id: &TrialId,
    epoch: Epoch,
    by: Option<&TokenId>,
    now: Millis,
    seconds: u64,
) -> Result<TrialRow, StoreError> {
    let ask = Renew { trial: id.clone(), epoch, by: by.cloned(), seconds, now };
    store.trains.renewals.ride(ask, || Renewals(store.clone())).await.unwrap_or_else(|| Err(ended()))
}

/// See [`crate::Jobs::complete`].
pub(super) async fn complete(
    store: &Backend,
    id: &TrialId,
    epoch: Epoch,
    completion: &Completion,
    now: Millis,
) -> Result<TrialRow, StoreError> {
    let text = json("trials", completion)?;
    let (record, end) = (&completion.record, &completion.record.end);
    let kept = Kept { digest: Sha256Digest::of(text.as_bytes()), text, bytes: kept_bytes(record.cost.kept_bytes) };
    let ask = Complete {
        trial: id.clone(),
        epoch,
        state: end.state,
        reason: end.reason.clone(),
        kept,
        blobs: record.artifacts.iter().map(|a| a.sha256).collect(),
        found: !completion.analysis.findings.is_empty(),
        cpu_ms: cpu_ms(record.cost.cpu_seconds),
        now,
    };
    store.trains.completions.ride(ask, || Completions(store.clone())).await.unwrap_or_else(|| Err(ended()))
}

/// Leases that go on.
pub(super) struct Renewals(Backend);

pub(super) struct Renew {
    trial: TrialId,
    epoch: Epoch,
    by: Option<TokenId>,
    seconds: u64,
    now: Millis,
}

impl Trip for Renewals {
    type Ask = Renew;
    type Got = TrialRow;

    async fn at_once(&self, asks: &[Renew]) -> Result<Vec<Result<TrialRow, StoreError>>, StoreError> {
        let mut tx = self.0.begin().await?;
        let trials = lock_trials(&mut tx, &asks.iter().map(|a| &a.trial).collect()).await?;
        let mut became: BTreeMap<&TrialId, (TrialRow, Millis)> = BTreeMap::new();
        let mut answers = Vec::with_capacity(asks.len());
        for Renew { trial, epoch, by, seconds, now } in asks {
            answers.push(trials.get(trial).ok_or_else(|| missing("trial", trial)).and_then(|t| {
                // The same lease may be here twice: a worker that had no answer asks again.
                let row = became.get(trial).map_or(&t.row, |(row, _)| row);
                let next = apply(row, &Command::Renew { epoch: *epoch, seconds: *seconds }, *now)?;
                by.as_ref().map_or(Ok(()), |by| row.held_by(by))?;
                became.insert(trial, (next.clone(), *now));
                Ok(next)
            }));
        }
        let became: Vec<(&Locked, &TrialRow, Millis)> = became.iter().map(|(id, (next, now))| (&trials[*id], next, *now)).collect();
        write_trials(&mut tx, &became).await?;
        let mut jobs: BTreeMap<JobId, Settled> = BTreeMap::new();
        for (trial, next, _) in became.iter().filter(|(trial, next, _)| next.state != trial.row.state) {
            jobs.entry(trial.job.clone()).or_default().moved(trial, next, "");
        }
        settle_all(&mut tx, jobs, latest(asks.iter().map(|a| a.now))).await?;
        tx.commit().await.map_err(db("commit"))?;
        Ok(answers)
    }
}

/// When a transaction of several calls is: at the last of them.
pub(super) fn latest(times: impl Iterator<Item = Millis>) -> Millis {
    times.max().unwrap_or_default()
}

/// Trials that end with what their workers handed in.
pub(super) struct Completions(Backend);

pub(super) struct Complete {
    trial: TrialId,
    epoch: Epoch,
    state: TrialState,
    reason: String,
    kept: Kept,
    blobs: BTreeSet<Sha256Digest>,
    found: bool,
    cpu_ms: i64,
    now: Millis,
}

/// A trial that ends now, by which of the calls.
struct Ends<'a> {
    trial: &'a Locked,
    next: TrialRow,
    by: &'a Complete,
}

impl Trip for Completions {
    type Ask = Complete;
    type Got = TrialRow;

    async fn at_once(&self, asks: &[Complete]) -> Result<Vec<Result<TrialRow, StoreError>>, StoreError> {
        let mut tx = self.0.begin().await?;
        let trials = lock_trials(&mut tx, &asks.iter().map(|a| &a.trial).collect()).await?;
        let there = touched(&mut tx, asks, &trials).await?;
        let mut ends: BTreeMap<&TrialId, Ends<'_>> = BTreeMap::new();
        let mut answers = Vec::with_capacity(asks.len());
        for by in asks {
            answers.push(trials.get(&by.trial).ok_or_else(|| missing("trial", &by.trial)).and_then(|trial| {
                let (row, digest) = ends.get(&by.trial).map_or((&trial.row, trial.digest), |e| (&e.next, Some(e.by.kept.digest)));
                if row.state.is_final() && row.epoch == by.epoch && digest == Some(by.kept.digest) {
                    return Ok(row.clone());
                }
                let next = apply(row, &Command::Complete { epoch: by.epoch, state: by.state }, by.now)?;
                if let Some(lost) = by.blobs.iter().find(|b| !there.contains(&(&trial.tenant, **b))) {
                    return Err(missing("blob", lost));
                }
                ends.insert(&by.trial, Ends { trial, next: next.clone(), by });
                Ok(next)
            }));
        }
        end_all(&mut tx, &ends.into_values().collect::<Vec<_>>(), latest(asks.iter().map(|a| a.now))).await?;
        tx.commit().await.map_err(db("commit"))?;
        Ok(answers)
    }
}

/// Locks what all of them name, by tenant and digest; what of it is there.
async fn touched<'a>(
    conn: &mut Conn,
    asks: &[Complete],
    trials: &'a BTreeMap<TrialId, Locked>,
) -> Result<BTreeSet<(&'a TenantId, Sha256Digest)>, StoreError> {
    let mut named: BTreeMap<&TenantId, BTreeSet<Sha256Digest>> = BTreeMap::new();
    for ask in asks {
        if let Some(trial) = trials.get(&ask.trial) {
            named.entry(&trial.tenant).or_default().extend(&ask.blobs);
        }
    }
    let (mut there, now) = (BTreeSet::new(), latest(asks.iter().map(|a| a.now)));
    for (tenant, blobs) in named {
        there.extend(touch(conn, tenant, blobs, now).await?.into_iter().map(|b| (tenant, b)));
    }
    Ok(there)
}

async fn end_all(conn: &mut Conn, ends: &[Ends<'_>], now: Millis) -> Result<(), StoreError> {
    if ends.is_empty() {
        return Ok(());
    }
    let mut jobs: BTreeMap<JobId, Settled> = BTreeMap::new();
    let mut used: BTreeMap<&TenantId, (&TrialId, Used)> = BTreeMap::new();
    for Ends { trial, next, by } in ends {
        let slot_ms = write_end(conn, trial, next, &by.kept, by.now).await?;
        let job = jobs.entry(trial.job.clone()).or_default();
        if by.found {
            job.told.push(Told::Found { trial: trial.id.clone() });
        }
        job.moved(trial, next, &by.reason);
        let (_, sum) = used.entry(&trial.tenant).or_insert_with(|| (&trial.id, Used::default()));
        sum.trials += 1;
        sum.slot_ms += slot_ms;
        sum.cpu_ms += by.cpu_ms;
    }
    let holders: Vec<String> = ends.iter().map(|e| holder(&e.trial.id)).collect();
    let_all_go(conn, &holders.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let mut holds = Vec::new();
    for (e, holder) in ends.iter().zip(&holders) {
        holds.extend(e.by.blobs.iter().map(|b| Hold { tenant: &e.trial.tenant, sha256: *b, holder }));
    }
    keep_all(conn, &holds).await?;
    settle_all(conn, jobs, now).await?;
    for (tenant, (trial, sum)) in used {
        usage::add(conn, tenant, trial.as_str(), sum, now).await?;
    }
    Ok(())
}
