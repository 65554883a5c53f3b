//! Tenants, made and changed.

use stakeout_contract::api::access::Tenant;

use super::{Backend, Conn, Db, access::tenant_of, audit, row::columns};
use crate::{
    Noted, StoreError,
    codec::{db, json},
};

/// See [`crate::Access::put_tenant`].
pub(super) async fn put(store: &Backend, t: &Tenant, noted: Noted<'_>) -> Result<bool, StoreError> {
    let mut tx = store.begin().await?;
    let new = make(&mut tx, t).await?;
    if !new {
        change(&mut tx, t).await?;
    }
    audit::note(&mut tx, noted).await?;
    tx.commit().await.map_err(db("commit"))?;
    Ok(new)
}

/// See [`crate::Access::put_tenant_if`].
pub(super) async fn put_if(store: &Backend, t: &Tenant, before: Option<&Tenant>, noted: Noted<'_>) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    let as_before = match before {
        None => make(&mut tx, t).await?,
        Some(before) => {
            let row = maybe!(
                tx,
                "lock a tenant",
                concat!("SELECT ", columns!(tenants), " FROM tenants WHERE id = $1", for_update!()),
                t.id.as_str()
            )?;
            let is = row.as_ref().map(tenant_of).transpose()?.is_some_and(|there| there == *before);
            if is {
                change(&mut tx, t).await?;
            }
            is
        }
    };
    if !as_before {
        return Err(StoreError::Changed { what: "tenant", id: t.id.to_string() });
    }
    audit::note(&mut tx, noted).await?;
    tx.commit().await.map_err(db("commit"))
}

/// Makes a tenant, if none has its id; whether it did.
async fn make(conn: &mut Conn, t: &Tenant) -> Result<bool, StoreError> {
    let new = run!(
        conn,
        "make a tenant",
        "INSERT INTO tenants (id, name, weight, quota, most_running, own_workers_only, retention_days, created) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        t.id.as_str(),
        t.name.as_str(),
        i64::from(t.weight),
        json("tenants", &t.quota)?,
        t.quota.running_trials.map(i64::from),
        i64::from(t.own_workers_only),
        t.retention_days.map(i64::from),
        t.created_ms
    )?;
    Ok(new == 1)
}

/// Changes all of a tenant but when it was made.
async fn change(conn: &mut Conn, t: &Tenant) -> Result<(), StoreError> {
    run!(
        conn,
        "change a tenant",
        "UPDATE tenants SET name = $2, weight = $3, quota = $4, most_running = $5, own_workers_only = $6, retention_days = $7 \
         WHERE id = $1",
        t.id.as_str(),
        t.name.as_str(),
        i64::from(t.weight),
        json("tenants", &t.quota)?,
        t.quota.running_trials.map(i64::from),
        i64::from(t.own_workers_only),
        t.retention_days.map(i64::from)
    )
    .map(drop)
}
