//! The half of a bake that is done in the container: `stakeout-device --kind emulator --bake`.
//!
//! [`stakeout_protocol::bake`] says what it is ordered and what it answers. It does each stage's work and says how it ended; it has
//! no clock of its own but where it waits for quiet, as whoever ordered it removes the container when a stage takes too long. The
//! phone is saved as a trial wants it, but with nothing of a trial in it: no certificate, no data. It is loaded twice before it is
//! kept: once where it was saved, which brings the disks to the snapshot's state, and once by a trial's own way, from a copy, when
//! nobody can write what is kept any longer.

use std::{ffi::OsString, fs, io::Read as _, process::Stdio, sync::PoisonError, time::Duration};

use futures_util::StreamExt as _;
use stakeout_contract::trial::FeedMode;
use stakeout_feed::TrialKey;
use stakeout_links::Console;
use stakeout_protocol::{
    Problem,
    bake::{self, AVD, Cameras, LINE_MAX, Launch, Order, Said, TrustStore, Work},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    time::Instant,
};
use tokio_util::codec::{FramedRead, LinesCodec};

use super::{
    boot::{self, Links},
    camera::{self, Pictures, webcam::Webcam},
    clock::{Clock, SharedClock, lock},
    display::Screen,
    layout::Layout,
    phone::{Phone, first_line, problem},
    probe::Probe,
    process::{self, Avds, Ear, Process},
    sound::{Sound, Way},
};
use crate::feed::{self, SharedFeeds};

/// What makes a phone quiet and always at hand. One that a guest does not know is said, and is no failure.
const SETTLED: [&str; 13] = [
    "settings put global window_animation_scale 0",
    "settings put global transition_animation_scale 0",
    "settings put global animator_duration_scale 0",
    // The wizard of the first start is over.
    "settings put global device_provisioned 1",
    "settings put secure user_setup_complete 1",
    // Apps are installed by us, and nobody asks the vendor about them.
    "settings put global package_verifier_enable 0",
    "settings put global verifier_verify_adb_installs 0",
    "settings put global auto_time 0",
    "settings put system screen_off_timeout 2147483647",
    // As the emulator itself would have it, had it an `adb`.
    "logcat -G 2M",
    "locksettings set-disabled true",
    "wm dismiss-keyguard",
    "input keyevent KEYCODE_HOME",
];
/// Between two looks at what the guest's processors do.
const LOOK: Duration = Duration::from_secs(5);
/// A guest is quiet when its processors have idled so much of three looks in a row.
const IDLE: f64 = 0.9;
const QUIET_LOOKS: u32 = 3;
/// Left of a stage's time when waiting for quiet ends without it.
const SPARE: Duration = Duration::from_secs(40);
/// The emulator's own end, after it was told: less than it gives itself.
const ENDING: Duration = Duration::from_secs(100);

/// The container of a bake.
struct Oven<'a> {
    layout: &'a Layout,
    process: Option<(Process, Launch)>,
    links: Option<Links>,
    notes: Vec<String>,
    /// The back camera's device, if it is one, and what it shows by which clock.
    webcam: Option<Webcam>,
    feeds: SharedFeeds,
    clock: SharedClock,
}

/// Does what is ordered on `from`, and says so on `to`. Ends at once when `from` does.
pub async fn bake(layout: &Layout, from: impl AsyncRead + Unpin, to: impl AsyncWrite + Unpin) -> anyhow::Result<()> {
    let mut lines = FramedRead::new(from, LinesCodec::new_with_max_length(LINE_MAX));
    let order = lines.next().await.ok_or_else(|| anyhow::anyhow!("no order came"))??;
    let order: Order = serde_json::from_str(&order)?;
    anyhow::ensure!(order.format == 1, "an order of format {}, and this program knows 1", order.format);
    let (feeds, clock) = (SharedFeeds::default(), SharedClock::default());
    let mut oven = Oven { layout, process: None, links: None, notes: Vec::new(), webcam: None, feeds, clock };
    // Its input holds nothing more, and ends when nobody waits for this any longer.
    let gone = async { while lines.next().await.is_some_and(|l| l.is_ok()) {} };
    let done = tokio::select! {
        done = oven.all(&order, to) => done,
        () = gone => Err(anyhow::anyhow!("nobody waits for this bake any longer")),
    };
    // What is on disk now is what is kept.
    oven.end().await;
    done
}

async fn say(to: &mut (impl AsyncWrite + Unpin), said: &Said) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(said)?;
    line.push(b'\n');
    to.write_all(&line).await?;
    Ok(to.flush().await?)
}

impl Oven<'_> {
    async fn all(&mut self, order: &Order, mut to: impl AsyncWrite + Unpin) -> anyhow::Result<()> {
        for (number, stage) in order.stages.iter().enumerate() {
            say(&mut to, &Said::Begun { stage: number }).await?;
            let begun = Instant::now();
            let done = self.work(&stage.work, stage.deadline).await;
            for text in self.notes.drain(..) {
                say(&mut to, &Said::Note { text }).await?;
            }
            if let Err(e) = done {
                // That the emulator is gone says more than what could not be reached then.
                let end = match &mut self.process {
                    Some((process, _)) => process.ended(),
                    None => None,
                };
                let reason = end.unwrap_or(e.message);
                say(&mut to, &Said::Failed { stage: number, reason: reason.clone() }).await?;
                anyhow::bail!("{}: {reason}", stage.work.words());
            }
            let text = format!("{}: {:.1} s", stage.work.words(), begun.elapsed().as_secs_f64());
            say(&mut to, &Said::Note { text }).await?;
            say(&mut to, &Said::Done { stage: number }).await?;
        }
        Ok(())
    }

    async fn work(&mut self, work: &Work, deadline: Duration) -> Result<(), Problem> {
        match work {
            Work::CheckKvm => self.check_kvm().await,
            Work::Tidy => self.tidy().await,
            Work::Start { launch, arguments } => self.start(*launch, arguments.clone()).await,
            Work::Ready => self.ready().await,
            Work::Settle => self.settle().await,
            Work::Root if self.links()?.root => Ok(()),
            Work::Root => Err(failed("the image does not allow root")),
            Work::Trust { store } => {
                // Each start of a trial lays its own over this one; that it can be done is known from here on.
                self.links()?.phone.store(*store == TrustStore::TmpfsAndApex, None).await
            }
            Work::Quiet => self.quiet(deadline).await,
            Work::Save { snapshot } => self.links()?.console.save_snapshot(snapshot, deadline).await.map_err(problem),
            Work::Stop => self.stop().await,
            Work::Loadable { arguments } => self.loadable(arguments).await,
            Work::Commit { .. } => Err(failed("this stage is not for the program in the container")),
        }
    }

    /// Where the cameras of what is saved take their pictures from.
    fn cameras(&self) -> Result<Cameras, Problem> {
        process::cameras(&self.layout.config().map_err(Problem::from)?)
    }

    fn links(&self) -> Result<&Links, Problem> {
        self.links.as_ref().ok_or_else(|| failed("the phone does not run"))
    }

    /// Runs the emulator's program to its end; what it says.
    async fn program(&self, arguments: &[String], avds: Avds) -> Result<(bool, String), Problem> {
        let mut words = self.layout.emulator.clone();
        words.extend(arguments.iter().map(OsString::from));
        let done = self.layout.command(&words, avds).stdin(Stdio::null()).output().await;
        let done = done.map_err(|e| failed(format!("the emulator's program cannot be started: {e}")))?;
        let all = [done.stdout, done.stderr].concat();
        let text: String = String::from_utf8_lossy(&all).chars().map(|c| if c.is_control() { ' ' } else { c }).take(4000).collect();
        Ok((done.status.success(), text.trim().to_owned()))
    }

    async fn check_kvm(&mut self) -> Result<(), Problem> {
        let (good, text) = self.program(&["-accel-check".to_owned()], Avds::Image).await?;
        if !good {
            return Err(failed(format!("`emulator -accel-check`, as the emulator's user, says: {text}")));
        }
        self.notes.push(text);
        Ok(())
    }

    /// Removes locks from the image's virtual device. As the emulator's user: the folder is its own, and we have no power over it.
    async fn unlock(&self) -> Result<(), Problem> {
        let folder = self.layout.avds.join(format!("{AVD}.avd"));
        let cannot = |e: std::io::Error| failed(format!("`{}`: {e}", folder.display()));
        let words: Vec<OsString> =
            ["sh", "-c", "rm -rf -- \"$0\"/*.lock"].iter().map(OsString::from).chain([folder.clone().into()]).collect();
        let done = self.layout.command(&words, Avds::Image).stdin(Stdio::null()).output().await.map_err(cannot)?;
        if !done.status.success() {
            return Err(failed(format!("locks of a former emulator stay: {}", String::from_utf8_lossy(&done.stderr).trim())));
        }
        Ok(())
    }

    /// From here on nobody writes what is kept, as in a trial, where its root cannot be written: that a trial can start from it is shown
    /// by nothing less.
    async fn seal(&self) -> Result<(), Problem> {
        let folder = &self.layout.avds;
        let cannot = |e: std::io::Error| failed(format!("`{}`: {e}", folder.display()));
        let words: Vec<OsString> = ["chmod", "-R", "a-w", "--"].iter().map(OsString::from).chain([folder.clone().into()]).collect();
        let done = self.layout.command(&words, Avds::Image).stdin(Stdio::null()).output().await.map_err(cannot)?;
        if !done.status.success() {
            return Err(failed(format!("what is kept can still be written: {}", String::from_utf8_lossy(&done.stderr).trim())));
        }
        Ok(())
    }

    async fn tidy(&self) -> Result<(), Problem> {
        self.unlock().await?;
        self.layout.copy().await.map_err(Problem::from)?;
        camera::first(&self.layout.feed(), self.cameras()?).map_err(|e| failed(format!("the cameras cannot be fed: {e}")))
    }

    async fn start(&mut self, launch: Launch, arguments: Vec<String>) -> Result<(), Problem> {
        let machine = process::machine(&self.layout.config().map_err(Problem::from)?)?;
        if arguments != bake::arguments(&machine, launch) {
            return Err(failed("a trial's emulator would be started otherwise: the image's `config.ini` is not the one of this bake"));
        }
        if launch == Launch::Restore {
            self.seal().await?;
        }
        let arguments = process::with_ports(arguments, self.layout.ports);
        if self.webcam.is_none() && self.cameras()? == Cameras::Webcam {
            let webcam = Webcam::open(&self.layout.videos, self.feeds.clone(), self.clock.clone()).map_err(failed)?;
            self.webcam = Some(webcam);
        }
        // A snapshot is saved with its window or not at all.
        let screen = Screen::start(self.layout, machine.window).await.map_err(failed)?;
        self.notes.push(screen.words());
        let process = Process::start(self.layout, &arguments, avds(launch), screen, &Ear::People).await.map_err(Problem::from)?;
        let (process, _) = self.process.insert((process, launch));
        boot::ports(self.layout, process).await.map(drop).map_err(named)
    }

    async fn ready(&mut self) -> Result<(), Problem> {
        let api = self.layout.apis().first().copied().ok_or_else(|| failed("the virtual device names no API level"))?;
        let Some((process, launch)) = &mut self.process else { return Err(failed("the emulator does not run")) };
        let links = boot::links(self.layout, process, *launch, api).await.map_err(named)?;
        self.notes.push(format!("Android {}, API level {api}, ABIs {}", links.release, links.abis.join(",")));
        self.links = Some(links);
        // One that was not settled yet may have a wizard in the way.
        if launch.is_boot() { Ok(()) } else { self.probe().await }
    }

    async fn settle(&mut self) -> Result<(), Problem> {
        let mut notes = Vec::new();
        for command in SETTLED {
            let done = self.links()?.phone.run(command).await?;
            if done.failed() {
                notes.push(format!("`{command}` failed in the guest: {}", first_line(&done)));
            }
        }
        self.notes.extend(notes);
        self.probe().await
    }

    /// Whether an app sees and hears what is fed, with keys of this moment: those of trials are theirs.
    async fn probe(&mut self) -> Result<(), Problem> {
        let Some(apk) = &self.layout.probe else {
            self.notes.push("the image has no probe: that the phone sees and hears what it is given was not proven".to_owned());
            return Ok(());
        };
        let cameras = self.cameras()?;
        let (Some(links), Some((process, _))) = (&self.links, &mut self.process) else { return Err(failed("the phone does not run")) };
        let mut bytes = [0; 32];
        fs::File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut bytes)).map_err(|e| failed(format!("no random key: {e}")))?;
        let keys = TrialKey::from_bytes(bytes).subkeys();
        let (feeds, clock) = (self.feeds.clone(), self.clock.clone());
        *feeds.lock().unwrap_or_else(PoisonError::into_inner) = Some(feed::feeds(&keys, FeedMode::Pattern));
        *lock(&clock) = Clock::default();
        links.phone.begin(&clock, &links.first).await?;
        let done = {
            let cannot = |e: std::io::Error| failed(format!("the cameras cannot be fed: {e}"));
            let pictures = Pictures::show(self.layout.feed(), cameras, feeds.clone(), clock.clone()).map_err(cannot)?;
            let (way, line) = Way::choose(&mut process.sound, &links.console, &links.control).await;
            self.notes.push(line);
            let _sound = Sound::play(way, feeds.clone(), clock.clone());
            let probe = Probe {
                apk,
                keys: &keys,
                mode: stakeout_feed::FeedMode::Pattern,
                clock: &clock,
                pictures: &pictures,
                contact: None,
                answered: false,
            };
            probe.run(&links.phone).await
        };
        *feeds.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.notes.push(done?);
        // Nothing of it is in the pictures that are saved.
        camera::first(&self.layout.feed(), self.cameras()?).map_err(|e| failed(format!("the cameras cannot be fed: {e}")))
    }

    async fn quiet(&mut self, deadline: Duration) -> Result<(), Problem> {
        let until = Instant::now() + deadline.saturating_sub(SPARE);
        let mut before = self.times().await?;
        let (mut looks, mut idle) = (0, 0.0);
        while looks < QUIET_LOOKS && Instant::now() < until {
            tokio::time::sleep(LOOK.min(until.saturating_duration_since(Instant::now()))).await;
            let now = self.times().await?;
            idle = now.idle_since(&before);
            looks = if idle >= IDLE { looks + 1 } else { 0 };
            before = now;
        }
        if looks < QUIET_LOOKS {
            self.notes.push(format!("the phone is saved while it still works: its processors idle {:.0} % of the time", idle * 100.0));
        }
        self.links()?.phone.say("sync").await.map(drop)
    }

    async fn times(&self) -> Result<Times, Problem> {
        let phone: &Phone = &self.links()?.phone;
        Times::parse(&phone.say("cat /proc/stat").await?).ok_or_else(|| failed("the guest's `/proc/stat` cannot be read"))
    }

    async fn stop(&mut self) -> Result<(), Problem> {
        let console: &Console = &self.links()?.console;
        // It may be gone before it answers.
        let _ = console.kill(Duration::from_secs(10)).await;
        let Some((process, launch)) = &mut self.process else { return Err(failed("the emulator does not run")) };
        let Some(status) = process.wait(ENDING).await else { return Err(failed("the emulator was told to end and goes on")) };
        if avds(*launch) == Avds::Image && !status.success() {
            return Err(failed(format!("the emulator was told to end and did not do so in order ({status}): its disks may not be whole")));
        }
        self.end().await;
        self.unlock().await
    }

    async fn loadable(&mut self, arguments: &[String]) -> Result<(), Problem> {
        let (good, text) = self.program(arguments, Avds::Image).await?;
        if !good || !text.contains("Loadable") {
            return Err(failed(format!("`-check-snapshot-loadable` says: {text}")));
        }
        Ok(())
    }

    /// Ends all that was started.
    async fn end(&mut self) {
        self.links = None;
        if let Some((mut process, _)) = self.process.take() {
            process.end(self.layout).await;
        }
    }
}

/// Which virtual device an emulator of a bake runs on: what it saves is to be part of the image.
fn avds(launch: Launch) -> Avds {
    if launch.is_kept() { Avds::Image } else { Avds::Copy }
}

fn failed(why: impl Into<String>) -> Problem {
    Problem::new("failed", why)
}

/// A stage of a boot that failed.
fn named((stage, e): (&'static str, Problem)) -> Problem {
    Problem::new(&e.code, format!("at `{stage}`: {}", e.message))
}

/// What all processors did since the guest was started, in the kernel's ticks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Times {
    idle: u64,
    all: u64,
}

impl Times {
    /// The first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal. See proc(5).
    fn parse(text: &str) -> Option<Self> {
        let numbers = text.lines().find_map(|l| l.strip_prefix("cpu "))?.split_whitespace().take(8);
        let numbers: Vec<u64> = numbers.map(|n| n.parse().ok()).collect::<Option<_>>()?;
        let all = numbers.iter().try_fold(0_u64, |all, n| all.checked_add(*n))?;
        Some(Self { idle: numbers.get(3)?.saturating_add(numbers.get(4).copied().unwrap_or(0)), all })
    }

    /// The part of the time in which nothing ran.
    fn idle_since(self, before: &Self) -> f64 {
        let all = self.all.saturating_sub(before.all);
        if all == 0 { 0.0 } else { self.idle.saturating_sub(before.idle) as f64 / all as f64 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn idleness_is_what_the_kernel_counts_between_two_looks() {
        let before = Times::parse("cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3 4\n").unwrap();
        let after = Times::parse("cpu  110 0 110 860 120 0 0 0 0 0\n").unwrap();
        assert!((after.idle_since(&before) - 0.9).abs() < 1e-9);
        assert!(before.idle_since(&after).abs() < 1e-9, "a counter that goes back is no idleness");
        for bad in ["", "cpu\n", "cpu  1 2 3\n", "cpu  a b c d\n", "intr 5"] {
            assert_eq!(Times::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_of_a_guest_is_fatal(text in ".{0,100}", numbers in prop::collection::vec(any::<u64>(), 0..12)) {
            let _ = Times::parse(&text);
            let words: Vec<String> = numbers.iter().map(u64::to_string).collect();
            if let Some(t) = Times::parse(&format!("cpu  {}", words.join(" "))) {
                let idle = t.idle_since(&Times { idle: 0, all: 0 });
                prop_assert!((0.0..=1.0).contains(&idle));
            }
        }
    }
}
