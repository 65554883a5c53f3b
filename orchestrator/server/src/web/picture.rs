//! Pictures of devices' screens. They come from a worker: only what begins as a PNG is shown, and as nothing else.

use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, header},
};
use stakeout_contract::{Sha256Digest, TrialId, api::problem::Code, artifact::Role};

use super::{Fault, Shown, job::id_of};
use crate::api::{
    App,
    artifacts::{Serve, serve},
    auth::Caller,
    problem::Failed,
};

/// How a PNG begins (PNG §5.2), with its first chunk.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
/// Largest picture, bytes.
const MOST: u64 = 32 << 20;

/// A screenshot of a trial.
pub(super) async fn get(
    State(app): State<App>,
    Extension(c): Extension<Caller>,
    Path((trial, sha256)): Path<(String, String)>,
    headers: HeaderMap,
) -> Shown {
    let (trial, sha256): (TrialId, Sha256Digest) = (id_of("trial", &trial)?, id_of("screenshot", &sha256)?);
    let none = || Fault(Failed::not_found("screenshot", &sha256.to_string()));
    let trial = app.service().store().trial(Some(c.tenant()), &trial).await?;
    let is_one = trial.completion.is_some_and(|c| c.record.artifacts.iter().any(|a| a.sha256 == sha256 && a.role == Role::Screenshot));
    let blobs = app.service().blobs().of(c.tenant());
    let size = if is_one { blobs.size(&sha256).await? } else { return Err(none()) };
    if size < PNG.len() as u64 || size > MOST || blobs.range(&sha256, 0..PNG.len() as u64).await? != PNG {
        return Err(Fault(Failed::new(Code::NotFound, "the screenshot is no PNG that is shown here").hint("the bundle has it as it is")));
    }
    let mut r = serve(&app, &headers, &Serve { tenant: c.tenant(), sha256: &sha256, media: "image/png", name: None }).await?;
    r.headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox"));
    Ok(r)
}
