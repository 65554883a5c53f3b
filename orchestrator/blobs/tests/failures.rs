//! What a caller can tell apart when the storage fails.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::*;
use stakeout_blobs::{BlobError, Blobs, S3Credentials};
use stakeout_servers::s3::S3Server;

#[tokio::test]
async fn a_server_that_is_gone_is_a_reason_to_try_again() {
    let mut p = bucket();
    let d = p.blobs.put(b"evidence".to_vec()).await.unwrap();
    p.server.as_mut().unwrap().kill();
    for e in [p.blobs.get(&d).await.unwrap_err(), p.blobs.put(b"more".to_vec()).await.unwrap_err(), p.blobs.check().await.unwrap_err()] {
        assert!(matches!(e, BlobError::Unavailable(_)) && e.retryable(), "{e:?}");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_no_reason_to_try_again() {
    let p = bucket();
    let mut o = options(p.server.as_ref().unwrap());
    o.credentials = S3Credentials::Given { access_key: S3Server::ACCESS_KEY.into(), secret_key: "wrong".into() };
    let e = Blobs::s3(&o).unwrap().put(b"evidence".to_vec()).await.unwrap_err();
    assert!(matches!(e, BlobError::Denied(_)) && !e.retryable(), "{e:?}");
}

#[tokio::test]
async fn a_bucket_that_is_missing_is_said_to_be_missing() {
    let p = bucket();
    let o = stakeout_blobs::S3Options { bucket: "nowhere".into(), ..options(p.server.as_ref().unwrap()) };
    let e = Blobs::s3(&o).unwrap().check().await.unwrap_err();
    assert!(matches!(e, BlobError::Missing(_)) && !e.retryable(), "{e:?}");
}

#[tokio::test]
async fn a_place_is_opened_by_its_address() {
    let p = folder();
    let d = p.blobs.put(b"evidence".to_vec()).await.unwrap();
    let path = p.raw.display().to_string();
    for address in [path.clone(), format!("file://{path}")] {
        assert_eq!(Blobs::open(&address).unwrap().get(&d).await.unwrap(), b"evidence");
    }
    let server = S3Server::start().unwrap();
    let blobs = Blobs::open(&format!("s3://evidence/x?endpoint={}&region=us-east-1", server.endpoint())).unwrap();
    assert!(!format!("{blobs:?}").contains(S3Server::SECRET_KEY));
}
