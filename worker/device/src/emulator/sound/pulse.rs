//! The microphone by the sound server: the feed into the FIFO that is its microphone, and what comes out of it as a check.
//!
//! The server reads the FIFO only while somebody listens. We always do, so nothing old waits there for whoever begins to record,
//! and we know that what was written was heard: of a server that is gone, that hangs, or that the emulator has left or
//! muted, it is said.

use std::{io, time::Duration};

use tokio::{
    net::{
        UnixStream,
        unix::pipe::{OpenOptions, Receiver, Sender},
    },
    time::Instant,
};

use super::{
    Broken,
    server::{Folder, RATE},
};

/// Our time in which something of what was written must be heard.
const HUNG: Duration = Duration::from_secs(2);
/// Seconds of sound that are never silent.
const MUTED: f64 = 2.0;
/// Our time between two looks whether the emulator is connected.
const LOOK: Duration = Duration::from_secs(1);
/// Bytes of a second.
const SECOND: f64 = RATE as f64 * 2.0;

/// A microphone that hears.
pub(super) struct Mouth {
    fifo: Sender,
    heard: UnixStream,
    folder: Folder,
    /// Bytes that were written, and that were heard.
    written: u64,
    taken: u64,
    /// Bytes of silence that were heard one after the other: what is fed has none.
    silent: u64,
    /// Something was to be written, and nothing was heard since then.
    waits: bool,
    /// When it did not wait.
    alive: Instant,
    looked: Instant,
    /// Most sound that was on its way.
    most: u64,
}

impl Mouth {
    /// Opens what a running server reads.
    pub(super) async fn open(folder: &Folder) -> io::Result<Self> {
        let heard = UnixStream::connect(folder.heard()).await?;
        // Both ends are ours as well, so it opens whoever is there, and what somebody left can be read away.
        let left = OpenOptions::new().read_write(true).open_receiver(folder.fifo())?;
        let fifo = OpenOptions::new().read_write(true).open_sender(folder.fifo())?;
        empty(&left);
        let now = Instant::now();
        Ok(Self { fifo, heard, folder: folder.clone(), written: 0, taken: 0, silent: 0, waits: false, alive: now, looked: now, most: 0 })
    }

    /// Writes a packet; whether there was room for it. One of less than 4096 bytes is written whole or not at all: see pipe(7).
    pub(super) fn give(&mut self, packet: &[u8]) -> Result<bool, Broken> {
        self.waits = true;
        match self.fifo.try_write(packet) {
            Ok(n) => {
                self.written += n as u64;
                Ok(true)
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(e) => Err(Broken { why: format!("the sound server's microphone: {e}"), hopeless: true }),
        }
    }

    /// Hears what the microphone heard.
    pub(super) fn listen(&mut self) -> Result<(), Broken> {
        let (before, now) = (self.taken, Instant::now());
        let mut bytes = [0; 16 << 10];
        loop {
            match self.heard.try_read(&mut bytes) {
                Ok(0) => return Err(Broken { why: "the sound server has ended".to_owned(), hopeless: true }),
                Ok(n) => {
                    self.taken += n as u64;
                    self.silent = if bytes[..n].iter().all(|b| *b == 0) { self.silent + n as u64 } else { 0 };
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) => return Err(Broken { why: format!("the sound server: {e}"), hopeless: true }),
            }
        }
        self.most = self.most.max(self.written.saturating_sub(self.taken));
        self.waits &= self.taken == before;
        if !self.waits {
            self.alive = now;
        }
        if now.duration_since(self.alive) > HUNG {
            return Err(Broken { why: "the sound server takes nothing".to_owned(), hopeless: false });
        }
        if self.silent as f64 > SECOND * MUTED {
            // Whoever is connected may do that, and that is the emulator.
            return Err(Broken { why: "the emulator has muted the sound server's microphone".to_owned(), hopeless: false });
        }
        if now.duration_since(self.looked) > LOOK {
            self.looked = now;
            if self.folder.connections() == 0 {
                // It connects once, when its sound card is made.
                return Err(Broken { why: "the emulator has left the sound server".to_owned(), hopeless: true });
            }
        }
        Ok(())
    }

    /// How much sound was on its way through the server at most.
    pub(super) fn delay(&self) -> Duration {
        Duration::from_secs_f64(self.most as f64 / SECOND)
    }
}

fn empty(fifo: &Receiver) {
    let mut bytes = [0; 4096];
    while fifo.try_read(&mut bytes).is_ok_and(|n| n > 0) {}
}
