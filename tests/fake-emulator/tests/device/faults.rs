//! What each misbehaviour of an emulator becomes: a reason that names its stage, a fact, or nothing at all.

use serde_json::{Value, json};

use crate::worker::{Worker, layout};

const PACKAGE: &str = "net.example.played";

async fn boot(faults: &str, snapshot: bool) -> (Worker, Result<Value, Value>) {
    let mut w = Worker::with(faults, snapshot, &[]).await;
    let answer = w.ask(json!({"verb": "boot", "api": 34, "locale": "en-US"})).await;
    (w, answer)
}

/// The boot fails, after a second try, at this stage.
async fn fails_at(faults: &str, stage: &str) {
    let (w, answer) = boot(faults, false).await;
    let why = answer.expect_err(faults)["message"].as_str().unwrap().to_owned();
    assert!(why.matches(&format!("stage `{stage}`")).count() == 2, "{faults}: {why}");
    assert!(w.vanish().await.is_ok(), "nothing hangs");
}

#[tokio::test]
async fn a_guest_that_never_boots() {
    fails_at("never-boots", "boot_completed").await;
}

#[tokio::test]
async fn a_guest_without_a_package_manager() {
    fails_at("no-package-manager", "package manager").await;
}

#[tokio::test]
async fn an_adbd_that_does_not_answer() {
    fails_at("adb-offline", "adb").await;
}

#[tokio::test]
async fn an_adbd_that_asks_for_a_key() {
    fails_at("adb-unauthorized", "adb").await;
}

#[tokio::test]
async fn a_grpc_port_that_refuses() {
    fails_at("grpc-refuses", "grpc").await;
}

#[tokio::test]
async fn a_token_that_is_not_taken() {
    fails_at("token-wrong", "grpc").await;
}

#[tokio::test]
async fn a_snapshot_that_does_not_load_or_hangs_is_followed_by_a_cold_boot_that_writes_no_disk_of_the_image() {
    for faults in ["snapshot-not-loadable", "hangs-on-restore"] {
        let (w, answer) = boot(faults, true).await;
        assert_eq!(answer.unwrap()["api"], 34, "{faults}");
        let logs = w.logs();
        assert_eq!(logs.iter().filter(|l| l.contains("boot (Restore) failed at stage")).count(), 2, "{faults}: {logs:?}");
        assert!(logs.iter().any(|l| l.starts_with("booted (ColdBaked)")), "{faults}: {logs:?}");
    }
}

#[tokio::test]
async fn a_good_snapshot_is_used() {
    let (w, answer) = boot("", true).await;
    assert_eq!(answer.unwrap()["api"], 34);
    assert!(w.logs().iter().any(|l| l.starts_with("booted (Restore)")), "{:?}", w.logs());
}

#[tokio::test]
async fn what_a_guest_writes_over_its_disks_lies_where_there_is_room_for_it() {
    let (folder, layout) = layout("", true, &[]);
    let overlays = layout.home.join("tmp");
    let mut w = Worker::in_layout(folder, layout).await;
    w.ok(json!({"verb": "boot", "api": 34, "locale": "en-US"})).await;
    let found = std::fs::read_dir(&overlays).unwrap().flatten().filter(|e| e.path().extension().is_some_and(|x| x == "qcow2"));
    assert_eq!(found.count(), 1, "{:?}", w.logs());
}

#[tokio::test]
async fn an_emulator_without_the_room_that_it_asks_for_says_so_and_one_with_a_bake_asks_for_less() {
    for (snapshot, free, said) in [
        (false, "7000", Some("need 7372.80 MB")),
        (false, "1000", Some("Not enough disk space available")),
        (true, "1000", Some("Not enough disk space available")),
        (true, "3000", None),
    ] {
        let mut w = Worker::with("", snapshot, &[("FAKE_EMULATOR_FREE", free)]).await;
        let answer = w.ask(json!({"verb": "boot", "api": 34, "locale": "en-US"})).await;
        let Some(said) = said else {
            answer.unwrap();
            continue;
        };
        let why = answer.unwrap_err()["message"].as_str().unwrap().to_owned();
        assert!(why.contains(said), "{snapshot} {free}: {why}");
    }
}

#[tokio::test]
async fn locks_of_a_former_emulator_do_not_matter() {
    let (_, answer) = boot("stale-locks", false).await;
    assert!(answer.is_ok());
}

#[tokio::test]
async fn an_image_of_another_api_level_is_said_at_once() {
    let mut w = Worker::with("", false, &[("FAKE_EMULATOR_API", "30")]).await;
    let e = w.ask(json!({"verb": "boot", "api": 34, "locale": "en-US"})).await.unwrap_err();
    assert_eq!((e["code"].as_str(), e["message"].as_str()), (Some("unsupported"), Some("the guest is API level `30` and not 34")));
}

fn idle() -> Value {
    json!({"package": PACKAGE, "steps": []})
}

/// A device that is installed and launched, whatever happens to it then.
async fn running(faults: &str, script: &Value) -> Worker {
    launched(Worker::assigned(faults, "grant-all").await, script).await
}

/// The same, of a device that is assigned.
pub(crate) async fn launched(mut w: Worker, script: &Value) -> Worker {
    w.install(script).await;
    w.ok(json!({"verb": "launch"})).await;
    w
}

#[tokio::test]
async fn an_emulator_that_is_killed_is_a_dead_guest_and_not_the_app_s_doing() {
    let mut w = running("killed=launch", &idle()).await;
    let last = w.ask(json!({"verb": "advance", "nanos": 120_000_000_000_u64})).await;
    assert!(last.unwrap_err()["message"].as_str().unwrap().contains("the emulator ended"), "{:?}", w.logs());
    assert_eq!(w.health(), ["guest_died"]);
}

#[tokio::test]
async fn a_clock_that_jumps_is_told_and_the_trial_s_clock_does_not() {
    let mut w = running("clock-jumps=launch", &idle()).await;
    let at = w.advance(120).await;
    assert!(at < 600 * 1_000_000_000, "{at}");
    let lost: Vec<_> = w.facts("lost").into_iter().map(|f| f.1["what"].as_str().unwrap().to_owned()).collect();
    assert!(lost.iter().any(|l| l.contains("clock was set")), "{lost:?}");
}

#[tokio::test]
async fn records_that_are_cut_are_lost_evidence() {
    let mut w = running("dumpsys-truncated", &idle()).await;
    w.ask(json!({"verb": "advance", "nanos": 30_000_000_000_u64})).await.unwrap();
    assert!(w.facts("lost").iter().any(|l| l.1["what"].as_str().unwrap().contains("records of the")), "{:?}", w.facts("lost"));
}

#[tokio::test]
async fn a_magenta_camera_gives_no_frame_and_the_opening_is_told_all_the_same() {
    let script = json!({"package": PACKAGE, "steps": [
        {"on": "launch", "after": 5, "do": {"open_camera": {"seconds": 1, "to": {"store": format!("/data/data/{PACKAGE}/a.jpg")}}}}]});
    let mut w = running("scene-magenta", &script).await;
    w.advance(20).await;
    assert_eq!((w.facts("opened").len(), w.facts("delivered").len()), (1, 0));
}

#[tokio::test]
async fn a_microphone_that_somebody_else_has_is_lost_evidence() {
    let mut w = launched(Worker::by_grpc("one-microphone").await, &idle()).await;
    w.advance(30).await;
    w.ok(json!({"verb": "snapshot_files", "max_bytes": 1_000_000, "max_files": 10})).await;
    assert!(w.facts("lost").iter().any(|l| l.1["what"].as_str().unwrap().contains("microphone feed")), "{:?}", w.facts("lost"));
}

#[tokio::test]
async fn a_grpc_that_dies_is_lost_evidence_and_the_trial_goes_on() {
    let mut w = launched(Worker::by_grpc("grpc-dies=2").await, &idle()).await;
    w.advance(60).await;
    w.ok(json!({"verb": "snapshot_files", "max_bytes": 1_000_000, "max_files": 10})).await;
    assert!(w.facts("lost").iter().any(|l| l.1["what"].as_str().unwrap().contains("microphone feed")), "{:?}", w.facts("lost"));
}

#[tokio::test]
async fn an_app_that_crashes_is_told_and_is_no_failure() {
    let mut w = running("app-crashes", &idle()).await;
    w.advance(30).await;
    let crashed = w.facts("crashed");
    assert_eq!(crashed.len(), 1, "{crashed:?}");
    assert!(crashed[0].1["message"].as_str().unwrap().contains("IllegalStateException"));
    assert_eq!(w.health(), Vec::<String>::new());
}

#[tokio::test]
async fn an_installation_that_is_refused_says_whose_fault_it_is() {
    for (code, ours) in [
        ("INSTALL_FAILED_NO_MATCHING_ABIS", "unsupported"),
        ("INSTALL_FAILED_DEPRECATED_SDK_VERSION", "unsupported"),
        ("INSTALL_FAILED_OLDER_SDK", "unsupported"),
        ("INSTALL_PARSE_FAILED_NO_CERTIFICATES", "bad_apk"),
        ("INSTALL_FAILED_INSUFFICIENT_STORAGE", "failed"),
    ] {
        let mut w = Worker::assigned(&format!("install-fails={code}"), "deny").await;
        let apk = w.blob(1, &crate::worker::apk(&idle())).await;
        let e = w.ask(json!({"verb": "install", "apk": apk, "splits": [], "prepared": null})).await.unwrap_err();
        assert_eq!(e["code"], ours, "{e}");
        assert!(e["message"].as_str().unwrap().contains(code));
    }
}

#[tokio::test]
async fn an_app_for_another_processor_is_said_to_be_one() {
    let mut script = idle();
    script["abis"] = json!(["armeabi-v7a"]);
    let mut w = Worker::assigned("", "deny").await;
    let apk = w.blob(1, &crate::worker::apk(&script)).await;
    let e = w.ask(json!({"verb": "install", "apk": apk, "splits": [], "prepared": null})).await.unwrap_err();
    assert_eq!(e["code"], "unsupported");
}

#[tokio::test]
async fn a_full_disk_is_a_failure_of_the_device() {
    let mut w = Worker::booted("disk-full").await;
    let e = w.ask(Worker::assignment("deny")).await.unwrap_err();
    assert_eq!(e["code"], "failed");
    assert!(e["message"].as_str().unwrap().contains("No space left"), "{e}");
}

#[tokio::test]
async fn a_shell_without_exit_codes_and_a_console_without_commands_are_no_hindrance() {
    for faults in ["shell-no-exit-code", "console-not-implemented"] {
        let mut w = running(faults, &idle()).await;
        w.advance(20).await;
    }
}

/// What the device said to have lost.
fn lost(w: &Worker) -> Vec<String> {
    w.facts("lost").into_iter().map(|f| f.1["what"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_system_server_that_restarts_is_never_silent_however_soon_it_is_back() {
    let mut w = running("system-server-restarts=launch", &idle()).await;
    let mut failed = false;
    for _ in 0..24 {
        failed = failed || w.ask(json!({"verb": "advance", "nanos": 5_000_000_000_u64})).await.is_err();
    }
    // A command that came into the outage fails, and with it a real trial.
    assert!(failed || lost(&w).iter().any(|l| l.contains("`system_server` knew")), "{:?}", w.events);
}

#[tokio::test]
async fn a_camera_server_that_restarts_takes_its_book_along_and_that_is_said() {
    let script = json!({"package": PACKAGE, "steps": [
        {"on": "launch", "after": 1, "do": {"open_camera": {"seconds": 1, "to": {"store": format!("/data/data/{PACKAGE}/a.jpg")}}}},
        {"on": "launch", "after": 30, "do": {"open_camera": {"seconds": 1, "to": {"store": format!("/data/data/{PACKAGE}/b.jpg")}}}}]});
    let mut w = running("camera-server-restarts=launch", &script).await;
    w.advance(60).await;
    assert_eq!(lost(&w), ["what `cameraserver` knew, as it was restarted"]);
    assert_eq!(w.facts("opened").len(), w.facts("closed").len(), "{:?}", w.events);
    assert!(!w.facts("opened").is_empty());
}

#[tokio::test]
async fn a_screen_that_stays_on_is_no_idle_time_and_that_is_said() {
    let mut w = running("keyevent-ignored", &idle()).await;
    w.ok(json!({"verb": "screen", "on": false})).await;
    assert_eq!(lost(&w), ["that the screen was off: the phone says that it is on"]);
    // Once more when the state ends.
    w.ok(json!({"verb": "screen", "on": true})).await;
    assert_eq!(lost(&w).len(), 2, "{:?}", lost(&w));
}

#[tokio::test]
async fn a_recording_is_dated_in_the_trial_s_zone_and_a_date_of_another_is_lost_evidence() {
    let script = json!({"package": PACKAGE, "steps": [
        {"on": "launch", "after": 5, "do": {"open_microphone": {"seconds": 2, "to": {"store": format!("/data/data/{PACKAGE}/a.wav")}}}}]});
    for (faults, misdated) in [("", false), ("audio-keeps-the-zone", true)] {
        let mut w = running(faults, &script).await;
        let begun = w.advance(0).await as f64 / 1e9;
        w.advance(30).await;
        let opened = w.facts("opened");
        assert_eq!(opened.len(), 1, "{faults}: {opened:?}");
        assert_eq!(opened[0].0 < begun, misdated, "{faults}: {opened:?}, launched before {begun}");
        assert_eq!(lost(&w).iter().any(|l| l.ends_with("audio service, which is not of the trial")), misdated, "{faults}: {:?}", lost(&w));
    }
}
