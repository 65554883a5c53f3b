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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use stakeout_blobs::Blobs;
    use stakeout_bundle::keys::SigningKey;
    use stakeout_contract::{api::events::What, trial::TrialState};
    use stakeout_store::{
        conformance::sample::{insert, job, tenant},
        sqlite::SqliteStore,
    };

    use super::*;
    use crate::{Service, api::ApiOptions, seal::Sealer};

    #[tokio::test]
    async fn a_job_that_ends_whoever_decides_it_is_given_up_after_ten_tries() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let store = SqliteStore::open(&at("db")).await.unwrap();
        let service = Service::new(Arc::new(store), Blobs::folder(&at("blobs")).unwrap(), Sealer::ephemeral().unwrap());
        let options = ApiOptions { work: dir.path().to_owned(), app_bytes: 1 << 20, secure: true, private_hooks: false };
        let app = App::new(Arc::new(service), SigningKey::load_or_create(&at("op.pem")).unwrap(), options);
        let store = app.service().store();
        let j = job(&tenant("hopeless"), 1);
        insert(store, &j).await;
        store.cancel(&j.id, 0).await.unwrap();
        // Orchestrators that claimed it and were heard of no more, long ago.
        for tries in 1..=TRIES {
            let claimed = store.claim_due(i64::from(tries) * 86_400_000, CLAIM_SECONDS).await.unwrap();
            assert_eq!(claimed, Some(Due { job: j.id.clone(), tries }));
        }
        assert!(one(&app).await.unwrap());
        let ended = store.job(None, &j.id).await.unwrap();
        assert!(ended.ended.is_some() && ended.outcome.is_none() && ended.report.is_none(), "{:?}", ended.state);
        let told = store.events(&j.id, 0, 100).await.unwrap().pop().unwrap().what;
        assert!(
            matches!(&told, What::Job { state: TrialState::Failed | TrialState::Cancelled, reason } if reason.contains("in 10 tries")),
            "{told:?}"
        );
        assert!(!one(&app).await.unwrap(), "there is nothing more to decide");
    }
}
