//! A job's end, in the forms that people and programs read.

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use stakeout_contract::{
    JobId, Rung,
    api::{access::Role, problem::Code},
    result::JobResult,
};
use stakeout_store::JobRow;

use super::{
    App,
    artifacts::{self, Serve},
    auth::Caller,
    idempotency::tagged,
    problem::{Answer, Failed},
    read::{Args, At},
    spec::{Needs, Routes, op},
};
use crate::worker_port::chain;

/// How JUnit counts.
#[derive(Deserialize, Serialize, schemars::JsonSchema, Default)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GateQuery {
    /// The rung from which something in an idle state fails; `opened` if not given.
    fail_on: Option<Rung>,
}

pub(crate) fn routes(r: &mut Routes) {
    let reader = Needs::Role(Role::Reader);
    let not_yet = [Code::Conflict];
    r.add(
        op(Method::GET, "/v1/jobs/{job}/report.json", "getResult", reader, "The result: every verdict with its evidence and bound")
            .gives::<JobResult>(200, "As `result.json` of `stakeout run`")
            .tagged()
            .fails(&not_yet),
        json,
    );
    r.add(
        op(Method::GET, "/v1/jobs/{job}/report.html", "getReport", reader, "The report as one page, without script")
            .gives_bytes(200, "text/html", "The page")
            .gives_bytes(206, "text/html", "A part of it")
            .tagged()
            .fails(&[Code::Conflict, Code::Range]),
        html,
    );
    r.add(
        op(Method::GET, "/v1/jobs/{job}/report.sarif", "getSarif", reader, "What was found, as SARIF 2.1.0")
            .gives_bytes(200, "application/sarif+json", "SARIF")
            .fails(&not_yet),
        sarif,
    );
    r.add(
        op(Method::GET, "/v1/jobs/{job}/report.junit.xml", "getJunit", reader, "The claims as JUnit XML")
            .query::<GateQuery>()
            .gives_bytes(200, "text/xml", "JUnit")
            .fails(&not_yet),
        junit,
    );
    r.add(
        op(Method::GET, "/v1/jobs/{job}/report.md", "getMarkdown", reader, "The verdicts as Markdown")
            .gives_bytes(200, "text/markdown", "Markdown")
            .fails(&not_yet),
        markdown,
    );
    r.add(
        op(Method::GET, "/v1/jobs/{job}/bundle", "getBundle", reader, "The signed bundle")
            .more("`stakeout verify` checks it, `stakeout analyze` finds everything again.")
            .gives_bytes(200, "application/zip", "The bundle, as an attachment")
            .gives_bytes(206, "application/zip", "A part of it")
            .tagged()
            .fails(&[Code::Conflict, Code::Range]),
        bundle,
    );
}

async fn ended(app: &App, c: &Caller, id: &JobId) -> Answer<(JobRow, JobResult)> {
    let mut job = app.service().store().job(Some(c.tenant()), id).await?;
    match job.result.take() {
        Some(r) => Ok((job, r)),
        None => Err(Failed::new(Code::Conflict, format!("the job `{id}` has not ended")).hint("follow its events, or ask again").retry(5)),
    }
}

async fn json(State(app): State<App>, Extension(c): Extension<Caller>, At(id): At<JobId>, headers: HeaderMap) -> Answer<Response> {
    tagged(&headers, &ended(&app, &c, &id).await?.1)
}

async fn html(State(app): State<App>, Extension(c): Extension<Caller>, At(id): At<JobId>, headers: HeaderMap) -> Answer<Response> {
    let (job, _) = ended(&app, &c, &id).await?;
    let sha256 = job.report.ok_or_else(|| Failed::not_found("report of", id.as_str()))?;
    let what = Serve { tenant: c.tenant(), sha256: &sha256, media: "text/html; charset=utf-8", name: None };
    let mut r = artifacts::serve(&app, &headers, &what).await?;
    // It holds text of strangers, escaped: it may show itself, and do nothing.
    r.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox allow-popups",
        ),
    );
    Ok(r)
}

fn text(media: &'static str, text: Result<String, stakeout_report::ReportError>) -> Answer<Response> {
    let text = text.map_err(|e| Failed::new(Code::Internal, chain(&e)))?;
    Ok(([(header::CONTENT_TYPE, media)], text).into_response())
}

async fn sarif(State(app): State<App>, Extension(c): Extension<Caller>, At(id): At<JobId>) -> Answer<Response> {
    text("application/sarif+json", stakeout_report::sarif(&ended(&app, &c, &id).await?.1))
}

async fn junit(State(app): State<App>, Extension(c): Extension<Caller>, At(id): At<JobId>, Args(q): Args<GateQuery>) -> Answer<Response> {
    text("text/xml; charset=utf-8", stakeout_report::junit(&ended(&app, &c, &id).await?.1, q.fail_on.unwrap_or(Rung::Opened)))
}

async fn markdown(State(app): State<App>, Extension(c): Extension<Caller>, At(id): At<JobId>) -> Answer<Response> {
    text("text/markdown; charset=utf-8", Ok(stakeout_report::markdown(&ended(&app, &c, &id).await?.1)))
}

async fn bundle(State(app): State<App>, Extension(c): Extension<Caller>, At(id): At<JobId>, headers: HeaderMap) -> Answer<Response> {
    let (job, _) = ended(&app, &c, &id).await?;
    let outcome = job.outcome.ok_or_else(|| Failed::not_found("bundle of", id.as_str()))?;
    let what = Serve { tenant: c.tenant(), sha256: &outcome.bundle, media: "application/zip", name: Some(format!("{id}.zip")) };
    artifacts::serve(&app, &headers, &what).await
}
