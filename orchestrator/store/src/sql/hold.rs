//! What keeps blobs.

use std::collections::BTreeSet;

use serde::Serialize;
use stakeout_contract::{Sha256Digest, TenantId};
use stakeout_domain::lease::Millis;

use super::{Conn, Db, row::Read};
use crate::{
    StoreError,
    codec::{json, missing},
};

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
    let named = blobs.into_iter().collect::<BTreeSet<_>>();
    if named.is_empty() {
        return Ok(named);
    }
    let rows = all!(
        conn,
        "lock blobs",
        concat!(
            "SELECT sha256 FROM blobs WHERE tenant = $1 AND ",
            among!("sha256", "$2"),
            " AND dropping IS NULL ORDER BY sha256",
            for_update!()
        ),
        tenant.as_str(),
        json("blobs", &named)?
    )?;
    let there = rows.iter().map(|r| Read("blobs", r).id("sha256")).collect::<Result<BTreeSet<_>, _>>()?;
    run!(
        conn,
        "name blobs",
        concat!("UPDATE blobs SET given = $1 WHERE given < $1 AND tenant = $2 AND ", among!("sha256", "$3")),
        now,
        tenant.as_str(),
        json("blobs", &there)?
    )?;
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
    let mut all = Vec::new();
    for sha256 in blobs.into_iter().collect::<BTreeSet<_>>() {
        if must == Must::BeThere && !touched.contains(&sha256) {
            return Err(missing("blob", sha256));
        }
        all.push(Hold { tenant, sha256, holder });
    }
    keep_all(conn, &all).await
}

/// One holder's blob.
#[derive(Serialize)]
pub(super) struct Hold<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) sha256: Sha256Digest,
    pub(super) holder: &'a str,
}

/// Lets holders keep blobs that were touched.
pub(super) async fn keep_all(conn: &mut Conn, all: &[Hold<'_>]) -> Result<(), StoreError> {
    if !all.is_empty() {
        run!(
            conn,
            "hold blobs",
            concat!(
                "INSERT INTO holds (tenant, sha256, holder) SELECT n.tenant, n.sha256, n.holder FROM ",
                given!("$1": tenant text, sha256 text, holder text),
                " WHERE true ON CONFLICT DO NOTHING"
            ),
            json("holds", &all)?
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
    let_all_go(conn, &[holder]).await
}

/// Holders keep nothing any more.
pub(super) async fn let_all_go(conn: &mut Conn, holders: &[&str]) -> Result<(), StoreError> {
    run!(conn, "let blobs go", concat!("DELETE FROM holds WHERE ", among!("holder", "$1")), json("holds", &holders)?)?;
    Ok(())
}
