//! The thread that answers the guest's requests.

use std::{
    io::{BufRead, BufReader, Read, Write},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::json;
use stakeout_contract::{
    Nanos, Sensor,
    observation::{Facing, Fact, Source},
    trial::{FeedMode, frame_at},
};
use stakeout_feed::{Feeds, SubKey, SubKeys};
use stakeout_protocol::{
    Problem,
    device::{Event, FeedKeys},
};

use super::{Ask, Deliveries, Format, Key, Request};
use crate::core::{limits, outbox::Outbox, window::Window};

/// The feeds, from `assign` on.
pub type SharedFeeds = Arc<Mutex<Option<Feeds>>>;
/// The clock's window.
pub type SharedWindow = Arc<Mutex<Window>>;
/// The feed's log.
pub type SharedDeliveries = Arc<Mutex<Deliveries>>;

/// Blocks of sound a second, as `delivered` counts them.
const BLOCKS_PER_SECOND: u64 = 20;

/// Feeds from a trial's keys. No message repeats a key.
/// The keys of a trial's sensors.
pub fn keys(keys: &FeedKeys) -> Result<SubKeys, Problem> {
    let key = |hex: &str| SubKey::from_hex(hex).map_err(|e| Problem::new("bad_request", e.to_string()));
    Ok(SubKeys {
        camera_back: key(&keys.camera_back)?,
        camera_front: key(&keys.camera_front)?,
        microphone: key(&keys.microphone)?,
        // Only the sensors are rendered here, and a cell is never given the canaries' key.
        canaries: SubKey::from_bytes([0; 32]),
    })
}

/// What they show and play.
pub fn feeds(keys: &SubKeys, mode: FeedMode) -> Feeds {
    let mode = match mode {
        FeedMode::Pattern => stakeout_feed::FeedMode::Pattern,
        FeedMode::Scene => stakeout_feed::FeedMode::Scene,
    };
    Feeds::with_mode(keys, mode)
}

/// Answers one guest until its pipe ends.
#[derive(Clone)]
pub struct FeedServer {
    /// Set by `assign`.
    pub feeds: SharedFeeds,
    /// Moves the guest's times in.
    pub window: SharedWindow,
    /// What was given.
    pub log: SharedDeliveries,
    /// For facts.
    pub out: Outbox,
}

impl FeedServer {
    /// Serves; for a thread of its own.
    pub fn run(self, requests: impl Read, mut answers: impl Write) {
        let mut requests = BufReader::new(requests);
        let (mut line, mut served, mut lied) = (Vec::new(), 0_u64, false);
        loop {
            line.clear();
            let Ok(n) = (&mut requests).take(limits::FEED_LINE as u64).read_until(b'\n', &mut line) else { return };
            if n == 0 {
                return;
            }
            if line.last() != Some(&b'\n') {
                return self.failed("the guest's feed pipe carries no requests");
            }
            let request: Request = match serde_json::from_slice(&line) {
                Ok(r) => r,
                Err(e) => {
                    if refuse(&mut answers, 0, &Problem::new("bad_request", e.to_string())).is_err() {
                        return;
                    }
                    continue;
                }
            };
            served += 1;
            let result = if served > limits::FEED_REQUESTS {
                Err(Problem::new("failed", "the feed has given all that one trial may have"))
            } else {
                self.answer(&request, &mut lied)
            };
            if served == limits::FEED_REQUESTS + 1 {
                self.failed("the guest has asked for more than one trial may have");
                self.say(Source::Feed, Fact::Lost { what: "feed".to_owned(), count: 1 });
            }
            let written = match result {
                Ok((head, bytes, given)) => {
                    // Logged first: a guest that has it may answer at once, and the log is read then. If it cannot be
                    // written the guest is dead, and the log has one frame or piece of sound more than the app.
                    self.given(given);
                    answers.write_all(head.as_bytes()).and_then(|()| answers.write_all(&bytes)).and_then(|()| answers.flush())
                }
                Err(p) => refuse(&mut answers, request.id, &p),
            };
            if written.is_err() {
                return;
            }
        }
    }

    #[allow(clippy::type_complexity, reason = "head, body, and what the log keeps of it; used once")]
    fn answer(&self, request: &Request, lied: &mut bool) -> Result<(String, Vec<u8>, (Key, u64, u64, Nanos)), Problem> {
        let ask = request.check()?;
        let (Ask::Frame { at, .. } | Ask::Sound { at, .. }) = ask;
        let (at, moved) = self.window.lock().unwrap_or_else(PoisonError::into_inner).hear(at);
        if moved && !std::mem::replace(lied, true) {
            self.say(Source::Device, Fact::Escape { what: "the feed was asked for a time that the clock cannot show".to_owned() });
        }
        let feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let feeds = feeds.ok_or_else(|| Problem::new("failed", "the device is no trial's yet"))?;
        match ask {
            Ask::Frame { facing, session, width, height, format, quality, .. } => {
                let frame = frame_at(at);
                let camera = feeds.camera(match facing {
                    Facing::Back => stakeout_feed::Facing::Back,
                    Facing::Front => stakeout_feed::Facing::Front,
                });
                let bytes = match format {
                    Format::Nv21 => camera.nv21(frame, width, height),
                    Format::Rgb => camera.rgb(frame, width, height),
                    Format::Jpeg => camera.jpeg(frame, width, height, quality).map_err(|e| Problem::new("bad_request", e.to_string()))?,
                };
                let head = json!({"id": request.id, "frame": frame, "bytes": bytes.len()});
                Ok((format!("{head}\n"), bytes, (Key { sensor: Sensor::Camera, facing: Some(facing), session }, frame, frame, at)))
            }
            Ask::Sound { session, rate, frames, .. } => {
                let samples = feeds.microphone().pcm(at.get(), frames as usize, rate);
                let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
                let block = |nanos: u128| (nanos * u128::from(BLOCKS_PER_SECOND) / 1_000_000_000) as u64;
                let (from, length) = (u128::from(at.get()), u128::from(frames) * 1_000_000_000 / u128::from(rate));
                let head = json!({"id": request.id, "bytes": bytes.len()});
                let last = block(from + length.saturating_sub(1));
                Ok((format!("{head}\n"), bytes, (Key { sensor: Sensor::Microphone, facing: None, session }, block(from), last, at)))
            }
        }
    }

    fn given(&self, (key, first, last, at): (Key, u64, u64, Nanos)) {
        let ready = {
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.add(key, first, last, at);
            log.take()
        };
        for (at, fact) in ready {
            self.out.event_blocking(Event::Observation { at, source: Source::Feed, fact: Box::new(fact), stack: Vec::new() });
        }
    }

    fn say(&self, source: Source, fact: Fact) {
        let at = self.window.lock().unwrap_or_else(PoisonError::into_inner).last();
        self.out.event_blocking(Event::Observation { at, source, fact: Box::new(fact), stack: Vec::new() });
    }

    fn failed(&self, why: &str) {
        self.out.event_blocking(Event::Health { code: "feed_failed".to_owned(), message: why.to_owned() });
    }
}

fn refuse(answers: &mut impl Write, id: u64, problem: &Problem) -> std::io::Result<()> {
    let head = json!({"id": id, "error": problem});
    answers.write_all(format!("{head}\n").as_bytes())?;
    answers.flush()
}
