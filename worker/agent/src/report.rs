//! What an orchestrator hears of a trial while it runs.

use std::time::Duration;

use stakeout_contract::{
    lease::{Lease, Progress},
    observation::Observation,
};
use tokio::time::Instant;
use tracing::{Span, debug_span};

use crate::{Fence, Orchestrator, OrchestratorError, door::Door, record::Record, worker::PATIENCE};

/// Progress is for people: no more often than this.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// A trial does not wait longer for somebody to hear of its progress.
pub(crate) const PROGRESS_WITHIN: Duration = Duration::from_secs(2);
/// Observations are handed in this often, or when so many wait.
const HAND_IN_EVERY: Duration = Duration::from_secs(1);
const HAND_IN_AT: usize = 500;
/// Bytes of a batch as JSON, unless one observation alone is larger: a device's line has up to 1 MiB, and a server takes no
/// request of any size.
const BATCH_BYTES: usize = 4 << 20;

/// Reports of one trial.
pub struct Reporter<'a, O> {
    orchestrator: &'a O,
    fence: Fence,
    number: u32,
    of_seconds: f64,
    last_progress: Option<Instant>,
    last_hand_in: Instant,
    stage: &'static str,
    /// The stage in a trace: it ends when the next begins.
    span: Span,
    waited: Duration,
    /// What is told goes through it.
    pub door: Door,
}

impl<'a, O: Orchestrator> Reporter<'a, O> {
    /// Of this lease.
    pub fn new(orchestrator: &'a O, lease: &Lease) -> Self {
        Self {
            orchestrator,
            fence: lease.into(),
            number: lease.number,
            of_seconds: lease.scenario.virtual_length().as_secs_f64(),
            last_progress: None,
            last_hand_in: Instant::now(),
            stage: "lease",
            span: Span::none(),
            waited: Duration::ZERO,
            door: Door::default(),
        }
    }

    /// Whom it reports to.
    pub fn orchestrator(&self) -> &'a O {
        self.orchestrator
    }

    /// Of which lease.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// How long the trial waited for the orchestrator: time that its app did not have.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Awaits an answer of the orchestrator while the trial stands still.
    pub async fn wait<T>(&mut self, answer: impl Future<Output = T>) -> T {
        let begin = Instant::now();
        let answer = answer.await;
        self.waited += begin.elapsed();
        answer
    }

    /// A stage begins: this is always said.
    pub async fn stage(&mut self, stage: &'static str, at_seconds: f64) {
        self.stage = stage;
        self.span = debug_span!(target: "stakeout::trace", "stage", otel.name = stage);
        self.last_progress = None;
        self.progress("", at_seconds).await;
    }

    /// How far it is, if that was not just said. Failures are of no consequence.
    pub async fn progress(&mut self, detail: &str, at_seconds: f64) {
        if self.last_progress.is_some_and(|t| t.elapsed() < PROGRESS_EVERY) {
            return;
        }
        self.last_progress = Some(Instant::now());
        let progress = Progress {
            trial: self.fence.trial.clone(),
            number: self.number,
            stage: self.stage.to_owned(),
            detail: self.door.words(detail, 200),
            at_seconds,
            of_seconds: self.of_seconds,
        };
        let (orchestrator, fence) = (self.orchestrator, self.fence.clone());
        self.wait(tell(orchestrator, &fence, progress)).await;
    }

    /// Hands in observations if it is time for it, or if `all`.
    pub async fn hand_in(&mut self, record: &mut Record, all: bool) -> Result<(), OrchestratorError> {
        let due = all || record.fresh_len() >= HAND_IN_AT || self.last_hand_in.elapsed() >= HAND_IN_EVERY;
        if !due || record.fresh_len() == 0 {
            return Ok(());
        }
        let (mut first, fresh) = record.fresh();
        let mut rest = &fresh[..];
        while !rest.is_empty() {
            let (batch, more) = rest.split_at(batch_len(rest));
            let (orchestrator, fence) = (self.orchestrator, self.fence.clone());
            self.wait(patiently(|| orchestrator.observations(&fence, first, batch.to_vec()))).await?;
            first += batch.len() as u64;
            record.handed_in(first);
            rest = more;
        }
        self.last_hand_in = Instant::now();
        Ok(())
    }
}

/// Says how far a trial is, if somebody hears it soon. Failures are of no consequence.
pub(crate) async fn tell<O: Orchestrator>(orchestrator: &O, fence: &Fence, progress: Progress) {
    match tokio::time::timeout(PROGRESS_WITHIN, orchestrator.progress(fence, progress)).await {
        Ok(Ok(())) => {}
        Ok(Err(e)) => tracing::debug!(error = %e, "progress was not taken"),
        Err(_) => tracing::debug!("progress was not taken in time"),
    }
}

/// How many of these make a batch: one at least.
fn batch_len(rest: &[Observation]) -> usize {
    let mut bytes = 0;
    let more = rest.iter().take(HAND_IN_AT).take_while(|o| {
        bytes += json_len(o);
        bytes <= BATCH_BYTES
    });
    more.count().max(1)
}

/// Bytes as JSON, with the comma.
fn json_len(o: &Observation) -> usize {
    /// Counts what is written.
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut n = Count(1);
    // What cannot be written is refused where it is sent.
    let _ = serde_json::to_writer(&mut n, o);
    n.0
}

/// Repeats a call while the orchestrator cannot be reached.
pub async fn patiently<T, F: Future<Output = Result<T, OrchestratorError>>>(mut call: impl FnMut() -> F) -> Result<T, OrchestratorError> {
    let (begin, mut pause) = (Instant::now(), Duration::from_millis(200));
    loop {
        match call().await {
            Err(OrchestratorError::Unreachable(e)) if begin.elapsed() < PATIENCE => {
                tracing::warn!(error = %e, "the orchestrator cannot be reached, trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(5));
            }
            other => return other,
        }
    }
}
