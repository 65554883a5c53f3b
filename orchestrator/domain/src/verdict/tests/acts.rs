//! What acts of the owner began.

use stakeout_contract::{
    DeviceKind, Nanos,
    trial::{Delivered, StateSpan},
};

use super::*;

/// Opened at 0, foreground, a tap at 100 s and foreground again, the background from 400 s until 1000 s.
fn trial(tap: &str) -> Sample {
    let mut s = silent();
    s.record.scenario = serde_json::from_value(serde_json::json!({
        "name": "acts",
        "steps": ["launchApp", {"idle": {"state": "foreground", "for": "99s"}}, {"tapOn": "Record"}, {"idle": {"state": "foreground", "for": "299s"}},
            {"idle": {"state": "background", "for": "600s"}}]
    }))
    .unwrap();
    let marks = [
        (0, "in_use", "launchApp"),
        (1, "foreground", "idle"),
        (100, "in_use", tap),
        (101, "foreground", "idle"),
        (400, "background", "idle"),
    ];
    s.record.timeline.clear();
    for (i, (from, state, step)) in marks.into_iter().enumerate() {
        let state: DeviceState = state.parse().unwrap();
        let to = marks.get(i + 1).map_or(1000, |m| m.0);
        s.record.timeline.push(StateSpan { from: Nanos::from_secs(from), to: Nanos::from_secs(to), state });
        s = worker(s, from, Fact::State { state, step: step.into() });
        if state == DeviceState::InUse {
            s = worker(s, from + 1, Fact::Step { index: i, step: step.into(), outcome: "ok".into() });
        }
    }
    s
}

fn recorded() -> Sample {
    trial("tapOn Record")
}

fn worker(s: Sample, secs: u64, fact: Fact) -> Sample {
    let mut s = s.saw(secs, fact);
    s.observations.last_mut().unwrap().source = Source::Worker;
    s
}

/// A session of this sensor, all of which was given to the app and is in a file of it, where each part proves by itself.
fn session(s: Sample, sensor: Sensor, from: u64, to: u64) -> Sample {
    let opened = Fact::Opened { sensor, id: "0".into(), facing: None, api: String::new(), session: 1, preview_visible: false };
    let mut s = s.saw(from, opened).saw(to, Fact::Closed { sensor, session: 1 });
    let each = if sensor == Sensor::Camera { 30 } else { 20 };
    let (first, last) = (from * each, to * each - 1);
    s.record.delivered.push(Delivered { sensor, facing: None, session: 1, first, last, count: last - first + 1 });
    s = s.found(sensor.into(), Role::AppFile, None, Some(first), 1e-30);
    let f = s.analysis.findings.last_mut().unwrap();
    if sensor == Sensor::Camera {
        (f.frames, f.shown) = (Some([first, last]), (first..=last).collect());
    } else {
        let whole = [from as f64, to as f64];
        (f.frames, f.seconds, f.heard) = (None, Some(whole), vec![whole]);
    }
    s
}

/// What is said of all that a capture reaches, in a state.
fn use_of(r: &JobResult, kind: Kind, state: DeviceState) -> Vec<Answer> {
    [Rung::Opened, Rung::Delivered, Rung::Stored].map(|rung| said(r, kind, rung, state)).to_vec()
}

#[test]
fn a_recording_that_a_tap_begins_is_in_use_to_its_end_and_never_convicts() {
    let r = session(recorded(), Sensor::Microphone, 102, 300).decide();
    assert_eq!(use_of(&r, Kind::Microphone, DeviceState::InUse), [Answer::Proven; 3]);
    // Nobody saw it, and no act ended it: that it was meant is not known.
    let v = row(&r, Kind::Microphone, Rung::Opened, DeviceState::Foreground);
    assert_eq!((v.verdict, codes(v)), (Answer::Inconclusive, vec!["begun_by_act"]));
    assert!(v.reasons[0].text.contains("`tapOn Record`") && v.reasons[0].text.contains("198 s"), "{:?}", v.reasons);
    assert_eq!(said(&r, Kind::Camera, Rung::Opened, DeviceState::Foreground), Answer::NotObserved, "it says nothing of the other");
    assert_eq!(gate(&r, Rung::Opened, 1), Gate::Inconclusive);
    assert!(r.captures[0].begun_by_act && r.captures[0].device_state == DeviceState::InUse);
}

#[test]
fn a_recording_that_acts_begin_and_end_is_the_owners_and_leaves_no_doubt() {
    let s = worker(recorded(), 300, Fact::State { state: DeviceState::InUse, step: "tapOn Stop".into() });
    let s = worker(s, 301, Fact::Step { index: 4, step: "tapOn Stop".into(), outcome: "ok".into() });
    let mut s = worker(s, 301, Fact::State { state: DeviceState::Foreground, step: "idle".into() });
    s.observations.sort_by_key(|o| o.at);
    let r = session(s, Sensor::Microphone, 101, 301).decide();
    assert_eq!(use_of(&r, Kind::Microphone, DeviceState::InUse), [Answer::Proven; 3]);
    assert_eq!(use_of(&r, Kind::Microphone, DeviceState::Foreground), [Answer::NotObserved; 3]);
}

/// Opened by the tap at 100 s and closed by another one of each of these, after which the next is opened.
fn from_tap_to_tap(taps: &[u64]) -> Sample {
    let mut s = recorded();
    let end = taps.last().unwrap() + 10;
    for span in &mut s.record.timeline {
        (span.from, span.to) = match span.state {
            DeviceState::Background => (Nanos::from_secs(end), Nanos::from_secs(end + 600)),
            _ if span.from == Nanos::from_secs(101) => (span.from, Nanos::from_secs(end)),
            _ => (span.from, span.to),
        };
    }
    s.observations.retain(|o| !matches!(o.fact, Fact::State { state: DeviceState::Background, .. }));
    let mut from = 101;
    for (i, tap) in taps.iter().enumerate() {
        s = worker(s, *tap, Fact::State { state: DeviceState::InUse, step: "tapOn Any".into() });
        s = worker(s, tap + 1, Fact::Step { index: 10 + i, step: "tapOn Any".into(), outcome: "ok".into() });
        s = worker(s, tap + 1, Fact::State { state: DeviceState::Foreground, step: "idle".into() });
        let session = i as u64 + 1;
        let sensor = Sensor::Microphone;
        let opened = Fact::Opened { sensor, id: "0".into(), facing: None, api: String::new(), session, preview_visible: false };
        s = s.saw(from, opened).saw(tap + 1, Fact::Closed { sensor, session });
        from = tap + 2;
    }
    s = worker(s, end, Fact::State { state: DeviceState::Background, step: "idle".into() });
    s
}

#[test]
fn a_microphone_that_is_open_from_touch_to_touch_is_not_taken_for_the_owners() {
    let said = |taps: &[u64]| {
        let r = from_tap_to_tap(taps).decide();
        let v = row(&r, Kind::Microphone, Rung::Opened, DeviceState::Foreground);
        (v.verdict, v.reasons.iter().map(|r| (r.code.clone(), r.text.contains("until the owner touched"))).collect::<Vec<_>>())
    };
    assert_eq!(said(&[300]), (Answer::NotObserved, vec![]), "begun and ended within minutes");
    assert_eq!(said(&[3600]), (Answer::Inconclusive, vec![("begun_by_act".to_owned(), true)]), "an hour");
    // Four minutes each, all of the time.
    let all = said(&[340, 580, 820]);
    assert_eq!((all.0, all.1.len()), (Answer::Inconclusive, 3));
}

#[test]
fn what_the_app_does_beside_a_preview_that_the_owner_sees_is_dated_by_the_device() {
    let s = session(recorded(), Sensor::Camera, 102, 300).saw(104, Fact::Preview { session: 1, visible: true });
    let sensor = Sensor::Microphone;
    let sound = Fact::Opened { sensor, id: "0".into(), facing: None, api: String::new(), session: 2, preview_visible: false };
    let read = Fact::Read { data: Kind::Contacts, what: "content://contacts".into(), rows: Some(25) };
    let s = s.saw(200, sound).saw(210, read).flow(1, 220, "drop.example", Some(0));
    let r = s.found(Kind::Contacts, Role::FlowRequest, Some(1), None, 1e-12).decide();
    assert_eq!(use_of(&r, Kind::Camera, DeviceState::InUse), [Answer::Proven; 3]);
    assert_eq!(use_of(&r, Kind::Camera, DeviceState::Foreground), [Answer::NotObserved; 3]);
    assert_eq!(said(&r, Kind::Microphone, Rung::Opened, DeviceState::Foreground), Answer::Supported);
    assert_eq!(said(&r, Kind::Contacts, Rung::Read, DeviceState::Foreground), Answer::Supported);
    let sent = r.sending.iter().find(|v| v.kind == Kind::Contacts && v.device_state == DeviceState::Foreground).unwrap();
    assert_eq!(sent.verdict, Answer::Proven);
}

#[test]
fn what_a_preview_that_the_owner_sees_gives_is_sent_in_use_and_nothing_else_is() {
    let seen = || session(recorded(), Sensor::Camera, 102, 300).saw(104, Fact::Preview { session: 1, visible: true });
    let sent = |s: Sample, at: u64| {
        let r = s.flow(1, at, "scan.example", Some(0)).found(Kind::Camera, Role::FlowRequest, Some(1), Some(103 * 30), 1e-30).decide();
        let of = |state| r.sending.iter().find(|v| v.kind == Kind::Camera && v.device_state == state).unwrap().verdict;
        (of(DeviceState::InUse), of(DeviceState::Foreground), gate(&r, Rung::Opened, 1))
    };
    let in_use = (Answer::Proven, Answer::NotObserved, Gate::Nothing);
    let idle = (Answer::NotObserved, Answer::Proven, Gate::SentIdle);
    assert_eq!(sent(seen(), 250), in_use, "a scanner's picture while it is held up");
    assert_eq!(sent(seen(), 350), idle, "when it was closed");
    let hidden = seen().saw(200, Fact::Preview { session: 1, visible: false });
    assert_eq!(sent(hidden, 250).1, Answer::Proven, "when nobody sees it any more");
    assert_eq!(sent(session(recorded(), Sensor::Camera, 102, 300), 250).1, Answer::Proven, "when nobody ever did");
}

#[test]
fn a_shutter_that_waits_three_seconds_is_of_the_tap() {
    let r = session(recorded(), Sensor::Camera, 104, 105).decide();
    assert_eq!(use_of(&r, Kind::Camera, DeviceState::InUse), [Answer::Proven; 3]);
    assert_eq!(use_of(&r, Kind::Camera, DeviceState::Foreground), [Answer::NotObserved; 3]);
    assert_eq!(gate(&r, Rung::Opened, 1), Gate::Nothing);
}

#[test]
fn a_preview_that_needs_its_time_is_in_use_until_it_is_hidden() {
    let s = session(recorded(), Sensor::Camera, 102, 300);
    let r = s.saw(104, Fact::Preview { session: 1, visible: true }).saw(200, Fact::Preview { session: 1, visible: false }).decide();
    assert_eq!(use_of(&r, Kind::Camera, DeviceState::InUse), [Answer::Proven; 3]);
    // A hundred seconds more, which nobody could see.
    assert_eq!(use_of(&r, Kind::Camera, DeviceState::Foreground)[1..], [Answer::Proven; 2]);
    let s = session(recorded(), Sensor::Camera, 102, 300).saw(104, Fact::Preview { session: 1, visible: true });
    assert_eq!(use_of(&s.decide(), Kind::Camera, DeviceState::Foreground), [Answer::NotObserved; 3]);
}

#[test]
fn what_goes_on_when_the_owner_has_left_is_idle_and_told_as_begun_by_an_act() {
    let r = session(recorded(), Sensor::Microphone, 102, 900).decide();
    let v = row(&r, Kind::Microphone, Rung::Stored, DeviceState::Background);
    assert_eq!(v.verdict, Answer::Proven);
    assert!(v.evidence[0].text.ends_with(", begun by an act of the owner (`tapOn Record`)"), "{}", v.evidence[0].text);
    assert_eq!(gate(&r, Rung::Opened, 1), Gate::Found);
}

#[test]
fn what_begins_after_the_window_or_before_the_act_is_not_of_it() {
    for from in [50, 90, 106, 200] {
        let r = session(recorded(), Sensor::Microphone, from, 300).decide();
        assert_eq!(said(&r, Kind::Microphone, Rung::Stored, DeviceState::Foreground), Answer::Proven, "{from}");
        assert_eq!(gate(&r, Rung::Opened, 1), Gate::Found, "{from}");
    }
}

#[test]
fn a_real_guests_books_have_some_seconds_more() {
    let mut s = session(recorded(), Sensor::Microphone, 107, 108);
    s.record.device = DeviceKind::Emulator;
    assert_eq!(use_of(&s.decide(), Kind::Microphone, DeviceState::Foreground), [Answer::NotObserved; 3]);
    s.record.device = DeviceKind::Jvm;
    assert_eq!(use_of(&s.decide(), Kind::Microphone, DeviceState::Foreground), [Answer::Proven; 3]);
}

#[test]
fn opening_the_app_begins_only_what_the_owner_sees() {
    let hidden = || session(recorded(), Sensor::Camera, 2, 50);
    assert_eq!(said(&hidden().decide(), Kind::Camera, Rung::Stored, DeviceState::Foreground), Answer::Proven);
    let seen = hidden().saw(3, Fact::Preview { session: 1, visible: true });
    assert_eq!(use_of(&seen.decide(), Kind::Camera, DeviceState::Foreground), [Answer::NotObserved; 3]);
    let sound = session(recorded(), Sensor::Microphone, 2, 50).decide();
    assert_eq!(said(&sound, Kind::Microphone, Rung::Stored, DeviceState::Foreground), Answer::Proven);
}

#[test]
fn a_tap_on_what_was_not_there_begins_nothing() {
    let mut s = session(recorded(), Sensor::Microphone, 102, 300);
    for o in &mut s.observations {
        if let Fact::Step { step, outcome, .. } = &mut o.fact
            && step == "tapOn Record"
        {
            *outcome = "skipped".into();
        }
    }
    assert_eq!(said(&s.decide(), Kind::Microphone, Rung::Stored, DeviceState::Foreground), Answer::Proven);
}

#[test]
fn what_comes_under_the_name_of_a_session_before_it_began_or_after_it_ended_is_not_of_it() {
    for (from, to) in [(40, 60), (200, 220)] {
        let mut s = session(recorded(), Sensor::Microphone, 102, 104);
        let (first, last) = (from * 20, to * 20);
        s.record.delivered.push(Delivered { sensor: Sensor::Microphone, facing: None, session: 1, first, last, count: last - first + 1 });
        assert_eq!(said(&s.decide(), Kind::Microphone, Rung::Delivered, DeviceState::Foreground), Answer::Supported, "{from}");
    }
}

#[test]
fn another_session_beside_the_owners_is_dated_by_the_device() {
    let mut s = session(recorded(), Sensor::Microphone, 102, 300);
    s = s.saw(150, opened()).saw(160, Fact::Closed { sensor: Sensor::Camera, session: 1 });
    let r = s.decide();
    assert_eq!(said(&r, Kind::Camera, Rung::Opened, DeviceState::Foreground), Answer::Supported);
}

#[test]
fn a_service_that_records_when_its_window_is_gone_is_told_as_begun_and_is_idle() {
    let service = Fact::Service { name: "Rec".into(), change: "foreground".into(), types: vec![], reason: String::new() };
    let mut s = recorded();
    // The owner leaves a second after the tap.
    for o in &mut s.observations {
        if let Fact::State { state: state @ DeviceState::Foreground, .. } = &mut o.fact
            && o.at == Nanos::from_secs(101)
        {
            *state = DeviceState::Background;
        }
    }
    s.record.timeline[3].state = DeviceState::Background;
    let without = session(s, Sensor::Microphone, 103, 300);
    let v = |s: &Sample| row(&s.decide(), Kind::Microphone, Rung::Opened, DeviceState::Background).evidence[0].text.clone();
    assert!(!v(&without).contains("begun by"));
    let with = without.saw(101, service);
    assert!(v(&with).contains("begun by an act of the owner"), "{}", v(&with));
    assert_eq!(said(&with.decide(), Kind::Microphone, Rung::Stored, DeviceState::Background), Answer::Proven);
}

#[test]
fn what_a_tap_sends_is_sent_in_use() {
    let at =
        |secs| recorded().flow(1, secs, "conf.example", Some(0)).found(Kind::Contacts, Role::FlowRequest, Some(1), None, 1e-12).decide();
    let sent = |r: &JobResult| r.sending.iter().find(|v| v.kind == Kind::Contacts && v.verdict == Answer::Proven).map(|v| v.device_state);
    assert_eq!(sent(&at(103)), Some(DeviceState::InUse));
    assert_eq!(sent(&at(120)), Some(DeviceState::Foreground));
}
