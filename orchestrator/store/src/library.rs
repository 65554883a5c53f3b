//! Apps, scenarios, uploads, and which bytes are whose.

use async_trait::async_trait;
use stakeout_contract::{
    Sha256Digest, TenantId, TrialId, UploadId,
    api::apps::{App, ScenarioDoc, Upload},
};
use stakeout_domain::lease::Millis;

use crate::{Noted, StoreError};

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

/// Uploads of a tenant that are open at a time, at most; those of artifacts are bounded by their trials.
pub const OPEN_UPLOADS: u32 = 100;

/// Scenarios of a tenant, at most.
pub const SCENARIOS: u32 = 200;

/// Apps, scenarios, uploads, bytes.
#[async_trait]
pub trait Library: Send + Sync + 'static {
    /// Keeps an app; it is no error if it is there. Whether it is new. [`StoreError::NotFound`] of a blob: its bytes were not given
    /// by this tenant, or are being dropped. Noted where it is new.
    async fn put_app(&self, tenant: &TenantId, app: &App, noted: Noted<'_>) -> Result<bool, StoreError>;
    /// A tenant's app.
    async fn app(&self, tenant: &TenantId, sha256: &Sha256Digest) -> Result<App, StoreError>;
    /// A tenant's apps, the newest first; `before` is the last one of the part before.
    async fn apps(
        &self,
        tenant: &TenantId,
        package: Option<&str>,
        before: Option<(Millis, Sha256Digest)>,
        most: u32,
    ) -> Result<Vec<App>, StoreError>;
    /// Forgets an app. [`StoreError::InUse`] while a job of it has not ended.
    async fn delete_app(&self, tenant: &TenantId, sha256: &Sha256Digest, noted: Noted<'_>) -> Result<(), StoreError>;
    /// Apps older than their tenant keeps things and without a job, at most so many.
    async fn outdated_apps(&self, now: Millis, most: u32) -> Result<Vec<(TenantId, Sha256Digest)>, StoreError>;
    /// Keeps a tenant's scenario under its name. [`StoreError::OverQuota`]: it has so many, by [`SCENARIOS`].
    async fn put_scenario(&self, tenant: &TenantId, scenario: &ScenarioDoc, noted: Noted<'_>) -> Result<(), StoreError>;
    /// A tenant's scenario.
    async fn scenario(&self, tenant: &TenantId, name: &str) -> Result<ScenarioDoc, StoreError>;
    /// A tenant's scenarios by name, at most so many; `after` is the last one of the part before.
    async fn scenarios(&self, tenant: &TenantId, after: Option<&str>, most: u32) -> Result<Vec<ScenarioDoc>, StoreError>;
    /// The names of all of them.
    async fn scenario_names(&self, tenant: &TenantId) -> Result<Vec<String>, StoreError>;
    /// Forgets a scenario; jobs of it have their own copy.
    async fn delete_scenario(&self, tenant: &TenantId, name: &str, noted: Noted<'_>) -> Result<(), StoreError>;
    /// Begins an upload. The bytes that it says count against its tenant's quota from now on, those of an artifact against its trial's
    /// ([`stakeout_domain::budget`]): [`StoreError::OverQuota`], [`StoreError::OverBudget`]. One that was begun before with the same
    /// size and digest and is open still is given in its place: whoever was cut off goes on where it was.
    async fn put_upload(&self, upload: &UploadRow) -> Result<UploadRow, StoreError>;
    /// Bytes that may come from a tenant by its quota; none: that is not bounded.
    async fn room(&self, tenant: &TenantId) -> Result<Option<u64>, StoreError>;
    /// A tenant's upload.
    async fn upload(&self, tenant: &TenantId, id: &UploadId) -> Result<UploadRow, StoreError>;
    /// The open upload of an artifact of a trial with this digest.
    async fn artifact_upload(&self, trial: &TrialId, sha256: &Sha256Digest) -> Result<Option<UploadRow>, StoreError>;
    /// A part came: the offset moves from `from` to `to`. [`StoreError::Changed`] if it is not at `from`. `part` names the stored
    /// part, in order; all parts make the whole.
    async fn upload_part(&self, id: &UploadId, from: u64, to: u64, part: &str) -> Result<(), StoreError>;
    /// The stored parts of an upload, in order.
    async fn upload_parts(&self, id: &UploadId) -> Result<Vec<String>, StoreError>;
    /// Whether an upload of the tenant has a stored part of this name.
    async fn is_part(&self, tenant: &TenantId, part: &str) -> Result<bool, StoreError>;
    /// All parts are one blob now, which stays as long as the upload. [`StoreError::NotFound`] of a blob: it was not noted.
    async fn upload_complete(&self, id: &UploadId, now: Millis) -> Result<(), StoreError>;
    /// Forgets an upload: its bytes are not what was said, or nobody wants it any more; gives its parts.
    async fn drop_upload(&self, id: &UploadId) -> Result<Vec<String>, StoreError>;
    /// Uploads that are over by time, with their parts, now forgotten.
    async fn drop_uploads(&self, now: Millis, most: u32) -> Result<Vec<(UploadRow, Vec<String>)>, StoreError>;
    /// A tenant gave these bytes, and they are there. [`StoreError::Busy`] while such bytes are being removed.
    async fn note_blob(&self, tenant: &TenantId, sha256: &Sha256Digest, bytes: u64, now: Millis) -> Result<(), StoreError>;
    /// Bytes of a blob that this tenant gave before and that are not being removed; none: it did not, whoever else did.
    async fn blob(&self, tenant: &TenantId, sha256: &Sha256Digest) -> Result<Option<u64>, StoreError>;
    /// Blobs given before `older_than` that no app, upload, trial or job of their tenant names, at most so many; the caller removes
    /// their bytes within ten minutes and then says so by [`Library::blob_dropped`]. From now on they are not there. Whoever names
    /// one at the same time makes it stay, or fails and gives it again.
    async fn drop_blobs(&self, older_than: Millis, now: Millis, most: u32) -> Result<Vec<(TenantId, Sha256Digest)>, StoreError>;
    /// The bytes of a blob that [`Library::drop_blobs`] gave at `since` are removed: the same bytes may be given again.
    async fn blob_dropped(&self, tenant: &TenantId, sha256: &Sha256Digest, since: Millis) -> Result<(), StoreError>;
}
