//! `stakeout report`: the verdicts of an earlier run.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use stakeout_contract::{JobId, result::JobResult};
use stakeout_domain::gate::gate;

use super::farm;
use crate::{args::ReportArgs, exit::Failure, output, table};

/// What is wanted.
const WANTED: &str = "give the --out folder of a run, its result.json, or a job's id (`job-..`)";

pub(crate) async fn run(a: ReportArgs) -> Result<ExitCode, Failure> {
    let (path, r) = match job(&a.result) {
        Some(job) => (a.result.clone(), fetched(&a, &job).await?),
        None if a.html.is_some() || a.bundle.is_some() => {
            return Err(Failure::hint(
                format!("`--html` and `--bundle` fetch files of a job on a server, and `{}` is none", a.result.display()),
                "leave them out: the --out folder of a run has both files; a job is named by its id",
            ));
        }
        None => kept(&a)?,
    };
    let write = |p: &Path, text: String| {
        std::fs::write(p, text).map_err(|e| Failure::usage(anyhow::anyhow!("`{}` cannot be written: {e}", p.display())))
    };
    if let Some(p) = &a.sarif {
        write(p, stakeout_report::sarif(&r).map_err(Failure::other)?)?;
    }
    if let Some(p) = &a.junit {
        write(p, stakeout_report::junit(&r, a.fail_on).map_err(Failure::other)?)?;
    }
    if a.json {
        output::json(&r)?;
    } else if a.markdown {
        output::line(&stakeout_report::markdown(&r))?;
    } else {
        say(&path, &r)?;
    }
    if a.gate && r.sending.is_empty() && !r.verdicts.is_empty() {
        say!("note: this result was made before it was looked at in which state things were sent, and says nothing of that");
        say!("hint: `stakeout analyze` of its bundle decides again from the evidence");
    }
    let asked = r.trials.len() as u32;
    Ok(ExitCode::from(if a.gate { gate(&r, a.fail_on, asked) as u8 } else { 0 }))
}

/// The job that is meant. Any word could be an id: a misspelt folder is none.
fn job(given: &Path) -> Option<JobId> {
    let text = given.to_str().filter(|t| t.starts_with("job-") && !given.exists())?;
    text.parse().ok()
}

/// The result of a job on a server, and the files that are wanted of it.
async fn fetched(a: &ReportArgs, job: &JobId) -> Result<JobResult, Failure> {
    let client = farm::usual(&a.server)?;
    let r = client.get(&format!("v1/jobs/{job}/report.json")).await.map_err(farm::failed)?;
    for (file, what) in [(&a.html, "report.html"), (&a.bundle, "bundle")] {
        if let Some(p) = file {
            client.download(&format!("v1/jobs/{job}/{what}"), p).await.map_err(farm::failed)?;
        }
    }
    Ok(r)
}

/// The result of a run on this host.
fn kept(a: &ReportArgs) -> Result<(PathBuf, JobResult), Failure> {
    if !a.result.exists() {
        return Err(Failure::hint(format!("there is no `{}`", a.result.display()), WANTED));
    }
    let path = if a.result.is_dir() { a.result.join("result.json") } else { a.result.clone() };
    let text = std::fs::read(&path).map_err(|e| Failure::hint(format!("`{}` cannot be read: {e}", path.display()), WANTED))?;
    let r: JobResult =
        serde_json::from_slice(&text).map_err(|e| Failure::hint(format!("`{}` is no result: {e}", path.display()), WANTED))?;
    Ok((path, r))
}

fn say(path: &Path, r: &JobResult) -> Result<(), Failure> {
    output::line(&output::plain(&format!("{} on {}, scenario `{}`, job {}", r.app.package, r.device, r.scenario, r.job)))?;
    output::line(&table::of(r).to_string())?;
    for q in &r.requests_per_idle_hour {
        output::line(&format!("asks for {} {:.1} times an idle hour ({} times)", q.kind, q.per_idle_hour, q.requests))?;
    }
    let f = &r.footprint;
    output::line(&format!(
        "keeps {:.0} KiB and sends {:.0} KiB an idle hour",
        f.kept_bytes_per_idle_hour / 1024.0,
        f.sent_bytes_per_idle_hour / 1024.0
    ))?;
    let c = &r.cost;
    output::line(&format!(
        "cost: {} trials, {:.1} s wall, {:.2} h virtual, {:.1} CPU s, {} MiB peak, {} KiB kept",
        c.trials,
        c.wall_seconds,
        c.virtual_seconds / 3600.0,
        c.cpu_seconds,
        c.peak_memory_bytes >> 20,
        c.kept_bytes >> 10
    ))?;
    let page = path.with_file_name("report.html");
    if page.is_file() {
        output::line(&output::plain(&format!("report: {}", page.display())))?;
    }
    Ok(())
}
