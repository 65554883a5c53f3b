//! Which servers were played, request by request.

use stakeout_contract::scenario::NetworkPolicy;

use super::*;

/// A request while the app waits in the background: method, path, and the answer.
fn poll(s: Sample, id: u32, secs: u64, (method, path): (&str, &str), stub: Option<usize>) -> Sample {
    let mut s = s.flow(id, secs, "own.example", stub);
    let f = s.flows.last_mut().unwrap();
    (f.method, f.path) = (method.into(), path.into());
    s
}

fn live(s: Sample, id: u32, secs: u64, path: &str, (status, error): (u16, &str)) -> Sample {
    let mut s = poll(s, id, secs, ("GET", path), None);
    let f = s.flows.last_mut().unwrap();
    (f.policy, f.status, f.error) = ("live".into(), status, error.into());
    s
}

fn camera(r: &JobResult, state: DeviceState) -> &Verdict {
    row(r, Kind::Camera, Rung::Opened, state)
}

#[test]
fn each_request_is_played_for_itself_whatever_another_of_its_path_was_answered() {
    let played = |s| poll(s, 1, 5, ("GET", "/api"), Some(0));
    let r = poll(played(silent()), 2, 100, ("GET", "/api"), Some(0)).decide();
    assert_eq!(camera(&r, DeviceState::Background).verdict, Answer::NotObserved);
    for asked in [("POST", "/api"), ("GET", "/api?cmd=poll"), ("POST", "/api?cmd=poll"), ("GET", "/other"), ("GET", "/api")] {
        let r = poll(played(silent()), 2, 100, asked, None).decide();
        let v = camera(&r, DeviceState::Background);
        assert_eq!((v.verdict, codes(v)), (Answer::Inconclusive, vec!["server_not_played"]), "{asked:?}");
        assert!(v.reasons[0].text.contains(&format!("`{} {}`", asked.0, asked.1)), "{:?}", v.reasons);
    }
}

#[test]
fn a_request_in_use_that_was_not_played_leaves_its_doubt_in_every_state() {
    let r = poll(silent(), 1, 5, ("GET", "/config"), None).decide();
    for state in [DeviceState::InUse, DeviceState::Background, DeviceState::ScreenOff] {
        assert_eq!(codes(camera(&r, state)), ["server_not_played"], "{state}");
    }
}

#[test]
fn a_live_server_that_answered_once_and_not_while_idle_was_not_played_while_idle() {
    let once = || live(silent(), 1, 5, "/config", (200, ""));
    assert_eq!(camera(&once().decide(), DeviceState::ScreenOff).verdict, Answer::NotObserved);
    for bad in [
        (0, ""),
        (0, "timed out"),
        (502, "the server cannot be reached"),
        (200, "cut"),
        (500, ""),
        (503, ""),
        (401, ""),
        (403, ""),
        (407, ""),
        (429, ""),
        (451, ""),
    ] {
        let r = live(once(), 2, 100, "/config", bad).decide();
        for state in [DeviceState::Background, DeviceState::ScreenOff, DeviceState::Any] {
            assert_eq!((camera(&r, state).verdict, codes(camera(&r, state))), (Answer::Inconclusive, vec!["server_not_played"]), "{bad:?}");
        }
    }
    for good in [200, 204, 304, 404, 410] {
        let r = live(once(), 2, 100, "/config", (good, "")).decide();
        assert_eq!(camera(&r, DeviceState::ScreenOff).verdict, Answer::NotObserved, "{good}");
    }
}

#[test]
fn what_a_live_server_did_not_answer_is_a_doubt_from_then_until_the_same_is_answered() {
    let failed = || live(silent(), 1, 100, "/poll", (503, ""));
    let r = failed().decide();
    assert_eq!(codes(camera(&r, DeviceState::InUse)), [""; 0], "what came before was not hidden by it");
    // A minute later, and still in the background.
    let r = live(failed(), 2, 160, "/poll", (200, "")).decide();
    assert_eq!(codes(camera(&r, DeviceState::Background)), ["server_not_played"]);
    assert_eq!(camera(&r, DeviceState::ScreenOff).verdict, Answer::NotObserved);
    // Another question does not answer it.
    let r = live(failed(), 2, 160, "/poll?since=1", (200, "")).decide();
    assert_eq!(codes(camera(&r, DeviceState::ScreenOff)), ["server_not_played"]);
}

#[test]
fn what_waited_for_a_live_server_and_was_let_go_is_a_doubt_from_then_on() {
    let held = |policy| {
        let mut s = silent().saw(100, Fact::ClockHeld { thread: "io".into(), r#where: "app.Poll.run:7".into(), spins: false });
        s.record.scenario.network.policy = policy;
        s.decide()
    };
    let r = held(NetworkPolicy::Live);
    for state in [DeviceState::Background, DeviceState::ScreenOff] {
        assert_eq!((camera(&r, state).verdict, codes(camera(&r, state))), (Answer::Inconclusive, vec!["clock_held"]), "{state}");
    }
    assert_eq!(camera(&r, DeviceState::InUse).verdict, Answer::NotObserved);
    assert_eq!(camera(&held(NetworkPolicy::Sinkhole), DeviceState::ScreenOff).verdict, Answer::NotObserved);
}
