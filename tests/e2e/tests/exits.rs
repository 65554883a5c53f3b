//! No way out: an app that tries every exit gets nowhere, and is told of.
#![allow(clippy::unwrap_used)]

use stakeout_bundle::Bundle;
use stakeout_contract::{observation::Observation, trial::TrialRecord};
use stakeout_e2e::{Stakeout, app, scenario};

#[test]
fn every_exit_leads_nowhere_and_is_reported() {
    let s = Stakeout::new();
    let a = s.run(&app("exits"), &scenario("exits"), &["--trials", "1"]);
    a.never_clean();
    let bundle = Bundle::open(&s.out().join("bundle.zip")).unwrap();
    let record: TrialRecord = bundle.json("trials/1/trial.json").unwrap();
    // The app writes down what each attempt came to: nothing that is not the gateway's own answer may have succeeded.
    let log: Vec<serde_json::Value> = record
        .artifacts
        .iter()
        .filter_map(|a| bundle.read(&format!("trials/1/artifacts/{}", a.sha256)).ok())
        .filter_map(|b| String::from_utf8(b).ok())
        .flat_map(|t| t.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok()).collect::<Vec<_>>())
        .filter(|v| v.get("attempt").is_some() || v.get("what").is_some() && v.get("outcome").is_some())
        .collect();
    assert!(log.len() > 20, "the app's own log has {} attempts", log.len());
    let observations: Vec<Observation> = String::from_utf8(bundle.read("trials/1/observations.jsonl").unwrap())
        .unwrap()
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let text = serde_json::to_string(&observations).unwrap();
    for what in ["blocked", "escape"] {
        assert!(text.contains(&format!("\"fact\":\"{what}\"")), "no `{what}` is reported");
    }
    for address in ["169.254.169.254", "127.0.0.11", "15001"] {
        assert!(text.contains(address), "the attempt at `{address}` is not reported");
    }
}
