//! A trial's change, and what its job keeps of it: counts, state, events, whether its decision is due.

use sqlx::QueryBuilder;
use stakeout_contract::{
    Epoch, JobId, Sha256Digest, TenantId, TrialId,
    api::{events::What, jobs::TrialCounts},
    trial::TrialState,
};
use stakeout_domain::{
    lease::{Command, Millis, TrialRow, apply},
    tally,
};

use super::{
    Conn, Db, DbRow,
    row::{Read, trial_row_of},
};
use crate::{
    StoreError,
    codec::{bad, columns, db, int, json, missing, word},
};

/// A trial whose row this transaction has locked.
pub(super) struct Locked {
    pub(super) id: TrialId,
    pub(super) job: JobId,
    pub(super) tenant: TenantId,
    pub(super) number: u32,
    pub(super) row: TrialRow,
    /// When it was leased.
    pub(super) leased: Option<Millis>,
    /// SHA-256 of its completion.
    pub(super) digest: Option<Sha256Digest>,
}

/// A row of `trials` that was selected for a change.
pub(super) fn locked_of(row: &DbRow) -> Result<Locked, StoreError> {
    let r = Read("trials", row);
    Ok(Locked {
        id: r.id("id")?,
        job: r.id("job")?,
        tenant: r.id("tenant")?,
        number: r.small("number")?,
        row: trial_row_of(&r)?,
        leased: r.get("leased")?,
        digest: r.maybe_id("digest")?,
    })
}

/// The columns of [`Locked`].
macro_rules! locked_columns {
    () => {
        "id, job, tenant, number, state, epoch, worker, expires, cancel, failed_on, attempts, leases, leased, digest"
    };
}
pub(super) use locked_columns;

/// Locks a trial.
pub(super) async fn lock_trial(conn: &mut Conn, id: &TrialId) -> Result<Locked, StoreError> {
    let row =
        maybe!(conn, "lock a trial", concat!("SELECT ", locked_columns!(), " FROM trials WHERE id = $1", for_update!()), id.as_str())?;
    locked_of(&row.ok_or_else(|| missing("trial", id))?)
}

/// Locks a trial for a write of this lease. A write is allowed where a completion would be.
pub(super) async fn fence(conn: &mut Conn, id: &TrialId, epoch: Epoch) -> Result<Locked, StoreError> {
    let trial = lock_trial(conn, id).await?;
    apply(&trial.row, &Command::Complete { epoch, state: TrialState::Finished }, 0)?;
    Ok(trial)
}

/// What a trial's worker handed in.
pub(super) struct Kept {
    /// The completion.
    pub(super) text: String,
    /// Its SHA-256.
    pub(super) digest: Sha256Digest,
    pub(super) bytes: i64,
}

/// Writes what a trial became. Gives the milliseconds of a slot that this ended, if it did.
pub(super) async fn write_trial(conn: &mut Conn, trial: &Locked, next: &TrialRow, now: Millis) -> Result<i64, StoreError> {
    write_end(conn, trial, next, None, now).await
}

/// The same, with what was handed in.
pub(super) async fn write_end(
    conn: &mut Conn,
    trial: &Locked,
    next: &TrialRow,
    kept: Option<&Kept>,
    now: Millis,
) -> Result<i64, StoreError> {
    let began = trial.row.state == TrialState::Queued && next.state == TrialState::Leased;
    let let_go = trial.row.worker.is_some() && next.worker.is_none();
    let slot = if let_go { trial.leased.map_or(0, |l| (now - l).max(0)) } else { 0 };
    let leased = if began { Some(now) } else { trial.leased.filter(|_| !let_go) };
    run!(
        conn,
        "write a trial",
        "UPDATE trials SET state = $1, epoch = $2, worker = $3, expires = $4, cancel = $5, failed_on = $6, leased = $7, done = $8, \
         slot_ms = slot_ms + $9, attempts = $10, leases = $11, completion = coalesce($13, completion), digest = coalesce($14, digest), \
         kept = coalesce($15, kept), ended = CASE WHEN $13 IS NULL THEN ended END WHERE id = $12",
        word("trials", &next.state)?,
        i64::from(next.epoch.0),
        next.worker.as_ref().map(|w| w.as_str().to_owned()),
        next.expires,
        i64::from(next.cancel),
        json("trials", &next.failed_on)?,
        leased,
        next.state.is_final().then_some(now),
        slot,
        i64::from(next.attempts),
        i64::from(next.leases),
        trial.id.as_str(),
        kept.map(|k| k.text.as_str()),
        kept.map(|k| k.digest.to_string()),
        kept.map(|k| k.bytes)
    )?;
    Ok(slot)
}

/// An event to be kept.
pub(super) enum Told {
    /// As it is.
    What(What),
    /// Lines of a stream.
    Lines { trial: TrialId, epoch: Epoch, first: u64, lines: u64 },
    /// What a trial's completion found.
    Found { trial: TrialId },
}

impl Told {
    /// That a trial is in another state.
    pub(super) fn trial(trial: &Locked, next: &TrialRow, reason: &str) -> Self {
        Self::What(What::Trial {
            trial: trial.id.clone(),
            trial_number: trial.number,
            epoch: next.epoch.0,
            state: next.state,
            reason: reason.to_owned(),
        })
    }
}

/// Counts moves of a job's trials, keeps the events that tell of them, and makes the job due when they were the last.
pub(super) async fn settle(
    conn: &mut Conn,
    job: &JobId,
    moves: &[(TrialState, TrialState)],
    told: Vec<Told>,
    now: Millis,
) -> Result<(), StoreError> {
    let row = maybe!(
        conn,
        "lock a job",
        concat!(
            "SELECT state, trials, queued, running, finished, failed, cancelled, events, ended, due FROM jobs WHERE id = $1",
            for_update!()
        ),
        job.as_str()
    )?;
    settle_locked(conn, job, &row.ok_or_else(|| missing("job", job))?, moves, told, now).await.map(drop)
}

/// The same, of a job whose row this transaction has locked and read. Gives what became of its state and counts.
pub(super) async fn settle_locked(
    conn: &mut Conn,
    job: &JobId,
    row: &DbRow,
    moves: &[(TrialState, TrialState)],
    mut told: Vec<Told>,
    now: Millis,
) -> Result<(TrialState, TrialCounts), StoreError> {
    let r = Read("jobs", row);
    let (mut state, mut counts, before) = (r.word::<TrialState>("state")?, r.counts()?, r.int("events")?);
    for (from, to) in moves {
        tally::moved(&mut counts, *from, *to);
    }
    if state == TrialState::Queued && moves.iter().any(|(_, to)| *to == TrialState::Leased) {
        state = TrialState::Running;
        told.insert(0, Told::What(What::Job { state, reason: String::new() }));
    }
    let mut due: Option<Millis> = r.get("due")?;
    if due.is_none() && r.get::<Option<Millis>>("ended")?.is_none() && tally::over(&counts) {
        // At once, whatever the clocks of other orchestrators say, or this one's after a step back.
        due = Some(0);
    }
    let [all, queued, running, finished, failed, cancelled] = columns(&counts);
    run!(
        conn,
        "count a job's trials",
        "UPDATE jobs SET state = $1, trials = $2, queued = $3, running = $4, finished = $5, failed = $6, cancelled = $7, due = $8, \
         events = events + $9 WHERE id = $10",
        word("jobs", &state)?,
        all,
        queued,
        running,
        finished,
        failed,
        cancelled,
        due,
        int(told.len() as u64),
        job.as_str()
    )?;
    tell(conn, job, before, &told, now).await?;
    Ok((state, counts))
}

/// Writes events with the numbers after `before`; the job's row must be locked, and its count moved.
pub(super) async fn tell(conn: &mut Conn, job: &JobId, before: i64, told: &[Told], now: Millis) -> Result<(), StoreError> {
    for (part, told) in told.chunks(500).enumerate() {
        let mut rows = Vec::with_capacity(told.len());
        for t in told {
            rows.push(match t {
                Told::What(what) => ("other", None, None, None, None, Some(json("events", what)?)),
                Told::Lines { trial, epoch, first, lines } => {
                    ("observations", Some(trial.as_str()), Some(i64::from(epoch.0)), Some(int(*first)), Some(int(*lines)), None)
                }
                Told::Found { trial } => ("findings", Some(trial.as_str()), None, None, None, None),
            });
        }
        let first = before + 1 + i64::try_from(part * 500).map_err(bad("events"))?;
        let mut q = QueryBuilder::<Db>::new("INSERT INTO events (job, number, at, kind, trial, epoch, first, lines, what) ");
        q.push_values((first..).zip(rows), |mut b, (number, (kind, trial, epoch, first, lines, what))| {
            b.push_bind(job.as_str()).push_bind(number).push_bind(now).push_bind(kind).push_bind(trial);
            b.push_bind(epoch).push_bind(first).push_bind(lines).push_bind(what);
        });
        q.build().execute(&mut *conn).await.map_err(db("keep events"))?;
    }
    Ok(())
}
