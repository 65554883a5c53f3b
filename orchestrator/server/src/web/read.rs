//! What browsers send, read at the door; what cannot be read is a page that says so.

use axum::{
    Form,
    extract::{FromRequest, FromRequestParts, Query, Request, rejection::FormRejection},
    http::request::Parts,
};
use serde::de::DeserializeOwned;
use stakeout_contract::api::problem::Code;

use super::{FORM_MAX, Fault};
use crate::api::problem::Failed;

/// A query.
pub(super) struct Asked<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let read = Query::<T>::from_request_parts(parts, state).await;
        read.map(|Query(t)| Self(t)).map_err(|e| Fault(Failed::new(Code::BadRequest, e.body_text()).hint("use the links of the pages")))
    }
}

/// A small form: see [`FORM_MAX`].
pub(super) struct Sent<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Sent<T> {
    type Rejection = Fault;

    async fn from_request(req: Request, state: &S) -> Result<Self, Fault> {
        let read = Form::<T>::from_request(req, state).await;
        read.map(|Form(t)| Self(t)).map_err(|e| Fault(unread(&e)))
    }
}

fn unread(e: &FormRejection) -> Failed {
    if e.status().as_u16() == 413 {
        return Failed::new(Code::TooLarge, format!("the form has more than {FORM_MAX} bytes"));
    }
    Failed::new(Code::BadRequest, e.body_text()).hint("send the form of the page")
}
