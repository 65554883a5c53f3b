//! The files by which running emulators tell their ports: `pid_<pid>.ini`.
//!
//! Source: external/qemu, `android/emulation/control/EmulatorAdvertisement.cpp` (keys, name of the file) and the `README` of
//! the gRPC service (places). Lines are `key=value`; an emulator writes its file when its ports are open and removes it at
//! its end, so one that was killed leaves it behind.

use std::{
    ffi::OsString,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    Fault, LinkError, Stage, Token,
    error::within,
    limits::{self, DISCOVERY},
};

/// What an emulator says of itself. Nothing in it is proven: anybody of the same user can write such a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Running {
    /// The process, from the name of the file.
    pub pid: u32,
    /// `port.serial`: the console.
    pub console: Option<u16>,
    /// `port.adb`: the guest's adbd.
    pub adb: Option<u16>,
    /// `grpc.port`.
    pub grpc: Option<u16>,
    /// `grpc.token`: with `-grpc-use-token` only.
    pub token: Option<Token>,
    /// `avd.name`.
    pub avd: Option<String>,
    /// `avd.dir`.
    pub folder: Option<PathBuf>,
    /// `emulator.version`.
    pub version: Option<String>,
}

impl Running {
    /// Whether a process of this number is there. It may be another one.
    pub fn is_alive(&self) -> bool {
        Path::new("/proc").join(self.pid.to_string()).exists()
    }
}

/// Where the files may be, best first: under `$XDG_RUNTIME_DIR`, `/run/user/<uid>`, the folder of the user's AVDs, home.
pub fn places(variable: impl Fn(&str) -> Option<OsString>, uid: u32) -> Vec<PathBuf> {
    let set = |name: &str| variable(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let mut places = Vec::new();
    places.extend(set("XDG_RUNTIME_DIR").map(|p| p.join("avd/running")));
    places.push(PathBuf::from(format!("/run/user/{uid}/avd/running")));
    places.extend(set("ANDROID_EMULATOR_HOME").map(|p| p.join("avd/running")));
    places.extend(set("ANDROID_SDK_HOME").map(|p| p.join(".android/avd/running")));
    places.extend(set("HOME").map(|p| p.join(".android/avd/running")));
    places.dedup();
    places
}

/// The contents of a file. What is not understood is left out; a port of 0 is none.
pub fn parse(text: &str) -> Running {
    let mut running = Running::default();
    let port = |v: &str| v.parse::<u16>().ok().filter(|p| *p != 0);
    let name = |v: &str| (!v.is_empty() && v.len() <= 4096).then(|| v.to_owned());
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = value.trim();
        match key.trim() {
            "port.serial" => running.console = port(value),
            "port.adb" => running.adb = port(value),
            "grpc.port" => running.grpc = port(value),
            "grpc.token" => running.token = Token::new(value),
            "avd.name" => running.avd = name(value),
            "avd.dir" => running.folder = name(value).map(PathBuf::from),
            "emulator.version" => running.version = name(value),
            _ => {}
        }
    }
    running
}

/// The process that a file's name tells.
fn pid(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.strip_prefix("pid_")?.strip_suffix(".ini")?.parse().ok()
}

/// All files that are there now. Only regular files are read, and no link is followed.
pub fn find(places: &[PathBuf]) -> Result<Vec<Running>, LinkError> {
    let mut all = Vec::new();
    for place in places {
        let entries = match std::fs::read_dir(place) {
            Ok(entries) => entries,
            Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => continue,
            Err(source) => return Err(Fault::Unreadable { path: place.clone(), source }.at(Stage::Discovery)),
        };
        // Counted are those with the right name only: other files hide none.
        let named = entries.flatten().filter_map(|e| pid(&e.path()).map(|pid| (pid, e)));
        for (pid, entry) in named.take(DISCOVERY.0) {
            let path = entry.path();
            if !entry.file_type().is_ok_and(|t| t.is_file()) {
                continue;
            }
            let mut bytes = Vec::new();
            let read = File::open(&path).and_then(|f| f.take(DISCOVERY.1).read_to_end(&mut bytes));
            match read {
                Ok(_) => all.push(Running { pid, ..parse(&String::from_utf8_lossy(&bytes)) }),
                // It ended between the listing and the reading.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => return Err(Fault::Unreadable { path, source }.at(Stage::Discovery)),
            }
        }
    }
    Ok(all)
}

/// Waits for the emulator that `is_ours` knows, with its console, adb and, if `grpc`, its gRPC port: an emulator writes the
/// file at once, but a reader may see half of it.
pub async fn wait(places: &[PathBuf], grpc: bool, limit: Duration, is_ours: impl Fn(&Running) -> bool) -> Result<Running, LinkError> {
    let found = within(Stage::Discovery, limit, async {
        loop {
            let found = find(places).map_err(|e| e.fault)?;
            let whole = |r: &Running| r.console.is_some() && r.adb.is_some() && (r.grpc.is_some() || !grpc);
            if let Some(ours) = found.into_iter().find(|r| is_ours(r) && whole(r)) {
                return Ok(ours);
            }
            tokio::time::sleep(limits::POLL).await;
        }
    })
    .await;
    match found {
        Err(LinkError { fault: Fault::Timeout(_), .. }) => Err(Fault::NotFound(places.to_vec()).at(Stage::Discovery)),
        other => other,
    }
}
