//! SQLite in WAL mode with one writer.

mod rows;

use std::{path::Path, time::Duration};

use sqlx::{
    Row, Sqlite, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use stakeout_contract::{
    Epoch, JobId, Sha256Digest, TrialId, WorkerId,
    lease::{Abilities, Completion},
    observation::Observation,
    result::JobResult,
    trial::{TrialEnd, TrialState},
};
use stakeout_domain::lease::{Command, Millis, TrialRow, apply};

use crate::{JobRow, Store, StoreError, TrialFull};
use rows::{bad, job_of, state_text, trial_of, write_row};

/// A store in one file. Only one process may write at a time; a second one waits.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    pool: SqlitePool,
}

fn db(doing: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |source| StoreError::Database { doing, source }
}

/// How long the one writer is waited for. On a machine that does too much a queue of writes is slow, and a job must not fail by it.
const PATIENCE: Duration = Duration::from_secs(300);

impl SqliteStore {
    /// Opens or makes the file, and brings its tables to this version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(PATIENCE);
        let pool = SqlitePoolOptions::new().max_connections(1).acquire_timeout(PATIENCE).connect_with(options).await.map_err(db("open"))?;
        sqlx::migrate!("./migrations")
            .run(&pool)
            .await
            .map_err(|e| StoreError::Database { doing: "migrate", source: sqlx::Error::Migrate(Box::new(e)) })?;
        Ok(Self { pool })
    }

    /// Writes everything out and closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(db("begin"))
    }

    /// Reads a trial's row, asks the domain what the command makes of it, writes that. The transaction stays open.
    async fn change(
        tx: &mut Transaction<'static, Sqlite>,
        trial: &TrialId,
        command: &Command,
        now: Millis,
    ) -> Result<TrialRow, StoreError> {
        let row = rows::trial_row(tx, trial).await?;
        let next = apply(&row, command, now)?;
        write_row(tx, trial, &next).await?;
        Ok(next)
    }

    async fn fenced(tx: &mut Transaction<'static, Sqlite>, trial: &TrialId, epoch: Epoch) -> Result<(), StoreError> {
        let row = rows::trial_row(tx, trial).await?;
        // A write is allowed where a completion would be.
        apply(&row, &Command::Complete { epoch, state: TrialState::Finished }, 0)?;
        Ok(())
    }
}

impl Store for SqliteStore {
    async fn insert_job(&self, job: JobRow, trials: Vec<TrialId>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let spec = serde_json::to_string(&job.spec).map_err(bad("jobs"))?;
        sqlx::query("INSERT INTO jobs (id, spec, secret, state, created) VALUES (?, ?, ?, ?, ?)")
            .bind(job.id.as_str())
            .bind(spec)
            .bind(job.secret.to_vec())
            .bind(state_text(job.state))
            .bind(job.created)
            .execute(&mut *tx)
            .await
            .map_err(db("insert a job"))?;
        for (i, trial) in trials.iter().enumerate() {
            sqlx::query("INSERT INTO trials (id, job, number, device, api, state, epoch, cancel) VALUES (?, ?, ?, ?, ?, 'queued', 0, 0)")
                .bind(trial.as_str())
                .bind(job.id.as_str())
                .bind(i64::try_from(i + 1).unwrap_or(i64::MAX))
                .bind(job.spec.device.as_str())
                .bind(i64::from(job.spec.scenario.device.api))
                .execute(&mut *tx)
                .await
                .map_err(db("insert a trial"))?;
        }
        tx.commit().await.map_err(db("commit"))
    }

    async fn job(&self, id: &JobId) -> Result<JobRow, StoreError> {
        let row =
            sqlx::query("SELECT * FROM jobs WHERE id = ?").bind(id.as_str()).fetch_optional(&self.pool).await.map_err(db("read a job"))?;
        job_of(&row.ok_or_else(|| StoreError::NotFound { what: "job", id: id.to_string() })?)
    }

    async fn jobs(&self, most: u32) -> Result<Vec<JobRow>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM jobs ORDER BY created DESC, id DESC LIMIT ?").bind(i64::from(most)).fetch_all(&self.pool).await;
        rows.map_err(db("read jobs"))?.iter().map(job_of).collect()
    }

    async fn trials(&self, job: &JobId) -> Result<Vec<TrialFull>, StoreError> {
        let rows = sqlx::query("SELECT * FROM trials WHERE job = ? ORDER BY number").bind(job.as_str()).fetch_all(&self.pool).await;
        rows.map_err(db("read trials"))?.iter().map(trial_of).collect()
    }

    async fn lease(
        &self,
        worker: &WorkerId,
        abilities: &Abilities,
        now: Millis,
        seconds: u64,
    ) -> Result<Option<(TrialFull, JobRow)>, StoreError> {
        let mut tx = self.begin().await?;
        for (device, levels) in &abilities.devices {
            let levels = serde_json::to_string(levels).map_err(bad("abilities"))?;
            let found = sqlx::query(
                "SELECT id FROM trials WHERE state = 'queued' AND device = ? AND api IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT 1",
            )
            .bind(device.as_str())
            .bind(levels)
            .fetch_optional(&mut *tx)
            .await
            .map_err(db("find a queued trial"))?;
            let Some(found) = found else { continue };
            let id: TrialId = found.get::<String, _>(0).parse().map_err(bad("trials"))?;
            Self::change(&mut tx, &id, &Command::Lease { worker: worker.clone(), seconds }, now).await?;
            let row =
                sqlx::query("SELECT * FROM trials WHERE id = ?").bind(id.as_str()).fetch_one(&mut *tx).await.map_err(db("read a trial"))?;
            let trial = trial_of(&row)?;
            let job = sqlx::query("SELECT * FROM jobs WHERE id = ?").bind(trial.job.as_str()).fetch_one(&mut *tx).await;
            let job = job_of(&job.map_err(db("read a job"))?)?;
            sqlx::query("UPDATE jobs SET state = 'running' WHERE id = ? AND state = 'queued'")
                .bind(trial.job.as_str())
                .execute(&mut *tx)
                .await
                .map_err(db("start a job"))?;
            tx.commit().await.map_err(db("commit"))?;
            return Ok(Some((trial, job)));
        }
        Ok(None)
    }

    async fn trial_job(&self, trial: &TrialId) -> Result<JobId, StoreError> {
        let row = sqlx::query("SELECT job FROM trials WHERE id = ?").bind(trial.as_str()).fetch_optional(&self.pool).await;
        let row = row.map_err(db("read a trial"))?.ok_or_else(|| StoreError::NotFound { what: "trial", id: trial.to_string() })?;
        row.get::<String, _>(0).parse().map_err(bad("trials"))
    }

    async fn waiting(&self) -> Result<u32, StoreError> {
        let row = sqlx::query("SELECT count(*) FROM trials WHERE state = 'queued'")
            .fetch_one(&self.pool)
            .await
            .map_err(db("count waiting trials"))?;
        Ok(u32::try_from(row.get::<i64, _>(0)).unwrap_or(u32::MAX))
    }

    async fn renew(&self, trial: &TrialId, epoch: Epoch, now: Millis, seconds: u64) -> Result<TrialRow, StoreError> {
        let mut tx = self.begin().await?;
        let row = Self::change(&mut tx, trial, &Command::Renew { epoch, seconds }, now).await?;
        tx.commit().await.map_err(db("commit"))?;
        Ok(row)
    }

    async fn observe(&self, trial: &TrialId, epoch: Epoch, first: u64, observations: &[Observation]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        Self::fenced(&mut tx, trial, epoch).await?;
        for (line, o) in (i64::try_from(first).unwrap_or(i64::MAX)..).zip(observations) {
            sqlx::query("INSERT OR IGNORE INTO observations (trial, epoch, line, observation) VALUES (?, ?, ?, ?)")
                .bind(trial.as_str())
                .bind(i64::from(epoch.0))
                .bind(line)
                .bind(serde_json::to_string(o).map_err(bad("observations"))?)
                .execute(&mut *tx)
                .await
                .map_err(db("insert an observation"))?;
        }
        tx.commit().await.map_err(db("commit"))
    }

    async fn observations(&self, trial: &TrialId, epoch: Epoch) -> Result<Vec<Observation>, StoreError> {
        let rows = sqlx::query("SELECT observation FROM observations WHERE trial = ? AND epoch = ? ORDER BY line")
            .bind(trial.as_str())
            .bind(i64::from(epoch.0))
            .fetch_all(&self.pool)
            .await
            .map_err(db("read observations"))?;
        rows.iter().map(|r| serde_json::from_str(&r.get::<String, _>(0)).map_err(bad("observations"))).collect()
    }

    async fn note_artifact(&self, trial: &TrialId, epoch: Epoch, digest: &Sha256Digest) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        Self::fenced(&mut tx, trial, epoch).await?;
        sqlx::query("INSERT OR IGNORE INTO artifacts (trial, epoch, sha256) VALUES (?, ?, ?)")
            .bind(trial.as_str())
            .bind(i64::from(epoch.0))
            .bind(digest.to_string())
            .execute(&mut *tx)
            .await
            .map_err(db("insert an artifact"))?;
        tx.commit().await.map_err(db("commit"))
    }

    async fn complete(&self, trial: &TrialId, epoch: Epoch, completion: &Completion, now: Millis) -> Result<TrialRow, StoreError> {
        let mut tx = self.begin().await?;
        let row = Self::change(&mut tx, trial, &Command::Complete { epoch, state: completion.record.end.state }, now).await?;
        sqlx::query("UPDATE trials SET completion = ? WHERE id = ?")
            .bind(serde_json::to_string(completion).map_err(bad("trials"))?)
            .bind(trial.as_str())
            .execute(&mut *tx)
            .await
            .map_err(db("keep a completion"))?;
        tx.commit().await.map_err(db("commit"))?;
        Ok(row)
    }

    async fn give_back(&self, trial: &TrialId, epoch: Epoch, end: &TrialEnd, now: Millis) -> Result<TrialRow, StoreError> {
        let mut tx = self.begin().await?;
        let row = Self::change(&mut tx, trial, &Command::GiveBack { epoch }, now).await?;
        sqlx::query("UPDATE trials SET ended = ? WHERE id = ?")
            .bind(serde_json::to_string(end).map_err(bad("trials"))?)
            .bind(trial.as_str())
            .execute(&mut *tx)
            .await
            .map_err(db("keep a trial's end"))?;
        tx.commit().await.map_err(db("commit"))?;
        Ok(row)
    }

    async fn expire(&self, now: Millis) -> Result<Vec<TrialId>, StoreError> {
        let mut tx = self.begin().await?;
        let over =
            sqlx::query("SELECT id FROM trials WHERE state IN ('leased', 'running') AND expires <= ?").bind(now).fetch_all(&mut *tx).await;
        let over: Vec<TrialId> = over
            .map_err(db("find lost leases"))?
            .iter()
            .map(|r| r.get::<String, _>(0).parse().map_err(bad("trials")))
            .collect::<Result<_, _>>()?;
        for id in &over {
            Self::change(&mut tx, id, &Command::Expire, now).await?;
        }
        tx.commit().await.map_err(db("commit"))?;
        Ok(over)
    }

    async fn cancel(&self, job: &JobId, now: Millis) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let open = sqlx::query("SELECT id FROM trials WHERE job = ? AND state IN ('queued', 'leased', 'running')")
            .bind(job.as_str())
            .fetch_all(&mut *tx)
            .await;
        for row in open.map_err(db("find open trials"))? {
            let id: TrialId = row.get::<String, _>(0).parse().map_err(bad("trials"))?;
            Self::change(&mut tx, &id, &Command::Cancel, now).await?;
        }
        tx.commit().await.map_err(db("commit"))
    }

    async fn finish_job(&self, job: &JobId, state: TrialState, result: &JobResult) -> Result<(), StoreError> {
        sqlx::query("UPDATE jobs SET state = ?, result = ? WHERE id = ?")
            .bind(state_text(state))
            .bind(serde_json::to_string(result).map_err(bad("jobs"))?)
            .bind(job.as_str())
            .execute(&self.pool)
            .await
            .map_err(db("keep a result"))?;
        Ok(())
    }
}
