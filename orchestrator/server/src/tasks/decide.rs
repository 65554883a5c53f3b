//! Jobs whose trials have all ended.

use std::{error::Error, thread};

use stakeout_blobs::TenantBlobs;
use stakeout_store::{Decided, Due, JobRow};
use tokio::{runtime::Handle, sync::oneshot};

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

/// A job that could not be decided because nothing can be written now is due again after so long, milliseconds.
const AGAIN: i64 = 15_000;

/// How far a decision gives way to calls, in steps of `nice`: where both want a processor, it has about a quarter.
const GIVES_WAY: i32 = 5;

/// Bytes that fit where anything can be written: about what a bundle has.
const PROBE: usize = 32 << 20;

/// Decides one job that is due; whether there was one.
pub(crate) async fn one(app: &App) -> Result<bool, ServiceError> {
    let (service, store) = (app.service(), app.service().store());
    let Some(claim) = store.claim_due(now(), CLAIM_SECONDS).await? else { return Ok(false) };
    let Due { job: id, tries } = claim.clone();
    let job = store.job(None, &id).await?;
    let decided = if tries > TRIES {
        given_up(&job)
    } else {
        // A panic is this job's, not the task's: others are decided after it.
        let (of, row) = (app.clone(), job.clone());
        match aside(move || async move { made(&of, &row).await }).await {
            Ok(Ok(made)) => made,
            Ok(Err(e)) => {
                tracing::error!(job = %id, tries, error = chain(&e), "a job could not be decided");
                // No room, or a storage that does not answer: no job could be decided now, so the try is not this one's.
                if let Err(nothing) = writable(app, &service.blobs().of(&job.tenant)).await {
                    tracing::warn!(job = %id, error = chain(&nothing), "nothing can be written now; the try does not count");
                    store.unclaim_due(&claim, now() + AGAIN).await?;
                }
                return Err(e);
            }
            Err(e) => {
                tracing::error!(job = %id, tries, error = chain(&*e), "a job could not be decided; it is tried again");
                return Ok(true);
            }
        }
    };
    let first = store.decide(&id, &decided, now()).await?;
    if first {
        service.metrics.decided(decided.outcome.as_ref().map(|o| o.exit_code));
    }
    if decided.reason.is_empty() {
        tracing::info!(job = %id, state = ?decided.state, first, "job decided");
    } else {
        tracing::error!(job = %id, state = ?decided.state, first, reason = decided.reason, "job ended without verdicts");
    }
    service.wake(&id);
    Ok(true)
}

/// Does this on a thread of its own, which gives way: packing and drawing are seconds of work, and calls that come meanwhile would wait for
/// one of the few threads that answer them. `Err`: it came to no end.
async fn aside<T, F>(work: impl FnOnce() -> F + Send + 'static) -> Result<T, Box<dyn Error + Send + Sync>>
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let runtime = Handle::current();
    let (tell, told) = oneshot::channel();
    thread::Builder::new().name("decide".to_owned()).spawn(move || {
        // This thread's alone. Without it all is decided too, and calls wait longer.
        let _ = rustix::process::nice(GIVES_WAY);
        let _ = tell.send(runtime.block_on(work()));
    })?;
    Ok(told.await?)
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

/// Whether bytes can be written to our disk and be kept. A job whose own bytes are too many for either does not change that.
async fn writable(app: &App, blobs: &TenantBlobs) -> Result<(), ServiceError> {
    let work = &app.options().work;
    let failed = |source| ServiceError::File { path: work.display().to_string(), source };
    let bytes = vec![0; PROBE];
    let path = tempfile::Builder::new().prefix("probe-").tempfile_in(work).map_err(failed)?.into_temp_path();
    tokio::fs::write(&path, &bytes).await.map_err(failed)?;
    blobs.remove_part(&blobs.put_part_bytes(bytes).await?.name).await?;
    Ok(())
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
    use std::{
        path::{Path, PathBuf},
        sync::Arc,
    };

    use stakeout_blobs::Blobs;
    use stakeout_bundle::keys::SigningKey;
    use stakeout_contract::{api::events::What, trial::TrialState};
    use stakeout_store::{
        Noted,
        conformance::sample::{insert, job, tenant},
        sqlite::SqliteStore,
    };

    use super::*;
    use crate::{Service, api::ApiOptions, seal::Sealer};

    async fn app_with(dir: &Path, work: PathBuf) -> App {
        let store = SqliteStore::open(&dir.join("db")).await.unwrap();
        let service = Service::new(Arc::new(store), Blobs::folder(&dir.join("blobs")).unwrap(), Sealer::ephemeral().unwrap());
        let options = ApiOptions { work, app_bytes: 1 << 20, secure: true, private_hooks: false };
        App::new(Arc::new(service), SigningKey::load_or_create(&dir.join("op.pem")).unwrap(), options)
    }

    #[tokio::test]
    async fn trials_that_are_read_in_parts_are_all_read_each_once() {
        let dir = tempfile::tempdir().unwrap();
        let app = app_with(dir.path(), dir.path().to_owned()).await;
        let j = job(&tenant("many"), 20);
        insert(app.service().store(), &j).await;
        let all = crate::finish::gather(app.service(), &j).await.unwrap();
        assert_eq!(all.iter().map(|d| d.record.number).collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_decision_gives_way_and_a_panic_is_its_own() {
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let here = nice();
        assert_eq!(aside(move || async move { nice() }).await.unwrap(), (here + GIVES_WAY).min(19));
        assert_eq!(nice(), here);
        assert!(aside(|| async { panic!("of this job") }).await.is_err());
    }

    #[tokio::test]
    async fn a_try_while_nothing_can_be_written_does_not_count_and_any_other_does() {
        let dir = tempfile::tempdir().unwrap();
        let work = dir.path().join("work");
        let app = app_with(dir.path(), work.clone()).await;
        let store = app.service().store();
        let mut j = job(&tenant("unlucky"), 1);
        // The app's bytes are not there: a failure of this job alone.
        j.spec.with_app = true;
        insert(store, &j).await;
        store.cancel(&j.id, 0, Noted::NOTHING).await.unwrap();
        assert!(matches!(one(&app).await, Err(ServiceError::File { .. })));
        let first = Due { job: j.id.clone(), tries: 1 };
        assert_eq!(store.claim_due(now(), CLAIM_SECONDS).await.unwrap(), None, "not at once");
        assert_eq!(store.claim_due(now() + AGAIN, CLAIM_SECONDS).await.unwrap(), Some(first.clone()));
        store.unclaim_due(&first, 0).await.unwrap();
        std::fs::create_dir(&work).unwrap();
        assert!(matches!(one(&app).await, Err(ServiceError::Blob(_))));
        let far = now() + 86_400_000;
        assert_eq!(store.claim_due(far, CLAIM_SECONDS).await.unwrap(), Some(Due { job: j.id, tries: 2 }));
    }

    #[tokio::test]
    async fn a_job_that_ends_whoever_decides_it_is_given_up_after_ten_tries() {
        let dir = tempfile::tempdir().unwrap();
        let app = app_with(dir.path(), dir.path().to_owned()).await;
        let store = app.service().store();
        let j = job(&tenant("hopeless"), 1);
        insert(store, &j).await;
        store.cancel(&j.id, 0, Noted::NOTHING).await.unwrap();
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
        let counted = app.metrics().text(&stakeout_store::Gauges::default());
        assert!(counted.contains("stakeout_jobs_total{exit_code=\"none\"} 1"), "{counted}");
    }
}
