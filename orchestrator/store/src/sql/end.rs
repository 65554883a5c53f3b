//! Leases that end without a completion: lost, given up, cancelled.

use std::collections::BTreeMap;

use serde::Serialize;
use stakeout_contract::{
    Epoch, JobId, TenantId, TrialId, WorkerId,
    trial::{TrialEnd, TrialState},
};
use stakeout_domain::lease::{self, Command, Millis, TrialRow, apply};

use super::{
    Backend, Conn, Db, audit,
    change::{Became, Locked, lock_trial, locked_columns, locked_of, write_trials},
    hold::let_all_go,
    row::Read,
    settle::{Settled, settle, settle_all},
    usage::{self, Used},
};
use crate::{
    Noted, StoreError,
    codec::{db, json, missing},
};

/// See [`crate::Jobs::give_back`].
pub(super) async fn give_back(store: &Backend, id: &TrialId, epoch: Epoch, end: &TrialEnd, now: Millis) -> Result<TrialRow, StoreError> {
    let mut tx = store.begin().await?;
    let trial = lock_trial(&mut tx, id).await?;
    // Who was told to stop, by the farm or by the job's owner, blames no trial.
    let failed = !matches!(end.state, TrialState::Queued | TrialState::Cancelled);
    let next = apply(&trial.row, &Command::GiveBack { epoch, failed }, now)?;
    let change = Change { next, end: end.clone(), trial, stopped: !failed };
    let next = change.next.clone();
    write_all(&mut tx, vec![change], now).await?;
    tx.commit().await.map_err(db("commit"))?;
    Ok(next)
}

/// See [`crate::Jobs::expire`].
pub(super) async fn expire(store: &Backend, now: Millis) -> Result<Vec<TrialId>, StoreError> {
    // Most times there are none: that is found out without the one writer.
    let any = maybe!(
        store.reader().await?,
        "look for lost leases",
        "SELECT id FROM trials WHERE state IN ('leased', 'running') AND expires <= $1 LIMIT 1",
        now
    )?;
    if any.is_none() {
        return Ok(Vec::new());
    }
    let mut tx = store.begin().await?;
    let rows = all!(
        tx,
        "find lost leases",
        concat!(
            "SELECT ",
            locked_columns!(),
            " FROM trials WHERE state IN ('leased', 'running') AND expires <= $1 ORDER BY expires, id LIMIT 1000",
            skip_locked!()
        ),
        now
    )?;
    let mut changes = Vec::new();
    for row in &rows {
        let trial = locked_of(row)?;
        let next = apply(&trial.row, &Command::Expire, now)?;
        let reason = trial.row.worker.as_ref().map_or_else(String::new, |w| format!("its worker `{w}` was not heard of in time"));
        changes.push(Change { end: lost(next.state, reason), next, trial, stopped: false });
    }
    let ids = changes.iter().map(|c| c.trial.id.clone()).collect();
    write_all(&mut tx, changes, now).await?;
    tx.commit().await.map_err(db("commit"))?;
    Ok(ids)
}

/// See [`crate::Jobs::shorten`].
pub(super) async fn shorten(store: &Backend, now: Millis, seconds: u64) -> Result<u64, StoreError> {
    let longest = lease::longest(now, seconds);
    let any = maybe!(
        store.reader().await?,
        "look for leases that are too long",
        "SELECT id FROM trials WHERE state IN ('leased', 'running') AND expires > $1 LIMIT 1",
        longest
    )?;
    if any.is_none() {
        return Ok(0);
    }
    let mut tx = store.begin().await?;
    let rows = all!(
        tx,
        "find leases that are too long",
        concat!(
            "SELECT ",
            locked_columns!(),
            " FROM trials WHERE state IN ('leased', 'running') AND expires > $1 ORDER BY id LIMIT 1000",
            skip_locked!()
        ),
        longest
    )?;
    let mut changes = Vec::with_capacity(rows.len());
    for row in &rows {
        let trial = locked_of(row)?;
        let next = apply(&trial.row, &Command::Shorten { seconds }, now)?;
        changes.push((trial, next));
    }
    write_trials(&mut tx, &changes.iter().map(|(trial, next)| (trial, next, now)).collect::<Vec<_>>()).await?;
    tx.commit().await.map_err(db("commit"))?;
    Ok(changes.len() as u64)
}

/// Takes all leases of a worker away: its later writes are refused, and others get its trials. Which they were.
pub(super) async fn take_away(conn: &mut Conn, worker: &WorkerId, now: Millis) -> Result<Vec<TrialId>, StoreError> {
    let rows = all!(
        conn,
        "find a worker's leases",
        concat!(
            "SELECT ",
            locked_columns!(),
            " FROM trials WHERE worker = $1 AND state IN ('leased', 'running') ORDER BY id",
            for_update!()
        ),
        worker.as_str()
    )?;
    let mut changes = Vec::new();
    for row in &rows {
        let trial = locked_of(row)?;
        let next = apply(&trial.row, &Command::GiveBack { epoch: trial.row.epoch, failed: false }, now)?;
        changes.push(Change { end: lost(next.state, format!("its worker `{worker}` was quarantined")), next, trial, stopped: true });
    }
    let ids = changes.iter().map(|c| c.trial.id.clone()).collect();
    write_all(conn, changes, now).await?;
    Ok(ids)
}

fn lost(state: TrialState, reason: String) -> TrialEnd {
    TrialEnd { state, stage: "lease".to_owned(), reason, log: String::new() }
}

/// A trial that its worker did not complete.
struct Change {
    trial: Locked,
    next: TrialRow,
    end: TrialEnd,
    /// Its worker was told to stop.
    stopped: bool,
}

/// Writes leases that ended without a completion. The trials are locked; jobs follow in order, then what is counted.
async fn write_all(conn: &mut Conn, changes: Vec<Change>, now: Millis) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    let became: Vec<Became<'_>> = changes.iter().map(|c| (&c.trial, &c.next, now)).collect();
    let slots = write_trials(conn, &became).await?;
    let mut ends = Vec::with_capacity(changes.len());
    for c in &changes {
        ends.push(EndWrite { id: &c.trial.id, why: json("trials", &c.end)? });
    }
    run!(
        conn,
        "keep trials' ends",
        concat!(
            "UPDATE trials SET ended = n.why FROM ",
            given!("$1": id text, why text),
            " WHERE trials.id = n.id AND ",
            among!("trials.id", "$2")
        ),
        json("trials", &ends)?,
        json("trials", &ends.iter().map(|e| e.id).collect::<Vec<_>>())?
    )?;
    let holders: Vec<String> = changes.iter().map(|c| holder(&c.trial.id)).collect();
    let_all_go(conn, &holders.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let mut jobs: BTreeMap<JobId, Settled> = BTreeMap::new();
    let mut used: BTreeMap<TenantId, (TrialId, Used)> = BTreeMap::new();
    for (Change { trial, next, end, stopped }, slot_ms) in changes.into_iter().zip(slots) {
        jobs.entry(trial.job.clone()).or_default().let_go(&trial, &next, &end.reason, stopped);
        let (_, sum) = used.entry(trial.tenant).or_insert_with(|| (trial.id, Used::default()));
        sum.slot_ms += slot_ms;
        sum.trials += i64::from(next.state == TrialState::Failed);
    }
    settle_all(conn, jobs, now).await?;
    for (tenant, (trial, sum)) in used.into_iter().filter(|(_, (_, sum))| sum.slot_ms + sum.trials > 0) {
        usage::add(conn, &tenant, trial.as_str(), sum, now).await?;
    }
    Ok(())
}

/// What is written of an end.
#[derive(Serialize)]
struct EndWrite<'a> {
    id: &'a TrialId,
    why: String,
}

/// See [`crate::Jobs::cancel`].
pub(super) async fn cancel(store: &Backend, job: &JobId, now: Millis, noted: Noted<'_>) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    let rows = all!(
        tx,
        "find open trials",
        concat!(
            "SELECT ",
            locked_columns!(),
            " FROM trials WHERE job = $1 AND state IN ('queued', 'leased', 'running') ORDER BY id",
            for_update!()
        ),
        job.as_str()
    )?;
    let mut changes = Vec::with_capacity(rows.len());
    for row in &rows {
        let trial = locked_of(row)?;
        let next = apply(&trial.row, &Command::Cancel, now)?;
        changes.push((trial, next));
    }
    let mut settled = Settled::default();
    for part in changes.chunks(1000) {
        write_trials(&mut tx, &part.iter().map(|(trial, next)| (trial, next, now)).collect::<Vec<_>>()).await?;
        for (trial, next) in part.iter().filter(|(trial, next)| next.state != trial.row.state) {
            settled.moved(trial, next, "");
        }
    }
    if rows.is_empty() {
        let there = maybe!(tx, "read a job", "SELECT state FROM jobs WHERE id = $1", job.as_str())?;
        there.map(|r| Read("jobs", &r).text("state")).ok_or_else(|| missing("job", job))??;
        return Ok(());
    }
    settle(&mut tx, job, settled, now).await?;
    audit::note(&mut tx, noted).await?;
    tx.commit().await.map_err(db("commit"))
}

/// What a trial's blobs are held by.
pub(super) fn holder(trial: &TrialId) -> String {
    format!("trial:{trial}")
}
