//! The capture: packets from NFLOG into memory, and out as pcapng.
//!
//! Packets are kept in an anonymous file in memory (it counts as the container's memory, and no path can be attacked) as
//! finished pcapng blocks; the head with the TLS secrets is put before them when the capture is collected. Loss is counted by
//! the kernel's own numbers of packets, by its report of a full buffer, and by our limit.

pub mod keylog;
pub mod nflog;
pub mod packet;
pub mod pcapng;

use std::{fs::File, io::Write, os::unix::fs::FileExt};

use nflog::{Group, Logged, Read};
use pcapng::Direction;

use crate::Error;

const HOOK_IN: u8 = 1;
/// Largest datagram that the kernel sends here: one packet and its attributes.
const DATAGRAM: usize = 128 << 10;

/// Packets kept so far.
#[derive(Debug)]
pub struct Store {
    file: File,
    bytes: u64,
    max: u64,
    /// Packets kept.
    pub packets: u64,
    lost: u64,
    next: u32,
    overrun: bool,
    closed: bool,
}

impl Store {
    /// An empty store that takes `max` bytes.
    pub fn new(max: u64) -> Result<Self, Error> {
        let fd = rustix::fs::memfd_create("capture", rustix::fs::MemfdFlags::CLOEXEC).map_err(|e| Error::Capture(e.into()))?;
        Ok(Self { file: fd.into(), bytes: 0, max, packets: 0, lost: 0, next: 0, overrun: false, closed: false })
    }

    /// Changes the limit; what is kept already stays.
    pub fn limit(&mut self, max: u64) {
        self.max = max;
    }

    /// Packets that the kernel or the limit dropped, so far as is known.
    pub fn lost(&self) -> u64 {
        self.lost + u64::from(self.overrun)
    }

    /// From here on packets are left out: the capture is collected.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Notes that the kernel's buffer was full: at least one packet is lost, the next packet's number says how many.
    pub fn overrun(&mut self) {
        self.overrun = true;
    }

    /// Takes a packet that came at `nanos` since 1970.
    pub fn add(&mut self, nanos: u64, logged: &Logged<'_>) -> Result<(), Error> {
        if self.closed {
            return Ok(());
        }
        if let Some(n) = logged.sequence {
            let missing = n.wrapping_sub(self.next);
            // A number far behind would be a second counter, not two billion lost packets.
            if missing < 1 << 31 {
                self.lost += u64::from(missing);
                if missing > 0 {
                    self.overrun = false;
                }
                self.next = n.wrapping_add(1);
            }
        }
        let direction = if logged.hook == HOOK_IN { Direction::In } else { Direction::Out };
        let whole = packet::length(logged.payload).unwrap_or_default();
        let block = pcapng::packet(nanos, direction, logged.payload, whole);
        if self.bytes + block.len() as u64 > self.max {
            self.lost += 1;
            return Ok(());
        }
        self.file.write_all(&block).map_err(Error::Capture)?;
        self.bytes += block.len() as u64;
        self.packets += 1;
        // A packet that just fills its place has been cut, unless it says otherwise; one that is larger than IP's length field
        // has 0 in it.
        let kept = logged.payload.len();
        self.lost += u64::from(whole > kept || (kept >= nflog::COPY_MAX && whole != kept));
        Ok(())
    }

    /// Reads all that the kernel has for us. `now` is asked for each packet.
    pub fn drain(&mut self, group: &Group, now: impl Fn() -> u64) -> Result<(), Error> {
        let mut buffer = vec![0; DATAGRAM];
        loop {
            match group.read(&mut buffer).map_err(Error::Capture)? {
                Read::Empty => return Ok(()),
                Read::Overrun => self.overrun(),
                Read::Datagram(n) => {
                    for logged in nflog::parse(&buffer[..n]) {
                        self.add(now(), &logged)?;
                    }
                }
            }
        }
    }

    /// Bytes of packets from `offset`, at most what fits; none: the end.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Error> {
        let left = self.bytes.saturating_sub(offset);
        let n = (buffer.len() as u64).min(left) as usize;
        self.file.read_exact_at(&mut buffer[..n], offset).map_err(Error::Capture)?;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(sequence: u32) -> Logged<'static> {
        Logged { sequence: Some(sequence), payload: b"twenty bytes of data", ..Logged::default() }
    }

    #[test]
    fn gaps_in_the_kernels_numbers_are_loss() {
        let mut s = Store::new(1 << 20).unwrap();
        s.add(0, &logged(0)).unwrap();
        s.overrun();
        assert_eq!(s.lost(), 1);
        s.add(0, &logged(11)).unwrap();
        assert_eq!((s.packets, s.lost()), (2, 10));
    }

    #[test]
    fn a_packet_without_its_end_is_lost() {
        let mut s = Store::new(1 << 20).unwrap();
        for (length, kept, lost) in
            [([0, 30], 30, 0), ([0, 31], 30, 1), ([0, 0], nflog::COPY_MAX, 2), (0xfffb_u16.to_be_bytes(), nflog::COPY_MAX, 2)]
        {
            let mut packet = vec![0x45, 0, length[0], length[1]];
            packet.resize(kept, 0);
            s.add(0, &Logged { payload: &packet, ..Logged::default() }).unwrap();
            assert_eq!(s.lost(), lost, "{length:?}");
        }
    }

    #[test]
    fn beyond_the_limit_packets_are_counted_and_not_kept() {
        let mut s = Store::new(100).unwrap();
        for i in 0..5 {
            s.add(0, &logged(i)).unwrap();
        }
        assert_eq!((s.packets, s.lost()), (1, 4));
        let mut buffer = [0; 200];
        assert_eq!(s.read_at(0, &mut buffer).unwrap() as u64, s.bytes);
    }
}
