//! Workers, as people see them, and their heartbeat.

use axum::{Extension, Json, extract::State, http::Method};
use stakeout_contract::{
    WorkerId,
    api::{
        access::Role,
        fleet::{Heartbeat, HeartbeatAnswer, HostFacts, WorkerDoc, WorkerMode},
        page::Page,
        problem::Code,
    },
};
use stakeout_store::StoreError;

use super::{
    App, access,
    auth::Caller,
    problem::{Answer, Failed},
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
            .gives::<HeartbeatAnswer>(200, "Whether it gets trials, and how many wait")
            .fails(&[Code::Conflict, Code::Quota]),
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
    let action = match mode {
        WorkerMode::Active => "worker.activate",
        WorkerMode::Draining => "worker.drain",
        WorkerMode::Quarantined => "worker.quarantine",
    };
    let worker = store.worker(c.tenant(), id, now()).await?;
    let deeds = access::deeds_on(c, &worker.tenant, access::deed(c, action, id.as_str(), String::new()));
    let lost = store.set_worker_mode(c.tenant(), id, mode, access::noted(&deeds)).await?;
    app.service().lost(&lost).await?;
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
    let mut h = body.value;
    h.abilities = super::leases::bounded(h.abilities)?;
    bounded(&h.host)?;
    // An engine's words may be long; that a worker is in trouble is said all the same.
    h.host.troubles = h.host.troubles.iter().map(|t| t.chars().take(TROUBLE).collect()).collect();
    let store = app.service().store();
    same_key(&app, &c, &id, &h.host.key).await?;
    room_for(&app, &c, &id).await?;
    let mode = store.worker_seen(&id, c.tenant(), &h.abilities, Some(&h.host), now()).await?;
    Ok(Json(HeartbeatAnswer { mode, waiting: store.waiting(c.tenant(), &h.abilities).await? }))
}

/// Characters of a trouble that are kept.
const TROUBLE: usize = 500;

/// What a host says of itself is kept, and shown to people.
fn bounded(h: &HostFacts) -> Answer<()> {
    let long = |text: &str, most: usize| text.chars().count() > most;
    let bad = |detail: &str| Err(Failed::value("host", detail));
    if long(&h.host, 255) || long(&h.engine, 100) || long(&h.key, 100) {
        return bad("a host's name has at most 255 characters, its engine and its key 100");
    }
    if h.images.len() > 64 || h.images.iter().any(|(name, digest)| long(name, 255) || long(digest, 255)) {
        return bad("a host has at most 64 images, whose names and digests have at most 255 characters");
    }
    if h.troubles.len() > 32 {
        return bad("a host has at most 32 troubles");
    }
    Ok(())
}

/// A worker that said a key once keeps it, so that a token alone does not make anybody it.
async fn same_key(app: &App, c: &Caller, id: &WorkerId, key: &str) -> Answer<()> {
    match app.service().store().worker(c.tenant(), id, now()).await {
        Ok(w) if !w.host.key.is_empty() && w.host.key != key => {
            Err(Failed::new(Code::Conflict, format!("the worker `{id}` said another key before"))
                .hint("its `worker.pem` was lost or is another host's: start it with another id (`--name`, or without its `worker.id`)"))
        }
        Ok(_) | Err(StoreError::NotFound { .. }) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// Workers of a tenant, at most: their ids are their own choice.
const WORKERS: u64 = 1000;

/// Workers of the farm, which its operator runs.
const FARM_WORKERS: u64 = 50_000;

/// Refuses a worker that is one too many. Those that are known stay.
pub(crate) async fn room_for(app: &App, c: &Caller, id: &WorkerId) -> Answer<()> {
    let store = app.service().store();
    match store.worker(c.tenant(), id, now()).await {
        Err(StoreError::NotFound { .. }) => {}
        there => return Ok(there.map(drop)?),
    }
    let most = if c.tenant().is_farm() { FARM_WORKERS } else { WORKERS };
    if store.workers_known(c.tenant()).await? >= most {
        return Err(Failed::new(Code::Quota, format!("`{}` has at most {most} workers", c.tenant()))
            .hint("give a worker that starts again the id that it had; one that is not heard of for a week is forgotten"));
    }
    Ok(())
}
