//! An orchestrator that gives what it is told to, writes down what it is given, and is away when it should be.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use stakeout_agent::{Fence, Orchestrator, OrchestratorError, RenewAnswer};
use stakeout_contract::{
    Sha256Digest, WorkerId,
    lease::{Abilities, Completion, Lease, Progress},
    observation::Observation,
    trial::TrialEnd,
};
use tokio::{
    sync::watch,
    time::{Duration, Instant},
};

use super::{Told, say};

/// What an orchestrator was given.
#[derive(Default)]
pub struct Given {
    pub leases: Vec<Lease>,
    pub artifacts: HashMap<Sha256Digest, Vec<u8>>,
    pub observations: Vec<Observation>,
    pub completion: Option<Completion>,
    pub failed: Option<TrialEnd>,
    pub secrets: HashMap<String, String>,
    pub renew: Option<RenewAnswer>,
    pub lost: bool,
    /// When the lease was to be renewed.
    pub renewals: Vec<Instant>,
    /// So many of the first renewals are never answered.
    pub silent_renewals: usize,
    /// Bytes of each batch of observations.
    pub batches: Vec<usize>,
    /// From the first observations on it cannot be reached for so long.
    pub outage: Option<Duration>,
    /// When that began.
    pub outage_began: Option<Instant>,
    /// All progress.
    pub progress: Vec<Progress>,
    /// Progress is never answered.
    pub deaf: bool,
    /// Apps by digest; [`APK`] is always there.
    pub apps: HashMap<Sha256Digest, Vec<u8>>,
}

#[derive(Clone)]
pub struct FakeOrchestrator {
    pub told: Told,
    /// The newest progress.
    pub watch: Arc<watch::Sender<String>>,
    pub given: Arc<Mutex<Given>>,
}

pub const APK: &[u8] = b"an app of some bytes";

impl FakeOrchestrator {
    pub fn new(told: &Told, leases: Vec<Lease>) -> Self {
        Self {
            told: told.clone(),
            watch: Arc::new(watch::channel(String::new()).0),
            given: Arc::new(Mutex::new(Given { leases, ..Given::default() })),
        }
    }

    fn fenced(&self, fence: &Fence) -> Result<(), OrchestratorError> {
        if self.given.lock().unwrap().lost { Err(OrchestratorError::Lost(fence.clone())) } else { Ok(()) }
    }
}

impl Orchestrator for FakeOrchestrator {
    async fn lease(&self, _: &WorkerId, _: &Abilities) -> Result<Option<Lease>, OrchestratorError> {
        Ok(self.given.lock().unwrap().leases.pop())
    }

    async fn waiting(&self, _: &WorkerId, _: &Abilities) -> Result<Option<u32>, OrchestratorError> {
        Ok(Some(self.given.lock().unwrap().leases.len() as u32))
    }

    async fn renew(&self, _: &Fence) -> Result<RenewAnswer, OrchestratorError> {
        let silent = {
            let mut g = self.given.lock().unwrap();
            g.renewals.push(Instant::now());
            g.renewals.len() <= g.silent_renewals
        };
        if silent {
            std::future::pending::<()>().await;
        }
        Ok(self.given.lock().unwrap().renew.unwrap_or(RenewAnswer::Ok))
    }

    async fn blob(&self, _: &Fence, digest: &Sha256Digest, to: &Path) -> Result<(), OrchestratorError> {
        let given = self.given.lock().unwrap();
        let bytes = if *digest == Sha256Digest::of(APK) { Some(APK) } else { given.apps.get(digest).map(|a| &a[..]) };
        fs::write(to, bytes.ok_or(OrchestratorError::NoBlob(*digest))?).unwrap();
        Ok(())
    }

    async fn secret(&self, _: &Fence, name: &str) -> Result<Option<String>, OrchestratorError> {
        Ok(self.given.lock().unwrap().secrets.get(name).cloned())
    }

    async fn put_artifact(&self, fence: &Fence, digest: &Sha256Digest, path: &Path) -> Result<(), OrchestratorError> {
        self.fenced(fence)?;
        let bytes = fs::read(path).unwrap();
        assert_eq!(Sha256Digest::of(&bytes), *digest);
        self.given.lock().unwrap().artifacts.insert(*digest, bytes);
        Ok(())
    }

    async fn observations(&self, fence: &Fence, first: u64, batch: Vec<Observation>) -> Result<(), OrchestratorError> {
        self.fenced(fence)?;
        let mut g = self.given.lock().unwrap();
        if let Some(outage) = g.outage
            && g.outage_began.get_or_insert_with(Instant::now).elapsed() < outage
        {
            return Err(OrchestratorError::Unreachable("it is away".into()));
        }
        g.batches.push(serde_json::to_vec(&batch).unwrap().len());
        if first == 0 {
            g.observations.clear();
        }
        assert_eq!(first as usize, g.observations.len());
        g.observations.extend(batch);
        Ok(())
    }

    async fn progress(&self, _: &Fence, p: Progress) -> Result<(), OrchestratorError> {
        let _ = self.watch.send(format!("{} {}", p.stage, p.detail));
        self.given.lock().unwrap().progress.push(p);
        if self.given.lock().unwrap().deaf {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn complete(&self, fence: &Fence, completion: Completion) -> Result<(), OrchestratorError> {
        self.fenced(fence)?;
        say(&self.told, format!("complete {:?}", completion.record.end.state));
        self.given.lock().unwrap().completion = Some(completion);
        Ok(())
    }

    async fn fail(&self, fence: &Fence, end: TrialEnd) -> Result<(), OrchestratorError> {
        self.fenced(fence)?;
        say(&self.told, format!("fail {:?} {}: {}", end.state, end.stage, end.reason));
        self.given.lock().unwrap().failed = Some(end);
        Ok(())
    }
}
