//! Where things lie in the container of an emulator device. `images/emulator` has the Dockerfiles that make it so.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use stakeout_protocol::{
    bake::{Cameras, Window},
    choice::FRIDA,
};

use crate::DeviceError;

/// Real time that the emulator has for what it does by itself. A virtual machine is never waited for without end.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// From the start of the program to its ports.
    pub ports: Duration,
    /// From the ports to a guest that is ready, from a snapshot.
    pub restore: Duration,
    /// The same, from nothing.
    pub cold: Duration,
    /// One command in the guest.
    pub command: Duration,
    /// An agent in a process of the app, until it says that it listens.
    pub agent: Duration,
}

/// Where an image has the app that proves that a phone is ready.
pub const PROBE: &str = "/opt/stakeout/probe.apk";

/// How sound comes to the guest's microphone. `docs/emulator.md` compares them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MicrophoneRoute {
    /// By a sound server that the emulator takes for its host's; by gRPC where that cannot be.
    PulseAudio,
    /// By gRPC.
    Grpc,
}

impl MicrophoneRoute {
    /// The image's setting.
    pub const SETTING: &str = "STAKEOUT_MICROPHONE";

    /// Its name, in settings and on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::PulseAudio => "pulseaudio",
            Self::Grpc => "grpc",
        }
    }

    /// By its name; no name: as usual.
    pub fn parse(text: &str) -> Result<Self, DeviceError> {
        match text {
            "" | "pulseaudio" => Ok(Self::PulseAudio),
            "grpc" => Ok(Self::Grpc),
            other => Err(DeviceError::Setting { name: Self::SETTING, value: other.to_owned(), known: "`pulseaudio` or `grpc`" }),
        }
    }
}

/// The setting of the window, if there is one.
fn window(text: &str) -> Result<Option<Window>, DeviceError> {
    let bad = || DeviceError::Setting { name: Window::SETTING, value: text.to_owned(), known: "`none`, `hidden` or `offscreen`" };
    if text.is_empty() { Ok(None) } else { Window::parse(text).map(Some).ok_or_else(bad) }
}

/// The setting of the cameras, if there is one.
fn cameras(text: &str) -> Result<Option<Cameras>, DeviceError> {
    let bad = || DeviceError::Setting { name: Cameras::SETTING, value: text.to_owned(), known: "`imagefile`, `videofile` or `webcam`" };
    if text.is_empty() { Ok(None) } else { Cameras::parse(text).map(Some).ok_or_else(bad) }
}

/// And the program that keeps what an app deletes.
pub const KEEPER: &str = "/opt/stakeout/stakeout-keeper";

/// Folders, users, ports and programs. Tests give others.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The emulator's command, without arguments.
    pub emulator: Vec<OsString>,
    /// The SDK's folder.
    pub sdk: PathBuf,
    /// The image's folder of virtual devices. Read-only.
    pub avds: PathBuf,
    /// The emulator's home, its own copy of the virtual device, and what its guest writes over its disks: its user's.
    pub home: PathBuf,
    /// The emulator's temporary files: its user's.
    pub temporary: PathBuf,
    /// Blobs, and the pictures that the cameras see: ours, readable by the emulator.
    pub work: PathBuf,
    /// The emulator's user; none: our own, for tests.
    pub user: Option<u32>,
    /// How sound comes to the microphone.
    pub microphone: MicrophoneRoute,
    /// The sound server's user; none: our own, for tests.
    pub sound_user: Option<u32>,
    /// The emulator's window; none: as its virtual device says.
    pub window: Option<Window>,
    /// Where the cameras' pictures come from; none: as its virtual device says.
    pub cameras: Option<Cameras>,
    /// Where video devices of the host are, if there are any: `/dev`.
    pub videos: PathBuf,
    /// The user of a window's display; none: our own, for tests.
    pub display_user: Option<u32>,
    /// The app that proves that a phone is ready, if the image has it.
    pub probe: Option<PathBuf>,
    /// The program that keeps what the app deletes, if the image has it.
    pub keeper: Option<PathBuf>,
    /// The operator's folder with Frida's program, if one is given.
    pub frida: Option<PathBuf>,
    /// Console, adb and gRPC. In a cell the gateway closes them to the emulator's own user.
    pub ports: (u16, u16, u16),
    /// More of the emulator's environment.
    pub environment: Vec<(OsString, OsString)>,
    /// What it has time for.
    pub deadlines: Deadlines,
}

impl Deadlines {
    /// For a host with KVM: a cold boot takes 30 to 120 s there.
    pub const fn usual() -> Self {
        Self {
            ports: Duration::from_secs(60),
            restore: Duration::from_secs(60),
            cold: Duration::from_secs(420),
            command: Duration::from_secs(60),
            agent: Duration::from_secs(20),
        }
    }
}

impl Layout {
    /// As in the image, whose settings are in our environment. To the emulator only what begins with `FAKE_EMULATOR_` is passed on:
    /// the stand-in's, which no emulator knows.
    pub fn container() -> Result<Self, DeviceError> {
        let fake = |name: &OsString| name.to_str().is_some_and(|n| n.starts_with("FAKE_EMULATOR_"));
        Ok(Self {
            emulator: vec!["/opt/android/sdk/emulator/emulator".into()],
            sdk: "/opt/android/sdk".into(),
            avds: "/opt/android/avd".into(),
            home: "/data".into(),
            temporary: "/tmp".into(),
            work: "/work".into(),
            user: Some(10_001),
            microphone: MicrophoneRoute::parse(&std::env::var(MicrophoneRoute::SETTING).unwrap_or_default())?,
            sound_user: Some(10_003),
            window: window(&std::env::var(Window::SETTING).unwrap_or_default())?,
            cameras: cameras(&std::env::var(Cameras::SETTING).unwrap_or_default())?,
            videos: "/dev".into(),
            display_user: Some(10_005),
            probe: Some(PathBuf::from(PROBE)).filter(|p| p.is_file()),
            keeper: Some(PathBuf::from(KEEPER)).filter(|p| p.is_file()),
            frida: Some(PathBuf::from(FRIDA)).filter(|p| p.is_dir()),
            ports: (5554, 5555, 8554),
            environment: std::env::vars_os().filter(|(name, _)| fake(name)).collect(),
            deadlines: Deadlines::usual(),
        })
    }

    /// Where the pictures for the cameras are; the virtual device names the same folder.
    pub fn feed(&self) -> PathBuf {
        self.work.join("feed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_microphone_s_setting_is_one_of_two_words() {
        for route in [MicrophoneRoute::PulseAudio, MicrophoneRoute::Grpc] {
            assert_eq!(MicrophoneRoute::parse(route.word()).unwrap(), route);
        }
        assert_eq!(MicrophoneRoute::parse("").unwrap(), MicrophoneRoute::PulseAudio, "an image without the setting");
        let e = MicrophoneRoute::parse("alsa").unwrap_err().to_string();
        assert_eq!(e, "`STAKEOUT_MICROPHONE` is `alsa`; use `pulseaudio` or `grpc`");
    }

    #[test]
    fn the_window_s_setting_may_be_left_to_the_virtual_device() {
        assert_eq!(window("").unwrap(), None);
        assert_eq!(window("none").unwrap(), Some(Window::None));
        assert_eq!(window("hidden").unwrap(), Some(Window::Hidden));
        let e = window("visible").unwrap_err().to_string();
        assert_eq!(e, "`STAKEOUT_WINDOW` is `visible`; use `none`, `hidden` or `offscreen`");
    }

    #[test]
    fn the_cameras_setting_too() {
        assert_eq!(cameras("").unwrap(), None);
        assert_eq!(cameras("videofile").unwrap(), Some(Cameras::VideoFile));
        let e = cameras("emulated").unwrap_err().to_string();
        assert_eq!(e, "`STAKEOUT_CAMERA` is `emulated`; use `imagefile`, `videofile` or `webcam`");
    }
}
