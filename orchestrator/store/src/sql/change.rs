//! Trials' changes, as rows.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use stakeout_contract::{Epoch, JobId, Sha256Digest, TenantId, TokenId, TrialId, WorkerId, trial::TrialState};
use stakeout_domain::lease::{Command, Millis, TrialRow, apply};

use super::{
    Conn, Db, DbRow,
    row::{Read, trial_row_of},
};
use crate::{
    StoreError,
    codec::{json, missing, word},
};

/// A trial whose row this transaction has locked.
pub(super) struct Locked {
    pub(super) id: TrialId,
    pub(super) job: JobId,
    pub(super) tenant: TenantId,
    pub(super) number: u32,
    pub(super) row: TrialRow,
    /// When it was leased.
    pub(super) leased: Option<Millis>,
    /// SHA-256 of its completion.
    pub(super) digest: Option<Sha256Digest>,
}

/// A row of `trials` that was selected for a change.
pub(super) fn locked_of(row: &DbRow) -> Result<Locked, StoreError> {
    let r = Read("trials", row);
    Ok(Locked {
        id: r.id("id")?,
        job: r.id("job")?,
        tenant: r.id("tenant")?,
        number: r.small("number")?,
        row: trial_row_of(&r)?,
        leased: r.get("leased")?,
        digest: r.maybe_id("digest")?,
    })
}

/// The columns of [`Locked`].
macro_rules! locked_columns {
    () => {
        "id, job, tenant, number, state, epoch, worker, token, token_epoch, expires, cancel, failed_on, attempts, leases, leased, digest"
    };
}
pub(super) use locked_columns;

/// Locks a trial.
pub(super) async fn lock_trial(conn: &mut Conn, id: &TrialId) -> Result<Locked, StoreError> {
    let row =
        maybe!(conn, "lock a trial", concat!("SELECT ", locked_columns!(), " FROM trials WHERE id = $1", for_update!()), id.as_str())?;
    locked_of(&row.ok_or_else(|| missing("trial", id))?)
}

/// Locks trials, in their order; those that are there.
pub(super) async fn lock_trials(conn: &mut Conn, ids: &BTreeSet<&TrialId>) -> Result<BTreeMap<TrialId, Locked>, StoreError> {
    let rows = all!(
        conn,
        "lock trials",
        concat!("SELECT ", locked_columns!(), " FROM trials WHERE ", among!("id", "$1"), " ORDER BY id", for_update!()),
        json("trials", ids)?
    )?;
    rows.iter().map(|row| locked_of(row).map(|t| (t.id.clone(), t))).collect()
}

/// Locks a trial for a write of this lease. A write is allowed where a completion would be.
pub(super) async fn fence(conn: &mut Conn, id: &TrialId, epoch: Epoch) -> Result<Locked, StoreError> {
    let trial = lock_trial(conn, id).await?;
    apply(&trial.row, &Command::Complete { epoch, state: TrialState::Finished }, 0)?;
    Ok(trial)
}

/// What a trial's worker handed in.
pub(super) struct Kept {
    /// The completion.
    pub(super) text: String,
    /// Its SHA-256.
    pub(super) digest: Sha256Digest,
    pub(super) bytes: i64,
}

/// Milliseconds of a slot that this change ended, and since when the trial is leased after it.
fn slot_of(trial: &Locked, next: &TrialRow, now: Millis) -> (i64, Option<Millis>) {
    let began = trial.row.state == TrialState::Queued && next.state == TrialState::Leased;
    let let_go = trial.row.worker.is_some() && next.worker.is_none();
    let slot = if let_go { trial.leased.map_or(0, |l| (now - l).max(0)) } else { 0 };
    (slot, if began { Some(now) } else { trial.leased.filter(|_| !let_go) })
}

/// A trial, what it became, and when.
pub(super) type Became<'a> = (&'a Locked, &'a TrialRow, Millis);

/// What is written of it.
#[derive(Serialize)]
struct TrialWrite<'a> {
    id: &'a TrialId,
    state: TrialState,
    epoch: u32,
    worker: Option<&'a WorkerId>,
    token: Option<&'a TokenId>,
    expires: Option<Millis>,
    cancel: u8,
    failed: String,
    since: Option<Millis>,
    done: Option<Millis>,
    slot: i64,
    attempts: u32,
    leases: u32,
}

/// Writes what trials became, each once. Gives the milliseconds of a slot that each change ended, if it did.
pub(super) async fn write_trials(conn: &mut Conn, all: &[Became<'_>]) -> Result<Vec<i64>, StoreError> {
    let mut rows = Vec::with_capacity(all.len());
    for (trial, next, now) in all {
        let (slot, since) = slot_of(trial, next, *now);
        rows.push(TrialWrite {
            id: &trial.id,
            state: next.state,
            epoch: next.epoch.0,
            worker: next.worker.as_ref(),
            token: next.token.as_ref(),
            expires: next.expires,
            cancel: next.cancel.into(),
            failed: json("trials", &next.failed_on)?,
            since,
            done: next.state.is_final().then_some(*now),
            slot,
            attempts: next.attempts,
            leases: next.leases,
        });
    }
    if !rows.is_empty() {
        run!(
            conn,
            "write trials",
            concat!(
                "UPDATE trials SET state = n.state, epoch = n.epoch, worker = n.worker, token = n.token, token_epoch = n.epoch, \
                 expires = n.expires, cancel = n.cancel, failed_on = n.failed, leased = n.since, done = n.done, \
                 slot_ms = slot_ms + n.slot, attempts = n.attempts, leases = n.leases FROM ",
                given!("$1": id text, state text, epoch bigint, worker text, token text, expires bigint, cancel bigint, failed text,
                    since bigint, done bigint, slot bigint, attempts bigint, leases bigint),
                " WHERE trials.id = n.id AND ",
                among!("trials.id", "$2")
            ),
            json("trials", &rows)?,
            json("trials", &rows.iter().map(|r| r.id).collect::<Vec<_>>())?
        )?;
    }
    Ok(rows.iter().map(|r| r.slot).collect())
}

/// Writes what a trial became, with what was handed in. Gives the milliseconds of a slot that this ended.
pub(super) async fn write_end(conn: &mut Conn, trial: &Locked, next: &TrialRow, kept: &Kept, now: Millis) -> Result<i64, StoreError> {
    let (slot, leased) = slot_of(trial, next, now);
    run!(
        conn,
        "write a trial's end",
        "UPDATE trials SET state = $1, worker = $2, expires = $3, leased = $4, done = $5, slot_ms = slot_ms + $6, completion = $7, \
         digest = $8, kept = $9, ended = NULL WHERE id = $10",
        word("trials", &next.state)?,
        next.worker.as_ref().map(|w| w.as_str().to_owned()),
        next.expires,
        leased,
        next.state.is_final().then_some(now),
        slot,
        kept.text.as_str(),
        kept.digest.to_string(),
        kept.bytes,
        trial.id.as_str()
    )?;
    Ok(slot)
}
