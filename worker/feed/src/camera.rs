use std::sync::{Arc, OnceLock};

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use serde::{Deserialize, Serialize};

use crate::scene::Scene;
use crate::{Facing, FeedError, MicFeed, SubKey, SubKeys, pattern};

/// What the camera is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedMode {
    /// A card of moving cells: all contrast is code, and any piece of it is read blind.
    #[default]
    Pattern,
    /// A room drawn from the key with the code in it at about 36 dB: for apps that look before they use the camera.
    Scene,
}

/// Draws the frames of one camera.
#[derive(Debug, Clone)]
pub struct CameraFeed {
    subkey: SubKey,
    mode: FeedMode,
    /// Drawn when first needed, shared by clones.
    scene: Arc<OnceLock<Scene>>,
}

impl CameraFeed {
    /// A camera in [`FeedMode::Pattern`].
    pub fn new(subkey: SubKey) -> Self {
        Self::with_mode(subkey, FeedMode::Pattern)
    }

    /// A camera in the given mode.
    pub fn with_mode(subkey: SubKey, mode: FeedMode) -> Self {
        Self { subkey, mode, scene: Arc::default() }
    }

    fn scene(&self) -> Option<&Scene> {
        (self.mode == FeedMode::Scene).then(|| self.scene.get_or_init(|| Scene::new(&self.subkey)))
    }

    /// Luma, `height` rows of `width` bytes, full range (JFIF). Empty when a side is 0.
    pub fn luma(&self, frame: u64, width: u32, height: u32) -> Vec<u8> {
        match self.scene() {
            Some(scene) => scene.luma(&self.subkey, frame, width, height),
            None => pattern::luma(&self.subkey, frame, width, height),
        }
    }

    /// NV21 as Android's preview gives it: luma, then V and U interleaved at half size (odd sides rounded up). The card is grey,
    /// so its V and U are 128.
    pub fn nv21(&self, frame: u64, width: u32, height: u32) -> Vec<u8> {
        let mut out = self.luma(frame, width, height);
        let (w, h) = ((width as usize).div_ceil(2), (height as usize).div_ceil(2));
        match self.scene() {
            Some(scene) if !out.is_empty() => {
                let [blue, red] = scene.chroma(w, h);
                out.extend(red.into_iter().zip(blue).flat_map(|(v, u)| [v, u]));
            }
            _ => out.resize(out.len() + 2 * w * h, 128),
        }
        out
    }

    /// Red, green and blue, row by row.
    pub fn rgb(&self, frame: u64, width: u32, height: u32) -> Vec<u8> {
        let luma = self.luma(frame, width, height);
        let Some(scene) = self.scene().filter(|_| !luma.is_empty()) else {
            return luma.into_iter().flat_map(|y| [y; 3]).collect();
        };
        let [blue, red] = scene.chroma(width as usize, height as usize);
        luma.into_iter().zip(blue.into_iter().zip(red)).flat_map(|(y, (b, r))| from_jfif(y, b, r)).collect()
    }

    /// A baseline JPEG in colour, as a camera would make it. `quality` is 1..=100; values outside are moved in.
    pub fn jpeg(&self, frame: u64, width: u32, height: u32, quality: u8) -> Result<Vec<u8>, FeedError> {
        let bad = || FeedError::BadSize { width, height };
        if width == 0 || height == 0 || width > 65535 || height > 65535 {
            return Err(bad());
        }
        let mut out = Vec::new();
        JpegEncoder::new_with_quality(&mut out, quality.clamp(1, 100))
            .encode(&self.rgb(frame, width, height), width, height, ExtendedColorType::Rgb8)
            .map_err(|_| bad())?;
        Ok(out)
    }
}

/// JFIF 1.02, section 7, in 65536ths, rounded half up.
fn from_jfif(y: u8, blue: u8, red: u8) -> [u8; 3] {
    let (y, b, r) = (i32::from(y) * 65_536 + 32_768, i32::from(blue) - 128, i32::from(red) - 128);
    [y + 91_881 * r, y - 22_554 * b - 46_802 * r, y + 116_130 * b].map(|v| (v >> 16).clamp(0, 255) as u8)
}

/// All feeds of one trial, made from what a renderer may hold.
#[derive(Debug, Clone)]
pub struct Feeds {
    back: CameraFeed,
    front: CameraFeed,
    microphone: MicFeed,
}

impl Feeds {
    /// Feeds in their plain modes: pattern and whisper.
    pub fn new(keys: &SubKeys) -> Self {
        Self::with_mode(keys, FeedMode::Pattern)
    }

    /// Feeds whose cameras are in the given mode.
    pub fn with_mode(keys: &SubKeys, mode: FeedMode) -> Self {
        Self {
            back: CameraFeed::with_mode(keys.camera_back, mode),
            front: CameraFeed::with_mode(keys.camera_front, mode),
            microphone: MicFeed::new(keys.microphone),
        }
    }

    /// The camera that looks this way.
    pub fn camera(&self, facing: Facing) -> &CameraFeed {
        match facing {
            Facing::Back => &self.back,
            Facing::Front => &self.front,
        }
    }

    /// The microphone.
    pub fn microphone(&self) -> &MicFeed {
        &self.microphone
    }
}
