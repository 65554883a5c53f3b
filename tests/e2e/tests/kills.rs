//! Whatever is killed, and when: the trial is run again under a new epoch, and nothing is left behind.
#![allow(clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    time::{Duration, Instant},
};

use stakeout_contract::{Answer, Rung, result::JobResult, trial::TrialState};
use stakeout_e2e::{Stakeout, app, left_in_the_cache, left_on_the_engine, scenario, stderr, target, text};

/// A run of one trial, not yet started.
fn command(s: &Stakeout, steps: &Path) -> Command {
    let mut c = s.command(&["run", &text(&app("quiet")), "--scenario", &text(steps), "--trials", "1", "--out", &text(&s.out())]);
    c.stdout(Stdio::piped()).stderr(Stdio::piped());
    c
}

/// Its script is long enough to be broken in the middle.
fn idle_demo() -> PathBuf {
    target().join("apps/idle-demo.yaml")
}

/// Reads progress until a line says that this stage began.
fn wait_for(child: &mut Child, stage: &str) -> BufReader<ChildStderr> {
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        if line.contains(&format!(": {stage} ")) {
            return lines;
        }
        line.clear();
    }
    panic!("`{stage}` was never said");
}

/// Lets the rest of standard error pass, so that the program is not held.
fn drain(lines: BufReader<ChildStderr>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || lines.lines().map_while(Result::ok).collect::<Vec<_>>().join("\n"))
}

/// Containers with this role that the process made: others on this machine are not ours to kill.
fn containers(role: &str, process: u32) -> Vec<String> {
    let o = Command::new("docker")
        .args(["ps", "--format", "{{.ID}} {{.Label \"org.stakeout.cell\"}}", "--filter", &format!("label=org.stakeout.role={role}")])
        .output()
        .unwrap();
    let owned = |l: &str| Some(l.split_once(' ').filter(|(_, owner)| owner.split('/').nth(2) == Some(&process.to_string()))?.0.to_owned());
    String::from_utf8_lossy(&o.stdout).lines().filter_map(owned).collect()
}

/// Kills what the process made for a cell.
fn kill_containers(role: &str, process: u32) {
    let victims = containers(role, process);
    assert!(!victims.is_empty(), "no {role} runs");
    for v in victims {
        Command::new("docker").args(["kill", &v]).output().unwrap();
    }
}

/// Kills the app's user in its device, as the kernel or somebody on the host may: the device itself lives.
fn kill_guests(process: u32) {
    let mut killed = 0;
    for device in containers("device", process) {
        let o = Command::new("docker").args(["top", &device, "-eo", "pid,uid"]).output().unwrap();
        assert!(o.status.success(), "{}", stderr(&o));
        for line in String::from_utf8_lossy(&o.stdout).lines() {
            let mut fields = line.split_whitespace();
            if let (Some(pid), Some("10001")) = (fields.next(), fields.next()) {
                killed += usize::from(Command::new("kill").args(["-KILL", pid]).status().unwrap().success());
            }
        }
    }
    assert!(killed > 0, "no guest runs");
}

/// Breaks the cell of a run when a stage begins. Its trial is run again and ends well, and no cell is left.
fn broken_at(stage: &str, mut run: Command, out: &Path, break_it: &dyn Fn(u32)) -> (JobResult, Option<i32>, String) {
    let mut child = run.spawn().unwrap();
    let lines = wait_for(&mut child, stage);
    break_it(child.id());
    let rest = drain(lines);
    let code = child.wait().unwrap().code();
    let said = rest.join().unwrap();
    let result: JobResult =
        serde_json::from_slice(&std::fs::read(out.join("result.json")).unwrap_or_else(|e| panic!("{e}: {said}"))).unwrap();
    let t = &result.trials[0];
    assert!(t.epoch >= 2, "it was not run again: {t:#?}\n{said}");
    assert_eq!((t.end.state, t.tries[0].stage.as_str()), (TrialState::Finished, stage), "{t:#?}\n{said}");
    assert!(left_on_the_engine().is_empty());
    (result, code, said)
}

/// An app that ends its device looks the same, so nothing is called not observed.
fn broken_in_the_middle(break_it: &dyn Fn(u32)) {
    let s = Stakeout::new();
    let (result, code, said) = broken_at("script", command(&s, &idle_demo()), &s.out(), break_it);
    assert!(result.trials[0].tries[0].began(), "{said}");
    assert_eq!(code, Some(11), "{said}");
    let doubted = result.verdicts.iter().flat_map(|v| &v.reasons).any(|r| r.code == "tried_again");
    assert!(doubted && result.verdicts.iter().all(|v| v.rung == Rung::Declared || v.verdict != Answer::NotObserved), "{said}");
}

#[test]
fn a_device_that_is_killed_is_replaced() {
    broken_in_the_middle(&|process| kill_containers("device", process));
}

#[test]
fn a_gateway_that_is_killed_is_replaced_with_its_device() {
    broken_in_the_middle(&|process| kill_containers("gateway", process));
}

#[test]
fn an_apps_process_that_is_killed_from_outside_is_run_again() {
    broken_in_the_middle(&kill_guests);
}

#[test]
fn a_device_that_is_killed_before_the_app_ran_leaves_no_doubt() {
    let s = Stakeout::new();
    let mut run = command(&s, &idle_demo());
    // With nothing prepared the app is converted first, so the device is killed before there is an app.
    run.env("STAKEOUT_CACHE", s.dir.path().join("cache"));
    let (result, code, said) = broken_at("install", run, &s.out(), &|process| kill_containers("device", process));
    assert!(!result.trials[0].tries[0].began(), "{said}");
    assert!(!result.verdicts.iter().flat_map(|v| &v.reasons).any(|r| r.code == "tried_again"), "{said}");
    assert_eq!(code, Some(0), "{said}");
}

/// A network of somebody else.
struct Network(String);

impl Network {
    fn create() -> Self {
        let name = format!("stakeout-e2e-other-{}", std::process::id());
        assert!(Command::new("docker").args(["network", "create", &name]).output().unwrap().status.success());
        Self(name)
    }

    fn is_there(&self) -> bool {
        Command::new("docker").args(["network", "inspect", &self.0]).output().unwrap().status.success()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["network", "rm", &self.0]).output();
    }
}

#[test]
fn what_a_killed_worker_left_is_removed_at_the_next_start() {
    let other = Network::create();
    let mut before = "nothing";
    for stage in ["cell", "boot", "install", "script", "collect", "analyse"] {
        let s = Stakeout::new();
        let mut child = command(&s, &scenario("short")).spawn().unwrap();
        // That a device boots is no stage that is told.
        let lines = wait_for(&mut child, if stage == "boot" { "cell" } else { stage });
        let end = Instant::now() + Duration::from_secs(60);
        while stage == "boot" && containers("device", child.id()).is_empty() {
            assert!(Instant::now() < end, "no device boots");
            std::thread::sleep(Duration::from_millis(50));
        }
        let swept = left_on_the_engine();
        child.kill().unwrap();
        child.wait().unwrap();
        drop(lines);
        if ["cell", "boot"].contains(&stage) {
            // What the engine was asked for is made all the same, and must be there to be removed.
            std::thread::sleep(Duration::from_secs(1));
        }
        assert!(swept.is_empty(), "left by what was killed at {before}: {swept:?}");
        if ["boot", "install", "script"].contains(&stage) {
            assert!(!left_on_the_engine().is_empty(), "what is killed at {stage} leaves nothing that would have to be removed");
        }
        if stage == "script" {
            let left = left_in_the_cache();
            assert!(left.iter().any(|p| p.starts_with(target().join("e2e-cache/worker/trials"))), "{left:?}");
        }
        assert!(!s.out().join("result.json").exists(), "{stage}");
        before = stage;
    }
    let s = Stakeout::new();
    let a = s.run(&app("quiet"), &scenario("short"), &["--trials", "1"]);
    assert!(left_on_the_engine().is_empty(), "{}", a.stderr);
    assert_eq!(left_in_the_cache(), Vec::<std::path::PathBuf>::new(), "APKs, artifacts and a trial's key");
    assert!(other.is_there(), "it was removed though it is not ours");
}

#[test]
fn an_interrupt_ends_it_at_once_and_leaves_nothing() {
    let s = Stakeout::new();
    let mut child = command(&s, &idle_demo()).spawn().unwrap();
    let lines = wait_for(&mut child, "script");
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let rest = drain(lines);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(rest.join().unwrap().contains("interrupted"));
    assert!(left_on_the_engine().is_empty());
    assert!(left_in_the_cache().is_empty());
    assert!(!s.out().exists());
}
