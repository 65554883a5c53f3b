//! What workers do: lease, renew, read the app, hand in, end.
//!
//! Every call names its lease (trial and epoch), and only the newest epoch of a trial is accepted, and only by the token that it was
//! given to (`lease-lost`). A worker of the tenant `farm` serves everyone; another tenant's worker reaches only its own tenant's
//! trials, the rest is not found. A repeated call is answered as the first.

use std::{collections::BTreeSet, time::Duration};

use axum::{
    Extension, Json,
    body::Body as Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};
use stakeout_agent::Fence;
use stakeout_contract::{
    Epoch, Sha256Digest, TenantId, TrialId, UploadId,
    api::{
        access::Role,
        apps::Upload,
        fleet::{ArtifactState, LeaseAnswer, LeaseAsk, ObservationBatch, RenewDoc, SecretDoc, WorkerMode},
        problem::Code,
    },
    lease::{Abilities, Completion, Progress},
    trial::TrialEnd,
};
use stakeout_domain::lease::Refused;
use stakeout_store::{StoreError, TrialFull, UploadRow};
use tokio::time::Instant;

use super::{
    App,
    artifacts::{self, Serve},
    auth::Caller,
    jobs::to_its_end,
    problem::{Answer, Failed},
    read::{At, Body},
    spec::{Needs, Routes, op},
    uploads,
};
use crate::{http::Stopping, service::now};

/// Size of an artifact that is to come.
#[derive(Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArtifactSpec {
    /// Bytes in all.
    bytes: u64,
}

/// Largest completion. It names every exchange with its headers and every artifact: one that is refused is evidence that is lost.
const COMPLETION_MIB: usize = 128;
/// Largest batch of observations.
const OBSERVATIONS_MIB: usize = 32;

pub(crate) fn routes(r: &mut Routes) {
    let worker = Needs::Role(Role::Worker);
    let lost = [Code::LeaseLost];
    r.add(
        op(Method::POST, "/v1/leases", "lease", worker, "Ask for a trial; waits for one if asked to")
            .takes::<LeaseAsk>()
            .gives::<LeaseAnswer>(200, "A lease, or none now")
            .fails(&[Code::Quota]),
        lease,
    );
    r.add(
        op(Method::POST, "/v1/leases/{trial}/{epoch}/renew", "renewLease", worker, "Keep a lease")
            .gives::<RenewDoc>(200, "Kept; whether its job was given up")
            .fails(&lost),
        renew,
    );
    r.add(
        op(Method::GET, "/v1/leases/{trial}/{epoch}/blobs/{sha256}", "leaseBlob", worker, "The app's bytes, or a split's")
            .gives_bytes(200, uploads::OCTETS, "The bytes")
            .gives_bytes(206, uploads::OCTETS, "A part of them")
            .tagged()
            .fails(&[Code::LeaseLost, Code::Range]),
        blob,
    );
    r.add(
        op(Method::GET, "/v1/leases/{trial}/{epoch}/secrets/{name}", "leaseSecret", worker, "A value that the scenario types")
            .gives::<SecretDoc>(200, "The value")
            .fails(&lost),
        secret,
    );
    r.add(
        op(
            Method::POST,
            "/v1/leases/{trial}/{epoch}/artifacts/{sha256}",
            "beginArtifact",
            worker,
            "Begin an artifact, or ask how far it is",
        )
        .more("Complete at once if this tenant gave the same bytes before.")
        .takes::<ArtifactSpec>()
        .gives::<ArtifactState>(200, "Its offset")
        .fails(&[Code::LeaseLost, Code::Conflict, Code::Digest]),
        begin,
    );
    r.add(
        op(Method::PATCH, "/v1/leases/{trial}/{epoch}/artifacts/{sha256}", "fillArtifact", worker, "Append bytes to an artifact")
            .header("Upload-Offset", "Where these bytes begin", true)
            .takes_bytes(uploads::OCTETS)
            .gives::<ArtifactState>(200, "Its new offset")
            .fails(&[Code::LeaseLost, Code::Conflict, Code::Digest]),
        fill,
    );
    r.add(
        op(
            Method::POST,
            "/v1/leases/{trial}/{epoch}/observations",
            "observe",
            worker,
            "Hand in observations; a batch sent twice counts once",
        )
        .takes::<ObservationBatch>()
        .takes_mib(OBSERVATIONS_MIB)
        .gives_nothing(204, "Taken")
        .fails(&lost),
        observe,
    );
    r.add(
        op(Method::POST, "/v1/leases/{trial}/{epoch}/progress", "tellProgress", worker, "Say how far a trial is")
            .takes::<Progress>()
            .gives_nothing(204, "Taken")
            .fails(&lost),
        progress,
    );
    r.add(
        op(Method::POST, "/v1/leases/{trial}/{epoch}/complete", "completeLease", worker, "End a trial with its evidence, once")
            .takes::<Completion>()
            .takes_mib(COMPLETION_MIB)
            .gives_nothing(204, "Taken; the same again is no error")
            .fails(&[Code::LeaseLost, Code::Conflict]),
        complete,
    );
    r.add(
        op(Method::POST, "/v1/leases/{trial}/{epoch}/fail", "failLease", worker, "Give a lease back without evidence")
            .takes::<TrialEnd>()
            .gives_nothing(204, "Taken")
            .fails(&lost),
        fail,
    );
}

/// Pairs of device and API level that a worker can run, at most: the database is asked about each.
const PAIRS: usize = 64;

/// What a worker can run, each device at each level once.
pub(crate) fn bounded(mut a: Abilities) -> Answer<Abilities> {
    let mut seen = BTreeSet::new();
    let many = a.devices.len() > PAIRS || a.devices.iter().any(|(_, levels)| levels.len() > PAIRS);
    if !many {
        for (device, levels) in &mut a.devices {
            levels.retain(|level| seen.insert((*device, *level)));
        }
        a.devices.retain(|(_, levels)| !levels.is_empty());
    }
    if many || seen.len() > PAIRS || a.slots > 10_000 {
        return Err(Failed::value("abilities", format!("a worker has at most {PAIRS} pairs of device and API level, and 10000 slots")));
    }
    Ok(a)
}

async fn lease(
    State(app): State<App>,
    Extension(c): Extension<Caller>,
    stopping: Option<Extension<Stopping>>,
    body: Body<LeaseAsk>,
) -> Answer<Json<LeaseAnswer>> {
    let mut ask = body.value;
    ask.abilities = bounded(ask.abilities)?;
    if ask.wait_seconds > 30 {
        return Err(Failed::value("wait_seconds", "a worker waits at most 30 seconds"));
    }
    let service = app.service();
    let until = Instant::now() + Duration::from_secs(u64::from(ask.wait_seconds));
    let mut queued = service.queued();
    let stopping = stopping.map(|Extension(Stopping(s))| s).unwrap_or_default();
    // Said once: what waits is asked for again and again, and asking writes nothing.
    let known = service.asks(&ask.worker, c.tenant(), &ask.abilities).await?;
    let mode = if let Some(mode) = known {
        mode
    } else {
        super::workers::room_for(&app, &c, &ask.worker).await?;
        service.heard_of(&ask.worker, c.tenant(), &ask.abilities).await?
    };
    if mode != WorkerMode::Active {
        return Ok(Json(LeaseAnswer { lease: None, mode }));
    }
    loop {
        queued.mark_unchanged();
        let began = Instant::now();
        let lease = service.lease_for(&ask.worker, c.tenant(), &c.token.id, &ask.abilities).await?;
        app.metrics().lease(began.elapsed());
        if lease.is_some() || Instant::now() >= until || stopping.is_cancelled() {
            return Ok(Json(LeaseAnswer { lease, mode }));
        }
        // Another orchestrator's jobs are seen after two seconds at most, our own at once.
        let pause = (until - Instant::now()).min(Duration::from_secs(2));
        tokio::select! {
            () = stopping.cancelled() => {}
            _ = tokio::time::timeout(pause, queued.changed()) => {}
        }
    }
}

/// A lease that counts, that this worker's tenant may serve, and that was taken by this token. Who writes for it afterwards names its
/// epoch, which is no other token's. One that is put into quarantine loses its leases in the store.
async fn held(app: &App, c: &Caller, trial: TrialId, epoch: u32) -> Answer<(Fence, TrialFull)> {
    let fence = Fence { trial, epoch: Epoch(epoch) };
    let held = app.service().store().fenced(whose(c), &fence.trial, fence.epoch).await?;
    held.row.held_by(&c.token.id).map_err(StoreError::from)?;
    Ok((fence, held))
}

/// Whose trials a worker may have: the farm's, everyone's.
fn whose(c: &Caller) -> Option<&TenantId> {
    (!c.tenant().is_farm()).then(|| c.tenant())
}

async fn renew(State(app): State<App>, Extension(c): Extension<Caller>, At((trial, epoch)): At<(TrialId, u32)>) -> Answer<Json<RenewDoc>> {
    let fence = Fence { trial, epoch: Epoch(epoch) };
    // The renewal itself looks whether the lease counts, and by which token it was taken.
    if whose(&c).is_some() {
        app.service().store().trial(whose(&c), &fence.trial).await?;
    }
    let cancelled = app.service().renew_lease(&fence, &c.token.id).await?;
    Ok(Json(RenewDoc { cancelled, lease_seconds: app.service().lease_seconds }))
}

async fn blob(
    State(app): State<App>,
    Extension(c): Extension<Caller>,
    At((trial, epoch, sha256)): At<(TrialId, u32, Sha256Digest)>,
    headers: HeaderMap,
) -> Answer<Response> {
    let (fence, _) = held(&app, &c, trial, epoch).await?;
    let tenant = app.service().readable(&fence, &sha256).await?;
    artifacts::serve(&app, &headers, &Serve { tenant: &tenant, sha256: &sha256, media: uploads::OCTETS, name: Some(sha256.to_string()) })
        .await
}

async fn secret(
    State(app): State<App>,
    Extension(c): Extension<Caller>,
    At((trial, epoch, name)): At<(TrialId, u32, String)>,
) -> Answer<Json<SecretDoc>> {
    let (fence, _) = held(&app, &c, trial, epoch).await?;
    Ok(Json(SecretDoc { value: app.service().secret_for(&fence, &name).await? }))
}

async fn begin(
    State(app): State<App>,
    Extension(c): Extension<Caller>,
    At((trial, epoch, sha256)): At<(TrialId, u32, Sha256Digest)>,
    body: Body<ArtifactSpec>,
) -> Answer<Json<ArtifactState>> {
    let bytes = body.value.bytes;
    if bytes > artifact_max() {
        return Err(Failed::new(Code::TooLarge, format!("an artifact has at most {} bytes", artifact_max())).at("bytes"));
    }
    let (fence, t) = held(&app, &c, trial, epoch).await?;
    // A worker that is cut off now must not stop it between two of its steps.
    to_its_end(async move { begun(&app, &fence, t, sha256, bytes).await }).await.map(Json)
}

async fn begun(app: &App, fence: &Fence, t: TrialFull, sha256: Sha256Digest, bytes: u64) -> Answer<ArtifactState> {
    let (service, store, blobs) = (app.service(), app.service().store(), app.service().blobs().of(&t.tenant));
    let done = ArtifactState { trial: fence.trial.clone(), offset: bytes, complete: true };
    if let Some(there) = store.blob(&t.tenant, &sha256).await? {
        if there != bytes {
            return Err(Failed::new(Code::Conflict, format!("the artifact `{sha256}` has {there} bytes")).at("bytes"));
        }
        service.note_artifact(fence, &sha256, there).await?;
        // It may have been removed just before it was noted: then it is sent again.
        if blobs.has(&sha256).await? {
            return Ok(done);
        }
    }
    if bytes == 0 {
        if sha256 != Sha256Digest::of(b"") {
            return Err(Failed::new(Code::Digest, "no bytes have another digest"));
        }
        blobs.put(vec![]).await?;
        service.note_artifact(fence, &sha256, 0).await?;
        // As above; now it stays.
        blobs.put(vec![]).await?;
        return Ok(done);
    }
    let row = match store.artifact_upload(&fence.trial, &sha256).await? {
        Some(mut row) if row.upload.bytes == bytes => {
            if row.upload.offset == bytes {
                uploads::complete(app, &mut row, Some(fence)).await?;
                return Ok(done);
            }
            row
        }
        Some(_) => return Err(Failed::new(Code::Conflict, "the artifact was begun with another size").at("bytes")),
        None => {
            let expires_ms = now() + 24 * 3600 * 1000;
            let upload = Upload { id: UploadId::generate(), bytes, offset: 0, sha256, complete: false, expires_ms };
            let row = UploadRow { upload, tenant: t.tenant, trial: Some(fence.trial.clone()) };
            store.put_upload(&row).await?;
            row
        }
    };
    Ok(ArtifactState { trial: fence.trial.clone(), offset: row.upload.offset, complete: false })
}

/// The agent's own bound of all that is kept of a trial: no single artifact of it is larger.
fn artifact_max() -> u64 {
    stakeout_agent::Limits::default().kept_bytes
}

async fn fill(
    State(app): State<App>,
    Extension(c): Extension<Caller>,
    At((trial, epoch, sha256)): At<(TrialId, u32, Sha256Digest)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<Json<ArtifactState>> {
    let (fence, _) = held(&app, &c, trial, epoch).await?;
    let row = app
        .service()
        .store()
        .artifact_upload(&fence.trial, &sha256)
        .await?
        .ok_or_else(|| Failed::not_found("artifact", &sha256.to_string()))?;
    let lease = fence.clone();
    let upload = to_its_end(async move { uploads::append(&app, row, Some(&lease), &headers, body).await }).await?;
    Ok(Json(ArtifactState { trial: fence.trial, offset: upload.offset, complete: upload.complete }))
}

async fn observe(
    State(app): State<App>,
    Extension(c): Extension<Caller>,
    At((trial, epoch)): At<(TrialId, u32)>,
    body: Body<ObservationBatch>,
) -> Answer<StatusCode> {
    let batch = body.value;
    if batch.observations.len() > 1000 {
        return Err(Failed::value("observations", "a batch has at most 1000 observations"));
    }
    let (fence, t) = held(&app, &c, trial, epoch).await?;
    app.service().take_observations(&fence, batch.first, &batch.observations).await?;
    app.service().wake(&t.job);
    Ok(StatusCode::NO_CONTENT)
}

async fn progress(
    State(app): State<App>,
    Extension(c): Extension<Caller>,
    At((trial, epoch)): At<(TrialId, u32)>,
    body: Body<Progress>,
) -> Answer<StatusCode> {
    let (fence, t) = held(&app, &c, trial, epoch).await?;
    if body.value.trial != fence.trial {
        return Err(Failed::value("trial", "the progress is of another trial"));
    }
    let long = |text: &str, most: usize| text.chars().count() > most;
    if long(&body.value.stage, STAGE) || long(&body.value.detail, DETAIL) {
        return Err(Failed::value("detail", format!("a stage has at most {STAGE} characters, its detail {DETAIL}")));
    }
    app.service().take_progress(&fence, body.value).await?;
    app.service().wake(&t.job);
    Ok(StatusCode::NO_CONTENT)
}

async fn complete(
    State(app): State<App>,
    Extension(c): Extension<Caller>,
    At((trial, epoch)): At<(TrialId, u32)>,
    body: Body<Completion>,
) -> Answer<StatusCode> {
    let fence = Fence { trial, epoch: Epoch(epoch) };
    let t = app.service().store().trial(whose(&c), &fence.trial).await?;
    // It may have ended with this very completion, whose answer was lost: so it is not asked whether the lease still counts.
    if t.row.epoch != fence.epoch {
        return Err(StoreError::from(Refused::Fenced { asked: fence.epoch, now: t.row.epoch }).into());
    }
    t.row.held_by(&c.token.id).map_err(StoreError::from)?;
    let done = &body.value;
    if done.record.trial != fence.trial || done.record.job != t.job || done.record.epoch != fence.epoch {
        return Err(Failed::value("record", "the record is of another trial, job or epoch"));
    }
    for a in &done.record.artifacts {
        if app.service().store().blob(&t.tenant, &a.sha256).await?.is_none() {
            return Err(
                Failed::new(Code::Conflict, format!("the artifact `{}` was not handed in", a.sha256)).hint("hand it in, then complete")
            );
        }
    }
    app.service().take_completion_of(&fence, &t, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Characters of a stage's name, and of what is said of it: workers say 200 at most.
const STAGE: usize = 64;
const DETAIL: usize = 1000;

/// Characters of why a trial failed, and of its log. What is longer is cut: a lease that cannot be given back would last.
const REASON: usize = 10_000;
const LOG: usize = 2 << 20;

async fn fail(
    State(app): State<App>,
    Extension(c): Extension<Caller>,
    At((trial, epoch)): At<(TrialId, u32)>,
    body: Body<TrialEnd>,
) -> Answer<StatusCode> {
    let (fence, t) = held(&app, &c, trial, epoch).await?;
    let head = |text: String, most: usize| if text.chars().count() > most { text.chars().take(most).collect() } else { text };
    let TrialEnd { state, stage, reason, log } = body.value;
    let end = TrialEnd { state, stage: head(stage, STAGE), reason: head(reason, REASON), log: head(log, LOG) };
    app.service().take_back(&fence, &end).await?;
    app.service().wake(&t.job);
    Ok(StatusCode::NO_CONTENT)
}
