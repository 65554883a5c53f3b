//! No way out: an app that tries every exit gets nowhere, and is told of.
#![allow(clippy::unwrap_used, clippy::match_same_arms, reason = "a test suite; each exit has its own line")]

use stakeout_bundle::Bundle;
use stakeout_contract::{artifact::Role, trial::TrialRecord};
use stakeout_e2e::{Stakeout, app, scenario};

#[test]
fn every_exit_leads_nowhere_and_is_reported() {
    let s = Stakeout::new();
    let a = s.run(&app("exits"), &scenario("exits"), &["--trials", "1"]);
    a.never_clean();
    let bundle = Bundle::open(&s.out().join("bundle.zip")).unwrap();
    let record: TrialRecord = bundle.json("trials/1/trial.json").unwrap();
    // The app writes down what each attempt came to.
    let journal = record.artifacts.iter().find(|a| a.role == Role::AppFile && a.name.ends_with("attempts.jsonl")).unwrap();
    let lines = String::from_utf8(bundle.read(&format!("trials/1/artifacts/{}", journal.sha256)).unwrap()).unwrap();
    let attempts: Vec<Attempt> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(attempts.len() > 100, "the app's own log has {} attempts", attempts.len());
    let out: Vec<_> = attempts.iter().filter(|a| !a.leads_nowhere()).collect();
    assert!(out.is_empty(), "{out:#?}");

    let observations = String::from_utf8(bundle.read("trials/1/observations.jsonl").unwrap()).unwrap();
    let flows = String::from_utf8(bundle.read("trials/1/flows.json").unwrap()).unwrap();
    for what in ["blocked", "escape", "opaque"] {
        assert!(observations.contains(&format!("\"fact\":\"{what}\"")), "no `{what}` is reported");
    }
    let silent: Vec<_> =
        attempts.iter().filter_map(Attempt::address).filter(|a| !observations.contains(*a) && !flows.contains(*a)).collect();
    assert!(silent.is_empty(), "not reported: {silent:?}");
}

/// A line of the app's journal.
#[derive(serde::Deserialize, Debug)]
struct Attempt {
    what: String,
    to: String,
    result: String,
    detail: String,
}

impl Attempt {
    /// Nothing but the gateway's own answer, the cell's own files, or a refusal.
    fn leads_nowhere(&self) -> bool {
        let refused = matches!(self.result.as_str(), "refused" | "timeout" | "unreachable" | "closed");
        // `HTTP/1.1 200 OK`, which the gateway says in the name of every address: no real server on these ports would.
        let gateway = self.detail == "no answer" || self.detail.contains("485454502f312e3120323030204f4b");
        refused
            || match self.what.as_str() {
                "tcp" | "socketchannel" => gateway && !self.to.contains("127.0.0.1:15") && !self.to.contains("[::1]"),
                // Names are answered by the gateway, whomever they ask.
                "udp" => self.to.ends_with(":53"),
                "resolve" => self.detail.starts_with("198.18.") || self.detail.starts_with("198.19.") || self.to == "localhost",
                // Without power over ICMP, Java tries TCP to port 7, which the gateway takes.
                "icmp" | "multicast join" | "listen" | "interfaces" => true,
                "read" => ["/proc/net/tcp", "/etc/resolv.conf"].contains(&self.to.as_str()),
                "list" => true,
                _ => false,
            }
    }

    /// The address of a connection to elsewhere.
    fn address(&self) -> Option<&str> {
        let address = self.to.rsplit_once(':')?.0;
        let elsewhere = self.what == "tcp" && !self.to.starts_with('[') && !address.starts_with("127.0.0.2") && address != "0.0.0.0";
        elsewhere.then_some(address)
    }
}
