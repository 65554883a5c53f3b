//! Captures from elsewhere: their HTTP objects, by a local `tshark`. It uses the TLS secrets that are in the capture itself.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use stakeout_confine::Reach;

use crate::{NotOpened, child};

/// Objects of one capture that are searched.
const OBJECTS: usize = 20_000;

/// Takes the bodies of requests and answers out of a capture.
pub trait CaptureReader {
    /// The bodies, in the capture's order, as files in `into`, an empty folder.
    fn bodies(&self, capture: &Path, into: &Path) -> Result<Vec<PathBuf>, NotOpened>;
}

/// No such reader.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCaptures;

impl CaptureReader for NoCaptures {
    fn bodies(&self, _: &Path, _: &Path) -> Result<Vec<PathBuf>, NotOpened> {
        Err(NotOpened("no decoder: tshark".to_owned()))
    }
}

/// Runs a local `tshark`.
#[derive(Debug, Clone)]
pub struct Tshark {
    program: PathBuf,
    patience: Duration,
}

impl Tshark {
    /// The `tshark` on the path, if there is one.
    pub fn on_path() -> Option<Self> {
        Some(Self { program: child::on_path("tshark")?, patience: Duration::from_mins(5) })
    }
}

impl CaptureReader for Tshark {
    fn bodies(&self, capture: &Path, into: &Path) -> Result<Vec<PathBuf>, NotOpened> {
        let failed = |e: String| NotOpened(format!("{e}: capture"));
        let mut command = Command::new(&self.program);
        command.arg("-n").arg("-q").arg("-r").arg(capture);
        let mut option = std::ffi::OsString::from("http,");
        option.push(into);
        command.arg("--export-objects").arg(option);
        let reach = Reach { reads: vec![capture.into()], writes: vec![into.into()], program: None };
        child::run(&mut command, &reach, 1 << 20, self.patience).map_err(failed)?;
        let listed = fs::read_dir(into).map_err(|e| failed(format!("no folder: {}", e.kind())))?;
        let mut out: Vec<PathBuf> = listed.filter_map(|e| e.ok().map(|e| e.path())).filter(|p| p.is_file()).collect();
        out.sort();
        out.truncate(OBJECTS);
        Ok(out)
    }
}

/// Whether these bytes begin a pcap or pcapng file.
pub(crate) fn is_capture(b: &[u8]) -> bool {
    matches!(b.get(..4), Some(b"\x0a\x0d\x0d\x0a" | b"\xd4\xc3\xb2\xa1" | b"\xa1\xb2\xc3\xd4" | b"\x4d\x3c\xb2\xa1" | b"\xa1\xb2\x3c\x4d"))
}
