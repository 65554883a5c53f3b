//! Permissions, camera, microphone, personal data, network: what an app does and what must be told of it.

use std::ops::RangeInclusive;

use stakeout_contract::{
    Kind, Nanos, Rung, Sensor,
    observation::{Facing, Fact, Observation},
    trial::frame_at,
};

use crate::{
    app,
    check::{Passed, Trouble, Verdict, ensure, skipped, trouble},
    media::BLOCK_NANOS,
    session::{Session, Span, said},
};

/// What a device whose clock is real may err by, nanoseconds: it asks the guest now and then.
const SLACK: u64 = 2_000_000_000;
/// Seconds for an act to be told.
const MOST: u64 = 15;

/// What a request for a permission was answered.
pub(super) fn answered<'a>(told: &'a [Observation], permission: &str) -> Option<&'a str> {
    told.iter().find_map(|o| match &o.fact {
        Fact::PermissionRequested { permissions, answers } => {
            let at = permissions.iter().position(|p| p.rsplit('.').next() == Some(permission))?;
            answers.get(at).map(String::as_str)
        }
        _ => None,
    })
}

/// Asks by a button; what must be told is the answer.
pub(super) async fn ask(s: &mut Session, button: &'static str, permission: &'static str, answer: &str) -> Verdict {
    let told = s.act(button, MOST, |t| answered(t, permission).is_some()).await?;
    let came = answered(&told, permission);
    ensure(came == Some(answer), format!("`permission_requested` of {permission}, answered `{answer}`"), || said(&told))?;
    Ok(Passed::Yes)
}

pub(super) async fn ask_camera(s: &mut Session) -> Verdict {
    ask(s, "Ask for camera", "CAMERA", "granted").await
}

pub(super) async fn ask_microphone(s: &mut Session) -> Verdict {
    ask(s, "Ask for microphone", "RECORD_AUDIO", "granted").await
}

pub(super) async fn ask_contacts(s: &mut Session) -> Verdict {
    ask(s, "Ask for contacts", "READ_CONTACTS", "granted").await
}

pub(super) async fn ask_calls(s: &mut Session) -> Verdict {
    ask(s, "Ask for calls", "READ_CALL_LOG", "granted").await
}

fn closed(told: &[Observation], of: Sensor) -> Option<&Observation> {
    told.iter().find(|o| matches!(o.fact, Fact::Closed { sensor, .. } if sensor == of))
}

fn opened(told: &[Observation], of: Sensor) -> Option<&Observation> {
    told.iter().find(|o| matches!(o.fact, Fact::Opened { sensor, .. } if sensor == of))
}

fn delivered(told: &[Observation], of: Sensor) -> Vec<(u64, RangeInclusive<u64>, u64)> {
    let one = |o: &Observation| match o.fact {
        Fact::Delivered { sensor, session, first, last, count, .. } if sensor == of => Some((session, first..=last, count)),
        _ => None,
    };
    told.iter().filter_map(one).collect()
}

/// Opens a sensor by a button: all three facts come.
pub(super) async fn open(s: &mut Session, button: &'static str, of: Sensor) -> Result<(), Trouble> {
    let all = |t: &[Observation]| opened(t, of).is_some() && closed(t, of).is_some() && !delivered(t, of).is_empty();
    let told = s.act(button, MOST, all).await?;
    ensure(all(&told), format!("`opened`, `delivered` and `closed` of the {of:?}"), || said(&told))?;
    let session = |o: Option<&Observation>| match o.map(|o| &o.fact) {
        Some(Fact::Opened { session, .. } | Fact::Closed { session, .. }) => Some(*session),
        _ => None,
    };
    let ids = (session(opened(&told, of)), session(closed(&told, of)));
    let runs = delivered(&told, of);
    let one = ids.0 == ids.1 && runs.iter().all(|(id, ..)| Some(*id) == ids.0);
    ensure(one, "one session in all three facts", || said(&told))?;
    ensure(runs.iter().all(|(_, r, n)| r.start() <= r.end() && *n > 0), "frames in order, and their number", || said(&told))
}

pub(super) async fn camera(s: &mut Session) -> Verdict {
    open(s, "Camera", Sensor::Camera).await?;
    let back = |o: &Observation| matches!(o.fact, Fact::Opened { sensor: Sensor::Camera, facing: Some(Facing::Back), .. });
    ensure(s.since(0).iter().any(back), "the back camera", || said(s.since(0)))?;
    Ok(Passed::Yes)
}

pub(super) async fn microphone(s: &mut Session) -> Verdict {
    open(s, "Microphone", Sensor::Microphone).await?;
    Ok(Passed::Yes)
}

/// When an act was, with what the device may err by.
pub(super) fn span(s: &Session, button: &str) -> Result<Span, Trouble> {
    let slack = if s.real_clock() { SLACK } else { 0 };
    let span = s.acts.get(button).ok_or_else(|| trouble(format!("`{button}` to have been tapped"), "it was not"))?;
    Ok(Span { from: Nanos::saturating(span.from.get().saturating_sub(slack)), to: Nanos::saturating(span.to.get().saturating_add(slack)) })
}

/// Facts and runs lie in the time of the act; `number` dates a run.
fn dated(s: &Session, button: &str, of: Sensor, number: impl Fn(Nanos) -> u64) -> Verdict {
    let span = span(s, button)?;
    let told = s.since(0);
    let (Some(from), Some(to)) = (opened(told, of), closed(told, of)) else { return skipped("it was not told") };
    let within = span.from <= from.at && from.at <= to.at && to.at <= span.to;
    ensure(within, format!("`opened` and `closed` in order from {} to {}", span.from, span.to), || format!("{} and {}", from.at, to.at))?;
    let may = number(span.from)..=number(span.to);
    for (_, run, _) in delivered(told, of) {
        let fits = may.contains(run.start()) && may.contains(run.end());
        ensure(fits, format!("numbers within {may:?}"), || format!("{run:?}"))?;
    }
    Ok(Passed::Yes)
}

pub(super) fn camera_dates(s: &mut Session) -> Verdict {
    dated(s, "Camera", Sensor::Camera, frame_at)
}

pub(super) fn microphone_dates(s: &mut Session) -> Verdict {
    dated(s, "Microphone", Sensor::Microphone, |at| at.get() / BLOCK_NANOS)
}

/// A read is told, or the device has said that it keeps no books of this kind.
async fn read(s: &mut Session, button: &'static str, kind: Kind) -> Verdict {
    let is = |o: &Observation| matches!(o.fact, Fact::Read { data, .. } if data == kind);
    let unwatched = s.not_watched(kind, Rung::Read);
    let told = s.act(button, if unwatched { 3 } else { MOST }, |t| t.iter().any(is)).await?;
    if told.iter().any(is) {
        return Ok(Passed::Yes);
    }
    if s.not_watched(kind, Rung::Read) {
        return skipped(format!("the device says that it does not watch reads of `{kind}`"));
    }
    Err(trouble(format!("`read` of `{kind}`, or `not_watched` for it"), said(&told)))
}

pub(super) async fn contacts(s: &mut Session) -> Verdict {
    read(s, "Contacts", Kind::Contacts).await
}

pub(super) async fn calls(s: &mut Session) -> Verdict {
    read(s, "Calls", Kind::CallLog).await
}

pub(super) async fn fetch(s: &mut Session) -> Verdict {
    let is = |o: &Observation| matches!(&o.fact, Fact::Flow { host, status: 200, stub: true, .. } if host == app::HOST);
    let told = s.act("Fetch", MOST, |t| t.iter().any(is)).await?;
    ensure(told.iter().any(is), format!("a flow to `{}` that a stub answered", app::HOST), || said(&told))?;
    Ok(Passed::Yes)
}

/// What it found is in its files.
pub(super) async fn ports(s: &mut Session) -> Verdict {
    s.act("Ports", 5, |_| false).await?;
    Ok(Passed::Yes)
}
