//! Disks that are full: an orchestrator says so, and goes on where it was when there is room.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use rand::{
    RngCore,
    distr::{Alphanumeric, SampleString as _},
    rngs::StdRng,
};
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

/// What does not shrink, and takes more room than a table's last pages have left.
const TEXT: usize = 40 << 10;

/// Writes while the database's disk is full, and counts the answers by status: 507 with the time after which to try again, and 503
/// once the database has ended by that. What it has room for it may still take.
pub(crate) async fn database(port: u16, token: &str, within: Duration, rng: &mut StdRng, counts: &mut BTreeMap<u16, u32>) -> Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < within {
        let text = format!("name: full\nsteps:\n  - launchApp\n# {}\n", Alphanumeric.sample_string(rng, TEXT));
        let r = reqwest::Client::new()
            .put(format!("http://127.0.0.1:{port}/v1/scenarios/full"))
            .bearer_auth(token)
            .header(header::CONTENT_TYPE, "application/yaml")
            .timeout(Duration::from_secs(5))
            .body(text)
            .send()
            .await;
        // It waits for a database that is starting.
        let Ok(r) = r else { continue };
        let (status, again) = (r.status(), r.headers().contains_key(header::RETRY_AFTER));
        *counts.entry(status.as_u16()).or_default() += 1;
        let text = r.text().await?;
        let right = match status {
            StatusCode::OK => true,
            StatusCode::INSUFFICIENT_STORAGE => again && serde_json::from_str::<Problem>(&text)?.code() == Some(Code::Full),
            StatusCode::SERVICE_UNAVAILABLE => again,
            _ => false,
        };
        ensure!(right, "a full database was answered {status}: {text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

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
