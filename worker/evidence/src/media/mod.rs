//! From carved bytes to grey pictures and mono sound. All of it is hostile.

mod bmp;
mod ffmpeg;
mod picture;
mod wav;

use stakeout_feed::GrayImage;

pub use ffmpeg::Ffmpeg;

use crate::{Format, limits::Limits};

/// Mono sound, -1 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// Samples.
    pub samples: Vec<f32>,
    /// Samples a second.
    pub rate: u32,
}

/// What a medium held.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Opened {
    /// Pictures: one, or those of a film in order.
    pub pictures: Vec<GrayImage>,
    /// Sounds.
    pub sounds: Vec<Sound>,
}

/// Why a medium was not opened: `limit: pixels`, `no decoder: amr`, `broken: jpeg`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotOpened(pub String);

/// Opens what needs more than this crate: films, and sound of codecs for speech and music.
pub trait MediaDecoder {
    /// Frames of a film (one or two a second) and its sound.
    fn open(&self, bytes: &[u8], format: Format, limits: &Limits) -> Result<Opened, NotOpened>;
}

/// No such decoder.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoDecoder;

impl MediaDecoder for NoDecoder {
    fn open(&self, _: &[u8], format: Format, _: &Limits) -> Result<Opened, NotOpened> {
        Err(NotOpened(format!("no decoder: {}", format.name())))
    }
}

/// Opens a carved medium, with the decoder where this crate has none of its own.
pub(crate) fn open(bytes: &[u8], format: Format, decoder: &dyn MediaDecoder, limits: &Limits) -> Result<Opened, NotOpened> {
    let picture = |p: Result<GrayImage, NotOpened>| p.map(|p| Opened { pictures: vec![p], sounds: Vec::new() });
    match format {
        Format::Jpeg => picture(picture::jpeg(bytes, limits)),
        Format::Png | Format::WebP => picture(picture::png_or_webp(bytes, format, limits)),
        Format::Bmp => picture(bmp::read(bytes, limits)),
        Format::Wav => match wav::read(bytes, limits) {
            Some(sound) => Ok(Opened { pictures: Vec::new(), sounds: vec![sound] }),
            None => Err(NotOpened("broken: wav".to_owned())),
        },
        _ => decoder.open(bytes, format, limits),
    }
}

/// `width * height` within the limit, both sides real.
fn size(width: u32, height: u32, limits: &Limits) -> Result<usize, NotOpened> {
    match u64::from(width) * u64::from(height) {
        0 => Err(NotOpened("broken: no pixels".to_owned())),
        n if n <= limits.pixels => Ok(n as usize),
        _ => Err(NotOpened("limit: pixels".to_owned())),
    }
}

/// BT.601 luma of full-range red, green, blue, as JFIF has it.
const fn luma(r: u8, g: u8, b: u8) -> u8 {
    ((r as u32 * 19_595 + g as u32 * 38_470 + b as u32 * 7_471 + 32_768) >> 16) as u8
}
