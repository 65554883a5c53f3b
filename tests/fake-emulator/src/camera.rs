//! What a camera sees: the file of the modes `imagefile` and `videofile`, read again at each opening, cut to the guest's size. How a
//! film of the real one runs is not known; here it runs by the guest's time.

use std::{
    env, fs,
    io::Cursor,
    process::Stdio,
    sync::atomic::{AtomicU64, Ordering},
};

use image::{ImageEncoder, ImageReader, RgbImage, codecs::jpeg::JpegEncoder, imageops};
use tokio::process::Command;

use crate::{faults::Fault, world::World};

/// Pixels of a picture in the guest.
const SIZE: (u32, u32) = (640, 480);
/// Names of files.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Which mode a camera has.
pub fn mode(world: &World, id: u32) -> String {
    world.avd.camera(&world.args, id == 1)
}

/// What an open camera sees.
pub enum Source {
    /// The same all the time.
    Still(RgbImage),
    /// A film that began when the camera was opened, and begins anew when it is over.
    Film(Vec<u8>),
}

/// Opens a camera: what it is fed with is read now, and not again.
pub fn open(world: &World, id: u32) -> Source {
    if world.faults.has(Fault::SceneMagenta) {
        return Source::Still(magenta());
    }
    let mode = mode(world, id);
    if let Some(path) = mode.strip_prefix("videofile:") {
        return fs::read(path).map_or_else(|_| Source::Still(magenta()), Source::Film);
    }
    let Some(path) = mode.strip_prefix("imagefile:") else {
        // `emulated`: a pattern that is nobody's code. `virtualscene` without a window is black.
        let bright = u32::from(mode != "virtualscene");
        return Source::Still(RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| image::Rgb([((x / 40 + y / 40) % 2 * 200 * bright) as u8; 3])));
    };
    let read = ImageReader::open(path).ok().and_then(|r| r.with_guessed_format().ok()).and_then(|r| r.decode().ok());
    Source::Still(read.map_or_else(magenta, |p| cut(&p.to_rgb8())))
}

impl Source {
    /// The frame so many seconds of the guest's after it was opened. An error, as the emulator shows it, is solid magenta.
    pub async fn at(&self, seconds: f64) -> RgbImage {
        match self {
            Self::Still(picture) => picture.clone(),
            Self::Film(bytes) => picture(bytes, seconds).await.map_or_else(magenta, |p| cut(&p)),
        }
    }
}

/// A picture of a film: what runs in the emulator is FFmpeg too.
async fn picture(film: &[u8], seconds: f64) -> Option<RgbImage> {
    let file = env::temp_dir().join(format!("stand-in-{}-{}.mp4", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)));
    fs::write(&file, film).ok()?;
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-stream_loop", "-1", "-i"]).arg(&file);
    command.args(["-ss", &format!("{seconds:.3}"), "-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "pipe:1"]);
    let done = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let _ = fs::remove_file(&file);
    Some(image::load_from_memory(&done.ok()?.stdout).ok()?.to_rgb8())
}

fn magenta() -> RgbImage {
    RgbImage::from_pixel(SIZE.0, SIZE.1, image::Rgb([255, 0, 255]))
}

/// Filled and cut: what is too much on two sides is lost.
fn cut(picture: &RgbImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    if width == 0 || height == 0 {
        return magenta();
    }
    let scale = (f64::from(SIZE.0) / f64::from(width)).max(f64::from(SIZE.1) / f64::from(height));
    let (w, h) = ((f64::from(width) * scale).ceil() as u32, (f64::from(height) * scale).ceil() as u32);
    let scaled = imageops::resize(picture, w.max(SIZE.0), h.max(SIZE.1), imageops::FilterType::Triangle);
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
