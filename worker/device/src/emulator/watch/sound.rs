//! Which blocks of sound a session of the microphone may have been given.

use stakeout_contract::Nanos;

/// Blocks of sound a second, as `delivered` counts them.
const BLOCKS: u64 = 20;
/// How much older than the moment sound may be: the emulator's queue holds 300 ms.
const QUEUE_NANOS: u64 = 400_000_000;

/// The first and the last of a session that began and that ended at the latest then. What ended before a state of the device began
/// was given nothing in it, whatever the queue holds.
pub(super) fn blocks(from: Nanos, latest: Nanos, marks: &[Nanos]) -> (u64, u64) {
    let block = |t: u64| (u128::from(t) * u128::from(BLOCKS) / 1_000_000_000) as u64;
    let mark = marks.iter().filter(|m| **m >= latest && **m > from).min();
    let end = latest.get().saturating_add(QUEUE_NANOS);
    let end = mark.map_or(end, |m| end.min(m.get().saturating_sub(1)));
    let first = block(from.get().saturating_sub(QUEUE_NANOS));
    (first, block(end).max(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_before_a_state_began_was_given_nothing_in_it() {
        let at = |ms: u64| Nanos::saturating(ms * 1_000_000);
        let (from, latest) = (at(5000), at(9900));
        assert_eq!(blocks(from, latest, &[]), (92, 206));
        assert_eq!(blocks(from, latest, &[at(1000), at(10_000), at(20_000)]), (92, 199), "the last begins before 10 s");
        assert_eq!(blocks(from, latest, &[at(9000)]), (92, 206), "it went on when that one began");
        assert_eq!(blocks(from, at(10_000), &[at(10_000)]), (92, 199));
        assert_eq!(blocks(from, from, &[from]), (92, 108), "it began with the state");
    }
}
