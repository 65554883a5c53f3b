//! A database of the version before farms is opened, and everything in it is there.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

use sqlx::{Connection, PgConnection, SqliteConnection, migrate::Migrate, sqlite::SqliteConnectOptions};
use stakeout_contract::{
    Epoch, Sha256Digest, TenantId,
    artifact::{Artifact, Role},
    trial::TrialState,
};
use stakeout_servers::postgres::{Options, Postgres};
use stakeout_store::{
    Fleet, Jobs, Library, Noted, Notes, StoreError,
    conformance::sample::{completion, decided, job, lease, line},
    postgres::{self, PostgresStore},
    sqlite::{self, SqliteStore},
};

/// The tables of then, by the first migrations alone.
async fn old(path: &std::path::Path, migrations: usize) -> SqliteConnection {
    let mut conn = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path).create_if_missing(true)).await.unwrap();
    let all = sqlite::migrations();
    conn.ensure_migrations_table("_sqlx_migrations").await.unwrap();
    for migration in all.iter().take(migrations) {
        conn.apply("_sqlx_migrations", migration).await.unwrap();
    }
    conn
}

/// What tenants had used, asked for and were told of; bytes are written in a database's own way.
macro_rules! shared_and_told {
    ($one:literal) => {
        concat!(
            "INSERT INTO shares (tenant, time) VALUES ('a', 5), ('b', 7); \
             INSERT INTO requests (tenant, key, fingerprint, created) VALUES ('a', 'k', 'f', 1); \
             INSERT INTO hooks (id, tenant, url, sealed, created) VALUES ('hook-1', 'a', 'https://h.example', ",
            $one,
            ", 1); \
             INSERT INTO deliveries (id, hook, job, state, tries, next, error, created, body) \
             VALUES ('delivery-1', 'hook-1', 'job-1', 'waiting', 3, 9, '', 8, '{}')"
        )
    };
}

#[tokio::test]
async fn jobs_of_the_version_before_are_the_farms_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("old.db");
    let mut conn = old(&path, 1).await;
    let farm = TenantId::farm();
    let (done, open) = (job(&farm, 1), job(&farm, 1));
    for (j, state) in [(&done, "finished"), (&open, "queued")] {
        let mut spec = serde_json::to_value(&j.spec).unwrap();
        spec.as_object_mut().unwrap().remove("with_app");
        sqlx::query("INSERT INTO jobs (id, spec, secret, state, created, result) VALUES ($1, $2, $3, $4, 5, $5)")
            .bind(j.id.as_str())
            .bind(spec.to_string())
            .bind(j.secret.to_vec())
            .bind(state)
            .bind((state == "finished").then(|| serde_json::to_string(&decided(j, TrialState::Finished).result).unwrap()))
            .execute(&mut conn)
            .await
            .unwrap();
    }
    let kept = Sha256Digest::of(b"kept");
    let full = stakeout_store::TrialFull {
        id: "trial-old-1".parse().unwrap(),
        job: done.id.clone(),
        tenant: farm.clone(),
        number: 1,
        row: stakeout_domain::lease::TrialRow { epoch: Epoch(1), ..stakeout_domain::lease::TrialRow::queued() },
        completion: None,
        ended: None,
    };
    let mut handed_in = completion(&full, &done, TrialState::Finished);
    handed_in.record.artifacts.push(Artifact {
        sha256: kept,
        size: 4,
        role: Role::AppFile,
        name: String::new(),
        flow: None,
        at: None,
        cipher: None,
        truncated: false,
    });
    for (id, j, state, epoch, completion) in
        [("trial-old-1", &done, "finished", 1, Some(serde_json::to_string(&handed_in).unwrap())), ("trial-old-2", &open, "queued", 0, None)]
    {
        let sql = "INSERT INTO trials (id, job, number, device, api, state, epoch, cancel, completion) VALUES ($1, $2, 1, 'jvm', 34, $3, $4, 0, $5)";
        sqlx::query(sql).bind(id).bind(j.id.as_str()).bind(state).bind(epoch).bind(completion).execute(&mut conn).await.unwrap();
    }
    for (n, text) in ["a", "b"].iter().enumerate() {
        sqlx::query("INSERT INTO observations (trial, epoch, line, observation) VALUES ('trial-old-1', 1, $1, $2)")
            .bind(n as i64)
            .bind(serde_json::to_string(&line(text)).unwrap())
            .execute(&mut conn)
            .await
            .unwrap();
    }
    let sql = "INSERT INTO artifacts (trial, epoch, sha256) VALUES ('trial-old-1', 1, $1)";
    sqlx::query(sql).bind(kept.to_string()).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();

    let store = SqliteStore::open(&path).await.unwrap();
    let read = store.job(Some(&farm), &done.id).await.unwrap();
    assert_eq!((&read.spec, read.secret, read.state, read.counts.finished), (&done.spec, done.secret, TrialState::Finished, 1));
    assert_eq!((read.result.unwrap().job, read.ended), (done.id.clone(), Some(5)));
    let trial = store.trial(Some(&farm), &full.id).await.unwrap();
    assert_eq!((trial.completion, trial.row.state, trial.row.attempts, trial.row.leases), (Some(handed_in), TrialState::Finished, 0, 1));
    assert_eq!(store.observations(&full.id, Epoch(1), 0, 10).await.unwrap(), [line("a"), line("b")]);
    assert_eq!(store.blob(&farm, &kept).await.unwrap(), Some(4));
    assert!(store.drop_blobs(i64::MAX, 0, 10).await.unwrap().is_empty());

    // What waited goes on.
    let (trial, of) = lease(&store, &farm, "w-1", 10).await;
    assert_eq!((trial.id.as_str(), &of.id), ("trial-old-2", &open.id));
    store.complete(&trial.id, Epoch(1), &completion(&trial, &of, TrialState::Finished), 20).await.unwrap();
    assert_eq!(store.claim_due(20, 60).await.unwrap().map(|due| due.job), Some(open.id.clone()));
    assert!(store.decide(&open.id, &decided(&open, TrialState::Finished), 20).await.unwrap());
    store.delete_job(&farm, &done.id, Noted::NOTHING).await.unwrap();
    let again = store.insert_jobs(vec![(done.clone(), vec![])], &Notes::default()).await;
    assert!(matches!(again, Err(StoreError::Used { .. })), "{again:?}");
    assert_eq!(store.drop_blobs(i64::MAX, 0, 10).await.unwrap(), [(farm, kept)]);
}

#[tokio::test]
async fn what_the_version_before_shared_and_told_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("old.db");
    let mut conn = old(&path, 2).await;
    sqlx::raw_sql(shared_and_told!("x'01'")).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    let claimed = store.claim_deliveries(9, 60, 10).await.unwrap();
    assert_eq!((claimed[0].since, claimed[0].delivery.tries), (8, 3));
    let mut backup = Vec::new();
    store.dump(&mut backup).await.unwrap();
    let backup = String::from_utf8(backup).unwrap();
    assert!(backup.contains(r#"{"table":"shares","row":{"tenant":"","time":7}}"#), "nobody gets the farm for having had less: {backup}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_farm_on_postgres_goes_on_after_all_migrations_but_the_first() {
    let server = Postgres::start_with(&Options { no_fsync: true, ..Options::default() }).unwrap();
    let mut conn = PgConnection::connect(&server.url()).await.unwrap();
    conn.ensure_migrations_table("_sqlx_migrations").await.unwrap();
    for migration in postgres::migrations().iter().take(1) {
        conn.apply("_sqlx_migrations", migration).await.unwrap();
    }
    let farm = TenantId::farm();
    let (open, kept) = (job(&farm, 2), Sha256Digest::of(b"kept"));
    let sql = "INSERT INTO jobs (id, tenant, spec, secret, state, priority, tags, fingerprint, created, own, app, package, device, api, \
               trials, queued, running, finished, failed, cancelled, events) \
               VALUES ($1, 'farm', $2, $3, 'running', 0, '[]', $4, 5, 0, $5, 'com.example', 'jvm', 34, 2, 1, 1, 0, 0, 0, 1)";
    sqlx::query(sql)
        .bind(open.id.as_str())
        .bind(serde_json::to_string(&open.spec).unwrap())
        .bind(open.secret.to_vec())
        .bind(open.fingerprint.to_string())
        .bind(open.spec.app.to_string())
        .execute(&mut conn)
        .await
        .unwrap();
    for (id, number, state, epoch, worker, expires) in
        [("trial-old-1", 1_i64, "leased", 3_i64, Some("w-0"), Some(100_i64)), ("trial-old-2", 2, "queued", 0, None, None)]
    {
        let sql = "INSERT INTO trials (id, job, tenant, number, device, api, scenario, priority, own, state, epoch, worker, expires, \
                   cancel, failed_on, leased, slot_ms, kept) \
                   VALUES ($1, $2, 'farm', $3, 'jvm', 34, '', 0, 0, $4, $5, $6, $7, 0, '[]', $8, 0, 0)";
        let row = sqlx::query(sql).bind(id).bind(open.id.as_str()).bind(number).bind(state).bind(epoch).bind(worker).bind(expires);
        row.bind(expires.map(|_| 5_i64)).execute(&mut conn).await.unwrap();
    }
    let sql = "INSERT INTO observations (trial, epoch, line, observation) VALUES ('trial-old-1', 3, 0, $1)";
    sqlx::query(sql).bind(serde_json::to_string(&line("a")).unwrap()).execute(&mut conn).await.unwrap();
    let sql = "INSERT INTO blobs (tenant, sha256, bytes, given) VALUES ('farm', $1, 4, 1)";
    sqlx::query(sql).bind(kept.to_string()).execute(&mut conn).await.unwrap();
    sqlx::raw_sql(shared_and_told!("'\\x01'")).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();

    let store = PostgresStore::open(&server.url(), 4).await.unwrap();
    let read = store.job(Some(&farm), &open.id).await.unwrap();
    assert_eq!((&read.spec, read.secret, read.counts.running, read.counts.queued), (&open.spec, open.secret, 1, 1));
    let held: stakeout_contract::TrialId = "trial-old-1".parse().unwrap();
    let row = store.trial(Some(&farm), &held).await.unwrap().row;
    assert_eq!((row.state, row.epoch, row.attempts, row.leases), (TrialState::Leased, Epoch(3), 0, 3));
    assert!(store.fenced(None, &held, Epoch(3)).await.is_ok(), "its worker goes on");
    assert_eq!(store.observations(&held, Epoch(3), 0, 10).await.unwrap(), [line("a")]);
    assert_eq!(store.blob(&farm, &kept).await.unwrap(), Some(4));
    let (trial, _) = lease(&store, &farm, "w-1", 10).await;
    assert_eq!(trial.id.as_str(), "trial-old-2");
    let claimed = store.claim_deliveries(9, 60, 10).await.unwrap();
    assert_eq!((claimed[0].since, claimed[0].delivery.tries), (8, 3));
    let mut backup = Vec::new();
    store.dump(&mut backup).await.unwrap();
    let backup = String::from_utf8(backup).unwrap();
    assert!(backup.contains(r#""table":"requests""#) && backup.contains(r#""table":"shares","row":{"tenant":"","#), "{backup}");
    store.close().await;
}

/// As a later version would leave it.
const LATER: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                     VALUES (9999, 'later', true, $1, 0)";

fn is_newer<T>(opened: Result<T, StoreError>) -> bool {
    let Err(StoreError::Database { doing: "migrate", source }) = opened else { return false };
    source.to_string().contains("9999")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_of_before_does_not_start_on_a_newer_form() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("newer.db");
    SqliteStore::open(&path).await.unwrap().close().await;
    let mut conn = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(&path)).await.unwrap();
    sqlx::query(LATER).bind(vec![0_u8]).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    assert!(is_newer(SqliteStore::open(&path).await));

    let server = Postgres::start_with(&Options { no_fsync: true, ..Options::default() }).unwrap();
    let running = PostgresStore::open(&server.url(), 2).await.unwrap();
    let mut conn = PgConnection::connect(&server.url()).await.unwrap();
    sqlx::query(LATER).bind(vec![0_u8]).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    assert!(is_newer(PostgresStore::open(&server.url(), 2).await));
    // One that runs goes on beside the newer.
    assert!(running.gauges(10).await.is_ok());
    running.close().await;
}

#[test]
fn every_file_of_a_migration_is_named() {
    for (folder, all) in [("sqlite", sqlite::migrations()), ("postgres", postgres::migrations())] {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
        let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        let named: Vec<_> = all.iter().map(|m| format!("{:04}_{}.sql", m.version, m.description)).collect();
        assert_eq!(named, files);
    }
}
