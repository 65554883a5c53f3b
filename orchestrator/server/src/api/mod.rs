//! The HTTP API, version 1.
//!
//! One table of routes ([`spec::Routes`]) makes the router, checks the roles and writes the OpenAPI document. A handler reads
//! its request by the types of [`read`], acts through [`Service`] and its store (which knows tenants: another's thing is not
//! found), and answers with a document of `stakeout_contract::api` or a problem. Nothing here decides a verdict or a lease.
//!
//! Read first: [`spec`], [`auth`], then a room: [`jobs`], [`leases`].

pub(crate) mod access;
pub(crate) mod apps;
pub(crate) mod artifacts;
pub(crate) mod auth;
mod events;
mod health;
mod hooks;
mod idempotency;
pub(crate) mod jobs;
mod leases;
pub(crate) mod page;
pub(crate) mod plan;
pub(crate) mod problem;
mod read;
mod reports;
pub(crate) mod room;
pub(crate) mod scenarios;
pub(crate) mod session;
pub(crate) mod spec;
mod streams;
mod tenants;
pub(crate) mod trials;
mod turns;
pub(crate) mod uploads;
pub(crate) mod workers;

use std::{path::PathBuf, sync::Arc};

use axum::{Router, extract::DefaultBodyLimit, http::Method, response::IntoResponse};
use stakeout_bundle::keys::SigningKey;
use stakeout_contract::api::problem::Code;

pub use access::{Bootstrap, BootstrapError, bootstrap, first_token, has_admin};
pub(crate) use uploads::part_names;

use crate::{Service, metrics::Metrics, web};

/// How the API is served.
#[derive(Clone, Debug)]
pub struct ApiOptions {
    /// Folder for parts of work: apps that are looked at, bundles that are written. Ours alone.
    pub work: PathBuf,
    /// Largest app, bytes, with its splits.
    pub app_bytes: u64,
    /// Clients reach us by TLS, so cookies are for TLS only.
    pub secure: bool,
    /// Webhooks may go to private addresses and by plain HTTP.
    pub private_hooks: bool,
}

struct Inner {
    service: Arc<Service>,
    operator: SigningKey,
    options: ApiOptions,
    rates: auth::Rates,
    streams: streams::Streams,
    watched: web::Watched,
    turns: turns::Turns,
    ready: health::Ready,
    /// The OpenAPI document: the same bytes for all who ask.
    document: std::sync::OnceLock<axum::body::Bytes>,
}

/// What handlers share.
pub struct App(Arc<Inner>);

impl Clone for App {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl App {
    /// On a service.
    pub fn new(service: Arc<Service>, operator: SigningKey, options: ApiOptions) -> Self {
        let (rates, streams, watched) = (auth::Rates::default(), streams::Streams::default(), web::Watched::default());
        let (turns, ready, document) = (turns::Turns::default(), health::Ready::default(), std::sync::OnceLock::new());
        Self(Arc::new(Inner { service, operator, options, rates, streams, watched, turns, ready, document }))
    }

    /// The service.
    pub fn service(&self) -> &Arc<Service> {
        &self.0.service
    }

    /// The key that bundles are signed with.
    pub fn operator(&self) -> &SigningKey {
        &self.0.operator
    }

    /// How it is served.
    pub fn options(&self) -> &ApiOptions {
        &self.0.options
    }

    /// Figures.
    pub fn metrics(&self) -> &Metrics {
        &self.0.service.metrics
    }

    /// What pages have read of jobs' events.
    pub(crate) fn watched(&self) -> &web::Watched {
        &self.0.watched
    }

    pub(crate) fn streams(&self) -> &streams::Streams {
        &self.0.streams
    }

    /// Whose uploads are copied to be read.
    pub(crate) fn turns(&self) -> &turns::Turns {
        &self.0.turns
    }

    pub(crate) fn rates(&self) -> &auth::Rates {
        &self.0.rates
    }
}

/// Largest JSON body, bytes, but for what workers hand in: a batch of jobs is the largest that people send.
const JSON_MAX: usize = 10 << 20;

fn table(app: &App) -> (Router<App>, Vec<spec::Op>) {
    let mut routes = spec::Routes::new(app.clone());
    health::routes(&mut routes);
    access::routes(&mut routes);
    tenants::routes(&mut routes);
    apps::routes(&mut routes);
    uploads::routes(&mut routes);
    scenarios::routes(&mut routes);
    jobs::routes(&mut routes);
    trials::routes(&mut routes);
    artifacts::routes(&mut routes);
    events::routes(&mut routes);
    reports::routes(&mut routes);
    workers::routes(&mut routes);
    leases::routes(&mut routes);
    hooks::routes(&mut routes);
    routes.end()
}

/// The OpenAPI document, as it is served.
pub fn openapi(app: &App) -> String {
    let (_, ops) = table(app);
    text_of(&ops)
}

fn text_of(ops: &[spec::Op]) -> String {
    serde_json::to_string_pretty(&spec::document(ops)).unwrap_or_default() + "\n"
}

/// Figures for Prometheus, for an address that only it reaches.
pub fn metrics(app: App) -> Router {
    Router::new().route("/metrics", axum::routing::get(health::metrics)).with_state(app)
}

/// All routes, of programs and of people, with the answers to what is none.
pub fn router(app: App) -> Router {
    let (router, ops) = table(&app);
    let _ = app.0.document.set(text_of(&ops).into());
    router
        .merge(web::router(&app))
        .fallback(async |req: axum::extract::Request| {
            let none = problem::Failed::new(Code::NotFound, format!("there is no `{}`", req.uri().path()));
            if web::is_for_people(&req) { web::Fault(none).into_response() } else { none.hint("see /v1/openapi.json").into_response() }
        })
        .method_not_allowed_fallback(async |method: Method, uri: axum::http::Uri| {
            problem::Failed::new(Code::MethodNotAllowed, format!("there is no `{method}` of `{}`", uri.path())).into_response()
        })
        .layer(DefaultBodyLimit::max(JSON_MAX))
        .layer(axum::middleware::from_fn(crate::http::bounded))
        .layer(axum::middleware::map_response(headers))
        .with_state(app)
}

/// What every answer carries.
async fn headers(mut r: axum::response::Response) -> axum::response::Response {
    use axum::http::{HeaderValue, header};
    let h = r.headers_mut();
    h.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    h.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    h.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    h.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox"));
    h.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    r
}
