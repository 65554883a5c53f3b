//! Whatever is killed, and when: the trial is run again under a new epoch, and nothing is left behind.
#![allow(clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command},
};

use stakeout_contract::{Answer, Rung, trial::TrialState};
use stakeout_e2e::{Stakeout, app, left_in_the_cache, left_on_the_engine, target, text};

fn start(s: &Stakeout) -> Child {
    s.start(&[
        "run",
        &text(&app("quiet")),
        "--scenario",
        &text(&target().join("apps/idle-demo.yaml")),
        "--trials",
        "1",
        "--out",
        &text(&s.out()),
    ])
}

/// Reads progress until a line holds `what`.
fn wait_for(child: &mut Child, what: &str) -> BufReader<std::process::ChildStderr> {
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        if line.contains(what) {
            return lines;
        }
        line.clear();
    }
    panic!("`{what}` was never said");
}

/// Lets the rest of standard error pass, so that the program is not held.
fn drain(lines: BufReader<std::process::ChildStderr>) -> std::thread::JoinHandle<String> {
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

fn killed_in_the_middle(role: &str) {
    let s = Stakeout::new();
    let mut child = start(&s);
    let lines = wait_for(&mut child, "script");
    let victims = containers(role, child.id());
    assert!(!victims.is_empty(), "no {role} runs");
    for v in victims {
        Command::new("docker").args(["kill", &v]).output().unwrap();
    }
    let rest = drain(lines);
    let code = child.wait().unwrap().code();
    let said = rest.join().unwrap();
    let result: stakeout_contract::result::JobResult =
        serde_json::from_slice(&std::fs::read(s.out().join("result.json")).unwrap_or_else(|e| panic!("{e}: {said}"))).unwrap();
    let t = &result.trials[0];
    assert!(t.epoch >= 2, "it was not run again: {t:#?}\n{said}");
    assert_eq!(t.end.state, TrialState::Finished, "{said}");
    // An app that ends its device looks the same, so nothing is called not observed.
    assert_eq!((t.tries[0].stage.as_str(), t.tries[0].began()), ("script", true), "{t:#?}");
    assert_eq!(code, Some(11), "{said}");
    let doubted = result.verdicts.iter().flat_map(|v| &v.reasons).any(|r| r.code == "tried_again");
    assert!(doubted && result.verdicts.iter().all(|v| v.rung == Rung::Declared || v.verdict != Answer::NotObserved), "{said}");
    assert!(left_on_the_engine().is_empty());
}

#[test]
fn a_device_that_is_killed_is_replaced() {
    killed_in_the_middle("device");
}

#[test]
fn a_gateway_that_is_killed_is_replaced_with_its_device() {
    killed_in_the_middle("gateway");
}

#[test]
fn what_a_killed_worker_left_is_removed_at_the_next_start() {
    for stage in ["cell", "script"] {
        let s = Stakeout::new();
        let mut child = start(&s);
        let lines = wait_for(&mut child, stage);
        child.kill().unwrap();
        child.wait().unwrap();
        drop(lines);
        let left = left_in_the_cache();
        assert!(left.iter().any(|p| p.starts_with(target().join("e2e-cache/worker/trials"))), "{stage}: {left:?}");
        // Something of another owner must survive.
        let other = Command::new("docker").args(["network", "create", "stakeout-e2e-other"]).output().unwrap();
        assert!(other.status.success());
        let s2 = Stakeout::new();
        let a = s2.run(&app("quiet"), &target().join("apps/scenarios/short.yaml"), &["--trials", "1"]);
        let kept = Command::new("docker").args(["network", "rm", "stakeout-e2e-other"]).output().unwrap();
        assert!(kept.status.success(), "it was removed though it is not ours");
        assert!(left_on_the_engine().is_empty(), "{stage}: {}", a.stderr);
        assert_eq!(left_in_the_cache(), Vec::<std::path::PathBuf>::new(), "{stage}: APKs, artifacts and a trial's key");
    }
}

#[test]
fn an_interrupt_ends_it_at_once_and_leaves_nothing() {
    let s = Stakeout::new();
    let mut child = start(&s);
    let lines = wait_for(&mut child, "script");
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let rest = drain(lines);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(rest.join().unwrap().contains("interrupted"));
    assert!(left_on_the_engine().is_empty());
    assert!(left_in_the_cache().is_empty());
    assert!(!s.out().exists());
}
