//! Which state the device was in, and when it was in use.
//!
//! The scenario's steps give marks; the device's facts say how long a preview that the owner began stayed visible. From an
//! act of the owner (opening the app, a tap, typing, a key) until the next idle step begins, the device is `in_use`. If a
//! visible preview was begun in that time, `in_use` goes on into foreground idle steps until the preview ends, however many
//! acts and idle steps lie between: a capture in use never convicts. When the app leaves the screen no preview can be visible,
//! whatever the app's process says, so `in_use` ends there at the latest.

use std::collections::BTreeSet;

use stakeout_contract::{
    DeviceState, Nanos,
    observation::{Fact, Observation},
    trial::StateSpan,
};

/// From here on the device is in a state, by the scenario. `InUse` is an act of the owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// When.
    pub at: Nanos,
    /// Which.
    pub state: DeviceState,
}

/// The states of a trial from zero to `end`, without gaps. Before the first mark the device is in the background.
pub fn timeline(marks: &[Mark], facts: &[Observation], end: Nanos) -> Vec<StateSpan> {
    let mut spans = Vec::new();
    let mut from = Nanos::ZERO;
    let mut state = DeviceState::Background;
    for m in marks {
        push(&mut spans, from, m.at.min(end), state);
        (from, state) = (m.at.max(from).min(end), m.state);
    }
    push(&mut spans, from, end, state);
    prolong(&spans, facts)
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

/// Lets `in_use` go on while a preview that the owner began is visible.
fn prolong(spans: &[StateSpan], facts: &[Observation]) -> Vec<StateSpan> {
    let mut ordered: Vec<&Observation> = facts.iter().collect();
    ordered.sort_by_key(|o| o.at);
    let mut ordered = ordered.into_iter().peekable();
    let mut owners = BTreeSet::new();
    let mut out = Vec::new();
    for s in spans {
        if !matches!(s.state, DeviceState::InUse | DeviceState::Foreground) {
            owners.clear();
        }
        let mut until = if owners.is_empty() { s.from } else { s.to };
        while let Some(o) = ordered.next_if(|o| o.at < s.to) {
            match &o.fact {
                Fact::Opened { session, preview_visible: true, .. } | Fact::Preview { session, visible: true }
                    if s.state == DeviceState::InUse =>
                {
                    owners.insert(*session);
                }
                Fact::Preview { session, visible: false } | Fact::Closed { session, .. } if owners.remove(session) && owners.is_empty() => {
                    until = o.at.max(s.from);
                }
                _ => {}
            }
        }
        if s.state == DeviceState::Foreground {
            push(&mut out, s.from, until, DeviceState::InUse);
            push(&mut out, until, s.to, s.state);
        } else {
            push(&mut out, s.from, s.to, s.state);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stakeout_contract::{Sensor, observation::Source};

    use super::*;

    fn s(secs: u64) -> Nanos {
        Nanos::from_secs(secs)
    }

    fn marks(list: &[(u64, DeviceState)]) -> Vec<Mark> {
        list.iter().map(|&(at, state)| Mark { at: s(at), state }).collect()
    }

    fn opened(at: u64, session: u64, preview_visible: bool) -> Observation {
        let fact = Fact::Opened { sensor: Sensor::Camera, id: "0".into(), facing: None, api: String::new(), session, preview_visible };
        Observation { at: s(at), source: Source::Host, fact, stack: vec![] }
    }

    fn preview(at: u64, session: u64, visible: bool) -> Observation {
        Observation { at: s(at), source: Source::Host, fact: Fact::Preview { session, visible }, stack: vec![] }
    }

    fn read(spans: &[StateSpan]) -> Vec<(u64, DeviceState)> {
        spans.iter().map(|p| (p.to.get() / 1_000_000_000, p.state)).collect()
    }

    use DeviceState::{AfterReboot, Background, Foreground, InUse, ScreenOff};

    #[test]
    fn states_follow_the_marks_without_gaps() {
        let t = timeline(&marks(&[(2, InUse), (5, Foreground), (65, Background), (100, AfterReboot)]), &[], s(200));
        assert_eq!(read(&t), [(2, Background), (5, InUse), (65, Foreground), (100, Background), (200, AfterReboot)]);
    }

    #[test]
    fn a_preview_that_the_owner_began_keeps_the_device_in_use_until_it_ends() {
        let m = marks(&[(0, InUse), (5, Foreground), (65, ScreenOff)]);
        let t = timeline(&m, &[opened(3, 1, true), preview(30, 1, false)], s(100));
        assert_eq!(read(&t), [(30, InUse), (65, Foreground), (100, ScreenOff)]);
    }

    #[test]
    fn a_preview_that_never_ends_ends_with_the_foreground() {
        let m = marks(&[(0, InUse), (5, Foreground), (65, ScreenOff)]);
        let t = timeline(&m, &[opened(3, 1, true)], s(100));
        assert_eq!(read(&t), [(65, InUse), (100, ScreenOff)]);
    }

    #[test]
    fn a_preview_that_begins_while_idle_or_is_invisible_is_no_use() {
        let m = marks(&[(0, InUse), (5, Foreground), (65, ScreenOff)]);
        for facts in
            [vec![opened(6, 1, true)], vec![opened(3, 1, false)], vec![opened(3, 1, true), preview(4, 1, false), preview(7, 1, true)]]
        {
            assert_eq!(read(&timeline(&m, &facts, s(100))), [(5, InUse), (65, Foreground), (100, ScreenOff)]);
        }
    }

    #[test]
    fn a_preview_that_the_owner_began_is_known_after_the_next_tap() {
        // A scanner: it opens with its preview, is looked at, tapped, looked at.
        let m = marks(&[(0, InUse), (2, Foreground), (122, InUse), (124, Foreground), (184, ScreenOff)]);
        assert_eq!(read(&timeline(&m, &[opened(1, 1, true)], s(300))), [(184, InUse), (300, ScreenOff)]);
        let ended = [opened(1, 1, true), preview(150, 1, false), preview(160, 1, true)];
        assert_eq!(read(&timeline(&m, &ended, s(300))), [(150, InUse), (184, Foreground), (300, ScreenOff)]);
    }

    #[test]
    fn a_preview_that_the_owner_did_not_begin_is_no_use_after_a_tap_either() {
        let m = marks(&[(0, InUse), (2, Foreground), (60, InUse), (62, Foreground)]);
        let t = timeline(&m, &[opened(30, 1, true)], s(100));
        assert_eq!(read(&t), [(2, InUse), (60, Foreground), (62, InUse), (100, Foreground)]);
    }

    #[test]
    fn a_preview_does_not_come_back_with_the_app() {
        let m = marks(&[(0, InUse), (5, Background), (10, Foreground)]);
        let t = timeline(&m, &[opened(3, 1, true)], s(100));
        assert_eq!(read(&t), [(5, InUse), (10, Background), (100, Foreground)]);
    }

    #[test]
    fn a_preview_in_use_does_not_reach_into_the_background() {
        let m = marks(&[(0, InUse), (5, Background)]);
        assert_eq!(read(&timeline(&m, &[opened(3, 1, true)], s(100))), [(5, InUse), (100, Background)]);
    }

    proptest! {
        #[test]
        fn spans_cover_the_trial_exactly(list in prop::collection::vec((0..100u64, 0..4usize), 0..12), sessions in prop::collection::vec((0..100u64, 0..3u64, any::<bool>()), 0..12), end in 1..120u64) {
            let mut list: Vec<_> = list.into_iter().map(|(t, i)| (t, [InUse, Foreground, Background, ScreenOff][i])).collect();
            list.sort_by_key(|(t, _)| *t);
            let facts: Vec<_> = sessions.into_iter().map(|(t, n, v)| preview(t, n, v)).collect();
            let t = timeline(&marks(&list), &facts, s(end));
            prop_assert_eq!(t[0].from, Nanos::ZERO);
            prop_assert_eq!(t[t.len() - 1].to, s(end));
            for w in t.windows(2) {
                prop_assert_eq!(w[0].to, w[1].from);
                prop_assert!(w[0].state != w[1].state);
            }
        }
    }
}
