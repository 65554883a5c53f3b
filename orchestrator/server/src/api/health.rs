//! Whether the server lives, and what it offers.

use axum::{
    extract::State,
    http::{Method, header},
    response::{IntoResponse, Response},
};
use stakeout_contract::api::problem::Code;

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
    app.service().store().tenants().await?;
    app.service().blobs().check().await?;
    Ok("ok\n")
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
