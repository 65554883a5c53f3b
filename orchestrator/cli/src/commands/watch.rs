//! `stakeout watch`: a job on a server, until it has ended.

use std::{process::ExitCode, time::Duration};

use stakeout_client::Client;
use stakeout_contract::{
    JobId, Rung,
    api::events::{Event, What},
    result::JobResult,
    trial::TrialState,
};
use stakeout_domain::gate::gate;

use super::{farm, progress::Show};
use crate::{args::farm::WatchArgs, exit::Failure, interrupt, output, table};

pub(crate) async fn run(a: WatchArgs) -> Result<ExitCode, Failure> {
    let client = farm::client(&a.server, Duration::from_secs(300))?;
    follow(&client, &a.job, a.fail_on, a.json).await
}

/// Shows a job until it has ended; the exit code is that of `run`.
pub(crate) async fn follow(client: &Client, job: &JobId, fail_on: Rung, json: bool) -> Result<ExitCode, Failure> {
    let result = wait(client, job, json).await?;
    if !json {
        say!("{}", table::of(&result));
        for t in result.trials.iter().filter(|t| t.end.state != TrialState::Finished) {
            say!("{}", output::plain(&format!("trial {} {:?} at {}: {}", t.number, t.end.state, t.end.stage, t.end.reason)));
        }
        // A job that was given up has none.
        if !result.trials.is_empty() {
            say!("report: {}v1/jobs/{job}/report.html", client.server());
        }
    }
    Ok(ExitCode::from(gate(&result, fail_on, result.trials.len() as u32) as u8))
}

/// Waits for a job's end, showing what happens.
pub(crate) async fn wait(client: &Client, job: &JobId, json: bool) -> Result<JobResult, Failure> {
    let stop = interrupt::ending(&format!("leaving: the job goes on; `stakeout cancel {job}` gives it up"))?;
    let mut show = Show::new();
    let on = |e: Event| {
        if json {
            return serde_json::to_string(&e).is_ok_and(|line| output::line(&line).is_ok());
        }
        match e.what {
            What::Progress { progress } => show.on(&progress),
            What::Trial { trial_number, state, reason, .. } if state.is_final() || !reason.is_empty() => {
                let why = if reason.is_empty() { String::new() } else { format!(": {}", output::plain(&reason)) };
                show.say(&format!("trial {trial_number} {}{why}", format!("{state:?}").to_lowercase()));
            }
            What::Job { state, reason } if !reason.is_empty() => {
                show.say(&format!("job {}: {}", format!("{state:?}").to_lowercase(), output::plain(&reason)));
            }
            _ => {}
        }
        true
    };
    let followed = tokio::select! {
        f = client.follow(job, on) => Some(f),
        () = stop.cancelled() => None,
    };
    show.end();
    match followed {
        None => return Err(Failure::other(anyhow::anyhow!("interrupted; the job goes on")).with_code(130)),
        Some(f) => f.map_err(farm::failed)?,
    }
    client.get(&format!("v1/jobs/{job}/report.json")).await.map_err(farm::failed)
}
