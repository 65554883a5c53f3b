//! PostgreSQL, for several orchestrators on one database.

#[macro_use]
mod dialect;
#[path = "../sql/mod.rs"]
mod sql;

use std::{str::FromStr, time::Duration};

use sqlx::{
    Connection, Executor, PgPool, Postgres, Transaction,
    migrate::Migrator,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};

use crate::{Hints, StoreError, codec::db};

/// A store in a database of PostgreSQL. All state is there: any number of these may work on one database.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    pool: PgPool,
    trains: sql::Trains,
    turns: sql::Turns,
}

/// How long a connection is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that was not used for so long is asked whether it still is one.
const RESTED: Duration = Duration::from_secs(1);

/// How long it may take to say so.
const ANSWER: Duration = Duration::from_secs(5);

/// The channel of hints that trials began to wait.
const CHANNEL: &str = "stakeout_waiting";

/// What made the tables, in order.
pub fn migrations() -> Migrator {
    migrations!("postgres": 1 "first", 2 "dropping", 3 "once", 4 "turns", 5 "bounds", 6 "job_ids", 7 "tokens_of_leases")
}

impl PostgresStore {
    /// Connects by a URL, `postgres://user@host:port/database?sslmode=verify-full`, with at most so many connections, and brings
    /// the tables to this version. Several orchestrators that begin at once wait for the one that does.
    pub async fn open(url: &str, connections: u32) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url).map_err(db("read the database's URL"))?.application_name("stakeout");
        let pool = PgPoolOptions::new()
            .max_connections(connections.max(2))
            .acquire_timeout(PATIENCE)
            // All that is asked often is found by an index and in its order. A plan that was made when a table was nearly empty expects that
            // reading all of it is as good, and is kept, also when a batch has made the table large, until statistics are made again.
            .after_connect(|conn, _| {
                Box::pin(async move { conn.execute("SET enable_seqscan = off; SET enable_bitmapscan = off").await.map(drop) })
            })
            // Of one that was just used a dead server is noticed by the use itself.
            .test_before_acquire(false)
            .before_acquire(|conn, meta| {
                Box::pin(
                    async move { Ok(meta.idle_for < RESTED || tokio::time::timeout(ANSWER, conn.ping()).await.is_ok_and(|p| p.is_ok())) },
                )
            });
        let pool = pool.connect_with(options).await.map_err(db("connect"))?;
        migrations().run(&pool).await.map_err(|e| StoreError::Database { doing: "migrate", source: sqlx::Error::Migrate(Box::new(e)) })?;
        Ok(Self { pool, trains: sql::Trains::default(), turns: sql::Turns::default() })
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// The server's clock now, not that of a transaction's begin.
    async fn time(&self) -> Result<Option<i64>, StoreError> {
        let mut conn = self.reader().await?;
        let now = sqlx::query_scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8").fetch_one(&mut *conn).await;
        now.map(Some).map_err(db("ask for the time"))
    }

    /// Not within a transaction: those that notify are committed one after the other.
    async fn notify(&self) -> Result<(), StoreError> {
        let mut conn = self.reader().await?;
        sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(&mut *conn).await.map(drop).map_err(db("tell that trials wait"))
    }

    async fn listen(&self) -> Result<Box<dyn Hints>, StoreError> {
        let mut listener = PgListener::connect_with(&self.pool).await.map_err(db("listen"))?;
        listener.listen(CHANNEL).await.map_err(db("listen"))?;
        Ok(Box::new(Told(listener)))
    }

    async fn begin(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        self.pool.begin().await.map_err(db("begin"))
    }

    async fn reader(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        self.pool.acquire().await.map_err(db("connect"))
    }

    async fn writer(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        self.reader().await
    }
}

/// Notifications of the database; its connection is made again when it was lost, and what was told meanwhile is not heard.
struct Told(PgListener);

#[async_trait::async_trait]
impl Hints for Told {
    async fn next(&mut self) -> Result<(), StoreError> {
        self.0.recv().await.map(drop).map_err(db("wait for a hint"))
    }
}
