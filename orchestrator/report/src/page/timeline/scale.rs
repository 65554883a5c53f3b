//! Where a time lies in the picture.

use stakeout_contract::{Nanos, trial::StateSpan};

use crate::clock::DeviceClock;

/// Width that is aimed at, pixels.
const WIDTH: f64 = 980.0;
/// Narrowest state.
const LEAST: f64 = 76.0;
/// States that are drawn; a scenario with more of them is cut, and its table is not.
const MOST: usize = 120;
/// Steps of the axis, seconds.
const STEPS: [f64; 12] = [10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 43200.0];
/// Nearest distance of two times on the axis.
const TICK: f64 = 64.0;

/// Spans of states with their places.
pub(super) struct Scale {
    spans: Vec<(f64, f64, StateSpan)>,
}

impl Scale {
    pub(super) fn of(timeline: &[StateSpan]) -> Self {
        let mut merged: Vec<StateSpan> = Vec::new();
        for s in timeline.iter().filter(|s| s.to > s.from) {
            match merged.last_mut() {
                Some(m) if m.state == s.state && m.to == s.from => m.to = s.to,
                _ => merged.push(*s),
            }
        }
        merged.truncate(MOST);
        let root = |s: &StateSpan| s.to.since(s.from).as_secs_f64().sqrt();
        let sum: f64 = merged.iter().map(root).sum::<f64>().max(1e-9);
        let rest = (WIDTH - LEAST * merged.len() as f64).max(LEAST * 4.0);
        let mut x = 0.0;
        let place = |s: &StateSpan| {
            let width = LEAST + rest * root(s) / sum;
            x += width;
            (x - width, width, *s)
        };
        Self { spans: merged.iter().map(place).collect() }
    }

    pub(super) fn width(&self) -> u32 {
        self.spans.last().map_or(WIDTH, |(x, w, _)| x + w).ceil() as u32
    }

    /// Left edge, width and span.
    pub(super) fn bands(&self) -> impl Iterator<Item = (u32, u32, &StateSpan)> {
        self.spans.iter().map(|(x, w, s)| {
            let left = x.round() as u32;
            (left, (x + w).round() as u32 - left, s)
        })
    }

    /// Times before the first state are at the left edge, after the last at the right one.
    pub(super) fn x(&self, at: Nanos) -> u32 {
        let i = self.spans.partition_point(|(_, _, s)| s.from <= at);
        let Some((x, w, s)) = self.spans.get(i.saturating_sub(1)) else { return 0 };
        let share = at.since(s.from).as_secs_f64() / s.to.since(s.from).as_secs_f64();
        (x + w * share.min(1.0)).round() as u32
    }

    /// The begin of each state, and round times within the wide ones.
    pub(super) fn ticks(&self, clock: &DeviceClock) -> Vec<(u32, String)> {
        let mut out = Vec::new();
        for (x, w, s) in &self.spans {
            out.push((x.round() as u32, clock.tick(s.from)));
            let length = s.to.since(s.from).as_secs_f64();
            let Some(step) = STEPS.iter().find(|t| **t * w / length >= TICK) else { continue };
            let begin = clock.seconds_of_day() + s.from.as_secs_f64();
            let mut t = (begin / step).floor() * step + step;
            while t < begin + length {
                let place = x + w * (t - begin) / length;
                if place - x >= TICK * 0.8 && x + w - place >= TICK * 0.8 {
                    out.push((place.round() as u32, clock.tick(Nanos::saturating(((t - clock.seconds_of_day()) * 1e9) as u64))));
                }
                t += step;
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use stakeout_contract::DeviceState;

    use super::*;

    fn span(from: u64, to: u64, state: DeviceState) -> StateSpan {
        StateSpan { from: Nanos::from_secs(from), to: Nanos::from_secs(to), state }
    }

    #[test]
    fn a_short_state_stays_readable_beside_a_long_one_and_times_keep_their_order() {
        let s = Scale::of(&[span(0, 60, DeviceState::InUse), span(60, 90, DeviceState::InUse), span(90, 28_890, DeviceState::ScreenOff)]);
        let widths: Vec<u32> = s.bands().map(|(_, w, _)| w).collect();
        assert_eq!(widths.len(), 2);
        assert!(widths[0] >= 76 && widths[1] > widths[0] * 4, "{widths:?}");
        let at = |t| s.x(Nanos::from_secs(t));
        assert!(at(0) < at(45) && at(45) < at(90) && at(90) < at(20_000) && at(99_999) == s.width());
    }

    #[test]
    fn ticks_stand_at_round_times_of_the_device_and_not_too_near() {
        let s = Scale::of(&[span(0, 180, DeviceState::InUse), span(180, 7380, DeviceState::ScreenOff)]);
        let ticks = s.ticks(&DeviceClock::new("2016-02-09T08:00:00+08:00"));
        assert!(ticks.windows(2).all(|t| t[1].0 >= t[0].0 + 40), "{ticks:?}");
        assert!(ticks.iter().any(|t| t.1 == "09:00"), "{ticks:?}");
    }
}
