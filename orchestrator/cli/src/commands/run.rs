//! `stakeout run`: one job on this host, by the same code paths as a farm.

use std::{collections::BTreeMap, path::Path, process::ExitCode, sync::Arc, time::Duration};

use stakeout_agent::{Shutdown, Worker, WorkerConfig};
use stakeout_blobs::Blobs;
use stakeout_bundle::{keys::SigningKey, receipt::Receipt};
use stakeout_contract::{
    DeviceKind, JobId, TenantId,
    result::JobResult,
    scenario::{NetworkPolicy, Scenario},
    trial::TrialState,
};
use stakeout_domain::gate::gate;
use stakeout_server::{Secrets, Service, ServiceError, Submission, finish, seal::Sealer};
use stakeout_store::sqlite::SqliteStore;
use tokio_util::sync::CancellationToken;

use super::{doctor, feed, images as local, intake, progress::Show};
use crate::{args::RunArgs, exit::Failure, interrupt, library, output, places, state_dir::StateDir, table};

mod out;
mod remote;

use out::{Out, put};

pub(crate) async fn run(a: RunArgs) -> Result<ExitCode, Failure> {
    if a.server.is_some() {
        return remote::run(a).await;
    }
    let device = a.device.kind();
    let mut scenario = library::load(&a.scenario)?;
    if let Some(api) = a.api {
        scenario.device.api = api;
    }
    let mut images = doctor::images();
    images.frida = a.frida.folder()?;
    let api = scenario.device.api;
    let Some(image) = images.device(device, api).map(str::to_owned) else {
        return Err(Failure::hint(format!("the {device} device has no API level {api}"), levels(&images, device)));
    };
    // The worker of this run has nothing else to do.
    images.devices = vec![(device, image, vec![api])];
    let trials = a.trials.unwrap_or(scenario.trials);
    let secrets = Secrets::from(secrets(&a.secret)?);
    let operator = SigningKey::load_or_create(&places::operator_key()?).map_err(Failure::usage)?;
    // The app is looked at before anything is started or written.
    let intake = intake::reader();
    intake.app(&a.app, &a.split).await.map_err(Failure::usage)?;
    Out::check(&a.out, a.force)?;
    let engine = super::walled(&a.walls).await?;
    local::prefer_baked(&engine, &mut images).await;
    let stop = interrupt::token()?;
    let state = StateDir::new(&places::cache()?.join("runs"), "run-")?;
    let store = SqliteStore::open(&state.path().join("state.db")).await.map_err(|e| unkept(e, state.path()))?;
    let store = Arc::new(store);
    let blobs = Blobs::folder(&state.path().join("artifacts")).map_err(|e| unkept(e, state.path()))?;
    let service = Arc::new(Service::new(store.clone(), blobs, Sealer::ephemeral().map_err(Failure::other)?).reading_apps(intake));
    let mut ids = BTreeMap::new();
    for (name, image) in [("gateway", &images.gateway), ("device", &images.devices[0].1), ("analysis", &images.analysis)] {
        let id = engine.image_id(image).await;
        if id.is_err() && name == "device" && device == DeviceKind::Emulator {
            return Err(Failure::hint(
                format!("the image `{image}` is not on this host"),
                format!("`stakeout images build emulator --api {api}` builds it; STAKEOUT_IMAGE_EMULATOR names another"),
            ));
        }
        ids.insert(format!("image {name}"), id.map_err(super::of_engine)?);
    }
    let config = WorkerConfig {
        images,
        slots: if a.slots == 0 { slots(device) } else { a.slots },
        until_idle: true,
        ..WorkerConfig::new(places::cache()?.join("worker"))
    };
    let worker = Worker::new(service.clone(), engine, config).await.map_err(super::of_worker)?;
    let (app, _) =
        service.add_app(&TenantId::farm(), &a.app, &a.split).await.map_err(|e| Failure::usage(e).without_room(state.path(), CACHE))?;
    let submission = Submission {
        trials,
        feed_mode: feed::mode(a.feed),
        nonce: nonce()?,
        secrets,
        with_app: a.with_app,
        ..Submission::plain(app, scenario.clone(), device)
    };
    let (job, receipt) = service.submit(submission).await.map_err(|e| Failure::usage(e).without_room(state.path(), CACHE))?;
    // Nothing can be refused any more: what an earlier run left may go.
    let mut out = Out::open(&a.out, a.force)?;
    keep_receipt(&out, &receipt, &operator)?;
    worker.prewarm(device, api, &scenario.device.locale, scenario.network.policy == NetworkPolicy::Live).await;
    work(&service, &job, worker, &stop).await?;
    if stop.is_cancelled() {
        return Err(Failure::other(anyhow::anyhow!("interrupted; nothing was kept")).with_code(130));
    }
    let options = finish::FinishOptions { out: out.path().to_owned(), with_app: a.with_app, images: ids };
    let result = finish::finish(&service, &job, &operator, &options).await.map_err(|e| unfinished(e, &out, state.path()))?;
    out.keep();
    store.close().await;
    extras(&a, &out, &result)?;
    say(&out, &result, &scenario);
    not_installed(&a.app, &result)?;
    Ok(ExitCode::from(gate(&result, a.fail_on, trials) as u8))
}

/// An app that no trial could install is wrong input, not an answer. What was kept says why.
fn not_installed(apk: &Path, r: &JobResult) -> Result<(), Failure> {
    let never = |t: &stakeout_contract::result::TrialSummary| t.end.state == TrialState::Failed && t.end.stage == "install";
    match r.trials.first() {
        Some(t) if r.trials.iter().all(never) => Err(Failure::hint(
            format!("`{}` cannot be installed on this device: {}", apk.display(), t.end.reason),
            "compare the APK with the source's, or try another API level with `--api`; the report has the device's log",
        )),
        _ => Ok(()),
    }
}

/// Runs the worker until the job has ended, showing progress.
async fn work(service: &Arc<Service>, job: &JobId, worker: Worker<Arc<Service>>, stop: &CancellationToken) -> Result<(), Failure> {
    let mut watch = service.watch();
    let mut show = Show::new();
    let shutdown = Shutdown { drain: CancellationToken::new(), stop: stop.clone() };
    let mut working = tokio::spawn(worker.run(shutdown));
    let mut tick = tokio::time::interval(Duration::from_secs(5));
    let mut cancelled = false;
    let ended = loop {
        tokio::select! {
            done = &mut working => break done,
            p = watch.recv() => if let Ok(p) = p { show.on(&p) },
            _ = tick.tick() => { service.expire().await.map_err(Failure::other)?; }
            () = stop.cancelled(), if !cancelled => {
                cancelled = true;
                service.cancel(job).await.map_err(Failure::other)?;
            }
        }
    };
    show.end();
    ended.map_err(Failure::other)?.map_err(Failure::other)?;
    Ok(())
}

pub(crate) fn nonce() -> Result<String, Failure> {
    let mut n = [0; 32];
    getrandom::fill(&mut n).map_err(|e| Failure::other(anyhow::anyhow!("the system gives no randomness: {e}")))?;
    Ok(hex::encode(n))
}

/// Which API levels a device has.
fn levels(images: &stakeout_agent::Images, device: DeviceKind) -> String {
    let all: Vec<String> = images.devices.iter().filter(|(k, ..)| *k == device).flat_map(|(_, _, a)| a).map(u32::to_string).collect();
    format!("use `--api` and one of {}", all.join(", "))
}

/// How many trials this host runs at a time: an emulator wants four processors and its memory.
pub(crate) fn slots(device: DeviceKind) -> u32 {
    let cpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    let free = places::memory_available() >> 30;
    let (cpus, each) = if device == DeviceKind::Emulator { (cpus / 4, 8) } else { (cpus, 4) };
    cpus.min(u32::try_from(free / each).unwrap_or(1)).max(1)
}

/// Names and values of secrets that were given.
pub(crate) fn secrets(args: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut out = BTreeMap::new();
    for arg in args {
        let bad = |why: &str| {
            Failure::hint(
                format!("`--secret {}` {why}", output::plain(arg.split('=').next().unwrap_or_default())),
                "write it as `NAME=env:VARIABLE` or `NAME=file:PATH`",
            )
        };
        let (name, source) = arg.split_once('=').ok_or_else(|| bad("has no source"))?;
        let value = match source.split_once(':') {
            Some(("env", var)) => std::env::var(var).map_err(|_| bad("names a variable that is not set"))?,
            Some(("file", path)) => std::fs::read_to_string(path)
                .map_err(|_| bad("names a file that cannot be read"))?
                .trim_end_matches(['\r', '\n'])
                .to_owned(),
            _ => return Err(bad("has a source that is not known")),
        };
        if value.len() < 4 {
            return Err(Failure::hint(
                format!("the secret `{}` is shorter than 4 characters", output::plain(name)),
                "use a longer one: it is searched for in all that is kept, and a short one would be found everywhere",
            ));
        }
        out.insert(name.to_owned(), value);
    }
    Ok(out)
}

fn keep_receipt(out: &Out, receipt: &Receipt, operator: &SigningKey) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(&receipt.signed(operator).map_err(Failure::other)?).map_err(Failure::other)?;
    out.write("receipt.json", &(text + "\n"))
}

/// What helps where a disk has no room for a run's state.
const CACHE: &str = "free some space there, or set STAKEOUT_CACHE to another folder";

/// The state of a run cannot be kept: nothing but its folder can be at fault, which is new.
fn unkept(e: impl Into<anyhow::Error>, state: &Path) -> Failure {
    Failure::usage(e.into().context(format!("`{}` cannot be used\nhint: {CACHE}", state.display())))
}

/// The trials have ended, and what they left could not be kept.
fn unfinished(e: ServiceError, out: &Out, state: &Path) -> Failure {
    let of_state = matches!(e, ServiceError::Store(_) | ServiceError::Blob(_));
    let (place, hint) = if of_state { (state, CACHE) } else { (out.path(), out::ROOM) };
    Failure::other(e).without_room(place, hint)
}

fn extras(a: &RunArgs, out: &Out, result: &JobResult) -> Result<(), Failure> {
    if let Some(p) = &a.sarif {
        put(p, stakeout_report::sarif(result).map_err(Failure::other)?.as_bytes())?;
    }
    if let Some(p) = &a.junit {
        put(p, stakeout_report::junit(result, a.fail_on).map_err(Failure::other)?.as_bytes())?;
    }
    // A job on a server that was given up has none.
    if let Some(p) = a.html.as_ref().filter(|_| out.path().join("report.html").exists()) {
        put(p, &std::fs::read(out.path().join("report.html")).map_err(Failure::other)?)?;
    }
    match &a.json {
        Some(p) if p.as_os_str() == "-" => output::json(result)?,
        Some(p) => put(p, &serde_json::to_vec_pretty(result).map_err(Failure::other)?)?,
        None => {}
    }
    Ok(())
}

fn say(out: &Out, r: &JobResult, scenario: &Scenario) {
    say!("{}", table::of(r));
    for t in r.trials.iter().filter(|t| t.end.state != TrialState::Finished) {
        say!("{}", output::plain(&format!("trial {} {:?} at {}: {}", t.number, t.end.state, t.end.stage, t.end.reason)));
    }
    let c = &r.cost;
    say!(
        "`{}` on {} in `{}`: {} trials, {:.0} s, {:.1} h on their clocks, {:.1} CPU s, at most {} MiB, {} KiB kept",
        output::plain(&r.app.package),
        r.device,
        scenario.name,
        c.trials,
        c.wall_seconds,
        c.virtual_seconds / 3600.0,
        c.cpu_seconds,
        c.peak_memory_bytes >> 20,
        c.kept_bytes >> 10
    );
    for (what, name) in [("report", "report.html"), ("bundle", "bundle.zip")] {
        let path = out.path().join(name);
        if path.exists() {
            say!("{what}: {}", path.display());
        }
    }
}
