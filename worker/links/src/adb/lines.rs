//! The guest's log, or what another command says, line by line.

use std::{collections::VecDeque, time::Duration};

use super::{
    shell::{Kind, Packets},
    stream::Stream,
};
use crate::{LinkError, Stage, error::within, limits::LOG_LINE};

/// A line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Its text without its end; bytes that are no UTF-8 are replaced.
    pub text: String,
    /// It was longer than is kept; the rest is lost.
    pub cut: bool,
}

/// Cuts a stream into lines, and long lines off.
#[derive(Debug)]
pub struct Splitter {
    most: usize,
    line: Vec<u8>,
    cut: bool,
    ready: VecDeque<Line>,
}

impl Default for Splitter {
    /// For the guest's log.
    fn default() -> Self {
        Self::new(LOG_LINE)
    }
}

impl Splitter {
    /// With lines of at most so many bytes.
    pub const fn new(most: usize) -> Self {
        Self { most, line: Vec::new(), cut: false, ready: VecDeque::new() }
    }

    /// Takes a piece of the stream.
    pub fn feed(&mut self, bytes: &[u8]) {
        for (n, piece) in bytes.split(|b| *b == b'\n').enumerate() {
            if n > 0 {
                self.end();
            }
            let room = self.most.saturating_sub(self.line.len());
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            self.cut |= piece.len() > room;
        }
    }

    /// What was begun is a line.
    pub fn end(&mut self) {
        let text = String::from_utf8_lossy(self.line.strip_suffix(b"\r").unwrap_or(&self.line)).into_owned();
        self.ready.push_back(Line { text, cut: self.cut });
        self.line.clear();
        self.cut = false;
    }

    /// The next whole line.
    pub fn take(&mut self) -> Option<Line> {
        self.ready.pop_front()
    }
}

/// A running `logcat`, or another command. Dropping it ends it.
pub struct Lines {
    stage: Stage,
    stream: Stream,
    packets: Option<Packets>,
    splitter: Splitter,
    ended: bool,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Lines {
    pub(super) fn new(stream: Stream, packets: bool, splitter: Splitter, stage: Stage) -> Self {
        Self { stage, stream, packets: packets.then(Packets::default), splitter, ended: false }
    }

    /// The next line; `None` when the command ended by itself. A line is not lost if this is dropped, or times out.
    pub async fn next(&mut self, limit: Duration) -> Result<Option<Line>, LinkError> {
        within(self.stage, limit, async {
            loop {
                if let Some(line) = self.splitter.take() {
                    return Ok(Some(line));
                }
                if self.ended {
                    return Ok(None);
                }
                let Some(bytes) = self.stream.read().await? else {
                    self.ended = true;
                    if !self.splitter.line.is_empty() {
                        self.splitter.end();
                    }
                    continue;
                };
                match &mut self.packets {
                    None => self.splitter.feed(&bytes),
                    Some(packets) => {
                        packets.feed(&bytes, |kind, data| {
                            if kind == Kind::Stdout {
                                self.splitter.feed(data);
                            }
                        })?;
                    }
                }
            }
        })
        .await
    }
}
