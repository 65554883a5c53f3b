//! One trial, from its lease to its completion.
//!
//! Stages are those of `TrialCost`. Whoever runs this holds the [`Slot`]: it says where the trial is, and has the cell's handle
//! as long as there is a cell, so that the cell is destroyed also when this future is dropped in the middle.

mod collect;
mod handover;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use stakeout_bundle::keys::SigningKey;
use stakeout_contract::{
    Nanos, Sha256Digest,
    canary::{Canary, PlantData},
    lease::{Completion, Lease},
    observation::Fact,
    scenario::{NetworkPolicy, Step},
    told::InstalledAs,
    trial::{AppFacts, TrialEnd, TrialState},
};
use stakeout_feed::{TrialKey, planting::plant};
use stakeout_protocol::{
    Problem,
    device::{Assignment, BlobRef, FeedKeys, Installed, Verb},
    gateway,
};
use tokio::time::{Duration, Instant};

use crate::{
    Orchestrator, WorkerConfig, addresses, ca,
    cell::{Pool, Ready, kind_of},
    door::Door,
    error::Failure,
    folder::OwnFolder,
    link::{CellControl, Cells},
    phone::Phone,
    prepared::Prepared,
    record::LOG_TAIL,
    report::{Reporter, patiently},
    script::{Played, Script},
    secrets::{self, Scrubber},
    talk::{AskError, Side, Talk},
    timeline::timeline,
};

/// Real time that an app thread may hold a virtual clock. A live server takes longer to answer than the gateway: what an act of the
/// owner asked it for must not come hours after the act.
const HOLD_CAP_MS: u64 = 3_000;
const LIVE_HOLD_CAP_MS: u64 = 10_000;

/// Where a trial is, and its cell.
pub struct Slot<C> {
    /// A stage's name.
    pub stage: &'static str,
    /// The cell's handle.
    pub control: Option<C>,
    /// What is told of it goes through here.
    pub door: Door,
}

impl<C: CellControl> Default for Slot<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: CellControl> Slot<C> {
    /// At the begin.
    pub fn new() -> Self {
        Self { stage: "lease", control: None, door: Door::default() }
    }

    /// Removes the cell, if there is one.
    pub async fn destroy(&mut self) {
        if let Some(c) = self.control.take() {
            c.destroy().await;
        }
    }
}

/// What all trials of a worker share.
pub struct Workshop<O, C: Cells> {
    /// Whom it works for.
    pub orchestrator: Arc<O>,
    /// Makes cells.
    pub cells: Arc<C>,
    /// Warm cells.
    pub pool: Pool<C>,
    /// Prepared apps.
    pub prepared: Prepared,
    /// How to work.
    pub config: WorkerConfig,
    /// Folder of this worker for what trials leave until it is handed in.
    pub dir: OwnFolder,
    /// Signs what is handed in.
    pub key: SigningKey,
}

/// What is known of an app and of its use, however far the trial came.
#[derive(Default)]
struct Left {
    app: AppFacts,
    played: Played,
}

/// A trial with a device that is its own.
struct Run<'a, O, C: Cells> {
    shop: &'a Workshop<O, C>,
    lease: &'a Lease,
    reporter: Reporter<'a, O>,
    began: Instant,
    /// The deadline, had the orchestrator answered at once.
    until: Instant,
    stages: Vec<(String, f64)>,
    secrets: BTreeMap<String, String>,
    start_millis: i64,
}

/// Runs a leased trial and completes it.
pub async fn run<O: Orchestrator, C: Cells>(shop: &Workshop<O, C>, lease: &Lease, slot: &mut Slot<C::Control>) -> Result<(), Failure> {
    let began = Instant::now();
    let start_millis = lease
        .scenario
        .start_millis(lease.seed)
        .ok_or_else(|| Failure::stage("lease", format!("`startAt: {}` is not a time", lease.scenario.start_at)).by_app(true))?;
    let mut run = Run {
        shop,
        lease,
        reporter: Reporter::new(&*shop.orchestrator, lease),
        began,
        until: began + lease.scenario.deadline.get(),
        stages: Vec::new(),
        secrets: BTreeMap::new(),
        start_millis,
    };
    let completion = run.trial(slot).await?;
    slot.stage = "analyse";
    patiently(|| shop.orchestrator.complete(run.reporter.fence(), completion.clone())).await?;
    run.reporter.stage("done", completion.record.cost.virtual_seconds).await;
    Ok(())
}

impl<O: Orchestrator, C: Cells> Run<'_, O, C> {
    async fn trial(&mut self, slot: &mut Slot<C::Control>) -> Result<Completion, Failure> {
        let kind = kind_of(self.lease, &self.shop.config.images).ok_or_else(|| {
            Failure::stage("cell", format!("this worker has no `{}` device of API {}", self.lease.device, self.lease.scenario.device.api))
        })?;
        self.reporter.stage("lease", 0.0).await;
        if self.lease.scenario.network.policy == NetworkPolicy::Live && !self.shop.config.live {
            // Another worker's operator may think otherwise.
            return Err(Failure::stage("lease", "this worker's operator lets no app reach the internet (`--no-live`)"));
        }
        let folder =
            tempfile::Builder::new().prefix("app-").tempdir_in(self.shop.dir.path()).map_err(|e| Failure::stage("lease", e.to_string()))?;
        let apps = self.fetch(folder.path()).await?;
        self.secrets().await?;
        let scrubber = self.scrubber();
        (slot.door, self.reporter.door) = (Door::new(scrubber.clone()), Door::new(scrubber.clone()));
        self.spent("lease", self.began);

        slot.stage = "cell";
        self.reporter.stage("cell", 0.0).await;
        let Ready { control, mut talk, hello, image_id, cell_seconds, boot_seconds, .. } = self.shop.pool.take(&kind).await?;
        slot.control = Some(control);
        self.stages.push(("cell".to_owned(), cell_seconds));
        self.stages.push(("boot".to_owned(), boot_seconds));
        let abilities = self.shop.config.abilities();
        let waiting = self.reporter.wait(self.shop.orchestrator.waiting(&self.shop.config.worker, &abilities)).await.unwrap_or(None);
        self.shop.pool.warm_up(&kind, waiting).await;

        talk.record.scrubber = scrubber;
        let mut left = Left { app: AppFacts { sha256: Some(self.lease.app), ..AppFacts::default() }, played: Played::default() };
        let mut end = match self.on_device(slot, &mut talk, &apps, &image_id, &mut left).await {
            Ok(()) => TrialEnd { state: TrialState::Finished, stage: String::new(), reason: String::new(), log: String::new() },
            // What the app did to itself is evidence: it is collected and handed in, as a failed trial.
            Err(e @ Failure::Stage { by_app: true, .. }) => {
                let failed = slot.door.end(&e.with_log(talk.record.log_tail()), slot.stage);
                let Some(end) = failed else { return Err(Failure::Cancelled) };
                end
            }
            Err(e) => {
                let mut log = talk.record.log_tail();
                if let Some(c) = &slot.control {
                    log = format!("{log}\n{}", talk.record.scrubber.tail(c.post_mortem().await, LOG_TAIL));
                }
                return Err(e.with_log(crate::text::tail(&log, 2 * LOG_TAIL)));
            }
        };
        let mut length = talk.record.now();
        let usage = self.collect(slot, &mut talk, &mut end).await?;
        if end.state != TrialState::Finished {
            // What was on its way when it failed belongs to the trial, and so does the state that had only begun.
            let last = left.played.marks.last().map_or(Nanos::ZERO, |m| m.at.plus(Duration::from_nanos(1)));
            length = talk.record.now().max(last);
        }
        let spans = timeline(&left.played.marks, length);
        self.hand_over(slot, talk, left, end, spans, usage, image_id, hello.cooperative).await
    }

    /// The app's bytes, base first, with their digests checked.
    async fn fetch(&mut self, folder: &Path) -> Result<Vec<(PathBuf, Sha256Digest)>, Failure> {
        let mut out = Vec::new();
        for (i, digest) in std::iter::once(&self.lease.app).chain(&self.lease.splits).enumerate() {
            let path = folder.join(i.to_string());
            let (orchestrator, fence) = (self.reporter.orchestrator(), self.reporter.fence().clone());
            self.reporter.wait(patiently(|| orchestrator.blob(&fence, digest, &path))).await?;
            let (path2, digest2) = (path.clone(), *digest);
            let same = tokio::task::spawn_blocking(move || digest_of(&path2).map(|d| d == digest2)).await;
            if !matches!(same, Ok(Ok(true))) {
                return Err(Failure::stage("lease", format!("the app's bytes are not those of `{digest}`")));
            }
            out.push((path, *digest));
        }
        Ok(out)
    }

    async fn secrets(&mut self) -> Result<(), Failure> {
        for step in &self.lease.scenario.steps {
            let Step::InputText(t) = step else { continue };
            let Some(name) = &t.secret else { continue };
            let (orchestrator, fence) = (self.reporter.orchestrator(), self.reporter.fence().clone());
            let value = self.reporter.wait(patiently(|| orchestrator.secret(&fence, name))).await?;
            let missing = |what: &str| Failure::stage("lease", format!("the secret `{name}` {what}")).by_app(false);
            let value = value.ok_or_else(|| missing("was not given to this job"))?;
            if value.len() < secrets::LEAST {
                return Err(missing("is shorter than 4 bytes: it cannot be kept out of what is kept"));
            }
            self.secrets.insert(name.clone(), value);
        }
        Ok(())
    }

    async fn on_device(
        &mut self,
        slot: &mut Slot<C::Control>,
        talk: &mut Talk,
        apps: &[(PathBuf, Sha256Digest)],
        image: &str,
        left: &mut Left,
    ) -> Result<(), Failure> {
        slot.stage = "install";
        self.reporter.stage("install", 0.0).await;
        let begin = Instant::now();
        self.assign(talk).await?;
        let installed = self.install(talk, apps, image).await?;
        self.stages.push(("convert".to_owned(), installed.prepare_seconds.max(0.0)));
        self.stages.push(("install".to_owned(), (begin.elapsed().as_secs_f64() - installed.prepare_seconds.max(0.0)).max(0.0)));

        let cut = |s: &str| crate::text::head(s, 300);
        left.app = AppFacts {
            sha256: Some(self.lease.app),
            package: cut(&installed.package),
            version_name: cut(&installed.version_name),
            version_code: installed.version_code,
            target_sdk: installed.target_sdk,
            label: cut(&installed.label),
            permissions: installed.permissions.iter().take(1000).map(|p| cut(p)).collect(),
            signers: Vec::new(),
            abis: Vec::new(),
        };
        if !left.app.package.is_empty() {
            talk.record.worker_fact(InstalledAs::of(&left.app).into());
        }

        slot.stage = "script";
        let begin = Instant::now();
        self.reporter.stage("script", 0.0).await;
        let script = Script {
            scenario: &self.lease.scenario,
            secrets: &self.secrets,
            talk,
            reporter: &mut self.reporter,
            until: self.until,
            phone: Phone::default(),
            played: &mut left.played,
        };
        let played = script.play().await;
        self.spent("script", begin);
        played
    }

    /// Makes gateway and device this trial's, and plants.
    async fn assign(&mut self, talk: &mut Talk) -> Result<(), Failure> {
        let scenario = &self.lease.scenario;
        let now = Timestamp::now().as_second();
        let begin = self.start_millis / 1000;
        let end = begin + scenario.virtual_length().as_secs() as i64 + 3600;
        let (not_before, not_after) = ca::validity(begin..end, now);
        let ca = ca::make(not_before, not_after).map_err(|e| Failure::stage("install", e))?;
        let limits = &self.shop.config.limits;
        let configuration = gateway::Configuration {
            network: scenario.network.clone(),
            ca_cert_pem: ca.cert_pem.clone(),
            ca_key_pem: ca.key_pem,
            not_before,
            not_after,
            body_max: limits.body_bytes,
            capture_max: limits.capture_bytes,
            denied: addresses::own(),
        };
        let _: serde_json::Value =
            talk.gateway(gateway::Verb::Configure(Box::new(configuration)), self.until()).await.map_err(installing)?;

        let key = TrialKey::from_bytes(*self.lease.key.bytes());
        let subkeys = key.subkeys();
        let assignment = Assignment {
            keys: FeedKeys {
                camera_back: subkeys.camera_back.to_hex(),
                camera_front: subkeys.camera_front.to_hex(),
                microphone: subkeys.microphone.to_hex(),
            },
            feed_mode: self.lease.feed_mode,
            start_millis: self.start_millis,
            timezone: scenario.device.timezone.clone(),
            seed: self.lease.seed,
            ca_pem: ca.cert_pem,
            permissions: scenario.permissions,
            deny: scenario.deny.clone(),
            rules: scenario.device.api,
            hold_cap_ms: if scenario.network.policy == NetworkPolicy::Live { LIVE_HOLD_CAP_MS } else { HOLD_CAP_MS },
            answered: scenario.network.policy == NetworkPolicy::Sinkhole,
            record: false,
        };
        talk.record.begin();
        let _: serde_json::Value = talk.device(Verb::Assign(assignment), self.until()).await.map_err(installing)?;
        let (data, _) = self.planted();
        let planted: serde_json::Value = talk.device(Verb::Plant { data }, self.until()).await.map_err(installing)?;
        talk.record.worker_fact(Fact::Log { line: crate::text::head(&format!("planted: {planted}"), 600) });
        if let Some(walls) = self.shop.cells.walls() {
            talk.record.worker_fact(Fact::Log { line: crate::text::head(&format!("walls: {walls}"), 600) });
        }
        Ok(())
    }

    async fn install(&mut self, talk: &mut Talk, apps: &[(PathBuf, Sha256Digest)], image: &str) -> Result<Installed, Failure> {
        let (api, digests) = (self.lease.scenario.device.api, apps.iter().map(|a| a.1).collect::<Vec<_>>());
        let cache = self.shop.prepared.of(self.lease.tenant_tag);
        let mut sent = Vec::new();
        for (path, digest) in apps {
            sent.push(talk.send_file(path, *digest, self.until()).await.map_err(installing)?);
        }
        let prepared: Option<BlobRef> = match cache.get(image, api, &digests) {
            Some((path, digest)) => Some(talk.send_file(&path, digest, self.until()).await.map_err(installing)?),
            None => None,
        };
        let given = prepared.is_some();
        // What was called until now was not the app: it is not there yet.
        talk.record.app_comes();
        let verb = Verb::Install { apk: sent.remove(0), splits: sent, prepared };
        let installed: Installed = match talk.device(verb, self.until()).await {
            Ok(i) => i,
            Err(e) => {
                if given {
                    // Should it be the prepared bytes, the next try does without.
                    cache.forget(image, api, &digests);
                }
                return Err(installing(e));
            }
        };
        if let Some(named) = &installed.prepared
            && let Some(blob) = talk.take(Side::Device, named).map_err(installing)?
            && !given
            && let Err(e) = cache.put(image, api, &digests, blob.path(), &blob.digest)
        {
            tracing::warn!(error = %e, "the prepared app was not kept: the next trial prepares it again");
        }
        Ok(installed)
    }

    /// The trial's deadline. Waiting for the orchestrator is no time of the app.
    fn until(&self) -> Instant {
        self.until + self.reporter.waited()
    }

    /// What this trial's device is planted with: the same each time it is asked.
    fn planted(&self) -> (PlantData, Vec<Canary>) {
        let scenario = &self.lease.scenario;
        let key = TrialKey::from_bytes(*self.lease.key.bytes());
        plant(&scenario.plant, &key.subkeys().canaries, &scenario.device.locale, self.start_millis)
    }

    /// Takes out what is typed into this trial's app.
    fn scrubber(&self) -> Scrubber {
        let planted = self.planted().1;
        let planted: Vec<&str> = planted.iter().flat_map(|c| &c.needles).map(|n| n.text.as_str()).collect();
        Scrubber::new(self.secrets.values().map(String::as_str), &planted)
    }

    fn spent(&mut self, stage: &str, since: Instant) {
        self.stages.push((stage.to_owned(), since.elapsed().as_secs_f64()));
    }
}

fn digest_of(path: &Path) -> std::io::Result<Sha256Digest> {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    std::io::copy(&mut std::fs::File::open(path)?, &mut hash)?;
    Ok(Sha256Digest::from_bytes(hash.finalize().into()))
}

/// What an app's bytes are at fault for ends the trial for good.
fn installing(e: AskError) -> Failure {
    let app = matches!(&e, AskError::Problem(Problem { code, .. }) if matches!(code.as_str(), "no_code" | "bad_dex" | "bad_apk" | "bad_request" | "unsupported" | "app_crashed"));
    let late = matches!(e, AskError::Deadline(_));
    let app = app || e.by_guest();
    Failure::stage("install", if late { "the trial's deadline has passed".to_owned() } else { e.to_string() }).by_app(app || late)
}
