//! How long a trial that is submitted now waits for its slot: a guess, from who waits for the same slots.
//!
//! Slots are shared as [`crate::share`] shares them: by weight among tenants that wait, however much each of them has queued. So what
//! others have queued says nothing of the wait, and what the tenant itself has queued counts as far as it is leased before this trial.

/// What a trial that is submitted now finds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Wait {
    /// Slots that could run it, of workers that serve its tenant alone.
    pub own_slots: u64,
    /// Slots that could run it, of workers that serve others too.
    pub shared_slots: u64,
    /// All of them have a trial.
    pub busy: bool,
    /// The tenant's weight.
    pub weight: u32,
    /// Weights of other tenants that wait for the shared ones, in all.
    pub others: u64,
    /// Trials of the tenant that wait and are leased before it.
    pub ahead: u64,
    /// Trials of the tenant that run.
    pub running: u64,
    /// How many may.
    pub most_running: Option<u32>,
}

impl Wait {
    /// After how many lengths of such a trial it begins; none: nothing that is there now runs it.
    pub fn rounds(&self) -> Option<f64> {
        let weight = f64::from(self.weight);
        let share = self.own_slots as f64 + self.shared_slots as f64 * weight / (weight + self.others as f64);
        let share = self.most_running.map_or(share, |most| share.min(f64::from(most)));
        // Where nothing is free, the next slot is half through what it runs.
        let full = self.busy || self.most_running.is_some_and(|most| self.running >= u64::from(most));
        (share > 0.0).then(|| self.ahead as f64 / share + if full { 0.5 } else { 0.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_waits_for_its_tenants_share_of_the_slots() {
        let alone = Wait { own_slots: 0, shared_slots: 4, busy: false, weight: 1, others: 0, ahead: 8, running: 0, most_running: None };
        for (wait, rounds, why) in [
            (alone, Some(2.0), "nobody else waits"),
            (Wait { busy: true, ..alone }, Some(2.5), "each slot has a trial"),
            (Wait { others: 3, ..alone }, Some(8.0), "a quarter of four slots"),
            (Wait { others: 3, weight: 3, ..alone }, Some(4.0), "half of them"),
            (Wait { others: 3, own_slots: 1, ..alone }, Some(4.0), "and one of its own"),
            (Wait { most_running: Some(1), ..alone }, Some(8.0), "no more than one may run"),
            (Wait { most_running: Some(1), running: 1, ..alone }, Some(8.5), "and one does"),
            (Wait { ahead: 0, others: 1000, ..alone }, Some(0.0), "however much others have queued, it is next"),
            (Wait { shared_slots: 0, ..alone }, None, "no slot"),
            (Wait { most_running: Some(0), ..alone }, None, "none may run"),
        ] {
            assert_eq!(wait.rounds(), rounds, "{why}");
        }
    }
}
