//! From nothing to a guest that is ready.
//!
//! A restored guest says at once that it has booted, a hanging one says nothing, a broken one says everything but does nothing.
//! So each stage has a deadline and is proven by what needs it: adbd, the boot, the package manager, the services that a trial
//! asks, both clocks, gRPC with its token. A try that fails is ended with all that it started; after a snapshot comes a cold
//! boot, and a cold boot is tried once more. Then it is the worker's turn to try elsewhere. A window that cannot be had is none: the
//! boot goes on without, and says so.

use std::{collections::VecDeque, path::PathBuf, sync::Arc, time::Duration};

use stakeout_links::{
    Adb, Console, Control, Fault, console,
    discovery::{self, Running},
    guest::{Guest as _, Rooted},
};
use stakeout_protocol::{
    Problem,
    bake::{Cameras, Launch, Machine, Window},
    device::Event,
};
use stakeout_truth::{Zone, props};
use tokio::time::Instant;

use super::{
    clock::Look,
    display::Screen,
    layout::Layout,
    phone::{Phone, problem},
    process::{self, Avds, Ear, Process},
};
use crate::core::outbox::Outbox;

/// A pause between two questions.
const PAUSE: Duration = Duration::from_millis(100);
/// Time in which an adbd that was told to restart has done so.
const SETTLE: Duration = Duration::from_millis(500);
/// Services that a trial needs.
const SERVICES: [&str; 6] = ["package", "activity", "window", "media.camera", "audio", "appops"];

/// A guest that is ready, and the links to it.
pub struct Live {
    /// The emulator's program.
    pub process: Process,
    /// Commands in the guest.
    pub phone: Phone,
    /// The emulator's console.
    pub console: Console,
    /// The emulator's gRPC.
    pub control: Arc<Control>,
    /// API level.
    pub api: u32,
    /// Android's version.
    pub release: String,
    /// ABIs whose native code runs.
    pub abis: Vec<String>,
    /// Commands run as root.
    pub root: bool,
    /// How it was started.
    pub launch: Launch,
    /// Its clocks when it was ready.
    pub first: Look,
    /// Which window its emulator has, and why not the one that was asked for.
    pub window: String,
}

/// What is tried, one after the other.
struct Tries {
    left: VecDeque<Launch>,
    /// How the guest boots: from the disks of a bake, if the image has them.
    cold: Launch,
    window: Window,
    /// Why it is not the one that was asked for.
    without: Option<String>,
}

impl Tries {
    /// With a bake, whose snapshot is of use or not, or without.
    fn new(baked: bool, snapshot: bool, window: Window) -> Self {
        let cold = if baked { Launch::ColdBaked } else { Launch::Cold };
        let left = if snapshot { VecDeque::from([Launch::Restore, Launch::Restore, cold]) } else { VecDeque::from([cold, cold]) };
        Self { left, cold, window, without: None }
    }

    /// There is no such window: from here on without, and without the snapshot, which was saved with it.
    fn give_up_window(&mut self, why: String) {
        self.left.retain(|l| l.is_boot());
        if self.left.is_empty() {
            self.left.push_back(self.cold);
        }
        (self.window, self.without) = (Window::None, Some(why));
    }

    /// A try has failed. A snapshot that is of no use fails early too; but an emulator with a window that does not even open its
    /// ports when it starts from nothing may lack what its window needs.
    fn failed(&mut self, launch: Launch, stage: &str, why: &str) {
        if launch.is_boot() && stage == "ports" && !self.window.is_none() {
            self.give_up_window(format!("with it the emulator does not start: {why}"));
        }
    }

    /// In words, for a trial's record.
    fn words(&self, screen: &str) -> String {
        self.without.as_ref().map_or_else(|| screen.to_owned(), |why| format!("{screen}: {why}"))
    }
}

/// Why a snapshot is of no use, if it was saved with another window or other cameras than this device has.
fn other(layout: &Layout, window: Window, cameras: Option<Cameras>) -> Option<String> {
    let differs = |what: &str, saved: &str, this: &str| format!("it was saved with {what} `{saved}`, and this is `{this}`");
    match (layout.window, layout.cameras) {
        (Some(w), _) if w != window => Some(differs("window", window.word(), w.word())),
        (_, Some(c)) if Some(c) != cameras => Some(differs("camera", cameras.map_or("another", Cameras::word), c.word())),
        _ => None,
    }
}

/// Boots an emulator whose guest has this API level.
pub async fn boot(layout: &Layout, out: &Outbox, api: u32) -> Result<Live, Problem> {
    let config = layout.config()?;
    let image = process::machine(&config)?;
    let window = layout.window.unwrap_or(image.window);
    let baked = layout.has_snapshot();
    let other = baked.then(|| other(layout, image.window, process::cameras(&config).ok())).flatten();
    if let Some(other) = &other {
        out.event(Event::Log { line: format!("no start from the snapshot: {other}") }).await;
    }
    let mut tries = Tries::new(baked, baked && other.is_none(), window);
    let mut why = Vec::new();
    while let Some(launch) = tries.left.pop_front() {
        let screen = match Screen::start(layout, tries.window).await {
            Ok(screen) => screen,
            Err(e) => {
                out.event(Event::Log { line: format!("the emulator goes without a window: {e}") }).await;
                tries.left.push_front(launch);
                tries.give_up_window(e);
                continue;
            }
        };
        let machine = Machine { window: tries.window, ..image.clone() };
        let words = tries.words(&screen.words());
        match attempt(layout, &machine, screen, out, launch, api).await {
            Ok(live) => return Ok(Live { window: words, ..live }),
            Err((stage, e)) => {
                let line = format!("boot ({launch:?}) failed at stage `{stage}`: {e}");
                out.event(Event::Log { line: line.clone() }).await;
                why.push(line);
                // What cannot get better by another try.
                if e.code == "unsupported" {
                    return Err(e);
                }
                tries.failed(launch, stage, &e.message);
            }
        }
    }
    Err(Problem::new("failed", why.join("; ")))
}

async fn attempt(
    layout: &Layout,
    machine: &Machine,
    screen: Screen,
    out: &Outbox,
    launch: Launch,
    api: u32,
) -> Result<Live, (&'static str, Problem)> {
    layout.copy().await.map_err(|e| ("copy", e.into()))?;
    let arguments = process::arguments(machine, launch, layout.ports);
    let ear = Ear::Worker(out.clone());
    let mut process = Process::start(layout, &arguments, Avds::Copy, screen, &ear).await.map_err(|e| ("start", e.into()))?;
    match links(layout, &mut process, launch, api).await {
        Ok(Links { phone, console, control, release, abis, root, first }) => {
            Ok(Live { process, phone, console, control, api, release, abis, root, launch, first, window: String::new() })
        }
        Err((stage, e)) => {
            // That it ended says more than what could not be reached then.
            let e = process.ended().map_or(e, |end| Problem::new("failed", end));
            process.end(layout).await;
            Err((stage, e))
        }
    }
}

fn places(layout: &Layout) -> Vec<PathBuf> {
    [layout.home.join("run/avd/running"), layout.home.join(".android/avd/running"), layout.home.join("avd/running")].into()
}

/// What a guest that is ready is reached by, and what it says of itself.
pub struct Links {
    /// Commands in the guest.
    pub phone: Phone,
    /// The emulator's console.
    pub console: Console,
    /// The emulator's gRPC.
    pub control: Arc<Control>,
    /// Android's version.
    pub release: String,
    /// ABIs whose native code runs.
    pub abis: Vec<String>,
    /// Commands run as root.
    pub root: bool,
    /// The guest's clocks when it was ready.
    pub first: Look,
}

/// Where the emulator that was started says that it listens.
pub async fn ports(layout: &Layout, process: &mut Process) -> Result<Running, (&'static str, Problem)> {
    let (pid, places) = (process.pid(), places(layout));
    alive(process, "ports", async {
        discovery::wait(&places, true, layout.deadlines.ports, |r: &Running| r.pid == pid).await.map_err(problem)
    })
    .await
}

/// Waits for an emulator that was started until its guest can be used.
pub async fn links(layout: &Layout, process: &mut Process, launch: Launch, api: u32) -> Result<Links, (&'static str, Problem)> {
    let running = ports(layout, process).await?;
    let port = |p: Option<u16>| p.ok_or(("ports", Problem::new("failed", "the discovery file names no port")));
    let token = console::token(&layout.home).ok().flatten();
    let console = Console::new(port(running.console)?, token);
    let control = Arc::new(Control::new(port(running.grpc)?, running.token.clone()));
    let mut phone =
        Phone { adb: Arc::new(Adb::new(port(running.adb)?)), within: layout.deadlines.command, zone: Zone::Offset(0), recorder: None };

    let limit = if launch.is_boot() { layout.deadlines.cold } else { layout.deadlines.restore };
    let until = Instant::now() + limit;
    ready(process, &phone, until).await?;
    let at = |stage: &'static str| move |e: Problem| (stage, e);
    let first = phone.look().await.map_err(at("clock"))?;
    let level = phone.property("ro.build.version.sdk").await.map_err(at("properties"))?;
    if level != api.to_string() {
        let e = Problem::new("unsupported", format!("the guest is API level `{}` and not {api}", short(&level)));
        return Err(("properties", e));
    }
    let release = short(&phone.property("ro.build.version.release").await.map_err(at("properties"))?);
    let abis = phone.property("ro.product.cpu.abilist").await.map_err(at("properties"))?;
    let abis = abis.split(',').filter(|a| !a.is_empty()).map(short).collect();
    let root = root(process, &phone, until).await?;
    alive(process, "grpc", async { control.status(Duration::from_secs(20)).await.map(drop).map_err(problem) }).await?;
    let zone = phone.property("persist.sys.timezone").await.map_err(at("properties"))?;
    phone.zone = Zone::Named(short(&zone));
    Ok(Links { phone, console, control, release, abis, root, first })
}

fn short(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(80).collect()
}

/// Work that ends at once when the emulator does.
async fn alive<T>(
    process: &mut Process,
    stage: &'static str,
    work: impl Future<Output = Result<T, Problem>>,
) -> Result<T, (&'static str, Problem)> {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done.map_err(|e| (stage, e)),
            () = tokio::time::sleep(PAUSE) => {
                if let Some(end) = process.ended() {
                    return Err((stage, Problem::new("failed", end)));
                }
            }
        }
    }
}

/// Waits until the guest can be used.
pub async fn ready(process: &mut Process, phone: &Phone, until: Instant) -> Result<(), (&'static str, Problem)> {
    let left = || until.saturating_duration_since(Instant::now());
    alive(process, "adb", async { phone.adb.wait_for_device(left()).await.map_err(problem) }).await?;
    let boot = async |phone: &Phone| Ok(phone.property("sys.boot_completed").await? == "1");
    poll(process, "boot_completed", until, async || boot(phone).await).await?;
    let manager = async |phone: &Phone| Ok(!props::parse_paths(&phone.run("pm path android").await?.stdout).value.is_empty());
    poll(process, "package manager", until, async || manager(phone).await).await?;
    for name in SERVICES {
        poll(process, "services", until, async || {
            let said = phone.run(&format!("service check {name}")).await?;
            Ok(props::parse_service_check(&said.stdout, name).value == Some(true))
        })
        .await?;
    }
    poll(process, "clock", until, async || phone.look().await.map(|_| true)).await
}

/// Waits for a guest that was told to restart: for one whose clocks are of a new life, and until that can be used.
pub async fn again(
    process: &mut Process,
    phone: &Phone,
    until: Instant,
    is_new: impl Fn(&Look) -> bool,
) -> Result<Look, (&'static str, Problem)> {
    let mut first = None;
    poll(process, "restart", until, async || {
        let look = phone.look().await?;
        first = Some(look).filter(&is_new);
        Ok(first.is_some())
    })
    .await?;
    ready(process, phone, until).await?;
    first.ok_or(("restart", Problem::new("failed", "the guest's clocks cannot be read")))
}

/// Asks until the answer is yes.
async fn poll(
    process: &mut Process,
    stage: &'static str,
    until: Instant,
    mut ask: impl AsyncFnMut() -> Result<bool, Problem>,
) -> Result<(), (&'static str, Problem)> {
    let mut last = "it says no".to_owned();
    loop {
        if let Some(end) = process.ended() {
            return Err((stage, Problem::new("failed", end)));
        }
        match tokio::time::timeout_at(until, ask()).await {
            Ok(Ok(true)) => return Ok(()),
            Ok(Ok(false)) => {}
            Ok(Err(e)) => last = e.message,
            Err(_) => return Err((stage, Problem::new("deadline", format!("not ready in time: {last}")))),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Makes adbd root where the image allows it; whether it is.
pub async fn root(process: &mut Process, phone: &Phone, until: Instant) -> Result<bool, (&'static str, Problem)> {
    if phone.property("ro.debuggable").await.map_err(|e| ("root", e))? != "1" {
        return Ok(false);
    }
    let left = until.saturating_duration_since(Instant::now());
    match phone.adb.root(left).await {
        Ok(Rooted::Already) => return Ok(true),
        Ok(Rooted::Restarting) => {}
        // `adbd cannot run as root in production builds`.
        Err(e) if matches!(e.fault, Fault::Denied(_)) => return Ok(false),
        Err(e) => return Err(("root", problem(e))),
    }
    // The old adbd may still answer for a moment: only one that is root counts.
    let is_root = async |phone: &Phone| Ok(phone.run("id").await?.text().contains("uid=0("));
    poll(process, "root", until, async || is_root(phone).await).await?;
    // And it may say so before it goes away.
    tokio::time::sleep(SETTLE).await;
    poll(process, "root", until, async || is_root(phone).await).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_cannot_be_had_takes_its_snapshot_along() {
        use Launch::{Cold, ColdBaked, Restore};
        let mut tries = Tries::new(true, true, Window::Hidden);
        assert_eq!(tries.left, [Restore, Restore, ColdBaked]);
        tries.give_up_window("no display".to_owned());
        assert_eq!((&tries.left, tries.window), (&VecDeque::from([ColdBaked]), Window::None));
        assert_eq!(tries.words("window none"), "window none: no display");
        assert_eq!(Tries::new(true, false, Window::None).left, [ColdBaked, ColdBaked], "its disks are of use without its snapshot");
        let cold = Tries::new(false, false, Window::Hidden);
        assert_eq!(cold.left, [Cold, Cold]);
        assert_eq!(cold.words("window hidden on display :3"), "window hidden on display :3");
    }

    #[test]
    fn an_emulator_that_does_not_start_with_its_window_is_tried_once_more_without() {
        use Launch::{ColdBaked, Restore};
        let mut tries = Tries::new(true, true, Window::Hidden);
        tries.left.pop_front();
        tries.failed(Restore, "ports", "a bad snapshot");
        assert_eq!(tries.window, Window::Hidden, "a snapshot that does not load says nothing of the window");
        tries.left.clear();
        tries.failed(ColdBaked, "boot_completed", "slow");
        assert!(tries.left.is_empty(), "nor does a guest that does not boot");
        tries.failed(ColdBaked, "ports", "no Qt platform");
        assert_eq!((&tries.left, tries.window), (&VecDeque::from([ColdBaked]), Window::None));
        tries.left.clear();
        tries.failed(ColdBaked, "ports", "and no end of it");
        assert!(tries.left.is_empty(), "without a window there is nothing more to give up");
    }
}
