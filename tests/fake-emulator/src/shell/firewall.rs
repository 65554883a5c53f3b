//! `iptables` and `ip6tables`, as far as a device counts by them: one chain, a user's rule and one for all others. All that this
//! guest sends is IPv4.

use super::Done;
use crate::{faults::Fault, world::World};

/// `-w -N|-A|-I|-nvxL CHAIN ..`.
pub(super) fn run(world: &World, six: bool, rest: &[&str]) -> Done {
    if world.faults.has(Fault::NoOwnerMatch) {
        return Done::failed(2, "iptables: No chain/target/match by that name.");
    }
    let mut phone = world.phone();
    match rest {
        ["-w", "-N", _] | ["-w", "-I", "OUTPUT", ..] => Done::default(),
        ["-w", "-A", _, rule @ ..] => {
            if let Some(uid) = rule.iter().position(|w| *w == "--uid-owner").and_then(|at| rule.get(at + 1)?.parse().ok()) {
                let since = phone.sent.clone();
                phone.counts = Some((uid, since));
            }
            Done::default()
        }
        ["-w", "-nvxL", chain] => {
            let Some((uid, since)) = &phone.counts else {
                return Done::failed(1, "iptables: No chain/target/match by that name.");
            };
            let of = |own: bool| -> u64 {
                let mine = phone.sent.iter().filter(|(u, _)| (*u == uid) == own && !six);
                mine.map(|(u, bytes)| bytes - since.get(u).copied().unwrap_or(0)).sum()
            };
            let any = if six { "::/0" } else { "0.0.0.0/0" };
            let row = |bytes: u64, more: &str| {
                format!("{:>8} {bytes:>8} RETURN     all  --  *      *       {any:<20} {any:<20} {more}", bytes / 1000)
            };
            Done::lines([
                format!("Chain {chain} (1 references)"),
                "    pkts      bytes target     prot opt in     out     source               destination".to_owned(),
                row(of(true), &format!("owner UID match {uid}")),
                row(of(false), ""),
            ])
        }
        _ => Done::failed(2, "iptables: the stand-in knows no such rule"),
    }
}
