//! What an orchestrator does by itself: looks at the clock, ends lost leases, decides jobs whose trials have ended, tells webhooks, removes what is
//! over. Each task claims its work in the store, so several orchestrators do it side by side and one that dies leaves nothing
//! undone.

pub(crate) mod decide;
mod hints;
pub mod hooks;
pub(crate) mod sweep;
pub(crate) mod tidy;

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{ServiceError, api::App, clock, worker_port::chain};

/// Jobs that are decided at a time: one that takes long, or fails again and again, leaves room for another's. Each has the evidence of a
/// trial in memory.
const DECIDING: usize = 2;

/// Runs all tasks until told to stop; what is begun is ended.
pub async fn run(app: App, stop: CancellationToken) {
    let mut all = JoinSet::new();
    let hooks = hooks::Teller::new(app.options().private_hooks);
    let leases = Arc::new(Leases::of(app.clone()));
    all.spawn(every(Duration::from_secs(2), stop.clone(), "expire", move || {
        let leases = leases.clone();
        async move { leases.end().await }
    }));
    for _ in 0..DECIDING {
        let deciding = app.clone();
        all.spawn(every(Duration::from_millis(700), stop.clone(), "decide", move || {
            let app = deciding.clone();
            async move { decide::one(&app).await }
        }));
    }
    let tidying = app.clone();
    all.spawn(every(Duration::from_secs(60), stop.clone(), "tidy", move || {
        let app = tidying.clone();
        async move { tidy::some(&app).await }
    }));
    let (sweeping, stopping) = (app.clone(), stop.clone());
    all.spawn(every(Duration::from_secs(6 * 3600), stop.clone(), "sweep", move || {
        let (app, stop) = (sweeping.clone(), stopping.clone());
        async move { sweep::all(&app, &stop).await.map(|()| false) }
    }));
    all.spawn(hints::tell(app.clone(), stop.clone()));
    all.spawn(hints::hear(app.clone(), stop.clone()));
    all.spawn(hooks.run(app, stop));
    while all.join_next().await.is_some() {}
}

/// Leases that are over.
struct Leases {
    app: App,
    /// None is ended before.
    from: Mutex<Instant>,
}

impl Leases {
    /// Workers that could not reach us while we were away renew first.
    fn of(app: App) -> Self {
        let from = Mutex::new(Instant::now() + Self::pause(&app));
        Self { app, from }
    }

    /// Who has a lease renews it within this time.
    fn pause(app: &App) -> Duration {
        Duration::from_secs(app.service().lease_seconds / 2)
    }

    /// Ends those that are over; whether there were any. After the clock was set workers renew first: by it they may all be.
    async fn end(&self) -> Result<bool, ServiceError> {
        let set = clock::look(self.app.service().store()).await?;
        let may = {
            let mut from = self.from.lock().unwrap_or_else(PoisonError::into_inner);
            if set {
                *from = Instant::now() + Self::pause(&self.app);
            }
            Instant::now() > *from
        };
        Ok(may && self.app.service().expire().await? > 0)
    }
}

/// Does a thing again and again; at once when there was something to do, else after a pause.
async fn every<F>(pause: Duration, stop: CancellationToken, name: &'static str, work: impl Fn() -> F + Send)
where
    F: Future<Output = Result<bool, ServiceError>> + Send,
{
    while !stop.is_cancelled() {
        let again = match work().await {
            Ok(again) => again,
            Err(e) => {
                tracing::warn!(task = name, error = chain(&e), "a task failed; it is tried again");
                false
            }
        };
        if !again {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}
