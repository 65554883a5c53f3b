//! Camera and audio.

use stakeout_truth::{
    Cut,
    audio::{self, Rec, RecVerb, Recorder},
    camera::{self, CameraClient, CameraLog, CameraUser},
};

use crate::{NOW, clock, fixture, second};

fn user(camera: &str, package: &str, pid: i32) -> CameraUser {
    CameraUser { camera: camera.into(), package: package.into(), pid }
}

#[test]
fn the_camera_log_of_api_26_is_read_oldest_first() {
    let p = camera::parse(&fixture("camera-26.txt"), &clock());
    assert!(p.notes.is_whole() && p.notes.unknown_lines == 0, "{:?}", p.notes);
    assert_eq!(p.value.clients, Some(vec![]));
    assert!(!p.value.log_full && p.value.clock_jumps == 0);
    let log = p.value.log.unwrap();
    let by = user("0", "com.example.app", 4321);
    let expected = [
        (1800, CameraLog::Add { camera: "0".into() }),
        (1800, CameraLog::Add { camera: "1".into() }),
        (1799, CameraLog::UserSwitch),
        (1198, CameraLog::Reject { by: user("1", "com.example.app", 4300), reason: "Camera access blocked by policy".into() }),
        (1049, CameraLog::Connect { by: by.clone(), offline: false }),
        (1040, CameraLog::Disconnect { by, offline: false }),
    ];
    assert_eq!(log.len(), expected.len());
    for (e, (ago, what)) in log.iter().zip(expected) {
        assert_eq!((e.when, &e.what), (second(ago), &what));
    }
}

#[test]
fn the_camera_log_of_api_35_has_clients_evictions_and_denials() {
    let p = camera::parse(&fixture("camera-35.txt"), &clock());
    assert!(p.notes.is_whole() && p.notes.unknown_lines == 0, "{:?}", p.notes);
    let client =
        CameraClient { camera: "1".into(), pid: 4400, package: Some("com.example.app".into()), user: Some(0), process_state: Some(2) };
    assert_eq!(p.value.clients, Some(vec![client]));
    let what: Vec<CameraLog> = p.value.log.unwrap().into_iter().map(|e| e.what).collect();
    assert_eq!(what[1], CameraLog::Torch { camera: "0".into(), pid: Some(4290) });
    assert_eq!(what[3], CameraLog::Other);
    assert_eq!(what[4], CameraLog::Died { pid: 4310, reason: "Binder died".into() });
    let CameraLog::Evict { from, reason } = &what[5] else { panic!("{:?}", what[5]) };
    assert_eq!(reason, "Evicted by device 1 client for package com.example.app (PID 4400, score 0, state 2)");
    assert_eq!(from, &user("0", "com.example.app", 4321));
    let blocked = "due to eviction policy; Blocked by existing device 1 client for package com.example.app(PID 4400, score 0, state 2)";
    assert_eq!(what[8], CameraLog::Reject { by: user("0", "com.example.other", 4500), reason: blocked.into() });
    assert_eq!(what.len(), 9);
}

#[test]
fn an_idle_camera_is_no_missing_one() {
    let p = camera::parse(&fixture("camera-idle.txt"), &clock());
    assert!(p.notes.is_whole() && p.notes.unknown_lines == 0, "{:?}", p.notes);
    assert_eq!((p.value.clients, p.value.log), (Some(vec![]), Some(vec![])));
    let p = camera::parse(b"Can't find service: media.camera\n", &clock());
    assert_eq!(p.notes.refused.as_deref(), Some("Can't find service: media.camera"));
    assert_eq!((p.value.clients, p.value.log), (None, None));
}

#[test]
fn a_camera_log_that_stops_in_the_middle_is_told() {
    let whole = fixture("camera-26.txt");
    let half = &whole[..whole.len() / 2];
    let p = camera::parse(half, &clock());
    assert!(p.notes.cut.contains(&Cut::NoLineEnd) && p.notes.cut.contains(&Cut::Missing), "{:?}", p.notes);
    let late = [half, b"\n*** SERVICE 'media.camera' DUMP TIMEOUT (10000ms) EXPIRED ***\n\n"].concat();
    assert!(camera::parse(&late, &clock()).notes.cut.contains(&Cut::Timeout));
}

#[test]
fn the_recorders_of_api_28_have_sessions() {
    let p = audio::parse(&fixture("audio-28.txt"), &clock());
    assert!(p.notes.is_whole() && p.notes.unknown_lines == 0, "{:?}", p.notes);
    let r = Recorder {
        riid: None,
        active: true,
        session: Some(41),
        source: Some("MIC".into()),
        uid: Some(10142),
        package: Some("com.example.app".into()),
        silenced: None,
    };
    assert_eq!(p.value.recorders, Some(vec![r]));
    let log = p.value.log.unwrap();
    assert_eq!(log.len(), 3);
    assert_eq!(log[0].when.earliest, NOW - 56_369);
    assert_eq!(log[0].when.width(), 0);
    let stop = Rec {
        verb: RecVerb::Stop,
        riid: None,
        uid: Some(10142),
        session: Some(33),
        source: Some("MIC".into()),
        silenced: None,
        package: None,
    };
    assert_eq!(log[1].rec, stop);
}

#[test]
fn the_recorders_of_api_35_have_numbers_and_may_be_silenced() {
    let p = audio::parse(&fixture("audio-35.txt"), &clock());
    assert!(p.notes.is_whole() && p.notes.unknown_lines == 0, "{:?}", p.notes);
    let r = p.value.recorders.unwrap();
    assert_eq!(r.len(), 3);
    assert_eq!((r[0].riid, r[0].active, r[0].silenced, r[0].session), (Some(47), true, Some(true), Some(33)));
    assert_eq!((r[1].riid, r[1].active, r[1].uid), (Some(48), false, None));
    assert_eq!((r[2].riid, r[2].active, r[2].package.as_deref()), (None, true, Some("com.example.assistant")));
    let log = p.value.log.unwrap();
    // What stands behind the log is not of it.
    assert_eq!(log.len(), 6);
    assert_eq!((log[0].rec.verb, log[0].rec.silenced), (RecVerb::Update, Some(false)));
    assert_eq!((log[2].rec.verb, log[2].rec.silenced), (RecVerb::Update, Some(true)));
    assert_eq!((log[5].rec.verb, log[5].rec.riid), (RecVerb::Release, Some(49)));
}

#[test]
fn idle_audio_is_empty_and_whole_and_a_late_one_is_not() {
    let p = audio::parse(&fixture("audio-idle.txt"), &clock());
    assert!(p.notes.is_whole(), "{:?}", p.notes);
    assert_eq!((p.value.recorders, p.value.log), (Some(vec![]), Some(vec![])));
    let p =
        audio::parse(b"RecordActivityMonitor dump time: 9:30:00 AM\n*** SERVICE 'audio' DUMP TIMEOUT (10000ms) EXPIRED ***\n", &clock());
    assert_eq!(p.notes.cut, [Cut::Timeout, Cut::Missing]);
    let p = audio::parse(b"Can't find service: audio\n", &clock());
    assert!(p.notes.refused.is_some() && p.value.log.is_none());
}

#[test]
fn full_rings_are_told() {
    let events =
        (0..100).map(|i| format!("  11-25 09:{:02}:{:02} : USER_SWITCH {i}\n", 28 - i / 60, 59 - i % 60)).collect::<Vec<_>>().concat();
    let dump = |events: &str| format!("Active Camera Clients:\n[]\n\n== Camera service events log (most recent at top): ==\n{events}\n");
    let p = camera::parse(dump(&events).as_bytes(), &clock());
    assert!(p.value.log_full && p.notes.is_whole() && p.value.clock_jumps == 0, "{p:?}");
    let p = camera::parse(dump("  11-25 09:00:00 : USER_SWITCH a\n  ...\n").as_bytes(), &clock());
    assert!(p.value.log_full, "the service says so itself");
    let events = (0..50)
        .map(|i| format!("11-25 09:29:{i:02}:000 rec update riid:{i} uid:10142 session:3 src:MIC pack:p\n"))
        .collect::<Vec<_>>()
        .concat();
    let p = audio::parse(format!("RecordActivityMonitor dump time: x\n\nEvents log: recording activity\n{events}").as_bytes(), &clock());
    assert!(p.value.log_full && p.notes.is_whole());
}

#[test]
fn a_clock_that_was_set_back_is_told() {
    let log = "  11-25 09:00:00 : USER_SWITCH b\n  11-25 10:00:00 : USER_SWITCH a\n";
    let dump = format!("Active Camera Clients:\n[]\n\n== Camera service events log (most recent at top): ==\n{log}\n");
    let p = camera::parse(dump.as_bytes(), &clock());
    assert_eq!(p.value.clock_jumps, 1);
    // The one from the future is not of last year.
    assert_eq!(p.value.log.unwrap()[0].when.earliest, NOW + 1_800_000);
}
