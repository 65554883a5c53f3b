//! Style and script, as they are in this program.

use axum::{
    extract::Path,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use stakeout_contract::{Sha256Digest, api::problem::Code};

use super::{Shown, fault::Fault};
use crate::api::problem::Failed;

/// Name, media type, text.
const ALL: &[(&str, &str, &str)] = &[
    ("pages.css", "text/css; charset=utf-8", include_str!("../../assets/pages.css")),
    ("form.js", "text/javascript; charset=utf-8", include_str!("../../assets/form.js")),
    ("live.js", "text/javascript; charset=utf-8", include_str!("../../assets/live.js")),
];

/// An asset; a browser that has it asks whether it is still the same.
pub(super) async fn get(Path(name): Path<String>, headers: HeaderMap) -> Shown {
    let found = ALL.iter().find(|(n, ..)| *n == name);
    let (_, media, text) = found.ok_or_else(|| Fault(Failed::new(Code::NotFound, format!("there is no asset `{name}`"))))?;
    let tag = format!("\"{}\"", Sha256Digest::of(text.as_bytes()).short());
    let same = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).is_some_and(|t| t.contains(&tag));
    let about = [(header::ETAG, tag), (header::CACHE_CONTROL, "no-cache".to_owned())];
    Ok(if same {
        (StatusCode::NOT_MODIFIED, about).into_response()
    } else {
        ([(header::CONTENT_TYPE, *media)], about, *text).into_response()
    })
}
