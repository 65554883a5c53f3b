//! The main job: what each sample app is answered with.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use stakeout_bundle::Bundle;
use stakeout_contract::{
    Answer::{NotObserved, Proven, Supported},
    DeviceState::{self, Background, Doze, InUse, ScreenOff},
    Kind::{self, CallLog, Camera, Cell, Contacts, Microphone, Wifi},
    Rung::{Delivered, Granted, Opened, Read, Requested, Stored, Transmitted},
    Sensor,
    artifact::Role,
    finding::Analysis,
    observation::Fact,
};
use stakeout_e2e::{Answers, Stakeout, app, left_on_the_engine, observations, pairs, target, truth};

fn demo(name: &str, trials: &str) -> (Stakeout, Answers) {
    let s = Stakeout::new();
    let a = s.run(&app(name), &target().join("apps/idle-demo.yaml"), &["--trials", trials]);
    (s, a)
}

/// Of a sensor nothing but permissions was seen in any idle state, of which each has its bound.
fn idle_unseen(a: &Answers, kind: Kind) {
    for state in DeviceState::IDLE {
        for rung in [Opened, Delivered, Stored, Transmitted] {
            a.is(kind, rung, *state, NotObserved);
            let bound = a.row(kind, rung, *state).bound.unwrap();
            assert!(bound.trials == 2 && bound.hours > 0.0 && bound.per_hour > 0.0, "{kind} {rung} in {state}: {bound:?}");
        }
    }
}

/// Both interfaces to each sensor were used in turn, and what each gave was sent in the encoding that the configuration said.
fn taken_and_sent_in_each_way(bundle: &Bundle, trial: u32) {
    let told = observations(bundle, trial);
    let opened = told.iter().filter_map(|o| match &o.fact {
        Fact::Opened { sensor, api, .. } => Some((*sensor, api.as_str())),
        _ => None,
    });
    let both = [
        (Sensor::Camera, "camera1"),
        (Sensor::Camera, "camera2"),
        (Sensor::Microphone, "audio_record"),
        (Sensor::Microphone, "media_recorder"),
    ];
    assert_eq!(opened.collect::<BTreeSet<_>>(), BTreeSet::from(both), "trial {trial}");
    assert!(!told.iter().any(|o| matches!(o.fact, Fact::Shutter { audible: true, .. })), "the shutter sounded in trial {trial}");

    let analysis: Analysis = bundle.json(&format!("trials/{trial}/findings.json")).unwrap();
    let chains = |kind: Kind, role: Role| -> BTreeSet<&[String]> {
        let proofs = analysis.findings.iter().filter(|f| f.kind == kind && f.role == Some(role) && !f.lead && !f.cooperative);
        proofs.map(|f| f.chain.as_slice()).collect()
    };
    let truth = truth("loud");
    let order = &truth["order"]["encodings"];
    let mut encodings = Vec::new();
    for (what, kind) in [("photo", Camera), ("preview", Camera), ("sound", Microphone)] {
        let how = order[what].as_str().unwrap();
        let sent = chains(kind, Role::FlowRequest);
        assert!(sent.iter().any(|c| c.iter().any(|step| step == how)), "no {what} by {how} in trial {trial}: {sent:?}");
        encodings.push(how);
    }
    encodings.sort_unstable();
    assert_eq!(encodings, ["base64", "gzip", "multipart"]);
    // Frames are kept raw and as JPEG; what is recorded has a form of its own by each interface.
    let kept = chains(Camera, Role::AppFile);
    for form in ["raw-yuv", "jpeg"] {
        assert!(kept.iter().any(|c| c.iter().any(|step| step == form)), "no {form} in trial {trial}: {kept:?}");
    }
    assert!(chains(Microphone, Role::AppFile).len() >= 2, "trial {trial}: {:?}", chains(Microphone, Role::AppFile));
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
        a.is(kind, Transmitted, DeviceState::Any, Proven);
    }
    let left = |kind| {
        let mut c: Vec<_> = a.row(kind, Transmitted, DeviceState::Any).evidence.iter().filter_map(|e| e.canary.clone()).collect();
        c.sort();
        c.dedup();
        c.len()
    };
    assert_eq!([left(Contacts), left(CallLog), left(Wifi), left(Cell)], [25, 40, 6, 3]);
    assert!(a.result.footprint.sent_bytes_per_idle_hour > 0.0 && a.result.footprint.kept_bytes_per_idle_hour > 0.0);
    for trial in [1, 2] {
        taken_and_sent_in_each_way(&s.bundle(), trial);
    }
    // Each recovered picture stands beside the frame that was fed.
    let page = s.page();
    let (pairs, whole) = pairs(&page);
    assert!(pairs >= 2 && whole == pairs, "{whole} of {pairs} pairs of pictures are shown whole");
    assert!(s.out().join("result.json").is_file());
    assert!(left_on_the_engine().is_empty());
}

#[test]
fn an_app_that_uses_the_camera_on_a_tap_and_talks_while_idle_is_not_convicted() {
    let (_s, a) = demo("quiet", "2");
    assert_eq!(a.code, 0, "{}", a.stderr);
    for kind in [Camera, Microphone] {
        a.is(kind, Granted, DeviceState::Any, Supported);
        idle_unseen(&a, kind);
    }
    assert!(matches!(a.answer(Camera, Opened, InUse), Proven | Supported), "{:?}", a.row(Camera, Opened, InUse));
    a.is(Camera, Stored, InUse, Proven);
}

#[test]
fn asking_again_and_again_is_counted_and_is_not_use() {
    let (_s, a) = demo("nag", "2");
    for kind in [Camera, Microphone] {
        for state in [Background, ScreenOff, Doze] {
            a.is(kind, Requested, state, Supported);
        }
        idle_unseen(&a, kind);
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
