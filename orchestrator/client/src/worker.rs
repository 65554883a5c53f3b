//! The orchestrator as a worker sees it, over HTTP.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::Method;
use serde_json::json;
use stakeout_agent::{Fence, Orchestrator, OrchestratorError, RenewAnswer};
use stakeout_contract::{
    Sha256Digest, WorkerId,
    api::{
        fleet::{Heartbeat, HeartbeatAnswer, HostFacts, LeaseAnswer, LeaseAsk, ObservationBatch, RenewDoc, SecretDoc, WorkerMode},
        problem::Code,
    },
    lease::{Abilities, Completion, Lease, Progress},
    observation::Observation,
    trial::TrialEnd,
};

use crate::{Client, ClientError};

type Answer<T> = Result<T, OrchestratorError>;

/// Seconds that the server is asked to wait for a trial.
const WAIT_SECONDS: u32 = 20;

/// How long a download that broke is waited for, to go on where it was: repeated by the worker it would begin anew, and an app of a
/// gigabyte would never come over a bad line.
const GOES_ON: Duration = Duration::from_secs(30);

/// A server, for a worker. A clone is the same worker.
#[derive(Clone, Debug)]
pub struct Remote {
    client: Client,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    mode: WorkerMode,
    troubles: Vec<String>,
    waiting: u64,
}

fn failed(fence: Option<&Fence>) -> impl Fn(ClientError) -> OrchestratorError {
    let fence = fence.cloned();
    move |e| match (e.code(), &fence) {
        (Some(Code::LeaseLost), Some(f)) => OrchestratorError::Lost(f.clone()),
        _ if e.is_passing() => OrchestratorError::Unreachable(e.to_string()),
        // Somebody makes room: a worker waits for that as for a server. Ours never answers `internal` for long: it is being replaced.
        (Some(Code::Quota | Code::Internal), _) => OrchestratorError::Unreachable(e.to_string()),
        _ => OrchestratorError::Refused(e.to_string()),
    }
}

fn at(f: &Fence) -> String {
    format!("v1/leases/{}/{}", f.trial, f.epoch)
}

impl Remote {
    /// Through a client, whose token is a worker's. The worker itself repeats what failed.
    pub fn new(client: &Client) -> Self {
        Self { client: client.patient(Duration::ZERO), state: Arc::default() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the server gives this worker trials.
    pub fn mode(&self) -> WorkerMode {
        self.state().mode
    }

    /// Says that the worker lives and what its host is. With troubles it asks for no trial.
    pub async fn heartbeat(&self, worker: &WorkerId, abilities: &Abilities, host: &HostFacts) -> Result<HeartbeatAnswer, ClientError> {
        self.state().troubles.clone_from(&host.troubles);
        let body = Heartbeat { abilities: abilities.clone(), host: host.clone() };
        let answer: HeartbeatAnswer = self.client.call(Method::PUT, &format!("v1/workers/{worker}/heartbeat"), &body).await?;
        let mut state = self.state();
        (state.mode, state.waiting) = (answer.mode, answer.waiting);
        Ok(answer)
    }
}

impl Orchestrator for Remote {
    async fn lease(&self, worker: &WorkerId, abilities: &Abilities) -> Answer<Option<Lease>> {
        let idle = {
            let s = self.state();
            !s.troubles.is_empty() || s.mode != WorkerMode::Active
        };
        if idle {
            // The heartbeat says when this is over.
            tokio::time::sleep(Duration::from_secs(2)).await;
            return Ok(None);
        }
        let ask = LeaseAsk { worker: worker.clone(), abilities: abilities.clone(), wait_seconds: WAIT_SECONDS };
        let answer: LeaseAnswer = self.client.call(Method::POST, "v1/leases", &ask).await.map_err(failed(None))?;
        self.state().mode = answer.mode;
        Ok(answer.lease)
    }

    async fn waiting(&self, _: &WorkerId, _: &Abilities) -> Answer<Option<u32>> {
        Ok(Some(u32::try_from(self.state().waiting).unwrap_or(u32::MAX)))
    }

    async fn renew(&self, fence: &Fence) -> Answer<RenewAnswer> {
        match self.client.call::<_, RenewDoc>(Method::POST, &format!("{}/renew", at(fence)), &json!({})).await {
            Ok(d) if d.cancelled => Ok(RenewAnswer::Cancelled),
            Ok(_) => Ok(RenewAnswer::Ok),
            Err(e) if matches!(e.code(), Some(Code::LeaseLost | Code::NotFound)) => Ok(RenewAnswer::Lost),
            Err(e) => Err(failed(Some(fence))(e)),
        }
    }

    async fn blob(&self, fence: &Fence, digest: &Sha256Digest, to: &Path) -> Answer<()> {
        let got = self.client.patient(GOES_ON).download(&format!("{}/blobs/{digest}", at(fence)), to).await;
        got.map_err(|e| if e.code() == Some(Code::NotFound) { OrchestratorError::NoBlob(*digest) } else { failed(Some(fence))(e) })
    }

    async fn secret(&self, fence: &Fence, name: &str) -> Answer<Option<String>> {
        let d: SecretDoc = self.client.get(&format!("{}/secrets/{name}", at(fence))).await.map_err(failed(Some(fence)))?;
        Ok(d.value)
    }

    async fn put_artifact(&self, fence: &Fence, digest: &Sha256Digest, path: &Path) -> Answer<()> {
        self.client.artifact(&at(fence), digest, path).await.map_err(failed(Some(fence)))
    }

    async fn observations(&self, fence: &Fence, first: u64, observations: Vec<Observation>) -> Answer<()> {
        let body = ObservationBatch { first, observations };
        self.client.tell(Method::POST, &format!("{}/observations", at(fence)), &body).await.map_err(failed(Some(fence)))
    }

    async fn progress(&self, fence: &Fence, progress: Progress) -> Answer<()> {
        self.client.tell(Method::POST, &format!("{}/progress", at(fence)), &progress).await.map_err(failed(Some(fence)))
    }

    async fn complete(&self, fence: &Fence, completion: Completion) -> Answer<()> {
        self.client.tell(Method::POST, &format!("{}/complete", at(fence)), &completion).await.map_err(failed(Some(fence)))
    }

    async fn fail(&self, fence: &Fence, end: TrialEnd) -> Answer<()> {
        self.client.tell(Method::POST, &format!("{}/fail", at(fence)), &end).await.map_err(failed(Some(fence)))
    }
}
