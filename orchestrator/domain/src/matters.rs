//! Which facts say something of an app, so that the others need not be held when a job is decided.
//!
//! A trial may have 200,000 observations, and most of what an app makes is its log and its files. They are evidence for people and
//! stay in the bundle; no verdict and no report rests on them.

use stakeout_contract::{
    observation::{Fact, Observation, Source},
    told::{OthersSession, Traffic},
};

use crate::photos;

/// Whether a verdict or a report reads this one. Each new fact is decided here: what is left out is not seen by them.
pub fn to_anyone(o: &Observation) -> bool {
    match &o.fact {
        // Told by the trial's record instead, which the worker made of them, or by its flows.
        Fact::Delivered { .. }
        | Fact::Flow { .. }
        | Fact::PermissionDeclared { .. }
        | Fact::Crypto { .. }
        | Fact::Activity { .. }
        | Fact::Network { .. } => false,
        // Of these, what tells whose a file, a session or a request was, and what became of the owner's own files.
        Fact::Log { .. } => o.source == Source::Device && (Traffic::of(&o.fact).is_some() || OthersSession::of(&o.fact).is_some()),
        Fact::File { to, .. } => o.source == Source::Device && to.is_some() || photos::matters(&o.fact),
        Fact::State { .. }
        | Fact::PermissionRequested { .. }
        | Fact::PermissionGranted { .. }
        | Fact::Opened { .. }
        | Fact::Closed { .. }
        | Fact::Preview { .. }
        | Fact::Shutter { .. }
        | Fact::Refused { .. }
        | Fact::Read { .. }
        | Fact::Service { .. }
        | Fact::Alarm { .. }
        | Fact::Job { .. }
        | Fact::Broadcast { .. }
        | Fact::Crashed { .. }
        | Fact::Restarted { .. }
        | Fact::Anr { .. }
        | Fact::NativeLibrary { .. }
        | Fact::DexLoaded { .. }
        | Fact::Escape { .. }
        | Fact::Looked { .. }
        | Fact::OutOfMemory { .. }
        | Fact::RealTime { .. }
        | Fact::LoginScreen { .. }
        | Fact::DialogOpen { .. }
        | Fact::UnsupportedApi { .. }
        | Fact::ClockHeld { .. }
        | Fact::NotWatched { .. }
        | Fact::Lost { .. }
        | Fact::Step { .. }
        | Fact::Blocked { .. }
        | Fact::Dns { .. }
        | Fact::TlsRefused { .. }
        | Fact::Opaque { .. }
        | Fact::Alert { .. } => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stakeout_contract::Nanos;

    use super::*;
    use crate::samples::{Sample, decide_all, silent};

    fn seen(source: Source, fact: serde_json::Value) -> Observation {
        Observation { at: Nanos::ZERO, source, fact: serde_json::from_value(fact).unwrap(), stack: vec![] }
    }

    #[test]
    fn what_an_app_makes_most_of_is_not_held_and_its_lines_keep_their_places() {
        let noise = [
            json!({"fact": "log", "line": "a line"}),
            json!({"fact": "delivered", "sensor": "camera", "facing": null, "session": 1, "first": 1, "last": 2, "count": 2}),
            json!({"fact": "permission_declared", "permissions": ["android.permission.CAMERA"]}),
            json!({"fact": "flow", "id": 1, "method": "GET", "host": "h", "path": "/", "status": 200, "sent": 9, "received": 9, "stub": false}),
            json!({"fact": "file", "path": "/data/x", "change": "written", "bytes": 7}),
            json!({"fact": "crypto", "algorithm": "AES", "operation": "encrypt"}),
            json!({"fact": "activity", "name": "Main", "change": "resumed"}),
            json!({"fact": "network", "host": "h", "port": 80, "what": "connect"}),
        ]
        .map(|f| seen(Source::Host, f));
        let signal = [
            json!({"fact": "opened", "sensor": "camera", "id": "0", "session": 1, "api": "Camera.open"}),
            json!({"fact": "preview", "session": 1, "visible": true}),
            json!({"fact": "read", "data": "contacts", "what": "contacts", "rows": 3}),
            json!({"fact": "closed", "sensor": "camera", "session": 1}),
            json!({"fact": "crashed", "message": "oh"}),
        ]
        .map(|f| seen(Source::Host, f));
        assert!(!noise.iter().any(to_anyone) && signal.iter().all(to_anyone));
        let all = |mut s: Sample| {
            for (n, o) in signal.iter().enumerate() {
                for around in &noise {
                    s = s.saw(100 + n as u64, around.fact.clone());
                }
                s = s.saw(100 + n as u64, o.fact.clone());
            }
            s
        };
        // Decides with and without.
        let whole = decide_all(&[all(silent()), all(silent())]);
        assert!(
            whole.verdicts.iter().any(|v| v.evidence.iter().any(|e| e.observation == Some(8))),
            "a line that is not its place among all"
        );
    }

    #[test]
    fn what_a_device_says_of_whose_something_was_is_held_and_nobody_elses_word_is() {
        for fact in [
            Fact::from(Traffic { from: Nanos::ZERO, to: Nanos::from_secs(1), own: 1, others: 0 }),
            Fact::from(OthersSession { sensor: stakeout_contract::Sensor::Camera, session: 1, package: "x".to_owned() }),
            Fact::File { path: "/sdcard/a".into(), change: "owned".into(), bytes: None, to: Some("x".into()) },
        ] {
            let from = |source| to_anyone(&Observation { at: Nanos::ZERO, source, fact: fact.clone(), stack: vec![] });
            assert!(from(Source::Device) && !from(Source::Host), "{fact:?}");
        }
    }
}
