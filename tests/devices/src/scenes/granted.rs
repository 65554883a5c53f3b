//! Everything granted at install, and an app that comes in two parts.

use stakeout_contract::{Sensor, observation::Fact, scenario::PermissionPolicy};

use super::{common, sensors};
use crate::{
    app,
    check::{Passed, Scene, Verdict, at_once, check, ensure, setup, skipped, trouble},
    session::{Session, said},
};

pub(super) fn scene() -> Scene {
    Scene {
        name: "granted",
        checks: vec![
            setup("hello", "the device says who it is", |s| Box::pin(common::hello(s))),
            setup("boot", "it boots the level that was asked for", |s| Box::pin(common::boot(s))),
            setup("assign", "it becomes the trial of a policy that grants all", |s| Box::pin(assign(s))),
            setup("install", "the app is installed with its split", |s| Box::pin(install(s))),
            check("told_at_install", "what is granted without being asked is told when the app is installed", |s| Box::pin(told(s))),
            setup("launch", "the app's activity is opened", |s| Box::pin(common::launch(s))),
            check("told", "and is told at the latest when the app runs", |s| Box::pin(told(s))),
            check("camera", "the camera opens without a request", |s| Box::pin(camera(s))),
            check("split", "the app reads from its split", |s| Box::pin(split(s))),
            setup("snapshot", "the app's files are given", |s| Box::pin(snapshot(s))),
            check("split_file", "what it read is what the split has", |s| at_once(split_file(s))),
        ],
    }
}

async fn assign(s: &mut Session) -> Verdict {
    s.policy = PermissionPolicy::GrantAll;
    common::assign(s).await
}

async fn install(s: &mut Session) -> Verdict {
    let installed = s.install(true).await?;
    ensure(installed.package == app::PACKAGE, app::PACKAGE, || installed.package.clone())?;
    Ok(Passed::Yes)
}

async fn told(s: &mut Session) -> Verdict {
    let is = |f: &Fact| matches!(f, Fact::PermissionGranted { permissions } if app::ASKED.iter().all(|a| permissions.iter().any(|p| p.ends_with(a))));
    let came = s.until(0, 3, |t| t.iter().any(|o| is(&o.fact))).await?;
    ensure(came, format!("`permission_granted` with {:?}", app::ASKED), || said(s.since(0)))?;
    Ok(Passed::Yes)
}

async fn camera(s: &mut Session) -> Verdict {
    sensors::open(s, "Camera", Sensor::Camera).await?;
    Ok(Passed::Yes)
}

async fn split(s: &mut Session) -> Verdict {
    s.act("Split", 2, |_| false).await?;
    Ok(Passed::Yes)
}

async fn snapshot(s: &mut Session) -> Verdict {
    s.take_files(None).await?;
    Ok(Passed::Yes)
}

fn split_file(s: &mut Session) -> Verdict {
    if !s.files.app_is_real() {
        return skipped("the device plays the app instead of running it, as the app's files say");
    }
    let came = s.files.text("split.txt");
    if came != "from the split" {
        return Err(trouble("`from the split` in `files/split.txt`", format!("`{came}`; the app says `{}`", s.files.text("said/split"))));
    }
    Ok(Passed::Yes)
}
