//! Workers, as people see them, and their heartbeat.

use axum::{Extension, Json, extract::State, http::Method};
use stakeout_contract::{
    WorkerId,
    api::{
        access::Role,
        fleet::{Heartbeat, HeartbeatAnswer, WorkerDoc, WorkerMode},
        page::Page,
    },
};

use super::{
    App, access,
    auth::Caller,
    problem::Answer,
    read::{At, Body},
    spec::{Needs, Routes, op},
};
use crate::service::now;

pub(crate) fn routes(r: &mut Routes) {
    let (admin, reader, worker) = (Needs::Role(Role::Admin), Needs::Role(Role::Reader), Needs::Role(Role::Worker));
    r.add(
        op(Method::GET, "/v1/workers", "listWorkers", reader, "Workers that may run the tenant's trials")
            .gives::<Page<WorkerDoc>>(200, "By id"),
        list,
    );
    r.add(op(Method::GET, "/v1/workers/{worker}", "getWorker", reader, "A worker").gives::<WorkerDoc>(200, "The worker"), get);
    r.add(
        op(Method::POST, "/v1/workers/{worker}/drain", "drainWorker", admin, "It ends what it has and gets no more")
            .gives::<WorkerDoc>(200, "The worker"),
        drain,
    );
    r.add(
        op(
            Method::POST,
            "/v1/workers/{worker}/quarantine",
            "quarantineWorker",
            admin,
            "It gets no more, and nothing more is taken from it",
        )
        .gives::<WorkerDoc>(200, "The worker"),
        quarantine,
    );
    r.add(
        op(Method::POST, "/v1/workers/{worker}/activate", "activateWorker", admin, "It gets trials again")
            .gives::<WorkerDoc>(200, "The worker"),
        activate,
    );
    r.add(
        op(Method::PUT, "/v1/workers/{worker}/heartbeat", "heartbeat", worker, "A worker lives, and says what its host is")
            .takes::<Heartbeat>()
            .gives::<HeartbeatAnswer>(200, "Whether it gets trials, and how many wait"),
        heartbeat,
    );
}

async fn list(State(app): State<App>, Extension(c): Extension<Caller>) -> Answer<Json<Page<WorkerDoc>>> {
    Ok(Json(Page { items: app.service().store().workers(c.tenant(), now()).await?, next: None }))
}

async fn get(State(app): State<App>, Extension(c): Extension<Caller>, At(id): At<WorkerId>) -> Answer<Json<WorkerDoc>> {
    Ok(Json(app.service().store().worker(c.tenant(), &id, now()).await?))
}

/// Changes a worker's mode.
pub(crate) async fn set(app: &App, c: &Caller, id: &WorkerId, mode: WorkerMode) -> Answer<Json<WorkerDoc>> {
    let store = app.service().store();
    store.set_worker_mode(c.tenant(), id, mode).await?;
    let action = match mode {
        WorkerMode::Active => "worker.activate",
        WorkerMode::Draining => "worker.drain",
        WorkerMode::Quarantined => "worker.quarantine",
    };
    access::note(app, c, action, id.as_str(), String::new()).await?;
    Ok(Json(store.worker(c.tenant(), id, now()).await?))
}

async fn drain(State(app): State<App>, Extension(c): Extension<Caller>, At(id): At<WorkerId>) -> Answer<Json<WorkerDoc>> {
    set(&app, &c, &id, WorkerMode::Draining).await
}

async fn quarantine(State(app): State<App>, Extension(c): Extension<Caller>, At(id): At<WorkerId>) -> Answer<Json<WorkerDoc>> {
    set(&app, &c, &id, WorkerMode::Quarantined).await
}

async fn activate(State(app): State<App>, Extension(c): Extension<Caller>, At(id): At<WorkerId>) -> Answer<Json<WorkerDoc>> {
    set(&app, &c, &id, WorkerMode::Active).await
}

async fn heartbeat(
    State(app): State<App>,
    Extension(c): Extension<Caller>,
    At(id): At<WorkerId>,
    body: Body<Heartbeat>,
) -> Answer<Json<HeartbeatAnswer>> {
    let h = body.value;
    super::leases::bounded(&h.abilities)?;
    let store = app.service().store();
    let mode = store.worker_seen(&id, c.tenant(), &h.abilities, Some(&h.host), now()).await?;
    Ok(Json(HeartbeatAnswer { mode, waiting: store.waiting(c.tenant(), &h.abilities).await? }))
}
