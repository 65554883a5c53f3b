//! Tells other orchestrators that trials began to wait, and hears it of them. Only so that an idle worker gets a trial at once: whoever
//! waits for one looks every two seconds by itself.

use std::time::Duration;

use stakeout_store::StoreError;
use tokio_util::sync::CancellationToken;

use crate::api::App;

/// However many jobs come in, others are told at most so often.
const PAUSE: Duration = Duration::from_millis(50);

/// After a failure.
const AGAIN: Duration = Duration::from_secs(5);

/// Tells.
pub(super) async fn tell(app: App, stop: CancellationToken) {
    let mut own = app.service().own.subscribe();
    let all = async {
        while own.changed().await.is_ok() {
            if let Err(e) = app.service().store().tell_waiting().await {
                tracing::debug!(error = &e as &dyn std::error::Error, "others were not told that trials wait");
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = all => {}
    }
}

/// Hears.
pub(super) async fn hear(app: App, stop: CancellationToken) {
    let all = async {
        loop {
            if let Err(e) = heard(&app).await {
                tracing::warn!(error = &e as &dyn std::error::Error, "hints of other orchestrators are not heard; it is tried again");
            }
            tokio::time::sleep(AGAIN).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = all => {}
    }
}

async fn heard(app: &App) -> Result<(), StoreError> {
    let mut hints = app.service().store().hints().await?;
    loop {
        hints.next().await?;
        app.service().others_wait();
    }
}
