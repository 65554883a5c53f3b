//! How much the app sends, and how much everybody else in the guest: what tells whose a request was.
//!
//! A guest's packets leave it as the emulator's, so the gateway knows no app. The guest's kernel does: two rules of its own
//! firewall count, over IPv4 and IPv6, the bytes of TCP that sockets of the app's user send and those of all others, and are read
//! at each poll. A request that is larger than all that others sent around its time cannot be another's. That the counters were
//! read in between, and what of the time is not covered, is for the rules of verdicts to weigh.

use stakeout_contract::{
    Nanos,
    observation::{Fact, Source},
    told::Traffic as Sent,
};
use stakeout_protocol::Problem;

use super::{
    clock::{SharedClock, lock},
    phone::{Phone, first_line},
    watch::Told,
};
use crate::core::window::monotonic_nanos;

/// The rules' chain.
const CHAIN: &str = "stakeout";
const TABLES: [&str; 2] = ["iptables", "ip6tables"];

/// Bytes since the rules are there.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Counted {
    own: u64,
    others: u64,
}

/// The counters of a guest.
#[derive(Debug)]
pub struct Traffic {
    uid: u32,
    /// The reading before: when it was asked for, and what it said. None: nothing is known of the time since.
    last: Option<(Nanos, Counted)>,
    /// Nobody sent anything since then; not told yet.
    quiet: Option<(Nanos, Nanos)>,
    /// It was told that they cannot be read.
    failed: bool,
}

impl Traffic {
    /// Puts the rules into the guest, for the app of this user; again after each restart.
    pub async fn start(phone: &Phone, uid: u32) -> Result<Self, Problem> {
        for table in TABLES {
            let rules = [
                format!("-N {CHAIN}"),
                format!("-A {CHAIN} -m owner --uid-owner {uid} -j RETURN"),
                format!("-A {CHAIN} -j RETURN"),
                format!("-I OUTPUT -p tcp ! -o lo -j {CHAIN}"),
            ];
            for rule in rules {
                let done = phone.run(&format!("{table} -w {rule}")).await?;
                if done.failed() {
                    return Err(Problem::new("failed", first_line(&done)));
                }
            }
        }
        Ok(Self { uid, last: None, quiet: None, failed: false })
    }

    /// What was sent since the poll before.
    pub async fn poll(&mut self, phone: &Phone, clock: &SharedClock) -> Result<Vec<Told>, Problem> {
        let now = || lock(clock).now(monotonic_nanos());
        let asked = now();
        let listed = phone.run(&format!("{} -w -nvxL {CHAIN}; {} -w -nvxL {CHAIN}", TABLES[0], TABLES[1])).await?;
        let answered = now();
        let mut told = Vec::new();
        let counted = parse(&listed.text(), self.uid);
        if counted.is_none() && !std::mem::replace(&mut self.failed, true) {
            told.push((answered, Source::Device, not_known(&first_line(&listed))));
        }
        let before = std::mem::replace(&mut self.last, counted.map(|c| (asked, c)));
        let grown = before.zip(counted).and_then(|((from, b), c)| {
            Some(Sent { from, to: answered, own: c.own.checked_sub(b.own)?, others: c.others.checked_sub(b.others)? })
        });
        match grown {
            Some(s) if s.own == 0 && s.others == 0 => self.quiet = Some((self.quiet.map_or(s.from, |q| q.0), s.to)),
            Some(s) => {
                told.extend(self.end());
                told.push((answered, Source::Device, s.into()));
            }
            None => told.extend(self.end()),
        }
        Ok(told)
    }

    /// What was not told yet: the guest restarts, or the trial ends.
    pub fn end(&mut self) -> Option<Told> {
        let (from, to) = self.quiet.take()?;
        Some((to, Source::Device, Sent { from, to, own: 0, others: 0 }.into()))
    }
}

/// That nothing tells whose requests are.
pub fn not_known(why: &str) -> Fact {
    Fact::Log { line: format!("whose the guest's requests are is not known: {why}") }
}

/// The counters of both tables: in each the app's rule, and that of all others. None if that is not what is there.
fn parse(text: &str, uid: u32) -> Option<Counted> {
    let owner = format!("owner UID match {uid}");
    let mut rows = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if let (Some(Ok(_)), Some(Ok(bytes))) = (words.next().map(str::parse::<u64>), words.next().map(str::parse::<u64>)) {
            rows.push((line.contains(&owner), bytes));
        }
    }
    match rows[..] {
        [(true, a), (false, b), (true, c), (false, d)] => Some(Counted { own: a.checked_add(c)?, others: b.checked_add(d)? }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str =
        "Chain stakeout (1 references)\n    pkts      bytes target     prot opt in     out     source               destination\n";

    fn listed(own: u64, others: u64) -> String {
        format!(
            "{LISTED}       9 {own:>8} RETURN     all  --  *      *       0.0.0.0/0            0.0.0.0/0            owner UID match 10123\n       4 {others:>8} RETURN     all  --  *      *       0.0.0.0/0            0.0.0.0/0\n"
        )
    }

    #[test]
    fn the_rules_of_both_tables_are_added_and_nothing_else_is_believed() {
        let both = listed(100, 7) + &listed(20, 1);
        assert_eq!(parse(&both, 10123), Some(Counted { own: 120, others: 8 }));
        assert_eq!(parse(&listed(100, 7), 10123), None, "a table is missing");
        assert_eq!(parse(&both, 10124), None, "rules of another app");
        assert_eq!(parse("iptables: No chain/target/match by that name.", 10123), None);
    }
}
