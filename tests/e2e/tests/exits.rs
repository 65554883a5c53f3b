//! No way out: an app that tries every exit gets nowhere, and each try is in the record.
#![allow(clippy::unwrap_used, clippy::match_same_arms, reason = "a test suite; each exit has its own line")]

use std::net::{IpAddr, Ipv4Addr};

use stakeout_contract::{
    artifact::Role,
    flow::Flow,
    observation::{Fact, Observation, Source},
};
use stakeout_e2e::{Stakeout, app, observations, record, scenario};

#[test]
fn every_exit_leads_nowhere_and_is_reported() {
    let s = Stakeout::new();
    let a = s.run(&app("exits"), &scenario("exits"), &["--trials", "1"]);
    a.never_clean();
    let bundle = s.bundle();
    // The app writes down what each attempt came to.
    let trial = record(&bundle, 1);
    let journal = trial.artifacts.iter().find(|a| a.role == Role::AppFile && a.name.ends_with("attempts.jsonl")).unwrap();
    let lines = String::from_utf8(bundle.read(&format!("trials/1/artifacts/{}", journal.sha256)).unwrap()).unwrap();
    let attempts: Vec<Attempt> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(attempts.len() > 100, "the app's own log has {} attempts", attempts.len());
    for why in ["start", "alarm"] {
        assert!(attempts.iter().any(|a| a.why == why), "nothing was tried at the {why}");
    }
    let out: Vec<_> = attempts.iter().filter(|a| !a.leads_nowhere()).collect();
    assert!(out.is_empty(), "{out:#?}");

    let told = Told { facts: observations(&bundle, 1), flows: bundle.json("trials/1/flows.json").unwrap() };
    let silent: Vec<_> = attempts.iter().filter(|a| !told.has(a)).collect();
    assert!(silent.is_empty(), "not reported: {silent:#?}");
    // The gateway's answer looks like any server's, so each question to any server must be one that it told of.
    let asked = attempts.iter().filter(|a| a.what == "udp" && a.result == "answered").count();
    assert!(asked > 0 && told.questions("example.com") >= asked, "{asked} were answered, {} told", told.questions("example.com"));
}

/// A line of the app's journal.
#[derive(serde::Deserialize, Debug)]
struct Attempt {
    why: String,
    what: String,
    to: String,
    result: String,
    detail: String,
}

impl Attempt {
    /// Nothing but the gateway's own answer, the cell's own files, or a refusal.
    fn leads_nowhere(&self) -> bool {
        let refused = matches!(self.result.as_str(), "refused" | "timeout" | "unreachable" | "closed");
        // `HTTP/1.1 200 OK`, which the gateway says in the name of every address: no real server on these ports would.
        let gateway = self.detail == "no answer" || self.detail.contains("485454502f312e3120323030204f4b");
        refused
            || match self.what.as_str() {
                "tcp" | "socketchannel" => gateway && !self.to.contains("127.0.0.1:15") && !self.to.contains("[::1]"),
                // Names are answered by the gateway, whomever they ask.
                "udp" => self.to.ends_with(":53"),
                "resolve" => self.detail.starts_with("198.18.") || self.detail.starts_with("198.19.") || self.to == "localhost",
                // Without power over ICMP, Java tries TCP to port 7, which the gateway takes, or refuses: who took it is in the record.
                "icmp" => self.result == "reachable",
                "multicast join" | "listen" | "interfaces" => true,
                "read" => ["/proc/net/tcp", "/etc/resolv.conf"].contains(&self.to.as_str()),
                "list" => true,
                _ => false,
            }
    }

    /// Where a connection or datagram was to go. An address of IPv4 in the dress of IPv6 is one of IPv4; none is the machine itself.
    fn destination(&self) -> (IpAddr, u16) {
        let (address, port) = if self.what == "icmp" { (self.to.as_str(), "7") } else { self.to.rsplit_once(':').unwrap() };
        (plain(address).unwrap(), port.parse().unwrap())
    }
}

fn plain(address: &str) -> Option<IpAddr> {
    let address: IpAddr = address.trim_start_matches('[').trim_end_matches(']').split('%').next()?.parse().ok()?;
    let address = address.to_canonical();
    Some(if address.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { address })
}

/// The record of the trial.
struct Told {
    facts: Vec<Observation>,
    flows: Vec<Flow>,
}

impl Told {
    /// Whether an attempt has its own record: by the gateway where it became a packet, by the device where it could not.
    fn has(&self, a: &Attempt) -> bool {
        match a.what.as_str() {
            "tcp" => {
                let (ip, port) = a.destination();
                self.connects(ip, port) && (self.taken(ip, port) || !tcp_reaches_the_gateway(ip, port))
            }
            "socketchannel" => {
                let (ip, port) = a.destination();
                self.taken(ip, port)
            }
            "socks" => {
                let (ip, port) = a.destination();
                self.blocked("tcp", ip, port)
            }
            "udp" => {
                let (ip, port) = a.destination();
                match ip {
                    IpAddr::V4(_) if port == 53 => self.questions("example.com") > 0,
                    IpAddr::V4(v4) if !v4.is_multicast() && !v4.is_broadcast() => self.blocked("udp", ip, port),
                    // Where there is no IPv6, or no way for many, the kernel refuses before there is a packet to tell of.
                    _ => self.blocked("udp", ip, port) || a.result == "refused" && !a.detail.contains("not permitted"),
                }
            }
            "icmp" => {
                let (ip, port) = a.destination();
                let by_name = ["icmp", "icmpv6"].iter().any(|p| self.blocked(p, ip, 0));
                by_name || self.taken(ip, port) || ip.is_loopback() || ip.is_ipv6() && a.result != "reachable"
            }
            "resolve" => a.to == "localhost" || self.questions(&a.to) > 0,
            "exec" | "ProcessBuilder" => self.escapes(|what| what == format!("exec {} refused", a.to)),
            "host class" | "forged line" => self.escapes(|what| what.contains(&a.to)),
            "read" if a.to.starts_with("/proc/1/") || a.to == "/proc/self/environ" => self.escapes(|what| what == a.to),
            // Nothing leaves by these: what is refused there is a file that the cell does not have, or the app may not open.
            "unix socket" | "unix channel" | "read" | "open for writing" | "list" => true,
            "multicast join" | "listen" | "interfaces" | "source port" => true,
            _ => false,
        }
    }

    fn any(&self, f: impl Fn(&Observation) -> bool) -> bool {
        self.facts.iter().any(f)
    }

    /// The device told that the app connects.
    fn connects(&self, to: IpAddr, at: u16) -> bool {
        self.any(|o| matches!(&o.fact, Fact::Network { host, port, .. } if *port == at && plain(host) == Some(to)))
    }

    /// The gateway refused it.
    fn blocked(&self, by: &str, to: IpAddr, at: u16) -> bool {
        let same = |f: &Fact| matches!(f, Fact::Blocked { protocol, address, port, .. } if protocol == by && *port == at && plain(address) == Some(to));
        self.any(|o| o.source == Source::Gateway && same(&o.fact))
    }

    /// The gateway took it, or refused it.
    fn taken(&self, to: IpAddr, at: u16) -> bool {
        self.flows.iter().any(|f| f.port == at && plain(&f.address) == Some(to)) || self.blocked("tcp", to, at)
    }

    /// How often the gateway was asked for a name, and answered with an address of its own.
    fn questions(&self, of: &str) -> usize {
        let own = |answer: &str| answer.starts_with("198.18.") || answer.starts_with("198.19.");
        let is = |o: &&Observation| matches!(&o.fact, Fact::Dns { name, answer } if name == of && own(answer));
        self.facts.iter().filter(|o| o.source == Source::Gateway).filter(is).count()
    }

    fn escapes(&self, is: impl Fn(&str) -> bool) -> bool {
        self.any(|o| matches!(&o.fact, Fact::Escape { what } if is(what)))
    }
}

/// Whether a TCP connection comes as far as the packet rules, and is neither a question to DNS nor to a port of the cell's own that
/// nobody listens on.
fn tcp_reaches_the_gateway(ip: IpAddr, port: u16) -> bool {
    match ip {
        IpAddr::V4(v4) if v4.is_loopback() => [15001, 15053].contains(&port),
        IpAddr::V4(v4) => port != 53 && !v4.is_multicast() && !v4.is_broadcast(),
        IpAddr::V6(_) => false,
    }
}
