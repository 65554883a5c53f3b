//! Whether a tenant's quota, and the bounds that all have, allow something new.

use stakeout_contract::{TenantId, api::access::Quota};
use stakeout_domain::lease::Millis;

use super::{
    Conn, Db,
    row::Read,
    usage::{kept_bytes, open_trials},
};
use crate::{
    OverQuota, StoreError,
    access::LIVE_TOKENS,
    codec::{DAY, uint},
    library::{OPEN_UPLOADS, SCENARIOS},
};

/// What counts against a quota.
struct Counted {
    waiting: u64,
    running: u64,
    /// Trials that ended today.
    ended: u64,
    /// What was used of slots today.
    slot_ms: i64,
}

/// Refuses trials beyond their tenant's quota. Submits of a tenant with such a quota wait for each other from here to their end, so
/// that they do not go over it together.
pub(super) async fn check(conn: &mut Conn, tenant: &TenantId, new: u64, now: Millis) -> Result<(), StoreError> {
    let row = maybe!(conn, "read a quota", "SELECT quota FROM tenants WHERE id = $1", tenant.as_str())?;
    let Some(row) = row else { return Ok(()) };
    let quota: Quota = Read("tenants", &row).json("quota")?;
    if quota.waiting_trials.is_none() && quota.trials_a_day.is_none() && quota.slot_hours_a_day.is_none() {
        return Ok(());
    }
    let quota = lock(conn, tenant).await?.unwrap_or_default();
    over(&quota, &counted(conn, tenant, now).await?, new).map_or(Ok(()), |o| Err(o.into()))
}

/// Locks a tenant and reads its quota: what is counted for it waits for this one's end. None: there is no such tenant.
async fn lock(conn: &mut Conn, tenant: &TenantId) -> Result<Option<Quota>, StoreError> {
    let row = maybe!(conn, "lock a tenant", concat!("SELECT quota FROM tenants WHERE id = $1", for_update!()), tenant.as_str())?;
    row.map(|r| Read("tenants", &r).json("quota")).transpose()
}

/// Bytes of a tenant that are kept, and those of its open uploads.
pub(super) struct Bytes {
    kept: u64,
    coming: u64,
    /// Uploads that are open, but those of artifacts: these are bounded by their trial.
    uploads: u64,
}

/// What counts against a tenant's bytes.
pub(super) async fn bytes(conn: &mut Conn, tenant: &TenantId) -> Result<Bytes, StoreError> {
    let kept = kept_bytes(conn, tenant).await?;
    let open = one!(
        conn,
        "count open uploads",
        "SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) AS bytes, count(CASE WHEN trial IS NULL THEN 1 END) AS n \
         FROM uploads WHERE tenant = $1 AND complete = 0",
        tenant.as_str()
    )?;
    let open = Read("uploads", &open);
    Ok(Bytes { kept, coming: uint(open.int("bytes")?), uploads: uint(open.int("n")?) })
}

/// Bytes that may still come; none: that is not bounded.
pub(super) async fn room(conn: &mut Conn, tenant: &TenantId) -> Result<Option<u64>, StoreError> {
    let row = maybe!(conn, "read a quota", "SELECT quota FROM tenants WHERE id = $1", tenant.as_str())?;
    let quota: Quota = row.map(|r| Read("tenants", &r).json("quota")).transpose()?.unwrap_or_default();
    let Some(most) = quota.bytes else { return Ok(None) };
    let now = bytes(conn, tenant).await?;
    Ok(Some(most.saturating_sub(now.kept).saturating_sub(now.coming)))
}

/// Refuses an upload beyond its tenant's bytes or number. Those of one tenant that begin at once wait for each other.
pub(super) async fn upload(conn: &mut Conn, tenant: &TenantId, new: u64) -> Result<(), StoreError> {
    let quota = lock(conn, tenant).await?.unwrap_or_default();
    let now = bytes(conn, tenant).await?;
    if let Some(most) = quota.bytes.filter(|most| now.kept.saturating_add(now.coming).saturating_add(new) > *most) {
        return Err(OverQuota::Bytes { kept: now.kept, coming: now.coming, most, new }.into());
    }
    if now.uploads >= u64::from(OPEN_UPLOADS) { Err(OverQuota::Uploads { most: OPEN_UPLOADS }.into()) } else { Ok(()) }
}

/// Refuses a token beyond those that a tenant may have.
pub(super) async fn token(conn: &mut Conn, tenant: &TenantId, now: Millis) -> Result<(), StoreError> {
    lock(conn, tenant).await?;
    let live = one!(
        conn,
        "count tokens",
        "SELECT count(*) AS n FROM tokens WHERE tenant = $1 AND revoked IS NULL AND (expires IS NULL OR expires > $2)",
        tenant.as_str(),
        now
    )?;
    let live = uint(Read("tokens", &live).int("n")?);
    if live >= u64::from(LIVE_TOKENS) { Err(OverQuota::Tokens { most: LIVE_TOKENS }.into()) } else { Ok(()) }
}

/// Refuses a scenario of a new name beyond those that a tenant may have.
pub(super) async fn scenario(conn: &mut Conn, tenant: &TenantId, name: &str) -> Result<(), StoreError> {
    lock(conn, tenant).await?;
    let others =
        one!(conn, "count scenarios", "SELECT count(*) AS n FROM scenarios WHERE tenant = $1 AND name <> $2", tenant.as_str(), name)?;
    let others = uint(Read("scenarios", &others).int("n")?);
    if others >= u64::from(SCENARIOS) { Err(OverQuota::Scenarios { most: SCENARIOS }.into()) } else { Ok(()) }
}

async fn counted(conn: &mut Conn, tenant: &TenantId, now: Millis) -> Result<Counted, StoreError> {
    let (waiting, running) = open_trials(conn, tenant).await?;
    let today = one!(
        conn,
        "read today's usage",
        "SELECT CAST(coalesce(sum(trials), 0) AS BIGINT) AS trials, CAST(coalesce(sum(slot_ms), 0) AS BIGINT) AS slot_ms \
         FROM usage_days WHERE tenant = $1 AND day = $2",
        tenant.as_str(),
        now.div_euclid(DAY)
    )?;
    let today = Read("usage_days", &today);
    Ok(Counted { waiting, running, ended: uint(today.int("trials")?), slot_ms: today.int("slot_ms")? })
}

fn over(quota: &Quota, now: &Counted, new: u64) -> Option<OverQuota> {
    let today = now.ended + now.waiting + now.running;
    let waiting = quota.waiting_trials.filter(|most| now.waiting + new > u64::from(*most));
    let trials = quota.trials_a_day.filter(|most| today + new > u64::from(*most));
    let hours = quota.slot_hours_a_day.filter(|most| now.slot_ms >= i64::from(*most) * 3_600_000);
    match (waiting, trials, hours) {
        (Some(most), ..) => Some(OverQuota::Waiting { waiting: now.waiting, most, new }),
        (_, Some(most), _) => Some(OverQuota::TrialsADay { today, most, new }),
        (.., Some(most)) => Some(OverQuota::SlotHoursADay { most }),
        (None, None, None) => None,
    }
}
