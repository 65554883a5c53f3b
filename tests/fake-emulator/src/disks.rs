//! The disks of a virtual device, as far as it matters where they lie, how much room they need, and who may write them. Nothing is on
//! them.
//!
//! After external/qemu, `android-qemu2-glue/drive-share.cpp` (which disks are opened for writing, and what lies over them),
//! `android/emulation/compatibility_check` (the room that is asked for) and `android/base/system/System.cpp` (the folder for temporary
//! files). `FAKE_EMULATOR_FREE` (MiB) is said to be free where a test is not about the file system that it runs on.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use crate::{args::Args, avd::Avd};

/// Below this much free room no virtual device is started.
const PRESSURE: u64 = 2 << 30;
/// The guest's data, as it is made, before anything is written over it.
const DATA: &str = "userdata-qemu.img";
/// What is written over it and over the cache; bytes.
const DISKS: [&str; 2] = ["userdata-qemu.img.qcow2", "cache.img.qcow2"];
const SIZE: u64 = 2 << 20;
/// Of which snapshot the disks are in the state.
const STATE: &str = "read-snapshot.txt";
/// The snapshot's name where none is given.
const USUAL: &str = "default_boot";

/// The disks while the emulator runs.
#[derive(Debug, Default)]
pub struct Disks {
    /// What the guest writes while its disks are only read.
    overlay: Option<PathBuf>,
}

/// The emulator's folder for temporary files. `TMPDIR` is not asked for.
fn temporary() -> PathBuf {
    if let Some(folder) = env::var_os("ANDROID_TMP") {
        return folder.into();
    }
    let user = env::var("USER").ok().filter(|u| !u.is_empty()).unwrap_or_else(|| "unknown".to_owned());
    Path::new("/tmp").join(format!("android-{user}"))
}

/// Bytes that are free where this folder lies.
fn free(folder: &Path) -> u64 {
    let told = env::var("FAKE_EMULATOR_FREE").ok().and_then(|v| v.parse::<u64>().ok());
    told.map_or_else(|| rustix::fs::statvfs(folder).map_or(0, |s| s.f_bavail.saturating_mul(s.f_frsize)), |mib| mib << 20)
}

/// Whether a file may be opened for writing. Root may open any, so its mode is looked at too.
fn writable(path: &Path) -> Result<(), String> {
    let cannot = |e: io::Error| format!("Could not open '{}': {e}", path.display());
    if fs::metadata(path).map_err(cannot)?.permissions().readonly() {
        return Err(cannot(io::ErrorKind::PermissionDenied.into()));
    }
    fs::File::options().write(true).open(path).map(drop).map_err(cannot)
}

fn make(path: &Path, bytes: u64) -> Result<(), String> {
    fs::File::create(path).and_then(|f| f.set_len(bytes)).map_err(|e| format!("Could not create '{}': {e}", path.display()))
}

/// Whether there is room for a data partition, which is of 6 GiB at least: 1.2 times as much must be free.
fn partition(avd: &Avd, free: u64) -> Result<(), String> {
    let asked = avd.config.get("disk.dataPartition.size").and_then(|s| s.trim_end_matches('M').parse::<u64>().ok()).unwrap_or(0) << 20;
    let need = asked.max(6 << 30) / 5 * 6;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    if free >= need {
        return Ok(());
    }
    let (folder, free, need) = (avd.folder.display(), mib(free), mib(need));
    Err(format!("FATAL        | Not enough space to create userdata partition. Available: {free:.2} MB at {folder}, need {need:.2} MB."))
}

impl Disks {
    /// Opens them. An error is what goes to standard error.
    pub fn open(avd: &Avd, args: &Args) -> Result<Self, String> {
        if free(&avd.folder) < PRESSURE {
            return Err(format!("FATAL        | Not enough disk space available to run avd: `{}`.", avd.name));
        }
        let data = avd.folder.join(DATA);
        if args.wipe || !data.exists() {
            partition(avd, free(&avd.folder))?;
            make(&data, SIZE)?;
        }
        for path in DISKS.map(|name| avd.folder.join(name)) {
            if args.wipe || !path.exists() {
                make(&path, SIZE)?;
            }
        }
        let state = avd.folder.join(STATE);
        if !args.read_only {
            for name in DISKS {
                writable(&avd.folder.join(name))?;
            }
            // They may be in any from now on.
            let _ = fs::write(&state, "");
            return Ok(Self::default());
        }
        let snapshot = args.snapshot.as_deref().unwrap_or(USUAL);
        if !fs::read_to_string(&state).is_ok_and(|s| s == snapshot) {
            // They are brought to the snapshot's, for which they are written. The cache is copied instead.
            writable(&avd.folder.join(DISKS[0])).map_err(|e| format!("{e}\ndrive-share.cpp: drive_init: Assertion `blk' failed."))?;
            let _ = fs::write(&state, snapshot);
        }
        let path = temporary().join(format!("fake-emulator-{}.qcow2", std::process::id()));
        overlay(&path).map_err(|e| format!("Could not create '{}': {e}", path.display()))?;
        Ok(Self { overlay: Some(path) })
    }

    /// At the end.
    pub fn close(&self) {
        if let Some(path) = &self.overlay {
            let _ = fs::remove_file(path);
        }
    }
}

fn overlay(path: &Path) -> io::Result<()> {
    // One folder, and none above it.
    if let Some(folder) = path.parent().filter(|f| !f.is_dir()) {
        fs::create_dir(folder)?;
    }
    fs::write(path, b"QFI\xfb")
}
