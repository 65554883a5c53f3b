//! What a result means for a pipeline: the exit code.

use stakeout_contract::{
    Answer, Rung,
    result::{JobResult, Verdict},
    trial::TrialState,
};

/// Outcome of a gate; the numbers are exit codes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Gate {
    /// Nothing at or above the rung in any idle state, and nothing sent in one. It does not mean clean: see the bounds.
    Nothing = 0,
    /// Something was proven or supported at or above the rung in an idle state.
    Found = 10,
    /// A claim that the scenario covers cannot be answered, or it covers none.
    Inconclusive = 11,
    /// Fewer trials ended than the job asked for.
    TooFew = 12,
    /// What was captured or read while the app was used, or when is not known, left the device while nobody used it.
    SentIdle = 13,
}

/// Rungs in order; `opened` and `read` stand on the same step.
const fn step(r: Rung) -> u8 {
    match r {
        Rung::Declared => 0,
        Rung::Requested => 1,
        Rung::Granted => 2,
        Rung::Opened | Rung::Read => 3,
        Rung::Delivered => 4,
        Rung::Stored => 5,
        Rung::Transmitted => 6,
    }
}

/// The gate's answer for `fail_on`. That something is sent while nobody uses the device fails every gate: no rung is above it.
/// A result of before that was looked at (`sending` is empty) has no answer to it. `asked` is the number of trials that the job asked for:
/// at least one, so a result without any, of a job whose verdicts could not be made, has too few whoever asks.
pub fn gate(result: &JobResult, fail_on: Rung, asked: u32) -> Gate {
    let ended = result.trials.iter().filter(|t| t.end.state == TrialState::Finished).count() as u32;
    if ended < asked.max(1) {
        return Gate::TooFew;
    }
    let counts = |v: &&Verdict| v.device_state.is_idle() && step(v.rung) >= step(fail_on);
    let any = |answers: &[Answer]| result.verdicts.iter().filter(counts).any(|v| answers.contains(&v.verdict));
    let sent = |is: fn(&Verdict) -> bool| result.sending.iter().any(|v| v.device_state.is_idle() && is(v));
    if any(&[Answer::Proven, Answer::Supported]) {
        Gate::Found
    } else if sent(|v| matches!(v.verdict, Answer::Proven | Answer::Supported)) {
        Gate::SentIdle
    } else if any(&[Answer::Inconclusive]) || sent(Verdict::keeps_a_gate_shut) || !any(&[Answer::NotObserved]) {
        // A scenario without idle time, or without anything that is looked for, answers nothing.
        Gate::Inconclusive
    } else {
        Gate::Nothing
    }
}
