//! Webhooks of tenants.

use stakeout_contract::{HookId, TenantId, api::hooks::Hook};

use super::{Backend, Db, audit, deliveries::hook_of, row::Read};
use crate::{
    HookRow, Noted, StoreError,
    codec::{db, missing},
};

/// See [`crate::Fleet::put_hook`].
pub(super) async fn put(store: &Backend, row: &HookRow, noted: Noted<'_>) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    run!(
        tx,
        "make a webhook",
        "INSERT INTO hooks (id, tenant, url, tag, sealed, created) VALUES ($1, $2, $3, $4, $5, $6)",
        row.hook.id.as_str(),
        row.tenant.as_str(),
        row.hook.url.as_str(),
        row.hook.tag.clone(),
        row.sealed.clone(),
        row.hook.created_ms
    )?;
    audit::note(&mut tx, noted).await?;
    tx.commit().await.map_err(db("commit"))
}

/// See [`crate::Fleet::hooks`].
pub(super) async fn of(store: &Backend, tenant: &TenantId) -> Result<Vec<Hook>, StoreError> {
    let rows = all!(
        store.reader().await?,
        "read webhooks",
        "SELECT id AS hook_id, url, tag, created AS hook_created, tenant, sealed FROM hooks WHERE tenant = $1 ORDER BY id",
        tenant.as_str()
    )?;
    rows.iter().map(|r| hook_of(&Read("hooks", r)).map(|h| h.hook)).collect()
}

/// See [`crate::Fleet::delete_hook`].
pub(super) async fn delete(store: &Backend, tenant: &TenantId, id: &HookId, noted: Noted<'_>) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    let there = run!(tx, "forget a webhook", "DELETE FROM hooks WHERE id = $1 AND tenant = $2", id.as_str(), tenant.as_str())?;
    if there == 0 {
        return Err(missing("webhook", id));
    }
    audit::note(&mut tx, noted).await?;
    tx.commit().await.map_err(db("commit"))
}
