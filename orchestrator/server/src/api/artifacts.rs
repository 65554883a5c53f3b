//! Bytes that trials left, and how bytes are served: as attachments, in ranges, never as a page of ours.

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use stakeout_contract::{
    Sha256Digest, TenantId, TrialId,
    api::{access::Role, problem::Code},
};

use super::{
    App,
    auth::Caller,
    problem::{Answer, Failed},
    read::{self, At},
    spec::{Needs, Routes, op},
    uploads::OCTETS,
};

pub(crate) fn routes(r: &mut Routes) {
    r.add(
        op(Method::GET, "/v1/trials/{trial}/artifacts/{sha256}", "getArtifact", Needs::Role(Role::Reader), "An artifact's bytes")
            .gives_bytes(200, OCTETS, "The bytes, as an attachment")
            .gives_bytes(206, OCTETS, "A part of them")
            .tagged()
            .fails(&[Code::Range]),
        get,
    );
}

async fn get(
    State(app): State<App>,
    Extension(c): Extension<Caller>,
    At((trial, sha256)): At<(TrialId, Sha256Digest)>,
    headers: HeaderMap,
) -> Answer<Response> {
    let trial = app.service().store().trial(Some(c.tenant()), &trial).await?;
    let there = trial.completion.is_some_and(|c| c.record.artifacts.iter().any(|a| a.sha256 == sha256));
    if !there {
        return Err(Failed::not_found("artifact", &sha256.to_string()));
    }
    serve(&app, &headers, &Serve { tenant: c.tenant(), sha256: &sha256, media: OCTETS, name: Some(sha256.to_string()) }).await
}

/// What is served.
pub(crate) struct Serve<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) sha256: &'a Sha256Digest,
    pub(crate) media: &'static str,
    /// Name of the attachment; none: to be shown.
    pub(crate) name: Option<String>,
}

/// The bytes of a digest never change, but who may see them does: a browser asks each time, and is told that it has them.
const KEPT: &str = "private, no-cache";

/// A blob, or one range of it (RFC 9110 §14).
pub(crate) async fn serve(app: &App, headers: &HeaderMap, what: &Serve<'_>) -> Answer<Response> {
    let blobs = app.service().blobs().of(what.tenant);
    let size = blobs.size(what.sha256).await?;
    let tag = format!("\"{}\"", what.sha256);
    if read::has_already(headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag), (header::CACHE_CONTROL, KEPT.to_owned())]).into_response());
    }
    // A range of other bytes than the caller has a part of is the whole.
    let same = read::text(headers, "if-range").is_none_or(|t| t == tag);
    let range = match read::text(headers, "range").filter(|_| same).map(|text| (text, range_of(text, size))) {
        Some((_, Ok(range))) => range,
        Some((text, Err(()))) => {
            let f = Failed::new(Code::Range, format!("there are {size} bytes, and `{text}` is no part of them"));
            let mut r = f.hint("ask for `bytes=FROM-TO`").into_response();
            r.headers_mut().extend(HeaderValue::from_str(&format!("bytes */{size}")).ok().map(|v| (header::CONTENT_RANGE, v)));
            return Ok(r);
        }
        None => None,
    };
    let (from, to) = range.unwrap_or((0, size));
    let stream = blobs.stream(what.sha256, range.is_some().then_some(from..to)).await?;
    let mut r = Response::new(Body::from_stream(stream));
    let h = r.headers_mut();
    h.insert(header::CONTENT_TYPE, HeaderValue::from_static(what.media));
    h.insert(header::CONTENT_LENGTH, HeaderValue::from(to - from));
    h.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let mut put = |name, text: String| {
        if let Ok(v) = HeaderValue::from_str(&text) {
            h.insert(name, v);
        }
    };
    put(header::ETAG, tag);
    put(header::CACHE_CONTROL, KEPT.to_owned());
    if let Some(name) = &what.name {
        put(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""));
    }
    if range.is_some() {
        put(header::CONTENT_RANGE, format!("bytes {from}-{}/{size}", to - 1));
        *r.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(r)
}

/// The first and the end of one range; none: what is asked for is no range that we know, and the whole is served.
fn range_of(text: &str, size: u64) -> Result<Option<(u64, u64)>, ()> {
    let Some(spec) = text.trim().strip_prefix("bytes=") else { return Ok(None) };
    if spec.contains(',') {
        return Ok(None);
    }
    let Some((first, last)) = spec.split_once('-') else { return Ok(None) };
    let number = |t: &str| t.trim().parse::<u64>();
    let (from, to) = match (first.trim().is_empty(), last.trim().is_empty()) {
        (true, true) => return Ok(None),
        (true, false) => match number(last) {
            Ok(n) => (size.saturating_sub(n), size),
            Err(_) => return Ok(None),
        },
        (false, true) => match number(first) {
            Ok(n) => (n, size),
            Err(_) => return Ok(None),
        },
        (false, false) => match (number(first), number(last)) {
            (Ok(a), Ok(b)) if a <= b => (a, b.saturating_add(1).min(size)),
            _ => return Ok(None),
        },
    };
    if from < to { Ok(Some((from, to))) } else { Err(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        assert_eq!(range_of("bytes=0-4", 10), Ok(Some((0, 5))));
        assert_eq!(range_of("bytes=5-", 10), Ok(Some((5, 10))));
        assert_eq!(range_of("bytes=-3", 10), Ok(Some((7, 10))));
        assert_eq!(range_of("bytes=-30", 10), Ok(Some((0, 10))));
        assert_eq!(range_of("bytes=8-99", 10), Ok(Some((8, 10))));
        assert_eq!(range_of("bytes=10-", 10), Err(()));
        assert_eq!(range_of("bytes=-0", 10), Err(()));
        for whole in ["items=0-1", "bytes=0-1,3-4", "bytes=x-", "bytes=-", "bytes=4-2"] {
            assert_eq!(range_of(whole, 10), Ok(None), "{whole}");
        }
    }
}
