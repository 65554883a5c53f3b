//! Each call of each client, against the stand-in.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use stakeout_links::{
    Fault, Token,
    control::{
        SoundFormat,
        messages::{GpsState, RunState, Touch},
    },
    guest::{Ceilings, Guest, Rooted, quote},
};
use support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shell_tells_output_errors_and_the_exit_code() {
    let (_emulator, adb) = Emulator::booted("", &[]).await;
    let output = adb.shell("echo out; nonsense", LONG).await.unwrap();
    assert_eq!(output.text(), "out\n");
    assert!(String::from_utf8_lossy(&output.stderr).contains("inaccessible or not found"));
    assert_eq!(output.exit, Some(127));
    let hostile = "a 'b' \"c\" $d; `e`";
    assert_eq!(said(&adb, &format!("echo {}", quote(hostile))).await, hostile);
    assert_eq!(said(&adb, "getprop ro.build.version.sdk").await, "34");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_never_ends_is_cut_and_ended() {
    let (_emulator, adb) = Emulator::booted("", &[]).await;
    let output = adb.shell_with("yes", Ceilings { stdout: 100_000, stderr: 10 }, LONG).await.unwrap();
    assert_eq!((output.stdout.len(), output.truncated, output.exit), (100_000, true, None));
    // The connection is still good.
    assert_eq!(said(&adb, "echo on").await, "on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_over_its_time_is_ended_and_the_next_one_works() {
    let (_emulator, adb) = Emulator::booted("", &[]).await;
    assert_eq!(name(adb.shell("sleep 100000", SHORT).await), "adb shell: Timeout");
    assert_eq!(said(&adb, "echo on").await, "on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_commands_share_a_connection() {
    let (_emulator, adb) = Emulator::booted("", &[]).await;
    let asked = (0..20).map(|n| {
        let adb = &adb;
        async move { (n, said(adb, &format!("echo {n}")).await) }
    });
    for (n, said) in futures_util::future::join_all(asked).await {
        assert_eq!(said, n.to_string());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_go_in_and_come_out_as_they_were() {
    let (_emulator, adb) = Emulator::booted("", &[]).await;
    let bytes: Vec<u8> = (0..1_500_000u32).map(|n| (n * 7 % 251) as u8).collect();
    let sent = adb.push(&mut &bytes[..], "/sdcard/new/a.bin", 0o644, LONG).await.unwrap();
    assert_eq!(sent, bytes.len() as u64);
    let stat = adb.stat("/sdcard/new/a.bin", LONG).await.unwrap().unwrap();
    assert_eq!((stat.size, stat.mode & 0o777, stat.is_folder()), (bytes.len() as u64, 0o644, false));
    assert!(adb.stat("/sdcard/new", LONG).await.unwrap().unwrap().is_folder());
    assert_eq!(adb.stat("/sdcard/none", LONG).await.unwrap(), None);

    let mut back = Vec::new();
    adb.pull("/sdcard/new/a.bin", &mut back, 2_000_000, LONG).await.unwrap();
    assert!(back == bytes);
    let mut part = Vec::new();
    assert_eq!(name(adb.pull("/sdcard/new/a.bin", &mut part, 1000, LONG).await), "adb pull: TooLarge");
    assert_eq!(part, bytes[..1000]);
    assert_eq!(name(adb.pull("/none", &mut part, 1000, LONG).await), "adb pull: Denied");
    assert_eq!(name(adb.push(&mut &b"x"[..], "/system/x", 0o644, LONG).await), "adb push: Denied");
    assert_eq!(name(adb.stat(&"x".repeat(1025), LONG).await), "adb stat: Invalid");
    adb.push(&mut &b""[..], "/sdcard/empty", 0o600, LONG).await.unwrap();
    assert_eq!(adb.stat("/sdcard/empty", LONG).await.unwrap().unwrap().size, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apps_are_installed_alone_and_with_splits() {
    for faults in ["", "shell-no-exit-code"] {
        let (emulator, adb) = Emulator::booted(faults, &[]).await;
        let one = apk(emulator.home.path(), "a b'c.apk", 300_000);
        adb.install(std::slice::from_ref(&one), &["-g"], LONG).await.unwrap();
        assert!(said(&adb, "pm list packages").await.contains("package:com.example.app"));
        assert!(said(&adb, "dumpsys package com.example.app").await.contains("android.permission.CAMERA: granted=true"));
        let split = apk(emulator.home.path(), "split.apk", 5);
        said(&adb, "pm uninstall com.example.app").await;
        adb.install(&[one, split], &[], LONG).await.unwrap();
        assert_eq!(said(&adb, "pm path com.example.app").await, "package:/data/app/com.example.app/base.apk");
        assert_eq!(name(adb.install(&[], &[], LONG).await), "adb install: Invalid");
        assert_eq!(name(adb.install(&["/none.apk".into()], &[], LONG).await), "adb install: Unreadable");
        let empty = apk(emulator.home.path(), "empty.apk", 0);
        assert_eq!(name(adb.install(&[empty], &[], LONG).await), "adb install: Install");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_comes_line_by_line() {
    let script = r#"{"steps": [{"on": "launch", "do": {"log": "hello from the app"}}]}"#;
    let (emulator, adb) = Emulator::booted("", &[("FAKE_EMULATOR_SCRIPT", script)]).await;
    adb.install(&[apk(emulator.home.path(), "a.apk", 9)], &[], LONG).await.unwrap();
    let mut lines = adb.logcat(&["-v", "threadtime"], LONG).await.unwrap();
    assert!(lines.next(LONG).await.unwrap().unwrap().text.contains("boot completed"));
    assert_eq!(name(lines.next(SHORT).await), "adb logcat: Timeout");
    said(&adb, "am start -n com.example.app/.MainActivity").await;
    let line = lines.next(LONG).await.unwrap().unwrap();
    assert!(line.text.ends_with("D App: hello from the app"), "{line:?}");
    assert!(!line.cut);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn root_restarts_adbd_and_the_next_call_finds_it() {
    let (_emulator, adb) = Emulator::booted("", &[]).await;
    assert_eq!(adb.root(LONG).await.unwrap(), Rooted::Restarting);
    adb.wait_for_device(LONG).await.unwrap();
    until(|| async { said(&adb, "id").await.starts_with("uid=0") }).await;
    assert_eq!(adb.root(LONG).await.unwrap(), Rooted::Already);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reboot_ends_apps_and_keeps_files() {
    let (emulator, adb) = Emulator::booted("", &[]).await;
    adb.install(&[apk(emulator.home.path(), "a.apk", 9)], &[], LONG).await.unwrap();
    said(&adb, "am start -n com.example.app/.MainActivity").await;
    assert_eq!(said(&adb, "am get-uid-state 10123").await, "2 (TOP)");
    adb.push(&mut &b"kept"[..], "/sdcard/kept", 0o600, LONG).await.unwrap();
    adb.reboot(LONG).await.unwrap();
    adb.wait_for_device(LONG).await.unwrap();
    until(|| async { said(&adb, "getprop sys.boot_completed").await == "1" }).await;
    assert_eq!(said(&adb, "cat /sdcard/kept").await, "kept");
    assert!(said(&adb, "am get-uid-state 10123").await.starts_with("-1") || said(&adb, "am get-uid-state 10123").await.starts_with("15"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_answers_each_command() {
    let (emulator, _adb) = Emulator::booted("", &[]).await;
    let console = emulator.console();
    assert_eq!(console.avd_name(LONG).await.unwrap(), "phone");
    assert_eq!(console.snapshots(LONG).await.unwrap(), ["base"]);
    console.save_snapshot("second", LONG).await.unwrap();
    assert_eq!(console.snapshots(LONG).await.unwrap(), ["base", "second"]);
    console.load_snapshot("second", LONG).await.unwrap();
    assert_eq!(name(console.load_snapshot("none", LONG).await), "console command: Denied");
    console.position(11.5, 48.1, LONG).await.unwrap();
    assert_eq!(name(console.position(f64::NAN, 0.0, LONG).await), "console command: Invalid");
    console.message("+4912345", "two\nlines", LONG).await.unwrap();
    console.host_microphone(true, LONG).await.unwrap();
    assert_eq!(name(console.command("wifi add x", LONG).await), "console command: NotImplemented");
    assert_eq!(name(console.command("a\nkill", LONG).await), "console command: Invalid");
    assert_eq!(name(console.save_snapshot("a b", LONG).await), "console command: Invalid");
    console.kill(LONG).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_with_another_token_says_so() {
    let (emulator, _adb) = Emulator::booted("", &[]).await;
    // The stand-in makes its token at the first greeting.
    let port = emulator.running.console.unwrap();
    let without = stakeout_links::Console::new(port, None);
    assert_eq!(name(without.command("avd name", LONG).await), "console auth: Unauthorized");
    let wrong = stakeout_links::Console::new(port, Token::new("wrong"));
    assert_eq!(name(wrong.command("avd name", LONG).await), "console auth: Unauthorized");
    assert_eq!(emulator.console().avd_name(LONG).await.unwrap(), "phone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_grpc_call_is_understood() {
    let (emulator, adb) = Emulator::booted("", &[]).await;
    let control = emulator.control();
    let status = control.status(LONG).await.unwrap();
    assert!(status.booted && status.uptime > 0 && status.version == "36.6.4.0");
    assert_eq!(control.vm_state(LONG).await.unwrap(), RunState::Running);
    control.set_clipboard("secret", LONG).await.unwrap();
    control.set_gps(GpsState { latitude: 48.0, longitude: 11.0, ..GpsState::default() }, LONG).await.unwrap();
    assert_eq!(name(control.set_gps(GpsState { latitude: 480.0, ..GpsState::default() }, LONG).await), "grpc setGps: Status");
    control.message("+4912345", "hello", LONG).await.unwrap();
    assert_eq!(name(control.message("nobody", "hello", LONG).await), "grpc sendSms: Denied");
    control.touch(vec![Touch { x: 5, y: 6, pressure: 1, ..Touch::default() }], LONG).await.unwrap();
    control.mouse(1, 2, 1, LONG).await.unwrap();
    control.text("typed", LONG).await.unwrap();
    control.key("Power", LONG).await.unwrap();
    assert!(said(&adb, "dumpsys power").await.contains("mWakefulness=Asleep"));
    let image = control.screenshot(1 << 20, LONG).await.unwrap();
    assert!(image.image.starts_with(b"\x89PNG"));
    assert_eq!(name(control.screenshot(10, LONG).await), "grpc getScreenshot: TooLarge");
    assert_eq!(name(control.set_vm_state(RunState::SaveVm, LONG).await), "grpc setVmState: Status");
    assert_eq!(name(control.key(&"x".repeat(70_000), LONG).await), "grpc sendKey: TooLarge");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notifications_tell_the_camera_and_the_boot() {
    let script = r#"{"steps": [{"on": "launch", "do": {"open_camera": {"seconds": 1.0, "to": {"store": "/sdcard/a.jpg"}}}}]}"#;
    let emulator =
        Emulator::start("", &["-camera-back", "virtualscene"], &[("FAKE_EMULATOR_SCRIPT", script), ("FAKE_EMULATOR_BOOT", "40")]).await;
    let mut notes = emulator.control().notifications(LONG).await.unwrap();
    assert!(!notes.next(LONG).await.unwrap().unwrap().camera.unwrap().active);
    assert!(notes.next(LONG).await.unwrap().unwrap().booted.is_some());
    let adb = emulator.adb();
    adb.install(&[apk(emulator.home.path(), "a.apk", 9)], &["-g"], LONG).await.unwrap();
    assert_eq!(name(notes.next(SHORT).await), "grpc streamNotification: Timeout");
    said(&adb, "am start -n com.example.app/.MainActivity").await;
    assert!(notes.next(LONG).await.unwrap().unwrap().camera.unwrap().active);
    assert!(!notes.next(LONG).await.unwrap().unwrap().camera.unwrap().active);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn injected_sound_is_what_the_app_records() {
    let script = r#"{"steps": [{"on": "launch", "do": {"open_microphone": {"seconds": 4.0, "to": {"store": "/sdcard/a.wav"}}}}]}"#;
    let (emulator, adb) = Emulator::booted("", &[("FAKE_EMULATOR_SCRIPT", script), ("FAKE_EMULATOR_SCALE", "1")]).await;
    adb.install(&[apk(emulator.home.path(), "a.apk", 9)], &["-g"], LONG).await.unwrap();
    let format = SoundFormat { rate: 44_100, stereo: false, real_time: false };
    let control = emulator.control();
    let mut sound = control.inject(format, LONG).await.unwrap();
    let packet: Bytes = (0..882i16).flat_map(|n| (n + 1).to_le_bytes()).collect();
    sound.send(packet.clone(), LONG).await.unwrap();
    until(|| async { said(&adb, "logcat -d").await.contains("the microphone has a client") }).await;
    // A second client is refused while the first is there.
    let mut second = control.inject(format, LONG).await.unwrap();
    let refused = loop {
        match second.send(packet.clone(), LONG).await {
            Ok(()) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(e) => break e,
        }
    };
    assert!(matches!(refused.fault, Fault::MicrophoneTaken(_)), "{refused}");
    assert_eq!(name(sound.send(vec![0; 100_000].into(), LONG).await), "grpc injectAudio: TooLarge");

    said(&adb, "am start -n com.example.app/.MainActivity").await;
    for _ in 0..30 {
        sound.send(packet.clone(), LONG).await.unwrap();
    }
    sound.finish(LONG).await.unwrap();
    until(|| async { adb.stat("/sdcard/a.wav", LONG).await.unwrap().is_some() }).await;
    let mut wav = Vec::new();
    adb.pull("/sdcard/a.wav", &mut wav, 10 << 20, LONG).await.unwrap();
    assert_eq!(wav.len(), 44 + 4 * 44_100 * 2);
    assert!(wav.windows(packet.len()).any(|w| w == &packet[..]), "the packet is not in the recording");
    assert!(said(&adb, "dumpsys audio").await.contains("rec start"));
    assert_eq!(name(control.inject(SoundFormat { rate: 96_000, ..format }, LONG).await), "grpc injectAudio: Invalid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminated_emulator_cleans_up() {
    let (mut emulator, _adb) = Emulator::booted("", &[]).await;
    assert!(avd(emulator.home.path()).join("multiinstance.lock").exists());
    // It may be gone before its answer is.
    let told = emulator.control().set_vm_state(RunState::Terminate, LONG).await;
    assert!(told.as_ref().is_ok() || told.as_ref().is_err_and(stakeout_links::LinkError::is_gone), "{told:?}");
    assert!(emulator.child.wait().unwrap().success());
    assert!(!avd(emulator.home.path()).join("multiinstance.lock").exists());
    assert_eq!(stakeout_links::discovery::find(&[emulator.home.path().join("run/avd/running")]).unwrap(), []);
    assert_eq!(name(emulator.adb().shell("true", LONG).await), "adb connect: Refused");
    assert_eq!(name(emulator.control().status(LONG).await), "grpc connect: Refused");
    assert_eq!(name(emulator.console().avd_name(LONG).await), "console connect: Refused");
}
