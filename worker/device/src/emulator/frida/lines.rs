//! What the agent says, a line each. The app shares the process that says it, so each line may be the app's own.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use stakeout_contract::Sensor;

/// Bytes of a line; the agent's longest have some 33,000.
pub const LINE: usize = 64 << 10;
/// The version of these lines.
const VERSION: u32 = 1;
/// Characters of a text, and frames of a stack.
const TEXT: usize = 300;
const FRAMES: usize = 8;
/// Hooks that are named.
const HOOKS: usize = 16;

/// One line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The guest's uptime, nanoseconds, as the process says.
    pub up: Option<u64>,
    /// What.
    pub what: What,
}

/// What a line says.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case")]
pub enum What {
    /// The agent runs.
    Hello {
        /// Frida's version.
        frida: String,
        /// There is a Java that can be hooked.
        java: bool,
        /// Why not.
        #[serde(default)]
        why: String,
    },
    /// From here on it listens.
    Hooked {
        /// To these.
        hooked: Vec<String>,
        /// And not to these, with the reason.
        #[serde(default)]
        missing: BTreeMap<String, String>,
    },
    /// A message begins.
    Begin {
        /// Its number in its process.
        n: u64,
        /// As the cipher names it; `TLS` for a stream.
        algorithm: String,
        /// Which way.
        operation: Operation,
        /// The app's own frames.
        #[serde(default)]
        stack: Vec<String>,
    },
    /// A piece of it.
    Piece {
        /// The message's number.
        n: u64,
        /// Which of its texts.
        side: Side,
        /// Bytes.
        #[serde(deserialize_with = "decoded")]
        data: Vec<u8>,
    },
    /// It is whole.
    End {
        /// The message's number.
        n: u64,
        /// It was longer than is told: its pieces are not all of it.
        over: bool,
    },
    /// A socket was connected.
    Connect {
        /// To this host.
        host: String,
        /// And port.
        port: u16,
        /// The app's own frames.
        #[serde(default)]
        stack: Vec<String>,
    },
    /// A camera or microphone was opened.
    Open {
        /// Which.
        sensor: Sensor,
        /// By which of Android's.
        api: Api,
        /// The camera's name.
        #[serde(default)]
        id: String,
        /// The app's own frames.
        #[serde(default)]
        stack: Vec<String>,
    },
    /// Something was not told.
    Lost {
        /// What.
        what: String,
        /// How often.
        count: u64,
    },
}

/// A message's texts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Before encryption, or after decryption.
    Plain,
    /// The other one.
    Cipher,
}

/// What a cipher does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Plain to cipher text.
    Encrypt,
    /// Cipher to plain text.
    Decrypt,
}

impl Operation {
    /// As facts name it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
        }
    }
}

/// Ways to a camera or microphone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `android.hardware.Camera`.
    Camera1,
    /// `android.hardware.camera2`.
    Camera2,
    /// `android.media.AudioRecord`.
    AudioRecord,
    /// `android.media.MediaRecorder`.
    MediaRecorder,
}

impl Api {
    /// As facts name it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Camera1 => "camera1",
            Self::Camera2 => "camera2",
            Self::AudioRecord => "audio_record",
            Self::MediaRecorder => "media_recorder",
        }
    }
}

fn decoded<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
    STANDARD.decode(text.as_bytes()).map_err(serde::de::Error::custom)
}

#[derive(Deserialize)]
struct Raw {
    v: u32,
    p: u32,
    t: Option<u64>,
    #[serde(flatten)]
    what: What,
}

impl Line {
    /// Reads a line that came from the agent in process `pid`; none: it is not one of the agent's.
    pub fn parse(text: &str, pid: u32) -> Option<Self> {
        let raw: Raw = serde_json::from_str(text).ok()?;
        let is = raw.v == VERSION && raw.p == pid && text.len() <= LINE;
        is.then(|| Self { up: raw.t.and_then(|ms| ms.checked_mul(1_000_000)), what: bounded(raw.what) })
    }
}

/// Text of a stranger, for people: of one line and not long.
pub fn short(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(TEXT).collect()
}

fn frames(stack: &[String]) -> Vec<String> {
    stack.iter().take(FRAMES).map(|f| short(f)).collect()
}

fn bounded(what: What) -> What {
    match what {
        What::Hello { frida, java, why } => What::Hello { frida: short(&frida), java, why: short(&why) },
        What::Hooked { hooked, missing } => What::Hooked {
            hooked: hooked.iter().take(HOOKS).map(|h| short(h)).collect(),
            missing: missing.iter().take(HOOKS).map(|(h, why)| (short(h), short(why))).collect(),
        },
        What::Begin { n, algorithm, operation, stack } => What::Begin { n, algorithm: short(&algorithm), operation, stack: frames(&stack) },
        What::Connect { host, port, stack } => What::Connect { host: short(&host), port, stack: frames(&stack) },
        What::Open { sensor, api, id, stack } => What::Open { sensor, api, id: short(&id), stack: frames(&stack) },
        What::Lost { what, count } => What::Lost { what: short(&what), count },
        What::Piece { .. } | What::End { .. } => what,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Option<What> {
        Line::parse(text, 7).map(|l| l.what)
    }

    #[test]
    fn lines_are_read_as_the_agent_writes_them() {
        let piece = r#"{"v":1,"p":7,"t":15486055,"k":"piece","n":1,"side":"plain","data":"dGhlIHBsYWluIHRleHQ="}"#;
        let line = Line::parse(piece, 7).unwrap();
        assert_eq!(line.up, Some(15_486_055_000_000));
        assert_eq!(line.what, What::Piece { n: 1, side: Side::Plain, data: b"the plain text".to_vec() });
        let no = r#"{"v":1,"p":7,"t":null,"k":"hello","frida":"17.2.16","java":false,"why":"none"}"#;
        assert_eq!(parse(no).unwrap(), What::Hello { frida: "17.2.16".into(), java: false, why: "none".into() });
        let open = r#"{"v":1,"p":7,"t":1,"k":"open","sensor":"camera","api":"camera2","id":"0","stack":["a.B.c:3"]}"#;
        let want = What::Open { sensor: Sensor::Camera, api: Api::Camera2, id: "0".into(), stack: vec!["a.B.c:3".into()] };
        assert_eq!(parse(open).unwrap(), want);
    }

    /// Written by `tests/frida/test.sh`.
    const REAL: &str = include_str!("../../../../../tests/fuzz/seeds/frida/real");

    #[test]
    fn lines_of_the_agent_in_the_real_frida_are_all_read() {
        let all: Vec<Line> = REAL.lines().map(|l| Line::parse(l, 7).unwrap_or_else(|| panic!("{l}"))).collect();
        let apis: Vec<&str> =
            all.iter().filter_map(|l| if let What::Open { api, .. } = &l.what { Some(api.word()) } else { None }).collect();
        assert_eq!(apis, ["camera1", "camera2", "audio_record", "media_recorder"]);
        assert!(all.iter().all(|l| l.up.is_some()) && all.len() > 20);
    }

    #[test]
    fn what_is_not_the_agents_of_this_process_is_nothing() {
        let hello = |v: u32, p: u32| format!(r#"{{"v":{v},"p":{p},"t":1,"k":"hello","frida":"17","java":true}}"#);
        assert!(parse(&hello(1, 7)).is_some());
        for bad in [
            &hello(2, 7),
            &hello(1, 8),
            "Failed to attach: process with pid 7 not found",
            r#"{"type":"send","payload":1}"#,
            r#"{"v":1,"p":7,"t":1,"k":"piece","n":1,"side":"plain","data":"%"}"#,
            r#"{"v":1,"p":7,"t":1,"k":"preview","visible":true}"#,
            r#"{"v":1,"p":7,"t":-1,"k":"hello","frida":"17","java":true}"#,
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn texts_are_cut_and_have_no_line_breaks() {
        let long = "x\\u0000".repeat(500);
        let stack = vec![format!("\"{long}\""); 15].join(",");
        let text = format!(r#"{{"v":1,"p":7,"t":1,"k":"connect","host":"{long}","port":443,"stack":[{stack}]}}"#);
        let Some(What::Connect { host, stack, .. }) = parse(&text) else { panic!() };
        assert!(host.chars().count() == 300 && !host.contains('\0') && stack.len() == 8 && stack[0].chars().count() == 300);
    }

    proptest! {
        #[test]
        fn no_line_is_fatal(text in "[{}\":,a-z0-9]{0,200}") {
            let _ = Line::parse(&text, 7);
        }
    }
}
