//! `stakeout run --server`: the same, on a farm.

use std::{process::ExitCode, time::Duration};

use stakeout_contract::api::{
    jobs::{JobSpec, Reuse},
    problem::Code,
};
use stakeout_domain::gate::gate;

use super::{Out, extras, nonce, secrets};
use crate::{
    args::{RunArgs, farm::ServerArgs},
    commands::{farm, feed, receipts, submit, watch},
    exit::Failure,
    library, table,
};

pub(super) async fn run(a: RunArgs) -> Result<ExitCode, Failure> {
    let server = ServerArgs { server: a.server.clone(), token_file: a.token_file.clone(), ca: a.ca.clone() };
    let client = farm::client(&server, Duration::from_secs(300))?;
    Out::check(&a.out, a.force)?;
    let spec = JobSpec {
        app: stakeout_contract::Sha256Digest::of(b""),
        scenario: submit::scenario(&a.scenario)?,
        device: a.device.kind(),
        api: a.api,
        trials: a.trials,
        feed_mode: feed::mode(a.feed),
        priority: 0,
        tags: vec![],
        secrets: secrets(&a.secret)?,
        // Told when the server has committed to its part.
        nonce: None,
        reuse: Reuse::Never,
        delete_after_days: None,
        with_app: a.with_app,
    };
    let job = submit::one(&client, &a.app, &a.split, &spec, &nonce()?, submit::shown(&a.app)).await?;
    let mut out = Out::open(&a.out, a.force).inspect_err(|_| say!("{} was taken: `stakeout report {0}` has its results", job.id))?;
    receipts::keep(&job, &out.path().join("receipt.json"))?;
    // The job goes on whatever happens here, and this is what it will be measured by.
    out.keep();
    say!("{} was taken; receipt {}", job.id, job.commitment);
    let result = watch::wait(&client, &job.id, false).await?;
    let text = serde_json::to_string_pretty(&result).map_err(Failure::other)?;
    out.write("result.json", &text)?;
    for (what, name) in [("report.html", "report.html"), ("bundle", "bundle.zip")] {
        match client.download(&format!("v1/jobs/{}/{what}", job.id), &out.path().join(name)).await {
            Ok(()) => {}
            // Its verdicts could not be made: what it has instead is too few trials.
            Err(e) if e.code() == Some(Code::NotFound) && result.trials.is_empty() => say!("{} has no {name}", job.id),
            Err(e) => return Err(farm::failed(e)),
        }
    }
    extras(&a, &out, &result)?;
    match library::load(&a.scenario) {
        Ok(scenario) => super::say(&out, &result, &scenario),
        // The server knows it, this host does not.
        Err(_) => say!("{}", table::of(&result)),
    }
    Ok(ExitCode::from(gate(&result, a.fail_on, job.trials.all) as u8))
}
