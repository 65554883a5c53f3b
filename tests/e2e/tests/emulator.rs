//! The emulator device, with a stand-in for the guest, through the whole product. It says nothing of an app, and says so.

#![allow(clippy::unwrap_used)]

use std::{
    io::Write,
    process::{Command, Stdio},
};

use stakeout_bundle::Bundle;
use stakeout_contract::{
    Answer::{Inconclusive, NotObserved, Proven, Supported},
    DeviceState::{AfterReboot, Any, Background, Doze, Foreground, InUse, ScreenOff},
    Kind::{CallLog, Camera, Contacts, Microphone},
    Rung::{Opened, Requested, Stored, Transmitted},
};
use stakeout_e2e::{Answers, Stakeout, app, scenario, stderr, text};

const OPTIONS: [&str; 2] = ["--device", "emulator-fake"];

#[test]
fn what_the_stand_in_plays_is_proven_in_its_states_and_every_document_says_that_it_was_played() {
    let s = Stakeout::new();
    let a = s.run(&app("loud-played"), &scenario("emulator"), &OPTIONS);
    for state in [Background, ScreenOff] {
        for kind in [Camera, Microphone] {
            a.is(kind, Stored, state, Proven);
            a.is(kind, Transmitted, state, Proven);
        }
        a.is(Contacts, Transmitted, state, Supported);
        a.is(CallLog, Transmitted, state, Supported);
    }
    a.is(Camera, Opened, Doze, NotObserved);
    a.is(Contacts, Transmitted, Any, Proven);
    // What the device cannot see is never taken for nothing.
    a.is(Camera, Stored, Doze, Inconclusive);
    a.is(Camera, Requested, Doze, Inconclusive);
    assert_eq!(a.code, 10, "{}", a.stderr);
    let row = a.row(Camera, Transmitted, Background);
    assert!(row.evidence.iter().any(|e| e.frames.is_some() && e.ordered_by_flow.is_some()), "{row:?}");
    for name in ["report.html", "result.json"] {
        let text = std::fs::read_to_string(s.out().join(name)).unwrap();
        assert!(text.contains("emulator-fake") && text.contains("tand-in played"), "{name} does not say that a stand-in played");
    }
    let bundle = s.out().join("bundle.zip");
    // The probe was answered through the gateway, and that is no part of the trial.
    let told = Bundle::open(&bundle).unwrap().read("trials/1/observations.jsonl").unwrap();
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("of before the app was there") && !told.contains("ready.stakeout.test"));
    let verified = s.call(&["verify", bundle.to_str().unwrap()]);
    assert!(verified.status.success(), "{}", stderr(&verified));
    let again = s.call(&["analyze", bundle.to_str().unwrap()]);
    assert!(again.status.success(), "{}", stderr(&again));
}

#[test]
fn a_camera_that_is_used_on_a_tap_is_told_as_used_and_silence_in_idle_states_as_such() {
    let s = Stakeout::new();
    let a = s.run(&app("quiet-played"), &scenario("emulator"), &OPTIONS);
    a.is(Camera, Stored, InUse, Proven);
    for state in [Foreground, Background, ScreenOff, Doze, AfterReboot] {
        a.is(Camera, Opened, state, NotObserved);
        a.is(Microphone, Opened, state, NotObserved);
        a.is(Camera, Transmitted, state, NotObserved);
    }
}

/// The stand-in's image with other settings, built on it and removed with this.
struct Image(String);

impl Image {
    fn with(name: &str, settings: &str) -> Self {
        let from = std::env::var("STAKEOUT_IMAGE_EMULATOR_FAKE");
        let from = from.unwrap_or_else(|_| format!("stakeout/emulator-fake:{}", env!("CARGO_PKG_VERSION")));
        let name = format!("e2e-emulator-{name}:{}", std::process::id());
        let mut build = Command::new("docker");
        build.args(["build", "-q", "-t", &name, "-"]).env("DOCKER_BUILDKIT", "0").stdin(Stdio::piped()).stdout(Stdio::null());
        let mut build = build.spawn().unwrap();
        write!(build.stdin.take().unwrap(), "FROM {from}\nENV {settings}\n").unwrap();
        assert!(build.wait().unwrap().success());
        Self(name)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rmi", "-f", &self.0]).stdout(Stdio::null()).status();
    }
}

#[test]
fn with_a_hidden_window_and_films_for_cameras_a_tap_s_picture_is_the_tap_s_and_the_record_says_by_what_it_was_made() {
    // A film takes a second of ours to be made: of the guest's time that is less where it runs slower.
    let image = Image::with("hidden", "STAKEOUT_WINDOW=hidden STAKEOUT_CAMERA=videofile FAKE_EMULATOR_SCALE=3");
    let s = Stakeout::new();
    let mut c = s.command(&["run", &text(&app("quiet-played")), "--device", "emulator-fake", "--trials", "1"]);
    c.args(["--scenario", &text(&scenario("emulator")), "--out", &text(&s.out())]);
    let a = Answers::read(&s.out(), c.env("STAKEOUT_IMAGE_EMULATOR_FAKE", &image.0).output().unwrap());
    a.is(Camera, Stored, InUse, Proven);
    for state in [Foreground, Background, ScreenOff, Doze, AfterReboot] {
        a.is(Camera, Opened, state, NotObserved);
        a.is(Camera, Transmitted, state, NotObserved);
    }
    let mut bundle = zip::ZipArchive::new(std::fs::File::open(s.out().join("bundle.zip")).unwrap()).unwrap();
    let names: Vec<String> = bundle.file_names().filter(|n| n.starts_with("trials/1/")).map(str::to_owned).collect();
    let all: Vec<String> = names.iter().filter_map(|n| std::io::read_to_string(bundle.by_name(n).unwrap()).ok()).collect();
    for said in ["window hidden on display :", "camera by videofile: ", "microphone by pulseaudio"] {
        assert!(all.iter().any(|t| t.contains(said)), "no `{said}` in {names:?}");
    }
}

#[test]
fn a_stand_in_never_answers_for_an_emulator() {
    let s = Stakeout::new();
    let image = format!("stakeout/emulator-fake:{}", env!("CARGO_PKG_VERSION"));
    let image = std::env::var("STAKEOUT_IMAGE_EMULATOR_FAKE").unwrap_or(image);
    let mut c = s.command(&["run", app("quiet-played").to_str().unwrap(), "--device", "emulator", "--trials", "1"]);
    c.args(["--scenario", scenario("emulator").to_str().unwrap(), "--out", s.out().to_str().unwrap()]);
    let out = c.env("STAKEOUT_IMAGE_EMULATOR", image).output().unwrap();
    assert_eq!(out.status.code(), Some(12), "{}", stderr(&out));
    let result = std::fs::read_to_string(s.out().join("result.json")).unwrap();
    assert!(result.contains("is a `emulator-fake` device and not `emulator`"), "{result}");
    assert!(!result.contains("\"not_observed\""), "a trial without a device says nothing");
}

#[test]
fn without_an_image_the_command_that_builds_it_is_named() {
    let s = Stakeout::new();
    let out =
        s.call(&["run", app("quiet-played").to_str().unwrap(), "--device", "emulator", "--api", "30", "--out", s.out().to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(2));
    assert!(stderr(&out).contains("stakeout images build emulator --api 30"), "{}", stderr(&out));
}
