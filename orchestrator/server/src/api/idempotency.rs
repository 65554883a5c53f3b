//! Idempotency-Key: a submit that is sent twice runs once.

use std::future::Future;

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use stakeout_contract::{Sha256Digest, api::problem::Code};
use stakeout_store::Idempotent;

use super::{
    App,
    auth::Caller,
    problem::{Answer, Failed},
    read,
};
use crate::service::now;

/// Does it once for a key. Without a key it is done. What failed may be tried again with the same key.
pub(crate) async fn once<T, F>(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    route: &str,
    body: &Sha256Digest,
    work: impl FnOnce() -> F,
) -> Answer<Response>
where
    T: Serialize,
    F: Future<Output = Answer<(StatusCode, T)>>,
{
    if !headers.contains_key("Idempotency-Key") {
        let (status, value) = work().await?;
        return json(status, &value);
    }
    // One that cannot be read must not count as none: the request would be done twice.
    let key = read::text(headers, "Idempotency-Key").filter(|k| (1..=200).contains(&k.len()) && k.bytes().all(|b| b.is_ascii_graphic()));
    let Some(key) = key else {
        return Err(Failed::new(Code::BadRequest, "an Idempotency-Key has 1 to 200 visible ASCII characters").at("Idempotency-Key"));
    };
    let mut h = Sha256::new();
    h.update(route.as_bytes());
    h.update(body.as_bytes());
    let fingerprint = Sha256Digest::from_bytes(h.finalize().into());
    let store = app.service().store();
    match store.idempotent(caller.tenant(), key, &fingerprint, now()).await? {
        Idempotent::First => {}
        Idempotent::Again { status, body } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            let headers = [(header::CONTENT_TYPE, "application/json"), (header::HeaderName::from_static("idempotent-replay"), "true")];
            return Ok((status, headers, body).into_response());
        }
        Idempotent::Differs => {
            return Err(Failed::new(Code::KeyReused, format!("the Idempotency-Key `{key}` came with another request"))
                .hint("use a new key for another request"));
        }
        Idempotent::Running => {
            return Err(
                Failed::new(Code::Conflict, format!("the first request with the Idempotency-Key `{key}` is not answered yet")).retry(1)
            );
        }
    }
    let done = match work().await {
        Ok((status, value)) => json_text(&value).map(|text| (status, text)),
        Err(e) => Err(e),
    };
    let kept = done.as_ref().ok().map(|(status, text)| (status.as_u16(), text.as_str()));
    store.answered(caller.tenant(), key, kept).await?;
    let (status, text) = done?;
    Ok((status, [(header::CONTENT_TYPE, "application/json")], text).into_response())
}

fn json_text<T: Serialize>(value: &T) -> Answer<String> {
    serde_json::to_string(value).map_err(|e| Failed::new(Code::Internal, e.to_string()))
}

/// A JSON answer.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Answer<Response> {
    Ok((status, [(header::CONTENT_TYPE, "application/json")], json_text(value)?).into_response())
}

/// A JSON answer with an ETag, or 304 where the caller has it already.
pub(crate) fn tagged<T: Serialize>(headers: &HeaderMap, value: &T) -> Answer<Response> {
    let text = json_text(value)?;
    let tag = format!("\"{}\"", Sha256Digest::of(text.as_bytes()).short());
    if read::has_already(headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, "application/json".to_owned()), (header::ETAG, tag)], text).into_response())
}
