//! The phone's states, and what a device must tell of them.
//!
//! A cooperative device sees the app's own life and tells it as it happens; another need not. What the app itself saw is in its
//! files, which are looked at when the trial has ended.

use std::time::Duration;

use stakeout_agent::talk::AskError;
use stakeout_contract::{
    observation::{Fact, Observation},
    scenario::StandbyBucket,
};
use stakeout_protocol::device::{Input, Verb};

use super::common;
use crate::{
    app,
    check::{Passed, Verdict, ensure},
    session::{Session, said},
};

/// Seconds for a change to be told.
const MOST: u64 = 10;
/// Seconds beyond its time in which an alarm must have come: Android may batch it.
const LATE: u64 = 25;

/// Waits for a fact that a cooperative device must tell.
async fn told_where_cooperative(s: &mut Session, told: usize, what: &str, is: impl Fn(&Fact) -> bool) -> Verdict {
    let any = |t: &[Observation]| t.iter().any(|o| is(&o.fact));
    let came = s.until(told, if s.hello.cooperative { MOST } else { 2 }, any).await?;
    ensure(came || !s.hello.cooperative, format!("{what}, of a cooperative device"), || said(s.since(told)))?;
    Ok(Passed::Yes)
}

fn activity(f: &Fact, wanted: &str) -> bool {
    matches!(f, Fact::Activity { name, change } if name.ends_with("MainActivity") && change == wanted)
}

async fn changed(s: &mut Session, verb: Verb, change: &'static str) -> Verdict {
    let told = s.told();
    s.done(verb).await?;
    told_where_cooperative(s, told, &format!("`activity` `{change}`"), |f| activity(f, change)).await
}

pub(super) async fn alarm(s: &mut Session) -> Verdict {
    s.act("Alarm", 1, |_| false).await?;
    Ok(Passed::Yes)
}

async fn key(s: &mut Session, key: &str) -> Verdict {
    let found = s.input(Input::Key { key: key.to_owned() }).await?;
    ensure(found.found, format!("the key `{key}` pressed"), || format!("{found:?}"))?;
    Ok(Passed::Yes)
}

pub(super) async fn home(s: &mut Session) -> Verdict {
    let told = s.told();
    key(s, "home").await?;
    told_where_cooperative(s, told, "`activity` `stopped`", |f| activity(f, "stopped")).await
}

pub(super) async fn foreground(s: &mut Session) -> Verdict {
    changed(s, Verb::Foreground, "resumed").await
}

pub(super) async fn background(s: &mut Session) -> Verdict {
    changed(s, Verb::Background, "stopped").await
}

pub(super) async fn keys(s: &mut Session) -> Verdict {
    for k in ["camera", "enter", "back"] {
        key(s, k).await?;
        s.advance(Duration::from_secs(1)).await?;
    }
    Ok(Passed::Yes)
}

pub(super) async fn screen(s: &mut Session) -> Verdict {
    changed(s, Verb::Screen { on: false }, "stopped").await?;
    changed(s, Verb::Screen { on: true }, "resumed").await
}

pub(super) async fn doze(s: &mut Session) -> Verdict {
    s.done(Verb::Screen { on: false }).await?;
    s.done(Verb::Doze { on: true }).await?;
    let before = s.now().await?;
    let after = s.advance(Duration::from_secs(2)).await?;
    ensure(after >= before.plus(Duration::from_secs(2)), "time to pass in doze", || format!("{before} to {after}"))?;
    s.done(Verb::Doze { on: false }).await?;
    s.done(Verb::Screen { on: true }).await?;
    s.advance(Duration::from_secs(1)).await?;
    Ok(Passed::Yes)
}

pub(super) async fn bucket(s: &mut Session) -> Verdict {
    match s.done(Verb::StandbyBucket { bucket: StandbyBucket::Rare }).await {
        // As it was: what follows is not to be delayed.
        Ok(()) => s.done(Verb::StandbyBucket { bucket: StandbyBucket::Active }).await?,
        Err(AskError::Problem(p)) if p.code == "unsupported" => return crate::check::skipped(p.message),
        Err(e) => return Err(e.into()),
    }
    Ok(Passed::Yes)
}

pub(super) async fn alarm_rings(s: &mut Session) -> Verdict {
    let Some(set) = s.acts.get("Alarm").copied() else { return crate::check::skipped("it was not set") };
    let due = set.from.plus(Duration::from_secs(app::ALARM + LATE));
    let rang = |t: &[Observation]| t.iter().any(|o| matches!(o.fact, Fact::Alarm { .. }));
    while s.now().await? < due && !rang(s.since(0)) {
        s.advance(Duration::from_secs(1)).await?;
    }
    ensure(rang(s.since(0)) || !s.hello.cooperative, "`alarm`, of a cooperative device", || said(s.since(0)))?;
    Ok(Passed::Yes)
}

pub(super) async fn reboot(s: &mut Session) -> Verdict {
    let before = s.now().await?;
    let told = s.told();
    s.done(Verb::Reboot).await?;
    let is = |f: &Fact| matches!(f, Fact::Broadcast { what } if what.contains("BOOT_COMPLETED"));
    told_where_cooperative(s, told, "`broadcast` of BOOT_COMPLETED", is).await?;
    let after = s.now().await?;
    ensure(after >= before, "a clock that does not go back", || format!("{before} to {after}"))?;
    Ok(Passed::Yes)
}

pub(super) async fn launch_again(s: &mut Session) -> Verdict {
    common::launch(s).await
}
