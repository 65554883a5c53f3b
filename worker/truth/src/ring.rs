//! What is new in a ring between two polls.
//!
//! A ring holds the newest `capacity` events and forgets the oldest. Events have no numbers, and several may have the same text
//! within a second. So the polls are laid over each other: what the new one begins with must be what the old one ended
//! with. Of all ways to lay them, the one with the fewest new events counts, as nothing may be reported twice; where
//! another way fits too, that is told.

use serde::Serialize;

/// An entry of a ring.
pub trait RingEntry {
    /// The text as it stands in the ring; entries with the same text cannot be told apart.
    fn raw(&self) -> &str;
}

/// What a poll brings beyond the one before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delta<'a, E> {
    /// The polls overlap.
    New {
        /// What happened in between, oldest first.
        events: &'a [E],
        /// As entries are alike, more of them may be new than these.
        at_least: bool,
    },
    /// The newest event of the old poll is no longer in the ring: more happened than it holds, and some of it is lost.
    Overflow {
        /// All that the ring holds now, oldest first.
        events: &'a [E],
    },
    /// The ring is not full and does not begin as before: the service started anew (or the guest did), and what happened
    /// between the old poll and that start is lost.
    Restarted {
        /// All that the ring holds now, oldest first.
        events: &'a [E],
    },
}

impl<'a, E> Delta<'a, E> {
    /// The events, whichever it is.
    pub const fn events(&self) -> &'a [E] {
        match self {
            Self::New { events, .. } | Self::Overflow { events } | Self::Restarted { events } => events,
        }
    }

    /// Whether events may have been lost.
    pub const fn lost(&self) -> bool {
        !matches!(self, Self::New { .. })
    }
}

/// Compares two polls of a ring of `capacity`, both oldest first. Takes time in proportion to their lengths.
///
/// Polls whose notes say that they were cut must not be compared: what is missing would look lost, or new.
pub fn delta<'a, E: RingEntry>(old: &[E], new: &'a [E], capacity: usize) -> Delta<'a, E> {
    if old.is_empty() {
        return Delta::New { events: new, at_least: false };
    }
    let full = new.len() >= capacity;
    let mut fits = overlaps(old, new).into_iter();
    if !full {
        // Nothing was forgotten, so all of the old poll is still at the begin.
        return if fits.any(|k| k == old.len()) {
            Delta::New { events: &new[old.len()..], at_least: false }
        } else {
            Delta::Restarted { events: new }
        };
    }
    match fits.next() {
        Some(k) => Delta::New { events: &new[k..], at_least: fits.next().is_some() },
        None => Delta::Overflow { events: new },
    }
}

/// All `k > 0` for which the last `k` of `old` are the first `k` of `new`, largest first (Knuth, Morris and Pratt 1977).
fn overlaps<E: RingEntry>(old: &[E], new: &[E]) -> Vec<usize> {
    // fail[i]: how long the longest proper prefix of new[..=i] is that also ends it.
    let mut fail = vec![0_usize; new.len()];
    let mut k = 0;
    for i in 1..new.len() {
        while k > 0 && new[k].raw() != new[i].raw() {
            k = fail[k - 1];
        }
        k += usize::from(new[k].raw() == new[i].raw());
        fail[i] = k;
    }
    let mut k = 0;
    for e in old {
        if k == new.len() && k > 0 {
            k = fail[k - 1];
        }
        while k > 0 && new[k].raw() != e.raw() {
            k = fail[k - 1];
        }
        k += usize::from(new.get(k).is_some_and(|n| n.raw() == e.raw()));
    }
    let mut all = Vec::new();
    while k > 0 {
        all.push(k);
        k = fail[k - 1];
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl RingEntry for &str {
        fn raw(&self) -> &str {
            self
        }
    }

    fn of(text: &str) -> Vec<&str> {
        text.split_whitespace().collect()
    }

    fn new<'a>(events: &'a [&'a str]) -> Delta<'a, &'a str> {
        Delta::New { events, at_least: false }
    }

    #[test]
    fn a_ring_that_is_not_full_grows_at_its_end() {
        let n = of("a a b b");
        assert_eq!(delta(&of("a a b"), &n, 100), new(&n[3..]));
        assert_eq!(delta(&of("a a"), &of("a a"), 100), new(&[]));
        assert_eq!(delta(&of("a"), &of("a a a"), 100), new(&["a", "a"]));
        assert_eq!(delta(&of(""), &of("a a"), 100), new(&["a", "a"]));
    }

    #[test]
    fn a_full_ring_forgets_its_begin() {
        let n = of("b c d");
        assert_eq!(delta(&of("a b c"), &n, 3), new(&n[2..]));
    }

    #[test]
    fn alike_entries_in_a_full_ring_are_counted_low_and_told() {
        let n = of("x x x");
        assert_eq!(delta(&of("x x x"), &n, 3), Delta::New { events: &n[3..], at_least: true });
        let n = of("x x y");
        assert_eq!(delta(&of("w x x"), &n, 3), Delta::New { events: &n[2..], at_least: true });
    }

    #[test]
    fn what_was_lost_is_said() {
        let n = of("d e f");
        assert_eq!(delta(&of("a b c"), &n, 3), Delta::Overflow { events: &n });
        let n = of("d");
        assert_eq!(delta(&of("a b c"), &n, 3), Delta::Restarted { events: &n });
        let n = of("");
        assert!(delta(&of("a b c"), &n, 3).lost());
    }

    proptest! {
        #[test]
        fn a_ring_that_is_played_never_reports_twice_and_never_misses_unsaid(
            before in proptest::collection::vec(0..3_u8, 0..40),
            after in proptest::collection::vec(0..3_u8, 0..40),
            capacity in 1..20_usize,
        ) {
            let name = |b: &u8| ["a", "b", "c"][usize::from(*b)];
            let all: Vec<&str> = before.iter().chain(&after).map(name).collect();
            let ring = |n: usize| all[n.saturating_sub(capacity)..n].to_vec();
            let (old, now) = (ring(before.len()), ring(all.len()));
            match delta(&old, &now, capacity) {
                // All of the ring may have been replaced by entries that look like the old ones. With dates in them, that is one second.
                Delta::New { events, at_least } => {
                    if !at_least && after.len() < capacity {
                        prop_assert_eq!(events, &all[before.len()..]);
                    }
                    prop_assert!(events.len() <= after.len());
                    prop_assert_eq!(events, &all[all.len() - events.len()..]);
                }
                Delta::Overflow { events } => {
                    prop_assert!(after.len() >= capacity);
                    prop_assert_eq!(events, &now[..]);
                }
                Delta::Restarted { .. } => prop_assert!(false, "it did not start anew"),
            }
        }
    }
}
