//! All that there is in one run of the stand-in, and what happens in it by itself.

use std::{
    collections::VecDeque,
    env,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32},
    },
};

use tokio::sync::{Notify, broadcast, watch};

use crate::{
    args::Args,
    avd::Avd,
    clock::Clock,
    faults::{Fault, Faults},
    frida::Inside,
    guest::{File, Phone},
    host::Host,
    keeper::Keeper,
    script::{On, Script, When},
};

/// Sound on its way to the microphone: what `injectAudio` gave.
#[derive(Debug, Default)]
pub struct Sound {
    /// Samples, 16 bit little-endian.
    pub queue: Mutex<VecDeque<u8>>,
    /// Something was taken or put.
    pub changed: Notify,
    /// A client is there.
    pub taken: AtomicBool,
}

/// What gRPC tells by itself.
#[derive(Clone, Copy, Debug)]
pub enum Note {
    /// The camera of the virtual scene.
    Camera(bool),
    /// The guest has booted.
    Booted,
}

/// A run.
#[derive(Debug)]
pub struct World {
    /// The command line.
    pub args: Args,
    /// The virtual device.
    pub avd: Avd,
    /// How to misbehave.
    pub faults: Faults,
    /// The guest's clock.
    pub clock: Clock,
    /// The app: that of the environment, until an APK brings its own.
    script: Mutex<Arc<Script>>,
    /// What was brought last is no whole APK.
    pub broken: AtomicBool,
    /// What the app was ordered.
    pub configuration: Mutex<serde_json::Value>,
    /// When the guest was started last, as the clock counts.
    pub begun: Mutex<std::time::Duration>,
    /// The guest.
    pub phone: Mutex<Phone>,
    /// The microphone.
    pub sound: Sound,
    /// The guest's log as it grows.
    pub log: broadcast::Sender<String>,
    /// What the app hears.
    pub events: broadcast::Sender<On>,
    /// What an agent in the app's process hears.
    pub inside: broadcast::Sender<Inside>,
    /// What gRPC tells.
    pub notes: broadcast::Sender<Note>,
    /// Which adbd runs; 0: none yet. Its connections end when this changes.
    pub adbd: watch::Sender<u32>,
    /// The end of the process, with its exit code.
    pub end: watch::Sender<Option<i32>>,
    /// Calls of gRPC.
    pub calls: AtomicU32,
    /// What the host's microphone hears: a file, if there is one.
    pub pcm: Option<PathBuf>,
    /// The same by a sound server.
    pub host: Option<Host>,
    /// A program of the device's own in the guest.
    pub keeper: Keeper,
    /// Guest seconds of a boot.
    pub boot: f64,
}

fn number(name: &str, otherwise: f64) -> Result<f64, String> {
    match env::var(name) {
        Ok(text) => text.parse().map_err(|_| format!("`{name}` is no number")),
        Err(_) => Ok(otherwise),
    }
}

impl World {
    /// From the command line and the environment.
    pub fn new(args: Args) -> Result<Arc<Self>, String> {
        let avd = Avd::find(&args.avd)?;
        let faults = Faults::parse(&env::var("FAKE_EMULATOR_FAULTS").unwrap_or_default())?;
        let script = match env::var("FAKE_EMULATOR_SCRIPT") {
            Err(_) => Script::default(),
            Ok(text) => {
                let json = if text.trim_start().starts_with('{') {
                    text
                } else {
                    std::fs::read_to_string(&text).map_err(|e| format!("`{text}`: {e}"))?
                };
                serde_json::from_str(&json).map_err(|e| format!("the script: {e}"))?
            }
        };
        let api = number("FAKE_EMULATOR_API", 34.0)? as u32;
        let abis = env::var("FAKE_EMULATOR_ABIS").unwrap_or_else(|_| "x86_64,arm64-v8a".to_owned());
        let phone = Phone::new(api, &abis, &args);
        // Without a window it is linked with stubs.
        let host = Host::of_environment().filter(|_| {
            let can = !args.no_window && !faults.has(Fault::NoPulseAudio);
            if !can {
                eprintln!("pulseaudio: Failed to initialize PA context\naudio: Could not init `pa' audio driver");
            }
            can
        });
        Ok(Arc::new(Self {
            avd,
            faults,
            clock: Clock::new(number("FAKE_EMULATOR_SCALE", 1.0)?),
            script: Mutex::new(Arc::new(script)),
            broken: AtomicBool::default(),
            configuration: Mutex::default(),
            begun: Mutex::default(),
            phone: Mutex::new(phone),
            sound: Sound::default(),
            log: broadcast::channel(1024).0,
            events: broadcast::channel(64).0,
            inside: broadcast::channel(256).0,
            notes: broadcast::channel(64).0,
            adbd: watch::channel(0).0,
            end: watch::channel(None).0,
            calls: AtomicU32::new(0),
            pcm: env::var_os("FAKE_EMULATOR_PCM").map(PathBuf::from),
            host,
            keeper: Keeper::default(),
            boot: number("FAKE_EMULATOR_BOOT", 2.0)?,
            args,
        }))
    }

    /// The guest.
    pub fn phone(&self) -> MutexGuard<'_, Phone> {
        self.phone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The app.
    pub fn script(&self) -> Arc<Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Another app.
    pub fn set_script(&self, script: Script) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(script);
    }

    /// Guest time since the guest was started.
    pub fn uptime(&self) -> std::time::Duration {
        self.clock.up().saturating_sub(*self.begun.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The guest's uptime, in nanoseconds, at a time of our kernel since its boot.
    pub fn uptime_of(&self, boot: u64) -> u64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let now = std::time::Duration::new(now.tv_sec as u64, now.tv_nsec as u32);
        let passed = self.clock.theirs(now.saturating_sub(std::time::Duration::from_nanos(boot)));
        self.uptime().saturating_sub(passed).as_nanos() as u64
    }

    /// A file of the guest is written, or removed, by an app.
    pub fn file(&self, path: &str, by: &str, bytes: Option<Vec<u8>>) {
        self.keeper.changed(path, bytes.as_deref());
        let modified = self.clock.millis() / 1000;
        let mut phone = self.phone();
        match bytes {
            Some(bytes) => {
                phone.files.insert(path.to_owned(), File { mode: 0o100_660, bytes, modified });
                phone.made.insert(path.to_owned(), by.to_owned());
            }
            None => drop(phone.files.remove(path)),
        }
    }

    fn happens(&self, when: When) {
        let _ = self.events.send(On::When(when));
    }

    /// A line of the guest's log.
    pub fn say(&self, pid: u32, level: char, tag: &str, text: &str) {
        let line = self.phone().say(self.clock.millis(), pid, level, tag, text);
        let _ = self.log.send(line);
    }

    /// Why QEMU does not start: from API 30 on there is a modem of its own, which it reaches at `::1`, and where a host has no address but
    /// those of its loopback that is resolved by nobody (`AI_ADDRCONFIG`). As in a cell, so here there never is another.
    pub fn without_modem(&self) -> Option<&'static str> {
        let simulated = self.phone().api() >= 30 && !self.args.features.iter().any(|f| f == "-ModemSimulator");
        simulated.then_some(
            "qemu-system-x86_64: -chardev socket,port=40000,host=::1,nowait,nodelay,reconnect=10,ipv6,id=modem: address resolution failed for ::1:40000: Address family for hostname not supported",
        )
    }

    /// Whether the guest stands still.
    pub fn hangs(&self) -> bool {
        self.args.loads().is_some() && self.faults.has(Fault::HangsOnRestore)
    }

    /// Opens the app.
    pub fn launch(&self, package: &str) -> bool {
        let when = {
            let mut phone = self.phone();
            let pid = phone.number();
            let Some(app) = phone.packages.get_mut(package) else { return false };
            let when = if app.pid.is_none() { When::Launch } else { When::Foreground };
            app.pid.get_or_insert(pid);
            app.ran = true;
            phone.top = Some(package.to_owned());
            when
        };
        self.happens(when);
        true
    }

    /// Presses home.
    pub fn home(&self) {
        if self.phone().top.take().is_some() {
            self.happens(When::Background);
        }
    }

    /// Puts the screen on or off.
    pub fn screen(&self, on: bool) {
        let changed = std::mem::replace(&mut self.phone().screen, on) != on;
        if changed {
            self.happens(if on { When::ScreenOn } else { When::ScreenOff });
        }
    }

    /// The app ends with an exception.
    pub fn crash(&self, package: &str) {
        let pid = self.phone().packages.get(package).and_then(|p| p.pid);
        let Some(pid) = pid else { return };
        self.say(pid, 'E', "AndroidRuntime", "FATAL EXCEPTION: main");
        self.say(pid, 'E', "AndroidRuntime", &format!("Process: {package}, PID: {pid}"));
        self.say(pid, 'E', "AndroidRuntime", "java.lang.IllegalStateException: stand-in");
        self.phone().end(package);
    }

    /// A restart of adbd: its connections end.
    pub fn restart_adbd(&self) {
        self.adbd.send_modify(|n| *n += 1);
    }

    /// The guest starts, from nothing or from a snapshot.
    pub async fn start(self: &Arc<Self>, restored: bool) {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = self.clock.up();
        if self.hangs() {
            return;
        }
        let seconds = if restored { 0.2 } else { self.boot };
        self.clock.sleep(seconds / 2.0).await;
        self.restart_adbd();
        self.clock.sleep(seconds / 2.0).await;
        {
            let mut phone = self.phone();
            phone.system_starts();
            phone.booted = !self.faults.has(Fault::NeverBoots);
            if phone.booted {
                phone.props.insert("sys.boot_completed".to_owned(), "1".to_owned());
            }
        }
        if !self.phone().booted {
            return;
        }
        self.say(500, 'I', "SystemServer", "boot completed");
        let _ = self.notes.send(Note::Booted);
        let world = self.clone();
        drop(tokio::spawn(async move { world.troubles().await }));
    }

    /// Waits so many guest seconds; with `=launch`, from the first launch of an app on.
    pub async fn later(&self, fault: Fault, seconds: f64) {
        if self.faults.value(fault) == Some("launch") {
            let mut events = self.events.subscribe();
            while events.recv().await.is_ok_and(|e| e != On::When(When::Launch)) {}
        }
        self.clock.sleep(self.faults.number(fault, seconds)).await;
    }

    /// What goes wrong after a boot.
    async fn troubles(self: Arc<Self>) {
        if self.faults.has(Fault::Killed) {
            self.later(Fault::Killed, 3.0).await;
            let _ = self.end.send(Some(137));
        }
        if self.faults.has(Fault::ClockJumps) {
            self.later(Fault::ClockJumps, 5.0).await;
            self.clock.jump(-3_600_000);
        }
        if self.faults.has(Fault::SystemServerRestarts) {
            self.later(Fault::SystemServerRestarts, 5.0).await;
            {
                let mut phone = self.phone();
                phone.system = false;
                phone.audio_log.clear();
                let names: Vec<String> = phone.packages.keys().cloned().collect();
                for name in &names {
                    phone.end(name);
                }
            }
            self.say(1, 'F', "Zygote", "Exit zygote because system server has terminated");
            self.clock.sleep(5.0).await;
            self.phone().system_starts();
        }
        if self.faults.has(Fault::SoundServerDies)
            && let Some(host) = &self.host
        {
            self.later(Fault::SoundServerDies, 5.0).await;
            host.kill().await;
        }
        if self.faults.has(Fault::KeeperDies) {
            self.later(Fault::KeeperDies, 5.0).await;
            self.keeper.end();
        }
        if self.faults.has(Fault::CameraServerRestarts) {
            self.later(Fault::CameraServerRestarts, 5.0).await;
            let mut phone = self.phone();
            (phone.camera, phone.starts[1]) = (None, phone.starts[1] + 1);
            phone.camera_log.clear();
        }
    }

    /// The guest restarts.
    pub async fn reboot(self: &Arc<Self>) {
        let ran = {
            let mut phone = self.phone();
            phone.system = false;
            phone.booted = false;
            phone.props.remove("sys.boot_completed");
            phone.starts = [0; 3];
            phone.root = false;
            // Harder than an emulator is known to be.
            phone.host_microphone = false;
            phone.screen = true;
            phone.bound = false;
            (phone.doze, phone.deep, phone.unplugged) = (false, false, false);
            (phone.counts, phone.sent) = (None, std::collections::BTreeMap::new());
            // What services keep in memory; app operations are on disk.
            phone.camera_log.clear();
            phone.audio_log.clear();
            phone.log.clear();
            let names: Vec<String> = phone.packages.keys().cloned().collect();
            for name in &names {
                phone.end(name);
            }
            phone.packages.values().any(|p| p.ran)
        };
        self.keeper.end();
        self.adbd.send_replace(0);
        self.start(false).await;
        if ran && self.phone().booted {
            self.happens(When::Boot);
        }
    }
}
