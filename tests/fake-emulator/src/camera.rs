//! What a camera sees: the file of the mode `imagefile`, read again at each opening, cut to the guest's size.

use std::io::Cursor;

use image::{ImageEncoder, ImageReader, RgbImage, codecs::jpeg::JpegEncoder, imageops};

use crate::{faults::Fault, world::World};

/// Pixels of a picture in the guest.
const SIZE: (u32, u32) = (640, 480);

/// Which mode a camera has.
pub fn mode(world: &World, id: u32) -> String {
    world.avd.camera(&world.args, id == 1)
}

/// A frame. An error, as the emulator shows it, is solid magenta.
pub fn frame(world: &World, id: u32) -> RgbImage {
    let magenta = || RgbImage::from_pixel(SIZE.0, SIZE.1, image::Rgb([255, 0, 255]));
    if world.faults.has(Fault::SceneMagenta) {
        return magenta();
    }
    let mode = mode(world, id);
    let Some(path) = mode.strip_prefix("imagefile:") else {
        // `emulated`: a pattern that is nobody's code. `virtualscene` without a window is black.
        let bright = u32::from(mode != "virtualscene");
        return RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| image::Rgb([((x / 40 + y / 40) % 2 * 200 * bright) as u8; 3]));
    };
    let read = ImageReader::open(path).ok().and_then(|r| r.with_guessed_format().ok()).and_then(|r| r.decode().ok());
    let Some(picture) = read.map(|p| p.to_rgb8()) else { return magenta() };
    let (width, height) = picture.dimensions();
    if width == 0 || height == 0 {
        return magenta();
    }
    // Filled and cut: what is too much on two sides is lost.
    let scale = (f64::from(SIZE.0) / f64::from(width)).max(f64::from(SIZE.1) / f64::from(height));
    let (w, h) = ((f64::from(width) * scale).ceil() as u32, (f64::from(height) * scale).ceil() as u32);
    let scaled = imageops::resize(&picture, w.max(SIZE.0), h.max(SIZE.1), imageops::FilterType::Triangle);
    imageops::crop_imm(&scaled, (scaled.width() - SIZE.0) / 2, (scaled.height() - SIZE.1) / 2, SIZE.0, SIZE.1).to_image()
}

/// A frame as an app's JPEG.
pub fn jpeg(frame: &RgbImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let done =
        JpegEncoder::new_with_quality(&mut bytes, 90).write_image(frame, frame.width(), frame.height(), image::ExtendedColorType::Rgb8);
    if done.is_ok() { bytes.into_inner() } else { Vec::new() }
}

/// Sound as a WAV: mono, 16 bit.
pub fn wav(samples: &[u8], rate: u32) -> Vec<u8> {
    let size = samples.len() as u32;
    let mut out = Vec::with_capacity(samples.len() + 44);
    out.extend_from_slice(b"RIFF");
    out.extend_from_slice(&(36 + size).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt ");
    for word in [16u32, 0x0001_0001, rate, rate * 2, 0x0010_0002] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    out.extend_from_slice(b"data");
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(samples);
    out
}
