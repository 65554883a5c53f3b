//! Leases that go on, end, are lost or given up.

use std::collections::BTreeMap;

use stakeout_contract::{
    Epoch, JobId, Sha256Digest, TenantId, TrialId, WorkerId,
    lease::Completion,
    trial::{TrialEnd, TrialState},
};
use stakeout_domain::lease::{Command, Millis, TrialRow, apply};

use super::{
    Backend, Conn, Db,
    change::{Kept, Locked, Told, lock_trial, locked_columns, locked_of, settle, write_end, write_trial},
    hold::{Must, hold, let_go},
    row::Read,
    usage::{self, Used},
};
use crate::{
    StoreError,
    codec::{cpu_ms, db, json, kept_bytes, missing},
};

/// See [`crate::Jobs::renew`].
pub(super) async fn renew(store: &Backend, id: &TrialId, epoch: Epoch, now: Millis, seconds: u64) -> Result<TrialRow, StoreError> {
    let mut tx = store.begin().await?;
    let trial = lock_trial(&mut tx, id).await?;
    let next = apply(&trial.row, &Command::Renew { epoch, seconds }, now)?;
    write_trial(&mut tx, &trial, &next, now).await?;
    if next.state != trial.row.state {
        settle(&mut tx, &trial.job, &[(trial.row.state, next.state)], vec![Told::trial(&trial, &next, "")], now).await?;
    }
    tx.commit().await.map_err(db("commit"))?;
    Ok(next)
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
    let digest = Sha256Digest::of(text.as_bytes());
    let mut tx = store.begin().await?;
    let trial = lock_trial(&mut tx, id).await?;
    if trial.row.state.is_final() && trial.row.epoch == epoch && trial.digest == Some(digest) {
        return Ok(trial.row);
    }
    let end = &completion.record.end;
    let next = apply(&trial.row, &Command::Complete { epoch, state: end.state }, now)?;
    let kept = Kept { text, digest, bytes: kept_bytes(completion.record.cost.kept_bytes) };
    let slot_ms = write_end(&mut tx, &trial, &next, Some(&kept), now).await?;
    let holder = holder(id);
    let_go(&mut tx, &holder).await?;
    hold(&mut tx, &trial.tenant, &holder, completion.record.artifacts.iter().map(|a| a.sha256), Must::BeThere, now).await?;
    let mut told = Vec::new();
    if !completion.analysis.findings.is_empty() {
        told.push(Told::Found { trial: id.clone() });
    }
    told.push(Told::trial(&trial, &next, &end.reason));
    settle(&mut tx, &trial.job, &[(trial.row.state, next.state)], told, now).await?;
    let cpu_ms = cpu_ms(completion.record.cost.cpu_seconds);
    usage::add(&mut tx, &trial.tenant, id.as_str(), Used { trials: 1, slot_ms, cpu_ms, ..Used::default() }, now).await?;
    tx.commit().await.map_err(db("commit"))?;
    Ok(next)
}

/// See [`crate::Jobs::give_back`].
pub(super) async fn give_back(store: &Backend, id: &TrialId, epoch: Epoch, end: &TrialEnd, now: Millis) -> Result<TrialRow, StoreError> {
    let mut tx = store.begin().await?;
    let trial = lock_trial(&mut tx, id).await?;
    // Who was told to stop, by the farm or by the job's owner, blames no trial.
    let failed = !matches!(end.state, TrialState::Queued | TrialState::Cancelled);
    let next = apply(&trial.row, &Command::GiveBack { epoch, failed }, now)?;
    let change = Change { next, end: end.clone(), trial };
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
        changes.push(Change { end: lost(next.state, reason), next, trial });
    }
    let ids = changes.iter().map(|c| c.trial.id.clone()).collect();
    write_all(&mut tx, changes, now).await?;
    tx.commit().await.map_err(db("commit"))?;
    Ok(ids)
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
        changes.push(Change { end: lost(next.state, format!("its worker `{worker}` was quarantined")), next, trial });
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
}

/// What a job gets to know of its trials.
#[derive(Default)]
struct Settled {
    moves: Vec<(TrialState, TrialState)>,
    told: Vec<Told>,
}

/// Writes leases that ended without a completion. The trials are locked; jobs follow in order, then what is counted.
async fn write_all(conn: &mut Conn, changes: Vec<Change>, now: Millis) -> Result<(), StoreError> {
    let mut jobs: BTreeMap<JobId, Settled> = BTreeMap::new();
    let mut used: BTreeMap<TenantId, (TrialId, Used)> = BTreeMap::new();
    for Change { trial, next, end } in changes {
        let slot_ms = write_trial(conn, &trial, &next, now).await?;
        run!(conn, "keep a trial's end", "UPDATE trials SET ended = $1 WHERE id = $2", json("trials", &end)?, trial.id.as_str())?;
        let_go(conn, &holder(&trial.id)).await?;
        let of = jobs.entry(trial.job.clone()).or_default();
        of.moves.push((trial.row.state, next.state));
        of.told.push(Told::trial(&trial, &next, &end.reason));
        let (_, sum) = used.entry(trial.tenant).or_insert_with(|| (trial.id, Used::default()));
        sum.slot_ms += slot_ms;
        sum.trials += i64::from(next.state == TrialState::Failed);
    }
    for (job, Settled { moves, told }) in jobs {
        settle(conn, &job, &moves, told, now).await?;
    }
    for (tenant, (trial, sum)) in used.into_iter().filter(|(_, (_, sum))| sum.slot_ms + sum.trials > 0) {
        usage::add(conn, &tenant, trial.as_str(), sum, now).await?;
    }
    Ok(())
}

/// See [`crate::Jobs::cancel`].
pub(super) async fn cancel(store: &Backend, job: &JobId, now: Millis) -> Result<(), StoreError> {
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
    let (mut moves, mut told) = (Vec::new(), Vec::new());
    for row in &rows {
        let trial = locked_of(row)?;
        let next = apply(&trial.row, &Command::Cancel, now)?;
        write_trial(&mut tx, &trial, &next, now).await?;
        if next.state != trial.row.state {
            moves.push((trial.row.state, next.state));
            told.push(Told::trial(&trial, &next, ""));
        }
    }
    if rows.is_empty() {
        let there = maybe!(tx, "read a job", "SELECT state FROM jobs WHERE id = $1", job.as_str())?;
        there.map(|r| Read("jobs", &r).text("state")).ok_or_else(|| missing("job", job))??;
        return Ok(());
    }
    settle(&mut tx, job, &moves, told, now).await?;
    tx.commit().await.map_err(db("commit"))
}

/// What a trial's blobs are held by.
pub(super) fn holder(trial: &TrialId) -> String {
    format!("trial:{trial}")
}
