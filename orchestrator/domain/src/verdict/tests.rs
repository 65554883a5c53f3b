mod acts;
mod attribution;
mod dated;
mod photos;
mod sending;
mod served;

use stakeout_contract::{
    Answer, DeviceState, Kind, Rung, Sensor,
    artifact::Role,
    finding::Skipped,
    observation::{Fact, LOST_STEP, LOST_TYPED, Source},
    result::{JobResult, Verdict},
    trial::TrialState,
};

use super::bound;
use crate::{
    gate::{Gate, gate},
    samples::{Sample, decide_all, searched, silent},
};

fn row(r: &JobResult, kind: Kind, rung: Rung, state: DeviceState) -> &Verdict {
    r.verdicts.iter().find(|v| v.kind == kind && v.rung == rung && v.device_state == state).unwrap()
}

fn said(r: &JobResult, kind: Kind, rung: Rung, state: DeviceState) -> Answer {
    row(r, kind, rung, state).verdict
}

fn codes(v: &Verdict) -> Vec<&str> {
    v.reasons.iter().map(|r| r.code.as_str()).collect()
}

fn opened() -> Fact {
    Fact::Opened { sensor: Sensor::Camera, id: "0".into(), facing: None, api: "camera1".into(), session: 1, preview_visible: false }
}

fn asked(answer: &str) -> Fact {
    Fact::PermissionRequested { permissions: vec!["android.permission.CAMERA".into()], answers: vec![answer.into()] }
}

fn opaque(sent: u64) -> Fact {
    Fact::Opaque { host: "c2.example".into(), port: 9000, protocol: "tcp".into(), sent, received: 0 }
}

/// A frame that was shown in the background (at 100 s).
const BACKGROUND_FRAME: u64 = 3000;

#[test]
fn silence_is_said_with_its_bound() {
    let r = decide_all(&[silent(), silent(), silent()]);
    let v = row(&r, Kind::Camera, Rung::Opened, DeviceState::Background);
    assert_eq!(v.verdict, Answer::NotObserved);
    let b = v.bound.unwrap();
    assert_eq!(b.trials, 3);
    assert!((b.hours - 3.0).abs() < 1e-9 && (b.per_hour - 1.0).abs() < 1e-9, "{b:?}");
    assert!((b.share_of_trials - (1.0 - 0.05f64.cbrt())).abs() < 1e-12);
    assert_eq!(gate(&r, Rung::Opened, 3), Gate::Nothing);
}

#[test]
fn a_trial_that_was_run_again_is_no_silence_unless_what_ended_it_was_not_the_app() {
    let doubts = |stage: &str, stopped| {
        let r = decide_all(&[silent(), silent().tried(stage, stopped)]);
        let v = row(&r, Kind::Camera, Rung::Opened, DeviceState::Background);
        assert_eq!(r.trials[1].tries.len(), 1, "the result lists it");
        (v.verdict, codes(v).join(" "))
    };
    let (again, silent_still) = ((Answer::Inconclusive, "tried_again".to_owned()), (Answer::NotObserved, String::new()));
    for stage in ["script", "collect", "analyse", "", "of another version"] {
        assert_eq!(doubts(stage, false), again, "{stage}");
    }
    for stage in ["lease", "cell", "boot", "install"] {
        assert_eq!(doubts(stage, false), silent_still, "{stage}");
    }
    assert_eq!(doubts("script", true), silent_still, "its worker was told to stop");
    // What was seen in the end is seen all the same.
    let r = silent().tried("script", false).saw(100, opened()).decide();
    assert_eq!(said(&r, Kind::Camera, Rung::Opened, DeviceState::Background), Answer::Supported);
}

#[test]
fn what_was_overwritten_for_a_typed_secret_may_have_been_evidence() {
    let mut s = silent().saw(10, Fact::Lost { what: LOST_TYPED.to_owned(), count: 2 });
    s.observations[0].source = Source::Worker;
    let r = s.decide();
    let v = row(&r, Kind::Contacts, Rung::Transmitted, DeviceState::Background);
    assert_eq!((v.verdict, codes(v)), (Answer::Inconclusive, vec!["overwritten"]));
    assert!(v.reasons[0].text.contains("2 places overwritten for a typed secret"), "{:?}", v.reasons);
}

#[test]
fn a_planted_value_whose_flow_is_missing_left_at_no_known_time() {
    let r = silent()
        .saw(100, Fact::Read { data: Kind::Contacts, what: "content://contacts".into(), rows: None })
        .found(Kind::Contacts, Role::FlowRequest, Some(7), None, 1e-12)
        .decide();
    assert_eq!(said(&r, Kind::Contacts, Rung::Transmitted, DeviceState::Any), Answer::Proven);
    assert_ne!(said(&r, Kind::Contacts, Rung::Transmitted, DeviceState::Background), Answer::Supported);
}

#[test]
fn a_state_that_the_scenario_does_not_have_is_not_tested() {
    let r = silent().decide();
    assert_eq!(said(&r, Kind::Camera, Rung::Opened, DeviceState::Doze), Answer::NotTested);
    assert_eq!(codes(row(&r, Kind::Camera, Rung::Opened, DeviceState::Doze)), ["not_played"]);
}

#[test]
fn asking_is_not_using() {
    let r = silent().saw(100, asked("granted")).decide();
    assert_eq!(said(&r, Kind::Camera, Rung::Declared, DeviceState::Any), Answer::Supported);
    assert_eq!(said(&r, Kind::Camera, Rung::Requested, DeviceState::Background), Answer::Supported);
    assert_eq!(said(&r, Kind::Camera, Rung::Granted, DeviceState::Background), Answer::Supported);
    assert_eq!(said(&r, Kind::Camera, Rung::Opened, DeviceState::Background), Answer::NotObserved);
    assert_eq!(r.requests_per_idle_hour[0].requests, 1);
    assert!((r.requests_per_idle_hour[0].per_idle_hour - 0.5).abs() < 1e-9);
    assert_eq!(gate(&r, Rung::Opened, 1), Gate::Nothing);
    assert_eq!(gate(&r, Rung::Requested, 1), Gate::Found);
}

#[test]
fn a_denied_request_grants_nothing() {
    let r = silent().saw(100, asked("denied")).decide();
    assert_eq!(said(&r, Kind::Camera, Rung::Granted, DeviceState::Any), Answer::NotObserved);
}

#[test]
fn what_only_the_device_says_is_supported() {
    let r = silent().saw(100, opened()).decide();
    assert_eq!(said(&r, Kind::Camera, Rung::Opened, DeviceState::Background), Answer::Supported);
    assert_eq!(said(&r, Kind::Camera, Rung::Stored, DeviceState::Background), Answer::NotObserved);
    assert_eq!(r.captures[0].device_state, DeviceState::Background);
}

#[test]
fn a_use_by_the_owner_never_convicts() {
    let r = silent().saw(10, opened()).decide();
    assert_eq!(said(&r, Kind::Camera, Rung::Opened, DeviceState::InUse), Answer::Supported);
    assert_eq!(said(&r, Kind::Camera, Rung::Opened, DeviceState::Background), Answer::NotObserved);
    assert_eq!(gate(&r, Rung::Opened, 1), Gate::Nothing);
}

#[test]
fn a_frame_dates_the_capture_not_the_upload() {
    let sent_later = silent().gave(BACKGROUND_FRAME, BACKGROUND_FRAME).flow(1, 5000, "drop.example", Some(0)).found(
        Kind::Camera,
        Role::FlowRequest,
        Some(1),
        Some(BACKGROUND_FRAME),
        1e-30,
    );
    let r = sent_later.decide();
    let v = row(&r, Kind::Camera, Rung::Transmitted, DeviceState::Background);
    assert_eq!(v.verdict, Answer::Proven);
    assert_eq!(v.evidence[0].destination.as_deref(), Some("drop.example"));
    assert_eq!(said(&r, Kind::Camera, Rung::Transmitted, DeviceState::ScreenOff), Answer::NotObserved);
    assert_eq!(said(&r, Kind::Camera, Rung::Delivered, DeviceState::Background), Answer::Proven);
    assert_eq!(said(&r, Kind::Camera, Rung::Stored, DeviceState::Background), Answer::NotObserved);
}

#[test]
fn a_frame_that_was_never_delivered_is_an_alarm_and_proves_nothing() {
    let r = silent().gave(0, 100).found(Kind::Camera, Role::AppFile, None, Some(BACKGROUND_FRAME), 1e-30).decide();
    for rung in [Rung::Opened, Rung::Delivered, Rung::Stored] {
        let v = row(&r, Kind::Camera, rung, DeviceState::Background);
        assert_eq!((v.verdict, codes(v)), (Answer::Inconclusive, vec!["not_delivered"]), "{rung}");
        assert!(v.reasons[0].text.starts_with("ALARM: frame 3000"));
    }
}

#[test]
fn a_match_that_is_not_rare_enough_is_a_lead() {
    for (trials, p, wanted) in [(1, 1e-8, Answer::Inconclusive), (1, 0.9e-9, Answer::Proven), (3, 0.9e-9, Answer::Inconclusive)] {
        let one = || silent().gave(BACKGROUND_FRAME, BACKGROUND_FRAME);
        let mut all: Vec<Sample> = (1..trials).map(|_| silent()).collect();
        all.push(one().found(Kind::Camera, Role::AppFile, None, Some(BACKGROUND_FRAME), p));
        let v = decide_all(&all);
        assert_eq!(said(&v, Kind::Camera, Rung::Stored, DeviceState::Background), wanted, "{trials} {p}");
    }
}

#[test]
fn a_film_joined_of_two_visits_says_nothing_of_the_time_between() {
    // Frames of the owner's minute and of the last minute with the screen off.
    let mut s = silent().gave(10, 20).gave(216_000, 216_010).found(Kind::Camera, Role::AppFile, None, Some(10), 1e-30);
    // The background's preview was given too, and thrown away.
    s = s.gave(BACKGROUND_FRAME, BACKGROUND_FRAME + 60);
    let film = &mut s.analysis.findings[0];
    (film.frames, film.shown) = (Some([10, 216_010]), vec![10, 16, 216_004, 216_010]);
    let r = s.decide();
    for state in [DeviceState::InUse, DeviceState::ScreenOff] {
        assert_eq!(said(&r, Kind::Camera, Rung::Stored, state), Answer::Proven);
    }
    assert_eq!(said(&r, Kind::Camera, Rung::Stored, DeviceState::Background), Answer::NotObserved);
    assert_eq!(said(&r, Kind::Camera, Rung::Delivered, DeviceState::Background), Answer::Supported);
}

#[test]
fn a_stretch_that_proves_only_as_a_whole_is_a_doubt_in_each_of_its_states() {
    // What an older analysis says of a film: its first and last frame, neither of which must be among those that prove.
    let mut s = silent().gave(10, 20).gave(BACKGROUND_FRAME, BACKGROUND_FRAME).found(Kind::Camera, Role::AppFile, None, Some(10), 1e-30);
    s.analysis.findings[0].frames = Some([10, BACKGROUND_FRAME]);
    let r = s.decide();
    assert_eq!(said(&r, Kind::Camera, Rung::Stored, DeviceState::Any), Answer::Proven);
    for state in [DeviceState::InUse, DeviceState::Background] {
        let v = row(&r, Kind::Camera, Rung::Stored, state);
        assert_eq!((v.verdict, codes(v)), (Answer::Inconclusive, vec!["undated"]), "{state}");
    }
    assert_eq!(said(&r, Kind::Camera, Rung::Stored, DeviceState::ScreenOff), Answer::NotObserved);
}

#[test]
fn a_weak_picture_of_a_film_is_a_doubt_unless_its_state_is_proven_by_another() {
    let film = |weak: u64| {
        let mut s = silent().gave(10, 20).gave(BACKGROUND_FRAME, BACKGROUND_FRAME + 9);
        s = s.found(Kind::Camera, Role::AppFile, None, Some(10), 1e-30).found(Kind::Camera, Role::AppFile, None, Some(weak), 1e-5);
        s.analysis.findings[1].lead = true;
        said(&s.decide(), Kind::Camera, Rung::Stored, DeviceState::Background)
    };
    assert_eq!(film(16), Answer::NotObserved);
    assert_eq!(film(BACKGROUND_FRAME), Answer::Inconclusive);
}

#[test]
fn a_picture_that_nothing_is_recognised_in_is_a_doubt_where_frames_were_given_and_nowhere_else() {
    let unread = |s: &mut Sample, role| {
        let file = format!("artifacts/{}", stakeout_contract::Sha256Digest::of(b"request"));
        s.analysis.searched.unread.push(Skipped { file, reason: "picture".into(), role: Some(role) });
    };
    let mut nothing = silent();
    unread(&mut nothing, Role::AppFile);
    assert_eq!(said(&nothing.decide(), Kind::Camera, Rung::Stored, DeviceState::Any), Answer::NotObserved);
    let mut used = silent().gave(10, 20);
    unread(&mut used, Role::AppFile);
    let r = used.decide();
    assert_eq!(codes(row(&r, Kind::Camera, Rung::Stored, DeviceState::InUse)), ["unread_picture"]);
    for state in [DeviceState::Background, DeviceState::ScreenOff] {
        assert_eq!(said(&r, Kind::Camera, Rung::Stored, state), Answer::NotObserved);
    }
    assert_eq!(said(&r, Kind::Camera, Rung::Transmitted, DeviceState::InUse), Answer::NotObserved);
    assert_eq!(gate(&r, Rung::Stored, 1), Gate::Nothing);
    // Sent before the first frame, a picture cannot be made of it.
    for (at, wanted) in [(50, Answer::NotObserved), (200, Answer::Inconclusive)] {
        let mut s = silent().gave(BACKGROUND_FRAME, BACKGROUND_FRAME).flow(1, at, "drop.example", Some(0));
        s.flows[0].request = Some(stakeout_contract::Sha256Digest::of(b"request"));
        unread(&mut s, Role::FlowRequest);
        assert_eq!(said(&s.decide(), Kind::Camera, Rung::Transmitted, DeviceState::Background), wanted, "{at}");
    }
}

#[test]
fn the_flow_that_named_the_destination_is_given() {
    let s = silent().gave(BACKGROUND_FRAME, BACKGROUND_FRAME).flow(1, 90, "conf.example", Some(0)).flow(2, 200, "drop.example", Some(0));
    let r = s.found(Kind::Camera, Role::FlowRequest, Some(2), Some(BACKGROUND_FRAME), 1e-30).decide();
    assert_eq!(row(&r, Kind::Camera, Rung::Transmitted, DeviceState::Background).evidence[0].ordered_by_flow, Some(1));
}

#[test]
fn a_canary_is_dated_by_the_read_before_it_left() {
    let read = Fact::Read { data: Kind::Contacts, what: "content://contacts".into(), rows: Some(25) };
    let s = silent().saw(100, read).flow(1, 5000, "drop.example", Some(0)).found(Kind::Contacts, Role::FlowRequest, Some(1), None, 1e-12);
    let r = s.decide();
    // That it left is proven; that it was read in the background, the device's record says.
    for rung in [Rung::Transmitted, Rung::Read] {
        assert_eq!(said(&r, Kind::Contacts, rung, DeviceState::Any), Answer::Proven);
        assert_eq!(said(&r, Kind::Contacts, rung, DeviceState::Background), Answer::Supported);
    }
    assert!(row(&r, Kind::Contacts, Rung::Transmitted, DeviceState::Any).evidence[0].text.contains("read 4900 s before"));
}

#[test]
fn whatever_could_have_hidden_an_event_makes_it_inconclusive() {
    let failed = Fact::Lost { what: format!("{LOST_STEP}3 (tapOn): not_found"), count: 1 };
    let mut step = silent().saw(5, failed.clone());
    step.observations.iter_mut().for_each(|o| o.source = Source::Worker);
    let cases: Vec<(Sample, &str)> = vec![
        (silent().flow(1, 100, "own.example", None), "server_not_played"),
        (silent().saw(5, Fact::Crashed { message: "boom".into(), trace: vec![] }), "crashed"),
        (silent().saw(5, Fact::NativeLibrary { name: "x".into(), how: String::new() }), "native_code"),
        (silent().saw(5, Fact::Escape { what: "Unsafe".into() }), "escape"),
        (silent().saw(5, Fact::Lost { what: "packets".into(), count: 1 }), "evidence_lost"),
        // Only the worker knows of steps: from the device it is what anybody lost.
        (silent().saw(5, failed), "evidence_lost"),
        (step, "step_failed"),
        (silent().saw(5, Fact::ClockHeld { thread: "t".into(), r#where: "w".into(), spins: true }), "clock_held"),
        (silent().saw(5, Fact::UnsupportedApi { name: "android.hardware.camera2.X".into(), effect: "default".into() }), "unsupported_api"),
        (silent().saw(5, Fact::TlsRefused { host: "pin.example".into(), port: 443, reason: "alert".into() }), "pinned_traffic"),
        (silent().saw(5, Fact::Looked { what: "/system/app".into(), as_phone: false }), "device_looked_for"),
        (silent().saw(5, Fact::OutOfMemory { what: "heap".into() }), "out_of_memory"),
        (silent().saw(5, Fact::RealTime { what: "/proc/stat".into() }), "real_time"),
        (
            silent()
                .saw(5, Fact::UnsupportedApi { name: "android.hardware.SensorManager.registerListener".into(), effect: "ignored".into() }),
            "unsupported_api",
        ),
        (silent().saw(5, Fact::LoginScreen { activity: "Login".into() }), "login"),
        (silent().saw(5, Fact::DialogOpen { activity: "Main".into(), texts: vec!["I agree".into()] }), "dialog"),
        (silent().saw(5, Fact::DexLoaded { path: "p.dex".into(), artifact: Some("code/1".into()) }), "loaded_code"),
        (silent().saw(5, opaque(0)), "server_not_played"),
        (silent().saw(5, opaque(8)), "server_not_played"),
        (silent().saw(5, Fact::Dns { name: "c.example".into(), answer: "no TXT record".into() }), "server_not_played"),
    ];
    for (s, code) in cases {
        let r = s.decide();
        let v = row(&r, Kind::Camera, Rung::Opened, DeviceState::Background);
        assert_eq!((v.verdict, codes(v)), (Answer::Inconclusive, vec![code]), "{code}");
        assert!(!v.reasons[0].settled_by.is_empty());
        assert_eq!(gate(&r, Rung::Opened, 1), Gate::Inconclusive, "{code}");
    }
}

#[test]
fn a_flood_of_doubts_is_told_in_few_words() {
    let mut s = silent();
    for i in 0..50_000u64 {
        s = s.saw(5, Fact::UnsupportedApi { name: format!("made.up.Call{i}"), effect: String::new() }).saw(6, opened());
    }
    let r = s.decide();
    let v = row(&r, Kind::Microphone, Rung::Opened, DeviceState::Background);
    assert_eq!((v.verdict, v.reasons.len()), (Answer::Inconclusive, 9));
    assert!(v.reasons.iter().any(|r| r.text == "49992 more of this sort in trial 1"), "{v:#?}");
}

#[test]
fn a_trial_without_time_in_a_state_is_not_counted_in_its_bound() {
    let mut other = silent();
    other.record.timeline.pop();
    let r = decide_all(&[silent(), other]);
    assert_eq!(row(&r, Kind::Camera, Rung::Opened, DeviceState::ScreenOff).bound.unwrap().trials, 1);
    assert_eq!(row(&r, Kind::Camera, Rung::Opened, DeviceState::Background).bound.unwrap().trials, 2);
}

#[test]
fn a_scenario_without_idle_time_passes_no_gate() {
    let mut s = silent();
    s.record.scenario.steps.truncate(2);
    s.record.timeline.truncate(1);
    assert_eq!(gate(&s.decide(), Rung::Opened, 1), Gate::Inconclusive);
}

#[test]
fn a_faint_code_forbids_silence_about_pictures() {
    let mut s = silent().gave(10, 20);
    s.record.feed_mode = stakeout_contract::trial::FeedMode::Scene;
    let r = s.decide();
    assert_eq!(codes(row(&r, Kind::Camera, Rung::Stored, DeviceState::Background)), ["faint_code"]);
    assert_eq!(said(&r, Kind::Camera, Rung::Opened, DeviceState::Background), Answer::NotObserved);
}

#[test]
fn a_host_is_named_as_a_whole_or_not_at_all() {
    let order = |to: &str| {
        let s = silent().gave(BACKGROUND_FRAME, BACKGROUND_FRAME).flow(1, 90, "conf.example", Some(0)).flow(2, 200, to, Some(0));
        let r = s.found(Kind::Camera, Role::FlowRequest, Some(2), Some(BACKGROUND_FRAME), 1e-30).decide();
        row(&r, Kind::Camera, Rung::Transmitted, DeviceState::Background).evidence[0].ordered_by_flow
    };
    assert_eq!((order("drop.example"), order("example"), order("op.example")), (Some(1), None, None));
}

#[test]
fn what_was_sent_and_could_not_be_read_touches_only_what_was_sent() {
    let mut s = silent();
    s.analysis.searched = searched();
    s.analysis.searched.skipped.push(Skipped {
        file: "artifacts/x".into(),
        reason: "encrypted or unknown".into(),
        role: Some(Role::FlowRequest),
    });
    let r = s.decide();
    assert_eq!(said(&r, Kind::Camera, Rung::Transmitted, DeviceState::Background), Answer::Inconclusive);
    assert_eq!(said(&r, Kind::Camera, Rung::Opened, DeviceState::Background), Answer::NotObserved);
}

#[test]
fn a_failed_trial_is_never_a_clean_one() {
    let mut s = silent();
    s.record.end.state = TrialState::Failed;
    s.record.end.stage = "script".into();
    let r = decide_all(&[silent(), s]);
    assert_eq!(said(&r, Kind::Camera, Rung::Opened, DeviceState::Background), Answer::Inconclusive);
    assert_eq!(gate(&r, Rung::Opened, 2), Gate::TooFew);
}

#[test]
fn a_result_without_trials_has_too_few_whoever_asks() {
    let mut r = silent().decide();
    r.trials.clear();
    r.verdicts.clear();
    assert_eq!([0, 1, 3].map(|asked| gate(&r, Rung::Opened, asked)), [Gate::TooFew; 3]);
}

#[test]
fn a_lead_forbids_silence_for_its_kind_only() {
    let mut s = silent().found(Kind::Camera, Role::AppFile, None, Some(BACKGROUND_FRAME), 1e-3);
    s.analysis.findings[0].lead = true;
    let r = s.decide();
    assert_eq!(said(&r, Kind::Camera, Rung::Stored, DeviceState::Background), Answer::Inconclusive);
    assert_eq!(said(&r, Kind::Microphone, Rung::Stored, DeviceState::Background), Answer::NotObserved);
}

#[test]
fn cooperative_matches_support_at_most() {
    let mut s = silent().gave(BACKGROUND_FRAME, BACKGROUND_FRAME).flow(1, 5000, "drop.example", Some(0)).found(
        Kind::Camera,
        Role::FlowRequest,
        Some(1),
        Some(BACKGROUND_FRAME),
        1e-30,
    );
    s.analysis.findings[0].cooperative = true;
    assert_eq!(said(&s.decide(), Kind::Camera, Rung::Transmitted, DeviceState::Background), Answer::Supported);
}

#[test]
fn another_trials_match_is_not_this_trials() {
    let mut s = silent().found(Kind::Camera, Role::AppFile, None, Some(BACKGROUND_FRAME), 1e-30);
    s.analysis.findings[0].trial = Some("trial-9".into());
    assert_eq!(said(&s.decide(), Kind::Camera, Rung::Stored, DeviceState::Any), Answer::NotObserved);
}

#[test]
fn bounds_shrink_with_trials_and_hours() {
    let (a, b) = (bound(1, 1.0), bound(10, 10.0));
    assert!((a.share_of_trials - 0.95).abs() < 1e-12 && b.share_of_trials < 0.26);
    assert!(b.per_hour < a.per_hour);
}

#[test]
fn on_a_device_of_its_own_the_apps_word_supports_and_makes_nothing_uncertain() {
    let mut s = silent().gave(BACKGROUND_FRAME, BACKGROUND_FRAME).saw(100, opened()).saw(100, opened());
    s.record.cooperative = false;
    s.analysis.searched = searched();
    let skipped = Skipped { file: "artifacts/x".into(), reason: "limit: parts".into(), role: Some(Role::CryptoPlain) };
    s.analysis.searched.skipped.push(skipped);
    let r = s.decide();
    assert_eq!(said(&r, Kind::Camera, Rung::Transmitted, DeviceState::Background), Answer::NotObserved);
    assert_eq!(r.captures.len(), 1, "an opening that the books and an agent tell of is one");
    s.record.cooperative = true;
    assert_eq!(said(&s.decide(), Kind::Camera, Rung::Transmitted, DeviceState::Background), Answer::Inconclusive);

    let mut s =
        silent().gave(BACKGROUND_FRAME, BACKGROUND_FRAME).found(Kind::Camera, Role::CryptoPlain, None, Some(BACKGROUND_FRAME), 1e-30);
    s.record.cooperative = false;
    s.analysis.findings[0].cooperative = true;
    assert_eq!(said(&s.decide(), Kind::Camera, Rung::Opened, DeviceState::Background), Answer::Supported);
}
