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
    /// The app in front.
    pub top: Option<String>,
    /// A permission that is asked for on the screen.
    pub asked: Option<(String, String)>,
    /// Who has a camera: number, package, pid.
    pub camera: Option<(u32, String, u32)>,
    /// What the camera service remembers, newest first.
    pub camera_log: VecDeque<String>,
    /// Who records: package, uid, session, silenced.
    pub recording: Option<(String, u32, u32, bool)>,
    /// What the audio service remembers.
    pub audio_log: VecDeque<String>,
    /// The log.
    pub log: VecDeque<String>,
    /// adbd is root.
    pub root: bool,
    /// The system server is there.
    pub system: bool,
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
        phone
    }

    /// A new number.
    pub fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    /// Writes a line of the log.
    pub fn say(&mut self, millis: i64, pid: u32, level: char, tag: &str, text: &str) -> String {
        let line = format!("{} {pid:>5} {pid:>5} {level} {tag}: {text}", Clock::log_time(millis, '.'));
        self.log.push_back(line.clone());
        if self.log.len() > 5000 {
            self.log.pop_front();
        }
        line
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
            "{} rec {verb:<5} riid:{} uid:{uid} session:{session} src:MIC {silenced} pack:{package}",
            Clock::log_time(millis, ':'),
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
        let api: u32 = self.props.get("ro.build.version.sdk").and_then(|v| v.parse().ok()).unwrap_or(0);
        api < 28 || matches!(self.state(package).0, "top" | "fgsvc")
    }

    /// Puts an app on the phone.
    pub fn install(&mut self, script: &Script, size: u64, grant: bool) {
        let uid = self.packages.get(&script.package).map_or(10_123, |p| p.uid);
        let mut package = Package { uid, size, ..Package::default() };
        if grant {
            let all = ["CAMERA", "RECORD_AUDIO", "READ_CONTACTS", "READ_CALL_LOG", "POST_NOTIFICATIONS"];
            package.granted = all.iter().map(|p| format!("android.permission.{p}")).collect();
        }
        self.packages.insert(script.package.clone(), package);
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
        self.asked = None;
    }
}
