//! Workers.

use stakeout_contract::{
    TenantId, TrialId, WorkerId,
    api::fleet::{HostFacts, WorkerDoc, WorkerMode},
    lease::Abilities,
};
use stakeout_domain::lease::Millis;

use super::{Backend, Db, DbRow, audit, end::take_away, look, row::Read};
use crate::{
    Noted, StoreError,
    codec::{db, json, missing, uint, word},
    fleet::{ALIVE, HEARD},
};

/// See [`crate::Fleet::worker_seen`].
pub(super) async fn seen(
    store: &Backend,
    id: &WorkerId,
    tenant: &TenantId,
    abilities: &Abilities,
    host: Option<&HostFacts>,
    now: Millis,
) -> Result<WorkerMode, StoreError> {
    let mut tx = store.begin().await?;
    run!(
        tx,
        "make a worker",
        "INSERT INTO workers (id, tenant, mode, abilities, slots, host, first_seen, last_seen) VALUES ($1, $2, $3, '', 0, $4, $5, $5) \
         ON CONFLICT DO NOTHING",
        id.as_str(),
        tenant.as_str(),
        word("workers", &WorkerMode::Active)?,
        json("workers", &HostFacts::default())?,
        now
    )?;
    let there = run!(
        tx,
        "hear of a worker",
        "UPDATE workers SET abilities = $1, slots = $2, host = coalesce($3, host), \
         last_seen = CASE WHEN last_seen < $4 THEN $4 ELSE last_seen END WHERE id = $5 AND tenant = $6",
        json("workers", abilities)?,
        i64::from(abilities.slots),
        host.map(|h| json("workers", h)).transpose()?,
        now,
        id.as_str(),
        tenant.as_str()
    )?;
    if there == 0 {
        // Another tenant's worker has this id.
        return Err(missing("worker", id));
    }
    let mode = one!(tx, "read a worker's mode", "SELECT mode FROM workers WHERE id = $1", id.as_str())?;
    let mode = Read("workers", &mode).word("mode")?;
    tx.commit().await.map_err(db("commit"))?;
    Ok(mode)
}

/// See [`crate::Fleet::worker_asks`].
pub(super) async fn asks(
    store: &Backend,
    id: &WorkerId,
    tenant: &TenantId,
    abilities: &Abilities,
    now: Millis,
) -> Result<Option<WorkerMode>, StoreError> {
    let Some(known) = look::asker(store, id).await? else { return Ok(None) };
    if known.tenant != *tenant {
        return Err(missing("worker", id));
    }
    if known.last_seen.saturating_add(HEARD) > now && known.abilities == json("workers", abilities)? {
        return Ok(Some(known.mode));
    }
    seen(store, id, tenant, abilities, None, now).await.map(Some)
}

/// Workers that may run trials of the tenant `$1`, and all for the farm, each with how many trials it has.
macro_rules! select_workers {
    ($also:literal) => {
        concat!(
            "SELECT w.id, w.tenant, w.mode, w.abilities, w.host, w.first_seen, w.last_seen, (SELECT count(*) FROM trials t WHERE t.worker = w.id AND t.state IN ('leased', 'running')) AS running \
             FROM workers w WHERE (w.tenant = $1 OR $1 = 'farm' OR (w.tenant = 'farm' AND NOT EXISTS \
             (SELECT 1 FROM tenants o WHERE o.id = $1 AND o.own_workers_only = 1))) ",
            $also
        )
    };
}

/// See [`crate::Fleet::workers_known`].
pub(super) async fn known(store: &Backend, tenant: &TenantId) -> Result<u64, StoreError> {
    let row = one!(store.reader().await?, "count workers", "SELECT count(*) AS n FROM workers WHERE tenant = $1", tenant.as_str())?;
    Ok(uint(Read("workers", &row).int("n")?))
}

fn worker_of(row: &DbRow, now: Millis) -> Result<WorkerDoc, StoreError> {
    let r = Read("workers", row);
    let last_seen_ms = r.int("last_seen")?;
    Ok(WorkerDoc {
        id: r.id("id")?,
        tenant: r.id("tenant")?,
        mode: r.word("mode")?,
        abilities: r.json("abilities")?,
        host: r.json("host")?,
        running: r.small("running")?,
        alive: last_seen_ms.saturating_add(ALIVE) > now,
        first_seen_ms: r.int("first_seen")?,
        last_seen_ms,
    })
}

/// See [`crate::Fleet::worker`].
pub(super) async fn one(store: &Backend, tenant: &TenantId, id: &WorkerId, now: Millis) -> Result<WorkerDoc, StoreError> {
    let row = maybe!(store.reader().await?, "read a worker", select_workers!("AND w.id = $2"), tenant.as_str(), id.as_str())?;
    worker_of(&row.ok_or_else(|| missing("worker", id))?, now)
}

/// See [`crate::Fleet::workers`].
pub(super) async fn of(store: &Backend, tenant: &TenantId, now: Millis) -> Result<Vec<WorkerDoc>, StoreError> {
    let rows = all!(store.reader().await?, "read workers", select_workers!("ORDER BY w.id"), tenant.as_str())?;
    rows.iter().map(|r| worker_of(r, now)).collect()
}

/// See [`crate::Fleet::set_worker_mode`]. The clock of what it lets go is when it was heard of last, the newest that is known.
pub(super) async fn set_mode(
    store: &Backend,
    tenant: &TenantId,
    id: &WorkerId,
    mode: WorkerMode,
    noted: Noted<'_>,
) -> Result<Vec<TrialId>, StoreError> {
    let mut tx = store.begin().await?;
    let row = maybe!(
        tx,
        "lock a worker",
        concat!("SELECT last_seen FROM workers WHERE id = $1 AND (tenant = $2 OR $2 = 'farm')", for_update!()),
        id.as_str(),
        tenant.as_str()
    )?;
    let last_seen = Read("workers", &row.ok_or_else(|| missing("worker", id))?).int("last_seen")?;
    run!(tx, "set a worker's mode", "UPDATE workers SET mode = $1 WHERE id = $2", word("workers", &mode)?, id.as_str())?;
    let lost = if mode == WorkerMode::Quarantined { take_away(&mut tx, id, last_seen).await? } else { Vec::new() };
    audit::note(&mut tx, noted).await?;
    tx.commit().await.map_err(db("commit"))?;
    Ok(lost)
}

/// See [`crate::Fleet::forget_workers`].
pub(super) async fn forget(store: &Backend, not_since: Millis) -> Result<u64, StoreError> {
    run!(
        store.writer().await?,
        "forget workers",
        "DELETE FROM workers WHERE last_seen < $1 AND mode <> 'quarantined' \
         AND NOT EXISTS (SELECT 1 FROM trials t WHERE t.worker = workers.id AND t.state IN ('leased', 'running'))",
        not_since
    )
}

/// Workers that live and take trials, and their slots. A list of troubles that is empty stands in a host's JSON as it is here, and
/// nowhere within one of its texts, where quotes are escaped.
pub(super) async fn alive(store: &Backend, now: Millis) -> Result<(i64, i64), StoreError> {
    let row = one!(
        store.reader().await?,
        "count workers",
        concat!(
            "SELECT count(*) AS n, CAST(coalesce(sum(slots), 0) AS BIGINT) AS slots FROM workers WHERE last_seen > $1 AND mode = $2 AND ",
            place!("host", "'\"troubles\":[]'"),
            " > 0"
        ),
        now.saturating_sub(ALIVE),
        word("workers", &WorkerMode::Active)?
    )?;
    let r = Read("workers", &row);
    Ok((r.int("n")?, r.int("slots")?))
}

/// Trials that wait and run, and when the oldest waiting one was submitted.
pub(super) async fn open(store: &Backend) -> Result<(i64, i64, Option<Millis>), StoreError> {
    let row = one!(
        store.reader().await?,
        "count open trials",
        "SELECT CAST(coalesce(sum(queued), 0) AS BIGINT) AS queued, CAST(coalesce(sum(running), 0) AS BIGINT) AS running, \
         min(CASE WHEN queued > 0 THEN created END) AS oldest FROM jobs WHERE ended IS NULL"
    )?;
    let r = Read("jobs", &row);
    Ok((r.int("queued")?, r.int("running")?, r.get("oldest")?))
}

/// Jobs that are to be decided, whether somebody has them or not, and when the last trial of the oldest ended: when the last event of
/// a job was that has no verdicts yet. `due` says it no more once somebody has tried.
pub(super) async fn undecided(store: &Backend) -> Result<(i64, Option<Millis>), StoreError> {
    let row = one!(
        store.reader().await?,
        "count jobs that are due",
        "SELECT count(*) AS n, min((SELECT e.at FROM events e WHERE e.job = jobs.id AND e.number = jobs.events)) AS oldest \
         FROM jobs WHERE due IS NOT NULL"
    )?;
    let r = Read("jobs", &row);
    Ok((r.int("n")?, r.get("oldest")?))
}
