//! NFLOG: packets that a rule logged, over netlink. Source: linux/netfilter/nfnetlink_log.h.

use std::os::fd::OwnedFd;

use rustix::net::{RecvFlags, netlink::NETFILTER, sockopt};

use crate::{
    Error,
    netlink::{Message, ask, attributes, messages, open},
};

const CONFIG: u16 = 0x401;
const PACKET: u16 = 0x400;
/// The largest packet that is copied: what fits into a netlink attribute.
pub const COPY_MAX: usize = 0xffff - 4;
/// The kernel's buffer before packets are lost, bytes. A packet costs at least 8 KiB of it.
const BUFFER: usize = 64 << 20;

/// One logged packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Logged<'a> {
    /// The kernel's count of packets in this group, from 0.
    pub sequence: Option<u32>,
    /// `NF_INET_LOCAL_IN` is 1, `NF_INET_LOCAL_OUT` is 3.
    pub hook: u8,
    /// Of the rule.
    pub prefix: &'a str,
    /// From the IP header on.
    pub payload: &'a [u8],
}

/// The packets in one datagram of the kernel; anything else is skipped.
pub fn parse(datagram: &[u8]) -> impl Iterator<Item = Logged<'_>> {
    messages(datagram).filter(|(kind, payload)| *kind == PACKET && payload.len() >= 4).map(|(_, payload)| {
        let mut packet = Logged::default();
        for (kind, value) in attributes(&payload[4..]) {
            match kind {
                1 => packet.hook = value.get(2).copied().unwrap_or_default(),
                9 => packet.payload = value,
                10 => packet.prefix = std::str::from_utf8(value).unwrap_or_default().trim_end_matches('\0'),
                12 => packet.sequence = value.try_into().ok().map(u32::from_be_bytes),
                _ => {}
            }
        }
        packet
    })
}

/// Beyond the host's bound (`net.core.rmem_max`). In a user namespace nobody may, and the bound is what there is: what does not fit
/// is told as lost.
fn enlarge(fd: &OwnedFd) -> rustix::io::Result<()> {
    match sockopt::set_socket_recv_buffer_size_force(fd, BUFFER) {
        Err(rustix::io::Errno::PERM) => sockopt::set_socket_recv_buffer_size(fd, BUFFER),
        done => done,
    }
}

/// An open group. Needs `NET_ADMIN` to open, nothing to read.
#[derive(Debug)]
pub struct Group(OwnedFd);

/// What a read brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// A datagram of so many bytes.
    Datagram(usize),
    /// Nothing for now.
    Empty,
    /// The kernel's buffer was full: packets are lost.
    Overrun,
}

impl Group {
    /// Opens a group in this network namespace: whole packets, each at once, counted.
    pub fn open(group: u16) -> Result<Self, Error> {
        let fd = open(Some(NETFILTER)).map_err(Error::seal("open a netlink socket for the capture"))?;
        enlarge(&fd).map_err(Error::seal("enlarge the capture's buffer"))?;
        let told = |what, e: rustix::io::Errno| Error::Netlink { what, source: e.into() };
        let head = [&[0, 0][..], &group.to_be_bytes()].concat();
        ask(&fd, Message::new(CONFIG, 0, &head).with(1, &[1])).map_err(|e| told("bind a log group", e))?;
        let mode = [&(COPY_MAX as u32).to_be_bytes()[..], &[2, 0]].concat();
        ask(&fd, Message::new(CONFIG, 0, &head).with(2, &mode).with(5, &1_u32.to_be_bytes()).with(6, &1_u16.to_be_bytes()))
            .map_err(|e| told("log whole packets", e))?;
        rustix::io::ioctl_fionbio(&fd, true).map_err(Error::seal("make the capture's socket non-blocking"))?;
        Ok(Self(fd))
    }

    /// Waits until there is something to read.
    pub fn wait(&self) -> std::io::Result<()> {
        use rustix::event::{PollFd, PollFlags, poll};
        match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Reads one datagram, does not wait. `buffer` should hold 128 KiB.
    pub fn read(&self, buffer: &mut [u8]) -> std::io::Result<Read> {
        use rustix::io::Errno;
        match rustix::net::recv(&self.0, buffer, RecvFlags::DONTWAIT) {
            Ok((n, _)) => Ok(Read::Datagram(n)),
            Err(Errno::AGAIN) => Ok(Read::Empty),
            Err(Errno::NOBUFS) => Ok(Read::Overrun),
            Err(e) => Err(e.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut a = [&((value.len() + 4) as u16).to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
        a.resize(a.len().next_multiple_of(4), 0);
        a
    }

    fn datagram(attributes: &[Vec<u8>]) -> Vec<u8> {
        let body = [&[2, 0, 0, 5][..], &attributes.concat()].concat();
        [&((body.len() + 16) as u32).to_ne_bytes()[..], &PACKET.to_ne_bytes(), &[0; 10], &body].concat()
    }

    #[test]
    fn a_packet_is_read_with_prefix_hook_and_count() {
        let d = datagram(&[
            attribute(1, &[8, 0, 3, 0]),
            attribute(10, b"refused\0"),
            attribute(12, &7_u32.to_be_bytes()),
            attribute(9, b"packet"),
        ]);
        assert_eq!(parse(&d).collect::<Vec<_>>(), [Logged { sequence: Some(7), hook: 3, prefix: "refused", payload: b"packet" }]);
    }

    proptest! {
        #[test]
        fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..300), cut in 0..80_usize) {
            let _ = parse(&noise).count();
            let d = datagram(&[attribute(9, &noise)]);
            let _ = parse(&d[..d.len().saturating_sub(cut)]).count();
        }
    }
}
