//! The jvm device from the outside, with a host and a converter of scripts.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

#[allow(unreachable_pub, clippy::expect_used, reason = "shared by the files of this test")]
mod support;

use std::{collections::BTreeMap, io::Read};

use serde_json::{Value, json};
use support::Worker;

fn advance(nanos: u64) -> Value {
    json!({"verb": "advance", "nanos": nanos})
}

const SECOND: u64 = 1_000_000_000;

#[tokio::test]
async fn a_trial_from_hello_to_stop() {
    let mut w = Worker::with("good", "converts");
    assert_eq!(w.ok(json!({"verb": "hello"})).await["kind"], "jvm");
    drop(w);
    let mut w = Worker::assigned("good", "converts").await;
    let apk = w.blob(1, b"apk").await;
    let installed = w.ok(json!({"verb": "install", "apk": apk, "splits": [], "prepared": null})).await;
    assert_eq!((installed["package"].as_str(), installed["prepared"]["size"].as_u64()), (Some("com.app"), Some(7)));
    assert_eq!(w.blobs[&w.last_request()], b"classes");
    w.ok(json!({"verb": "launch"})).await;
    assert_eq!(w.ok(json!({"verb": "input", "action": "tap", "text": "Agree"})).await["found"], false);
    assert_eq!(w.ok(advance(2 * SECOND)).await["at"], 2 * SECOND);

    let delivered: Vec<_> = w.facts("delivered").iter().map(|d| (d["source"].clone(), d["fact"].clone())).collect();
    let camera = json!({"fact": "delivered", "sensor": "camera", "facing": "back", "session": 1, "first": 0, "last": 29, "count": 30});
    let sound = json!({"fact": "delivered", "sensor": "microphone", "facing": null, "session": 2, "first": 20, "last": 21, "count": 2});
    assert!(delivered.contains(&(json!("feed"), camera)) && delivered.contains(&(json!("feed"), sound)), "{delivered:?}");
    assert_eq!(w.facts("alarm")[0]["fact"]["what"], "\"bad_request\"", "a request of another form is refused, and the feed goes on");

    let snapshot = w.ok(json!({"verb": "snapshot_files", "max_bytes": 1_000_000, "max_files": 100})).await;
    assert_eq!((snapshot["files"].as_u64(), snapshot["lost_files"].as_u64()), (Some(6), Some(0)));
    let got = files(&w.blobs[&w.last_request()]);
    let below = |folder: &str| format!("elsewhere{}/{folder}/hidden", w.folder.path().display());
    let want = [("deleted/00001-gone.txt", "gone"), ("files/files/note", "classes"), ("files/files/link", "/etc/passwd")];
    let mut want = BTreeMap::from(want.map(|(n, t)| (n.to_owned(), t.to_owned())));
    want.extend(["artifacts", "tmp", "shm"].map(|f| (below(f), "elsewhere".to_owned())));
    assert_eq!(got, want, "all that the app wrote wherever it did, and not what the JVM had written before it");
    w.ok(json!({"verb": "stop"})).await;
    assert_eq!(w.health(), Vec::<&str>::new());
    assert!(w.vanish().await.is_ok());
}

fn files(tar: &[u8]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for e in tar::Archive::new(tar).entries().unwrap() {
        let mut e = e.unwrap();
        let mut text = String::new();
        e.read_to_string(&mut text).unwrap();
        found.insert(e.path().unwrap().to_str().unwrap().to_owned(), text);
    }
    found
}

#[tokio::test]
async fn what_was_prepared_is_not_made_again() {
    let mut w = Worker::assigned("good", "no code").await;
    let (apk, prepared) = (w.blob(1, b"apk").await, w.blob(2, b"made before").await);
    let installed = w.ok(json!({"verb": "install", "apk": apk, "splits": [], "prepared": prepared})).await;
    assert_eq!(installed["prepared"], Value::Null);
    assert_eq!(std::fs::read_to_string(w.folder.path().join("data/files/note")).unwrap(), "made before");
}

#[tokio::test]
async fn an_app_that_cannot_be_converted_says_why() {
    for (converter, code) in [("no code", "no_code"), ("ends without a word", "bad_dex"), ("links", "bad_dex")] {
        let mut w = Worker::assigned("good", converter).await;
        let apk = w.blob(1, b"apk").await;
        let (got, message) = w.error(json!({"verb": "install", "apk": apk, "splits": [], "prepared": null})).await;
        assert_eq!(got, code, "{converter}: {message}");
    }
}

#[tokio::test]
async fn a_blob_that_is_not_what_it_should_be_is_refused() {
    let mut w = Worker::assigned("good", "converts").await;
    let mut apk = w.blob(1, b"apk").await;
    apk["sha256"] = json!("0".repeat(64));
    assert_eq!(w.error(json!({"verb": "install", "apk": apk, "splits": [], "prepared": null})).await.0, "bad_request");
}

#[tokio::test]
async fn a_host_that_dies_is_told_and_its_files_are_still_taken() {
    let mut w = Worker::installed("dies").await;
    assert_eq!(w.error(json!({"verb": "launch"})).await.0, "failed");
    let snapshot = w.ok(json!({"verb": "snapshot_files", "max_bytes": 1_000_000, "max_files": 100})).await;
    assert_eq!(snapshot["files"], 6);
    assert_eq!(w.health(), ["guest_ended"]);
    assert!(w.events.iter().any(|e| e["line"] == "about to die"));
}

#[tokio::test]
async fn a_host_that_never_answers_is_ended() {
    let mut w = Worker::installed("silent").await;
    // From here on the test's clock jumps to the next deadline whenever nothing else happens.
    tokio::time::pause();
    assert_eq!(w.error(json!({"verb": "launch"})).await.0, "deadline");
    assert_eq!(w.health(), ["guest_hangs"]);
    assert_eq!(w.error(advance(1)).await.0, "failed");
}

#[tokio::test]
async fn a_worker_that_waits_no_longer_gets_the_files_of_a_host_that_never_answers() {
    let mut w = Worker::installed("silent").await;
    w.send(json!({"verb": "launch"})).await;
    tokio::time::pause();
    let snapshot = w.ok(json!({"verb": "snapshot_files", "max_bytes": 1_000_000, "max_files": 100})).await;
    assert!(snapshot["files"].as_u64().is_some_and(|n| n > 0), "{snapshot}");
}

#[tokio::test]
async fn a_flood_of_observations_is_cut_and_told_as_lost() {
    let mut w = Worker::installed("floods").await;
    w.ok(json!({"verb": "launch"})).await;
    assert_eq!((w.facts("file").len(), w.facts("alarm").len()), (1, 199_999), "one was said when the app was installed");
    assert_eq!(w.facts("lost")[0]["fact"], json!({"fact": "lost", "what": "observation", "count": 101}));
}

#[tokio::test]
async fn a_flood_of_the_log_is_cut_and_told_as_lost() {
    let mut w = Worker::installed("floods the log").await;
    w.ok(json!({"verb": "launch"})).await;
    w.ok(json!({"verb": "snapshot_files", "max_bytes": 1_000_000, "max_files": 100})).await;
    w.ok(json!({"verb": "stop"})).await;
    let lost: u64 = w.facts("lost").iter().filter(|l| l["fact"]["what"] == "log line").filter_map(|l| l["fact"]["count"].as_u64()).sum();
    assert!((10..100).contains(&lost), "{:?}", w.facts("lost"));
}

#[tokio::test]
async fn a_huge_line_and_noise_are_told_as_lost_and_what_comes_after_is_heard() {
    let mut w = Worker::installed("huge line").await;
    assert_eq!(w.ok(json!({"verb": "launch"})).await["millis"], 5);
    assert_eq!(w.facts("lost")[0]["fact"], json!({"fact": "lost", "what": "pipe line", "count": 2}));
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_no_answer() {
    let mut w = Worker::installed("forges answers").await;
    assert_ne!(w.ok(json!({"verb": "launch"})).await["activity"], "forged");
    assert_eq!(w.facts("lost").len(), 1);
}

#[tokio::test]
async fn a_host_that_lies_about_time_gets_no_frame_of_another_time() {
    let mut w = Worker::installed("lies about time").await;
    assert_eq!(w.ok(advance(SECOND)).await["at"], SECOND, "the clock stands where it was allowed to");
    let alarms = w.facts("alarm");
    assert_eq!((alarms[0]["at"].as_u64(), alarms[1]["fact"]["what"].as_str()), (Some(SECOND), Some("frame 30")));
    assert_eq!(w.facts("escape").iter().filter(|e| e["source"] == "device").count(), 3, "the observation, the clock, the feed");
    assert!(w.facts("delivered")[0]["fact"]["last"] == 30);
    assert!(w.events.iter().filter(|e| e["event"] == "clock").all(|e| e["at"].as_u64() <= Some(SECOND)));
}

#[tokio::test]
async fn a_picture_that_is_a_link_is_not_followed() {
    let mut w = Worker::installed("good").await;
    assert_eq!(w.error(json!({"verb": "screenshot"})).await.0, "failed");
    assert!(!w.blobs.contains_key(&w.last_request()));
}

#[tokio::test]
async fn when_the_worker_vanishes_the_host_is_dead() {
    let mut w = Worker::installed("good").await;
    let launched = w.ok(json!({"verb": "launch"})).await;
    let pid = launched["activity"].as_str().unwrap().trim_start_matches("pid ").to_owned();
    assert!(std::fs::exists(format!("/proc/{pid}")).unwrap());
    assert!(w.vanish().await.is_ok());
    assert!(!std::fs::exists(format!("/proc/{pid}")).unwrap());
}

#[tokio::test]
async fn a_worker_that_talks_nonsense_is_left() {
    assert!(Worker::with("good", "converts").garble().await.is_err());
}

#[tokio::test]
async fn verbs_out_of_order_and_unknown_ones_are_refused() {
    let mut w = Worker::with("good", "converts");
    for verb in ["launch", "assign", "dance"] {
        assert_eq!(w.error(json!({"verb": verb})).await.0, "bad_request");
    }
    assert_eq!(w.error(json!({"verb": "boot", "api": 19, "locale": "en"})).await.0, "unsupported");
}
