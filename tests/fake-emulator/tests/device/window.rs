//! The emulator's window, hidden on the real X server; and what is done where that cannot be.

use std::{
    fs,
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::PathBuf,
    time::{Duration, Instant},
};

use serde_json::json;
use stakeout_device::emulator::Layout;
use stakeout_protocol::bake::Window;

use crate::{
    faults::launched,
    worker::{Worker, layout},
};

async fn boots(folder: tempfile::TempDir, layout: Layout) -> Worker {
    let mut w = Worker::in_layout(folder, layout).await;
    w.ok(json!({"verb": "boot", "api": 34, "locale": "en-US"})).await;
    w
}

/// A device whose emulator has such a window, assigned.
async fn with(window: Window, faults: &str) -> Worker {
    let (folder, mut layout) = layout(faults, false, &[]);
    layout.window = Some(window);
    let mut w = boots(folder, layout).await;
    w.ok(Worker::assignment("grant-all")).await;
    w
}

/// What the trial's record says of its window.
fn window(w: &Worker) -> String {
    let told = w.facts("log").into_iter().find_map(|f| f.1["line"].as_str().filter(|l| l.starts_with("window ")).map(str::to_owned));
    let told = told.expect("the record names the window");
    assert!(w.logs().contains(&told), "and so does the device's log");
    told
}

fn microphone(w: &Worker) -> String {
    w.logs().into_iter().find(|l| l.starts_with("microphone by ")).expect("the route is named")
}

/// The display's socket, by what the record says.
fn socket(w: &Worker) -> PathBuf {
    let told = window(w);
    let number = told.strip_prefix("window hidden on display :").unwrap_or_else(|| panic!("{told}"));
    PathBuf::from(format!("/tmp/.X11-unix/X{number}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_window_has_a_display_of_its_own_that_lets_in_nobody_without_its_cookie() {
    let (folder, mut layout) = layout("", false, &[]);
    layout.window = Some(Window::Hidden);
    let cookie = layout.work.join("display/client");
    let mut w = boots(folder, layout).await;
    w.ok(Worker::assignment("grant-all")).await;
    let socket = socket(&w);
    assert_eq!(microphone(&w), "microphone by pulseaudio");
    assert_eq!(fs::metadata(cookie).unwrap().permissions().mode() & 0o7777, 0o640);
    // Somebody without a cookie: byte order, version 11.0, no kind, no cookie.
    let mut stranger = UnixStream::connect(&socket).unwrap();
    stranger.write_all(&[b'l', 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    let mut answer = [0; 1];
    stranger.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0], "refused");
    let pid = tokio::net::UnixStream::connect(&socket).await.unwrap().peer_cred().unwrap().pid().unwrap();
    // Neither an abstract name, which the whole network of the container could reach, nor a port.
    let all = fs::read_to_string("/proc/net/unix").unwrap();
    assert!(!all.lines().any(|l| l.ends_with(&format!("@{}", socket.display()))), "{all}");
    let number: u16 = socket.file_name().unwrap().to_str().unwrap()[1..].parse().unwrap();
    assert!(std::net::TcpStream::connect(("127.0.0.1", 6000 + number)).is_err());
    assert!(w.vanish().await.is_ok());
    let until = Instant::now() + Duration::from_secs(10);
    // A number may be another's by then, which is no display.
    while fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|c| c.trim() == "Xvfb") {
        assert!(Instant::now() < until, "it is left");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_emulator_without_a_window_has_no_pulseaudio_and_one_that_qt_draws_into_memory_has() {
    let w = with(Window::None, "").await;
    assert_eq!(window(&w), "window none");
    assert!(microphone(&w).starts_with("microphone by grpc: the emulator has not connected with the sound server"), "{}", microphone(&w));
    let w = with(Window::Offscreen, "").await;
    assert_eq!((window(&w).as_str(), microphone(&w).as_str()), ("window offscreen", "microphone by pulseaudio"));
}

#[tokio::test]
async fn without_its_display_the_emulator_goes_without_a_window_and_says_so() {
    let (folder, mut layout) = layout("", true, &[]);
    fs::write(layout.avds.join("stakeout.avd/config.ini"), "hw.cpu.ncore=2\nhw.ramSize=2048M\nstakeout.window=hidden\n").unwrap();
    // Its place is taken by a file.
    fs::write(layout.work.join("display"), "").unwrap();
    layout.deadlines.cold = Duration::from_secs(40);
    let mut w = boots(folder, layout).await;
    w.ok(Worker::assignment("grant-all")).await;
    assert!(window(&w).starts_with("window none: its display cannot be started: "), "{}", window(&w));
    assert!(w.logs().iter().any(|l| l.starts_with("booted (ColdBaked)")), "the snapshot was saved with it: {:?}", w.logs());
}

#[tokio::test]
async fn an_emulator_that_cannot_draw_its_window_is_started_once_more_without() {
    let w = with(Window::Hidden, "no-qt-platform").await;
    assert!(window(&w).starts_with("window none: with it the emulator does not start: "), "{}", window(&w));
    assert!(window(&w).contains("no Qt platform plugin could be initialized"), "{}", window(&w));
}

#[tokio::test]
async fn a_display_that_dies_takes_the_emulator_along_and_that_is_a_dead_guest() {
    let w = with(Window::Hidden, "display-dies=launch").await;
    let mut w = launched(w, &json!({"package": "net.example.played", "steps": []})).await;
    let last = w.ask(json!({"verb": "advance", "nanos": 120_000_000_000_u64})).await;
    let why = last.unwrap_err()["message"].as_str().unwrap().to_owned();
    assert!(why.contains("The X11 connection broke"), "{why}");
    assert_eq!(w.health(), ["guest_died"]);
}

#[tokio::test]
async fn a_snapshot_that_was_saved_with_another_window_is_not_started_from() {
    let (folder, mut layout) = layout("", true, &[]);
    layout.window = Some(Window::Offscreen);
    let w = boots(folder, layout).await;
    let logs = w.logs();
    assert!(logs.iter().any(|l| l == "no start from the snapshot: it was saved with window `none`, and this is `offscreen`"), "{logs:?}");
    assert!(logs.iter().any(|l| l.starts_with("booted (ColdBaked)")), "{logs:?}");
}
