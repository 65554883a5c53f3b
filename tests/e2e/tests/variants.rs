//! The same app by other rules: an old one whose shutter is heard, and one that is shown a room.
#![allow(clippy::unwrap_used)]

use stakeout_contract::{
    Answer::Proven,
    DeviceState::Background,
    Kind::Camera,
    Rung::{Opened, Stored, Transmitted},
    Sensor,
    artifact::Role,
    observation::Fact,
    trial::FeedMode,
};
use stakeout_e2e::{Stakeout, app, observations, pairs, record, scenario, truth};

#[test]
fn the_shutter_of_an_old_app_is_heard_and_told() {
    assert_eq!(truth("loud-old")["shutter"], true);
    let s = Stakeout::new();
    let a = s.run(&app("loud-old"), &scenario("short"), &["--api", "23"]);
    assert_eq!(a.code, 10, "{}", a.stderr);
    a.is(Camera, Stored, Background, Proven);
    a.is(Camera, Transmitted, Background, Proven);
    let told = observations(&s.bundle(), 1);
    let opened = |o: &&stakeout_contract::observation::Observation| matches!(o.fact, Fact::Opened { sensor: Sensor::Camera, .. });
    let sounded = told.iter().filter(|o| matches!(o.fact, Fact::Shutter { audible: true, .. })).count();
    assert!(sounded > 0 && sounded == told.iter().filter(opened).count(), "{sounded} of the shutters sounded");
    let by_the_old_interface = told.iter().filter(opened).all(|o| matches!(&o.fact, Fact::Opened { api, .. } if api == "camera1"));
    assert!(by_the_old_interface);
    assert!(s.page().contains("the shutter sounded"), "the page does not say that the shutter was heard");
}

#[test]
fn an_app_that_is_shown_a_room_is_proven_to_have_kept_and_sent_it() {
    let s = Stakeout::new();
    let a = s.run(&app("loud"), &scenario("short"), &["--feed", "scene"]);
    assert_eq!(a.code, 10, "{}", a.stderr);
    for rung in [Opened, Stored, Transmitted] {
        a.is(Camera, rung, Background, Proven);
    }
    let bundle = s.bundle();
    let trial = record(&bundle, 1);
    assert_eq!(trial.feed_mode, FeedMode::Scene);
    // The card is grey and a room is not: the app got the room, in colour.
    let truth = truth("loud");
    let side = |name: &str| truth["raw"][name].as_u64().unwrap();
    let grey = side("width") * side("height");
    let prefix = truth["file_prefixes"]["raw"].as_str().unwrap();
    let raw = trial.artifacts.iter().find(|x| x.role == Role::AppFile && x.name.contains(prefix) && x.size == grey * 3 / 2).unwrap();
    let bytes = bundle.read(&format!("trials/1/artifacts/{}", raw.sha256)).unwrap();
    let coloured = bytes[grey as usize..].iter().filter(|c| **c != 128).count();
    assert!(coloured > 1000, "{coloured} of {} bytes are of a colour", bytes.len());
    // Beside what was recovered stands the room as it was shown.
    let (pairs, whole) = pairs(&s.page());
    assert!(pairs >= 2 && whole == pairs, "{whole} of {pairs} pairs of pictures are shown whole");
}
