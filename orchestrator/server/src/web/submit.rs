//! Submitting an app: a form, its mistakes beside its fields, an estimate, a job.
//!
//! An app that was taken stays taken: when something else in the form is wrong, or only an estimate was asked for, the form comes
//! back with the app's digest in it, and the files need not be sent again. Values of secrets do not come back: they are typed
//! again.

mod form;
mod mistakes;

use std::{collections::BTreeMap, path::PathBuf};

use askama::Template;
use axum::{
    Extension,
    extract::{Multipart, State},
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use stakeout_contract::{
    DeviceKind, Sha256Digest,
    api::{
        apps::App as AppDoc,
        jobs::{Estimate, JobSpec, Reuse, ScenarioRef},
    },
    trial::FeedMode,
};

use self::{
    form::{Fields, Typed},
    mistakes::{Mistake, Mistakes},
};
use super::{
    Fault, Shown,
    read::Asked,
    shell::{Shell, go, page},
    words,
};
use crate::api::{
    App, apps,
    auth::Caller,
    jobs, plan,
    problem::{Answer, Failed},
    room::Room,
    scenarios,
};

/// A scenario to choose.
struct Choice {
    name: String,
    text: String,
    chosen: bool,
}

/// An app that was taken before.
struct Taken {
    sha256: String,
    package: String,
    version: String,
    splits: String,
}

/// What a job would cost, in words.
struct Guess {
    lines: Vec<String>,
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "submit.html")]
struct Page {
    shell: Shell,
    fields: Fields,
    app: Option<Taken>,
    scenarios: Vec<Choice>,
    devices: Vec<(&'static str, bool)>,
    /// Names of values, one for each row; some are empty.
    names: Vec<String>,
    /// Values were sent, and are not shown again.
    forgotten: bool,
    most: String,
    /// What the job's secret is, by its digest.
    committed: String,
    mistakes: Mistakes,
    guess: Option<Guess>,
}

/// Rows for values that a form has at least.
const ROWS: usize = 3;

/// Devices that an app can be run on.
const DEVICES: [DeviceKind; 2] = [DeviceKind::Jvm, DeviceKind::Emulator];

/// Which app is to be submitted again.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Wanted {
    app: String,
}

/// The form.
pub(super) async fn show(State(app): State<App>, Extension(c): Extension<Caller>, Asked(w): Asked<Wanted>) -> Shown {
    let fields = Fields { app: w.app, ..Fields::empty() };
    let taken = match fields.app.parse::<Sha256Digest>() {
        Ok(sha256) => Some(app.service().store().app(c.tenant(), &sha256).await?),
        Err(_) => None,
    };
    answer(&app, &c, StatusCode::OK, fields, taken, Mistakes::default(), None).await
}

async fn answer(
    app: &App,
    c: &Caller,
    status: StatusCode,
    mut fields: Fields,
    taken: Option<AppDoc>,
    mistakes: Mistakes,
    guess: Option<Guess>,
) -> Shown {
    let choice =
        |name: String, more: &str| Choice { text: format!("{}{more}", words::short(&name)), chosen: name == fields.scenario, name };
    // Of the tenant's own only the names are read: their texts may be many megabytes.
    let own = app.service().store().scenario_names(c.tenant()).await?;
    let built_in = scenarios::built_in().map(|s| {
        let more = format!(" ({} idle, {})", words::about(s.seconds), words::count(u64::from(s.trials), "trial"));
        choice(s.name, &more)
    });
    let scenarios = built_in.chain(own.into_iter().map(|name| choice(name, ""))).collect();
    // One that was mistyped is longer than any that is taken.
    let mut names: Vec<String> = fields.typed.iter().map(|t| words::short(&t.name)).filter(|n| !n.is_empty()).collect();
    names.resize(names.len().max(ROWS - 1) + 1, String::new());
    let offer = app.service().offer_again(&fields.offer);
    if fields.offer != offer.job.as_str() {
        // A nonce that was heard before its offer was made is no part of the keys.
        fields.nonce.clear();
        fields.offer = offer.job.to_string();
    }
    fields.app = taken.as_ref().map_or_else(String::new, |t| t.sha256.to_string());
    let model = Page {
        shell: Shell::of(c, "submit"),
        app: taken.map(|t| Taken {
            sha256: t.sha256.to_string(),
            package: words::short(&t.facts.package),
            version: words::short(&t.facts.version_name),
            splits: if t.splits.is_empty() { String::new() } else { words::count(t.splits.len() as u64, "split") },
        }),
        scenarios,
        devices: DEVICES.iter().map(|d| (d.as_str(), d.as_str() == fields.device)).collect(),
        names,
        forgotten: fields.typed.iter().any(|t| !t.value.is_empty()),
        most: words::bytes(app.options().app_bytes),
        committed: offer.secret.to_string(),
        fields,
        mistakes,
        guess,
    };
    Ok(page(status, &model))
}

/// The app of a form: its files, or one that was taken before.
async fn app_of(app: &App, c: &Caller, fields: &Fields) -> Answer<AppDoc> {
    if !fields.apks.is_empty() {
        let mut files: Vec<PathBuf> = fields.apks.iter().map(|f| f.path.to_path_buf()).collect();
        let base = app.service().intake.base_of(&files).await?;
        let base = files.remove(base);
        return Ok(apps::take(app, c, &base, &files).await?.0);
    }
    let sha256: Sha256Digest = fields.app.parse().map_err(|_| Failed::value("apk", "there is no app").hint("choose an APK file"))?;
    Ok(app.service().store().app(c.tenant(), &sha256).await?)
}

fn number(field: &'static str, text: &str) -> Answer<Option<u32>> {
    match text.trim() {
        "" => Ok(None),
        text => {
            text.parse().map(Some).map_err(|_| Failed::value(field, format!("`{}` is no number that is taken here", words::short(text))))
        }
    }
}

/// Values by their names. What is half a pair is a slip of its writer.
fn secrets(typed: &[Typed]) -> Answer<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for Typed { name, value } in typed {
        match (name.is_empty(), value.is_empty()) {
            (true, true) => continue,
            (true, false) => return Err(Failed::value("secrets", "a value has no name")),
            (false, true) => {
                let name = words::short(name);
                return Err(Failed::value("secrets", format!("`{name}` has no value")).hint("values do not stay in a page: type it again"));
            }
            (false, false) => {}
        }
        if all.insert(name.clone(), value.clone()).is_some() {
            return Err(Failed::value("secrets", format!("`{}` has two values", words::short(name))));
        }
    }
    Ok(all)
}

/// The job that a form describes.
fn spec(fields: &Fields, app: Sha256Digest) -> Answer<JobSpec> {
    let pasted = !fields.yaml.trim().is_empty();
    let scenario = if pasted { ScenarioRef::Text { yaml: fields.yaml.clone() } } else { ScenarioRef::Name(fields.scenario.clone()) };
    Ok(JobSpec {
        app,
        scenario,
        device: fields.device.parse().map_err(|_| Failed::value("device", "choose a device"))?,
        api: number("api", &fields.api)?,
        trials: number("trials", &fields.trials)?,
        feed_mode: FeedMode::default(),
        priority: 0,
        tags: fields.tags.split(',').map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()).collect(),
        secrets: secrets(&fields.typed)?,
        nonce: Some(fields.nonce.trim().to_owned()).filter(|n| !n.is_empty()),
        reuse: Reuse::Never,
        delete_after_days: None,
        with_app: false,
    })
}

/// A job was taken, or only an estimate was wanted.
enum Done {
    Job(String),
    Guess(Guess),
}

async fn act(app: &App, c: &Caller, fields: &Fields, taken: &AppDoc) -> Answer<Done> {
    let spec = spec(fields, taken.sha256)?;
    if !fields.only_estimate {
        // Who gives no nonce has no use for what was offered for it.
        let offer = spec.nonce.as_ref().and_then(|_| fields.offer.parse().ok()).map(|job| jobs::TakenUp { job, nonce: None });
        return Ok(Done::Job(jobs::take(app, c, spec, offer).await?.id.to_string()));
    }
    let s = plan::submission(app, c, spec, None).await?;
    let (job, ..) = app.service().plan(s.clone())?;
    Ok(Done::Guess(guess(&plan::estimate(app, c, &s, &job).await?)))
}

fn guess(e: &Estimate) -> Guess {
    let mut lines =
        vec![format!("{}, {} on the devices’ clocks", words::count(u64::from(e.trials), "trial"), words::about(e.virtual_seconds))];
    match (e.slot_seconds, e.bytes) {
        (Some(seconds), Some(bytes)) => lines.push(format!(
            "about {} of workers’ time and {} kept, by {} of before",
            words::about(seconds),
            words::bytes(bytes),
            words::count(u64::from(e.based_on), "trial")
        )),
        _ => lines.push("this tenant has not run such a trial yet, so its time is not known".to_owned()),
    }
    lines.push(match (e.workers, e.wait_seconds) {
        (0, _) => "no worker that lives can run it now: it would wait".to_owned(),
        (n, Some(wait)) => format!("{} can run it; it begins in about {}", words::count(u64::from(n), "worker"), words::about(wait)),
        (n, None) => format!("{} can run it", words::count(u64::from(n), "worker")),
    });
    Guess { lines, before: e.reusable.as_ref().map(ToString::to_string) }
}

/// Takes the form.
pub(super) async fn take(State(app): State<App>, Extension(c): Extension<Caller>, headers: HeaderMap, form: Multipart) -> Shown {
    let sent = headers.get("content-length").and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    // A person who leaves now must not leave the room taken.
    jobs::to_its_end(async move {
        let room = Room::take(&app, &c.tenant, sent).await?;
        let done = received(&app, &c, &room, form).await;
        room.give_back(&app).await;
        Ok(done)
    })
    .await?
}

async fn received(app: &App, c: &Caller, room: &Room, form: Multipart) -> Shown {
    let fields = form::read(app, form, room.bytes()).await.map_err(|e| room.explain(e))?;
    let taken = match app_of(app, c, &fields).await {
        Ok(taken) => taken,
        Err(e) => return refused(app, c, fields, None, e).await,
    };
    match act(app, c, &fields, &taken).await {
        Ok(Done::Job(id)) => Ok(go(&format!("/jobs/{id}"))),
        Ok(Done::Guess(guess)) => answer(app, c, StatusCode::OK, fields, Some(taken), Mistakes::default(), Some(guess)).await,
        Err(e) => refused(app, c, fields, Some(taken), e).await,
    }
}

/// The form again, with what is wrong; what is not the form's fault is a page of its own.
async fn refused(app: &App, c: &Caller, mut fields: Fields, taken: Option<AppDoc>, e: Failed) -> Shown {
    let status = StatusCode::from_u16(e.problem.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    if e.problem.at.as_deref() == Some("offer") {
        fields.offer.clear();
    }
    match Mistake::of(&e.problem, &fields.yaml, taken.is_some()) {
        Some(m) => answer(app, c, status, fields, taken, Mistakes(vec![m]), None).await,
        None => Err(Fault(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_becomes_a_job_and_what_is_empty_is_left_to_the_scenario() {
        let fields = Fields { tags: " nightly, v2 ,".to_owned(), trials: "5".to_owned(), ..Fields::empty() };
        let s = spec(&fields, Sha256Digest::of(b"app")).unwrap();
        assert_eq!((s.scenario, s.device, s.api, s.trials), (ScenarioRef::Name("idle-demo".to_owned()), DeviceKind::Jvm, None, Some(5)));
        assert_eq!(s.tags, ["nightly", "v2"]);
        let pasted = Fields { yaml: "name: x".to_owned(), ..Fields::empty() };
        assert_eq!(spec(&pasted, s.app).unwrap().scenario, ScenarioRef::Text { yaml: "name: x".to_owned() });
        let wrong = Fields { api: "thirty".to_owned(), ..Fields::empty() };
        assert_eq!(spec(&wrong, s.app).unwrap_err().problem.at.as_deref(), Some("api"));
    }

    #[test]
    fn values_have_a_name_each_and_empty_rows_say_nothing() {
        let of = |pairs: &[(&str, &str)]| {
            let typed: Vec<Typed> = pairs.iter().map(|(n, v)| Typed { name: (*n).to_owned(), value: (*v).to_owned() }).collect();
            secrets(&typed).map_err(|f| f.problem.detail)
        };
        assert_eq!(of(&[("user", "alice@example"), ("", ""), ("password", " two words ")]).unwrap()["password"], " two words ");
        assert_eq!(of(&[("", "")]).unwrap().len(), 0);
        for (pairs, detail) in [
            (&[("", "hunter22")][..], "a value has no name"),
            (&[("password", "")], "`password` has no value"),
            (&[("password", "one-1"), ("password", "two-2")], "`password` has two values"),
        ] {
            assert_eq!(of(pairs).unwrap_err(), detail);
        }
    }

    #[test]
    fn an_estimate_says_what_it_rests_on_and_what_is_not_known() {
        let mut e = Estimate {
            trials: 3,
            virtual_seconds: 37_800.0,
            slot_seconds: None,
            bytes: None,
            wait_seconds: None,
            workers: 0,
            based_on: 0,
            reusable: None,
        };
        assert_eq!(
            guess(&e).lines,
            [
                "3 trials, 10.5 h on the devices’ clocks",
                "this tenant has not run such a trial yet, so its time is not known",
                "no worker that lives can run it now: it would wait"
            ]
        );
        (e.slot_seconds, e.bytes, e.wait_seconds, e.workers, e.based_on) = (Some(120.0), Some(2 << 20), Some(30.0), 1, 9);
        assert_eq!(
            guess(&e).lines[1..],
            ["about 2 min of workers’ time and 2.0 MiB kept, by 9 trials of before", "1 worker can run it; it begins in about 30 s"]
        );
    }
}
