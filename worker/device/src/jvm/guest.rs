//! The verbs of a jvm device.

use std::{
    io::{self, Read},
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use stakeout_contract::{DeviceKind, Nanos, canary::PlantData, observation::Source, scenario::PermissionPolicy};
use stakeout_protocol::{
    Problem,
    device::{Advanced, Assignment, BlobRef, Booted, Event, Found, Hello, Input, Installed, Launched, Shot, Snapshot, Stopped},
};

use super::{
    convert,
    host::{Host, Patience},
    layout::Layout,
    sieve::Sieve,
};
use crate::{
    confine::{self, Limits},
    core::{
        guest::{Change, Guest},
        limits,
        outbox::Outbox,
        serve::SharedBlobs,
        window::{Window, monotonic_nanos},
    },
    feed::{self, FeedServer, SharedDeliveries, SharedFeeds, SharedWindow},
    snapshot::{self, Budget},
};

/// Framework versions in the image.
const API: [u32; 3] = [23, 27, 34];
/// The screen: pixels, and dots an inch.
const SCREEN: (u32, u32, u32) = (1080, 1920, 420);
/// Name of a picture of the screen in the guest's temporary folder.
const SHOT: &str = "stakeout-screen.png";
/// Largest file of an app.
const FILE: u64 = 1 << 30;

/// The jvm device.
pub struct JvmGuest {
    layout: Layout,
    out: Outbox,
    blobs: SharedBlobs,
    window: SharedWindow,
    feeds: SharedFeeds,
    deliveries: SharedDeliveries,
    host: Option<Host>,
    hold_cap: Duration,
    peak_kib: u64,
    /// Files that were there before the app: the JVM's own.
    before: snapshot::Known,
}

impl JvmGuest {
    /// A device in this layout.
    pub fn new(layout: Layout, blobs: SharedBlobs, out: Outbox) -> Self {
        let (window, feeds, deliveries) = Default::default();
        Self {
            layout,
            out,
            blobs,
            window,
            feeds,
            deliveries,
            host: None,
            hold_cap: Duration::ZERO,
            peak_kib: 0,
            before: snapshot::Known::new(),
        }
    }

    async fn ask<T: DeserializeOwned>(&mut self, verb: &str, parameters: Value) -> Result<T, Problem> {
        self.ask_patiently(verb, parameters, Patience::Total(limits::deadline(verb))).await
    }

    async fn ask_patiently<T: DeserializeOwned>(&mut self, verb: &str, parameters: Value, patience: Patience) -> Result<T, Problem> {
        let Value::Object(parameters) = parameters else { return Err(Problem::new("failed", "parameters are an object")) };
        let host = self.host.as_mut().ok_or_else(|| Problem::new("failed", "the guest does not run"))?;
        let result = host.ask(verb, parameters, patience).await;
        if let Err(p) = &result
            && p.code == "deadline"
        {
            self.out.event(Event::Health { code: "guest_hangs".to_owned(), message: p.message.clone() }).await;
            self.end_guest(Duration::ZERO).await;
        }
        let value = result?;
        serde_json::from_value(value).map_err(|e| Problem::new("failed", format!("the guest's answer to `{verb}` has another form: {e}")))
    }

    /// What a verb leaves behind: runs of the feed end (a run must not lie in two states), and losses are told.
    async fn settle(&self) {
        let at = self.window().last();
        let given = {
            let mut d = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
            d.end_all();
            d.take()
        };
        for (at, fact) in given {
            self.out.fact(at, Source::Feed, fact).await;
        }
        if let Some(h) = &self.host
            && [&self.layout.data, &self.layout.artifacts].into_iter().any(|d| is_full(d))
        {
            h.sieve().lose("write to the full disk of the device");
        }
        let losses = self.host.as_ref().map(|h| h.sieve().losses()).unwrap_or_default();
        for fact in losses {
            self.out.fact(at, Source::Device, fact).await;
        }
    }

    async fn sample(&self) {
        let s = self.window().own_sample(monotonic_nanos());
        self.out.event(Event::Clock { real: s.real, at: s.at }).await;
    }

    fn window(&self) -> std::sync::MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, blob: &BlobRef, name: &str) -> Result<std::path::PathBuf, Problem> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner).take(blob, name)
    }

    /// Ends the host and everything of its user.
    async fn end_guest(&mut self, patience: Duration) {
        let Some(host) = self.host.as_mut() else { return };
        self.peak_kib = self.peak_kib.max(confine::peak_kib(host.pid()).unwrap_or(0));
        host.end(patience).await;
        if let Some(user) = self.layout.guest_user
            && !confine::kill_user(user).await
        {
            let message = "processes of the app cannot be killed".to_owned();
            self.out.event(Event::Health { code: "guest_hangs".to_owned(), message }).await;
        }
    }

    /// Asks the host to end the app, so that files are closed and stop-time facts are told; then ends it whatever it says.
    async fn stop_app(&mut self) {
        if self.host.as_ref().is_some_and(|h| !h.is_dead()) {
            if let Some(h) = &self.host {
                h.expect_end();
                self.peak_kib = self.peak_kib.max(confine::peak_kib(h.pid()).unwrap_or(0));
            }
            if let Err(p) = self.ask::<Value>("stop", json!({})).await {
                self.out
                    .event(Event::Health { code: "guest_hangs".to_owned(), message: format!("the app could not be ended in peace: {p}") })
                    .await;
            }
        }
        self.end_guest(Duration::from_secs(3)).await;
        self.settle().await;
    }
}

impl Guest for JvmGuest {
    fn hello(&self) -> Hello {
        Hello {
            kind: DeviceKind::Jvm,
            api: API.to_vec(),
            abis: Vec::new(),
            clock: "virtual".to_owned(),
            cooperative: true,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            camera_route: "framework".to_owned(),
            microphone_route: "framework".to_owned(),
        }
    }

    async fn boot(&mut self, api: u32, locale: &str) -> Result<Booted, Problem> {
        if !API.contains(&api) {
            return Err(Problem::new("unsupported", format!("API level `{api}` is not in this image, use one of {API:?}")));
        }
        let mut command =
            confine::command(&self.layout.host, self.layout.guest_user, Limits { files: 8192, file_bytes: FILE, groups: [None; 2] });
        command.current_dir(&self.layout.java);
        let feed =
            FeedServer { feeds: self.feeds.clone(), window: self.window.clone(), log: self.deliveries.clone(), out: self.out.clone() };
        let (sieve, shared) = (Sieve::new(self.window.clone()), self.layout.guest_user.is_some());
        self.host = Some(Host::start(command, "the Java host", shared, sieve, feed, self.out.clone())?);
        let (width, height, density) = SCREEN;
        self.ask("boot", json!({"api": api, "locale": locale, "width": width, "height": height, "density": density})).await
    }

    async fn assign(&mut self, to: Assignment) -> Result<(), Problem> {
        let feeds = feed::feeds(&feed::keys(&to.keys)?, to.feed_mode);
        *self.feeds.lock().unwrap_or_else(PoisonError::into_inner) = Some(feeds);
        self.hold_cap = Duration::from_millis(to.hold_cap_ms);
        let _: Value = self
            .ask(
                "assign",
                json!({
                    "start_millis": to.start_millis, "timezone": to.timezone, "seed": to.seed, "ca_pem": to.ca_pem,
                    "permissions": policy(to.permissions), "deny": to.deny, "rules": to.rules, "hold_cap_ms": to.hold_cap_ms,
                }),
            )
            .await?;
        self.sample().await;
        Ok(())
    }

    async fn plant(&mut self, data: PlantData) -> Result<Value, Problem> {
        self.ask("plant", json!({"data": data})).await
    }

    async fn install(&mut self, id: u64, apk: BlobRef, splits: Vec<BlobRef>, prepared: Option<BlobRef>) -> Result<Installed, Problem> {
        let mut apks = vec![self.take(&apk, "base.apk")?];
        for (i, s) in splits.iter().enumerate() {
            apks.push(self.take(s, &format!("split-{i}.apk"))?);
        }
        let begun = Instant::now();
        let jar = self.layout.work.join("app.jar");
        let mut made = None;
        if let Some(p) = &prepared {
            self.take(p, "app.jar")?;
        } else {
            made = Some(convert::convert(&self.layout, &apks, jar.clone(), self.out.blob(id), &self.out).await?);
        }
        let prepare_seconds = begun.elapsed().as_secs_f64();
        // Nothing of the app has run yet.
        self.before = snapshot::known(&self.layout.temporary);
        let installed: Result<Installed, Problem> = self
            .ask(
                "install",
                json!({"apk": apks[0], "splits": apks[1..], "jar": jar, "data_dir": self.layout.data, "artifacts_dir": self.layout.artifacts}),
            )
            .await;
        self.settle().await;
        Ok(Installed { prepared: made, prepare_seconds, ..installed? })
    }

    async fn launch(&mut self) -> Result<Launched, Problem> {
        let r = self.ask("launch", json!({})).await;
        self.settle().await;
        self.sample().await;
        r
    }

    async fn input(&mut self, input: Input) -> Result<Found, Problem> {
        // The scenario decides whether a step may find nothing, so the host is never asked for an optional one.
        let mut parameters = serde_json::to_value(input).map_err(|e| Problem::new("failed", e.to_string()))?;
        if let Some(m) = parameters.as_object_mut() {
            m.retain(|_, v| !v.is_null());
        }
        let r = self.ask("input", parameters).await;
        self.settle().await;
        match r {
            Err(p) if p.code == "not_found" => Ok(Found { found: false, what: p.message }),
            r => r,
        }
    }

    async fn change(&mut self, change: Change) -> Result<(), Problem> {
        let (verb, parameters) = match change {
            Change::Background => ("background", json!({})),
            Change::Foreground => ("foreground", json!({})),
            Change::Screen(on) => ("screen", json!({"on": on})),
            Change::Doze(on) => ("doze", json!({"on": on})),
            Change::Reboot => ("reboot", json!({})),
            Change::Bucket(_) => {
                let why = "this device delays no alarms and jobs by an app's standby bucket; the `emulator` device does";
                return Err(Problem::new("unsupported", why));
            }
            Change::Permission(to, deny) => ("permission", json!({"policy": policy(to), "deny": deny})),
        };
        let r = self.ask::<Map<String, Value>>(verb, parameters).await;
        self.settle().await;
        r.map(|_| ())
    }

    async fn advance(&mut self, nanos: Nanos) -> Result<Advanced, Problem> {
        self.sample().await;
        let (from, _) = self.window().open(nanos);
        let patience = Patience::WhileMoving(limits::advance(nanos.get()), limits::STALL + self.hold_cap);
        let r: Result<Advanced, Problem> = self.ask_patiently("advance", json!({"nanos": nanos}), patience).await;
        let r = match r {
            Ok(a) => {
                let at = self.window().close(a.at);
                Ok(Advanced { at, ..a })
            }
            Err(p) => {
                let at = self.window().close_unknown();
                Err(Problem::new(&p.code, format!("{} (the clock went from {from} to {at})", p.message)))
            }
        };
        self.settle().await;
        self.sample().await;
        r
    }

    async fn screenshot(&mut self, id: u64) -> Result<Shot, Problem> {
        let size: Map<String, Value> = self.ask("screenshot", json!({"path": self.layout.temporary.join(SHOT)})).await?;
        let side = |name: &str| size.get(name).and_then(Value::as_u64).and_then(|v| u32::try_from(v).ok()).unwrap_or(0);
        let (folder, blob) = (self.layout.temporary.clone(), self.out.blob(id));
        let sent = tokio::task::spawn_blocking(move || {
            let mut blob = blob;
            let (file, size) = snapshot::open_one(&folder, SHOT, limits::SCREENSHOT)?;
            io::copy(&mut file.take(size), &mut blob)?;
            // It is not the app's, and what is left there counts as such.
            let _ = std::fs::remove_file(folder.join(SHOT));
            blob.finish()
        });
        let blob = sent
            .await
            .map_err(io::Error::other)
            .and_then(|r| r)
            .map_err(|e| Problem::new("failed", format!("the picture cannot be taken: {e}")))?;
        Ok(Shot { width: side("width"), height: side("height"), blob })
    }

    async fn snapshot(&mut self, id: u64, max_bytes: u64, max_files: u64) -> Result<Snapshot, Problem> {
        self.stop_app().await;
        let blob = self.out.blob(id);
        let parts = snapshot::Parts {
            data: self.layout.data.clone(),
            artifacts: self.layout.artifacts.clone(),
            elsewhere: vec![self.layout.temporary.clone(), self.layout.shared.clone()],
            before: std::mem::take(&mut self.before),
        };
        let taken = tokio::task::spawn_blocking(move || {
            let (blob, budget) = snapshot::take(blob, Budget::new(max_bytes, max_files), parts)?;
            Ok((blob.finish()?, budget))
        });
        let taken: io::Result<(BlobRef, Budget)> = taken.await.map_err(io::Error::other).and_then(|r| r);
        let (blob, b) = taken.map_err(|e| Problem::new("failed", format!("the files cannot be taken: {e}")))?;
        Ok(Snapshot { blob, files: b.taken, lost_files: b.lost_files, lost_bytes: b.lost_bytes })
    }

    async fn stop(&mut self) -> Result<Stopped, Problem> {
        self.stop_app().await;
        Ok(Stopped { peak_kib: self.peak_kib })
    }

    async fn kill(&mut self) {
        self.end_guest(Duration::ZERO).await;
        if let Some(user) = self.layout.convert_user {
            confine::kill_user(user).await;
        }
        // The feed's thread ends with the guest's pipe; what it still holds goes with the keys.
        *self.feeds.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.host = None;
    }
}

/// Whether less than a hundredth of the room is left: what the app would have written next could not be kept.
fn is_full(folder: &std::path::Path) -> bool {
    rustix::fs::statvfs(folder).is_ok_and(|s| s.f_blocks > 0 && s.f_bavail < s.f_blocks / 100)
}

/// The policy's name on the host's pipe.
fn policy(p: PermissionPolicy) -> &'static str {
    match p {
        PermissionPolicy::GrantOnRequest => "grant_on_request",
        PermissionPolicy::Deny => "deny",
        PermissionPolicy::GrantAll => "grant_all",
    }
}

/// Blobs of a layout, in the form that the session shares.
pub fn blobs(layout: &Layout) -> SharedBlobs {
    Arc::new(std::sync::Mutex::new(crate::core::blobs::Blobs::new(&layout.work)))
}
