//! Apps of a tenant.

use std::path::{Path, PathBuf};

use axum::{
    Extension, Json,
    body::Body as Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use stakeout_contract::{
    Sha256Digest,
    api::{
        access::Role,
        apps::{App as AppDoc, AppSpec},
        page::Page,
        problem::Code,
    },
};

use super::{
    App, access,
    artifacts::{self, Serve},
    auth::Caller,
    idempotency::{json, tagged},
    jobs::to_its_end,
    page,
    problem::{Answer, Failed},
    read::{self, Args, At, Body},
    room::Room,
    spec::{Needs, Routes, op},
    uploads,
};

/// What an APK is sent as.
const APK: &str = "application/vnd.android.package-archive";

/// Which apps are wanted.
#[derive(Deserialize, Serialize, schemars::JsonSchema, Default)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AppQuery {
    /// `next` of the part before.
    cursor: Option<String>,
    /// Items, 1 to 200.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// Of this package.
    package: Option<String>,
}

pub(crate) fn routes(r: &mut Routes) {
    let (submitter, reader) = (Needs::Role(Role::Submitter), Needs::Role(Role::Reader));
    r.add(
        op(Method::POST, "/v1/apps", "addApp", submitter, "Add an app: the bytes of one APK")
            .more("`curl --data-binary @app.apk`. An APK with splits, or one whose upload may be interrupted, goes by /v1/uploads and /v1/app-sets.")
            .header("Content-Digest", "`sha-256=:<base64>:` (RFC 9530); checked if given", false)
            .takes_bytes(APK)
            .gives::<AppDoc>(200, "It was there before")
            .gives::<AppDoc>(201, "Added")
            .fails(&[Code::BadApp, Code::Digest, Code::Quota, Code::Conflict]),
        add,
    );
    r.add(
        op(Method::POST, "/v1/app-sets", "addAppSet", submitter, "Add an app from finished uploads: base and splits")
            .takes::<AppSpec>()
            .gives::<AppDoc>(200, "It was there before")
            .gives::<AppDoc>(201, "Added")
            .fails(&[Code::BadApp, Code::NotFound, Code::Conflict]),
        add_set,
    );
    r.add(
        op(Method::GET, "/v1/apps", "listApps", reader, "Apps, the newest first").query::<AppQuery>().gives::<Page<AppDoc>>(200, "Apps"),
        list,
    );
    r.add(op(Method::GET, "/v1/apps/{sha256}", "getApp", reader, "An app").gives::<AppDoc>(200, "The app").tagged(), get);
    r.add(
        op(Method::GET, "/v1/apps/{sha256}/apk", "getApk", reader, "An app's bytes")
            .gives_bytes(200, uploads::OCTETS, "The APK, as an attachment")
            .gives_bytes(206, uploads::OCTETS, "A part of it")
            .tagged()
            .fails(&[Code::Range]),
        apk,
    );
    r.add(
        op(Method::DELETE, "/v1/apps/{sha256}", "deleteApp", submitter, "Forget an app")
            .gives_nothing(204, "Forgotten")
            .fails(&[Code::Conflict]),
        delete,
    );
}

fn content_digest(headers: &HeaderMap) -> Answer<Option<Sha256Digest>> {
    let Some(text) = read::text(headers, "content-digest") else { return Ok(None) };
    let b64 = text.trim().strip_prefix("sha-256=:").and_then(|t| t.strip_suffix(':'));
    let bytes = b64.and_then(|t| STANDARD.decode(t).ok()).and_then(|b| <[u8; 32]>::try_from(b).ok());
    bytes.map(|b| Some(Sha256Digest::from_bytes(b))).ok_or_else(|| {
        Failed::new(Code::BadRequest, "the Content-Digest cannot be read").at("Content-Digest").hint("write it as `sha-256=:<base64>:`")
    })
}

async fn add(State(app): State<App>, Extension(c): Extension<Caller>, headers: HeaderMap, body: Bytes) -> Answer<Response> {
    read::media(&headers, APK)?;
    let digest = content_digest(&headers)?;
    let length = read::number(&headers, "content-length")?;
    // A client that leaves now must not leave the room taken.
    let (doc, new) = to_its_end(async move {
        let room = Room::take(&app, &c.tenant, length).await?;
        let kept = async {
            let taken = uploads::to_file(&app, body, room.bytes(), digest.as_ref()).await.map_err(|e| room.explain(e))?;
            take(&app, &c, &taken.path, &[]).await
        };
        let kept = kept.await;
        room.give_back(&app).await;
        kept
    })
    .await?;
    json(if new { StatusCode::CREATED } else { StatusCode::OK }, &doc)
}

/// Looks at an app and keeps it. Whether it is new to its tenant.
pub(crate) async fn take(app: &App, c: &Caller, apk: &Path, splits: &[PathBuf]) -> Answer<(AppDoc, bool)> {
    let deed = |doc: &AppDoc| access::deed(c, "app.add", &doc.sha256.to_string(), doc.facts.package.clone());
    Ok(app.service().take_app(c.tenant(), apk, splits, |doc| vec![deed(doc)]).await?)
}

async fn add_set(State(app): State<App>, Extension(c): Extension<Caller>, body: Body<AppSpec>) -> Answer<Response> {
    let s = body.value;
    if s.splits.len() > 100 {
        return Err(Failed::value("splits", "an app has at most 100 splits"));
    }
    let (mut digests, mut total) = (Vec::new(), 0);
    for id in std::iter::once(&s.upload).chain(&s.splits) {
        let row = app.service().store().upload(c.tenant(), id).await?;
        if row.trial.is_some() {
            return Err(Failed::not_found("upload", id.as_str()));
        }
        if !row.upload.complete {
            return Err(Failed::new(Code::Conflict, format!("the upload `{id}` is not complete")).hint("send its remaining bytes first"));
        }
        total += row.upload.bytes;
        if total > app.options().app_bytes {
            return Err(Failed::new(Code::TooLarge, format!("an app has at most {} bytes with its splits", app.options().app_bytes)));
        }
        digests.push(row.upload.sha256);
    }
    // Held until the app was read: who waits has copied nothing.
    let _turn = app.turns().take(c.tenant()).await;
    let mut files = Vec::new();
    for digest in &digests {
        files.push(uploads::fetch(&app, c.tenant(), digest).await?);
    }
    let splits: Vec<_> = files[1..].iter().map(|(_, p)| p.clone()).collect();
    let (doc, new) = take(&app, &c, &files[0].1, &splits).await?;
    json(if new { StatusCode::CREATED } else { StatusCode::OK }, &doc)
}

async fn list(State(app): State<App>, Extension(c): Extension<Caller>, Args(q): Args<AppQuery>) -> Answer<Json<Page<AppDoc>>> {
    let n = read::within("limit", q.limit, 50, 200)?;
    let before = page::read::<(i64, Sha256Digest)>(q.cursor.as_deref())?;
    let items = app.service().store().apps(c.tenant(), q.package.as_deref(), before, n + 1).await?;
    Ok(Json(page::of(items, n, |a| (a.created_ms, a.sha256))))
}

async fn get(
    State(app): State<App>,
    Extension(c): Extension<Caller>,
    At(sha256): At<Sha256Digest>,
    headers: HeaderMap,
) -> Answer<Response> {
    tagged(&headers, &app.service().store().app(c.tenant(), &sha256).await?)
}

async fn apk(
    State(app): State<App>,
    Extension(c): Extension<Caller>,
    At(sha256): At<Sha256Digest>,
    headers: HeaderMap,
) -> Answer<Response> {
    app.service().store().app(c.tenant(), &sha256).await?;
    artifacts::serve(
        &app,
        &headers,
        &Serve { tenant: c.tenant(), sha256: &sha256, media: uploads::OCTETS, name: Some(format!("{}.apk", sha256.short())) },
    )
    .await
}

async fn delete(State(app): State<App>, Extension(c): Extension<Caller>, At(sha256): At<Sha256Digest>) -> Answer<StatusCode> {
    let deed = access::deed(&c, "app.delete", &sha256.to_string(), String::new());
    app.service().store().delete_app(c.tenant(), &sha256, access::noted(&[deed])).await?;
    Ok(StatusCode::NO_CONTENT)
}
