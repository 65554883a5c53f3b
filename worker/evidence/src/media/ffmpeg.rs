//! A local `ffmpeg` as a child without any protocol but files, with one thread, a clock and a ceiling on what it may say.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use stakeout_feed::GrayImage;

use super::{MediaDecoder, NotOpened, Opened, Sound};
use crate::{Format, child, limits::Limits};

/// Rate at which sound is asked for: the code lies under 4 kHz.
const RATE: u32 = 8_000;
/// Frames of a film, a second.
const FRAMES_PER_SECOND: u32 = 2;
/// Frames of a film that are read at most.
const FRAMES: usize = 240;

/// Runs a local `ffmpeg`. It is meant for a container without network; outside of one, a film is as dangerous as ffmpeg is.
#[derive(Debug, Clone)]
pub struct Ffmpeg {
    program: PathBuf,
    patience: Duration,
}

impl Ffmpeg {
    /// The `ffmpeg` on the path, if there is one.
    pub fn on_path() -> Option<Self> {
        let program = child::on_path("ffmpeg")?;
        Some(Self { program, patience: Duration::from_mins(1) })
    }

    /// Another program, and how long one call may take.
    pub fn new(program: PathBuf, patience: Duration) -> Self {
        Self { program, patience }
    }

    fn run(&self, arguments: &[&str], most: usize) -> Result<Vec<u8>, String> {
        let mut command = Command::new(&self.program);
        command.args(["-nostdin", "-hide_banner", "-v", "error", "-threads", "1", "-protocol_whitelist", "file,pipe"]).args(arguments);
        child::run(&mut command, most, self.patience)
    }
}

/// The demuxer is named, so that no file can pose as a playlist.
const fn demuxer(format: Format) -> &'static str {
    match format {
        Format::Mp4 | Format::Heif => "mov",
        Format::Amr => "amr",
        Format::Ogg => "ogg",
        Format::Adts => "aac",
        Format::Mp3 => "mp3",
        Format::Flac => "flac",
        Format::Matroska => "matroska",
        Format::Avi => "avi",
        Format::H264 => "h264",
        Format::Gif => "gif",
        Format::Wav | Format::WavOther => "wav",
        Format::Jpeg => "jpeg_pipe",
        Format::Png => "png_pipe",
        Format::WebP => "webp_pipe",
        Format::Bmp => "bmp_pipe",
    }
}

const fn has_pictures(format: Format) -> bool {
    matches!(format, Format::Mp4 | Format::Heif | Format::Matroska | Format::Avi | Format::H264 | Format::Gif)
}

/// An MP4 names the handler of each track, unless the names are compressed (`cmov`); those of pictures are `vide` and `pict`.
/// Each start of ffmpeg costs.
fn is_sound_only(format: Format, bytes: &[u8]) -> bool {
    let has = |name: &[u8]| memchr::memmem::find(bytes, name).is_some();
    matches!(format, Format::Mp4) && has(b"soun") && ![b"vide", b"pict", b"cmov"].iter().any(|n| has(*n))
}

const fn has_sound(format: Format) -> bool {
    !matches!(format, Format::Heif | Format::H264 | Format::Gif)
}

impl MediaDecoder for Ffmpeg {
    fn open(&self, bytes: &[u8], format: Format, limits: &Limits) -> Result<Opened, NotOpened> {
        let failed = |e: String| NotOpened(format!("{e}: {}", format.name()));
        let file = tempfile::NamedTempFile::new().map_err(|e| failed(format!("no decoder: {e}")))?;
        fs::write(file.path(), bytes).map_err(|e| failed(format!("no decoder: {e}")))?;
        let Some(path) = file.path().to_str() else { return Err(failed("no decoder".to_owned())) };
        let seconds = limits.media_seconds.to_string();
        let input = ["-f", demuxer(format), "-t", &seconds, "-i", path];
        let mut out = Opened::default();
        let mut error = None;
        if has_sound(format) {
            let rate = RATE.to_string();
            let arguments = [&input[..], &["-vn", "-sn", "-dn", "-ac", "1", "-ar", &rate, "-f", "f32le", "pipe:1"]].concat();
            match self.run(&arguments, limits.media_seconds as usize * RATE as usize * 4) {
                Ok(raw) => {
                    let samples: Vec<f32> = raw.chunks_exact(4).map(|s| f32::from_le_bytes([s[0], s[1], s[2], s[3]])).collect();
                    out.sounds.extend((!samples.is_empty()).then_some(Sound { samples, rate: RATE }));
                }
                Err(e) => error = Some(e),
            }
        }
        if has_pictures(format) && !is_sound_only(format, bytes) {
            let filter = format!("fps={FRAMES_PER_SECOND}:round=up,scale='min(1280,iw)':-2,format=gray");
            let count = FRAMES.to_string();
            let arguments =
                [&input[..], &["-an", "-sn", "-dn", "-vf", &filter, "-frames:v", &count, "-c:v", "pgm", "-f", "image2pipe", "pipe:1"]]
                    .concat();
            match self.run(&arguments, limits.part_bytes.max(256 << 20)) {
                Ok(raw) => out.pictures = pgms(&raw, limits),
                Err(e) => error = Some(e),
            }
        }
        match error {
            Some(e) if out.pictures.is_empty() && out.sounds.is_empty() => Err(failed(e)),
            _ if out.pictures.is_empty() && out.sounds.is_empty() => Err(failed("broken".to_owned())),
            _ => Ok(out),
        }
    }
}

/// Pictures of a row of binary PGMs with 8 bits.
fn pgms(mut b: &[u8], limits: &Limits) -> Vec<GrayImage> {
    let mut out = Vec::new();
    while let Some((picture, rest)) = pgm(b, limits) {
        out.push(picture);
        b = rest;
    }
    out
}

fn pgm<'a>(b: &'a [u8], limits: &Limits) -> Option<(GrayImage, &'a [u8])> {
    let mut rest = b.strip_prefix(b"P5")?;
    let mut numbers = [0_u32; 3];
    for n in &mut numbers {
        rest = rest.trim_ascii_start();
        let end = rest.iter().position(|c| !c.is_ascii_digit())?;
        *n = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
        rest = &rest[end..];
    }
    let [width, height, 255] = numbers else { return None };
    let area = super::size(width, height, limits).ok()?;
    let pixels = rest.get(1..1 + area)?;
    Some((GrayImage { width, height, luma: pixels.to_vec() }, &rest[1 + area..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_pictures_is_read_and_its_broken_end_is_not() {
        let row = b"P5\n2 1\n255\nab\x50\x35 1 1 255\ncP5 9 9 255\nxx";
        let read = pgms(row, &Limits::default());
        assert_eq!(read.iter().map(|p| p.luma.clone()).collect::<Vec<_>>(), [b"ab".to_vec(), b"c".to_vec()]);
    }
}
