//! Reading the form: files go to files of ours as they come, texts are bounded. Values of secrets are read here and go into the
//! job; no page is ever made of them.

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
const PARTS: usize = 256;
/// Files of an app: its base and its splits.
const FILES: usize = 101;

/// A value that the scenario types, by its name.
#[derive(Default)]
pub(super) struct Typed {
    pub(super) name: String,
    /// Never shown again.
    pub(super) value: String,
}

/// What was sent, as text, and the files if there are any.
pub(super) struct Fields {
    /// In the order in which they came.
    pub(super) apks: Vec<Taken>,
    pub(super) typed: Vec<Typed>,
    /// Digest of an app that was taken before.
    pub(super) app: String,
    pub(super) scenario: String,
    pub(super) yaml: String,
    pub(super) device: String,
    pub(super) api: String,
    pub(super) trials: String,
    pub(super) tags: String,
    /// The job that was offered when the form was shown.
    pub(super) offer: String,
    /// The submitter's part of the keys; empty: the server draws it.
    pub(super) nonce: String,
    /// Nothing is to be run.
    pub(super) only_estimate: bool,
}

impl Fields {
    /// As the form is shown first.
    pub(super) fn empty() -> Self {
        Self {
            apks: Vec::new(),
            typed: Vec::new(),
            app: String::new(),
            scenario: "idle-demo".to_owned(),
            yaml: String::new(),
            device: "jvm".to_owned(),
            api: String::new(),
            trials: String::new(),
            tags: String::new(),
            offer: String::new(),
            nonce: String::new(),
            only_estimate: false,
        }
    }
}

fn broken(e: &MultipartError) -> Failed {
    Failed::new(Code::BadRequest, format!("the form cannot be read: {}", e.body_text())).hint("send it again from its page")
}

/// Reads the whole form, with at most so many bytes of files.
pub(super) async fn read(app: &App, mut form: Multipart, most: u64) -> Answer<Fields> {
    let mut out = Fields::empty();
    let mut parts = 0;
    while let Some(field) = form.next_field().await.map_err(|e| broken(&e))? {
        parts += 1;
        if parts > PARTS {
            return Err(Failed::new(Code::TooLarge, "the form has more parts than are read"));
        }
        match field.name().unwrap_or_default() {
            "apk" => {
                let left = most.saturating_sub(out.apks.iter().map(|f| f.bytes).sum());
                let file = uploads::stream_to_file(app, field, left, None).await?;
                // A file field that was left empty comes as an empty file.
                out.apks.extend(Some(file).filter(|f| f.bytes > 0));
                if out.apks.len() > FILES {
                    return Err(Failed::new(Code::TooLarge, "an app has at most 100 splits"));
                }
            }
            "secret-name" => out.typed.push(Typed { name: text(field, TEXT).await?.trim().to_owned(), value: String::new() }),
            "secret-value" => {
                let value = text(field, TEXT).await?;
                match out.typed.last_mut().filter(|t| t.value.is_empty()) {
                    Some(t) => t.value = value,
                    None => out.typed.push(Typed { name: String::new(), value }),
                }
            }
            "app" => out.app = text(field, TEXT).await?,
            "scenario" => out.scenario = text(field, TEXT).await?,
            "yaml" => out.yaml = text(field, TEXT_MAX).await?,
            "device" => out.device = text(field, TEXT).await?,
            "api" => out.api = text(field, TEXT).await?,
            "trials" => out.trials = text(field, TEXT).await?,
            "tags" => out.tags = text(field, TEXT).await?,
            "offer" => out.offer = text(field, TEXT).await?,
            "nonce" => out.nonce = text(field, TEXT).await?,
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
