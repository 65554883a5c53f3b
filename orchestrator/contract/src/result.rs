//! `result.json`: what a job found.

use serde::{Deserialize, Serialize};

use crate::{
    Answer, DeviceState, JobId, Kind, Probability, Rung, Sha256Digest, TrialId,
    finding::Searched,
    trial::{AppFacts, TrialCost, TrialEnd, TrialState, Try},
};

/// The one document of a job.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct JobResult {
    /// `stakeout-result/1`.
    pub format: String,
    /// The job.
    pub job: JobId,
    /// Finished, failed or cancelled: it says nothing about the verdicts.
    pub state: TrialState,
    /// The app.
    pub app: AppFacts,
    /// The scenario's name.
    pub scenario: String,
    /// The device's kind and API level: `jvm 34`.
    pub device: String,
    /// Each trial.
    pub trials: Vec<TrialSummary>,
    /// Each claim that the method has an answer for.
    pub verdicts: Vec<Verdict>,
    /// The same for what left the device, by the state in which it was *sent*, whenever it was captured or read. A result that
    /// was made before this was looked at has none, and says nothing of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sending: Vec<Verdict>,
    /// Bytes kept and sent.
    pub footprint: Footprint,
    /// Permission requests while nobody used the app, an hour.
    pub requests_per_idle_hour: Vec<RequestRate>,
    /// Captures, one for each session of a sensor whose media was found or delivered.
    pub captures: Vec<Capture>,
    /// What everything cost.
    pub cost: Cost,
    /// Versions of what made this.
    pub engine: String,
    /// Pieces of evidence that did not fit into the bundle: they were searched when the job ran and cannot be searched again, so
    /// nothing is `not_observed`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// A trial in a result.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TrialSummary {
    /// From 1.
    pub number: u32,
    /// Its id.
    pub trial: TrialId,
    /// How often it was leased.
    pub epoch: u32,
    /// The leases before, which came to nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<Try>,
    /// How it ended.
    #[serde(flatten)]
    pub end: TrialEnd,
    /// SHA-256 of its key.
    pub commitment: Sha256Digest,
    /// Its costs.
    pub cost: TrialCost,
    /// What was searched.
    #[serde(default)]
    pub searched: Searched,
    /// Idle hours of its clock.
    pub idle_hours: f64,
}

/// A claim's answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Verdict {
    /// Of what.
    pub kind: Kind,
    /// At which rung.
    pub rung: Rung,
    /// In which state of the device the capture, read or request happened; in `sending`, the sending.
    pub device_state: DeviceState,
    /// The answer.
    pub verdict: Answer,
    /// For `proven`.
    pub p_false: Option<Probability>,
    /// For `not_observed`.
    pub bound: Option<Bound>,
    /// Why it is inconclusive, or what limits it.
    #[serde(default)]
    pub reasons: Vec<Reason>,
    /// What it rests on, the strongest first.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    /// How many captures, reads or requests.
    #[serde(default)]
    pub count: u64,
}

impl Verdict {
    /// Of what was sent: whether a claim is open for another reason than that the app sends pictures or sounds of its own, and was
    /// given some in use. Of every app with a camera button and a picture in its letters that would be so, and none would ever pass.
    pub fn keeps_a_gate_shut(&self) -> bool {
        self.verdict == Answer::Inconclusive && self.reasons.iter().any(|r| !r.code.starts_with("unread_"))
    }
}

/// What `not_observed` excludes, at 95 %, given this device, scenario, rules and server.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Bound {
    /// Trials without the event.
    pub trials: u32,
    /// Hours watched in this state, all trials together.
    pub hours: f64,
    /// At most this share of trials has the event: 1 - 0.05^(1/n).
    pub share_of_trials: f64,
    /// At most so many events an hour: 3/(nT).
    pub per_hour: f64,
    /// Confidence, 0.95.
    pub confidence: f64,
}

/// Why an answer is not more than it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Reason {
    /// Stable: `server_not_played`, `too_few_trials`, `crashed`, `native_code`, `evidence_lost`, `step_failed`, `overwritten`, `tried_again`, `encrypted`, `opaque_traffic`,
    /// `unsupported_api`, `escape`, `login`, `clock_held`, `real_time`, `out_of_memory`, `device_looked_for`, `lead`, `not_played`, `analysis_incomplete`,
    /// `begun_by_act`, `attribution`.
    pub code: String,
    /// A sentence.
    pub text: String,
    /// What would settle it.
    #[serde(default)]
    pub settled_by: String,
}

/// One piece of evidence.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Evidence {
    /// Trial number, from 1.
    pub trial: u32,
    /// Index in `trials/N/findings.json`.
    pub finding: Option<usize>,
    /// Line, from 0, in `trials/N/observations.jsonl`.
    pub observation: Option<usize>,
    /// In a sentence.
    pub text: String,
    /// When, seconds on the trial's clock.
    pub at_seconds: Option<f64>,
    /// In which state of the device it was captured, read or asked for. A planted value's rests on the last read that was observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_state: Option<DeviceState>,
    /// In which state it left, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_state: Option<DeviceState>,
    /// First and last frame.
    pub frames: Option<[u64; 2]>,
    /// Seconds of sound.
    pub seconds: Option<[f64; 2]>,
    /// Canary's id and label.
    pub canary: Option<String>,
    /// Where it went: host.
    pub destination: Option<String>,
    /// The flow that carried it.
    pub flow: Option<u32>,
    /// The flow before it that fetched what named the destination.
    pub ordered_by_flow: Option<u32>,
    /// The chain from wire bytes to match.
    pub chain: Vec<String>,
    /// Artifact's digest.
    pub artifact: Option<Sha256Digest>,
    /// Probability of this one by chance.
    pub p_false: Option<Probability>,
}

/// One capture of a sensor.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Capture {
    /// Trial number.
    pub trial: u32,
    /// Camera or microphone.
    pub kind: Kind,
    /// Session by the device's record; none if only a match shows it.
    pub session: Option<u64>,
    /// State of the device when it began.
    pub device_state: DeviceState,
    /// An act of the owner began it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub begun_by_act: bool,
    /// From, seconds.
    pub from_seconds: f64,
    /// To, seconds.
    pub to_seconds: f64,
    /// Highest rung reached.
    pub rung: Rung,
    /// First and last frame that was found.
    pub frames: Option<[u64; 2]>,
    /// Hosts that it went to.
    pub destinations: Vec<String>,
}

/// How an app fills the phone and the line.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Footprint {
    /// Bytes in its files at the end, for each idle hour.
    pub kept_bytes_per_idle_hour: f64,
    /// Bytes of its requests that went while idle, or in part, for each idle hour.
    pub sent_bytes_per_idle_hour: f64,
    /// Bytes in its files at the end, mean of the trials.
    pub kept_bytes: f64,
    /// Bytes of its requests, mean of the trials.
    pub sent_bytes: f64,
    /// Idle hours, all trials together.
    pub idle_hours: f64,
}

/// How often a permission was asked for while idle.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RequestRate {
    /// Of what.
    pub kind: Kind,
    /// Requests in idle states, all trials together.
    pub requests: u64,
    /// For each idle hour.
    pub per_idle_hour: f64,
}

/// What a job cost.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Cost {
    /// Trials that ended.
    pub trials: u32,
    /// From submit to result, seconds.
    pub wall_seconds: f64,
    /// All trials' clocks, seconds.
    pub virtual_seconds: f64,
    /// Of containers, seconds.
    pub cpu_seconds: f64,
    /// Largest of a device, bytes.
    pub peak_memory_bytes: u64,
    /// Artifacts, bytes.
    pub kept_bytes: u64,
}
