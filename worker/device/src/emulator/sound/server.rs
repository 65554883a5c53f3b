//! The sound server of one emulator: PulseAudio, whose microphone hears what is written into a FIFO.
//!
//! It is started before its emulator, as that connects with it when its sound card is made and never again, and ends with it.
//! Nothing is loaded but what is named here: the microphone, a speaker that nobody hears (an emulator without one has no sound
//! card), the socket for the emulator, and one on which this device hears what the emulator hears.
//!
//! **What the emulator's user can do with it**: connect with the socket, record, play, set volumes. The FIFO and the second socket
//! lie in a folder of the server's own user that no other may enter; the server takes no commands to load or to end, listens on no
//! port, and shares no memory. It is as hostile as its client, and knows nothing but the sound.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::StreamExt as _;
use tokio::{
    process::{Child, ChildStderr},
    time::Instant,
};
use tokio_util::codec::{FramedRead, LinesCodec};

use super::super::layout::{Layout, MicrophoneRoute};
use crate::confine::{self, Limits};

/// Samples a second of the microphone: what Android works with, so nobody on the way changes them.
pub const RATE: u32 = 48_000;
/// The microphone's and the speaker's names.
const MICROPHONE: &str = "microphone";
const SPEAKER: &str = "speaker";
/// From its start until it can be used: 40 ms where nothing else is to do.
const START: Duration = Duration::from_secs(10);
/// Between two looks whether it can.
const PAUSE: Duration = Duration::from_millis(5);
const LIMITS: Limits = Limits { files: 256, file_bytes: 1 << 20, groups: [None; 2] };

/// What is done as its user before it begins: nothing of a former one is left.
const TIDY: &str = r#"rm -rf -- "$0/own" "$0/native" && mkdir -m 0700 -- "$0/own" && exec "$@""#;

/// Where its files are. Its own folder is closed to all others but us, who may enter any.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    fn own(&self) -> PathBuf {
        self.0.join("own")
    }

    /// The socket for the emulator.
    fn native(&self) -> PathBuf {
        self.0.join("native")
    }

    /// What the microphone hears is written here.
    pub fn fifo(&self) -> PathBuf {
        self.own().join("fifo")
    }

    /// What it hears can be heard here.
    pub fn heard(&self) -> PathBuf {
        self.own().join("heard")
    }

    /// How many connections the emulator has with it now.
    pub fn connections(&self) -> usize {
        fs::read_to_string("/proc/net/unix").map_or(0, |all| connected(&all, &self.native()))
    }
}

/// Connected sockets at a path, by `/proc/net/unix`: of a socket that was accepted too, the path is the listener's. See proc(5).
fn connected(all: &str, path: &Path) -> usize {
    const CONNECTED: &str = "03";
    let is = |line: &&str| {
        let mut words = line.split_whitespace();
        words.nth(5) == Some(CONNECTED) && words.nth(1).is_some_and(|p| Path::new(p) == path)
    };
    all.lines().filter(is).count()
}

/// A running one. Dropping it ends it.
pub struct Server {
    _child: Child,
    folder: Folder,
}

impl Server {
    /// Starts one for the emulator that is started next. If there is none, why.
    pub async fn start(layout: &Layout) -> Result<Self, String> {
        if layout.microphone == MicrophoneRoute::Grpc {
            return Err(format!("`{}` says so", MicrophoneRoute::SETTING));
        }
        let failed = |e: std::io::Error| format!("the sound server cannot be started: {e}");
        let folder = Folder(layout.work.join("sound"));
        make(&folder.0, layout.sound_user).await.map_err(failed)?;
        let mut words: Vec<OsString> = vec!["sh".into(), "-c".into(), TIDY.into(), folder.0.clone().into(), "pulseaudio".into()];
        words.extend(arguments(&folder).into_iter().map(OsString::from));
        let mut command = confine::command(&words, layout.sound_user, LIMITS);
        // All that it keeps is in its own folder: of people's settings it knows nothing.
        for name in ["HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH"] {
            command.env(name, folder.own());
        }
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let said = Arc::<Mutex<Option<String>>>::default();
        if let Some(from) = child.stderr.take() {
            tokio::spawn(listen(from, said.clone()));
        }
        let why = || said.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_else(|| "it does not say why".to_owned());
        let until = Instant::now() + START;
        // The last that it makes.
        while !folder.native().exists() {
            if let Some(status) = child.try_wait().map_err(failed)? {
                return Err(format!("the sound server ended at its start ({status}): {}", why()));
            }
            if Instant::now() >= until {
                return Err(format!("the sound server does not begin: {}", why()));
            }
            tokio::time::sleep(PAUSE).await;
        }
        if !folder.fifo().exists() {
            return Err(format!("the sound server has no microphone: {}", why()));
        }
        Ok(Self { _child: child, folder })
    }

    /// Where its files are.
    pub const fn folder(&self) -> &Folder {
        &self.folder
    }

    /// What its emulator is told by its environment: QEMU's own names, and those of PulseAudio's library under it.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let mut address = OsString::from("unix:");
        address.push(self.folder.native());
        vec![
            ("QEMU_AUDIO_DRV", "pa".into()),
            ("QEMU_PA_SERVER", address.clone()),
            ("QEMU_PA_SOURCE", MICROPHONE.into()),
            ("QEMU_PA_SINK", SPEAKER.into()),
            ("PULSE_SERVER", address),
            // Without these QEMU records 44100 samples a second and makes 48000 of them, badly.
            ("QEMU_AUDIO_ADC_FIXED_SETTINGS", "1".into()),
            ("QEMU_AUDIO_ADC_FIXED_FREQ", RATE.to_string().into()),
            ("QEMU_AUDIO_ADC_FIXED_FMT", "S16".into()),
            ("QEMU_AUDIO_ADC_FIXED_CHANNELS", "1".into()),
        ]
    }
}

/// Makes its folder: ours, and the server's user may make files in it.
async fn make(folder: &Path, user: Option<u32>) -> std::io::Result<()> {
    let words: Vec<OsString> = ["mkdir", "-p", "-m", "0771", "--"].map(OsString::from).into_iter().chain([folder.into()]).collect();
    let done = confine::in_group(&words, user).stdin(Stdio::null()).output().await?;
    if done.status.success() { Ok(()) } else { Err(std::io::Error::other(String::from_utf8_lossy(&done.stderr).trim().to_owned())) }
}

/// Its command line.
fn arguments(folder: &Folder) -> Vec<String> {
    let mut out: Vec<String> = [
        // No file of settings is read.
        "-n",
        "--daemonize=no",
        "--use-pid-file=no",
        "--exit-idle-time=-1",
        "--disallow-exit=yes",
        "--disallow-module-loading=yes",
        "--disable-shm=yes",
        "--enable-memfd=no",
        "--high-priority=no",
        "--realtime=no",
        "--log-target=stderr",
        "--log-level=warning",
    ]
    .map(str::to_owned)
    .into();
    let form = format!("format=s16le rate={RATE} channels=1");
    let (fifo, heard, native) = (folder.fifo(), folder.heard(), folder.native());
    for module in [
        format!("module-null-sink sink_name={SPEAKER}"),
        format!("module-pipe-source source_name={MICROPHONE} file=\"{}\" {form}", fifo.display()),
        format!("module-simple-protocol-unix socket=\"{}\" source={MICROPHONE} record=1 playback=0 {form}", heard.display()),
        // Who may come is said by the folder that it is in: the container holds the emulator's user, its own, and us.
        format!("module-native-protocol-unix socket=\"{}\" auth-anonymous=1 auth-cookie-enabled=0", native.display()),
    ] {
        out.extend(["-L".to_owned(), module]);
    }
    out
}

/// Hears it out; its first complaint is kept.
async fn listen(from: ChildStderr, said: Arc<Mutex<Option<String>>>) {
    let mut lines = FramedRead::new(from, LinesCodec::new_with_max_length(4096));
    while let Some(line) = lines.next().await {
        if let Some(why) = line.ok().as_deref().and_then(|l| l.strip_prefix("E: ")) {
            let why = why.chars().filter(|c| !c.is_control()).take(300).collect();
            said.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> Folder {
        Folder("/work/sound".into())
    }

    #[test]
    fn it_listens_on_no_port_and_takes_no_commands() {
        let all = arguments(&folder());
        for need in ["-n", "--disallow-module-loading=yes", "--disallow-exit=yes", "--disable-shm=yes", "--exit-idle-time=-1"] {
            assert!(all.iter().any(|a| a == need), "{need}");
        }
        let modules: Vec<&String> = all.iter().zip(all.iter().skip(1)).filter(|(a, _)| *a == "-L").map(|(_, m)| m).collect();
        assert_eq!(
            modules,
            [
                "module-null-sink sink_name=speaker",
                "module-pipe-source source_name=microphone file=\"/work/sound/own/fifo\" format=s16le rate=48000 channels=1",
                "module-simple-protocol-unix socket=\"/work/sound/own/heard\" source=microphone record=1 playback=0 format=s16le rate=48000 \
                 channels=1",
                "module-native-protocol-unix socket=\"/work/sound/native\" auth-anonymous=1 auth-cookie-enabled=0",
            ]
        );
    }

    #[test]
    fn who_is_connected_is_read_from_the_kernel_s_list() {
        let all = "Num       RefCount Protocol Flags    Type St Inode Path\n\
                   00000000a: 00000002 00000000 00010000 0001 01 3605361 /work/sound/native\n\
                   00000000b: 00000003 00000000 00000000 0001 03 3606489 /work/sound/native\n\
                   00000000c: 00000003 00000000 00000000 0001 03 3606490 /work/sound/own/heard\n\
                   00000000d: 00000003 00000000 00000000 0001 03 3606491\n";
        assert_eq!(connected(all, &folder().native()), 1, "the one that listens is no connection, and others are not ours");
        assert_eq!(connected("", &folder().native()), 0);
    }
}
