//! Idempotency-Key: a submit that is sent twice runs once.

use std::future::Future;

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use stakeout_contract::{Sha256Digest, api::problem::Code};
use stakeout_store::{Answered, Claim, Idempotent};

use super::{
    App,
    auth::Caller,
    problem::{Answer, Failed, internal},
    read,
};
use crate::{seal::random, service::now, worker_port::chain};

/// What a request is answered, as text: the same text is kept for when it comes again.
pub(crate) struct Ready {
    status: StatusCode,
    text: String,
}

impl Ready {
    /// Of a document.
    pub(crate) fn of<T: Serialize>(status: StatusCode, value: &T) -> Answer<Self> {
        Ok(Self { status, text: json_text(value)? })
    }

    /// To be kept with what was done.
    pub(crate) fn answered(&self, claim: Claim) -> Answered {
        Answered { claim, status: self.status.as_u16(), body: self.text.clone() }
    }
}

impl IntoResponse for Ready {
    fn into_response(self) -> Response {
        (self.status, [(header::CONTENT_TYPE, "application/json")], self.text).into_response()
    }
}

/// Does it once for a key. Without a key it is done, and there is no claim. What is done must keep [`Ready::answered`] of the claim in
/// its own transaction. What failed may be tried again with the same key.
pub(crate) async fn once<F>(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    route: &str,
    body: &Sha256Digest,
    work: impl FnOnce(Option<Claim>) -> F,
) -> Answer<Response>
where
    F: Future<Output = Answer<Ready>>,
{
    let Some(key) = key_of(headers)? else { return Ok(work(None).await?.into_response()) };
    let mut h = Sha256::new();
    h.update(route.as_bytes());
    h.update(body.as_bytes());
    let fingerprint = Sha256Digest::from_bytes(h.finalize().into());
    let id = hex::encode(random::<16>().map_err(|e| internal(&e))?);
    let claim = Claim { tenant: caller.tenant().clone(), key: key.to_owned(), id };
    let store = app.service().store();
    match store.idempotent(&claim, &fingerprint, now()).await? {
        Idempotent::First => {}
        Idempotent::Again { status, body } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            let replay = [(header::HeaderName::from_static("idempotent-replay"), "true")];
            return Ok((replay, Ready { status, text: body }).into_response());
        }
        Idempotent::Differs => {
            return Err(Failed::new(Code::KeyReused, format!("the Idempotency-Key `{key}` came with another request"))
                .hint("use a new key for another request"));
        }
        Idempotent::Running => return Err(running(key)),
    }
    match work(Some(claim.clone())).await {
        Ok(ready) => Ok(ready.into_response()),
        Err(e) => {
            // Harmless if all was done and only the word of it was lost: the answer was kept together with it, and an answered key
            // stays. A key that cannot be released is free after some minutes.
            if let Err(e) = store.release(&claim).await {
                tracing::warn!(error = chain(&e), "an Idempotency-Key was not released");
            }
            Err(e)
        }
    }
}

fn key_of(headers: &HeaderMap) -> Answer<Option<&str>> {
    if !headers.contains_key("Idempotency-Key") {
        return Ok(None);
    }
    // One that cannot be read must not count as none: the request would be done twice.
    let key = read::text(headers, "Idempotency-Key").filter(|k| (1..=200).contains(&k.len()) && k.bytes().all(|b| b.is_ascii_graphic()));
    let bad = || Failed::new(Code::BadRequest, "an Idempotency-Key has 1 to 200 visible ASCII characters").at("Idempotency-Key");
    key.map(Some).ok_or_else(bad)
}

/// Another request with this key is being done, or has taken it: ask again, and get its answer.
pub(crate) fn running(key: &str) -> Failed {
    Failed::new(Code::Conflict, format!("the first request with the Idempotency-Key `{key}` is not answered yet")).retry(1)
}

fn json_text<T: Serialize>(value: &T) -> Answer<String> {
    serde_json::to_string(value).map_err(|e| Failed::new(Code::Internal, e.to_string()))
}

/// A JSON answer.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Answer<Response> {
    Ok((status, [(header::CONTENT_TYPE, "application/json")], json_text(value)?).into_response())
}

/// The ETag of a document.
pub(crate) fn tag_of<T: Serialize>(value: &T) -> Answer<String> {
    Ok(tag(&json_text(value)?))
}

fn tag(text: &str) -> String {
    format!("\"{}\"", Sha256Digest::of(text.as_bytes()).short())
}

/// A JSON answer with its ETag.
pub(crate) fn with_tag<T: Serialize>(status: StatusCode, value: &T) -> Answer<Response> {
    let text = json_text(value)?;
    Ok((status, [(header::CONTENT_TYPE, "application/json".to_owned()), (header::ETAG, tag(&text))], text).into_response())
}

/// The same, or 304 where the caller has it already.
pub(crate) fn tagged<T: Serialize>(headers: &HeaderMap, value: &T) -> Answer<Response> {
    let tag = tag_of(value)?;
    if read::has_already(headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    with_tag(StatusCode::OK, value)
}
