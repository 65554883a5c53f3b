//! Errors as pages. What they say is what the API says.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::shell::{Shell, page};
use crate::api::problem::Failed;

/// What went wrong, for a person.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) Failed);

impl<E> From<E> for Fault
where
    Failed: From<E>,
{
    fn from(e: E) -> Self {
        Self(e.into())
    }
}

#[derive(Template)]
#[template(path = "fault.html")]
struct Page<'a> {
    shell: Shell,
    status: u16,
    title: &'a str,
    detail: &'a str,
    hint: &'a str,
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let p = &self.0.problem;
        let status = StatusCode::from_u16(p.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let model = Page {
            shell: Shell::nobody(),
            status: p.status,
            title: &p.title,
            detail: &p.detail,
            hint: p.hint.as_deref().unwrap_or_default(),
        };
        let mut r = page(status, &model);
        if let Some(s) = self.0.retry_after {
            r.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(s));
        }
        r
    }
}
