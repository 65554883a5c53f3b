//! Pictures, sounds and films inside other bytes: where each begins and, by its own structure, where it ends.
//!
//! A medium that opens explains only what a decoder makes something of. Its notes, paddings, thumbnails and whatever a viewer
//! passes over can hold anything: those are the `asides`, which are searched as parts of their own.

mod audio;
mod boxes;
mod jpeg;
mod matroska;
mod pictures;
mod video;

use std::ops::Range;

pub(crate) use pictures::png_rows;

/// What a carved stretch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// JFIF, EXIF, progressive or not.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    WebP,
    /// Windows bitmap without compression.
    Bmp,
    /// GIF.
    Gif,
    /// HEIF or AVIF.
    Heif,
    /// WAV with PCM, A-law or mu-law.
    Wav,
    /// WAV with another codec.
    WavOther,
    /// MP4, 3GP, M4A.
    Mp4,
    /// AMR, narrow or wide band, as a file.
    Amr,
    /// Ogg with Opus or Vorbis.
    Ogg,
    /// AAC in ADTS frames.
    Adts,
    /// MPEG layer III.
    Mp3,
    /// FLAC.
    Flac,
    /// Matroska and WebM.
    Matroska,
    /// AVI.
    Avi,
    /// H.264 with start codes.
    H264,
}

impl Format {
    /// The step's name in a finding's chain.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Bmp => "bmp",
            Self::Gif => "gif",
            Self::Heif => "heif",
            Self::Wav | Self::WavOther => "wav",
            Self::Mp4 => "mp4",
            Self::Amr => "amr",
            Self::Ogg => "ogg",
            Self::Adts => "aac",
            Self::Mp3 => "mp3",
            Self::Flac => "flac",
            Self::Matroska => "matroska",
            Self::Avi => "avi",
            Self::H264 => "h264",
        }
    }
}

/// A stretch that is a picture, a sound or a film.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Carved {
    /// Where.
    pub(crate) at: Range<usize>,
    /// What.
    pub(crate) format: Format,
    /// What is in it and is not decoded with it, in order, in the same coordinates.
    pub(crate) asides: Vec<Range<usize>>,
    /// Its structure was followed to its end, so it is what it says; a failure to decode it is worth telling.
    pub(crate) sure: bool,
}

impl Carved {
    fn new(at: Range<usize>, format: Format, sure: bool) -> Self {
        Self { at, format, asides: Vec::new(), sure }
    }

    /// Shortest stretch in which anything is looked for.
    const LEAST: usize = 24;

    /// Notes an aside, unless it is too short to hide something.
    fn aside(&mut self, at: Range<usize>) {
        let at = at.start..at.end.min(self.at.end);
        if at.len() >= Self::LEAST {
            self.asides.push(at);
        }
    }

    /// Notes what only unpacking shows to be passed over: bytes of a PNG behind the end of its rows. The bytes are those that it was
    /// found in.
    pub(crate) fn unpack(&mut self, b: &[u8]) {
        if self.format == Format::Png {
            for behind in png_rows(b, self.at.clone()).behind {
                self.aside(behind);
            }
            self.asides.sort_unstable_by_key(|a| a.start);
        }
    }

    /// The same in bytes that begin `by` bytes earlier.
    pub(crate) fn shift(&mut self, by: usize) {
        for r in std::iter::once(&mut self.at).chain(&mut self.asides) {
            *r = r.start + by..r.end + by;
        }
    }
}

/// Tells what begins at a place and where it ends.
type Probe = fn(&[u8], usize) -> Option<Carved>;

/// Bytes to look for, how far before them the medium begins, and the probe.
const PROBES: &[(&[u8], usize, Probe)] = &[
    (b"\xff\xd8\xff", 0, jpeg::probe),
    (b"\x89PNG\r\n\x1a\n", 0, pictures::png),
    (b"RIFF", 0, pictures::riff),
    (b"GIF8", 0, pictures::gif),
    (b"BM", 0, pictures::bmp),
    (b"ftyp", 4, video::mp4),
    (b"#!AMR", 0, audio::amr),
    (b"OggS\0\x02", 0, audio::ogg),
    (b"fLaC\0", 0, audio::flac),
    (b"ID3", 0, audio::id3),
    (b"\xff\xf1", 0, audio::adts),
    (b"\xff\xf9", 0, audio::adts),
    (b"\xff\xfb", 0, audio::mp3),
    (b"\xff\xfa", 0, audio::mp3),
    (b"\xff\xf3", 0, audio::mp3),
    (b"\xff\xf2", 0, audio::mp3),
    (b"\x1a\x45\xdf\xa3", 0, matroska::probe),
    (b"\0\0\0\x01\x67", 0, video::h264),
];

/// All media in the bytes, in order, none inside another.
pub(crate) fn carve(b: &[u8]) -> Vec<Carved> {
    let mut starts: Vec<(usize, usize)> = Vec::new();
    for (probe, (magic, before, _)) in PROBES.iter().enumerate() {
        starts.extend(memchr::memmem::find_iter(b, magic).filter_map(|i| Some((i.checked_sub(*before)?, probe))));
    }
    starts.sort_unstable();
    let mut out: Vec<Carved> = Vec::new();
    let mut end = 0;
    for (at, probe) in starts {
        if at < end {
            continue;
        }
        if let Some(found) = PROBES[probe].2(b, at) {
            end = found.at.end;
            out.push(found);
        }
    }
    out
}

pub(crate) fn be32(b: &[u8], at: usize) -> Option<u32> {
    b.get(at..at + 4).and_then(|v| v.try_into().ok()).map(u32::from_be_bytes)
}

pub(crate) fn le32(b: &[u8], at: usize) -> Option<u32> {
    b.get(at..at + 4).and_then(|v| v.try_into().ok()).map(u32::from_le_bytes)
}

fn be16(b: &[u8], at: usize) -> Option<u16> {
    b.get(at..at + 2).and_then(|v| v.try_into().ok()).map(u16::from_be_bytes)
}

fn le16(b: &[u8], at: usize) -> Option<u16> {
    b.get(at..at + 2).and_then(|v| v.try_into().ok()).map(u16::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_holds_no_sure_medium() {
        let mut noise = vec![0; 4 << 20];
        stakeout_feed::SubKey::from_bytes([3; 32]).fill("noise", 1, &mut noise);
        assert_eq!(carve(&noise).into_iter().filter(|c| c.sure).collect::<Vec<_>>(), []);
    }
}
