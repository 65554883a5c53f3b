//! Jobs: submit, list, look, cancel, delete.

use std::{collections::HashMap, future::Future};

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use stakeout_contract::{
    JobId, TenantId, TrialId,
    api::{
        access::Role,
        jobs::{Batch, BatchSpec, Estimate, Job, JobQuery, JobSpec, Offer, Reused, ScenarioRef},
        page::Page,
        problem::Code,
    },
    scenario::Scenario,
};
use stakeout_store::{Answered, JobFilter, JobRow, Notes, StoreError};

use super::{
    App, access,
    auth::Caller,
    idempotency::{Ready, once, running, tagged},
    page, plan,
    problem::{Answer, Failed, internal},
    read::{Args, At, Body, within},
    spec::{Needs, Routes, op},
};
use crate::receipts;

const OFFER: &str = "Stakeout-Offer";
const OFFER_SAYS: &str =
    "`JOB/NONCE`: the job of an offer, whose secret was committed to before the nonce was told; `JOB` alone with the nonce in the body";
const KEY: &str = "The same key with the same request is answered as the first time; kept for a day";

pub(crate) fn routes(r: &mut Routes) {
    let (submitter, reader) = (Needs::Role(Role::Submitter), Needs::Role(Role::Reader));
    let refused = [Code::BadScenario, Code::NotFound, Code::Quota, Code::NothingToReuse, Code::KeyReused, Code::Conflict];
    r.add(
        op(Method::POST, "/v1/jobs", "submitJob", submitter, "Submit a job: one app, one scenario, one device, n trials")
            .more("The answer's `receipt` is signed: keep it.")
            .header("Idempotency-Key", KEY, false)
            .header(OFFER, OFFER_SAYS, false)
            .takes::<JobSpec>()
            .gives::<Job>(200, "Answered by a job of before: nothing runs")
            .gives::<Job>(201, "Taken")
            .fails(&refused),
        submit,
    );
    r.add(
        op(Method::POST, "/v1/offers", "offerJob", submitter, "The id of a job that may be submitted, and the commitment to its secret")
            .more("Ask, then choose the nonce, then submit: so the secret cannot have been chosen for it. Nothing is kept.")
            .gives::<Offer>(200, "An offer"),
        offer,
    );
    r.add(
        op(Method::POST, "/v1/batches", "submitBatch", submitter, "Submit several jobs, together or not at all")
            .header("Idempotency-Key", KEY, false)
            .takes::<BatchSpec>()
            .gives::<Batch>(201, "Taken, in order")
            .fails(&refused),
        batch,
    );
    r.add(
        op(Method::POST, "/v1/estimates", "estimateJob", reader, "What a job would cost and how long it would wait; nothing is kept")
            .takes::<JobSpec>()
            .gives::<Estimate>(200, "A guess from trials of this tenant")
            .fails(&refused),
        estimate,
    );
    r.add(
        op(Method::GET, "/v1/jobs", "listJobs", reader, "Jobs, the newest first").query::<JobQuery>().gives::<Page<Job>>(200, "Jobs"),
        list,
    );
    r.add(op(Method::GET, "/v1/jobs/{job}", "getJob", reader, "A job as it is now").gives::<Job>(200, "The job").tagged(), get);
    r.add(
        op(Method::POST, "/v1/jobs/{job}/cancel", "cancelJob", submitter, "Give a job up; what runs is stopped")
            .gives::<Job>(200, "The job"),
        cancel,
    );
    r.add(
        op(Method::DELETE, "/v1/jobs/{job}", "deleteJob", submitter, "Forget a job that has ended, and all it left")
            .gives_nothing(204, "Forgotten")
            .fails(&[Code::Conflict]),
        delete,
    );
}

/// A job as people see it.
pub(crate) fn doc(j: &JobRow) -> Job {
    let reused = j.reused.clone().map(|job| Reused { job, ended_ms: None });
    Job {
        id: j.id.clone(),
        tenant: j.tenant.clone(),
        app: j.spec.app,
        package: j.spec.facts.package.clone(),
        scenario: j.spec.scenario.name.clone(),
        device: j.spec.device.with_api(j.spec.scenario.device.api),
        state: j.state,
        trials: j.counts,
        priority: j.priority,
        tags: j.tags.clone(),
        created_ms: j.created,
        ended_ms: j.ended,
        delete_ms: j.delete_after.zip(j.ended).map(|(after, ended)| ended + after),
        commitment: plan::commitment(j),
        nonce: j.spec.nonce.clone(),
        receipt: None,
        reused,
        outcome: j.outcome.clone(),
    }
}

/// The same, with when the answer of before was given.
async fn shown(app: &App, row: &JobRow) -> Answer<Job> {
    with_before(app, doc(row)).await
}

async fn with_before(app: &App, mut job: Job) -> Answer<Job> {
    if let Some(r) = &mut job.reused {
        match app.service().store().job(Some(&job.tenant), &r.job).await {
            Ok(before) => r.ended_ms = before.ended,
            Err(StoreError::NotFound { .. }) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(job)
}

/// The same, with its receipt.
async fn shown_whole(app: &App, row: &JobRow) -> Answer<Job> {
    Ok(Job { receipt: receipts::signed(row, app.operator())?, ..shown(app, row).await? })
}

async fn planned(app: &App, c: &Caller, mut spec: JobSpec, offer: Option<TakenUp>) -> Answer<(JobRow, Vec<TrialId>)> {
    let reuse = spec.reuse;
    let offer = offer.map(|o| {
        spec.nonce = o.nonce.or(spec.nonce.take());
        o.job
    });
    let (job, trials, _) = app.service().plan(plan::submission(app, c, spec, offer).await?)?;
    Ok(match plan::reusable(app, c, reuse, &job).await? {
        Some(before) => (plan::answered_by(job, &before), vec![]),
        None => (job, trials),
    })
}

/// Rows that are to be kept, as they will be seen: the answer must be known before, as it is kept with them.
async fn all_shown(app: &App, rows: &[(JobRow, Vec<TrialId>)]) -> Answer<Vec<Job>> {
    let mut docs = Vec::with_capacity(rows.len());
    for (row, _) in rows {
        docs.push(shown_whole(app, row).await?);
    }
    Ok(docs)
}

/// Keeps new jobs with their audit and what the request is answered, all of it or nothing.
async fn keep(app: &App, c: &Caller, rows: Vec<(JobRow, Vec<TrialId>)>, docs: &[Job], answered: Option<Answered>) -> Answer<()> {
    plan::room_for(app, &c.tenant, 0).await?;
    let deeds = docs.iter().map(|j| access::deed(c, "job.submit", j.id.as_str(), format!("{} {}", j.package, j.scenario))).collect();
    let key = answered.as_ref().map(|a| a.claim.key.clone());
    let kept = app.service().store().insert_jobs(rows, &Notes { answered, deeds }).await;
    kept.map_err(|e| match (e, key) {
        // This one took so long that another with the same key overtook it: that one's answer counts.
        (StoreError::Changed { what: "request", .. }, Some(key)) => running(&key),
        (e, _) => e.into(),
    })?;
    for j in docs {
        app.service().wake(&j.id);
    }
    app.service().some_wait();
    Ok(())
}

/// Takes one job.
pub(crate) async fn take(app: &App, c: &Caller, spec: JobSpec, offer: Option<TakenUp>) -> Answer<Job> {
    let rows = vec![planned(app, c, spec, offer).await?];
    let mut docs = all_shown(app, &rows).await?;
    keep(app, c, rows, &docs, None).await?;
    Ok(docs.remove(0))
}

/// An offer that a submit takes up, with the nonce that was chosen for it. No part of the body: whoever sends that again under its key
/// asks for another offer, and must choose another nonce, as the server has heard the first.
pub(crate) struct TakenUp {
    /// The job that was offered.
    pub(crate) job: JobId,
    /// Instead of the body's.
    pub(crate) nonce: Option<String>,
}

/// `JOB`, or `JOB/NONCE`.
fn offered(headers: &HeaderMap) -> Answer<Option<TakenUp>> {
    let Some(value) = headers.get(OFFER) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let (job, nonce) = text.split_once('/').map_or((text, None), |(job, nonce)| (job, Some(nonce.to_owned())));
    let bad = |_| Failed::new(Code::BadRequest, "an offer is the id of the job that was offered, or that, `/` and the nonce").at(OFFER);
    Ok(Some(TakenUp { job: job.parse().map_err(bad)?, nonce }))
}

async fn offer(State(app): State<App>) -> Json<Offer> {
    Json(app.service().offer())
}

async fn submit(State(app): State<App>, Extension(c): Extension<Caller>, headers: HeaderMap, body: Body<JobSpec>) -> Answer<Response> {
    let Body { value, digest } = body;
    to_its_end(async move {
        once(&app, &c, &headers, "submitJob", &digest, async |claim| {
            let rows = vec![planned(&app, &c, value, offered(&headers)?).await?];
            let docs = all_shown(&app, &rows).await?;
            let status = if docs[0].reused.is_some() { StatusCode::OK } else { StatusCode::CREATED };
            let ready = Ready::of(status, &docs[0])?;
            keep(&app, &c, rows, &docs, claim.map(|claim| ready.answered(claim))).await?;
            Ok(ready)
        })
        .await
    })
    .await
}

/// Does it to its end, also when the client goes away meanwhile: its key would wait for an answer that nobody gives.
pub(crate) async fn to_its_end<T: Send + 'static>(work: impl Future<Output = Answer<T>> + Send + 'static) -> Answer<T> {
    tokio::spawn(work).await.unwrap_or_else(|e| Err(internal(&e)))
}

/// Bytes of what a batch keeps for each of its jobs: its scenario, what is known of its app, an answer of before.
const COPIES_MAX: usize = 32 << 20;

/// What is kept for jobs of a batch. A scenario that is named by many jobs is read once.
#[derive(Default)]
struct Copies {
    named: HashMap<String, Scenario>,
    answers: HashMap<JobId, usize>,
    bytes: usize,
}

impl Copies {
    /// The next job.
    async fn plan(&mut self, app: &App, c: &Caller, mut spec: JobSpec) -> Answer<(JobRow, Vec<TrialId>)> {
        let name = if let ScenarioRef::Name(name) = &spec.scenario { Some(name.clone()) } else { None };
        let known = name.as_ref().and_then(|n| self.named.get(n)).cloned();
        let scenario = if let Some(known) = known {
            known
        } else {
            let read = plan::scenario(app, c, spec.scenario).await?;
            self.named.extend(name.map(|n| (n, read.clone())));
            read
        };
        spec.scenario = ScenarioRef::Inline(Box::new(scenario));
        let planned = planned(app, c, spec, None).await?;
        self.add(size(&planned.0.spec)?, "scenario")?;
        self.keep(&planned.0)?;
        Ok(planned)
    }

    /// A job that is to be kept: one that is answered by a job of before has its whole result.
    fn keep(&mut self, job: &JobRow) -> Answer<()> {
        let Some((before, result)) = job.reused.as_ref().zip(job.result.as_ref()) else { return Ok(()) };
        let bytes = match self.answers.get(before) {
            Some(bytes) => *bytes,
            None => size(result)?,
        };
        self.answers.insert(before.clone(), bytes);
        self.add(bytes, "reuse")
    }

    fn add(&mut self, bytes: usize, at: &str) -> Answer<()> {
        self.bytes += bytes;
        if self.bytes > COPIES_MAX {
            let detail = format!(
                "the jobs of a batch have at most {} MiB, each with its scenario, its app's facts and an answer of before",
                COPIES_MAX >> 20
            );
            return Err(Failed::new(Code::TooLarge, detail).at(at).hint("submit these jobs in several batches"));
        }
        Ok(())
    }
}

fn size<T: serde::Serialize>(value: &T) -> Answer<usize> {
    Ok(serde_json::to_vec(value).map_err(|e| internal(&e))?.len())
}

async fn batch(State(app): State<App>, Extension(c): Extension<Caller>, headers: HeaderMap, body: Body<BatchSpec>) -> Answer<Response> {
    let Body { value, digest } = body;
    if !(1..=1000).contains(&value.jobs.len()) {
        return Err(Failed::value("jobs", "a batch has 1 to 1000 jobs"));
    }
    to_its_end(async move {
        once(&app, &c, &headers, "submitBatch", &digest, async |claim| {
            let (mut rows, mut copies) = (Vec::new(), Copies::default());
            for (i, spec) in value.jobs.into_iter().enumerate() {
                let row = copies.plan(&app, &c, spec).await.map_err(|e| {
                    let at = e.problem.at.clone().unwrap_or_default();
                    e.at(format!("jobs[{i}].{at}"))
                });
                rows.push(row?);
            }
            let batch = Batch { jobs: all_shown(&app, &rows).await? };
            let ready = Ready::of(StatusCode::CREATED, &batch)?;
            keep(&app, &c, rows, &batch.jobs, claim.map(|claim| ready.answered(claim))).await?;
            Ok(ready)
        })
        .await
    })
    .await
}

async fn estimate(State(app): State<App>, Extension(c): Extension<Caller>, body: Body<JobSpec>) -> Answer<Json<Estimate>> {
    let s = plan::submission(&app, &c, body.value, None).await?;
    let (job, ..) = app.service().plan(s.clone())?;
    Ok(Json(plan::estimate(&app, &c, &s, &job).await?))
}

/// Rows that are read at once: each may have megabytes of scenario and result, of which a list shows little.
const PART: u32 = 20;

/// What is shown of each job of a list.
pub(crate) async fn listed<T>(app: &App, tenant: &TenantId, filter: &JobFilter, show: impl Fn(&JobRow) -> T) -> Answer<Vec<T>> {
    let (mut all, mut part, mut left) = (Vec::new(), filter.clone(), filter.most);
    while left > 0 {
        part.most = left.min(PART);
        let rows = app.service().store().jobs(tenant, &part).await?;
        all.extend(rows.iter().map(&show));
        if rows.len() < part.most as usize {
            break;
        }
        left -= part.most;
        part.before = rows.last().map(|j| j.id.clone());
    }
    Ok(all)
}

async fn list(State(app): State<App>, Extension(c): Extension<Caller>, Args(q): Args<JobQuery>) -> Answer<Json<Page<Job>>> {
    let n = within("limit", q.limit, 50, 200)?;
    let filter = JobFilter {
        before: page::read::<JobId>(q.cursor.as_deref())?,
        state: q.state,
        tag: q.tag,
        package: q.package,
        app: q.app,
        most: n + 1,
    };
    let mut docs = Vec::new();
    for job in listed(&app, c.tenant(), &filter, doc).await? {
        docs.push(with_before(&app, job).await?);
    }
    Ok(Json(page::of(docs, n, |j: &Job| j.id.clone())))
}

async fn get(State(app): State<App>, Extension(c): Extension<Caller>, At(id): At<JobId>, headers: HeaderMap) -> Answer<Response> {
    let job = app.service().store().job(Some(c.tenant()), &id).await?;
    tagged(&headers, &shown_whole(&app, &job).await?)
}

async fn cancel(State(app): State<App>, Extension(c): Extension<Caller>, At(id): At<JobId>) -> Answer<Json<Job>> {
    give_up(&app, &c, &id).await?;
    Ok(Json(shown(&app, &app.service().store().job(Some(c.tenant()), &id).await?).await?))
}

/// Gives a job up; one that has ended stays as it is.
pub(crate) async fn give_up(app: &App, c: &Caller, id: &JobId) -> Answer<()> {
    let job = app.service().store().job(Some(c.tenant()), id).await?;
    if !job.state.is_final() {
        app.service().cancel_noted(id, &[access::deed(c, "job.cancel", id.as_str(), String::new())]).await?;
    }
    Ok(())
}

async fn delete(State(app): State<App>, Extension(c): Extension<Caller>, At(id): At<JobId>) -> Answer<StatusCode> {
    let deed = access::deed(&c, "job.delete", id.as_str(), String::new());
    app.service().store().delete_job(c.tenant(), &id, access::noted(&[deed])).await?;
    Ok(StatusCode::NO_CONTENT)
}
