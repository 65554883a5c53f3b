//! Uploads that may be resumed: begun with size and digest, filled part by part.

use std::path::PathBuf;

use axum::{
    Extension, Json,
    body::Body as Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use futures_util::{Stream, StreamExt};
use stakeout_agent::Fence;
use stakeout_blobs::{BlobError, PartName, TenantBlobs};
use stakeout_contract::{
    Sha256Digest, TenantId, UploadId,
    api::{
        access::Role,
        apps::{Upload, UploadSpec},
        problem::Code,
    },
};
use stakeout_store::{StoreError, UploadRow};
use tokio::io::AsyncWriteExt;
use tokio_util::io::ReaderStream;

use super::{
    App,
    auth::Caller,
    idempotency::json,
    jobs::to_its_end,
    plan,
    problem::{Answer, Failed},
    read::{self, At, Body},
    spec::{Needs, Routes, op},
};
use crate::{service::now, worker_port::chain};

/// How long an upload may take.
const UPLOAD_MILLIS: i64 = 24 * 3600 * 1000;
/// Largest part, bytes.
pub(crate) const PART_MAX: u64 = 64 << 20;
/// What bytes are sent as.
pub(crate) const OCTETS: &str = "application/octet-stream";

pub(crate) fn routes(r: &mut Routes) {
    let submitter = Needs::Role(Role::Submitter);
    r.add(
        op(Method::POST, "/v1/uploads", "beginUpload", submitter, "Begin an upload")
            .takes::<UploadSpec>()
            .more("Send the bytes with PATCH, in parts of at most 64 MiB. They count against the tenant's quota from now on. An upload that is open with the same size and digest goes on in its place.")
            .gives::<Upload>(201, "To be filled")
            .fails(&[Code::Quota]),
        begin,
    );
    r.add(
        op(Method::DELETE, "/v1/uploads/{upload}", "dropUpload", submitter, "Give an upload up: its bytes count no more")
            .gives_nothing(204, "Forgotten"),
        give_up,
    );
    r.add(op(Method::GET, "/v1/uploads/{upload}", "getUpload", submitter, "How far an upload is").gives::<Upload>(200, "Its offset"), get);
    r.add(
        op(Method::PATCH, "/v1/uploads/{upload}", "fillUpload", submitter, "Append bytes")
            .header("Upload-Offset", "Where these bytes begin: the upload's `offset`", true)
            .takes_bytes(OCTETS)
            .gives::<Upload>(200, "Its new offset")
            .fails(&[Code::Conflict, Code::Digest, Code::Quota]),
        fill,
    );
}

async fn begin(State(app): State<App>, Extension(c): Extension<Caller>, body: Body<UploadSpec>) -> Answer<Response> {
    let s = body.value;
    let most = app.options().app_bytes;
    if s.bytes == 0 {
        return Err(Failed::value("bytes", "an upload has at least one byte"));
    }
    if s.bytes > most {
        return Err(Failed::new(Code::TooLarge, format!("{} bytes: at most {most} are taken", s.bytes)).at("bytes"));
    }
    let upload = Upload {
        id: UploadId::generate(),
        bytes: s.bytes,
        offset: 0,
        sha256: s.sha256,
        complete: false,
        expires_ms: now() + UPLOAD_MILLIS,
    };
    let begun = app.service().store().put_upload(&UploadRow { upload, tenant: c.tenant().clone(), trial: None }).await?;
    json(StatusCode::CREATED, &begun.upload)
}

async fn give_up(State(app): State<App>, Extension(c): Extension<Caller>, At(id): At<UploadId>) -> Answer<StatusCode> {
    let row = app.service().store().upload(c.tenant(), &id).await?;
    if row.trial.is_some() {
        return Err(Failed::not_found("upload", id.as_str()));
    }
    to_its_end(async move {
        let parts = part_names(app.service().store().drop_upload(&id).await?)?;
        let_parts_go(&app.service().blobs().of(&row.tenant), &parts).await;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

async fn get(State(app): State<App>, Extension(c): Extension<Caller>, At(id): At<UploadId>) -> Answer<Json<Upload>> {
    let row = app.service().store().upload(c.tenant(), &id).await?;
    if row.trial.is_some() {
        return Err(Failed::not_found("upload", id.as_str()));
    }
    Ok(Json(row.upload))
}

async fn fill(
    State(app): State<App>,
    Extension(c): Extension<Caller>,
    At(id): At<UploadId>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<Json<Upload>> {
    let row = app.service().store().upload(c.tenant(), &id).await?;
    if row.trial.is_some() {
        return Err(Failed::not_found("upload", id.as_str()));
    }
    // A client that leaves now must not stop it between two of its steps.
    to_its_end(async move { append(&app, row, None, &headers, body).await }).await.map(Json)
}

/// Appends a request's bytes to an upload; with the last ones it becomes a blob. An artifact's has its lease.
pub(crate) async fn append(app: &App, mut row: UploadRow, fence: Option<&Fence>, headers: &HeaderMap, body: Bytes) -> Answer<Upload> {
    read::media(headers, OCTETS)?;
    let offset = read::number(headers, "Upload-Offset")?.ok_or_else(|| {
        Failed::new(Code::BadRequest, "there is no `Upload-Offset`").at("Upload-Offset").hint("it is the upload's `offset`")
    })?;
    let (store, blobs) = (app.service().store(), app.service().blobs().of(&row.tenant));
    let here = |row: &UploadRow| {
        Failed::new(Code::Conflict, format!("the upload is at {}, not at {offset}", row.upload.offset)).hint("go on from its `offset`")
    };
    if row.upload.complete || offset != row.upload.offset {
        return Err(here(&row));
    }
    let left = row.upload.bytes - offset;
    let part = to_file(app, body, left.min(PART_MAX), None).await?;
    if part.bytes == 0 {
        if row.upload.offset == row.upload.bytes {
            complete(app, &mut row, fence).await?;
        }
        return Ok(row.upload);
    }
    let name = blobs.put_part(ReaderStream::new(tokio::fs::File::open(&part.path).await?)).await?.name;
    let to = offset + part.bytes;
    if let Err(e) = store.upload_part(&row.upload.id, offset, to, &name.to_string()).await {
        // Only these say that the store does not name it. A database that did not answer may have taken it.
        if matches!(e, StoreError::Changed { .. } | StoreError::NotFound { .. }) {
            let_parts_go(&blobs, &[name]).await;
        }
        return Err(e.into());
    }
    row.upload.offset = to;
    if to == row.upload.bytes {
        complete(app, &mut row, fence).await?;
    }
    Ok(row.upload)
}

/// Makes a blob of all parts, names it, and only then lets the parts go: whatever stops it half-way, it is done again when the
/// upload is asked for again.
pub(crate) async fn complete(app: &App, row: &mut UploadRow, fence: Option<&Fence>) -> Answer<()> {
    let (store, blobs) = (app.service().store(), app.service().blobs().of(&row.tenant));
    let (parts, sha256) = (part_names(store.upload_parts(&row.upload.id).await?)?, row.upload.sha256);
    // Since it was begun artifacts may have come, or an operator may have lowered the quota. What is there already is no more.
    if fence.is_none() && store.blob(&row.tenant, &sha256).await?.is_none() {
        plan::room_for(app, &store.tenant(&row.tenant).await?, row.upload.bytes).await?;
    }
    match blobs.compose(&parts, sha256, row.upload.bytes).await {
        Ok(_) => {}
        Err(BlobError::Mismatch { found, .. }) => {
            let_parts_go(&blobs, &part_names(store.drop_upload(&row.upload.id).await?)?).await;
            return Err(Failed::new(Code::Digest, format!("the bytes have the digest `{found}`, not `{sha256}`"))
                .hint("begin a new upload: these bytes were changed on their way, or another file was named"));
        }
        // Another request ended it meanwhile.
        Err(BlobError::NoPart(_)) if store.upload(&row.tenant, &row.upload.id).await?.upload.complete => {
            row.upload.complete = true;
            return Ok(());
        }
        Err(e) => return Err(e.into()),
    }
    match fence {
        // An artifact is noted with its trial, where it is counted as the tenant's use.
        Some(f) => app.service().note_artifact(f, &sha256, row.upload.bytes).await?,
        None => app.service().note_blob(&row.tenant, &sha256, row.upload.bytes).await?,
    }
    // A blob that was there already may have been removed before it was noted. Now that it is, what is written stays.
    if !blobs.has(&sha256).await? {
        blobs.compose(&parts, sha256, row.upload.bytes).await?;
    }
    store.upload_complete(&row.upload.id, now()).await?;
    row.upload.complete = true;
    let_parts_go(&blobs, &parts).await;
    Ok(())
}

/// Removes parts that are needed no more. What stays is removed when the upload is forgotten.
async fn let_parts_go(blobs: &TenantBlobs, parts: &[PartName]) {
    for part in parts {
        if let Err(e) = blobs.remove_part(part).await {
            tracing::warn!(%part, error = chain(&e), "a part stays for now");
        }
    }
}

/// Names of parts as the store has them.
pub(crate) fn part_names(texts: Vec<String>) -> Result<Vec<PartName>, StoreError> {
    let bad = |e| StoreError::BadRow { what: "uploads", source: Box::new(e) };
    texts.into_iter().map(|t| t.parse().map_err(bad)).collect()
}

/// Bytes of a request in a file of ours, which goes with this value.
pub(crate) struct Taken {
    pub(crate) path: tempfile::TempPath,
    pub(crate) bytes: u64,
}

/// Writes a body to a file, at most so many bytes, and checks its digest where one is given.
pub(crate) async fn to_file(app: &App, body: Bytes, most: u64, digest: Option<&Sha256Digest>) -> Answer<Taken> {
    stream_to_file(app, body.into_data_stream(), most, digest).await
}

/// A new file for bytes that come.
async fn opened(app: &App) -> Answer<(tempfile::TempPath, tokio::fs::File)> {
    let path = work_file(&app.options().work)?;
    let file = tokio::fs::File::create(&path).await?;
    Ok((path, file))
}

/// Bytes of a body that are read although they cannot be kept: whoever still sends when the answer comes sees a connection that
/// broke, and not why.
const READ_ANYWAY: u64 = PART_MAX;

/// Writes bytes as they come to a file, at most so many.
pub(crate) async fn stream_to_file<E>(
    app: &App,
    mut stream: impl Stream<Item = Result<axum::body::Bytes, E>> + Unpin,
    most: u64,
    digest: Option<&Sha256Digest>,
) -> Answer<Taken> {
    let mut kept = opened(app).await;
    let (mut bytes, mut hash) = (0_u64, <sha2::Sha256 as sha2::Digest>::new());
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Failed::new(Code::BadRequest, "the body ended before its time"))?;
        bytes += chunk.len() as u64;
        if bytes > most {
            return Err(Failed::new(Code::TooLarge, format!("at most {most} bytes are taken here")));
        }
        if kept.is_err() && bytes > READ_ANYWAY {
            break;
        }
        if digest.is_some() {
            sha2::Digest::update(&mut hash, &chunk);
        }
        if let Ok((_, file)) = &mut kept
            && let Err(e) = file.write_all(&chunk).await
        {
            // What was written of it goes now.
            kept = Err(e.into());
        }
    }
    let (path, mut file) = kept?;
    file.flush().await?;
    if let Some(wanted) = digest {
        let found = Sha256Digest::from_bytes(sha2::Digest::finalize(hash).into());
        if found != *wanted {
            return Err(Failed::new(Code::Digest, format!("the bytes have the digest `{found}`, not `{wanted}`")));
        }
    }
    Ok(Taken { path, bytes })
}

/// A new file for part of work.
pub(crate) fn work_file(work: &std::path::Path) -> Answer<tempfile::TempPath> {
    Ok(tempfile::Builder::new().prefix("part-").tempfile_in(work)?.into_temp_path())
}

/// A blob of a tenant in a file of ours.
pub(crate) async fn fetch(app: &App, tenant: &TenantId, digest: &Sha256Digest) -> Answer<(tempfile::TempPath, PathBuf)> {
    let path = work_file(&app.options().work)?;
    app.service().blobs().of(tenant).get_to_file(digest, &path).await?;
    let plain = path.to_path_buf();
    Ok((path, plain))
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, sync::Arc};

    use stakeout_blobs::Blobs;
    use stakeout_bundle::keys::SigningKey;
    use stakeout_store::sqlite::SqliteStore;

    use super::*;
    use crate::{Service, api::ApiOptions, seal::Sealer};

    #[tokio::test]
    async fn a_body_that_cannot_be_kept_is_read_before_that_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("db")).await.unwrap();
        let service = Service::new(Arc::new(store), Blobs::folder(&dir.path().join("blobs")).unwrap(), Sealer::ephemeral().unwrap());
        let options = ApiOptions { work: dir.path().join("none"), app_bytes: 1 << 20, secure: true, private_hooks: false };
        let app = App::new(Arc::new(service), SigningKey::load_or_create(&dir.path().join("op.pem")).unwrap(), options);
        let piece = axum::body::Bytes::from(vec![0; 1 << 20]);
        for (pieces, read) in [(8, 8), (1000, (READ_ANYWAY >> 20) + 1)] {
            let mut came = 0;
            let body = futures_util::stream::iter(0..pieces).map(|_| {
                came += 1;
                Ok::<_, Infallible>(piece.clone())
            });
            let refused = stream_to_file(&app, body, u64::MAX, None).await.err().unwrap();
            assert_eq!((refused.problem.status, came), (503, read));
        }
    }
}
