//! Small trials for tests of the rules.

use stakeout_contract::{
    DeviceKind, DeviceState, Epoch, JobId, Kind, Nanos, Probability, Sensor, Sha256Digest,
    artifact::Role,
    finding::{Analysis, Finding, Searched},
    flow::Flow,
    observation::{Fact, Observation, Source},
    scenario::Scenario,
    trial::{AppFacts, Delivered, FeedMode, StateSpan, TrialCost, TrialEnd, TrialRecord, TrialState, Try},
};

use crate::{
    matters,
    verdict::{JobFacts, TrialEvidence, decide},
};

pub(crate) struct Sample {
    pub record: TrialRecord,
    pub observations: Vec<Observation>,
    pub flows: Vec<Flow>,
    pub analysis: Analysis,
    pub tries: Vec<Try>,
}

/// A minute in use, an hour in the background, an hour with the screen off; nothing happens.
pub(crate) fn silent() -> Sample {
    let scenario: Scenario = serde_json::from_value(serde_json::json!({
        "name": "sample",
        "network": {"stubs": [{"host": "conf.example", "json": {"upload": "https://drop.example/u"}}]},
        "steps": ["launchApp", {"tapOn": "OK"}, {"idle": {"state": "background", "for": "1h"}}, {"idle": {"state": "screenOff", "for": "1h"}}]
    }))
    .unwrap();
    let span = |from, to, state| StateSpan { from: Nanos::from_secs(from), to: Nanos::from_secs(to), state };
    let record = TrialRecord {
        format: TrialRecord::FORMAT.to_owned(),
        trial: "trial-1".parse().unwrap(),
        job: "job-1".parse().unwrap(),
        epoch: Epoch::FIRST,
        number: 1,
        app: AppFacts { permissions: vec!["android.permission.CAMERA".to_owned()], ..AppFacts::default() },
        scenario,
        device: DeviceKind::Jvm,
        api: 34,
        image: String::new(),
        cooperative: true,
        commitment: Sha256Digest::of(b"key"),
        key: None,
        feed_mode: FeedMode::Pattern,
        started_at: String::new(),
        started_real: String::new(),
        timeline: vec![span(0, 60, DeviceState::InUse), span(60, 3660, DeviceState::Background), span(3660, 7260, DeviceState::ScreenOff)],
        clock: vec![],
        delivered: vec![],
        canaries: vec![],
        artifacts: vec![],
        end: TrialEnd { state: TrialState::Finished, stage: String::new(), reason: String::new(), log: String::new() },
        cost: TrialCost::default(),
    };
    Sample { record, observations: vec![], flows: vec![], analysis: Analysis::default(), tries: vec![] }
}

impl Sample {
    pub(crate) fn saw(mut self, secs: u64, fact: Fact) -> Self {
        self.observations.push(Observation { at: Nanos::from_secs(secs), source: Source::Host, fact, stack: vec![] });
        self
    }

    pub(crate) fn flow(mut self, id: u32, secs: u64, host: &str, stub: Option<usize>) -> Self {
        let real = secs * 1_000_000;
        self.flows.push(Flow {
            id,
            at: Nanos::from_secs(secs),
            real,
            real_end: real + 1,
            real_sent: 0,
            wall: String::new(),
            scheme: "https".to_owned(),
            host: host.to_owned(),
            address: String::new(),
            port: 443,
            method: "POST".to_owned(),
            path: "/".to_owned(),
            request_headers: vec![],
            status: 200,
            response_headers: vec![],
            sent: 1000,
            received: 2,
            request: None,
            response: None,
            stub,
            policy: "sinkhole".to_owned(),
            truncated: false,
            error: String::new(),
        });
        self
    }

    /// The feed gave frames `first` to `last`.
    pub(crate) fn gave(mut self, first: u64, last: u64) -> Self {
        self.record.delivered.push(Delivered { sensor: Sensor::Camera, facing: None, session: 1, first, last, count: last - first + 1 });
        self
    }

    pub(crate) fn found(mut self, kind: Kind, role: Role, flow: Option<u32>, frame: Option<u64>, p: f64) -> Self {
        self.analysis.findings.push(Finding {
            file: "artifacts/x".to_owned(),
            role: Some(role),
            flow,
            offset: 0,
            length: 1,
            chain: vec!["jpeg".to_owned()],
            kind,
            facing: None,
            frames: frame.map(|f| [f, f]),
            seconds: None,
            shown: vec![],
            heard: vec![],
            canary: frame.is_none().then(|| "contacts/1".to_owned()),
            score: None,
            p_false: Probability::new(p).unwrap(),
            lead: false,
            cooperative: false,
            trial: None,
        });
        self
    }

    /// Was leased before, and that ended so.
    pub(crate) fn tried(mut self, stage: &str, stopped: bool) -> Self {
        self.tries.push(Try { epoch: 1, stage: stage.to_owned(), reason: "the guest died".to_owned(), stopped, observations: 3 });
        self
    }

    pub(crate) fn decide(&self) -> stakeout_contract::result::JobResult {
        decide_all(std::slice::from_ref(self))
    }
}

/// Every sample is decided with all of its observations and with those that matter alone: nothing may differ.
pub(crate) fn decide_all(samples: &[Sample]) -> stakeout_contract::result::JobResult {
    let whole = of(samples, &vec![vec![]; samples.len()]);
    assert_eq!(serde_json::to_value(&whole).unwrap(), serde_json::to_value(decide_some(samples)).unwrap(), "see matters.rs");
    whole
}

/// Without the observations that matter to nobody.
fn decide_some(samples: &[Sample]) -> stakeout_contract::result::JobResult {
    let kept = |s: &Sample| (0..s.observations.len()).filter(|i| matters::to_anyone(&s.observations[*i])).map(|i| i as u32).collect();
    let lines: Vec<Vec<u32>> = samples.iter().map(kept).collect();
    let some = |(s, lines): (&Sample, &Vec<u32>)| Sample {
        record: s.record.clone(),
        observations: lines.iter().map(|i| s.observations[*i as usize].clone()).collect(),
        flows: s.flows.clone(),
        analysis: s.analysis.clone(),
        tries: s.tries.clone(),
    };
    let samples: Vec<Sample> = samples.iter().zip(&lines).map(some).collect();
    of(&samples, &lines)
}

fn of(samples: &[Sample], lines: &[Vec<u32>]) -> stakeout_contract::result::JobResult {
    let evidence: Vec<TrialEvidence<'_>> = samples
        .iter()
        .zip(lines)
        .map(|(s, lines)| TrialEvidence {
            record: &s.record,
            observations: &s.observations,
            lines,
            flows: &s.flows,
            analysis: &s.analysis,
            tries: &s.tries,
            trials: samples.len(),
        })
        .collect();
    let job: JobId = "job-1".parse().unwrap();
    let facts = JobFacts {
        job: &job,
        state: TrialState::Finished,
        app: &samples[0].record.app,
        scenario: &samples[0].record.scenario,
        device: "jvm 34".to_owned(),
        wall_seconds: 1.0,
        engine: "test".to_owned(),
    };
    decide(&facts, &evidence)
}

pub(crate) fn searched() -> Searched {
    Searched::default()
}
