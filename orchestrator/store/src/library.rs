//! Apps, scenarios, uploads, and which bytes are whose.

use std::future::Future;

use stakeout_contract::{
    Sha256Digest, TenantId, TrialId, UploadId,
    api::apps::{App, ScenarioDoc, Upload},
};
use stakeout_domain::lease::Millis;

use crate::StoreError;

/// What an upload is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UploadRow {
    /// What may be shown.
    pub upload: Upload,
    /// Whose.
    pub tenant: TenantId,
    /// Of a lease, when it is an artifact.
    pub trial: Option<TrialId>,
}

/// Apps, scenarios, uploads, bytes.
pub trait Library: Send + Sync + 'static {
    /// Keeps an app; it is no error if it is there. Whether it is new. [`StoreError::NotFound`] of a blob: its bytes were not given
    /// by this tenant, or are being dropped.
    fn put_app(&self, tenant: &TenantId, app: &App) -> impl Future<Output = Result<bool, StoreError>> + Send;
    /// A tenant's app.
    fn app(&self, tenant: &TenantId, sha256: &Sha256Digest) -> impl Future<Output = Result<App, StoreError>> + Send;
    /// A tenant's apps, the newest first; `before` is the last one of the part before.
    fn apps(
        &self,
        tenant: &TenantId,
        package: Option<&str>,
        before: Option<(Millis, Sha256Digest)>,
        most: u32,
    ) -> impl Future<Output = Result<Vec<App>, StoreError>> + Send;
    /// Forgets an app. [`StoreError::InUse`] while a job of it has not ended.
    fn delete_app(&self, tenant: &TenantId, sha256: &Sha256Digest) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Apps older than their tenant keeps things and without a job, at most so many.
    fn outdated_apps(&self, now: Millis, most: u32) -> impl Future<Output = Result<Vec<(TenantId, Sha256Digest)>, StoreError>> + Send;
    /// Keeps a tenant's scenario under its name.
    fn put_scenario(&self, tenant: &TenantId, scenario: &ScenarioDoc) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// A tenant's scenario.
    fn scenario(&self, tenant: &TenantId, name: &str) -> impl Future<Output = Result<ScenarioDoc, StoreError>> + Send;
    /// A tenant's scenarios by name.
    fn scenarios(&self, tenant: &TenantId) -> impl Future<Output = Result<Vec<ScenarioDoc>, StoreError>> + Send;
    /// Forgets a scenario; jobs of it have their own copy.
    fn delete_scenario(&self, tenant: &TenantId, name: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Begins an upload.
    fn put_upload(&self, upload: &UploadRow) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// A tenant's upload.
    fn upload(&self, tenant: &TenantId, id: &UploadId) -> impl Future<Output = Result<UploadRow, StoreError>> + Send;
    /// The open upload of an artifact of a trial with this digest.
    fn artifact_upload(&self, trial: &TrialId, sha256: &Sha256Digest)
    -> impl Future<Output = Result<Option<UploadRow>, StoreError>> + Send;
    /// A part came: the offset moves from `from` to `to`. [`StoreError::Changed`] if it is not at `from`. `part` names the stored
    /// part, in order; all parts make the whole.
    fn upload_part(&self, id: &UploadId, from: u64, to: u64, part: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// The stored parts of an upload, in order.
    fn upload_parts(&self, id: &UploadId) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;
    /// All parts are one blob now.
    fn upload_complete(&self, id: &UploadId) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Forgets an upload whose bytes are not what was said; gives its parts.
    fn drop_upload(&self, id: &UploadId) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;
    /// Uploads that are over by time, with their parts, now forgotten.
    fn drop_uploads(&self, now: Millis, most: u32) -> impl Future<Output = Result<Vec<(UploadRow, Vec<String>)>, StoreError>> + Send;
    /// A tenant gave these bytes.
    fn note_blob(
        &self,
        tenant: &TenantId,
        sha256: &Sha256Digest,
        bytes: u64,
        now: Millis,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Bytes of a blob that this tenant gave before; none: it did not, whoever else did.
    fn blob(&self, tenant: &TenantId, sha256: &Sha256Digest) -> impl Future<Output = Result<Option<u64>, StoreError>> + Send;
    /// Blobs given before `older_than` that no app, trial or job of their tenant names, now forgotten, at most so many. Whoever
    /// names one at the same time makes it stay, or fails and gives it again.
    fn drop_blobs(&self, older_than: Millis, most: u32) -> impl Future<Output = Result<Vec<(TenantId, Sha256Digest)>, StoreError>> + Send;
}
