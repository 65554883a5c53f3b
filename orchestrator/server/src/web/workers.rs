//! Workers: what each can run, how it is, and whether it gets trials.

use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use stakeout_contract::{
    WorkerId,
    api::{
        access::Role,
        fleet::{WorkerDoc, WorkerMode},
    },
};

use super::{
    Shown,
    job::id_of,
    read::Sent,
    shell::{Shell, go, page},
    words::{self, Moment},
};
use crate::{
    api::{App, auth::Caller, workers},
    service::now,
};

/// A mode that a worker can be put into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Action {
    mode: &'static str,
    label: &'static str,
}

/// A worker.
#[derive(Debug)]
struct Line {
    id: String,
    tenant: String,
    mode: &'static str,
    alive: bool,
    seen: Moment,
    running: u32,
    slots: u32,
    devices: Vec<String>,
    host: String,
    engine: String,
    facts: String,
    images: Vec<(String, String)>,
    troubles: Vec<String>,
    /// Fingerprint of the key that it signs with; empty: it has none.
    key: String,
    /// What whoever looks may do with it.
    actions: Vec<Action>,
}

#[derive(Template)]
#[template(path = "workers.html")]
struct Page {
    shell: Shell,
    lines: Vec<Line>,
    slots: u32,
    running: u32,
    at: Moment,
}

const fn mode(m: WorkerMode) -> &'static str {
    match m {
        WorkerMode::Active => "active",
        WorkerMode::Draining => "draining",
        WorkerMode::Quarantined => "quarantined",
    }
}

const ACTIONS: [(WorkerMode, &str); 3] =
    [(WorkerMode::Active, "Activate"), (WorkerMode::Draining, "Drain"), (WorkerMode::Quarantined, "Quarantine")];

/// The farm's operators mind all workers, a tenant's admins their own: for another's there is no button, as it would be refused.
fn minds(c: &Caller, w: &WorkerDoc) -> bool {
    c.is_operator() || (c.token.role.covers(Role::Admin) && w.tenant == *c.tenant())
}

fn line(w: &WorkerDoc, minds: bool) -> Line {
    let devices = w.abilities.devices.iter().map(|(kind, apis)| {
        let apis: Vec<String> = apis.iter().map(ToString::to_string).collect();
        format!("{kind} {}", apis.join(", "))
    });
    let h = &w.host;
    Line {
        id: w.id.to_string(),
        tenant: w.tenant.to_string(),
        mode: mode(w.mode),
        alive: w.alive,
        seen: words::moment(w.last_seen_ms),
        running: w.running,
        slots: w.abilities.slots,
        devices: devices.collect(),
        host: words::short(&h.host),
        engine: words::short(&h.engine),
        facts: format!(
            "{}, {} of memory free, {} of disk free",
            words::count(u64::from(h.cpus), "processor"),
            words::bytes(h.memory_free),
            words::bytes(h.disk_free)
        ),
        images: h.images.iter().map(|(name, digest)| (words::short(name), words::short(digest))).collect(),
        troubles: h.troubles.iter().map(|t| words::short(t)).collect(),
        key: words::short(&h.key),
        actions: ACTIONS.into_iter().filter(|(m, _)| minds && *m != w.mode).map(|(m, label)| Action { mode: mode(m), label }).collect(),
    }
}

/// The list.
pub(super) async fn show(State(app): State<App>, Extension(c): Extension<Caller>) -> Shown {
    let now = now();
    let all = app.service().store().workers(c.tenant(), now).await?;
    let living = || all.iter().filter(|w| w.alive && w.mode == WorkerMode::Active);
    let model = Page {
        shell: Shell::of(&c, "workers"),
        slots: living().map(|w| w.abilities.slots).sum(),
        running: living().map(|w| w.running).sum(),
        lines: all.iter().map(|w| line(w, minds(&c, w))).collect(),
        at: words::moment(now),
    };
    Ok(page(StatusCode::OK, &model))
}

/// What is to become of a worker.
#[derive(Deserialize)]
pub(super) struct Wanted {
    mode: WorkerMode,
}

/// Changes a worker's mode.
pub(super) async fn set(State(app): State<App>, Extension(c): Extension<Caller>, Path(id): Path<String>, Sent(w): Sent<Wanted>) -> Shown {
    let id: WorkerId = id_of("worker", &id)?;
    drop(workers::set(&app, &c, &id, w.mode).await?);
    Ok(go("/workers"))
}

#[cfg(test)]
mod tests {
    use stakeout_contract::{TenantId, api::fleet::HostFacts};
    use stakeout_store::conformance::sample;

    use super::*;

    #[test]
    fn a_worker_says_what_it_can_run_and_what_troubles_it() {
        let host = HostFacts {
            host: "host-7".to_owned(),
            cpus: 8,
            memory_free: 1 << 33,
            troubles: vec!["no\u{202e} disk".to_owned()],
            ..HostFacts::default()
        };
        let w = WorkerDoc {
            id: "worker-1".parse().unwrap(),
            tenant: TenantId::farm(),
            mode: WorkerMode::Draining,
            abilities: sample::abilities(34),
            host,
            running: 1,
            alive: true,
            first_seen_ms: 0,
            last_seen_ms: 0,
        };
        let l = line(&w, true);
        assert_eq!((l.mode, l.devices, l.troubles), ("draining", vec!["jvm 34".to_owned()], vec!["no\u{fffd} disk".to_owned()]));
        assert_eq!(l.facts, "8 processors, 8.0 GiB of memory free, 0 B of disk free");
        assert_eq!(l.actions.iter().map(|a| a.mode).collect::<Vec<_>>(), ["active", "quarantined"]);
        assert!(line(&w, false).actions.is_empty());
    }
}
