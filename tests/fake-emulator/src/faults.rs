//! Ways to misbehave.

use std::collections::BTreeMap;

/// A way to misbehave, by its name in `FAKE_EMULATOR_FAULTS`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fault {
    /// There is no virtualization.
    NoKvm,
    /// `sys.boot_completed` stays empty.
    NeverBoots,
    /// The service `package` is not there.
    NoPackageManager,
    /// Snapshots cannot be loaded.
    SnapshotNotLoadable,
    /// A start from a snapshot stands still: ports are open, nobody answers.
    HangsOnRestore,
    /// Nobody listens on the gRPC port.
    GrpcRefuses,
    /// gRPC ends with the third call, or with that after `=`.
    GrpcDies,
    /// The token of the discovery file is not the one that is asked for.
    TokenWrong,
    /// adbd's port is open, and nobody answers.
    AdbOffline,
    /// adbd asks for a key.
    AdbUnauthorized,
    /// The shell is an old one.
    ShellNoExitCode,
    /// `dumpsys` ends in the middle, with its stream.
    DumpsysTruncated,
    /// The guest's clock goes back an hour, five guest seconds after boot, or with `=launch` after an app's.
    ClockJumps,
    /// The camera gives magenta.
    SceneMagenta,
    /// The microphone gives zeros.
    MicSilent,
    /// The microphone has another client already.
    OneMicrophone,
    /// The package manager refuses, with the code after `=`.
    InstallFails,
    /// The app crashes a guest second after its launch.
    AppCrashes,
    /// Five guest seconds after boot, or with `=launch` after an app's, the system server restarts and takes five.
    SystemServerRestarts,
    /// Five guest seconds after boot, or with `=launch` after an app's, the camera server restarts with an empty book.
    CameraServerRestarts,
    /// The process is gone three guest seconds after boot, or with `=launch` after an app's, without cleaning up.
    Killed,
    /// No space in the guest, nor for snapshots.
    DiskFull,
    /// Locks stay behind at the end.
    StaleLocks,
    /// One that may write its disks takes 30 of our seconds, or as many as after `=`, to end.
    EndsSlowly,
    /// The console has forgotten its commands.
    ConsoleNotImplemented,
    /// The console does not know `avd hostmicon`.
    NoHostMicrophone,
    /// The emulator is built without PulseAudio, though it has a window.
    NoPulseAudio,
    /// Qt finds nothing that it can draw a window with.
    NoQtPlatform,
    /// The window's display dies five guest seconds after boot, or with `=launch` after an app's: by our hand, so only where it has
    /// our user.
    DisplayDies,
    /// The sound server dies five guest seconds after boot, or with `=launch` after an app's: by our hand, so only where it has our user.
    SoundServerDies,
    /// The guest does not run a program that was pushed into it.
    KeeperRefused,
    /// And one that runs dies five guest seconds after boot, or with `=launch` after an app's.
    KeeperDies,
    /// The guest does not run Frida's program.
    FridaRefused,
    /// It ends at once.
    FridaExits,
    /// It never says anything.
    FridaHangs,
    /// It says what is not the agent's, too.
    FridaGarbage,
    /// It says more than anybody can hear, in lines without an end.
    FridaFloods,
    /// It dies a guest second after it was put into a process.
    FridaDies,
    /// There is no Java for it.
    FridaNoJava,
    /// It tells of openings that never were.
    FridaLies,
    /// The guest's firewall knows no users.
    NoOwnerMatch,
    /// The system server goes on with the zone of the boot.
    AudioKeepsTheZone,
    /// The keys that put the screen on and off do nothing.
    KeyeventIgnored,
}

impl Fault {
    /// All, with their names.
    pub const ALL: [(&'static str, Self); 43] = [
        ("no-kvm", Self::NoKvm),
        ("never-boots", Self::NeverBoots),
        ("no-package-manager", Self::NoPackageManager),
        ("snapshot-not-loadable", Self::SnapshotNotLoadable),
        ("hangs-on-restore", Self::HangsOnRestore),
        ("grpc-refuses", Self::GrpcRefuses),
        ("grpc-dies", Self::GrpcDies),
        ("token-wrong", Self::TokenWrong),
        ("adb-offline", Self::AdbOffline),
        ("adb-unauthorized", Self::AdbUnauthorized),
        ("shell-no-exit-code", Self::ShellNoExitCode),
        ("dumpsys-truncated", Self::DumpsysTruncated),
        ("clock-jumps", Self::ClockJumps),
        ("scene-magenta", Self::SceneMagenta),
        ("mic-silent", Self::MicSilent),
        ("one-microphone", Self::OneMicrophone),
        ("install-fails", Self::InstallFails),
        ("app-crashes", Self::AppCrashes),
        ("system-server-restarts", Self::SystemServerRestarts),
        ("camera-server-restarts", Self::CameraServerRestarts),
        ("killed", Self::Killed),
        ("disk-full", Self::DiskFull),
        ("stale-locks", Self::StaleLocks),
        ("ends-slowly", Self::EndsSlowly),
        ("console-not-implemented", Self::ConsoleNotImplemented),
        ("no-host-microphone", Self::NoHostMicrophone),
        ("no-pulseaudio", Self::NoPulseAudio),
        ("no-qt-platform", Self::NoQtPlatform),
        ("display-dies", Self::DisplayDies),
        ("sound-server-dies", Self::SoundServerDies),
        ("keeper-refused", Self::KeeperRefused),
        ("keeper-dies", Self::KeeperDies),
        ("frida-refused", Self::FridaRefused),
        ("frida-exits", Self::FridaExits),
        ("frida-hangs", Self::FridaHangs),
        ("frida-garbage", Self::FridaGarbage),
        ("frida-floods", Self::FridaFloods),
        ("frida-dies", Self::FridaDies),
        ("frida-no-java", Self::FridaNoJava),
        ("frida-lies", Self::FridaLies),
        ("no-owner-match", Self::NoOwnerMatch),
        ("audio-keeps-the-zone", Self::AudioKeepsTheZone),
        ("keyevent-ignored", Self::KeyeventIgnored),
    ];
}

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub struct Faults(BTreeMap<Fault, String>);

impl Faults {
    /// Reads `name[=value],..`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut all = BTreeMap::new();
        for item in text.split(',').map(str::trim).filter(|t| !t.is_empty()) {
            let (name, value) = item.split_once('=').unwrap_or((item, ""));
            let fault = Fault::ALL.iter().find(|(n, _)| *n == name).ok_or_else(|| format!("no fault `{name}`"))?.1;
            all.insert(fault, value.to_owned());
        }
        Ok(Self(all))
    }

    /// Whether it was asked for.
    pub fn has(&self, fault: Fault) -> bool {
        self.0.contains_key(&fault)
    }

    /// The number after its `=`, else the usual one.
    pub fn number(&self, fault: Fault, usual: f64) -> f64 {
        self.value(fault).and_then(|v| v.parse().ok()).unwrap_or(usual)
    }

    /// What stands after its `=`.
    pub fn value(&self, fault: Fault) -> Option<&str> {
        self.0.get(&fault).map(String::as_str)
    }
}
