//! How much a search through a long recording may cost, and in which order its windows are asked.

/// Work that is left for a recording, counted in transforms and not in seconds, so that the same bytes give the same answer on any
/// machine. It is carried from one piece of a long recording to the next, and so is where the recording would go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effort {
    left: u64,
    cut: bool,
    /// By trial: the place of the sample after the last one.
    next: Vec<(usize, i64)>,
}

impl Effort {
    /// As many transforms of 2^18 values, of some 3 ms each.
    pub fn new(transforms: u64) -> Self {
        Self { left: transforms, cut: false, next: Vec::new() }
    }

    /// Everything is searched.
    pub fn unbounded() -> Self {
        Self::new(u64::MAX)
    }

    /// Whether something was not searched.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// Takes what a search costs; false, and told, when there is not so much left.
    pub(crate) fn take(&mut self, transforms: u64) -> bool {
        match self.left.checked_sub(transforms) {
            Some(left) => self.left = left,
            None => self.cut = true,
        }
        !self.cut
    }

    /// Where a recording of this trial goes on.
    pub(crate) fn follows(&self, trial: usize) -> Option<i64> {
        self.next.iter().find(|n| n.0 == trial).map(|n| n.1)
    }

    /// Notes where it goes on, if that is known.
    pub(crate) fn goes_on(&mut self, trial: usize, place: Option<i64>) {
        self.next.retain(|n| n.0 != trial);
        self.next.extend(place.map(|p| (trial, p)));
    }
}

/// `0..n`, each once, so that the first of them are spread over all: the reversed bits of a counter.
pub(crate) fn spread(n: usize) -> Vec<usize> {
    let bits = n.next_power_of_two().trailing_zeros();
    let reversed = |i: usize| if bits == 0 { 0 } else { i.reverse_bits() >> (usize::BITS - bits) };
    (0..n.next_power_of_two()).map(reversed).filter(|i| *i < n).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_asked_from_everywhere_first() {
        assert_eq!(spread(8), [0, 4, 2, 6, 1, 5, 3, 7]);
        for n in [0, 1, 5, 900] {
            let mut all = spread(n);
            all.sort_unstable();
            assert_eq!(all, (0..n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_costs_more_than_is_left_is_told() {
        let mut e = Effort::new(10);
        assert!(e.take(10) && !e.is_cut());
        assert!(!e.take(1) && e.is_cut());
        assert!(Effort::unbounded().take(1 << 60));
    }
}
