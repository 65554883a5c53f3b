//! Luma of a JPEG, and of the rows below its declared end.
//!
//! A decoder stops after the rows that the head declares, whatever the scan still holds: who patches one number of the head hides
//! the rest of a photo from every viewer. So what the scan holds is counted, and a picture of more rows is decoded with them.

use stakeout_feed::GrayImage;
use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

use super::{NotOpened, Told, luma, scan, size};
use crate::limits::Limits;

/// Scans of a progressive picture: cameras make about ten.
const SCANS: usize = 64;
/// Bytes that a pixel takes at most, and those of heads and tables, where what a scan holds is not counted.
const PLENTY: usize = 6;
const HEADS: usize = 128 << 10;

/// The picture, with all rows that its scan holds. What a truncated one lacks is grey.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<(GrayImage, Told), NotOpened> {
    let declared = decoded(bytes, limits)?;
    let told = |is_cut: bool| is_cut.then(|| "broken: jpeg".to_owned()).into_iter().collect();
    let Some(held) = scan::held(bytes) else {
        let is_cut = bytes.len() > PLENTY * declared.luma.len() + HEADS;
        return Ok((declared, told(is_cut)));
    };
    // The last rows that are coded together may reach over the end.
    let coded = declared.height.div_ceil(held.step) * held.step;
    if held.rows <= coded {
        return Ok((declared, Told::new()));
    }
    let height = held.rows.min(65_535);
    let mut higher = bytes.to_vec();
    higher[held.height_at..held.height_at + 2].copy_from_slice(&(height as u16).to_be_bytes());
    match decoded(&higher, limits) {
        Ok(picture) => Ok((picture, told(height < held.rows))),
        Err(_) => Ok((declared, told(true))),
    }
}

fn decoded(bytes: &[u8], limits: &Limits) -> Result<GrayImage, NotOpened> {
    let broken = |_| NotOpened("broken: jpeg".to_owned());
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_use_unsafe(false)
        .set_max_width(65_535)
        .set_max_height(65_535)
        .jpeg_set_max_scans(SCANS);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(broken)?;
    let info = decoder.info().ok_or_else(|| NotOpened("broken: jpeg".to_owned()))?;
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    let area = size(width, height, limits)?;
    let gray = matches!(decoder.input_colorspace(), Some(ColorSpace::YCbCr | ColorSpace::Luma));
    decoder.set_options(options.jpeg_set_out_colorspace(if gray { ColorSpace::Luma } else { ColorSpace::RGB }));
    let data = decoder.decode().map_err(broken)?;
    let mut luma = if gray { data } else { data.chunks_exact(3).map(|p| luma(p[0], p[1], p[2])).collect() };
    luma.resize(area, 128);
    Ok(GrayImage { width, height, luma })
}
