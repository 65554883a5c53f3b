//! What is over: jobs and apps beyond their time, uploads that nobody ended, bytes that nobody names.

use stakeout_store::{Deed, StoreError};

use crate::{ServiceError, api::App, service::now};

/// Bytes that nobody names are kept so long: whoever gave them may be about to name them.
const GRACE: i64 = 3600 * 1000;
/// Workers that were not heard of so long are forgotten.
const FORGET: i64 = 7 * 24 * 3600 * 1000;
const MOST: u32 = 100;

/// Removes some of it; whether there may be more.
pub(crate) async fn some(app: &App) -> Result<bool, ServiceError> {
    let (store, blobs, now) = (app.service().store(), app.service().blobs(), now());
    store.tidy(now).await?;
    store.forget_workers(now - FORGET).await?;
    let mut more = false;
    for (tenant, job) in store.outdated_jobs(now, MOST).await? {
        match store.delete_job(&tenant, &job).await {
            // Another orchestrator deleted it meanwhile.
            Err(StoreError::NotFound { .. }) => continue,
            done => done?,
        }
        let deed = Deed { tenant, token: None, action: "job.expire", thing: job.to_string(), detail: String::new() };
        store.audit(&deed, now).await?;
        more = true;
    }
    for (tenant, sha256) in store.outdated_apps(now, MOST).await? {
        match store.delete_app(&tenant, &sha256).await {
            Ok(()) => {}
            // A job of it came meanwhile.
            Err(StoreError::InUse { .. } | StoreError::NotFound { .. }) => continue,
            Err(e) => return Err(e.into()),
        }
        let deed = Deed { tenant, token: None, action: "app.expire", thing: sha256.to_string(), detail: String::new() };
        store.audit(&deed, now).await?;
        more = true;
    }
    for (row, parts) in store.drop_uploads(now, MOST).await? {
        for part in crate::api::part_names(parts)? {
            blobs.of(&row.tenant).remove_part(&part).await?;
        }
        more = true;
    }
    for (tenant, sha256) in store.drop_blobs(now - GRACE, MOST).await? {
        // Whoever gave the same bytes again meanwhile keeps them.
        if store.blob(&tenant, &sha256).await?.is_none() {
            blobs.of(&tenant).remove(&sha256).await?;
        }
        more = true;
    }
    Ok(more)
}
