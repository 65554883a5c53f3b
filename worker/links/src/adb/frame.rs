//! The messages of adb's transport: 24 bytes of header, then a payload.
//!
//! Source: packages/modules/adb, `protocol.txt` and `adb.h` (`amessage`): six little-endian words: command, two arguments,
//! length, sum of the payload's bytes, and the command with all bits flipped.

use bytes::Bytes;

use crate::Fault;

/// Bytes of a header.
pub const HEADER: usize = 24;
/// The version from which on sums of payloads are not checked (`A_VERSION_SKIP_CHECKSUM`).
pub const VERSION: u32 = 0x0100_0001;

/// What a message is for. Numbers are the four letters, little-endian.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// Who is there: version, largest payload, banner.
    Connect,
    /// A key is asked for.
    Auth,
    /// TLS is asked for.
    StartTls,
    /// A stream to a service: local id, 0, name.
    Open,
    /// Ready for more: local id, remote id.
    Okay,
    /// Data: local id, remote id.
    Write,
    /// The stream's end: local id or 0, remote id.
    Close,
}

impl Command {
    const ALL: [(Self, [u8; 4]); 7] = [
        (Self::Connect, *b"CNXN"),
        (Self::Auth, *b"AUTH"),
        (Self::StartTls, *b"STLS"),
        (Self::Open, *b"OPEN"),
        (Self::Okay, *b"OKAY"),
        (Self::Write, *b"WRTE"),
        (Self::Close, *b"CLSE"),
    ];

    /// Its number on the wire.
    pub fn number(self) -> u32 {
        Self::ALL.iter().find(|(c, _)| *c == self).map_or(0, |(_, letters)| u32::from_le_bytes(*letters))
    }

    /// The command of a number.
    pub fn of(number: u32) -> Option<Self> {
        Self::ALL.iter().find(|(_, letters)| u32::from_le_bytes(*letters) == number).map(|(c, _)| *c)
    }
}

/// A message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// What it is.
    pub command: Command,
    /// First argument.
    pub arg0: u32,
    /// Second argument.
    pub arg1: u32,
    /// Payload.
    pub payload: Bytes,
}

/// What a header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// What the message is.
    pub command: Command,
    /// First argument.
    pub arg0: u32,
    /// Second argument.
    pub arg1: u32,
    /// Bytes of the payload, at most what was allowed.
    pub length: u32,
    /// Sum of the payload's bytes, or anything where both sides have [`VERSION`].
    pub sum: u32,
}

/// The sum of a payload's bytes, which the documents call a CRC.
pub fn sum(payload: &[u8]) -> u32 {
    payload.iter().fold(0, |sum, b| sum.wrapping_add(u32::from(*b)))
}

impl Frame {
    /// A message.
    pub fn new(command: Command, arg0: u32, arg1: u32, payload: impl Into<Bytes>) -> Self {
        Self { command, arg0, arg1, payload: payload.into() }
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let number = self.command.number();
        let mut out = Vec::with_capacity(HEADER + self.payload.len());
        for word in [number, self.arg0, self.arg1, self.payload.len() as u32, sum(&self.payload), !number] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&self.payload);
        out
    }
}

impl Header {
    /// Reads a header whose payload may be of `largest` bytes.
    pub fn decode(bytes: &[u8; HEADER], largest: u32) -> Result<Self, Fault> {
        let mut words = bytes.as_chunks::<4>().0.iter().map(|w| u32::from_le_bytes(*w));
        let mut word = || words.next().unwrap_or_default();
        let (number, arg0, arg1, length, sum, magic) = (word(), word(), word(), word(), word(), word());
        if magic != !number {
            return Err(Fault::Protocol("an adb header without its magic number".to_owned()));
        }
        let command = Command::of(number).ok_or_else(|| Fault::Protocol(format!("an adb command {number:#010x}")))?;
        if length > largest {
            return Err(Fault::TooLarge { what: "an adb message", limit: u64::from(largest) });
        }
        Ok(Self { command, arg0, arg1, length, sum })
    }
}

/// What a banner says: `<kind>::<key>=<value>;..;features=<a>,<b>`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Banner {
    /// `device`, `recovery`, `sideload`, `bootloader`, `host`.
    pub kind: String,
    /// What it can do.
    pub features: Vec<String>,
}

impl Banner {
    /// Reads a banner; what is not understood is left out.
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end_matches('\0');
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let rest = rest.split_once(':').map_or("", |(_, rest)| rest);
        let features = rest.split(';').find_map(|p| p.strip_prefix("features=")).unwrap_or_default();
        Self {
            kind: kind.chars().filter(|c| !c.is_control()).take(32).collect(),
            features: features.split(',').filter(|f| !f.is_empty()).map(str::to_owned).collect(),
        }
    }

    /// Whether it can do something.
    pub fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|f| f == feature)
    }
}
