//! Which tenant's trial is next: weighted fair sharing by virtual time.
//!
//! Each tenant has a virtual time: it grows by `SCALE / weight` with each of its trials that is leased. The next trial is of
//! the waiting tenant whose time is least, so those who wait get trials in proportion to their weights, however many they have
//! queued. A tenant that had nothing waiting does not save time up: when its first trial is queued, its time is at least
//! just before the least of the others that wait ([`joined`]). So a newcomer is next, after at most the trials that run now, and one
//! that was away for a week does not get the farm for a week.

use stakeout_contract::TenantId;

/// Virtual time of one trial at weight 1.
pub const SCALE: i64 = 1_000_000;

/// A tenant that has trials waiting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Share {
    /// Who.
    pub tenant: TenantId,
    /// Its weight, 1 to 1000.
    pub weight: u32,
    /// Its virtual time.
    pub time: i64,
    /// Trials of it that run.
    pub running: u32,
    /// How many may; none: any number.
    pub most_running: Option<u32>,
}

impl Share {
    fn may(&self) -> bool {
        self.most_running.is_none_or(|most| self.running < most)
    }
}

/// Those that may get a trial now, in the order in which they are asked.
pub fn order(mut waiting: Vec<Share>) -> Vec<Share> {
    waiting.retain(Share::may);
    waiting.sort_by(|a, b| (a.time, &a.tenant).cmp(&(b.time, &b.tenant)));
    waiting
}

/// A tenant's time after one more of its trials was leased.
pub fn charged(time: i64, weight: u32) -> i64 {
    time.saturating_add(SCALE / i64::from(weight.clamp(1, 1000)))
}

/// The time of a tenant that has begun to wait: just before those that wait already, so that names decide nothing.
pub fn joined(time: i64, others: impl Iterator<Item = i64>) -> i64 {
    others.min().map_or(time, |least| time.max(least.saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn share(name: &str, weight: u32, time: i64) -> Share {
        Share { tenant: name.parse().unwrap(), weight, time, running: 0, most_running: None }
    }

    /// Leases `n` trials among tenants that never run out.
    fn lease(tenants: &mut [Share], n: usize) -> BTreeMap<String, usize> {
        let mut got = BTreeMap::new();
        for _ in 0..n {
            let Some(next) = order(tenants.to_vec()).into_iter().next() else { break };
            let t = tenants.iter_mut().find(|t| t.tenant == next.tenant).unwrap();
            t.time = charged(t.time, t.weight);
            *got.entry(next.tenant.to_string()).or_default() += 1;
        }
        got
    }

    #[test]
    fn a_newcomer_is_next_however_many_another_has_queued() {
        let mut all = vec![share("big", 1, 0)];
        lease(&mut all, 100_000);
        let time = joined(0, all.iter().map(|t| t.time));
        all.push(share("new", 1, time));
        let got = lease(&mut all, 1);
        assert_eq!(got["new"], 1);
    }

    #[test]
    fn who_was_away_saved_nothing_up() {
        let mut all = vec![share("big", 1, 0)];
        lease(&mut all, 1000);
        all.push(share("back", 1, joined(0, all.iter().map(|t| t.time))));
        let got = lease(&mut all, 100);
        assert_eq!((got["big"], got["back"]), (50, 50));
    }

    #[test]
    fn who_is_at_the_bound_is_passed_over() {
        let mut a = share("a", 1, 0);
        (a.running, a.most_running) = (2, Some(2));
        assert_eq!(order(vec![a, share("b", 1, 5)]), [share("b", 1, 5)]);
    }

    proptest! {
        #[test]
        fn each_gets_its_weight_to_within_one_trial(weights in prop::collection::vec(1..20u32, 2..6), rounds in 1..30usize) {
            let mut all: Vec<Share> = weights.iter().enumerate().map(|(i, w)| share(&format!("t{i}"), *w, 0)).collect();
            let sum: u32 = weights.iter().sum();
            let got = lease(&mut all, sum as usize * rounds);
            for (i, w) in weights.iter().enumerate() {
                let got = got.get(&format!("t{i}")).copied().unwrap_or(0);
                let due = *w as usize * rounds;
                prop_assert!(got.abs_diff(due) <= weights.len(), "tenant {i} of weight {w} got {got} of {due}");
            }
        }
    }
}
