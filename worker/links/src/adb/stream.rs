//! A stream to a service of the guest.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{
    connection::Connection,
    frame::{Command, Frame},
};
use crate::Fault;

/// What the peer said for a stream.
pub(super) enum Event {
    /// `OKAY`, with the peer's number.
    Ready(u32),
    /// `WRTE`, with the peer's number.
    Data(u32, Bytes),
    /// `CLSE`.
    Closed,
}

/// An open stream. Dropping it closes it.
pub(super) struct Stream {
    connection: Arc<Connection>,
    local: u32,
    remote: u32,
    from: mpsc::Receiver<Event>,
    /// Data that came while an `OKAY` was waited for.
    early: VecDeque<Bytes>,
    /// Our last `WRTE` has no `OKAY` yet.
    waiting: bool,
    /// The peer closed it.
    closed: bool,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.connection.forget(self.local);
        // Before the peer's yes there is no number to close; its late yes is answered by the reader.
        if self.remote != 0 && !self.closed && self.connection.is_alive() {
            // What cannot be said now ends the connection, so nothing is left open.
            let _ = self.connection.send_now(Frame::new(Command::Close, self.local, self.remote, Bytes::new()));
        }
    }
}

impl Stream {
    pub(super) fn new(connection: Arc<Connection>, local: u32, from: mpsc::Receiver<Event>) -> Self {
        Self { connection, local, remote: 0, from, early: VecDeque::new(), waiting: true, closed: false }
    }

    fn nonsense(&self, why: &str) -> Fault {
        self.connection.give_up(why);
        Fault::Protocol(why.to_owned())
    }

    /// Takes the next event and keeps the books. Whether there was one: `false` is the stream's end.
    async fn step(&mut self) -> Result<bool, Fault> {
        let known = |remote: u32, theirs: u32| remote == 0 || remote == theirs;
        match self.from.recv().await {
            Some(Event::Ready(theirs)) if theirs != 0 && known(self.remote, theirs) && self.waiting => {
                self.remote = theirs;
                self.waiting = false;
                Ok(true)
            }
            Some(Event::Data(theirs, data)) if self.remote != 0 && known(self.remote, theirs) && self.early.is_empty() => {
                self.early.push_back(data);
                Ok(true)
            }
            Some(Event::Ready(_)) => Err(self.nonsense("an OKAY that nobody waits for")),
            Some(Event::Data(..)) => Err(self.nonsense("a WRTE out of turn")),
            Some(Event::Closed) => {
                self.closed = true;
                Ok(false)
            }
            None if self.closed => Ok(false),
            None => Err(self.connection.end()),
        }
    }

    /// Waits for the peer's yes.
    pub(super) async fn opened(&mut self) -> Result<(), Fault> {
        while self.remote == 0 {
            if !self.step().await? {
                return Err(Fault::Denied("the guest has no such service".to_owned()));
            }
        }
        Ok(())
    }

    /// The next data; `None` at the end. The peer sends more only now.
    pub(super) async fn read(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            if let Some(data) = self.early.pop_front() {
                if !self.closed {
                    self.connection.send_now(Frame::new(Command::Okay, self.local, self.remote, Bytes::new()))?;
                }
                return Ok(Some(data));
            }
            if self.closed || !self.step().await? {
                return Ok(None);
            }
        }
    }

    /// Whether the peer said something that was not read yet.
    pub(super) fn has_early(&self) -> bool {
        !self.early.is_empty()
    }

    /// Sends data, in pieces that the peer takes, and waits until the last one but one was taken.
    pub(super) async fn write(&mut self, data: impl Into<Bytes>) -> Result<(), Fault> {
        let mut data: Bytes = data.into();
        while !data.is_empty() {
            while self.waiting {
                if !self.step().await? {
                    return Err(Fault::Closed);
                }
            }
            if self.closed {
                return Err(Fault::Closed);
            }
            let piece = data.split_to(data.len().min(self.connection.largest));
            self.connection.send(Frame::new(Command::Write, self.local, self.remote, piece)).await?;
            self.waiting = true;
        }
        Ok(())
    }

    /// All that comes until the end, at most `limit` bytes; the rest is not waited for.
    pub(super) async fn read_text(&mut self, limit: usize) -> Result<String, Fault> {
        let mut all = Vec::new();
        while let Some(data) = self.read().await? {
            all.extend_from_slice(&data[..data.len().min(limit - all.len())]);
            if all.len() == limit {
                break;
            }
        }
        Ok(String::from_utf8_lossy(&all).into_owned())
    }
}
