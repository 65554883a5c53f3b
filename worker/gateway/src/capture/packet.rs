//! The little that is read of a packet itself: where it wanted to go.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where a packet wanted to go.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Target {
    /// `tcp`, `udp`, `icmp`, `icmpv6`, or `ip protocol N`.
    pub protocol: String,
    /// Its destination.
    pub address: IpAddr,
    /// 0 where the protocol has none.
    pub port: u16,
}

/// Reads IPv4 and IPv6 headers; none: it is neither, or cut off. Extension headers of IPv6 are not followed.
pub fn parse(packet: &[u8]) -> Option<Target> {
    let (number, address, rest): (u8, IpAddr, &[u8]) = match packet.first()? >> 4 {
        4 => {
            let a: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
            let head = usize::from(packet[0] & 15) * 4;
            (packet[9], Ipv4Addr::from(a).into(), packet.get(head.max(20)..)?)
        }
        6 => {
            let a: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
            (packet[6], Ipv6Addr::from(a).into(), &packet[40..])
        }
        _ => return None,
    };
    let port = || rest.get(2..4).and_then(|p| p.try_into().ok()).map_or(0, u16::from_be_bytes);
    let (protocol, port) = match number {
        6 => ("tcp".to_owned(), port()),
        17 => ("udp".to_owned(), port()),
        1 => ("icmp".to_owned(), 0),
        58 => ("icmpv6".to_owned(), 0),
        n => (format!("ip protocol {n}"), 0),
    };
    Some(Target { protocol, address, port })
}

/// The length that a packet says it has; none: it is no IP.
pub fn length(packet: &[u8]) -> Option<usize> {
    let at = |i: usize| packet.get(i..i + 2).and_then(|b| b.try_into().ok()).map(u16::from_be_bytes).map(usize::from);
    match packet.first()? >> 4 {
        4 => at(2),
        6 => at(4).map(|n| n + 40),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_versions_of_ip_are_read() {
        let mut v4 = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 2, 15, 8, 8, 8, 8];
        v4.extend([0x30, 0x39, 0, 123, 0, 8, 0, 0]);
        assert_eq!(parse(&v4), Some(Target { protocol: "udp".into(), address: "8.8.8.8".parse().unwrap(), port: 123 }));
        assert_eq!(length(&v4), Some(28));
        let mut v6 = vec![0x60, 0, 0, 0, 0, 4, 58, 64];
        v6.extend([0; 16]);
        v6.extend("2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        assert_eq!(parse(&v6), Some(Target { protocol: "icmpv6".into(), address: "2001:db8::1".parse().unwrap(), port: 0 }));
    }

    proptest! {
        #[test]
        fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = (parse(&noise), length(&noise));
        }
    }
}
