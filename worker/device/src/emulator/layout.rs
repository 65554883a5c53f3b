//! Where things lie in the container of an emulator device. `images/emulator` has the Dockerfiles that make it so.

use std::{ffi::OsString, path::PathBuf, time::Duration};

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
}

/// Where an image has the app that proves that a phone is ready.
pub const PROBE: &str = "/opt/stakeout/probe.apk";

/// Folders, users, ports and programs. Tests give others.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The emulator's command, without arguments.
    pub emulator: Vec<OsString>,
    /// The SDK's folder.
    pub sdk: PathBuf,
    /// The image's folder of virtual devices. Read-only.
    pub avds: PathBuf,
    /// The emulator's home and its own copy of the virtual device: its user's.
    pub home: PathBuf,
    /// The emulator's temporary files: its user's.
    pub temporary: PathBuf,
    /// Blobs, and the pictures that the cameras see: ours, readable by the emulator.
    pub work: PathBuf,
    /// The emulator's user; none: our own, for tests.
    pub user: Option<u32>,
    /// The app that proves that a phone is ready, if the image has it.
    pub probe: Option<PathBuf>,
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
        }
    }
}

impl Layout {
    /// As in the image. Of the environment only what begins with `FAKE_EMULATOR_` is passed on: the stand-in's, which no emulator knows.
    pub fn container() -> Self {
        let fake = |name: &OsString| name.to_str().is_some_and(|n| n.starts_with("FAKE_EMULATOR_"));
        Self {
            emulator: vec!["/opt/android/sdk/emulator/emulator".into()],
            sdk: "/opt/android/sdk".into(),
            avds: "/opt/android/avd".into(),
            home: "/data".into(),
            temporary: "/tmp".into(),
            work: "/work".into(),
            user: Some(10_001),
            probe: Some(PathBuf::from(PROBE)).filter(|p| p.is_file()),
            ports: (5554, 5555, 8554),
            environment: std::env::vars_os().filter(|(name, _)| fake(name)).collect(),
            deadlines: Deadlines::usual(),
        }
    }

    /// Where the pictures for the cameras are; the virtual device names the same folder.
    pub fn feed(&self) -> PathBuf {
        self.work.join("feed")
    }
}
