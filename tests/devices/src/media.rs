//! What the app stored of camera and microphone, and what the detectors say of it.

use std::ops::RangeInclusive;

use stakeout_feed::{
    CameraDetector, CandidateTrial, Facing, FeedMode, FrameMatch, GrayImage, MicCandidate, MicDetector, SoundMatch, SubKeys,
};

/// Nanoseconds of a block of the feed's log of sound.
pub(crate) const BLOCK_NANOS: u64 = 50_000_000;
/// Pixels of a picture that is looked at.
const AREA: u64 = 40_000_000;
/// Longest trial in which a frame or a second is looked for, seconds.
const HORIZON: u64 = 3600;

/// Why some bytes are no sound.
#[derive(Debug, thiserror::Error)]
pub enum NotSound {
    /// No RIFF WAVE, or cut off within its heads.
    #[error("it is no RIFF WAVE with 16-bit samples")]
    Form,
}

/// A sound: 16-bit PCM.
#[derive(Clone, PartialEq, Debug)]
pub struct Wav {
    /// Samples a second.
    pub rate: u32,
    /// The first channel, -1 to 1.
    pub samples: Vec<f32>,
}

impl Wav {
    /// Reads a RIFF WAVE file with 16-bit samples. What is cut off in the data is read as far as it goes.
    pub fn read(bytes: &[u8]) -> Result<Self, NotSound> {
        let word = |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
        let half = |at: usize| bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes);
        if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
            return Err(NotSound::Form);
        }
        let (mut at, mut form) = (12_usize, None);
        while let (Some(name), Some(size)) = (bytes.get(at..at + 4), word(at + 4)) {
            let body = at + 8;
            if name == b"fmt " {
                form = half(body + 2).zip(word(body + 4)).filter(|_| half(body) == Some(1) && half(body + 14) == Some(16));
            } else if name == b"data" {
                let (channels, rate) = form.filter(|(c, _)| (1..=2).contains(c)).ok_or(NotSound::Form)?;
                let data = &bytes[body..bytes.len().min(body.saturating_add(size as usize))];
                let frames = data.chunks_exact(2 * usize::from(channels));
                let samples = frames.map(|f| f32::from(i16::from_le_bytes([f[0], f[1]])) / 32_768.0).collect();
                return Ok(Self { rate, samples });
            }
            at = body.saturating_add(size as usize).saturating_add((size & 1) as usize);
        }
        Err(NotSound::Form)
    }

    /// Nanoseconds that it lasts.
    pub(crate) fn nanos(&self) -> u64 {
        self.samples.len() as u64 * 1_000_000_000 / u64::from(self.rate.max(1))
    }
}

/// A picture in grey.
pub(crate) fn picture(bytes: &[u8]) -> Result<GrayImage, String> {
    let read = image::ImageReader::new(std::io::Cursor::new(bytes)).with_guessed_format().map_err(|e| e.to_string())?;
    let (width, height) = read.into_dimensions().map_err(|e| e.to_string())?;
    if u64::from(width) * u64::from(height) > AREA {
        return Err(format!("{width} x {height} pixels are too many"));
    }
    let luma = image::load_from_memory(bytes).map_err(|e| e.to_string())?.to_luma8();
    Ok(GrayImage { width, height, luma: luma.into_raw() })
}

/// The frame of the back camera that a picture shows under these keys.
pub(crate) fn frame(picture: &GrayImage, keys: &SubKeys, delivered: &[RangeInclusive<u64>]) -> Option<FrameMatch> {
    let candidate = CandidateTrial {
        subkey: keys.camera_back,
        facing: Facing::Back,
        mode: FeedMode::Pattern,
        delivered: delivered.to_vec(),
        horizon_frames: HORIZON * stakeout_feed::FRAMES_PER_SECOND,
    };
    CameraDetector::new(&[candidate]).detect(picture).into_iter().next()
}

/// The seconds of the microphone that a recording holds under these keys. `delivered` in blocks.
pub(crate) fn seconds(sound: &Wav, keys: &SubKeys, delivered: &[RangeInclusive<u64>]) -> Vec<SoundMatch> {
    let delivered = delivered.iter().map(|r| r.start() * BLOCK_NANOS..=(r.end() + 1) * BLOCK_NANOS - 1).collect();
    let candidate = MicCandidate { subkey: keys.microphone, delivered, logged: false, horizon_nanos: HORIZON * 1_000_000_000 };
    MicDetector::new(&[candidate]).detect(&sound.samples, sound.rate)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stakeout_feed::{CameraFeed, MicFeed, TrialKey};

    use super::*;

    fn wav(channels: u16, samples: &[i16]) -> Vec<u8> {
        let mut b = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0".to_vec();
        b.extend(channels.to_le_bytes());
        b.extend(16_000_u32.to_le_bytes());
        b.extend([0; 6]);
        b.extend(16_u16.to_le_bytes());
        b.extend(b"data");
        b.extend((samples.len() as u32 * 2).to_le_bytes());
        b.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
        b
    }

    #[test]
    fn a_sound_is_read_behind_other_parts_and_by_its_first_channel() {
        let read = Wav::read(&wav(2, &[16_384, 1, -16_384, 2])).unwrap();
        assert_eq!(read, Wav { rate: 16_000, samples: vec![0.5, -0.5] });
        assert_eq!(Wav::read(&wav(1, &[0; 4])).unwrap().nanos(), 250_000);
        assert!(Wav::read(&wav(0, &[0; 4])).is_err());
        assert!(Wav::read(b"RIFF").is_err());
    }

    proptest! {
        #[test]
        fn noise_is_no_sound_and_never_a_panic(mut noise in prop::collection::vec(any::<u8>(), 0..200), named: bool) {
            if named && noise.len() > 12 {
                noise[..4].copy_from_slice(b"RIFF");
                noise[8..12].copy_from_slice(b"WAVE");
            }
            let _ = Wav::read(&noise);
            let _ = picture(&noise);
        }
    }

    #[test]
    fn a_frame_and_a_second_are_found_under_their_key_only() {
        let (mine, other) = (TrialKey::from_bytes([7; 32]).subkeys(), TrialKey::from_bytes([8; 32]).subkeys());
        let jpeg = CameraFeed::new(mine.camera_back).jpeg(90, 640, 480, 90).unwrap();
        let shown = picture(&jpeg).unwrap();
        assert_eq!(frame(&shown, &mine, &[80..=100]).map(|m| (m.frame, m.delivered)), Some((90, true)));
        assert_eq!(frame(&shown, &mine, &[10..=20]).map(|m| m.delivered), Some(false), "it was not delivered");
        assert!(frame(&shown, &other, &[80..=100]).is_none());
        let pcm = MicFeed::new(mine.microphone).pcm(3_000_000_000, 32_000, 16_000);
        let sound = Wav { rate: 16_000, samples: pcm.iter().map(|s| f32::from(*s) / 32_768.0).collect() };
        let found = seconds(&sound, &mine, &[60..=99]);
        assert!(found.iter().any(|m| m.delivered && m.from_nanos.abs_diff(3_000_000_000) < 50_000_000), "{found:?}");
        assert!(seconds(&sound, &other, &[60..=99]).is_empty());
    }
}
