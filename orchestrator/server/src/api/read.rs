//! What requests bring, read at the door: JSON bodies, queries, paths, headers.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::BytesRejection},
    http::{HeaderMap, header, request::Parts},
};
use serde::de::DeserializeOwned;
use stakeout_contract::{Sha256Digest, api::problem::Code};

use super::problem::Failed;

/// A JSON body, and the digest of its bytes.
pub(crate) struct Body<T> {
    pub(crate) value: T,
    pub(crate) digest: Sha256Digest,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Failed;

    async fn from_request(req: Request, state: &S) -> Result<Self, Failed> {
        media(req.headers(), "application/json")?;
        let bytes = Bytes::from_request(req, state).await.map_err(|e| too_large(&e))?;
        let value = serde_json::from_slice(&bytes).map_err(|e| {
            let code = if e.is_data() { Code::BadValue } else { Code::BadRequest };
            let said = e.to_string();
            let what = said.split(" at line ").next().unwrap_or(&said).to_owned();
            Failed::new(code, format!("the JSON document cannot be read: {what}"))
                .at(format!("{}:{}", e.line(), e.column()))
                .hint("/v1/openapi.json says what is allowed")
        })?;
        Ok(Self { value, digest: Sha256Digest::of(&bytes) })
    }
}

fn too_large(e: &BytesRejection) -> Failed {
    if e.status().as_u16() == 413 {
        Failed::new(Code::TooLarge, "the body has more bytes than are taken here")
    } else {
        Failed::new(Code::BadRequest, "the body ended before its time")
    }
}

/// Refuses a body of another kind.
pub(crate) fn media(headers: &HeaderMap, wanted: &str) -> Result<(), Failed> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let given = given.split(';').next().unwrap_or_default().trim();
    if given.eq_ignore_ascii_case(wanted) {
        Ok(())
    } else {
        Err(Failed::new(Code::MediaType, format!("the body is `{given}`")).hint(format!("send `Content-Type: {wanted}`")))
    }
}

/// Query parameters.
pub(crate) struct Args<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Args<T> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failed> {
        let read = Query::<T>::from_request_parts(parts, state).await;
        read.map(|Query(t)| Self(t)).map_err(|e| Failed::new(Code::BadRequest, e.body_text()).at("query"))
    }
}

/// Parts of the path.
pub(crate) struct At<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for At<T> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failed> {
        let read = Path::<T>::from_request_parts(parts, state).await;
        read.map(|Path(t)| Self(t)).map_err(|e| Failed::new(Code::BadRequest, e.body_text()).at("path"))
    }
}

/// A header as a number.
pub(crate) fn number(headers: &HeaderMap, name: &str) -> Result<Option<u64>, Failed> {
    let Some(v) = headers.get(name) else { return Ok(None) };
    let read = v.to_str().ok().and_then(|v| v.trim().parse().ok());
    read.map(Some).ok_or_else(|| Failed::new(Code::BadRequest, format!("`{name}` is no number")).at(name))
}

/// Text of a header, where there is one that is ASCII.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|v| v.to_str().ok())
}
