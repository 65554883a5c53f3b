//! Whole trials in real cells: the images of this version, a sample app from source, a fake orchestrator only.
//!
//! Needs a container engine, the images (`images/build.sh`), and what `tests/apps/build.sh` needs.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

mod fake;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex},
};

use fake::{FakeOrchestrator, Told};
use stakeout_agent::{Shutdown, Worker, WorkerConfig, WorkerReport};
use stakeout_containers::{Engine, OnceSpec};
use stakeout_contract::{
    Kind, Sha256Digest,
    artifact::Role,
    lease::Lease,
    observation::Fact,
    scenario::Scenario,
    trial::{KeyHex, TrialState, seed_of},
};
use tokio::{process::Command, sync::OnceCell};

/// Folder with `loud.apk` and its scenarios.
async fn apps() -> PathBuf {
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    BUILT
        .get_or_init(|| async {
            if let Some(built) = std::env::var_os("STAKEOUT_TEST_APPS") {
                return built.into();
            }
            let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("apps");
            let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/apps/build.sh");
            let done = Command::new(script).arg(&out).args(["--only", "loud"]).stdout(Stdio::null()).status().await.unwrap();
            assert!(done.success(), "tests/apps/build.sh failed");
            out
        })
        .await
        .clone()
}

async fn docker(args: &[&str]) -> String {
    let out = Command::new("docker").args(args).output().await.unwrap();
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// Containers of this process.
async fn mine() -> Vec<String> {
    let owner = stakeout_containers::Owner::this_process().unwrap();
    let filter = format!("label=org.stakeout.cell={owner}");
    docker(&["ps", "-aq", "--no-trunc", "--filter", &filter]).await.lines().map(str::to_owned).collect()
}

async fn orchestrator(trials: u32) -> FakeOrchestrator {
    let dir = apps().await;
    let apk = std::fs::read(dir.join("loud.apk")).unwrap();
    let scenario: Scenario = serde_norway::from_str(&std::fs::read_to_string(dir.join("scenarios/short.yaml")).unwrap()).unwrap();
    let told: Told = Arc::new(Mutex::new(Vec::new()));
    let lease = |n: u32| Lease {
        scenario: scenario.clone(),
        app: Sha256Digest::of(&apk),
        number: n,
        key: KeyHex::new([n as u8; 32]),
        seed: seed_of(&Sha256Digest::of(&[n as u8; 32])),
        ..fake::lease(serde_json::json!({"name": "x", "steps": ["launchApp"]}))
    };
    let o = FakeOrchestrator::new(&told, (1..=trials).rev().map(lease).collect());
    o.given.lock().unwrap().apps.insert(Sha256Digest::of(&apk), apk);
    o
}

fn config(cache: &tempfile::TempDir) -> WorkerConfig {
    WorkerConfig { until_idle: true, warm: 1, ..WorkerConfig::new(cache.path().into()) }
}

#[allow(clippy::await_holding_lock, reason = "nobody else asks for it any more")]
#[tokio::test(flavor = "multi_thread")]
async fn a_loud_app_is_caught_in_a_real_cell_and_the_cell_is_gone() {
    let (o, cache) = (orchestrator(2).await, tempfile::tempdir().unwrap());
    let worker = Worker::new(o.clone(), Engine::connect().await.unwrap(), config(&cache)).await.unwrap();
    let report = worker.run(Shutdown::default()).await.unwrap();
    let given = o.given.lock().unwrap();
    assert_eq!(report, WorkerReport { completed: 2, given_back: 0 }, "{:?}", given.failed);
    assert_eq!(mine().await, Vec::<String>::new());
    let done = given.completion.as_ref().unwrap();
    println!("{}", serde_json::to_string(&done.record.cost).unwrap());
    assert_eq!(done.record.end.state, TrialState::Finished, "{:?}", done.record.end);
    // The second trial found a warm cell and a prepared app.
    let stages: BTreeMap<_, _> = done.record.cost.stages.iter().cloned().collect();
    println!("{stages:?}");
    assert!(stages["convert"] < 0.5, "{stages:?}");
    let count = |role| done.record.artifacts.iter().filter(|a| a.role == role).count();
    assert!(count(Role::AppFile) > 0 && count(Role::FlowRequest) > 0 && count(Role::Capture) == 1 && count(Role::Har) == 1);
    assert!(done.flows.iter().any(|f| f.stub.is_some()) && done.flows.iter().all(|f| f.at <= done.record.length()));
    assert!(given.observations.iter().any(|o| matches!(o.fact, Fact::Opened { .. })));
    let walls = "walls: seccomp `ours`, runtime `the engine's default`";
    assert!(given.observations.iter().any(|o| matches!(&o.fact, Fact::Log { line } if line == walls)));
    println!("skipped {:?}", done.analysis.searched.skipped);
    let sent: std::collections::BTreeSet<Kind> =
        done.analysis.findings.iter().filter(|f| f.role == Some(Role::FlowRequest)).map(|f| f.kind).collect();
    println!("{sent:?} of {} findings", done.analysis.findings.len());
    for kind in [Kind::Camera, Kind::Microphone, Kind::Contacts, Kind::CallLog, Kind::Cell, Kind::Wifi] {
        assert!(sent.contains(&kind), "{kind} was sent and not found in what was sent: {sent:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn decoders_are_confined_in_the_analysis_container() {
    let input = tempfile::tempdir().unwrap();
    let spec = OnceSpec {
        image: format!("stakeout/analysis:{}", env!("CARGO_PKG_VERSION")),
        arguments: ["doctor", "--json"].map(str::to_owned).to_vec(),
        environment: vec!["HOME=/tmp".to_owned()],
        user: "971:971".to_owned(),
        input: input.path().into(),
        memory: 256 << 20,
        pids: 64,
        time: std::time::Duration::from_secs(60),
        output: 1 << 20,
        tmp: 16 << 20,
    };
    let out = Engine::connect().await.unwrap().run_once(&spec).await.unwrap();
    let checks: Vec<serde_json::Value> = serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {out:?}"));
    let here = format!("what reads strangers' bytes is held to its own: {}", stakeout_confine::held().as_str());
    let there = checks.iter().find(|c| c["what"] == "landlock").unwrap();
    assert_eq!(there["found"], here, "the same kernel, behind the container's filter");
}

/// Begins a trial and gives what it says when its script runs.
async fn until_script(o: &FakeOrchestrator) {
    let mut progress = o.watch.subscribe();
    progress.wait_for(|p| p.starts_with("script idle")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_stopped_in_the_middle_leaves_nothing() {
    let (o, cache) = (orchestrator(1).await, tempfile::tempdir().unwrap());
    let shutdown = Shutdown::default();
    let worker = Worker::new(o.clone(), Engine::connect().await.unwrap(), config(&cache)).await.unwrap();
    let running = tokio::spawn(worker.run(shutdown.clone()));
    until_script(&o).await;
    assert!(!mine().await.is_empty());
    let stopped = std::time::Instant::now();
    shutdown.stop.cancel();
    assert_eq!(running.await.unwrap().unwrap(), WorkerReport { completed: 0, given_back: 1 });
    println!("stopped within {:?}", stopped.elapsed());
    assert_eq!(mine().await, Vec::<String>::new());
    let end = o.given.lock().unwrap().failed.clone().unwrap();
    assert_eq!((end.stage.as_str(), end.reason.as_str()), ("script", "the worker was stopped"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_killed_gives_the_lease_back_with_its_stage() {
    for image in ["stakeout/gateway", "stakeout/jvm"] {
        let (o, cache) = (orchestrator(1).await, tempfile::tempdir().unwrap());
        let worker = Worker::new(o.clone(), Engine::connect().await.unwrap(), WorkerConfig { warm: 0, ..config(&cache) }).await.unwrap();
        let running = tokio::spawn(worker.run(Shutdown::default()));
        until_script(&o).await;
        for id in mine().await {
            if docker(&["inspect", "-f", "{{.Config.Image}}", &id]).await.starts_with(image) {
                docker(&["kill", &id]).await;
            }
        }
        assert_eq!(running.await.unwrap().unwrap(), WorkerReport { completed: 0, given_back: 1 });
        let end = o.given.lock().unwrap().failed.clone().unwrap();
        assert_eq!((end.state, end.stage.as_str()), (TrialState::Failed, "script"), "{image}: {end:?}");
        assert!(end.reason.contains(if image.ends_with("jvm") { "device" } else { "gateway" }), "{end:?}");
        assert_eq!(mine().await, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guest_has_no_power_in_a_real_cell() {
    let (o, cache) = (orchestrator(1).await, tempfile::tempdir().unwrap());
    let shutdown = Shutdown::default();
    let worker = Worker::new(o.clone(), Engine::connect().await.unwrap(), WorkerConfig { warm: 0, ..config(&cache) }).await.unwrap();
    let running = tokio::spawn(worker.run(shutdown.clone()));
    until_script(&o).await;
    let mut seen = Vec::new();
    for id in mine().await {
        // Processes of the container, as the host sees them.
        for line in docker(&["top", &id, "-eo", "pid,uid,comm"]).await.lines().skip(1) {
            let mut words = line.split_whitespace();
            let (pid, uid, name) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or(""));
            let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else { continue };
            let field = |n: &str| status.lines().find_map(|l| l.strip_prefix(n)).unwrap_or("").trim().to_owned();
            assert_eq!(field("Seccomp:"), "2", "{uid} {name}");
            seen.push((uid.to_owned(), name.to_owned(), field("CapEff:"), field("CapBnd:"), field("NoNewPrivs:")));
        }
    }
    shutdown.stop.cancel();
    running.await.unwrap().unwrap();
    let zero = "0".repeat(16);
    for uid in ["970", "10001"] {
        let of: Vec<_> = seen.iter().filter(|s| s.0 == uid).collect();
        assert!(!of.is_empty(), "no process of {uid}: {seen:?}");
        assert!(of.iter().all(|s| s.2 == zero && s.3 == zero && s.4 == "1"), "{of:?}");
    }
    // Only the first process of the device has any.
    assert!(seen.iter().filter(|s| s.2 != zero).all(|s| s.1.starts_with("stakeout-devi")), "{seen:?}");
}
