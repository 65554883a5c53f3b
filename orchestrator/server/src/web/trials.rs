//! The trials of a job's page: where each one is, and the pictures of its screen.

use stakeout_contract::{JobId, artifact::Role, finding::Analysis, trial::TrialState};
use stakeout_store::{Store, StoreError, TrialFull};

use super::{seen::Seen, words};

/// Trials that are listed.
const LISTED: usize = 200;
/// Pictures that are shown, the last ones.
const SHOTS: usize = 8;

/// One trial.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: u32,
    pub(super) state: &'static str,
    /// Its stage, with the step or a reason: text of a worker.
    pub(super) stage: String,
    pub(super) detail: String,
    pub(super) clock: String,
    /// Passed and in all, seconds; 0 in all: not known.
    pub(super) at: f64,
    pub(super) of: f64,
    pub(super) worker: String,
    pub(super) tries: u32,
    pub(super) matches: usize,
}

/// A picture of a screen.
#[derive(Debug)]
pub(super) struct Shot {
    pub(super) href: String,
    pub(super) number: u32,
    pub(super) at: String,
    /// The scenario's name for it.
    pub(super) name: String,
}

/// Trials that are read at a time: each may have a completion of a hundred megabytes.
const PART: u32 = 8;

/// All trials of a job, with no more of what was handed in than is shown of it.
pub(super) async fn of(store: &dyn Store, job: &JobId) -> Result<Vec<TrialFull>, StoreError> {
    let mut all: Vec<TrialFull> = Vec::new();
    loop {
        let part = store.trials_after(job, all.last().map_or(0, |t| t.number), PART).await?;
        let last = part.len() < PART as usize;
        all.extend(part.into_iter().map(thin));
        if last {
            return Ok(all);
        }
    }
}

fn thin(mut t: TrialFull) -> TrialFull {
    if let Some(c) = &mut t.completion {
        (c.flows, c.analysis, c.statement) = (Vec::new(), Analysis::default(), None);
        let r = &mut c.record;
        (r.timeline, r.clock, r.delivered, r.canaries) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        r.artifacts.retain(|a| a.role == Role::Screenshot);
        r.artifacts.shrink_to_fit();
    }
    t
}

/// The list, and how many trials are not in it: those that wait first.
pub(super) fn lines(trials: &[TrialFull], seen: &Seen) -> (Vec<Line>, usize) {
    let mut order: Vec<&TrialFull> = trials.iter().collect();
    if order.len() > LISTED {
        order.sort_by_key(|t| (t.row.state == TrialState::Queued, t.number));
        order.truncate(LISTED);
        order.sort_by_key(|t| t.number);
    }
    let left = trials.len() - order.len();
    (order.into_iter().map(|t| line(t, seen)).collect(), left)
}

fn line(t: &TrialFull, seen: &Seen) -> Line {
    let s = seen.trials.get(&t.id).filter(|_| t.row.state != TrialState::Queued);
    let end = t.completion.as_ref().map(|c| &c.record.end).or(t.ended.as_ref());
    let (stage, detail) = match end {
        Some(e) if t.row.state.is_final() => (e.stage.as_str(), e.reason.as_str()),
        Some(e) if s.is_none() => ("again", e.reason.as_str()),
        _ => s.map_or(("", ""), |s| (s.stage.as_str(), s.detail.as_str())),
    };
    let (at, of) = s.map_or((0.0, 0.0), |s| (s.at_seconds, s.of_seconds));
    Line {
        number: t.number,
        state: words::state(t.row.state),
        stage: words::short(stage),
        detail: words::short(detail),
        clock: if of > 0.0 { format!("{} of {}", words::clock(at), words::clock(of)) } else { String::new() },
        at: at.min(of),
        of,
        worker: t.row.worker.as_ref().map_or_else(String::new, ToString::to_string),
        tries: t.row.epoch.0,
        matches: s.map_or(0, |s| s.matches),
    }
}

/// The last pictures, and how many there are in all.
pub(super) fn shots(trials: &[TrialFull]) -> (Vec<Shot>, usize) {
    let mut all = Vec::new();
    for t in trials {
        for a in t.completion.iter().flat_map(|c| &c.record.artifacts).filter(|a| a.role == Role::Screenshot) {
            all.push(Shot {
                href: format!("/trials/{}/screenshots/{}", t.id, a.sha256),
                number: t.number,
                at: a.at.map_or_else(String::new, |at| words::clock(at.as_secs_f64())),
                name: words::short(&a.name),
            });
        }
    }
    let n = all.len();
    (all.split_off(n.saturating_sub(SHOTS)), n)
}

#[cfg(test)]
mod tests {
    use stakeout_contract::{Epoch, JobId, Nanos, Sha256Digest, TenantId, TrialId, artifact::Artifact};
    use stakeout_domain::lease::TrialRow;
    use stakeout_store::conformance::sample;

    use super::*;

    fn trial(number: u32, state: TrialState) -> TrialFull {
        let mut row = TrialRow::queued();
        (row.state, row.epoch) = (state, Epoch(1));
        TrialFull { id: TrialId::generate(), job: JobId::generate(), tenant: TenantId::farm(), number, row, completion: None, ended: None }
    }

    #[test]
    fn of_many_trials_those_that_wait_are_left_out_first() {
        let mut all: Vec<TrialFull> = (1..=300).map(|n| trial(n, TrialState::Queued)).collect();
        all[299].row.state = TrialState::Running;
        let (lines, left) = lines(&all, &Seen::default());
        assert_eq!((lines.len(), left), (LISTED, 100));
        assert_eq!((lines[199].number, lines[199].state), (300, "running"));
    }

    #[test]
    fn a_trial_that_ended_says_where_and_why_and_shows_its_screens_only() {
        let mut t = trial(1, TrialState::Failed);
        let mut done = sample::completion(&t, &sample::job(&TenantId::farm(), 1), TrialState::Failed);
        let artifact = |role| Artifact {
            sha256: Sha256Digest::of(b"x"),
            size: 1,
            role,
            name: "start".to_owned(),
            flow: None,
            at: Some(Nanos::from_secs(61)),
            cipher: None,
            truncated: false,
        };
        done.record.artifacts = vec![artifact(Role::AppFile), artifact(Role::Screenshot)];
        t.completion = Some(done);
        let thin = thin(t.clone());
        assert_eq!(thin.completion.as_ref().unwrap().record.artifacts.len(), 1);
        assert_eq!(
            format!("{:?}", (lines(std::slice::from_ref(&thin), &Seen::default()), shots(&[thin]))),
            format!("{:?}", (lines(std::slice::from_ref(&t), &Seen::default()), shots(std::slice::from_ref(&t))))
        );
        let (lines, _) = lines(std::slice::from_ref(&t), &Seen::default());
        assert_eq!((lines[0].stage.as_str(), lines[0].detail.as_str()), ("boot", "ran"));
        let (shots, n) = shots(&[t]);
        assert_eq!((n, shots[0].at.as_str(), shots[0].name.as_str()), (1, "0:01:01", "start"));
    }
}
