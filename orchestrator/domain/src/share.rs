//! Which tenant's trial is next: weighted fair sharing by virtual time.
//!
//! Each tenant has a virtual time: it grows by `SCALE / weight` with each of its trials that is leased. The next trial is of
//! the waiting tenant whose time is least, so those who wait get trials in proportion to their weights, however many they have
//! queued.
//!
//! Nobody saves time up. Workers of a kind (those that can run the same) have a time of their own, which each of their leases
//! raises to what its tenant's counted as, and a tenant counts as at least just before it ([`entered`]): one that had nothing
//! waiting, one whose trials nobody could run, one that is new. So a newcomer is next, after at most the trials that run now, and
//! one that was away for a week does not get the farm for a week. It is looked at when a trial is leased, not when one is queued:
//! who else waits at some moment does not matter then. It is not one time for all kinds: those that are fast would leave the
//! tenants of the slow ones no difference by which they take turns.

use std::{cmp::Reverse, collections::BinaryHeap};

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

/// How many of the next trials are a tenant's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Turn {
    /// Who, as it was before.
    pub share: Share,
    /// Of so many.
    pub trials: u32,
}

impl Turn {
    /// Its time when it gets the last of them.
    pub fn last(&self) -> i64 {
        self.at(self.trials.saturating_sub(1))
    }

    /// Its time when it has them all.
    pub fn after(&self) -> i64 {
        self.at(self.trials)
    }

    fn at(&self, n: u32) -> i64 {
        (0..n).fold(self.share.time, |time, _| charged(time, self.share.weight))
    }
}

/// Whose the next trials are, so many, if all who wait have enough: as if they were leased one after the other. By tenant; those who
/// get none are left out.
pub fn turns(waiting: &[Share], trials: usize) -> Vec<Turn> {
    // Who is next is at the end of the heap's order: the least time, then the least name.
    let mut next: BinaryHeap<Reverse<(i64, &TenantId, usize)>> =
        waiting.iter().enumerate().filter(|(_, s)| s.may()).map(|(i, s)| Reverse((s.time, &s.tenant, i))).collect();
    let mut got = vec![0u32; waiting.len()];
    for _ in 0..trials {
        let Some(Reverse((time, tenant, i))) = next.pop() else { break };
        got[i] += 1;
        let s = &waiting[i];
        if s.most_running.is_none_or(|most| s.running.saturating_add(got[i]) < most) {
            next.push(Reverse((charged(time, s.weight), tenant, i)));
        }
    }
    let mut turns: Vec<Turn> =
        waiting.iter().zip(got).filter(|(_, n)| *n > 0).map(|(s, trials)| Turn { share: s.clone(), trials }).collect();
    turns.sort_by(|a, b| a.share.tenant.cmp(&b.share.tenant));
    turns
}

/// A tenant's time after one more of its trials was leased.
pub fn charged(time: i64, weight: u32) -> i64 {
    time.saturating_add(SCALE / i64::from(weight.clamp(1, 1000)))
}

/// What a tenant's time counts as, by that of the workers: just before it, so that names decide nothing.
pub fn entered(time: i64, workers: i64) -> i64 {
    time.max(workers.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn share(name: &str, weight: u32, time: i64) -> Share {
        Share { tenant: name.parse().unwrap(), weight, time, running: 0, most_running: None }
    }

    /// A farm with tenants that never run out.
    #[derive(Default)]
    struct Farm {
        times: BTreeMap<&'static str, i64>,
        tenants: Vec<Share>,
    }

    impl Farm {
        fn of(tenants: impl IntoIterator<Item = Share>) -> Self {
            Self { times: BTreeMap::new(), tenants: tenants.into_iter().collect() }
        }

        /// Leases `n` trials to workers of one kind.
        fn lease(&mut self, n: usize, can: impl Fn(&str) -> bool) -> BTreeMap<String, usize> {
            self.lease_to("any", n, can)
        }

        /// Leases `n` trials to workers of a kind, which can run these tenants'.
        fn lease_to(&mut self, kind: &'static str, n: usize, can: impl Fn(&str) -> bool) -> BTreeMap<String, usize> {
            let (time, mut got) = (self.times.entry(kind).or_default(), BTreeMap::new());
            for _ in 0..n {
                let waiting = self.tenants.iter().filter(|t| can(t.tenant.as_str()));
                let waiting = waiting.map(|t| Share { time: entered(t.time, *time), ..t.clone() }).collect();
                let Some(next) = order(waiting).into_iter().next() else { break };
                *time = next.time.max(*time);
                let t = self.tenants.iter_mut().find(|t| t.tenant == next.tenant).unwrap();
                t.time = charged(next.time, t.weight);
                *got.entry(next.tenant.to_string()).or_default() += 1;
            }
            got
        }
    }

    #[test]
    fn workers_that_are_fast_do_not_take_the_turns_from_those_that_are_slow() {
        let mut farm = Farm::of([share("a", 1, 0), share("b", 3, 0), share("many", 1, 0)]);
        let mut got = BTreeMap::new();
        for _ in 0..100 {
            farm.lease_to("fast", 10, |t| t == "many");
            for (tenant, n) in farm.lease_to("slow", 2, |t| t != "many") {
                *got.entry(tenant).or_insert(0) += n;
            }
        }
        assert!((49..=51).contains(&got["a"]) && (149..=151).contains(&got["b"]), "{got:?}");
    }

    #[test]
    fn a_newcomer_is_next_however_many_another_has_queued() {
        let mut farm = Farm::of([share("big", 1, 0)]);
        farm.lease(100_000, |_| true);
        farm.tenants.push(share("new", 1, 0));
        assert_eq!(farm.lease(1, |_| true)["new"], 1);
    }

    #[test]
    fn who_was_away_saved_nothing_up() {
        let mut farm = Farm::of([share("big", 1, 0)]);
        farm.lease(1000, |_| true);
        farm.tenants.push(share("back", 1, 0));
        let got = farm.lease(100, |_| true);
        assert_eq!((got["big"], got["back"]), (49, 51), "who comes back is next, then they take turns");
    }

    #[test]
    fn who_waits_alone_for_a_while_does_not_pay_for_it_later() {
        let mut farm = Farm::of([share("first", 1, 0)]);
        farm.lease(1000, |_| true);
        // All of it is leased: the newcomer finds nobody waiting.
        let first = farm.tenants.remove(0);
        farm.tenants.push(share("new", 1, 0));
        farm.lease(10, |_| true);
        farm.tenants.push(first);
        let got = farm.lease(1000, |_| true);
        assert!(got["first"] >= 495 && got["new"] >= 490, "{got:?}");
    }

    #[test]
    fn a_trial_that_nobody_can_run_holds_nobodys_time_back() {
        let mut farm = Farm::of([share("big", 1, 0), share("stuck", 1, 0)]);
        farm.lease(1000, |t| t == "big");
        farm.tenants.push(share("new", 1, 0));
        let got = farm.lease(100, |t| t != "stuck");
        assert_eq!((got["big"], got["new"]), (49, 51));
        // When a worker for it comes, it gets its part and no more.
        let got = farm.lease(99, |_| true);
        assert!(got.values().all(|n| (32..=34).contains(n)), "{got:?}");
    }

    #[test]
    fn who_is_at_the_bound_is_passed_over() {
        let mut a = share("a", 1, 0);
        (a.running, a.most_running) = (2, Some(2));
        assert_eq!(order(vec![a, share("b", 1, 5)]), [share("b", 1, 5)]);
    }

    proptest! {
        #[test]
        fn turns_are_as_if_each_trial_were_leased_alone(
            tenants in prop::collection::vec((1..20u32, 0..3_000_000i64, prop::option::of(0..5u32), 0..4u32), 0..6),
            trials in 0..40usize,
        ) {
            let share = |(i, (weight, time, most_running, running)): (usize, &(u32, i64, Option<u32>, u32))| Share {
                running: *running,
                most_running: *most_running,
                ..share(&format!("t{i}"), *weight, *time)
            };
            let waiting: Vec<Share> = tenants.iter().enumerate().map(share).collect();
            let (mut now, mut one_by_one) = (waiting.clone(), BTreeMap::<TenantId, (u32, i64)>::new());
            for _ in 0..trials {
                let Some(next) = order(now.clone()).into_iter().next() else { break };
                let s = now.iter_mut().find(|s| s.tenant == next.tenant).unwrap();
                (s.running, s.time) = (s.running + 1, charged(s.time, s.weight));
                let of = one_by_one.entry(next.tenant).or_default();
                *of = (of.0 + 1, next.time);
            }
            let turns: BTreeMap<_, _> = turns(&waiting, trials).iter().map(|t| (t.share.tenant.clone(), (t.trials, t.last()))).collect();
            prop_assert_eq!(turns, one_by_one);
        }

        #[test]
        fn each_gets_its_weight_to_within_one_trial(weights in prop::collection::vec(1..20u32, 2..6), rounds in 1..30usize) {
            let mut farm = Farm::of(weights.iter().enumerate().map(|(i, w)| share(&format!("t{i}"), *w, 0)));
            let sum: u32 = weights.iter().sum();
            let got = farm.lease(sum as usize * rounds, |_| true);
            for (i, w) in weights.iter().enumerate() {
                let got = got.get(&format!("t{i}")).copied().unwrap_or(0);
                let due = *w as usize * rounds;
                prop_assert!(got.abs_diff(due) <= weights.len(), "tenant {i} of weight {w} got {got} of {due}");
            }
        }
    }
}
