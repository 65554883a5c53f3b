//! Scenarios: those that come with Stakeout and the tenant's own.

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use stakeout_contract::{
    Sha256Digest,
    api::{
        access::Role,
        apps::{ScenarioCheck, ScenarioDoc},
        page::{Page, PageQuery},
        problem::Code,
    },
    scenario::Scenario,
};

use super::{
    App, access,
    auth::Caller,
    idempotency::{json, tagged},
    page::{self, ScenarioName},
    problem::{Answer, Failed},
    read::{self, Args, At, Text},
    spec::{Needs, Routes, op},
};
use crate::{
    scenarios::{BUILT_IN, Mistake, parse},
    service::now,
};

/// What a scenario's text is sent as (RFC 9512).
const YAML: &str = "application/yaml";

pub(crate) fn routes(r: &mut Routes) {
    let (submitter, reader) = (Needs::Role(Role::Submitter), Needs::Role(Role::Reader));
    r.add(
        op(Method::GET, "/v1/scenarios", "listScenarios", reader, "Scenarios: built in, and the tenant's")
            .more("Those that are built in come first, on the first page, and are not counted.")
            .query::<PageQuery>()
            .gives::<Page<ScenarioDoc>>(200, "By name"),
        list,
    );
    r.add(
        op(Method::POST, "/v1/scenario-checks", "checkScenario", reader, "Check a scenario's text; nothing is kept")
            .takes_bytes(YAML)
            .gives::<ScenarioCheck>(200, "What was found"),
        check,
    );
    r.add(
        op(Method::GET, "/v1/scenarios/{name}", "getScenario", reader, "A scenario").gives::<ScenarioDoc>(200, "The scenario").tagged(),
        get,
    );
    r.add(
        op(Method::PUT, "/v1/scenarios/{name}", "putScenario", submitter, "Keep a scenario under its name; jobs have their own copy")
            .takes_bytes(YAML)
            .gives::<ScenarioDoc>(200, "Kept")
            .fails(&[Code::BadScenario, Code::Conflict, Code::Quota]),
        put,
    );
    r.add(
        op(Method::DELETE, "/v1/scenarios/{name}", "deleteScenario", submitter, "Forget a scenario")
            .gives_nothing(204, "Forgotten")
            .fails(&[Code::Conflict]),
        delete,
    );
}

/// The document of a scenario.
fn doc(s: &Scenario, text: &str, built_in: bool, created_ms: i64) -> ScenarioDoc {
    ScenarioDoc {
        name: s.name.clone(),
        built_in,
        sha256: Sha256Digest::of(text.as_bytes()),
        text: text.to_owned(),
        trials: s.trials,
        api: s.device.api,
        seconds: s.virtual_length().as_secs_f64(),
        created_ms,
    }
}

pub(crate) fn built_in() -> impl Iterator<Item = ScenarioDoc> {
    BUILT_IN.iter().filter_map(|(_, text)| parse(text).ok().map(|s| doc(&s, text, true, 0)))
}

fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|(n, _)| *n == name)
}

/// A scenario's mistake as a problem.
pub(crate) fn mistake(m: &Mistake) -> Failed {
    let f = Failed::new(Code::BadScenario, m.what.clone()).hint("docs/scenarios.md explains what a scenario may hold");
    match m.place {
        Some((line, column)) => f.at(format!("{line}:{column}")),
        None => f,
    }
}

async fn list(State(app): State<App>, Extension(c): Extension<Caller>, Args(q): Args<PageQuery>) -> Answer<Json<Page<ScenarioDoc>>> {
    let (n, after) = (read::within("limit", q.limit, 50, 200)?, page::read::<ScenarioName>(q.cursor.as_deref())?);
    let own = app.service().store().scenarios(c.tenant(), after.as_ref().map(|a| a.0.as_str()), n + 1).await?;
    let own = page::of(own, n, |s| ScenarioName(s.name.clone()));
    let first = after.is_none().then(built_in).into_iter().flatten();
    Ok(Json(Page { items: first.chain(own.items).collect(), next: own.next }))
}

async fn check(headers: HeaderMap, Text(text): Text) -> Answer<Json<ScenarioCheck>> {
    read::media(&headers, YAML)?;
    Ok(Json(match parse(&text) {
        Ok(_) => ScenarioCheck { ok: true, problem: None, line: None, column: None },
        Err(m) => ScenarioCheck { ok: false, line: m.place.map(|p| p.0), column: m.place.map(|p| p.1), problem: Some(m.what) },
    }))
}

/// A scenario by name: built in, or the tenant's.
pub(crate) async fn named(app: &App, c: &Caller, name: &str) -> Answer<ScenarioDoc> {
    match built_in().find(|d| d.name == name) {
        Some(d) => Ok(d),
        None => Ok(app.service().store().scenario(c.tenant(), name).await?),
    }
}

async fn get(State(app): State<App>, Extension(c): Extension<Caller>, At(name): At<String>, headers: HeaderMap) -> Answer<Response> {
    tagged(&headers, &named(&app, &c, &name).await?)
}

async fn put(
    State(app): State<App>,
    Extension(c): Extension<Caller>,
    At(name): At<String>,
    headers: HeaderMap,
    Text(text): Text,
) -> Answer<Response> {
    read::media(&headers, YAML)?;
    not_built_in(&name)?;
    let s = parse(&text).map_err(|m| mistake(&m))?;
    if s.name != name {
        return Err(Failed::value("name", format!("the scenario calls itself `{}`, not `{name}`", s.name)));
    }
    let doc = doc(&s, &text, false, now());
    let deed = access::deed(&c, "scenario.put", &name, doc.sha256.to_string());
    app.service().store().put_scenario(c.tenant(), &doc, access::noted(&[deed])).await?;
    json(StatusCode::OK, &doc)
}

fn not_built_in(name: &str) -> Answer<()> {
    if is_built_in(name) {
        return Err(Failed::new(Code::Conflict, format!("the scenario `{name}` comes with Stakeout")).hint("give yours another name"));
    }
    Ok(())
}

async fn delete(State(app): State<App>, Extension(c): Extension<Caller>, At(name): At<String>) -> Answer<StatusCode> {
    not_built_in(&name)?;
    let deed = access::deed(&c, "scenario.delete", &name, String::new());
    app.service().store().delete_scenario(c.tenant(), &name, access::noted(&[deed])).await?;
    Ok(StatusCode::NO_CONTENT)
}
