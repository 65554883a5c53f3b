//! Whose turn it is where something of many tenants waits and each thing may take long: deliveries to webhooks.
//!
//! Tenants take turns, and each one's queues do: first who was served longest ago. How much of somebody's waits does not matter.
//! Each queue has one thing in work at a time, and each tenant a few, so that many queues that are slow leave room for others.

use std::collections::{BTreeMap, VecDeque};

use stakeout_contract::TenantId;

use crate::lease::Millis;

/// A queue that has something waiting, or in work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Queue<K> {
    /// Which.
    pub key: K,
    /// Whose.
    pub tenant: TenantId,
    /// When it was served last.
    pub served: Millis,
    /// Something of it is in work.
    pub busy: bool,
}

/// One tenant's queues.
struct Line<K> {
    served: Millis,
    /// So many more may be in work.
    room: usize,
    waiting: VecDeque<(Millis, K)>,
}

/// The queues that are served now, at most so many, and of each tenant at most so many with those that are in work.
pub fn next<K: Ord>(queues: impl IntoIterator<Item = Queue<K>>, most: usize, of_a_tenant: usize) -> Vec<K> {
    let mut lines: BTreeMap<TenantId, Line<K>> = BTreeMap::new();
    for q in queues {
        let line = lines.entry(q.tenant).or_insert_with(|| Line { served: q.served, room: of_a_tenant, waiting: VecDeque::new() });
        line.served = line.served.max(q.served);
        if q.busy {
            line.room = line.room.saturating_sub(1);
        } else {
            line.waiting.push_back((q.served, q.key));
        }
    }
    // By tenant where none was served before another: names decide nothing else.
    let mut lines: Vec<Line<K>> = lines.into_values().collect();
    lines.sort_by_key(|line| line.served);
    for line in &mut lines {
        line.waiting.make_contiguous().sort();
    }
    let mut chosen = Vec::new();
    while chosen.len() < most {
        let before = chosen.len();
        for line in &mut lines {
            if chosen.len() < most
                && line.room > 0
                && let Some((_, key)) = line.waiting.pop_front()
            {
                line.room -= 1;
                chosen.push(key);
            }
        }
        if chosen.len() == before {
            break;
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(tenant: &str, key: u32, served: Millis, busy: bool) -> Queue<u32> {
        Queue { key, tenant: tenant.parse().unwrap(), served, busy }
    }

    #[test]
    fn tenants_take_turns_and_so_do_the_queues_of_each() {
        let mut all: Vec<_> = (0..50).map(|n| queue("many", n, 100 - i64::from(n), false)).collect();
        all.push(queue("one", 99, 50, false));
        assert_eq!(next(all.clone(), 3, 9), [99, 49, 48], "who was served longest ago, then each queue in turn");
        assert_eq!(next(all, 100, 4).len(), 5);
    }

    #[test]
    fn what_is_in_work_takes_a_tenants_room_and_nobody_elses() {
        let slow = |n| queue("slow", n, 0, n < 4);
        let all: Vec<_> = (0..50).map(slow).chain([queue("other", 99, 1000, false)]).collect();
        assert_eq!(next(all, 10, 4), [99]);
        assert_eq!(next([queue("slow", 1, 0, true)], 10, 4), [0; 0], "one of a queue at a time");
        assert_eq!(next([queue("a", 1, 0, false)], 0, 4), [0; 0]);
    }
}
