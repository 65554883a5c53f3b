//! A database of the version before farms is opened, and everything in it is there.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

use sqlx::{Connection, SqliteConnection, migrate::Migrate, sqlite::SqliteConnectOptions};
use stakeout_contract::{
    Epoch, Sha256Digest, TenantId,
    artifact::{Artifact, Role},
    trial::TrialState,
};
use stakeout_store::{
    Fleet, Jobs, Library, Noted, Notes, StoreError,
    conformance::sample::{completion, decided, job, lease, line},
    postgres,
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
    sqlx::raw_sql(
        "INSERT INTO shares (tenant, time) VALUES ('a', 5), ('b', 7); \
         INSERT INTO requests (tenant, key, fingerprint, created) VALUES ('a', 'k', 'f', 1); \
         INSERT INTO hooks (id, tenant, url, sealed, created) VALUES ('hook-1', 'a', 'https://h.example', x'01', 1); \
         INSERT INTO deliveries (id, hook, job, state, tries, next, error, created, body) \
         VALUES ('delivery-1', 'hook-1', 'job-1', 'waiting', 3, 9, '', 8, '{}')",
    )
    .execute(&mut conn)
    .await
    .unwrap();
    conn.close().await.unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    let claimed = store.claim_deliveries(9, 60, 10).await.unwrap();
    assert_eq!((claimed[0].since, claimed[0].delivery.tries), (8, 3));
    let mut backup = Vec::new();
    store.dump(&mut backup).await.unwrap();
    let backup = String::from_utf8(backup).unwrap();
    assert!(backup.contains(r#"{"table":"shares","row":{"tenant":"","time":7}}"#), "nobody gets the farm for having had less: {backup}");
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
