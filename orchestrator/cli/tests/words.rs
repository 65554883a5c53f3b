//! What a person reads of `stakeout` without an engine: help, completions, the verdicts of an earlier run.
#![allow(clippy::unwrap_used, reason = "a test suite")]

use std::{
    path::Path,
    process::{Command, Output},
};

use stakeout_contract::{
    Answer, DeviceState, Kind, Rung,
    result::{Cost, Footprint, JobResult, RequestRate, Verdict},
    trial::{AppFacts, TrialState},
};

fn stakeout(folder: &Path, arguments: &[&str]) -> Output {
    let mut c = Command::new(env!("CARGO_BIN_EXE_stakeout"));
    c.args(arguments).current_dir(folder).env("STAKEOUT_CACHE", folder.join("cache")).env("STAKEOUT_DATA", folder.join("data"));
    c.output().unwrap()
}

/// Standard output of what ends well.
fn said(folder: &Path, arguments: &[&str]) -> String {
    let o = stakeout(folder, arguments);
    assert!(o.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&o.stderr));
    String::from_utf8(o.stdout).unwrap()
}

#[test]
fn help_of_what_people_begin_with_has_examples() {
    let folder = tempfile::tempdir().unwrap();
    let commands =
        ["run", "analyze", "report", "serve", "work", "submit", "verify", "share", "scenario", "key", "doctor", "backup", "restore"];
    for command in commands {
        let help = said(folder.path(), &[command, "--help"]);
        assert!(help.contains("\nExample") && help.contains(&format!("stakeout {command} ")), "{command}: {help}");
    }
}

#[test]
fn completions_know_every_command_in_every_shell() {
    let folder = tempfile::tempdir().unwrap();
    let help = said(folder.path(), &["--help"]);
    // Names are indented by two; what follows a name is indented further.
    let names = help.lines().skip_while(|l| *l != "Commands:").skip(1).take_while(|l| !l.is_empty());
    let commands: Vec<&str> = names.filter_map(|l| l.strip_prefix("  ")?.split(' ').next().filter(|n| !n.is_empty())).collect();
    assert!(commands.contains(&"run") && commands.contains(&"doctor") && commands.len() > 20, "{commands:?}");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = said(folder.path(), &["completions", shell]);
        let missing: Vec<_> = commands.iter().filter(|c| !script.contains(**c)).collect();
        assert!(missing.is_empty() && script.contains("fail-on"), "{shell}: {missing:?}");
    }
    let script = folder.path().join("stakeout.bash");
    std::fs::write(&script, said(folder.path(), &["completions", "bash"])).unwrap();
    let read = Command::new("bash").arg("-n").arg(&script).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    assert_eq!(stakeout(folder.path(), &["completions", "cmd"]).status.code(), Some(2));
}

fn verdict(device_state: DeviceState, verdict: Answer, count: u64) -> Verdict {
    let (kind, rung) = (Kind::Camera, Rung::Opened);
    Verdict { kind, rung, device_state, verdict, p_false: None, bound: None, reasons: vec![], evidence: vec![], count }
}

fn result() -> JobResult {
    JobResult {
        format: "stakeout-result/1".to_owned(),
        job: "job-1".parse().unwrap(),
        state: TrialState::Finished,
        app: AppFacts { package: "org.example.\u{1b}[31mapp".to_owned(), ..AppFacts::default() },
        scenario: "idle-demo".to_owned(),
        device: "jvm 34".to_owned(),
        trials: vec![],
        verdicts: vec![
            verdict(DeviceState::Any, Answer::Proven, 3),
            verdict(DeviceState::Background, Answer::Proven, 3),
            verdict(DeviceState::Doze, Answer::NotObserved, 0),
            verdict(DeviceState::Foreground, Answer::NotTested, 0),
        ],
        sending: vec![verdict(DeviceState::Background, Answer::Proven, 2)],
        footprint: Footprint { kept_bytes_per_idle_hour: 2048.0, sent_bytes_per_idle_hour: 4096.0, ..Footprint::default() },
        requests_per_idle_hour: vec![RequestRate { kind: Kind::Camera, requests: 7, per_idle_hour: 3.5 }],
        captures: vec![],
        cost: Cost { trials: 3, wall_seconds: 61.5, virtual_seconds: 7200.0, ..Cost::default() },
        engine: String::new(),
        left_out: 0,
    }
}

#[test]
fn a_report_of_an_earlier_run_is_a_table_that_says_each_state_that_was_tried() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("result");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("result.json"), serde_json::to_vec(&result()).unwrap()).unwrap();
    let text = said(folder.path(), &["report", "result"]);
    let line = |begin: &str| text.lines().find(|l| l.contains(begin)).unwrap_or_else(|| panic!("no `{begin}`: {text}"));
    let head = line("claim");
    assert!(head.contains("background") && head.contains("doze") && !head.contains("foreground"), "{text}");
    let opened = line("camera opened");
    assert!(opened.matches("proven x3").count() == 2 && opened.contains("not_observed"), "{text}");
    assert!(line("camera sent while").contains("proven x2"), "{text}");
    assert!(text.contains("asks for camera 3.5 times an idle hour (7 times)"), "{text}");
    assert!(text.contains("keeps 2 KiB and sends 4 KiB an idle hour"), "{text}");
    assert!(text.contains("cost: 3 trials, 61.5 s wall, 2.00 h virtual"), "{text}");
    // There is no page beside it, and a stranger's text moves no cursor.
    assert!(!text.contains("report: ") && !text.contains('\u{1b}') && text.contains("jvm 34, scenario `idle-demo`, job job-1"), "{text}");
    std::fs::write(out.join("report.html"), "").unwrap();
    assert!(said(folder.path(), &["report", "result"]).contains("report: result/report.html"));
}

#[test]
fn a_check_of_a_scenario_is_one_document_whether_it_is_good_or_not() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.yaml"), "name: x\ntrials: 0\nsteps:\n  - pressKey: hme\n").unwrap();
    let o = stakeout(folder.path(), &["scenario", "check", "bad.yaml", "--json"]);
    assert_eq!(o.status.code(), Some(2), "{}", String::from_utf8_lossy(&o.stderr));
    let document: serde_json::Value = serde_json::from_slice(&o.stdout).unwrap();
    let places: Vec<_> = document["mistakes"].as_array().unwrap().iter().map(|m| (m["line"].as_u64(), m["column"].as_u64())).collect();
    assert_eq!(places, [(Some(2), Some(9)), (Some(4), Some(15))]);
    assert_eq!(document["mistakes"][0]["hint"], "use 1 to 1000");
    let good: serde_json::Value = serde_json::from_str(&said(folder.path(), &["scenario", "check", "idle-demo", "--json"])).unwrap();
    assert!(good["name"] == "idle-demo" && good["mistakes"].as_array().is_some_and(Vec::is_empty), "{good}");
}
