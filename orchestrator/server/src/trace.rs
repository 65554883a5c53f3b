//! Spans of requests. They are for traces: who wants some says how, and where a span's parent is found.

use std::sync::OnceLock;

use axum::http::{HeaderMap, Method, StatusCode};
use tracing::{Instrument as _, Span, field::Empty};

/// Puts a span below the one that a request's headers name.
type Continues = fn(&Span, &HeaderMap);

static CONTINUES: OnceLock<Continues> = OnceLock::new();

/// How a request's span goes on with the trace of its sender. The first say counts.
pub fn continue_by(by: Continues) {
    let _ = CONTINUES.set(by);
}

/// Answers a request in a span of its own.
pub(crate) async fn request<T>(
    route: &'static str,
    method: &Method,
    headers: &HeaderMap,
    answer: impl Future<Output = T>,
    status: impl FnOnce(&T) -> StatusCode,
) -> T {
    let span = tracing::debug_span!(
        target: "stakeout::trace",
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = %method,
        http.route = route,
        http.response.status_code = Empty,
    );
    if span.is_disabled() {
        return answer.await;
    }
    if let Some(by) = CONTINUES.get() {
        by(&span, headers);
    }
    let answer = answer.instrument(span.clone()).await;
    let status = status(&answer);
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    answer
}
