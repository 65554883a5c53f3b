//! The lease loop.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration};

use stakeout_containers::Engine;
use stakeout_contract::{
    lease::{Lease, Progress},
    trial::TrialEnd,
};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::{
    Fence, Orchestrator, OrchestratorError, RenewAnswer, WorkerConfig, WorkerError,
    cell::{Ground, Pool},
    error::Failure,
    folder::OwnFolder,
    link::{Cells, DockerCells},
    prepared::Prepared,
    report::{patiently, tell},
    runner::{self, Slot, Workshop},
};

/// How a worker is told to end.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// Lease nothing more; end when what runs has ended.
    pub drain: CancellationToken,
    /// End now: cells are destroyed, leases given back.
    pub stop: CancellationToken,
}

/// What a worker did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WorkerReport {
    /// Trials that were completed.
    pub completed: u32,
    /// Leases that were given back or lost.
    pub given_back: u32,
}

/// A worker on this host. `C` is [`DockerCells`] but in tests.
pub struct Worker<O, C: Cells = DockerCells> {
    shop: Arc<Workshop<O, C>>,
    engine: Option<Engine>,
}

impl<O: Orchestrator> Worker<O, DockerCells> {
    /// A worker with the host's engine. Checks that the images are there and that the cache folder can be written.
    pub async fn new(orchestrator: O, engine: Engine, config: WorkerConfig) -> Result<Self, WorkerError> {
        for image in [&config.images.gateway, &config.images.analysis].into_iter().chain(config.images.devices.iter().map(|d| &d.1)) {
            engine.image_id(image).await?;
        }
        let cells = DockerCells::new(engine.clone(), &config.images, config.limits);
        let shop = workshop(orchestrator, cells, config)?;
        Ok(Self { shop: Arc::new(shop), engine: Some(engine) })
    }
}

impl<O: Orchestrator, C: Cells> Worker<O, C> {
    /// A worker with cells of another kind.
    pub fn with_cells(orchestrator: O, cells: C, config: WorkerConfig) -> Result<Self, WorkerError> {
        Ok(Self { shop: Arc::new(workshop(orchestrator, cells, config)?), engine: None })
    }

    /// Boots warm cells for a kind that will be asked for; returns at once.
    pub async fn prewarm(&self, device: stakeout_contract::DeviceKind, api: u32, locale: &str, live: bool) {
        if let Some(kind) = crate::cell::kind(&self.shop.config.images, device, api, locale, live) {
            self.shop.pool.warm_up(&kind, None).await;
        }
    }

    /// Leases and runs trials until told to end (or, with `until_idle`, until there is nothing to do). Whatever ends it, no cell
    /// of this worker is left.
    pub async fn run(self, shutdown: Shutdown) -> Result<WorkerReport, WorkerError> {
        if let Some(engine) = &self.engine {
            let swept = engine.sweep().await?;
            if swept != stakeout_containers::Swept::default() {
                tracing::info!(?swept, "removed what a dead worker left");
            }
        }
        let mut report = WorkerReport::default();
        let result = self.lease_loop(&shutdown, &mut report).await;
        self.shop.pool.clear().await;
        if let Some(engine) = &self.engine {
            engine.destroy_all().await;
        }
        result.map(|()| report)
    }

    async fn lease_loop(&self, shutdown: &Shutdown, report: &mut WorkerReport) -> Result<(), WorkerError> {
        let config = &self.shop.config;
        let mut running: JoinSet<bool> = JoinSet::new();
        let mut done = |joined: Result<bool, tokio::task::JoinError>| match joined {
            Ok(true) => report.completed += 1,
            // A panic is a trial that was not completed; its cell went with its future.
            Ok(false) | Err(_) => report.given_back += 1,
        };
        let result = loop {
            while let Some(j) = running.try_join_next() {
                done(j);
            }
            let ending = shutdown.drain.is_cancelled() || shutdown.stop.is_cancelled();
            if ending && running.is_empty() {
                break Ok(());
            }
            if ending || running.len() >= config.slots.max(1) as usize {
                if let Some(j) = running.join_next().await {
                    done(j);
                }
                continue;
            }
            let abilities = config.abilities();
            let leased = tokio::select! {
                biased;
                () = shutdown.stop.cancelled() => continue,
                () = shutdown.drain.cancelled() => continue,
                l = self.shop.orchestrator.lease(&config.worker, &abilities) => l,
            };
            match leased {
                Ok(Some(lease)) => {
                    let (shop, stop) = (self.shop.clone(), shutdown.stop.clone());
                    running.spawn(async move { supervise(&shop, &lease, &stop).await });
                    continue;
                }
                Ok(None) if config.until_idle && running.is_empty() => break Ok(()),
                Ok(None) => {}
                Err(OrchestratorError::Unreachable(e)) => tracing::warn!(error = %e, "no lease: the orchestrator cannot be reached"),
                Err(e) => break Err(e.into()),
            }
            tokio::select! {
                () = shutdown.stop.cancelled() => {}
                () = shutdown.drain.cancelled() => {}
                Some(j) = running.join_next(), if !running.is_empty() => done(j),
                () = tokio::time::sleep(config.poll) => {}
            }
        };
        while let Some(j) = running.join_next().await {
            done(j);
        }
        result
    }
}

fn workshop<O, C: Cells>(orchestrator: O, cells: C, config: WorkerConfig) -> Result<Workshop<O, C>, WorkerError> {
    let unusable = |source| WorkerError::Cache { path: config.cache.display().to_string(), source };
    let (dir, prepared) = folders(&config).map_err(unusable)?;
    let key = config.key()?;
    let cells = Arc::new(cells);
    let ground = Ground { dir: dir.path().to_owned(), limits: config.limits };
    Ok(Workshop {
        orchestrator: Arc::new(orchestrator),
        pool: Pool::new(cells.clone(), ground, config.warm),
        cells,
        prepared,
        config,
        dir,
        key,
    })
}

/// The folder for this worker's trials, and that for prepared apps. What a killed worker left goes at once: a trial's key is in it.
fn folders(config: &WorkerConfig) -> io::Result<(OwnFolder, Prepared)> {
    let trials = config.cache.join("trials");
    fs::create_dir_all(&trials)?;
    // Trials' files are nobody else's.
    fs::set_permissions(&trials, fs::Permissions::from_mode(0o700))?;
    let own = OwnFolder::new(&trials, "worker-")?;
    remove_old(&trials)?;
    Ok((own, Prepared::new(config.cache.join("prepared"), config.cache_bytes)?))
}

/// Removes folders of trials that a killed worker of an earlier version left, which have no worker's folder around them: older
/// than a day, as such a worker may still use this cache.
fn remove_old(trials: &Path) -> io::Result<()> {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    for e in fs::read_dir(trials)? {
        let e = e?;
        let name = e.file_name();
        let of_a_trial = ["trial-", "app-"].iter().any(|begin| name.to_string_lossy().starts_with(begin));
        if of_a_trial && e.metadata()?.modified()?.elapsed().is_ok_and(|age| age > DAY) {
            fs::remove_dir_all(e.path())?;
        }
    }
    Ok(())
}

/// Runs one lease to its end: completed, given back, or lost. Whatever happens, the cell is gone before the orchestrator hears
/// of it. Whether it was completed.
async fn supervise<O: Orchestrator, C: Cells>(shop: &Workshop<O, C>, lease: &Lease, stop: &CancellationToken) -> bool {
    let span = tracing::debug_span!(
        target: "stakeout::trace",
        "trial",
        stakeout.trial = %lease.trial,
        stakeout.job = %lease.job,
        stakeout.epoch = lease.epoch.0,
        stakeout.device = %lease.device,
        stakeout.completed = tracing::field::Empty,
    );
    let completed = supervised(shop, lease, stop).instrument(span.clone()).await;
    span.record("stakeout.completed", completed);
    completed
}

async fn supervised<O: Orchestrator, C: Cells>(shop: &Workshop<O, C>, lease: &Lease, stop: &CancellationToken) -> bool {
    let fence = Fence::from(lease);
    let mut slot = Slot::new();
    let outcome = tokio::select! {
        biased;
        () = stop.cancelled() => Err(Failure::Stopped),
        e = keep_lease(&*shop.orchestrator, &fence, lease.lease_seconds) => Err(e),
        r = runner::run(shop, lease, &mut slot) => r,
    };
    slot.destroy().await;
    let Err(failure) = outcome else { return true };
    let Some(end) = slot.door.end(&failure, slot.stage) else {
        tracing::warn!(trial = %fence.trial, epoch = %fence.epoch, "the lease is lost, nothing more is written");
        return false;
    };
    tracing::warn!(trial = %fence.trial, epoch = %fence.epoch, stage = %end.stage, reason = %end.reason, "the trial was not completed");
    say_failed(shop, lease, &end).await;
    if let Err(e) = patiently(|| shop.orchestrator.fail(&fence, end.clone())).await {
        tracing::warn!(trial = %fence.trial, error = %e, "the lease was not given back; it ends by itself");
    }
    false
}

/// Those who watch see that the trial was given back, and why; whether it is tried again is the orchestrator's to say.
async fn say_failed<O: Orchestrator, C: Cells>(shop: &Workshop<O, C>, lease: &Lease, end: &TrialEnd) {
    let progress = Progress {
        trial: lease.trial.clone(),
        number: lease.number,
        stage: "failed".to_owned(),
        detail: crate::text::head(&format!("try {} at {}: {}", lease.epoch, end.stage, end.reason), 300),
        at_seconds: 0.0,
        of_seconds: lease.scenario.virtual_length().as_secs_f64(),
    };
    tell(&*shop.orchestrator, &Fence::from(lease), progress).await;
}

/// How long an orchestrator that does not answer is asked again. Others may have the trial by then: its epoch keeps them apart.
pub(crate) const PATIENCE: Duration = Duration::from_secs(900);

/// Renews the lease until it must not be used any more; says why. While nobody answers the trial goes on: the lease counts until
/// somebody else gets it, and the orchestrator says so then.
async fn keep_lease<O: Orchestrator>(orchestrator: &O, fence: &Fence, seconds: u64) -> Failure {
    let pause = Duration::from_secs(seconds.max(1)) / 3;
    let (mut answered, mut wait) = (Instant::now(), pause);
    loop {
        tokio::time::sleep(wait).await;
        // A call that hangs would outlast the lease: it is left, and there is time for another.
        let renewed = match tokio::time::timeout(pause, orchestrator.renew(fence)).await {
            Ok(renewed) => renewed,
            Err(_) => Err(OrchestratorError::Unreachable(format!("no answer within {} s", pause.as_secs_f64()))),
        };
        match renewed {
            Ok(RenewAnswer::Ok) => (answered, wait) = (Instant::now(), pause),
            Ok(RenewAnswer::Cancelled) => return Failure::Cancelled,
            Err(OrchestratorError::Unreachable(e)) if answered.elapsed() < PATIENCE => {
                tracing::warn!(error = %e, "the lease was not renewed, trying again");
                wait = pause / 4;
            }
            Ok(RenewAnswer::Lost) | Err(OrchestratorError::Unreachable(_)) => return OrchestratorError::Lost(fence.clone()).into(),
            Err(e) => return e.into(),
        }
    }
}
