//! Each way to misbehave, as far as the links see it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

mod support;

use stakeout_links::{Fault, control::SoundFormat, guest::Guest};
use support::*;

/// Starts an app whose picture goes to a file, and gives the picture.
async fn picture(faults: &str) -> image::RgbImage {
    let script = r#"{"steps": [{"on": "launch", "do": {"open_camera": {"seconds": 1.0, "to": {"store": "/sdcard/a.jpg"}}}}]}"#;
    let (emulator, adb) = Emulator::booted(faults, &[("FAKE_EMULATOR_SCRIPT", script)]).await;
    let scene = image::RgbImage::from_fn(1280, 720, |x, _| image::Rgb([if x < 640 { 250 } else { 5 }, 100, 5]));
    scene.save(emulator.home.path().join("scene.png")).unwrap();
    adb.install(&[apk(emulator.home.path(), "a.apk", 9)], &["-g"], LONG).await.unwrap();
    said(&adb, "am start -n com.example.app/.MainActivity").await;
    until(|| async { said(&adb, "dumpsys media.camera").await.contains("(Camera ID: 0, Cost: 99, PID: ") }).await;
    until(|| async { adb.stat("/sdcard/a.jpg", LONG).await.unwrap().is_some() }).await;
    let camera = said(&adb, "dumpsys media.camera").await;
    assert!(camera.contains("Active Camera Clients: []") && camera.contains(" : DISCONNECT device 0 client for package com.example.app"));
    assert!(said(&adb, "cmd appops get com.example.app").await.starts_with("CAMERA: allow; time=+"));
    assert!(said(&adb, "dumpsys appops").await.contains("Access: [top-s]"));
    let mut bytes = Vec::new();
    adb.pull("/sdcard/a.jpg", &mut bytes, 10 << 20, LONG).await.unwrap();
    image::load_from_memory(&bytes).unwrap().to_rgb8()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_camera_sees_the_middle_of_the_file_or_magenta() {
    let seen = picture("").await;
    assert_eq!(seen.dimensions(), (640, 480));
    assert!(seen.get_pixel(20, 240)[0] > 200 && seen.get_pixel(620, 240)[0] < 50);
    let magenta = picture("scene-magenta").await;
    let pixel = magenta.get_pixel(320, 240);
    assert!(pixel[0] > 240 && pixel[1] < 20 && pixel[2] > 240, "{pixel:?}");
}

#[test]
fn a_modem_that_is_looked_for_on_an_address_that_no_cell_has_is_the_end() {
    let home = home();
    let done = run(home.path(), &["-no-window"], &[]);
    assert_eq!(done.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&done.stderr).contains("address resolution failed for ::1"), "{done:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_never_boots_has_a_shell_and_no_boot() {
    let emulator = Emulator::start("never-boots", &[], &[]).await;
    let adb = emulator.adb();
    adb.wait_for_device(LONG).await.unwrap();
    until(|| async { said(&adb, "service check package").await == "Service package: found" }).await;
    assert_eq!(said(&adb, "getprop sys.boot_completed").await, "");
    assert!(!emulator.control().status(LONG).await.unwrap().booted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_without_package_manager_says_booted_and_installs_nothing() {
    let (emulator, adb) = Emulator::booted("no-package-manager", &[]).await;
    assert_eq!(said(&adb, "service check package").await, "Service package: not found");
    let refused = adb.install(&[apk(emulator.home.path(), "a.apk", 9)], &[], LONG).await.unwrap_err();
    assert!(matches!(&refused.fault, Fault::Install { code, .. } if code == "UNKNOWN"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_cannot_be_loaded_is_told_three_times() {
    let home = home();
    let faults = [("FAKE_EMULATOR_FAULTS", "snapshot-not-loadable")];
    let check = run(home.path(), &["-check-snapshot-loadable", "base"], &faults);
    assert!(!check.status.success() && String::from_utf8_lossy(&check.stdout).contains("Not loadable"));
    assert!(String::from_utf8_lossy(&run(home.path(), &["-check-snapshot-loadable", "base"], &[]).stdout).starts_with("Loadable"));
    let forced = run(home.path(), &["-no-window", "-snapshot", "base", "-force-snapshot-load"], &faults);
    assert_eq!(forced.status.code(), Some(1));
    let (emulator, _adb) = Emulator::booted("snapshot-not-loadable", &[]).await;
    assert_eq!(name(emulator.console().load_snapshot("base", LONG).await), "console command: Denied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_hangs_answers_nowhere() {
    let emulator = Emulator::start("hangs-on-restore", &["-snapshot", "base"], &[]).await;
    assert_eq!(name(emulator.adb().connect(SHORT).await), "adb connect: Offline");
    assert_eq!(name(emulator.adb().wait_for_device(SHORT).await), "adb wait: Offline");
    assert_eq!(name(emulator.control().status(SHORT).await), "grpc getStatus: Timeout");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adbd_that_does_not_answer_or_wants_a_key_is_told_by_name() {
    let emulator = Emulator::start("adb-offline", &[], &[]).await;
    assert_eq!(name(emulator.adb().connect(SHORT).await), "adb connect: Offline");
    assert_eq!(name(emulator.adb().shell("true", SHORT).await), "adb connect: Offline");
    let emulator = Emulator::start("adb-unauthorized", &[], &[]).await;
    assert_eq!(name(emulator.adb().connect(LONG).await), "adb connect: Unauthorized");
    assert_eq!(name(emulator.adb().wait_for_device(LONG).await), "adb wait: Unauthorized");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_that_refuses_dies_or_wants_another_token_is_told_by_name() {
    let emulator = Emulator::start("grpc-refuses", &[], &[]).await;
    assert_eq!(name(emulator.control().status(LONG).await), "grpc connect: Refused");

    let emulator = Emulator::start("grpc-dies", &[], &[]).await;
    let control = emulator.control();
    control.status(LONG).await.unwrap();
    control.status(LONG).await.unwrap();
    assert_eq!(name(control.status(LONG).await), "grpc getStatus: Closed");
    until(|| async { name(control.status(LONG).await) == "grpc connect: Refused" }).await;

    let emulator = Emulator::start("token-wrong", &[], &[]).await;
    assert_eq!(name(emulator.control().status(LONG).await), "grpc getStatus: Unauthorized");
    let without = stakeout_links::Control::new(emulator.running.grpc.unwrap(), None);
    assert_eq!(name(without.status(LONG).await), "grpc getStatus: Unauthorized");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_shell_has_no_exit_code_and_one_output() {
    let (_emulator, adb) = Emulator::booted("shell-no-exit-code", &[]).await;
    let output = adb.shell("echo out; nonsense", LONG).await.unwrap();
    assert!(output.text().starts_with("out\n/system/bin/sh: nonsense"));
    assert_eq!((output.exit, output.stderr.len(), output.truncated), (None, 0, false));
    assert!(!output.failed());
    assert!(adb.stat("/sdcard", LONG).await.unwrap().unwrap().is_folder());
    assert_eq!(adb.stat("/none", LONG).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dumpsys_cut_short_has_no_exit_code() {
    let (_emulator, adb) = Emulator::booted("dumpsys-truncated", &[]).await;
    let output = adb.shell("dumpsys power", LONG).await.unwrap();
    assert_eq!(output.exit, None);
    assert!(!output.text().contains("mIsPowered"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_goes_back_an_hour() {
    let (_emulator, adb) = Emulator::booted("clock-jumps", &[("FAKE_EMULATOR_SCALE", "5")]).await;
    let time = || async { said(&adb, "date +%s").await.parse::<i64>().unwrap() };
    let before = time().await;
    until(|| async { time().await < before - 3000 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_microphone_that_is_taken_or_silent() {
    let (emulator, _adb) = Emulator::booted("one-microphone", &[]).await;
    let format = SoundFormat { rate: 16_000, stereo: false, real_time: true };
    let sound = emulator.control().inject(format, LONG).await.unwrap();
    assert_eq!(name(sound.finish(LONG).await), "grpc injectAudio: MicrophoneTaken");

    let script = r#"{"steps": [{"on": "launch", "do": {"open_microphone": {"seconds": 5.0, "to": {"store": "/sdcard/a.wav"}}}}]}"#;
    let pcm = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(pcm.path(), vec![7u8; 100_000]).unwrap();
    for (faults, heard) in [("mic-silent", 0u8), ("", 7)] {
        let pcm = pcm.path().to_str().unwrap();
        let (emulator, adb) = Emulator::booted(faults, &[("FAKE_EMULATOR_SCRIPT", script), ("FAKE_EMULATOR_PCM", pcm)]).await;
        emulator.console().host_microphone(true, LONG).await.unwrap();
        adb.install(&[apk(emulator.home.path(), "a.apk", 9)], &["-g"], LONG).await.unwrap();
        said(&adb, "am start -n com.example.app/.MainActivity").await;
        until(|| async { adb.stat("/sdcard/a.wav", LONG).await.unwrap().is_some() }).await;
        let mut wav = Vec::new();
        adb.pull("/sdcard/a.wav", &mut wav, 10 << 20, LONG).await.unwrap();
        assert!(wav[44..].iter().all(|b| *b == heard), "{faults}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_install_fails_with_its_code() {
    let (emulator, adb) = Emulator::booted("install-fails=INSTALL_FAILED_NO_MATCHING_ABIS", &[]).await;
    let apks = [apk(emulator.home.path(), "a.apk", 9), apk(emulator.home.path(), "b.apk", 9)];
    for apks in [&apks[..1], &apks[..]] {
        let refused = adb.install(apks, &[], LONG).await.unwrap_err();
        assert!(matches!(&refused.fault, Fault::Install { code, .. } if code == "INSTALL_FAILED_NO_MATCHING_ABIS"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_crashes_is_in_the_log_and_gone() {
    let (emulator, adb) = Emulator::booted("app-crashes", &[]).await;
    adb.install(&[apk(emulator.home.path(), "a.apk", 9)], &[], LONG).await.unwrap();
    said(&adb, "am start -n com.example.app/.MainActivity").await;
    until(|| async { said(&adb, "logcat -d").await.contains("FATAL EXCEPTION") }).await;
    until(|| async { said(&adb, "am get-uid-state 10123").await.starts_with("-1") }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_server_that_restarts_takes_the_services_along() {
    let (_emulator, adb) = Emulator::booted("system-server-restarts", &[("FAKE_EMULATOR_SCALE", "3")]).await;
    until(|| async { said(&adb, "service check package").await.ends_with("not found") }).await;
    let output = adb.shell("pm list packages", LONG).await.unwrap();
    assert_eq!(output.exit, Some(20));
    assert_eq!(said(&adb, "getprop sys.boot_completed").await, "1");
    until(|| async { said(&adb, "service check package").await.ends_with(": found") }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_emulator_leaves_its_file_and_its_locks() {
    let (mut emulator, adb) = Emulator::booted("killed", &[("FAKE_EMULATOR_SCALE", "3")]).await;
    let broken = adb.shell("sleep 100000", LONG).await.unwrap_err();
    assert!(matches!(broken.fault, Fault::Closed), "{broken}");
    assert_eq!(emulator.child.wait().unwrap().code(), Some(137));
    let left = stakeout_links::discovery::find(&[emulator.home.path().join("run/avd/running")]).unwrap();
    assert_eq!(left.len(), 1);
    assert!(!left[0].is_alive());
    // The next start is refused until somebody removes the locks.
    let again = run(emulator.home.path(), &["-no-window"], &[]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("same AVD"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks_that_stay_stop_the_next_start() {
    let (mut emulator, _adb) = Emulator::booted("stale-locks", &[]).await;
    emulator.console().kill(LONG).await.unwrap();
    assert!(emulator.child.wait().unwrap().success());
    assert!(avd(emulator.home.path()).join("hardware-qemu.ini.lock").exists());
    assert_eq!(run(emulator.home.path(), &["-no-window"], &[]).status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_files_apps_and_snapshots() {
    let (emulator, adb) = Emulator::booted("disk-full", &[]).await;
    let bytes = vec![1u8; 3 << 20];
    assert_eq!(name(adb.push(&mut &bytes[..], "/sdcard/a", 0o644, LONG).await), "adb push: Denied");
    let refused = adb.install(&[apk(emulator.home.path(), "a.apk", 9)], &[], LONG).await.unwrap_err();
    assert!(matches!(&refused.fault, Fault::Install { code, .. } if code == "INSTALL_FAILED_INSUFFICIENT_STORAGE"), "{refused}");
    assert_eq!(name(emulator.console().save_snapshot("b", LONG).await), "console command: Denied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_without_commands_is_told_by_name_and_still_kills() {
    let (mut emulator, _adb) = Emulator::booted("console-not-implemented", &[]).await;
    let console = emulator.console();
    assert_eq!(name(console.position(1.0, 2.0, LONG).await), "console command: NotImplemented");
    assert_eq!(name(console.save_snapshot("b", LONG).await), "console command: NotImplemented");
    console.kill(LONG).await.unwrap();
    assert!(emulator.child.wait().unwrap().success());
}

#[test]
fn a_command_line_that_the_emulator_does_not_know_is_refused() {
    let home = home();
    let unknown = run(home.path(), &["-nonsense"], &[]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("unknown option: -nonsense"));
    let fault = run(home.path(), &[], &[("FAKE_EMULATOR_FAULTS", "nonsense")]);
    assert!(String::from_utf8_lossy(&fault.stderr).contains("no fault `nonsense`"));
}
