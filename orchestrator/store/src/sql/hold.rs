//! What keeps blobs.

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

/// Lets a holder (`app:…`, `upload:…`, `trial:…`, `job:…`) keep these blobs of its tenant. A blob that is being dropped is not there.
pub(super) async fn hold(
    conn: &mut Conn,
    tenant: &TenantId,
    holder: &str,
    blobs: impl IntoIterator<Item = Sha256Digest>,
    must: Must,
    now: Millis,
) -> Result<(), StoreError> {
    let mut blobs: Vec<Sha256Digest> = blobs.into_iter().collect();
    blobs.sort_unstable();
    blobs.dedup();
    for blob in blobs {
        let sha256 = blob.to_string();
        let there = run!(
            conn,
            "name a blob",
            "UPDATE blobs SET given = CASE WHEN given < $1 THEN $1 ELSE given END WHERE tenant = $2 AND sha256 = $3 \
             AND dropping IS NULL",
            now,
            tenant.as_str(),
            sha256.as_str()
        )?;
        if there == 0 && must == Must::BeThere {
            return Err(missing("blob", sha256));
        }
        run!(
            conn,
            "hold a blob",
            "INSERT INTO holds (tenant, sha256, holder) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            tenant.as_str(),
            sha256.as_str(),
            holder
        )?;
    }
    Ok(())
}

/// A holder keeps nothing any more.
pub(super) async fn let_go(conn: &mut Conn, holder: &str) -> Result<(), StoreError> {
    run!(conn, "let blobs go", "DELETE FROM holds WHERE holder = $1", holder)?;
    Ok(())
}
