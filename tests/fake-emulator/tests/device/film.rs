//! The cameras by films: which frames a session saw, and that a state of the device begins with a new film. And by a video device that
//! is not there.

use serde_json::{Value, json};
use stakeout_feed::{CameraDetector, CandidateTrial, Facing, FeedMode, GrayImage, SubKey};
use stakeout_protocol::choice::Cameras;

use crate::{
    faults::launched,
    trial::files,
    worker::{Worker, layout},
};

const PACKAGE: &str = "net.example.played";
const PICTURE: &str = "/data/data/net.example.played/files/a.jpg";

/// A device with films, whose guest runs twice as fast as we do: a film takes a second to be made.
async fn assigned(faults: &str, probe: bool) -> Worker {
    let (folder, mut layout) = layout(faults, false, &[("FAKE_EMULATOR_SCALE", "2")]);
    layout.cameras = Some(Cameras::VideoFile);
    layout.probe = probe.then(|| crate::probe::probe(folder.path()));
    let mut w = Worker::in_layout(folder, layout).await;
    assert_eq!(w.ok(json!({"verb": "hello"})).await["camera_route"], "videofile");
    w.ok(json!({"verb": "boot", "api": 34, "locale": "en-US"})).await;
    w.ok(Worker::assignment("grant-all")).await;
    w
}

/// An app that looks for six seconds, a second after it was opened, and keeps what it saw in the middle.
fn looks() -> Value {
    json!({"package": PACKAGE, "steps": [
        {"on": "launch", "after": 1, "do": {"open_camera": {"seconds": 6, "to": {"store": PICTURE}}}}]})
}

/// The frame that a picture shows, of all in the trial.
fn frame(jpeg: &[u8]) -> u64 {
    let luma = image::load_from_memory(jpeg).unwrap().to_luma8();
    let (width, height) = luma.dimensions();
    let candidate = CandidateTrial {
        subkey: SubKey::from_bytes([0xaa; 32]),
        facing: Facing::Back,
        mode: FeedMode::Pattern,
        delivered: vec![0..=30 * 600],
        horizon_frames: 30 * 600 + 1,
    };
    CameraDetector::new(&[candidate]).detect(&GrayImage { width, height, luma: luma.into_raw() }).first().expect("a frame").frame
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_a_film_is_dated_within_its_session_and_no_later_than_it_was_taken() {
    let mut w = assigned("", false).await;
    let said = w.facts("log").into_iter().any(|f| f.1["line"].as_str().unwrap().starts_with("camera by videofile: a frame was shown at "));
    assert!(said, "the record names the route and how it dates");
    w.install(&looks()).await;
    // A state begins here, and with it a film.
    let began = w.advance(0).await as f64 / 1e9;
    w.ok(json!({"verb": "launch"})).await;
    w.advance(15).await;
    w.ok(json!({"verb": "snapshot_files", "max_bytes": 10_000_000, "max_files": 10})).await;
    let files = files(&w.blobs[&w.last()]);
    let shown = frame(&files[&format!("files{PICTURE}")]);
    let (opened, closed) = (w.facts("opened")[0].0, w.facts("closed")[0].0);
    let given: Vec<(u64, u64)> =
        w.facts("delivered").iter().map(|d| (d.1["first"].as_u64().unwrap(), d.1["last"].as_u64().unwrap())).collect();
    let [(first, same), (second, last)] = given[..] else { panic!("a film's first frame, and the rest: {given:?}") };
    println!("state from {began:.2} s, open {opened:.2} to {closed:.2} s, film {first} to {last}, seen {shown}");
    assert_eq!((first, first + 1), (same, second), "they follow each other");
    assert!(shown > first && shown <= last, "{shown} is of the middle");
    let at = |frame: u64| frame as f64 / 30.0;
    assert!(at(first) + 0.04 >= began, "nothing of what was before the state");
    assert!(at(shown) <= (opened + 1.0) + 3.0 + 0.5, "no later than it was taken");
    assert!(at(shown) >= began + 2.5, "three seconds after the film began to run");
    assert!(at(last) <= closed + 1.0, "and none after the camera was closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_proven_by_its_films_too() {
    let mut w = assigned("", true).await;
    w.ok(json!({"verb": "plant", "data": {"contacts": [{"name": "O'Neil", "phone": "13912345678", "email": ""}]}})).await;
    assert!(w.logs().iter().any(|l| l.starts_with("probe: the back camera shows frame")), "{:?}", w.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_without_its_film_is_told_and_gives_no_frame() {
    let mut w = launched(assigned("scene-magenta", false).await, &looks()).await;
    w.advance(15).await;
    assert_eq!((w.facts("opened").len(), w.facts("delivered").len()), (1, 0));
}

#[tokio::test]
async fn a_snapshot_that_was_saved_with_other_cameras_is_not_started_from() {
    let (folder, mut layout) = layout("", true, &[]);
    layout.cameras = Some(Cameras::VideoFile);
    let mut w = Worker::in_layout(folder, layout).await;
    w.ok(json!({"verb": "boot", "api": 34, "locale": "en-US"})).await;
    let logs = w.logs();
    assert!(
        logs.iter().any(|l| l == "no start from the snapshot: it was saved with camera `imagefile`, and this is `videofile`"),
        "{logs:?}"
    );
    assert!(logs.iter().any(|l| l.starts_with("booted (ColdBaked)")), "{logs:?}");
}

#[tokio::test]
async fn without_a_video_device_the_cameras_are_by_pictures_and_that_is_said() {
    let (folder, mut layout) = layout("", true, &[]);
    layout.cameras = Some(Cameras::Webcam);
    let mut w = Worker::in_layout(folder, layout).await;
    assert_eq!(w.ok(json!({"verb": "hello"})).await["camera_route"], "webcam", "as it is planned");
    w.ok(json!({"verb": "boot", "api": 34, "locale": "en-US"})).await;
    w.ok(Worker::assignment("grant-all")).await;
    let logs = w.logs();
    let said = "cameras by imagefile and not by webcam: there is no video device; `modprobe v4l2loopback exclusive_caps=1` on the host";
    assert!(logs.iter().any(|l| l.starts_with(said)), "{logs:?}");
    assert!(w.facts("log").iter().any(|f| f.1["line"] == "camera by imagefile"), "and the record names what there was");
    let mut w = launched(w, &looks()).await;
    w.advance(15).await;
    assert_eq!((w.facts("opened").len(), w.facts("delivered").len()), (1, 1));
}
