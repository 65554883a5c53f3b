//! A bake in its container, with the plan that the command makes, and what a failure of each kind becomes.

use std::time::Duration;

use stakeout_contract::Sha256Digest;
use stakeout_device::emulator::{Layout, bake::bake};
use stakeout_protocol::bake::{FEATURES, GPU, Launch, Said, Stage, Window, Work};
use stakeout_sdk::{
    avd::Avd,
    bake::Bake,
    host::{Cpu, HostClass},
    index::Revision,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::worker::{Worker, layout};

/// The plan of a bake of the tests' image.
fn plan(api: u32) -> Vec<Stage> {
    plan_with(api, Window::None)
}

/// The same, of one whose emulator has such a window.
fn plan_with(api: u32, window: Window) -> Vec<Stage> {
    let cpu = Cpu { vendor: "GenuineIntel".into(), family: 6, model: 85 };
    let avd = Avd { cores: 2, ram_mib: 2048, ..Avd::usual(api, "x86_64") };
    let class = HostClass {
        cpu,
        emulator: Revision::new(37, 2, 12),
        gpu: GPU.to_owned(),
        cores: avd.cores,
        ram_mib: avd.ram_mib,
        features: FEATURES.iter().map(|f| (*f).to_owned()).collect(),
        api,
        abi: avd.abi,
        image: Sha256Digest::of(b"system image"),
        window,
    };
    Bake::new(class, "stakeout/emulator:x", Sha256Digest::of(b"image")).order().stages
}

/// What is said when this is ordered, and how the program ends.
async fn baked(layout: &Layout, stages: Vec<Stage>) -> (Vec<Said>, anyhow::Result<()>) {
    let order = stakeout_protocol::bake::Order { format: 1, stages };
    let ((mut to, input), (output, from)) = (tokio::io::duplex(1 << 16), tokio::io::duplex(1 << 16));
    to.write_all(format!("{}\n", serde_json::to_string(&order).unwrap()).as_bytes()).await.unwrap();
    let read = async {
        let (mut said, mut lines) = (Vec::new(), BufReader::new(from).lines());
        while let Some(line) = lines.next_line().await.unwrap() {
            said.push(Said::parse(&line).unwrap());
        }
        said
    };
    tokio::time::timeout(Duration::from_secs(120), async { tokio::join!(read, bake(layout, input, output)) }).await.expect("an end")
}

fn at(stages: &[Stage], want: fn(&Work) -> bool) -> usize {
    stages.iter().position(|s| want(&s.work)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_baked_is_what_a_trial_starts_from() {
    let (folder, mut layout) = layout("", false, &[]);
    layout.probe = Some(crate::probe::probe(folder.path()));
    let stages = plan(34);
    let (said, done) = baked(&layout, stages.clone()).await;
    done.unwrap();
    let ends: Vec<&Said> = said.iter().filter(|s| !matches!(s, Said::Note { .. })).collect();
    let all: Vec<Said> = (0..stages.len()).flat_map(|stage| [Said::Begun { stage }, Said::Done { stage }]).collect();
    assert_eq!(ends, all.iter().collect::<Vec<_>>());
    let probed = said.iter().filter(|s| matches!(s, Said::Note { text } if text.starts_with("probe: the back camera shows")));
    assert_eq!(probed.count(), 3, "before it is saved, and after each time that it was loaded: {said:?}");
    let avd = layout.avds.join("stakeout.avd");
    assert!(avd.join("snapshots/stakeout/snapshot.pb").is_file());
    // The emulator's note that the disks are in the snapshot's state, without which each trial would have to write them.
    assert_eq!(std::fs::read_to_string(avd.join("read-snapshot.txt")).unwrap(), "stakeout");
    let disk = std::fs::metadata(avd.join("userdata-qemu.img.qcow2")).unwrap();
    assert!(disk.permissions().readonly(), "the last load was by a trial's way, when nobody could write what is kept");
    let locks = std::fs::read_dir(&avd).unwrap().flatten().filter(|e| e.path().extension().is_some_and(|x| x == "lock"));
    assert_eq!(locks.count(), 0, "nothing of the bake's emulator is left in the image");
    // In a container of its own: what a bake had on its tmpfs is not there.
    for gone in ["home", "work", "tmp"] {
        std::fs::remove_dir_all(folder.path().join(gone)).unwrap();
        std::fs::create_dir_all(folder.path().join(gone)).unwrap();
    }
    let mut w = Worker::in_layout(folder, layout).await;
    w.ok(serde_json::json!({"verb": "boot", "api": 34, "locale": "en-US"})).await;
    assert!(w.logs().iter().any(|l| l.starts_with("booted (Restore)")), "{:?}", w.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_with_a_window_is_saved_with_it_and_started_with_it() {
    let (folder, layout) = layout("", false, &[]);
    let config = layout.avds.join("stakeout.avd/config.ini");
    let with = std::fs::read_to_string(&config).unwrap() + "stakeout.window=hidden\n";
    std::fs::write(&config, with).unwrap();
    let (said, done) = baked(&layout, plan_with(34, Window::Hidden)).await;
    done.unwrap();
    let shown = said.iter().filter(|s| matches!(s, Said::Note { text } if text.starts_with("window hidden on display :")));
    assert_eq!(shown.count(), 3, "before it is saved, and each time that it is loaded: {said:?}");
    let (_, done) = baked(&layout, plan(34)).await;
    assert!(done.unwrap_err().to_string().contains("would be started otherwise"), "an order for one without");
    let mut w = Worker::in_layout(folder, layout).await;
    w.ok(serde_json::json!({"verb": "boot", "api": 34, "locale": "en-US"})).await;
    assert!(w.logs().iter().any(|l| l.starts_with("booted (Restore)")), "{:?}", w.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_is_said_at_its_stage() {
    let mut stages = plan(34);
    let quiet = at(&stages, |w| *w == Work::Quiet);
    // One look at the processors is enough here.
    stages[quiet].deadline = Duration::from_secs(41);
    let restored = at(&stages, |w| matches!(w, Work::Loadable { .. })) + 2;
    for (faults, stage, why) in [
        ("no-kvm", at(&stages, |w| *w == Work::CheckKvm), "/dev/kvm is not found"),
        ("never-boots", at(&stages, |w| *w == Work::Ready), "`boot_completed`"),
        ("no-package-manager", at(&stages, |w| *w == Work::Ready), "`package manager`"),
        ("disk-full", at(&stages, |w| matches!(w, Work::Save { .. })), "not enough disk space"),
        ("snapshot-not-loadable", at(&stages, |w| matches!(w, Work::Loadable { .. })), "different AVD configuration"),
        ("hangs-on-restore", restored, "at `adb`"),
    ] {
        let (_folder, layout) = layout(faults, false, &[]);
        let (said, done) = baked(&layout, stages.clone()).await;
        assert!(done.is_err(), "{faults}");
        let Some(Said::Failed { stage: failed, reason }) = said.last() else { panic!("{faults}: {said:?}") };
        assert_eq!(*failed, stage, "{faults}: {reason}");
        assert!(reason.contains(why), "{faults}: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emulator_that_ends_slowly_is_waited_for_and_one_that_was_killed_is_no_bake() {
    let mut stages = plan(34);
    stages.truncate(at(&stages, |w| matches!(w, Work::Loadable { .. })) + 1);
    stages.retain(|s| !matches!(s.work, Work::Settle | Work::Quiet));
    let (_folder, slow) = layout("ends-slowly=7", false, &[]);
    let (said, done) = baked(&slow, stages.clone()).await;
    assert!(done.is_ok(), "{said:?}");
    let stop = at(&stages, |w| *w == Work::Stop);
    let (_folder, killed) = layout("ends-slowly=7", false, &[("ANDROID_EMULATOR_WAIT_TIME_BEFORE_KILL", "1")]);
    let (said, done) = baked(&killed, stages).await;
    assert!(done.is_err());
    let Some(Said::Failed { stage, reason }) = said.last() else { panic!("{said:?}") };
    assert!(*stage == stop && reason.contains("137"), "{stage}: {reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bake_that_does_not_load_its_snapshot_where_it_lies_fails_at_a_trial_s_load() {
    let mut stages = plan(34);
    stages.retain(|s| !matches!(s.work, Work::Settle | Work::Quiet));
    let apply = at(&stages, |w| matches!(w, Work::Start { launch: Launch::Apply, .. }));
    // Start, ready, stop.
    stages.drain(apply..apply + 3);
    let (_folder, layout) = layout("", false, &[]);
    let (said, done) = baked(&layout, stages.clone()).await;
    assert!(done.is_err());
    let Some(Said::Failed { stage, reason }) = said.last() else { panic!("{said:?}") };
    assert_eq!(*stage, at(&stages, |w| matches!(w, Work::Start { launch: Launch::Restore, .. })), "{reason}");
    assert!(reason.contains("drive-share.cpp"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_for_another_machine_is_refused_as_no_trial_would_load_it() {
    let (_folder, layout) = layout("", false, &[]);
    let mut stages = plan(34);
    for stage in &mut stages {
        if let Work::Start { arguments, .. } = &mut stage.work {
            let cores = arguments.iter().position(|a| a == "-cores").unwrap();
            arguments[cores + 1] = "8".to_owned();
        }
    }
    let (said, done) = baked(&layout, stages).await;
    assert!(done.unwrap_err().to_string().contains("would be started otherwise"));
    assert!(matches!(said.last(), Some(Said::Failed { stage: 2, .. })), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_on_when_nobody_waits_any_longer_and_strange_orders_are_refused() {
    let (_folder, layout) = layout("", false, &[]);
    let order = stakeout_protocol::bake::Order { format: 1, stages: plan(34) };
    let line = serde_json::to_string(&order).unwrap() + "\n";
    for (input, why) in [
        (String::new(), "no order came"),
        ("{}\n".to_owned(), "missing field"),
        (line.replace("\"format\":1", "\"format\":2"), "an order of format 2"),
        // The input is at its end at once.
        (line, "nobody waits"),
    ] {
        let done = bake(&layout, input.as_bytes(), tokio::io::sink()).await;
        let said = format!("{:#}", done.unwrap_err());
        assert!(said.contains(why), "{why}: {said}");
    }
    // The emulator of the last one is gone: its ports are free.
    assert!(std::net::TcpListener::bind(("127.0.0.1", layout.ports.0)).is_ok());
}
