//! What is told to webhooks.

use serde_json::json as object;
use stakeout_contract::{
    DeliveryId, HookId, TenantId,
    api::hooks::{Delivery, DeliveryState, Hook},
};
use stakeout_domain::{
    lease::Millis,
    turn::{self, Queue},
};

use super::{
    Backend, Conn, Db, DbRow, audit,
    row::{Read, columns, job_of},
};
use crate::{
    DeliveryRow, HookRow, JobRow, Noted, OverQuota, StoreError,
    codec::{DAY, bad, db, millis, missing, uint, word},
};

pub(super) fn hook_of(r: &Read<'_>) -> Result<HookRow, StoreError> {
    let hook = Hook { id: r.id("hook_id")?, url: r.text("url")?, tag: r.get("tag")?, created_ms: r.int("hook_created")? };
    Ok(HookRow { hook, tenant: r.id("tenant")?, sealed: r.get("sealed")? })
}

fn delivery_of(row: &DbRow) -> Result<Delivery, StoreError> {
    let r = Read("deliveries", row);
    Ok(Delivery {
        id: r.id("id")?,
        hook: r.id("hook")?,
        job: r.id("job")?,
        state: r.word("state")?,
        tries: r.small("tries")?,
        next_ms: r.get("next")?,
        status: r.get::<Option<i64>>("status")?.map(u16::try_from).transpose().map_err(bad("deliveries"))?,
        error: r.text("error")?,
        created_ms: r.int("created")?,
    })
}

/// A job has ended: what its tenant's webhooks are told begins to wait.
pub(super) async fn begin(conn: &mut Conn, job: &JobRow, now: Millis) -> Result<(), StoreError> {
    let hooks = all!(conn, "read a tenant's webhooks", "SELECT id, tag FROM hooks WHERE tenant = $1 ORDER BY id", job.tenant.as_str())?;
    let room = if hooks.is_empty() { 0 } else { room(conn, &job.tenant).await? };
    let answered = if room > 0 { answered(conn, job).await? } else { None };
    for (n, hook) in hooks.iter().enumerate() {
        let r = Read("hooks", hook);
        let tag: Option<String> = r.get("tag")?;
        if tag.is_some_and(|t| !job.tags.contains(&t)) {
            continue;
        }
        let id = DeliveryId::generate();
        // One too many is shown, and told when it is asked for: its text is made then.
        let waits = n < room;
        let body = if waits { told(job, answered, &id, now) } else { String::new() };
        run!(
            conn,
            "begin a delivery",
            "INSERT INTO deliveries (id, hook, job, state, tries, next, error, created, since, body) \
             VALUES ($1, $2, $3, $4, 0, $5, $6, $7, $7, $8)",
            id.as_str(),
            r.get::<&str>("id")?,
            job.id.as_str(),
            word("deliveries", if waits { &DeliveryState::Waiting } else { &DeliveryState::Failed })?,
            waits.then_some(now),
            if waits { String::new() } else { format!("not tried: {WAITING} deliveries of this tenant waited") },
            now,
            body
        )?;
    }
    Ok(())
}

/// When the job ended from which this one has its answer; none: it has its own, or that job was deleted since.
async fn answered(conn: &mut Conn, job: &JobRow) -> Result<Option<Millis>, StoreError> {
    let Some(before) = &job.reused else { return Ok(None) };
    let row = maybe!(
        conn,
        "read when a job of before ended",
        "SELECT ended FROM jobs WHERE id = $1 AND tenant = $2",
        before.as_str(),
        job.tenant.as_str()
    )?;
    Ok(row.map(|r| Read("jobs", &r).get::<Option<Millis>>("ended")).transpose()?.flatten())
}

/// The text that tells of a job's end, with when its answer was given, if that was before.
fn told(job: &JobRow, answered: Option<Millis>, id: &DeliveryId, at: Millis) -> String {
    let text = object!({
        "event": "job.ended",
        "delivery": id,
        "at_ms": at,
        "job": {
            "id": job.id,
            "tenant": job.tenant,
            "app": job.spec.app,
            "package": job.spec.facts.package,
            "scenario": job.spec.scenario.name,
            "device": job.spec.device.with_api(job.spec.scenario.device.api),
            "state": job.state,
            "tags": job.tags,
            "created_ms": job.created,
            "ended_ms": job.ended,
            "reused": job.reused,
            "reused_ended_ms": answered,
            "outcome": job.outcome,
        },
    });
    text.to_string()
}

/// Gives a delivery its text, if it never waited before. It goes with its job, so the job is there.
async fn give_text(conn: &mut Conn, d: &Delivery) -> Result<(), StoreError> {
    let row = maybe!(
        conn,
        "read the job of a delivery without a text",
        concat!("SELECT ", columns!(jobs), " FROM jobs WHERE id = (SELECT job FROM deliveries WHERE id = $1 AND body = '')"),
        d.id.as_str()
    )?;
    let Some(row) = row else { return Ok(()) };
    let job = job_of(&row)?;
    let text = told(&job, answered(conn, &job).await?, &d.id, d.created_ms);
    run!(conn, "give a delivery its text", "UPDATE deliveries SET body = $1 WHERE id = $2", text, d.id.as_str()).map(drop)
}

/// Deliveries of a tenant that wait, at most.
const WAITING: u32 = 10_000;

/// How many more of a tenant may wait.
async fn room(conn: &mut Conn, tenant: &TenantId) -> Result<usize, StoreError> {
    let waiting = one!(
        conn,
        "count a tenant's deliveries",
        "SELECT count(*) AS n FROM (SELECT 1 FROM hooks h JOIN deliveries d ON d.hook = h.id AND d.state = 'waiting' \
         WHERE h.tenant = $1 LIMIT $2) w",
        tenant.as_str(),
        i64::from(WAITING)
    )?;
    Ok((WAITING as usize).saturating_sub(uint(Read("deliveries", &waiting).int("n")?) as usize))
}

/// Deliveries of a tenant that are being sent at a time, all its webhooks together.
const OF_A_TENANT: usize = 4;

/// A webhook is busy until a time that a claim of a right clock may have set.
macro_rules! busy {
    () => {
        "(h.busy > $1 AND h.busy <= $2)"
    };
}

/// Until when a webhook may be busy: longer it can only be by a clock that went back since.
fn longest(now: Millis, seconds: u64) -> Millis {
    now.saturating_add(millis(seconds.saturating_mul(2)))
}

/// Webhooks that are told something now, or could be. What this costs grows with their number, and not with what waits.
async fn queues(conn: &mut Conn, now: Millis, seconds: u64) -> Result<Vec<Queue<HookId>>, StoreError> {
    let rows = all!(
        conn,
        "look whose deliveries wait",
        concat!(
            "SELECT h.id AS id, h.tenant AS tenant, h.served AS served, CAST(CASE WHEN ",
            busy!(),
            " THEN 1 ELSE 0 END AS BIGINT) AS busy FROM hooks h WHERE ",
            busy!(),
            " OR EXISTS (SELECT 1 FROM deliveries d WHERE d.hook = h.id AND d.state = 'waiting' AND d.next <= $1)"
        ),
        now,
        longest(now, seconds)
    )?;
    let queue = |row| {
        let r = Read("hooks", row);
        Ok(Queue { key: r.id("id")?, tenant: r.id("tenant")?, served: r.int("served")?, busy: r.flag("busy")? })
    };
    rows.iter().map(queue).collect()
}

/// The delivery of a webhook that is next, now the caller's; none, if another has one of this webhook. A delivery is tried for a day
/// from its first try on, however long it waited for that.
async fn take(conn: &mut Conn, hook: &HookId, now: Millis, seconds: u64) -> Result<Option<DeliveryId>, StoreError> {
    let until = now.saturating_add(millis(seconds));
    let free = run!(
        conn,
        "claim a webhook",
        concat!("UPDATE hooks AS h SET busy = $3, served = $1 WHERE id = $4 AND NOT ", busy!()),
        now,
        longest(now, seconds),
        until,
        hook.as_str()
    )?;
    if free == 0 {
        return Ok(None);
    }
    let row = maybe!(
        conn,
        "claim a delivery",
        "UPDATE deliveries SET next = $1, since = CASE WHEN tries = 0 THEN $2 ELSE since END WHERE id = (SELECT id FROM deliveries \
         WHERE hook = $3 AND state = 'waiting' AND next <= $2 ORDER BY next, id LIMIT 1) RETURNING id",
        until,
        now,
        hook.as_str()
    )?;
    if row.is_none() {
        free_hook(conn, hook).await?;
    }
    row.map(|row| Read("deliveries", &row).id("id")).transpose()
}

async fn free_hook(conn: &mut Conn, hook: &HookId) -> Result<(), StoreError> {
    run!(conn, "let a webhook go", "UPDATE hooks SET busy = 0 WHERE id = $1", hook.as_str()).map(drop)
}

/// See [`crate::Fleet::claim_deliveries`].
pub(super) async fn claim(store: &Backend, now: Millis, seconds: u64, most: u32) -> Result<Vec<DeliveryRow>, StoreError> {
    let any = maybe!(
        store.reader().await?,
        "look for deliveries",
        "SELECT id FROM deliveries WHERE state = 'waiting' AND next <= $1 LIMIT 1",
        now
    )?;
    if any.is_none() {
        return Ok(Vec::new());
    }
    let mut tx = store.begin().await?;
    let mut hooks = turn::next(queues(&mut tx, now, seconds).await?, most as usize, OF_A_TENANT);
    // Locked in order.
    hooks.sort();
    let mut ids = Vec::with_capacity(hooks.len());
    for hook in &hooks {
        ids.extend(take(&mut tx, hook, now, seconds).await?);
    }
    tx.commit().await.map_err(db("commit"))?;
    let mut claimed = Vec::with_capacity(ids.len());
    for id in &ids {
        let row = maybe!(
            store.reader().await?,
            "read a delivery",
            "SELECT d.id, d.hook, d.job, d.state, d.tries, d.next, d.status, d.error, d.created, d.body, d.since, h.id AS hook_id, h.url AS url, h.tag AS tag, h.created AS hook_created, h.tenant AS tenant, h.sealed AS sealed \
             FROM deliveries d JOIN hooks h ON h.id = d.hook WHERE d.id = $1",
            id.as_str()
        )?;
        // Its webhook may have been forgotten at this moment.
        let Some(row) = row else { continue };
        let r = Read("deliveries", &row);
        claimed.push(DeliveryRow { delivery: delivery_of(&row)?, hook: hook_of(&r)?, body: r.text("body")?, since: r.int("since")? });
    }
    claimed.sort_by(|a, b| a.delivery.id.cmp(&b.delivery.id));
    Ok(claimed)
}

/// See [`crate::Fleet::delivery_tried`]. A try counts once: the next one finds another number of tries.
pub(super) async fn tried(store: &Backend, d: &Delivery) -> Result<bool, StoreError> {
    let mut tx = store.begin().await?;
    // The webhook first, as where one is claimed.
    free_hook(&mut tx, &d.hook).await?;
    let there = run!(
        tx,
        "keep what came of a delivery",
        "UPDATE deliveries SET state = $1, tries = $2, next = $3, status = $4, error = $5 \
         WHERE id = $6 AND state = 'waiting' AND tries = $2 - 1",
        word("deliveries", &d.state)?,
        i64::from(d.tries),
        d.next_ms,
        d.status.map(i64::from),
        d.error.as_str(),
        d.id.as_str()
    )?;
    tx.commit().await.map_err(db("commit"))?;
    Ok(there > 0)
}

/// Deliveries are shown for so long after they were begun.
const SHOWN: Millis = 30 * DAY;

/// Forgets old ones.
pub(super) async fn forget(store: &Backend, now: Millis) -> Result<(), StoreError> {
    run!(store.writer().await?, "forget deliveries", "DELETE FROM deliveries WHERE since <= $1", now - SHOWN)?;
    Ok(())
}

/// See [`crate::Fleet::deliveries`].
pub(super) async fn list(
    store: &Backend,
    tenant: &TenantId,
    hook: &HookId,
    before: Option<&DeliveryId>,
    most: u32,
) -> Result<Vec<Delivery>, StoreError> {
    let mut conn = store.reader().await?;
    let there = maybe!(conn, "look for a webhook", "SELECT id FROM hooks WHERE id = $1 AND tenant = $2", hook.as_str(), tenant.as_str())?;
    if there.is_none() {
        return Err(missing("webhook", hook));
    }
    let rows = all!(
        conn,
        "read deliveries",
        concat!("SELECT ", columns!(deliveries), " FROM deliveries WHERE hook = $1 AND ($2 IS NULL OR id < $2) ORDER BY id DESC LIMIT $3"),
        hook.as_str(),
        before.map(DeliveryId::as_str),
        i64::from(most)
    )?;
    rows.iter().map(delivery_of).collect()
}

/// See [`crate::Fleet::replay`].
pub(super) async fn replay(
    store: &Backend,
    tenant: &TenantId,
    id: &DeliveryId,
    now: Millis,
    noted: Noted<'_>,
) -> Result<Delivery, StoreError> {
    let mut tx = store.begin().await?;
    if room(&mut tx, tenant).await? == 0 {
        return Err(OverQuota::Deliveries { most: WAITING }.into());
    }
    let there = run!(
        tx,
        "try a delivery again",
        "UPDATE deliveries SET state = 'waiting', tries = 0, next = $1, since = $1, status = NULL, error = '' \
         WHERE id = $2 AND hook IN (SELECT id FROM hooks WHERE tenant = $3)",
        now,
        id.as_str(),
        tenant.as_str()
    )?;
    if there == 0 {
        return Err(missing("delivery", id));
    }
    let row = one!(tx, "read a delivery", concat!("SELECT ", columns!(deliveries), " FROM deliveries WHERE id = $1"), id.as_str())?;
    let delivery = delivery_of(&row)?;
    give_text(&mut tx, &delivery).await?;
    audit::note(&mut tx, noted).await?;
    tx.commit().await.map_err(db("commit"))?;
    Ok(delivery)
}

/// How many wait.
pub(super) async fn waiting(store: &Backend) -> Result<i64, StoreError> {
    let row = one!(store.reader().await?, "count deliveries", "SELECT count(*) AS n FROM deliveries WHERE state = 'waiting'")?;
    Read("deliveries", &row).int("n")
}
