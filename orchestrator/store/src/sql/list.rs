//! Jobs and trials, read.

use sqlx::QueryBuilder;
use stakeout_contract::{DeviceKind, Epoch, JobId, Sha256Digest, TenantId, TrialId, trial::TrialState};
use stakeout_domain::lease::{Command, apply};

use super::{
    Backend, Db, look,
    row::{Read, columns, job_of, trial_of},
};
use crate::{
    JobFilter, JobRow, Paces, StoreError, TrialFull,
    codec::{db, missing, small, word},
};

/// See [`crate::Jobs::job`].
pub(super) async fn job(store: &Backend, tenant: Option<&TenantId>, id: &JobId) -> Result<JobRow, StoreError> {
    let row = maybe!(
        store.reader().await?,
        "read a job",
        concat!("SELECT ", columns!(jobs), " FROM jobs WHERE id = $1 AND ($2 IS NULL OR tenant = $2)"),
        id.as_str(),
        tenant.map(TenantId::as_str)
    )?;
    job_of(&row.ok_or_else(|| missing("job", id))?)
}

/// See [`crate::Jobs::jobs`].
pub(super) async fn jobs(store: &Backend, tenant: &TenantId, filter: &JobFilter) -> Result<Vec<JobRow>, StoreError> {
    let mut q = QueryBuilder::<Db>::new(concat!("SELECT ", columns!(jobs), " FROM jobs WHERE tenant = "));
    q.push_bind(tenant.as_str());
    if let Some(before) = &filter.before {
        q.push(" AND id < ").push_bind(before.as_str());
    }
    if let Some(state) = &filter.state {
        q.push(" AND state = ").push_bind(word("jobs", state)?);
    }
    if let Some(tag) = &filter.tag {
        q.push(" AND id IN (SELECT job FROM tags WHERE tenant = ").push_bind(tenant.as_str());
        q.push(" AND tag = ").push_bind(tag.as_str()).push(")");
    }
    if let Some(package) = &filter.package {
        q.push(" AND package = ").push_bind(package.as_str());
    }
    if let Some(app) = &filter.app {
        q.push(" AND app = ").push_bind(app.to_string());
    }
    q.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(filter.most));
    let rows = q.build().fetch_all(&mut *store.reader().await?).await.map_err(db("read jobs"))?;
    rows.iter().map(job_of).collect()
}

/// See [`crate::Jobs::same_job`].
pub(super) async fn same_job(store: &Backend, tenant: &TenantId, fingerprint: &Sha256Digest) -> Result<Option<JobRow>, StoreError> {
    let row = maybe!(
        store.reader().await?,
        "look for the same job",
        concat!(
            "SELECT ",
            columns!(jobs),
            " FROM jobs WHERE tenant = $1 AND fingerprint = $2 AND state = 'finished' AND reused IS NULL ORDER BY id DESC LIMIT 1"
        ),
        tenant.as_str(),
        fingerprint.to_string()
    )?;
    row.as_ref().map(job_of).transpose()
}

/// See [`crate::Jobs::trials`].
pub(super) async fn trials(store: &Backend, job: &JobId) -> Result<Vec<TrialFull>, StoreError> {
    let rows = all!(
        store.reader().await?,
        "read trials",
        concat!("SELECT ", columns!(trials), " FROM trials WHERE job = $1 ORDER BY number"),
        job.as_str()
    )?;
    rows.iter().map(trial_of).collect()
}

/// See [`crate::Jobs::fenced`].
pub(super) async fn fenced(store: &Backend, tenant: Option<&TenantId>, id: &TrialId, epoch: Epoch) -> Result<TrialFull, StoreError> {
    let trial = look::trial(store, tenant, id).await?;
    apply(&trial.row, &Command::Complete { epoch, state: TrialState::Finished }, 0)?;
    Ok(trial)
}

/// See [`crate::Jobs::paces`].
pub(super) async fn paces(store: &Backend, tenant: &TenantId, device: DeviceKind, scenario: &str) -> Result<Paces, StoreError> {
    let row = one!(
        store.reader().await?,
        "read how long trials took",
        "SELECT count(*) AS n, CAST(coalesce(avg(slot_ms), 0) AS DOUBLE PRECISION) AS slot_ms, \
         CAST(coalesce(avg(kept), 0) AS DOUBLE PRECISION) AS kept FROM (SELECT slot_ms, kept FROM trials \
         WHERE state = 'finished' AND tenant = $1 AND device = $2 AND scenario = $3 ORDER BY done DESC LIMIT 100) last",
        tenant.as_str(),
        device.as_str(),
        scenario
    )?;
    let r = Read("trials", &row);
    Ok(Paces { trials: small(r.int("n")?), slot_seconds: r.get::<f64>("slot_ms")? / 1000.0, bytes: r.get("kept")? })
}
