//! What happens in a job, as it happens.

use serde::{Deserialize, Serialize};

use crate::{JobId, TrialId, finding::Finding, lease::Progress, observation::Observation, trial::TrialState};

/// One thing that happened. As a server-sent event its `id` is `number`, so that a client that comes back misses nothing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Event {
    /// From 1, without gap, for each job.
    pub number: u64,
    /// Of which job.
    pub job: JobId,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// The job is in another state.
    Job {
        /// Which.
        state: TrialState,
        /// Why, where there is something to say.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// A trial is in another state.
    Trial {
        /// Which trial.
        trial: TrialId,
        /// From 1.
        trial_number: u32,
        /// The lease that it is about.
        epoch: u32,
        /// Which state.
        state: TrialState,
        /// Why, where there is something to say.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
        /// Its worker was told to stop: nobody is to blame.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stopped: bool,
    },
    /// A trial's stage, step and clock.
    Progress {
        /// How far it is.
        progress: Progress,
    },
    /// Facts of device and gateway.
    Observations {
        /// Which trial.
        trial: TrialId,
        /// The lease; a later one begins anew at 0.
        epoch: u32,
        /// Number of the first in its trial's stream.
        first: u64,
        /// In order.
        observations: Vec<Observation>,
    },
    /// Matches of a trial.
    Findings {
        /// Which trial.
        trial: TrialId,
        /// What was found.
        findings: Vec<Finding>,
    },
}
