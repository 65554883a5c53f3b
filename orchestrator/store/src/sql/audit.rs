//! What was done, in a chain for each tenant.

use stakeout_contract::{Sha256Digest, TenantId, api::access::AuditEntry};
use stakeout_domain::lease::Millis;

use super::{
    Backend, Conn, Db, DbRow,
    row::{Read, columns},
};
use crate::{
    Deed, Noted, StoreError,
    codec::{int, uint},
};

/// See [`crate::Access::audit`]. The end of the chain is locked: entries of one tenant follow each other.
pub(super) async fn add(conn: &mut Conn, deed: &Deed, now: Millis) -> Result<AuditEntry, StoreError> {
    run!(
        conn,
        "begin a chain",
        "INSERT INTO chains (tenant, number, hash) VALUES ($1, 0, NULL) ON CONFLICT DO NOTHING",
        deed.tenant.as_str()
    )?;
    let end =
        one!(conn, "lock a chain", concat!("SELECT number, hash FROM chains WHERE tenant = $1", for_update!()), deed.tenant.as_str())?;
    let end = Read("chains", &end);
    let before: Option<Sha256Digest> = end.maybe_id("hash")?;
    let mut entry = AuditEntry {
        number: uint(end.int("number")?) + 1,
        at_ms: now,
        tenant: deed.tenant.clone(),
        token: deed.token.clone(),
        action: deed.action.to_owned(),
        thing: deed.thing.clone(),
        detail: deed.detail.clone(),
        hash: Sha256Digest::from_bytes([0; 32]),
    };
    entry.hash = entry.digest(before.as_ref());
    run!(
        conn,
        "keep an audit entry",
        "INSERT INTO audit (tenant, number, at, token, action, thing, detail, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        entry.tenant.as_str(),
        int(entry.number),
        now,
        entry.token.as_ref().map(|t| t.as_str().to_owned()),
        entry.action.as_str(),
        entry.thing.as_str(),
        entry.detail.as_str(),
        entry.hash.to_string()
    )?;
    run!(
        conn,
        "move a chain's end",
        "UPDATE chains SET number = $1, hash = $2 WHERE tenant = $3",
        int(entry.number),
        entry.hash.to_string(),
        entry.tenant.as_str()
    )?;
    Ok(entry)
}

/// Adds what is noted of a change. Chains are locked in order of their tenants, so that two changes that are about the same ones do
/// not wait for each other.
pub(super) async fn note(conn: &mut Conn, noted: Noted<'_>) -> Result<(), StoreError> {
    let mut deeds: Vec<&Deed> = noted.deeds.iter().collect();
    deeds.sort_by(|a, b| a.tenant.cmp(&b.tenant));
    for deed in deeds {
        add(conn, deed, noted.at).await?;
    }
    Ok(())
}

/// See [`crate::Access::audit_after`].
pub(super) async fn after(store: &Backend, tenant: &TenantId, after: u64, most: u32) -> Result<Vec<AuditEntry>, StoreError> {
    let rows = all!(
        store.reader().await?,
        "read audit entries",
        concat!("SELECT ", columns!(audit), " FROM audit WHERE tenant = $1 AND number > $2 ORDER BY number LIMIT $3"),
        tenant.as_str(),
        int(after),
        i64::from(most)
    )?;
    rows.iter().map(entry_of).collect()
}

fn entry_of(row: &DbRow) -> Result<AuditEntry, StoreError> {
    let r = Read("audit", row);
    Ok(AuditEntry {
        number: uint(r.int("number")?),
        at_ms: r.int("at")?,
        tenant: r.id("tenant")?,
        token: r.maybe_id("token")?,
        action: r.text("action")?,
        thing: r.text("thing")?,
        detail: r.text("detail")?,
        hash: r.id("hash")?,
    })
}
