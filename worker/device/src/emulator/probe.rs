//! Proof that a phone is ready: our own app sees what we feed.
//!
//! A phone may say that it has booted while its camera service hangs, show the picture of its boot for ever, or hear nothing; then
//! an app under test would be called innocent of what it could not do. So, before the app comes, an app of ours
//! (`images/emulator/probe`) takes a picture of each camera, records, reads the contacts, and calls a server by HTTPS, and what it
//! got is looked at here: the pictures must show the very frames that were put before the cameras when it opened them, the sound the
//! seconds in which it recorded, the contacts a person who was planted, and, where every name is answered, the server must have
//! answered. It is then removed, and what it did is part of no trial's record.

use std::{ops::RangeInclusive, path::Path, time::Duration};

use stakeout_contract::{Nanos, observation::Facing, trial::frame_at};
use stakeout_feed::{CameraDetector, CandidateTrial, FeedMode, GrayImage, MicCandidate, MicDetector, SubKeys};
use stakeout_links::guest::{Guest as _, quote};
use stakeout_protocol::Problem;
use tokio::time::Instant;

use super::{
    camera::Pictures,
    clock::{SharedClock, lock},
    phone::{Phone, problem},
};
use crate::core::window::monotonic_nanos;

/// Our real time until it is done: pictures of slow cameras take some seconds each.
const DONE: Duration = Duration::from_secs(90);
/// Between two questions whether it is.
const PAUSE: Duration = Duration::from_millis(100);
/// Bytes of a picture, of the sound, and of the names.
const FILE: u64 = 8 << 20;
/// Pixels of a picture.
const AREA: u64 = 1 << 23;
/// What it does, in its order.
const PARTS: [&str; 4] = ["back", "front", "sound", "contacts"];
/// And what it does last, which counts only where a server answers: in a bake none does, nor for a name that nobody has.
const CALL: &str = "call";
/// log10 of the chance that a match is none, at most.
const SURE: f64 = -6.0;
/// How much older than the moment sound may be, and how far a match may be off.
const SLACK: Duration = Duration::from_millis(600);

/// What the probe is done with.
pub struct Probe<'a> {
    /// The app.
    pub apk: &'a Path,
    /// What is fed.
    pub keys: &'a SubKeys,
    /// How.
    pub mode: FeedMode,
    /// The trial's clock.
    pub clock: &'a SharedClock,
    /// The cameras' pictures.
    pub pictures: &'a Pictures,
    /// Somebody who was planted among the contacts.
    pub contact: Option<&'a str>,
    /// Whether a server answers it.
    pub answered: bool,
}

fn failed(part: &str, why: impl std::fmt::Display) -> Problem {
    Problem::new("failed", format!("the phone is not ready: the probe's `{part}`: {why}"))
}

impl Probe<'_> {
    fn now(&self) -> Nanos {
        lock(self.clock).now(monotonic_nanos())
    }

    /// Proves it; what was seen, for people.
    pub async fn run(&self, phone: &Phone) -> Result<String, Problem> {
        let begun = Instant::now();
        let (app, _) = phone.install(&[self.apk.to_owned()], true, false).await.map_err(|e| failed("install", e.message))?;
        let done = self.prove(phone, &app).await;
        // It must not be there when the app comes, however it went.
        let gone = phone.say(&format!("pm uninstall {}", quote(&app.package))).await.map_err(|e| failed("uninstall", e.message));
        let said = done?;
        gone?;
        Ok(format!("probe: {said}; {:.1} s", begun.elapsed().as_secs_f64()))
    }

    async fn prove(&self, phone: &Phone, app: &super::apps::App) -> Result<String, Problem> {
        // What was opened until now was by others.
        tokio::task::block_in_place(|| self.pictures.renew());
        drop(self.pictures.take());
        let from = self.now();
        phone.launch(app).await.map_err(|e| failed("launch", e.message))?;
        let folder = format!("/data/data/{}/files", app.package);
        let call: &[&str] = if self.answered { &[CALL] } else { &[] };
        let parts = [&PARTS[..], call].concat();
        outcome(&self.wait(phone, &app.package, &format!("{folder}/done")).await?, &parts)?;
        let status = if self.answered { Some(self.status(phone, &format!("{folder}/call.txt")).await?) } else { None };
        self.look(phone).await?;
        let until = self.now();
        let seen = self.pictures.take();
        if let Some(trouble) = seen.trouble {
            return Err(failed("back", trouble));
        }
        let mut shown: Vec<Shown> = {
            let clock = lock(self.clock);
            seen.opens.iter().map(|o| (o.facing, o.frame..=o.until(until.since(clock.date(o.host))))).collect()
        };
        if self.pictures.streams() {
            shown.push((Facing::Back, frame_at(from)..=frame_at(until)));
        }
        let mut files = Vec::new();
        for name in ["back.jpg", "front.jpg", "sound.wav", "contacts.txt"] {
            let mut bytes = Vec::new();
            let path = format!("{folder}/{name}");
            phone.adb.pull(&path, &mut bytes, FILE, phone.within).await.map_err(problem).map_err(|e| failed(name, e.message))?;
            files.push(bytes);
        }
        let [back, front, sound, contacts] = <[Vec<u8>; 4]>::try_from(files).map_err(|_| failed("files", "one is missing"))?;
        let (keys, mode) = (self.keys.clone(), self.mode);
        let found = tokio::task::spawn_blocking(move || {
            let back = frame(&back, &keys, mode, Facing::Back, &shown)?;
            let front = frame(&front, &keys, mode, Facing::Front, &shown)?;
            Ok::<_, Problem>((back, front, seconds(&sound, &keys, from, until)?))
        });
        let (back, front, (first, last)) = found.await.map_err(|e| failed("files", e))??;
        let called = status.map_or_else(String::new, |s| format!("; a server answered it by HTTPS ({s})"));
        let people = String::from_utf8_lossy(&contacts);
        if let Some(name) = self.contact.filter(|n| !people.contains(*n)) {
            return Err(failed(
                "contacts",
                format!("`{name}` was planted, and is not among the {} that an app reads", people.lines().count()),
            ));
        }
        Ok(format!(
            "the back camera shows frame {back}, the front camera frame {front}, as they were opened; the microphone {first:.2} to {last:.2} s; {} lines of contacts{called}",
            people.lines().count()
        ))
    }

    /// The status with which it was answered: of whatever server, it trusts the job's certificate and its way is whole.
    async fn status(&self, phone: &Phone, path: &str) -> Result<u16, Problem> {
        let mut bytes = Vec::new();
        phone.adb.pull(path, &mut bytes, 64, phone.within).await.map_err(problem).map_err(|e| failed(CALL, e.message))?;
        let said = String::from_utf8_lossy(&bytes);
        let status = said.trim().parse().ok().filter(|s| (100..600).contains(s));
        status.ok_or_else(|| failed(CALL, format!("`{}` is no status", said.escape_debug())))
    }

    async fn look(&self, phone: &Phone) -> Result<(), Problem> {
        let look = phone.look().await?;
        lock(self.clock).look(look);
        Ok(())
    }

    /// What it says when it is done.
    async fn wait(&self, phone: &Phone, package: &str, path: &str) -> Result<String, Problem> {
        let until = Instant::now() + DONE;
        let mut gone = 0;
        loop {
            let done = phone.run(&format!("cat {}", quote(path))).await?;
            if !done.failed() && !done.stdout.is_empty() {
                return Ok(done.text().into_owned());
            }
            // Twice, as it may have been done between the two questions.
            gone = if phone.run(&format!("pidof {}", quote(package))).await?.stdout.is_empty() { gone + 1 } else { 0 };
            if gone > 1 {
                return Err(failed("launch", "its process has ended before it was done"));
            }
            if Instant::now() >= until {
                return Err(failed("launch", format!("it is not done within {} s", DONE.as_secs())));
            }
            self.look(phone).await?;
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Whether all of it went well, as the app says.
fn outcome(said: &str, parts: &[&str]) -> Result<(), Problem> {
    for part in parts {
        let how = said.lines().find_map(|l| l.strip_prefix(part)?.strip_prefix(' '));
        match how {
            Some("ok") => {}
            Some(why) => return Err(failed(part, why.chars().filter(|c| !c.is_control()).take(300).collect::<String>())),
            None => return Err(failed(part, "nothing is said of it")),
        }
    }
    Ok(())
}

/// Frames that were before a camera since it was opened: one, or those of a film until the end of the look.
type Shown = (Facing, RangeInclusive<u64>);

/// The frame that a picture shows: one of those that were there when its camera was opened, or that its film has shown since.
fn frame(jpeg: &[u8], keys: &SubKeys, mode: FeedMode, facing: Facing, shown: &[Shown]) -> Result<u64, Problem> {
    let part = if facing == Facing::Back { "back" } else { "front" };
    let frames: Vec<RangeInclusive<u64>> = shown.iter().filter(|o| o.0 == facing).map(|o| o.1.clone()).collect();
    if frames.is_empty() {
        return Err(failed(part, "the emulator did not open its picture when the camera was opened"));
    }
    let image = gray(jpeg).map_err(|e| failed(part, e))?;
    let candidate = CandidateTrial {
        subkey: if facing == Facing::Back { keys.camera_back } else { keys.camera_front },
        facing: if facing == Facing::Back { stakeout_feed::Facing::Back } else { stakeout_feed::Facing::Front },
        mode,
        delivered: frames.clone(),
        // A minute more, so that a film that runs ahead can be named.
        horizon_frames: frames.iter().map(|f| *f.end()).max().map_or(0, |f| f + 1800),
    };
    let found = CameraDetector::new(&[candidate]).detect(&image).into_iter().find(|m| m.log10_p <= SURE);
    match found {
        Some(m) if frames.iter().any(|f| f.contains(&m.frame)) => Ok(m.frame),
        Some(m) => {
            Err(failed(part, format!("it shows frame {}, and {} was before the camera since it was opened", m.frame, words(&frames))))
        }
        None => Err(failed(part, format!("its picture of {} x {} pixels shows nothing of what is fed", image.width, image.height))),
    }
}

/// `150`, or `150 to 210`.
fn words(frames: &[RangeInclusive<u64>]) -> String {
    let one = |f: &RangeInclusive<u64>| if f.start() == f.end() { f.start().to_string() } else { format!("{} to {}", f.start(), f.end()) };
    frames.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn gray(bytes: &[u8]) -> Result<GrayImage, String> {
    let read = image::ImageReader::new(std::io::Cursor::new(bytes)).with_guessed_format().map_err(|e| e.to_string())?;
    let (width, height) = read.into_dimensions().map_err(|e| e.to_string())?;
    if u64::from(width) * u64::from(height) > AREA {
        return Err(format!("{width} x {height} pixels are too many"));
    }
    let luma = image::load_from_memory(bytes).map_err(|e| e.to_string())?.to_luma8();
    Ok(GrayImage { width, height, luma: luma.into_raw() })
}

/// The seconds that a recording holds: some of those in which it was made.
fn seconds(wav: &[u8], keys: &SubKeys, from: Nanos, until: Nanos) -> Result<(f64, f64), Problem> {
    let bad = |why: String| failed("sound", why);
    let (rate, samples) = samples(wav).ok_or_else(|| bad("it is no WAV of 16 bits and one channel".to_owned()))?;
    let slack = u64::try_from(SLACK.as_nanos()).unwrap_or(u64::MAX);
    let when: RangeInclusive<u64> = from.get().saturating_sub(slack)..=until.get().saturating_add(slack);
    let candidate = MicCandidate {
        subkey: keys.microphone,
        delivered: vec![when.clone()],
        logged: false,
        horizon_nanos: until.get().saturating_add(slack),
    };
    let found = MicDetector::new(&[candidate]).detect(&samples, rate).into_iter().find(|m| m.log10_p <= SURE);
    match found {
        Some(m) if when.contains(&m.from_nanos) && when.contains(&m.to_nanos) => Ok((m.from_nanos as f64 / 1e9, m.to_nanos as f64 / 1e9)),
        Some(m) => Err(bad(format!(
            "it holds {:.2} to {:.2} s of what is played, and was recorded from {from} to {until}",
            m.from_nanos as f64 / 1e9,
            m.to_nanos as f64 / 1e9
        ))),
        None if samples.iter().all(|s| *s == 0.0) => Err(bad(format!("{} samples of silence", samples.len()))),
        None => Err(bad(format!("{} samples without anything of what is played", samples.len()))),
    }
}

/// Rate and samples of a WAV of 16 bits and one channel.
fn samples(wav: &[u8]) -> Option<(u32, Vec<f32>)> {
    let rest = wav.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    let (mut rest, mut rate) = (rest, None);
    loop {
        let (head, more) = rest.split_at_checked(8)?;
        let size = u32::from_le_bytes(head[4..].try_into().ok()?) as usize;
        let body = &more[..size.min(more.len())];
        match &head[..4] {
            b"fmt " => {
                let word = |at: usize| Some(u16::from_le_bytes(body.get(at..at + 2)?.try_into().ok()?));
                let whole = u32::from_le_bytes(body.get(4..8)?.try_into().ok()?);
                rate = (word(0)? == 1 && word(2)? == 1 && word(14)? == 16 && (8000..=96_000).contains(&whole)).then_some(whole);
            }
            b"data" => {
                let pcm = body.chunks_exact(2).map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0);
                return Some((rate?, pcm.collect()));
            }
            _ => {}
        }
        rest = more.get(size + size % 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stakeout_feed::{CameraFeed, MicFeed, TrialKey};

    use super::*;

    fn keys() -> SubKeys {
        TrialKey::from_bytes([7; 32]).subkeys()
    }

    fn jpeg(facing: Facing, frame: u64) -> Vec<u8> {
        let key = if facing == Facing::Back { keys().camera_back } else { keys().camera_front };
        let rgb = CameraFeed::new(key).rgb(frame, 640, 480);
        let mut out = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, 90).encode(&rgb, 640, 480, image::ExtendedColorType::Rgb8).unwrap();
        out
    }

    fn open(facing: Facing, frame: u64) -> Shown {
        (facing, frame..=frame)
    }

    fn why<T: std::fmt::Debug>(r: Result<T, Problem>) -> String {
        r.unwrap_err().message
    }

    #[test]
    fn a_picture_must_show_what_was_before_the_camera_when_it_was_opened() {
        let (shown, keys) = (jpeg(Facing::Back, 120), keys());
        let look = |bytes: &[u8], facing, shown: &[Shown]| frame(bytes, &keys, FeedMode::Pattern, facing, shown);
        let opens = [open(Facing::Back, 120), open(Facing::Front, 121)];
        assert_eq!(look(&shown, Facing::Back, &opens).unwrap(), 120);
        assert!(
            why(look(&shown, Facing::Back, &[open(Facing::Back, 150)])).contains("it shows frame 120, and 150 was"),
            "the boot's picture, for ever"
        );
        assert_eq!(look(&shown, Facing::Back, &[(Facing::Back, 90..=140)]).unwrap(), 120, "a film has shown it since");
        let late = why(look(&shown, Facing::Back, &[(Facing::Back, 90..=110)]));
        assert!(
            late.contains("it shows frame 120, and 90 to 110 was"),
            "a film that does not begin when it is opened, or runs too fast: {late}"
        );
        assert!(why(look(&shown, Facing::Back, &[])).contains("did not open its picture"));
        assert!(why(look(&shown, Facing::Front, &opens)).contains("shows nothing of what is fed"), "the other camera's");
        assert!(why(look(b"\xff\xd8\xff", Facing::Back, &opens)).contains("`back`"));
    }

    #[test]
    fn sound_must_be_of_the_time_of_the_recording() {
        let pcm = MicFeed::new(keys().microphone).pcm(10_000_000_000, 44_100 * 3 / 2, 44_100);
        let wav = |pcm: &[i16]| {
            let mut b = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
            b.extend(44_100_u32.to_le_bytes());
            b.extend(88_200_u32.to_le_bytes());
            b.extend([2, 0, 16, 0]);
            b.extend(b"data");
            b.extend((pcm.len() as u32 * 2).to_le_bytes());
            b.extend(pcm.iter().flat_map(|s| s.to_le_bytes()));
            b
        };
        let at = |s: u64| Nanos::saturating(s * 1_000_000_000);
        let (first, last) = seconds(&wav(&pcm), &keys(), at(9), at(13)).unwrap();
        assert!((first - 10.0).abs() < 0.1 && last > 11.2, "{first} {last}");
        assert!(why(seconds(&wav(&pcm), &keys(), at(20), at(24))).contains("10.0"), "another time's");
        assert!(why(seconds(&wav(&vec![0; 66_150]), &keys(), at(9), at(13))).contains("66150 samples of silence"));
        assert!(why(seconds(b"RIFF", &keys(), at(9), at(13))).contains("no WAV"));
    }

    #[test]
    fn a_part_that_failed_is_named_with_its_reason() {
        let outcome = |said: &str| outcome(said, &PARTS);
        assert!(outcome("back ok\nfront ok\nsound ok\ncontacts ok\n").is_ok());
        let camera = "back failed: android.hardware.camera2.CameraAccessException: CAMERA_ERROR (3)\nfront ok\nsound ok\ncontacts ok\n";
        assert!(why(outcome(camera)).contains("the probe's `back`: failed: android.hardware.camera2.CameraAccessException"));
        assert!(why(outcome("back ok\nfront ok\n")).contains("`sound`: nothing is said of it"));
    }

    proptest! {
        #[test]
        fn no_file_of_a_guest_is_fatal(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = samples(&bytes);
            let _ = samples(&[b"RIFF\0\0\0\0WAVE".as_slice(), &bytes].concat());
            let _ = outcome(&String::from_utf8_lossy(&bytes), &PARTS);
        }
    }
}
