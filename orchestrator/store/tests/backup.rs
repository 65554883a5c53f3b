//! A logical backup goes from one back end to the other and back, and nothing is lost on the way.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

use stakeout_contract::TenantId;
use stakeout_servers::postgres::{Options, Postgres};
use stakeout_store::{BackupError, Jobs, conformance, conformance::sample::lease, postgres::PostgresStore, sqlite::SqliteStore};

/// The lines of a backup, without regard to the order of rows.
fn lines(backup: &[u8]) -> Vec<&str> {
    let mut lines: Vec<&str> = std::str::from_utf8(backup).unwrap().lines().collect();
    lines.sort_unstable();
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_moves_between_sqlite_and_postgres_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let server = Postgres::start_with(&Options { no_fsync: true, ..Options::default() }).unwrap();
    let first = SqliteStore::open(&dir.path().join("1.db")).await.unwrap();
    // The suite leaves something in each table.
    conformance::all(&first).await;
    let mut one = Vec::new();
    first.dump(&mut one).await.unwrap();
    for table in ["jobs", "trials", "observations", "events", "audit", "blobs", "holds", "deliveries", "workers", "usage_days", "tokens"] {
        assert!(lines(&one).iter().any(|l| l.contains(&format!("\"table\":\"{table}\""))), "`{table}` is in it");
    }

    let postgres = PostgresStore::open(&server.url(), 4).await.unwrap();
    postgres.load(&mut one.as_slice()).await.unwrap();
    let mut two = Vec::new();
    postgres.dump(&mut two).await.unwrap();
    assert_eq!(lines(&one), lines(&two));
    assert!(matches!(postgres.load(&mut one.as_slice()).await, Err(BackupError::NotEmpty(_))));

    let third = SqliteStore::open(&dir.path().join("3.db")).await.unwrap();
    third.load(&mut two.as_slice()).await.unwrap();
    let mut three = Vec::new();
    third.dump(&mut three).await.unwrap();
    assert_eq!(lines(&one), lines(&three));
    let waits: TenantId = "gauged".parse().unwrap();
    let (trial, _) = lease(&third, &waits, "w-1", 3_000_000_000).await;
    assert_eq!(third.trial(None, &trial.id).await.unwrap(), trial);
}

#[tokio::test]
async fn what_is_no_backup_is_refused_with_its_line_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("s.db")).await.unwrap();
    let header = "{\"format\":\"stakeout-store/1\"}\n";
    let share = "{\"table\":\"shares\",\"row\":{\"tenant\":\"a\",\"time\":5}}\n";
    for (text, bad) in [
        (String::new(), 1),
        ("{\"format\":\"stakeout-store/9\"}\n".to_owned(), 1),
        (format!("{header}{share}not JSON\n"), 3),
        (format!("{header}{share}{{\"table\":\"users\",\"row\":{{}}}}\n"), 3),
        (format!("{header}{share}{{\"table\":\"shares\",\"row\":{{\"tenant\":5}}}}\n"), 3),
    ] {
        match store.load(&mut text.as_bytes()).await {
            Err(BackupError::BadLine { line, .. }) => assert_eq!(line, bad, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    let mut left = Vec::new();
    store.dump(&mut left).await.unwrap();
    assert_eq!(left, header.as_bytes());
}
