//! [`Jobs`]: each step by its own file.

use stakeout_contract::{
    DeviceKind, Epoch, JobId, Sha256Digest, TenantId, TokenId, TrialId,
    api::events::{Event, What},
    lease::{Abilities, Completion},
    observation::Observation,
    trial::{TrialEnd, TrialState},
};
use stakeout_domain::lease::{Millis, TrialRow};

use super::{Backend, decide, end, events, insert, lease, list, look, next, part, stream, together, usage};
use crate::{Ahead, Decided, Due, Hints, JobFilter, JobRow, Jobs, LeaseFor, Noted, Notes, Paces, StoreError, TrialFull};

#[async_trait::async_trait]
impl Jobs for Backend {
    async fn insert_jobs(&self, jobs: Vec<(JobRow, Vec<TrialId>)>, notes: &Notes) -> Result<(), StoreError> {
        insert::insert_jobs(self, jobs, notes).await
    }

    async fn job(&self, tenant: Option<&TenantId>, id: &JobId) -> Result<JobRow, StoreError> {
        list::job(self, tenant, id).await
    }

    async fn jobs(&self, tenant: &TenantId, filter: &JobFilter) -> Result<Vec<JobRow>, StoreError> {
        list::jobs(self, tenant, filter).await
    }

    async fn same_job(&self, tenant: &TenantId, fingerprint: &Sha256Digest) -> Result<Option<JobRow>, StoreError> {
        list::same_job(self, tenant, fingerprint).await
    }

    async fn trials(&self, job: &JobId) -> Result<Vec<TrialFull>, StoreError> {
        list::trials(self, job).await
    }

    async fn trials_after(&self, job: &JobId, number: u32, most: u32) -> Result<Vec<TrialFull>, StoreError> {
        part::trials_after(self, job, number, most).await
    }

    async fn trial(&self, tenant: Option<&TenantId>, id: &TrialId) -> Result<TrialFull, StoreError> {
        look::trial(self, tenant, id).await
    }

    async fn lease(&self, ask: &LeaseFor, now: Millis) -> Result<Option<(TrialFull, JobRow)>, StoreError> {
        Box::pin(lease::lease(self, ask, now)).await
    }

    async fn waiting(&self, tenant: &TenantId, abilities: &Abilities) -> Result<u64, StoreError> {
        next::waiting(self, tenant, abilities).await
    }

    async fn renew(&self, trial: &TrialId, epoch: Epoch, by: Option<&TokenId>, now: Millis, seconds: u64) -> Result<TrialRow, StoreError> {
        together::renew(self, trial, epoch, by, now, seconds).await
    }

    async fn fenced(&self, tenant: Option<&TenantId>, trial: &TrialId, epoch: Epoch) -> Result<TrialFull, StoreError> {
        list::fenced(self, tenant, trial, epoch).await
    }

    async fn observe(
        &self,
        trial: &TrialId,
        epoch: Epoch,
        first: u64,
        observations: &[Observation],
        now: Millis,
    ) -> Result<(), StoreError> {
        stream::observe(self, trial, epoch, first, observations, now).await
    }

    async fn observations(&self, trial: &TrialId, epoch: Epoch, from: u64, most: u32) -> Result<Vec<Observation>, StoreError> {
        stream::observations(self, trial, epoch, from, most).await
    }

    async fn note_artifact(&self, trial: &TrialId, epoch: Epoch, digest: &Sha256Digest, bytes: u64, now: Millis) -> Result<(), StoreError> {
        stream::note_artifact(self, trial, epoch, digest, bytes, now).await
    }

    async fn tell(&self, trial: &TrialId, epoch: Epoch, what: &What, now: Millis) -> Result<(), StoreError> {
        stream::tell(self, trial, epoch, what, now).await
    }

    async fn complete(&self, trial: &TrialId, epoch: Epoch, completion: &Completion, now: Millis) -> Result<TrialRow, StoreError> {
        together::complete(self, trial, epoch, completion, now).await
    }

    async fn give_back(&self, trial: &TrialId, epoch: Epoch, end: &TrialEnd, now: Millis) -> Result<TrialRow, StoreError> {
        end::give_back(self, trial, epoch, end, now).await
    }

    async fn expire(&self, now: Millis) -> Result<Vec<TrialId>, StoreError> {
        end::expire(self, now).await
    }

    async fn shorten(&self, now: Millis, seconds: u64) -> Result<u64, StoreError> {
        end::shorten(self, now, seconds).await
    }

    async fn cancel(&self, job: &JobId, now: Millis, noted: Noted<'_>) -> Result<(), StoreError> {
        end::cancel(self, job, now, noted).await
    }

    async fn claim_due(&self, now: Millis, seconds: u64) -> Result<Option<Due>, StoreError> {
        decide::claim_due(self, now, seconds).await
    }

    async fn unclaim_due(&self, claim: &Due, due: Millis) -> Result<(), StoreError> {
        decide::unclaim_due(self, claim, due).await
    }

    async fn decide(&self, job: &JobId, decided: &Decided, now: Millis) -> Result<bool, StoreError> {
        Box::pin(decide::decide(self, job, decided, now)).await
    }

    async fn progress(&self, job: &JobId) -> Result<(TrialState, u64), StoreError> {
        events::progress(self, job).await
    }

    async fn events(&self, job: &JobId, after: u64, most: u32) -> Result<Vec<Event>, StoreError> {
        events::events(self, job, after, most).await
    }

    async fn delete_job(&self, tenant: &TenantId, job: &JobId, noted: Noted<'_>) -> Result<(), StoreError> {
        decide::delete_job(self, tenant, job, noted).await
    }

    async fn outdated_jobs(&self, now: Millis, most: u32) -> Result<Vec<(TenantId, JobId)>, StoreError> {
        decide::outdated_jobs(self, now, most).await
    }

    async fn paces(&self, tenant: &TenantId, device: DeviceKind, scenario: &str) -> Result<Paces, StoreError> {
        list::paces(self, tenant, device, scenario).await
    }

    async fn ahead(&self, tenant: &TenantId, device: DeviceKind, api: u32, priority: i32) -> Result<Ahead, StoreError> {
        usage::ahead(self, tenant, device, api, priority).await
    }

    async fn clock(&self) -> Result<Option<Millis>, StoreError> {
        self.time().await
    }

    async fn tell_waiting(&self) -> Result<(), StoreError> {
        self.notify().await
    }

    async fn hints(&self) -> Result<Box<dyn Hints>, StoreError> {
        self.listen().await
    }
}
