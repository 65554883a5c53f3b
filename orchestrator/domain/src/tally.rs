//! How many of a job's trials are in which state, kept step by step beside the trials themselves.

use stakeout_contract::{api::jobs::TrialCounts, trial::TrialState};

/// The counts of a new job.
pub fn fresh(trials: u32) -> TrialCounts {
    TrialCounts { all: trials, queued: trials, ..TrialCounts::default() }
}

/// A trial went from one state to another.
pub fn moved(counts: &mut TrialCounts, from: TrialState, to: TrialState) {
    let f = field(counts, from);
    *f = f.saturating_sub(1);
    let t = field(counts, to);
    *t = t.saturating_add(1);
}

/// Nothing waits and nothing runs: the job can be decided.
pub fn over(counts: &TrialCounts) -> bool {
    counts.queued == 0 && counts.running == 0
}

fn field(counts: &mut TrialCounts, state: TrialState) -> &mut u32 {
    match state {
        TrialState::Queued => &mut counts.queued,
        TrialState::Leased | TrialState::Running => &mut counts.running,
        TrialState::Finished => &mut counts.finished,
        TrialState::Failed => &mut counts.failed,
        TrialState::Cancelled => &mut counts.cancelled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leased_trial_runs_and_the_last_end_ends_all() {
        let mut counts = fresh(1);
        moved(&mut counts, TrialState::Queued, TrialState::Leased);
        moved(&mut counts, TrialState::Leased, TrialState::Running);
        assert_eq!((counts.queued, counts.running, over(&counts)), (0, 1, false));
        moved(&mut counts, TrialState::Running, TrialState::Failed);
        assert_eq!((counts.all, counts.running, counts.failed, over(&counts)), (1, 0, 1, true));
    }
}
