//! In which order verbs make sense, and that a device lives on where a worker errs.

use std::time::Duration;

use stakeout_agent::talk::{AskError, Side};
use stakeout_contract::{
    Nanos, Sha256Digest,
    canary::PlantData,
    scenario::{PermissionPolicy, StandbyBucket},
};
use stakeout_protocol::device::{BlobRef, Input, Shot, Verb};

use super::common;
use crate::{
    app,
    check::{Passed, Scene, Trouble, Verdict, at_once, check, ensure, setup, trouble},
    session::Session,
};

/// Codes that say that an APK is no good.
const NO_APP: [&str; 6] = ["bad_apk", "bad_request", "failed", "bad_dex", "no_code", "unsupported"];

pub(super) fn scene() -> Scene {
    Scene {
        name: "order",
        checks: vec![
            setup("hello", "the device says who it is", |s| Box::pin(common::hello(s))),
            check("hello_form", "what it says of itself has the form of the protocol", |s| at_once(hello_form(s))),
            check("before_boot", "every verb before `boot` is `bad_request`, and the device lives on", |s| Box::pin(before_boot(s))),
            check("unknown_api", "a level that it has not is `unsupported`", |s| Box::pin(unknown_api(s))),
            setup("boot", "it boots the level that was asked for", |s| Box::pin(common::boot(s))),
            check("boot_twice", "a second `boot` is `bad_request`", |s| Box::pin(boot_twice(s))),
            check("before_assign", "every verb of a trial before `assign` is `bad_request`", |s| Box::pin(before_assign(s))),
            check("bad_keys", "keys that are none are `bad_request`, and no message repeats them", |s| Box::pin(bad_keys(s))),
            setup("assign", "it becomes a trial's", |s| Box::pin(common::assign(s))),
            check("assign_twice", "a second `assign` is `bad_request`", |s| Box::pin(assign_twice(s))),
            check("before_install", "every verb of an app before `install` is `bad_request`", |s| Box::pin(before_install(s))),
            check("permission_without_app", "how requests are answered can be set without an app", |s| Box::pin(permission_without_app(s))),
            check("clock_without_app", "the clock moves without an app", |s| Box::pin(clock_without_app(s))),
            check("screen_without_app", "the screen goes off and on without an app", |s| Box::pin(screen_without_app(s))),
            check("doze_without_app", "deep idle begins and ends without an app", |s| Box::pin(doze_without_app(s))),
            check("picture_without_app", "a picture of the screen without an app is one, or `unsupported`", |s| {
                Box::pin(picture_without_app(s))
            }),
            check("plant", "planted data is counted by kind, and what cannot be planted is said", |s| Box::pin(common::plant(s))),
            check("install_no_apk", "bytes that are no APK are refused", |s| Box::pin(no_apk(s))),
            check("install_truncated", "half an APK is refused", |s| Box::pin(truncated(s))),
            check("install_wrong_digest", "a blob with another digest is `bad_request`", |s| Box::pin(wrong_digest(s))),
            check("install_no_blob", "a blob that did not come is `bad_request`", |s| Box::pin(no_blob(s))),
            check("install_unfinished", "a blob that did not end is `bad_request`", |s| Box::pin(unfinished(s))),
            setup("install", "after all that the app is installed", |s| Box::pin(common::install(s))),
            check("install_facts", "what `install` says of the app is what its manifest says", |s| at_once(facts(s))),
            check("install_twice", "a second `install` is `bad_request`", |s| Box::pin(install_twice(s))),
            setup("snapshot", "files can be taken of an app that never ran", |s| Box::pin(snapshot(s))),
            check("after_snapshot", "every verb but `hello`, `snapshot_files` and `stop` is then `bad_request`", |s| Box::pin(after(s))),
            check("snapshot_twice", "files can be taken again", |s| Box::pin(snapshot(s))),
            check("stop_twice", "`stop` is answered, a second one is an end or `bad_request`", |s| Box::pin(stop_twice(s))),
        ],
    }
}

/// Verbs of the stages, each once, in a form that would be right at its time.
fn of_app() -> Vec<Verb> {
    vec![
        Verb::Launch,
        Verb::Input(Input::Key { key: "back".to_owned() }),
        Verb::Background,
        Verb::Foreground,
        Verb::Reboot,
        Verb::StandbyBucket { bucket: StandbyBucket::Rare },
        Verb::SnapshotFiles { max_bytes: 1000, max_files: 10 },
    ]
}

fn of_state() -> Vec<Verb> {
    vec![
        Verb::Screen { on: false },
        Verb::Doze { on: true },
        Verb::Permission { policy: PermissionPolicy::Deny, deny: Vec::new() },
        Verb::Advance { nanos: Nanos::from_secs(1) },
        Verb::Screenshot,
    ]
}

fn of_trial() -> Vec<Verb> {
    let apk = BlobRef { blob: 1, size: 1, sha256: Sha256Digest::of(b"x") };
    vec![Verb::Plant { data: PlantData::default() }, Verb::Install { apk, splits: Vec::new(), prepared: None }]
}

async fn all_refused(s: &mut Session, verbs: Vec<Verb>) -> Verdict {
    for verb in verbs {
        s.refused(verb, &["bad_request"]).await?;
    }
    s.lives().await?;
    Ok(Passed::Yes)
}

fn hello_form(s: &mut Session) -> Verdict {
    if let Some(why) = common::form(&s.hello, s.plan.api, s.plan.device) {
        return Err(trouble("the form of the protocol", format!("{why}: {:?}", s.hello)));
    }
    Ok(Passed::Yes)
}

async fn before_boot(s: &mut Session) -> Verdict {
    let (assign, _) = s.assignment()?;
    all_refused(s, [vec![assign], of_trial(), of_state(), of_app()].concat()).await
}

async fn unknown_api(s: &mut Session) -> Verdict {
    for api in [0, 9, u32::MAX] {
        s.refused(Verb::Boot { api, locale: "zh-CN".to_owned() }, &["unsupported"]).await?;
    }
    s.lives().await?;
    Ok(Passed::Yes)
}

async fn boot_twice(s: &mut Session) -> Verdict {
    let api = s.plan.api;
    all_refused(s, vec![Verb::Boot { api, locale: "zh-CN".to_owned() }]).await
}

async fn before_assign(s: &mut Session) -> Verdict {
    all_refused(s, [of_trial(), of_state(), of_app()].concat()).await
}

async fn bad_keys(s: &mut Session) -> Verdict {
    let (Verb::Assign(mut a), _) = s.assignment()? else { return Err(trouble("an assignment", "another verb")) };
    let near = format!("{}x", &a.keys.microphone[..63]);
    a.keys.microphone.clone_from(&near);
    let p = s.refused(Verb::Assign(a), &["bad_request"]).await?;
    ensure(!p.message.contains(&near[..16]), "a message without the key", || p.message)?;
    s.lives().await?;
    Ok(Passed::Yes)
}

async fn assign_twice(s: &mut Session) -> Verdict {
    let (assign, _) = s.assignment()?;
    let api = s.plan.api;
    all_refused(s, vec![assign, Verb::Boot { api, locale: "zh-CN".to_owned() }]).await
}

async fn before_install(s: &mut Session) -> Verdict {
    all_refused(s, of_app()).await
}

async fn permission_without_app(s: &mut Session) -> Verdict {
    for policy in [PermissionPolicy::Deny, PermissionPolicy::GrantOnRequest] {
        s.done(Verb::Permission { policy, deny: Vec::new() }).await?;
    }
    Ok(Passed::Yes)
}

async fn clock_without_app(s: &mut Session) -> Verdict {
    let from = s.now().await?;
    // An hour costs a virtual clock nothing.
    let time = Duration::from_secs(if s.real_clock() { 1 } else { 3600 });
    let to = s.advance(time).await?;
    ensure(to >= from.plus(time), format!("a clock of at least {}", from.plus(time)), || to.to_string())?;
    Ok(Passed::Yes)
}

async fn screen_without_app(s: &mut Session) -> Verdict {
    for on in [false, true] {
        s.done(Verb::Screen { on }).await?;
    }
    Ok(Passed::Yes)
}

async fn doze_without_app(s: &mut Session) -> Verdict {
    for on in [true, false] {
        s.done(Verb::Doze { on }).await?;
    }
    Ok(Passed::Yes)
}

async fn picture_without_app(s: &mut Session) -> Verdict {
    match s.ask::<Shot>(Verb::Screenshot).await {
        Ok(shot) => drop(s.talk.take(Side::Device, &shot.blob)?),
        Err(AskError::Problem(p)) => ensure(p.code == "unsupported", "a picture or `unsupported`", || p.to_string())?,
        Err(e) => return Err(e.into()),
    }
    Ok(Passed::Yes)
}

/// It is refused, and the device is as it was.
async fn refused_install(s: &mut Session, apk: BlobRef, codes: &[&str]) -> Verdict {
    s.refused(Verb::Install { apk, splits: Vec::new(), prepared: None }, codes).await?;
    s.refused(Verb::Launch, &["bad_request"]).await?;
    s.lives().await?;
    Ok(Passed::Yes)
}

async fn no_apk(s: &mut Session) -> Verdict {
    let apk = s.send(b"this is no APK").await?;
    refused_install(s, apk, &NO_APP).await
}

async fn truncated(s: &mut Session) -> Verdict {
    let all = app(s)?;
    let apk = s.send(&all[..all.len() / 2]).await?;
    refused_install(s, apk, &NO_APP).await
}

async fn wrong_digest(s: &mut Session) -> Verdict {
    let all = app(s)?;
    let sent = s.send(&all).await?;
    refused_install(s, BlobRef { sha256: Sha256Digest::of(b"other bytes"), ..sent }, &["bad_request"]).await
}

async fn no_blob(s: &mut Session) -> Verdict {
    let apk = BlobRef { blob: (1 << 50) + 7, size: 3, sha256: Sha256Digest::of(b"abc") };
    refused_install(s, apk, &["bad_request"]).await
}

async fn unfinished(s: &mut Session) -> Verdict {
    let all = app(s)?;
    let apk = s.begin_blob(&all).await?;
    refused_install(s, apk, &["bad_request"]).await
}

fn app(s: &Session) -> Result<Vec<u8>, Trouble> {
    Ok(std::fs::read(&s.plan.app)?)
}

fn facts(s: &mut Session) -> Verdict {
    let i = s.installed.clone().ok_or_else(|| trouble("an app that is installed", "none"))?;
    let said = (i.package.as_str(), i.version_name.as_str(), i.version_code, i.target_sdk, i.label.as_str());
    // The package manager, which a device outside of the app's process asks, tells no names for people.
    let label = if s.hello.cooperative { app::LABEL } else { app::PACKAGE };
    let wanted = (app::PACKAGE, app::VERSION.0, app::VERSION.1, app::TARGET, label);
    ensure(said == wanted, format!("{wanted:?}"), || format!("{said:?}"))?;
    let has = |name: &str| i.permissions.iter().any(|p| *p == format!("android.permission.{name}"));
    let missing: Vec<_> = app::ASKED.into_iter().chain(["INTERNET"]).filter(|n| !has(n)).collect();
    ensure(missing.is_empty(), format!("the permissions {missing:?}"), || format!("{:?}", i.permissions))?;
    ensure(i.prepare_seconds.is_finite() && i.prepare_seconds >= 0.0, "seconds of preparing", || i.prepare_seconds.to_string())?;
    Ok(Passed::Yes)
}

async fn install_twice(s: &mut Session) -> Verdict {
    all_refused(s, of_trial()).await
}

async fn snapshot(s: &mut Session) -> Verdict {
    s.take_files(None).await?;
    Ok(Passed::Yes)
}

async fn after(s: &mut Session) -> Verdict {
    let (assign, _) = s.assignment()?;
    let mut verbs = [vec![assign], of_trial(), of_state(), of_app()].concat();
    verbs.retain(|v| !matches!(v, Verb::SnapshotFiles { .. }));
    all_refused(s, verbs).await
}

pub(super) async fn stop_twice(s: &mut Session) -> Verdict {
    s.done(Verb::Stop).await?;
    match s.done(Verb::Stop).await {
        Err(AskError::Ended(..)) => Ok(Passed::Yes),
        Err(AskError::Problem(p)) if p.code == "bad_request" => Ok(Passed::Yes),
        Err(e) => Err(e.into()),
        Ok(()) => Err(trouble("an end, or `bad_request`", "an answer")),
    }
}
