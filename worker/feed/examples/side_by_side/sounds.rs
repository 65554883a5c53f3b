//! The same sounds before our detector and a fingerprint.

use stakeout_feed::{MicCandidate, MicDetector, MicFeed, SubKey};

use crate::codecs::{ROWS, bent, ffmpeg, floats, noisy};
use crate::fingerprint::{Prints, settings};
use crate::score::{Method, Named, Reading, timed};

const SECOND: u64 = 1_000_000_000;
/// Samples a second of what is fed.
const RATE: u32 = 16_000;
/// The minute of the trial that was delivered, of ten.
const FROM: u64 = 60;
const DELIVERED: u64 = 60;
const HORIZON: u64 = 600;
/// Seconds from its beginning that go through the codecs.
const CODED: u64 = 36;
/// Keys of the trials.
const TRIALS: [u8; 4] = [31, 32, 33, 34];
/// A place may be off by half a second.
const SLACK_MILLIS: u64 = 500;

/// A sound as it is found: samples, and the samples a second that its file claims.
type Found = (Vec<f32>, u32);

fn subkey(k: u8) -> SubKey {
    SubKey::from_bytes([k; 32])
}

/// Name of the row, and for each trial its sound; None where there is no encoder.
fn rows(fed: &[Vec<i16>]) -> Vec<(String, Option<Vec<Found>>)> {
    let ffmpeg = ffmpeg();
    let mut out: Vec<(String, Option<Vec<Found>>)> =
        ROWS.iter().map(|row| (row.0.to_owned(), fed.iter().map(|x| bent(row, x, ffmpeg)).collect())).collect();
    for (name, gain) in [("gain -30 dB", 0.0316), ("gain +20 dB, clipped", 10.0)] {
        let louder = |x: &Vec<i16>| (floats(x).iter().map(|v| (v * gain).clamp(-1.0, 1.0)).collect(), RATE);
        out.push((name.into(), Some(fed.iter().map(louder).collect())));
    }
    for (name, rate) in [("speed +2%", 16_320), ("speed -2%", 15_680)] {
        // The same samples, called by another rate.
        out.push((name.into(), Some(fed.iter().map(|x| (floats(x), rate)).collect())));
    }
    out
}

struct Readers {
    detectors: Vec<MicDetector>,
    prints: Vec<Prints>,
}

impl Readers {
    /// In the order of the methods: is it of this trial?
    fn read(&self, sound: &[f32], rate: u32, trial: usize) -> Vec<Reading> {
        let whole: Vec<i16> = sound.iter().map(|v| (v * 32768.0).round().clamp(-32768.0, 32767.0) as i16).collect();
        let mut out = vec![timed(|| {
            let found = self.detectors[trial].detect(sound, rate).first().cloned();
            found.map_or((Named::Nothing, 0.0), |m| {
                (Named::Moment(trial, m.from_nanos.saturating_sub(m.recording_nanos) / 1_000_000), m.log10_p)
            })
        })];
        out.extend(self.prints.iter().map(|p| timed(|| p.read(&whole, rate, trial, FROM * 1000))));
        out
    }
}

pub(crate) fn run(n: u64) -> Vec<Method> {
    let mut readers = Readers { detectors: Vec::new(), prints: settings() };
    let mut fed = Vec::new();
    for k in TRIALS {
        readers.detectors.push(MicDetector::new(&[MicCandidate {
            subkey: subkey(k),
            delivered: vec![FROM * SECOND..=(FROM + DELIVERED) * SECOND],
            logged: false,
            horizon_nanos: HORIZON * SECOND,
        }]));
        let mut sound = MicFeed::new(subkey(k)).pcm(FROM * SECOND, (DELIVERED * u64::from(RATE)) as usize, RATE);
        readers.prints.iter_mut().for_each(|p| p.learn(&sound, RATE));
        sound.truncate((CODED * u64::from(RATE)) as usize);
        fed.push(sound);
    }
    let mut methods = vec![Method::new("code", "sound", "as it is", -9.0)];
    for p in &readers.prints {
        let mut method = Method::new("fingerprint", "sound", p.name.clone(), Prints::usual());
        method.thresholds = (1..=64).map(|k| f64::from(k) / 4.0).collect();
        methods.push(method);
    }
    for m in &mut methods {
        m.slack = SLACK_MILLIS;
    }

    for (name, sounds) in rows(&fed) {
        let Some(sounds) = sounds else {
            println!("sound {name}: no encoder for it here");
            continue;
        };
        for seconds in [1, 2, 5, 10] {
            for s in 0..n {
                let trial = (s % TRIALS.len() as u64) as usize;
                let (sound, rate) = &sounds[trial];
                let from = ((1.0 + s as f64 * 2.71 % 24.0) * f64::from(*rate)) as usize;
                let part = &sound[from..from + seconds * *rate as usize];
                // Where it is in what was fed: at another speed the samples are as many.
                let fed_rate = if name.starts_with("speed") { RATE } else { *rate };
                let truth = FROM * 1000 + from as u64 * 1000 / u64::from(fed_rate);
                for (method, reading) in methods.iter_mut().zip(readers.read(part, *rate, trial)) {
                    method.positives.push((format!("{seconds} s, {name}"), (trial, truth), reading));
                }
            }
        }
    }

    for s in 0..n {
        let others = floats(&MicFeed::new(subkey(90 + s as u8)).pcm((FROM + s) * SECOND, 5 * RATE as usize, RATE));
        for (kind, sound) in [("another trial's", others), ("nobody's", nobodys(s))] {
            for (method, reading) in methods.iter_mut().zip(readers.read(&sound, RATE, (s % 4) as usize)) {
                method.negatives.push((kind.into(), reading));
            }
        }
    }
    methods
}

/// Five seconds of noise, of one tone, or of a melody in chords.
fn nobodys(s: u64) -> Vec<f32> {
    let samples = 5 * RATE as usize;
    if s.is_multiple_of(3) {
        return noisy(&vec![0.0; samples * 2], 0.0)[(s as usize * 1000)..][..samples].to_vec();
    }
    let mut steps = [0; 64];
    subkey(7).fill("melody", s, &mut steps);
    (0..samples)
        .map(|i| {
            let t = i as f64 / f64::from(RATE);
            let note = if s % 3 == 1 { 0 } else { (t * 4.0) as usize };
            let base = 220.0 * 2_f64.powf(f64::from(steps[note] % 24) / 12.0);
            let chord: f64 = [1.0, 1.26, 1.5].iter().map(|k| (std::f64::consts::TAU * base * k * t).sin()).sum();
            (chord * 0.1) as f32
        })
        .collect()
}
