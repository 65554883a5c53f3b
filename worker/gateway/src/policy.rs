//! What may be reached in `live`: pure decisions about names and addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use stakeout_contract::scenario::{Network, NetworkPolicy, glob};

/// Whether the scenario lets this host be reached for real.
pub fn allowed(network: &Network, host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    network.policy == NetworkPolicy::Live
        && (network.allow.is_empty() || network.allow.iter().any(|g| glob(&g.to_ascii_lowercase(), &host)))
}

/// Whether an address is on the public internet: not private, link-local (where clouds keep their metadata), loopback, shared,
/// multicast, reserved, documentation or benchmarking space. Sources: RFC 6890 and IANA's special-purpose registries.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => public_v4(a),
        IpAddr::V6(a) => public_v6(a),
    }
}

/// Whether `live` may lead to an address: it is on the public internet, and is none of those that the worker denies.
pub fn may_be_reached(address: IpAddr, denied: &[IpAddr]) -> bool {
    is_public(address) && !denied.contains(&address)
}

fn public_v4(a: Ipv4Addr) -> bool {
    let o = a.octets();
    !(a.is_private()
        || a.is_loopback()
        || a.is_link_local()
        || a.is_multicast()
        || a.is_broadcast()
        || a.is_documentation()
        || o[0] == 0
        || o[0] >= 240
        || (o[0] == 100 && o[1] & 0xc0 == 64)
        || (o[0] == 192 && o[1] == 0 && o[2] == 0)
        || (o[0] == 192 && o[1] == 88 && o[2] == 99)
        || (o[0] == 198 && o[1] & 0xfe == 18)
        // Azure's metadata and DNS live at an otherwise public address.
        || o == [168, 63, 129, 16])
}

fn public_v6(a: Ipv6Addr) -> bool {
    let s = a.segments();
    // Only global unicast; and nothing that carries an IPv4 address inside (mapped, 6to4, Teredo, NAT64).
    s[0] & 0xe000 == 0x2000
        && s[0] != 0x2002
        && !(s[0] == 0x2001 && s[1] < 0x200)
        && !(s[0] == 0x2001 && s[1] == 0xdb8)
        && !(s[0] == 0x3fff && s[1] < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_public() {
        for a in ["1.1.1.1", "93.184.216.34", "100.128.0.1", "2606:4700::1111"] {
            assert!(is_public(a.parse().unwrap()), "{a}");
        }
        for a in [
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "127.0.0.11",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "192.0.0.192",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "168.63.129.16",
            "::1",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::ffff:1.1.1.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001:db8::1",
            "2001::1",
        ] {
            assert!(!is_public(a.parse().unwrap()), "{a}");
        }
    }

    #[test]
    fn the_allow_list_is_for_live_only_and_ignores_case() {
        let mut n = Network { policy: NetworkPolicy::Live, allow: vec!["*.Example.com".into()], ..Network::default() };
        assert!(allowed(&n, "API.example.com"));
        assert!(!allowed(&n, "example.com.evil.net"));
        n.allow.clear();
        assert!(allowed(&n, "anything.net"));
        n.policy = NetworkPolicy::Sinkhole;
        assert!(!allowed(&n, "anything.net"));
    }
}
