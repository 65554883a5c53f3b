//! What acts of the owner began: a session of the camera or the microphone that is use, and not spying.
//!
//! The timeline calls the device `in_use` from an act until the scenario goes on, a second later. A recording goes on for
//! longer, a shutter may wait for three seconds, a preview may need as long to come. So a session that begins within a
//! [`WINDOW`] after an act is of that act, and what it takes while the app stays visible is in use, whatever the timeline says
//! of the device. It is that session alone: what else is open at the same time is dated by the timeline. When the app leaves
//! the screen, what goes on is of that state, as before, and is told as begun by an act.
//!
//! An act here is a tap, typing or a key, and one that took place. Opening the app asks for nothing but the app: a session
//! that follows is of that act only if its preview was on the screen, where the owner sees it.
//!
//! Whether the owner *meant* what a tap began, no record says. A visible preview, an end by another act not long after, an end
//! within the window say it well enough; else silence about the foreground is not possible ([`Acts::unclear`]).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use stakeout_contract::{
    DeviceKind, DeviceState, Kind, Nanos, Sensor,
    observation::{Fact, Observation, Source},
};

use crate::verdict::TrialEvidence;

/// After an act, until a session is no longer of it.
pub(crate) const WINDOW: Duration = Duration::from_secs(5);
/// More of it where the guest is real: its books know whole seconds, and come to our clock over adb.
const UNCERTAIN: Duration = Duration::from_secs(3);
/// By how much what a session gives may be dated outside of it: a frame or a block of sound; where the guest is real, a film that
/// was made before it was opened. What comes under its name at another time is not of it.
const OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(15));
/// So much of the foreground, in seconds, may lie between the acts that begin and end sessions of a sensor, all of them together,
/// for those to be the owner's: an app can begin with any touch and end with the next one, an hour later.
const BETWEEN_ACTS: f64 = 300.0;
/// Steps of the owner that ask for nothing, as the scenario's states name them: the app is opened, or left.
const LAUNCH: &str = "launchApp";
const LEAVE: &str = "pressKey home";

/// The device in one state, by the scenario's steps.
#[derive(Debug)]
struct Stretch {
    from: Nanos,
    to: Nanos,
    state: DeviceState,
    step: String,
    /// An act took place here that asks for something.
    asks: bool,
}

/// A session that an act began.
#[derive(Debug)]
struct Begun {
    /// Until then it is in use where the device was in the foreground.
    until: Nanos,
    from: Nanos,
    /// Its end, as the record has it; else that of the trial.
    ended: Nanos,
    /// Its preview was on the screen.
    shown: bool,
    /// The act.
    step: String,
}

/// What acts began in a trial.
#[derive(Debug)]
pub(crate) struct Acts {
    stretches: Vec<Stretch>,
    window: Duration,
    /// By how much what a session gives may be dated outside of it.
    off: Duration,
    /// Whether a service stands in the notifications, from each of these times on.
    services: Vec<(Nanos, bool)>,
    begun: BTreeMap<(Sensor, u64), Begun>,
}

/// What is known of a session.
#[derive(Default)]
struct Session {
    opened: Option<Nanos>,
    closed: Option<Nanos>,
    shown: Option<Nanos>,
    hidden: Option<Nanos>,
}

impl Acts {
    pub(crate) fn of(t: &TrialEvidence<'_>) -> Self {
        let real = t.record.device != DeviceKind::Jvm;
        let (window, off) = if real { (WINDOW + UNCERTAIN, OFF.1) } else { (WINDOW, OFF.0) };
        let (stretches, services) = (stretches(t), services(t.observations));
        let mut acts = Self { stretches, window, off, services, begun: BTreeMap::new() };
        for ((sensor, session), s) in sessions(t.observations) {
            if let Some(b) = acts.begun_by(t, &s) {
                acts.begun.insert((sensor, session), b);
            }
        }
        acts
    }

    /// The latest such act after which a moment comes, within the window and with the app on the screen since; and when the
    /// app leaves the screen.
    fn act_before(&self, at: Nanos, such: impl Fn(&Stretch) -> bool) -> Option<(&Stretch, Nanos)> {
        let visible = |s: &&Stretch| matches!(s.state, DeviceState::InUse | DeviceState::Foreground);
        let upto = self.stretches.partition_point(|s| s.from <= at);
        let act = self.stretches[..upto].iter().rev().take_while(visible).find(|s| such(s))?;
        let left = self.stretches[upto.saturating_sub(1)..].iter().take_while(visible).last()?.to;
        self.within(act, at).then_some((act, left))
    }

    fn within(&self, act: &Stretch, at: Nanos) -> bool {
        at < act.to.plus(self.window)
    }

    fn begun_by(&self, t: &TrialEvidence<'_>, s: &Session) -> Option<Begun> {
        let from = s.opened?;
        let ended = s.closed.unwrap_or_else(|| t.record.length());
        let seen = |act: &Stretch| s.shown.is_some_and(|at| self.within(act, at));
        let asked = self.act_before(from, |act| act.asks);
        let Some((act, left)) = asked.or_else(|| self.act_before(from, |act| act.step == LAUNCH && seen(act))) else {
            return self.begun_by_service(from, ended);
        };
        let shown = seen(act);
        // A preview that was taken from the owner's sight is no longer what they began.
        let until = s.hidden.filter(|_| shown).unwrap_or(left).min(left).min(ended.plus(self.off));
        Some(Begun { until, from, ended, shown, step: act.step.clone() })
    }

    /// An app whose service stands in the notifications may begin what was asked for when its window is gone: that is told,
    /// and is not in use.
    fn begun_by_service(&self, from: Nanos, ended: Nanos) -> Option<Begun> {
        let act = self.stretches.iter().rev().find(|s| s.asks && s.from <= from && self.within(s, from))?;
        let upto = self.services.partition_point(|(at, _)| *at <= from);
        let stands = self.services.get(upto.checked_sub(1)?)?.1;
        stands.then(|| Begun { until: from, from, ended, shown: false, step: act.step.clone() })
    }

    /// The device's state for what a session takes at a time, where the timeline has `state`.
    pub(crate) fn state(&self, state: DeviceState, sensor: Sensor, session: u64, at: Nanos) -> DeviceState {
        let mine = |b: &Begun| state == DeviceState::Foreground && b.from <= at.plus(self.off) && at < b.until;
        if self.begun.get(&(sensor, session)).is_some_and(mine) { DeviceState::InUse } else { state }
    }

    /// The timeline as it is for a session, in nanoseconds.
    pub(crate) fn spans(&self, t: &TrialEvidence<'_>, (sensor, session): (Sensor, u64)) -> Vec<(u64, u64, DeviceState)> {
        let begun = self.begun.get(&(sensor, session));
        // Where what an act began is in use from, and until when.
        let cuts = begun.map_or_else(Vec::new, |b| vec![b.from.get().saturating_sub(self.off.as_nanos() as u64), b.until.get()]);
        let mut out: Vec<(u64, u64, DeviceState)> = Vec::new();
        for s in &t.record.timeline {
            let (from, to) = (s.from.get(), s.to.get());
            let mut edges: Vec<u64> = cuts.iter().copied().filter(|at| from < *at && *at < to).collect();
            edges.extend([from, to]);
            edges.sort_unstable();
            for part in edges.windows(2) {
                let state = self.state(s.state, sensor, session, Nanos::saturating(part[0]));
                match out.last_mut() {
                    Some(last) if last.2 == state && last.1 == part[0] => last.1 = part[1],
                    _ => out.push((part[0], part[1], state)),
                }
            }
        }
        out
    }

    /// The states in which a stretch of a session lies.
    pub(crate) fn states(&self, t: &TrialEvidence<'_>, (sensor, session): (Sensor, u64), from: Nanos, to: Nanos) -> Vec<DeviceState> {
        let mut out = Vec::new();
        for s in t.record.timeline.iter().filter(|s| s.from <= to && s.to > from) {
            let last = Nanos::saturating(s.to.min(to.plus(Duration::from_nanos(1))).get().saturating_sub(1));
            let edges = [from.max(s.from), last].map(|at| self.state(s.state, sensor, session, at));
            out.extend(edges);
        }
        out.sort_unstable();
        out.dedup();
        out
    }

    /// What is said of a session that an act began, else nothing.
    pub(crate) fn said(&self, sensor: Sensor, session: u64) -> String {
        self.begun.get(&(sensor, session)).map_or_else(String::new, |b| {
            let step: String = b.step.chars().take(60).collect();
            format!(", begun by an act of the owner (`{step}`)")
        })
    }

    /// Whether an act began it.
    pub(crate) fn began(&self, sensor: Sensor, session: u64) -> bool {
        self.begun.contains_key(&(sensor, session))
    }

    /// Whether all of these sessions are of acts of an owner who sees their previews, from a moment of this state to another one.
    pub(crate) fn sees(&self, state: DeviceState, given: &BTreeSet<(Sensor, u64)>, from: Nanos, to: Nanos) -> bool {
        let seen = |s: &(Sensor, u64)| self.begun.get(s).is_some_and(|b| b.shown && b.from <= from && to <= b.until);
        state == DeviceState::Foreground && !given.is_empty() && given.iter().all(seen)
    }

    /// The device's state when something was sent, where the timeline has `state`: what follows a tap is sent in use.
    pub(crate) fn sent(&self, state: DeviceState, at: Nanos) -> DeviceState {
        let asked = state == DeviceState::Foreground && self.act_before(at, |act| act.asks).is_some();
        if asked { DeviceState::InUse } else { state }
    }

    /// Sessions of which no record says whether the owner meant them: invisible, longer than the window, and ended by no act, or by
    /// acts that lie far from those that began them.
    pub(crate) fn unclear(&self, t: &TrialEvidence<'_>) -> Vec<(Kind, String)> {
        let unseen = self.begun.iter().filter(|(_, b)| !b.shown).map(|(key, b)| (key, b, Self::kept_on(t, b)));
        let unseen: Vec<_> = unseen.filter(|(.., kept_on)| *kept_on > 0.0).collect();
        let by_act = |b: &Begun| self.act_before(b.ended, |act| act.asks).is_some();
        let mut between: BTreeMap<Sensor, f64> = BTreeMap::new();
        for ((sensor, _), _, kept_on) in unseen.iter().filter(|(_, b, _)| by_act(b)) {
            *between.entry(*sensor).or_default() += kept_on;
        }
        let mut out = Vec::new();
        for ((sensor, session), b, kept_on) in unseen {
            let ended = by_act(b);
            if ended && between.get(sensor).is_none_or(|all| *all <= BETWEEN_ACTS) {
                continue;
            }
            let until = if ended { " until the owner touched the app again" } else { "" };
            let text = format!(
                "session {session} of the {sensor}{}, was open for {kept_on:.0} s of `foreground`{until}, and whether its owner meant that, no record says",
                self.said(*sensor, *session)
            );
            out.push((Kind::from(*sensor), text));
        }
        out
    }

    /// Seconds of the foreground in which a session is called in use.
    fn kept_on(t: &TrialEvidence<'_>, b: &Begun) -> f64 {
        let foreground = t.record.timeline.iter().filter(|s| s.state == DeviceState::Foreground);
        foreground.map(|s| s.to.min(b.ended).min(b.until).since(s.from.max(b.from)).as_secs_f64()).sum()
    }
}

/// The scenario's states with their steps. A record without them has the timeline alone, in which no act is known.
fn stretches(t: &TrialEvidence<'_>) -> Vec<Stretch> {
    let mut out: Vec<Stretch> = Vec::new();
    let end = t.record.length();
    for o in t.observations.iter().filter(|o| o.source == Source::Worker) {
        match &o.fact {
            Fact::State { state, step } => {
                if let Some(before) = out.last_mut() {
                    before.to = o.at;
                }
                out.push(Stretch { from: o.at, to: end.max(o.at), state: *state, step: step.clone(), asks: false });
            }
            // What was to be tapped and was not there began nothing.
            Fact::Step { step, outcome, .. } => {
                if let Some(last) = out.last_mut().filter(|l| l.state == DeviceState::InUse && l.step == *step) {
                    last.asks = outcome == "ok" && step != LAUNCH && step != LEAVE;
                }
            }
            _ => {}
        }
    }
    out
}

fn services(all: &[Observation]) -> Vec<(Nanos, bool)> {
    let mut shown = BTreeSet::new();
    let mut out = Vec::new();
    for o in all {
        let Fact::Service { name, change, .. } = &o.fact else { continue };
        let changed = match change.as_str() {
            "foreground" => shown.insert(name),
            "stopped" => shown.remove(name),
            _ => false,
        };
        if !changed {
            continue;
        }
        out.push((o.at, !shown.is_empty()));
    }
    out.sort_by_key(|(at, _)| *at);
    out
}

fn sessions(all: &[Observation]) -> BTreeMap<(Sensor, u64), Session> {
    let mut out: BTreeMap<(Sensor, u64), Session> = BTreeMap::new();
    let first = |held: &mut Option<Nanos>, at: Nanos| *held = Some(held.map_or(at, |h| h.min(at)));
    for o in all {
        match &o.fact {
            Fact::Opened { sensor, session, preview_visible, .. } => {
                let s = out.entry((*sensor, *session)).or_default();
                first(&mut s.opened, o.at);
                if *preview_visible && *sensor == Sensor::Camera {
                    first(&mut s.shown, o.at);
                }
            }
            Fact::Closed { sensor, session } => first(&mut out.entry((*sensor, *session)).or_default().closed, o.at),
            Fact::Preview { session, visible } => {
                let s = out.entry((Sensor::Camera, *session)).or_default();
                if *visible {
                    first(&mut s.shown, o.at);
                } else if s.shown.is_some() {
                    first(&mut s.hidden, o.at);
                }
            }
            _ => {}
        }
    }
    out
}
