//! A local `ffmpeg` as a child without any protocol but files, with one thread, a clock and a ceiling on what it may say, that can
//! open nothing but the one film.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use stakeout_confine::Reach;
use stakeout_feed::GrayImage;

use super::{
    CHUNK, FILM, MediaDecoder, NotOpened, Piece, SOUND, Sound, Taker, Told,
    streams::{Film, Streams},
};
use crate::{
    Format,
    child::{self, End},
    limits::Limits,
};

/// Rate at which sound is asked for: the code lies under 4 kHz.
const RATE: u32 = 8_000;
/// What `ffprobe` may say.
const PROBED: usize = 1 << 20;

/// Runs a local `ffmpeg`, which reaches nothing but its film where the kernel can hold it to that ([`stakeout_confine`]).
#[derive(Debug, Clone)]
pub struct Ffmpeg {
    program: PathBuf,
    patience: Duration,
}

impl Ffmpeg {
    /// The `ffmpeg` on the path, if there is one.
    pub fn on_path() -> Option<Self> {
        let program = child::on_path("ffmpeg")?;
        Some(Self { program, patience: Duration::from_mins(2) })
    }

    /// Another program, and how long one call may take. Its `ffprobe` lies beside it.
    pub fn new(program: PathBuf, patience: Duration) -> Self {
        Self { program, patience }
    }

    fn command(program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(["-hide_banner", "-v", "error", "-protocol_whitelist", "file,pipe"]).args(arguments);
        command
    }

    fn run(&self, path: &str, arguments: &[&str], sink: &mut dyn FnMut(&[u8]) -> bool) -> Result<End, String> {
        let mut command = Self::command(&self.program, &[&["-nostdin", "-threads", "1"][..], arguments].concat());
        child::stream(&mut command, &only(path), self.patience, sink)
    }

    /// The tracks of a film; only what may have several is asked, as each start costs.
    fn streams(&self, path: &str, format: Format, told: &mut Told) -> Streams {
        if !matches!(format, Format::Mp4 | Format::Heif | Format::Matroska | Format::Avi | Format::Ogg) {
            return Streams::one(has_sound(format));
        }
        let entries = "stream=index,codec_type,duration,avg_frame_rate,nb_frames:format=duration";
        let arguments = [&demuxed(format)[..], &["-show_entries", entries, "-of", "json", path]].concat();
        let mut command = Self::command(&self.program.with_file_name("ffprobe"), &arguments);
        let said = child::run(&mut command, &only(path), PROBED, self.patience);
        said.ok().and_then(|json| Streams::read(&json)).unwrap_or_else(|| {
            // What the first tracks hold is better than nothing, and that there may be others is told.
            told.push("unread track: unknown".to_owned());
            let mut both = Streams::one(false);
            both.sounds.extend(has_sound(format).then_some(1));
            both
        })
    }

    fn sound(&self, path: &str, input: &[&str], track: u64, limits: &Limits, each: &mut Taker<'_>, read: &mut Read) {
        let most = u64::from(limits.media_seconds) * u64::from(RATE);
        let (rate, map, seconds) = (RATE.to_string(), format!("0:{track}"), (u64::from(limits.media_seconds) + 1).to_string());
        let out = ["-t", &seconds, "-map", &map, "-vn", "-sn", "-dn", "-ac", "1", "-ar", &rate, "-f", "f32le", "pipe:1"];
        let (mut bytes, mut count, mut samples) = (Vec::new(), 0_u64, Vec::new());
        let mut give = |samples: &mut Vec<f32>| {
            let sound = Sound { samples: std::mem::take(samples), rate: RATE };
            sound.samples.is_empty() || each(Piece::Sound { track: track as usize, sound })
        };
        let end = self.run(path, &[input, &out].concat(), &mut |piece| {
            bytes.extend_from_slice(piece);
            let whole = bytes.len() / 4 * 4;
            for s in bytes[..whole].chunks_exact(4) {
                count += 1;
                samples.push(f32::from_le_bytes([s[0], s[1], s[2], s[3]]));
                if samples.len() >= CHUNK && !give(&mut samples) {
                    return false;
                }
            }
            bytes.drain(..whole);
            count <= most
        });
        give(&mut samples);
        read.came |= count > 0;
        if count > most {
            read.told.push(SOUND.to_owned());
        }
        read.ended(end);
    }

    fn film(&self, path: &str, input: &[&str], film: &Film, limits: &Limits, each: &mut Taker<'_>, read: &mut Read) {
        let most = limits.film_pictures;
        let longer = film.pictures.is_some_and(|n| n > most as f64);
        // Each picture, or of a long film as many as may be, spread over its length.
        let thinned = film.seconds.filter(|_| longer).map(|s| format!("fps={:.9}:round=up,", most as f64 / s));
        let filter = format!("{}scale='min(1280,iw)':-2,format=gray", thinned.as_deref().unwrap_or_default());
        let (map, count) = (format!("0:{}", film.index), (most + 1).to_string());
        let pass: &[&str] = if thinned.is_some() { &[] } else { &["-vsync", "0"] };
        let out = ["-map", &map, "-an", "-sn", "-dn", "-vf", &filter, "-frames:v", &count];
        let form = ["-c:v", "pgm", "-f", "image2pipe", "pipe:1"];
        let (mut bytes, mut pictures, mut wants) = (Vec::new(), 0, true);
        let ceiling = limits.pixels as usize + 64;
        let end = self.run(path, &[input, &out, pass, &form].concat(), &mut |piece| {
            bytes.extend_from_slice(piece);
            let mut used = 0;
            while let Some((picture, n)) = pgm(&bytes[used..], limits) {
                used += n;
                pictures += 1;
                if pictures > most {
                    return false;
                }
                wants = each(Piece::Picture(picture));
                if !wants {
                    return false;
                }
            }
            bytes.drain(..used);
            bytes.len() <= ceiling
        });
        read.came |= pictures > 0;
        if wants && (pictures > most || longer) {
            read.told.push(FILM.to_owned());
        }
        if bytes.len() > ceiling {
            read.told.push("limit: pixels".to_owned());
        }
        read.ended(end);
    }
}

/// A decoder reads the one film and nothing else.
fn only(path: &str) -> Reach {
    Reach { reads: vec![path.into()], ..Reach::default() }
}

/// What came of a medium so far.
#[derive(Default)]
struct Read {
    came: bool,
    told: Told,
}

impl Read {
    fn ended(&mut self, end: Result<End, String>) {
        match end {
            Ok(End::Whole | End::Enough) => {}
            Ok(End::Broken) => self.told.push("broken".to_owned()),
            Ok(End::Late) => self.told.push("limit: time".to_owned()),
            Err(e) => self.told.push(e),
        }
    }
}

/// Options of the input. An edit list says which part of an MP4 a player shows: the rest is in the file all the same.
fn demuxed(format: Format) -> Vec<&'static str> {
    let named = demuxer(format);
    if named == "mov" { vec!["-ignore_editlist", "1", "-f", named] } else { vec!["-f", named] }
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

const fn has_sound(format: Format) -> bool {
    !matches!(format, Format::Heif | Format::H264 | Format::Gif)
}

impl MediaDecoder for Ffmpeg {
    fn open(&self, bytes: &[u8], format: Format, limits: &Limits, each: &mut Taker<'_>) -> Result<Told, NotOpened> {
        let failed = |e: String| NotOpened(format!("{e}: {}", format.name()));
        let file = tempfile::NamedTempFile::new().map_err(|e| failed(format!("no decoder: {e}")))?;
        let opaque = (format == Format::Gif).then(|| without_transparency(bytes));
        fs::write(file.path(), opaque.as_deref().unwrap_or(bytes)).map_err(|e| failed(format!("no decoder: {e}")))?;
        let Some(path) = file.path().to_str() else { return Err(failed("no decoder".to_owned())) };
        let mut read = Read::default();
        let streams = self.streams(path, format, &mut read.told);
        let input = [&demuxed(format)[..], &["-i", path]].concat();
        for track in &streams.sounds {
            self.sound(path, &input, *track, limits, each, &mut read);
        }
        for film in &streams.pictures {
            self.film(path, &input, film, limits, each, &mut read);
        }
        let limit = |t: &String| t.starts_with("limit: ") || t.starts_with("unread track");
        if !read.came {
            return Err(failed(read.told.into_iter().find(|t| !t.starts_with("unread track")).unwrap_or_else(|| "broken".to_owned())));
        }
        let named = read.told.into_iter().map(|t| if limit(&t) { t } else { format!("{t}: {}", format.name()) });
        Ok(named.chain(streams.unread.iter().map(|kind| format!("unread track: {kind}"))).collect())
    }
}

/// A GIF whose frames say that they have no transparent colour: one that is hidden by it is still there.
fn without_transparency(b: &[u8]) -> Vec<u8> {
    let mut out = b.to_vec();
    for i in memchr::memmem::find_iter(b, b"\x21\xf9\x04").filter(|i| b.get(i + 7) == Some(&0)) {
        out[i + 3] &= !1;
    }
    out
}

/// The first of a row of binary PGMs with 8 bits, and its length; none as long as it is not whole.
fn pgm(b: &[u8], limits: &Limits) -> Option<(GrayImage, usize)> {
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
    Some((GrayImage { width, height, luma: pixels.to_vec() }, b.len() - rest.len() + 1 + area))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_pictures_is_read_and_its_broken_end_is_not() {
        let mut row: &[u8] = b"P5\n2 1\n255\nab\x50\x35 1 1 255\ncP5 9 9 255\nxx";
        let mut read = Vec::new();
        while let Some((picture, n)) = pgm(row, &Limits::default()) {
            read.push(picture.luma);
            row = &row[n..];
        }
        assert_eq!(read, [b"ab".to_vec(), b"c".to_vec()]);
    }
}
