//! Whether the server lives, and what it offers.

use std::{future::Future, time::Duration};

use axum::{
    extract::State,
    http::{Method, header},
    response::{IntoResponse, Response},
};
use stakeout_contract::api::problem::Code;
use tokio::{sync::Mutex, time::Instant};

use super::{
    App,
    problem::Answer,
    spec::{Needs, Routes, op},
};

pub(crate) fn routes(r: &mut Routes) {
    r.add(
        op(Method::GET, "/healthz", "health", Needs::Nothing, "Whether the process lives").gives_bytes(200, "text/plain", "It does"),
        async || "ok\n",
    );
    r.add(
        op(Method::GET, "/readyz", "ready", Needs::Nothing, "Whether database and artifact storage answer")
            .gives_bytes(200, "text/plain", "They do")
            .fails(&[Code::Unavailable]),
        ready,
    );
    r.add(
        op(Method::GET, "/v1/openapi.json", "openapi", Needs::Nothing, "This document").gives::<serde_json::Value>(200, "OpenAPI 3.1"),
        document,
    );
}

async fn ready(State(app): State<App>) -> Answer<&'static str> {
    app.0.ready.ask(look(&app)).await?;
    Ok("ok\n")
}

async fn look(app: &App) -> Answer<()> {
    app.service().store().tenants().await?;
    app.service().blobs().check().await?;
    Ok(())
}

/// For so long an answer is given again.
const FRESH: Duration = Duration::from_secs(1);

/// What was found last of database and storage. Anybody may ask without a token: they are asked by one at a time, and seldom.
#[derive(Debug, Default)]
pub(super) struct Ready(Mutex<Option<(Instant, Answer<()>)>>);

impl Ready {
    async fn ask(&self, look: impl Future<Output = Answer<()>>) -> Answer<()> {
        // Who comes meanwhile waits, and hears the same.
        let mut last = self.0.lock().await;
        if let Some((at, found)) = last.as_ref()
            && at.elapsed() < FRESH
        {
            return found.clone();
        }
        let found = look.await;
        *last = Some((Instant::now(), found.clone()));
        found
    }
}

/// What Prometheus reads, on an address of its own.
pub(crate) async fn metrics(State(app): State<App>) -> Answer<Response> {
    let gauges = app.service().store().gauges(crate::service::now()).await?;
    let text = app.metrics().text(&gauges);
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response())
}

async fn document(State(app): State<App>) -> Response {
    let bytes = app.0.document.get().cloned().unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], bytes).into_response()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use tokio::time::sleep;

    use super::*;
    use crate::api::problem::Failed;

    #[tokio::test(start_paused = true)]
    async fn one_looks_and_for_a_second_all_hear_what_it_found() {
        let (ready, looks) = (Ready::default(), AtomicU32::new(0));
        let is_ready = async || {
            let look = async {
                sleep(Duration::from_millis(100)).await;
                if looks.fetch_add(1, Relaxed) == 0 { Ok(()) } else { Err(Failed::new(Code::Unavailable, "it is away")) }
            };
            ready.ask(look).await.is_ok()
        };
        assert_eq!(tokio::join!(is_ready(), is_ready(), is_ready()), (true, true, true));
        sleep(Duration::from_millis(900)).await;
        assert!(is_ready().await);
        sleep(Duration::from_millis(200)).await;
        assert_eq!((is_ready().await, is_ready().await, looks.load(Relaxed)), (false, false, 2));
    }
}
