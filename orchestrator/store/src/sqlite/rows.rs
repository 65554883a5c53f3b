//! Between rows and types.

use sqlx::{Row, Sqlite, Transaction, sqlite::SqliteRow};
use stakeout_contract::{Epoch, TrialId, trial::TrialState};
use stakeout_domain::lease::TrialRow;

use super::db;
use crate::{JobRow, StoreError, TrialFull};

/// A row that does not read as its type.
pub(super) fn bad<E: std::error::Error + Send + Sync + 'static>(what: &'static str) -> impl Fn(E) -> StoreError {
    move |e| StoreError::BadRow { what, source: Box::new(e) }
}

pub(super) const fn state_text(s: TrialState) -> &'static str {
    match s {
        TrialState::Queued => "queued",
        TrialState::Leased => "leased",
        TrialState::Running => "running",
        TrialState::Finished => "finished",
        TrialState::Failed => "failed",
        TrialState::Cancelled => "cancelled",
    }
}

fn state_of(text: String) -> Result<TrialState, StoreError> {
    serde_json::from_value(serde_json::Value::String(text)).map_err(bad("trials"))
}

pub(super) fn job_of(r: &SqliteRow) -> Result<JobRow, StoreError> {
    let secret: Vec<u8> = r.get("secret");
    let secret = secret.try_into().map_err(|_| StoreError::BadRow { what: "jobs", source: "a secret has 32 bytes".into() })?;
    Ok(JobRow {
        id: r.get::<String, _>("id").parse().map_err(bad("jobs"))?,
        spec: serde_json::from_str(&r.get::<String, _>("spec")).map_err(bad("jobs"))?,
        secret,
        state: state_of(r.get("state"))?,
        created: r.get("created"),
        result: r.get::<Option<String>, _>("result").map(|t| serde_json::from_str(&t)).transpose().map_err(bad("jobs"))?,
    })
}

fn row_of(r: &SqliteRow) -> Result<TrialRow, StoreError> {
    Ok(TrialRow {
        state: state_of(r.get("state"))?,
        epoch: Epoch(u32::try_from(r.get::<i64, _>("epoch")).map_err(bad("trials"))?),
        worker: r.get::<Option<String>, _>("worker").map(|w| w.parse()).transpose().map_err(bad("trials"))?,
        expires: r.get("expires"),
        cancel: r.get::<i64, _>("cancel") != 0,
    })
}

pub(super) fn trial_of(r: &SqliteRow) -> Result<TrialFull, StoreError> {
    Ok(TrialFull {
        id: r.get::<String, _>("id").parse().map_err(bad("trials"))?,
        job: r.get::<String, _>("job").parse().map_err(bad("trials"))?,
        number: u32::try_from(r.get::<i64, _>("number")).map_err(bad("trials"))?,
        row: row_of(r)?,
        completion: r.get::<Option<String>, _>("completion").map(|t| serde_json::from_str(&t)).transpose().map_err(bad("trials"))?,
        ended: r.get::<Option<String>, _>("ended").map(|t| serde_json::from_str(&t)).transpose().map_err(bad("trials"))?,
    })
}

pub(super) async fn trial_row(tx: &mut Transaction<'static, Sqlite>, id: &TrialId) -> Result<TrialRow, StoreError> {
    let r = sqlx::query("SELECT state, epoch, worker, expires, cancel FROM trials WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(&mut **tx)
        .await;
    row_of(&r.map_err(db("read a trial"))?.ok_or_else(|| StoreError::NotFound { what: "trial", id: id.to_string() })?)
}

pub(super) async fn write_row(tx: &mut Transaction<'static, Sqlite>, id: &TrialId, row: &TrialRow) -> Result<(), StoreError> {
    sqlx::query("UPDATE trials SET state = ?, epoch = ?, worker = ?, expires = ?, cancel = ? WHERE id = ?")
        .bind(state_text(row.state))
        .bind(i64::from(row.epoch.0))
        .bind(row.worker.as_ref().map(|w| w.as_str().to_owned()))
        .bind(row.expires)
        .bind(i64::from(row.cancel))
        .bind(id.as_str())
        .execute(&mut **tx)
        .await
        .map_err(db("write a trial"))?;
    Ok(())
}
