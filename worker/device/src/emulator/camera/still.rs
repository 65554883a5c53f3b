//! A picture for the emulator's mode `imagefile`.

use std::{
    fs,
    io::{self, Cursor},
    path::Path,
};

use image::{ExtendedColorType, ImageEncoder, codecs::png};
use stakeout_feed::CameraFeed;

use super::SIZE;

/// Writes the picture of a frame; without a feed a grey one.
pub(super) fn write(path: &Path, shown: Option<(&CameraFeed, u64)>) -> io::Result<()> {
    let rgb = shown.map_or_else(|| vec![128; (SIZE.0 * SIZE.1 * 3) as usize], |(feed, frame)| feed.rgb(frame, SIZE.0, SIZE.1));
    fs::write(path, encode(&rgb)?)
}

fn encode(rgb: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Cursor::new(Vec::new());
    png::PngEncoder::new_with_quality(&mut out, png::CompressionType::Fast, png::FilterType::NoFilter)
        .write_image(rgb, SIZE.0, SIZE.1, ExtendedColorType::Rgb8)
        .map_err(io::Error::other)?;
    Ok(out.into_inner())
}
