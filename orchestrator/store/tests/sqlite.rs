//! The conformance suite on SQLite.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

use stakeout_store::{conformance, sqlite::SqliteStore};

#[tokio::test]
async fn sqlite_does_what_every_store_must() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("s.db")).await.unwrap();
    Box::pin(conformance::all(&store)).await;
    store.close().await;
    // A second opening finds tables of its own version.
    SqliteStore::open(&dir.path().join("s.db")).await.unwrap();
}
