//! New jobs.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::QueryBuilder;
use stakeout_contract::{Sha256Digest, TenantId, TrialId, api::events::What};
use stakeout_domain::tally;

use super::{
    Backend, Conn, Db, access, audit, bounds, deliveries,
    hold::{Must, keep, touch},
    settle::{Told, tell},
    usage::{self, Used},
};
use crate::{
    JobRow, Noted, Notes, StoreError,
    codec::{columns, db, int, json, word},
};

/// See [`crate::Jobs::insert_jobs`].
pub(super) async fn insert_jobs(store: &Backend, jobs: Vec<(JobRow, Vec<TrialId>)>, notes: &Notes) -> Result<(), StoreError> {
    let Some(now) = jobs.first().map(|(j, _)| j.created) else { return Ok(()) };
    let tenants: BTreeSet<&TenantId> = jobs.iter().map(|(j, _)| &j.tenant).collect();
    let mut tx = store.begin().await?;
    for tenant in &tenants {
        let new: u64 = jobs.iter().filter(|(j, _)| j.tenant == **tenant).map(|(_, t)| t.len() as u64).sum();
        if new > 0 {
            bounds::check(&mut tx, tenant, new, now).await?;
        }
    }
    let mut touched = BTreeMap::new();
    for tenant in &tenants {
        let blobs: Vec<_> = jobs.iter().filter(|(j, _)| j.tenant == **tenant).flat_map(|(j, _)| kept(j)).collect();
        touched.insert((*tenant).clone(), touch(&mut tx, tenant, blobs, now).await?);
    }
    for (job, trials) in &jobs {
        insert_job(&mut tx, job, trials, &touched[&job.tenant]).await?;
    }
    if let Some(answered) = &notes.answered {
        access::answer(&mut tx, answered).await?;
    }
    audit::note(&mut tx, Noted { deeds: &notes.deeds, at: now }).await?;
    // Counted last, by tenant in order: others wait for these rows.
    for tenant in tenants {
        let of: Vec<&JobRow> = jobs.iter().map(|(j, _)| j).filter(|j| j.tenant == *tenant).collect();
        let used = Used { jobs: int(of.len() as u64), ..Used::default() };
        usage::add(&mut tx, tenant, of[0].id.as_str(), used, now).await?;
    }
    tx.commit().await.map_err(db("commit"))
}

/// The blobs that a new job keeps: of an answer of before its report and bundle, else, until it ends, the bytes of its app, even if
/// the app is forgotten at this moment.
fn kept(job: &JobRow) -> Vec<Sha256Digest> {
    if has_ended(job) {
        job.report.into_iter().chain(job.outcome.as_ref().map(|o| o.bundle)).collect()
    } else {
        std::iter::once(job.spec.app).chain(job.spec.splits.iter().copied()).collect()
    }
}

fn has_ended(job: &JobRow) -> bool {
    job.reused.is_some() || job.ended.is_some()
}

/// Takes an id that no job has or had; it stays taken when the job is gone. Of two that take it at once the second waits for the first.
/// The table of jobs is looked at for one that an orchestrator of a version before has just made.
async fn take_id(conn: &mut Conn, job: &JobRow) -> Result<(), StoreError> {
    let new = run!(
        conn,
        "take a job's id",
        "INSERT INTO job_ids (id, taken) SELECT $1, $2 WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE id = $1) ON CONFLICT DO NOTHING",
        job.id.as_str(),
        job.created
    )?;
    if new == 0 { Err(StoreError::Used { what: "job", id: job.id.to_string() }) } else { Ok(()) }
}

async fn insert_job(conn: &mut Conn, job: &JobRow, trials: &[TrialId], touched: &BTreeSet<Sha256Digest>) -> Result<(), StoreError> {
    take_id(conn, job).await?;
    let (counts, ended, due) = if job.reused.is_some() {
        (job.counts, Some(job.ended.unwrap_or(job.created)), None)
    } else {
        (tally::fresh(int(trials.len() as u64) as u32), job.ended, trials.is_empty().then_some(job.created))
    };
    let [all, queued, running, finished, failed, cancelled] = columns(&counts);
    run!(
        conn,
        "insert a job",
        "INSERT INTO jobs (id, tenant, spec, secret, state, priority, tags, fingerprint, sealed, created, ended, delete_after, \
         delete_at, own, app, package, device, api, trials, queued, running, finished, failed, cancelled, events, due, reused, \
         result, outcome, report) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, \
         $21, $22, $23, $24, 1, $25, $26, $27, $28, $29)",
        job.id.as_str(),
        job.tenant.as_str(),
        json("jobs", &job.spec)?,
        job.secret.to_vec(),
        word("jobs", &job.state)?,
        i64::from(job.priority),
        json("jobs", &job.tags)?,
        job.fingerprint.to_string(),
        job.sealed.clone(),
        job.created,
        ended,
        job.delete_after,
        ended.zip(job.delete_after).map(|(e, d)| e.saturating_add(d)),
        i64::from(job.own_workers_only),
        job.spec.app.to_string(),
        job.spec.facts.package.as_str(),
        job.spec.device.as_str(),
        i64::from(job.spec.scenario.device.api),
        all,
        queued,
        running,
        finished,
        failed,
        cancelled,
        due,
        job.reused.as_ref().map(|r| r.as_str().to_owned()),
        job.result.as_ref().map(|r| json("jobs", r)).transpose()?,
        job.outcome.as_ref().map(|o| json("jobs", o)).transpose()?,
        job.report.map(|r| r.to_string())
    )?;
    for tag in job.tags.iter().collect::<BTreeSet<_>>() {
        run!(
            conn,
            "insert a tag",
            "INSERT INTO tags (tenant, tag, job) VALUES ($1, $2, $3)",
            job.tenant.as_str(),
            tag.as_str(),
            job.id.as_str()
        )?;
    }
    insert_trials(conn, job, trials).await?;
    tell(conn, &job.id, 0, vec![Told::What(What::Job { state: job.state, reason: String::new() })], job.created).await?;
    let holder = format!("job:{}", job.id);
    if has_ended(job) {
        keep(conn, &job.tenant, &holder, kept(job), touched, Must::BeThere).await?;
        deliveries::begin(conn, job, job.created).await
    } else {
        keep(conn, &job.tenant, &holder, kept(job), touched, Must::NotBeThere).await
    }
}

async fn insert_trials(conn: &mut Conn, job: &JobRow, trials: &[TrialId]) -> Result<(), StoreError> {
    let device = &job.spec.scenario.device;
    for (part, ids) in trials.chunks(500).enumerate() {
        let mut q = QueryBuilder::<Db>::new(
            "INSERT INTO trials (id, job, tenant, number, device, api, scenario, priority, own, state, epoch, cancel, failed_on, \
             attempts, leases, slot_ms, kept) ",
        );
        q.push_values((1 + int(part as u64 * 500)..).zip(ids), |mut b, (number, id)| {
            b.push_bind(id.as_str()).push_bind(job.id.as_str()).push_bind(job.tenant.as_str()).push_bind(number);
            b.push_bind(job.spec.device.as_str()).push_bind(i64::from(device.api)).push_bind(job.spec.scenario.name.as_str());
            b.push_bind(i64::from(job.priority)).push_bind(i64::from(job.own_workers_only));
            b.push("'queued', 0, 0, '[]', 0, 0, 0, 0");
        });
        q.build().persistent(false).execute(&mut *conn).await.map_err(db("insert trials"))?;
    }
    Ok(())
}
