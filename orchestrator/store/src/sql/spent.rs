//! What a lease has written, counted in the row of its trial, which each of its writes locks: see [`stakeout_domain::budget`]. What is
//! counted is of one epoch; the next lease begins anew.

use stakeout_contract::{Epoch, TrialId, trial::TrialState};
use stakeout_domain::{
    budget,
    lease::{Command, apply},
};

use super::{
    Conn, Db, DbRow,
    change::{Locked, locked_columns, locked_of},
    row::Read,
};
use crate::{
    StoreError,
    codec::{int, missing, uint},
};

/// What a write adds.
#[derive(Clone, Copy, Default)]
pub(super) struct Adds {
    pub(super) told: u64,
    pub(super) artifacts: u64,
    pub(super) bytes: u64,
}

/// What there is of it with that.
pub(super) struct Spent {
    pub(super) told: u64,
    pub(super) artifacts: u64,
    bytes: u64,
}

/// Locks a trial and counts what a write of its lease adds, in one statement.
async fn count(conn: &mut Conn, id: &TrialId, adds: Adds) -> Result<(DbRow, Spent), StoreError> {
    let row = maybe!(
        conn,
        "count what a lease writes",
        concat!(
            "UPDATE trials SET told = CASE WHEN counted = epoch THEN told ELSE 0 END + $1, \
             artifacts = CASE WHEN counted = epoch THEN artifacts ELSE 0 END + $2, \
             artifact_bytes = CASE WHEN counted = epoch THEN artifact_bytes ELSE 0 END + $3, counted = epoch WHERE id = $4 \
             RETURNING told, artifacts, artifact_bytes, ",
            locked_columns!()
        ),
        int(adds.told),
        int(adds.artifacts),
        int(adds.bytes),
        id.as_str()
    )?;
    let row = row.ok_or_else(|| missing("trial", id))?;
    let r = Read("trials", &row);
    let spent = Spent { told: uint(r.int("told")?), artifacts: uint(r.int("artifacts")?), bytes: uint(r.int("artifact_bytes")?) };
    Ok((row, spent))
}

/// As [`super::change::fence`], for a write that is counted.
pub(super) async fn fence(conn: &mut Conn, id: &TrialId, epoch: Epoch, adds: Adds) -> Result<(Locked, Spent), StoreError> {
    let (row, spent) = count(conn, id, adds).await?;
    let trial = locked_of(&row)?;
    apply(&trial.row, &Command::Complete { epoch, state: TrialState::Finished }, 0)?;
    Ok((trial, spent))
}

/// Counts an upload of an artifact that begins, where its trial may have it.
pub(super) async fn upload(conn: &mut Conn, trial: &TrialId, bytes: u64) -> Result<(), StoreError> {
    let (row, spent) = count(conn, trial, Adds { bytes, ..Adds::default() }).await?;
    let open = one!(
        conn,
        "count open uploads of a trial",
        "SELECT count(*) AS n FROM uploads WHERE tenant = $1 AND trial = $2 AND complete = 0",
        Read("trials", &row).get::<&str>("tenant")?,
        trial.as_str()
    )?;
    Ok(budget::uploads(uint(Read("uploads", &open).int("n")?).saturating_add(1), spent.bytes)?)
}
