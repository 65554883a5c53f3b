//! The contract between the two halves of a bake: an emulator is booted once, settled, and its snapshot kept for later starts.
//!
//! The half on the host is `stakeout images build emulator` (`stakeout-sdk`), the half in the container `stakeout-device`. How both,
//! and trials, start the emulator is here too ([`arguments`]): a snapshot loads only where it is started as it was.
//!
//! The host starts the image's program as `stakeout-device --kind emulator --bake`, in a container of its own:
//!
//! - the first process is root with the capabilities of a trial's device, no others; `/dev/kvm` is there, and its group (look at
//!   the file) is among the first process's groups: the emulator, as user 10001, must be given that group too;
//! - no network at all;
//! - the root file system is writable, which in a trial it is not, and [`AVD_HOME`] belongs to user 10001. The emulator is started
//!   on the virtual device **in that folder** ([`Launch::is_kept`]), so that the snapshot becomes part of the image. Folders that are
//!   tmpfs in a trial (`/work`, `/data`, `/tmp`, `/feed`) are tmpfs here too, and nothing in them is kept. A trial cannot write to
//!   [`AVD_HOME`]: its device makes a copy on a tmpfs (small files copied, what is large linked) and starts with `-read-only` from
//!   there. So does the bake in the end ([`Launch::Restore`]), after the program has taken the right to write from all in that folder.
//!
//! On its standard input it gets one line, an [`Order`]. It does the work of the stages in their order, one at a time, and writes
//! one [`Said`] a line to standard output: `begun` with the stage's number (from 0 on), then `done` or `failed`. `note` may stand
//! anywhere. After the last `done` it ends with code 0, and so does everything that it started: what is then on disk is what is
//! kept. After a `failed` it ends too; the host begins anew in a new container, or gives up. When its standard input ends it ends
//! at once. It needs no clock: the host removes a container whose stage takes too long.
//!
//! What a stage's work is, its own doc says ([`Work`]). The program adds ports and, for `Start`, waits until console
//! and adb answer. Standard error is for people; its end is shown when something fails.
//!
//! The host believes nothing of this but what it can see: lines out of order end the bake, and so does a snapshot whose folder
//! ([`snapshot_folder`]) is not there at the end. What it cannot see, that the snapshot is of a phone in order, the stages prove:
//! the last of them load it once.

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::choice::{Cameras, Window};

/// The virtual device's name in an image.
pub const AVD: &str = "stakeout";
/// The folder of virtual devices in an image.
pub const AVD_HOME: &str = "/opt/android/avd";
/// The snapshot's name.
pub const SNAPSHOT: &str = "stakeout";
/// Features that the emulator is started with, or with a `-` without, in a bake and in a trial. The modem of images from API 30 on is
/// reached at `::1`, an address that a namespace with nothing but its loopback does not resolve, and the emulator ends by that; without
/// it the emulator is the modem itself. In the order of a set, as a class of hosts has them.
pub const FEATURES: &[&str] = &["-ModemSimulator", "AllowSnapshotMigration"];
/// How the guest's graphics are drawn: in software, as no host has to have a GPU.
pub const GPU: &str = "swiftshader_indirect";
/// Argument that makes `stakeout-device` bake.
pub const ARGUMENT: &str = "--bake";
/// Longest line that either half takes, bytes.
pub const LINE_MAX: usize = 64 << 10;
/// Most lines of one try.
pub const LINES_MAX: u32 = 20_000;

/// What of a virtual device is said on the command line again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    /// How the guest's graphics are drawn.
    pub gpu: String,
    /// Processors.
    pub cores: u32,
    /// Memory, MiB.
    pub ram_mib: u32,
    /// Features that are asked for.
    pub features: Vec<String>,
    /// Its window.
    pub window: Window,
}

/// How a guest's system certificates are made replaceable. The job's own certificate comes with each trial, which lays a store of its
/// own over this one, and is never baked in: a bake shows that it can be done on this image.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustStore {
    /// API 33 and older: a tmpfs with the certificates over `/system/etc/security/cacerts`.
    Tmpfs,
    /// API 34 and newer: the same, and bound over `/apex/com.android.conscrypt/cacerts` in the namespaces of init and the zygotes.
    TmpfsAndApex,
}

/// How the emulator is started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Launch {
    /// From nothing, to be saved.
    Bake,
    /// From the snapshot, once, on the virtual device that is kept: what lies below the guest's own writes becomes the snapshot's state,
    /// and the emulator notes beside it that it is. Each later start would have to do so otherwise, and cannot.
    Apply,
    /// From the snapshot, changing nothing.
    Restore,
    /// From nothing, for a trial with an image that was never booted: the emulator makes its disks.
    Cold,
    /// From the disks of a bake, without its snapshot, changing nothing.
    ColdBaked,
    /// Only asks whether the snapshot can be loaded here.
    Check,
}

/// Work of one stage.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Work {
    /// Look at `/dev/kvm` and at `emulator -accel-check`.
    CheckKvm,
    /// Remove lock files of an emulator that is gone, make the copy of a trial, and put first pictures where the cameras look for them.
    Tidy,
    /// Start the emulator.
    Start {
        /// How.
        launch: Launch,
        /// Arguments of `emulator`; ports are added by who runs it.
        arguments: Vec<String>,
    },
    /// Wait until the package manager answers and services are listed; after a restore also until our own probe has seen and heard
    /// what is fed, as `sys.boot_completed` alone says nothing there.
    Ready,
    /// No animations, no setup wizard, no verifier, screen never locked; then our own probe, for which a wizard would be in the way.
    Settle,
    /// Commands must run as root; needs a rootable image.
    Root,
    /// Make the system's certificates replaceable.
    Trust {
        /// How.
        store: TrustStore,
    },
    /// Wait until the guest does nothing, and write its disks out.
    Quiet,
    /// `avd snapshot save NAME`.
    Save {
        /// The snapshot's name.
        snapshot: String,
    },
    /// Stop the emulator and wait for its end.
    Stop,
    /// `-check-snapshot-loadable` must say yes.
    Loadable {
        /// Arguments of `emulator`.
        arguments: Vec<String>,
    },
    /// Keep the container as an image with these labels.
    Commit {
        /// Labels that are added.
        labels: Vec<(String, String)>,
    },
}

impl Launch {
    /// Whether the guest boots, where the others go on from a snapshot.
    pub const fn is_boot(self) -> bool {
        matches!(self, Self::Bake | Self::Cold | Self::ColdBaked)
    }

    /// Whether it is on the virtual device that is kept.
    pub const fn is_kept(self) -> bool {
        matches!(self, Self::Bake | Self::Apply)
    }
}

impl Work {
    /// In words, for progress and messages.
    pub const fn words(&self) -> &'static str {
        match self {
            Self::CheckKvm => "check KVM",
            Self::Tidy => "tidy up",
            Self::Start { launch: Launch::Apply, .. } => "bring the disks to the snapshot",
            Self::Start { launch: Launch::Restore, .. } => "start from the snapshot",
            Self::Start { .. } => "start the emulator",
            Self::Ready => "wait until the phone is ready",
            Self::Settle => "settle the phone",
            Self::Root => "become root",
            Self::Trust { .. } => "make the certificates replaceable",
            Self::Quiet => "wait until the phone is quiet",
            Self::Save { .. } => "save the snapshot",
            Self::Stop => "stop the emulator",
            Self::Loadable { .. } => "ask whether the snapshot can be loaded",
            Self::Commit { .. } => "keep it as an image",
        }
    }
}

/// What happens when a stage fails or takes too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// There will be no snapshot; say why. Trials on this host boot cold.
    Abort,
    /// Everything from the first stage on, as often as [`Bake::tries`] says.
    Again,
}

/// A stage.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stage {
    /// Its work.
    #[serde(flatten)]
    pub work: Work,
    /// Real time that it may take.
    pub deadline: Duration,
    /// When it fails.
    pub on_failure: OnFailure,
}

/// What the half in the container gets: one line of JSON.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// 1.
    pub format: u32,
    /// All stages but the last: that one, keeping the image, is the host's.
    pub stages: Vec<Stage>,
}

/// What it says: one line of JSON each.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "said", deny_unknown_fields)]
pub enum Said {
    /// A stage began: `{"said":"begun","stage":0}`.
    Begun {
        /// Its place in [`Order::stages`].
        stage: usize,
    },
    /// It is done.
    Done {
        /// Its place.
        stage: usize,
    },
    /// It failed: `{"said":"failed","stage":3,"reason":"the package manager never answered"}`.
    Failed {
        /// Its place.
        stage: usize,
        /// Why, for people.
        reason: String,
    },
    /// For people who wait: `{"said":"note","text":"boot: 40 s"}`.
    Note {
        /// What.
        text: String,
    },
}

/// Where the snapshot must be at the end.
pub fn snapshot_folder(snapshot: &str) -> String {
    format!("{AVD_HOME}/{AVD}.avd/snapshots/{snapshot}")
}

/// Arguments of `emulator` for a launch. Ports are added before `-qemu`, by who starts it.
pub fn arguments(machine: &Machine, launch: Launch) -> Vec<String> {
    // Who only asks needs no window, and so no display.
    let window = if machine.window.is_none() || launch == Launch::Check { "-no-window" } else { "-qt-hide-window" };
    let mut out: Vec<String> =
        ["-avd", AVD, window, "-no-boot-anim", "-no-metrics", "-skip-adb-auth", "-grpc-use-token", "-allow-host-audio", "-gpu"]
            .map(str::to_owned)
            .into();
    out.push(machine.gpu.clone());
    out.extend(["-cores".into(), machine.cores.to_string(), "-memory".into(), machine.ram_mib.to_string()]);
    for feature in &machine.features {
        out.extend(["-feature".into(), feature.clone()]);
    }
    let more: &[&str] = match launch {
        // What was there before is not part of what is saved.
        Launch::Bake => &["-no-snapshot-load", "-no-snapshot-save", "-wipe-data"],
        Launch::Apply | Launch::Restore => &["-read-only", "-snapshot", SNAPSHOT, "-force-snapshot-load", "-no-snapshot-save"],
        Launch::Cold => &["-no-snapshot-load", "-no-snapshot-save"],
        // The snapshot is named all the same: the disks are in its state, and for another name they would be written.
        Launch::ColdBaked => &["-read-only", "-snapshot", SNAPSHOT, "-no-snapshot-load", "-no-snapshot-save"],
        Launch::Check => &["-check-snapshot-loadable", SNAPSHOT],
    };
    out.extend(more.iter().map(|s| (*s).to_owned()));
    // A guest that panics must end its emulator, or it would hang until the deadline. Everything after -qemu is QEMU's.
    if launch != Launch::Check {
        out.extend(["-qemu", "-append", "panic=1"].map(str::to_owned));
    }
    out
}

impl Said {
    /// Reads a line.
    pub fn parse(line: &str) -> Result<Self, String> {
        if line.len() > LINE_MAX {
            return Err(format!("a line of more than {LINE_MAX} bytes"));
        }
        serde_json::from_str(line).map_err(|e| format!("a line that cannot be read ({e})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        let features = FEATURES.iter().map(|f| (*f).to_owned()).collect();
        Machine { gpu: GPU.to_owned(), cores: 4, ram_mib: 4096, features, window: Window::None }
    }

    #[test]
    fn the_lines_of_the_docs_can_be_read_and_others_cannot() {
        assert_eq!(Said::parse("{\"said\":\"begun\",\"stage\":0}"), Ok(Said::Begun { stage: 0 }));
        assert_eq!(Said::parse("{\"said\":\"note\",\"text\":\"boot: 40 s\"}"), Ok(Said::Note { text: "boot: 40 s".into() }));
        let failed = "{\"said\":\"failed\",\"stage\":3,\"reason\":\"the package manager never answered\"}";
        assert!(matches!(Said::parse(failed), Ok(Said::Failed { stage: 3, .. })));
        let long = format!("{{\"said\":\"note\",\"text\":\"{}\"}}", "x".repeat(LINE_MAX));
        for bad in
            ["", "begun 0", "{}", "{\"said\":\"begun\"}", "{\"said\":\"begun\",\"stage\":-1}", "{\"said\":\"saved\",\"stage\":1}", &long]
        {
            assert!(Said::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_restore_writes_nothing_and_every_launch_uses_the_token() {
        for launch in [Launch::Bake, Launch::Apply, Launch::Restore, Launch::Cold, Launch::ColdBaked, Launch::Check] {
            let arguments = arguments(&machine(), launch);
            let has = |a: &str| arguments.iter().any(|x| x == a);
            assert!(has("-grpc-use-token") && has("-no-window") && has("-allow-host-audio"), "{launch:?}");
            assert!(FEATURES.is_sorted(), "a bake is started by a class of hosts, a trial by these");
            // What the emulator sends about itself would be taken for the guest's.
            assert!(has("-no-metrics") && has("-ModemSimulator"), "{launch:?}");
            // Where the disks are the image's: its root cannot be written.
            assert_eq!(has("-read-only"), matches!(launch, Launch::Apply | Launch::Restore | Launch::ColdBaked), "{launch:?}");
            assert_eq!(has("-force-snapshot-load"), matches!(launch, Launch::Apply | Launch::Restore), "{launch:?}");
            assert!(!has("-read-only") || has("-snapshot"), "{launch:?}: one that only reads says of which snapshot the disks are");
            assert_eq!(has("-wipe-data"), launch == Launch::Bake);
            let qemu = arguments.iter().position(|x| x == "-qemu");
            assert!(qemu.is_none_or(|at| at + 3 == arguments.len()), "QEMU's arguments come last");
        }
    }

    #[test]
    fn a_hidden_window_is_no_missing_one_but_for_who_only_asks() {
        for window in [Window::Hidden, Window::Offscreen] {
            let machine = Machine { window, ..machine() };
            for launch in [Launch::Bake, Launch::Apply, Launch::Restore, Launch::Cold, Launch::ColdBaked] {
                let arguments = arguments(&machine, launch);
                let has = |a: &str| arguments.iter().any(|x| x == a);
                assert!(has("-qt-hide-window") && !has("-no-window"), "{launch:?}");
            }
            assert!(arguments(&machine, Launch::Check).iter().any(|x| x == "-no-window"));
        }
        assert!(Window::ALL.iter().all(|w| Window::parse(w.word()) == Some(*w)));
        assert_eq!(Window::parse("visible"), None);
    }
}
