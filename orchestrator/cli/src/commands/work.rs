//! `stakeout work`: a worker of a server.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use stakeout_agent::{Shutdown, Worker, WorkerConfig};
use stakeout_client::{ClientError, worker::Remote};
use stakeout_containers::Engine;
use stakeout_contract::{
    DeviceKind, WorkerId,
    api::fleet::{HostFacts, WorkerMode},
    lease::Abilities,
};
use tokio::time::Instant;

use super::{doctor, farm, images as local, run::slots};
use crate::{
    args::{Device, farm::WorkArgs},
    exit::Failure,
    interrupt, places,
};

/// How often the server hears of the host.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long a server that does not answer is waited for at the start.
const JOIN_WITHIN: Duration = Duration::from_secs(60);
/// A trial wants so much memory at least, bytes.
const MEMORY_LEAST: u64 = 3 << 30;

/// What a worker on this host can run: the devices whose images are here.
pub(crate) async fn config(
    engine: &Engine,
    only: &[Device],
    wanted: u32,
    cache: Option<PathBuf>,
    name: Option<WorkerId>,
) -> Result<WorkerConfig, Failure> {
    let cache = match cache {
        Some(c) => c,
        None => places::cache()?.join("worker"),
    };
    let mut images = doctor::images();
    local::prefer_baked(engine, &mut images).await;
    let only: Vec<DeviceKind> = only.iter().map(|d| d.kind()).collect();
    let mut here = Vec::new();
    for (kind, image, apis) in images.devices.drain(..) {
        // A stand-in is for tests: it must be asked for.
        let asked = if only.is_empty() { kind != DeviceKind::EmulatorFake } else { only.contains(&kind) };
        let kvm = kind != DeviceKind::Emulator || Path::new("/dev/kvm").exists();
        if asked && kvm && engine.image_id(&image).await.is_ok() {
            here.push((kind, image, apis));
        }
    }
    if here.is_empty() {
        return Err(Failure::hint(
            "no image of a device is on this host",
            "`make images` builds them; `stakeout doctor` says what is missing",
        ));
    }
    let kind = here[0].0;
    images.devices = here;
    let worker = name.map_or_else(|| kept_id(&cache), Ok)?;
    Ok(WorkerConfig { worker, images, slots: if wanted == 0 { slots(kind) } else { wanted }, ..WorkerConfig::new(cache) })
}

/// The id that this worker had before, or a new one that it keeps.
fn kept_id(cache: &Path) -> Result<WorkerId, Failure> {
    let path = cache.join("worker.id");
    let bad = |e: std::io::Error| Failure::hint(format!("`{}` cannot be used: {e}", path.display()), "give another folder with `--cache`");
    match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(|e| Failure::usage(anyhow::anyhow!("`{}`: {e}", path.display()))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let id = WorkerId::generate();
            std::fs::create_dir_all(cache).map_err(bad)?;
            std::fs::write(&path, id.as_str()).map_err(bad)?;
            Ok(id)
        }
        Err(e) => Err(bad(e)),
    }
}

/// This host, as its server hears of it.
pub(crate) struct Host {
    engine: Engine,
    config: WorkerConfig,
    /// Fingerprint of the key that it signs with.
    key: String,
    disk_gib: u64,
}

impl Host {
    pub(crate) fn new(engine: Engine, config: WorkerConfig, disk_gib: u64) -> Result<Self, Failure> {
        let key = config.key().map_err(super::of_worker)?.public().fingerprint();
        Ok(Self { engine, config, key, disk_gib })
    }

    pub(crate) const fn worker(&self) -> &WorkerId {
        &self.config.worker
    }

    pub(crate) fn abilities(&self) -> Abilities {
        self.config.abilities()
    }

    /// What it is, and why it takes no trial now.
    pub(crate) async fn facts(&self) -> HostFacts {
        let Self { engine, config, key, disk_gib } = self;
        let disk_free = rustix::fs::statvfs(&config.cache).map_or(0, |s| s.f_bavail.saturating_mul(s.f_frsize));
        let memory_free = places::memory_available();
        let down = engine.info().await.err().map(|e| e.to_string());
        let (mut images, mut missing) = (Vec::new(), Vec::new());
        let names = [&config.images.gateway, &config.images.analysis].into_iter().chain(config.images.devices.iter().map(|d| &d.1));
        for name in names {
            match engine.image_id(name).await {
                Ok(id) => images.push((name.clone(), id)),
                Err(_) => missing.push(name.as_str()),
            }
        }
        let troubles = troubles(&Found { disk_free, disk_gib: *disk_gib, memory_free, down: down.as_deref(), missing: &missing });
        HostFacts {
            host: std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned(),
            engine: stakeout_server::ENGINE.to_owned(),
            images,
            cpus: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
            memory_free,
            disk_free,
            troubles,
            key: key.clone(),
        }
    }
}

/// What a host has of what trials need.
#[derive(Clone, Copy)]
struct Found<'a> {
    /// Bytes.
    disk_free: u64,
    /// What must be free, GiB.
    disk_gib: u64,
    /// Bytes.
    memory_free: u64,
    /// Why the engine cannot be used.
    down: Option<&'a str>,
    /// Images that are not there.
    missing: &'a [&'a str],
}

/// Why a host takes no trial; empty: it does.
fn troubles(f: &Found<'_>) -> Vec<String> {
    let mut all = Vec::new();
    if f.disk_free < f.disk_gib << 30 {
        all.push(format!("{} GiB of disk are free, {} are wanted", f.disk_free >> 30, f.disk_gib));
    }
    if f.memory_free < MEMORY_LEAST {
        all.push(format!("{} MiB of memory are free, {} are wanted", f.memory_free >> 20, MEMORY_LEAST >> 20));
    }
    if let Some(e) = f.down {
        all.push(format!("the container engine does not answer: {e}"));
    }
    all.extend(f.missing.iter().map(|name| format!("the image `{name}` is not there")));
    all
}

pub(crate) async fn run(a: WorkArgs) -> Result<ExitCode, Failure> {
    let client = farm::client(&a.server, Duration::from_secs(60))?;
    let engine = super::walled(&a.walls).await?;
    let mut config = WorkerConfig { live: !a.no_live, ..config(&engine, &a.device, a.slots, a.cache, a.name).await? };
    config.images.frida = a.frida.folder()?;
    let remote = Remote::new(&client);
    let host = Host::new(engine.clone(), config.clone(), a.disk_gib)?;
    let (drain, stop) = interrupt::draining("draining: what runs is ended, nothing new is leased; press Ctrl-C again to give it back")?;
    let (abilities, facts) = (host.abilities(), host.facts().await);
    let joined = tokio::select! {
        j = join(JOIN_WITHIN, || remote.heartbeat(host.worker(), &abilities, &facts)) => j,
        () = drain.cancelled() => return Ok(ExitCode::SUCCESS),
    };
    joined.map_err(farm::failed)?;
    say!("worker {} with {} slots joined {}", config.worker, config.slots, client.server());
    let (to, id) = (remote.clone(), config.worker.clone());
    let tell = move |abilities, facts| {
        let (to, id) = (to.clone(), id.clone());
        async move { to.heartbeat(&id, &abilities, &facts).await.map(|a| a.mode).map_err(|e| e.to_string()) }
    };
    let beating = tokio::spawn(beat(host, tell));
    let worker = Worker::new(remote, engine, config).await.map_err(super::of_worker)?;
    let report = worker.run(Shutdown { drain, stop }).await.map_err(Failure::other);
    beating.abort();
    let report = report?;
    say!("{} trials completed, {} given back", report.completed, report.given_back);
    Ok(ExitCode::SUCCESS)
}

/// Says the first word to the server. One that is away for a while is waited for: both may have been started together.
async fn join<T, F: Future<Output = Result<T, ClientError>>>(within: Duration, mut call: impl FnMut() -> F) -> Result<T, ClientError> {
    let begin = Instant::now();
    loop {
        match call().await {
            Err(e) if e.is_passing() && begin.elapsed() < within => {
                tracing::warn!(error = %e, "the server cannot be joined, trying again");
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            other => return other,
        }
    }
}

/// Tells whoever gives the trials of the host, for as long as the worker works.
pub(crate) async fn beat<F: Future<Output = Result<WorkerMode, String>>>(host: Host, tell: impl Fn(Abilities, HostFacts) -> F) {
    let (mut mode, mut troubles) = (WorkerMode::Active, Vec::new());
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        let facts = host.facts().await;
        if facts.troubles != troubles {
            troubles.clone_from(&facts.troubles);
            tracing::warn!(?troubles, "no trial is taken while there are troubles");
        }
        match tell(host.abilities(), facts).await {
            Ok(now) if now != mode => {
                mode = now;
                tracing::warn!(?mode, "the server changed this worker's mode");
            }
            Ok(_) => {}
            Err(e) => tracing::warn!(error = %e, "the server did not hear of this host"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away() -> ClientError {
        ClientError::Unreachable { server: "http://farm.example/".to_owned(), why: "connection refused".to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_away_at_the_start_is_waited_for() {
        let mut left = 10;
        let joined = join(JOIN_WITHIN, || {
            left -= 1;
            std::future::ready(if left > 0 { Err(away()) } else { Ok("joined") })
        });
        assert_eq!(joined.await.unwrap(), "joined");
        let begin = Instant::now();
        let never = join(JOIN_WITHIN, || std::future::ready(Err::<(), _>(away())));
        assert!(never.await.is_err() && begin.elapsed() >= JOIN_WITHIN);
        let begin = Instant::now();
        let refused = join(JOIN_WITHIN, || std::future::ready(Err::<(), _>(ClientError::Setting("no token".to_owned()))));
        assert!(refused.await.is_err() && begin.elapsed().is_zero(), "what does not pass is told at once");
    }
    #[test]
    fn each_thing_that_a_host_lacks_is_a_trouble_of_its_own_and_enough_is_none() {
        let enough = Found { disk_free: 5 << 30, disk_gib: 5, memory_free: MEMORY_LEAST, down: None, missing: &[] };
        assert_eq!(troubles(&enough), Vec::<String>::new());
        assert_eq!(troubles(&Found { disk_free: (5 << 30) - 1, ..enough }), ["4 GiB of disk are free, 5 are wanted"]);
        assert_eq!(troubles(&Found { memory_free: MEMORY_LEAST - 1, ..enough }), ["3071 MiB of memory are free, 3072 are wanted"]);
        let down = Found { down: Some("no answer within 10 s"), ..enough };
        assert_eq!(troubles(&down), ["the container engine does not answer: no answer within 10 s"]);
        let missing = Found { missing: &["stakeout/jvm", "stakeout/gateway"], ..enough };
        assert_eq!(troubles(&missing), ["the image `stakeout/jvm` is not there", "the image `stakeout/gateway` is not there"]);
        let all = Found { disk_free: 0, memory_free: 0, down: Some("x"), missing: &["y"], ..enough };
        assert_eq!(troubles(&all).len(), 4);
    }
}
