//! Two jobs of one package side by side: what another version, device or scenario answers.

use std::collections::BTreeMap;

use askama::Template;
use axum::{Extension, extract::State, http::StatusCode};
use serde::Deserialize;
use stakeout_contract::{
    DeviceState, JobId, Kind, Rung,
    api::problem::Code,
    result::{JobResult, Verdict},
};
use stakeout_store::{JobFilter, JobRow};

use super::{
    Fault, Shown,
    job::id_of,
    link,
    read::Asked,
    shell::{Shell, page},
    words::{self, Moment},
};
use crate::api::{
    App,
    auth::Caller,
    jobs::{doc, listed},
    problem::Failed,
};

/// Other jobs that are offered.
const OFFERED: u32 = 50;

/// Which ones.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Wanted {
    a: String,
    b: String,
    /// `all`: also claims that are answered alike.
    show: String,
}

/// One of the two.
#[derive(Debug)]
struct Side {
    id: String,
    version: String,
    app: String,
    scenario: String,
    device: String,
    state: &'static str,
    created: Moment,
}

/// One claim in one state.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Cell {
    /// Answers; empty: there is none.
    a: String,
    b: String,
    differs: bool,
}

/// A claim.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Row {
    claim: String,
    cells: Vec<Cell>,
}

/// A job to compare with.
#[derive(Debug)]
struct Other {
    href: String,
    id: String,
    version: String,
    scenario: String,
    created: Moment,
}

#[derive(Template)]
#[template(path = "compare.html")]
struct Page {
    shell: Shell,
    package: String,
    a: Side,
    b: Side,
    /// What else differs, so that the app may not be why.
    caveats: Vec<&'static str>,
    states: Vec<String>,
    rows: Vec<Row>,
    differing: usize,
    alike: usize,
    all: Option<String>,
}

#[derive(Template)]
#[template(path = "compare_choose.html")]
struct Choose {
    shell: Shell,
    a: String,
    package: String,
    others: Vec<Other>,
}

fn side(j: &JobRow) -> Side {
    Side {
        id: j.id.to_string(),
        version: words::short(&j.spec.facts.version_name),
        app: j.spec.app.to_string(),
        scenario: words::short(&j.spec.scenario.name),
        device: j.spec.device.with_api(j.spec.scenario.device.api),
        state: words::state(j.state),
        created: words::moment(j.created),
    }
}

fn caveats(a: &JobRow, b: &JobRow) -> Vec<&'static str> {
    let differs = [
        (a.spec.app == b.spec.app && a.spec.splits == b.spec.splits, "Both ran the same app: what differs does not come from its code."),
        (a.spec.scenario != b.spec.scenario, "They ran different scenarios."),
        (a.spec.device != b.spec.device || a.spec.scenario.device.api != b.spec.scenario.device.api, "They ran on different devices."),
        (a.counts.finished != b.counts.finished, "Different numbers of trials finished: the bounds of what was not observed differ."),
    ];
    differs.into_iter().filter(|(holds, _)| *holds).map(|(_, text)| text).collect()
}

/// An answer, and how often.
fn answer(v: Option<&Verdict>) -> String {
    v.map_or_else(String::new, |v| if v.count > 0 { format!("{}, {}×", words::plain(v.verdict), v.count) } else { words::plain(v.verdict) })
}

fn by_claim(r: &JobResult) -> BTreeMap<(Kind, Rung, DeviceState), &Verdict> {
    r.verdicts.iter().map(|v| ((v.kind, v.rung, v.device_state), v)).collect()
}

/// A row for each claim that either has, a cell for each state; the number of cells that differ.
fn rows(a: &JobResult, b: &JobResult) -> (Vec<Row>, usize) {
    let (of_a, of_b) = (by_claim(a), by_claim(b));
    let (mut rows, mut differing) = (Vec::new(), 0);
    for kind in Kind::ALL {
        for rung in kind.rungs() {
            let mut cells = Vec::new();
            for state in DeviceState::ALL {
                let key = (*kind, *rung, *state);
                let (va, vb) = (of_a.get(&key).copied(), of_b.get(&key).copied());
                // Counts vary from run to run; the answers are what is compared.
                let differs = va.map(|v| v.verdict) != vb.map(|v| v.verdict);
                differing += usize::from(differs);
                cells.push(Cell { a: answer(va), b: answer(vb), differs });
            }
            if cells.iter().any(|c| !c.a.is_empty() || !c.b.is_empty()) {
                rows.push(Row { claim: format!("{} {rung}", words::plain(kind)), cells });
            }
        }
    }
    (rows, differing)
}

fn result(j: &JobRow) -> Result<&JobResult, Fault> {
    j.result.as_ref().ok_or_else(|| {
        Fault(Failed::new(Code::Conflict, format!("the job `{}` has no result yet", j.id)).hint("compare it when it has ended"))
    })
}

/// The comparison, or the jobs to choose from.
pub(super) async fn show(State(app): State<App>, Extension(c): Extension<Caller>, Asked(w): Asked<Wanted>) -> Shown {
    let store = app.service().store();
    let a = store.job(Some(c.tenant()), &id_of::<JobId>("job", w.a.trim())?).await?;
    if w.b.trim().is_empty() {
        let filter = JobFilter { package: Some(a.spec.facts.package.clone()), most: OFFERED, ..JobFilter::default() };
        let offered = |j: &JobRow| (j.id != a.id && j.result.is_some()).then(|| other(&a, j));
        let others = listed(&app, c.tenant(), &filter, offered).await?;
        let model = Choose {
            shell: Shell::of(&c, ""),
            a: a.id.to_string(),
            package: words::short(&a.spec.facts.package),
            others: others.into_iter().flatten().collect(),
        };
        return Ok(page(StatusCode::OK, &model));
    }
    let b = store.job(Some(c.tenant()), &id_of::<JobId>("job", w.b.trim())?).await?;
    if a.spec.facts.package != b.spec.facts.package {
        let detail = format!("`{}` is a job of `{}`, and `{}` one of `{}`", a.id, doc(&a).package, b.id, doc(&b).package);
        return Err(Fault(Failed::new(Code::BadValue, words::short(&detail)).hint("compare two jobs of one package")));
    }
    let (all, differing) = rows(result(&a)?, result(&b)?);
    let n = all.len();
    let shown: Vec<Row> = all.into_iter().filter(|r| w.show == "all" || r.cells.iter().any(|c| c.differs)).collect();
    let alike = n - shown.len();
    let model = Page {
        shell: Shell::of(&c, ""),
        package: words::short(&a.spec.facts.package),
        caveats: caveats(&a, &b),
        states: DeviceState::ALL.iter().map(words::plain).collect(),
        all: (alike > 0).then(|| link::to("/compare", &[("a", a.id.as_str()), ("b", b.id.as_str()), ("show", "all")])),
        rows: shown,
        differing,
        alike,
        a: side(&a),
        b: side(&b),
    };
    Ok(page(StatusCode::OK, &model))
}

fn other(a: &JobRow, j: &JobRow) -> Other {
    Other {
        href: link::to("/compare", &[("a", a.id.as_str()), ("b", j.id.as_str())]),
        id: j.id.to_string(),
        version: words::short(&j.spec.facts.version_name),
        scenario: words::short(&j.spec.scenario.name),
        created: words::moment(j.created),
    }
}

#[cfg(test)]
mod tests {
    use stakeout_contract::{Answer, TenantId, trial::TrialState};
    use stakeout_store::conformance::sample;

    use super::*;

    fn result_of(verdicts: &[(Rung, DeviceState, Answer, u64)]) -> JobResult {
        let mut r = sample::decided(&sample::job(&TenantId::farm(), 1), TrialState::Finished).result;
        r.verdicts = verdicts
            .iter()
            .map(|(rung, device_state, verdict, count)| Verdict {
                kind: Kind::Camera,
                rung: *rung,
                device_state: *device_state,
                verdict: *verdict,
                p_false: None,
                bound: None,
                reasons: vec![],
                evidence: vec![],
                count: *count,
            })
            .collect();
        r
    }

    #[test]
    fn answers_are_compared_and_counts_are_not() {
        let a = result_of(&[
            (Rung::Opened, DeviceState::ScreenOff, Answer::Supported, 3),
            (Rung::Opened, DeviceState::Doze, Answer::NotObserved, 0),
            (Rung::Declared, DeviceState::Any, Answer::Supported, 1),
        ]);
        let b = result_of(&[
            (Rung::Opened, DeviceState::ScreenOff, Answer::Supported, 5),
            (Rung::Opened, DeviceState::Doze, Answer::Inconclusive, 0),
            (Rung::Declared, DeviceState::Any, Answer::Supported, 1),
        ]);
        let (rows, differing) = rows(&a, &b);
        let text: Vec<String> = rows
            .iter()
            .flat_map(|r| {
                r.cells
                    .iter()
                    .zip(DeviceState::ALL)
                    .filter(|(c, _)| !c.a.is_empty())
                    .map(move |(c, s)| format!("{}, {s}: {} | {}{}", r.claim, c.a, c.b, if c.differs { " differs" } else { "" }))
            })
            .collect();
        assert_eq!(
            text,
            [
                "camera declared, any: supported, 1× | supported, 1×",
                "camera opened, screen_off: supported, 3× | supported, 5×",
                "camera opened, doze: not observed | inconclusive differs",
            ]
        );
        assert_eq!(differing, 1);
    }

    #[test]
    fn what_else_differs_is_said() {
        let a = sample::job(&TenantId::farm(), 1);
        let mut b = a.clone();
        b.spec.app = stakeout_contract::Sha256Digest::of(b"other");
        assert!(caveats(&a, &b).is_empty());
        b.spec.scenario.device.api = 23;
        assert_eq!(caveats(&a, &b), ["They ran different scenarios.", "They ran on different devices."]);
        assert_eq!(caveats(&a, &a), ["Both ran the same app: what differs does not come from its code."]);
    }
}
