//! `stakeout submit`: apps to a server, one or ten thousand.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use stakeout_client::Client;
use stakeout_contract::{
    Sha256Digest,
    api::jobs::{Estimate, Job, JobSpec, Reuse, ScenarioRef},
};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{farm, feed, receipts, run as here, watch};
use crate::{
    args::farm::{ReuseArg, SubmitArgs},
    exit::Failure,
    interrupt, library, output,
};

/// Submits at a time.
const AT_A_TIME: usize = 8;

/// All APKs that are meant, in order.
fn apks(inputs: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut out = Vec::new();
    for p in inputs {
        if p.is_dir() {
            let before = out.len();
            below(p, &mut out, 0)?;
            if out.len() == before {
                return Err(Failure::hint(format!("there is no .apk below `{}`", p.display()), "check the folder"));
            }
        } else {
            out.push(p.clone());
        }
    }
    out.sort();
    out.dedup();
    Ok(out)
}

fn below(dir: &Path, out: &mut Vec<PathBuf>, depth: u32) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::usage(anyhow::anyhow!("`{}` cannot be read: {e}", dir.display()));
    for e in std::fs::read_dir(dir).map_err(failed)? {
        let e = e.map_err(failed)?;
        let kind = e.file_type().map_err(failed)?;
        if kind.is_dir() && depth < 32 {
            below(&e.path(), out, depth + 1)?;
        } else if kind.is_file() && e.path().extension().is_some_and(|x| x.eq_ignore_ascii_case("apk")) {
            out.push(e.path());
        }
    }
    Ok(())
}

/// A file's text, or a name that the server knows.
pub(crate) fn scenario(text: &str) -> Result<ScenarioRef, Failure> {
    let file = text.contains('/') || Path::new(text).extension().is_some_and(|e| e == "yaml" || e == "yml");
    match library::find(text) {
        // As with `run`, a file in a folder of STAKEOUT_SCENARIOS goes before what is built in.
        Ok((source, yaml)) if source != text || file => {
            // Mistakes are told before anything is sent.
            library::parse(&source, &yaml)?;
            return Ok(ScenarioRef::Text { yaml });
        }
        Err(e) if file => return Err(e),
        _ => {}
    }
    Ok(ScenarioRef::Name(text.to_owned()))
}

fn spec(a: &SubmitArgs) -> Result<JobSpec, Failure> {
    let mut secrets = BTreeMap::new();
    for (name, value) in here::secrets(&a.secret)? {
        secrets.insert(name, value);
    }
    Ok(JobSpec {
        app: Sha256Digest::of(b""),
        scenario: scenario(&a.scenario)?,
        device: a.device.kind(),
        api: a.api,
        trials: a.trials,
        feed_mode: feed::mode(a.feed),
        priority: a.priority,
        tags: a.tag.clone(),
        secrets,
        nonce: None,
        reuse: match a.reuse {
            ReuseArg::Never => Reuse::Never,
            ReuseArg::Allow => Reuse::Allow,
            ReuseArg::Require => Reuse::Require,
        },
        delete_after_days: a.delete_after,
        with_app: a.with_app,
    })
}

/// One app and its job. `show` hears how many bytes of the app are there.
pub(crate) async fn one(
    client: &Client,
    apk: &Path,
    splits: &[PathBuf],
    spec: &JobSpec,
    key: &str,
    show: impl FnMut(u64),
) -> Result<Job, Failure> {
    let app = client.add_app(apk, splits, show).await.map_err(farm::failed)?;
    let spec = JobSpec { app: app.sha256, ..spec.clone() };
    receipts::submit(client, &spec, key).await
}

/// Shows on a terminal how much of an app was sent, if it has more than one part; splits are small.
pub(crate) fn shown(apk: &Path) -> impl FnMut(u64) {
    let bytes = std::fs::metadata(apk).map_or(0, |m| m.len());
    let bar = if bytes > stakeout_client::upload::PART as u64 { ProgressBar::new(bytes) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("[{bar:30}] {bytes} of {total_bytes} sent, {eta} left") {
        bar.set_style(style.progress_chars("=> "));
    }
    move |there| {
        bar.set_position(there);
        if there >= bytes {
            bar.finish_and_clear();
        }
    }
}

pub(crate) async fn run(a: SubmitArgs) -> Result<ExitCode, Failure> {
    let client = farm::client(&a.server, Duration::from_secs(120))?;
    let all = apks(&a.apps)?;
    if all.len() > 1 && (a.watch || !a.split.is_empty() || a.estimate) {
        return Err(Failure::hint(
            "several apps have no one job to watch, estimate or give splits to",
            "submit them one by one, or without these options",
        ));
    }
    let spec = spec(&a)?;
    let key = a.key.clone().map_or_else(here::nonce, Ok)?;
    if let [apk] = &all[..] {
        if a.estimate {
            return estimate(&client, &a, apk, spec).await;
        }
        let job = one(&client, apk, &a.split, &spec, &key, shown(apk)).await?;
        keep(&a, &job)?;
        said(&a, &job)?;
        if a.watch {
            return watch::follow(&client, &job.id, a.fail_on, false).await;
        }
        return Ok(ExitCode::SUCCESS);
    }
    many(client, a, all, spec, key).await
}

fn keep(a: &SubmitArgs, job: &Job) -> Result<(), Failure> {
    receipts::keep(job, &a.receipts.join(format!("{}.receipt.json", job.id)))
}

fn said(a: &SubmitArgs, job: &Job) -> Result<(), Failure> {
    if a.json {
        return output::line(&serde_json::to_string(job).map_err(Failure::other)?);
    }
    if let Some(r) = &job.reused {
        let age = r.ended_ms.map_or_else(String::new, |t| format!(", which ended {}", farm::when(t)));
        say!("answered by {}{age}: nothing runs", r.job);
    }
    say!("`{}`, {} trials; receipt {}", output::plain(&job.package), job.trials.all, job.commitment);
    output::line(job.id.as_str())
}

async fn estimate(client: &Client, a: &SubmitArgs, apk: &Path, spec: JobSpec) -> Result<ExitCode, Failure> {
    let app = client.add_app(apk, &a.split, shown(apk)).await.map_err(farm::failed)?;
    let spec = JobSpec { app: app.sha256, ..spec };
    let e: Estimate = client.call(reqwest::Method::POST, "v1/estimates", &spec).await.map_err(farm::failed)?;
    if a.json {
        output::json(&e)?;
        return Ok(ExitCode::SUCCESS);
    }
    let about = |v: Option<f64>| v.map_or_else(|| "not known yet".to_owned(), |s| format!("about {s:.0} s"));
    output::line(&format!("{} trials, {:.1} h on their clocks", e.trials, e.virtual_seconds / 3600.0))?;
    output::line(&format!("slots: {}, from {} trials of this tenant", about(e.slot_seconds), e.based_on))?;
    output::line(&format!("until the first begins: {}, {} workers can run it", about(e.wait_seconds), e.workers))?;
    if let Some(j) = e.reusable {
        output::line(&format!("`--reuse allow` would be answered by {j}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn many(client: Client, a: SubmitArgs, all: Vec<PathBuf>, spec: JobSpec, key: String) -> Result<ExitCode, Failure> {
    let asked = all.len();
    let bar = ProgressBar::new(asked as u64);
    if let Ok(style) = ProgressStyle::with_template("{spinner} [{bar:30}] {pos} of {len} submitted, {eta} left {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    // Said before anything is sent: however this ends, it can go on.
    say!("{} apps; `--key {}` goes on after an interruption", all.len(), output::plain(&key));
    let stop = interrupt::ending("leaving: what was taken stays; press Ctrl-C again to leave at once")?;
    let (room, spec) = (Arc::new(Semaphore::new(AT_A_TIME)), Arc::new(spec));
    let mut running = JoinSet::new();
    let (mut taken, mut refused) = (0_usize, 0_usize);
    let mut note = |result: Result<(PathBuf, Result<Job, Failure>), tokio::task::JoinError>| -> Result<(), Failure> {
        let (apk, job) = result.map_err(Failure::other)?;
        bar.inc(1);
        match job {
            Ok(job) => {
                taken += 1;
                keep(&a, &job)?;
                let line = if a.json {
                    serde_json::to_string(&job).map_err(Failure::other)?
                } else {
                    format!("{} {}", job.id, output::plain(&apk.display().to_string()))
                };
                bar.suspend(|| output::line(&line))
            }
            Err(e) => {
                refused += 1;
                bar.suspend(|| say!("{}: {}", output::plain(&apk.display().to_string()), output::plain(&e.text())));
                Ok(())
            }
        }
    };
    for apk in all {
        let permit = tokio::select! {
            () = stop.cancelled() => break,
            permit = room.clone().acquire_owned() => permit.map_err(Failure::other)?,
        };
        let (client, spec, key) = (client.clone(), spec.clone(), key.clone());
        running.spawn(async move {
            let _permit = permit;
            let job = one(&client, &apk, &[], &spec, &key, |_| {}).await;
            (apk, job)
        });
        while let Some(done) = running.try_join_next() {
            note(done)?;
        }
    }
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            done = running.join_next() => match done {
                Some(done) => note(done)?,
                None => break,
            },
        }
    }
    bar.finish_and_clear();
    let interrupted = stop.is_cancelled();
    let left = asked.saturating_sub(taken + refused);
    say!("{taken} submitted, {refused} not{}", if interrupted { format!(", {left} not yet") } else { String::new() });
    if refused > 0 || interrupted {
        say!("hint: the same command with `--key {}` submits what is missing, and nothing twice", output::plain(&key));
    }
    Ok(match (interrupted, refused) {
        (true, _) => ExitCode::from(130),
        (false, 0) => ExitCode::SUCCESS,
        (false, _) => ExitCode::from(1),
    })
}
