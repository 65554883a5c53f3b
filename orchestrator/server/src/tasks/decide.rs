//! Jobs whose trials have all ended.

use stakeout_store::{Decided, Due, JobRow};

use crate::{
    ServiceError,
    api::App,
    finish::{FinishOptions, produce, result_of},
    service::now,
    worker_port::chain,
};

/// How long one orchestrator may take to decide a job before another tries: a decision made twice is kept once, and costs its work
/// only. It grows with each try, as what fails at once would fail again at once.
const CLAIM_SECONDS: u64 = 60;

/// A decision that was begun so often ends without verdicts: it may be what ends the orchestrators that try it.
const TRIES: u32 = 10;

/// Decides one job that is due; whether there was one.
pub(crate) async fn one(app: &App) -> Result<bool, ServiceError> {
    let (service, store) = (app.service(), app.service().store());
    let Some(Due { job: id, tries }) = store.claim_due(now(), CLAIM_SECONDS).await? else { return Ok(false) };
    let job = store.job(None, &id).await?;
    let decided = if tries > TRIES {
        given_up(&job)
    } else {
        // A panic is this job's, not the task's: others are decided after it.
        let (of, row) = (app.clone(), job.clone());
        match tokio::spawn(async move { made(&of, &row).await }).await {
            Ok(made) => made.inspect_err(|e| tracing::error!(job = %id, tries, error = chain(e), "a job could not be decided"))?,
            Err(e) => {
                tracing::error!(job = %id, tries, error = chain(&e), "a job could not be decided; it is tried again");
                return Ok(true);
            }
        }
    };
    let first = store.decide(&id, &decided, now()).await?;
    if decided.reason.is_empty() {
        tracing::info!(job = %id, state = ?decided.state, first, "job decided");
    } else {
        tracing::error!(job = %id, state = ?decided.state, first, reason = decided.reason, "job ended without verdicts");
    }
    service.wake(&id);
    Ok(true)
}

/// Makes report and bundle, and keeps their bytes.
async fn made(app: &App, job: &JobRow) -> Result<Decided, ServiceError> {
    let service = app.service();
    let dir = tempfile::Builder::new()
        .prefix("decide-")
        .tempdir_in(&app.options().work)
        .map_err(|source| ServiceError::File { path: app.options().work.display().to_string(), source })?;
    let options = FinishOptions { out: dir.path().to_owned(), with_app: job.spec.with_app, images: std::collections::BTreeMap::new() };
    let made = produce(service, job, app.operator(), &options).await?;
    for name in ["report.html", "bundle.zip"] {
        service.keep_file(&job.tenant, &dir.path().join(name)).await?;
    }
    Ok(Decided {
        state: made.result.state,
        result: made.result,
        outcome: Some(made.outcome),
        report: Some(made.report),
        reason: String::new(),
    })
}

/// The end of a job of which nothing can be said: no trial counts, so no claim is answered.
fn given_up(job: &JobRow) -> Decided {
    let wall = (now() - job.created).max(0) as f64 / 1000.0;
    let result = result_of(job, &[], wall);
    Decided {
        state: result.state,
        result,
        outcome: None,
        report: None,
        reason: format!("its verdicts could not be made in {TRIES} tries; the orchestrators' logs say why"),
    }
}
