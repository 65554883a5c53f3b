//! The microphone by the real sound server, and what is done where that cannot be.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use stakeout_device::emulator::{Layout, MicrophoneRoute};
use stakeout_feed::{MicCandidate, MicDetector, SoundMatch, SubKey};
use stakeout_protocol::bake::Window;

use crate::{faults::launched, trial::files, worker::Worker};

const PACKAGE: &str = "net.example.played";
const SOUND: &str = "/data/data/net.example.played/files/sound.wav";

/// An app that records for three seconds whenever it is opened.
fn records() -> Value {
    let record = json!({"open_microphone": {"seconds": 3, "to": {"store": SOUND}}});
    json!({"package": PACKAGE, "steps": [
        {"on": "launch", "after": 2, "do": record},
        // Its process is there already when it is opened after a restart: receivers of the boot run in it.
        {"on": "foreground", "after": 2, "do": record},
    ]})
}

/// A layout whose emulator has a window: one without has no PulseAudio.
fn layout(faults: &str, snapshot: bool, more: &[(&str, &str)]) -> (tempfile::TempDir, Layout) {
    let (folder, mut layout) = crate::worker::layout(faults, snapshot, more);
    layout.window = Some(Window::Offscreen);
    (folder, layout)
}

/// A device in this layout that is assigned.
async fn assigned(folder: tempfile::TempDir, layout: Layout) -> Worker {
    let mut w = Worker::in_layout(folder, layout).await;
    w.ok(json!({"verb": "boot", "api": 34, "locale": "en-US"})).await;
    w.ok(Worker::assignment("grant-all")).await;
    w
}

/// A device whose guest runs only twice as fast as we do, so that the sound's age can be told.
async fn slow(faults: &str) -> Worker {
    let (folder, layout) = layout(faults, false, &[("FAKE_EMULATOR_SCALE", "2")]);
    assigned(folder, layout).await
}

/// What the app recorded, after its end.
async fn recorded(w: &mut Worker) -> Vec<u8> {
    w.ok(json!({"verb": "snapshot_files", "max_bytes": 10_000_000, "max_files": 10})).await;
    files(&w.blobs[&w.last()])[&format!("files{SOUND}")].clone()
}

/// The seconds that a recording holds: some of those that were delivered, though all until then are searched.
fn heard(wav: &[u8], delivered: &Value) -> SoundMatch {
    let rate = u32::from_le_bytes(wav[24..28].try_into().unwrap());
    let samples: Vec<f32> = wav[44..].chunks_exact(2).map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0).collect();
    let block = |name: &str| delivered[name].as_u64().unwrap() * 50_000_000;
    let (first, last) = (block("first"), block("last") + 50_000_000);
    let candidate =
        MicCandidate { subkey: SubKey::from_bytes([0xcc; 32]), delivered: vec![], logged: false, horizon_nanos: last + 1_000_000_000 };
    let found = MicDetector::new(&[candidate]).detect(&samples, rate);
    let found = found.first().cloned().unwrap_or_else(|| panic!("nothing of what is played, in {} samples", samples.len()));
    assert!(first <= found.from_nanos && found.to_nanos <= last, "{found:?} and {delivered}");
    found
}

fn lost(w: &Worker) -> Vec<String> {
    w.facts("lost").into_iter().map(|f| f.1["what"].as_str().unwrap().to_owned()).collect()
}

/// Which route the trial's record names, and why.
fn route(w: &Worker) -> String {
    let told = w.facts("log").into_iter().find_map(|f| f.1["line"].as_str().filter(|l| l.starts_with("microphone by ")).map(str::to_owned));
    let told = told.expect("the record names the route");
    assert!(w.logs().contains(&told), "and so does the device's log");
    told
}

/// The process that listens there.
async fn server(socket: &Path) -> i32 {
    tokio::net::UnixStream::connect(socket).await.unwrap().peer_cred().unwrap().pid().unwrap()
}

fn signal(name: &str, pid: i32) {
    assert!(Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_by_the_sound_server_holds_the_seconds_in_which_it_was_made_after_a_restart_too() {
    let mut w = slow("").await;
    assert_eq!(w.ok(json!({"verb": "hello"})).await["microphone_route"], "pulseaudio");
    assert_eq!(route(&w), "microphone by pulseaudio");
    w.install(&records()).await;
    w.ok(json!({"verb": "launch"})).await;
    w.advance(8).await;
    w.ok(json!({"verb": "reboot"})).await;
    let restarted = w.advance(0).await as f64 / 1e9;
    w.ok(json!({"verb": "launch"})).await;
    w.advance(8).await;
    let wav = recorded(&mut w).await;
    assert_eq!(lost(&w), Vec::<String>::new(), "{:?}", w.logs());
    let opened: Vec<f64> = w.facts("opened").into_iter().map(|o| o.0).collect();
    let delivered = w.facts("delivered");
    assert_eq!((opened.len(), delivered.len()), (2, 2), "{opened:?}");
    assert!(opened[1] > restarted);
    let found = heard(&wav, &delivered[1].1);
    let (from, to) = (found.from_nanos as f64 / 1e9, found.to_nanos as f64 / 1e9);
    let age = opened[1] + found.recording_nanos as f64 / 1e9 - from;
    println!("{from:.3} to {to:.3} s, opened at {:.3}: {:.0} ms old; {:?}", opened[1], age * 1e3, w.logs().last());
    assert!(to - from > 2.0, "most of three seconds: {from} to {to}");
    // Our milliseconds are two of the guest's.
    assert!(age.abs() < 0.4, "the sound is of the moment: {age} s");
    assert!(w.logs().iter().any(|l| l.starts_with("microphone: at most ") && l.contains(" on their way")), "{:?}", w.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_sound_server_cannot_be_used_sound_comes_by_grpc_and_why_is_said() {
    let unset = "microphone by grpc: `STAKEOUT_MICROPHONE` says so";
    for (faults, by, why) in [
        ("", MicrophoneRoute::Grpc, unset),
        ("no-pulseaudio", MicrophoneRoute::PulseAudio, "microphone by grpc: the emulator has not connected with the sound server"),
        ("no-host-microphone", MicrophoneRoute::PulseAudio, "microphone by grpc: the guest is not let hear its host: "),
    ] {
        let (folder, mut layout) = layout(faults, false, &[("FAKE_EMULATOR_SCALE", "4")]);
        layout.microphone = by;
        let mut w = launched(assigned(folder, layout).await, &records()).await;
        assert!(route(&w).starts_with(why), "{}", route(&w));
        w.advance(8).await;
        let wav = recorded(&mut w).await;
        let delivered = w.facts("delivered")[0].1.clone();
        let found = heard(&wav, &delivered);
        assert!(found.to_nanos - found.from_nanos > 1_000_000_000, "{faults}: {found:?}");
        assert_eq!(lost(&w), Vec::<String>::new(), "{faults}");
    }
}

#[tokio::test]
async fn a_sound_server_that_does_not_start_is_no_hindrance() {
    let (folder, layout) = layout("", false, &[]);
    // Its place is taken by a file.
    fs::write(layout.work.join("sound"), "").unwrap();
    let w = assigned(folder, layout).await;
    assert!(route(&w).starts_with("microphone by grpc: the sound server cannot be started: "), "{}", route(&w));
}

#[tokio::test]
async fn a_sound_server_that_dies_is_lost_evidence_and_the_trial_goes_on() {
    let (folder, layout) = layout("sound-server-dies=launch", false, &[]);
    let mut w = launched(assigned(folder, layout).await, &records()).await;
    w.advance(30).await;
    w.ok(json!({"verb": "snapshot_files", "max_bytes": 1_000_000, "max_files": 10})).await;
    assert_eq!(lost(&w), ["microphone feed: the sound server has ended"]);
    assert_eq!(w.health(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_server_that_hangs_for_a_while_is_lost_evidence() {
    let (folder, layout) = layout("", false, &[]);
    let socket = layout.work.join("sound/native");
    let mut w = launched(assigned(folder, layout).await, &json!({"package": PACKAGE, "steps": []})).await;
    let pid = server(&socket).await;
    signal("STOP", pid);
    w.advance(60).await;
    signal("CONT", pid);
    w.advance(20).await;
    w.ok(json!({"verb": "snapshot_files", "max_bytes": 1_000_000, "max_files": 10})).await;
    assert!(lost(&w).iter().any(|l| l.starts_with("microphone feed: ")), "{:?}", lost(&w));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_microphone_that_the_emulator_mutes_is_lost_evidence() {
    let (folder, layout) = layout("", false, &[]);
    let address = format!("--server=unix:{}", layout.work.join("sound/native").display());
    let mut w = launched(assigned(folder, layout).await, &json!({"package": PACKAGE, "steps": []})).await;
    let muted = Command::new("pactl").args([&address, "set-source-mute", "microphone", "1"]).status().unwrap();
    assert!(muted.success());
    w.advance(20).await;
    w.ok(json!({"verb": "snapshot_files", "max_bytes": 1_000_000, "max_files": 10})).await;
    assert!(lost(&w).iter().any(|l| l.starts_with("microphone feed: ")), "{:?}", lost(&w));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_have_a_sound_server_each_that_nobody_else_writes_to_and_that_ends_with_its_device() {
    let mut all = Vec::new();
    for _ in 0..3 {
        let (folder, layout) = layout("", false, &[]);
        let at = layout.work.join("sound");
        let w = assigned(folder, layout).await;
        assert_eq!(route(&w), "microphone by pulseaudio");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&at), mode(&at.join("own"))), (0o771, 0o700), "the FIFO is in a folder that others do not enter");
        assert!(fs::read_dir(at.join("own")).unwrap().count() >= 2);
        all.push((server(&at.join("native")).await, w));
    }
    let pids: Vec<i32> = all.iter().map(|(pid, _)| *pid).collect();
    assert!(pids[0] != pids[1] && pids[1] != pids[2] && pids[0] != pids[2], "{pids:?}");
    for (pid, w) in all {
        assert!(w.vanish().await.is_ok());
        let until = Instant::now() + Duration::from_secs(10);
        // A number may be another's by then, which is no sound server.
        while fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|c| c.trim() == "pulseaudio") {
            assert!(Instant::now() < until, "it is left");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
