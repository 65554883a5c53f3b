use std::io::Cursor;

use image::{DynamicImage, ImageDecoder};
use stakeout_feed::GrayImage;

use super::{NotOpened, luma, size};
use crate::{Format, limits::Limits};

/// Values of transparency from which it is read as a picture.
const ALPHA_STEPS: usize = 8;

/// Luma of a PNG or WebP, the first picture of an animated one. Transparency is ignored: an app can hide pixels by it, and they
/// are still there. Where it is no plain one it is a picture of its own, as it can hold one.
pub(super) fn png_or_webp(bytes: &[u8], format: Format, limits: &Limits) -> Result<Vec<GrayImage>, NotOpened> {
    let broken = |_| NotOpened(format!("broken: {}", format.name()));
    let mut ceiling = image::Limits::default();
    ceiling.max_alloc = Some(limits.pixels * 8);
    let decoded = if format == Format::Png {
        // IHDR is the first chunk: width and height, big end first.
        let side = |i: usize| bytes.get(i..i + 4).and_then(|v| v.try_into().ok()).map_or(0, u32::from_be_bytes);
        size(side(16), side(20), limits)?;
        let decoder = image::codecs::png::PngDecoder::with_limits(Cursor::new(bytes), ceiling).map_err(broken)?;
        DynamicImage::from_decoder(decoder)
    } else {
        let mut decoder = image::codecs::webp::WebPDecoder::new(Cursor::new(bytes)).map_err(broken)?;
        let (w, h) = decoder.dimensions();
        size(w, h, limits)?;
        decoder.set_limits(ceiling).map_err(broken)?;
        DynamicImage::from_decoder(decoder)
    };
    let image = decoded.map_err(broken)?;
    let (width, height) = (image.width(), image.height());
    if let DynamicImage::ImageLuma8(g) = image {
        return Ok(vec![GrayImage { width, height, luma: g.into_raw() }]);
    }
    let plain = |values: Vec<u8>| GrayImage { width, height, luma: values };
    if !image.color().has_alpha() {
        return Ok(vec![plain(image.into_rgb8().as_raw().chunks_exact(3).map(|p| luma(p[0], p[1], p[2])).collect())]);
    }
    let rgba = image.into_rgba8();
    let mut out = vec![plain(rgba.as_raw().chunks_exact(4).map(|p| luma(p[0], p[1], p[2])).collect())];
    let alpha: Vec<u8> = rgba.as_raw().chunks_exact(4).map(|p| p[3]).collect();
    // An icon's outline has few steps; a picture has many.
    let mut steps = [false; 256];
    for v in &alpha {
        steps[usize::from(*v)] = true;
    }
    if steps.iter().filter(|s| **s).count() >= ALPHA_STEPS {
        out.push(plain(alpha));
    }
    Ok(out)
}
