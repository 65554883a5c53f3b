//! Which trials of a tenant are next, and to whom of those who ask.

use stakeout_contract::{TenantId, TrialId, WorkerId, lease::Abilities, trial::TrialState};
use stakeout_domain::{
    lease::{Command, TrialRow, apply},
    share::Share,
};

use super::{
    Backend, Conn, Db, DbRow,
    change::{Locked, locked_of},
    lease::Ask,
    row::{Read, columns},
};
use crate::{
    StoreError,
    codec::{failed_on, json, uint},
};

/// How many of so many a tenant may have running. Leases of one with a bound wait for each other here, so that they do not go over it
/// together.
pub(super) async fn within_quota(conn: &mut Conn, tenant: &Share, want: usize) -> Result<usize, StoreError> {
    if tenant.most_running.is_none() || want == 0 {
        return Ok(want);
    }
    let row =
        maybe!(conn, "lock a tenant", concat!("SELECT most_running FROM tenants WHERE id = $1", for_update!()), tenant.tenant.as_str())?;
    let Some(most) = row.map(|r| Read("tenants", &r).get::<Option<i64>>("most_running")).transpose()?.flatten() else { return Ok(want) };
    let running = one!(
        conn,
        "count running trials",
        "SELECT count(*) AS n FROM trials WHERE tenant = $1 AND state IN ('leased', 'running')",
        tenant.tenant.as_str()
    )?;
    Ok(want.min(uint(most - Read("trials", &running).int("n")?) as usize))
}

/// A trial that a worker gets.
pub(super) struct Leased<'a> {
    pub(super) place: usize,
    pub(super) ask: &'a Ask,
    pub(super) row: DbRow,
    pub(super) trial: Locked,
    pub(super) next: TrialRow,
}

impl<'a> Leased<'a> {
    fn new((place, ask): (usize, &'a Ask), row: DbRow) -> Result<Self, StoreError> {
        let trial = locked_of(&row)?;
        let lease = Command::Lease { worker: ask.of.worker.clone(), token: ask.of.token.clone(), seconds: ask.of.seconds };
        let next = apply(&trial.row, &lease, ask.now)?;
        Ok(Self { place, ask, row, trial, next })
    }
}

/// Gives so many trials of a tenant to those who ask, and takes these from the list. A worker gets first what did not fail on it.
pub(super) async fn match_up<'a>(
    conn: &mut Conn,
    open: &mut Vec<(usize, &'a Ask)>,
    tenant: &Share,
    most: usize,
) -> Result<Vec<Leased<'a>>, StoreError> {
    let Some((_, first)) = open.first().filter(|_| most > 0) else { return Ok(Vec::new()) };
    let probes = probes(&first.of.abilities, tenant.tenant == first.of.tenant);
    let (mut got, mut failed) = (Vec::new(), Vec::new());
    for row in next_trials(conn, tenant, &probes, most).await? {
        let trial = locked_of(&row)?;
        match open.iter().position(|(_, ask)| !trial.row.failed_on.contains(&ask.of.worker)) {
            Some(place) => got.push(Leased::new(open.remove(place), row)?),
            None => failed.push(row),
        }
    }
    for row in failed {
        // All who are left had it before. Another is better; else it is this one again.
        let who = open.remove(0);
        let mut taken: Vec<TrialId> = got.iter().map(|l: &Leased<'_>| l.trial.id.clone()).collect();
        taken.push(locked_of(&row)?.id);
        let mut other = None;
        for p in &probes {
            if other.is_none() {
                other = lock_next(conn, tenant, *p, 1, &taken, Some(&who.1.of.worker)).await?.pop();
            }
        }
        got.push(Leased::new(who, other.unwrap_or(row))?);
    }
    Ok(got)
}

/// One way to ask the index: a kind of device, an API level, and whether for the tenant's own workers only.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Probe {
    device: &'static str,
    api: i64,
    own: i64,
}

fn probes(abilities: &Abilities, own: bool) -> Vec<Probe> {
    let own: &[i64] = if own { &[0, 1] } else { &[0] };
    let mut all = Vec::new();
    for (device, levels) in &abilities.devices {
        for api in levels {
            all.extend(own.iter().map(|own| Probe { device: device.as_str(), api: i64::from(*api), own: *own }));
        }
    }
    all
}

/// Locks a tenant's next trials, at most so many: the most urgent, then the oldest.
async fn next_trials(conn: &mut Conn, tenant: &Share, probes: &[Probe], most: usize) -> Result<Vec<DbRow>, StoreError> {
    if let [p] = probes {
        return lock_next(conn, tenant, *p, most, &[], None).await;
    }
    // With several ways to ask, each is looked at first, without a lock.
    let mut first: Vec<(i64, TrialId, Probe)> = Vec::new();
    for p in probes {
        let rows = all!(
            conn,
            "look at queued trials",
            "SELECT priority, id FROM trials WHERE state = 'queued' AND tenant = $1 AND own = $2 AND device = $3 AND api = $4 \
             ORDER BY priority DESC, id LIMIT $5",
            tenant.tenant.as_str(),
            p.own,
            p.device,
            p.api,
            most as i64
        )?;
        for row in &rows {
            let r = Read("trials", row);
            first.push((-r.int("priority")?, r.id("id")?, *p));
        }
    }
    first.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    first.truncate(most);
    let mut rows = if first.is_empty() { Vec::new() } else { lock_these(conn, first.iter().map(|(_, id, _)| id)).await? };
    // Another had some of them meanwhile: then the next, of the same kind first.
    let mut asked: Vec<Probe> = Vec::new();
    for p in first.iter().map(|(_, _, p)| p).chain(probes) {
        if rows.len() < first.len() && !asked.contains(p) {
            asked.push(*p);
            let taken = rows.iter().map(|r| Read("trials", r).id("id")).collect::<Result<Vec<TrialId>, _>>()?;
            rows.extend(lock_next(conn, tenant, *p, first.len() - rows.len(), &taken, None).await?);
        }
    }
    Ok(rows)
}

/// Locks these trials, if they still wait and no other has them. Whether they wait is looked at here: said to the database it is an
/// invitation to go through all that wait.
async fn lock_these(conn: &mut Conn, ids: impl Iterator<Item = &TrialId>) -> Result<Vec<DbRow>, StoreError> {
    let mut rows = all!(
        conn,
        "lock queued trials",
        concat!("SELECT ", columns!(trials), " FROM trials WHERE ", among!("id", "$1"), " ORDER BY priority DESC, id", skip_locked!()),
        json("trials", &ids.collect::<Vec<_>>())?
    )?;
    let mut waits = Vec::with_capacity(rows.len());
    for row in &rows {
        waits.push(Read("trials", row).word::<TrialState>("state")? == TrialState::Queued);
    }
    let mut waits = waits.into_iter();
    rows.retain(|_| waits.next().unwrap_or_default());
    Ok(rows)
}

/// Locks a tenant's next trials of one kind that are none of these, and did not fail on a worker.
async fn lock_next(
    conn: &mut Conn,
    tenant: &Share,
    p: Probe,
    most: usize,
    taken: &[TrialId],
    unlike: Option<&WorkerId>,
) -> Result<Vec<DbRow>, StoreError> {
    all!(
        conn,
        "find queued trials",
        concat!(
            "SELECT ",
            columns!(trials),
            " FROM trials WHERE state = 'queued' AND tenant = $1 AND own = $2 AND device = $3 AND api = $4 AND ($5 IS NULL OR ",
            place!("failed_on", "$5"),
            " = 0) AND ",
            none_of!("id", "$6"),
            " ORDER BY priority DESC, id LIMIT $7",
            skip_locked!()
        ),
        tenant.tenant.as_str(),
        p.own,
        p.device,
        p.api,
        unlike.map(failed_on),
        json("trials", &taken)?,
        most as i64
    )
}

/// See [`crate::Jobs::waiting`].
pub(super) async fn waiting(store: &Backend, tenant: &TenantId, abilities: &Abilities) -> Result<u64, StoreError> {
    let mut conn = store.reader().await?;
    let mut sum = 0;
    for p in probes(abilities, false) {
        let row = one!(
            conn,
            "count waiting trials",
            "SELECT CAST(coalesce(sum(queued), 0) AS BIGINT) AS n FROM jobs WHERE ended IS NULL AND device = $1 AND api = $2 \
             AND (tenant = $3 OR ($4 = 1 AND own = 0))",
            p.device,
            p.api,
            tenant.as_str(),
            i64::from(tenant.is_farm())
        )?;
        sum += uint(Read("jobs", &row).int("n")?);
    }
    Ok(sum)
}
