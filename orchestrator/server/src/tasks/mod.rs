//! What an orchestrator does by itself: ends lost leases, decides jobs whose trials have ended, tells webhooks, removes what is
//! over. Each task claims its work in the store, so several orchestrators do it side by side and one that dies leaves nothing
//! undone.

pub(crate) mod decide;
pub mod hooks;
pub(crate) mod tidy;

use std::{future::Future, time::Duration};

use stakeout_store::Store;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{ServiceError, api::App, worker_port::chain};

/// Runs all tasks until told to stop; what is begun is ended.
pub async fn run<S: Store>(app: App<S>, stop: CancellationToken) {
    let mut all = JoinSet::new();
    let hooks = hooks::Teller::new(app.options().private_hooks);
    all.spawn(every(Duration::from_secs(2), stop.clone(), "expire", app.clone(), async |app| app.service().expire().await.map(|n| n > 0)));
    all.spawn(every(Duration::from_millis(700), stop.clone(), "decide", app.clone(), async |app| decide::one(app).await));
    all.spawn(every(Duration::from_secs(60), stop.clone(), "tidy", app.clone(), async |app| tidy::some(app).await));
    all.spawn(async move {
        every(Duration::from_secs(2), stop, "webhooks", app, async move |app| hooks.some(app).await).await;
    });
    while all.join_next().await.is_some() {}
}

/// Does a thing again and again; at once when there was something to do, else after a pause.
async fn every<S, F>(pause: Duration, stop: CancellationToken, name: &'static str, app: App<S>, work: F)
where
    S: Store,
    F: AsyncFn(&App<S>) -> Result<bool, ServiceError> + Send,
    for<'a> F::CallRefFuture<'a>: Future<Output = Result<bool, ServiceError>> + Send,
{
    while !stop.is_cancelled() {
        let again = match work(&app).await {
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
