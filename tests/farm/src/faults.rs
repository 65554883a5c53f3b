//! Faults, one after another by a seed, over real processes, PostgreSQL and an S3-compatible server; then what is left.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use rand::{Rng, SeedableRng, rngs::StdRng};
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use stakeout_bundle::Bundle;
use stakeout_client::Client;
use stakeout_contract::{
    JobId, Sha256Digest, TrialId,
    api::{
        access::NewToken,
        events::{Event, What},
        jobs::{Job, Trial},
        page::Page,
    },
    observation::{Fact, Observation},
    trial::TrialState,
};
use stakeout_servers::{
    postgres::{Options, Postgres},
    s3::S3Server,
};

use crate::{
    proxy::Proxy,
    server::{self, Place, Server, client},
    sim,
};

/// Breaks things.
#[derive(Args)]
pub(crate) struct FaultArgs {
    /// An APK for the jobs
    #[arg(long, default_value = "target/apps/quiet.apk")]
    app: PathBuf,
    /// The program; else the one beside this
    #[arg(long)]
    program: Option<PathBuf>,
    /// Which faults come in which order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many
    #[arg(long, default_value_t = 20)]
    faults: u32,
    /// Where what happened is written
    #[arg(long, default_value = "target/bench/faults.json")]
    out: PathBuf,
}

const KINDS: [&str; 13] = [
    "database full",
    "orchestrator killed",
    "orchestrator stopped for a while",
    "worker killed",
    "worker stopped beyond its lease",
    "connections cut",
    "connections slow",
    "connections refused",
    "database restarted",
    "storage killed",
    "job cancelled",
    "orchestrator ended in order",
    "storage full",
];

/// Disk of the database, MiB: its log in segments of 16 MiB is most of it.
const DATABASE: u32 = 1536;
/// Disk of the storage, MiB.
const DISK: u32 = 2048;

const LEASE: u64 = 5;

struct Farm {
    place: Place,
    postgres: Postgres,
    s3: S3Server,
    servers: Vec<Option<Server>>,
    proxies: Vec<Proxy>,
    workers: Vec<(Child, usize, u64)>,
    dir: PathBuf,
    exe: PathBuf,
}

fn signal(pid: u32, signal: Signal) -> Result<()> {
    Ok(kill_process(Pid::from_raw(pid.cast_signed()).context("a process id")?, signal)?)
}

impl Farm {
    async fn start(a: &FaultArgs, dir: &Path) -> Result<Self> {
        let (postgres, s3) =
            (Postgres::start_with(&Options { disk_mib: Some(DATABASE), ..Options::default() })?, S3Server::start_on_a_small_disk(DISK)?);
        let place = Place {
            program: server::program(a.program.as_deref())?,
            dir: dir.to_owned(),
            store: postgres.url(),
            blobs: format!("s3://{}/farm?endpoint={}&region={}", S3Server::BUCKET, s3.endpoint(), S3Server::REGION),
            env: vec![
                ("AWS_ACCESS_KEY_ID".to_owned(), S3Server::ACCESS_KEY.to_owned()),
                ("AWS_SECRET_ACCESS_KEY".to_owned(), S3Server::SECRET_KEY.to_owned()),
            ],
            lease_seconds: LEASE,
        };
        let mut servers = Vec::new();
        let mut proxies = Vec::new();
        for _ in 0..2 {
            let server = place.start(None).await?;
            proxies.push(Proxy::start(server.port).await?);
            servers.push(Some(server));
        }
        let exe = std::env::current_exe()?;
        Ok(Self { place, postgres, s3, servers, proxies, workers: vec![], dir: dir.to_owned(), exe })
    }

    fn worker(&self, n: usize, generation: u64, seed: u64) -> Result<Child> {
        let log = std::fs::File::options().create(true).append(true).open(self.dir.join(format!("worker-{n}.err")))?;
        let server = format!("http://127.0.0.1:{}", self.proxies[n % 2].port);
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(&self.exe)
            .args([
                "worker",
                "--server",
                &server,
                "--id",
                &format!("sim-{n}"),
                "--seed",
                &(seed ^ (n as u64) << 8 ^ generation << 16).to_string(),
            ])
            .arg("--token-file")
            .arg(self.dir.join("worker.token"))
            .arg("--log")
            .arg(self.dir.join(format!("worker-{n}.done")))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(child)
    }

    fn port(&self, n: usize) -> Option<u16> {
        self.servers[n].as_ref().map(|s| s.port)
    }

    /// Does one fault, and mends it.
    async fn fault(&mut self, kind: &str, rng: &mut StdRng, jobs: &[JobId], admin: &Client) -> Result<()> {
        let which = rng.random_range(0..2);
        let pause = Duration::from_millis(rng.random_range(200..4000));
        match kind {
            "orchestrator killed" | "orchestrator ended in order" => {
                let port = self.port(which);
                if let Some(s) = &mut self.servers[which] {
                    signal(s.child.id(), if kind.ends_with("killed") { Signal::KILL } else { Signal::TERM })?;
                    tokio::time::sleep(pause).await;
                }
                self.servers[which] = None;
                self.servers[which] = Some(self.place.start(port).await?);
            }
            "orchestrator stopped for a while" => {
                if let Some(s) = &self.servers[which] {
                    signal(s.child.id(), Signal::STOP)?;
                    tokio::time::sleep(pause * 2).await;
                    signal(s.child.id(), Signal::CONT)?;
                }
            }
            "worker killed" | "worker stopped beyond its lease" => {
                let n = rng.random_range(0..self.workers.len());
                if kind == "worker killed" {
                    let (child, _, generation) = &mut self.workers[n];
                    child.kill()?;
                    child.wait()?;
                    *generation += 1;
                    let generation = *generation;
                    self.workers[n].0 = self.worker(n, generation, rng.random())?;
                } else {
                    // `setpriv` became the worker.
                    signal(self.workers[n].0.id(), Signal::STOP)?;
                    tokio::time::sleep(Duration::from_secs(LEASE + 3)).await;
                    signal(self.workers[n].0.id(), Signal::CONT)?;
                }
            }
            "connections cut" => self.proxies[which].cut(),
            "connections slow" => {
                self.proxies[which].slow(Duration::from_millis(rng.random_range(50..800)));
                tokio::time::sleep(pause).await;
                self.proxies[which].slow(Duration::ZERO);
            }
            "connections refused" => {
                self.proxies[which].refuse(true);
                self.proxies[which].cut();
                tokio::time::sleep(pause).await;
                self.proxies[which].refuse(false);
            }
            "database full" => {
                self.postgres.fill()?;
                tokio::time::sleep(pause).await;
                self.postgres.free()?;
            }
            "database restarted" => self.postgres.restart()?,
            "storage killed" => {
                self.s3.kill();
                tokio::time::sleep(pause).await;
                self.s3.restart()?;
            }
            "storage full" => {
                self.s3.fill()?;
                tokio::time::sleep(pause).await;
                self.s3.free()?;
            }
            "job cancelled" => {
                // The newest: an older one has ended.
                let id = jobs.last().context("a job")?;
                let _: Job = admin.call(Method::POST, &format!("v1/jobs/{id}/cancel"), &json!({})).await?;
            }
            other => bail!("no fault is called `{other}`"),
        }
        Ok(())
    }
}

pub(crate) async fn run(a: FaultArgs) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut farm = Farm::start(&a, dir.path()).await?;
    let first = farm.port(0).context("a server")?;
    let admin = farm.place.admin(first)?;
    let token: NewToken = admin.call(Method::POST, "v1/tokens", &json!({"role": "worker"})).await?;
    std::fs::write(dir.path().join("worker.token"), &token.secret)?;
    let app = admin.add_app(&a.app, &[], |_| {}).await?;
    for n in 0..4 {
        let child = farm.worker(n, 0, a.seed)?;
        farm.workers.push((child, n, 0));
    }
    let mut rng = StdRng::seed_from_u64(a.seed);
    let mut accepted: Vec<JobId> = Vec::new();
    let mut histogram: BTreeMap<&str, u32> = BTreeMap::new();
    let began = Instant::now();
    for n in 0..a.faults {
        // Work comes in all the time, through an orchestrator that may be the one that breaks.
        let body = json!({"app": app.sha256, "scenario": "idle-demo", "trials": rng.random_range(1..5), "tags": ["faults"]});
        let key = format!("fault-{}-{n}", a.seed);
        let job: Job = admin.submit("v1/jobs", &key, &body).await?;
        let again: Job = client(farm.port(1).context("a server")?, &admin_token(dir.path())?)?.submit("v1/jobs", &key, &body).await?;
        if again.id != job.id {
            bail!("the same Idempotency-Key made two jobs: {} and {}", job.id, again.id);
        }
        accepted.push(job.id);
        let kind = KINDS[rng.random_range(0..KINDS.len())];
        eprintln!("{:>4} s  fault {} of {}: {kind}", began.elapsed().as_secs(), n + 1, a.faults);
        farm.fault(kind, &mut rng, &accepted, &admin).await.with_context(|| format!("while doing: {kind}"))?;
        *histogram.entry(kind).or_default() += 1;
        tokio::time::sleep(Duration::from_millis(rng.random_range(100..1500))).await;
    }
    let ended = wait(&admin, &accepted).await?;
    let kept = tagged(&admin).await?;
    if kept != accepted.iter().cloned().collect() {
        bail!("{} jobs were accepted, and the farm has {}: one was lost or made twice", accepted.len(), kept.len());
    }
    let seen = look(&admin, &farm, &ended).await?;
    let doc =
        json!({"format": "stakeout-faults/1", "seed": a.seed, "faults": histogram, "seconds": began.elapsed().as_secs(), "seen": seen});
    if let Some(dir) = a.out.parent() {
        std::fs::create_dir_all(dir)?;
    }
    std::fs::write(&a.out, serde_json::to_string_pretty(&doc)? + "\n")?;
    println!("{}", serde_json::to_string_pretty(&doc)?);
    Ok(())
}

fn admin_token(dir: &Path) -> Result<String> {
    Ok(std::fs::read_to_string(dir.join("admin.token"))?.trim().to_owned())
}

/// All jobs that the farm has of this run.
async fn tagged(admin: &Client) -> Result<BTreeSet<JobId>> {
    let (mut all, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let page: Page<Job> = admin.get(&format!("v1/jobs?tag=faults&limit=200{cursor}")).await?;
        all.extend(page.items.into_iter().map(|j| j.id));
        match page.next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}

/// Waits until every job has ended.
async fn wait(admin: &Client, jobs: &[JobId]) -> Result<Vec<Job>> {
    let begin = Instant::now();
    let mut ended = Vec::new();
    for id in jobs {
        loop {
            let job: Job = admin.get(&format!("v1/jobs/{id}")).await?;
            if job.state.is_final() {
                ended.push(job);
                break;
            }
            if begin.elapsed() > Duration::from_secs(300) {
                bail!("the job {id} has not ended five minutes after the last fault: {job:?}");
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    Ok(ended)
}

/// What must hold, whatever was broken.
async fn look(admin: &Client, farm: &Farm, jobs: &[Job]) -> Result<serde_json::Value> {
    // Of each trial, in which epoch it was completed and with how many observations.
    let mut done: BTreeMap<TrialId, BTreeMap<String, u64>> = BTreeMap::new();
    for n in 0..4 {
        let text = std::fs::read_to_string(farm.dir.join(format!("worker-{n}.done"))).unwrap_or_default();
        for line in text.lines() {
            let mut words = line.split(' ');
            let (Some(trial), Some(epoch), Some(told)) = (words.next(), words.next(), words.next()) else {
                bail!("a worker's log has the line `{line}`");
            };
            done.entry(trial.parse()?).or_default().insert(epoch.to_owned(), told.parse()?);
        }
    }
    let doubled: Vec<_> = done.iter().filter(|(_, epochs)| epochs.len() > 1).map(|(t, _)| t.to_string()).collect();
    if !doubled.is_empty() {
        bail!("completed in two epochs: {doubled:?}");
    }
    let (mut states, mut leases, mut artifacts, mut events, mut observations, mut lost) =
        (BTreeMap::<String, u32>::new(), BTreeMap::<u32, u32>::new(), 0, 0, 0, 0);
    let (mut all, mut finished) = (0_u32, 0_u32);
    let dir = tempfile::tempdir()?;
    for job in jobs {
        *states.entry(format!("job {:?}", job.state).to_lowercase()).or_default() += 1;
        let c = job.trials;
        if c.queued + c.running != 0 || c.finished + c.failed + c.cancelled != c.all {
            bail!("the counts of {} are not those of a job that has ended: {c:?}", job.id);
        }
        let trials: Page<Trial> = admin.get(&format!("v1/jobs/{}/trials", job.id)).await?;
        for t in &trials.items {
            *states.entry(format!("trial {:?}", t.state).to_lowercase()).or_default() += 1;
            *leases.entry(t.epoch.0).or_default() += 1;
            all += 1;
            finished += u32::from(t.state == TrialState::Finished);
            // A worker that was killed before it wrote its line had completed all the same: that is no loss.
            if t.state != TrialState::Finished && done.contains_key(&t.id) {
                lost += 1;
            }
            for a in &t.artifacts {
                let path = dir.path().join("artifact");
                admin.download(&format!("v1/trials/{}/artifacts/{}", t.id, a.sha256), &path).await?;
                let bytes = std::fs::read(&path)?;
                if Sha256Digest::of(&bytes) != a.sha256 || bytes.len() as u64 != a.bytes {
                    bail!("the artifact {} of {} is not whole", a.sha256, t.id);
                }
                artifacts += 1;
            }
        }
        events += gapless(admin, job).await?;
        let bundle = dir.path().join("bundle.zip");
        admin.download(&format!("v1/jobs/{}/bundle", job.id), &bundle).await?;
        let verified =
            Command::new(&farm.place.program).arg("verify").arg(&bundle).arg("--key").arg(farm.dir.join("operator.pub")).output()?;
        if !verified.status.success() {
            bail!("the bundle of {} does not verify: {}", job.id, String::from_utf8_lossy(&verified.stderr));
        }
        let parts = Bundle::parse(std::fs::read(&bundle)?)?;
        for t in trials.items.iter().filter(|t| t.state == TrialState::Finished) {
            let kept = told(&parts, t)?;
            let said = done.get(&t.id).and_then(|epochs| epochs.values().next());
            if said.is_some_and(|n| *n != kept) {
                bail!("{} has {kept} observations, its worker told {said:?}", t.id);
            }
            observations += kept;
        }
    }
    // A farm that refuses every completion loses none either.
    if finished == 0 || finished * 2 < all {
        bail!("{finished} of {all} trials finished: {states:?}");
    }
    if lost > 0 {
        bail!("{lost} completions that were acknowledged are not in the store");
    }
    Ok(json!({
        "jobs_accepted": jobs.len(), "lost": 0, "doubled": 0, "states": states, "leases_of_a_trial": leases,
        "artifacts_checked": artifacts, "events_checked": events, "observations_checked": observations, "bundles_verified": jobs.len(),
    }))
}

/// How many observations a finished trial has in its bundle: each once, in order, and signed by its worker.
fn told(bundle: &Bundle, trial: &Trial) -> Result<u64> {
    let at = |name: &str| format!("trials/{}/{name}", trial.number);
    if !bundle.names().any(|n| n == at("statement.dsse.json")) {
        bail!("{} finished without its worker's signature", trial.id);
    }
    let mut n = 0;
    for text in bundle.read(&at("observations.jsonl"))?.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
        let o: Observation = serde_json::from_slice(text)?;
        let expected = sim::line(n);
        if !matches!((&o.fact, &expected.fact), (Fact::Log { line: a }, Fact::Log { line: b }) if a == b) {
            bail!("observation {n} of {} is {o:?}", trial.id);
        }
        n += 1;
    }
    Ok(n)
}

/// A job's events have all numbers from 1 on, tell each trial's end once, and the job's end last.
async fn gapless(admin: &Client, job: &Job) -> Result<u64> {
    let (mut after, mut ends) = (0_u64, BTreeMap::<TrialId, u32>::new());
    let mut last = None;
    loop {
        let page: Page<Event> = admin.get(&format!("v1/jobs/{}/event-list?after={after}&limit=200", job.id)).await?;
        for e in &page.items {
            if e.number != after + 1 {
                bail!("after event {after} of {} comes {}", job.id, e.number);
            }
            after = e.number;
            if let What::Trial { trial, state, .. } = &e.what
                && state.is_final()
            {
                *ends.entry(trial.clone()).or_default() += 1;
            }
            last = Some(e.what.clone());
        }
        if page.next.is_none() {
            break;
        }
    }
    if ends.len() as u32 != job.trials.all || ends.values().any(|n| *n != 1) {
        bail!("{} trials of {} have an end that is told once, of {}", ends.len(), job.id, job.trials.all);
    }
    match last {
        Some(What::Job { state, .. }) if state.is_final() => Ok(after),
        other => bail!("the last event of {} is {other:?}", job.id),
    }
}
