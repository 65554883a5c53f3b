//! What can be chosen of an emulator's virtual device when its image is built; images, bakes and trials must mean the same by it.

use serde::{Deserialize, Serialize};

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
