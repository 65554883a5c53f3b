//! A cell and an orchestrator that follow a script and write down everything that they are told.

#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

mod orchestrator;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use stakeout_agent::{
    WorkerConfig,
    link::{CellControl, CellKind, CellUsage, Cells, FromCell, Link},
};
use stakeout_containers::EngineError;
use stakeout_contract::{
    Nanos, Sha256Digest,
    flow::Flow,
    lease::Lease,
    observation::{Fact, Source},
    scenario::Scenario,
    trial::{FeedMode, KeyHex},
};
use stakeout_protocol::{
    Answer, Problem, Request, Wire,
    device::{self, BlobRef, Verb},
    gateway,
};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    task::JoinSet,
    time::Duration,
};

pub use orchestrator::*;

/// What happened, in order, to be compared.
pub type Told = Arc<Mutex<Vec<String>>>;

/// How a device answers a verb; none: as usual.
pub type Reply = Arc<dyn Fn(&Verb, usize) -> Option<Act> + Send + Sync>;

/// Something unusual.
pub enum Act {
    /// Answers with a problem.
    Problem(&'static str),
    /// Answers with a problem in these words.
    ProblemSaying(&'static str, String),
    /// Answers this.
    Ok(Value),
    /// Says this first, then answers as usual.
    Say(Vec<device::Event>),
    /// Answers a question that nobody asked.
    WrongId,
    /// Its pipe ends.
    Die,
    /// Never answers.
    Silence,
}

pub struct FakeCells {
    pub told: Told,
    pub reply: Reply,
    pub files: Vec<(&'static str, Vec<u8>)>,
    pub flows: Vec<(Flow, Vec<u8>, Vec<u8>)>,
    pub analysis: Result<Value, String>,
    pub wrong_capture: bool,
    /// How long the device takes for each answer.
    pub slow: Duration,
    /// The last words of the device's container.
    pub stderr: &'static str,
}

pub struct FakeControl {
    told: Told,
    stderr: &'static str,
    gone: bool,
}

impl FakeCells {
    pub fn new(told: &Told) -> Self {
        let analysis = json!({"findings": [], "searched": {"files": 1, "bytes": 1, "media": 0, "keys": 1, "skipped": []}});
        Self {
            told: told.clone(),
            reply: Arc::new(|_, _| None),
            files: vec![("files/a.txt", b"kept".to_vec())],
            flows: vec![],
            analysis: Ok(analysis),
            wrong_capture: false,
            slow: Duration::ZERO,
            stderr: "post mortem",
        }
    }

    pub fn slow(self, slow: Duration) -> Self {
        Self { slow, ..self }
    }

    pub fn reply(mut self, reply: impl Fn(&Verb, usize) -> Option<Act> + Send + Sync + 'static) -> Self {
        self.reply = Arc::new(reply);
        self
    }
}

pub fn say(told: &Told, what: impl Into<String>) {
    told.lock().unwrap().push(what.into());
}

impl Cells for FakeCells {
    type Control = FakeControl;

    async fn create(&self, kind: &CellKind) -> Result<(Link, FakeControl), EngineError> {
        say(&self.told, format!("cell {} {} live={}", kind.api, kind.locale, kind.live));
        let (from_cell, from) = channel(16);
        let (to_device, device_requests) = channel(16);
        let (to_gateway, gateway_requests) = channel(16);
        let mut pumps = JoinSet::new();
        let device = device_task(self.told.clone(), self.reply.clone(), self.slow, self.files.clone(), device_requests, from_cell.clone());
        pumps.spawn(device);
        pumps.spawn(gateway_task(self.told.clone(), self.flows.clone(), self.wrong_capture, gateway_requests, from_cell));
        Ok((Link { to_device, to_gateway, from, pumps }, FakeControl { told: self.told.clone(), stderr: self.stderr, gone: false }))
    }

    async fn analyse(&self, folder: &Path) -> Result<Vec<u8>, String> {
        let trial: Value = serde_json::from_slice(&fs::read(folder.join("trial.json")).unwrap()).unwrap();
        say(
            &self.told,
            format!("analyse with key {}, {} artifacts", trial["key"].is_string(), fs::read_dir(folder.join("artifacts")).unwrap().count()),
        );
        self.analysis.clone().map(|v| serde_json::to_vec(&v).unwrap())
    }

    async fn image_id(&self, image: &str) -> Result<String, EngineError> {
        Ok(format!("id of {image}"))
    }
}

impl CellControl for FakeControl {
    async fn usage(&self) -> CellUsage {
        CellUsage { cpu_seconds: 1.5, device_memory_bytes: 1000 }
    }

    async fn post_mortem(&self) -> String {
        self.stderr.to_owned()
    }

    async fn destroy(mut self) {
        self.gone = true;
        say(&self.told, "cell destroyed");
    }
}

impl Drop for FakeControl {
    fn drop(&mut self) {
        if !self.gone {
            say(&self.told, "cell dropped");
        }
    }
}

fn ok(id: u64, value: Value) -> FromCell {
    FromCell::Device(Wire::Message(device::FromDevice::Answer(Answer { id, ok: Some(value), error: None })))
}

fn problem(id: u64, code: &str, words: &str) -> FromCell {
    let answer = Answer { id, ok: None, error: Some(Problem::new(code, words)) };
    FromCell::Device(Wire::Message(device::FromDevice::Answer(answer)))
}

fn event(e: device::Event) -> FromCell {
    FromCell::Device(Wire::Message(device::FromDevice::Event(e)))
}

/// A short line for each verb.
fn line(verb: &Verb) -> String {
    let mut v = serde_json::to_value(verb).unwrap();
    if let Verb::Assign(a) = verb {
        return format!(
            "assign start {} zone {} rules {} ca {}",
            a.start_millis,
            a.timezone,
            a.rules,
            a.ca_pem.lines().next().unwrap_or("")
        );
    }
    if let Verb::Plant { data } = verb {
        return format!("plant {} contacts", data.contacts.len());
    }
    if let Verb::Install { splits, prepared, .. } = verb {
        return format!("install with {} splits, prepared {}", splits.len(), prepared.is_some());
    }
    let name = v["verb"].take();
    v.as_object_mut().unwrap().remove("verb");
    let rest = if v.as_object().unwrap().is_empty() { String::new() } else { format!(" {v}") };
    format!("{}{rest}", name.as_str().unwrap())
}

async fn device_task(
    told: Told,
    reply: Reply,
    slow: Duration,
    files: Vec<(&'static str, Vec<u8>)>,
    mut requests: Receiver<Wire<Request<Verb>>>,
    out: Sender<FromCell>,
) {
    let (mut now, mut received, mut counts) = (0u64, 0usize, HashMap::<String, usize>::new());
    while let Some(item) = requests.recv().await {
        let Request { id, verb } = match item {
            Wire::Chunk { bytes, .. } => {
                received += bytes.len();
                continue;
            }
            Wire::Message(m) => m,
        };
        say(&told, line(&verb));
        if !slow.is_zero() {
            tokio::time::sleep(slow).await;
        }
        let nth = counts.entry(format!("{:?}", std::mem::discriminant(&verb))).or_default();
        *nth += 1;
        match reply(&verb, *nth) {
            Some(Act::Problem(code)) => {
                let _ = out.send(problem(id, code, "so it is")).await;
                continue;
            }
            Some(Act::ProblemSaying(code, words)) => {
                let _ = out.send(problem(id, code, &words)).await;
                continue;
            }
            Some(Act::Ok(v)) => {
                let _ = out.send(ok(id, v)).await;
                continue;
            }
            Some(Act::WrongId) => {
                let _ = out.send(ok(id + 1000, json!({}))).await;
                continue;
            }
            Some(Act::Die) => {
                let _ = out.send(FromCell::DeviceEnded("killed".to_owned())).await;
                return;
            }
            Some(Act::Silence) => continue,
            Some(Act::Say(events)) => {
                for e in events {
                    let _ = out.send(event(e)).await;
                }
            }
            None => {}
        }
        let value = match &verb {
            Verb::Hello => {
                json!({"kind": "jvm", "api": [23, 27, 34], "abis": [], "clock": "virtual", "cooperative": true, "version": "1", "camera_route": "x", "microphone_route": "y"})
            }
            Verb::Boot { api, .. } => json!({"api": api, "release": "14"}),
            Verb::Assign(_) => {
                let _ = out.send(event(device::Event::Clock { real: 1_000, at: Nanos::ZERO })).await;
                json!({})
            }
            Verb::Install { apk, .. } => {
                assert_eq!(received, usize::try_from(apk.size).unwrap());
                json!({"package": "com.example", "version_name": "1", "version_code": 1, "target_sdk": 34, "permissions": ["android.permission.CAMERA"], "label": "App", "prepare_seconds": 0.0})
            }
            Verb::Launch => json!({"activity": "Main", "millis": 3}),
            Verb::Input(_) => json!({"found": true, "what": "x"}),
            Verb::Advance { nanos } => {
                now += nanos.get();
                let _ = out.send(event(device::Event::Clock { real: 1_000 + now / 1000, at: Nanos::saturating(now) })).await;
                json!({"at": now})
            }
            Verb::SnapshotFiles { .. } => {
                let tar = tar_of(&files);
                blob(&out, FromCell::Device, id, &tar).await;
                json!({"blob": named(id, &tar), "files": files.len(), "lost_files": 0, "lost_bytes": 0})
            }
            Verb::Screenshot => {
                blob(&out, FromCell::Device, id, b"png").await;
                json!({"width": 1, "height": 1, "blob": named(id, b"png")})
            }
            Verb::Stop => json!({"peak_kib": 5000}),
            _ => json!({}),
        };
        let _ = out.send(ok(id, value)).await;
    }
}

async fn gateway_task(
    told: Told,
    flows: Vec<(Flow, Vec<u8>, Vec<u8>)>,
    wrong: bool,
    mut requests: Receiver<Wire<Request<gateway::Verb>>>,
    out: Sender<FromCell>,
) {
    let message = |m| FromCell::Gateway(Wire::Message(m));
    while let Some(item) = requests.recv().await {
        let Wire::Message(Request { id, verb }) = item else { continue };
        let value = match verb {
            gateway::Verb::Configure(c) => {
                say(
                    &told,
                    format!(
                        "gateway configure {:?} {} stubs, {}",
                        c.network.policy,
                        c.network.stubs.len(),
                        c.ca_key_pem.lines().next().unwrap_or("")
                    ),
                );
                json!({})
            }
            gateway::Verb::Collect => {
                say(&told, "gateway collect");
                for (i, (flow, request, response)) in flows.iter().enumerate() {
                    let n = 1000 + 2 * i as u64;
                    blob(&out, FromCell::Gateway, n, request).await;
                    blob(&out, FromCell::Gateway, n + 1, response).await;
                    let e = gateway::Event::Flow {
                        flow: Box::new(flow.clone()),
                        request: Some(named(n, request)),
                        response: Some(named(n + 1, response)),
                    };
                    let _ = out.send(message(gateway::FromGateway::Event(e))).await;
                }
                blob(&out, FromCell::Gateway, id, b"capture").await;
                json!({"capture": named(id, if wrong { b"another" } else { b"capture" }), "packets": 5, "lost_packets": 0})
            }
            gateway::Verb::Stop => json!({}),
        };
        let _ = out.send(message(gateway::FromGateway::Answer(Answer { id, ok: Some(value), error: None }))).await;
    }
}

async fn blob<T>(out: &Sender<FromCell>, wrap: impl Fn(Wire<T>) -> FromCell, blob: u64, bytes: &[u8]) {
    for piece in bytes.chunks(7).map(<[u8]>::to_vec).chain([vec![]]) {
        let _ = out.send(wrap(Wire::Chunk { blob, bytes: piece.into() })).await;
    }
}

fn named(blob: u64, bytes: &[u8]) -> BlobRef {
    BlobRef { blob, size: bytes.len() as u64, sha256: Sha256Digest::of(bytes) }
}

fn tar_of(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut b = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut h = tar::Header::new_gnu();
        h.set_size(bytes.len() as u64);
        h.set_mode(0o600);
        b.append_data(&mut h, name, &bytes[..]).unwrap();
    }
    b.into_inner().unwrap()
}

pub fn lease(scenario: Value) -> Lease {
    let scenario: Scenario = serde_json::from_value(scenario).unwrap();
    scenario.check().unwrap();
    Lease {
        trial: "trial-1".parse().unwrap(),
        job: "job-1".parse().unwrap(),
        epoch: stakeout_contract::Epoch::FIRST,
        number: 1,
        app: Sha256Digest::of(APK),
        splits: vec![],
        scenario,
        device: stakeout_contract::DeviceKind::Jvm,
        key: KeyHex::new([7; 32]),
        feed_mode: FeedMode::Pattern,
        seed: 1,
        lease_seconds: 60,
        tenant_tag: None,
    }
}

pub fn config(cache: PathBuf) -> WorkerConfig {
    WorkerConfig { until_idle: true, warm: 0, ..WorkerConfig::new(cache) }
}

pub fn flow(id: u32, real: u64) -> Flow {
    Flow {
        id,
        at: Nanos::ZERO,
        real,
        real_end: real,
        real_sent: 0,
        wall: String::new(),
        scheme: "https".into(),
        host: "up.example".into(),
        address: "10.0.0.1".into(),
        port: 443,
        method: "POST".into(),
        path: "/u".into(),
        request_headers: vec![],
        status: 200,
        response_headers: vec![],
        sent: 4,
        received: 2,
        request: None,
        response: None,
        stub: None,
        policy: "sinkhole".into(),
        truncated: false,
        error: String::new(),
    }
}

pub fn fact(at: u64, fact: Fact) -> device::Event {
    device::Event::Observation { at: Nanos::from_secs(at), source: Source::Host, fact: Box::new(fact), stack: vec![] }
}
