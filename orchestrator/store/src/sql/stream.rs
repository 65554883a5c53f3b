//! What a lease streams: observations, artifacts, progress.

use sqlx::QueryBuilder;
use stakeout_contract::{Epoch, Sha256Digest, TrialId, api::events::What, observation::Observation};
use stakeout_domain::{budget, lease::Millis};

use super::{
    Backend, Conn, Db, blobs,
    change::fence,
    end::holder,
    hold::{Must, hold},
    row::Read,
    settle::{Settled, Told, settle},
    spent::{self, Adds},
    usage::{self, Used},
};
use crate::{
    StoreError,
    codec::{db, int, json, uint},
};

/// See [`crate::Jobs::observe`].
pub(super) async fn observe(
    store: &Backend,
    id: &TrialId,
    epoch: Epoch,
    first: u64,
    observations: &[Observation],
    now: Millis,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    let trial = fence(&mut tx, id, epoch).await?;
    let (here, mut upto) = so_far(&mut tx, id, epoch).await?;
    if first > here {
        // A hole would be lost evidence that nobody sees.
        return Err(StoreError::Changed { what: "stream of observations", id: format!("{id} at line {here}") });
    }
    let new = observations.get((here - first) as usize..).unwrap_or_default();
    if new.is_empty() {
        return Ok(());
    }
    let mut line = int(here);
    for part in new.chunks(1000) {
        let mut rows = Vec::with_capacity(part.len());
        for o in part {
            let text = json("observations", o)?;
            upto += text.len() as u64;
            rows.push((text, int(upto)));
        }
        budget::observations(here + new.len() as u64, upto)?;
        let mut q = QueryBuilder::<Db>::new("INSERT INTO observations (trial, epoch, line, observation, upto) ");
        q.push_values((line..).zip(rows), |mut b, (line, (text, upto))| {
            b.push_bind(id.as_str()).push_bind(i64::from(epoch.0)).push_bind(line).push_bind(text).push_bind(upto);
        });
        q.build().persistent(false).execute(&mut *tx).await.map_err(db("insert observations"))?;
        line += int(part.len() as u64);
    }
    let told = Told::Lines { trial: id.clone(), epoch, first: here, lines: new.len() as u64 };
    settle(&mut tx, &trial.job, Settled { told: vec![told], ..Settled::default() }, now).await?;
    tx.commit().await.map_err(db("commit"))
}

/// How many lines a lease's stream has, and how many bytes: the last one knows.
async fn so_far(conn: &mut Conn, id: &TrialId, epoch: Epoch) -> Result<(u64, u64), StoreError> {
    let last = maybe!(
        conn,
        "look at the end of a stream",
        "SELECT line, upto FROM observations WHERE trial = $1 AND epoch = $2 ORDER BY line DESC LIMIT 1",
        id.as_str(),
        i64::from(epoch.0)
    )?;
    let Some(row) = last else { return Ok((0, 0)) };
    let r = Read("observations", &row);
    Ok((uint(r.int("line")?) + 1, uint(r.int("upto")?)))
}

/// See [`crate::Jobs::observations`].
pub(super) async fn observations(
    store: &Backend,
    id: &TrialId,
    epoch: Epoch,
    from: u64,
    most: u32,
) -> Result<Vec<Observation>, StoreError> {
    let rows = all!(
        store.reader().await?,
        "read observations",
        "SELECT observation FROM observations WHERE trial = $1 AND epoch = $2 AND line >= $3 ORDER BY line LIMIT $4",
        id.as_str(),
        i64::from(epoch.0),
        int(from),
        i64::from(most)
    )?;
    rows.iter().map(|r| Read("observations", r).json("observation")).collect()
}

/// See [`crate::Jobs::note_artifact`].
pub(super) async fn note_artifact(
    store: &Backend,
    id: &TrialId,
    epoch: Epoch,
    digest: &Sha256Digest,
    bytes: u64,
    now: Millis,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    // First, as only what is new is counted.
    let new = run!(
        tx,
        "insert an artifact",
        "INSERT INTO artifacts (trial, epoch, sha256) SELECT id, $2, $3 FROM trials WHERE id = $1 ON CONFLICT DO NOTHING",
        id.as_str(),
        i64::from(epoch.0),
        digest.to_string()
    )?;
    let trial = if new > 0 {
        let (trial, spent) = spent::fence(&mut tx, id, epoch, Adds { artifacts: 1, ..Adds::default() }).await?;
        budget::artifacts(spent.artifacts)?;
        trial
    } else {
        fence(&mut tx, id, epoch).await?
    };
    let new = blobs::give(&mut tx, &trial.tenant, digest, bytes, now).await?;
    hold(&mut tx, &trial.tenant, &holder(id), [*digest], Must::BeThere, now).await?;
    if new {
        usage::add(&mut tx, &trial.tenant, id.as_str(), Used { bytes: int(bytes), ..Used::default() }, now).await?;
    }
    tx.commit().await.map_err(db("commit"))
}

/// See [`crate::Jobs::tell`].
pub(super) async fn tell(store: &Backend, id: &TrialId, epoch: Epoch, what: &What, now: Millis) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    let (trial, spent) = spent::fence(&mut tx, id, epoch, Adds { told: 1, ..Adds::default() }).await?;
    budget::progress(spent.told, trial.leased.map_or(0, |leased| now.saturating_sub(leased)))?;
    settle(&mut tx, &trial.job, Settled { told: vec![Told::What(what.clone())], ..Settled::default() }, now).await?;
    tx.commit().await.map_err(db("commit"))
}
