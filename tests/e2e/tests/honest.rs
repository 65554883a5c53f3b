//! Apps that are not what they seem: what is not known is said to be not known.
#![allow(clippy::unwrap_used)]

use stakeout_contract::{
    Answer::{Inconclusive, NotObserved, Proven, Supported},
    DeviceState::{Any, Background, Foreground, ScreenOff},
    Kind::{Camera, Microphone},
    Rung::{Opened, Stored, Transmitted},
};
use stakeout_e2e::{Answers, Stakeout, app, scenario, target};

fn run(name: &str, scenario: &std::path::Path) -> Answers {
    Stakeout::new().run(&app(name), scenario, &["--trials", "1"])
}

#[test]
fn encryption_before_the_upload_is_never_silence() {
    let a = run("loud-aes", &target().join("apps/idle-demo.yaml"));
    for state in [Background, ScreenOff, Any] {
        let said = a.answer(Camera, Transmitted, state);
        assert!(matches!(said, Supported | Inconclusive), "{said}");
    }
}

#[test]
fn without_the_servers_order_nothing_is_said_of_what_it_would_have_ordered() {
    let a = run("loud", &scenario("no-server"));
    for kind in [Camera, Microphone] {
        a.is(kind, Opened, Background, Inconclusive);
        assert!(a.codes(kind, Opened, Background).contains(&"server_not_played".to_owned()));
    }
    assert_eq!(a.code, 11);
}

#[test]
fn what_is_kept_and_not_sent_is_not_said_to_be_sent() {
    let a = run("loud-noupload", &target().join("apps/idle-demo.yaml"));
    a.is(Camera, Stored, Background, Proven);
    assert!(matches!(a.answer(Camera, Transmitted, Any), NotObserved | Inconclusive));
}

#[test]
fn pictures_of_its_own_prove_nothing() {
    let a = run("loud-fake", &target().join("apps/idle-demo.yaml"));
    for state in [Any, Background, ScreenOff] {
        for rung in [Stored, Transmitted] {
            assert_ne!(a.answer(Camera, rung, state), Proven);
        }
    }
}

#[test]
fn a_capture_belongs_to_the_state_in_which_it_was_made() {
    let a = run("loud-delayed", &target().join("apps/idle-demo.yaml"));
    a.is(Camera, Transmitted, Foreground, Proven);
    assert_ne!(a.answer(Camera, Transmitted, Background), Proven);
    assert_ne!(a.answer(Camera, Transmitted, ScreenOff), Proven);
}
