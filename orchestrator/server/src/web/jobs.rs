//! The first page: jobs, the newest first.

use askama::Template;
use axum::{Extension, extract::State, http::StatusCode};
use serde::Deserialize;
use stakeout_contract::{JobId, api::jobs::Job, trial::TrialState};
use stakeout_store::JobFilter;

use super::{
    Shown, link,
    read::Asked,
    shell::{Shell, page},
    words::{self, Moment, Said, Segment},
};
use crate::api::{
    App,
    auth::Caller,
    jobs::{doc, listed},
    page as cursor,
};

/// Jobs on one page.
const MOST: u32 = 50;

/// What is looked for; an empty field is any.
#[derive(Deserialize, Default, Clone, Debug)]
#[serde(default)]
pub(super) struct Wanted {
    state: String,
    tag: String,
    package: String,
    cursor: String,
}

/// A tag, and where its jobs are.
#[derive(Debug)]
pub(super) struct Tag {
    pub(super) text: String,
    pub(super) href: String,
}

/// One job in the list.
#[derive(Debug)]
pub(super) struct Line {
    id: String,
    package: String,
    scenario: String,
    device: String,
    tags: Vec<Tag>,
    state: &'static str,
    segments: Vec<Segment>,
    trials: String,
    said: Said,
    created: Moment,
}

/// A state to choose.
struct Choice {
    word: &'static str,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "jobs.html")]
struct Page {
    shell: Shell,
    wanted: Wanted,
    states: Vec<Choice>,
    filtered: bool,
    lines: Vec<Line>,
    older: Option<String>,
    newest: Option<String>,
}

/// A job's tags.
pub(super) fn tags(j: &Job) -> Vec<Tag> {
    j.tags.iter().map(|t| Tag { text: words::short(t), href: link::to("/", &[("tag", t)]) }).collect()
}

fn line(j: &Job) -> Line {
    let (segments, trials) = words::bar(&j.trials);
    Line {
        id: j.id.to_string(),
        package: words::short(&j.package),
        scenario: words::short(&j.scenario),
        device: j.device.clone(),
        tags: tags(j),
        state: words::state(j.state),
        segments,
        trials,
        said: words::outcome(j),
        created: words::moment(j.created_ms),
    }
}

fn state_of(word: &str) -> Option<TrialState> {
    words::STATES.into_iter().find(|s| words::state(*s) == word)
}

fn some(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|t| !t.is_empty())
}

/// The list.
pub(super) async fn show(State(app): State<App>, Extension(c): Extension<Caller>, Asked(w): Asked<Wanted>) -> Shown {
    let filter = JobFilter {
        before: cursor::read::<JobId>(some(&w.cursor).as_deref())?,
        state: state_of(&w.state),
        tag: some(&w.tag),
        package: some(&w.package),
        app: None,
        most: MOST + 1,
    };
    let jobs = cursor::of(listed(&app, c.tenant(), &filter, doc).await?, MOST, |j: &Job| j.id.clone());
    let same = |cursor: &str| link::to("/", &[("state", &w.state), ("tag", &w.tag), ("package", &w.package), ("cursor", cursor)]);
    let model = Page {
        shell: Shell::of(&c, "jobs"),
        states: words::STATES.iter().map(|s| Choice { word: words::state(*s), chosen: words::state(*s) == w.state }).collect(),
        filtered: filter.state.is_some() || filter.tag.is_some() || filter.package.is_some(),
        lines: jobs.items.iter().map(line).collect(),
        older: jobs.next.as_deref().map(same),
        newest: filter.before.is_some().then(|| same("")),
        wanted: w,
    };
    Ok(page(StatusCode::OK, &model))
}

#[cfg(test)]
mod tests {
    use stakeout_contract::TenantId;
    use stakeout_store::conformance::sample;

    use super::*;

    #[test]
    fn a_line_says_what_a_job_is_and_strangers_text_is_cleaned() {
        let mut row = sample::job(&TenantId::farm(), 2);
        row.spec.facts.package = "com.\u{202e}moc".to_owned();
        row.tags = vec!["night ly".to_owned()];
        let l = line(&doc(&row));
        assert_eq!((l.package.as_str(), l.state, l.trials.as_str()), ("com.\u{fffd}moc", "queued", "2 trials: 2 queued"));
        assert_eq!((l.said.word, l.device.as_str(), l.tags[0].href.as_str()), ("no answer yet", "jvm 34", "/?tag=night+ly"));
    }

    #[test]
    fn a_state_that_is_none_is_any() {
        assert_eq!(state_of("running"), Some(TrialState::Running));
        assert_eq!(state_of(""), None);
        assert_eq!(state_of("clean"), None);
    }
}
