//! What a worker is told at its start.

use std::{path::PathBuf, time::Duration};

use stakeout_bundle::keys::SigningKey;
use stakeout_contract::{DeviceKind, WorkerId, lease::Abilities};

use crate::WorkerError;

/// Which images a worker uses, by name or id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Images {
    /// Runs `stakeout-gateway`.
    pub gateway: String,
    /// Kind of device, its image, and the API levels that it can be.
    pub devices: Vec<(DeviceKind, String, Vec<u32>)>,
    /// Runs `stakeout analyze` on a trial's folder.
    pub analysis: String,
    /// A video device of the host (`/dev/video10`), for an emulator whose back camera is one. It is one cell's at a time.
    pub video: Option<String>,
    /// The operator's folder with Frida's program, for an agent inside of apps on emulators.
    pub frida: Option<PathBuf>,
}

impl Default for Images {
    /// The names that `images/build.sh` gives.
    fn default() -> Self {
        let named = |what: &str| format!("stakeout/{what}:{}", env!("CARGO_PKG_VERSION"));
        Self {
            gateway: named("gateway"),
            devices: vec![(DeviceKind::Jvm, named("jvm"), vec![23, 27, 34])],
            analysis: named("analysis"),
            video: None,
            frida: None,
        }
    }
}

impl Images {
    /// The image for a kind of device that can be this API level.
    pub fn device(&self, kind: DeviceKind, api: u32) -> Option<&str> {
        self.devices.iter().find(|(k, _, apis)| *k == kind && apis.contains(&api)).map(|(_, image, _)| image.as_str())
    }
}

/// Bounds of one trial on this host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Memory of a device's container with its tmpfs, bytes.
    pub device_memory: u64,
    /// The same, of an emulator's.
    pub emulator_memory: u64,
    /// Memory of a gateway's container, bytes.
    pub gateway_memory: u64,
    /// Memory of an analysis container, bytes.
    pub analysis_memory: u64,
    /// Real time of an analysis.
    pub analysis_time: Duration,
    /// Bytes of the app's files that are kept.
    pub files_bytes: u64,
    /// Number of the app's files that are kept.
    pub files: u64,
    /// Bytes of a capture.
    pub capture_bytes: u64,
    /// Bytes of one request's or answer's body.
    pub body_bytes: u64,
    /// Bytes of all that is kept of a trial.
    pub kept_bytes: u64,
    /// Observations of a trial; more are counted as lost.
    pub observations: u64,
}

impl Limits {
    /// Memory of a device's container, bytes.
    pub const fn memory_of(&self, device: DeviceKind) -> u64 {
        match device {
            DeviceKind::Jvm | DeviceKind::EmulatorFake => self.device_memory,
            DeviceKind::Emulator => self.emulator_memory,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            device_memory: 2500 << 20,
            // With its gateway 8 GiB, by which slots are reckoned: the guest's 4, the emulator's own, and what the guest writes.
            emulator_memory: (8 << 30) - (384 << 20),
            gateway_memory: 384 << 20,
            analysis_memory: 2 << 30,
            analysis_time: Duration::from_secs(600),
            files_bytes: 512 << 20,
            files: 20_000,
            capture_bytes: 256 << 20,
            body_bytes: 16 << 20,
            kept_bytes: 2 << 30,
            observations: 200_000,
        }
    }
}

/// What a worker is told at its start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkerConfig {
    /// Its name.
    pub worker: WorkerId,
    /// Images.
    pub images: Images,
    /// Trials at a time.
    pub slots: u32,
    /// Folder for prepared apps and for what trials leave until it is handed in. Made if missing.
    pub cache: PathBuf,
    /// At most so many bytes of prepared apps are kept there.
    pub cache_bytes: u64,
    /// Cells that are kept booted, without a trial in them, for the kind and API level that was asked for last. 0: none.
    pub warm: u32,
    /// Ends when there is nothing to lease and nothing runs (for one job in one process), instead of asking again.
    pub until_idle: bool,
    /// Pause before asking again when there was nothing to lease.
    pub poll: Duration,
    /// Bounds of one trial.
    pub limits: Limits,
    /// Apps may reach the internet where their scenario says `live`.
    pub live: bool,
}

impl WorkerConfig {
    /// One slot, one warm cell, default images and bounds.
    pub fn new(cache: PathBuf) -> Self {
        Self {
            worker: WorkerId::generate(),
            images: Images::default(),
            slots: 1,
            cache,
            cache_bytes: 2 << 30,
            warm: 1,
            until_idle: false,
            poll: Duration::from_millis(500),
            limits: Limits::default(),
            live: true,
        }
    }

    /// The key that this worker signs with, from its cache folder; made there the first time.
    pub fn key(&self) -> Result<SigningKey, WorkerError> {
        SigningKey::load_or_create(&self.cache.join("worker.pem")).map_err(WorkerError::Key)
    }

    /// What it tells the orchestrator that it can run.
    pub fn abilities(&self) -> Abilities {
        Abilities { devices: self.images.devices.iter().map(|(k, _, apis)| (*k, apis.clone())).collect(), slots: self.slots }
    }
}
