//! Workers and webhooks.

use async_trait::async_trait;
use stakeout_contract::{
    DeliveryId, HookId, TenantId, TrialId, WorkerId,
    api::{
        fleet::{HostFacts, WorkerDoc, WorkerMode},
        hooks::{Delivery, Hook},
    },
    lease::Abilities,
};
use stakeout_domain::lease::Millis;

use crate::{Noted, StoreError};

/// How long after it was heard of a worker counts as alive, milliseconds: three lease times of a minute.
pub const ALIVE: Millis = 180_000;

/// That a worker asked is noted at most so often.
pub(crate) const HEARD: Millis = 10_000;

/// A webhook as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct HookRow {
    /// What may be shown.
    pub hook: Hook,
    /// Whose.
    pub tenant: TenantId,
    /// Its secret, sealed by the server.
    pub sealed: Vec<u8>,
}

impl std::fmt::Debug for HookRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HookRow").field("hook", &self.hook).finish_non_exhaustive()
    }
}

/// A delivery with what is to be sent.
#[derive(Clone, PartialEq, Debug)]
pub struct DeliveryRow {
    /// How far it is.
    pub delivery: Delivery,
    /// To where.
    pub hook: HookRow,
    /// JSON.
    pub body: String,
    /// Since when it is tried: a replay begins anew.
    pub since: Millis,
}

/// Workers and webhooks.
#[async_trait]
pub trait Fleet: Send + Sync + 'static {
    /// A worker was heard of: what it can run and, where given, its host. Gives its mode. [`StoreError::NotFound`]: its id is of
    /// another tenant's worker.
    async fn worker_seen(
        &self,
        worker: &WorkerId,
        tenant: &TenantId,
        abilities: &Abilities,
        host: Option<&HostFacts>,
        now: Millis,
    ) -> Result<WorkerMode, StoreError>;
    /// The mode of a worker that asks for trials; none: it was never heard of. That it was heard of now is noted each ten seconds, or
    /// when it can run something else. [`StoreError::NotFound`]: its id is of another tenant's worker.
    async fn worker_asks(
        &self,
        worker: &WorkerId,
        tenant: &TenantId,
        abilities: &Abilities,
        now: Millis,
    ) -> Result<Option<WorkerMode>, StoreError>;
    /// A worker that may run this tenant's trials: one of those that [`Fleet::workers`] gives.
    async fn worker(&self, tenant: &TenantId, id: &WorkerId, now: Millis) -> Result<WorkerDoc, StoreError>;
    /// What a worker said of its host; none, if it was never heard of.
    async fn worker_host(&self, id: &WorkerId) -> Result<Option<HostFacts>, StoreError>;
    /// Workers that may run this tenant's trials, by id; for the farm: all.
    async fn workers(&self, tenant: &TenantId, now: Millis) -> Result<Vec<WorkerDoc>, StoreError>;
    /// Workers of this tenant that are known.
    async fn workers_known(&self, tenant: &TenantId) -> Result<u64, StoreError>;
    /// Changes a worker's mode. One that is quarantined loses its leases at once, so that nothing of it is taken any more.
    /// The trials that it lost.
    async fn set_worker_mode(
        &self,
        tenant: &TenantId,
        id: &WorkerId,
        mode: WorkerMode,
        noted: Noted<'_>,
    ) -> Result<Vec<TrialId>, StoreError>;
    /// Forgets workers that were not heard of since, but those that have a trial or are quarantined. How many.
    async fn forget_workers(&self, not_since: Millis) -> Result<u64, StoreError>;
    /// Keeps a new webhook.
    async fn put_hook(&self, hook: &HookRow, noted: Noted<'_>) -> Result<(), StoreError>;
    /// A tenant's webhooks by id.
    async fn hooks(&self, tenant: &TenantId) -> Result<Vec<Hook>, StoreError>;
    /// Forgets a webhook and its deliveries.
    async fn delete_hook(&self, tenant: &TenantId, id: &HookId, noted: Noted<'_>) -> Result<(), StoreError>;
    /// Deliveries whose time has come, now the caller's for `seconds`: one of a webhook at a time, by [`stakeout_domain::turn`].
    async fn claim_deliveries(&self, now: Millis, seconds: u64, most: u32) -> Result<Vec<DeliveryRow>, StoreError>;
    /// What came of a try. Whether it was kept: not if the delivery was tried by another meanwhile, or is there no more.
    async fn delivery_tried(&self, delivery: &Delivery) -> Result<bool, StoreError>;
    /// Deliveries of a webhook, the newest first.
    async fn deliveries(
        &self,
        tenant: &TenantId,
        hook: &HookId,
        before: Option<&DeliveryId>,
        most: u32,
    ) -> Result<Vec<Delivery>, StoreError>;
    /// A delivery is tried again, as if new.
    async fn replay(&self, tenant: &TenantId, delivery: &DeliveryId, now: Millis, noted: Noted<'_>) -> Result<Delivery, StoreError>;
    /// Figures for watching: see [`Gauges`].
    async fn gauges(&self, now: Millis) -> Result<Gauges, StoreError>;
}

/// What an operator watches.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Gauges {
    /// Trials that wait.
    pub waiting: u64,
    /// Trials that run.
    pub running: u64,
    /// Seconds since the oldest waiting trial was submitted; 0 without one.
    pub oldest_waiting_seconds: f64,
    /// Jobs whose trials have all ended, without verdicts.
    pub due: u64,
    /// Seconds since the last trial of the oldest of them ended; 0 without one.
    pub oldest_due_seconds: f64,
    /// Workers that live and take trials: they are active, and their hosts have no troubles.
    pub workers: u64,
    /// Slots of them.
    pub slots: u64,
    /// Webhook deliveries that wait.
    pub deliveries: u64,
}
