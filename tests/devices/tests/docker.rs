//! The suite on devices in real cells. Needs a container engine, the images (`images/build.sh`), and what `tests/apps/build.sh`
//! needs.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

use std::path::{Path, PathBuf};

use stakeout_agent::{Images, Limits};
use stakeout_conformance::{CheckReport, Outcome, Plan, run};
use stakeout_containers::Engine;
use stakeout_contract::DeviceKind;
use tokio::process::Command;

/// The suite's app, built from source.
async fn app() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let out = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from).join("apps");
    let built = Command::new(root.join("tests/apps/build.sh")).arg(&out).args(["--only", "conform"]).status().await.unwrap();
    assert!(built.success());
    out.join("conform.apk")
}

async fn walk(device: DeviceKind, image: String) -> Vec<CheckReport> {
    let engine = Engine::connect().await.unwrap();
    let plan = Plan {
        device,
        image,
        gateway: Images::default().gateway,
        video: None,
        frida: None,
        api: 34,
        app: app().await,
        only: Vec::new(),
        record: None,
        limits: Limits::default(),
    };
    let mut told = |c: &CheckReport| println!("{} {} ms {} {}{}{}", c.outcome, c.millis, c.name, c.expected, c.came, c.reason);
    run(&engine, plan, &mut told).await.unwrap().checks
}

/// What is skipped must be named here: a device that leaves a check out has not passed it.
fn all_pass(checks: &[CheckReport], may_be_skipped: &[&str]) {
    let failed: Vec<_> = checks.iter().filter(|c| c.outcome == Outcome::Fail).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let skipped = checks.iter().filter(|c| c.outcome == Outcome::Skipped && !may_be_skipped.contains(&c.name.as_str()));
    let skipped: Vec<_> = skipped.collect();
    assert!(skipped.is_empty(), "{skipped:#?}");
    assert!(checks.len() >= stakeout_conformance::names().len());
}

#[tokio::test]
async fn the_jvm_device_conforms() {
    let images = Images::default();
    let image = images.device(DeviceKind::Jvm, 34).unwrap().to_owned();
    // It delays nothing by standby buckets.
    all_pass(&walk(DeviceKind::Jvm, image).await, &["life.bucket"]);
}

/// What the stand-in, which cannot run code, leaves unsaid.
const NOT_PLAYED: [&str; 2] = ["life.files_acts", "granted.split_file"];

#[tokio::test]
async fn the_emulators_device_conforms_on_a_stand_in() {
    let image = std::env::var("STAKEOUT_IMAGE_EMULATOR_FAKE").unwrap_or(format!("stakeout/emulator-fake:{}", env!("CARGO_PKG_VERSION")));
    all_pass(&walk(DeviceKind::EmulatorFake, image).await, &NOT_PLAYED);
}
