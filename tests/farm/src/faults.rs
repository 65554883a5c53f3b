//! Faults, one after another by a seed, over real processes, PostgreSQL and an S3-compatible server; then what is left.

use std::{
    collections::BTreeMap,
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
use stakeout_client::Client;
use stakeout_contract::{
    JobId,
    api::{
        access::NewToken,
        jobs::{Job, Offer},
    },
};
use stakeout_servers::{
    disk::Disk,
    postgres::{Options, Postgres},
    s3::S3Server,
};

use crate::{
    clocks::{self, Clock, Clocks, disturb},
    full::{self, Half},
    invariants::{Seen, look, tagged, wait},
    late::{Net, Taking},
    proxy::Proxy,
    reorder::{self, Answers},
    server::{self, Place, Server, client},
    storage::Storage,
    times::{Heard, Span},
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
    /// Keep artifacts in a folder that both orchestrators have, in place of S3
    #[arg(long)]
    folder: bool,
    /// Set the database's clock too, which is the farm's: then no time is looked at
    #[arg(long)]
    database_clock: bool,
    /// Of all faults only those whose names hold this
    #[arg(long, default_value = "")]
    only: String,
    /// Where what happened is written
    #[arg(long, default_value = "target/bench/faults.json")]
    out: PathBuf,
}

const KINDS: [&str; 21] = [
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
    "orchestrator's disk full",
    "requests overtaken",
    "requests come twice, late",
    "completion held beyond its lease",
    "clock of an orchestrator set",
    "clocks of both orchestrators set",
    "clock of a worker set",
    DATABASE_CLOCK,
];

const DATABASE_CLOCK: &str = "clock of the database set";

/// Disk of the database, MiB: its log in segments of 16 MiB is most of it.
const DATABASE: u32 = 1536;
/// Disk of the storage, MiB.
const DISK: u32 = 2048;
/// What clocks that are set share is in `/dev/shm`, and stays there when their process is killed: a place of our own, MiB.
const SHARED: u32 = 256;
/// Disk of an orchestrator, MiB: what it takes in and makes, and its log.
const HOME: u32 = 256;

const LEASE: u64 = 5;
const WORKERS: usize = 4;

struct Farm {
    /// When it was started, Unix milliseconds.
    began: i64,
    _shared: Disk,
    place: Place,
    postgres: Postgres,
    storage: Storage,
    servers: Vec<Option<Server>>,
    /// Each orchestrator's own.
    homes: Vec<(Disk, PathBuf)>,
    clocks: Clocks,
    net: Net,
    late: Answers,
    /// Answers to writes while the database was full, by status.
    while_full: BTreeMap<u16, u32>,
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
        let began = clocks::now_ms();
        let shared = Disk::mount(Path::new("/dev/shm"), SHARED)?;
        let clocks = Clocks::new(dir, WORKERS)?;
        let env = if a.database_clock { clocks.database.env() } else { vec![] };
        let postgres = Postgres::start_with(&Options { disk_mib: Some(DATABASE), env, ..Options::default() })?;
        let storage = Storage::start(a.folder, DISK)?;
        let place = Place {
            program: server::program(a.program.as_deref())?,
            dir: dir.to_owned(),
            store: postgres.url(),
            blobs: storage.address(),
            env: vec![
                ("AWS_ACCESS_KEY_ID".to_owned(), S3Server::ACCESS_KEY.to_owned()),
                ("AWS_SECRET_ACCESS_KEY".to_owned(), S3Server::SECRET_KEY.to_owned()),
            ],
            lease_seconds: LEASE,
        };
        let (mut servers, mut proxies, mut homes, net) = (Vec::new(), Vec::new(), Vec::new(), Net::default());
        for n in 0..2 {
            let home = dir.join(format!("orchestrator-{n}"));
            std::fs::create_dir(&home)?;
            homes.push((Disk::mount(&home, HOME)?, home.clone()));
            let server = place.start(&home, None, &clocks.orchestrators[n].env()).await?;
            proxies.push(Proxy::start(server.port, net.clone()).await?);
            servers.push(Some(server));
        }
        let exe = std::env::current_exe()?;
        let (late, while_full, dir) = (Answers::default(), BTreeMap::new(), dir.to_owned());
        Ok(Self {
            began,
            _shared: shared,
            place,
            postgres,
            storage,
            servers,
            homes,
            clocks,
            net,
            late,
            while_full,
            proxies,
            workers: vec![],
            dir,
            exe,
        })
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
            .envs(self.clocks.workers[n].env())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(child)
    }

    fn port(&self, n: usize) -> Option<u16> {
        self.servers[n].as_ref().map(|s| s.port)
    }

    /// Ends an orchestrator, and starts it again on its port after a while.
    async fn again(&mut self, which: usize, by: Signal, after: Duration) -> Result<()> {
        let port = self.port(which);
        if let Some(s) = &mut self.servers[which] {
            signal(s.child.id(), by)?;
            tokio::time::sleep(after).await;
        }
        self.servers[which] = None;
        self.servers[which] = Some(self.place.start(&self.homes[which].1, port, &self.clocks.orchestrators[which].env()).await?);
        Ok(())
    }

    /// Does one fault, and mends it.
    async fn fault(&mut self, kind: &str, rng: &mut StdRng, jobs: &[JobId], admin: &Client) -> Result<()> {
        let which = rng.random_range(0..2);
        let pause = Duration::from_millis(rng.random_range(200..4000));
        match kind {
            "orchestrator killed" | "orchestrator ended in order" => {
                self.again(which, if kind.ends_with("killed") { Signal::KILL } else { Signal::TERM }, pause).await?;
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
                if let Some(port) = self.port(which) {
                    full::database(port, &admin_token(&self.dir)?, pause, rng, &mut self.while_full).await?;
                }
                self.postgres.free()?;
            }
            "database restarted" => self.postgres.restart()?,
            "storage killed" => {
                let Storage::S3(s3) = &mut self.storage else { bail!("a folder cannot be killed") };
                s3.kill();
                tokio::time::sleep(pause).await;
                s3.restart()?;
            }
            "storage full" => {
                self.storage.fill()?;
                tokio::time::sleep(pause).await;
                self.storage.free()?;
            }
            "orchestrator's disk full" => {
                self.homes[which].0.fill()?;
                if rng.random_ratio(1, 3) {
                    self.again(which, Signal::KILL, Duration::ZERO).await?;
                }
                let port = self.port(which).context("a server")?;
                let half = Half::refused(port, &admin_token(&self.dir)?, rng).await?;
                tokio::time::sleep(pause).await;
                self.homes[which].0.free()?;
                half.ends().await?;
            }
            "requests overtaken" | "requests come twice, late" | "completion held beyond its lease" => {
                let taking = match kind {
                    "requests overtaken" => Taking::Overtaken,
                    "requests come twice, late" => Taking::Twice,
                    _ => Taking::Held,
                };
                let ports: Vec<u16> = self.servers.iter().flatten().map(|s| s.port).collect();
                reorder::once(taking, &self.net, &ports, admin, rng, &mut self.late).await?;
            }
            "clock of an orchestrator set" | "clocks of both orchestrators set" => {
                let all: Vec<usize> = if kind.contains("both") { vec![0, 1] } else { vec![which] };
                let set: Vec<&Clock> = all.iter().map(|n| &self.clocks.orchestrators[*n]).collect();
                let token = admin_token(&self.dir)?;
                let see = async |steps: &[i64]| {
                    for (n, step) in all.iter().zip(steps) {
                        let server = self.servers[*n].as_ref().context("a server")?;
                        clocks::obeys(server.child.id())?;
                        clocks::shows(server.port, *step).await?;
                        clocks::offers(server.port, &token).await?;
                    }
                    Ok(())
                };
                disturb(&set, rng, see).await?;
            }
            "clock of a worker set" => {
                let (child, n, _) = &self.workers[rng.random_range(0..self.workers.len())];
                disturb(&[&self.clocks.workers[*n]], rng, async |_: &[i64]| clocks::obeys(child.id())).await?;
            }
            DATABASE_CLOCK => {
                disturb(&[&self.clocks.database], rng, async |_: &[i64]| clocks::obeys(self.postgres.pid())).await?;
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
    let done = broken(&a, dir.path(), &mut farm).await;
    if done.is_err() {
        keep_logs(&farm, &a.out);
    }
    done
}

/// What the orchestrators said, beside what would have been written.
fn keep_logs(farm: &Farm, out: &Path) {
    for (n, (_, home)) in farm.homes.iter().enumerate() {
        let to = out.with_extension(format!("{n}.log"));
        if std::fs::copy(home.join("log"), &to).is_ok() {
            eprintln!("what orchestrator {n} said: {}", to.display());
        }
    }
}

async fn broken(a: &FaultArgs, dir: &Path, farm: &mut Farm) -> Result<()> {
    // A program that is linked statically takes no library that sets its clock.
    let clocks = !cfg!(target_feature = "crt-static");
    let may = |k: &&str| {
        k.contains(&a.only)
            && (clocks || !k.starts_with("clock"))
            && !(a.folder && *k == "storage killed")
            && (a.database_clock || *k != DATABASE_CLOCK)
    };
    let kinds: Vec<&str> = KINDS.into_iter().filter(may).collect();
    if kinds.is_empty() {
        bail!("no fault is called `{}`\nhint: they are {KINDS:?}", a.only);
    }
    let first = farm.port(0).context("a server")?;
    let admin = farm.place.admin(first)?;
    let token: NewToken = admin.call(Method::POST, "v1/tokens", &json!({"role": "worker"})).await?;
    std::fs::write(dir.join("worker.token"), &token.secret)?;
    let app = admin.add_app(&a.app, &[], |_| {}).await?;
    let heard = Heard::start(&admin).await?;
    for n in 0..WORKERS {
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
        let job =
            if a.database_clock { admin.submit("v1/jobs", &key, &body).await? } else { taken_up(&admin, &key, &body, &mut rng).await? };
        let again: Job = client(farm.port(1).context("a server")?, &admin_token(dir)?)?.submit("v1/jobs", &key, &body).await?;
        if again.id != job.id {
            bail!("the same Idempotency-Key made two jobs: {} and {}", job.id, again.id);
        }
        accepted.push(job.id);
        let kind = kinds[rng.random_range(0..kinds.len())];
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
    let seen = Seen { late: &farm.late.completed, span: (!a.database_clock).then(|| Span::since(farm.began)) };
    let mut seen = look(&admin, &farm.place, &seen, &ended).await?;
    if !a.database_clock {
        seen["webhook_dates_off_by_ms"] = heard.of(&accepted).await?.into();
    }
    let doc = json!({
        "format": "stakeout-faults/1", "seed": a.seed, "faults": histogram, "seconds": began.elapsed().as_secs(),
        "late": farm.late.counts, "while_full": farm.while_full, "seen": seen,
    });
    if let Some(dir) = a.out.parent() {
        std::fs::create_dir_all(dir)?;
    }
    std::fs::write(&a.out, serde_json::to_string_pretty(&doc)? + "\n")?;
    println!("{}", serde_json::to_string_pretty(&doc)?);
    Ok(())
}

/// Submits with an offer: it is taken by the farm's clock, whatever that of its host was set to before. Not where the farm's own is set:
/// an offer may be over then.
async fn taken_up(admin: &Client, key: &str, body: &serde_json::Value, rng: &mut StdRng) -> Result<Job> {
    let offer: Offer = admin.call(Method::POST, "v1/offers", &json!({})).await?;
    let header = format!("{}/{:032x}{:032x}", offer.job, rng.random::<u128>(), rng.random::<u128>());
    let job: Job = admin.submit_with("v1/jobs", key, ("Stakeout-Offer", Some(header.as_str())), body).await?;
    if job.id != offer.job {
        bail!("the offer of {} became the job {}", offer.job, job.id);
    }
    Ok(job)
}

fn admin_token(dir: &Path) -> Result<String> {
    Ok(std::fs::read_to_string(dir.join("admin.token"))?.trim().to_owned())
}
