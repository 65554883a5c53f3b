//! What comes of the agents' lines: facts, and bytes that are kept. All of it is the app's word and is told as such (`host`).
//!
//! It only adds. What Android's books and the feed say stands by itself; an opening of a camera or microphone that an agent tells of
//! is told only where the books have it too, with their session, their date and their word on what was visible, so that what comes
//! from the app is the way it took ([`Opening`]). What an agent does not tell, or tells too much of, makes nothing uncertain: without
//! it nothing would be known.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use stakeout_contract::{
    Nanos, Sensor,
    observation::{Fact, Source},
};

use super::lines::{Line, Operation, Side, What, short};
use crate::emulator::watch::Told;

/// The name of the folder of what is kept, below the device's and in a snapshot, as on the jvm device.
pub const KEPT: &str = "crypto";
/// Bytes of texts that are kept in all, and of one message's text.
pub const BYTES: u64 = 64 << 20;
const TEXT: usize = 8 << 20;
/// Messages that are told, and that are open at a time.
const MESSAGES: u64 = 2000;
const OPEN: usize = 512;
/// Connections that are told.
const CONNECTIONS: u64 = 2000;
/// Openings that wait for the books, and that no book has and are told.
const OPENINGS: usize = 256;
const UNKNOWN: u64 = 20;
/// After so long no book will have an opening.
const LATE: Duration = Duration::from_secs(60);

/// A fact of an app's process.
#[derive(Clone, PartialEq, Debug)]
pub struct Heard {
    /// When.
    pub at: Nanos,
    /// What.
    pub fact: Fact,
    /// The app's own frames.
    pub stack: Vec<String>,
}

/// An opening that an agent told of.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Opening {
    at: Nanos,
    sensor: Sensor,
    api: &'static str,
    id: String,
    stack: Vec<String>,
}

struct Message {
    algorithm: String,
    operation: Operation,
    stack: Vec<String>,
    plain: Vec<u8>,
    cipher: Vec<u8>,
    /// A piece found no room.
    over: bool,
}

/// Listens to all agents of a trial.
pub struct Ear {
    folder: PathBuf,
    left: u64,
    open: BTreeMap<(u32, u64), Message>,
    messages: u64,
    kept: u64,
    connections: u64,
    openings: Vec<Opening>,
    unknown: u64,
    heard: Vec<Heard>,
    /// What was not told, by what it is.
    lost: BTreeMap<String, u64>,
}

impl Ear {
    /// Keeps bytes below this folder.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.join(KEPT),
            left: BYTES,
            open: BTreeMap::new(),
            messages: 0,
            kept: 0,
            connections: 0,
            openings: Vec::new(),
            unknown: 0,
            heard: Vec::new(),
            lost: BTreeMap::new(),
        }
    }

    /// A line of the agent in this process, of this time.
    pub fn hear(&mut self, pid: u32, line: Line, at: Nanos) {
        match line.what {
            What::Hello { .. } | What::Hooked { .. } => {}
            What::Begin { .. } if self.open.len() >= OPEN || self.messages >= MESSAGES => self.lose("messages", 1),
            What::Begin { n, algorithm, operation, stack } => {
                self.messages += 1;
                let m = Message { algorithm, operation, stack, plain: Vec::new(), cipher: Vec::new(), over: false };
                self.open.insert((pid, n), m);
            }
            What::Piece { n, side, data } => self.piece((pid, n), side, &data),
            What::End { n, over } => self.end((pid, n), over, at),
            What::Connect { .. } if self.connections >= CONNECTIONS => self.lose("connections", 1),
            What::Connect { host, port, stack } => {
                self.connections += 1;
                self.heard.push(Heard { at, fact: Fact::Network { host, port, what: "connect".to_owned() }, stack });
            }
            What::Open { .. } if self.openings.len() >= OPENINGS => self.lose("openings", 1),
            What::Open { sensor, api, id, stack } => self.openings.push(Opening { at, sensor, api: api.word(), id, stack }),
            What::Lost { what, count } => self.lose(&format!("{what} (by the agent)"), count),
        }
    }

    /// Something that is not told.
    pub fn lose(&mut self, what: &str, count: u64) {
        // Names are an agent's too.
        if self.lost.len() < 32 || self.lost.contains_key(what) {
            let n = self.lost.entry(what.to_owned()).or_default();
            *n = n.saturating_add(count);
        }
    }

    fn piece(&mut self, key: (u32, u64), side: Side, data: &[u8]) {
        let Some(m) = self.open.get_mut(&key) else { return };
        let text = if side == Side::Plain { &mut m.plain } else { &mut m.cipher };
        if m.over || text.len() + data.len() > TEXT || data.len() as u64 > self.left {
            // No part of a text is taken for all of it.
            m.over = true;
            return;
        }
        text.extend_from_slice(data);
        self.left -= data.len() as u64;
    }

    fn end(&mut self, key: (u32, u64), over: bool, at: Nanos) {
        let Some(m) = self.open.remove(&key) else { return };
        let whole = !over && !m.over;
        self.kept += 1;
        let keep = |word: &str, bytes: &[u8]| {
            if !whole || bytes.is_empty() {
                return None;
            }
            let name = format!("{word}-{:06}", self.kept);
            write(&self.folder, &name, bytes).ok().map(|()| format!("{KEPT}/{name}"))
        };
        let (plain, cipher) = (keep("plain", &m.plain), keep("cipher", &m.cipher));
        if plain.is_none() && cipher.is_none() {
            self.lose("texts that are too long or found no room", 1);
        }
        let fact = Fact::Crypto { algorithm: m.algorithm, operation: m.operation.word().to_owned(), plain, cipher };
        self.heard.push(Heard { at, fact, stack: m.stack });
    }

    /// A process is gone, or its agent: what it had begun is as long as it is.
    pub fn gone(&mut self, pid: u32, at: Nanos) {
        for key in self.open.keys().filter(|k| k.0 == pid).copied().collect::<Vec<_>>() {
            self.end(key, false, at);
        }
    }

    /// All processes are gone.
    pub fn all_gone(&mut self, at: Nanos) {
        for key in self.open.keys().copied().collect::<Vec<_>>() {
            self.end(key, false, at);
        }
    }

    /// What was heard since this was asked last, and which of the books' openings an agent told of too, where the books are as exact as
    /// `near`.
    pub fn take(&mut self, books: &[Told], near: Duration) -> Vec<Heard> {
        let mut out = std::mem::take(&mut self.heard);
        for (at, source, fact) in books {
            let Fact::Opened { sensor, id, facing, session, preview_visible, .. } = fact else { continue };
            if *source != Source::Device {
                continue;
            }
            let Some(o) = self.opening(*at, *sensor, id, near) else { continue };
            let fact = Fact::Opened {
                sensor: *sensor,
                id: id.clone(),
                facing: *facing,
                api: o.api.to_owned(),
                session: *session,
                preview_visible: *preview_visible,
            };
            out.push(Heard { at: *at, fact, stack: o.stack });
        }
        out
    }

    /// The opening nearest to one that the books have.
    fn opening(&mut self, at: Nanos, sensor: Sensor, id: &str, near: Duration) -> Option<Opening> {
        let off = |o: &Opening| o.at.get().abs_diff(at.get());
        let is = |o: &Opening| o.sensor == sensor && (sensor == Sensor::Microphone || o.id == id) && u128::from(off(o)) <= near.as_nanos();
        let best = self.openings.iter().enumerate().filter(|(_, o)| is(o)).min_by_key(|(_, o)| off(o))?.0;
        Some(self.openings.remove(best))
    }

    /// What people should know: openings that no book has until `now`. At the end all that was lost.
    pub fn remarks(&mut self, now: Nanos, end: bool) -> Vec<String> {
        let mut out = Vec::new();
        let late = |o: &Opening| end || now.since(o.at) > LATE;
        for o in std::mem::take(&mut self.openings) {
            if !late(&o) {
                self.openings.push(o);
            } else if self.unknown < UNKNOWN {
                self.unknown += 1;
                out.push(format!(
                    "frida: the app's process tells of an opening of the {} by {} at {}, which no book has",
                    o.sensor, o.api, o.at
                ));
            }
        }
        if end {
            out.extend(std::mem::take(&mut self.lost).into_iter().map(|(what, n)| format!("frida: {n} {} were not told", short(&what))));
        }
        out
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(name), bytes)
}

#[cfg(test)]
mod tests {
    use stakeout_contract::observation::Facing;

    use super::{super::lines::Api, *};

    const NEAR: Duration = Duration::from_secs(3);

    fn s(seconds: u64) -> Nanos {
        Nanos::from_secs(seconds)
    }

    fn piece(n: u64, side: Side, data: &[u8]) -> Line {
        Line { up: None, what: What::Piece { n, side, data: data.to_vec() } }
    }

    fn begin(n: u64) -> Line {
        let what = What::Begin { n, algorithm: "AES".into(), operation: Operation::Encrypt, stack: vec!["a.B.c:1".into()] };
        Line { up: None, what }
    }

    fn end(n: u64) -> Line {
        Line { up: None, what: What::End { n, over: false } }
    }

    fn open(sensor: Sensor, api: Api, id: &str) -> Line {
        Line { up: None, what: What::Open { sensor, api, id: id.into(), stack: vec!["a.B.c:1".into()] } }
    }

    fn book(at: u64, sensor: Sensor, id: &str, session: u64) -> Told {
        let facing = (sensor == Sensor::Camera).then_some(Facing::Back);
        let fact = Fact::Opened { sensor, id: id.into(), facing, api: "CameraService".into(), session, preview_visible: true };
        (s(at), Source::Device, fact)
    }

    #[test]
    fn a_message_is_its_pieces_and_each_process_has_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let mut ear = Ear::new(dir.path());
        ear.hear(7, begin(1), s(1));
        ear.hear(8, begin(1), s(1));
        ear.hear(7, piece(1, Side::Plain, b"he"), s(1));
        ear.hear(8, piece(1, Side::Plain, b"other"), s(1));
        ear.hear(7, piece(1, Side::Cipher, b"xxxxx"), s(1));
        ear.hear(7, piece(1, Side::Plain, b"llo"), s(1));
        ear.hear(7, piece(9, Side::Plain, b"never begun"), s(2));
        ear.hear(7, end(1), s(2));
        ear.hear(7, end(9), s(2));
        let heard = ear.take(&[], NEAR);
        let [Heard { at, fact: Fact::Crypto { plain: Some(plain), cipher: Some(cipher), .. }, stack }] = &heard[..] else {
            panic!("{heard:?}")
        };
        assert_eq!((at, stack.len()), (&s(2), 1));
        assert_eq!(fs::read(dir.path().join(plain)).unwrap(), b"hello");
        assert_eq!(fs::read(dir.path().join(cipher)).unwrap(), b"xxxxx");
        ear.gone(8, s(3));
        let rest = ear.take(&[], NEAR);
        let [Heard { fact: Fact::Crypto { plain: Some(plain), cipher: None, .. }, .. }] = &rest[..] else { panic!("{rest:?}") };
        assert_eq!(fs::read(dir.path().join(plain)).unwrap(), b"other", "its process has ended before it did");
    }

    #[test]
    fn what_is_too_long_is_not_kept_in_part() {
        let dir = tempfile::tempdir().unwrap();
        let mut ear = Ear::new(dir.path());
        let piece_of = vec![7; 1 << 20];
        ear.hear(7, begin(1), s(1));
        for _ in 0..9 {
            ear.hear(7, piece(1, Side::Plain, &piece_of), s(1));
        }
        ear.hear(7, end(1), s(1));
        assert!(matches!(&ear.take(&[], NEAR)[..], [Heard { fact: Fact::Crypto { plain: None, cipher: None, .. }, .. }]));
        assert!(!dir.path().join(KEPT).exists());
        for n in 2..100 {
            ear.hear(7, begin(n), s(1));
            ear.hear(7, piece(n, Side::Plain, &piece_of), s(1));
            ear.hear(7, end(n), s(1));
        }
        let kept = fs::read_dir(dir.path().join(KEPT)).unwrap().count() as u64;
        assert_eq!(kept, (BYTES >> 20) - 8, "what a message that was given up had used is used");
    }

    #[test]
    fn an_opening_is_told_with_the_books_session_date_and_preview_and_never_without_a_book() {
        let mut ear = Ear::new(Path::new("/nowhere"));
        ear.hear(7, open(Sensor::Camera, Api::Camera2, "0"), s(12));
        ear.hear(7, open(Sensor::Microphone, Api::AudioRecord, ""), s(40));
        ear.hear(7, open(Sensor::Camera, Api::Camera1, "1"), s(50));
        assert_eq!(ear.take(&[book(30, Sensor::Camera, "0", 1), book(12, Sensor::Camera, "1", 2)], NEAR), []);
        let heard = ear.take(&[book(10, Sensor::Camera, "0", 3), book(41, Sensor::Microphone, "rec", 4)], NEAR);
        let told: Vec<_> = heard
            .iter()
            .map(|h| match &h.fact {
                Fact::Opened { api, session, preview_visible, .. } => (h.at, api.as_str(), *session, *preview_visible, h.stack.len()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(told, [(s(10), "camera2", 3, true, 1), (s(41), "audio_record", 4, true, 1)]);
        assert_eq!(ear.take(&[book(10, Sensor::Camera, "0", 5)], NEAR), [], "one opening is one");
        assert_eq!(ear.remarks(s(60), false), [""; 0]);
        assert_eq!(ear.remarks(s(111), false).len(), 1, "no book has the front camera's");
    }

    #[test]
    fn a_flood_ends_at_its_limits() {
        let dir = tempfile::tempdir().unwrap();
        let mut ear = Ear::new(dir.path());
        for n in 0..5000 {
            ear.hear(7, Line { up: None, what: What::Connect { host: "h".into(), port: 1, stack: vec![] } }, s(1));
            ear.hear(7, open(Sensor::Camera, Api::Camera1, "0"), s(1));
            ear.hear(7, begin(n), s(1));
            ear.hear(7, piece(n, Side::Plain, b"x"), s(1));
            ear.lose(&format!("name {n}"), u64::MAX);
        }
        for n in 0..5000 {
            ear.hear(7, end(n), s(1));
        }
        assert_eq!(ear.take(&[], NEAR).len() as u64, CONNECTIONS + OPEN as u64);
        assert!(ear.remarks(s(1), true).len() < 100);
    }
}
