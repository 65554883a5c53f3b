//! The conformance suite on a PostgreSQL of its own, and what several orchestrators do to one database at once.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use sqlx::{Connection, PgConnection};
use stakeout_contract::{DeviceKind, Sha256Digest, TenantId, TrialId, api::apps::Upload, lease::Abilities, trial::TrialState};
use stakeout_domain::budget;
use stakeout_servers::postgres::{Options, Postgres};
use stakeout_store::{
    Access, Deed, Jobs, LeaseFor, Library, Noted, Notes, StoreError, UploadRow,
    conformance::{
        self,
        sample::{ask, completion, insert, job, lease, line, tenant, tenant_row},
    },
    postgres::PostgresStore,
};
use tokio::sync::Mutex;

#[tokio::test(flavor = "multi_thread")]
async fn postgres_does_what_every_store_must() {
    let server = Postgres::start().unwrap();
    let store = PostgresStore::open(&server.url(), 8).await.unwrap();
    Box::pin(conformance::all(&store)).await;
    store.close().await;
    PostgresStore::open(&server.url(), 2).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_from_other_failures_and_the_servers_clock_is_the_farms() {
    let server = Postgres::start_with(&Options { no_fsync: true, ..Options::default() }).unwrap();
    let store = PostgresStore::open(&server.url(), 2).await.unwrap();
    let clock = store.clock().await.unwrap().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    assert!((now - clock).abs() < 5000, "{clock} {now}");
    // As PostgreSQL does by itself when it cannot extend a file (its docs, appendix A: 53100 disk_full, 53200 out_of_memory).
    let mut conn = PgConnection::connect(&server.url()).await.unwrap();
    for (state, full) in [("53100", true), ("53200", false)] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{state}'; END $$; \
             CREATE OR REPLACE TRIGGER refuses BEFORE INSERT ON tenants FOR EACH ROW EXECUTE FUNCTION refuse()"
        )))
        .execute(&mut conn)
        .await
        .unwrap();
        let failed = store.put_tenant(&tenant_row("late"), stakeout_store::Noted::NOTHING).await.unwrap_err();
        assert_eq!(failed.is_full(), full, "{failed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_workers_of_two_orchestrators_complete_each_trial_once() {
    let server = Postgres::start().unwrap();
    let url = server.url();
    let stores = tokio::join!(PostgresStore::open(&url, 8), PostgresStore::open(&url, 8));
    let stores = [stores.0.unwrap(), stores.1.unwrap()];
    let jobs = [job(&tenant("a"), 200), job(&tenant("b"), 200), job(&tenant("a"), 100)];
    for j in &jobs {
        insert(&stores[0], j).await;
    }
    let completed: Arc<Mutex<Vec<TrialId>>> = Arc::default();
    let tasks: Vec<_> = (0..16usize)
        .map(|n| {
            let (store, completed) = (stores[n % 2].clone(), completed.clone());
            tokio::spawn(async move {
                let ask = ask(&TenantId::farm(), &format!("w-{n}"));
                while let Some((trial, of)) = store.lease(&ask, 1).await.unwrap() {
                    store.renew(&trial.id, trial.row.epoch, None, 2, 60).await.unwrap();
                    store.complete(&trial.id, trial.row.epoch, &completion(&trial, &of, TrialState::Finished), 3).await.unwrap();
                    completed.lock().await.push(trial.id);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    // A worker goes when all that waits is being taken by others; at the end nothing may be left.
    let completed = completed.lock().await;
    assert_eq!((completed.len(), completed.iter().collect::<BTreeSet<_>>().len()), (500, 500));
    for j in &jobs {
        let read = stores[1].job(None, &j.id).await.unwrap();
        assert_eq!((read.counts.finished, read.counts.queued, read.counts.running), (j.spec.trials, 0, 0));
        let numbers: Vec<u64> = stores[1].events(&j.id, 0, 10_000).await.unwrap().iter().map(|e| e.number).collect();
        assert_eq!(numbers, (1..=2 + 3 * u64::from(j.spec.trials)).collect::<Vec<_>>());
        assert!(stores[0].claim_due(3, 60).await.unwrap().is_some());
    }
    assert_eq!(stores[0].claim_due(3, 60).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lease_reads_does_not_grow_with_what_waits() {
    let server = Postgres::start_with(&Options { no_fsync: true, ..Options::default() }).unwrap();
    let mut read = Vec::new();
    for jobs in [1, 15] {
        let store = PostgresStore::open(&server.url(), 4).await.unwrap();
        for n in 0..jobs {
            insert(&store, &job(&tenant(&format!("t{}", n % 5)), 1000)).await;
        }
        // What was read is counted when a connection ends.
        store.close().await;
        let mut own = PgConnection::connect(&server.url()).await.unwrap();
        sqlx::raw_sql("ANALYZE; SELECT pg_stat_reset()").execute(&mut own).await.unwrap();
        let store = PostgresStore::open(&server.url(), 4).await.unwrap();
        for n in 0..10 {
            store.lease(&ask(&TenantId::farm(), "w-1"), 1).await.unwrap().unwrap();
            // Several at a time lock and write the rows that they lease, and read no others for that.
            let worker = |w| ask(&TenantId::farm(), &format!("w-{n}-{w}"));
            let levels = Abilities { devices: vec![(DeviceKind::Jvm, vec![29, 34])], slots: 1 };
            let (a, b) = (worker(1), LeaseFor { abilities: levels, ..worker(2) });
            let got = tokio::join!(store.lease(&a, 1), store.lease(&b, 1));
            let held = [got.0.unwrap().unwrap().0, got.1.unwrap().unwrap().0];
            let renewed = tokio::join!(
                store.renew(&held[0].id, held[0].row.epoch, None, 2, 60),
                store.renew(&held[1].id, held[1].row.epoch, None, 2, 60)
            );
            renewed.0.unwrap();
            renewed.1.unwrap();
        }
        store.close().await;
        let sql = "SELECT CAST(seq_tup_read + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'trials') AS BIGINT) \
                   FROM pg_stat_user_tables WHERE relname = 'trials'";
        let rows: i64 = sqlx::query_scalar(sql).fetch_one(&mut own).await.unwrap();
        read.push(rows / 50);
    }
    assert!(
        read[0] > 0 && read[1] < 40,
        "rows and entries that a lease or a renewal reads, with 1 000 and 16 000 trials waiting: {read:?}"
    );
}

/// How a statement is done is settled when it was asked a few times, and stays until statistics are made, a minute later at best.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_lease_reads_does_not_grow_when_a_batch_comes_into_an_empty_farm() {
    let server = Postgres::start_with(&Options { no_fsync: true, ..Options::default() }).unwrap();
    let store = PostgresStore::open(&server.url(), 2).await.unwrap();
    let some = async |n: u32| {
        for at in 0..n {
            let (got, _) = store.lease(&ask(&TenantId::farm(), &format!("w-{n}-{at}")), 1).await.unwrap().unwrap();
            store.renew(&got.id, got.row.epoch, None, 2, 60).await.unwrap();
        }
    };
    insert(&store, &job(&tenant("t0"), 20)).await;
    some(20).await;
    for n in 0..15 {
        insert(&store, &job(&tenant(&format!("t{}", n % 5)), 1000)).await;
    }
    let mut own = PgConnection::connect(&server.url()).await.unwrap();
    sqlx::query("SELECT pg_stat_reset()").execute(&mut own).await.unwrap();
    some(50).await;
    // What was read is counted when a connection ends.
    store.close().await;
    let sql = "SELECT CAST(seq_tup_read + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'trials') AS BIGINT) \
               FROM pg_stat_user_tables WHERE relname = 'trials'";
    let read: i64 = sqlx::query_scalar(sql).fetch_one(&mut own).await.unwrap();
    assert!(read > 0 && read / 50 < 100, "rows and entries that a lease and a renewal read of 15 000: {}", read / 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_is_named_while_it_is_dropped_stays_or_is_given_again() {
    let server = Postgres::start().unwrap();
    let store = PostgresStore::open(&server.url(), 8).await.unwrap();
    let t = tenant("t");
    for round in 0..50u8 {
        let app = stakeout_contract::api::apps::App {
            sha256: stakeout_contract::Sha256Digest::of(&[round]),
            splits: vec![],
            bytes: 1,
            facts: stakeout_contract::trial::AppFacts::default(),
            created_ms: 1000,
        };
        store.note_blob(&t, &app.sha256, 1, 1).await.unwrap();
        let (named, dropped) = tokio::join!(store.put_app(&t, &app, Noted::NOTHING), store.drop_blobs(500, 0, 10));
        let there = store.blob(&t, &app.sha256).await.unwrap().is_some();
        match named {
            Ok(_) => assert!(there && dropped.unwrap().is_empty()),
            Err(StoreError::NotFound { what: "blob", .. }) => assert!(!there && dropped.unwrap().len() == 1),
            Err(e) => panic!("{e}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_that_name_the_same_apps_in_other_orders_do_not_wait_for_each_other_for_ever() {
    let server = Postgres::start_with(&Options { no_fsync: true, ..Options::default() }).unwrap();
    let store = PostgresStore::open(&server.url(), 8).await.unwrap();
    let t = tenant("t");
    let apps = [Sha256Digest::of(b"a"), Sha256Digest::of(b"b")];
    for app in &apps {
        store.note_blob(&t, app, 1, 1).await.unwrap();
    }
    let batch = |order: [usize; 2]| -> Vec<_> {
        let mut all = Vec::new();
        for n in order {
            let mut j = job(&t, 5);
            j.spec.app = apps[n];
            all.push((j, (0..5).map(|_| TrialId::generate()).collect()));
        }
        all
    };
    for _ in 0..30 {
        let notes = Notes::default();
        let done = tokio::join!(
            store.insert_jobs(batch([0, 1]), &notes),
            store.insert_jobs(batch([1, 0]), &notes),
            store.insert_jobs(batch([0, 1]), &notes),
            store.insert_jobs(batch([1, 0]), &notes)
        );
        for result in [done.0, done.1, done.2, done.3] {
            result.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn submits_at_once_do_not_go_over_a_quota_together() {
    let server = Postgres::start_with(&Options { no_fsync: true, ..Options::default() }).unwrap();
    let store = PostgresStore::open(&server.url(), 8).await.unwrap();
    let mut row = tenant_row("t");
    row.quota.waiting_trials = Some(3);
    store.put_tenant(&row, Noted::NOTHING).await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (store, j) = (store.clone(), job(&row.id, 1));
            tokio::spawn(async move { store.insert_jobs(vec![(j, vec![TrialId::generate()])], &Notes::default()).await })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => taken += 1,
            Err(StoreError::OverQuota(_)) => {}
            Err(e) => panic!("{e}"),
        }
    }
    assert_eq!(taken, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_orchestrator_hears_that_trials_wait_also_after_the_database_was_away() {
    let mut server = Postgres::start().unwrap();
    let url = server.url();
    let (here, there) = (PostgresStore::open(&url, 4).await.unwrap(), PostgresStore::open(&url, 4).await.unwrap());
    let mut hints = there.hints().await.unwrap();
    let soon = Duration::from_secs(60);
    here.tell_waiting().await.unwrap();
    tokio::time::timeout(soon, hints.next()).await.unwrap().unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(300), hints.next()).await.is_err(), "told once");
    tokio::task::block_in_place(|| server.restart()).unwrap();
    // What is told while nobody listens is lost, so it is told until it is heard.
    let telling = tokio::spawn(async move {
        loop {
            let _ = here.tell_waiting().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    tokio::time::timeout(soon, async { while hints.next().await.is_err() {} }).await.unwrap();
    telling.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_orchestrator_adds_columns_while_an_older_one_runs() {
    let server = Postgres::start_with(&Options { no_fsync: true, ..Options::default() }).unwrap();
    // Two: one for all, so that what a connection prepared is used again.
    let store = PostgresStore::open(&server.url(), 2).await.unwrap();
    // The suite prepares every statement.
    Box::pin(conformance::all(&store)).await;
    let mut newer = PgConnection::connect(&server.url()).await.unwrap();
    let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' AND table_name NOT LIKE '\\_%'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut newer).await.unwrap();
    assert!(tables.len() > 15, "{tables:?}");
    for table in &tables {
        let add = format!("ALTER TABLE {table} ADD COLUMN of_the_next_version BIGINT NOT NULL DEFAULT 7");
        sqlx::raw_sql(sqlx::AssertSqlSafe(add)).execute(&mut newer).await.unwrap();
    }
    let clear = format!("TRUNCATE {} CASCADE", tables.join(", "));
    sqlx::raw_sql(sqlx::AssertSqlSafe(clear)).execute(&mut newer).await.unwrap();
    Box::pin(conformance::all(&store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_while_a_chain_is_held_has_done_nothing() {
    let server = Postgres::start_with(&Options { no_fsync: true, ..Options::default() }).unwrap();
    let store = PostgresStore::open(&server.url(), 8).await.unwrap();
    let (t, mut row) = (tenant("t"), tenant_row("t"));
    let deed = Deed { tenant: t.clone(), token: None, action: "tenant.put", thing: "t".to_owned(), detail: String::new() };
    let deeds = [deed];
    let noted = Noted { deeds: &deeds, at: 1 };
    store.put_tenant(&row, noted).await.unwrap();
    let mut other = PgConnection::connect(&server.url()).await.unwrap();
    let mut held = other.begin().await.unwrap();
    sqlx::query("SELECT number FROM chains FOR UPDATE").execute(&mut *held).await.unwrap();
    row.weight = 9;
    // The change is made, and waits to be noted; then its caller goes.
    assert!(tokio::time::timeout(Duration::from_millis(500), store.put_tenant(&row, noted)).await.is_err());
    held.rollback().await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let entries = async || store.audit_after(&t, 0, 10).await.unwrap().len();
    assert_eq!((store.tenant(&t).await.unwrap().weight, entries().await), (1, 1));
    store.put_tenant(&row, noted).await.unwrap();
    assert_eq!((store.tenant(&t).await.unwrap().weight, entries().await), (9, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_begin_at_once_do_not_go_over_a_quota_together() {
    let server = Postgres::start_with(&Options { no_fsync: true, ..Options::default() }).unwrap();
    let store = PostgresStore::open(&server.url(), 8).await.unwrap();
    let mut row = tenant_row("t");
    row.quota.bytes = Some(30);
    store.put_tenant(&row, Noted::NOTHING).await.unwrap();
    let tasks: Vec<_> = (0..8u8)
        .map(|n| {
            let upload = Upload {
                id: format!("upload-{n}").parse().unwrap(),
                bytes: 10,
                offset: 0,
                sha256: Sha256Digest::of(&[n]),
                complete: false,
                expires_ms: 1000,
            };
            let (store, row) = (store.clone(), UploadRow { upload, tenant: row.id.clone(), trial: None });
            tokio::spawn(async move { store.put_upload(&row).await })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => taken += 1,
            Err(StoreError::OverQuota(_)) => {}
            Err(e) => panic!("{e}"),
        }
    }
    assert_eq!((taken, store.room(&row.id).await.unwrap()), (3, Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_where_its_bytes_do() {
    let server = Postgres::start_with(&Options { no_fsync: true, ..Options::default() }).unwrap();
    let store = PostgresStore::open(&server.url(), 4).await.unwrap();
    insert(&store, &job(&tenant("t"), 1)).await;
    let (trial, _) = lease(&store, &tenant("t"), "w-1", 0).await;
    let (id, epoch) = (&trial.id, trial.row.epoch);
    store.observe(id, epoch, 0, &[line("one"), line("two")], 1).await.unwrap();
    let mut own = PgConnection::connect(&server.url()).await.unwrap();
    let upto: Vec<i64> = sqlx::query_scalar("SELECT upto FROM observations ORDER BY line").fetch_all(&mut own).await.unwrap();
    let size = serde_json::to_string(&line("one")).unwrap().len() as i64;
    assert_eq!(upto, [size, 2 * size]);
    let left = i64::try_from(budget::OBSERVATION_BYTES).unwrap() - size;
    sqlx::query("UPDATE observations SET upto = $1").bind(left).execute(&mut own).await.unwrap();
    let over = store.observe(id, epoch, 2, &[line("three")], 1).await;
    assert!(matches!(over, Err(StoreError::OverBudget(budget::Over::ObservationBytes))), "{over:?}");
    store.observe(id, epoch, 2, &[line("two")], 1).await.unwrap();
    // What came before comes again, as its answer was lost, and counts once.
    store.observe(id, epoch, 1, &[line("two"), line("two")], 1).await.unwrap();
    assert!(store.observe(id, epoch, 3, &[line("")], 1).await.is_err());
}
