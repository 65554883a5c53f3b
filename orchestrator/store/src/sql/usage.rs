//! What a tenant used, by UTC day.

use stakeout_contract::{
    DeviceKind, TenantId,
    api::access::{Usage, UsageDay},
};
use stakeout_domain::lease::Millis;

use super::{Backend, Conn, Db, row::Read};
use crate::{
    Ahead, StoreError,
    codec::{DAY, int, uint},
};

/// What is added to a day.
#[derive(Clone, Copy, Default)]
pub(super) struct Used {
    pub(super) jobs: i64,
    pub(super) trials: i64,
    pub(super) slot_ms: i64,
    pub(super) cpu_ms: i64,
    pub(super) bytes: i64,
}

/// Adds to today. `of` is the thing that used it: those of one tenant that end at once are spread over several rows by it.
pub(super) async fn add(conn: &mut Conn, tenant: &TenantId, of: &str, used: Used, now: Millis) -> Result<(), StoreError> {
    run!(
        conn,
        "count usage",
        "INSERT INTO usage_days (tenant, day, shard, jobs, trials, slot_ms, cpu_ms, bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (tenant, day, shard) DO UPDATE SET jobs = usage_days.jobs + excluded.jobs, \
         trials = usage_days.trials + excluded.trials, slot_ms = usage_days.slot_ms + excluded.slot_ms, \
         cpu_ms = usage_days.cpu_ms + excluded.cpu_ms, bytes = usage_days.bytes + excluded.bytes",
        tenant.as_str(),
        now.div_euclid(DAY),
        i64::from(of.bytes().fold(0u8, |a, b| a.wrapping_mul(31).wrapping_add(b)) % 8),
        used.jobs,
        used.trials,
        used.slot_ms,
        used.cpu_ms,
        used.bytes
    )?;
    Ok(())
}

/// See [`crate::Access::usage`].
pub(super) async fn usage(store: &Backend, tenant: &TenantId, days: u32, now: Millis) -> Result<Usage, StoreError> {
    let mut conn = store.reader().await?;
    let rows = all!(
        conn,
        "read usage",
        "SELECT day, CAST(sum(jobs) AS BIGINT) AS jobs, CAST(sum(trials) AS BIGINT) AS trials, CAST(sum(slot_ms) AS BIGINT) AS slot_ms, \
         CAST(sum(cpu_ms) AS BIGINT) AS cpu_ms, CAST(sum(bytes) AS BIGINT) AS bytes \
         FROM usage_days WHERE tenant = $1 AND day > $2 GROUP BY day ORDER BY day DESC",
        tenant.as_str(),
        now.div_euclid(DAY) - int(days.into())
    )?;
    let days = rows.iter().map(|row| day_of(tenant, &Read("usage_days", row))).collect::<Result<_, _>>()?;
    let bytes_kept = kept_bytes(&mut conn, tenant).await?;
    let (waiting_trials, running_trials) = open_trials(&mut conn, tenant).await?;
    Ok(Usage { days, bytes_kept, waiting_trials, running_trials })
}

/// Bytes that a tenant keeps.
pub(super) async fn kept_bytes(conn: &mut Conn, tenant: &TenantId) -> Result<u64, StoreError> {
    let kept = one!(
        conn,
        "count kept bytes",
        "SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) AS n FROM blobs WHERE tenant = $1 AND dropping IS NULL",
        tenant.as_str()
    )?;
    Read("blobs", &kept).int("n").map(uint)
}

/// How many trials of a tenant wait, and how many run.
pub(super) async fn open_trials(conn: &mut Conn, tenant: &TenantId) -> Result<(u64, u64), StoreError> {
    let open = one!(
        conn,
        "count open trials",
        "SELECT CAST(coalesce(sum(queued), 0) AS BIGINT) AS queued, CAST(coalesce(sum(running), 0) AS BIGINT) AS running \
         FROM jobs WHERE tenant = $1 AND ended IS NULL",
        tenant.as_str()
    )?;
    let open = Read("jobs", &open);
    Ok((uint(open.int("queued")?), uint(open.int("running")?)))
}

/// See [`crate::Jobs::ahead`].
pub(super) async fn ahead(store: &Backend, tenant: &TenantId, device: DeviceKind, api: u32, priority: i32) -> Result<Ahead, StoreError> {
    let row = one!(
        store.reader().await?,
        "look who waits",
        "SELECT CAST(coalesce(sum(CASE WHEN priority >= $4 THEN queued ELSE 0 END), 0) AS BIGINT) AS own, \
         CAST(coalesce(sum(running), 0) AS BIGINT) AS running, \
         (SELECT CAST(coalesce(sum(t.weight), 0) AS BIGINT) FROM tenants t WHERE t.id <> $1 AND t.own_workers_only = 0 \
         AND EXISTS (SELECT 1 FROM jobs j WHERE j.tenant = t.id AND j.device = $2 AND j.api = $3 AND j.ended IS NULL AND j.queued > 0)) \
         AS others FROM jobs WHERE tenant = $1 AND ended IS NULL",
        tenant.as_str(),
        device.as_str(),
        i64::from(api),
        i64::from(priority)
    )?;
    let r = Read("jobs", &row);
    Ok(Ahead { own: uint(r.int("own")?), running: uint(r.int("running")?), others: uint(r.int("others")?) })
}

fn day_of(tenant: &TenantId, r: &Read<'_>) -> Result<UsageDay, StoreError> {
    Ok(UsageDay {
        tenant: tenant.clone(),
        day: r.int("day")?,
        jobs: uint(r.int("jobs")?),
        trials: uint(r.int("trials")?),
        slot_seconds: r.int("slot_ms")? as f64 / 1000.0,
        cpu_seconds: r.int("cpu_ms")? as f64 / 1000.0,
        bytes: uint(r.int("bytes")?),
    })
}
