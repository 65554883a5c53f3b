//! SQLite in WAL mode: one connection writes, a few read.

#[macro_use]
mod dialect;
#[path = "../sql/mod.rs"]
mod sql;

use std::{path::Path, time::Duration};

use sqlx::{
    Sqlite, SqlitePool, Transaction,
    migrate::Migrator,
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{Hints, StoreError, codec::db};

/// A store in one file. Only one process may write at a time; a second one waits.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
    trains: sql::Trains,
    turns: sql::Turns,
}

/// How long the one writer is waited for. On a machine that does too much a queue of writes is slow, and a job must not fail by it.
const PATIENCE: Duration = Duration::from_secs(300);

/// Readers do not wait for the writer, nor it for them; more than a few would only wait for the disk.
const READERS: u32 = 4;

/// What made the tables, in order.
pub fn migrations() -> Migrator {
    migrations!("sqlite": 1 "first", 2 "farm", 3 "dropping", 4 "once", 5 "turns", 6 "bounds", 7 "job_ids", 8 "tokens_of_leases")
}

impl SqliteStore {
    /// Opens or makes the file, and brings its tables to this version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // With less a loss of power may undo a lease that a worker has: another would get the same epoch, and both could write.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE);
        let pool = |most| SqlitePoolOptions::new().max_connections(most).acquire_timeout(PATIENCE);
        let writer = pool(1).connect_with(options.clone()).await.map_err(db("open"))?;
        migrations()
            .run(&writer)
            .await
            .map_err(|e| StoreError::Database { doing: "migrate", source: sqlx::Error::Migrate(Box::new(e)) })?;
        let readers = pool(READERS).connect_with(options.create_if_missing(false).read_only(true)).await.map_err(db("open for reading"))?;
        Ok(Self { writer, readers, trains: sql::Trains::default(), turns: sql::Turns::default() })
    }

    /// Writes everything out and closes the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// One process has the file, and its host's clock.
    #[allow(clippy::unused_async, reason = "as the other back end")]
    async fn time(&self) -> Result<Option<i64>, StoreError> {
        Ok(None)
    }

    /// One process has the file: there is nobody to tell.
    #[allow(clippy::unused_async, reason = "as the other back end")]
    async fn notify(&self) -> Result<(), StoreError> {
        Ok(())
    }

    #[allow(clippy::unused_async, reason = "as the other back end")]
    async fn listen(&self) -> Result<Box<dyn Hints>, StoreError> {
        Ok(Box::new(Never))
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(db("begin"))
    }

    async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.readers.acquire().await.map_err(db("connect for reading"))
    }

    async fn writer(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.writer.acquire().await.map_err(db("connect for writing"))
    }
}

/// Nobody tells anything.
struct Never;

#[async_trait::async_trait]
impl Hints for Never {
    async fn next(&mut self) -> Result<(), StoreError> {
        std::future::pending().await
    }
}
