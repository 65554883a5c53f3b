//! A trial's way from queued to its end, fenced by epochs.

use stakeout_contract::{Epoch, TokenId, WorkerId, trial::TrialState};

/// Wall time in Unix milliseconds. Only differences between values of one store's clock count.
pub type Millis = i64;

/// What a store keeps of a trial to decide what may happen to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrialRow {
    /// Its state.
    pub state: TrialState,
    /// The newest lease; 0 before the first.
    pub epoch: Epoch,
    /// Who holds it.
    pub worker: Option<WorkerId>,
    /// By which token the newest lease was taken, also when it has ended; none: it is not known.
    pub token: Option<TokenId>,
    /// When the lease ends by itself.
    pub expires: Option<Millis>,
    /// Its owner gave it up; the worker hears of it when it renews.
    pub cancel: bool,
    /// Workers on which it failed or that were lost with it, each once.
    pub failed_on: Vec<WorkerId>,
    /// Leases that were lost or failed; those of workers that were told to stop do not count.
    pub attempts: u32,
    /// Leases in all. Not the epoch: that one jumps when a backup is restored.
    pub leases: u32,
}

impl TrialRow {
    /// A trial that nobody had yet.
    pub fn queued() -> Self {
        Self {
            state: TrialState::Queued,
            epoch: Epoch(0),
            worker: None,
            token: None,
            expires: None,
            cancel: false,
            failed_on: Vec::new(),
            attempts: 0,
            leases: 0,
        }
    }

    /// Whether who has this token may act for the newest lease. One of which it is not known by which token it was taken is of a
    /// version that did not keep that: whoever knows its epoch may.
    pub fn held_by(&self, token: &TokenId) -> Result<(), Refused> {
        if self.token.as_ref().is_none_or(|t| t == token) { Ok(()) } else { Err(Refused::Others) }
    }
}

/// What is asked of a trial.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// A worker takes it for `seconds`.
    Lease {
        /// Who.
        worker: WorkerId,
        /// By which token.
        token: Option<TokenId>,
        /// How long.
        seconds: u64,
    },
    /// Its worker lives.
    Renew {
        /// The worker's lease.
        epoch: Epoch,
        /// How long from now.
        seconds: u64,
    },
    /// Its worker hands in the end.
    Complete {
        /// The worker's lease.
        epoch: Epoch,
        /// Finished or failed.
        state: TrialState,
    },
    /// Its worker gives up, for a reason that is not the app's: another try may do better.
    GiveBack {
        /// The worker's lease.
        epoch: Epoch,
        /// The trial failed there; else the worker was told to stop.
        failed: bool,
    },
    /// Time passed.
    Expire,
    /// The clock may have gone back. A lease that ends later than one which is given now would, by more than clocks differ, is of
    /// before: it would hold a dead worker's trial for as long as the clock went back.
    Shorten {
        /// How long a lease lasts.
        seconds: u64,
    },
    /// Its owner gives it up.
    Cancel,
}

/// Why a command was refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// The lease is not the newest, or no longer held: stop writing.
    #[error("the lease of epoch {asked} no longer counts, the trial is at epoch {now}")]
    Fenced {
        /// The caller's epoch.
        asked: Epoch,
        /// The trial's.
        now: Epoch,
    },
    /// It was taken by another token.
    #[error("the lease was taken by another token")]
    Others,
    /// The trial has ended.
    #[error("the trial has ended")]
    Ended,
    /// Somebody has it.
    #[error("the trial is leased")]
    Taken,
    /// Completion with a state that is no end.
    #[error("a trial cannot be completed as `{0:?}`")]
    NotAnEnd(TrialState),
}

/// How often a trial is lost or fails before it is failed for good.
pub const ATTEMPTS: u32 = 3;

/// How often a trial is leased at most, whatever ended its leases: workers that only come and go must not hold a job for ever.
pub const LEASES: u32 = 20;

/// Clocks of one farm that are right differ by less, milliseconds.
const APART: Millis = 5000;

/// A trial that failed on so many workers, or was lost with them, is poison: it is not given to another. What it is that ends a host is
/// not known when the host is gone, so a host that was switched off counts as one that the trial brought down; one that was told to
/// stop does not.
pub const WORKERS: usize = 2;

/// What a trial becomes, or why not. `Expire` on a lease that still holds changes nothing.
pub fn apply(row: &TrialRow, command: &Command, now: Millis) -> Result<TrialRow, Refused> {
    if row.state.is_final() {
        return Err(Refused::Ended);
    }
    let mut next = row.clone();
    match command {
        Command::Lease { worker, token, seconds } => {
            if row.state != TrialState::Queued {
                return Err(Refused::Taken);
            }
            next.state = TrialState::Leased;
            next.epoch = row.epoch.next();
            next.leases = row.leases.saturating_add(1);
            next.worker = Some(worker.clone());
            next.token.clone_from(token);
            next.expires = Some(after(now, *seconds));
        }
        Command::Renew { epoch, seconds } => {
            fence(row, *epoch)?;
            next.state = TrialState::Running;
            next.expires = Some(after(now, *seconds));
        }
        Command::Complete { epoch, state } => {
            fence(row, *epoch)?;
            if !state.is_final() {
                return Err(Refused::NotAnEnd(*state));
            }
            end(&mut next, *state);
        }
        Command::GiveBack { epoch, failed } => {
            fence(row, *epoch)?;
            if *failed {
                blame(&mut next);
            }
            release(&mut next);
        }
        Command::Expire => {
            let over = row.expires.is_some_and(|e| e <= now);
            if row.state != TrialState::Queued && over {
                blame(&mut next);
                release(&mut next);
            }
        }
        Command::Shorten { seconds } => {
            if row.expires.is_some_and(|e| e > longest(now, *seconds)) {
                next.expires = Some(after(now, *seconds));
            }
        }
        Command::Cancel => {
            next.cancel = true;
            if row.state == TrialState::Queued {
                end(&mut next, TrialState::Cancelled);
            }
        }
    }
    Ok(next)
}

fn fence(row: &TrialRow, epoch: Epoch) -> Result<(), Refused> {
    let held = matches!(row.state, TrialState::Leased | TrialState::Running);
    if held && row.epoch == epoch { Ok(()) } else { Err(Refused::Fenced { asked: epoch, now: row.epoch }) }
}

fn after(now: Millis, seconds: u64) -> Millis {
    now.saturating_add(i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX))
}

/// When a lease of so many seconds ends at the latest that was given or renewed by a clock that has not gone back since.
pub fn longest(now: Millis, seconds: u64) -> Millis {
    after(now, seconds).saturating_add(APART)
}

fn end(row: &mut TrialRow, state: TrialState) {
    row.state = state;
    row.worker = None;
    row.expires = None;
}

/// Counts a lease that was lost or failed, and notes on whom.
fn blame(row: &mut TrialRow) {
    row.attempts = row.attempts.saturating_add(1);
    let new = row.worker.as_ref().filter(|w| !row.failed_on.contains(w)).cloned();
    row.failed_on.extend(new);
}

fn release(row: &mut TrialRow) {
    if row.cancel {
        end(row, TrialState::Cancelled);
    } else if row.attempts >= ATTEMPTS || row.leases >= LEASES || row.failed_on.len() >= WORKERS {
        end(row, TrialState::Failed);
    } else {
        end(row, TrialState::Queued);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn worker() -> WorkerId {
        "worker-1".parse().unwrap()
    }

    fn leased() -> TrialRow {
        apply(&TrialRow::queued(), &Command::Lease { worker: worker(), token: None, seconds: 60 }, 0).unwrap()
    }

    #[test]
    fn only_the_newest_epoch_may_write() {
        let lost = apply(&leased(), &Command::Expire, 60_000).unwrap();
        assert_eq!(lost.state, TrialState::Queued);
        let again = apply(&lost, &Command::Lease { worker: worker(), token: None, seconds: 60 }, 61_000).unwrap();
        let old = Command::Complete { epoch: Epoch(1), state: TrialState::Finished };
        assert_eq!(apply(&again, &old, 62_000), Err(Refused::Fenced { asked: Epoch(1), now: Epoch(2) }));
        let new = Command::Complete { epoch: Epoch(2), state: TrialState::Finished };
        assert_eq!(apply(&again, &new, 62_000).unwrap().state, TrialState::Finished);
    }

    #[test]
    fn a_lease_is_its_tokens_until_there_is_another() {
        let [mine, other]: [TokenId; 2] = ["token-1", "token-2"].map(|t| t.parse().unwrap());
        let lease = |row: &TrialRow, token: &TokenId| {
            apply(row, &Command::Lease { worker: worker(), token: Some(token.clone()), seconds: 60 }, 0).unwrap()
        };
        let row = lease(&TrialRow::queued(), &mine);
        let renewed = apply(&row, &Command::Renew { epoch: Epoch(1), seconds: 60 }, 1).unwrap();
        let back = apply(&renewed, &Command::GiveBack { epoch: Epoch(1), failed: false }, 2).unwrap();
        for row in [&row, &renewed, &back] {
            assert_eq!((row.held_by(&mine), row.held_by(&other)), (Ok(()), Err(Refused::Others)));
        }
        let again = lease(&back, &other);
        assert_eq!((again.held_by(&mine), again.held_by(&other)), (Err(Refused::Others), Ok(())));
        assert_eq!(leased().held_by(&mine), Ok(()), "of a version that did not keep it");
    }

    #[test]
    fn a_lease_that_was_renewed_does_not_expire() {
        let r = apply(&leased(), &Command::Renew { epoch: Epoch(1), seconds: 60 }, 50_000).unwrap();
        assert_eq!(apply(&r, &Command::Expire, 100_000).unwrap(), r);
    }

    #[test]
    fn a_lease_of_a_clock_that_went_back_lasts_as_long_as_any_other() {
        let shorten = Command::Shorten { seconds: 60 };
        let (at, back) = (10_000_000, 2_800_000);
        let ahead = apply(&TrialRow::queued(), &Command::Lease { worker: worker(), token: None, seconds: 60 }, at).unwrap();
        assert_eq!(apply(&ahead, &shorten, at - APART).unwrap(), ahead, "clocks differ by a little");
        let mended = apply(&ahead, &shorten, back).unwrap();
        assert_eq!((mended.expires, mended.epoch, mended.attempts), (Some(back + 60_000), Epoch(1), 0));
        assert_eq!(apply(&mended, &Command::Expire, back + 60_000).unwrap().state, TrialState::Queued);
        assert_eq!(apply(&TrialRow::queued(), &shorten, back).unwrap(), TrialRow::queued());
    }

    #[test]
    fn a_trial_that_kills_its_workers_fails_after_three_tries() {
        let mut row = TrialRow::queued();
        for _ in 0..ATTEMPTS {
            row = apply(&row, &Command::Lease { worker: worker(), token: None, seconds: 1 }, 0).unwrap();
            row = apply(&row, &Command::Expire, 2000).unwrap();
        }
        assert_eq!(row.state, TrialState::Failed);
    }

    #[test]
    fn a_trial_that_is_lost_with_two_workers_is_given_to_no_third() {
        let lost = |row: &TrialRow, name: &str| {
            let lease = Command::Lease { worker: name.parse().unwrap(), token: None, seconds: 1 };
            apply(&apply(row, &lease, 0).unwrap(), &Command::Expire, 2000).unwrap()
        };
        let once = lost(&TrialRow::queued(), "worker-1");
        assert_eq!((once.state, &once.failed_on), (TrialState::Queued, &vec![worker()]));
        assert_eq!(lost(&once, "worker-1").state, TrialState::Queued, "it may be that host alone");
        let twice = lost(&once, "worker-2");
        assert_eq!((twice.state, twice.attempts), (TrialState::Failed, 2));
    }

    #[test]
    fn a_trial_that_fails_on_two_workers_is_given_to_no_third() {
        let mut row = TrialRow::queued();
        for (n, name) in ["worker-1", "worker-1", "worker-2"].iter().enumerate().skip(1) {
            row = apply(&row, &Command::Lease { worker: name.parse().unwrap(), token: None, seconds: 1 }, 0).unwrap();
            row = apply(&row, &Command::GiveBack { epoch: Epoch(n as u32), failed: true }, 0).unwrap();
        }
        assert_eq!(row.state, TrialState::Failed);
    }

    #[test]
    fn a_worker_that_is_told_to_stop_blames_no_trial() {
        let row = apply(&leased(), &Command::GiveBack { epoch: Epoch(1), failed: false }, 0).unwrap();
        assert_eq!((row.state, row.failed_on.len()), (TrialState::Queued, 0));
    }

    #[test]
    fn stops_are_no_failures_however_many_but_they_have_an_end() {
        let stop = |row: TrialRow| {
            let held = apply(&row, &Command::Lease { worker: worker(), token: None, seconds: 1 }, 0).unwrap();
            apply(&held, &Command::GiveBack { epoch: held.epoch, failed: false }, 0).unwrap()
        };
        let mut row = TrialRow::queued();
        for _ in 1..LEASES {
            row = stop(row);
            assert_eq!((row.state, row.attempts), (TrialState::Queued, 0));
        }
        let mut lost = apply(&row, &Command::Lease { worker: worker(), token: None, seconds: 1 }, 0).unwrap();
        lost.leases = 1;
        assert_eq!(apply(&lost, &Command::Expire, 2000).unwrap().attempts, 1);
        assert_eq!(stop(row).state, TrialState::Failed);
    }

    #[test]
    fn an_epoch_that_jumped_is_no_attempt() {
        let row = TrialRow { epoch: Epoch(1000), ..TrialRow::queued() };
        let held = apply(&row, &Command::Lease { worker: worker(), token: None, seconds: 1 }, 0).unwrap();
        assert_eq!((held.epoch, apply(&held, &Command::Expire, 2000).unwrap().state), (Epoch(1001), TrialState::Queued));
    }

    #[test]
    fn a_cancelled_trial_ends_when_its_worker_lets_go() {
        let row = apply(&leased(), &Command::Cancel, 0).unwrap();
        assert_eq!(row.state, TrialState::Leased);
        assert_eq!(apply(&row, &Command::GiveBack { epoch: Epoch(1), failed: true }, 1).unwrap().state, TrialState::Cancelled);
    }

    proptest! {
        #[test]
        fn no_sequence_completes_twice_or_by_an_old_epoch(commands in prop::collection::vec((0..6u8, 0..4u32, 0..3i64), 0..60)) {
            let (mut row, mut now, mut completions) = (TrialRow::queued(), 0, 0);
            for (what, epoch, passed) in commands {
                now += passed * 700;
                let epoch = Epoch(epoch);
                let command = match what {
                    0 => Command::Lease { worker: worker(), token: None, seconds: 1 },
                    1 => Command::Renew { epoch, seconds: 1 },
                    2 => Command::Complete { epoch, state: TrialState::Finished },
                    3 => Command::GiveBack { epoch, failed: true },
                    4 => Command::Expire,
                    _ => Command::Cancel,
                };
                let before = row.clone();
                if let Ok(next) = apply(&row, &command, now) {
                    prop_assert!(next.epoch >= before.epoch);
                    if what == 2 {
                        prop_assert_eq!(epoch, before.epoch);
                        completions += 1;
                    }
                    row = next;
                }
            }
            prop_assert!(completions <= 1);
        }
    }
}
