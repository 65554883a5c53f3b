//! In which states of the device what a coded match holds was taken.
//!
//! A match says that *something* of a frame or of a stretch of sound is there. So a state follows only from the smallest parts
//! that prove by themselves: a frame, or a piece of sound. A stretch of which only the whole proves dates nothing, unless all of it
//! that the feed gave lies in one state; where it lies in several, each of them may be the one, and a doubt says so.

use std::collections::BTreeSet;

use stakeout_contract::{
    DeviceState, Nanos, Sensor,
    finding::{Finding, HEARD_PIECE_MOST},
    trial::{Delivered, frame_time},
};

use crate::{acts::Acts, verdict::TrialEvidence};

/// Nanoseconds of a block of sound.
pub(crate) const BLOCK: u64 = 50_000_000;
/// Sound is placed to some 25 ms: what only touches a state by so little does not count there.
const EDGE: u64 = 100_000_000;
/// A row of pieces, each of which proves, has a whole one in any part of this length.
const WHOLE_PIECE: u64 = (2.0 * HEARD_PIECE_MOST * 1e9) as u64;

/// When something was taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Dated {
    /// Something of it was taken in each of these.
    pub sure: Vec<DeviceState>,
    /// Something of it may have been taken in these.
    pub maybe: Vec<DeviceState>,
}

type Span = (u64, u64);

/// Of a coded match. Nothing for others, nor for what the feed never gave.
pub(crate) fn of(t: &TrialEvidence<'_>, acts: &Acts, f: &Finding) -> Dated {
    let mut out = Dated::default();
    for stretch in stretches(f) {
        let mut touched: Vec<DeviceState> = Vec::new();
        let mut sure = false;
        for part in given(t, f, stretch.span) {
            let edge = if f.seconds.is_some() { EDGE } else { 0 };
            let short = (part.0.saturating_add(edge), part.1.saturating_sub(edge));
            // What is too short to have a middle has one all the same.
            let inner = if short.0 <= short.1 { short } else { (u64::midpoint(part.0, part.1), u64::midpoint(part.0, part.1)) };
            for (from, to, state) in acts.spans(t, part.2).into_iter().filter(|(from, to, _)| *from <= inner.1 && *to > inner.0) {
                touched.push(state);
                let own = (inner.0.max(from.saturating_add(edge)), inner.1.min(to.saturating_sub(edge)));
                if stretch.by_pieces && own.1.saturating_sub(own.0) >= WHOLE_PIECE {
                    out.sure.push(state);
                    sure = true;
                }
            }
        }
        touched.sort_unstable();
        touched.dedup();
        if let [one] = touched[..] {
            out.sure.push(one);
        } else {
            let known = |s: &DeviceState| sure && out.sure.contains(s);
            let others: Vec<DeviceState> = touched.iter().filter(|s| !known(s)).copied().collect();
            out.maybe.extend(others);
        }
    }
    out.sure.sort_unstable();
    out.sure.dedup();
    out.maybe.retain(|s| !out.sure.contains(s));
    out.maybe.sort_unstable();
    out.maybe.dedup();
    out
}

/// Whether the feed gave any of the frames or stretches that prove.
pub(crate) fn is_given(t: &TrialEvidence<'_>, f: &Finding) -> bool {
    stretches(f).iter().any(|s| !given(t, f, s.span).is_empty())
}

/// Whether it gave something of each of them.
pub(crate) fn all_given(t: &TrialEvidence<'_>, f: &Finding) -> bool {
    stretches(f).iter().all(|s| !given(t, f, s.span).is_empty())
}

/// Whether something of a match lies in what the feed gave then.
pub(crate) fn touches(f: &Finding, d: &Delivered) -> bool {
    let (first, last) = ends(d);
    may_show(f, d) && stretches(f).iter().any(|s| s.span.0 <= last && s.span.1 >= first)
}

/// Whether a match can be of what was given then, by the camera that it shows: each has a key of its own. Records without the
/// camera, and matches without it, leave it open.
fn may_show(f: &Finding, d: &Delivered) -> bool {
    f.facing.is_none() || d.facing.is_none() || f.facing == d.facing
}

/// A stretch that proves, in nanoseconds of the trial.
struct Stretch {
    span: Span,
    /// Not only as a whole, but each piece of it.
    by_pieces: bool,
}

fn stretches(f: &Finding) -> Vec<Stretch> {
    let nanos = |s: f64| (s.max(0.0) * 1e9) as u64;
    let whole = |span| vec![Stretch { span, by_pieces: false }];
    match (f.frames, f.seconds) {
        (Some(_), _) if !f.shown.is_empty() => {
            f.shown.iter().map(|n| Stretch { span: (frame_time(*n).get(), frame_time(*n).get()), by_pieces: false }).collect()
        }
        (Some([a, b]), _) => whole((frame_time(a).get(), frame_time(b).get())),
        (_, Some(_)) if !f.heard.is_empty() => {
            f.heard.iter().map(|[a, b]| Stretch { span: (nanos(*a), nanos(*b)), by_pieces: true }).collect()
        }
        (_, Some([a, b])) => whole((nanos(a), nanos(b))),
        _ => Vec::new(),
    }
}

fn ends(d: &Delivered) -> Span {
    match d.sensor {
        Sensor::Camera => (frame_time(d.first).get(), frame_time(d.last).get()),
        Sensor::Microphone => (d.first.saturating_mul(BLOCK), d.last.saturating_add(1).saturating_mul(BLOCK)),
    }
}

/// When a run began, and when the last of it did.
pub(crate) fn begins(d: &Delivered) -> (Nanos, Nanos) {
    let time = |n: u64| match d.sensor {
        Sensor::Camera => frame_time(n),
        Sensor::Microphone => Nanos::saturating(n.saturating_mul(BLOCK)),
    };
    (time(d.first), time(d.last))
}

/// The states in which something of a run was given.
pub(crate) fn states_of(t: &TrialEvidence<'_>, acts: &Acts, d: &Delivered) -> Vec<DeviceState> {
    let (from, to) = begins(d);
    acts.states(t, (d.sensor, d.session), from, to)
}

/// The sessions in which the feed gave what is in a match.
pub(crate) fn sessions(t: &TrialEvidence<'_>, f: &Finding) -> BTreeSet<(Sensor, u64)> {
    stretches(f).iter().flat_map(|s| given(t, f, s.span)).map(|(.., session)| session).collect()
}

/// The parts of a stretch that the feed gave, each with its session: between two visits it gave nothing. What shows a camera is of
/// that camera's runs, else of one of which it is not known which camera's it was.
fn given(t: &TrialEvidence<'_>, f: &Finding, span: Span) -> Vec<(u64, u64, (Sensor, u64))> {
    let sensor = if f.seconds.is_some() { Sensor::Microphone } else { Sensor::Camera };
    let part = |d: &Delivered| {
        let (first, last) = ends(d);
        let (from, to) = (span.0.max(first), span.1.min(last));
        (d.sensor == sensor && from <= to).then_some((from, to, (sensor, d.session)))
    };
    let of = |such: &dyn Fn(&Delivered) -> bool| t.record.delivered.iter().filter(|d| such(d)).filter_map(part).collect::<Vec<_>>();
    let own = of(&|d| d.facing.is_some() && d.facing == f.facing);
    if own.is_empty() { of(&|d| may_show(f, d)) } else { own }
}

#[cfg(test)]
mod tests {
    use stakeout_contract::{Answer, Kind, Rung, artifact::Role, observation::Facing};

    use super::*;
    use crate::samples::{Sample, silent};

    fn dated(s: &Sample) -> Dated {
        let t =
            TrialEvidence { record: &s.record, observations: &[], lines: &[], flows: &[], analysis: &s.analysis, tries: &[], trials: 1 };
        of(&t, &Acts::of(&t), &s.analysis.findings[0])
    }

    /// Sound of these seconds, all of which the feed gave; in the sample the screen goes off at 3660 s.
    fn sound(seconds: [f64; 2], heard: &[[f64; 2]]) -> Sample {
        let mut s = silent().found(Kind::Microphone, Role::AppFile, None, Some(0), 1e-30);
        s.record.delivered.push(Delivered {
            sensor: Sensor::Microphone,
            facing: None,
            session: 1,
            first: 0,
            last: 140_000,
            count: 140_001,
        });
        let f = &mut s.analysis.findings[0];
        (f.frames, f.seconds, f.heard) = (None, Some(seconds), heard.to_vec());
        s
    }

    #[test]
    fn a_sound_is_of_the_states_in_which_a_whole_piece_of_it_proves() {
        use DeviceState::{Background, ScreenOff};
        // Two seconds before the screen went off, then silence that the window has too.
        let d = dated(&sound([3658.0, 3662.0], &[[3658.0, 3659.9]]));
        assert_eq!((d.sure, d.maybe), (vec![Background], vec![]));
        let d = dated(&sound([3658.0, 3662.0], &[[3658.0, 3662.0]]));
        assert_eq!((d.sure, d.maybe), (vec![Background, ScreenOff], vec![]));
        // Less than a piece behind the edge: a tenth of a second is nothing, more may be something.
        let d = dated(&sound([3658.0, 3662.0], &[[3658.0, 3660.05]]));
        assert_eq!((d.sure, d.maybe), (vec![Background], vec![]));
        let d = dated(&sound([3658.0, 3662.0], &[[3658.0, 3660.4]]));
        assert_eq!((d.sure, d.maybe), (vec![Background], vec![ScreenOff]));
    }

    #[test]
    fn a_frame_of_a_camera_that_gave_nothing_then_was_not_given() {
        use Facing::{Back, Front};
        let given = |shows: Option<Facing>, gave: Option<Facing>| {
            let mut s = silent().gave(3000, 3000).found(Kind::Camera, Role::AppFile, None, Some(3000), 1e-30);
            s.analysis.findings[0].facing = shows;
            s.record.delivered[0].facing = gave;
            let r = s.decide();
            let v =
                r.verdicts.iter().find(|v| v.kind == Kind::Camera && v.rung == Rung::Stored && v.device_state == DeviceState::Background);
            (v.unwrap().verdict, v.unwrap().reasons.iter().any(|r| r.code == "not_delivered"))
        };
        for (shows, gave) in [(Some(Back), Some(Back)), (Some(Back), None), (None, Some(Front)), (None, None)] {
            assert_eq!(given(shows, gave), (Answer::Proven, false), "{shows:?} {gave:?}");
        }
        assert_eq!(given(Some(Front), Some(Back)), (Answer::Inconclusive, true));
    }

    #[test]
    fn a_sound_that_proves_only_as_a_whole_is_of_one_state_or_of_none_for_sure() {
        use DeviceState::{Background, ScreenOff};
        assert_eq!(dated(&sound([3650.0, 3654.0], &[])).sure, [Background]);
        let d = dated(&sound([3658.0, 3662.0], &[]));
        assert_eq!((d.sure, d.maybe), (vec![], vec![Background, ScreenOff]));
    }
}
