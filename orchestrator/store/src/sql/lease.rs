//! The next trial of whoever is next.
//!
//! What this costs does not grow with what waits: one probe of an index finds the next tenant that has something waiting, one the
//! next trial of a tenant for a device and an API level. Trials that another is just taking are passed over.

use std::collections::{BTreeMap, BTreeSet};

use stakeout_contract::{
    JobId, TenantId,
    api::{fleet::WorkerMode, jobs::TrialCounts},
    lease::Abilities,
    trial::{TrialEnd, TrialState},
};
use stakeout_domain::{
    lease::Millis,
    share::{self, Share, Turn},
};

use super::{
    Backend, Conn, Db, DbRow,
    change::write_trials,
    end,
    next::{match_up, within_quota},
    row::{Read, columns, job_of, trial_of},
    settle::{Settled, settle_locked},
    together::latest,
};
use crate::{
    JobRow, LeaseFor, StoreError, TrialFull,
    codec::{db, json, missing, small},
    train::{Trip, ended},
};

/// A trial and its job.
type Got = (TrialFull, JobRow);

/// See [`crate::Jobs::lease`].
pub(super) async fn lease(store: &Backend, ask: &LeaseFor, now: Millis) -> Result<Option<Got>, StoreError> {
    store.trains.leases.ride(Ask { of: ask.clone(), now }, || Leases(store.clone())).await.unwrap_or_else(|| Err(ended()))
}

/// Workers that ask for trials.
pub(super) struct Leases(Backend);

pub(super) struct Ask {
    pub(super) of: LeaseFor,
    pub(super) now: Millis,
}

impl Trip for Leases {
    type Ask = Ask;
    type Got = Option<Got>;

    async fn at_once(&self, asks: &[Ask]) -> Result<Vec<Result<Option<Got>, StoreError>>, StoreError> {
        // Those that can have the same trials, by their places.
        let mut kinds: BTreeMap<(&TenantId, String), Vec<usize>> = BTreeMap::new();
        for (place, ask) in asks.iter().enumerate() {
            kinds.entry((&ask.of.tenant, devices(&ask.of.abilities))).or_default().push(place);
        }
        let mut answers: BTreeMap<usize, Result<Option<Got>, StoreError>> = BTreeMap::new();
        for places in kinds.into_values() {
            let of_a_kind: Vec<&Ask> = places.iter().map(|p| &asks[*p]).collect();
            match lease_all(&self.0, &of_a_kind).await {
                Ok(got) => answers.extend(places.into_iter().zip(got)),
                // Nothing is leased yet, so that all may be tried again.
                Err(e) if answers.values().all(|a| !matches!(a, Ok(Some(_)))) => return Err(e),
                Err(e) => tracing::warn!(error = &e as &dyn std::error::Error, "workers get no lease this time"),
            }
        }
        Ok((0..asks.len()).map(|place| answers.remove(&place).unwrap_or(Ok(None))).collect())
    }

    /// Its worker has gone before it had it: at once, so that nobody is charged for the time.
    async fn unwanted(&self, ask: &Ask, got: Option<Got>) {
        let Some((trial, _)) = got else { return };
        let why =
            TrialEnd { state: TrialState::Queued, stage: "lease".to_owned(), reason: "its worker had gone".to_owned(), log: String::new() };
        if let Err(e) = end::give_back(&self.0, &trial.id, trial.row.epoch, &why, ask.now).await {
            tracing::warn!(trial = %trial.id, error = &e as &dyn std::error::Error, "a lease that nobody has was not given back: it ends by itself");
        }
    }
}

/// Trials for workers of one kind, as many as there are.
async fn lease_all(store: &Backend, asks: &[&Ask]) -> Result<Vec<Result<Option<Got>, StoreError>>, StoreError> {
    let kind = &asks[0].of;
    let mut waiting = waiting_tenants(&mut *store.reader().await?, kind).await?;
    let mut answers: BTreeMap<usize, Result<Option<Got>, StoreError>> = BTreeMap::new();
    while answers.len() < asks.len() {
        let open: Vec<(usize, &Ask)> = asks.iter().enumerate().filter(|(p, _)| !answers.contains_key(p)).map(|(p, a)| (p, *a)).collect();
        let turns = share::turns(&waiting, open.len());
        if turns.is_empty() {
            break;
        }
        let round = match Box::pin(take(store, &open, &turns)).await {
            Ok(round) => round,
            Err(e) if answers.values().all(|a| !matches!(a, Ok(Some(_)))) => return Err(e),
            Err(e) => {
                tracing::warn!(error = &e as &dyn std::error::Error, "workers get no lease this time");
                break;
            }
        };
        answers.extend(round.answers);
        for Gave { turn, short } in round.gave {
            if turn.trials > 0 {
                charge(store, &turn, &kind_of(kind)).await;
            }
            // Who came short has no more for these workers.
            waiting.retain(|s| !short || s.tenant != turn.share.tenant);
            if let Some(s) = waiting.iter_mut().find(|s| s.tenant == turn.share.tenant) {
                (s.running, s.time) = (s.running.saturating_add(turn.trials), turn.after());
            }
        }
    }
    Ok((0..asks.len()).map(|place| answers.remove(&place).unwrap_or(Ok(None))).collect())
}

/// What workers can run, as a text.
fn devices(abilities: &Abilities) -> String {
    let devices = abilities.devices.iter().flat_map(|(device, levels)| levels.iter().map(move |api| device.with_api(*api)));
    devices.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(",")
}

/// The row of `shares` that has the time of workers of this kind: no tenant has such an id, all of them sort after these. A tenant's
/// own workers choose among nobody, and need no time.
fn kind_of(ask: &LeaseFor) -> String {
    if ask.tenant.is_farm() { format!("!{}", devices(&ask.abilities)) } else { String::new() }
}

/// Who has trials waiting that may be this worker's, each with the time that counts. The time of workers of a kind that is new begins
/// where the others' are.
async fn waiting_tenants(conn: &mut Conn, ask: &LeaseFor) -> Result<Vec<Share>, StoreError> {
    let rows = all!(
        conn,
        "read who waits",
        "WITH RECURSIVE w(tenant) AS (SELECT (SELECT q.tenant FROM trials q WHERE q.state = 'queued' AND q.tenant >= $1 \
         ORDER BY q.tenant LIMIT 1) UNION ALL \
         SELECT (SELECT t.tenant FROM trials t WHERE t.state = 'queued' AND t.tenant > w.tenant ORDER BY t.tenant LIMIT 1) FROM w \
         WHERE w.tenant IS NOT NULL AND $2 = 1) \
         SELECT w.tenant AS tenant, coalesce(s.time, 0) AS time, coalesce(t.weight, 1) AS weight, t.most_running AS most_running, \
         CASE WHEN t.most_running IS NULL THEN 0 ELSE (SELECT count(*) FROM trials r WHERE r.tenant = w.tenant \
         AND r.state IN ('leased', 'running')) END AS running, \
         coalesce((SELECT time FROM shares WHERE tenant = $3), (SELECT max(time) FROM shares WHERE tenant < '-'), 0) AS workers \
         FROM w LEFT JOIN shares s ON s.tenant = w.tenant LEFT JOIN tenants t ON t.id = w.tenant WHERE w.tenant IS NOT NULL",
        if ask.tenant.is_farm() { "" } else { ask.tenant.as_str() },
        i64::from(ask.tenant.is_farm()),
        kind_of(ask)
    )?;
    let all = rows.iter().map(share_of).collect::<Result<Vec<_>, _>>()?;
    Ok(all.into_iter().filter(|s| ask.tenant.is_farm() || s.tenant == ask.tenant).collect())
}

fn share_of(row: &DbRow) -> Result<Share, StoreError> {
    let r = Read("shares", row);
    Ok(Share {
        tenant: r.id("tenant")?,
        weight: r.small("weight")?,
        time: share::entered(r.int("time")?, r.int("workers")?),
        running: r.small("running")?,
        most_running: r.get::<Option<i64>>("most_running")?.map(small),
    })
}

/// What came of one transaction.
struct Round {
    /// By the place of who asked: trials, and those that get none.
    answers: Vec<(usize, Result<Option<Got>, StoreError>)>,
    gave: Vec<Gave>,
}

/// What a tenant gave.
struct Gave {
    /// So many.
    turn: Turn,
    /// Less than it was asked for.
    short: bool,
}

/// Leases trials of these tenants, in one transaction.
async fn take(store: &Backend, asks: &[(usize, &Ask)], turns: &[Turn]) -> Result<Round, StoreError> {
    let mut tx = store.begin().await?;
    let (mut open, mut answers) = may_lease(&mut tx, asks).await?;
    let (mut leased, mut gave) = (Vec::new(), Vec::new());
    for turn in turns {
        let want = (turn.trials as usize).min(open.len());
        let most = within_quota(&mut tx, &turn.share, want).await?;
        let got = match_up(&mut tx, &mut open, &turn.share, most).await?;
        gave.push(Gave { turn: Turn { trials: got.len() as u32, ..turn.clone() }, short: got.len() < want });
        leased.extend(got);
    }
    let mut jobs: BTreeMap<JobId, Settled> = BTreeMap::new();
    for l in &leased {
        jobs.entry(l.trial.job.clone()).or_default().moved(&l.trial, &l.next, "");
    }
    write_trials(&mut tx, &leased.iter().map(|l| (&l.trial, &l.next, l.ask.now)).collect::<Vec<_>>()).await?;
    let (of, became) = counted(&mut tx, jobs, latest(asks.iter().map(|(_, a)| a.now))).await?;
    for l in leased {
        let job = of.get(&l.trial.job).zip(became.get(&l.trial.job)).ok_or_else(|| missing("job", &l.trial.job))?;
        let (state, counts) = *job.1;
        let got = (TrialFull { row: l.next, ..trial_of(&l.row)? }, JobRow { state, counts, ..job.0.clone() });
        answers.push((l.place, Ok(Some(got))));
    }
    tx.commit().await.map_err(db("commit"))?;
    Ok(Round { answers, gave })
}

/// Jobs with what became of their states and counts.
type Counted = (BTreeMap<JobId, JobRow>, BTreeMap<JobId, (TrialState, TrialCounts)>);

async fn counted(conn: &mut Conn, jobs: BTreeMap<JobId, Settled>, now: Millis) -> Result<Counted, StoreError> {
    if jobs.is_empty() {
        return Ok(Counted::default());
    }
    let rows = all!(
        conn,
        "lock jobs of trials",
        concat!("SELECT ", columns!(jobs), " FROM jobs WHERE ", among!("id", "$1"), " ORDER BY id", for_update!()),
        json("jobs", &jobs.keys().collect::<Vec<_>>())?
    )?;
    let of = rows.iter().map(|row| job_of(row).map(|j| (j.id.clone(), j))).collect::<Result<_, _>>()?;
    Ok((of, settle_locked(conn, rows, jobs, now).await?))
}

/// Who of these workers gets trials, and what the others are told. One that was never heard of does; who says to be another tenant's
/// worker is nobody.
#[allow(clippy::type_complexity, reason = "those who may, and answers to those who may not")]
async fn may_lease<'a>(
    conn: &mut Conn,
    asks: &[(usize, &'a Ask)],
) -> Result<(Vec<(usize, &'a Ask)>, Vec<(usize, Result<Option<Got>, StoreError>)>), StoreError> {
    let names: BTreeSet<&str> = asks.iter().map(|(_, a)| a.of.worker.as_str()).collect();
    let rows = all!(
        conn,
        "read workers",
        concat!("SELECT id, mode, tenant FROM workers WHERE ", among!("id", "$1"), " ORDER BY id", for_share!()),
        json("workers", &names)?
    )?;
    let mut known = BTreeMap::new();
    for row in &rows {
        let r = Read("workers", row);
        known.insert(r.get::<&str>("id")?, (r.get::<&str>("tenant")?, r.word::<WorkerMode>("mode")?));
    }
    let (mut open, mut answers) = (Vec::new(), Vec::new());
    for (place, ask) in asks {
        match known.get(ask.of.worker.as_str()) {
            Some((tenant, _)) if *tenant != ask.of.tenant.as_str() => answers.push((*place, Err(missing("worker", &ask.of.worker)))),
            Some((_, mode)) if *mode != WorkerMode::Active => answers.push((*place, Ok(None))),
            _ => open.push((*place, *ask)),
        }
    }
    Ok((open, answers))
}

/// Adds trials to their tenant's virtual time, and lets the workers' go on. The leases stand whatever becomes of this.
async fn charge(store: &Backend, turn: &Turn, kind: &str) {
    let (tenant, added) = (&turn.share, turn.after() - turn.share.time);
    let done = async {
        let mut conn = store.writer().await?;
        // Another lease of this tenant may have been charged meanwhile: these come on top of it. The workers' row is locked last.
        run!(
            conn,
            "charge a tenant",
            lazily!(
                "INSERT INTO shares (tenant, time)",
                "n.tenant, n.time",
                "(SELECT $1 AS tenant, $2 + $3 AS time UNION ALL SELECT $4, $5) n",
                "ON CONFLICT (tenant) DO UPDATE SET time = CASE WHEN shares.tenant = $4 \
                 THEN CASE WHEN shares.time < $5 THEN $5 ELSE shares.time END \
                 ELSE CASE WHEN shares.time < $2 THEN $2 ELSE shares.time END + $3 END"
            ),
            tenant.tenant.as_str(),
            tenant.time,
            added,
            kind,
            turn.last()
        )
    };
    if let Err(e) = done.await {
        tracing::warn!(tenant = %tenant.tenant, error = &e as &dyn std::error::Error, "leases were not charged");
    }
}
