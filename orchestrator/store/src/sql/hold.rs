//! What keeps blobs.

use std::collections::BTreeSet;

use stakeout_contract::{Sha256Digest, TenantId};
use stakeout_domain::lease::Millis;

use super::{Conn, Db};
use crate::{StoreError, codec::missing};

/// Whether a blob that is named must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Must {
    /// Else [`StoreError::NotFound`]: whoever names it has to give it again.
    BeThere,
    /// It may come later.
    NotBeThere,
}

/// Locks blobs of a tenant that are about to be held, and makes them young; those that are there. All of a transaction's at once, as
/// they are locked in their order: two that did it in parts would wait for each other. A blob that is being dropped is not there.
pub(super) async fn touch(
    conn: &mut Conn,
    tenant: &TenantId,
    blobs: impl IntoIterator<Item = Sha256Digest>,
    now: Millis,
) -> Result<BTreeSet<Sha256Digest>, StoreError> {
    let mut there = BTreeSet::new();
    for blob in blobs.into_iter().collect::<BTreeSet<_>>() {
        let known = run!(
            conn,
            "name a blob",
            "UPDATE blobs SET given = CASE WHEN given < $1 THEN $1 ELSE given END WHERE tenant = $2 AND sha256 = $3 \
             AND dropping IS NULL",
            now,
            tenant.as_str(),
            blob.to_string()
        )?;
        if known > 0 {
            there.insert(blob);
        }
    }
    Ok(there)
}

/// Lets a holder (`app:…`, `upload:…`, `trial:…`, `job:…`) keep blobs of its tenant, of which these were touched.
pub(super) async fn keep(
    conn: &mut Conn,
    tenant: &TenantId,
    holder: &str,
    blobs: impl IntoIterator<Item = Sha256Digest>,
    touched: &BTreeSet<Sha256Digest>,
    must: Must,
) -> Result<(), StoreError> {
    for blob in blobs.into_iter().collect::<BTreeSet<_>>() {
        if must == Must::BeThere && !touched.contains(&blob) {
            return Err(missing("blob", blob));
        }
        run!(
            conn,
            "hold a blob",
            "INSERT INTO holds (tenant, sha256, holder) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            tenant.as_str(),
            blob.to_string(),
            holder
        )?;
    }
    Ok(())
}

/// Both, where they are a transaction's only blobs.
pub(super) async fn hold(
    conn: &mut Conn,
    tenant: &TenantId,
    holder: &str,
    blobs: impl IntoIterator<Item = Sha256Digest>,
    must: Must,
    now: Millis,
) -> Result<(), StoreError> {
    let blobs: BTreeSet<Sha256Digest> = blobs.into_iter().collect();
    let touched = touch(conn, tenant, blobs.iter().copied(), now).await?;
    keep(conn, tenant, holder, blobs, &touched, must).await
}

/// A holder keeps nothing any more.
pub(super) async fn let_go(conn: &mut Conn, holder: &str) -> Result<(), StoreError> {
    run!(conn, "let blobs go", "DELETE FROM holds WHERE holder = $1", holder)?;
    Ok(())
}
