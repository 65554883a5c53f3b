//! What is done to sounds before they are read.

use std::process::Command;

use stakeout_feed::SubKey;

/// Name, extension, arguments of the encoder, rate that is fed, noise in dB below the sound, second codec.
pub(crate) struct Row(
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) &'static [&'static str],
    pub(crate) Option<f64>,
    pub(crate) Option<(&'static str, &'static [&'static str])>,
);

pub(crate) const ROWS: &[Row] = &[
    Row("wav 8k 16 bit", "wav", &["-ar", "8000"], None, None),
    Row("AMR-NB 12.2", "amr", &["-ar", "8000", "-b:a", "12.2k"], None, None),
    Row("AMR-NB 7.4", "amr", &["-ar", "8000", "-b:a", "7.4k"], None, None),
    Row("AMR-NB 4.75", "amr", &["-ar", "8000", "-b:a", "4.75k"], None, None),
    Row("AMR-WB 6.6", "3gp", &["-ar", "16000", "-c:a", "libvo_amrwbenc", "-b:a", "6.6k"], None, None),
    Row("AMR-WB 23.85", "3gp", &["-ar", "16000", "-c:a", "libvo_amrwbenc", "-b:a", "23.85k"], None, None),
    Row("AAC 24k m4a", "m4a", &["-c:a", "aac", "-b:a", "24k"], None, None),
    Row("AAC 24k adts 44.1k", "aac", &["-ar", "44100", "-c:a", "aac", "-b:a", "24k"], None, None),
    Row("Opus 6k voip", "ogg", &["-c:a", "libopus", "-b:a", "6k", "-application", "voip"], None, None),
    Row("Opus 12k voip", "ogg", &["-c:a", "libopus", "-b:a", "12k", "-application", "voip"], None, None),
    Row("MP3 32k", "mp3", &["-b:a", "32k"], None, None),
    Row("MP3 16k", "mp3", &["-b:a", "16k"], None, None),
    Row("GSM 06.10", "wav", &["-ar", "8000", "-c:a", "libgsm_ms"], None, None),
    Row("mu-law 8k", "wav", &["-ar", "8000", "-c:a", "pcm_mulaw"], None, None),
    Row("8 bit pcm 8k", "wav", &["-ar", "8000", "-c:a", "pcm_u8"], None, None),
    Row("mp3 32k -> AMR 4.75", "mp3", &["-b:a", "32k"], None, Some(("amr", &["-ar", "8000", "-b:a", "4.75k"]))),
    Row("resample 11025->8k", "wav", &["-ar", "11025"], None, None),
    Row("noise 10 dB", "wav", &[], Some(10.0), None),
    Row("noise 0 dB", "wav", &[], Some(0.0), None),
    Row("noise 0 dB + AMR 4.75", "amr", &["-ar", "8000", "-b:a", "4.75k"], Some(0.0), None),
];

/// Whether ffmpeg is here.
pub(crate) fn ffmpeg() -> bool {
    Command::new("ffmpeg").arg("-version").output().is_ok_and(|o| o.status.success())
}

pub(crate) fn floats(x: &[i16]) -> Vec<f32> {
    x.iter().map(|&v| f32::from(v) / 32768.0).collect()
}

/// The sound as this row leaves it, and its rate; None when there is no encoder for it here.
pub(crate) fn bent(row: &Row, clean: &[i16], ffmpeg: bool) -> Option<(Vec<f32>, u32)> {
    let Row(_, extension, args, noise_db, second) = row;
    let mut x = floats(clean);
    if let Some(db) = noise_db {
        x = noisy(&x, *db);
    }
    let y = if args.is_empty() { Some((x, 16000)) } else { ffmpeg.then(|| through(&x, 16000, extension, args)).flatten() };
    match (y, second) {
        (Some((x, rate)), Some((extension, args))) => through(&x, rate, extension, args),
        (y, _) => y,
    }
}

/// White noise this many dB below the sound (or at a tenth of full scale when there is none).
pub(crate) fn noisy(x: &[f32], db: f64) -> Vec<f32> {
    let power = x.iter().map(|v| f64::from(v * v)).sum::<f64>() / x.len() as f64;
    let deviation = if power > 0.0 { power.sqrt() * 10_f64.powf(-db / 20.0) } else { 0.1 };
    let mut bytes = vec![0; x.len() * 4];
    SubKey::from_bytes([77; 32]).fill("noise", 0, &mut bytes);
    x.iter()
        .zip(bytes.chunks_exact(4))
        .map(|(v, b)| v + (b.iter().map(|&b| f64::from(b) - 127.5).sum::<f64>() / 147.8 * deviation) as f32)
        .collect()
}

/// Through ffmpeg's encoder and back to mono; None when this ffmpeg has no such encoder.
pub(crate) fn through(x: &[f32], rate: u32, extension: &str, args: &[&str]) -> Option<(Vec<f32>, u32)> {
    let dir = std::env::temp_dir().join(format!("sound-{}", std::process::id()));
    std::fs::create_dir_all(&dir).ok()?;
    let bytes: Vec<u8> = x.iter().flat_map(|v| ((v * 32768.0).round().clamp(-32768.0, 32767.0) as i16).to_le_bytes()).collect();
    std::fs::write(dir.join("in.raw"), bytes).ok()?;
    let coded = format!("out.{extension}");
    let run = |args: &[&str]| {
        Command::new("ffmpeg")
            .current_dir(&dir)
            .args(["-v", "error", "-y"])
            .args(args)
            .stderr(std::process::Stdio::null())
            .status()
            .ok()
            .filter(std::process::ExitStatus::success)
    };
    run(&[&["-f", "s16le", "-ar", &rate.to_string(), "-ac", "1", "-i", "in.raw"], args, &[&coded]].concat())?;
    // To another rate than the detector's own, so that its resampling is measured too.
    run(&["-i", &coded, "-ac", "1", "-ar", "16000", "-f", "s16le", "out.raw"])?;
    let raw = std::fs::read(dir.join("out.raw")).ok()?;
    let _ = std::fs::remove_dir_all(&dir);
    Some((raw.chunks_exact(2).map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32768.0).collect(), 16000))
}
