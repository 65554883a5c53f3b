//! From carved bytes to grey pictures and mono sound. All of it is hostile.
//!
//! A medium is handed on piece by piece while it is decoded, so that a night of sound is never held as a whole; and whatever was
//! left out of it is told beside what was read.

mod animated;
mod bmp;
mod ffmpeg;
mod jpeg;
mod noise;
mod picture;
mod png;
mod scan;
mod streams;
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

/// A piece of a medium.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// A picture: the only one, or the next of a film.
    Picture(GrayImage),
    /// Sound of a track that follows what came of the same track before.
    Sound {
        /// Which track.
        track: usize,
        /// At most half an hour of it at 8 kHz.
        sound: Sound,
    },
}

/// Samples of a piece of sound at most: half an hour at 8 kHz.
pub(crate) const CHUNK: usize = 30 * 60 * 8_000;

/// Takes the pieces of a medium; false when it wants no more.
pub type Taker<'t> = dyn FnMut(Piece) -> bool + 't;

/// What was not read of a medium that was opened: `limit: sound`, `unread track: data`.
pub type Told = Vec<String>;

/// Why a medium was not opened: `limit: pixels`, `no decoder: amr`, `broken: jpeg`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotOpened(pub String);

/// Opens what needs more than this crate: films, and sound of codecs for speech and music.
pub trait MediaDecoder {
    /// Pictures of a film and its sound, of all tracks.
    fn open(&self, bytes: &[u8], format: Format, limits: &Limits, each: &mut Taker<'_>) -> Result<Told, NotOpened>;
}

/// No such decoder.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoDecoder;

impl MediaDecoder for NoDecoder {
    fn open(&self, _: &[u8], format: Format, _: &Limits, _: &mut Taker<'_>) -> Result<Told, NotOpened> {
        Err(NotOpened(format!("no decoder: {}", format.name())))
    }
}

/// What is told of pixels and samples that no camera and no microphone makes.
pub(crate) const OPAQUE: &str = "encrypted or unknown";
/// What is told of a film of which some pictures were not read.
const FILM: &str = "limit: film";
/// What is told of a sound that was not searched to its end.
pub(crate) const SOUND: &str = "limit: sound";

/// Opens a carved medium, with the decoder where this crate has none of its own.
pub(crate) fn open(
    bytes: &[u8],
    format: Format,
    decoder: &dyn MediaDecoder,
    limits: &Limits,
    each: &mut Taker<'_>,
) -> Result<Told, NotOpened> {
    let mut told = Told::new();
    match format {
        Format::Jpeg => {
            let (picture, more) = jpeg::read(bytes, limits)?;
            each(Piece::Picture(picture));
            told.extend(more);
        }
        Format::Png | Format::WebP => told = animated::open(bytes, format, limits, each)?,
        Format::Bmp => {
            each(Piece::Picture(bmp::read(bytes, limits)?));
        }
        Format::Wav => told = wav::read(bytes, limits, each).ok_or_else(|| NotOpened("broken: wav".to_owned()))?,
        _ => return decoder.open(bytes, format, limits, each),
    }
    if noise::is_in(bytes, format) {
        told.push(OPAQUE.to_owned());
    }
    Ok(told)
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
