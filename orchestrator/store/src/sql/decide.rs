//! A job's end, and its being forgotten.

use std::sync::Arc;

use stakeout_contract::{JobId, TenantId, api::events::What, api::jobs::TrialCounts};
use stakeout_domain::{lease::Millis, tally};
use tokio::sync::Mutex;

use super::{
    Backend, Conn, Db, DbRow, audit, deliveries,
    hold::{Must, keep, let_go, touch},
    row::{Read, columns, job_of},
    settle::{Told, tell},
};
use crate::{
    Decided, Due, Noted, StoreError,
    codec::{DAY, db, json, millis, missing, word},
};

/// A job is due at `$1`, or later than a claim for `$2` milliseconds of a right clock can have made it: at most twice as long with
/// each try ([`pause`]).
macro_rules! is_due {
    () => {
        "due IS NOT NULL AND (due <= $1 OR due - $1 > 5000 + $2 * CASE decide_tries WHEN 0 THEN 1 WHEN 1 THEN 1 WHEN 2 THEN 2 WHEN 3 THEN 4 \
         WHEN 4 THEN 8 WHEN 5 THEN 16 WHEN 6 THEN 32 WHEN 7 THEN 64 ELSE 3600 END)"
    };
}

/// The tenant whose job was claimed last here. Tenants are served one after the other by their ids; each orchestrator goes round by
/// itself, and one that begins anew begins anywhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns(Arc<Mutex<Option<TenantId>>>);

/// See [`crate::Jobs::claim_due`]. What it costs grows with the tenants that have due jobs, and not with these.
pub(super) async fn claim_due(store: &Backend, now: Millis, seconds: u64) -> Result<Option<Due>, StoreError> {
    // One at a time: two that came at once would both serve the same tenant.
    let mut last = store.turns.0.lock().await;
    let within = millis(seconds.min(3600));
    let tenants = due_tenants(&mut *store.reader().await?, now, within, last.as_ref()).await?;
    for tenant in tenants {
        if let Some(due) = claim_of(store, &tenant, now, seconds).await? {
            *last = Some(tenant);
            return Ok(Some(due));
        }
    }
    Ok(None)
}

/// Tenants that have a due job, those after the last one first.
async fn due_tenants(conn: &mut Conn, now: Millis, within: Millis, last: Option<&TenantId>) -> Result<Vec<TenantId>, StoreError> {
    let rows = all!(
        conn,
        "look whose jobs are due",
        concat!(
            "WITH RECURSIVE w(tenant) AS (SELECT min(tenant) FROM jobs WHERE due IS NOT NULL UNION ALL \
             SELECT (SELECT min(j.tenant) FROM jobs j WHERE j.due IS NOT NULL AND j.tenant > w.tenant) FROM w WHERE w.tenant IS NOT NULL) \
             SELECT w.tenant AS tenant FROM w WHERE w.tenant IS NOT NULL AND EXISTS (SELECT 1 FROM jobs j WHERE j.tenant = w.tenant AND ",
            is_due!(),
            ") ORDER BY CASE WHEN w.tenant > $3 THEN 0 ELSE 1 END, w.tenant"
        ),
        now,
        within,
        last.map_or("", TenantId::as_str)
    )?;
    rows.iter().map(|row| Read("jobs", row).id("tenant")).collect()
}

/// The due job of a tenant that is next; none: others have them.
async fn claim_of(store: &Backend, tenant: &TenantId, now: Millis, seconds: u64) -> Result<Option<Due>, StoreError> {
    let mut tx = store.begin().await?;
    let row = maybe!(
        tx,
        "find a due job",
        concat!("SELECT id, decide_tries FROM jobs WHERE tenant = $3 AND ", is_due!(), " ORDER BY due, id LIMIT 1", skip_locked!()),
        now,
        millis(seconds.min(3600)),
        tenant.as_str()
    )?;
    let Some(row) = row else { return Ok(None) };
    let r = Read("jobs", &row);
    let (job, tries) = (r.id::<JobId>("id")?, r.small("decide_tries")?.saturating_add(1));
    // Counted before it is tried: a decision that kills who makes it has no chance to count itself.
    run!(
        tx,
        "claim a due job",
        "UPDATE jobs SET due = $1, decide_tries = $2 WHERE id = $3",
        now.saturating_add(pause(seconds, tries)),
        i64::from(tries),
        job.as_str()
    )?;
    tx.commit().await.map_err(db("commit"))?;
    Ok(Some(Due { job, tries }))
}

/// See [`crate::Jobs::unclaim_due`].
pub(super) async fn unclaim_due(store: &Backend, claim: &Due, due: Millis) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    run!(
        tx,
        "give a due job back",
        "UPDATE jobs SET due = $1, decide_tries = $2 WHERE id = $3 AND due IS NOT NULL AND decide_tries = $4",
        due,
        i64::from(claim.tries.saturating_sub(1)),
        claim.job.as_str(),
        i64::from(claim.tries)
    )?;
    tx.commit().await.map_err(db("commit"))
}

/// Milliseconds until a job is claimed again: twice as long with each try, at most an hour, but never shorter than asked for.
fn pause(seconds: u64, tries: u32) -> Millis {
    let longer = seconds.saturating_mul(1 << tries.saturating_sub(1).min(20));
    millis(longer.min(seconds.max(3600)))
}

async fn lock_job(conn: &mut Conn, id: &JobId) -> Result<(DbRow, TrialCounts, bool), StoreError> {
    let row = maybe!(conn, "lock a job", concat!("SELECT ", columns!(jobs), " FROM jobs WHERE id = $1", for_update!()), id.as_str())?;
    let row = row.ok_or_else(|| missing("job", id))?;
    let r = Read("jobs", &row);
    let (counts, ended) = (r.counts()?, r.get::<Option<Millis>>("ended")?.is_some());
    Ok((row, counts, ended))
}

/// See [`crate::Jobs::decide`].
pub(super) async fn decide(store: &Backend, id: &JobId, decided: &Decided, now: Millis) -> Result<bool, StoreError> {
    let mut tx = store.begin().await?;
    let tenant = maybe!(tx, "read a job's tenant", "SELECT tenant FROM jobs WHERE id = $1", id.as_str())?;
    let tenant: TenantId = Read("jobs", &tenant.ok_or_else(|| missing("job", id))?).id("tenant")?;
    let kept = decided.report.into_iter().chain(decided.outcome.as_ref().map(|o| o.bundle));
    // Blobs before the job: whoever completes a trial locks them in this order.
    let touched = touch(&mut tx, &tenant, kept.clone(), now).await?;
    let (row, counts, ended) = lock_job(&mut tx, id).await?;
    if ended {
        return Ok(false);
    }
    if !tally::over(&counts) {
        return Err(StoreError::InUse { what: "job", id: id.to_string() });
    }
    let before = Read("jobs", &row).int("events")?;
    let mut job = job_of(&row)?;
    job.state = decided.state;
    job.ended = Some(now);
    job.outcome.clone_from(&decided.outcome);
    let holder = format!("job:{id}");
    let_go(&mut tx, &holder).await?;
    keep(&mut tx, &job.tenant, &holder, kept, &touched, Must::BeThere).await?;
    run!(
        tx,
        "keep a result",
        "UPDATE jobs SET state = $1, result = $2, outcome = $3, report = $4, ended = $5, delete_at = $6, sealed = NULL, due = NULL, \
         events = events + 1 WHERE id = $7",
        word("jobs", &decided.state)?,
        json("jobs", &decided.result)?,
        decided.outcome.as_ref().map(|o| json("jobs", o)).transpose()?,
        decided.report.map(|r| r.to_string()),
        now,
        job.delete_after.map(|d| now.saturating_add(d)),
        id.as_str()
    )?;
    tell(&mut tx, id, before, vec![Told::What(What::Job { state: decided.state, reason: decided.reason.clone() })], now).await?;
    deliveries::begin(&mut tx, &job, now).await?;
    tx.commit().await.map_err(db("commit"))?;
    Ok(true)
}

/// See [`crate::Jobs::delete_job`].
pub(super) async fn delete_job(store: &Backend, tenant: &TenantId, id: &JobId, noted: Noted<'_>) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    let (row, _, ended) = lock_job(&mut tx, id).await?;
    if Read("jobs", &row).get::<&str>("tenant")? != tenant.as_str() {
        return Err(missing("job", id));
    }
    if !ended {
        return Err(StoreError::InUse { what: "job", id: id.to_string() });
    }
    let_go(&mut tx, &format!("job:{id}")).await?;
    run!(tx, "let a job's blobs go", "DELETE FROM holds WHERE holder IN (SELECT 'trial:' || id FROM trials WHERE job = $1)", id.as_str())?;
    run!(tx, "forget what was told of a job", "DELETE FROM deliveries WHERE job = $1", id.as_str())?;
    run!(tx, "delete a job", "DELETE FROM jobs WHERE id = $1", id.as_str())?;
    audit::note(&mut tx, noted).await?;
    tx.commit().await.map_err(db("commit"))
}

/// See [`crate::Jobs::outdated_jobs`]. What a tenant keeps at all it keeps for a day: only what a job itself says may be over while
/// its webhooks are still told of it.
pub(super) async fn outdated_jobs(store: &Backend, now: Millis, most: u32) -> Result<Vec<(TenantId, JobId)>, StoreError> {
    let mut conn = store.reader().await?;
    let mut rows = all!(
        conn,
        "find outdated jobs",
        "SELECT tenant, id FROM jobs WHERE delete_at IS NOT NULL AND delete_at <= $1 AND (ended <= $1 - $2 \
         OR NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.job = jobs.id AND d.state = 'waiting')) ORDER BY delete_at, id LIMIT $3",
        now,
        DAY,
        i64::from(most)
    )?;
    let more = i64::from(most) - rows.len() as i64;
    rows.extend(all!(
        conn,
        "find jobs that their tenant keeps no longer",
        "SELECT j.tenant AS tenant, j.id AS id FROM tenants t JOIN jobs j ON j.tenant = t.id AND j.delete_at IS NULL \
         AND j.ended IS NOT NULL AND j.ended <= $1 - t.retention_days * $2 WHERE t.retention_days IS NOT NULL ORDER BY j.id LIMIT $3",
        now,
        DAY,
        more
    )?);
    rows.iter().map(|row| Ok((Read("jobs", row).id("tenant")?, Read("jobs", row).id("id")?))).collect()
}
