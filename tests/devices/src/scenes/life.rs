//! A whole trial: the owner's acts, the app's acts, the phone's states, and what is left at the end.

use std::time::Duration;

use stakeout_agent::talk::{AskError, Side};
use stakeout_protocol::device::{Input, Shot, Verb};

use super::{after, common, sensors, states};
use crate::{
    check::{Passed, Scene, Verdict, at_once, check, ensure, setup, skipped, trouble},
    session::Session,
};

/// Characters that a shell, a keyboard driver or a field of a form could get wrong.
pub(super) const TYPED: &str = "it's 5% & $more;";

pub(super) fn scene() -> Scene {
    let mut checks = common::trial();
    checks.extend([
        check("clock_stands", "`advance` by nothing is allowed and takes nothing", |s| Box::pin(clock_stands(s))),
        check("clock_moves", "`advance` moves the clock by what was asked", |s| Box::pin(clock_moves(s))),
        check("screenshot", "`screenshot` is a PNG of the size that it says", |s| Box::pin(screenshot(s))),
        check("tap_text", "a button is found by its whole text", |s| Box::pin(tap_text(s))),
        check("tap_id", "a button is found by its id", |s| Box::pin(tap_id(s))),
        check("tap_point", "a point can be tapped", |s| Box::pin(tap_point(s))),
        check("tap_nothing", "what is not there is `found: false`, also a part of a text", |s| Box::pin(tap_nothing(s))),
        check("type", "text goes into the field with an id", |s| Box::pin(type_text(s))),
        check("type_nowhere", "a field that is not there is `found: false`", |s| Box::pin(type_nowhere(s))),
        check("key_unknown", "a key that is none is an error and no end", |s| Box::pin(key_unknown(s))),
        check("ask_camera", "a request is granted under `grant_on_request`, and told", |s| Box::pin(sensors::ask_camera(s))),
        check("ask_microphone", "so for the microphone", |s| Box::pin(sensors::ask_microphone(s))),
        check("ask_contacts", "so for the contacts", |s| Box::pin(sensors::ask_contacts(s))),
        check("ask_calls", "so for the call log", |s| Box::pin(sensors::ask_calls(s))),
        check("camera", "that the app opens and closes the camera is told", |s| Box::pin(sensors::camera(s))),
        check("camera_dates", "its facts and frames are dated to when it was open", |s| at_once(sensors::camera_dates(s))),
        check("microphone", "that the app opens and closes the microphone is told", |s| Box::pin(sensors::microphone(s))),
        check("microphone_dates", "its facts and blocks are dated to when it was open", |s| at_once(sensors::microphone_dates(s))),
        check("contacts", "that the app reads contacts is told", |s| Box::pin(sensors::contacts(s))),
        check("calls", "that the app reads the call log is told", |s| Box::pin(sensors::calls(s))),
        check("fetch", "the app's request arrives at the gateway and is answered", |s| Box::pin(sensors::fetch(s))),
        check("ports", "the app looks for what steers the device", |s| Box::pin(sensors::ports(s))),
        check("alarm", "the app sets an alarm", |s| Box::pin(states::alarm(s))),
        check("home", "the key `home` brings the app to the background", |s| Box::pin(states::home(s))),
        check("foreground", "`foreground` brings it back", |s| Box::pin(states::foreground(s))),
        check("background", "`background` brings it to the background", |s| Box::pin(states::background(s))),
        check("foreground_again", "and `foreground` back again", |s| Box::pin(states::foreground(s))),
        check("keys", "`camera`, `enter` and `back` are pressed", |s| Box::pin(states::keys(s))),
        check("foreground_after_back", "after `back` the app can be opened again", |s| Box::pin(states::foreground(s))),
        check("screen", "the screen goes off and on", |s| Box::pin(states::screen(s))),
        check("doze", "deep idle begins and ends, and time passes in it", |s| Box::pin(states::doze(s))),
        check("bucket", "the app is one that is hardly ever used, where that makes a difference", |s| Box::pin(states::bucket(s))),
        check("alarm_rings", "the alarm wakes the app", |s| Box::pin(states::alarm_rings(s))),
        check("reboot", "the device starts anew, and the app hears of it", |s| Box::pin(states::reboot(s))),
        check("launch_again", "after it the app can be opened again", |s| Box::pin(states::launch_again(s))),
        setup("snapshot", "the app's files are given", |s| Box::pin(after::snapshot(s))),
        check("files", "the app's file is there with its bytes", |s| at_once(after::files(s))),
        check("files_deleted", "what the app deleted is there, where the device keeps it", |s| at_once(after::deleted(s))),
        check("files_acts", "what the app did by tap, text and key is in its files", |s| at_once(after::acts(s))),
        check("files_life", "what the app saw of the phone's states is in its files", |s| at_once(after::life(s))),
        check("files_alarm", "what the app wrote on its alarm is in its files", |s| at_once(after::alarm(s))),
        check("files_data", "what the app read is what was planted", |s| at_once(after::data(s))),
        check("picture", "the app's picture is a frame that was delivered", |s| at_once(after::picture(s))),
        check("picture_other_key", "under another key it is none", |s| at_once(after::picture_other_key(s))),
        check("sound", "the app's sound is of the seconds that were delivered", |s| at_once(after::sound(s))),
        check("sound_other_key", "under another key it is none", |s| at_once(after::sound_other_key(s))),
        check("flow", "the flow has the app's request and the stub's answer in plain text", |s| at_once(after::flow(s))),
        check("ports_closed", "the app reached nothing that steers the device", |s| at_once(after::ports_closed(s))),
        check("clocks", "both clocks never run backwards, in any sample", |s| at_once(after::clocks(s))),
        check("healthy", "no word of a guest that is not well", |s| at_once(after::healthy(s))),
        check("stop_twice", "`stop` is answered, a second one is an end or `bad_request`", |s| Box::pin(super::order::stop_twice(s))),
    ]);
    Scene { name: "life", checks }
}

/// Seconds that a real clock may have moved beyond what was asked.
const LATE: Duration = Duration::from_secs(10);

async fn clock_stands(s: &mut Session) -> Verdict {
    let before = s.now().await?;
    let after = s.now().await?;
    let latest = if s.real_clock() { before.plus(LATE) } else { before };
    ensure((before..=latest).contains(&after), format!("{before} to {latest}"), || after.to_string())?;
    Ok(Passed::Yes)
}

async fn clock_moves(s: &mut Session) -> Verdict {
    for millis in [1, 1500, 333] {
        let (before, time) = (s.now().await?, Duration::from_millis(millis));
        let after = s.advance(time).await?;
        let earliest = before.plus(time);
        let latest = if s.real_clock() { earliest.plus(LATE) } else { earliest };
        ensure((earliest..=latest).contains(&after), format!("{earliest} to {latest}"), || after.to_string())?;
    }
    Ok(Passed::Yes)
}

async fn screenshot(s: &mut Session) -> Verdict {
    let shot: Shot = s.ask(Verb::Screenshot).await?;
    let blob = s.talk.take(Side::Device, &shot.blob)?.ok_or_else(|| trouble("a picture within the limits of a worker", "more"))?;
    let bytes = std::fs::read(blob.path())?;
    ensure(bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "a PNG", || format!("{} bytes of something else", bytes.len()))?;
    let picture = crate::media::picture(&bytes).map_err(|e| trouble("a PNG that can be opened", e))?;
    let (said, is) = ((shot.width, shot.height), (picture.width, picture.height));
    ensure(said == is && said.0.min(said.1) >= 200, format!("the size {said:?}, 200 pixels at least"), || format!("{is:?}"))?;
    s.screen = Some(said);
    Ok(Passed::Yes)
}

async fn tap_text(s: &mut Session) -> Verdict {
    s.act("Write", 1, |_| false).await?;
    // A regular expression, of the whole text.
    let text = Some("Era.e".to_owned());
    let found = s.input(Input::Tap { text, view_id: None, point: None }).await?;
    ensure(found.found && !found.what.is_empty(), "a button that fits `Era.e`, and its name", || format!("{found:?}"))?;
    s.advance(Duration::from_secs(2)).await?;
    Ok(Passed::Yes)
}

async fn tap_id(s: &mut Session) -> Verdict {
    let found = s.input(Input::Tap { text: None, view_id: Some("write".to_owned()), point: None }).await?;
    ensure(found.found, "the button with the id `write`", || format!("{found:?}"))?;
    s.advance(Duration::from_secs(1)).await?;
    Ok(Passed::Yes)
}

/// Into the app's empty surface below its buttons.
async fn tap_point(s: &mut Session) -> Verdict {
    let Some((width, height)) = s.screen else { return skipped("the size of the screen is not known") };
    let found = s.input(Input::Tap { text: None, view_id: None, point: Some([width / 2, height * 17 / 20]) }).await?;
    ensure(found.found, "a tap at a point of the screen", || format!("{found:?}"))?;
    s.advance(Duration::from_secs(1)).await?;
    Ok(Passed::Yes)
}

async fn tap_nothing(s: &mut Session) -> Verdict {
    let none = |text: Option<&str>, id: Option<&str>| Input::Tap { text: text.map(Into::into), view_id: id.map(Into::into), point: None };
    for input in [none(Some("No such button"), None), none(Some("Writ"), None), none(None, Some("no_such_id"))] {
        let found = s.input(input.clone()).await?;
        ensure(!found.found, format!("nothing for {input:?}"), || format!("{found:?}"))?;
    }
    Ok(Passed::Yes)
}

async fn type_text(s: &mut Session) -> Verdict {
    let found = s.input(Input::Text { value: TYPED.to_owned(), view_id: Some("field".to_owned()) }).await?;
    ensure(found.found, "the field with the id `field`", || format!("{found:?}"))?;
    s.act("Keep", 1, |_| false).await?;
    Ok(Passed::Yes)
}

async fn type_nowhere(s: &mut Session) -> Verdict {
    let found = s.input(Input::Text { value: "x".to_owned(), view_id: Some("no_such_field".to_owned()) }).await?;
    ensure(!found.found, "no field", || format!("{found:?}"))?;
    Ok(Passed::Yes)
}

async fn key_unknown(s: &mut Session) -> Verdict {
    match s.input(Input::Key { key: "no_such_key".to_owned() }).await {
        Err(AskError::Problem(p)) if ["bad_request", "unsupported"].contains(&p.code.as_str()) => {}
        Err(AskError::Problem(p)) => return Err(trouble("`bad_request` or `unsupported`", p.to_string())),
        Err(e) => return Err(e.into()),
        Ok(found) => ensure(!found.found, "no such key", || format!("{found:?}"))?,
    }
    s.lives().await?;
    Ok(Passed::Yes)
}
