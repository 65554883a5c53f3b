//! A worker that is played: it leases and hands in, and runs nothing.

use stakeout_agent::{Fence, Orchestrator};
use stakeout_client::{Client, worker::Remote};
use stakeout_contract::{
    DeviceKind, Sha256Digest, WorkerId,
    api::fleet::{LeaseAnswer, LeaseAsk},
    artifact::{Artifact, Role},
    finding::Analysis,
    lease::{Abilities, Completion, Lease, Progress},
    observation::Observation,
    trial::{TrialCost, TrialEnd, TrialRecord, TrialState},
};
use stakeout_feed::{TrialKey, planting};
use stakeout_store::conformance::sample::line;

pub(crate) struct Hand {
    pub(crate) remote: Remote,
    pub(crate) client: Client,
    pub(crate) id: WorkerId,
}

/// What it says it can run.
pub(crate) fn abilities() -> Abilities {
    Abilities { devices: vec![(DeviceKind::Jvm, (21..=36).collect())], slots: 4 }
}

impl Hand {
    pub(crate) fn new(client: Client, id: &str) -> Self {
        Self { remote: Remote::new(&client), client, id: id.parse().unwrap() }
    }

    /// A trial if one waits now.
    pub(crate) async fn ask(&self) -> Option<Lease> {
        let ask = LeaseAsk { worker: self.id.clone(), abilities: abilities(), wait_seconds: 0 };
        let answer: LeaseAnswer = self.client.call(reqwest::Method::POST, "v1/leases", &ask).await.unwrap();
        answer.lease
    }

    /// The next trial.
    pub(crate) async fn lease(&self) -> Lease {
        self.remote.lease(&self.id, &abilities()).await.unwrap().expect("a trial waits")
    }

    /// Hands an artifact in.
    pub(crate) async fn artifact(&self, lease: &Lease, bytes: &[u8]) -> Artifact {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let sha256 = Sha256Digest::of(bytes);
        self.remote.put_artifact(&Fence::from(lease), &sha256, file.path()).await.unwrap();
        artifact(sha256, bytes.len() as u64)
    }

    /// Some observations.
    pub(crate) async fn observe(&self, lease: &Lease, first: u64, lines: &[&str]) {
        let batch: Vec<Observation> = lines.iter().map(|l| line(l)).collect();
        self.remote.observations(&Fence::from(lease), first, batch).await.unwrap();
    }

    /// Says where it is.
    pub(crate) async fn tell(&self, lease: &Lease, stage: &str) {
        self.remote.progress(&Fence::from(lease), progress(lease, stage)).await.unwrap();
    }

    /// A whole trial: renewed, observed, with one artifact.
    pub(crate) async fn run(&self, lease: &Lease, bytes: &[u8]) -> Completion {
        self.remote.renew(&Fence::from(lease)).await.unwrap();
        self.tell(lease, "boot").await;
        self.observe(lease, 0, &["one", "two"]).await;
        self.tell(lease, "script").await;
        self.observe(lease, 2, &["three"]).await;
        let done = completion(lease, vec![self.artifact(lease, bytes).await]);
        self.remote.complete(&Fence::from(lease), done.clone()).await.unwrap();
        done
    }
}

pub(crate) fn artifact(sha256: Sha256Digest, size: u64) -> Artifact {
    Artifact { sha256, size, role: Role::AppFile, name: "files/a".to_owned(), flow: None, at: None, cipher: None, truncated: false }
}

pub(crate) fn progress(lease: &Lease, stage: &str) -> Progress {
    Progress {
        trial: lease.trial.clone(),
        number: lease.number,
        stage: stage.to_owned(),
        detail: String::new(),
        at_seconds: 0.0,
        of_seconds: 1.0,
    }
}

pub(crate) fn end(state: TrialState, reason: &str) -> TrialEnd {
    TrialEnd { state, stage: "boot".to_owned(), reason: reason.to_owned(), log: format!("log of {reason}") }
}

/// What is handed in at the end of a lease.
pub(crate) fn completion(lease: &Lease, artifacts: Vec<Artifact>) -> Completion {
    let mut record = TrialRecord {
        format: TrialRecord::FORMAT.to_owned(),
        trial: lease.trial.clone(),
        job: lease.job.clone(),
        epoch: lease.epoch,
        number: lease.number,
        app: stakeout_contract::trial::AppFacts::default(),
        scenario: lease.scenario.clone(),
        device: lease.device,
        api: lease.scenario.device.api,
        image: String::new(),
        cooperative: true,
        commitment: Sha256Digest::from_bytes(TrialKey::from_bytes(*lease.key.bytes()).commitment()),
        key: None,
        feed_mode: lease.feed_mode,
        started_at: "2016-02-09T08:00:00+08:00".to_owned(),
        started_real: "2026-01-01T00:00:00Z".to_owned(),
        timeline: vec![],
        clock: vec![],
        delivered: vec![],
        canaries: vec![],
        artifacts,
        end: TrialEnd { state: TrialState::Finished, stage: String::new(), reason: String::new(), log: String::new() },
        cost: TrialCost { cpu_seconds: 1.5, kept_bytes: 7, ..TrialCost::default() },
    };
    let start = record.scenario.start_millis(record.seed()).unwrap();
    record.started_at = jiff::Timestamp::from_millisecond(start).unwrap().to_string();
    record.canaries = planting::again(&record, &lease.key).unwrap();
    Completion { record, flows: vec![], analysis: Analysis::default(), statement: None }
}
