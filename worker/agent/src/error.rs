//! How a trial fails, and how a worker does.

use stakeout_containers::EngineError;

use crate::OrchestratorError;

/// An error with its causes, in one sentence.
pub fn chain(e: &dyn std::error::Error) -> String {
    let mut text = e.to_string();
    let mut cause = e.source();
    while let Some(c) = cause {
        text.push_str(": ");
        text.push_str(&c.to_string());
        cause = c.source();
    }
    text
}

/// Why a trial has no evidence. What is told of it has passed the [`crate::door`].
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A stage did not do its work.
    #[error("{stage}: {reason}")]
    Stage {
        /// A name of `TrialCost::stages`.
        stage: &'static str,
        /// A sentence. Parts of it may come from the app.
        reason: String,
        /// The end of the device's log, where that helps.
        log: String,
        /// It is the app's own doing, so another try would end the same way.
        by_app: bool,
    },
    /// The orchestrator refused a write, or could not be reached for as long as the lease lasts.
    #[error(transparent)]
    Orchestrator(#[from] OrchestratorError),
    /// The job's owner gave it up.
    #[error("the trial was cancelled")]
    Cancelled,
    /// The worker is told to stop now.
    #[error("the worker was stopped")]
    Stopped,
}

impl Failure {
    /// A stage's failure without a log.
    pub(crate) fn stage(stage: &'static str, reason: impl Into<String>) -> Self {
        Self::Stage { stage, reason: crate::text::head(&reason.into(), 2000), log: String::new(), by_app: false }
    }

    /// The same, as the app's own doing or not.
    pub(crate) fn by_app(mut self, own: bool) -> Self {
        if let Self::Stage { by_app, .. } = &mut self {
            *by_app = own;
        }
        self
    }

    /// The same with a log, where there is none yet.
    pub(crate) fn with_log(mut self, text: String) -> Self {
        if let Self::Stage { log, .. } = &mut self
            && log.is_empty()
        {
            *log = text;
        }
        self
    }
}

/// Why a worker cannot work. A trial that fails is no such reason.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The engine, or an image, is not usable.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The orchestrator refused this worker.
    #[error(transparent)]
    Orchestrator(#[from] OrchestratorError),
    /// The cache folder is not usable.
    #[error("the cache folder `{path}` cannot be used: {source}\nhint: give another by `--cache`, or make it writable")]
    Cache {
        /// The folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The worker's key is not usable.
    #[error(transparent)]
    Key(stakeout_bundle::BundleError),
}
