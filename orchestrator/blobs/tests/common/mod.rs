//! Places to test with: a folder and a bucket, each plain and encrypted, with a look at the files that lie below.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::cast_possible_truncation, reason = "each test program uses its part")]

use std::{
    future::Future,
    path::{Path, PathBuf},
    pin::pin,
    task::Poll,
};

use futures_util::{TryStreamExt, future::poll_fn};
use stakeout_blobs::{BlobError, BlobStream, Blobs, MasterKey, S3Credentials, S3Options};
use stakeout_contract::{Sha256Digest, TenantId};
use stakeout_servers::s3::S3Server;

pub struct Place {
    pub blobs: Blobs,
    /// Where the stored files are.
    pub raw: PathBuf,
    pub server: Option<S3Server>,
    pub scratch: tempfile::TempDir,
}

pub fn key() -> MasterKey {
    MasterKey::from_bytes(&[7; 32])
}

pub fn folder() -> Place {
    let scratch = tempfile::tempdir().unwrap();
    let raw = scratch.path().join("artifacts");
    Place { blobs: Blobs::folder(&raw).unwrap(), raw, server: None, scratch }
}

pub fn options(server: &S3Server) -> S3Options {
    S3Options {
        prefix: "farm/one".into(),
        endpoint: Some(server.endpoint()),
        region: Some(S3Server::REGION.into()),
        credentials: S3Credentials::Given { access_key: S3Server::ACCESS_KEY.into(), secret_key: S3Server::SECRET_KEY.into() },
        allow_http: true,
        path_style: true,
        ..S3Options::new(S3Server::BUCKET)
    }
}

pub fn bucket() -> Place {
    let server = S3Server::start().unwrap();
    let blobs = Blobs::s3(&options(&server)).unwrap();
    let raw = server.bucket_folder();
    Place { blobs, raw, server: Some(server), scratch: tempfile::tempdir().unwrap() }
}

pub fn sealed(p: Place) -> Place {
    Place { blobs: p.blobs.clone().sealed(key()), ..p }
}

impl Place {
    /// All files that the storage has, whatever they are for.
    pub fn files(&self) -> Vec<PathBuf> {
        let (mut found, mut folders) = (vec![], vec![self.raw.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        // The server's own, for who writes at the same time.
        found.retain(|p| !p.components().any(|c| c.as_os_str().to_string_lossy().contains("lock")));
        found.sort();
        found
    }

    /// Waits until there are just so many files: what is taken away after a drop is taken away in the background.
    pub async fn settles_at(&self, files: usize) {
        for _ in 0..500 {
            if self.files().len() == files {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{files} files are expected, and there are {:#?}", self.files());
    }

    /// The file of a blob.
    pub fn file(&self, tenant: &TenantId, digest: &Sha256Digest) -> PathBuf {
        let tail = format!("t/{tenant}/{}/{digest}", &digest.to_string()[..2]);
        self.files().into_iter().find(|p| p.ends_with(&tail)).unwrap()
    }

    pub fn scratch(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.scratch.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

pub fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

/// Bytes in which every stretch is its own.
pub fn bytes(n: usize) -> Vec<u8> {
    let mut x = 0x9E37_79B9_7F4A_7C15_u64 ^ n as u64;
    (0..n)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x as u8
        })
        .collect()
}

/// What a stream gave, and how it ended.
pub async fn drain(mut stream: BlobStream) -> (Vec<u8>, Result<(), BlobError>) {
    let mut got = vec![];
    loop {
        match stream.try_next().await {
            Ok(Some(p)) => got.extend_from_slice(&p),
            Ok(None) => return (got, Ok(())),
            Err(e) => return (got, Err(e)),
        }
    }
}

/// Polls a future at most so many times, then drops it; its output if it came so far.
pub async fn dropped_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| match left.checked_sub(1) {
        None => Poll::Ready(None),
        Some(n) => {
            left = n;
            future.as_mut().poll(cx).map(Some)
        }
    })
    .await
}

pub fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut stored = std::fs::read(path).unwrap();
    change(&mut stored);
    std::fs::write(path, stored).unwrap();
}
