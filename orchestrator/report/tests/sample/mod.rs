//! A made-up job with every answer: an app that spies in the background, planted data that leaves, a doubt about location.
#![allow(dead_code, clippy::unwrap_used, reason = "each of its users needs a part of it")]

use stakeout_contract::{
    DeviceKind, DeviceState, Epoch, Kind, Nanos, Probability, Sensor, Sha256Digest,
    artifact::{Artifact, Role},
    canary::Canary,
    finding::{Analysis, Finding, Searched, Skipped},
    flow::Flow,
    observation::{Facing, Fact, Observation, Source},
    result::JobResult,
    scenario::Scenario,
    trial::{AppFacts, Delivered, FeedMode, StateSpan, TrialCost, TrialEnd, TrialRecord, TrialState, frame_at},
};
use stakeout_domain::verdict::{JobFacts, TrialEvidence, decide};
use stakeout_report::{Picture, ReportInput, TrialInput};

/// Everything that a report needs, owned.
pub(crate) struct Sample {
    pub(crate) result: JobResult,
    pub(crate) scenario: Scenario,
    pub(crate) trials: Vec<Trial>,
    pub(crate) pictures: Vec<Picture>,
}

pub(crate) struct Trial {
    pub(crate) record: TrialRecord,
    pub(crate) observations: Vec<Observation>,
    pub(crate) flows: Vec<Flow>,
    pub(crate) analysis: Analysis,
}

impl Sample {
    pub(crate) fn input(&self) -> ReportInput<'_> {
        ReportInput {
            result: &self.result,
            scenario: &self.scenario,
            trials: self
                .trials
                .iter()
                .map(|t| TrialInput { record: &t.record, observations: &t.observations, flows: &t.flows, analysis: &t.analysis })
                .collect(),
            pictures: self.pictures.clone(),
            signer: "SHA256:made-up-for-this-example".to_owned(),
            receipt: Sha256Digest::of(b"made up").to_string(),
        }
    }

    /// Decides again after a test has changed the trials.
    pub(crate) fn decide(&mut self) {
        self.result = result(&self.scenario, &self.trials);
    }
}

fn result(scenario: &Scenario, trials: &[Trial]) -> JobResult {
    let evidence: Vec<TrialEvidence<'_>> = trials
        .iter()
        .map(|t| TrialEvidence {
            record: &t.record,
            observations: &t.observations,
            lines: &[],
            flows: &t.flows,
            analysis: &t.analysis,
            tries: &[],
            trials: trials.len(),
        })
        .collect();
    let job = "job-made-up".parse().unwrap();
    decide(
        &JobFacts {
            job: &job,
            state: TrialState::Finished,
            app: &trials[0].record.app,
            scenario,
            device: "jvm 34".to_owned(),
            wall_seconds: 31.4,
            engine: "stakeout 0.1.0 (made-up example)".to_owned(),
        },
        &evidence,
    )
}

const HOST: &str = "drop.example";

fn scenario() -> Scenario {
    serde_json::from_value(serde_json::json!({
        "name": "made-up-example",
        "description": "Nothing on this page happened: it shows how a report reads.",
        "startAt": "2016-02-09T08:00:00+08:00",
        "plant": {"contacts": 25, "callLog": 40, "wifi": 6, "cells": 3, "sms": 5, "calendar": 0, "media": 0, "accounts": 0, "installedApps": 0},
        "network": {"stubs": [
            {"host": "conf.example", "json": {"upload": "https://drop.example/u"}},
            {"host": "drop.example", "body": "ok"},
        ]},
        "steps": ["launchApp", {"idle": {"state": "foreground", "for": "2m"}}, {"tapOn": "Take a photo"}, {"idle": {"state": "background", "for": "30m"}},
            {"idle": {"state": "screenOff", "for": "2h"}}, {"idle": {"state": "doze", "for": "1h"}}, "reboot", {"idle": {"state": "background", "for": "10m"}}]
    }))
    .unwrap()
}

/// The sample.
pub(crate) fn sample() -> Sample {
    let scenario = scenario();
    let trials: Vec<Trial> = (1..=3).map(|n| trial(&scenario, n)).collect();
    let picture = |finding| Picture { trial: 1, finding, found: Some(card(8)), fed: Some(card(0)) };
    Sample {
        result: result(&scenario, &trials),
        scenario,
        trials,
        pictures: vec![picture(0), picture(1), Picture { fed: None, ..picture(28) }],
    }
}

/// A card of cells as JPEG; `noise` dims some of them.
fn card(noise: u8) -> Vec<u8> {
    let cell = |x: u32, y: u32| (x / 20 * 7 + y / 20 * 13 + x / 20 * (y / 20)).is_multiple_of(3);
    let picture = image::RgbImage::from_fn(320, 240, |x, y| {
        let v = if cell(x, y) { 220 - noise * 4 } else { 50 + noise * 3 };
        image::Rgb([v, v, v.saturating_sub(noise)])
    });
    let mut out = Vec::new();
    image::codecs::jpeg::JpegEncoder::new(&mut out).encode_image(&picture).unwrap();
    out
}

fn trial(scenario: &Scenario, number: u32) -> Trial {
    let span = |from, to, state| StateSpan { from: Nanos::from_secs(from), to: Nanos::from_secs(to), state };
    let record = TrialRecord {
        format: TrialRecord::FORMAT.to_owned(),
        trial: format!("trial-{number}").parse().unwrap(),
        job: "job-made-up".parse().unwrap(),
        epoch: Epoch::FIRST,
        number,
        app: AppFacts {
            sha256: Some(Sha256Digest::of(b"app")),
            package: "example.made.up".to_owned(),
            version_name: "7.3".to_owned(),
            version_code: 73,
            target_sdk: 34,
            label: "Made-up wallet".to_owned(),
            permissions: ["CAMERA", "RECORD_AUDIO", "READ_CONTACTS"].iter().map(|p| format!("android.permission.{p}")).collect(),
            signers: vec![Sha256Digest::of(b"signer").to_string()],
            abis: vec![],
        },
        scenario: scenario.clone(),
        device: DeviceKind::Jvm,
        api: 34,
        image: String::new(),
        cooperative: true,
        commitment: Sha256Digest::of(&number.to_le_bytes()),
        key: None,
        feed_mode: FeedMode::Pattern,
        started_at: format!("2016-02-09T08:0{number}:17+08:00"),
        started_real: format!("2025-01-01T00:00:0{number}Z"),
        timeline: vec![
            span(0, 20, DeviceState::InUse),
            span(20, 140, DeviceState::Foreground),
            span(140, 150, DeviceState::InUse),
            span(150, 1950, DeviceState::Background),
            span(1950, 9150, DeviceState::ScreenOff),
            span(9150, 12_750, DeviceState::Doze),
            span(12_750, 13_350, DeviceState::AfterReboot),
        ],
        clock: vec![],
        delivered: vec![],
        canaries: (0..25).map(|i| contact(number, i)).collect(),
        artifacts: vec![],
        end: TrialEnd { state: TrialState::Finished, stage: String::new(), reason: String::new(), log: String::new() },
        cost: TrialCost {
            wall_seconds: 9.1,
            virtual_seconds: 13_350.0,
            cpu_seconds: 12.3,
            peak_memory_bytes: 512_000_000,
            kept_bytes: 3_400_000,
            ..TrialCost::default()
        },
    };
    let mut t = Trial { record, observations: vec![], flows: vec![], analysis: Analysis::default() };
    t.saw(3, Fact::PermissionRequested { permissions: t.record.app.permissions.clone(), answers: vec!["granted".to_owned(); 3] });
    for (i, at) in [600u64, 1500, 2400, 4200, 6000, 7800].into_iter().enumerate() {
        t.round(i as u32, at);
    }
    t.saw(142, opened(Sensor::Camera, 90, true));
    t.saw(147, Fact::Closed { sensor: Sensor::Camera, session: 90 });
    for m in 0..30 {
        t.flow(9000 + m * 110, "stats.example", 420, Some(1));
    }
    t.saw(
        5000,
        Fact::PermissionRequested { permissions: vec!["android.permission.READ_CONTACTS".to_owned()], answers: vec!["denied".to_owned()] },
    );
    t.saw(
        13_000,
        Fact::Refused {
            sensor: Some(Sensor::Camera),
            data: None,
            what: "Camera.open".to_owned(),
            reason: "no activity is visible (API 28 and later)".to_owned(),
        },
    );
    t.saw(
        1200,
        Fact::UnsupportedApi {
            name: "android.location.LocationManager.getCurrentLocation".to_owned(),
            effect: "gives no location".to_owned(),
        },
    );
    t.saw(12_750, Fact::Step { index: 6, step: "reboot".to_owned(), outcome: "done".to_owned() });
    t.analysis.searched = Searched { files: 61, bytes: 4_200_000, media: 34, keys: 1, skipped: vec![], unread: vec![] };
    if number == 2 {
        t.analysis.searched.skipped.push(Skipped {
            file: "artifacts/x".to_owned(),
            reason: "encrypted".to_owned(),
            role: Some(Role::FlowRequest),
        });
    }
    t.observations.sort_by_key(|o| o.at);
    t
}

fn contact(trial: u32, i: u32) -> Canary {
    Canary {
        id: format!("contacts/{i}"),
        kind: Kind::Contacts,
        label: format!("Lin Yuhe {trial}{i}, +86 139 0000 {trial}{i:03}"),
        needles: vec![],
    }
}

fn opened(sensor: Sensor, session: u64, preview_visible: bool) -> Fact {
    Fact::Opened { sensor, id: "0".to_owned(), facing: Some(Facing::Back), api: "camera1".to_owned(), session, preview_visible }
}

impl Trial {
    pub(crate) fn saw(&mut self, secs: u64, fact: Fact) {
        self.observations.push(Observation { at: Nanos::from_secs(secs), source: Source::Host, fact, stack: vec![] });
    }

    pub(crate) fn flow(&mut self, secs: u64, host: &str, sent: u64, stub: Option<usize>) -> u32 {
        let id = self.flows.len() as u32 + 1;
        self.flows.push(Flow {
            id,
            at: Nanos::from_secs(secs),
            real: secs * 1_000_000,
            real_end: secs * 1_000_000 + 1,
            real_sent: 0,
            wall: String::new(),
            scheme: "https".to_owned(),
            host: host.to_owned(),
            address: "203.0.113.9".to_owned(),
            port: 443,
            method: "POST".to_owned(),
            path: "/u".to_owned(),
            request_headers: vec![],
            status: 200,
            response_headers: vec![],
            sent,
            received: 2,
            request: None,
            response: None,
            stub,
            policy: "sinkhole".to_owned(),
            truncated: false,
            error: String::new(),
        });
        id
    }

    /// Configuration, capture, upload.
    fn round(&mut self, i: u32, at: u64) {
        self.flow(at, "conf.example", 120, Some(0));
        let session = u64::from(i) + 1;
        self.saw(at + 2, opened(Sensor::Camera, session, false));
        self.saw(at + 12, Fact::Closed { sensor: Sensor::Camera, session });
        let first = frame_at(Nanos::from_secs(at + 4));
        self.record.delivered.push(Delivered {
            sensor: Sensor::Camera,
            facing: Some(Facing::Back),
            session,
            first,
            last: first + 90,
            count: 91,
        });
        let flow = self.flow(at + 15, HOST, 88_000, Some(1));
        let photo = self.artifact(&format!("photo{i}"), Role::FlowRequest, &format!("https://{HOST}/u"), Some(flow));
        let preview = self.artifact(&format!("preview{i}"), Role::AppFile, "files/.cache/p0.tmp", None);
        self.found(Kind::Camera, &photo, &["http", "multipart", "jpeg"], Some([first + 30, first + 30]), None, None, 1.2e-41);
        self.found(Kind::Camera, &preview, &["nv21"], Some([first, first + 12]), None, None, 4.1e-88);
        if i.is_multiple_of(2) {
            self.saw(at + 3, opened(Sensor::Microphone, session, false));
            self.saw(at + 9, Fact::Closed { sensor: Sensor::Microphone, session });
            let (first, last) = ((at + 3) * 20, (at + 9) * 20);
            self.record.delivered.push(Delivered { sensor: Sensor::Microphone, facing: None, session, first, last, count: 121 });
            let sound = self.artifact(&format!("sound{i}"), Role::FlowRequest, &format!("https://{HOST}/u"), Some(flow));
            let from = at as f64 + 3.2;
            self.found(Kind::Microphone, &sound, &["http", "json", "base64", "amr"], None, Some([from, from + 5.0]), None, 3.0e-22);
        }
        if i == 0 {
            self.saw(at + 1, Fact::Read { data: Kind::Contacts, what: "ContactsProvider.query".to_owned(), rows: Some(25) });
            for c in 0..25 {
                let a = self.artifact(&format!("contacts{i}"), Role::FlowRequest, &format!("https://{HOST}/u"), Some(flow));
                self.found(Kind::Contacts, &a, &["http", "gzip", "json"], None, None, Some(format!("contacts/{c}")), 2.2e-16);
            }
        }
    }

    pub(crate) fn artifact(&mut self, seed: &str, role: Role, name: &str, flow: Option<u32>) -> Artifact {
        let sha256 = Sha256Digest::of(format!("{seed} {}", self.record.number).as_bytes());
        let a = Artifact { sha256, size: 88_000, role, name: name.to_owned(), flow, at: None, cipher: None, truncated: false };
        self.record.artifacts.push(a.clone());
        a
    }

    #[allow(clippy::too_many_arguments, reason = "a row of a table")]
    pub(crate) fn found(
        &mut self,
        kind: Kind,
        a: &Artifact,
        chain: &[&str],
        frames: Option<[u64; 2]>,
        seconds: Option<[f64; 2]>,
        canary: Option<String>,
        p: f64,
    ) {
        self.analysis.findings.push(Finding {
            file: format!("artifacts/{}", a.sha256),
            role: Some(a.role),
            flow: a.flow,
            offset: 412,
            length: 86_112,
            chain: chain.iter().map(|c| (*c).to_owned()).collect(),
            kind,
            facing: (kind == Kind::Camera).then_some(Facing::Back),
            frames,
            seconds,
            shown: vec![],
            heard: vec![],
            canary,
            score: kind.is_sensor().then_some(15.3),
            p_false: Probability::new(p).unwrap(),
            lead: false,
            cooperative: false,
            trial: None,
        });
    }
}
