//! Rows of the sound's table.
use stakeout_feed::{MicCandidate, MicDetector, MicFeed, SubKey};

use crate::codecs::{ROWS, bent, ffmpeg, floats, noisy};
use crate::{Table, Watch};

const SECOND: u64 = 1_000_000_000;

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

fn judge(detector: &MicDetector, x: &[f32], rate: u32, from: f64) -> (bool, f64, f64) {
    let watch = Watch::start();
    let found = detector.detect(x, rate);
    let millis = watch.millis();
    let first = found.first();
    let off = first.map_or(f64::MAX, |m| (m.from_nanos as f64 / 1e9 - m.recording_nanos as f64 / 1e9 - from).abs());
    if first.is_some_and(|m| m.log10_p < -9.0) && off >= 0.06 {
        println!("WRONG PLACE {found:?} {from}");
    }
    (first.is_some_and(|m| m.log10_p < -9.0) && off < 0.06, first.map_or(0.0, |m| m.t), millis)
}

pub(crate) fn table(table: &mut Table, n: u64) {
    let ffmpeg = ffmpeg();
    // Sixty seconds of the feed that the log lists as delivered; excerpts are cut after the codec.
    let feed = MicFeed::new(subkey());
    let clean = feed.pcm(60 * SECOND, 16000 * 60, 16000);
    for row in ROWS {
        let name = row.0;
        let Some((y, rate)) = bent(row, &clean, ffmpeg) else {
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
