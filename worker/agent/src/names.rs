//! The names that an app asked for, as something that it sent: `6c696e2079756865.evil.example` is a question to DNS, and data.
//!
//! The names of each stretch of the timeline are written down as one request of its own, each as it was asked for, and after them,
//! for each domain, what stands before it joined in the order of time: a value may be cut into labels and into questions. That is
//! searched as any request is. Names come from the app: they are only data here.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use stakeout_contract::{
    Nanos,
    clock::ClockSample,
    flow::{DNS, Flow},
    observation::{Fact, Observation},
    trial::StateSpan,
};

/// Whom such a request went to, for people. It is no name itself.
pub const HOST: &str = "names that were asked for";
/// What stands before a domain is something from so many bytes on, and a label by itself: a shorter planted value there is none.
const LEAST: usize = 6;
const LONG: usize = 16;
/// Between two pieces of text: more than a break within one.
const APART: &str = "\n\n";

/// What was asked for in one stretch of the timeline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// When the first name was asked for.
    pub first: Nanos,
    /// And the last.
    pub last: Nanos,
    /// Bytes of the names.
    pub sent: u64,
    /// What is searched.
    pub text: String,
}

/// All that was asked for, and that could hold something.
pub fn asked(observations: &[Observation], flows: &[Flow], timeline: &[StateSpan]) -> Vec<Asked> {
    let told = observations.iter().filter_map(|o| Some((o.at, name_of(&o.fact)?)));
    let mut names: Vec<(Nanos, &str)> = told.chain(flows.iter().map(|f| (f.at, f.host.as_str()))).filter(|n| is_name(n.1)).collect();
    names.sort_by_key(|n| n.0);
    let mut stretches: BTreeMap<usize, Vec<(Nanos, &str)>> = BTreeMap::new();
    for (at, name) in names {
        stretches.entry(timeline.partition_point(|s| s.from <= at)).or_default().push((at, name));
    }
    stretches.into_values().filter_map(|names| of_stretch(&names)).collect()
}

fn name_of(fact: &Fact) -> Option<&str> {
    match fact {
        Fact::Dns { name, .. } => Some(name),
        Fact::TlsRefused { host, .. } | Fact::Opaque { host, .. } => Some(host),
        _ => None,
    }
}

fn is_name(host: &str) -> bool {
    host.contains('.') && host.parse::<IpAddr>().is_err()
}

fn of_stretch(names: &[(Nanos, &str)]) -> Option<Asked> {
    let (first, last) = (names.first()?.0, names.last()?.0);
    let (mut seen, mut text) = (BTreeSet::new(), String::new());
    let mut joined: BTreeMap<&str, String> = BTreeMap::new();
    let mut sent = 0;
    for (_, name) in names {
        if !seen.insert(*name) {
            continue;
        }
        sent += name.len() as u64;
        text.push_str(name);
        text.push_str(APART);
        let (before, domain) = parts(name);
        joined.entry(domain).or_default().extend(before.split('.'));
    }
    let holds = joined.values().any(|j| j.len() >= LEAST) || seen.iter().any(|n| n.split('.').any(|label| label.len() >= LONG));
    for labels in joined.values().filter(|j| !j.is_empty()) {
        text.push_str(labels);
        text.push_str(APART);
    }
    holds.then_some(Asked { first, last, sent, text })
}

/// What stands before the last two labels of a name, and those.
fn parts(name: &str) -> (&str, &str) {
    match name.rmatch_indices('.').nth(1) {
        Some((dot, _)) => (&name[..dot], &name[dot + 1..]),
        None => ("", name),
    }
}

/// As a request, which has its text when that is kept.
pub fn flow(asked: &Asked, id: u32, clock: &[ClockSample]) -> Flow {
    let (real, real_end) = (real_at(clock, asked.first), real_at(clock, asked.last));
    Flow {
        id,
        at: asked.first,
        real,
        real_end,
        real_sent: real_end,
        wall: String::new(),
        scheme: DNS.to_owned(),
        host: HOST.to_owned(),
        address: String::new(),
        port: 53,
        method: String::new(),
        path: String::new(),
        request_headers: Vec::new(),
        status: 0,
        response_headers: Vec::new(),
        sent: asked.sent,
        received: 0,
        request: None,
        response: None,
        stub: None,
        policy: "sinkhole".to_owned(),
        truncated: false,
        error: String::new(),
    }
}

/// The host's time at which the trial's clock showed a time that was dated by these samples.
fn real_at(clock: &[ClockSample], at: Nanos) -> u64 {
    let sample = clock.partition_point(|s| s.at <= at).checked_sub(1).and_then(|i| clock.get(i));
    sample.map_or(0, |s| s.real.saturating_add(at.get() - s.at.get()))
}

#[cfg(test)]
mod tests {
    use stakeout_contract::{DeviceState, clock::trial_time, observation::Source};

    use super::*;

    fn dns(secs: u64, name: &str) -> Observation {
        let fact = Fact::Dns { name: name.into(), answer: String::new() };
        Observation { at: Nanos::from_secs(secs), source: Source::Gateway, fact, stack: vec![] }
    }

    fn timeline() -> [StateSpan; 2] {
        let span = |from, to, state| StateSpan { from: Nanos::from_secs(from), to: Nanos::from_secs(to), state };
        [span(0, 60, DeviceState::InUse), span(60, 3660, DeviceState::Background)]
    }

    #[test]
    fn names_are_written_as_they_were_asked_for_and_joined_by_domain_and_state() {
        let all = [
            dns(10, "api.example"),
            dns(70, "6c696e20.0.evil.example"),
            dns(80, "79756865.1.evil.example"),
            dns(80, "cdn.other.example"),
            dns(90, "6c696e20.0.evil.example"),
        ];
        let found = asked(&all, &[], &timeline());
        assert_eq!(found.len(), 1, "a plain name in use holds nothing");
        let lines: Vec<&str> = found[0].text.split("\n\n").collect();
        let names = ["6c696e20.0.evil.example", "79756865.1.evil.example", "cdn.other.example"];
        assert_eq!(lines[..3], names);
        assert_eq!(lines[3..], ["6c696e200797568651", "cdn", ""]);
        assert_eq!((found[0].first, found[0].last), (Nanos::from_secs(70), Nanos::from_secs(90)));
        assert_eq!(found[0].sent, names.iter().map(|n| n.len() as u64).sum::<u64>());
    }

    #[test]
    fn each_state_has_its_own_and_addresses_are_no_names() {
        let refused = Fact::TlsRefused { host: "13988120417.evil.example".into(), port: 443, reason: String::new() };
        let sni = Observation { at: Nanos::from_secs(20), source: Source::Gateway, fact: refused, stack: vec![] };
        let opaque = Fact::Opaque { host: "198.18.100.200".into(), port: 9000, protocol: "tcp".into(), sent: 1, received: 0 };
        let address = Observation { at: Nanos::from_secs(30), source: Source::Gateway, fact: opaque, stack: vec![] };
        let found = asked(&[sni, address, dns(100, "longlonglonglong.test")], &[], &timeline());
        assert_eq!(found.iter().map(|a| a.first).collect::<Vec<_>>(), [20, 100].map(Nanos::from_secs));
        assert!(found[0].text.contains("13988120417\n") && !found[0].text.contains("198."), "{}", found[0].text);
    }

    #[test]
    fn a_request_of_names_has_the_times_of_its_names() {
        let sample = |real, secs| ClockSample { real, at: Nanos::from_secs(secs) };
        let clock = [sample(1000, 0), sample(5000, 60), sample(7000, 100)];
        let one = Asked {
            first: Nanos::from_secs(60),
            last: Nanos::from_secs(100).plus(std::time::Duration::from_nanos(9)),
            sent: 1,
            text: String::new(),
        };
        let flow = flow(&one, 7, &clock);
        assert_eq!((flow.real, flow.real_sent), (5000, 7009));
        assert_eq!((trial_time(&clock, flow.real), trial_time(&clock, flow.real_sent)), (one.first, one.last));
    }
}
