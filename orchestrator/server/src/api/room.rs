//! Room in a tenant's quota of bytes for an app that comes in one request, while it comes.
//!
//! It is kept as an upload is that was begun: what comes at the same time by other requests, or at other orchestrators, counts
//! together. An upload that is filled in parts keeps its own room.

use stakeout_contract::{
    Sha256Digest, TenantId, UploadId,
    api::{access::Tenant, apps::Upload, problem::Code},
};
use stakeout_store::UploadRow;

use super::{
    App,
    problem::{Answer, Failed},
};
use crate::{service::now, worker_port::chain};

/// A request that takes longer than this has lost its room: its server died, most likely.
const LASTS: i64 = 2 * 3600 * 1000;

/// Room that is taken until it is given back. Whoever takes it must not be stopped by its client's leaving
/// ([`super::jobs::to_its_end`]).
pub(crate) struct Room {
    bytes: u64,
    /// The app's own bound is the one that is met.
    largest: bool,
    /// None: the tenant has no bound.
    held: Option<UploadId>,
}

impl Room {
    /// For a request of this length; where it does not say one, as much as there is.
    pub(crate) async fn take(app: &App, tenant: &Tenant, length: Option<u64>) -> Answer<Self> {
        let (store, largest) = (app.service().store(), app.options().app_bytes);
        let Some(left) = store.room(&tenant.id).await? else { return Ok(Self { bytes: largest, largest: true, held: None }) };
        // Of one byte at least: what is refused then says why.
        let bytes = length.unwrap_or(left).min(largest).max(1);
        let id = UploadId::generate();
        store.put_upload(&row(&id, &tenant.id, bytes)).await?;
        Ok(Self { bytes, largest: bytes == largest, held: Some(id) })
    }

    /// So many bytes may come.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What refused bytes beyond it: the quota, or the bound of an app.
    pub(crate) fn explain(&self, e: Failed) -> Failed {
        if self.largest || e.problem.code() != Some(Code::TooLarge) {
            return e;
        }
        let detail = format!("there is room for {} bytes by the tenant's quota", self.bytes);
        Failed::new(Code::Quota, detail).hint("say the size by `Content-Length`; delete jobs and apps, or ask for more")
    }

    /// What came is kept and counted as that, or was refused.
    pub(crate) async fn give_back(self, app: &App) {
        if let Some(id) = self.held
            && let Err(e) = app.service().store().drop_upload(&id).await
        {
            tracing::warn!(upload = %id, error = chain(&e), "room of an upload is given back later");
        }
    }
}

/// An upload that nobody fills: its digest is that of its own id.
fn row(id: &UploadId, tenant: &TenantId, bytes: u64) -> UploadRow {
    let sha256 = Sha256Digest::of(id.as_str().as_bytes());
    let upload = Upload { id: id.clone(), bytes, offset: 0, sha256, complete: false, expires_ms: now() + LASTS };
    UploadRow { upload, tenant: tenant.clone(), trial: None }
}
