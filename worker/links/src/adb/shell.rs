//! The shell service: with packets and an exit code (v2), or a plain stream (v1).
//!
//! Source: packages/modules/adb, `shell_protocol.h`: each packet is one byte of kind (0 standard input, 1 standard output,
//! 2 standard error, 3 exit code, 4 close of standard input, 5 window size), a little-endian length of 4 bytes, and the data.

use crate::{
    Fault,
    guest::{Ceilings, Output},
};

/// Kind of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// One byte: the exit code.
    Exit,
    /// Anything that only we would send; it is passed over.
    Other,
}

/// Reads packets from pieces of a stream, however they are cut. It holds no data, so a length of 4 GB costs nothing.
#[derive(Debug, Default)]
pub struct Packets {
    header: Vec<u8>,
    left: u32,
    kind: Option<Kind>,
}

impl Packets {
    /// Hands the data in `bytes` to `take`, in order, with its kind.
    pub fn feed(&mut self, mut bytes: &[u8], mut take: impl FnMut(Kind, &[u8])) -> Result<(), Fault> {
        loop {
            if let Some(kind) = self.kind {
                let (now, rest) = bytes.split_at(bytes.len().min(self.left as usize));
                if !now.is_empty() {
                    take(kind, now);
                }
                self.left -= now.len() as u32;
                bytes = rest;
                if self.left > 0 {
                    return Ok(());
                }
                self.kind = None;
            }
            let (now, rest) = bytes.split_at(bytes.len().min(5 - self.header.len()));
            self.header.extend_from_slice(now);
            bytes = rest;
            let [kind, a, b, c, d] = self.header[..] else { return Ok(()) };
            self.kind = Some(match kind {
                1 => Kind::Stdout,
                2 => Kind::Stderr,
                3 => Kind::Exit,
                0 | 4 | 5 => Kind::Other,
                other => return Err(Fault::Protocol(format!("a shell packet of kind {other}"))),
            });
            self.left = u32::from_le_bytes([a, b, c, d]);
            self.header.clear();
        }
    }
}

/// Collects output up to its ceilings.
#[derive(Debug)]
pub struct Collector {
    ceilings: Ceilings,
    /// What came.
    pub output: Output,
    packets: Option<Packets>,
}

impl Collector {
    /// For a stream with packets, or a plain one.
    pub fn new(ceilings: Ceilings, packets: bool) -> Self {
        Self { ceilings, output: Output::default(), packets: packets.then(Packets::default) }
    }

    /// Takes a piece of the stream. Whether nothing more is wanted: the exit code came, or a ceiling was reached.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<bool, Fault> {
        let Self { ceilings, output, packets } = self;
        let keep = |into: &mut Vec<u8>, data: &[u8], ceiling: usize, truncated: &mut bool| {
            let room = ceiling.saturating_sub(into.len());
            into.extend_from_slice(&data[..data.len().min(room)]);
            *truncated |= data.len() > room;
        };
        match packets {
            None => keep(&mut output.stdout, bytes, ceilings.stdout, &mut output.truncated),
            Some(packets) => packets.feed(bytes, |kind, data| match kind {
                _ if output.exit.is_some() => {}
                Kind::Stdout => keep(&mut output.stdout, data, ceilings.stdout, &mut output.truncated),
                Kind::Stderr => keep(&mut output.stderr, data, ceilings.stderr, &mut output.truncated),
                Kind::Exit => output.exit = data.first().map(|code| i32::from(*code)),
                Kind::Other => {}
            })?,
        }
        if output.truncated {
            output.exit = None;
        }
        Ok(output.truncated || output.exit.is_some())
    }
}
