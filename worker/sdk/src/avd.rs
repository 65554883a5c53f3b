//! The virtual device: its `config.ini`, as a pure function, and how the emulator is started with it.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

pub use stakeout_protocol::bake::{AVD as NAME, AVD_HOME, Cameras, GPU, Window};

use crate::{choose::TAG, index::Revision};

/// The SDK's folder in an image.
pub const SDK_ROOT: &str = "/opt/android/sdk";

/// Where a camera's pictures come from. The guest reads its list of cameras when it boots, so this is in `config.ini` and in
/// every snapshot; a flag over an old snapshot does nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CameraRoute {
    /// There is none.
    None,
    /// The emulator's own moving pattern.
    Emulated,
    /// The emulator's room; the back only, and black without a window.
    VirtualScene,
    /// A V4L2 device of the host: `/dev/videoN` by its place in the emulator's list.
    Webcam(u8),
    /// A picture that is read again each time the camera is opened. Emulator 36.6.4 and later.
    ImageFile(String),
    /// A video. Emulator 36.5 and later.
    VideoFile(String),
}

/// Values that cannot work.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAvd {
    /// A number is out of its range.
    #[error("{what} is {value}, and {least} to {most} works")]
    Range {
        /// Which.
        what: &'static str,
        /// What it is.
        value: u32,
        /// Least.
        least: u32,
        /// Most.
        most: u32,
    },
    /// An ABI that this cannot describe.
    #[error("`{0}` is no ABI of an image here; `x86_64`, `x86` and `arm64-v8a` are")]
    Abi(String),
    /// A camera route that the emulator does not take there.
    #[error("the {which} camera cannot be {route}: {problem}")]
    Camera {
        /// `back`, `front`.
        which: &'static str,
        /// The route.
        route: String,
        /// Why.
        problem: String,
    },
}

/// A virtual device.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Avd {
    /// API level.
    pub api: u32,
    /// `x86_64`.
    pub abi: String,
    /// The image's folder in the SDK: `system-images/android-34/google_apis/x86_64`.
    pub image_folder: String,
    /// Processors.
    pub cores: u32,
    /// Memory of the guest, MiB.
    pub ram_mib: u32,
    /// Back camera.
    pub back: CameraRoute,
    /// Front camera.
    pub front: CameraRoute,
    /// The data partition, MiB.
    pub data_mib: u32,
    /// The emulator's window.
    pub window: Window,
}

impl Avd {
    /// A device as trials want it: 4 cores, 4 GiB, both cameras from files that the feed writes.
    pub fn usual(api: u32, abi: &str) -> Self {
        Self {
            api,
            abi: abi.to_owned(),
            image_folder: format!("system-images/android-{api}/{TAG}/{abi}"),
            cores: 4,
            ram_mib: 4096,
            back: CameraRoute::None,
            front: CameraRoute::None,
            data_mib: 6144,
            window: Window::None,
        }
        .with_cameras(Cameras::ImageFile)
    }

    /// The same, with cameras of another kind.
    #[must_use]
    pub fn with_cameras(self, cameras: Cameras) -> Self {
        let file = |side| format!("/work/feed/{side}.{}", cameras.ending());
        let route = |side| match cameras {
            Cameras::VideoFile => CameraRoute::VideoFile(file(side)),
            Cameras::Webcam if side == "back" => CameraRoute::Webcam(0),
            Cameras::ImageFile | Cameras::Webcam => CameraRoute::ImageFile(file(side)),
        };
        Self { back: route("back"), front: route("front"), ..self }
    }

    /// `config.ini`, for an emulator of this version.
    pub fn config_ini(&self, emulator: Revision) -> Result<String, BadAvd> {
        for (what, value, least, most) in
            [("cores", self.cores, 1, 16), ("ram_mib", self.ram_mib, 1536, 16_384), ("data_mib", self.data_mib, 2048, 65_536)]
        {
            if !(least..=most).contains(&value) {
                return Err(BadAvd::Range { what, value, least, most });
            }
        }
        let arch = match self.abi.as_str() {
            "x86_64" => "x86_64",
            "x86" => "x86",
            "arm64-v8a" => "arm64",
            other => return Err(BadAvd::Abi(other.chars().take(40).collect())),
        };
        let (back, front) = (self.back.value("back", emulator)?, self.front.value("front", emulator)?);
        if matches!((&self.back, &self.front), (CameraRoute::Webcam(_), CameraRoute::Webcam(_))) {
            return Err(BadAvd::Camera { which: "front", route: front, problem: "the emulator takes one webcam only".into() });
        }
        let mut out = String::new();
        for (key, value) in [
            ("AvdId", NAME.to_owned()),
            ("PlayStore.enabled", "false".into()),
            ("abi.type", self.abi.clone()),
            ("avd.ini.displayname", NAME.into()),
            ("avd.ini.encoding", "UTF-8".into()),
            ("disk.dataPartition.size", format!("{}M", self.data_mib)),
            ("hw.accelerometer", "yes".into()),
            ("hw.audioInput", "yes".into()),
            ("hw.audioOutput", "yes".into()),
            ("hw.battery", "yes".into()),
            ("hw.camera.back", back),
            ("hw.camera.front", front),
            ("hw.cpu.arch", arch.into()),
            ("hw.cpu.ncore", self.cores.to_string()),
            ("hw.gps", "yes".into()),
            ("hw.gpu.enabled", "yes".into()),
            ("hw.gpu.mode", GPU.into()),
            ("hw.keyboard", "yes".into()),
            ("hw.lcd.density", "420".into()),
            ("hw.lcd.height", "1920".into()),
            ("hw.lcd.width", "1080".into()),
            ("hw.mainKeys", "no".into()),
            ("hw.ramSize", format!("{}M", self.ram_mib)),
            ("hw.sdCard", "yes".into()),
            ("image.sysdir.1", format!("{}/", self.image_folder)),
            ("runtime.network.latency", "none".into()),
            ("runtime.network.speed", "full".into()),
            ("sdcard.size", "512M".into()),
            ("showDeviceFrame", "no".into()),
            ("tag.id", TAG.into()),
            ("vm.heapSize", "256M".into()),
        ] {
            let _ = writeln!(out, "{key}={value}");
        }
        // The emulator reads the keys that it knows, and those of others are in every file that its tools make.
        if !self.window.is_none() {
            let _ = writeln!(out, "{}={}", Window::KEY, self.window.word());
        }
        Ok(out)
    }

    /// The small file beside its folder, by which the emulator finds it.
    pub fn pointer_ini(&self) -> String {
        format!("avd.ini.encoding=UTF-8\npath={AVD_HOME}/{NAME}.avd\npath.rel=avd/{NAME}.avd\ntarget=android-{}\n", self.api)
    }
}

impl CameraRoute {
    fn value(&self, which: &'static str, emulator: Revision) -> Result<String, BadAvd> {
        let bad = |problem: String| BadAvd::Camera { which, route: self.word(), problem };
        let since = |cameras: Cameras| {
            let (major, minor, micro) = cameras.since();
            let least = Revision::new(major, minor, micro);
            if emulator < least { Err(bad(format!("that needs emulator {least}, and this is {emulator}"))) } else { Ok(()) }
        };
        match self {
            Self::VirtualScene if which == "front" => return Err(bad("the room is behind the phone only".into())),
            Self::Webcam(n) if *n > 63 => return Err(bad("no host has so many".into())),
            Self::ImageFile(path) => {
                since(Cameras::ImageFile)?;
                file(path).map_err(bad)?;
            }
            Self::VideoFile(path) => {
                since(Cameras::VideoFile)?;
                file(path).map_err(bad)?;
            }
            _ => {}
        }
        Ok(self.word())
    }

    /// As `config.ini` has it.
    fn word(&self) -> String {
        match self {
            Self::None => "none".into(),
            Self::Emulated => "emulated".into(),
            Self::VirtualScene => "virtualscene".into(),
            Self::Webcam(n) => format!("webcam{n}"),
            Self::ImageFile(path) => format!("imagefile:{path}"),
            Self::VideoFile(path) => format!("videofile:{path}"),
        }
    }
}

/// The emulator takes no spaces, and what else might end the value is not tried.
fn file(path: &str) -> Result<(), String> {
    let good = path.len() <= 200 && path.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-'));
    if good && path.starts_with('/') { Ok(()) } else { Err("its path must be absolute, of letters, digits and `/._-`".into()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NEW: Revision = Revision::new(37, 2, 12);

    fn value<'a>(ini: &'a str, key: &str) -> &'a str {
        let found: Vec<_> = ini.lines().filter_map(|l| l.split_once('=')).filter(|(k, _)| *k == key).map(|(_, v)| v).collect();
        let [one] = found[..] else { panic!("{key}: {found:?}") };
        one
    }

    #[test]
    fn the_usual_device_has_what_the_emulator_needs() {
        let ini = Avd::usual(34, "x86_64").config_ini(NEW).unwrap();
        for (key, expected) in [
            ("abi.type", "x86_64"),
            ("hw.cpu.arch", "x86_64"),
            ("hw.cpu.ncore", "4"),
            ("hw.ramSize", "4096M"),
            ("hw.camera.back", "imagefile:/work/feed/back.png"),
            ("hw.camera.front", "imagefile:/work/feed/front.png"),
            ("image.sysdir.1", "system-images/android-34/google_apis/x86_64/"),
            ("tag.id", "google_apis"),
            ("PlayStore.enabled", "false"),
            ("hw.gpu.mode", "swiftshader_indirect"),
        ] {
            assert_eq!(value(&ini, key), expected);
        }
        let pointer = Avd::usual(34, "x86_64").pointer_ini();
        assert_eq!(value(&pointer, "path"), "/opt/android/avd/stakeout.avd");
        assert_eq!(value(&pointer, "target"), "android-34");
    }

    #[test]
    fn a_window_is_named_where_there_is_one() {
        let usual = Avd::usual(34, "x86_64");
        assert!(!usual.config_ini(NEW).unwrap().contains(Window::KEY));
        let hidden = Avd { window: Window::Hidden, ..usual };
        assert_eq!(value(&hidden.config_ini(NEW).unwrap(), Window::KEY), "hidden");
    }

    #[test]
    fn camera_modes_need_their_emulator_and_their_side() {
        let usual = Avd::usual(28, "x86");
        assert!(matches!(usual.config_ini(Revision::new(36, 6, 3)), Err(BadAvd::Camera { which: "back", .. })));
        assert!(usual.config_ini(Revision::new(36, 6, 4)).is_ok());
        let video = Avd { back: CameraRoute::VideoFile("/a.mp4".into()), front: CameraRoute::None, ..usual.clone() };
        assert!(video.config_ini(Revision::new(36, 4, 9)).is_err());
        assert_eq!(value(&video.config_ini(Revision::new(36, 5, 0)).unwrap(), "hw.camera.back"), "videofile:/a.mp4");
        for cameras in Cameras::ALL {
            let ini = usual.clone().with_cameras(cameras).config_ini(NEW).unwrap();
            for side in ["back", "front"] {
                assert_eq!(value(&ini, &format!("hw.camera.{side}")), cameras.mode("/work/feed", side), "as the device means it");
            }
        }
        let films = usual.clone().with_cameras(Cameras::VideoFile).config_ini(Revision::new(36, 5, 0)).unwrap();
        assert_eq!(
            (value(&films, "hw.camera.back"), value(&films, "hw.camera.front")),
            ("videofile:/work/feed/back.mp4", "videofile:/work/feed/front.mp4")
        );
        let scene = Avd { front: CameraRoute::VirtualScene, ..usual.clone() };
        assert!(matches!(scene.config_ini(NEW), Err(BadAvd::Camera { which: "front", .. })));
        let webcams = Avd { back: CameraRoute::Webcam(0), front: CameraRoute::Webcam(1), ..usual.clone() };
        assert!(webcams.config_ini(NEW).is_err());
        let one = Avd { back: CameraRoute::Webcam(0), front: CameraRoute::Emulated, ..usual };
        assert_eq!(value(&one.config_ini(NEW).unwrap(), "hw.camera.back"), "webcam0");
    }

    #[test]
    fn values_that_cannot_work_are_refused() {
        let usual = Avd::usual(34, "x86_64");
        for bad in [
            Avd { cores: 0, ..usual.clone() },
            Avd { ram_mib: 512, ..usual.clone() },
            Avd { data_mib: 1, ..usual.clone() },
            Avd { abi: "mips".into(), ..usual.clone() },
        ] {
            assert!(bad.config_ini(NEW).is_err(), "{bad:?}");
        }
        for path in ["", "relative.png", "/with space.png", "/line\nhw.cpu.ncore=1", "/quo\"te"] {
            let avd = Avd { back: CameraRoute::ImageFile(path.into()), ..usual.clone() };
            assert!(avd.config_ini(NEW).is_err(), "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn no_path_adds_a_line(path in ".{0,40}") {
            let usual = Avd::usual(34, "x86_64");
            let lines = usual.config_ini(NEW).unwrap().lines().count();
            if let Ok(ini) = (Avd { back: CameraRoute::ImageFile(path), ..usual }).config_ini(NEW) {
                prop_assert_eq!(ini.lines().count(), lines);
            }
        }
    }
}
