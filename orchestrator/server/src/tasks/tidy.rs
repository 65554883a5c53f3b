//! What is over: jobs and apps beyond their time, uploads that nobody ended, bytes that nobody names.

use stakeout_store::{Deed, Noted, StoreError};

use crate::{ServiceError, api::App, service::now, worker_port::chain};

/// Bytes that nobody names are kept so long: whoever gave them may be about to name them.
const GRACE: i64 = 3600 * 1000;
/// Workers that were not heard of so long are forgotten.
const FORGET: i64 = 7 * 24 * 3600 * 1000;
const MOST: u32 = 100;
/// Half of the time for which what is to be removed is ours: what is left then is another's to remove, or ours again later.
const REMOVING: i64 = 5 * 60 * 1000;

/// Removes some of it; whether there may be more.
pub(crate) async fn some(app: &App) -> Result<bool, ServiceError> {
    let (store, blobs, now) = (app.service().store(), app.service().blobs(), now());
    store.tidy(now).await?;
    store.forget_workers(now - FORGET).await?;
    let mut more = false;
    for (tenant, job) in store.outdated_jobs(now, MOST).await? {
        let deed = Deed { tenant: tenant.clone(), token: None, action: "job.expire", thing: job.to_string(), detail: String::new() };
        match store.delete_job(&tenant, &job, Noted { deeds: &[deed], at: now }).await {
            // Another orchestrator deleted it meanwhile.
            Err(StoreError::NotFound { .. }) => continue,
            done => done?,
        }
        more = true;
    }
    for (tenant, sha256) in store.outdated_apps(now, MOST).await? {
        let deed = Deed { tenant: tenant.clone(), token: None, action: "app.expire", thing: sha256.to_string(), detail: String::new() };
        match store.delete_app(&tenant, &sha256, Noted { deeds: &[deed], at: now }).await {
            Ok(()) => {}
            // A job of it came meanwhile.
            Err(StoreError::InUse { .. } | StoreError::NotFound { .. }) => continue,
            Err(e) => return Err(e.into()),
        }
        more = true;
    }
    for (row, parts) in store.drop_uploads(now, MOST).await? {
        for part in crate::api::part_names(parts)? {
            // They are forgotten already: what stays is found by the sweep.
            if let Err(e) = blobs.of(&row.tenant).remove_part(&part).await {
                tracing::warn!(%part, error = chain(&e), "a part of an upload that is over stays for now");
            }
        }
        more = true;
    }
    // What came before may have taken its time.
    let claimed = crate::service::now();
    for (tenant, sha256) in store.drop_blobs(claimed - GRACE, claimed, MOST).await? {
        if crate::service::now() - claimed > REMOVING {
            break;
        }
        // First the bytes, then the row: the same bytes that come between the two wait until the row is gone.
        match blobs.of(&tenant).remove(&sha256).await {
            Ok(()) => store.blob_dropped(&tenant, &sha256, claimed).await?,
            // It stays marked, and is tried again.
            Err(e) => tracing::warn!(%tenant, %sha256, error = chain(&e), "bytes that nobody names stay for now"),
        }
        more = true;
    }
    Ok(more)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use stakeout_blobs::Blobs;
    use stakeout_bundle::keys::SigningKey;
    use stakeout_contract::trial::TrialState;
    use stakeout_store::{
        conformance::sample::{decided, insert, job, tenant},
        sqlite::SqliteStore,
    };

    use super::*;
    use crate::{Service, api::ApiOptions, seal::Sealer};

    #[tokio::test]
    async fn two_orchestrators_that_tidy_at_once_delete_each_job_once_and_neither_fails() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&dir.path().join("db")).await.unwrap());
        let orchestrator = |name: &str| {
            let service = Service::new(store.clone(), Blobs::folder(&dir.path().join("blobs")).unwrap(), Sealer::ephemeral().unwrap());
            let options = ApiOptions { work: dir.path().to_owned(), app_bytes: 1 << 20, secure: true, private_hooks: false };
            App::new(Arc::new(service), SigningKey::load_or_create(&dir.path().join(name)).unwrap(), options)
        };
        let (one, other, of) = (orchestrator("one.pem"), orchestrator("other.pem"), tenant("forgetful"));
        let mut jobs = Vec::new();
        for _ in 0..30 {
            let mut j = job(&of, 1);
            j.delete_after = Some(1000);
            insert(&*store, &j).await;
            one.service().store().cancel(&j.id, 0, stakeout_store::Noted::NOTHING).await.unwrap();
            one.service().store().decide(&j.id, &decided(&j, TrialState::Cancelled), 100).await.unwrap();
            jobs.push(j.id);
        }
        // Both find all of them before either has deleted one.
        let both = tokio::join!(some(&one), some(&other));
        assert!(both.0.unwrap() || both.1.unwrap());
        let store = one.service().store();
        assert!(store.outdated_jobs(now(), MOST).await.unwrap().is_empty());
        let audit = store.audit_after(&of, 0, 1000).await.unwrap();
        let mut told: Vec<&str> = audit.iter().filter(|e| e.action == "job.expire").map(|e| e.thing.as_str()).collect();
        told.sort_unstable();
        jobs.sort_unstable();
        assert_eq!(told, jobs.iter().map(stakeout_contract::JobId::as_str).collect::<Vec<_>>());
    }
}
