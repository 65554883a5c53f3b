//! PostgreSQL, for several orchestrators on one database.

#[macro_use]
mod dialect;
#[path = "../sql/mod.rs"]
mod sql;

use std::{str::FromStr, time::Duration};

use sqlx::{
    PgPool, Postgres, Transaction,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{StoreError, codec::db};

/// A store in a database of PostgreSQL. All state is there: any number of these may work on one database.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    pool: PgPool,
}

/// How long a connection is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

impl PostgresStore {
    /// Connects by a URL, `postgres://user@host:port/database?sslmode=verify-full`, with at most so many connections, and brings
    /// the tables to this version. Several orchestrators that begin at once wait for the one that does.
    pub async fn open(url: &str, connections: u32) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url).map_err(db("read the database's URL"))?.application_name("stakeout");
        let pool = PgPoolOptions::new().max_connections(connections.max(2)).acquire_timeout(PATIENCE).connect_with(options).await;
        let pool = pool.map_err(db("connect"))?;
        sqlx::migrate!("./migrations/postgres")
            .run(&pool)
            .await
            .map_err(|e| StoreError::Database { doing: "migrate", source: sqlx::Error::Migrate(Box::new(e)) })?;
        Ok(Self { pool })
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
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
