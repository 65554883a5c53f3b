//! The guest's state.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{args::Args, clock::Clock, script::Script};

/// An operation of an app that the guest keeps books of: `CAMERA`, `RECORD_AUDIO`, `READ_CONTACTS`, `READ_CALL_LOG`.
#[derive(Clone, Debug, Default)]
pub struct Op {
    /// `allow`, `ignore`, `deny`, `default`.
    pub mode: Option<String>,
    /// Last access: when, in which state, how long; guest milliseconds.
    pub access: Option<(i64, &'static str, i64)>,
    /// Last refusal: when, in which state.
    pub reject: Option<(i64, &'static str)>,
    /// Begun and not ended.
    pub running: Option<i64>,
}

/// An installed app.
#[derive(Clone, Debug, Default)]
pub struct Package {
    /// Its user.
    pub uid: u32,
    /// Bytes of what was installed.
    pub size: u64,
    /// What it was granted.
    pub granted: BTreeSet<String>,
    /// Its operations.
    pub ops: BTreeMap<String, Op>,
    /// Its process.
    pub pid: Option<u32>,
    /// It has run before.
    pub ran: bool,
    /// A service with a notification runs.
    pub service: bool,
    /// Its standby bucket, if it was given one.
    pub bucket: Option<u32>,
    /// Permissions that its owner was asked for, and has answered.
    pub answered: BTreeSet<String>,
    /// `versionName`, `versionCode`, `targetSdkVersion`.
    pub version: (String, i64, u32),
    /// Permissions of its manifest.
    pub permissions: Vec<String>,
}

/// A line of the log.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// Guest milliseconds.
    pub millis: i64,
    /// The writer's process.
    pub pid: u32,
    /// The writer's user.
    pub uid: u32,
    /// `I`, `W`, ..
    pub level: char,
    /// Its tag.
    pub tag: String,
    /// What it says.
    pub text: String,
}

impl LogLine {
    /// As `logcat -v threadtime` prints it.
    pub fn threadtime(&self) -> String {
        let Self { millis, pid, level, tag, text, .. } = self;
        format!("{} {pid:>5} {pid:>5} {level} {tag}: {text}", Clock::log_time(*millis, '.'))
    }

    /// As `logcat -B` writes it: `logger_entry_v4` of log/log_read.h.
    pub fn binary(&self) -> Vec<u8> {
        let level = 2 + "VDIWEF".find(self.level).unwrap_or(2) as u8;
        let body = [&[level][..], self.tag.as_bytes(), b"\0", self.text.as_bytes(), b"\0"].concat();
        let (seconds, nanos) = (self.millis.div_euclid(1000) as u32, self.millis.rem_euclid(1000) as u32 * 1_000_000);
        let mut out = Vec::with_capacity(28 + body.len());
        out.extend((body.len() as u16).to_le_bytes());
        out.extend(28_u16.to_le_bytes());
        for word in [self.pid, self.pid, seconds, nanos, 0, self.uid] {
            out.extend(word.to_le_bytes());
        }
        out.extend(body);
        out
    }
}

/// A file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// Type and permissions.
    pub mode: u32,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Seconds since 1970.
    pub modified: i64,
}

/// A session of the package manager.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Bytes written.
    pub size: u64,
    /// Parts written.
    pub parts: u32,
    /// An app for an old Android is taken too.
    pub old: bool,
}

/// A row of a content provider.
pub type Row = Vec<(String, String)>;

/// All that the guest knows.
#[derive(Debug, Default)]
pub struct Phone {
    /// System properties.
    pub props: BTreeMap<String, String>,
    /// Installed apps.
    pub packages: BTreeMap<String, Package>,
    /// Files by path.
    pub files: BTreeMap<String, File>,
    /// Rows by `content://` address.
    pub providers: BTreeMap<String, Vec<Row>>,
    /// `settings`, by namespace and key.
    pub settings: BTreeMap<(String, String), String>,
    /// Sessions of the package manager.
    pub sessions: BTreeMap<u64, Session>,
    /// The screen is on.
    pub screen: bool,
    /// Deep idle is forced.
    pub doze: bool,
    /// There can be deep idle: images for the emulator have it switched off.
    pub deep: bool,
    /// It was taken from its charger.
    pub unplugged: bool,
    /// The app in front.
    pub top: Option<String>,
    /// Permissions that are asked for: the first is on the screen, the others wait.
    pub asked: VecDeque<(String, String)>,
    /// Who has a camera: number, package, pid.
    pub camera: Option<(u32, String, u32)>,
    /// What the camera service remembers, newest first.
    pub camera_log: VecDeque<String>,
    /// Who made which file.
    pub made: BTreeMap<String, String>,
    /// Bytes that each user has sent by TCP.
    pub sent: BTreeMap<u32, u64>,
    /// Whose bytes a device's rules count apart, from which count on.
    pub counts: Option<(u32, BTreeMap<u32, u64>)>,
    /// Who records: package, uid, session, silenced.
    pub recording: Option<(String, u32, u32, bool)>,
    /// What the audio service remembers.
    pub audio_log: VecDeque<String>,
    /// The log.
    pub log: VecDeque<LogLine>,
    /// adbd is root.
    pub root: bool,
    /// The system's certificates are bound over the module's.
    pub bound: bool,
    /// The system server is there.
    pub system: bool,
    /// How often system server, camera server and audio server were started in this life of the guest.
    pub starts: [u32; 3],
    /// The boot is done.
    pub booted: bool,
    /// The clipboard.
    pub clipboard: String,
    /// East, north.
    pub position: Option<(f64, f64)>,
    /// Messages that arrived.
    pub messages: Vec<(String, String)>,
    /// The guest hears the host's microphone.
    pub host_microphone: bool,
    /// What was typed and pressed.
    pub input: Vec<String>,
    /// The next number of whatever needs one.
    pub next: u32,
}

impl Phone {
    /// As it is before a boot.
    pub fn new(api: u32, abis: &str, args: &Args) -> Self {
        let version = match api {
            28 => "9",
            29 => "10",
            30 => "11",
            31 => "12",
            33 => "13",
            34 => "14",
            _ => "15",
        };
        let props = [
            ("ro.build.version.sdk", api.to_string()),
            ("ro.build.version.release", version.to_owned()),
            ("ro.product.cpu.abilist", abis.to_owned()),
            ("ro.product.model", "sdk_gphone64_x86_64".to_owned()),
            ("ro.debuggable", "1".to_owned()),
            ("ro.kernel.qemu.avd_name", args.avd.clone()),
            ("persist.sys.timezone", "UTC".to_owned()),
        ];
        let mut phone =
            Self { props: props.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(), screen: true, next: 1000, ..Self::default() };
        for folder in ["/sdcard", "/sdcard/DCIM", "/data/local/tmp"] {
            phone.files.insert(folder.to_owned(), File { mode: 0o040_771, ..File::default() });
        }
        for store in ["/system/etc/security", "/apex/com.android.conscrypt"] {
            phone.files.insert(format!("{store}/cacerts/00000000.0"), File { mode: 0o100_644, ..File::default() });
        }
        phone
    }

    /// API level.
    pub fn api(&self) -> u32 {
        self.props.get("ro.build.version.sdk").and_then(|v| v.parse().ok()).unwrap_or(0)
    }

    /// The system server starts; from Android 10 on it counts how often.
    pub fn system_starts(&mut self) {
        self.system = true;
        crate::clock::tell_zone();
        self.starts[0] += 1;
        if self.api() >= 29 {
            self.props.insert("sys.system_server.start_count".to_owned(), self.starts[0].to_string());
        }
    }

    /// A new number.
    pub fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    /// Writes a line of the log.
    pub fn say(&mut self, millis: i64, pid: u32, level: char, tag: &str, text: &str) -> String {
        let app = self.packages.values().find(|p| p.pid == Some(pid)).map(|p| p.uid);
        // The camera service is 600; all else that is no app is the system's.
        let uid = app.unwrap_or(if pid == 600 { 1047 } else { 1000 });
        let line = LogLine { millis, pid, uid, level, tag: tag.to_owned(), text: text.to_owned() };
        let said = line.threadtime();
        self.log.push_back(line);
        if self.log.len() > 5000 {
            self.log.pop_front();
        }
        said
    }

    /// Remembers an event of a camera.
    pub fn camera_event(&mut self, millis: i64, text: &str) {
        self.camera_log.push_front(format!("  {} : {text}", Clock::format(millis, "%m-%d %H:%M:%S")));
        self.camera_log.truncate(100);
    }

    /// Remembers an event of a recording.
    pub fn audio_event(&mut self, millis: i64, verb: &str, package: &str, uid: u32, session: u32, silenced: bool) {
        let silenced = if silenced { "silenced" } else { "not silenced" };
        self.audio_log.push_back(format!(
            "{}:{:03} rec {verb:<5} riid:{} uid:{uid} session:{session} src:MIC {silenced} pack:{package}",
            Clock::format_of_server(millis, "%m-%d %H:%M:%S"),
            millis.rem_euclid(1000),
            session + 14
        ));
        if self.audio_log.len() > 50 {
            self.audio_log.pop_front();
        }
    }

    /// The state of an app's user, as app operations name it, and as the activity manager does.
    pub fn state(&self, package: &str) -> (&'static str, &'static str) {
        let Some(app) = self.packages.get(package).filter(|p| p.pid.is_some()) else { return ("cch", "-1 (NONEXISTENT)") };
        if self.top.as_deref() == Some(package) && self.screen {
            ("top", "2 (TOP)")
        } else if app.service {
            ("fgsvc", "4 (FOREGROUND_SERVICE)")
        } else if self.top.as_deref() == Some(package) {
            ("top-s", "5 (TOP_SLEEPING)")
        } else {
            ("cch", "15 (LAST_ACTIVITY)")
        }
    }

    /// Whether the guest lets an idle app have camera and microphone.
    pub fn may_capture(&self, package: &str) -> bool {
        self.api() < 28 || matches!(self.state(package).0, "top" | "fgsvc")
    }

    /// Puts an app on the phone.
    pub fn install(&mut self, script: &Script, size: u64, grant: bool) {
        let uid = self.packages.get(&script.package).map_or(10_123, |p| p.uid);
        let version = (script.version_name.clone(), script.version_code, script.target_sdk);
        let mut package = Package { uid, size, version, permissions: script.permissions.clone(), ..Package::default() };
        if grant {
            package.granted = script.permissions.iter().filter(|p| !p.ends_with(".INTERNET")).cloned().collect();
        }
        self.packages.insert(script.package.clone(), package);
    }

    /// An app asks for a permission; the same question waits once.
    pub fn ask(&mut self, package: &str, permission: String) {
        let question = (package.to_owned(), permission);
        if !self.asked.contains(&question) {
            self.asked.push_back(question);
        }
    }

    /// Ends an app's process.
    pub fn end(&mut self, package: &str) {
        if let Some(app) = self.packages.get_mut(package) {
            app.pid = None;
            app.service = false;
        }
        if self.top.as_deref() == Some(package) {
            self.top = None;
        }
        self.asked.clear();
    }
}
