//! Rows of the sound's table.
use std::process::Command;

use stakeout_feed::{MicCandidate, MicDetector, MicFeed, SubKey};

use crate::{Table, Watch};

const SECOND: u64 = 1_000_000_000;

/// Name, extension, arguments of the encoder, rate that is fed, noise in dB below the sound, second codec.
struct Row(&'static str, &'static str, &'static [&'static str], Option<f64>, Option<(&'static str, &'static [&'static str])>);

const ROWS: &[Row] = &[
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

fn detector(delivered: (u64, u64), seconds: u64) -> MicDetector {
    MicDetector::new(&[MicCandidate {
        subkey: subkey(),
        delivered: vec![delivered.0 * SECOND..=delivered.1 * SECOND],
        logged: false,
        horizon_nanos: seconds * SECOND,
    }])
}

fn subkey() -> SubKey {
    SubKey::from_bytes([3; 32])
}

fn floats(x: &[i16]) -> Vec<f32> {
    x.iter().map(|&v| f32::from(v) / 32768.0).collect()
}

fn judge(detector: &MicDetector, x: &[f32], rate: u32, from: f64) -> (bool, f64, f64) {
    let watch = Watch::start();
    let found = detector.detect(x, rate);
    let millis = watch.millis();
    let first = found.first().copied();
    let off = first.map_or(f64::MAX, |m| (m.from_nanos as f64 / 1e9 - m.recording_nanos as f64 / 1e9 - from).abs());
    if first.is_some_and(|m| m.log10_p < -9.0) && off >= 0.06 {
        println!("WRONG PLACE {found:?} {from}");
    }
    (first.is_some_and(|m| m.log10_p < -9.0) && off < 0.06, first.map_or(0.0, |m| m.t), millis)
}

pub(crate) fn table(table: &mut Table, n: u64) {
    let ffmpeg = Command::new("ffmpeg").arg("-version").output().is_ok_and(|o| o.status.success());
    // Sixty seconds of the feed that the log lists as delivered; excerpts are cut after the codec.
    let feed = MicFeed::new(subkey());
    let clean = feed.pcm(60 * SECOND, 16000 * 60, 16000);
    for Row(name, extension, args, noise_db, second) in ROWS {
        let mut x = floats(&clean);
        if let Some(db) = noise_db {
            x = noisy(&x, *db);
        }
        let mut y = if args.is_empty() {
            Some((x, 16000))
        } else if ffmpeg {
            through(&x, 16000, extension, args)
        } else {
            None
        };
        if let (Some((x, rate)), Some((extension, args))) = (&y, second) {
            y = through(x, *rate, extension, args);
        }
        let Some((y, rate)) = y else {
            println!("| sound | {name} | no encoder for it here |");
            continue;
        };
        for seconds in [1.0, 3.0] {
            let detector = detector((60, 120), 600);
            let samples: Vec<_> = (0..n)
                .map(|s| {
                    let a = (1.0 + (s as f64 * 2.71) % 50.0) * f64::from(rate);
                    let part = &y[a as usize..a as usize + (seconds * f64::from(rate)) as usize];
                    judge(&detector, part, rate, 60.0 + a.floor() / f64::from(rate))
                })
                .collect();
            table.row(&format!("sound {seconds:.0} s"), name, &samples);
        }
    }
    let samples: Vec<_> = (0..n.min(10))
        .map(|s| {
            // Played at another speed: the same samples, called by another rate.
            let rate = (16000.0 * (1.0 + ((s * 7 % 11) as f64 - 5.0) / 260.0)) as u32;
            let x = floats(&feed.pcm((65 + s) * SECOND, 48000, 16000));
            judge(&detector((60, 120), 600), &x, rate, 65.0 + s as f64)
        })
        .collect();
    table.row("sound 3 s", "speed +-2%", &samples);
    let samples: Vec<_> = (0..n.min(3))
        .map(|s| {
            let x = floats(&feed.pcm((5000 + 700 * s) * SECOND, 48000, 16000));
            judge(&detector((0, 10), 86_400), &x, 16000, 5000.0 + 700.0 * s as f64)
        })
        .collect();
    table.row("sound 3 s", "not in the log, a day searched", &samples);
    let x = noisy(&vec![0.0; 16000 * 10], 0.0);
    let strangers: Vec<Vec<f32>> = (0..20_u64)
        .map(|s| match s % 3 {
            0 => floats(&MicFeed::new(SubKey::from_bytes([40 + s as u8; 32])).pcm(s * SECOND, 16000 * 4, 16000)),
            1 => x[s as usize * 4000..][..64000].to_vec(),
            _ => (0..64000).map(|i| (f64::from(i) * (0.05 + s as f64 * 0.01)).sin() as f32 * 0.3).collect(),
        })
        .collect();
    let samples: Vec<_> = strangers
        .iter()
        .map(|x| {
            let watch = Watch::start();
            let f = detector((60, 120), 600).detect(x, 16000);
            (!f.is_empty(), 0.0, watch.millis())
        })
        .collect();
    table.row("sound 4 s", "other keys, noise, tones: found", &samples);
}

/// White noise this many dB below the sound (or at a tenth of full scale when there is none).
fn noisy(x: &[f32], db: f64) -> Vec<f32> {
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
fn through(x: &[f32], rate: u32, extension: &str, args: &[&str]) -> Option<(Vec<f32>, u32)> {
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
