//! [`Fleet`]: each step by its own file.

use stakeout_contract::{
    DeliveryId, HookId, TenantId, TrialId, WorkerId,
    api::{
        fleet::{HostFacts, WorkerDoc, WorkerMode},
        hooks::{Delivery, Hook},
    },
    lease::Abilities,
};
use stakeout_domain::lease::Millis;

use super::{Backend, deliveries, hooks, look, workers};
use crate::{DeliveryRow, Fleet, Gauges, HookRow, Noted, StoreError, codec::uint};

#[async_trait::async_trait]
impl Fleet for Backend {
    async fn worker_seen(
        &self,
        worker: &WorkerId,
        tenant: &TenantId,
        abilities: &Abilities,
        host: Option<&HostFacts>,
        now: Millis,
    ) -> Result<WorkerMode, StoreError> {
        workers::seen(self, worker, tenant, abilities, host, now).await
    }

    async fn worker_asks(
        &self,
        worker: &WorkerId,
        tenant: &TenantId,
        abilities: &Abilities,
        now: Millis,
    ) -> Result<Option<WorkerMode>, StoreError> {
        workers::asks(self, worker, tenant, abilities, now).await
    }

    async fn worker(&self, tenant: &TenantId, id: &WorkerId, now: Millis) -> Result<WorkerDoc, StoreError> {
        workers::one(self, tenant, id, now).await
    }

    async fn worker_host(&self, id: &WorkerId) -> Result<Option<HostFacts>, StoreError> {
        look::worker_host(self, id).await
    }

    async fn workers(&self, tenant: &TenantId, now: Millis) -> Result<Vec<WorkerDoc>, StoreError> {
        workers::of(self, tenant, now).await
    }

    async fn workers_known(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        workers::known(self, tenant).await
    }

    async fn set_worker_mode(
        &self,
        tenant: &TenantId,
        id: &WorkerId,
        mode: WorkerMode,
        noted: Noted<'_>,
    ) -> Result<Vec<TrialId>, StoreError> {
        workers::set_mode(self, tenant, id, mode, noted).await
    }

    async fn forget_workers(&self, not_since: Millis) -> Result<u64, StoreError> {
        workers::forget(self, not_since).await
    }

    async fn put_hook(&self, hook: &HookRow, noted: Noted<'_>) -> Result<(), StoreError> {
        hooks::put(self, hook, noted).await
    }

    async fn hooks(&self, tenant: &TenantId) -> Result<Vec<Hook>, StoreError> {
        hooks::of(self, tenant).await
    }

    async fn delete_hook(&self, tenant: &TenantId, id: &HookId, noted: Noted<'_>) -> Result<(), StoreError> {
        hooks::delete(self, tenant, id, noted).await
    }

    async fn claim_deliveries(&self, now: Millis, seconds: u64, most: u32) -> Result<Vec<DeliveryRow>, StoreError> {
        deliveries::claim(self, now, seconds, most).await
    }

    async fn delivery_tried(&self, delivery: &Delivery) -> Result<bool, StoreError> {
        deliveries::tried(self, delivery).await
    }

    async fn deliveries(
        &self,
        tenant: &TenantId,
        hook: &HookId,
        before: Option<&DeliveryId>,
        most: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        deliveries::list(self, tenant, hook, before, most).await
    }

    async fn replay(&self, tenant: &TenantId, delivery: &DeliveryId, now: Millis, noted: Noted<'_>) -> Result<Delivery, StoreError> {
        deliveries::replay(self, tenant, delivery, now, noted).await
    }

    async fn gauges(&self, now: Millis) -> Result<Gauges, StoreError> {
        let (waiting, running, oldest) = workers::open(self).await?;
        let (due, oldest_due) = workers::undecided(self).await?;
        let (alive, slots) = workers::alive(self, now).await?;
        let age = |since: Option<Millis>| since.map_or(0.0, |s| now.saturating_sub(s).max(0) as f64 / 1000.0);
        Ok(Gauges {
            waiting: uint(waiting),
            running: uint(running),
            oldest_waiting_seconds: age(oldest),
            due: uint(due),
            oldest_due_seconds: age(oldest_due),
            workers: uint(alive),
            slots: uint(slots),
            deliveries: uint(deliveries::waiting(self).await?),
        })
    }
}
