//! The emulator's program: its arguments, its copy of the virtual device, its start and its end.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use stakeout_protocol::{
    Problem,
    bake::{self, AVD, Cameras, FEATURES, GPU, Launch, Machine, SNAPSHOT, Window},
    device::Event,
};
use tokio::{io::AsyncRead, process::Child};
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

use super::{camera, display::Screen, layout::Layout, sound::server::Server};
use crate::{
    DeviceError,
    confine::{self, Limits},
    core::{limits, outbox::Outbox},
};

/// The host's virtualisation: the emulator must be in the group that may open it, and likewise of a video device.
const KVM: &str = "/dev/kvm";
/// Lines of the emulator that are kept for a message.
const TAIL: usize = 30;
/// Lines of the emulator that the worker is told.
const TOLD: usize = 2000;

/// What `config.ini` says of the virtual device, as far as it is repeated on the command line: a snapshot loads only where all
/// of this is as it was.
fn setting<'a>(config: &'a str, key: &str, otherwise: &'a str) -> &'a str {
    config.lines().filter_map(|l| l.split_once('=')).find(|(k, _)| k.trim() == key).map_or(otherwise, |(_, v)| v.trim())
}

/// Arguments of the emulator in a trial, with its ports.
pub fn arguments(machine: &Machine, launch: Launch, ports: (u16, u16, u16)) -> Vec<String> {
    with_ports(bake::arguments(machine, launch), ports)
}

/// The virtual device that a `config.ini` describes.
pub fn machine(config: &str) -> Result<Machine, Problem> {
    let number = |key, otherwise| {
        let text = setting(config, key, otherwise);
        let bad = |_| Problem::new("failed", format!("the virtual device's `{key}` is `{text}`, which is no number"));
        text.trim_end_matches('M').parse().map_err(bad)
    };
    let window = setting(config, Window::KEY, Window::None.word());
    let odd = || Problem::new("failed", format!("the virtual device's `{}` is `{window}`, which is no window", Window::KEY));
    Ok(Machine {
        window: Window::parse(window).ok_or_else(odd)?,
        gpu: setting(config, "hw.gpu.mode", GPU).to_owned(),
        cores: number("hw.cpu.ncore", "4")?,
        ram_mib: number("hw.ramSize", "4096M")?,
        features: FEATURES.iter().map(|f| (*f).to_owned()).collect(),
    })
}

/// The version in what an emulator says of itself: `Android emulator version 36.6.4.0 (build_id 14..)`.
pub fn version_of(text: &str) -> Option<(u32, u32, u32)> {
    let word = text.split("ersion").nth(1)?.split_whitespace().next()?;
    let mut parts = word.split('.').map(|p| p.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

/// Where the cameras of a `config.ini` take their pictures from.
pub fn cameras(config: &str) -> Result<Cameras, Problem> {
    let mode = setting(config, "hw.camera.back", "");
    let odd = || Problem::new("failed", format!("the virtual device's `hw.camera.back` is `{mode}`, which cannot be fed"));
    // A virtual device that names none is one for tests, and has pictures.
    if mode.is_empty() { Ok(Cameras::ImageFile) } else { Cameras::of_mode(mode).ok_or_else(odd) }
}

/// Arguments with console, adb and gRPC.
pub fn with_ports(mut arguments: Vec<String>, (console, adb, grpc): (u16, u16, u16)) -> Vec<String> {
    // All after -qemu is QEMU's.
    let at = arguments.iter().position(|a| a == "-qemu").unwrap_or(arguments.len());
    let ports = ["-ports".to_owned(), format!("{console},{adb}"), "-grpc".to_owned(), grpc.to_string()];
    arguments.splice(at..at, ports);
    arguments
}

/// The emulator's own copy of the virtual device, folder by folder: small files are copied, as it writes them; what is large is a link
/// into the image, which it only reads. Stale locks are left behind. Run by the emulator's user, as its home is closed to others.
const COPY: &str = r#"set -eu
umask 022
mkdir -p "$HOME/.android" "$XDG_RUNTIME_DIR" "$ANDROID_AVD_HOME"
# Where a former emulator said that it runs: the next one would be mistaken for it.
rm -rf "$XDG_RUNTIME_DIR/avd" "$HOME/.android/avd/running" "$ANDROID_AVD_HOME/running" "$ANDROID_AVD_HOME/$AVD.avd"
# And what its guest wrote, which is nobody's any longer and takes the room.
rm -rf "$ANDROID_TMP"
mkdir "$ANDROID_AVD_HOME/$AVD.avd" "$ANDROID_TMP"
sed "s|^path=.*|path=$ANDROID_AVD_HOME/$AVD.avd|" "$FROM/$AVD.ini" > "$ANDROID_AVD_HOME/$AVD.ini"
cd "$FROM/$AVD.avd"
find . -mindepth 1 -name '*.lock' -prune -o -type d -print | while IFS= read -r d; do mkdir "$ANDROID_AVD_HOME/$AVD.avd/$d"; done
find . -mindepth 1 -name '*.lock' -prune -o ! -type d -print | while IFS= read -r f; do
  to="$ANDROID_AVD_HOME/$AVD.avd/$f"
  if [ -f "$f" ] && [ "$(wc -c < "$f")" -le 1048576 ]; then cp "$f" "$to"; chmod u+w "$to"; else ln -s "$FROM/$AVD.avd/$f" "$to"; fi
done
[ -z "${BACK:-}" ] || sed -i -e "s|^hw.camera.back=.*|hw.camera.back=$BACK|" -e "s|^hw.camera.front=.*|hw.camera.front=$FRONT|" "$ANDROID_AVD_HOME/$AVD.avd/config.ini"
"#;

/// Bytes of a file that the emulator may write: in a trial, and in a bake, where the guest's memory and disks are.
const FILE: u64 = 8 << 30;
const BAKED_FILE: u64 = 32 << 30;

/// Seconds that an emulator gives itself for its end before it kills itself. What a trial's leaves is thrown away; what a bake's leaves
/// is kept, and one that was killed had not written it all.
const END: &str = "5";
const BAKED_END: &str = "120";

/// Which virtual device the emulator runs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Avds {
    /// Its own copy.
    Copy,
    /// The image's, for a bake: it is changed.
    Image,
}

/// Who hears what the emulator says.
#[derive(Clone)]
pub enum Ear {
    /// The worker, as events.
    Worker(Outbox),
    /// Standard error.
    People,
}

/// A running emulator.
pub struct Process {
    child: Child,
    pid: u32,
    tail: Arc<Mutex<VecDeque<String>>>,
    /// Its sound server; else why it has none.
    pub sound: Result<Server, String>,
    /// What its window is on.
    pub screen: Option<Screen>,
}

impl Layout {
    /// A command of the emulator's user, on its own copy of the virtual device or, in a bake, on the image's.
    pub fn command(&self, words: &[OsString], avds: Avds) -> tokio::process::Command {
        use std::os::unix::fs::MetadataExt as _;
        // A device that everybody may open needs no group, and root's is given to nobody.
        let group = |path: &std::path::Path| fs::metadata(path).ok().map(|m| m.gid()).filter(|g| *g != 0);
        let groups = [group(KVM.as_ref()), camera::webcam::only(&self.videos).ok().and_then(|v| group(&v))];
        let file_bytes = if avds == Avds::Image { BAKED_FILE } else { FILE };
        let mut command = confine::command(words, self.user, Limits { files: 8192, file_bytes, groups });
        command
            .env("HOME", &self.home)
            .env("TMPDIR", &self.temporary)
            // The emulator's own word for it. There lies what the guest writes over disks that are only read, so it has to be where
            // there is room.
            .env("ANDROID_TMP", self.overlays())
            .env("XDG_RUNTIME_DIR", self.home.join("run"))
            .env("ANDROID_HOME", &self.sdk)
            .env("ANDROID_SDK_ROOT", &self.sdk)
            .env("ANDROID_AVD_HOME", if avds == Avds::Image { self.avds.clone() } else { self.copies() })
            .env("ANDROID_EMULATOR_WAIT_TIME_BEFORE_KILL", if avds == Avds::Image { BAKED_END } else { END })
            .envs(self.environment.iter().map(|(k, v)| (k, v)))
            .current_dir(&self.home);
        command
    }

    /// The folder of the emulator's own copy of the virtual device.
    fn copies(&self) -> std::path::PathBuf {
        self.home.join("avd")
    }

    /// The folder of what the guest writes over its disks.
    fn overlays(&self) -> std::path::PathBuf {
        self.home.join("tmp")
    }

    /// What the virtual device's `config.ini` says.
    pub fn config(&self) -> Result<String, DeviceError> {
        let path = self.avds.join(format!("{AVD}.avd/config.ini"));
        fs::read_to_string(&path).map_err(DeviceError::path(path))
    }

    /// Whether the image holds a snapshot.
    pub fn has_snapshot(&self) -> bool {
        self.avds.join(format!("{AVD}.avd/snapshots/{SNAPSHOT}")).is_dir()
    }

    /// API levels of the image: those of its virtual device.
    pub fn apis(&self) -> Vec<u32> {
        let text = fs::read_to_string(self.avds.join(format!("{AVD}.ini"))).unwrap_or_default();
        setting(&text, "target", "").strip_prefix("android-").and_then(|n| n.parse().ok()).into_iter().collect()
    }

    /// ABI of the image's own code; what else it translates is known when it runs.
    pub fn abis(&self) -> Vec<String> {
        let config = self.config().unwrap_or_default();
        Some(setting(&config, "abi.type", "")).filter(|a| !a.is_empty()).map(str::to_owned).into_iter().collect()
    }

    /// What the emulator says of itself, in one line.
    pub async fn version(&self) -> Result<String, DeviceError> {
        let mut words = self.emulator.clone();
        words.push("-version".into());
        let program = words[0].to_string_lossy().into_owned();
        let start = |source| DeviceError::Start { program: program.clone(), source };
        let run = self.command(&words, Avds::Copy).stdin(Stdio::null()).stderr(Stdio::null()).output();
        let done = tokio::time::timeout(Duration::from_secs(20), run).await.map_err(|e| start(std::io::Error::other(e)))?.map_err(start)?;
        let text = String::from_utf8_lossy(&done.stdout);
        let line = text.lines().find(|l| l.contains("ersion")).unwrap_or_default();
        Ok(line.chars().filter(|c| !c.is_control()).take(200).collect())
    }

    /// Makes the emulator's copy of the virtual device.
    pub async fn copy(&self) -> Result<(), DeviceError> {
        let words: Vec<OsString> = ["sh", "-c", COPY].map(OsString::from).into();
        let start = |source| DeviceError::Start { program: "sh".to_owned(), source };
        let mut command = self.command(&words, Avds::Copy);
        command.env("AVD", AVD).env("FROM", &self.avds).stdin(Stdio::null());
        if let Some(cameras) = self.cameras {
            for (name, side) in [("BACK", "back"), ("FRONT", "front")] {
                command.env(name, cameras.mode(&self.feed().display().to_string(), side));
            }
        }
        let done = tokio::time::timeout(Duration::from_secs(60), command.output()).await;
        let done = done.map_err(|e| start(std::io::Error::other(e)))?.map_err(start)?;
        if done.status.success() {
            return Ok(());
        }
        let why: String = String::from_utf8_lossy(&done.stderr).chars().take(300).collect();
        Err(DeviceError::path(&self.home)(std::io::Error::other(why)))
    }
}

impl Process {
    /// Starts the emulator, and before it what it connects with when its sound card is made.
    pub async fn start(layout: &Layout, arguments: &[String], avds: Avds, screen: Screen, ear: &Ear) -> Result<Self, DeviceError> {
        let mut words = layout.emulator.clone();
        words.extend(arguments.iter().map(OsString::from));
        let start = |source| DeviceError::Start { program: words[0].to_string_lossy().into_owned(), source };
        let sound = Server::start(layout).await;
        let mut command = layout.command(&words, avds);
        command.envs(sound.iter().flat_map(Server::environment)).envs(screen.environment());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(start)?;
        let pid = child.id().unwrap_or(0);
        let tail = Arc::new(Mutex::new(VecDeque::new()));
        if let Some(o) = child.stdout.take() {
            tokio::spawn(listen(o, tail.clone(), ear.clone()));
        }
        if let Some(e) = child.stderr.take() {
            tokio::spawn(listen(e, tail.clone(), ear.clone()));
        }
        Ok(Self { child, pid, tail, sound, screen: Some(screen) })
    }

    /// Its number.
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended; none while it runs.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let last: Vec<&str> = tail.iter().rev().take(3).rev().map(String::as_str).collect();
        Some(format!("the emulator ended ({status}): {}", last.join(" / ")))
    }

    /// [`Process::ended`], for when its ports were just found closed: it may take a moment to be gone.
    pub async fn ending(&mut self) -> Option<String> {
        let _ = tokio::time::timeout(Duration::from_secs(1), self.child.wait()).await;
        self.ended()
    }

    /// Waits until it has ended by itself, and how; none if it has not.
    pub async fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        tokio::time::timeout(limit, self.child.wait()).await.ok()?.ok()
    }

    /// Ends it, and all that runs as its user.
    pub async fn end(&mut self, layout: &Layout) {
        let _ = self.child.start_kill();
        if let Some(user) = layout.user {
            confine::kill_user(user).await;
        }
        let _ = tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await;
        self.sound = Err("it has ended".to_owned());
        self.screen = None;
        for user in [layout.sound_user, layout.display_user].into_iter().flatten() {
            confine::kill_user(user).await;
        }
    }
}

async fn listen(from: impl AsyncRead + Unpin, tail: Arc<Mutex<VecDeque<String>>>, ear: Ear) {
    let mut lines = FramedRead::new(from, LinesCodec::new_with_max_length(limits::LOG_LINE));
    let mut told = 0;
    while let Some(line) = lines.next().await {
        let line = match line {
            Ok(l) => l.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect::<String>(),
            Err(LinesCodecError::MaxLineLengthExceeded) => "(a long line)".to_owned(),
            Err(LinesCodecError::Io(_)) => return,
        };
        {
            let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
            tail.push_back(line.chars().take(300).collect());
            if tail.len() > TAIL {
                tail.pop_front();
            }
        }
        told += 1;
        if told <= TOLD {
            let line = format!("emulator: {line}");
            match &ear {
                Ear::Worker(out) => out.event(Event::Log { line }).await,
                Ear::People => tracing::info!("{line}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cameras_are_those_of_the_virtual_device() {
        assert_eq!(cameras("hw.camera.back=imagefile:/work/feed/back.png\n").unwrap(), Cameras::ImageFile);
        assert_eq!(cameras("hw.camera.back=videofile:/work/feed/back.mp4\n").unwrap(), Cameras::VideoFile);
        assert_eq!(version_of("0.1.0; Android emulator version 36.6.4.0 (build_id 14) (CL:N/A)"), Some((36, 6, 4)));
        assert!(version_of("Android emulator version 36.4.9.0").unwrap() < Cameras::VideoFile.since());
        assert_eq!((version_of("emulator 36"), version_of("version x.y.z"), version_of("")), (None, None, None));
        assert_eq!(cameras("hw.camera.back=webcam0\n").unwrap(), Cameras::Webcam);
        assert!(cameras("hw.camera.back=virtualscene\n").unwrap_err().message.contains("`virtualscene`"));
    }

    #[test]
    fn the_command_line_says_what_the_virtual_device_says() {
        let config = "hw.cpu.ncore=2\nhw.ramSize = 3072M\nhw.gpu.mode=swiftshader_indirect\n";
        let cold = arguments(&machine(config).unwrap(), Launch::Cold, (5554, 5555, 8554)).join(" ");
        assert_eq!(
            cold,
            "-avd stakeout -no-window -no-boot-anim -no-metrics -skip-adb-auth -grpc-use-token -allow-host-audio -gpu swiftshader_indirect -cores 2 -memory 3072 \
             -feature -ModemSimulator -feature AllowSnapshotMigration -no-snapshot-load -no-snapshot-save -ports 5554,5555 -grpc 8554 -qemu -append panic=1"
        );
        let restore = arguments(&machine(config).unwrap(), Launch::Restore, (1, 2, 3)).join(" ");
        let hidden = arguments(&machine("stakeout.window=hidden\n").unwrap(), Launch::Cold, (1, 2, 3)).join(" ");
        assert!(hidden.starts_with("-avd stakeout -qt-hide-window -no-boot-anim "), "{hidden}");
        assert!(machine("stakeout.window=glass\n").unwrap_err().message.contains("`glass`"));
        let odd = machine("hw.cpu.ncore=two\n").unwrap_err();
        assert!(odd.message.contains("`hw.cpu.ncore` is `two`"), "{odd}");
        assert!(restore.contains("-read-only -snapshot stakeout -force-snapshot-load -no-snapshot-save"), "{restore}");
    }
}
