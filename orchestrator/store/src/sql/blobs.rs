//! Which bytes are whose.

use stakeout_contract::{Sha256Digest, TenantId};
use stakeout_domain::lease::Millis;

use super::{Backend, Conn, Db, row::Read};
use crate::{
    StoreError,
    codec::{int, uint},
};

/// A tenant gave these bytes (again). Whether they are new to it.
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
    if new == 0 {
        run!(
            conn,
            "keep a blob again",
            "INSERT INTO blobs (tenant, sha256, bytes, given) VALUES ($1, $2, $3, $4) ON CONFLICT (tenant, sha256) DO UPDATE SET \
             given = CASE WHEN blobs.given < excluded.given THEN excluded.given ELSE blobs.given END",
            tenant.as_str(),
            sha256.to_string(),
            int(bytes),
            now
        )?;
    }
    Ok(new > 0)
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
        "SELECT bytes FROM blobs WHERE tenant = $1 AND sha256 = $2",
        tenant.as_str(),
        sha256.to_string()
    )?;
    row.map(|r| Read("blobs", &r).int("bytes").map(uint)).transpose()
}

/// See [`crate::Library::drop_blobs`]. Whoever names a blob changes its `given` first: if that is done, the blob is too young
/// here (the condition is checked again on a row that changed); if it is being done, the row is locked and passed over; if it
/// comes after this, the blob is not there any more.
pub(super) async fn drop_blobs(store: &Backend, older_than: Millis, most: u32) -> Result<Vec<(TenantId, Sha256Digest)>, StoreError> {
    let rows = all!(
        store.writer().await?,
        "drop blobs",
        concat!(
            "DELETE FROM blobs WHERE given < $1 AND (tenant, sha256) IN (SELECT b.tenant, b.sha256 FROM blobs b WHERE b.given < $1 \
             AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.tenant = b.tenant AND h.sha256 = b.sha256) ORDER BY b.given LIMIT $2",
            skip_locked!(),
            ") RETURNING tenant, sha256"
        ),
        older_than,
        i64::from(most)
    )?;
    rows.iter().map(|row| Ok((Read("blobs", row).id("tenant")?, Read("blobs", row).id("sha256")?))).collect()
}
