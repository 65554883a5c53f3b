//! Traces for OpenTelemetry, for who asks: `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector (OTLP over HTTP, protobuf). Nothing is
//! sent without it.
//!
//! A trial is one trace: its worker's stages, and below them the orchestrator's answers to that worker, as each request carries
//! W3C's `traceparent`. Spans name routes, states and ids, never what a request or an app says.

use opentelemetry::{
    propagation::{Extractor, Injector, TextMapPropagator as _},
    trace::TracerProvider as _,
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tracing::{Span, Subscriber, level_filters::LevelFilter};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

use crate::exit::Failure;

/// Spans are for traces alone: a log does not repeat them, as its lines have the ids.
const TARGET: &str = "stakeout::trace";

/// Where a collector may be named, by the OpenTelemetry specification.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// What is still to be sent.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// If the environment names a collector. `service` is what this process is, unless `OTEL_SERVICE_NAME` says it.
    pub(crate) fn of_environment(runtime: &tokio::runtime::Handle, service: &'static str) -> Result<Option<Self>, Failure> {
        let said = |name: &str| std::env::var(name).is_ok_and(|v| !v.trim().is_empty());
        let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|v| v.eq_ignore_ascii_case(value));
        if !ENDPOINTS.into_iter().any(said) || is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return Ok(None);
        }
        let cannot = |e: String| {
            Failure::hint(
                format!("traces cannot be sent: {e}"),
                "`OTEL_EXPORTER_OTLP_ENDPOINT` is the address of a collector that takes OTLP over HTTP, such as `http://127.0.0.1:4318`",
            )
        };
        // Another part of the program may have said which cryptography is used.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = reqwest::Client::builder().build().map_err(|e| cannot(e.to_string()))?;
        let client = Sender { http, runtime: runtime.clone() };
        let exporter = SpanExporter::builder().with_http().with_http_client(client).build().map_err(|e| cannot(e.to_string()))?;
        let mut resource = Resource::builder();
        if !said("OTEL_SERVICE_NAME") {
            resource = resource.with_service_name(service);
        }
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build();
        Ok(Some(Self(provider)))
    }

    /// Gets the spans of this process, and brings those of others together with them.
    pub(crate) fn layer<S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync>(&self) -> impl Layer<S> + use<S> {
        stakeout_client::add_headers(inject);
        stakeout_server::trace::continue_by(extract);
        let ours = Targets::new().with_target("stakeout", LevelFilter::INFO).with_target(TARGET, LevelFilter::DEBUG);
        let tracer = self.0.tracer("stakeout");
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(ours)
    }

    /// Sends what waits. Called outside of the runtime, which still runs.
    pub(crate) fn end(self) {
        if let Err(e) = self.0.shutdown() {
            tracing::warn!(error = %e, "the last traces could not be sent");
        }
    }
}

/// The exporter has a thread of its own, where no runtime is.
#[derive(Debug)]
struct Sender {
    http: reqwest::Client,
    runtime: tokio::runtime::Handle,
}

#[async_trait::async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let sent = self.runtime.spawn(async move {
            let answer = http.execute(request.try_into()?).await?;
            let mut made = Response::builder().status(answer.status());
            if let Some(h) = made.headers_mut() {
                h.clone_from(answer.headers());
            }
            Ok::<_, HttpError>(made.body(answer.bytes().await?)?)
        });
        sent.await?
    }
}

struct Out<'a>(&'a mut HeaderMap);

impl Injector for Out<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(k), Ok(v)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(k, v);
        }
    }
}

/// The span that runs now, into a request.
fn inject(headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut Out(headers));
}

struct In<'a>(&'a HeaderMap);

impl Extractor for In<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

/// A request's span below the one that its sender names.
fn extract(span: &Span, headers: &HeaderMap) {
    let parent = TraceContextPropagator::new().extract(&In(headers));
    // It fails for a span that is not traced, which needs no parent.
    let _ = span.set_parent(parent);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_comes_through_headers() {
        use opentelemetry::trace::TraceContextExt as _;
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_static("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        let parent = TraceContextPropagator::new().extract(&In(&headers));
        let mut back = HeaderMap::new();
        TraceContextPropagator::new().inject_context(&parent, &mut Out(&mut back));
        assert_eq!(back.get("traceparent"), headers.get("traceparent"));
        assert!(parent.span().span_context().is_remote());
    }
}
