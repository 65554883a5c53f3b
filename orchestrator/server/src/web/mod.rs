//! Pages for people: submit an app, watch its trials, read what was found, mind workers and tokens.
//!
//! Every page is written here and works without script; `assets/live.js` only spares a person the reloading of a job's page, and
//! `assets/form.js` gives the form of a submit more rows. A page does what the API does, by the same functions: the gate takes the token from the cookie alone, and the role that the
//! table below names is the one that is checked. A request that changes something must come from one of these pages.
//!
//! Each room makes a *model*, a value with the words that are shown, which its tests read; the template only places them. Text
//! of strangers (packages, labels, names of files, messages of apps) is cut and cleaned by [`words::short`], escaped by the
//! template engine, and set in `<bdi>`, so that it cannot turn the text around it. No page says that an app is clean.
//!
//! Not here: what is allowed ([`crate::api`]), what was found (`report`).
//!
//! Read first: [`router`], [`shell`], then a room: [`jobs`], [`job`], [`submit`].

mod assets;
mod compare;
mod fault;
mod gate;
mod job;
mod jobs;
mod link;
mod picture;
mod read;
mod seen;
mod shell;
mod sign_in;
mod submit;
mod tokens;
mod trials;
mod watch;
mod words;
mod workers;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::header,
    routing::{MethodRouter, get, post},
};
use stakeout_contract::api::access::Role;

pub(crate) use fault::Fault;
pub(crate) use watch::Watched;

use crate::api::{App, auth::Gate, spec::Needs};

/// What a page's handler gives.
type Shown = Result<axum::response::Response, Fault>;

/// Largest form, bytes, but for that of a submit: who sends one may not be known yet, and it is read as a whole.
const FORM_MAX: usize = 64 << 10;

struct Pages {
    app: App,
    router: Router<App>,
}

impl Pages {
    /// Adds what is at a path, for those with a role.
    fn at(mut self, path: &'static str, needs: Needs, methods: MethodRouter<App>) -> Self {
        let gate = Gate { app: self.app.clone(), needs, route: path };
        // The innermost bound counts: a page's own is within this one.
        let methods: MethodRouter<App> = methods.layer(DefaultBodyLimit::max(FORM_MAX));
        self.router = self.router.route(path, methods.route_layer(axum::middleware::from_fn_with_state(gate, gate::check)));
        self
    }
}

/// All pages. They are no part of the API, and not in its document.
pub(crate) fn router(app: &App) -> Router<App> {
    let (reader, submitter, admin) = (Needs::Role(Role::Reader), Needs::Role(Role::Submitter), Needs::Role(Role::Admin));
    Pages { app: app.clone(), router: Router::new() }
        .at("/assets/{name}", Needs::Nothing, get(assets::get))
        .at("/sign-in", Needs::Nothing, get(sign_in::show).post(sign_in::enter))
        .at("/sign-out", Needs::Nothing, post(sign_in::leave))
        .at("/", reader, get(jobs::show))
        // An app has more bytes than other bodies; they are counted as they come.
        .at("/submit", submitter, get(submit::show).post(submit::take).layer(DefaultBodyLimit::disable()))
        .at("/jobs/{job}", reader, get(job::show))
        .at("/jobs/{job}/cancel", submitter, post(job::cancel))
        .at("/jobs/{job}/report", reader, get(job::report))
        .at("/trials/{trial}/screenshots/{sha256}", reader, get(picture::get))
        .at("/compare", reader, get(compare::show))
        .at("/workers", reader, get(workers::show))
        .at("/workers/{worker}/mode", admin, post(workers::set))
        .at("/tokens", admin, get(tokens::show).post(tokens::make))
        .at("/tokens/{token}/revoke", admin, post(tokens::revoke))
        .router
}

/// Whether a request for nothing that is here is better answered by a page than by a problem document.
pub(crate) fn is_for_people(req: &Request) -> bool {
    let accepts = req.headers().get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    !req.uri().path().starts_with("/v1/") && accepts.contains("text/html")
}

#[cfg(test)]
mod tests;
