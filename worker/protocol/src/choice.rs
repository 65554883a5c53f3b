//! What can be chosen of an emulator's virtual device when its image is built; images, bakes and trials must mean the same by it.

use serde::{Deserialize, Serialize};

/// Where an emulator's container has the operator's folder with Frida's program, read-only, if one is given.
pub const FRIDA: &str = "/opt/stakeout/frida";

/// The window of an emulator, which nobody looks at. One without is another program, linked with stubs for PulseAudio
/// (external/qemu, `audio/paaudio-headless-impl.c`), so a host's sound reaches a guest only where there is a window.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// None: `-no-window`.
    #[default]
    None,
    /// Hidden, on a display of its own: `-qt-hide-window`.
    Hidden,
    /// Hidden, and drawn by Qt into memory (`QT_QPA_PLATFORM=offscreen`), without a display.
    Offscreen,
}

impl Window {
    /// Its key in `config.ini`, where `none` is not written. No emulator knows it.
    pub const KEY: &str = "stakeout.window";
    /// The image's setting that overrides that; its snapshot is then of no use.
    pub const SETTING: &str = "STAKEOUT_WINDOW";
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Hidden, Self::Offscreen];

    /// Its name, in settings, labels and messages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hidden => "hidden",
            Self::Offscreen => "offscreen",
        }
    }

    /// By its name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|w| w.word() == text)
    }

    /// Whether it is none. For serde too, which asks so.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// Where the cameras' pictures come from. A guest reads its list of cameras when it boots, so this is in `config.ini` and in every
/// snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cameras {
    /// Pictures that the emulator reads each time a camera is opened.
    #[default]
    ImageFile,
    /// Films, likewise.
    VideoFile,
    /// The back camera by a video device of the host, the front one by pictures: the emulator takes one device only.
    Webcam,
}

impl Cameras {
    /// The image's setting that overrides what its virtual device says; its snapshot is then of no use.
    pub const SETTING: &str = "STAKEOUT_CAMERA";
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ImageFile, Self::VideoFile, Self::Webcam];

    /// Its name: the emulator's own for the mode, and ours in settings and messages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ImageFile => "imagefile",
            Self::VideoFile => "videofile",
            Self::Webcam => "webcam",
        }
    }

    /// By its name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|w| w.word() == text)
    }

    /// By the mode that `config.ini` has for the back camera: `imagefile:/work/feed/back.png`, `webcam0`.
    pub fn of_mode(mode: &str) -> Option<Self> {
        let number = mode.strip_prefix(Self::Webcam.word()).filter(|n| n.parse::<u8>().is_ok());
        if number.is_some() { Some(Self::Webcam) } else { mode.split_once(':').and_then(|(word, _)| Self::parse(word)) }
    }

    /// The mode of a camera (`back`, `front`) in `config.ini`, whose files are in this folder.
    pub fn mode(self, folder: &str, side: &str) -> String {
        match (self, side) {
            (Self::Webcam, "back") => "webcam0".to_owned(),
            (Self::Webcam, _) => Self::ImageFile.mode(folder, side),
            _ => format!("{}:{folder}/{side}.{}", self.word(), self.ending()),
        }
    }

    /// How its files end.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::ImageFile | Self::Webcam => "png",
            Self::VideoFile => "mp4",
        }
    }

    /// The oldest emulator that has it, as its version begins.
    pub const fn since(self) -> (u32, u32, u32) {
        match self {
            // The front camera of the latter is by pictures.
            Self::ImageFile | Self::Webcam => (36, 6, 4),
            Self::VideoFile => (36, 5, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_are_known_by_their_word_and_by_the_emulator_s_mode() {
        for c in Cameras::ALL {
            assert_eq!(Cameras::parse(c.word()), Some(c));
            assert_eq!(Cameras::of_mode(&c.mode("/work/feed", "back")), Some(c));
        }
        assert_eq!(Cameras::VideoFile.mode("/work/feed", "front"), "videofile:/work/feed/front.mp4");
        assert_eq!(Cameras::Webcam.mode("/work/feed", "front"), "imagefile:/work/feed/front.png");
        for other in ["emulated", "virtualscene", "webcam", "webcam0:1", "imagefile", "none", ""] {
            assert_eq!(Cameras::of_mode(other), None, "{other}");
        }
    }
}
