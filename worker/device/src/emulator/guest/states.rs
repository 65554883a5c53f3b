//! What a guest is made: a trial's, another state of the device, started anew, or ended.

use std::{io, time::Duration};

use stakeout_contract::{DeviceKind, Nanos, observation::Fact, trial::FeedMode};
use stakeout_links::guest::{Guest as _, quote};
use stakeout_protocol::{Problem, choice::Cameras, device::Event};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::{
    super::{
        apps::App,
        boot,
        camera::{self, Pictures, webcam::Webcam},
        clock::{Look, SharedClock, lock},
        frida::{Frida, ear::Heard, seek::say},
        kept::{self, Kept},
        phone::problem,
        probe::Probe,
        process,
        services::Services,
        sound::{Sound, Way},
        traffic::{self, Traffic},
        watch::Told,
    },
    EmulatorGuest, STEP, sample,
};
use crate::core::{guest::Change, outbox::Outbox, window::monotonic_nanos};

/// The worker takes time to run as ours does from one sample to the next: a guest whose time does not needs many.
const TICK: Duration = Duration::from_millis(25);
/// Off ours by less than this, in parts of it, is what a look's own width makes.
const PACE: f64 = 0.05;

/// Our time in which a phone is in the state that it was put into: its screen does not go off at once.
const SETTLED: Duration = Duration::from_secs(5);

/// Tells both clocks again and again while the guest's runs otherwise than ours.
async fn tick(clock: SharedClock, out: Outbox) {
    loop {
        tokio::time::sleep(TICK).await;
        let speed = lock(&clock).speed();
        if (speed - 1.0).abs() > PACE {
            sample(&clock, &out).await;
        }
    }
}

impl EmulatorGuest {
    /// Before an act of the owner's: what the books date within this second is taken as later than it, and no picture of a camera
    /// is older.
    pub(super) fn before_act(&mut self) {
        if let Some(frida) = &self.frida {
            frida.act();
        }
        let mut marks = vec![self.now()];
        // Films take a while: the act is then later.
        marks.extend(self.renew().map(|_| self.now()));
        if let Some(w) = self.watch.as_mut() {
            for at in marks {
                w.marked(at);
            }
        }
    }

    /// Puts pictures of now before the cameras, so that what follows shows nothing older. When they begin, if they are films.
    pub(super) fn renew(&self) -> Option<Nanos> {
        let pictures = self.pictures.as_ref()?;
        tokio::task::block_in_place(|| pictures.renew())
    }

    /// Where the cameras' pictures come from.
    pub(super) fn cameras(&self) -> Result<Cameras, Problem> {
        match self.layout.cameras {
            Some(cameras) => Ok(cameras),
            None => process::cameras(&self.layout.config()?),
        }
    }

    /// An emulator that is too old for the cameras that are asked for has those of its virtual device.
    pub(super) async fn check_cameras(&mut self) {
        let Some(asked) = self.layout.cameras.filter(|_| self.kind == DeviceKind::Emulator) else { return };
        if let Some(have) = process::version_of(&self.version).filter(|v| *v < asked.since()) {
            let text = |(a, b, c): (u32, u32, u32)| format!("{a}.{b}.{c}");
            let line = format!(
                "`{}` asks for `{}`, which needs emulator {}, and this is {}: the virtual device's cameras are used",
                Cameras::SETTING,
                asked.word(),
                text(asked.since()),
                text(have)
            );
            self.out.event(Event::Log { line }).await;
            self.layout.cameras = None;
        }
    }

    /// The video device that the back camera is, from before the emulator looks for it. Where there is none, the cameras are by pictures.
    pub(super) async fn open_webcam(&mut self) {
        if self.webcam.is_some() || self.cameras().ok() != Some(Cameras::Webcam) {
            return;
        }
        let line = match Webcam::open(&self.layout.videos, self.feeds.clone(), self.clock.clone()) {
            Ok(webcam) => {
                let line = format!("the back camera is `{}`", webcam.path().display());
                self.webcam = Some(webcam);
                line
            }
            Err(why) => {
                self.layout.cameras = Some(Cameras::ImageFile);
                format!("cameras by imagefile and not by webcam: {why}")
            }
        };
        self.out.event(Event::Log { line }).await;
    }

    /// The feeds run from here on.
    pub(super) async fn start_feeds(&mut self) -> Result<(), Problem> {
        let failed = |e: io::Error| Problem::new("failed", format!("the cameras cannot be fed: {e}"));
        let cameras = self.cameras()?;
        let show = || Pictures::show(self.layout.feed(), cameras, self.feeds.clone(), self.clock.clone());
        self.pictures = Some(tokio::task::block_in_place(show).map_err(failed)?);
        let live = self.live()?;
        let window = live.window.clone();
        let (way, microphone) = Way::choose(&mut live.process.sound, &live.console, &live.control).await;
        self.sound = Some(Sound::play(way, self.feeds.clone(), self.clock.clone()));
        // What a trial really had, for those who read its record, and for those who read the device's log.
        for line in [window, camera::words(cameras), microphone] {
            self.fact(Fact::Log { line: line.clone() }).await;
            self.out.event(Event::Log { line }).await;
        }
        self.ticks = Some(AbortOnDropHandle::new(tokio::spawn(tick(self.clock.clone(), self.out.clone()))));
        Ok(())
    }

    /// What makes a guest this trial's, after each start of it.
    pub(super) async fn settle_in(&mut self) -> Result<(), Problem> {
        let (ca, timezone, start) = match &self.trial {
            Some(t) => (t.ca_pem.clone(), t.timezone.clone(), t.start_millis),
            None => return Ok(()),
        };
        let date = start / 1000 + self.now().as_secs_f64() as i64;
        let live = self.live()?;
        if !live.root {
            return Err(Problem::new("unsupported", "the image does not allow root, so the job's certificate cannot be installed"));
        }
        live.phone.say("settings put global auto_time 0; settings put global auto_time_zone 0").await?;
        live.phone.go_to(&timezone).await?;
        // After a restart too: that a guest keeps its date over one is not certain.
        live.phone.say(&format!("date @{date}")).await?;
        live.phone.trust(live.api, &ca).await
    }

    /// From here on what the app deletes is kept, if the image has what it takes and the guest can run it.
    pub(super) async fn keep(&mut self, app: &App) {
        let started = match (&self.layout.keeper, &self.live) {
            (Some(program), Some(live)) => Kept::start(&live.phone, program, &app.package).await.map_err(|e| e.message),
            _ => Err("the image has nothing that does".to_owned()),
        };
        match started {
            Ok(kept) => self.kept = Some(kept),
            Err(why) => self.fact(kept::not_watched(format!("files that the app deletes again are not kept: {why}"))).await,
        }
    }

    /// From here on an agent listens in each process of the app, if the operator gives what it takes. A trial without it is one.
    pub(super) async fn listen_inside(&mut self, app: &App) {
        let (Some(folder), Some(live)) = (&self.layout.frida, &self.live) else { return };
        match Frida::start(&live.phone, folder, &self.layout, app, &self.clock, &self.out).await {
            Ok(frida) => self.frida = Some(frida),
            Err(e) => say(&self.out, self.now(), format!("frida: not used: {}", e.message)).await,
        }
    }

    /// What was heard inside of the app, beside what the books say.
    pub(super) async fn inside(&self, books: &[Told]) -> Vec<Heard> {
        match &self.frida {
            Some(frida) => frida.take(books).await,
            None => Vec::new(),
        }
    }

    /// What the app's own processes say.
    pub(super) async fn tell_of_app(&self, heard: Vec<Heard>) {
        for Heard { at, fact, stack } in heard {
            self.out.fact_of_app(at, fact, stack).await;
        }
    }

    /// From here on what the app sends is counted apart from what others do, if the guest can.
    pub(super) async fn count(&mut self, app: &App) -> Result<(), Problem> {
        let Some(live) = &self.live else { return Ok(()) };
        match Traffic::start(&live.phone, app.uid).await {
            Ok(mut traffic) => {
                let told = traffic.poll(&live.phone, &self.clock).await?;
                self.traffic = Some(traffic);
                self.tell(told).await;
            }
            Err(e) => self.fact(traffic::not_known(&e.message)).await,
        }
        Ok(())
    }

    /// Waits until the guest's wall clock begins a second: Android's books know no smaller times.
    pub(super) async fn second(&self) -> Nanos {
        let left = {
            let clock = lock(&self.clock);
            let ms = 1000 - clock.wall(monotonic_nanos()).rem_euclid(1000);
            Duration::from_millis(u64::try_from(ms).unwrap_or(0)).div_f64(clock.speed().max(0.01))
        };
        tokio::time::sleep(left.min(Duration::from_secs(2))).await;
        self.now()
    }

    /// Changes the state, and makes sure that the phone was in the one before and is in this.
    pub(super) async fn change_state(&mut self, change: Change) -> Result<(), Problem> {
        self.holds(Duration::ZERO).await?;
        let idle = self.idle.after(&change);
        self.put(change).await?;
        self.idle = idle;
        self.holds(SETTLED).await
    }

    /// What the phone is otherwise than it was told to be, for which it may take so long, is lost evidence.
    pub(super) async fn holds(&self, within: Duration) -> Result<(), Problem> {
        let Some(live) = &self.live else { return Ok(()) };
        let until = Instant::now() + within;
        while let Some(what) = self.idle.differs(&live.phone).await? {
            if Instant::now() >= until {
                self.fact(Fact::Lost { what, count: 1 }).await;
                break;
            }
            tokio::time::sleep(STEP).await;
        }
        Ok(())
    }

    async fn put(&mut self, change: Change) -> Result<(), Problem> {
        let (app, bucket) = (self.app.clone(), self.bucket);
        let live = self.live()?;
        match change {
            Change::Background => live.phone.say("input keyevent 3").await.map(drop),
            Change::Foreground => match &app {
                Some(app) => live.phone.launch(app).await.map(drop),
                None => Ok(()),
            },
            Change::Screen(true) => {
                live.phone.say("input keyevent 224").await?;
                // A lock screen without a secret; where there is none, nothing happens.
                live.phone.say("wm dismiss-keyguard").await.map(drop)
            }
            Change::Screen(false) => live.phone.say("input keyevent 223").await.map(drop),
            Change::Doze(true) => {
                live.phone.unplug().await?;
                // Google's images for the emulator have it switched off.
                live.phone.say("cmd deviceidle enable deep").await?;
                live.phone.say("cmd deviceidle force-idle deep").await.map(drop)
            }
            Change::Doze(false) => {
                live.phone.say("cmd deviceidle unforce").await?;
                // As it was: none comes by itself, which the record would not say.
                live.phone.say("cmd deviceidle disable deep").await?;
                if bucket {
                    return Ok(());
                }
                live.phone.say("dumpsys battery reset").await.map(drop)
            }
            Change::Bucket(bucket) => {
                let Some(app) = app else { return Err(Problem::new("bad_request", "no app is installed")) };
                live.phone.bucket(&app, live.api, bucket).await?;
                self.bucket = true;
                Ok(())
            }
            Change::Reboot => self.reboot().await,
            Change::Permission(..) => Ok(()),
        }
    }

    /// Proves that the phone is ready, if the image has what it takes.
    pub(super) async fn probe(&self, contact: Option<&str>) -> Result<(), Problem> {
        let (Some(live), Some(trial), Some(pictures)) = (&self.live, &self.trial, &self.pictures) else { return Ok(()) };
        let line = match &self.layout.probe {
            Some(apk) => {
                let mode = match trial.mode {
                    FeedMode::Pattern => stakeout_feed::FeedMode::Pattern,
                    FeedMode::Scene => stakeout_feed::FeedMode::Scene,
                };
                Probe { apk, keys: &trial.keys, mode, clock: &self.clock, pictures, contact, answered: trial.answered }
                    .run(&live.phone)
                    .await?
            }
            None => "the image has no probe: that the phone sees, hears and reads what it is given was not proven".to_owned(),
        };
        self.out.event(Event::Log { line }).await;
        Ok(())
    }

    async fn reboot(&mut self) -> Result<(), Problem> {
        self.poll().await?;
        let until = Instant::now() + self.layout.deadlines.cold;
        let clock = self.clock.clone();
        let before = lock(&clock).date(monotonic_nanos());
        if let Some(frida) = &mut self.frida {
            frida.rest().await;
        }
        let live = self.live()?;
        let within = live.phone.within;
        live.phone.adb.reboot(within).await.map_err(problem)?;
        // The old guest may answer for a moment: the new one has not been up for longer than since then.
        let is_new = |look: &Look| {
            let passed = lock(&clock).date(look.after).since(before);
            Duration::from_nanos(look.up) <= passed + Duration::from_secs(1)
        };
        let at =
            |(stage, e): (&'static str, Problem)| Problem::new(&e.code, format!("the restart failed at stage `{stage}`: {}", e.message));
        let look = boot::again(&mut live.process, &live.phone, until, is_new).await.map_err(at)?;
        lock(&clock).again(look);
        live.root = boot::root(&mut live.process, &live.phone, until).await.map_err(at)?;
        self.settle_in().await?;
        if let (Some(sound), Some(live)) = (&self.sound, &self.live) {
            sound.again(&live.console).await;
        }
        let look = self.live()?.phone.look().await?;
        lock(&clock).again(look);
        let services = Services::read(&self.live()?.phone).await?;
        if let Some(watch) = self.watch.as_mut() {
            let told = watch.restarted(look.wall_ms - (look.up / 1_000_000) as i64, services);
            self.tell(told).await;
        }
        if self.bucket {
            // Buckets are kept over a restart, and count only while the phone is on battery.
            self.live()?.phone.unplug().await?;
        }
        let now = self.now();
        if let (Some(kept), Some(live)) = (&mut self.kept, &self.live) {
            kept.again(&live.phone, now).await?;
        }
        // The rules went with the guest's kernel.
        if let (Some(mut traffic), Some(app)) = (self.traffic.take(), self.app.clone()) {
            self.tell(traffic.end().into_iter().collect()).await;
            self.count(&app).await?;
        }
        if let (Some(frida), Some(live)) = (&mut self.frida, &self.live) {
            frida.again(&live.phone);
        }
        Ok(())
    }

    pub(super) async fn stop_app(&mut self) -> Result<(), Problem> {
        let Some(app) = self.app.clone() else { return Ok(()) };
        self.poll().await?;
        self.holds(Duration::ZERO).await?;
        if let Some(what) = self.webcam.as_ref().and_then(Webcam::trouble) {
            self.fact(Fact::Lost { what, count: 1 }).await;
        }
        if let Some(w) = self.watch.as_mut() {
            w.ending = true;
        }
        self.live()?.phone.say(&format!("am force-stop {}", quote(&app.package))).await?;
        // What closed by it is in the books a moment later.
        tokio::time::sleep(STEP).await;
        if let Some(frida) = &self.frida {
            frida.settle().await;
        }
        self.poll().await?;
        if let Some(w) = self.watch.as_mut() {
            let told = w.close_all();
            self.tell(told).await;
        }
        if let (Some(mut kept), Some(live)) = (self.kept.take(), &self.live) {
            let told = kept.end(&live.phone, &self.clock).await?;
            self.tell(told).await;
        }
        if let (Some(frida), Some(live)) = (self.frida.take(), &self.live) {
            let heard = frida.end(&live.phone).await;
            self.tell_of_app(heard).await;
        }
        if let Some(mut traffic) = self.traffic.take() {
            self.tell(traffic.end().into_iter().collect()).await;
        }
        if let Some(live) = &self.live {
            for fact in live.phone.owners(live.api, &app, &self.before).await? {
                self.fact(fact).await;
            }
        }
        // The trial's time ends here.
        self.ticks = None;
        let at = self.now();
        self.out.event(Event::Progress { at }).await;
        if let Some(sound) = self.sound.take() {
            let state = sound.state();
            if let Some(delay) = state.delay {
                let line = format!("microphone: at most {} ms of sound were on their way in the sound server", delay.as_millis());
                self.out.event(Event::Log { line }).await;
            }
            if !state.gaps.is_empty() {
                let what = format!("microphone feed: {}", state.failed.unwrap_or_else(|| "it broke and began again".to_owned()));
                self.fact(Fact::Lost { what, count: state.gaps.len() as u64 }).await;
            }
        }
        Ok(())
    }
}
