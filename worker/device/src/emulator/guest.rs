//! The verbs of an emulator device.

mod idle;
mod states;

use std::{
    collections::HashSet,
    io,
    sync::{Arc, PoisonError},
    time::Duration,
};

use serde_json::Value;
use stakeout_contract::{
    DeviceKind, Kind, Nanos, Rung,
    canary::PlantData,
    observation::{Fact, Source},
    scenario::PermissionPolicy,
    trial::FeedMode,
};
use stakeout_feed::SubKeys;
use stakeout_protocol::{
    Problem,
    device::{Advanced, Assignment, BlobRef, Booted, Event, Found, Hello, Input, Installed, Launched, Shot, Snapshot, Stopped},
};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::{
    apps::{App, REFUSES_OLD},
    boot::{self, Live},
    camera::{self, Pictures, webcam::Webcam},
    clock::{SharedClock, lock},
    files,
    frida::{self, Frida},
    kept::{self, Kept},
    layout::Layout,
    recorder::Recorder,
    sound::Sound,
    traffic::Traffic,
    watch::{Told, Watch},
};
use crate::{
    confine,
    core::{
        guest::{Change, Guest},
        limits,
        outbox::Outbox,
        serve::SharedBlobs,
        window::monotonic_nanos,
    },
    feed::{self, SharedFeeds},
    snapshot::Budget,
};

/// Guest time between two looks at Android's books, and our own time at least.
const POLL: (Duration, Duration) = (Duration::from_secs(10), Duration::from_millis(300));
/// Between two looks while the app may show something.
const POLL_SOON: Duration = Duration::from_secs(2);
/// Our time between two looks at the clock while nothing else is to do.
const STEP: Duration = Duration::from_millis(100);
/// Our time beyond the guest's that an `advance` may take: the guest's clock may stand still.
const STALL: Duration = Duration::from_secs(120);
/// A screenshot.
const SHOT: Duration = Duration::from_secs(30);

/// The emulator device.
pub struct EmulatorGuest {
    layout: Layout,
    kind: DeviceKind,
    version: String,
    out: Outbox,
    blobs: SharedBlobs,
    feeds: SharedFeeds,
    clock: SharedClock,
    live: Option<Live>,
    trial: Option<Trial>,
    /// Ends after the emulator, which reads it.
    webcam: Option<Webcam>,
    /// Ends with a trial; before the emulator does.
    pictures: Option<Pictures>,
    sound: Option<Sound>,
    ticks: Option<AbortOnDropHandle<()>>,
    watch: Option<Watch>,
    /// Keeps what the app deletes.
    kept: Option<Kept>,
    /// Listens inside of the app, if the operator wants it.
    frida: Option<Frida>,
    /// Counts what the app sends, and what others do.
    traffic: Option<Traffic>,
    app: Option<App>,
    /// The app has a standby bucket of the scenario's, which counts only while the phone is on battery.
    bucket: bool,
    /// What the phone was told to be.
    idle: idle::Idle,
    dead: bool,
    /// What was on the shared storage before the app.
    before: HashSet<Vec<u8>>,
}

/// What a trial asks for.
struct Trial {
    policy: PermissionPolicy,
    deny: Vec<String>,
    ca_pem: String,
    timezone: String,
    start_millis: i64,
    keys: SubKeys,
    mode: FeedMode,
    answered: bool,
}

impl EmulatorGuest {
    /// A device in this layout. `version` is what its emulator says of itself: a stand-in says that it is one.
    pub fn new(layout: Layout, version: &str, blobs: SharedBlobs, out: Outbox) -> Self {
        // What does not say clearly that it is the emulator is none.
        let real = version.contains("Android emulator version") && !version.contains("stand-in");
        let kind = if real { DeviceKind::Emulator } else { DeviceKind::EmulatorFake };
        Self {
            layout,
            kind,
            version: version.to_owned(),
            out,
            blobs,
            feeds: SharedFeeds::default(),
            clock: SharedClock::default(),
            live: None,
            trial: None,
            webcam: None,
            pictures: None,
            sound: None,
            ticks: None,
            watch: None,
            kept: None,
            frida: None,
            traffic: None,
            app: None,
            bucket: false,
            idle: idle::Idle::default(),
            dead: false,
            before: HashSet::new(),
        }
    }

    fn live(&mut self) -> Result<&mut Live, Problem> {
        self.live.as_mut().ok_or_else(|| Problem::new("failed", "the guest does not run"))
    }

    fn now(&self) -> Nanos {
        lock(&self.clock).now(monotonic_nanos())
    }

    async fn tell(&self, told: Vec<Told>) {
        for (at, source, fact) in told {
            self.out.fact(at, source, fact).await;
        }
    }

    async fn fact(&self, fact: Fact) {
        self.out.fact(self.now(), Source::Device, fact).await;
    }

    async fn sample(&self) {
        sample(&self.clock, &self.out).await;
    }

    /// If the emulator is gone, that is what there is to say, whatever failed because of it.
    async fn judged<T>(&mut self, result: Result<T, Problem>) -> Result<T, Problem> {
        let Err(e) = result else { return result };
        let Some(live) = self.live.as_mut() else { return Err(e) };
        let Some(end) = live.process.ending().await else { return Err(e) };
        if !std::mem::replace(&mut self.dead, true) {
            self.out.event(Event::Health { code: "guest_died".to_owned(), message: end.clone() }).await;
        }
        Err(Problem::new("failed", end))
    }

    /// One look at everything.
    async fn poll(&mut self) -> Result<(), Problem> {
        if let (Some(watch), Some(live)) = (self.watch.as_mut(), self.live.as_ref()) {
            let mut told = watch.poll(&live.phone, self.pictures.as_ref(), false).await?;
            if let Some(kept) = &mut self.kept {
                told.extend(kept.poll(&live.phone, &self.clock).await?);
            }
            if let Some(traffic) = &mut self.traffic {
                told.extend(traffic.poll(&live.phone, &self.clock).await?);
            }
            let inside = self.inside(&told).await;
            self.tell(told).await;
            self.tell_of_app(inside).await;
        } else if let Some(live) = self.live.as_ref() {
            let look = live.phone.look().await?;
            lock(&self.clock).look(look);
        }
        self.sample().await;
        Ok(())
    }

    /// Answers requests for permissions that are on the screen.
    async fn answer_requests(&mut self) -> Result<(), Problem> {
        let (Some(live), Some(trial), Some(app)) = (&self.live, &self.trial, &self.app) else { return Ok(()) };
        let facts = live.phone.answer_requests(app, trial.policy, &trial.deny).await?;
        for fact in facts {
            self.fact(fact).await;
        }
        Ok(())
    }
}

impl Guest for EmulatorGuest {
    fn hello(&self) -> Hello {
        Hello {
            kind: self.kind,
            api: self.layout.apis(),
            abis: self.layout.abis(),
            clock: "real".to_owned(),
            cooperative: false,
            version: format!("{}; {}", env!("CARGO_PKG_VERSION"), self.version),
            camera_route: self.cameras().map_or_else(|_| "none".to_owned(), |c| c.word().to_owned()),
            microphone_route: self.layout.microphone.word().to_owned(),
        }
    }

    async fn boot(&mut self, api: u32, locale: &str) -> Result<Booted, Problem> {
        if !self.layout.apis().contains(&api) {
            let have = self.layout.apis();
            return Err(Problem::new("unsupported", format!("API level `{api}` is not in this image, use one of {have:?}")));
        }
        self.check_cameras().await;
        self.open_webcam().await;
        camera::first(&self.layout.feed(), self.cameras()?)
            .map_err(|e| Problem::new("failed", format!("the cameras cannot be fed: {e}")))?;
        let live = boot::boot(&self.layout, &self.out, api).await?;
        let line = format!("booted ({:?}), ABIs {}", live.launch, live.abis.join(","));
        self.out.event(Event::Log { line }).await;
        let release = live.release.clone();
        let phone = &live.phone;
        // The guest's language is the image's until it is told otherwise; an app is asked for in its own process.
        phone.call("settings put system system_locales", &[locale]).await?;
        phone.say("logcat -G 2M; settings put global window_animation_scale 0; settings put global transition_animation_scale 0").await?;
        self.live = Some(live);
        Ok(Booted { api, release })
    }

    async fn assign(&mut self, to: Assignment) -> Result<(), Problem> {
        let keys = feed::keys(&to.keys)?;
        let feeds = feed::feeds(&keys, to.feed_mode);
        *self.feeds.lock().unwrap_or_else(PoisonError::into_inner) = Some(feeds);
        self.trial = Some(Trial {
            policy: to.permissions,
            deny: to.deny,
            ca_pem: to.ca_pem,
            timezone: to.timezone,
            start_millis: to.start_millis,
            keys,
            mode: to.feed_mode,
            answered: to.answered,
        });
        if to.record {
            let recorder = Recorder::new(self.out.clone());
            let live = self.live()?;
            live.phone.recorder = Some(recorder);
            // Of which guest the rest is.
            live.phone.run("getprop").await?;
        }
        let done = self.settle_in().await;
        self.judged(done).await?;
        let clock = self.clock.clone();
        let live = self.live()?;
        live.phone.begin(&clock, &live.first).await?;
        self.start_feeds().await?;
        self.sample().await;
        for fact in Watch::blind() {
            self.fact(fact).await;
        }
        Ok(())
    }

    async fn plant(&mut self, data: PlantData) -> Result<Value, Problem> {
        let live = self.live()?;
        let done = live.phone.plant(&data, live.api, &live.control, &live.console).await;
        let planted = self.judged(done).await?;
        let wanted = [
            (Kind::Calendar, data.calendar.len(), "calendar", "the guest has no calendar that could be planted"),
            (Kind::Sms, data.sms.len(), "sms", "the guest does not have all messages that were sent to it"),
            (Kind::MediaFiles, data.media.len(), "media", "the guest does not list all pictures that were given to it"),
        ];
        for (kind, _, _, what) in wanted.into_iter().filter(|(_, n, word, _)| planted["planted"][word].as_u64() < Some(*n as u64)) {
            for rung in [Rung::Read, Rung::Stored, Rung::Transmitted] {
                let (what, settled_by) = (what.to_owned(), "the `jvm` device".to_owned());
                self.fact(Fact::NotWatched { kinds: vec![kind], rung, what, settled_by }).await;
            }
        }
        let none = planted["planted"].as_object().into_iter().flatten().filter(|(_, n)| **n == 0).map(|(kind, _)| kind.as_str());
        let line = format!("not planted: {}", none.collect::<Vec<_>>().join(", "));
        self.out.event(Event::Log { line }).await;
        let contact = data.contacts.first().map(|c| c.name.clone());
        let done = self.probe(contact.as_deref()).await;
        self.judged(done).await?;
        // What was called before this moment was not the app.
        self.sample().await;
        Ok(planted)
    }

    async fn install(&mut self, _id: u64, apk: BlobRef, splits: Vec<BlobRef>, _prepared: Option<BlobRef>) -> Result<Installed, Problem> {
        let mut apks = Vec::new();
        {
            let mut blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
            apks.push(blobs.take(&apk, "base.apk")?);
            for (i, s) in splits.iter().enumerate() {
                apks.push(blobs.take(s, &format!("split-{i}.apk"))?);
            }
        }
        let grant = self.trial.as_ref().is_some_and(|t| t.policy == PermissionPolicy::GrantAll);
        let live = self.live()?;
        let before = live.phone.shared_files().await?;
        let done = live.phone.install(&apks, grant, live.api >= REFUSES_OLD).await;
        let (app, installed) = self.judged(done).await?;
        self.before = before;
        self.fact(Fact::PermissionDeclared { permissions: installed.permissions.clone() }).await;
        let mut watch = Watch::new(app.clone(), self.clock.clone(), 0);
        let live = self.live()?;
        let told = watch.poll(&live.phone, None, true).await?;
        // Whoever opened a camera until here was not the app.
        if let Some(pictures) = &self.pictures {
            drop(pictures.take());
        }
        let live = self.live()?;
        if grant && let Some(info) = live.phone.package(&app.package).await? {
            let permissions: Vec<String> = info.granted().map(str::to_owned).collect();
            self.fact(Fact::PermissionGranted { permissions }).await;
        }
        self.tell(told).await;
        self.keep(&app).await;
        self.count(&app).await?;
        self.listen_inside(&app).await;
        (self.app, self.watch) = (Some(app), Some(watch));
        Ok(installed)
    }

    async fn launch(&mut self) -> Result<Launched, Problem> {
        let Some(app) = self.app.clone() else { return Err(Problem::new("bad_request", "no app is installed")) };
        self.before_act();
        let done = self.live()?.phone.launch(&app).await;
        let launched = self.judged(done).await?;
        let done = self.answer_requests().await;
        self.judged(done).await?;
        self.sample().await;
        Ok(launched)
    }

    async fn input(&mut self, input: Input) -> Result<Found, Problem> {
        let done = self.answer_requests().await;
        self.judged(done).await?;
        self.before_act();
        let done = self.live()?.phone.input(&input).await;
        let found = self.judged(done).await?;
        let done = self.answer_requests().await;
        self.judged(done).await?;
        Ok(found)
    }

    async fn change(&mut self, change: Change) -> Result<(), Problem> {
        if let Change::Permission(policy, deny) = change {
            if let Some(t) = self.trial.as_mut() {
                (t.policy, t.deny) = (policy, deny);
            }
            return Ok(());
        }
        // What happened until here belongs to the state before.
        let done = self.poll().await;
        self.judged(done).await?;
        let done = self.change_state(change).await;
        self.judged(done).await?;
        let at = self.second().await;
        if let Some(w) = self.watch.as_mut() {
            w.marked(at);
        }
        self.sample().await;
        Ok(())
    }

    async fn advance(&mut self, nanos: Nanos) -> Result<Advanced, Problem> {
        if nanos == Nanos::ZERO {
            // A state begins here: no picture from now on shows what was before. With films it begins when they do.
            let at = self.now();
            let at = self.renew().map_or(at, |begun| begun.min(self.now()).max(at));
            self.sample().await;
            return Ok(Advanced { at, jumps: 0, held_nanos: 0 });
        }
        let from = self.now();
        let to = from.plus(Duration::from_nanos(nanos.get()));
        let speed = lock(&self.clock).speed().max(0.01);
        let until = Instant::now() + Duration::from_nanos(nanos.get()).div_f64(speed) + STALL;
        let mut next = (from, Instant::now());
        loop {
            let now = self.now();
            if now >= next.0 && Instant::now() >= next.1 || now >= to {
                let done = self.answer_requests().await;
                self.judged(done).await?;
                let done = self.poll().await;
                self.judged(done).await?;
                let now = self.now();
                self.out.event(Event::Progress { at: now }).await;
                if now >= to {
                    return Ok(Advanced { at: now, jumps: 0, held_nanos: 0 });
                }
                let visible = self.watch.as_ref().is_some_and(Watch::is_visible);
                next = (now.plus(if visible { POLL_SOON } else { POLL.0 }), Instant::now() + POLL.1);
            }
            if Instant::now() >= until {
                return Err(Problem::new("deadline", format!("the guest's clock went from {from} to {} and not to {to}", self.now())));
            }
            let left = to.since(self.now()).div_f64(lock(&self.clock).speed().max(0.01));
            tokio::time::sleep(left.clamp(Duration::from_millis(1), STEP)).await;
        }
    }

    async fn screenshot(&mut self, id: u64) -> Result<Shot, Problem> {
        let control = self.live()?.control.clone();
        let done = control.screenshot(usize::try_from(limits::SCREENSHOT).unwrap_or(usize::MAX), SHOT).await.map_err(super::phone::problem);
        let picture = self.judged(done).await?.image;
        let (width, height) =
            size_of_png(&picture).ok_or_else(|| Problem::new("failed", "the emulator's picture of the screen is no PNG"))?;
        let mut blob = self.out.blob(id);
        let sent = tokio::task::spawn_blocking(move || {
            io::Write::write_all(&mut blob, &picture)?;
            blob.finish()
        });
        let blob = sent.await.map_err(io::Error::other).and_then(|r| r).map_err(|e| Problem::new("failed", e.to_string()))?;
        Ok(Shot { width, height, blob })
    }

    async fn snapshot(&mut self, id: u64, max_bytes: u64, max_files: u64) -> Result<Snapshot, Problem> {
        let done = self.stop_app().await;
        self.judged(done).await?;
        let Some(app) = self.app.clone() else { return Err(Problem::new("bad_request", "no app is installed")) };
        let (folder, before) = (self.layout.work.clone(), std::mem::take(&mut self.before));
        let texts = folder.join(frida::ear::KEPT);
        // Headers and padding of a tar come on top of its files.
        let headers = max_files.saturating_mul(2048).saturating_add(1 << 20);
        // What the app deleted may be too much beside what it has; then that is lost, and no more.
        let most = max_bytes.saturating_add(kept::BYTES).saturating_add(headers);
        let done = self.live()?.phone.pack(&app.package, &before, &folder, most).await;
        let packed = self.judged(done).await?;
        let blob = self.out.blob(id);
        let packed = tokio::task::spawn_blocking(move || {
            let from = packed.as_ref().map(|(path, asked)| (path.as_path(), *asked));
            let (blob, budget) = files::repack(from, &texts, blob, Budget::new(max_bytes, max_files))?;
            if let Some((path, _)) = &packed {
                std::fs::remove_file(path)?;
            }
            Ok((blob.finish()?, budget))
        });
        let packed: io::Result<(BlobRef, Budget)> = packed.await.map_err(io::Error::other).and_then(|r| r);
        let (blob, b) = packed.map_err(|e| Problem::new("failed", format!("the files cannot be taken: {e}")))?;
        Ok(Snapshot { blob, files: b.taken, lost_files: b.lost_files, lost_bytes: b.lost_bytes })
    }

    async fn stop(&mut self) -> Result<Stopped, Problem> {
        let peak_kib = self.live.as_ref().and_then(|l| confine::peak_kib(l.process.pid())).unwrap_or(0);
        if self.watch.as_ref().is_some_and(|w| !w.ending) {
            // Whatever the app says to it, the device ends.
            let _ = self.stop_app().await;
        }
        Ok(Stopped { peak_kib })
    }

    async fn kill(&mut self) {
        self.sound = None;
        self.ticks = None;
        self.pictures = None;
        *self.feeds.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(mut live) = self.live.take() {
            live.process.end(&self.layout).await;
        }
        self.webcam = None;
        for user in [self.layout.user, self.layout.sound_user, self.layout.display_user].into_iter().flatten() {
            confine::kill_user(user).await;
        }
    }
}

async fn sample(clock: &SharedClock, out: &Outbox) {
    let real = monotonic_nanos();
    let at = lock(clock).now(real);
    out.event(Event::Clock { real, at }).await;
}

/// Width and height of a PNG.
fn size_of_png(bytes: &[u8]) -> Option<(u32, u32)> {
    let head = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(8..16)?;
    let side = |at: usize| head.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    Some((side(0)?, side(4)?)).filter(|(w, h)| *w > 0 && *h > 0)
}

/// Blobs of a layout, in the form that the session shares.
pub fn blobs(layout: &Layout) -> SharedBlobs {
    Arc::new(std::sync::Mutex::new(crate::core::blobs::Blobs::new(&layout.work)))
}
