//! Apps that are not what they seem: what is not known is said to be not known.
#![allow(clippy::unwrap_used)]

use stakeout_contract::{
    Answer::{Inconclusive, NotObserved, Proven, Supported},
    DeviceState::{self, Any, Background, Doze, Foreground, ScreenOff},
    Kind::{self, CallLog, Camera, Contacts, Microphone},
    Rung::{self, Opened, Stored, Transmitted},
};
use stakeout_e2e::{Answers, Stakeout, app, scenario, target, truth};

fn run(name: &str, scenario: &std::path::Path) -> Answers {
    Stakeout::new().run(&app(name), scenario, &["--trials", "1"])
}

/// Compares each answer with what the builder of the app says that it does on this Android: what it does is absent nowhere, what it
/// does not is said nowhere, and nothing is proven that no match can prove.
fn agrees(a: &Answers, name: &str) {
    let truth = truth(name);
    for (kind, claim) in truth["claims"].as_object().unwrap() {
        let kind: Kind = kind.parse().unwrap();
        let top: Rung = claim["rung"].as_str().unwrap().parse().unwrap();
        let states = claim["states"]["34"].as_array().unwrap().iter();
        let states: Vec<DeviceState> = states.map(|s| s.as_str().unwrap().parse().unwrap()).collect();
        let of = if kind.is_sensor() { kind.as_str() } else { "data" };
        let provable: Rung = truth["provable"][of].as_str().unwrap().parse().unwrap();
        for rung in kind.rungs().iter().filter(|r| !r.is_permission()) {
            for state in DeviceState::ALL {
                let said = a.answer(kind, *rung, *state);
                let row = format!("{name}: {kind} {rung} in {state} is {said}");
                let there = states.contains(state) || *state == Any && !states.is_empty();
                // A planted value in a file has no date of its own.
                let dated = kind.is_sensor() || *rung != Stored || *state == Any;
                if *rung <= top && there && dated {
                    assert_ne!(said, NotObserved, "{row}, and it happened");
                }
                if *rung > provable {
                    assert_ne!(said, Proven, "{row}, which nothing can prove");
                }
                // A sensor may be opened in a state in which it gives nothing.
                let elsewhere = *rung != Opened && state.is_idle() && !there;
                if *rung > top || elsewhere {
                    assert!(!matches!(said, Proven | Supported), "{row}, and it did not happen");
                }
            }
        }
    }
}

#[test]
fn encryption_before_the_upload_is_never_silence() {
    let a = run("loud-aes", &target().join("apps/idle-demo.yaml"));
    for state in [Background, ScreenOff, Any] {
        let said = a.answer(Camera, Transmitted, state);
        assert!(matches!(said, Supported | Inconclusive), "{said}");
    }
    agrees(&a, "loud-aes");
}

#[test]
fn without_the_servers_order_nothing_is_said_of_what_it_would_have_ordered() {
    let a = run("loud", &scenario("no-server"));
    a.never_clean();
    for kind in truth("loud")["claims"].as_object().unwrap().keys() {
        let kind: Kind = kind.parse().unwrap();
        for rung in kind.rungs().iter().filter(|r| !r.is_permission()) {
            for state in [Any, Foreground, Background, ScreenOff] {
                a.is(kind, *rung, state, Inconclusive);
                let codes = a.codes(kind, *rung, state);
                assert!(codes.contains(&"server_not_played".to_owned()), "{kind} {rung} in {state}: {codes:?}");
            }
        }
    }
    assert_eq!(a.code, 11);
}

#[test]
fn what_is_kept_and_not_sent_is_not_said_to_be_sent() {
    let a = run("loud-noupload", &target().join("apps/idle-demo.yaml"));
    a.is(Camera, Stored, Background, Proven);
    assert!(matches!(a.answer(Camera, Transmitted, Any), NotObserved | Inconclusive));
    agrees(&a, "loud-noupload");
    // What it read in several states lies in files without a date: it is of one of them, so none of them is without it.
    for kind in [Contacts, CallLog] {
        a.is(kind, Stored, Any, Proven);
        for state in [Background, ScreenOff, Doze] {
            assert_ne!(a.answer(kind, Stored, state), NotObserved, "{kind} in {state}: {:#?}", a.row(kind, Stored, state));
        }
    }
}

#[test]
fn pictures_of_its_own_prove_nothing() {
    let a = run("loud-fake", &target().join("apps/idle-demo.yaml"));
    for state in [Any, Background, ScreenOff] {
        for kind in [Camera, Microphone] {
            for rung in [Stored, Transmitted] {
                a.is(kind, rung, state, Inconclusive);
            }
        }
    }
    agrees(&a, "loud-fake");
}

#[test]
fn a_capture_belongs_to_the_state_in_which_it_was_made() {
    let a = run("loud-delayed", &target().join("apps/idle-demo.yaml"));
    a.is(Camera, Transmitted, Foreground, Proven);
    assert_ne!(a.answer(Camera, Transmitted, Background), Proven);
    assert_ne!(a.answer(Camera, Transmitted, ScreenOff), Proven);
    agrees(&a, "loud-delayed");
}
