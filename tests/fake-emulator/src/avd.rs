//! What an emulator has on its disk: the AVD's folder, its locks and snapshots, the discovery file, the console's token.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
};

use crate::{
    args::Args,
    faults::{Fault, Faults},
};

const LOCKS: [&str; 2] = ["hardware-qemu.ini.lock", "multiinstance.lock"];
/// Where a snapshot is being written.
const PENDING: &str = "snapshot.lock.lock";

/// A virtual device on disk.
#[derive(Clone, Debug)]
pub struct Avd {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// `config.ini`.
    pub config: BTreeMap<String, String>,
}

fn home() -> PathBuf {
    env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from)
}

impl Avd {
    /// Finds an AVD where the emulator does. An error is what goes to standard error.
    pub fn find(name: &str) -> Result<Self, String> {
        let places = [
            env::var_os("ANDROID_AVD_HOME").map(PathBuf::from),
            env::var_os("ANDROID_USER_HOME").map(|p| PathBuf::from(p).join("avd")),
            Some(home().join(".android/avd")),
        ];
        let folder = places.into_iter().flatten().map(|p| p.join(format!("{name}.avd"))).find(|p| p.is_dir());
        let folder = folder.ok_or_else(|| format!("PANIC: Unknown AVD name [{name}], use -list-avds to see valid list."))?;
        let text = fs::read_to_string(folder.join("config.ini")).unwrap_or_default();
        let pairs = text.lines().filter_map(|l| l.split_once('=')).map(|(k, v)| (k.trim().to_owned(), v.trim().to_owned()));
        Ok(Self { name: name.to_owned(), folder, config: pairs.collect() })
    }

    /// A camera's mode: from the command line, else from the configuration.
    pub fn camera(&self, args: &Args, front: bool) -> String {
        let (flag, key) = if front { (&args.camera_front, "hw.camera.front") } else { (&args.camera_back, "hw.camera.back") };
        flag.clone().or_else(|| self.config.get(key).cloned()).unwrap_or_else(|| "emulated".to_owned())
    }

    /// Takes the locks. An error is what goes to standard error.
    pub fn lock(&self, args: &Args) -> Result<(), String> {
        if self.folder.join(PENDING).exists() {
            return Err(format!("FATAL        | A snapshot operation for '{}' is pending and timeout has expired. Exiting...", self.name));
        }
        for name in LOCKS {
            let path = self.folder.join(name);
            if path.exists() && !args.read_only {
                return Err("Running multiple emulators with the same AVD is an experimental feature.\n\
                     Please use -read-only flag to enable this feature."
                    .to_owned());
            }
            fs::write(&path, std::process::id().to_string()).map_err(|e| format!("cannot lock `{}`: {e}", path.display()))?;
        }
        Ok(())
    }

    /// What it was writing stays half.
    pub fn leave_pending(&self) {
        let _ = fs::write(self.folder.join(PENDING), std::process::id().to_string());
    }

    /// Gives the locks back.
    pub fn unlock(&self, faults: &Faults) {
        if !faults.has(Fault::StaleLocks) {
            for name in LOCKS {
                let _ = fs::remove_file(self.folder.join(name));
            }
        }
    }

    /// Where a snapshot lies. A name is a word: whoever speaks to the console reaches no other folder by it.
    fn snapshot(&self, name: &str) -> io::Result<PathBuf> {
        let word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if word { Ok(self.folder.join("snapshots").join(name)) } else { Err(io::Error::other("invalid snapshot name")) }
    }

    /// Why a snapshot cannot be loaded.
    pub fn loadable(&self, name: &str, faults: &Faults) -> Result<(), String> {
        if faults.has(Fault::SnapshotNotLoadable) {
            return Err("different AVD configuration".to_owned());
        }
        if self.snapshot(name).is_ok_and(|s| s.join("snapshot.pb").is_file()) { Ok(()) } else { Err("snapshot doesn't exist".to_owned()) }
    }

    /// Saves a snapshot: its name.
    pub fn save(&self, name: &str) -> io::Result<()> {
        let folder = self.snapshot(name)?;
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("snapshot.pb"), b"stand-in")
    }

    /// Removes a snapshot.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_dir_all(self.snapshot(name)?)
    }

    /// Names of snapshots.
    pub fn snapshots(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.join("snapshots")).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
        names.sort();
        names
    }
}

/// The console's token. As the emulator does, one is made if there is none.
pub fn console_token() -> io::Result<(PathBuf, String)> {
    let path = home().join(".emulator_console_auth_token");
    if !path.exists() {
        fs::write(&path, "FakeConsoleToken")?;
    }
    let token = fs::read_to_string(&path)?.trim().to_owned();
    Ok((path, token))
}

/// The discovery file while it is there.
#[derive(Debug)]
pub struct Advertisement(PathBuf);

impl Advertisement {
    /// Writes it.
    pub fn write(avd: &Avd, ports: (u16, u16), grpc: Option<u16>, token: Option<&str>) -> io::Result<Self> {
        let root = match env::var_os("XDG_RUNTIME_DIR").filter(|v| !v.is_empty()) {
            Some(root) => PathBuf::from(root),
            None => home().join(".android"),
        };
        let folder = root.join("avd/running");
        fs::create_dir_all(&folder)?;
        let mut text = format!(
            "port.serial={}\nport.adb={}\navd.name={}\navd.dir={}\navd.id={}\ncmdline=\nemulator.version=36.6.4.0\nemulator.build=1\n",
            ports.0,
            ports.1,
            avd.name,
            avd.folder.display(),
            avd.name
        );
        text.extend(grpc.map(|p| format!("grpc.port={p}\n")));
        text.extend(token.map(|t| format!("grpc.token={t}\n")));
        let path = folder.join(format!("pid_{}.ini", std::process::id()));
        fs::write(&path, text)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Removes it.
    pub fn remove(&self) {
        let _ = fs::remove_file(&self.0);
    }
}
