//! A way for packets to leave the app: an address and a default route on the loopback interface.
//!
//! A cell without a network (`--network none`) or with an internal one has no default route, and a `connect` then fails
//! before a rule could redirect or report it. With a default route over `lo`, every packet comes as far as the rules, and
//! there is still no wire that it could leave by.

use std::{io, net::Ipv4Addr, os::fd::OwnedFd};

use rustix::io::Errno;

use super::{Message, ask, open};
use crate::Error;

/// The device's address where the cell has no network: what an Android emulator calls itself.
pub const OWN_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);

const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
const NEW_ROUTE: u16 = 24;
const CREATE_ONLY: u16 = 0x600;
const INET: u8 = 2;
const INET6: u8 = 10;
const LOOPBACK: u32 = 1;
/// TCP hands down at least two segments at once, and a netlink attribute holds 65,531 bytes: with the loopback's own 65,536
/// the capture would lose the end of most packets.
const MTU: u32 = 16_384;

/// Whether `/proc/net/route` names a default route for IPv4 on an interface that is up.
pub fn has_default(proc_net_route: &str) -> bool {
    proc_net_route.lines().skip(1).any(|l| {
        let mut fields = l.split_ascii_whitespace();
        fields.nth(1) == Some("00000000") && fields.nth(5) == Some("00000000")
    })
}

/// Makes sure that packets to anywhere are sent at all. Returns whether the routes lead nowhere (over `lo`).
pub fn provide() -> Result<bool, Error> {
    let fd = open(None).map_err(Error::seal("open a netlink socket for routes"))?;
    up(&fd).map_err(Error::seal("set the loopback interface up"))?;
    // IPv6 is a luxury: where it is off, a `connect` fails at once, which is as good.
    let _ = ask(&fd, default_route(INET6, None));
    let routes = std::fs::read_to_string("/proc/net/route").map_err(Error::seal("read the routes"))?;
    if has_default(&routes) {
        return Ok(false);
    }
    let address = Message::new(NEW_ADDRESS, CREATE_ONLY, &[[INET, 32, 0, 0].as_slice(), &LOOPBACK.to_ne_bytes()].concat());
    let octets = OWN_ADDRESS.octets();
    exists_is_fine(ask(&fd, address.with(1, &octets).with(2, &octets))).map_err(Error::seal("give the cell an address"))?;
    exists_is_fine(ask(&fd, default_route(INET, Some(OWN_ADDRESS)))).map_err(Error::seal("give the cell a route"))?;
    Ok(true)
}

fn up(fd: &OwnedFd) -> Result<(), Errno> {
    // struct ifinfomsg: family, pad, type, index, flags, change mask.
    let payload = [&[0_u8; 4][..], &LOOPBACK.to_ne_bytes(), &1_u32.to_ne_bytes(), &1_u32.to_ne_bytes()].concat();
    ask(fd, Message::new(NEW_LINK, 0, &payload).with(4, &MTU.to_ne_bytes()))
}

fn default_route(family: u8, source: Option<Ipv4Addr>) -> Message {
    // struct rtmsg: family, prefix lengths, tos, table main, protocol static, scope (link for IPv4), unicast, flags.
    let scope = if family == INET { 253 } else { 0 };
    let m = Message::new(NEW_ROUTE, CREATE_ONLY, &[family, 0, 0, 0, 254, 4, scope, 1, 0, 0, 0, 0]).with(4, &LOOPBACK.to_ne_bytes());
    match source {
        Some(a) => m.with(7, &a.octets()),
        None => m,
    }
}

fn exists_is_fine(result: Result<(), Errno>) -> Result<(), io::Error> {
    match result {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::has_default;

    const HEAD: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

    #[test]
    fn only_a_route_to_everything_is_a_default() {
        assert!(!has_default(HEAD));
        assert!(!has_default(&format!("{HEAD}eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n")));
        assert!(has_default(&format!("{HEAD}eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n")));
    }
}
