//! In which state things were sent, whenever they were captured or read.

use stakeout_contract::{Nanos, Sha256Digest, clock::ClockSample};

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

/// A request that began at `from` and whose last byte came at `until`.
fn went(s: Sample, id: u32, from: u64, until: u64) -> Sample {
    let mut s = s.flow(id, from, "drop.example", Some(0));
    let nanos = |seconds: u64| seconds * 1_000_000_000;
    s.record.clock = vec![ClockSample { real: 0, at: Nanos::ZERO }];
    let flow = s.flows.last_mut().unwrap();
    (flow.real, flow.real_sent, flow.real_end) = (nanos(from), nanos(until), nanos(until) + 1);
    s
}

fn read_contacts(s: Sample, at: u64) -> Sample {
    s.saw(at, Fact::Read { data: Kind::Contacts, what: "content://contacts".into(), rows: Some(25) })
}

#[test]
fn a_request_that_begins_in_use_and_ends_at_night_is_not_taken_for_one_of_the_use() {
    let found = |s: Sample| s.found(Kind::Contacts, Role::FlowRequest, Some(1), None, 1e-12).decide();
    // Read in use, begun in use; the rest of it went at night, for all that is known.
    let r = found(went(read_contacts(silent(), 10), 1, 20, 5000));
    assert_eq!(said(&r, Kind::Contacts, Rung::Transmitted, DeviceState::InUse), Answer::Supported);
    let v = sent(&r, Kind::Contacts, DeviceState::ScreenOff);
    assert_eq!((v.verdict, v.reasons[0].code.as_str()), (Answer::Inconclusive, "undated"));
    assert_eq!(gate(&r, Rung::Opened, 1), Gate::Inconclusive);
    // Read at night, after its first byte.
    let r = found(went(read_contacts(silent(), 4000), 1, 20, 5000));
    assert_eq!(said(&r, Kind::Contacts, Rung::Transmitted, DeviceState::ScreenOff), Answer::Supported);
    let e = &row(&r, Kind::Contacts, Rung::Transmitted, DeviceState::ScreenOff).evidence[0];
    assert!(e.text.contains("read while that went"), "{}", e.text);
    // Read in both.
    let r = found(went(read_contacts(read_contacts(silent(), 10), 4000), 1, 20, 5000));
    for state in [DeviceState::InUse, DeviceState::ScreenOff] {
        assert_eq!(said(&r, Kind::Contacts, Rung::Transmitted, state), Answer::Inconclusive);
    }
    assert_eq!(said(&r, Kind::Contacts, Rung::Transmitted, DeviceState::Any), Answer::Proven);
    // All of it at once, as it was.
    let r = found(went(read_contacts(silent(), 10), 1, 20, 20));
    assert_eq!(sent(&r, Kind::Contacts, DeviceState::ScreenOff).verdict, Answer::NotObserved);
}

#[test]
fn a_picture_that_is_not_recognised_may_be_what_was_sent_when_it_was_sent() {
    let mut s = silent().gave(10, 20).flow(1, 5000, "drop.example", Some(0));
    let digest = Sha256Digest::of(b"picture");
    s.flows[0].request = Some(digest);
    s.analysis.searched.unread =
        vec![Skipped { file: format!("artifacts/{digest}"), reason: "picture".into(), role: Some(Role::FlowRequest) }];
    let r = s.decide();
    // Of what was given in use, and sent at night.
    assert_eq!(said(&r, Kind::Camera, Rung::Transmitted, DeviceState::InUse), Answer::Inconclusive);
    assert_eq!(said(&r, Kind::Camera, Rung::Transmitted, DeviceState::ScreenOff), Answer::NotObserved);
    assert_eq!(sent(&r, Kind::Camera, DeviceState::ScreenOff).verdict, Answer::Inconclusive);
    assert_eq!(sent(&r, Kind::Camera, DeviceState::Background).verdict, Answer::NotObserved);
    // The row says so; a gate that took it for an open claim would let no app pass that has pictures of its own.
    assert_eq!(gate(&r, Rung::Opened, 1), Gate::Nothing);
    assert_eq!(gate(&silent().saw(100, opaque(8)).decide(), Rung::Opened, 1), Gate::Inconclusive);
}

#[test]
fn what_another_apps_page_is_told_may_leave_then() {
    let page = |action: &str| Fact::UnsupportedApi {
        name: format!("android.content.Context.startActivity of {action}, with data"),
        effect: "ignored".into(),
    };
    let r = silent().saw(5000, page("android.intent.action.VIEW")).decide();
    assert_eq!(sent(&r, Kind::Contacts, DeviceState::ScreenOff).verdict, Answer::Inconclusive);
    assert_eq!(sent(&r, Kind::Contacts, DeviceState::Background).verdict, Answer::NotObserved);
    assert_eq!(said(&r, Kind::Contacts, Rung::Transmitted, DeviceState::Background), Answer::Inconclusive);
    assert_eq!(said(&r, Kind::Contacts, Rung::Read, DeviceState::ScreenOff), Answer::NotObserved);
    // What such a page would have given to the app is in doubt all the same.
    let r = silent().saw(5000, page("android.media.action.IMAGE_CAPTURE")).decide();
    assert_eq!(said(&r, Kind::Camera, Rung::Opened, DeviceState::ScreenOff), Answer::Inconclusive);
    assert_eq!(sent(&r, Kind::Contacts, DeviceState::ScreenOff).verdict, Answer::Inconclusive);
}

#[test]
fn what_another_apps_receiver_is_told_may_leave_then_and_what_is_backed_up_whenever() {
    let call = |name: &str| silent().saw(100, Fact::UnsupportedApi { name: name.into(), effect: "ignored".into() }).decide();
    let answers = |r: &JobResult| {
        let of = |state| sent(r, Kind::Contacts, state).verdict;
        [DeviceState::InUse, DeviceState::Background, DeviceState::ScreenOff].map(of)
    };
    let (seen, open) = (Answer::NotObserved, Answer::Inconclusive);
    let told = call("android.content.Context.sendBroadcast of a.b, with data");
    assert_eq!(answers(&told), [seen, open, seen]);
    let kept = call("android.app.backup.BackupManager.dataChanged");
    assert_eq!(answers(&kept), [seen, open, open]);
    for r in [told, kept] {
        assert_eq!(said(&r, Kind::Contacts, Rung::Read, DeviceState::Background), Answer::NotObserved);
    }
}
