//! Signing in with a token, and out.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Deserialize;
use stakeout_contract::api::{access::Role, problem::Code};

use super::{
    Shown, link,
    read::{Asked, Sent},
    shell::{Shell, go, page},
};
use crate::api::{App, auth, session};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page {
    shell: Shell,
    next: String,
    mistake: &'static str,
}

/// Where one wanted to go.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    next: String,
}

/// What is sent.
#[derive(Deserialize)]
pub(super) struct Given {
    #[serde(default)]
    token: String,
    #[serde(default)]
    next: String,
}

fn form(status: StatusCode, next: &str, mistake: &'static str) -> Response {
    page(status, &Page { shell: Shell::nobody(), next: link::own(next).to_owned(), mistake })
}

/// The form.
pub(super) async fn show(Asked(w): Asked<Wanted>) -> Response {
    form(StatusCode::OK, &w.next, "")
}

/// Takes a token into the cookie, if it is one.
pub(super) async fn enter(State(app): State<App>, Sent(given): Sent<Given>) -> Shown {
    let token = given.token.trim();
    match auth::who(&app, Some(token)).await {
        Ok(c) if c.token.role.covers(Role::Reader) => Ok(with_cookie(&app, Some(token), link::own(&given.next))),
        Ok(_) => Ok(form(
            StatusCode::FORBIDDEN,
            &given.next,
            "this token is for a worker; people need one with the role reader, submitter or admin",
        )),
        Err(f) if f.problem.code() == Some(Code::Unauthorized) => {
            Ok(form(StatusCode::FORBIDDEN, &given.next, "the token is not known, has expired or was taken back"))
        }
        Err(f) => Err(f.into()),
    }
}

/// Forgets the cookie, and what the browser keeps of evidence: whoever comes to it next has no token.
pub(super) async fn leave(State(app): State<App>) -> Response {
    let mut r = with_cookie(&app, None, "/sign-in");
    r.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    r
}

fn with_cookie(app: &App, token: Option<&str>, to: &str) -> Response {
    let mut r = go(to);
    if let Ok(v) = HeaderValue::from_str(&session::set(token, app.options().secure)) {
        r.headers_mut().insert(header::SET_COOKIE, v);
    }
    r
}
