use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use serde::{Deserialize, Serialize};

use crate::{Facing, FeedError, MicFeed, SubKey, SubKeys, pattern};

/// What the camera is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedMode {
    /// A card of moving cells: all contrast is code, and any piece of it is read blind.
    #[default]
    Pattern,
}

/// Draws the frames of one camera.
#[derive(Debug, Clone)]
pub struct CameraFeed {
    subkey: SubKey,
}

impl CameraFeed {
    /// A camera in [`FeedMode::Pattern`].
    pub fn new(subkey: SubKey) -> Self {
        Self { subkey }
    }

    /// Luma, `height` rows of `width` bytes, full range (JFIF). Empty when a side is 0.
    pub fn luma(&self, frame: u64, width: u32, height: u32) -> Vec<u8> {
        pattern::luma(&self.subkey, frame, width, height)
    }

    /// NV21 as Android's preview gives it: luma, then V and U interleaved at half size (odd sides rounded up), all 128 as the
    /// card is grey.
    pub fn nv21(&self, frame: u64, width: u32, height: u32) -> Vec<u8> {
        let mut out = self.luma(frame, width, height);
        let chroma = 2 * (width as usize).div_ceil(2) * (height as usize).div_ceil(2);
        out.resize(out.len() + chroma, 128);
        out
    }

    /// Three equal bytes a pixel, row by row.
    pub fn rgb(&self, frame: u64, width: u32, height: u32) -> Vec<u8> {
        self.luma(frame, width, height).into_iter().flat_map(|y| [y; 3]).collect()
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
        Self {
            back: CameraFeed::new(keys.camera_back),
            front: CameraFeed::new(keys.camera_front),
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
