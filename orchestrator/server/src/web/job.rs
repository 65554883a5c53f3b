//! A job's page: while it runs it follows its events, when it has ended it leads to what was found.

use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use stakeout_contract::{JobId, api::jobs::Job, result::Verdict};
use stakeout_store::{JobRow, StoreError, TrialFull};

use super::{
    Fault, Shown,
    jobs::{Tag, tags},
    link,
    seen::{COLUMNS, Row, Seen, StateRow},
    shell::{Shell, go, page},
    trials::{self, Line, Shot},
    watch,
    words::{self, Moment, Said, Segment},
};
use crate::api::{
    App,
    auth::Caller,
    jobs::{doc, give_up},
    problem::Failed,
};
use crate::receipts;

/// Verdicts that are told here; the report has all.
const FOUND: usize = 12;

/// What the app is.
#[derive(Debug)]
struct AppFacts {
    package: String,
    label: String,
    version: String,
    sha256: String,
    again: String,
}

/// The job that ran, if this one answers from it.
#[derive(Debug)]
struct Before {
    job: String,
    /// When it ended: the answer's age. None: it was deleted since.
    ended: Option<Moment>,
}

#[derive(Template, Debug)]
#[template(path = "job.html")]
struct Page {
    shell: Shell,
    id: String,
    app: AppFacts,
    scenario: String,
    device: String,
    tags: Vec<Tag>,
    state: &'static str,
    /// It may still change, and its events can be followed there.
    follow: Option<String>,
    segments: Vec<Segment>,
    counts: String,
    said: Said,
    found: Vec<String>,
    found_left: usize,
    created: Moment,
    ended: Option<Moment>,
    deleted: Option<Moment>,
    before: Option<Before>,
    commitment: String,
    nonce: String,
    /// Signed, as JSON; none: the job answers from an earlier one.
    receipt: Option<String>,
    trials: Vec<Line>,
    trials_left: usize,
    columns: &'static [&'static str],
    table: Vec<StateRow>,
    rows: Vec<Row>,
    /// There are more events than were read.
    behind: bool,
    shots: Vec<Shot>,
    shots_all: usize,
    has_result: bool,
    /// Size and signer of the bundle.
    bundle: Option<(String, String)>,
    may_cancel: bool,
}

/// An id of a path; what is none is not found.
pub(super) fn id_of<T: std::str::FromStr>(what: &str, text: &str) -> Result<T, Fault> {
    text.parse().map_err(|_| Fault(Failed::not_found(what, &words::short(text))))
}

fn told(v: &Verdict) -> String {
    let times = if v.count > 0 { format!(", {}×", v.count) } else { String::new() };
    format!("{}: {}{times}", words::claim(v), words::plain(v.verdict))
}

fn model(shell: Shell, row: &JobRow, all: &[TrialFull], seen: Seen, behind: bool) -> Page {
    let job: Job = doc(row);
    let facts = &row.spec.facts;
    let live = !job.state.is_final();
    let (segments, counts) = words::bar(&job.trials);
    let (trials, trials_left) = trials::lines(all, &seen);
    let (shots, shots_all) = trials::shots(all);
    let found = job.outcome.as_ref().map_or(&[][..], |o| &o.found);
    Page {
        app: AppFacts {
            package: words::short(&facts.package),
            label: words::short(&facts.label),
            version: words::short(&facts.version_name),
            sha256: row.spec.app.to_string(),
            again: link::to("/submit", &[("app", &row.spec.app.to_string())]),
        },
        scenario: words::short(&job.scenario),
        device: job.device.clone(),
        tags: tags(&job),
        state: words::state(job.state),
        follow: live.then(|| link::to(&format!("/v1/jobs/{}/events", job.id), &[("after", &seen.after.to_string())])),
        segments,
        counts,
        said: words::outcome(&job),
        found: found.iter().take(FOUND).map(told).collect(),
        found_left: found.len().saturating_sub(FOUND),
        created: words::moment(job.created_ms),
        ended: job.ended_ms.map(words::moment),
        deleted: job.delete_ms.map(words::moment),
        before: None,
        commitment: job.commitment.to_string(),
        nonce: job.nonce.clone(),
        receipt: None,
        trials,
        trials_left,
        columns: &COLUMNS,
        table: seen.table(),
        rows: seen.rows.into_iter().collect(),
        behind,
        shots,
        shots_all,
        has_result: row.result.is_some(),
        bundle: job.outcome.as_ref().map(|o| (words::bytes(o.bundle_bytes), o.signer.clone())),
        may_cancel: live && shell.submits(),
        id: job.id.to_string(),
        shell,
    }
}

/// From which job this one answers, and how old that is.
async fn before(app: &App, c: &Caller, row: &JobRow) -> Result<Option<Before>, Fault> {
    let Some(id) = &row.reused else { return Ok(None) };
    let ended = match app.service().store().job(Some(c.tenant()), id).await {
        Ok(ran) => ran.ended,
        Err(StoreError::NotFound { .. }) => None,
        Err(e) => return Err(e.into()),
    };
    Ok(Some(Before { job: id.to_string(), ended: ended.map(words::moment) }))
}

/// The page.
pub(super) async fn show(State(app): State<App>, Extension(c): Extension<Caller>, Path(id): Path<String>) -> Shown {
    let id: JobId = id_of("job", &id)?;
    let store = app.service().store();
    let row = store.job(Some(c.tenant()), &id).await?;
    let trials = trials::of(store, &id).await?;
    let (seen, behind) = watch::read(&app, &id).await?;
    let receipt = receipts::signed(&row, app.operator())?.and_then(|r| serde_json::to_string_pretty(&r).ok());
    let before = before(&app, &c, &row).await?;
    Ok(page(StatusCode::OK, &Page { before, receipt, ..model(Shell::of(&c, "job"), &row, &trials, seen, behind) }))
}

/// Gives a job up.
pub(super) async fn cancel(State(app): State<App>, Extension(c): Extension<Caller>, Path(id): Path<String>) -> Shown {
    let id: JobId = id_of("job", &id)?;
    give_up(&app, &c, &id).await?;
    Ok(go(&format!("/jobs/{id}")))
}

/// To the report, which is a page of its own, with rules of its own.
pub(super) async fn report(Path(id): Path<String>) -> Result<Response, Fault> {
    let id: JobId = id_of("job", &id)?;
    Ok(go(&format!("/v1/jobs/{id}/report.html")))
}

#[cfg(test)]
mod tests {
    use stakeout_contract::{TenantId, api::access::Role, trial::TrialState};
    use stakeout_store::conformance::sample;

    use super::*;
    use crate::web::shell::Who;

    fn signed_in(role: Role) -> Shell {
        let who =
            Who { tenant: "farm".to_owned(), role: role.as_str(), submits: role.covers(Role::Submitter), admin: role.covers(Role::Admin) };
        Shell { here: "job", who: Some(who), engine: "" }
    }

    #[test]
    fn a_job_that_waits_is_followed_and_may_be_given_up_by_those_who_submit() {
        let mut row = sample::job(&TenantId::farm(), 2);
        row.spec.facts.label = "<b>Pay</b>".to_owned();
        let p = model(signed_in(Role::Submitter), &row, &[], Seen { after: 4, ..Seen::default() }, false);
        assert_eq!(p.follow.as_deref(), Some(format!("/v1/jobs/{}/events?after=4", row.id).as_str()));
        assert!(p.may_cancel && !p.has_result && p.bundle.is_none());
        let html = p.render().unwrap();
        assert!(html.contains("&#60;b&#62;Pay&#60;/b&#62;") && !html.contains("<b>Pay"), "{html}");
        assert!(html.contains(&p.commitment) && html.contains(&format!("/jobs/{}/cancel", row.id)));
        assert!(!model(signed_in(Role::Reader), &row, &[], Seen::default(), false).may_cancel);
    }

    #[test]
    fn a_job_that_has_ended_is_not_followed_and_leads_to_its_report() {
        let mut row = sample::job(&TenantId::farm(), 1);
        row.state = TrialState::Finished;
        row.ended = Some(2);
        row.result = Some(sample::decided(&row, TrialState::Finished).result);
        let p = model(signed_in(Role::Reader), &row, &[], Seen::default(), false);
        assert!(p.follow.is_none() && p.has_result);
        let html = p.render().unwrap();
        assert!(html.contains(&format!("/jobs/{}/report\"", row.id)) && !html.contains("live.js") && !html.contains("clean"), "{html}");
    }

    #[test]
    fn an_answer_of_before_says_how_old_it_is() {
        let mut row = sample::job(&TenantId::farm(), 1);
        row.state = TrialState::Finished;
        let of = |ended: Option<i64>| {
            let before = Some(Before { job: "job-before".to_owned(), ended: ended.map(words::moment) });
            Page { before, ..model(signed_in(Role::Reader), &row, &[], Seen::default(), false) }.render().unwrap()
        };
        let html = of(Some(86_400_000));
        assert!(html.contains("/jobs/job-before") && html.contains("which ended") && html.contains("1970-01-02 00:00 UTC"), "{html}");
        assert!(!of(None).contains("which ended"), "it was deleted since");
    }

    #[test]
    fn what_is_no_id_is_not_found() {
        assert_eq!(id_of::<JobId>("job", "../x").unwrap_err().0.problem.status, 404);
    }
}
