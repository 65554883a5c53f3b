//! Workers and webhooks.

use std::future::Future;

use stakeout_contract::{
    DeliveryId, HookId, TenantId, WorkerId,
    api::{
        fleet::{HostFacts, WorkerDoc, WorkerMode},
        hooks::{Delivery, Hook},
    },
    lease::Abilities,
};
use stakeout_domain::lease::Millis;

use crate::StoreError;

/// How long after it was heard of a worker counts as alive, milliseconds: three lease times of a minute.
pub const ALIVE: Millis = 180_000;

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
}

/// Workers and webhooks.
pub trait Fleet: Send + Sync + 'static {
    /// A worker was heard of: what it can run and, where given, its host. Gives its mode. [`StoreError::NotFound`]: its id is of
    /// another tenant's worker.
    fn worker_seen(
        &self,
        worker: &WorkerId,
        tenant: &TenantId,
        abilities: &Abilities,
        host: Option<&HostFacts>,
        now: Millis,
    ) -> impl Future<Output = Result<WorkerMode, StoreError>> + Send;
    /// A worker; of this tenant, or any for the farm.
    fn worker(&self, tenant: &TenantId, id: &WorkerId, now: Millis) -> impl Future<Output = Result<WorkerDoc, StoreError>> + Send;
    /// Workers that may run this tenant's trials, by id; for the farm: all.
    fn workers(&self, tenant: &TenantId, now: Millis) -> impl Future<Output = Result<Vec<WorkerDoc>, StoreError>> + Send;
    /// Changes a worker's mode. One that is quarantined loses its leases at once, so that nothing of it is taken any more.
    fn set_worker_mode(&self, tenant: &TenantId, id: &WorkerId, mode: WorkerMode) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Forgets workers that were not heard of since, but those that have a trial or are quarantined. How many.
    fn forget_workers(&self, not_since: Millis) -> impl Future<Output = Result<u64, StoreError>> + Send;
    /// Keeps a new webhook.
    fn put_hook(&self, hook: &HookRow) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// A tenant's webhooks by id.
    fn hooks(&self, tenant: &TenantId) -> impl Future<Output = Result<Vec<Hook>, StoreError>> + Send;
    /// Forgets a webhook and its deliveries.
    fn delete_hook(&self, tenant: &TenantId, id: &HookId) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Deliveries whose time has come, now the caller's for `seconds`.
    fn claim_deliveries(&self, now: Millis, seconds: u64, most: u32) -> impl Future<Output = Result<Vec<DeliveryRow>, StoreError>> + Send;
    /// What came of a try.
    fn delivery_tried(&self, delivery: &Delivery) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Deliveries of a webhook, the newest first.
    fn deliveries(
        &self,
        tenant: &TenantId,
        hook: &HookId,
        before: Option<&DeliveryId>,
        most: u32,
    ) -> impl Future<Output = Result<Vec<Delivery>, StoreError>> + Send;
    /// A delivery is tried again, as if new.
    fn replay(&self, tenant: &TenantId, delivery: &DeliveryId, now: Millis) -> impl Future<Output = Result<Delivery, StoreError>> + Send;
    /// Figures for watching: see [`Gauges`].
    fn gauges(&self, now: Millis) -> impl Future<Output = Result<Gauges, StoreError>> + Send;
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
    /// Jobs whose decision is due.
    pub due: u64,
    /// Workers that live.
    pub workers: u64,
    /// Slots of them.
    pub slots: u64,
    /// Webhook deliveries that wait.
    pub deliveries: u64,
}
