//! The next trial of whoever is next.
//!
//! What this costs does not grow with what waits: one probe of an index finds the next tenant that has something waiting, one the
//! next trial of a tenant for a device and an API level. Trials that another is just taking are passed over.

use std::collections::BTreeSet;

use stakeout_contract::{api::fleet::WorkerMode, lease::Abilities, trial::TrialState};
use stakeout_domain::{
    lease::{Command, Millis, apply},
    share::{self, Share},
};

use super::{
    Backend, Conn, Db, DbRow,
    change::{Told, locked_of, settle_locked, write_trial},
    row::{Read, columns, job_of, trial_of},
};
use crate::{
    JobRow, LeaseFor, StoreError, TrialFull,
    codec::{db, failed_on, missing, small, uint},
};

/// A trial and its job.
type Got = (TrialFull, JobRow);

/// See [`crate::Jobs::lease`].
pub(super) async fn lease(store: &Backend, ask: &LeaseFor, now: Millis) -> Result<Option<Got>, StoreError> {
    let waiting = waiting_tenants(&mut *store.reader().await?, ask).await?;
    for tenant in share::order(waiting) {
        match Box::pin(take(store, ask, &tenant, now)).await? {
            Took::One(got) => {
                charge(store, &tenant, &kind(ask)).await;
                return Ok(Some(*got));
            }
            Took::None => {}
            Took::NotActive => break,
        }
    }
    Ok(None)
}

/// The row of `shares` that has the time of workers of this kind: no tenant has such an id, all of them sort after these. A tenant's
/// own workers choose among nobody, and need no time.
fn kind(ask: &LeaseFor) -> String {
    if !ask.tenant.is_farm() {
        return String::new();
    }
    let devices = ask.abilities.devices.iter().flat_map(|(device, levels)| levels.iter().map(move |api| device.with_api(*api)));
    format!("!{}", devices.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(","))
}

/// Who has trials waiting that may be this worker's, each with the time that counts. The time of workers of a kind that is new begins
/// where the others' are.
async fn waiting_tenants(conn: &mut Conn, ask: &LeaseFor) -> Result<Vec<Share>, StoreError> {
    let rows = all!(
        conn,
        "read who waits",
        "WITH RECURSIVE w(tenant) AS (SELECT min(tenant) FROM trials WHERE state = 'queued' AND tenant >= $1 UNION ALL \
         SELECT (SELECT min(t.tenant) FROM trials t WHERE t.state = 'queued' AND t.tenant > w.tenant) FROM w \
         WHERE w.tenant IS NOT NULL AND $2 = 1) \
         SELECT w.tenant AS tenant, coalesce(s.time, 0) AS time, coalesce(t.weight, 1) AS weight, t.most_running AS most_running, \
         CASE WHEN t.most_running IS NULL THEN 0 ELSE (SELECT count(*) FROM trials r WHERE r.tenant = w.tenant \
         AND r.state IN ('leased', 'running')) END AS running, \
         coalesce((SELECT time FROM shares WHERE tenant = $3), (SELECT max(time) FROM shares WHERE tenant < '-'), 0) AS workers \
         FROM w LEFT JOIN shares s ON s.tenant = w.tenant LEFT JOIN tenants t ON t.id = w.tenant WHERE w.tenant IS NOT NULL",
        if ask.tenant.is_farm() { "" } else { ask.tenant.as_str() },
        i64::from(ask.tenant.is_farm()),
        kind(ask)
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

enum Took {
    One(Box<Got>),
    None,
    NotActive,
}

async fn take(store: &Backend, ask: &LeaseFor, tenant: &Share, now: Millis) -> Result<Took, StoreError> {
    let mut tx = store.begin().await?;
    if !may_lease(&mut tx, ask).await? {
        return Ok(Took::NotActive);
    }
    if !within_quota(&mut tx, tenant).await? {
        return Ok(Took::None);
    }
    let Some(row) = next_trial(&mut tx, ask, tenant).await? else { return Ok(Took::None) };
    let trial = locked_of(&row)?;
    let next = apply(&trial.row, &Command::Lease { worker: ask.worker.clone(), seconds: ask.seconds }, now)?;
    write_trial(&mut tx, &trial, &next, now).await?;
    let of = maybe!(tx, "lock a job", concat!("SELECT ", columns!(jobs), " FROM jobs WHERE id = $1", for_update!()), trial.job.as_str())?;
    let of = of.ok_or_else(|| missing("job", &trial.job))?;
    let moves = [(TrialState::Queued, next.state)];
    let (state, counts) = settle_locked(&mut tx, &trial.job, &of, &moves, vec![Told::trial(&trial, &next, "")], now).await?;
    let job = JobRow { state, counts, ..job_of(&of)? };
    tx.commit().await.map_err(db("commit"))?;
    Ok(Took::One(Box::new((TrialFull { row: next, ..trial_of(&row)? }, job))))
}

/// Whether this worker gets trials. One that was never heard of does; who says to be another tenant's worker is nobody.
async fn may_lease(conn: &mut Conn, ask: &LeaseFor) -> Result<bool, StoreError> {
    let row = maybe!(conn, "read a worker", concat!("SELECT mode, tenant FROM workers WHERE id = $1", for_share!()), ask.worker.as_str())?;
    let Some(row) = row else { return Ok(true) };
    let r = Read("workers", &row);
    if r.get::<&str>("tenant")? != ask.tenant.as_str() {
        return Err(missing("worker", &ask.worker));
    }
    Ok(r.word::<WorkerMode>("mode")? == WorkerMode::Active)
}

/// Leases of a tenant with a bound wait for each other here, so that they do not go over it together.
async fn within_quota(conn: &mut Conn, tenant: &Share) -> Result<bool, StoreError> {
    if tenant.most_running.is_none() {
        return Ok(true);
    }
    let row =
        maybe!(conn, "lock a tenant", concat!("SELECT most_running FROM tenants WHERE id = $1", for_update!()), tenant.tenant.as_str())?;
    let Some(most) = row.map(|r| Read("tenants", &r).get::<Option<i64>>("most_running")).transpose()?.flatten() else { return Ok(true) };
    let running = one!(
        conn,
        "count running trials",
        "SELECT count(*) AS n FROM trials WHERE tenant = $1 AND state IN ('leased', 'running')",
        tenant.tenant.as_str()
    )?;
    Ok(Read("trials", &running).int("n")? < most)
}

/// One way to ask the index: a kind of device, an API level, and whether for the tenant's own workers only.
#[derive(Clone, Copy)]
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

async fn next_trial(conn: &mut Conn, ask: &LeaseFor, tenant: &Share) -> Result<Option<DbRow>, StoreError> {
    let mut first = Vec::new();
    let all = probes(&ask.abilities, tenant.tenant == ask.tenant);
    let only = all.len() == 1;
    for p in all {
        // With several ways to ask, the one whose first trial is most urgent is asked first. Only looked at, not locked.
        let row = if only { None } else { peek(conn, tenant, p).await? };
        match row {
            Some((priority, id)) => first.push((-priority, id, p)),
            None if only => first.push((0, String::new(), p)),
            None => {}
        }
    }
    first.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    // Those on which it has not failed, then the others.
    for unlike in [Some(failed_on(&ask.worker)), None] {
        for (_, _, p) in &first {
            if let Some(row) = probe(conn, tenant, *p, unlike.as_deref()).await? {
                return Ok(Some(row));
            }
        }
    }
    Ok(None)
}

async fn peek(conn: &mut Conn, tenant: &Share, p: Probe) -> Result<Option<(i64, String)>, StoreError> {
    let row = maybe!(
        conn,
        "look at a queued trial",
        "SELECT priority, id FROM trials WHERE state = 'queued' AND tenant = $1 AND own = $2 AND device = $3 AND api = $4 \
         ORDER BY priority DESC, id LIMIT 1",
        tenant.tenant.as_str(),
        p.own,
        p.device,
        p.api
    )?;
    row.map(|r| Ok((Read("trials", &r).int("priority")?, Read("trials", &r).text("id")?))).transpose()
}

async fn probe(conn: &mut Conn, tenant: &Share, p: Probe, unlike: Option<&str>) -> Result<Option<DbRow>, StoreError> {
    maybe!(
        conn,
        "find a queued trial",
        concat!(
            "SELECT ",
            columns!(trials),
            " FROM trials WHERE state = 'queued' AND tenant = $1 AND own = $2 AND device = $3 AND api = $4 \
             AND ($5 IS NULL OR ",
            place!("failed_on", "$5"),
            " = 0) ORDER BY priority DESC, id LIMIT 1",
            skip_locked!()
        ),
        tenant.tenant.as_str(),
        p.own,
        p.device,
        p.api,
        unlike
    )
}

/// Adds a trial to its tenant's virtual time, and lets the workers' go on. The lease stands whatever becomes of this.
async fn charge(store: &Backend, tenant: &Share, kind: &str) {
    let done = async {
        let mut conn = store.writer().await?;
        // Another lease of this tenant may have been charged meanwhile: this one comes on top of it. The workers' row is locked last.
        run!(
            conn,
            "charge a tenant",
            lazily!(
                "INSERT INTO shares (tenant, time)",
                "n.tenant, n.time",
                "(SELECT $1 AS tenant, $2 + $3 AS time UNION ALL SELECT $4, $2) n",
                "ON CONFLICT (tenant) DO UPDATE SET time = CASE WHEN shares.time < $2 THEN $2 ELSE shares.time END \
                 + CASE WHEN shares.tenant = $4 THEN 0 ELSE $3 END"
            ),
            tenant.tenant.as_str(),
            tenant.time,
            share::charged(0, tenant.weight),
            kind
        )
    };
    if let Err(e) = done.await {
        tracing::warn!(tenant = %tenant.tenant, error = &e as &dyn std::error::Error, "a lease was not charged");
    }
}

/// See [`crate::Jobs::waiting`].
pub(super) async fn waiting(store: &Backend, tenant: &stakeout_contract::TenantId, abilities: &Abilities) -> Result<u64, StoreError> {
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
