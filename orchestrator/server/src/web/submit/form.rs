//! Reading the form: the file goes to a file of ours as it comes, texts are bounded.

use axum::extract::multipart::{Field, Multipart, MultipartError};
use futures_util::StreamExt;
use stakeout_contract::api::problem::Code;

use crate::{
    api::{
        App,
        problem::{Answer, Failed},
        uploads::{self, Taken},
    },
    scenarios::TEXT_MAX,
};

/// Largest text but the scenario's, bytes.
const TEXT: usize = 4096;
/// Parts of a form that are read.
const PARTS: usize = 32;

/// What was sent, as text, and the file if there is one.
pub(super) struct Fields {
    pub(super) apk: Option<Taken>,
    /// Digest of an app that was taken before.
    pub(super) app: String,
    pub(super) scenario: String,
    pub(super) yaml: String,
    pub(super) device: String,
    pub(super) api: String,
    pub(super) trials: String,
    pub(super) tags: String,
    /// Nothing is to be run.
    pub(super) only_estimate: bool,
}

impl Fields {
    /// As the form is shown first.
    pub(super) fn empty() -> Self {
        Self {
            apk: None,
            app: String::new(),
            scenario: "idle-demo".to_owned(),
            yaml: String::new(),
            device: "jvm".to_owned(),
            api: String::new(),
            trials: String::new(),
            tags: String::new(),
            only_estimate: false,
        }
    }
}

fn broken(e: &MultipartError) -> Failed {
    Failed::new(Code::BadRequest, format!("the form cannot be read: {}", e.body_text())).hint("send it again from its page")
}

/// Reads the whole form.
pub(super) async fn read(app: &App, mut form: Multipart) -> Answer<Fields> {
    let mut out = Fields::empty();
    let mut parts = 0;
    while let Some(field) = form.next_field().await.map_err(|e| broken(&e))? {
        parts += 1;
        if parts > PARTS {
            return Err(Failed::new(Code::TooLarge, "the form has more parts than are read"));
        }
        match field.name().unwrap_or_default() {
            "apk" => {
                let file = uploads::stream_to_file(app, field, app.options().app_bytes, None).await?;
                // A file field that was left empty comes as an empty file.
                out.apk = Some(file).filter(|f| f.bytes > 0);
            }
            "app" => out.app = text(field, TEXT).await?,
            "scenario" => out.scenario = text(field, TEXT).await?,
            "yaml" => out.yaml = text(field, TEXT_MAX).await?,
            "device" => out.device = text(field, TEXT).await?,
            "api" => out.api = text(field, TEXT).await?,
            "trials" => out.trials = text(field, TEXT).await?,
            "tags" => out.tags = text(field, TEXT).await?,
            "do" => out.only_estimate = text(field, TEXT).await? == "estimate",
            _ => {
                text(field, TEXT).await?;
            }
        }
    }
    Ok(out)
}

async fn text(mut field: Field<'_>, most: usize) -> Answer<String> {
    let mut out = Vec::new();
    while let Some(chunk) = field.next().await {
        out.extend_from_slice(&chunk.map_err(|e| broken(&e))?);
        if out.len() > most {
            return Err(Failed::new(Code::TooLarge, format!("a text of the form has more than {most} bytes")));
        }
    }
    if out.contains(&0) {
        return Err(Failed::new(Code::BadRequest, "a text of the form holds a zero byte"));
    }
    // Browsers send lines that end in CR LF; what people count is lines.
    String::from_utf8(out).map(|t| t.replace("\r\n", "\n")).map_err(|_| Failed::new(Code::BadRequest, "a text of the form is no UTF-8"))
}
