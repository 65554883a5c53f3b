//! Jobs, workers and completions as small as they can be, for tests of stores and of what uses them.

use stakeout_contract::{
    DeviceKind, Epoch, JobId, Nanos, Sha256Digest, TenantId, TrialId, WorkerId,
    api::{access::Tenant, jobs::TrialCounts},
    finding::Analysis,
    lease::{Abilities, Completion},
    observation::{Fact, Observation, Source},
    result::JobResult,
    trial::{AppFacts, FeedMode, TrialEnd, TrialRecord, TrialState},
};

use crate::{Decided, JobRow, JobSpec, LeaseFor, Notes, Store, TrialFull};

/// A tenant's id.
///
/// # Panics
/// If it is none.
pub fn tenant(name: &str) -> TenantId {
    name.parse().expect("an id")
}

/// A tenant without bounds.
pub fn tenant_row(name: &str) -> Tenant {
    Tenant {
        id: tenant(name),
        name: name.to_uppercase(),
        weight: 1,
        quota: stakeout_contract::api::access::Quota::default(),
        own_workers_only: false,
        retention_days: None,
        created_ms: 1,
    }
}

/// A job with so many trials, API 34, on the `jvm` device, submitted at 1.
///
/// # Panics
/// Never: its scenario is a literal.
pub fn job(tenant: &TenantId, trials: u32) -> JobRow {
    let scenario = serde_json::from_value(serde_json::json!({"name": "s", "steps": ["launchApp"]})).expect("a scenario");
    let spec = JobSpec {
        app: Sha256Digest::of(b"app"),
        splits: vec![],
        facts: AppFacts { package: "com.example".to_owned(), ..AppFacts::default() },
        scenario,
        device: DeviceKind::Jvm,
        trials,
        feed_mode: FeedMode::Pattern,
        nonce: "ab".to_owned(),
        with_app: false,
        scenario_digest: None,
    };
    JobRow {
        id: JobId::generate(),
        tenant: tenant.clone(),
        spec,
        secret: [7; 32],
        state: TrialState::Queued,
        priority: 0,
        tags: vec![],
        fingerprint: Sha256Digest::of(b"same"),
        sealed: Some(vec![1, 2, 3]),
        created: 1,
        ended: None,
        delete_after: None,
        own_workers_only: false,
        counts: TrialCounts { all: trials, queued: trials, ..TrialCounts::default() },
        reused: None,
        result: None,
        outcome: None,
        report: None,
    }
}

/// Puts a job in, with new trials.
///
/// # Panics
/// If the store does not take it.
pub async fn insert(store: &dyn Store, job: &JobRow) -> Vec<TrialId> {
    let ids: Vec<TrialId> = (0..job.spec.trials).map(|_| TrialId::generate()).collect();
    store.insert_jobs(vec![(job.clone(), ids.clone())], &Notes::default()).await.unwrap();
    ids
}

/// What a worker for one kind of device can run.
pub fn abilities(api: u32) -> Abilities {
    Abilities { devices: vec![(DeviceKind::Jvm, vec![api])], slots: 2 }
}

/// A worker of a tenant that asks for a trial on API 34, for a minute.
///
/// # Panics
/// If the name is no id.
pub fn ask(tenant: &TenantId, worker: &str) -> LeaseFor {
    let worker: WorkerId = worker.parse().expect("an id");
    LeaseFor { worker, tenant: tenant.clone(), token: None, abilities: abilities(34), seconds: 60 }
}

/// A line of a log.
pub fn line(text: &str) -> Observation {
    Observation { at: Nanos::ZERO, source: Source::Worker, fact: Fact::Log { line: text.to_owned() }, stack: vec![] }
}

/// An end.
pub fn end(state: TrialState, reason: &str) -> TrialEnd {
    TrialEnd { state, stage: "boot".to_owned(), reason: reason.to_owned(), log: String::new() }
}

/// What a worker hands in for a trial that it has.
pub fn completion(trial: &TrialFull, of: &JobRow, state: TrialState) -> Completion {
    let record = TrialRecord {
        format: TrialRecord::FORMAT.to_owned(),
        trial: trial.id.clone(),
        job: trial.job.clone(),
        epoch: trial.row.epoch,
        number: trial.number,
        app: of.spec.facts.clone(),
        scenario: of.spec.scenario.clone(),
        device: of.spec.device,
        api: 34,
        image: String::new(),
        cooperative: true,
        commitment: Sha256Digest::of(b"key"),
        key: None,
        feed_mode: FeedMode::Pattern,
        started_at: String::new(),
        started_real: String::new(),
        timeline: vec![],
        clock: vec![],
        delivered: vec![],
        canaries: vec![],
        artifacts: vec![],
        end: end(state, "ran"),
        cost: stakeout_contract::trial::TrialCost { cpu_seconds: 2.5, kept_bytes: 100, ..Default::default() },
    };
    Completion { record, flows: vec![], analysis: Analysis::default(), statement: None }
}

/// Leases the next trial of a tenant.
///
/// # Panics
/// If there is none.
pub async fn lease(store: &dyn Store, tenant: &TenantId, worker: &str, now: i64) -> (TrialFull, JobRow) {
    store.lease(&ask(tenant, worker), now).await.unwrap().expect("a trial waits")
}

/// A decision of a job, without verdicts.
pub fn decided(of: &JobRow, state: TrialState) -> Decided {
    let result = JobResult {
        format: "stakeout-result/1".to_owned(),
        job: of.id.clone(),
        state,
        app: of.spec.facts.clone(),
        scenario: "s".to_owned(),
        device: "jvm 34".to_owned(),
        trials: vec![],
        verdicts: vec![],
        sending: vec![],
        footprint: stakeout_contract::result::Footprint::default(),
        requests_per_idle_hour: vec![],
        captures: vec![],
        cost: stakeout_contract::result::Cost::default(),
        engine: String::new(),
        left_out: 0,
    };
    Decided { state, result, outcome: None, report: None, reason: String::new() }
}

/// The first lease.
pub const FIRST: Epoch = Epoch::FIRST;
