//! In which state things were sent, whenever they were captured or read.

use super::*;

fn sent(r: &JobResult, kind: Kind, state: DeviceState) -> &Verdict {
    r.sending.iter().find(|v| v.kind == kind && v.device_state == state).unwrap()
}

/// Contacts that are read in use, and uploaded with the screen off.
fn uploaded_at_night() -> Sample {
    let read = Fact::Read { data: Kind::Contacts, what: "content://contacts".into(), rows: Some(25) };
    silent().saw(10, read).flow(1, 5000, "drop.example", Some(0)).found(Kind::Contacts, Role::FlowRequest, Some(1), None, 1e-12)
}

#[test]
fn what_was_read_in_use_and_left_at_night_fails_every_gate() {
    let r = uploaded_at_night().decide();
    for state in [DeviceState::Background, DeviceState::ScreenOff] {
        assert_eq!(said(&r, Kind::Contacts, Rung::Transmitted, state), Answer::NotObserved);
    }
    assert_eq!(sent(&r, Kind::Contacts, DeviceState::ScreenOff).verdict, Answer::Proven);
    assert_eq!(sent(&r, Kind::Contacts, DeviceState::Background).verdict, Answer::NotObserved);
    for rung in [Rung::Requested, Rung::Opened, Rung::Transmitted] {
        assert_eq!(gate(&r, rung, 1), Gate::SentIdle);
    }
    let e = &row(&r, Kind::Contacts, Rung::Transmitted, DeviceState::InUse).evidence[0];
    assert_eq!((e.device_state, e.sent_state), (Some(DeviceState::InUse), Some(DeviceState::ScreenOff)));
    assert!(e.text.contains("the last read that was observed"), "{}", e.text);
}

#[test]
fn a_picture_of_a_use_that_leaves_later_is_no_capture_while_idle_and_is_sent_while_idle() {
    let r = silent().gave(10, 20).flow(1, 5000, "drop.example", Some(0)).found(Kind::Camera, Role::FlowRequest, Some(1), Some(15), 1e-30);
    let r = r.decide();
    assert_eq!(said(&r, Kind::Camera, Rung::Transmitted, DeviceState::ScreenOff), Answer::NotObserved);
    assert_eq!(sent(&r, Kind::Camera, DeviceState::ScreenOff).verdict, Answer::Proven);
    assert_eq!(gate(&r, Rung::Transmitted, 1), Gate::SentIdle);
}

#[test]
fn what_is_captured_while_idle_is_found_whenever_it_is_sent() {
    let taken = silent().gave(BACKGROUND_FRAME, BACKGROUND_FRAME).flow(1, 5000, "drop.example", Some(0));
    let r = taken.found(Kind::Camera, Role::FlowRequest, Some(1), Some(BACKGROUND_FRAME), 1e-30).decide();
    assert_eq!(gate(&r, Rung::Transmitted, 1), Gate::Found);
}

#[test]
fn nothing_sent_is_said_with_a_bound_or_with_what_could_have_hidden_it() {
    let r = silent().decide();
    let v = sent(&r, Kind::Contacts, DeviceState::ScreenOff);
    assert!(v.verdict == Answer::NotObserved && v.bound.is_some());
    let r = silent().saw(100, opaque(8)).decide();
    assert_eq!(sent(&r, Kind::Contacts, DeviceState::ScreenOff).verdict, Answer::Inconclusive);
}

#[test]
fn a_result_of_before_has_no_answer_about_sending_and_can_still_be_read() {
    let r = silent().decide();
    let mut old = serde_json::to_value(&r).unwrap();
    old.as_object_mut().unwrap().remove("sending");
    let old: JobResult = serde_json::from_value(old).unwrap();
    assert!(old.sending.is_empty());
    assert_eq!(gate(&old, Rung::Opened, 1), Gate::Nothing);
}
