//! What is around every page: who is signed in, where one is, and the headers that bound what a page may do.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use stakeout_contract::api::access::Role;

use crate::{ENGINE, api::auth::Caller};

/// A page loads its own style, script and pictures, sends forms to its own server, and is in no other's frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What the templates' base needs.
#[derive(Debug)]
pub(super) struct Shell {
    /// The entry of the navigation that one is at.
    pub(super) here: &'static str,
    pub(super) who: Option<Who>,
    pub(super) engine: &'static str,
}

/// Who is signed in.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) tenant: String,
    pub(super) role: &'static str,
    pub(super) submits: bool,
    pub(super) admin: bool,
}

impl Shell {
    /// For someone.
    pub(super) fn of(c: &Caller, here: &'static str) -> Self {
        let role = c.token.role;
        let who = Who {
            tenant: c.tenant().to_string(),
            role: role.as_str(),
            submits: role.covers(Role::Submitter),
            admin: role.covers(Role::Admin),
        };
        Self { here, who: Some(who), engine: ENGINE }
    }

    /// For nobody that is known.
    pub(super) const fn nobody() -> Self {
        Self { here: "", who: None, engine: ENGINE }
    }

    pub(super) fn submits(&self) -> bool {
        self.who.as_ref().is_some_and(|w| w.submits)
    }
}

/// A page as an answer.
pub(super) fn page(status: StatusCode, model: &impl Template) -> Response {
    let html = match model.render() {
        Ok(html) => html,
        Err(e) => {
            tracing::error!(error = %e, "a page was not written");
            return (StatusCode::INTERNAL_SERVER_ERROR, "the page could not be written").into_response();
        }
    };
    let mut r = (status, Html(html)).into_response();
    let h = r.headers_mut();
    h.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // Not `no-referrer`: with it a browser keeps from our own forms where they come from, and they would be refused.
    h.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    h.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    r
}

/// Sends a browser on, after a form or to where something is.
pub(super) fn go(to: &str) -> Response {
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}
