//! A trial's observations, which are never in memory as a whole: there may be 200,000 in each trial, and what is decided rests on
//! few of them.

use stakeout_contract::{Epoch, TrialId, observation::Observation};
use stakeout_domain::matters;
use stakeout_store::Store;

use crate::ServiceError;

/// Read at a time: what a worker hands in at once.
const PART: u32 = 1000;

/// Those that matter to a verdict or a report, in order, and which line each of them is. Their stacks are for people, who find them
/// in the bundle.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Whose they are.
    pub(crate) trial: TrialId,
    pub(crate) epoch: Epoch,
    pub(super) kept: Vec<Observation>,
    pub(super) lines: Vec<u32>,
    /// How many there are, and bytes of them all as lines.
    total: u32,
    pub(crate) bytes: u64,
}

impl Observed {
    /// None yet.
    pub(crate) const fn new(trial: TrialId, epoch: Epoch) -> Self {
        Self { trial, epoch, kept: Vec::new(), lines: Vec::new(), total: 0, bytes: 0 }
    }

    /// One more, behind all others.
    pub(super) fn add(&mut self, o: Observation) -> Result<(), ServiceError> {
        self.bytes += line(&o)?.len() as u64;
        self.push(o);
        Ok(())
    }

    /// One more that the bundle has no line of.
    pub(super) fn push(&mut self, o: Observation) {
        if matters::to_anyone(&o) {
            self.kept.push(Observation { stack: Vec::new(), ..o });
            self.lines.push(self.total);
        }
        self.total += 1;
    }
}

/// An observation as a line of `observations.jsonl`.
pub(crate) fn line(o: &Observation) -> Result<Vec<u8>, ServiceError> {
    let wrong = |source| ServiceError::Document { what: "observations.jsonl".to_owned(), source };
    let mut line = serde_json::to_vec(o).map_err(wrong)?;
    line.push(b'\n');
    Ok(line)
}

/// Gives each observation of a lease, in order.
pub(crate) async fn each(
    store: &dyn Store,
    trial: &TrialId,
    epoch: Epoch,
    mut take: impl FnMut(Observation) -> Result<(), ServiceError> + Send,
) -> Result<(), ServiceError> {
    let mut from = 0;
    loop {
        let part = store.observations(trial, epoch, from, PART).await?;
        from += part.len() as u64;
        let last = part.len() < PART as usize;
        part.into_iter().try_for_each(&mut take)?;
        if last {
            return Ok(());
        }
    }
}

/// Reads a lease's.
pub(super) async fn of(store: &dyn Store, trial: &TrialId, epoch: Epoch) -> Result<Observed, ServiceError> {
    let mut all = Observed::new(trial.clone(), epoch);
    each(store, trial, epoch, |o| all.add(o)).await?;
    Ok(all)
}
