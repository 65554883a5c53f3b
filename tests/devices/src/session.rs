//! The conversation of one scene with its cell, and what the scene's checks leave for those that follow.

use std::{collections::HashMap, ops::RangeInclusive, sync::Arc, time::Duration};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stakeout_agent::{
    ca,
    link::Link,
    record::Ended,
    talk::{AskError, Side, Talk},
};
use stakeout_containers::Walls;
use stakeout_contract::{
    Kind, Nanos, Rung, Sensor, Sha256Digest,
    canary::PlantData,
    observation::{Fact, Observation},
    scenario::{Network, PermissionPolicy, PlantSpec},
    trial::FeedMode,
};
use stakeout_feed::{SubKeys, TrialKey, planting};
use stakeout_protocol::{
    Problem, Request, Wire,
    device::{Advanced, Assignment, BlobRef, Booted, FeedKeys, Found, Hello, Input, Installed, Snapshot, Verb},
    gateway,
};
use tokio::{sync::mpsc::Sender, time::Instant};

use crate::{
    app,
    check::{Trouble, ensure, trouble},
    run::Plan,
    snapshot::Files,
    tap::Tap,
};

/// The device's clock at a trial's begin: 2024-03-05, 08:00 in Shanghai.
const START_MILLIS: i64 = 1_709_596_800_000;
const DAY: i64 = 86_400;
/// Real milliseconds that one thread of the app may hold a virtual clock, as a worker asks for it.
const HOLD_CAP_MS: u64 = 3000;
/// Bytes and files of a snapshot.
const SNAPSHOT: (u64, u64) = (256 << 20, 10_000);

/// A stretch of a trial's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    pub(crate) from: Nanos,
    pub(crate) to: Nanos,
}

/// One scene's cell.
pub(crate) struct Session {
    pub(crate) talk: Talk,
    pub(crate) tap: Tap,
    pub(crate) plan: Arc<Plan>,
    pub(crate) hello: Hello,
    pub(crate) planted: PlantData,
    pub(crate) installed: Option<Installed>,
    /// When each act of the app was asked for, and until when its facts were waited for.
    pub(crate) acts: HashMap<&'static str, Span>,
    /// The app's files, once they were taken.
    pub(crate) files: Files,
    /// The snapshot's answer.
    pub(crate) snapshot: Option<Snapshot>,
    /// Flows and runs, once the trial has ended.
    pub(crate) ended: Option<Ended>,
    /// Pixels of the screen, once it was pictured.
    pub(crate) screen: Option<(u32, u32)>,
    /// How `assign` says that requests are answered.
    pub(crate) policy: PermissionPolicy,
    /// What an install of the app without its split gave as prepared, in this scene or one before.
    pub(crate) prepared: Option<Vec<u8>>,
    /// Whether [`Session::install`] gives it back.
    pub(crate) use_prepared: bool,
    /// What stands around its cell.
    pub(crate) walls: Walls,
    raw: Sender<Wire<Request<Verb>>>,
    key: TrialKey,
    blobs: u64,
}

impl Session {
    /// With a link that nobody has spoken on.
    pub(crate) fn new(link: Link, keep: stakeout_agent::keep::Keep, plan: Arc<Plan>, walls: Walls) -> Result<Self, std::io::Error> {
        let (link, tap) = Tap::on(link);
        let raw = link.to_device.clone();
        let limits = plan.limits;
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|e| std::io::Error::other(e.to_string()))?;
        let hello = Hello {
            kind: plan.device,
            api: Vec::new(),
            abis: Vec::new(),
            clock: String::new(),
            cooperative: false,
            version: String::new(),
            camera_route: String::new(),
            microphone_route: String::new(),
        };
        Ok(Self {
            talk: Talk::new(link, keep, stakeout_agent::record::Record::new(limits.observations), limits.kept_bytes),
            tap,
            plan,
            hello,
            planted: PlantData::default(),
            installed: None,
            acts: HashMap::new(),
            files: Files::default(),
            snapshot: None,
            ended: None,
            screen: None,
            policy: PermissionPolicy::GrantOnRequest,
            prepared: None,
            use_prepared: false,
            walls,
            raw,
            key: TrialKey::from_bytes(key),
            // Far from the numbers that the conversation gives its own.
            blobs: 1 << 40,
        })
    }

    /// The device's clock is the host's, or the guest's: time has to be waited for.
    pub(crate) fn real_clock(&self) -> bool {
        self.hello.clock == "real"
    }

    /// What the trial's sensors are coded with.
    pub(crate) fn keys(&self) -> SubKeys {
        self.key.subkeys()
    }

    /// Asks; the check's own deadline is the nearer one.
    pub(crate) async fn ask<T: DeserializeOwned>(&mut self, verb: Verb) -> Result<T, AskError> {
        self.talk.device(verb, Instant::now() + Duration::from_secs(3600)).await
    }

    /// Asks what can be answered with nothing.
    pub(crate) async fn done(&mut self, verb: Verb) -> Result<(), AskError> {
        self.ask::<Value>(verb).await.map(drop)
    }

    /// Asks what must be refused with one of these codes.
    pub(crate) async fn refused(&mut self, verb: Verb, codes: &[&str]) -> Result<Problem, Trouble> {
        let (name, expected) = (name(&verb), format!("`{}`", codes.join("` or `")));
        match self.ask::<Value>(verb).await {
            Err(AskError::Problem(p)) if codes.contains(&p.code.as_str()) => Ok(p),
            Err(AskError::Problem(p)) => Err(trouble(format!("{expected} to `{name}`"), p.to_string())),
            Ok(v) => Err(trouble(format!("{expected} to `{name}`"), format!("it was done: {v}"))),
            Err(e) => Err(Trouble { expected: format!("{expected} to `{name}`"), ..e.into() }),
        }
    }

    /// It lives and knows who it is.
    pub(crate) async fn lives(&mut self) -> Result<(), Trouble> {
        let hello: Hello = self.ask(Verb::Hello).await?;
        ensure(hello == self.hello, "the same answer to `hello` as before", || format!("{hello:?}"))
    }

    /// Boots the API level of the plan.
    pub(crate) async fn boot(&mut self) -> Result<Booted, AskError> {
        let verb = Verb::Boot { api: self.plan.api, locale: "zh-CN".to_owned() };
        self.ask(verb).await
    }

    /// Makes gateway and device this trial's.
    pub(crate) async fn assign(&mut self) -> Result<(), Trouble> {
        let (verb, configuration) = self.assignment()?;
        let until = Instant::now() + Duration::from_secs(60);
        let _: Value = self.talk.gateway(gateway::Verb::Configure(Box::new(configuration)), until).await?;
        self.talk.record.begin();
        Ok(self.done(verb).await?)
    }

    /// What makes a device and its gateway a trial's.
    pub(crate) fn assignment(&self) -> Result<(Verb, gateway::Configuration), Trouble> {
        let begin = START_MILLIS / 1000;
        let now = i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs())).unwrap_or(0);
        let (not_before, not_after) = ca::validity(begin..begin + DAY, now);
        let ca = ca::make(not_before, not_after).map_err(|e| trouble("a certificate authority", e))?;
        let stub = serde_json::json!({"policy": "sinkhole", "tls": "intercept", "stubs": [{"host": app::HOST, "path": "/hello*", "body": app::ANSWER}]});
        let network: Network = serde_json::from_value(stub).map_err(|e| trouble("a network", e.to_string()))?;
        let limits = self.plan.limits;
        let configuration = gateway::Configuration {
            network,
            ca_cert_pem: ca.cert_pem.clone(),
            ca_key_pem: ca.key_pem,
            not_before,
            not_after,
            body_max: limits.body_bytes,
            capture_max: limits.capture_bytes,
            denied: vec![],
        };
        let keys = self.keys();
        let assignment = Assignment {
            keys: FeedKeys {
                camera_back: keys.camera_back.to_hex(),
                camera_front: keys.camera_front.to_hex(),
                microphone: keys.microphone.to_hex(),
            },
            feed_mode: FeedMode::Pattern,
            start_millis: START_MILLIS,
            timezone: "Asia/Shanghai".to_owned(),
            seed: 1,
            ca_pem: ca.cert_pem,
            permissions: self.policy,
            deny: Vec::new(),
            rules: self.plan.api,
            hold_cap_ms: HOLD_CAP_MS,
            answered: false,
            record: self.plan.record.is_some(),
        };
        Ok((Verb::Assign(assignment), configuration))
    }

    /// Plants what a worker plants for the standard scenario; the answer.
    pub(crate) async fn plant(&mut self) -> Result<Value, AskError> {
        (self.planted, _) = planting::plant(&PlantSpec::default(), &self.keys().canaries, "zh-CN", START_MILLIS);
        let data = self.planted.clone();
        self.ask(Verb::Plant { data }).await
    }

    /// Installs the app, with its split or without.
    pub(crate) async fn install(&mut self, with_split: bool) -> Result<Installed, Trouble> {
        let plan = self.plan.clone();
        let apk = self.send(&std::fs::read(&plan.app)?).await?;
        let mut splits = Vec::new();
        if with_split {
            splits.push(self.send(&std::fs::read(plan.split())?).await?);
        }
        let prepared = match self.prepared.clone().filter(|_| self.use_prepared) {
            Some(bytes) => Some(self.send(&bytes).await?),
            None => None,
        };
        self.talk.record.app_comes();
        let installed: Installed = self.ask(Verb::Install { apk, splits, prepared }).await?;
        if let Some(named) = &installed.prepared
            && let Some(blob) = self.talk.take(Side::Device, named)?
            && !with_split
        {
            self.prepared = Some(std::fs::read(blob.path())?);
        }
        self.installed = Some(installed.clone());
        Ok(installed)
    }

    /// Sends bytes as a blob, to their end.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<BlobRef, Trouble> {
        let named = self.begin_blob(bytes).await?;
        self.chunk(named.blob, &[]).await?;
        Ok(named)
    }

    /// Sends bytes as a blob that does not end.
    pub(crate) async fn begin_blob(&mut self, bytes: &[u8]) -> Result<BlobRef, Trouble> {
        self.blobs += 1;
        for piece in bytes.chunks(256 << 10) {
            self.chunk(self.blobs, piece).await?;
        }
        Ok(BlobRef { blob: self.blobs, size: bytes.len() as u64, sha256: Sha256Digest::of(bytes) })
    }

    /// A chunk beside the conversation; an empty one ends its blob.
    async fn chunk(&mut self, blob: u64, bytes: &[u8]) -> Result<(), Trouble> {
        let item = Wire::Chunk { blob, bytes: Bytes::copy_from_slice(bytes) };
        let gone = |_| Trouble { expected: "a device that reads".to_owned(), came: "its pipe is closed".to_owned(), over: true };
        self.raw.send(item).await.map_err(gone)
    }

    /// Lets time pass; the clock then.
    pub(crate) async fn advance(&mut self, time: Duration) -> Result<Nanos, AskError> {
        let a: Advanced = self.ask(Verb::Advance { nanos: Nanos::ZERO.plus(time) }).await?;
        self.talk.record.passed(a.at);
        Ok(a.at)
    }

    /// The clock now.
    pub(crate) async fn now(&mut self) -> Result<Nanos, AskError> {
        self.advance(Duration::ZERO).await
    }

    /// An input; whether something fitted.
    pub(crate) async fn input(&mut self, input: Input) -> Result<Found, AskError> {
        self.ask(Verb::Input(input)).await
    }

    /// Taps the button with this text.
    pub(crate) async fn tap(&mut self, text: &str) -> Result<(), Trouble> {
        let found = self.input(Input::Tap { text: Some(text.to_owned()), view_id: None, point: None }).await?;
        ensure(found.found, format!("the button `{text}` on the screen"), || found.what)
    }

    /// Taps a button and lets time pass until `enough`, at most so many seconds; what was told since. Its time is kept under
    /// the button's text.
    pub(crate) async fn act(
        &mut self,
        button: &'static str,
        most: u64,
        enough: impl Fn(&[Observation]) -> bool,
    ) -> Result<Vec<Observation>, Trouble> {
        let (from, told) = (self.now().await?, self.told());
        self.tap(button).await?;
        self.until(told, most, enough).await?;
        let to = self.now().await?;
        self.acts.insert(button, Span { from, to });
        Ok(self.since(told).to_vec())
    }

    /// Lets time pass until `enough` of what was told since, at most so many seconds. Whether it came.
    pub(crate) async fn until(&mut self, told: usize, most: u64, enough: impl Fn(&[Observation]) -> bool) -> Result<bool, Trouble> {
        for _ in 0..most {
            if enough(self.since(told)) {
                return Ok(true);
            }
            self.advance(Duration::from_secs(1)).await?;
        }
        Ok(enough(self.since(told)))
    }

    /// How much was told so far.
    pub(crate) fn told(&self) -> usize {
        self.talk.record.observations().len()
    }

    /// What was told since.
    pub(crate) fn since(&self, told: usize) -> &[Observation] {
        &self.talk.record.observations()[told..]
    }

    /// Whether the device has said that it keeps no books of this.
    pub(crate) fn not_watched(&self, kind: Kind, rung: Rung) -> bool {
        let says = |f: &Fact| matches!(f, Fact::NotWatched { kinds, rung: r, .. } if kinds.contains(&kind) && *r == rung);
        self.since(0).iter().any(|o| says(&o.fact))
    }

    /// Takes the app's files.
    pub(crate) async fn take_files(&mut self, most: Option<(u64, u64)>) -> Result<(), Trouble> {
        let (max_bytes, max_files) = most.unwrap_or(SNAPSHOT);
        let taken: Snapshot = self.ask(Verb::SnapshotFiles { max_bytes, max_files }).await?;
        let blob = self.talk.take(Side::Device, &taken.blob)?;
        let blob = blob.ok_or_else(|| trouble("a tar within the limits of a worker", "more"))?;
        self.files = Files::read(blob.path())?;
        self.snapshot = Some(taken);
        Ok(())
    }

    /// Ends the record: what is left of the gateway is dated.
    pub(crate) fn end(&mut self) -> &Ended {
        self.ended.get_or_insert_with(|| self.talk.record.end(0))
    }

    /// Frames or blocks that the feed gave, in order.
    pub(crate) fn delivered(&self, sensor: Sensor) -> Vec<RangeInclusive<u64>> {
        let of = |o: &Observation| match o.fact {
            Fact::Delivered { sensor: s, first, last, .. } if s == sensor => Some(first..=last),
            _ => None,
        };
        self.since(0).iter().filter_map(of).collect()
    }
}

/// A verb's word.
pub(crate) fn name(verb: &Verb) -> String {
    let value = serde_json::to_value(verb).unwrap_or_default();
    value.get("verb").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What was told, for a message: the last few facts.
pub(crate) fn said(told: &[Observation]) -> String {
    let all: Vec<String> = told.iter().rev().take(12).rev().map(|o| format!("{} {:?}", o.at, o.fact)).collect();
    if all.is_empty() { "nothing was told".to_owned() } else { format!("told: {}", all.join("; ")) }
}
