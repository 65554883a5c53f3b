//! Which bytes are whose.

use stakeout_contract::{Sha256Digest, TenantId};
use stakeout_domain::lease::Millis;

use super::{Backend, Conn, Db, row::Read};
use crate::{
    StoreError,
    codec::{int, uint},
};

/// A tenant gave these bytes (again). Whether they are new to it. [`StoreError::Busy`] while they are being removed: their row
/// would say that they are there.
pub(super) async fn give(conn: &mut Conn, tenant: &TenantId, sha256: &Sha256Digest, bytes: u64, now: Millis) -> Result<bool, StoreError> {
    let new = run!(
        conn,
        "keep a blob",
        "INSERT INTO blobs (tenant, sha256, bytes, given) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        tenant.as_str(),
        sha256.to_string(),
        int(bytes),
        now
    )?;
    if new > 0 {
        return Ok(true);
    }
    let there = run!(
        conn,
        "keep a blob again",
        "UPDATE blobs SET given = CASE WHEN given < $1 THEN $1 ELSE given END WHERE tenant = $2 AND sha256 = $3 AND dropping IS NULL",
        now,
        tenant.as_str(),
        sha256.to_string()
    )?;
    if there == 0 { Err(StoreError::Busy { what: "blob", id: sha256.to_string() }) } else { Ok(false) }
}

/// See [`crate::Library::note_blob`].
pub(super) async fn note_blob(
    store: &Backend,
    tenant: &TenantId,
    sha256: &Sha256Digest,
    bytes: u64,
    now: Millis,
) -> Result<(), StoreError> {
    give(&mut *store.writer().await?, tenant, sha256, bytes, now).await.map(drop)
}

/// See [`crate::Library::blob`].
pub(super) async fn blob(store: &Backend, tenant: &TenantId, sha256: &Sha256Digest) -> Result<Option<u64>, StoreError> {
    let row = maybe!(
        store.reader().await?,
        "look for a blob",
        "SELECT bytes FROM blobs WHERE tenant = $1 AND sha256 = $2 AND dropping IS NULL",
        tenant.as_str(),
        sha256.to_string()
    )?;
    row.map(|r| Read("blobs", &r).int("bytes").map(uint)).transpose()
}

/// A server that removes bytes has so long; then it has died, and another goes on.
const DROPPING: Millis = 10 * 60 * 1000;

/// See [`crate::Library::drop_blobs`]. Whoever names a blob changes its `given` first: if that is done, the blob is too young
/// here (the condition is checked again on a row that changed); if it is being done, the row is locked and passed over; if it
/// comes after this, the blob is being dropped and not there any more.
pub(super) async fn drop_blobs(
    store: &Backend,
    older_than: Millis,
    now: Millis,
    most: u32,
) -> Result<Vec<(TenantId, Sha256Digest)>, StoreError> {
    let rows = all!(
        store.writer().await?,
        "drop blobs",
        concat!(
            "UPDATE blobs SET dropping = $2 WHERE given < $1 AND (dropping IS NULL OR dropping <= $3) AND (tenant, sha256) IN \
             (SELECT b.tenant, b.sha256 FROM blobs b WHERE b.given < $1 AND (b.dropping <= $3 OR (b.dropping IS NULL \
             AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.tenant = b.tenant AND h.sha256 = b.sha256))) ORDER BY b.given LIMIT $4",
            skip_locked!(),
            ") RETURNING tenant, sha256"
        ),
        older_than,
        now,
        now.saturating_sub(DROPPING),
        i64::from(most)
    )?;
    rows.iter().map(|row| Ok((Read("blobs", row).id("tenant")?, Read("blobs", row).id("sha256")?))).collect()
}

/// See [`crate::Library::blob_dropped`].
pub(super) async fn dropped(store: &Backend, tenant: &TenantId, sha256: &Sha256Digest, since: Millis) -> Result<(), StoreError> {
    run!(
        store.writer().await?,
        "forget a blob",
        "DELETE FROM blobs WHERE tenant = $1 AND sha256 = $2 AND dropping = $3",
        tenant.as_str(),
        sha256.to_string(),
        since
    )?;
    Ok(())
}
