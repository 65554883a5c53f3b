//! A trial from hello to stop, and each verb by itself.

use std::{collections::BTreeMap, io::Read};

use serde_json::{Value, json};
use stakeout_feed::{CameraDetector, CandidateTrial, Facing, FeedMode, GrayImage, SubKey};

use crate::worker::{Worker, layout};

const PACKAGE: &str = "net.example.played";

fn at(path: &str) -> String {
    format!("/data/data/{PACKAGE}/files/{path}")
}

/// An app that opens both sensors in each state, reads people, and leaves files of all sorts.
fn script() -> Value {
    let store = |path: &str| json!({"store": at(path)});
    json!({"package": PACKAGE, "activity": ".Main", "version_name": "2.5", "version_code": 17, "target_sdk": 33,
    "buttons": [{"text": "Take photo", "id": "photo"}, "Other"],
    "steps": [
        {"on": "launch", "after": 1, "do": "foreground_service"},
        {"on": {"tap": "Take photo"}, "do": {"open_camera": {"id": 0, "seconds": 1.5, "to": store("tapped.jpg")}}},
        {"on": "background", "after": 12, "do": {"open_camera": {"id": 1, "seconds": 2, "to": store("hidden.jpg")}}},
        {"on": "background", "after": 20, "do": {"open_microphone": {"seconds": 6, "to": store("hidden.wav")}}},
        {"on": "background", "after": 30, "do": {"read": {"what": "contacts", "to": store("people.txt")}}},
        {"on": "background", "after": 31, "do": {"read": {"what": "call_log", "to": store("calls.txt")}}},
        {"on": "background", "after": 32, "do": {"write_file": {"path": "/sdcard/Download/out.txt", "text": "shared"}}},
        {"on": "screen_off", "after": 10, "do": {"open_camera": {"id": 0, "seconds": 2, "to": store("dark.jpg")}}},
        {"on": "boot", "after": 5, "do": {"write_file": {"path": at("booted.txt"), "text": "again"}}},
    ]})
}

pub(crate) fn files(tar: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for e in tar::Archive::new(tar).entries().unwrap() {
        let mut e = e.unwrap();
        let mut bytes = Vec::new();
        e.read_to_end(&mut bytes).unwrap();
        found.insert(e.path().unwrap().to_str().unwrap().to_owned(), bytes);
    }
    found
}

/// The frame that a picture shows under a key.
pub(crate) fn frame(picture: &[u8], key: u8, facing: Facing) -> Option<u64> {
    let image = image::load_from_memory(picture).unwrap().to_luma8();
    let subkey = SubKey::from_bytes([key; 32]);
    // Nothing is known of what was given: any frame of an hour may be it.
    let horizon_frames = 3600 * stakeout_contract::trial::FRAMES_PER_SECOND;
    let candidate = CandidateTrial { subkey, facing, mode: FeedMode::Pattern, delivered: vec![], horizon_frames };
    let (width, height) = image.dimensions();
    let matches = CameraDetector::new(&[candidate]).detect(&GrayImage { width, height, luma: image.into_raw() });
    matches.first().map(|m| m.frame)
}

fn plant() -> Value {
    json!({"verb": "plant", "data": {
        "contacts": [{"name": "Lin Yuhe", "phone": "+86 139 8812 0417", "email": "lin@example.org"}, {"name": "It's $(id)", "phone": "1", "email": ""}],
        "call_log": [{"number": "13800001111", "name": "A", "at_millis": 1_699_999_000_000_u64, "duration_s": 60, "type": "missed"}],
        "sms": [{"address": "10086", "body": "hello there", "at_millis": 1_699_999_000_000_u64}],
        "location": {"lat": 31.2, "lon": 121.4, "accuracy": 10.0}, "clipboard": "secret words",
        "media": [{"name": "../own.jpg", "mime": "image/jpeg", "base64": "AAAA"}]}})
}

#[tokio::test]
async fn a_trial_from_hello_to_stop() {
    let mut w = Worker::with("", false, &[]).await;
    let hello = w.ok(json!({"verb": "hello"})).await;
    assert_eq!(
        (hello["kind"].as_str(), hello["api"].clone()),
        (Some("emulator-fake"), json!([34])),
        "it never says that it is an emulator"
    );
    assert_eq!(hello["cooperative"], false);
    assert_eq!(w.ok(json!({"verb": "boot", "api": 34, "locale": "zh-CN"})).await, json!({"api": 34, "release": "14"}));
    w.ok(Worker::assignment("grant-all")).await;
    let planted = w.ok(plant()).await["planted"].clone();
    assert_eq!((&planted["contacts"], &planted["call_log"], &planted["cells"]), (&json!(2), &json!(1), &json!(0)), "{planted}");
    assert_eq!((&planted["sms"], &planted["media"]), (&json!(1), &json!(1)), "read back: {planted}");
    let installed = w.install(&script()).await;
    assert_eq!((installed["package"].as_str(), installed["version_name"].as_str()), (Some(PACKAGE), Some("2.5")));
    assert_eq!((installed["version_code"].as_u64(), installed["target_sdk"].as_u64()), (Some(17), Some(33)));
    w.ok(json!({"verb": "launch"})).await;
    assert_eq!(w.ok(json!({"verb": "input", "action": "tap", "text": "Nothing"})).await["found"], false);
    w.ok(json!({"verb": "input", "action": "tap", "view_id": "photo"})).await;
    w.advance(10).await;
    w.ok(json!({"verb": "background"})).await;
    let background = w.advance(0).await as f64 / 1e9;
    w.advance(60).await;
    w.ok(json!({"verb": "screen", "on": false})).await;
    let dark = w.advance(0).await as f64 / 1e9;
    w.advance(40).await;
    let end = w.advance(0).await as f64 / 1e9;
    let snapshot = w.ok(json!({"verb": "snapshot_files", "max_bytes": 10_000_000, "max_files": 100})).await;
    let got = files(&w.blobs[&w.last()]);
    w.ok(json!({"verb": "stop"})).await;
    assert_eq!(w.health(), Vec::<String>::new());
    assert_eq!(w.facts("lost"), [], "{:?}", w.logs());

    // What was opened, when, by whom; each camera with the frame that it saw.
    let opened = w.facts("opened");
    let cameras: Vec<_> = opened.iter().filter(|o| o.1["sensor"] == "camera").collect();
    assert_eq!(cameras.iter().map(|o| o.1["facing"].as_str().unwrap()).collect::<Vec<_>>(), ["back", "front", "back"], "{opened:?}");
    assert_eq!(cameras.iter().map(|o| o.1["preview_visible"].as_bool().unwrap()).collect::<Vec<_>>(), [true, false, false]);
    assert!(cameras[0].0 < background && (background..dark).contains(&cameras[1].0) && (dark..end).contains(&cameras[2].0), "{cameras:?}");
    let delivered: Vec<_> = w.facts("delivered").into_iter().filter(|d| d.1["sensor"] == "camera").collect();
    for ((name, key, facing), open) in
        [("tapped", 0xaa, Facing::Back), ("hidden", 0xbb, Facing::Front), ("dark", 0xaa, Facing::Back)].into_iter().zip(&cameras)
    {
        let picture = &got[&format!("files{}", at(&format!("{name}.jpg")))];
        let shown = frame(picture, key, facing).unwrap_or_else(|| panic!("{name} shows no frame"));
        let given = delivered.iter().find(|d| d.1["session"] == open.1["session"]).unwrap_or_else(|| panic!("{name}: {delivered:?}"));
        assert_eq!(given.1["first"].as_u64(), Some(shown), "{name}: the frame that was given is the one that it shows");
        assert_eq!(frame(picture, key ^ 0xff, facing), None, "another trial's key finds nothing");
        let seconds = shown as f64 / stakeout_contract::trial::FRAMES_PER_SECOND as f64;
        assert!((seconds - open.0).abs() < 20.0, "{name}: the frame is of {seconds} s, and the camera was opened at {}", open.0);
    }
    let microphone = opened.iter().find(|o| o.1["sensor"] == "microphone").unwrap();
    assert!((background..dark).contains(&microphone.0));
    let sound = w.facts("delivered").into_iter().find(|d| d.1["sensor"] == "microphone").unwrap().1;
    let covered = sound["first"].as_u64().unwrap() as f64 / 20.0..sound["last"].as_u64().unwrap() as f64 / 20.0;
    assert!(covered.start <= microphone.0 && covered.end >= microphone.0 + 6.0, "{sound} {microphone:?}");
    assert_eq!(w.facts("closed").len(), 4);
    // Each dated. They follow one another faster than the books can tell, so their order is not asked for.
    let mut read: Vec<_> = w.facts("read").into_iter().map(|r| (r.1["data"].as_str().unwrap().to_owned(), r.0)).collect();
    read.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(read.iter().map(|r| r.0.as_str()).collect::<Vec<_>>(), ["call_log", "contacts"]);
    assert!(read.iter().all(|r| (background..dark).contains(&r.1)), "{read:?}");

    // What it left.
    assert_eq!((snapshot["files"].as_u64(), snapshot["lost_files"].as_u64()), (Some(7), Some(0)), "{:?}", got.keys());
    assert_eq!(got["files/sdcard/Download/out.txt"], b"shared");
    assert!(String::from_utf8_lossy(&got[&format!("files{}", at("people.txt"))]).contains("It's $(id)"), "planted as it is");
    assert!(!got.keys().any(|k| k.contains("own.jpg")), "what was planted is not the app's");
    let wav = &got[&format!("files{}", at("hidden.wav"))];
    assert!(wav[44..].iter().filter(|b| **b != 0).count() > wav.len() / 4, "the microphone hears the feed");
    assert!(w.vanish().await.is_ok());
}

#[tokio::test]
async fn the_owner_answers_requests_by_the_policy_and_each_is_told() {
    let script = json!({"package": PACKAGE, "permissions": ["android.permission.CAMERA", "android.permission.RECORD_AUDIO"], "steps": [
        {"on": "launch", "do": {"request_permission": "android.permission.CAMERA"}},
        {"on": "launch", "after": 30, "do": {"request_permission": "android.permission.RECORD_AUDIO"}},
        {"on": "launch", "after": 60, "do": {"open_camera": {"seconds": 1, "to": {"store": at("a.jpg")}}}},
    ]});
    for (policy, answer) in [("grant-on-request", "granted"), ("deny", "denied")] {
        let mut w = Worker::assigned("", policy).await;
        w.install(&script).await;
        w.ok(json!({"verb": "launch"})).await;
        w.advance(90).await;
        let requests = w.facts("permission_requested");
        let of = |n: usize| (requests[n].1["permissions"][0].as_str(), requests[n].1["answers"][0].as_str());
        assert_eq!(
            (of(0), of(1)),
            ((Some("android.permission.CAMERA"), Some(answer)), (Some("android.permission.RECORD_AUDIO"), Some(answer)))
        );
        assert_eq!(requests.len(), 2);
        assert_eq!(w.facts("opened").len(), usize::from(answer == "granted"), "{policy}: {:?}", w.events);
        assert!(answer == "granted" || !w.facts("refused").is_empty());
    }
}

#[tokio::test]
async fn an_idle_app_is_refused_the_camera_and_gets_a_silent_microphone() {
    let script = json!({"package": PACKAGE, "steps": [
        {"on": "background", "after": 10, "do": {"open_camera": {"seconds": 1, "to": {"store": at("a.jpg")}}}},
        {"on": "background", "after": 20, "do": {"open_microphone": {"seconds": 3, "to": {"store": at("a.wav")}}}},
    ]});
    let mut w = Worker::assigned("", "grant-all").await;
    w.install(&script).await;
    w.ok(json!({"verb": "launch"})).await;
    w.advance(3).await;
    w.ok(json!({"verb": "background"})).await;
    w.advance(40).await;
    w.ok(json!({"verb": "snapshot_files", "max_bytes": 1_000_000, "max_files": 10})).await;
    assert_eq!((w.facts("opened"), w.facts("delivered")), (vec![], vec![]), "zeros are no capture");
    let sensors: Vec<_> = w.facts("refused").into_iter().map(|r| r.1["sensor"].as_str().unwrap_or_default().to_owned()).collect();
    assert!(sensors.iter().any(|s| s == "camera") && sensors.iter().any(|s| s == "microphone"), "{sensors:?}");
}

#[tokio::test]
async fn after_a_restart_the_clock_goes_on_and_so_does_the_trial() {
    let mut w = Worker::assigned("", "grant-all").await;
    w.install(&script()).await;
    w.ok(json!({"verb": "launch"})).await;
    let before = w.advance(20).await;
    w.ok(json!({"verb": "reboot"})).await;
    let after = w.advance(0).await;
    assert!(after > before && after < before + 600 * 1_000_000_000, "{before} {after}");
    let later = w.advance(30).await;
    assert!(later >= after + 30 * 1_000_000_000);
    w.ok(json!({"verb": "snapshot_files", "max_bytes": 1_000_000, "max_files": 10})).await;
    assert!(files(&w.blobs[&w.last()]).contains_key(&format!("files{}", at("booted.txt"))), "what starts at boot has run");
}

#[tokio::test]
async fn an_older_android_is_planted_and_its_files_are_taken_by_what_it_has() {
    let (folder, layout) = layout("", false, &[("FAKE_EMULATOR_API", "29")]);
    let ini = layout.avds.join("stakeout.ini");
    let of_29 = std::fs::read_to_string(&ini).unwrap().replace("android-34", "android-29");
    std::fs::write(&ini, of_29).unwrap();
    let mut w = Worker::in_layout(folder, layout).await;
    w.ok(json!({"verb": "boot", "api": 29, "locale": "en-US"})).await;
    w.ok(Worker::assignment("grant-all")).await;
    assert_eq!(w.ok(plant()).await["planted"]["media"], 1, "each file is told to the scanner");
    let (whole, broken) = (at("a.txt"), at("a\nb.txt"));
    w.install(&json!({"package": PACKAGE, "steps": [
        {"on": "launch", "do": {"write_file": {"path": whole, "text": "a"}}},
        {"on": "launch", "do": {"write_file": {"path": broken, "text": "b"}}}]}))
        .await;
    w.ok(json!({"verb": "launch"})).await;
    w.advance(10).await;
    let snapshot = w.ok(json!({"verb": "snapshot_files", "max_bytes": 10_000_000, "max_files": 100})).await;
    assert!(files(&w.blobs[&w.last()]).contains_key(&format!("files{whole}")), "{snapshot}");
    assert!(snapshot["lost_files"].as_u64().unwrap() >= 1, "a name of two lines is none for its `tar`: {snapshot}");
}

#[tokio::test]
async fn dialogs_of_other_forms_are_answered_too_and_an_app_for_an_old_android_is_installed() {
    let script = json!({"package": PACKAGE, "target_sdk": 19,
    "permissions": ["android.permission.READ_MEDIA_IMAGES", "android.permission.ACCESS_BACKGROUND_LOCATION"],
    "steps": [
        {"on": "launch", "do": {"request_permission": "android.permission.READ_MEDIA_IMAGES"}},
        {"on": "launch", "after": 30, "do": {"request_permission": "android.permission.ACCESS_BACKGROUND_LOCATION"}},
    ]});
    for (policy, answer) in [("grant-on-request", "granted"), ("deny", "denied")] {
        let mut w = Worker::assigned("", policy).await;
        assert_eq!(w.install(&script).await["target_sdk"], 19);
        w.ok(json!({"verb": "launch"})).await;
        w.advance(60).await;
        assert_eq!(w.facts("lost"), []);
        let answers: Vec<_> = w.facts("permission_requested").into_iter().map(|r| r.1["answers"][0].clone()).collect();
        assert_eq!(answers, [json!(answer), json!(answer)]);
    }
}

#[tokio::test]
async fn doze_a_screenshot_limits_and_what_cannot_be_done() {
    let mut w = Worker::booted("").await;
    let wrong = w.ask(json!({"verb": "boot", "api": 28, "locale": "en-US"})).await.unwrap_err();
    assert_eq!(wrong["code"], "bad_request", "a device boots once");
    w.ok(Worker::assignment("grant-all")).await;
    let not = w.facts("not_watched");
    assert!(not.iter().any(|n| n.1["rung"] == "stored") && not.iter().any(|n| n.1["rung"] == "read"), "{not:?}");
    let bad = w.blob(7, b"no zip").await;
    // The stand-in takes any bytes; the digest is checked before.
    let mut lie = bad.clone();
    lie["sha256"] = json!("0".repeat(64));
    assert!(w.ask(json!({"verb": "install", "apk": lie, "splits": [], "prepared": null})).await.is_err());
    w.install(&script()).await;
    w.ok(json!({"verb": "launch"})).await;
    for on in [true, false] {
        w.ok(json!({"verb": "doze", "on": on})).await;
    }
    let lost = w.facts("lost");
    assert!(!lost.iter().any(|l| l.1["what"].as_str().unwrap().starts_with("that the ")), "the phone says that it dozed: {lost:?}");
    w.ok(json!({"verb": "standby_bucket", "bucket": "restricted"})).await;
    let shot = w.ok(json!({"verb": "screenshot"})).await;
    assert!(shot["width"].as_u64().unwrap() > 0 && w.blobs[&w.last()].starts_with(b"\x89PNG"));
    assert_eq!(w.ask(json!({"verb": "input", "action": "key", "key": "nonsense"})).await.unwrap_err()["code"], "unsupported");
    assert_eq!(w.ask(json!({"verb": "input", "action": "tap", "text": "("})).await.unwrap_err()["code"], "bad_request");
    w.ok(json!({"verb": "input", "action": "text", "value": "a b"})).await;
    w.ok(json!({"verb": "input", "action": "key", "key": "home"})).await;
    w.advance(120).await;
    let s = w.ok(json!({"verb": "snapshot_files", "max_bytes": 20, "max_files": 10})).await;
    assert!(s["lost_files"].as_u64().unwrap() > 0 && s["lost_bytes"].as_u64().unwrap() > 0, "{s}");
    assert_eq!(w.ask(json!({"verb": "launch"})).await.unwrap_err()["code"], "bad_request", "the app was ended");
}
