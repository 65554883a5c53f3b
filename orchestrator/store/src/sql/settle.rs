//! What a job keeps of its trials' changes: counts, state, events, whether its decision is due.

use std::collections::BTreeMap;

use serde::Serialize;
use stakeout_contract::{
    Epoch, JobId, TrialId,
    api::{events::What, jobs::TrialCounts},
    trial::TrialState,
};
use stakeout_domain::{
    lease::{Millis, TrialRow},
    tally,
};

use super::{Conn, Db, DbRow, change::Locked, row::Read};
use crate::{
    StoreError,
    codec::{columns, json, missing},
};

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
    pub(super) fn trial(trial: &Locked, next: &TrialRow, reason: &str, stopped: bool) -> Self {
        Self::What(What::Trial {
            trial: trial.id.clone(),
            trial_number: trial.number,
            epoch: next.epoch.0,
            state: next.state,
            reason: reason.to_owned(),
            stopped,
        })
    }
}

/// What a job gets to know of its trials.
#[derive(Default)]
pub(super) struct Settled {
    pub(super) moves: Vec<(TrialState, TrialState)>,
    pub(super) told: Vec<Told>,
}

impl Settled {
    /// That a trial became this, and what is told of it.
    pub(super) fn moved(&mut self, trial: &Locked, next: &TrialRow, reason: &str) {
        self.moves.push((trial.row.state, next.state));
        self.told.push(Told::trial(trial, next, reason, false));
    }

    /// The same of a lease that ended without a completion; `stopped`: its worker was told to.
    pub(super) fn let_go(&mut self, trial: &Locked, next: &TrialRow, reason: &str, stopped: bool) {
        self.moves.push((trial.row.state, next.state));
        self.told.push(Told::trial(trial, next, reason, stopped));
    }
}

/// Counts moves of a job's trials, keeps the events that tell of them, and makes the job due when they were the last.
pub(super) async fn settle(conn: &mut Conn, job: &JobId, settled: Settled, now: Millis) -> Result<(), StoreError> {
    settle_all(conn, BTreeMap::from([(job.clone(), settled)]), now).await
}

/// The same for several jobs.
pub(super) async fn settle_all(conn: &mut Conn, jobs: BTreeMap<JobId, Settled>, now: Millis) -> Result<(), StoreError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let rows = all!(
        conn,
        "lock jobs",
        concat!(
            "SELECT id, state, trials, queued, running, finished, failed, cancelled, events, ended, due FROM jobs WHERE ",
            among!("id", "$1"),
            " ORDER BY id",
            for_update!()
        ),
        json("jobs", &jobs.keys().collect::<Vec<_>>())?
    )?;
    settle_locked(conn, rows, jobs, now).await.map(drop)
}

/// What is written of a job.
#[derive(Serialize)]
struct JobWrite {
    id: JobId,
    state: TrialState,
    all_trials: i64,
    waiting: i64,
    busy: i64,
    done: i64,
    lost: i64,
    given_up: i64,
    when_due: Option<Millis>,
    told: usize,
}

/// The same, of jobs whose rows this transaction has locked and read. Gives what became of their states and counts.
pub(super) async fn settle_locked(
    conn: &mut Conn,
    rows: impl IntoIterator<Item = DbRow>,
    mut jobs: BTreeMap<JobId, Settled>,
    now: Millis,
) -> Result<BTreeMap<JobId, (TrialState, TrialCounts)>, StoreError> {
    let (mut writes, mut events, mut became) = (Vec::new(), Vec::new(), BTreeMap::new());
    for row in rows {
        let r = Read("jobs", &row);
        let id: JobId = r.id("id")?;
        let Some(Settled { moves, mut told }) = jobs.remove(&id) else { continue };
        let (mut state, mut counts, before) = (r.word::<TrialState>("state")?, r.counts()?, r.int("events")?);
        for (from, to) in &moves {
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
        let [all_trials, waiting, busy, done, lost, given_up] = columns(&counts);
        writes.push(JobWrite { id: id.clone(), state, all_trials, waiting, busy, done, lost, given_up, when_due: due, told: told.len() });
        events.extend((before + 1..).zip(told).map(|(number, told)| (id.clone(), number, told)));
        became.insert(id, (state, counts));
    }
    if let Some(none) = jobs.keys().next() {
        return Err(missing("job", none));
    }
    run!(
        conn,
        "count jobs' trials",
        concat!(
            "UPDATE jobs SET state = n.state, trials = n.all_trials, queued = n.waiting, running = n.busy, finished = n.done, \
             failed = n.lost, cancelled = n.given_up, due = n.when_due, events = events + n.told FROM ",
            given!("$1": id text, state text, all_trials bigint, waiting bigint, busy bigint, done bigint, lost bigint, given_up bigint,
                when_due bigint, told bigint),
            " WHERE jobs.id = n.id AND ",
            among!("jobs.id", "$2")
        ),
        json("jobs", &writes)?,
        json("jobs", &writes.iter().map(|w| &w.id).collect::<Vec<_>>())?
    )?;
    tell_all(conn, &events, now).await?;
    Ok(became)
}

/// Writes events with the numbers after `before`; the job's row must be locked, and its count moved.
pub(super) async fn tell(conn: &mut Conn, job: &JobId, before: i64, told: Vec<Told>, now: Millis) -> Result<(), StoreError> {
    let events: Vec<_> = (before + 1..).zip(told).map(|(number, told)| (job.clone(), number, told)).collect();
    tell_all(conn, &events, now).await
}

/// What is written of an event.
#[derive(Serialize)]
struct EventWrite<'a> {
    job: &'a JobId,
    number: i64,
    at: Millis,
    kind: &'static str,
    trial: Option<&'a TrialId>,
    epoch: Option<u32>,
    first: Option<u64>,
    lines: Option<u64>,
    what: Option<String>,
}

async fn tell_all(conn: &mut Conn, events: &[(JobId, i64, Told)], now: Millis) -> Result<(), StoreError> {
    for part in events.chunks(500) {
        let mut rows = Vec::with_capacity(part.len());
        for (job, number, told) in part {
            let none =
                EventWrite { job, number: *number, at: now, kind: "other", trial: None, epoch: None, first: None, lines: None, what: None };
            rows.push(match told {
                Told::What(what) => EventWrite { what: Some(json("events", what)?), ..none },
                Told::Lines { trial, epoch, first, lines } => EventWrite {
                    kind: "observations",
                    trial: Some(trial),
                    epoch: Some(epoch.0),
                    first: Some(*first),
                    lines: Some(*lines),
                    ..none
                },
                Told::Found { trial } => EventWrite { kind: "findings", trial: Some(trial), ..none },
            });
        }
        run!(
            conn,
            "keep events",
            concat!(
                "INSERT INTO events (job, number, at, kind, trial, epoch, first, lines, what) \
                 SELECT n.job, n.number, n.at, n.kind, n.trial, n.epoch, n.first, n.lines, n.what FROM ",
                given!("$1": job text, number bigint, at bigint, kind text, trial text, epoch bigint, first bigint, lines bigint, what text)
            ),
            json("events", &rows)?
        )?;
    }
    Ok(())
}
