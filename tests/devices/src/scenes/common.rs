//! What most scenes begin with.

use stakeout_contract::{DeviceKind, canary::PlantData};
use stakeout_protocol::device::{Hello, Launched, Verb};

use crate::{
    check::{Check, Passed, Trouble, Verdict, ensure, setup, trouble},
    session::{Session, said},
};

/// From a cell's first word to the app's first activity.
pub(super) fn trial() -> Vec<Check> {
    vec![
        setup("hello", "the device says who it is", |s| Box::pin(hello(s))),
        setup("boot", "it boots the level that was asked for", |s| Box::pin(boot(s))),
        setup("assign", "it becomes a trial's", |s| Box::pin(assign(s))),
        setup("plant", "data is planted", |s| Box::pin(plant(s))),
        setup("install", "the app is installed", |s| Box::pin(install(s))),
        setup("launch", "the app's activity is opened", |s| Box::pin(launch(s))),
    ]
}

pub(super) async fn hello(s: &mut Session) -> Verdict {
    let h: Hello = s.ask(Verb::Hello).await?;
    let wanted = s.plan.device;
    // A stand-in must never answer for the real thing.
    ensure(h.kind == wanted, format!("a `{wanted}` device"), || h.kind.to_string())?;
    s.hello = h;
    Ok(Passed::Yes)
}

pub(super) async fn boot(s: &mut Session) -> Verdict {
    let (booted, api) = (s.boot().await?, s.plan.api);
    ensure(booted.api == api && !booted.release.is_empty(), format!("API {api} and Android's version"), || format!("{booted:?}"))?;
    Ok(Passed::Yes)
}

pub(super) async fn assign(s: &mut Session) -> Verdict {
    s.assign().await?;
    Ok(Passed::Yes)
}

/// How many of each kind were asked for, by the names of `PlantData`.
fn asked(data: &PlantData) -> Vec<(&'static str, usize)> {
    let one = usize::from;
    vec![
        ("contacts", data.contacts.len()),
        ("call_log", data.call_log.len()),
        ("sms", data.sms.len()),
        ("calendar", data.calendar.len()),
        ("cells", data.cells.len()),
        ("wifi", data.wifi.len()),
        ("location", one(data.location.is_some())),
        ("accounts", data.accounts.len()),
        ("clipboard", one(data.clipboard.is_some())),
        ("media", data.media.len()),
        ("installed_apps", data.installed_apps.len()),
    ]
}

/// Each kind is counted, and where less was planted than was asked for, something says so.
pub(super) async fn plant(s: &mut Session) -> Verdict {
    let told = s.told();
    let answer = s.plant().await?;
    let counts = answer.get("planted").cloned().unwrap_or_default();
    let facts = format!("{:?} {}", s.since(told), s.talk.record.device_log.text());
    for (kind, n) in asked(&s.planted).into_iter().filter(|(_, n)| *n > 0) {
        let count = counts.get(kind).and_then(serde_json::Value::as_u64);
        let Some(count) = count else { return Err(trouble(format!("a count for `{kind}` in `planted`"), answer.to_string())) };
        // A single thing may be counted by its parts.
        let all = count >= n as u64;
        ensure(all || facts.contains(kind), format!("{n} of `{kind}` planted, or a word of why not"), || answer.to_string())?;
    }
    ensure(counts.get("identifiers").is_some(), "a count for `identifiers` in `planted`", || answer.to_string())?;
    Ok(Passed::Yes)
}

pub(super) async fn install(s: &mut Session) -> Verdict {
    s.install(false).await?;
    Ok(Passed::Yes)
}

pub(super) async fn launch(s: &mut Session) -> Verdict {
    open(s).await?;
    Ok(Passed::Yes)
}

/// Opens the app and gives it a second.
pub(super) async fn open(s: &mut Session) -> Result<(), Trouble> {
    let told = s.told();
    let launched: Launched = s.ask(Verb::Launch).await?;
    ensure(launched.activity.ends_with("MainActivity"), "the app's `MainActivity`", || format!("{launched:?}; {}", said(s.since(told))))?;
    s.advance(std::time::Duration::from_secs(1)).await?;
    Ok(())
}

/// The words of all kinds of devices, for what a device says of itself.
pub(super) const CLOCKS: [&str; 2] = ["virtual", "real"];
/// ABIs of Android.
pub(super) const ABIS: [&str; 5] = ["armeabi-v7a", "arm64-v8a", "x86", "x86_64", "armeabi"];

/// What is wrong with the form of a `hello`; nothing: it is well.
pub(super) fn form(h: &Hello, api: u32, kind: DeviceKind) -> Option<String> {
    let mut sorted = h.api.clone();
    sorted.sort_unstable();
    sorted.dedup();
    let wrong = [
        (h.kind != kind, "`kind` is another"),
        (h.api.is_empty() || h.api != sorted, "`api` is no ascending list"),
        (!h.api.contains(&api), "`api` has not the level that is tried"),
        (h.abis.iter().any(|a| !ABIS.contains(&a.as_str())), "`abis` has one that Android does not know"),
        (!CLOCKS.contains(&h.clock.as_str()), "`clock` is neither `virtual` nor `real`"),
        (h.version.is_empty(), "`version` is empty"),
        (h.camera_route.is_empty() || h.microphone_route.is_empty(), "a route is empty"),
    ];
    wrong.into_iter().find(|(w, _)| *w).map(|(_, why)| why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_has_a_form() {
        let good = Hello {
            kind: DeviceKind::Jvm,
            api: vec![23, 34],
            abis: vec!["x86_64".to_owned()],
            clock: "virtual".to_owned(),
            cooperative: true,
            version: "1".to_owned(),
            camera_route: "framework".to_owned(),
            microphone_route: "framework".to_owned(),
        };
        let says = |h: Hello| form(&h, 34, DeviceKind::Jvm);
        assert_eq!(says(good.clone()), None);
        for bad in [
            Hello { kind: DeviceKind::Emulator, ..good.clone() },
            Hello { api: vec![34, 23], ..good.clone() },
            Hello { api: vec![23], ..good.clone() },
            Hello { abis: vec!["sparc".to_owned()], ..good.clone() },
            Hello { clock: "sun".to_owned(), ..good.clone() },
            Hello { version: String::new(), ..good.clone() },
            Hello { camera_route: String::new(), ..good },
        ] {
            assert!(says(bad.clone()).is_some(), "{bad:?}");
        }
    }
}
