//! The top of the page: what was asked, of which app, on which device, when, and how to check it.

use serde::Serialize;
use stakeout_contract::trial::TrialState;

use crate::{
    ReportInput,
    clock::DeviceClock,
    text::{clean, short},
};

/// What was asked and by what it was answered.
#[derive(Debug, Serialize)]
pub(super) struct Head {
    pub label: String,
    pub package: String,
    pub version: String,
    pub sha256: String,
    pub signers: Vec<String>,
    pub target: u32,
    pub scenario: String,
    pub description: String,
    pub device: String,
    pub cooperative: bool,
    pub stand_in: bool,
    pub when: String,
    pub device_clock: String,
    pub asked: usize,
    pub ended: usize,
    pub failed: Vec<String>,
    /// Leases that came to nothing before a trial's last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub again: Vec<String>,
    pub job: String,
    pub state: &'static str,
    pub engine: String,
    pub signer: String,
    pub receipt: String,
    pub commitments: Vec<String>,
}

pub(super) fn of(input: &ReportInput<'_>) -> Head {
    let r = input.result;
    let a = &r.app;
    let records = || input.trials.iter().map(|t| t.record);
    let mut real: Vec<&str> = records().map(|t| t.started_real.as_str()).filter(|s| !s.is_empty()).collect();
    real.sort_unstable();
    let when = match (real.first(), real.last()) {
        (Some(a), Some(b)) if a != b => format!("{} to {}", DeviceClock::new(a).begin(), DeviceClock::new(b).begin()),
        (Some(a), _) => DeviceClock::new(a).begin(),
        _ => "not known".to_owned(),
    };
    let failed = r.trials.iter().filter(|t| t.end.state != TrialState::Finished).map(|t| {
        let stage = if t.end.stage.is_empty() { String::new() } else { format!(" at stage {}", short(&t.end.stage)) };
        format!("Trial {} {}{stage}: {}", t.number, state(t.end.state), clean(&t.end.reason, 400))
    });
    let again = r.trials.iter().flat_map(|t| t.tries.iter().map(|tried| (t.number, tried))).take(50).map(|(number, tried)| {
        let stage = if tried.stage.is_empty() { "not known where".to_owned() } else { format!("at stage {}", short(&tried.stage)) };
        format!("Trial {number}, lease {}, {stage}, {} facts: {}", tried.epoch, tried.observations, clean(&tried.reason, 400))
    });
    Head {
        label: if a.label.trim().is_empty() { short(&a.package) } else { short(&a.label) },
        package: short(&a.package),
        version: format!("{} ({})", short(&a.version_name), a.version_code),
        sha256: a.sha256.map_or_else(|| "not known".to_owned(), |d| d.to_string()),
        signers: a.signers.iter().take(4).map(|s| short(s)).collect(),
        target: a.target_sdk,
        scenario: short(&r.scenario),
        description: clean(&input.scenario.description, 400),
        device: short(&r.device),
        stand_in: records().any(|t| t.device == stakeout_contract::DeviceKind::EmulatorFake),
        cooperative: records().any(|t| t.cooperative),
        when,
        device_clock: records()
            .find(|t| !t.started_at.is_empty())
            .map_or_else(|| "not known".to_owned(), |t| DeviceClock::new(&t.started_at).begin()),
        asked: r.trials.len(),
        ended: r.trials.iter().filter(|t| t.end.state == TrialState::Finished).count(),
        failed: failed.collect(),
        again: again.collect(),
        job: r.job.to_string(),
        state: state(r.state),
        engine: short(&r.engine),
        signer: short(&input.signer),
        receipt: short(&input.receipt),
        commitments: r.trials.iter().take(50).map(|t| format!("trial {}, lease {}: {}", t.number, t.epoch, t.commitment)).collect(),
    }
}

const fn state(s: TrialState) -> &'static str {
    match s {
        TrialState::Queued => "queued",
        TrialState::Leased => "leased",
        TrialState::Running => "running",
        TrialState::Finished => "finished",
        TrialState::Failed => "failed",
        TrialState::Cancelled => "cancelled",
    }
}
