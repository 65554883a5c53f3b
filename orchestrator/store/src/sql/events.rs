//! A job's events, filled in.

use stakeout_contract::{
    Epoch, JobId, TrialId,
    api::events::{Event, What},
    lease::Completion,
    observation::Observation,
    trial::TrialState,
};

use super::{Backend, Conn, Db, row::Read};
use crate::{
    StoreError,
    codec::{bad, int, missing, uint},
};

/// Bytes of observations after which a part ends, and is shorter than was asked for: an event may have a thousand of any size.
const PART: usize = 4 << 20;

/// See [`crate::Jobs::progress`].
pub(super) async fn progress(store: &Backend, job: &JobId) -> Result<(TrialState, u64), StoreError> {
    let row = maybe!(store.reader().await?, "look at a job", "SELECT state, events FROM jobs WHERE id = $1", job.as_str())?;
    let row = row.ok_or_else(|| missing("job", job))?;
    let r = Read("jobs", &row);
    Ok((r.word("state")?, uint(r.int("events")?)))
}

/// See [`crate::Jobs::events`].
pub(super) async fn events(store: &Backend, job: &JobId, after: u64, most: u32) -> Result<Vec<Event>, StoreError> {
    let mut conn = store.reader().await?;
    let rows = all!(
        conn,
        "read events",
        "SELECT number, at, kind, trial, epoch, first, lines, what FROM events WHERE job = $1 AND number > $2 ORDER BY number LIMIT $3",
        job.as_str(),
        int(after),
        i64::from(most)
    )?;
    let mut events = Vec::with_capacity(rows.len());
    let mut bytes = 0;
    for row in &rows {
        let r = Read("events", row);
        let what = what_of(&mut conn, &r, &mut bytes).await?;
        events.push(Event { number: uint(r.int("number")?), job: job.clone(), at_ms: r.int("at")?, what });
        if bytes > PART {
            break;
        }
    }
    Ok(events)
}

/// What an event tells, and how many bytes of others' rows it took.
async fn what_of(conn: &mut Conn, r: &Read<'_>, bytes: &mut usize) -> Result<What, StoreError> {
    match r.get("kind")? {
        "observations" => {
            let (trial, epoch) = (r.id::<TrialId>("trial")?, Epoch(r.small("epoch")?));
            let (first, lines) = (r.int("first")?, r.int("lines")?);
            let rows = all!(
                conn,
                "read an event's observations",
                "SELECT observation FROM observations WHERE trial = $1 AND epoch = $2 AND line >= $3 AND line < $4 ORDER BY line",
                trial.as_str(),
                i64::from(epoch.0),
                first,
                first + lines
            )?;
            let mut observations: Vec<Observation> = Vec::with_capacity(rows.len());
            for row in &rows {
                let r = Read("observations", row);
                *bytes += r.get::<&str>("observation")?.len();
                observations.push(r.json("observation")?);
            }
            Ok(What::Observations { trial, epoch: epoch.0, first: uint(first), observations })
        }
        "findings" => {
            let trial = r.id::<TrialId>("trial")?;
            let row = maybe!(conn, "read an event's findings", "SELECT completion FROM trials WHERE id = $1", trial.as_str())?;
            let row = row.ok_or_else(|| missing("trial", &trial))?;
            let completion: Option<Completion> = Read("trials", &row).maybe_json("completion")?;
            Ok(What::Findings { trial, findings: completion.map(|c| c.analysis.findings).unwrap_or_default() })
        }
        "other" => r.json("what"),
        _ => Err(bad("events")("an event is observations, findings or other")),
    }
}
