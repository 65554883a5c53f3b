//! What is denied is refused, and told; an app that crashes is no failure of the device; limits of a snapshot hold.

use std::time::Duration;

use stakeout_agent::talk::AskError;
use stakeout_contract::{
    Kind, Sensor,
    observation::{Fact, Observation},
    scenario::PermissionPolicy,
};
use stakeout_protocol::device::{Input, Verb};

use super::{common, sensors};
use crate::{
    check::{Check, Passed, Scene, Verdict, check, ensure, setup, trouble},
    session::{Session, said},
};

/// Seconds for a refusal to be told.
const MOST: u64 = 10;

pub(super) fn scene() -> Scene {
    let mut checks: Vec<Check> = vec![
        setup("hello", "the device says who it is", |s| Box::pin(common::hello(s))),
        setup("boot", "it boots the level that was asked for", |s| Box::pin(common::boot(s))),
        setup("assign", "it becomes the trial of a policy that denies", |s| Box::pin(assign(s))),
        setup("install", "the app is installed with what an earlier install prepared, if that gave any", |s| Box::pin(install(s))),
        setup("launch", "the app's activity is opened", |s| Box::pin(common::launch(s))),
    ];
    checks.extend([
        check("ask_denied", "a request is denied under `deny`, and told", |s| Box::pin(ask_denied(s))),
        check("camera_refused", "a camera that is denied is refused, and told", |s| Box::pin(camera(s))),
        check("microphone_refused", "so is a microphone", |s| Box::pin(microphone(s))),
        check("contacts_refused", "so are contacts", |s| Box::pin(contacts(s))),
        check("policy_changed", "`permission` changes how requests are answered", |s| Box::pin(changed(s))),
        check("deny_list", "what its list denies stays denied", |s| Box::pin(listed(s))),
        check("camera_now", "what is granted now works", |s| Box::pin(camera_now(s))),
        check("crash", "that the app crashes is told", |s| Box::pin(crash(s))),
        check("crash_over", "after it the device lives, and the app can be opened again", |s| Box::pin(crash_over(s))),
        check("max_files", "a snapshot has no more files than asked for, and says what is lost", |s| Box::pin(max_files(s))),
        check("max_bytes", "nor more bytes", |s| Box::pin(max_bytes(s))),
        check("stop_twice", "`stop` is answered, a second one is an end or `bad_request`", |s| Box::pin(super::order::stop_twice(s))),
    ]);
    Scene { name: "refusals", checks }
}

async fn assign(s: &mut Session) -> Verdict {
    s.policy = PermissionPolicy::Deny;
    common::assign(s).await
}

/// The same app as in the scenes before, on the same image.
async fn install(s: &mut Session) -> Verdict {
    let had = s.prepared.is_some();
    s.use_prepared = true;
    let installed = s.install(false).await?;
    ensure(!had || installed.prepared.is_none(), "no work done twice", || format!("{installed:?}"))?;
    Ok(Passed::Yes)
}

async fn ask_denied(s: &mut Session) -> Verdict {
    sensors::ask(s, "Ask for camera", "CAMERA", "denied").await
}

/// Whether the device is outside of the app's process: then it knows that something was refused, and not for want of what.
fn only_told(s: &Session) -> bool {
    !s.hello.cooperative
}

/// An act by a button is refused, and nothing was opened, delivered or read.
async fn refused(s: &mut Session, button: &'static str, is: impl Fn(&Fact) -> bool, never: impl Fn(&Fact) -> bool) -> Verdict {
    let told = s.act(button, MOST, |t| t.iter().any(|o| is(&o.fact))).await?;
    ensure(told.iter().any(|o| is(&o.fact)), format!("`refused` after `{button}`, for want of the permission"), || said(&told))?;
    ensure(!told.iter().any(|o| never(&o.fact)), "nothing opened, delivered or read", || said(&told))?;
    Ok(Passed::Yes)
}

fn given(f: &Fact, of: Sensor) -> bool {
    matches!(f, Fact::Opened { sensor, .. } | Fact::Delivered { sensor, .. } if *sensor == of)
}

async fn camera(s: &mut Session) -> Verdict {
    let told = only_told(s);
    let is = |f: &Fact| matches!(f, Fact::Refused { sensor: Some(Sensor::Camera), reason, .. } if told || reason == "permission");
    refused(s, "Camera", is, |f| given(f, Sensor::Camera)).await
}

async fn microphone(s: &mut Session) -> Verdict {
    let told = only_told(s);
    let is = |f: &Fact| matches!(f, Fact::Refused { sensor: Some(Sensor::Microphone), reason, .. } if told || reason == "permission");
    refused(s, "Microphone", is, |f| given(f, Sensor::Microphone)).await
}

async fn contacts(s: &mut Session) -> Verdict {
    let told = only_told(s);
    let is = |f: &Fact| matches!(f, Fact::Refused { data: Some(Kind::Contacts), reason, .. } if told || reason == "permission");
    refused(s, "Contacts", is, |f| matches!(f, Fact::Read { data: Kind::Contacts, .. })).await
}

async fn changed(s: &mut Session) -> Verdict {
    s.done(Verb::Permission { policy: PermissionPolicy::GrantOnRequest, deny: vec!["RECORD_AUDIO".to_owned()] }).await?;
    sensors::ask(s, "Ask for camera", "CAMERA", "granted").await
}

async fn listed(s: &mut Session) -> Verdict {
    sensors::ask(s, "Ask for microphone", "RECORD_AUDIO", "denied").await
}

async fn camera_now(s: &mut Session) -> Verdict {
    sensors::open(s, "Camera", Sensor::Camera).await?;
    Ok(Passed::Yes)
}

async fn crash(s: &mut Session) -> Verdict {
    let told = s.told();
    match s.input(Input::Tap { text: Some("Crash".to_owned()), view_id: None, point: None }).await {
        Ok(found) => ensure(found.found, "the button `Crash`", || format!("{found:?}"))?,
        Err(AskError::Problem(p)) => ensure(p.code == "app_crashed", "a tap, or `app_crashed`", || p.to_string())?,
        Err(e) => return Err(e.into()),
    }
    let is = |t: &[Observation]| t.iter().any(|o| matches!(&o.fact, Fact::Crashed { message, .. } if message.contains("IllegalState")));
    ensure(s.until(told, MOST, is).await?, "`crashed` with the exception's name", || said(s.since(told)))?;
    Ok(Passed::Yes)
}

async fn crash_over(s: &mut Session) -> Verdict {
    s.lives().await?;
    s.advance(Duration::from_secs(1)).await?;
    common::launch(s).await?;
    s.act("Write", 2, |_| false).await?;
    Ok(Passed::Yes)
}

async fn max_files(s: &mut Session) -> Verdict {
    s.take_files(Some((1 << 20, 1))).await?;
    let a = s.snapshot.clone().ok_or_else(|| trouble("an answer", "none"))?;
    let good = a.files == 1 && s.files.len() == 1 && a.lost_files > 0;
    ensure(good, "one file, and others lost", || format!("{a:?}; {}", s.files.names()))?;
    Ok(Passed::Yes)
}

async fn max_bytes(s: &mut Session) -> Verdict {
    s.take_files(Some((3, 1000))).await?;
    let a = s.snapshot.clone().ok_or_else(|| trouble("an answer", "none"))?;
    let good = a.files == s.files.len() as u64 && a.lost_files > 0 && a.lost_bytes > 3 && s.files.bytes() <= 3;
    ensure(good, "no more than three bytes, and others lost", || format!("{a:?}; {}", s.files.names()))?;
    Ok(Passed::Yes)
}
