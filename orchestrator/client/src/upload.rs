//! Files to the server, in parts, going on after an interruption.

use std::{io::SeekFrom, path::Path};

use bytes::Bytes;
use reqwest::{Method, header};
use sha2::{Digest, Sha256};
use stakeout_contract::{
    Sha256Digest,
    api::{
        apps::{App, AppSpec, Upload, UploadSpec},
        fleet::ArtifactState,
        problem::Code,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncSeekExt},
    time::Instant,
};

use crate::{Client, ClientError, client::Pauses};

/// Bytes of a part.
pub const PART: usize = 8 << 20;

fn failed(path: &Path) -> impl Fn(std::io::Error) -> ClientError {
    let path = path.to_owned();
    move |source| ClientError::File { path: path.clone(), source }
}

/// SHA-256 and size of a file.
pub async fn digest(path: &Path) -> Result<(Sha256Digest, u64), ClientError> {
    let mut file = tokio::fs::File::open(path).await.map_err(failed(path))?;
    let (mut hash, mut size, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let n = file.read(&mut buffer).await.map_err(failed(path))?;
        if n == 0 {
            return Ok((Sha256Digest::from_bytes(hash.finalize().into()), size));
        }
        hash.update(&buffer[..n]);
        size += n as u64;
    }
}

async fn part(path: &Path, offset: u64) -> Result<Bytes, ClientError> {
    let mut file = tokio::fs::File::open(path).await.map_err(failed(path))?;
    file.seek(SeekFrom::Start(offset)).await.map_err(failed(path))?;
    let mut bytes = Vec::with_capacity(PART);
    file.take(PART as u64).read_to_end(&mut bytes).await.map_err(failed(path))?;
    Ok(bytes.into())
}

/// Something that grows by `PATCH`: where it is, and whether all is there.
trait Growing: serde::de::DeserializeOwned {
    fn place(&self) -> (u64, bool);
}

impl Growing for Upload {
    fn place(&self) -> (u64, bool) {
        (self.offset, self.complete)
    }
}

impl Growing for ArtifactState {
    fn place(&self) -> (u64, bool) {
        (self.offset, self.complete)
    }
}

impl Client {
    /// How far it is: asked with a body, or without.
    async fn state<G: Growing>(&self, url: &str, body: Option<&serde_json::Value>) -> Result<G, ClientError> {
        match body {
            Some(b) => self.call(Method::POST, url, b).await,
            None => self.get(url).await,
        }
    }

    /// Sends what is missing. After a failure it is asked how far the server is, as the answer may be what was lost. Patience is
    /// for a server that takes nothing more.
    async fn fill<G: Growing>(
        &self,
        url: &str,
        path: &Path,
        mut now: G,
        body: Option<serde_json::Value>,
        mut show: impl FnMut(u64),
    ) -> Result<(), ClientError> {
        let (mut moved, mut pauses) = (Instant::now(), Pauses::new());
        loop {
            let (offset, complete) = now.place();
            show(offset);
            if complete {
                return Ok(());
            }
            // None are left if the server has all and died before it made one of them: asked again, it ends that.
            let bytes = part(path, offset).await?;
            let none_left = bytes.is_empty();
            let request = self
                .request(Method::PATCH, url)?
                .header(header::CONTENT_TYPE, "application/octet-stream")
                .header("Upload-Offset", offset)
                .body(bytes);
            now = match self.once(request).await {
                Ok(r) => r.json().await.map_err(|e| self.answer(e.to_string()))?,
                Err((e, after)) if e.is_passing() || e.code() == Some(Code::Conflict) => {
                    let found: G = self.state(url, body.as_ref()).await?;
                    if found.place() == (offset, false) {
                        let wait = pauses.next(after);
                        if !e.is_passing() || moved.elapsed() + wait > self.patience {
                            return Err(e);
                        }
                        tokio::time::sleep(wait).await;
                        continue;
                    }
                    found
                }
                Err((e, _)) => return Err(e),
            };
            (moved, pauses) = (Instant::now(), Pauses::new());
            if none_left && now.place() == (offset, false) {
                return Err(self.answer("it wants more bytes than the file has; was the file changed?"));
            }
        }
    }

    /// Sends a file; `show` hears how many bytes are there.
    pub async fn upload(&self, path: &Path, show: impl FnMut(u64)) -> Result<Upload, ClientError> {
        let (sha256, bytes) = digest(path).await?;
        let begun: Upload = self.call(Method::POST, "v1/uploads", &UploadSpec { bytes, sha256 }).await?;
        let url = format!("v1/uploads/{}", begun.id);
        self.fill(&url, path, begun.clone(), None, show).await?;
        self.get(&url).await
    }

    /// Sends an app with its splits. An app without splits that the tenant has already is not sent again.
    pub async fn add_app(&self, apk: &Path, splits: &[std::path::PathBuf], mut show: impl FnMut(u64)) -> Result<App, ClientError> {
        let (sha256, _) = digest(apk).await?;
        match self.get::<App>(&format!("v1/apps/{sha256}")).await {
            Ok(app) if splits.is_empty() && app.splits.is_empty() => return Ok(app),
            Ok(_) => {}
            Err(e) if e.code() == Some(Code::NotFound) => {}
            Err(e) => return Err(e),
        }
        let base = self.upload(apk, &mut show).await?;
        let mut more = Vec::new();
        for s in splits {
            more.push(self.upload(s, &mut show).await?.id);
        }
        self.call(Method::POST, "v1/app-sets", &AppSpec { upload: base.id, splits: more }).await
    }

    /// Sends an artifact of a lease.
    pub(crate) async fn artifact(&self, lease: &str, sha256: &Sha256Digest, path: &Path) -> Result<(), ClientError> {
        let bytes = tokio::fs::metadata(path).await.map_err(failed(path))?.len();
        let url = format!("{lease}/artifacts/{sha256}");
        let body = Some(serde_json::json!({"bytes": bytes}));
        let begun: ArtifactState = self.state(&url, body.as_ref()).await?;
        self.fill(&url, path, begun, body, |_| {}).await
    }
}
