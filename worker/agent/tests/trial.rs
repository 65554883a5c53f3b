//! Whole trials against a scripted cell: exactly what is said to device, gateway and orchestrator, and in which order.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

mod fake;
#[path = "trial/leases.rs"]
mod leases;
#[path = "trial/typed.rs"]
mod typed;

use std::sync::{Arc, Mutex};

use fake::*;
use serde_json::{Value, json};
use stakeout_agent::{Shutdown, Worker, WorkerConfig, WorkerReport};
use stakeout_bundle::statement;
use stakeout_contract::{
    DeviceState, Kind, Nanos, Sensor, Sha256Digest,
    artifact::Role,
    lease::Completion,
    observation::{Fact, Observation, Source},
    told::InstalledAs,
    trial::{TrialState, frame_time},
};
use stakeout_protocol::device::{Event, Verb};

async fn run(orchestrator: &FakeOrchestrator, cells: FakeCells) -> WorkerReport {
    let cache = tempfile::tempdir().unwrap();
    let worker = Worker::with_cells(orchestrator.clone(), cells, config(cache.path().into())).unwrap();
    let report = worker.run(Shutdown::default()).await.unwrap();
    assert_eq!(folders(cache.path()), Vec::<String>::new(), "a folder of the trial is left");
    report
}

/// Names of folders of workers and trials below a worker's cache.
fn folders(cache: &std::path::Path) -> Vec<String> {
    let all = std::fs::read_dir(cache.join("trials")).unwrap().map(Result::unwrap);
    all.filter(|e| e.file_type().unwrap().is_dir()).map(|e| e.file_name().into_string().unwrap()).collect()
}

#[test]
fn what_a_killed_worker_left_goes_at_the_next_start_and_what_a_living_one_has_stays() {
    let (told, cache) = (told(), tempfile::tempdir().unwrap());
    let worker = || Worker::with_cells(FakeOrchestrator::new(&told, vec![]), FakeCells::new(&told), config(cache.path().into())).unwrap();
    let living = worker();
    let of_living = folders(cache.path());
    // A lock that nobody holds is what a killed process leaves.
    let dead = cache.path().join("trials/worker-dead");
    std::fs::create_dir_all(dead.join("trial-1/in")).unwrap();
    for (file, text) in [("lock", ""), ("trial-1/in/trial.json", "its key")] {
        std::fs::write(dead.join(file), text).unwrap();
    }
    // One of an earlier version may still run.
    std::fs::create_dir(cache.path().join("trials/trial-2")).unwrap();
    let next = worker();
    let left = folders(cache.path());
    assert!(of_living.len() == 1 && left.contains(&of_living[0]) && left.contains(&"trial-2".to_owned()), "{left:?}");
    assert!(left.len() == 3 && !dead.exists(), "{left:?}");
    drop((living, next));
    assert_eq!(folders(cache.path()), ["trial-2"]);
}

fn told() -> Told {
    Arc::new(Mutex::new(Vec::new()))
}

fn scenario(steps: Value) -> Value {
    json!({"name": "t", "startAt": "2016-02-09T08:00:00+08:00", "startJitter": "0s", "steps": steps})
}

fn lines(told: &Told) -> Vec<String> {
    told.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn a_trial_says_exactly_this() {
    let told = told();
    let steps = json!(["launchApp", {"tapOn": "Agree"}, {"idle": {"state": "background", "for": "2m"}}, {"idle": {"state": "screenOff", "for": "90s"}}, "reboot", {"idle": {"state": "background", "for": "1m"}}]);
    let orchestrator = FakeOrchestrator::new(&told, vec![lease(scenario(steps))]);
    assert_eq!(run(&orchestrator, FakeCells::new(&told)).await, WorkerReport { completed: 1, given_back: 0 });
    insta::assert_snapshot!(lines(&told).join("\n"), @r#"
    cell 34 zh-CN live=false
    hello
    boot {"api":34,"locale":"zh-CN"}
    gateway configure Sinkhole 0 stubs, -----BEGIN PRIVATE KEY-----
    assign start 1454976000000 zone Asia/Shanghai rules 34 ca -----BEGIN CERTIFICATE-----
    plant 25 contacts
    install with 0 splits, prepared false
    advance {"nanos":0}
    launch
    advance {"nanos":1000000000}
    advance {"nanos":0}
    input {"action":"tap","point":null,"text":"Agree","view_id":null}
    advance {"nanos":1000000000}
    background
    advance {"nanos":0}
    advance {"nanos":60000000000}
    advance {"nanos":60000000000}
    screen {"on":false}
    advance {"nanos":0}
    advance {"nanos":60000000000}
    advance {"nanos":30000000000}
    reboot
    advance {"nanos":0}
    advance {"nanos":0}
    advance {"nanos":60000000000}
    snapshot_files {"max_bytes":536870912,"max_files":20000}
    gateway collect
    stop
    cell destroyed
    analyse with key true, 3 artifacts
    complete Finished
    "#);
    let given = orchestrator.given.lock().unwrap();
    let record = &given.completion.as_ref().unwrap().record;
    assert_eq!(record.key, None);
    assert_eq!(record.started_at, "2016-02-09T08:00:00+08:00");
    let spans: Vec<_> = record.timeline.iter().map(|s| (s.to.get() / 1_000_000_000, s.state)).collect();
    assert_eq!(
        spans,
        [(2, DeviceState::InUse), (122, DeviceState::Background), (212, DeviceState::ScreenOff), (272, DeviceState::AfterReboot)]
    );
    assert_eq!((record.cost.virtual_seconds, record.cost.cpu_seconds, record.cost.peak_memory_bytes), (272.0, 1.5, 5_120_000));
    let stages: Vec<_> = record.cost.stages.iter().map(|s| s.0.as_str()).collect();
    assert_eq!(stages, ["lease", "cell", "boot", "convert", "install", "script", "collect", "analyse"]);
}

#[tokio::test(start_paused = true)]
async fn files_flows_and_capture_are_kept_and_dated() {
    let told = told();
    let mut cells = FakeCells::new(&told);
    // The sample before says 1 s of the trial at 1,001,000 ns of the host; from there it is real time.
    cells.flows = vec![(flow(1, 1_001_500), b"POST /u\r\n\r\nbody".to_vec(), b"ok".to_vec())];
    cells.files = vec![("files/x", b"kept".to_vec()), ("deleted/y", b"was here".to_vec())];
    let orchestrator = FakeOrchestrator::new(
        &told,
        vec![lease(scenario(json!(["launchApp", {"takeScreenshot": "home"}, {"idle": {"state": "background", "for": "1m"}}])))],
    );
    run(&orchestrator, cells).await;
    let given = orchestrator.given.lock().unwrap();
    let done = given.completion.as_ref().unwrap();
    let roles: Vec<_> = done.record.artifacts.iter().map(|a| (a.role, a.name.as_str(), a.flow)).collect();
    for wanted in [
        (Role::Screenshot, "home", None),
        (Role::AppFile, "x", None),
        (Role::DeletedFile, "y", None),
        (Role::FlowRequest, "POST https://up.example/u", Some(1)),
        (Role::FlowResponse, "POST https://up.example/u", Some(1)),
        (Role::Capture, "capture.pcapng", None),
        (Role::Har, "flows.har", None),
    ] {
        assert!(roles.contains(&wanted), "{wanted:?} is not in {roles:?}");
    }
    assert_eq!(done.flows[0].at.get(), 1_000_000_500);
    assert_eq!(done.flows[0].request, Some(Sha256Digest::of(b"POST /u\r\n\r\nbody")));
    for a in &done.record.artifacts {
        assert_eq!(given.artifacts[&a.sha256].len() as u64, a.size);
    }
    assert!(given.observations.iter().any(|o| matches!(&o.fact, Fact::Flow { id: 1, .. })));
}

#[tokio::test(start_paused = true)]
async fn a_preview_that_a_tap_began_leaves_the_devices_states_as_they_are() {
    let told = told();
    let opened =
        Fact::Opened { sensor: Sensor::Camera, id: "0".into(), facing: None, api: "camera2".into(), session: 1, preview_visible: true };
    let cells = FakeCells::new(&told).reply(move |v, _| matches!(v, Verb::Input(_)).then(|| Act::Say(vec![fact(1, opened.clone())])));
    let orchestrator = FakeOrchestrator::new(
        &told,
        vec![lease(scenario(json!(["launchApp", {"tapOn": "Photo"}, {"idle": {"state": "foreground", "for": "1m"}}])))],
    );
    run(&orchestrator, cells).await;
    let given = orchestrator.given.lock().unwrap();
    let spans: Vec<_> = given.completion.as_ref().unwrap().record.timeline.iter().map(|s| (s.to.get() / 1_000_000_000, s.state)).collect();
    assert_eq!(spans, [(2, DeviceState::InUse), (62, DeviceState::Foreground)]);
}

#[tokio::test(start_paused = true)]
async fn what_has_the_date_of_the_instant_at_which_a_state_is_left_is_of_that_state() {
    let told = told();
    // The clock stands at 2 s while the app is sent away: it saves what it has, and had a frame of that instant.
    let read = || Fact::Read { data: Kind::Contacts, what: "content://contacts".into(), rows: None };
    let cells = FakeCells::new(&told).reply(move |v, _| matches!(v, Verb::Background).then(|| Act::Say(vec![fact(2, read())])));
    let steps = json!(["launchApp", {"tapOn": "Scan"}, {"idle": {"state": "background", "for": "1m"}}, "reboot", "launchApp",
        {"idle": {"state": "foreground", "for": "1m"}}]);
    let orchestrator = FakeOrchestrator::new(&told, vec![lease(scenario(steps))]);
    run(&orchestrator, cells).await;
    let given = orchestrator.given.lock().unwrap();
    let record = &given.completion.as_ref().unwrap().record;
    let at = |nanos: u64| record.state_at(Nanos::saturating(nanos)).unwrap();
    let second = 1_000_000_000;
    assert_eq!((at(2 * second), at(2 * second + 1)), (DeviceState::InUse, DeviceState::Background));
    assert_eq!(record.state_at(frame_time(60)), Some(DeviceState::InUse));
    // Nothing passed between the boot and the tap on the icon but a moment that is waited for: what was due before is not of it.
    assert_eq!(lines(&told).iter().filter(|l| *l == "advance {\"nanos\":1000000}").count(), 1);
    assert_eq!((at(62 * second), at(62 * second + 1_000_000)), (DeviceState::Background, DeviceState::InUse));
    assert_eq!((at(63 * second + 1_000_000), at(63 * second + 1_000_001)), (DeviceState::InUse, DeviceState::Foreground));
    // What the steps say and what the timeline says is one.
    let states = given.observations.iter().filter(|o| matches!(o.fact, Fact::State { .. }));
    let said: Vec<_> = states.map(|o| o.at).collect();
    assert!(record.timeline.iter().all(|s| said.contains(&s.from)), "{said:?} {:?}", record.timeline);
}

#[tokio::test(start_paused = true)]
async fn data_in_names_is_handed_in_as_a_request_of_its_own() {
    let told = told();
    let mut cells = FakeCells::new(&told);
    let mut to = flow(1, 1_001_500);
    to.host = "6c696e2079756865.evil.example".into();
    cells.flows = vec![(to, b"GET / HTTP/1.1\r\n\r\n".to_vec(), b"ok".to_vec())];
    let steps = json!(["launchApp", {"idle": {"state": "background", "for": "1m"}}]);
    let orchestrator = FakeOrchestrator::new(&told, vec![lease(scenario(steps))]);
    run(&orchestrator, cells).await;
    let given = orchestrator.given.lock().unwrap();
    let done = given.completion.as_ref().unwrap();
    let [sent, named] = &done.flows[..] else { panic!("{:?}", done.flows) };
    assert_eq!((named.id, named.scheme.as_str(), named.at), (2, "dns", sent.at));
    let bytes = &given.artifacts[&named.request.unwrap()];
    assert_eq!(String::from_utf8_lossy(bytes), "6c696e2079756865.evil.example\n\n6c696e2079756865\n\n");
    let entry = done.record.artifacts.iter().find(|a| a.flow == Some(2)).unwrap();
    assert_eq!((entry.role, entry.at), (Role::FlowRequest, Some(sent.at)));
}

#[tokio::test(start_paused = true)]
async fn an_app_may_hold_the_clock_longer_for_a_live_server() {
    for (policy, wanted) in [("sinkhole", 3_000), ("live", 10_000)] {
        let told = told();
        let cap = Arc::new(Mutex::new(0));
        let given = cap.clone();
        let cells = FakeCells::new(&told).reply(move |v, _| {
            if let Verb::Assign(a) = v {
                *given.lock().unwrap() = a.hold_cap_ms;
            }
            None
        });
        let scenario = json!({"name": "t", "network": {"policy": policy}, "steps": ["launchApp"]});
        run(&FakeOrchestrator::new(&told, vec![lease(scenario)]), cells).await;
        assert_eq!(*cap.lock().unwrap(), wanted, "{policy}");
    }
}

/// Runs `launchApp` and an idle minute with one unusual answer; gives what the end was and all that was said.
async fn unusual(reply: impl Fn(&Verb, usize) -> Option<Act> + Send + Sync + 'static) -> (FakeOrchestrator, Vec<String>) {
    let told = told();
    let orchestrator =
        FakeOrchestrator::new(&told, vec![lease(scenario(json!(["launchApp", {"idle": {"state": "background", "for": "5m"}}])))]);
    run(&orchestrator, FakeCells::new(&told).reply(reply)).await;
    let lines = lines(&told);
    (orchestrator, lines)
}

#[tokio::test(start_paused = true)]
async fn a_worker_without_live_gives_such_a_trial_back_before_it_has_a_cell() {
    let (told, cache) = (told(), tempfile::tempdir().unwrap());
    let scenario = json!({"name": "t", "network": {"policy": "live"}, "steps": ["launchApp"]});
    let orchestrator = FakeOrchestrator::new(&told, vec![lease(scenario)]);
    let config = WorkerConfig { live: false, ..config(cache.path().into()) };
    Worker::with_cells(orchestrator, FakeCells::new(&told), config).unwrap().run(Shutdown::default()).await.unwrap();
    assert_eq!(lines(&told), ["fail Failed lease: this worker's operator lets no app reach the internet (`--no-live`)"]);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_dies_gives_the_lease_back_after_the_cell_is_gone() {
    for (at, stage) in [("boot", "boot"), ("install", "install"), ("advance", "script"), ("snapshot_files", "collect")] {
        let (o, lines) = unusual(move |v, _| (serde_json::to_value(v).unwrap()["verb"] == at).then_some(Act::Die)).await;
        let end = o.given.lock().unwrap().failed.clone().unwrap();
        assert_eq!((end.state, end.stage.as_str()), (TrialState::Failed, stage), "{at}");
        assert!(end.reason.contains("killed"), "{}", end.reason);
        let destroyed = lines.iter().position(|l| l == "cell destroyed").unwrap();
        assert_eq!(destroyed, lines.len() - 2, "{lines:?}");
        assert!(o.given.lock().unwrap().completion.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_is_killed_from_outside_gives_the_lease_back() {
    let died = || Event::Health { code: "guest_died".into(), message: "the JVM ended".into() };
    let (o, _) = unusual(move |v, n| (matches!(v, Verb::Advance { .. }) && n == 2).then(|| Act::Say(vec![died()]))).await;
    assert!(o.given.lock().unwrap().failed.as_ref().unwrap().reason.contains("the JVM ended"));
}

/// Who is hostile once may be kind the next time: its trial has failed, with the reason and what can be had.
#[tokio::test(start_paused = true)]
async fn a_device_that_breaks_the_protocol_is_a_failed_trial_and_not_another_try() {
    let failed = |o: &FakeOrchestrator, stage: &str, reason: &str| {
        let given = o.given.lock().unwrap();
        let record = &given.completion.as_ref().unwrap().record;
        assert_eq!((record.end.state, record.end.stage.as_str(), given.failed.is_none()), (TrialState::Failed, stage, true));
        assert!(record.end.reason.contains(reason), "{}", record.end.reason);
        assert!(record.artifacts.iter().any(|a| a.role == Role::Har), "{:?}", record.artifacts);
    };
    let (o, _) = unusual(|v, _| matches!(v, Verb::Launch).then_some(Act::WrongId)).await;
    failed(&o, "script", "does not keep to the protocol");
    let (o, _) = unusual(|v, n| (matches!(v, Verb::Advance { .. }) && n == 2).then(|| Act::Ok(json!({"at": "soon"})))).await;
    failed(&o, "script", "its answer cannot be read");
    let (o, _) = unusual(|v, _| {
        matches!(v, Verb::SnapshotFiles { .. }).then(|| {
            Act::Ok(json!({"blob": {"blob": 1, "size": 3, "sha256": "00".repeat(32)}, "files": 1, "lost_files": 0, "lost_bytes": 0}))
        })
    })
    .await;
    failed(&o, "collect", "that it did not send");
    let died = || Event::Health { code: "guest_ended".into(), message: "it is no more".into() };
    let (o, _) = unusual(move |v, _| matches!(v, Verb::SnapshotFiles { .. }).then(|| Act::Say(vec![died()]))).await;
    failed(&o, "collect", "it is no more");
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_an_app_ended_is_a_failed_trial_and_not_another_try() {
    for code in ["guest_hangs", "guest_ended", "guest_out_of_memory"] {
        let said = move || Event::Health { code: code.into(), message: "it is no more".into() };
        let (o, _) = unusual(move |v, n| (matches!(v, Verb::Advance { .. }) && n == 4).then(|| Act::Say(vec![said()]))).await;
        let given = o.given.lock().unwrap();
        let record = &given.completion.as_ref().unwrap().record;
        assert_eq!((record.end.state, record.end.stage.as_str(), given.failed.is_none()), (TrialState::Failed, "script", true), "{code}");
        assert!(record.end.reason.contains("it is no more") && record.artifacts.iter().any(|a| a.role == Role::AppFile), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_fails_keeps_its_states_and_what_is_known_of_the_app() {
    let said = || Event::Health { code: "guest_hangs".into(), message: "it is no more".into() };
    // Opened, used for a second, then idle: it dies before and within the idle step.
    for (dies, states) in [(3, vec![(1, DeviceState::InUse)]), (4, vec![(1, DeviceState::InUse), (61, DeviceState::Background)])] {
        let (o, _) = unusual(move |v, n| (matches!(v, Verb::Advance { .. }) && n == dies).then(|| Act::Say(vec![said()]))).await;
        let given = o.given.lock().unwrap();
        let record = &given.completion.as_ref().unwrap().record;
        let spans: Vec<_> = record.timeline.iter().map(|s| (s.to.get() / 1_000_000_000, s.state)).collect();
        assert_eq!(spans, states, "{dies}");
        assert_eq!((record.end.state, record.app.package.as_str()), (TrialState::Failed, "com.example"), "{dies}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_capture_with_other_bytes_than_it_says_is_refused() {
    let told = told();
    let orchestrator = FakeOrchestrator::new(&told, vec![lease(scenario(json!(["launchApp"])))]);
    run(&orchestrator, FakeCells { wrong_capture: true, ..FakeCells::new(&told) }).await;
    let given = orchestrator.given.lock().unwrap();
    let record = &given.completion.as_ref().unwrap().record;
    assert_eq!((record.end.state, record.end.stage.as_str()), (TrialState::Failed, "collect"));
    assert!(record.end.reason.contains("has not the bytes") && record.artifacts.iter().all(|a| a.role != Role::Capture));
}

#[tokio::test(start_paused = true)]
async fn code_that_does_not_convert_is_a_failed_trial_and_not_another_try() {
    let (o, _) = unusual(|v, _| matches!(v, Verb::Install { .. }).then_some(Act::Problem("bad_dex"))).await;
    let given = o.given.lock().unwrap();
    let end = &given.completion.as_ref().unwrap().record.end;
    assert_eq!((end.state, end.stage.as_str(), given.failed.is_none()), (TrialState::Failed, "install", true));
    assert!(end.reason.contains("bad_dex"));
}

#[tokio::test(start_paused = true)]
async fn an_app_that_takes_all_time_is_a_failed_trial_with_its_files() {
    let (o, _) = unusual(|v, n| (matches!(v, Verb::Advance { .. }) && n == 4).then_some(Act::Silence)).await;
    let given = o.given.lock().unwrap();
    let record = &given.completion.as_ref().unwrap().record;
    assert_eq!((record.end.state, record.end.stage.as_str()), (TrialState::Failed, "script"));
    assert_eq!(record.end.reason, "the trial's deadline has passed");
    assert!(record.artifacts.iter().any(|a| a.role == Role::AppFile));
}

#[tokio::test(start_paused = true)]
async fn an_app_that_crashes_at_its_start_is_watched_all_the_same() {
    let (o, _) = unusual(|v, _| matches!(v, Verb::Launch).then_some(Act::Problem("app_crashed"))).await;
    let given = o.given.lock().unwrap();
    assert_eq!(given.completion.as_ref().unwrap().record.end.state, TrialState::Finished);
    let facts: Vec<_> = given.observations.iter().map(|o| &o.fact).collect();
    assert!(facts.iter().any(|f| matches!(f, Fact::Step { index: 0, outcome, .. } if outcome.starts_with("app_crashed"))));
    assert!(facts.iter().any(|f| matches!(f, Fact::Lost { what, .. } if what.starts_with("step 0"))), "its silence must prove less");
}

#[tokio::test(start_paused = true)]
async fn a_tap_that_finds_nothing_is_said_unless_it_is_optional() {
    for (optional, tries, outcome) in [(false, 5, "not_found"), (true, 2, "skipped")] {
        let told = told();
        let step = json!({"tapOn": {"text": "Agree", "optional": optional}});
        let orchestrator = FakeOrchestrator::new(&told, vec![lease(scenario(json!(["launchApp", step])))]);
        run(&orchestrator, FakeCells::new(&told).reply(|v, _| matches!(v, Verb::Input(_)).then(|| Act::Ok(json!({"found": false}))))).await;
        assert_eq!(lines(&told).iter().filter(|l| l.starts_with("input")).count(), tries);
        let given = orchestrator.given.lock().unwrap();
        let has = |f: &dyn Fn(&Fact) -> bool| given.observations.iter().any(|o| f(&o.fact));
        assert!(has(&|f| matches!(f, Fact::Step { outcome: o, .. } if o == outcome)));
        assert_eq!(has(&|f| matches!(f, Fact::Lost { .. })), !optional);
    }
}

#[tokio::test(start_paused = true)]
async fn an_analysis_that_fails_is_said_and_the_trial_is_completed() {
    let told = told();
    let orchestrator = FakeOrchestrator::new(&told, vec![lease(scenario(json!(["launchApp"])))]);
    run(&orchestrator, FakeCells { analysis: Err("it ended with code 137".into()), ..FakeCells::new(&told) }).await;
    let given = orchestrator.given.lock().unwrap();
    assert_eq!(given.completion.as_ref().unwrap().analysis.searched.skipped[0].reason, "analysis failed: it ended with code 137");
}

#[tokio::test(start_paused = true)]
async fn observations_are_handed_in_by_bytes_too() {
    let told = told();
    let long = || Fact::Crashed { message: "m".repeat(600_000), trace: vec![] };
    let cells =
        FakeCells::new(&told).reply(move |v, _| matches!(v, Verb::Launch).then(|| Act::Say((1..=9).map(|at| fact(at, long())).collect())));
    let orchestrator = FakeOrchestrator::new(&told, vec![lease(scenario(json!(["launchApp"])))]);
    run(&orchestrator, cells).await;
    let given = orchestrator.given.lock().unwrap();
    let crashes = given.observations.iter().filter(|o| matches!(o.fact, Fact::Crashed { .. })).count();
    let (largest, all) = (given.batches.iter().max().unwrap(), given.batches.iter().sum::<usize>());
    assert_eq!(crashes, 9);
    assert!(all > 4 << 20 && *largest <= (4 << 20) + 2, "{:?}", given.batches);
}

#[tokio::test(start_paused = true)]
async fn what_is_handed_in_is_what_the_worker_signed() {
    let told = told();
    let mut cells = FakeCells::new(&told);
    cells.flows = vec![(flow(1, 1_001_500), b"POST /u\r\n\r\nbody".to_vec(), b"ok".to_vec())];
    let orchestrator = FakeOrchestrator::new(&told, vec![lease(scenario(json!(["launchApp"])))]);
    let cache = tempfile::tempdir().unwrap();
    let config = config(cache.path().into());
    let (worker, key) = (config.worker.clone(), config.key().unwrap().public().fingerprint());
    Worker::with_cells(orchestrator.clone(), cells, config).unwrap().run(Shutdown::default()).await.unwrap();
    let given = orchestrator.given.lock().unwrap();
    let done = given.completion.as_ref().unwrap();
    let (signed, by) = statement::open(done.statement.as_ref().unwrap()).unwrap();
    assert_eq!((&signed.worker, by.fingerprint()), (&worker, key));
    // As a server has it: by way of JSON.
    let came: Completion = serde_json::from_slice(&serde_json::to_vec(done).unwrap()).unwrap();
    let differs = |c: &Completion, o: &[Observation]| statement::differs(&signed, &c.record, &statement::Left::of(c, o).unwrap());
    assert_eq!(differs(&came, &given.observations), None);
    assert_eq!(differs(&came, &given.observations[1..]), Some("observations"));
    let mut changed = came.clone();
    changed.record.cost.cpu_seconds += 1.0;
    assert_eq!(differs(&changed, &given.observations), Some("record"));
    changed = came.clone();
    changed.flows.clear();
    assert_eq!(differs(&changed, &given.observations), Some("flows"));
    // As what the app was installed is said where it is signed.
    let installed: Fact = InstalledAs::of(&came.record.app).into();
    assert!(given.observations.iter().any(|o| o.source == Source::Worker && o.fact == installed));
}

#[tokio::test(start_paused = true)]
async fn the_next_trial_finds_a_warm_cell_and_none_is_left() {
    let told = told();
    let one = || lease(scenario(json!(["launchApp"])));
    let orchestrator = FakeOrchestrator::new(&told, vec![one(), one(), one()]);
    let cache = tempfile::tempdir().unwrap();
    let config = stakeout_agent::WorkerConfig { warm: 1, ..config(cache.path().into()) };
    let report = Worker::with_cells(orchestrator, FakeCells::new(&told), config).unwrap().run(Shutdown::default()).await.unwrap();
    assert_eq!(report.completed, 3);
    let count = |what: &str| lines(&told).iter().filter(|l| l.starts_with(what)).count();
    assert_eq!((count("cell 34"), count("boot"), count("cell destroyed"), count("cell dropped")), (3, 3, 3, 0));
    // The second cell was booted before the first trial ended.
    let at = |what: &str, nth: usize| lines(&told).iter().enumerate().filter(|(_, l)| l.starts_with(what)).nth(nth).unwrap().0;
    assert!(at("boot", 1) < at("complete", 0), "{:#?}", lines(&told));
}
