//! What requests bring, read at the door: JSON bodies, queries, paths, headers.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::BytesRejection},
    http::{HeaderMap, header, request::Parts},
};
use serde::de::DeserializeOwned;
use stakeout_contract::{Sha256Digest, api::problem::Code, object::object};

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
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let value = object(&mut json).and_then(|v| json.end().map(|()| v)).map_err(|e| {
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
        no_zero(parts.uri.query(), "query")?;
        let read = Query::<T>::from_request_parts(parts, state).await;
        read.map(|Query(t)| Self(t)).map_err(|e| Failed::new(Code::BadRequest, e.body_text()).at("query"))
    }
}

/// Parts of the path.
pub(crate) struct At<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for At<T> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failed> {
        no_zero(Some(parts.uri.path()), "path")?;
        let read = Path::<T>::from_request_parts(parts, state).await;
        read.map(|Path(t)| Self(t)).map_err(|e| Failed::new(Code::BadRequest, e.body_text()).at("path"))
    }
}

/// No text of ours holds a zero byte, and PostgreSQL takes none.
fn no_zero(text: Option<&str>, at: &str) -> Result<(), Failed> {
    if text.is_some_and(|t| t.contains("%00")) {
        return Err(Failed::new(Code::BadRequest, "it holds a zero byte").at(at));
    }
    Ok(())
}

/// A body that is text, whatever its kind.
pub(crate) struct Text(pub(crate) String);

impl<S: Send + Sync> FromRequest<S> for Text {
    type Rejection = Failed;

    async fn from_request(req: Request, state: &S) -> Result<Self, Failed> {
        let bytes = Bytes::from_request(req, state).await.map_err(|e| too_large(&e))?;
        String::from_utf8(bytes.into()).map(Self).map_err(|_| Failed::new(Code::BadRequest, "the body is no text in UTF-8"))
    }
}

/// A number of a query within its bounds: what is beyond them is refused, as the document says.
pub(crate) fn within(name: &str, given: Option<u32>, usual: u32, most: u32) -> Result<u32, Failed> {
    let n = given.unwrap_or(usual);
    if (1..=most).contains(&n) { Ok(n) } else { Err(Failed::new(Code::BadRequest, format!("`{name}` is 1 to {most}")).at(name)) }
}

/// Whether a text for people may be kept: so many characters at most, and none that controls a terminal.
pub(crate) fn is_plain(text: &str, most: usize) -> bool {
    text.chars().count() <= most && !text.chars().any(char::is_control)
}

/// Whether the caller has what has this tag (RFC 9110 §13.1.2).
pub(crate) fn has_already(headers: &HeaderMap, tag: &str) -> bool {
    let is = |t: &str| t == "*" || t.trim_start_matches("W/") == tag;
    text(headers, "if-none-match").is_some_and(|t| t.split(',').any(|t| is(t.trim())))
}

/// Whether what the caller wants to change still is as they say by `If-Match`, or is not there, by `If-None-Match: *` (RFC 9110 §13.1);
/// none: they say neither. `tag`: of what is there.
pub(crate) fn still(headers: &HeaderMap, tag: Option<&str>) -> Option<bool> {
    if headers.contains_key(header::IF_MATCH) {
        let named = text(headers, "if-match").unwrap_or_default();
        return Some(tag.is_some_and(|tag| named.split(',').any(|t| ["*", tag].contains(&t.trim()))));
    }
    (text(headers, "if-none-match") == Some("*")).then_some(tag.is_none())
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
