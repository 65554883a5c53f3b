//! This host's own addresses, which no app may reach: what listens there trusts the host's firewall, and `live` leads around it.
//!
//! What the kernel says in `/proc/net`, read without a call that our own code forbids. A worker in a network namespace of its own
//! (a container, a pod) sees that one's addresses: there the host's firewall is all there is (docs/operations.md).

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Addresses that are told at most: a host with more is a router.
const MOST: usize = 1024;

/// Of this process's network namespace, now; loopback is nobody's way in.
pub(crate) fn own() -> Vec<IpAddr> {
    let read = |name: &str| fs::read_to_string(format!("/proc/self/net/{name}")).unwrap_or_default();
    let mut all = v4(&read("fib_trie"));
    all.extend(v6(&read("if_inet6")));
    all.into_iter().filter(|a| !a.is_loopback()).take(MOST).collect()
}

/// Of the routing table's tree: an address is a leaf (`|-- 192.0.2.2`), and one of this host has `/32 host LOCAL` below it.
fn v4(fib_trie: &str) -> BTreeSet<IpAddr> {
    let mut last = None;
    let mut all = BTreeSet::new();
    for line in fib_trie.lines() {
        if let Some(leaf) = line.trim().strip_prefix("|-- ") {
            last = leaf.parse::<Ipv4Addr>().ok();
        } else if line.trim() == "/32 host LOCAL" {
            all.extend(last.map(IpAddr::V4));
        }
    }
    all
}

/// Each line begins with an address of 32 digits.
fn v6(if_inet6: &str) -> BTreeSet<IpAddr> {
    let first = if_inet6.lines().filter_map(|l| l.split_whitespace().next()).filter(|a| a.len() == 32);
    first.filter_map(|a| u128::from_str_radix(a, 16).ok()).map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_hosts_own_is_told_from_what_it_only_reaches() {
        let trie = "Main:
  +-- 0.0.0.0/0 3 0 4
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 198.51.100.0/24 2 0 2
        |-- 198.51.100.0
           /24 link UNICAST
        |-- 198.51.100.7
           /32 host LOCAL
        |-- 198.51.100.255
           /32 link BROADCAST
     |-- nonsense
        /32 host LOCAL
";
        assert_eq!(v4(trie), BTreeSet::from(["198.51.100.7".parse().unwrap()]));
        let inet6 = "20010db8000000000000000000000007 02 40 00 80     eth0\nfe80 x\n\n";
        assert_eq!(v6(inet6), BTreeSet::from(["2001:db8::7".parse().unwrap()]));
    }

    #[test]
    fn loopback_is_not_told() {
        assert!(own().iter().all(|a| !a.is_loopback()));
    }
}
