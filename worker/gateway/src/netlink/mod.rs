//! Netlink messages: the part of them that a gateway needs to open its capture and give the cell a route.
//!
//! A message is a 16 byte header (length, type, flags, sequence, port), a payload of a fixed struct, and attributes
//! (length, type, value, padded to 4). Numbers of the header are in the machine's order (little-endian here as everywhere
//! that this is built for); NFLOG's own numbers are big-endian. Source: linux/netlink.h, RFC 3549.

pub mod route;

use std::os::fd::OwnedFd;

use rustix::{
    io::Errno,
    net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink},
};

const REQUEST: u16 = 1;
const ACK: u16 = 4;
/// `NLMSG_ERROR`: an answer with an errno, 0 for "done".
pub const MESSAGE_ERROR: u16 = 2;

/// Builds one request.
#[derive(Debug)]
pub struct Message(Vec<u8>);

impl Message {
    /// A request that wants an acknowledgement. `flags` are added to those.
    pub fn new(kind: u16, flags: u16, payload: &[u8]) -> Self {
        let mut m = vec![0; 4];
        m.extend(kind.to_ne_bytes());
        m.extend((REQUEST | ACK | flags).to_ne_bytes());
        m.extend([0; 8]);
        m.extend(payload);
        Self(m)
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with(mut self, kind: u16, value: &[u8]) -> Self {
        self.0.extend(((value.len() + 4) as u16).to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    fn bytes(mut self) -> Vec<u8> {
        let length = self.0.len() as u32;
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        self.0
    }
}

/// Opens a socket of a netlink family (`None`: routes).
pub fn open(protocol: Option<rustix::net::Protocol>) -> Result<OwnedFd, Errno> {
    let fd = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
    rustix::net::bind(&fd, &netlink::SocketAddrNetlink::new(0, 0))?;
    Ok(fd)
}

/// Sends a request and waits for its acknowledgement. Other messages that come before it are dropped, so this is for sockets
/// that do not receive anything yet.
pub fn ask(fd: &OwnedFd, message: Message) -> Result<(), Errno> {
    rustix::net::send(fd, &message.bytes(), SendFlags::empty())?;
    let mut buffer = vec![0; 65536];
    loop {
        let (n, _) = rustix::net::recv(fd, &mut buffer[..], RecvFlags::empty())?;
        for (kind, payload) in messages(&buffer[..n]) {
            if kind == MESSAGE_ERROR {
                return match payload.get(..4).and_then(|b| b.try_into().ok()).map(i32::from_ne_bytes) {
                    Some(0) => Ok(()),
                    Some(e) => Err(Errno::from_raw_os_error(-e)),
                    None => Err(Errno::INVAL),
                };
            }
        }
    }
}

/// The messages of one datagram: type and payload. Ends at the first that is cut off or nonsense.
pub fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
        let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
        let payload = bytes.get(16..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, payload))
    })
}

/// The attributes of a payload behind its fixed struct: type without flags, value. Ends at the first that is cut off.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?) & 0x3fff;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_built_is_read() {
        let bytes = Message::new(0x401, 0, &[1, 2, 3, 4]).with(1, &[9]).with(5, b"twelve bytes").bytes();
        let found: Vec<_> = messages(&bytes).collect();
        assert_eq!(found.len(), 1);
        let (kind, payload) = found[0];
        assert_eq!((kind, &payload[..4]), (0x401, &[1, 2, 3, 4][..]));
        assert_eq!(attributes(&payload[4..]).collect::<Vec<_>>(), [(1, &[9][..]), (5, &b"twelve bytes"[..])]);
    }

    proptest! {
        #[test]
        fn noise_ends_and_never_panics(noise in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(messages(&noise).count() <= noise.len());
            prop_assert!(attributes(&noise).count() <= noise.len());
        }
    }
}
