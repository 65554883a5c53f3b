//! The main job: what each sample app is answered with.
#![allow(clippy::unwrap_used)]

use stakeout_contract::{
    Answer::{NotObserved, Proven, Supported},
    DeviceState::{Background, Doze, Foreground, InUse, ScreenOff},
    Kind::{CallLog, Camera, Cell, Contacts, Microphone, Wifi},
    Rung::{Delivered, Granted, Opened, Read, Requested, Stored, Transmitted},
    Sensor,
    observation::Fact,
};
use stakeout_e2e::{Answers, Stakeout, app, left_on_the_engine, observations, target, truth};

fn demo(name: &str, trials: &str) -> (Stakeout, Answers) {
    let s = Stakeout::new();
    let a = s.run(&app(name), &target().join("apps/idle-demo.yaml"), &["--trials", trials]);
    (s, a)
}

#[test]
fn an_app_that_does_all_that_it_is_accused_of_is_proven_to() {
    let (s, a) = demo("loud", "2");
    assert_eq!(a.code, 10, "{}", a.stderr);
    for state in [Background, ScreenOff] {
        for kind in [Camera, Microphone] {
            for rung in [Opened, Delivered, Stored, Transmitted] {
                a.is(kind, rung, state, Proven);
            }
            let v = a.row(kind, Transmitted, state);
            assert!(v.p_false.unwrap().get() <= 1e-9);
            let e = &v.evidence[0];
            let host = e.destination.as_deref().unwrap();
            assert!(truth("loud")["upload_url"].as_str().unwrap().starts_with(&format!("https://{host}/")), "{e:?}");
            assert!(e.ordered_by_flow.is_some_and(|o| o < e.flow.unwrap()), "{e:?}");
            assert!(e.frames.is_some() || e.seconds.is_some());
        }
        // That they left is proven; when they were read, the device's record says.
        for kind in [Contacts, CallLog, Cell, Wifi] {
            a.is(kind, Transmitted, state, Supported);
            a.is(kind, Read, state, Supported);
        }
    }
    for kind in [Contacts, CallLog, Cell, Wifi] {
        a.is(kind, Transmitted, stakeout_contract::DeviceState::Any, Proven);
    }
    let left = |kind| {
        let mut c: Vec<_> =
            a.row(kind, Transmitted, stakeout_contract::DeviceState::Any).evidence.iter().filter_map(|e| e.canary.clone()).collect();
        c.sort();
        c.dedup();
        c.len()
    };
    assert_eq!([left(Contacts), left(CallLog), left(Wifi), left(Cell)], [25, 40, 6, 3]);
    assert!(a.result.footprint.sent_bytes_per_idle_hour > 0.0 && a.result.footprint.kept_bytes_per_idle_hour > 0.0);
    for file in ["result.json", "report.html", "bundle.zip"] {
        assert!(s.out().join(file).is_file(), "{file}");
    }
    assert!(left_on_the_engine().is_empty());
}

#[test]
fn an_app_that_uses_the_camera_on_a_tap_and_talks_while_idle_is_not_convicted() {
    let (_s, a) = demo("quiet", "2");
    assert_eq!(a.code, 0, "{}", a.stderr);
    for kind in [Camera, Microphone] {
        a.is(kind, Granted, stakeout_contract::DeviceState::Any, Supported);
        for state in [Foreground, Background, ScreenOff, Doze] {
            for rung in [Opened, Delivered, Stored, Transmitted] {
                a.is(kind, rung, state, NotObserved);
                assert!(a.row(kind, rung, state).bound.is_some_and(|b| b.trials == 2 && b.per_hour > 0.0));
            }
        }
    }
    assert!(matches!(a.answer(Camera, Opened, InUse), Proven | Supported), "{:?}", a.row(Camera, Opened, InUse));
    a.is(Camera, Stored, InUse, Proven);
}

#[test]
fn asking_again_and_again_is_counted_and_is_not_use() {
    let (_s, a) = demo("nag", "2");
    for kind in [Camera, Microphone] {
        a.is(kind, Requested, Background, Supported);
        a.is(kind, Opened, Background, NotObserved);
        let rate = a.result.requests_per_idle_hour.iter().find(|r| r.kind == kind).unwrap();
        assert!(rate.requests > 2 && rate.per_idle_hour > 0.5, "{rate:?}");
    }
    assert_eq!(a.code, 0, "{}", a.stderr);
}

#[test]
fn the_same_app_succeeds_on_the_accusations_android_and_is_refused_on_todays_without_a_service() {
    let s = Stakeout::new();
    let old = s.run(&app("loud-nofgs"), &target().join("apps/idle-demo.yaml"), &["--trials", "1", "--api", "23"]);
    old.is(Camera, Stored, Background, Proven);
    // What the device itself unpacks is not the app's.
    let mut bundle = zip::ZipArchive::new(std::fs::File::open(s.out().join("bundle.zip")).unwrap()).unwrap();
    let trial = std::io::read_to_string(bundle.by_name("trials/1/trial.json").unwrap()).unwrap();
    assert!(trial.contains("app_file") && !trial.contains("robolectric"), "a file of the device counts as the app's");
    let s = Stakeout::new();
    let today = s.run(&app("loud-nofgs"), &target().join("apps/idle-demo.yaml"), &["--trials", "1"]);
    assert_ne!(today.answer(Camera, Stored, Background), Proven);
    // The device's record says what was refused and by which rule, and the page marks each time.
    let told = observations(&s.bundle(), 1);
    let refused = |of: Sensor| {
        let mut rules = told.iter().filter_map(|o| match &o.fact {
            Fact::Refused { sensor: Some(s), what, reason, .. } if *s == of => Some((what.as_str(), reason.as_str())),
            _ => None,
        });
        rules.find(|(_, reason)| ["idle_uid", "foreground_service_type"].contains(reason))
    };
    let page = s.page();
    let marked: Vec<&str> = page.split("<g class=\"m-refused\"><title>").skip(1).filter_map(|m| m.split("</title>").next()).collect();
    for of in [Sensor::Camera, Sensor::Microphone] {
        let (what, reason) = refused(of).unwrap_or_else(|| panic!("no refusal of the {of} by a rule for idle apps"));
        assert!(marked.iter().any(|m| m.contains(what) && m.contains(reason)), "`{what}` ({reason}) has no mark: {marked:?}");
    }
    assert!(!marked.is_empty() && page.contains("id=\"troubles\""), "the refusals are not listed");
}
