//! Which state the device was in, and when it was in use.
//!
//! The scenario's steps give marks. From an act of the owner (opening the app, a tap, typing, a key) until the next idle step
//! begins, the device is `in_use`. What the owner began and what goes on into an idle step, a preview or a recording, is a matter of
//! that session alone: the verdicts decide it, and what else the app does at that time is dated by the device.

use stakeout_contract::{DeviceState, Nanos, trial::StateSpan};

/// From here on the device is in a state, by the scenario. `InUse` is an act of the owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// When.
    pub at: Nanos,
    /// Which.
    pub state: DeviceState,
}

/// The states of a trial from zero to `end`, without gaps. Before the first mark the device is in the background.
pub fn timeline(marks: &[Mark], end: Nanos) -> Vec<StateSpan> {
    let mut spans = Vec::new();
    let mut from = Nanos::ZERO;
    let mut state = DeviceState::Background;
    for m in marks {
        push(&mut spans, from, m.at.min(end), state);
        (from, state) = (m.at.max(from).min(end), m.state);
    }
    push(&mut spans, from, end, state);
    spans
}

fn push(spans: &mut Vec<StateSpan>, from: Nanos, to: Nanos, state: DeviceState) {
    if to <= from {
        return;
    }
    match spans.last_mut() {
        Some(l) if l.state == state => l.to = to,
        _ => spans.push(StateSpan { from, to, state }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn s(secs: u64) -> Nanos {
        Nanos::from_secs(secs)
    }

    fn marks(list: &[(u64, DeviceState)]) -> Vec<Mark> {
        list.iter().map(|&(at, state)| Mark { at: s(at), state }).collect()
    }

    fn read(spans: &[StateSpan]) -> Vec<(u64, DeviceState)> {
        spans.iter().map(|p| (p.to.get() / 1_000_000_000, p.state)).collect()
    }

    use DeviceState::{AfterReboot, Background, Foreground, InUse, ScreenOff};

    #[test]
    fn states_follow_the_marks_without_gaps() {
        let t = timeline(&marks(&[(2, InUse), (5, Foreground), (65, Background), (100, AfterReboot)]), s(200));
        assert_eq!(read(&t), [(2, Background), (5, InUse), (65, Foreground), (100, Background), (200, AfterReboot)]);
    }

    #[test]
    fn the_device_is_in_use_from_an_act_to_the_next_idle_step_and_no_longer() {
        let m = marks(&[(0, InUse), (1, InUse), (2, Foreground), (122, InUse), (124, Foreground), (184, ScreenOff)]);
        assert_eq!(read(&timeline(&m, s(300))), [(2, InUse), (122, Foreground), (124, InUse), (184, Foreground), (300, ScreenOff)]);
    }

    proptest! {
        #[test]
        fn spans_cover_the_trial_exactly(list in prop::collection::vec((0..100u64, 0..4usize), 0..12), end in 1..120u64) {
            let mut list: Vec<_> = list.into_iter().map(|(t, i)| (t, [InUse, Foreground, Background, ScreenOff][i])).collect();
            list.sort_by_key(|(t, _)| *t);
            let t = timeline(&marks(&list), s(end));
            prop_assert_eq!(t[0].from, Nanos::ZERO);
            prop_assert_eq!(t[t.len() - 1].to, s(end));
            for w in t.windows(2) {
                prop_assert_eq!(w[0].to, w[1].from);
                prop_assert!(w[0].state != w[1].state);
            }
        }
    }
}
