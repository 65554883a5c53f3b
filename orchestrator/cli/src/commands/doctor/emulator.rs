//! What the `emulator` device would need here. None of it is needed for the `jvm` device, so nothing of it makes `doctor` fail.

use std::{
    io,
    path::{Path, PathBuf},
};

use stakeout_containers::{Engine, Image};
use stakeout_sdk::{avd::Window, host::Cpu, labels};

use super::{Check, check};
use crate::{
    commands::images::{self, Kvm},
    places,
};

/// Cores and memory of one emulator: the guest's 4 and 4 GiB, and what the emulator itself needs.
const CORES: u64 = 4;
const MEMORY: u64 = 8 << 30;
/// Disk for one API level, bytes: its image, its bake, and what was fetched for it.
const DISK: u64 = 20_000_000_000;

const BUILD: &str = "`stakeout images build emulator --api 34` shows the licences, with `--accept-licenses` it builds";

/// What is known of this host without the engine, so that the checks are a function of it.
struct Host {
    cpu: Option<Cpu>,
    flags: Vec<String>,
    cores: u64,
    memory: u64,
    opened: io::Result<()>,
    kvm: Kvm,
    loopback: bool,
    videos: Vec<PathBuf>,
    /// The folder with Frida's program, or why what was given is none; nothing if none was given.
    frida: Option<Result<PathBuf, String>>,
}

impl Host {
    fn this() -> Self {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let flags = cpuinfo.lines().find_map(|l| l.strip_prefix("flags")?.split_once(':')).map_or("", |(_, f)| f);
        let kvm = Path::new("/dev/kvm");
        let mut videos: Vec<PathBuf> = std::fs::read_dir("/dev")
            .map(|d| d.flatten().map(|e| e.path()).filter(|p| p.to_string_lossy().starts_with("/dev/video")).collect())
            .unwrap_or_default();
        videos.sort();
        Self {
            cpu: Cpu::parse(&cpuinfo),
            flags: flags.split_whitespace().map(str::to_owned).collect(),
            cores: std::thread::available_parallelism().map_or(1, |n| n.get() as u64),
            memory: places::memory_available(),
            opened: std::fs::File::options().read(true).write(true).open(kvm).map(drop),
            kvm: images::kvm(kvm),
            loopback: Path::new("/sys/module/v4l2loopback").exists(),
            videos,
            frida: std::env::var_os("STAKEOUT_FRIDA").filter(|v| !v.is_empty()).map(|v| frida(PathBuf::from(v))),
        }
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|f| f == flag)
    }

    /// Without engine and images.
    fn checks(&self) -> Vec<Check> {
        let optional = |what, good, found: String, mend: &str| check(what, good, false, found, mend);
        let virtualization = if self.has("svm") {
            "svm"
        } else if self.has("vmx") {
            "vmx"
        } else {
            "neither vmx nor svm"
        };
        // The flag that every hypervisor shows its guests.
        let guest = if self.has("hypervisor") { "; this host is itself a virtual machine" } else { "" };
        let kind = self.cpu.as_ref().map_or_else(|| "`/proc/cpuinfo` does not name it: no bakes".to_owned(), ToString::to_string);
        let (kvm, mend) = match (&self.kvm, &self.opened) {
            (Kvm::Unusable { why, mend }, _) => (why.clone(), *mend),
            (Kvm::Usable(_), Err(e)) => (
                format!("`/dev/kvm` cannot be opened: {e}"),
                "add your user to the group of `/dev/kvm`: `usermod -aG kvm $USER`, then log in again",
            ),
            (Kvm::Usable(k), Ok(())) => {
                let nested = if self.has("hypervisor") { ", nested" } else { "" };
                (
                    format!(
                        "`/dev/kvm` opens{nested}; containers get {}",
                        k.group.map_or("it".to_owned(), |g| format!("it with group {g}"))
                    ),
                    "",
                )
            }
        };
        let good = matches!(self.kvm, Kvm::Usable(_)) && self.opened.is_ok();
        let fit = (self.cores / CORES).min(self.memory / MEMORY);
        let videos: Vec<String> = self.videos.iter().map(|v| v.display().to_string()).collect();
        vec![
            optional(
                "processor",
                self.cpu.is_some() && virtualization.len() == 3,
                format!("{kind}, {virtualization}{guest}"),
                "only the `emulator` device needs it: turn on virtualization (VT-x, SVM) in the firmware, or nested virtualization in the cloud",
            ),
            optional("KVM", good, kvm, &format!("only the `emulator` device needs it: {mend}")),
            optional(
                "emulators",
                fit > 0,
                format!(
                    "{fit} at a time: {} cores and {} GiB free, {CORES} cores and {} GiB each; the jvm device needs none of this",
                    self.cores,
                    self.memory >> 30,
                    MEMORY >> 30
                ),
                "a larger host; on fewer cores one emulator still runs, slowly",
            ),
            optional(
                "v4l2loopback",
                self.loopback && !videos.is_empty(),
                match (self.loopback, videos.is_empty()) {
                    (true, false) => format!("loaded; {}", videos.join(" ")),
                    (true, true) => "loaded, without a device".to_owned(),
                    (false, true) => "not loaded".to_owned(),
                    (false, false) => format!("not loaded; {} are other devices", videos.join(" ")),
                },
                "only for an image with `--camera webcam`: `apt-get install v4l2loopback-dkms`, `modprobe v4l2loopback exclusive_caps=1`, and the device's path in `STAKEOUT_VIDEO`; pictures and films by file need nothing",
            ),
            optional(
                "frida",
                matches!(self.frida, Some(Ok(_))),
                match &self.frida {
                    None => "none given".to_owned(),
                    Some(Ok(folder)) => format!("`{}`", folder.display()),
                    Some(Err(why)) => why.clone(),
                },
                "only to listen inside of apps on emulators as well: a folder with `frida-inject`, in `STAKEOUT_FRIDA` or `--frida`; see docs/emulator.md",
            ),
        ]
    }
}

/// A folder that has Frida's program, or something that begins with its name.
fn frida(folder: PathBuf) -> Result<PathBuf, String> {
    let entries = std::fs::read_dir(&folder).map_err(|e| format!("`{}` cannot be read: {e}", folder.display()))?;
    if entries.flatten().any(|e| e.file_name().to_string_lossy().starts_with("frida-inject")) {
        Ok(folder)
    } else {
        Err(format!("`{}` has no `frida-inject`", folder.display()))
    }
}

/// Images and bakes.
fn of_images(all: &[Image], cpu: Option<&Cpu>) -> Vec<Check> {
    let api = |i: &Image| i.labels.get(labels::API).and_then(|a| a.parse::<u32>().ok());
    let mut emulators: Vec<(u32, &Image)> =
        all.iter().filter(|i| images::ours(i) == Some("emulator") && images::current(i)).filter_map(|i| Some((api(i)?, i))).collect();
    emulators.sort_by_key(|(api, _)| *api);
    let list = |of: &[u32]| of.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let built: Vec<u32> = emulators.iter().map(|(api, _)| *api).collect();
    let baked: Vec<u32> = emulators.iter().filter(|(_, i)| images::baked_for(all, i, cpu).is_some()).map(|(api, _)| *api).collect();
    let cold: Vec<u32> = built.iter().filter(|a| !baked.contains(a)).copied().collect();
    // What a window is for, and that there is none in most, docs/emulator.md says.
    let windows =
        |api: &u32, i: &Image| i.labels.get(labels::WINDOW).and_then(|w| Window::parse(w)).map(|w| format!("{api}: window {}", w.word()));
    let windows: Vec<String> = emulators.iter().filter_map(|(api, i)| windows(api, i)).collect();
    let windows = if windows.is_empty() { String::new() } else { format!(" ({})", windows.join(", ")) };
    let found = if built.is_empty() { "none of this version".to_owned() } else { format!("API {}{windows}", list(&built)) };
    let bakes = match (built.is_empty(), baked.is_empty()) {
        (true, _) => "no image to bake".to_owned(),
        (false, true) => "none for hosts like this: trials boot cold".to_owned(),
        (false, false) if cold.is_empty() => format!("API {} for hosts like this", list(&baked)),
        (false, false) => format!("API {} for hosts like this; API {} boot cold", list(&baked), list(&cold)),
    };
    let again = format!("with KVM, `stakeout images build emulator --api {} --accept-licenses` bakes too", list(&cold).replace(' ', ""));
    vec![
        check("emulator images", !built.is_empty(), false, found, BUILD),
        check("emulator bakes", !built.is_empty() && cold.is_empty(), false, bakes, if built.is_empty() { BUILD } else { &again }),
    ]
}

/// All of them, as far as the engine answers.
pub(super) async fn checks(engine: Option<&Engine>) -> Vec<Check> {
    let host = Host::this();
    let mut out = host.checks();
    let Some(engine) = engine else { return out };
    if let Ok(info) = engine.info().await {
        let free = stakeout_sdk::free_space(Path::new(&info.root));
        out.push(check(
            "images' disk",
            free.as_ref().is_ok_and(|f| *f >= DISK),
            false,
            free.map_or_else(
                |_| format!("`{}` cannot be looked at from here", info.root),
                |f| format!("`{}` has {} free", info.root, images::bytes(f)),
            ),
            "an emulator's image and its bake need up to 20 GB, and each more API level up to 16: `stakeout images prune`, `docker system df`",
        ));
    }
    if let Ok(all) = engine.images().await {
        out.extend(of_images(&all, host.cpu.as_ref()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Host {
        Host {
            cpu: Some(Cpu { vendor: "AuthenticAMD".into(), family: 25, model: 1 }),
            flags: ["fpu", "svm", "hypervisor"].map(str::to_owned).to_vec(),
            cores: 16,
            memory: 23 << 30,
            opened: Ok(()),
            kvm: Kvm::Usable(stakeout_containers::Kvm { path: "/dev/kvm".into(), group: Some(108) }),
            loopback: true,
            videos: vec!["/dev/video0".into()],
            frida: Some(Ok("/opt/frida".into())),
        }
    }

    fn of<'a>(checks: &'a [Check], what: &str) -> &'a Check {
        checks.iter().find(|c| c.what == what).unwrap()
    }

    #[test]
    fn a_host_with_all_of_it_is_told_how_many_emulators_fit() {
        let checks = host().checks();
        assert!(checks.iter().all(|c| c.mend.is_empty()), "nothing to mend");
        assert!(of(&checks, "emulators").found.starts_with("2 at a time: 16 cores and 23 GiB"));
        assert!(of(&checks, "processor").found.contains("AuthenticAMD-25-1, svm; this host is itself a virtual machine"));
        assert_eq!(of(&checks, "KVM").found, "`/dev/kvm` opens, nested; containers get it with group 108");
        let small = Host { cores: 2, ..host() }.checks();
        assert!(of(&small, "emulators").found.starts_with("0 at a time") && !of(&small, "emulators").mend.is_empty());
    }

    #[test]
    fn nothing_that_is_missing_for_the_emulator_is_missing_for_the_jvm_device() {
        let bare = Host {
            cpu: None,
            flags: vec![],
            cores: 1,
            memory: 1 << 30,
            opened: Err(io::ErrorKind::NotFound.into()),
            kvm: images::kvm(Path::new("/dev/no-such-device")),
            loopback: false,
            videos: vec![],
            frida: None,
        };
        let mut checks = bare.checks();
        checks.extend(of_images(&[], None));
        assert_eq!(checks.len(), 7);
        for c in checks {
            assert!(c.state == super::super::State::Optional && !c.mend.is_empty(), "{}", c.what);
        }
    }

    #[test]
    fn a_folder_without_fridas_program_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let why = frida(dir.path().to_owned()).unwrap_err();
        assert!(why.ends_with("has no `frida-inject`"), "{why}");
        std::fs::write(dir.path().join("frida-inject-17.2.16-android-x86_64"), "x").unwrap();
        let host = Host { frida: Some(frida(dir.path().to_owned())), ..host() };
        assert_eq!(of(&host.checks(), "frida").found, format!("`{}`", dir.path().display()));
    }

    #[test]
    fn images_without_a_bake_for_this_host_boot_cold() {
        let image = Image {
            id: "sha256:e".into(),
            tags: vec![format!("stakeout/emulator:{}-api34-x86_64", env!("CARGO_PKG_VERSION"))],
            labels: [(labels::IMAGE, "emulator"), (labels::API, "34")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            ..Image::default()
        };
        let hidden = Image {
            labels: image.labels.clone().into_iter().chain([(labels::WINDOW.to_owned(), "hidden".to_owned())]).collect(),
            ..image.clone()
        };
        assert_eq!(of(&of_images(&[hidden], None), "emulator images").found, "API 34 (34: window hidden)");
        let checks = of_images(&[image], host().cpu.as_ref());
        assert_eq!((of(&checks, "emulator images").found.as_str(), of(&checks, "emulator images").mend.as_str()), ("API 34", ""));
        assert_eq!(of(&checks, "emulator bakes").found, "none for hosts like this: trials boot cold");
        assert!(of(&checks, "emulator bakes").mend.contains("--api 34 "));
    }
}
