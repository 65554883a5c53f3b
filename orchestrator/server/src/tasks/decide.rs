//! Jobs whose trials have all ended.

use stakeout_store::Decided;

use crate::{
    ServiceError,
    api::App,
    finish::{FinishOptions, produce},
    service::now,
};

/// How long one orchestrator may take to decide a job before another tries: a decision made twice is kept once, and costs its work only.
const CLAIM_SECONDS: u64 = 60;

/// Decides one job that is due; whether there was one.
pub(crate) async fn one(app: &App) -> Result<bool, ServiceError> {
    let (service, store) = (app.service(), app.service().store());
    let Some(id) = store.claim_due(now(), CLAIM_SECONDS).await? else { return Ok(false) };
    let job = store.job(None, &id).await?;
    let dir = tempfile::Builder::new()
        .prefix("decide-")
        .tempdir_in(&app.options().work)
        .map_err(|source| ServiceError::File { path: app.options().work.display().to_string(), source })?;
    let options = FinishOptions { out: dir.path().to_owned(), with_app: job.spec.with_app, images: std::collections::BTreeMap::new() };
    let made = produce(service, &job, app.operator(), &options).await?;
    for name in ["report.html", "bundle.zip"] {
        service.keep_file(&job.tenant, &dir.path().join(name)).await?;
    }
    let decided = Decided { state: made.result.state, result: made.result, outcome: Some(made.outcome), report: Some(made.report) };
    let first = store.decide(&id, &decided, now()).await?;
    tracing::info!(job = %id, state = ?decided.state, first, "job decided");
    service.wake(&id);
    Ok(true)
}
