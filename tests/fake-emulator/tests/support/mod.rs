//! A running stand-in, in a home of its own.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test suite")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use stakeout_links::{
    Adb, Console, Control, LinkError,
    discovery::{self, Running},
    guest::Guest,
};
use tempfile::TempDir;

mod ports;

use ports::free_port;

/// Time that anything may take on a busy machine.
pub const LONG: Duration = Duration::from_secs(60);
/// Time after which what must not answer has not answered.
pub const SHORT: Duration = Duration::from_millis(700);

pub struct Emulator {
    pub home: TempDir,
    pub child: Child,
    pub running: Running,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn home() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let avd = home.path().join(".android/avd/phone.avd");
    fs::create_dir_all(avd.join("snapshots/base")).unwrap();
    fs::write(avd.join("snapshots/base/snapshot.pb"), b"x").unwrap();
    fs::write(avd.join("config.ini"), format!("hw.camera.back=imagefile:{}\n", home.path().join("scene.png").display())).unwrap();
    home
}

pub fn avd(home: &Path) -> PathBuf {
    home.join(".android/avd/phone.avd")
}

/// A command with its home and no variable of ours.
pub fn command(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fake-emulator"));
    command.args(["-avd", "phone"]).args(arguments).env_clear().env("HOME", home);
    command.env("FAKE_EMULATOR_FREE", "16384").env("XDG_RUNTIME_DIR", home.join("run")).envs(variables.iter().copied());
    command.stdin(Stdio::null());
    command
}

pub fn run(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    command(home, arguments, variables).output().unwrap()
}

/// Waits until a process has ended.
async fn gone(child: &mut Child) {
    while child.try_wait().unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl Emulator {
    /// Starts one, with so many guest seconds a second and these faults.
    pub async fn start(faults: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start_in(home(), faults, arguments, variables).await
    }

    pub async fn start_in(home: TempDir, faults: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let places = [home.path().join("run/avd/running")];
        // Another test may take a port between the look and the start.
        for _ in 0..10 {
            let (console, adb, grpc) = (free_port(), free_port(), free_port());
            let (ports, grpc) = (format!("{console},{adb}"), grpc.to_string());
            let mut all = vec![
                "-ports",
                &ports,
                "-grpc",
                &grpc,
                "-grpc-use-token",
                "-no-window",
                "-no-snapshot-save",
                "-skip-adb-auth",
                "-feature",
                "-ModemSimulator",
            ];
            all.extend(arguments);
            let mut child = command(home.path(), &all, &[("FAKE_EMULATOR_FAULTS", faults), ("FAKE_EMULATOR_SCALE", "20")])
                .envs(variables.iter().copied())
                .spawn()
                .unwrap();
            let pid = child.id();
            let found = tokio::select! {
                found = discovery::wait(&places, true, LONG, |r| r.pid == pid) => found.ok(),
                () = gone(&mut child) => None,
            };
            if let Some(running) = found {
                return Self { home, child, running };
            }
            let _ = child.kill();
            let _ = child.wait();
            for lock in ["hardware-qemu.ini.lock", "multiinstance.lock"] {
                let _ = fs::remove_file(avd(home.path()).join(lock));
            }
        }
        panic!("no emulator starts");
    }

    /// Starts one and waits until its guest has booted.
    pub async fn booted(faults: &str, variables: &[(&str, &str)]) -> (Self, Adb) {
        let emulator = Self::start(faults, &[], variables).await;
        let adb = emulator.adb();
        adb.wait_for_device(LONG).await.unwrap();
        until(|| async { said(&adb, "getprop sys.boot_completed").await == "1" }).await;
        (emulator, adb)
    }

    pub fn adb(&self) -> Adb {
        Adb::new(self.running.adb.unwrap())
    }

    pub fn console(&self) -> Console {
        let token = stakeout_links::console::token(self.home.path()).ok().flatten();
        Console::new(self.running.console.unwrap(), token)
    }

    pub fn control(&self) -> Control {
        Control::new(self.running.grpc.unwrap(), self.running.token.clone())
    }
}

/// Waits for a condition.
pub async fn until<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) {
    tokio::time::timeout(LONG, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("a condition does not come true");
}

/// What a command says; nothing if it could not be asked.
pub async fn said(adb: &Adb, command: &str) -> String {
    adb.shell(command, LONG).await.map(|o| o.text().trim().to_owned()).unwrap_or_default()
}

/// An APK as far as the stand-in looks at it.
pub fn apk(home: &Path, name: &str, size: usize) -> PathBuf {
    let path = home.join(name);
    fs::write(&path, vec![b'P'; size]).unwrap();
    path
}

/// The fault, as its variant is called.
pub fn name<T: std::fmt::Debug>(result: Result<T, LinkError>) -> String {
    let error = result.expect_err("it must fail");
    let debug = format!("{:?}", error.fault);
    let end = debug.find(|c: char| !c.is_alphanumeric()).unwrap_or(debug.len());
    format!("{}: {}", error.stage, &debug[..end])
}
