//! A logical backup goes from one back end to the other and back, and nothing is lost on the way.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

use serde_json::Value;
use stakeout_contract::{TenantId, trial::TrialState};
use stakeout_servers::postgres::{Options, Postgres};
use stakeout_store::{
    BackupError, JobFilter, Jobs, StoreError, backup::RESTORED, conformance, conformance::sample::lease, postgres::PostgresStore,
    sqlite::SqliteStore,
};

/// The lines of a backup, without regard to the order of rows, as they are after so many times of being loaded.
fn lines(backup: &[u8], loaded: u32) -> Vec<String> {
    let mut lines: Vec<String> = std::str::from_utf8(backup).unwrap().lines().map(|l| as_loaded(l, loaded)).collect();
    lines.sort_unstable();
    lines
}

/// Trials that have not ended are at epochs that no worker of before has.
fn as_loaded(line: &str, times: u32) -> String {
    let mut line: Value = serde_json::from_str(line).unwrap();
    if line["table"] == "trials" && ["queued", "leased", "running"].contains(&line["row"]["state"].as_str().unwrap()) {
        line["row"]["epoch"] = (line["row"]["epoch"].as_u64().unwrap() + u64::from(times * RESTORED)).into();
    }
    line.to_string()
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
        assert!(lines(&one, 0).iter().any(|l| l.contains(&format!("\"table\":\"{table}\""))), "`{table}` is in it");
    }

    let postgres = PostgresStore::open(&server.url(), 4).await.unwrap();
    postgres.load(&mut one.as_slice()).await.unwrap();
    let mut two = Vec::new();
    postgres.dump(&mut two).await.unwrap();
    assert_eq!(lines(&one, 1), lines(&two, 0));
    assert!(matches!(postgres.load(&mut one.as_slice()).await, Err(BackupError::NotEmpty(_))));

    let third = SqliteStore::open(&dir.path().join("3.db")).await.unwrap();
    third.load(&mut two.as_slice()).await.unwrap();
    let mut three = Vec::new();
    third.dump(&mut three).await.unwrap();
    assert_eq!(lines(&one, 2), lines(&three, 0));
    let waits: TenantId = "gauged".parse().unwrap();
    let job = &first.jobs(&waits, &JobFilter { most: 1, ..JobFilter::default() }).await.unwrap()[0];
    let held = first.trials(&job.id).await.unwrap().into_iter().find(|t| t.row.state == TrialState::Leased).unwrap();
    assert!(first.fenced(None, &held.id, held.row.epoch).await.is_ok());
    assert!(matches!(third.fenced(None, &held.id, held.row.epoch).await, Err(StoreError::Refused(_))), "a worker of before the restore");
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

#[tokio::test]
async fn a_backup_of_the_version_before_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("s.db")).await.unwrap();
    let backup = r#"{"format":"stakeout-store/1"}
{"table":"shares","row":{"tenant":"a","time":5}}
{"table":"requests","row":{"tenant":"a","key":"k","fingerprint":"f","created":1}}
{"table":"hooks","row":{"id":"hook-1","tenant":"a","url":"https://h.example","created":1,"sealed":"01"}}
{"table":"deliveries","row":{"id":"delivery-1","hook":"hook-1","job":"job-1","state":"waiting","error":"","body":"{}","tries":3,"next":9,"created":8}}
"#;
    store.load(&mut backup.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    store.dump(&mut read).await.unwrap();
    let read = String::from_utf8(read).unwrap();
    assert!(read.contains(r#""since":8"#) && read.contains(r#"{"tenant":"","time":5}"#), "{read}");
}
