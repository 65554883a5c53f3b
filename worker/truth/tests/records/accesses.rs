//! Accesses from polls.

use stakeout_truth::{
    Cut, Outcome, Parsed, Span, What, access,
    access::{Gap, Lost},
    appops::{self, AppOps, UidState},
    audio::{self, AudioDump},
    camera::{self, CameraDump},
};

use crate::{ago, clock, fixture, second};

fn camera_log(events: &[&str]) -> Parsed<CameraDump> {
    let mut newest_first: Vec<String> = events.iter().map(|e| format!("  11-25 {e}\n")).collect();
    newest_first.reverse();
    let log = newest_first.concat();
    let dump = format!("Active Camera Clients:\n[]\n\n== Camera service events log (most recent at top): ==\n{log}\n");
    camera::parse(dump.as_bytes(), &clock())
}

fn audio_log(events: &[&str]) -> Parsed<AudioDump> {
    let log = events.iter().map(|e| format!("11-25 {e}\n")).collect::<Vec<_>>().concat();
    audio::parse(format!("RecordActivityMonitor dump time: x\n\nEvents log: recording activity\n{log}\n").as_bytes(), &clock())
}

#[test]
fn a_camera_that_was_opened_and_closed_is_told_once() {
    let p = camera::parse(&fixture("camera-26.txt"), &clock());
    let c = access::camera(None, &p);
    assert_eq!((c.gap, c.at_least), (None, false));
    let [refused, opened, closed] = &c.accesses[..] else { panic!("{c:?}") };
    assert_eq!((refused.outcome, refused.span), (Outcome::Refused, Span::at(second(1198))));
    assert_eq!(refused.reason.as_deref(), Some("Camera access blocked by policy"));
    assert_eq!((opened.outcome, opened.span), (Outcome::Opened, Span { from: Some(second(1049)), to: None }));
    assert_eq!((closed.outcome, closed.span), (Outcome::Closed, Span { from: Some(second(1049)), to: Some(second(1040)) }));
    assert_eq!((closed.what, closed.id.as_str(), closed.pid), (What::Camera, "0", Some(4321)));
    assert_eq!(closed.package.as_deref(), Some("com.example.app"));
    assert_eq!(access::camera(Some(&p), &p).accesses, []);
}

#[test]
fn a_camera_that_is_closed_in_a_later_poll_has_its_begin() {
    let open = ["09:20:00 : CONNECT device 0 client for package p (PID 7)"];
    let closed = [open[0], "09:21:00 : DISCONNECT device 0 client for package p (PID 7)"];
    let c = access::camera(Some(&camera_log(&open)), &camera_log(&closed));
    assert_eq!(c.accesses.len(), 1);
    assert_eq!(c.accesses[0].span, Span { from: Some(second(600)), to: Some(second(540)) });
}

#[test]
fn an_open_camera_goes_on_with_every_poll() {
    let p = camera::parse(&fixture("camera-35.txt"), &clock());
    for prev in [None, Some(&p)] {
        let last = access::camera(prev, &p).accesses.pop().unwrap();
        assert_eq!((last.outcome, last.span), (Outcome::Ongoing, Span { from: Some(second(595)), to: None }));
    }
}

#[test]
fn what_a_ring_forgot_is_a_gap() {
    let many = |from: usize| -> Vec<String> {
        (from..from + 100).map(|i| format!("09:{:02}:{:02} : DIED client(s) with PID {i}, reason: (x)", i / 60, i % 60)).collect()
    };
    let log = |from| camera_log(&many(from).iter().map(String::as_str).collect::<Vec<_>>());
    let (a, b, c) = (log(0), log(50), log(200));
    assert!(access::camera(None, &a).gap.is_some_and(|g| g.why == Lost::Overflow && g.after.is_none()), "nobody saw what was before");
    assert_eq!(access::camera(Some(&a), &b).gap, None);
    let gap = Gap {
        source: access::Source::CameraService,
        why: Lost::Overflow,
        after: Some(second(1800 - 99)),
        before: Some(second(1800 - 200)),
    };
    assert_eq!(access::camera(Some(&a), &c).gap, Some(gap));
    let anew = camera_log(&["09:29:00 : ADD device 0, reason: (Device added)"]);
    assert_eq!(access::camera(Some(&a), &anew).gap.unwrap().why, Lost::Restarted);
}

#[test]
fn from_a_record_that_is_not_whole_nothing_is_concluded() {
    let whole = fixture("camera-26.txt");
    let cut = camera::parse(&whole[..whole.len() / 2], &clock());
    let c = access::camera(None, &cut);
    assert_eq!((c.accesses.len(), c.gap.unwrap().why), (0, Lost::Unreadable));
    let refused = audio::parse(b"Can't find service: audio\n", &clock());
    assert_eq!(access::audio(None, &refused).gap.unwrap().why, Lost::Unreadable);
    let mut ops = appops::parse(&fixture("appops-35.txt"), &clock());
    ops.notes.cut.push(Cut::Timeout);
    assert_eq!(access::ops(None, &ops).gap.unwrap().why, Lost::Unreadable);
}

#[test]
fn a_recorder_begins_falls_silent_and_ends() {
    let p = audio::parse(&fixture("audio-35.txt"), &clock());
    let c = access::audio(None, &p);
    let told: Vec<_> = c.accesses.iter().map(|a| (a.outcome, a.id.as_str(), a.package.as_deref().unwrap())).collect();
    let expected = [
        (Outcome::Opened, "47", "com.example.app"),
        (Outcome::Silenced, "47", "com.example.app"),
        (Outcome::Opened, "49", "com.example.other"),
        (Outcome::Closed, "49", "com.example.other"),
        // Now:
        (Outcome::Silenced, "47", "com.example.app"),
        (Outcome::Ongoing, "57", "com.example.assistant"),
    ];
    assert_eq!(told, expected);
    assert_eq!(c.accesses[3].span, Span { from: Some(ago(39_000)), to: Some(ago(37_250)) });
    assert_eq!(c.accesses[4].span, Span { from: Some(ago(56_369)), to: None });
    assert!(c.accesses.iter().all(|a| a.what == What::Microphone));

    let p = audio::parse(&fixture("audio-28.txt"), &clock());
    let c = access::audio(None, &p);
    let told: Vec<_> = c.accesses.iter().map(|a| (a.outcome, a.id.as_str(), a.package.as_deref())).collect();
    let app = Some("com.example.app");
    // The package of the end is that of the begin.
    assert_eq!(
        told,
        [(Outcome::Opened, "33", app), (Outcome::Closed, "33", app), (Outcome::Opened, "41", app), (Outcome::Ongoing, "41", app)]
    );
}

#[test]
fn a_recorder_that_gets_sound_again_is_told() {
    let old = ["09:00:00:000 rec start riid:5 uid:1 session:9 src:MIC silenced pack:p"];
    let new = [old[0], "09:00:01:000 rec update riid:5 uid:1 session:9 src:MIC not silenced pack:p"];
    let c = access::audio(None, &audio_log(&old));
    assert_eq!(c.accesses.iter().map(|a| a.outcome).collect::<Vec<_>>(), [Outcome::Silenced]);
    let c = access::audio(Some(&audio_log(&old)), &audio_log(&new));
    assert_eq!(c.accesses.iter().map(|a| a.outcome).collect::<Vec<_>>(), [Outcome::Unsilenced]);
}

fn ops(text: &str) -> Parsed<AppOps> {
    appops::parse(text.as_bytes(), &clock())
}

#[test]
fn uses_of_operations_are_told_with_state_and_what() {
    let p = appops::parse(&fixture("appops-35.txt"), &clock());
    let c = access::ops(None, &p);
    assert_eq!(c.gap, None);
    let told: Vec<_> = c.accesses.iter().map(|a| (a.what, a.outcome, a.state.clone().unwrap(), a.uid.unwrap())).collect();
    let expected = [
        (What::Camera, Outcome::Accessed, UidState::Top, 10142),
        (What::Camera, Outcome::Refused, UidState::Cch, 10142),
        (What::Contacts, Outcome::Accessed, UidState::Bg, 10142),
        (What::Contacts, Outcome::Accessed, UidState::Fgsvc, 10142),
        (What::Microphone, Outcome::Accessed, UidState::Fgsvc, 10142),
        (What::Clipboard, Outcome::Accessed, UidState::Top, 1_010_142),
        (What::Microphone, Outcome::Ongoing, UidState::Fgsvc, 10142),
    ];
    assert_eq!(told, expected);
    assert_eq!(c.accesses[0].span, Span { from: Some(ago(299_309)), to: Some(ago(299_309 - 3278)) });
    // The one that goes on is its own begin.
    assert_eq!(c.accesses[6].span, Span { from: Some(ago(9000)), to: None });
    let again = access::ops(Some(&p), &p);
    assert_eq!(again.accesses.iter().map(|a| a.outcome).collect::<Vec<_>>(), [Outcome::Ongoing]);
}

#[test]
fn only_a_newer_use_in_the_same_state_is_new() {
    let books = |top: &str, bg: &str| {
        ops(&format!(
            "Current AppOps Service state:\n  Uid u0a1:\n    Package p:\n      CAMERA (allow):\n        null=[\n          Access: [top-s] 2026-11-25 \
             {top}\n          Access: [bg-s] 2026-11-25 {bg}\n        ]\n"
        ))
    };
    let c = access::ops(Some(&books("09:00:00.000", "08:00:00.000")), &books("09:00:00.000", "09:10:00.000"));
    assert_eq!(c.accesses.len(), 1);
    assert_eq!((c.accesses[0].state.clone(), c.accesses[0].span.from), (Some(UidState::Bg), Some(ago(1_200_000))));
}

#[test]
fn a_wrong_zone_hides_no_use() {
    // The date says three hours more than the age: the guest is not in the zone that was given.
    let books = |date: &str, age: &str| {
        ops(&format!(
            "Current AppOps Service state:\n  Uid u0a1:\n    Package p:\n      CAMERA (allow):\n        null=[\n          Access: [top-s] 2026-11-25 \
             {date} ({age})\n        ]\n"
        ))
    };
    let old = books("06:20:00.000", "-10m0s0ms");
    assert!(old.value.doubtful_dates == 1 && old.notes.is_whole());
    let again = books("06:20:00.000", "-9m59s900ms");
    assert_eq!(access::ops(Some(&old), &again).accesses, []);
    let late = books("06:20:00.000", "-9m50s0ms");
    assert_eq!(access::ops(Some(&old), &late).accesses, [], "the clock was read late, which moves the age and not the date");
    let c = access::ops(Some(&old), &books("06:25:00.000", "-5m0s0ms"));
    assert_eq!(c.accesses.len(), 1);
}
