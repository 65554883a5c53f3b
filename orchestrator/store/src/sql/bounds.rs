//! Whether a tenant's quota allows new trials.

use stakeout_contract::{TenantId, api::access::Quota};
use stakeout_domain::lease::Millis;

use super::{Conn, Db, row::Read, usage::open_trials};
use crate::{
    OverQuota, StoreError,
    codec::{DAY, uint},
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
    let row = one!(conn, "lock a tenant", concat!("SELECT quota FROM tenants WHERE id = $1", for_update!()), tenant.as_str())?;
    let quota: Quota = Read("tenants", &row).json("quota")?;
    over(&quota, &counted(conn, tenant, now).await?, new).map_or(Ok(()), |o| Err(o.into()))
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
