//! Bytes that come in parts.

use stakeout_contract::{Sha256Digest, TenantId, TrialId, UploadId, api::apps::Upload};
use stakeout_domain::lease::Millis;

use super::{
    Backend, Conn, Db, DbRow, bounds,
    hold::{Must, hold, let_go},
    row::{Read, columns},
    spent,
};
use crate::{
    StoreError, UploadRow,
    codec::{db, int, missing, uint},
};

fn upload_of(row: &DbRow) -> Result<UploadRow, StoreError> {
    let r = Read("uploads", row);
    let upload = Upload {
        id: r.id("id")?,
        bytes: uint(r.int("bytes")?),
        offset: uint(r.int("here")?),
        sha256: r.id("sha256")?,
        complete: r.flag("complete")?,
        expires_ms: r.int("expires")?,
    };
    Ok(UploadRow { upload, tenant: r.id("tenant")?, trial: r.maybe_id("trial")? })
}

fn changed(id: &UploadId) -> StoreError {
    StoreError::Changed { what: "upload", id: id.to_string() }
}

/// What an upload's blob is held by until the upload is over: whoever sent the bytes has that long to name them.
fn holder(id: &UploadId) -> String {
    format!("upload:{id}")
}

/// See [`crate::Library::put_upload`].
pub(super) async fn put(store: &Backend, row: &UploadRow) -> Result<UploadRow, StoreError> {
    let mut tx = store.begin().await?;
    let open = if row.trial.is_none() { same(&mut tx, row).await? } else { None };
    let begun = if let Some(mut open) = open {
        open.upload.expires_ms = row.upload.expires_ms;
        run!(
            tx,
            "begin an upload again",
            "UPDATE uploads SET expires = $1 WHERE id = $2",
            open.upload.expires_ms,
            open.upload.id.as_str()
        )?;
        open
    } else {
        insert(&mut tx, row).await?;
        row.clone()
    };
    tx.commit().await.map_err(db("commit"))?;
    Ok(begun)
}

/// Begins an upload where that is allowed.
async fn insert(conn: &mut Conn, row: &UploadRow) -> Result<(), StoreError> {
    match &row.trial {
        None => bounds::upload(conn, &row.tenant, row.upload.bytes).await?,
        Some(trial) => spent::upload(conn, trial, row.upload.bytes).await?,
    }
    run!(
        conn,
        "begin an upload",
        "INSERT INTO uploads (id, tenant, trial, bytes, here, sha256, complete, expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        row.upload.id.as_str(),
        row.tenant.as_str(),
        row.trial.as_ref().map(|t| t.as_str().to_owned()),
        int(row.upload.bytes),
        int(row.upload.offset),
        row.upload.sha256.to_string(),
        i64::from(row.upload.complete),
        row.upload.expires_ms
    )?;
    Ok(())
}

/// One that was begun with the same size and digest before.
async fn same(conn: &mut Conn, row: &UploadRow) -> Result<Option<UploadRow>, StoreError> {
    let row = maybe!(
        conn,
        "look for the same upload",
        concat!(
            "SELECT ",
            columns!(uploads),
            " FROM uploads WHERE tenant = $1 AND complete = 0 AND trial IS NULL AND sha256 = $2 AND bytes = $3 ORDER BY id DESC LIMIT 1"
        ),
        row.tenant.as_str(),
        row.upload.sha256.to_string(),
        int(row.upload.bytes)
    )?;
    row.as_ref().map(upload_of).transpose()
}

/// See [`crate::Library::upload`].
pub(super) async fn get(store: &Backend, tenant: &TenantId, id: &UploadId) -> Result<UploadRow, StoreError> {
    let row = maybe!(
        store.reader().await?,
        "read an upload",
        concat!("SELECT ", columns!(uploads), " FROM uploads WHERE id = $1 AND tenant = $2"),
        id.as_str(),
        tenant.as_str()
    )?;
    upload_of(&row.ok_or_else(|| missing("upload", id))?)
}

/// See [`crate::Library::artifact_upload`].
pub(super) async fn of_artifact(store: &Backend, trial: &TrialId, sha256: &Sha256Digest) -> Result<Option<UploadRow>, StoreError> {
    let row = maybe!(
        store.reader().await?,
        "look for an artifact's upload",
        concat!(
            "SELECT ",
            columns!(uploads),
            " FROM uploads WHERE trial IS NOT NULL AND trial = $1 AND sha256 = $2 AND complete = 0 ORDER BY id DESC LIMIT 1"
        ),
        trial.as_str(),
        sha256.to_string()
    )?;
    row.as_ref().map(upload_of).transpose()
}

async fn lock(conn: &mut Conn, id: &UploadId) -> Result<UploadRow, StoreError> {
    let row =
        maybe!(conn, "lock an upload", concat!("SELECT ", columns!(uploads), " FROM uploads WHERE id = $1", for_update!()), id.as_str())?;
    upload_of(&row.ok_or_else(|| missing("upload", id))?)
}

/// See [`crate::Library::upload_part`].
pub(super) async fn part(store: &Backend, id: &UploadId, from: u64, to: u64, part: &str) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    let upload = lock(&mut tx, id).await?.upload;
    if upload.complete || upload.offset != from || to < from || to > upload.bytes {
        return Err(changed(id));
    }
    run!(tx, "move an upload", "UPDATE uploads SET here = $1 WHERE id = $2", int(to), id.as_str())?;
    run!(
        tx,
        "keep a part",
        "INSERT INTO upload_parts (upload, number, part) \
         SELECT $1, coalesce(max(number), 0) + 1, $2 FROM upload_parts WHERE upload = $1",
        id.as_str(),
        part
    )?;
    tx.commit().await.map_err(db("commit"))
}

/// See [`crate::Library::upload_parts`].
pub(super) async fn parts(conn: &mut Conn, id: &UploadId) -> Result<Vec<String>, StoreError> {
    let rows = all!(conn, "read parts", "SELECT part FROM upload_parts WHERE upload = $1 ORDER BY number", id.as_str())?;
    rows.iter().map(|r| Read("upload_parts", r).text("part")).collect()
}

/// See [`crate::Library::is_part`].
pub(super) async fn is_part(store: &Backend, tenant: &TenantId, part: &str) -> Result<bool, StoreError> {
    let row = maybe!(
        store.reader().await?,
        "look for a part",
        "SELECT p.number FROM uploads u JOIN upload_parts p ON p.upload = u.id WHERE u.tenant = $1 AND p.part = $2 LIMIT 1",
        tenant.as_str(),
        part
    )?;
    Ok(row.is_some())
}

/// See [`crate::Library::upload_complete`].
pub(super) async fn complete(store: &Backend, id: &UploadId, now: Millis) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    let UploadRow { upload, tenant, trial } = lock(&mut tx, id).await?;
    if upload.offset != upload.bytes {
        return Err(changed(id));
    }
    // An artifact is held by its trial.
    if trial.is_none() {
        hold(&mut tx, &tenant, &holder(id), [upload.sha256], Must::BeThere, now).await?;
    }
    run!(tx, "complete an upload", "UPDATE uploads SET complete = 1 WHERE id = $1", id.as_str())?;
    tx.commit().await.map_err(db("commit"))
}

/// See [`crate::Library::drop_upload`].
pub(super) async fn drop_one(store: &Backend, id: &UploadId) -> Result<Vec<String>, StoreError> {
    let mut tx = store.begin().await?;
    lock(&mut tx, id).await?;
    let parts = parts(&mut tx, id).await?;
    let_go(&mut tx, &holder(id)).await?;
    run!(tx, "forget an upload", "DELETE FROM uploads WHERE id = $1", id.as_str())?;
    tx.commit().await.map_err(db("commit"))?;
    Ok(parts)
}

/// See [`crate::Library::drop_uploads`].
pub(super) async fn drop_old(store: &Backend, now: Millis, most: u32) -> Result<Vec<(UploadRow, Vec<String>)>, StoreError> {
    let mut tx = store.begin().await?;
    let rows = all!(
        tx,
        "find old uploads",
        concat!("SELECT ", columns!(uploads), " FROM uploads WHERE expires <= $1 ORDER BY expires, id LIMIT $2", skip_locked!()),
        now,
        i64::from(most)
    )?;
    let mut dropped = Vec::with_capacity(rows.len());
    for row in &rows {
        let upload = upload_of(row)?;
        let parts = parts(&mut tx, &upload.upload.id).await?;
        let_go(&mut tx, &holder(&upload.upload.id)).await?;
        run!(tx, "forget an upload", "DELETE FROM uploads WHERE id = $1", upload.upload.id.as_str())?;
        dropped.push((upload, parts));
    }
    tx.commit().await.map_err(db("commit"))?;
    Ok(dropped)
}
