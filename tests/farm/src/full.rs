//! An orchestrator whose disk is full: it says so, and goes on where it was when there is room.

use std::time::Duration;

use anyhow::{Result, ensure};
use rand::{RngCore, rngs::StdRng};
use reqwest::{Method, Response, StatusCode, header};
use serde_json::json;
use stakeout_contract::{
    Sha256Digest,
    api::{
        apps::Upload,
        problem::{Code, Problem},
    },
};

use crate::server::client;

/// More than requests that ended meanwhile can have left free.
const BYTES: usize = 8 << 20;

/// An upload that was begun when there was no room.
pub(crate) struct Half {
    port: u16,
    token: String,
    upload: Upload,
    bytes: Vec<u8>,
}

impl Half {
    /// Begins an upload, and is told that there is no room: RFC 9457, 507, with the time after which to try again.
    pub(crate) async fn refused(port: u16, token: &str, rng: &mut StdRng) -> Result<Self> {
        let mut bytes = vec![0; BYTES];
        rng.fill_bytes(&mut bytes);
        let body = json!({"bytes": BYTES, "sha256": Sha256Digest::of(&bytes)});
        let upload = client(port, token)?.call(Method::POST, "v1/uploads", &body).await?;
        let half = Self { port, token: token.to_owned(), upload, bytes };
        let r = half.send().await?;
        let (status, again) = (r.status(), r.headers().contains_key(header::RETRY_AFTER));
        let text = r.text().await?;
        let problem = serde_json::from_str::<Problem>(&text).ok();
        let told = problem.as_ref().is_some_and(|p| p.code() == Some(Code::Full) && p.hint.is_some());
        ensure!(status == StatusCode::INSUFFICIENT_STORAGE && told && again, "a full disk was answered {status}: {text}");
        Ok(half)
    }

    /// The same upload, once there is room.
    pub(crate) async fn ends(self) -> Result<()> {
        let client = client(self.port, &self.token)?;
        let url = format!("v1/uploads/{}", self.upload.id);
        let now: Upload = client.get(&url).await?;
        ensure!(now.offset == 0 && !now.complete, "an upload that was refused is at {now:?}");
        let r = self.send().await?;
        let (status, text) = (r.status(), r.text().await?);
        ensure!(status == StatusCode::OK, "there is room, and the answer is {status}: {text}");
        let now: Upload = client.get(&url).await?;
        ensure!(now.complete, "an upload whose bytes were all taken is at {now:?}");
        Ok(())
    }

    async fn send(&self) -> Result<Response> {
        let mut tries = 0;
        loop {
            let r = reqwest::Client::new()
                .patch(format!("http://127.0.0.1:{}/v1/uploads/{}", self.port, self.upload.id))
                .bearer_auth(&self.token)
                .header(header::CONTENT_TYPE, "application/octet-stream")
                .header("Upload-Offset", 0)
                .body(self.bytes.clone())
                .send()
                .await?;
            tries += 1;
            // A server whose connections to the database broke lately says so once for each of them.
            if r.status() != StatusCode::SERVICE_UNAVAILABLE || tries == 20 {
                return Ok(r);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}
