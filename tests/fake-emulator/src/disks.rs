//! The disks of a virtual device, as far as it matters where they lie and who may write them. Nothing is on them.
//!
//! After external/qemu, `android-qemu2-glue/drive-share.cpp` (which disks are opened for writing, and what lies over them) and
//! `android/base/system/System.cpp` (the emulator's folder for temporary files).

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use crate::{args::Args, avd::Avd};

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

impl Disks {
    /// Opens them. An error is what goes to standard error.
    pub fn open(_avd: &Avd, args: &Args) -> Result<Self, String> {
        if !args.read_only {
            return Ok(Self::default());
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
