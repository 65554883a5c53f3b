//! Whose it was, where the app is not alone: in a real guest other apps send, keep files and open cameras as well.
//!
//! The jvm device is one process tree, and all that comes out of it is the app's. Of a guest, the gateway knows one user for
//! all, the shared storage is everybody's, and so is the camera. A match proves of *this* app only what cannot be another's:
//! a file of its own folders, one that the guest's records say it made, a request that is larger than all that others sent
//! around its time. What is not known so supports and does not prove, with the reason `attribution`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use stakeout_contract::{
    DeviceKind, Nanos, Sensor,
    artifact::Role,
    finding::Finding,
    flow::{DNS, Flow},
    observation::{Fact, Source},
    told::{OthersSession, Traffic},
    trial::Delivered,
};

use crate::{dates, events, verdict::TrialEvidence};

/// Around a request: its first byte is dated when it came to the gateway, from samples of two clocks.
const AROUND: Duration = Duration::from_secs(2);
/// Folders of a guest that each app has for itself.
const OWN: [&str; 3] = ["data/data", "data/user_de/0", "data/misc/profiles/cur/0"];
/// What a keeper calls what it kept.
const DELETED: &str = "deleted/";

/// What a trial's record says of whose things are.
#[derive(Debug)]
pub(crate) struct Attribution<'a> {
    /// The app is not alone.
    shared: bool,
    /// Sessions of the app, by the device's record.
    own: BTreeSet<(Sensor, u64)>,
    /// Of other apps: which.
    others: BTreeMap<(Sensor, u64), String>,
    /// Who made a file of the shared storage.
    owners: BTreeMap<&'a str, &'a str>,
    /// Where a file lay that was deleted, by its name in the snapshot.
    deleted: BTreeMap<&'a str, &'a str>,
    traffic: Vec<Traffic>,
}

impl<'a> Attribution<'a> {
    pub(crate) fn of(t: &TrialEvidence<'a>) -> Self {
        let shared = t.record.device != DeviceKind::Jvm;
        let mut out = Self {
            shared,
            own: BTreeSet::new(),
            others: BTreeMap::new(),
            owners: BTreeMap::new(),
            deleted: BTreeMap::new(),
            traffic: Vec::new(),
        };
        for o in t.observations.iter().filter(|o| shared && o.source == Source::Device) {
            match &o.fact {
                Fact::Opened { sensor, session, .. } => {
                    out.own.insert((*sensor, *session));
                }
                Fact::File { path, change, to: Some(to), .. } => {
                    let path = path.trim_start_matches('/');
                    match change.as_str() {
                        "owned" => out.owners.insert(path, to),
                        "deleted" | "replaced" => out.deleted.insert(to.trim_start_matches(DELETED), path),
                        _ => None,
                    };
                }
                fact => {
                    out.traffic.extend(Traffic::of(fact));
                    out.others.extend(OthersSession::of(fact).map(|s| ((s.sensor, s.session), s.package)));
                }
            }
        }
        out.traffic.sort_by_key(|x| (x.from, x.to));
        out
    }

    /// Who else had a session.
    pub(crate) fn other(&self, sensor: Sensor, session: u64) -> Option<&str> {
        self.others.get(&(sensor, session)).map(String::as_str)
    }

    /// Why a session is not known to be the app's; none: it is.
    pub(crate) fn of_session(&self, sensor: Sensor, session: u64) -> Option<String> {
        let known = !self.shared || self.own.contains(&(sensor, session));
        (!known).then(|| format!("the device's record does not say who had session {session} of the {sensor}"))
    }

    /// Why a match, of what was given in these sessions, does not prove anything of the app; none: it does.
    pub(crate) fn of_match(&self, t: &TrialEvidence<'_>, f: &Finding, flow: Option<&Flow>, given: &[(Sensor, u64)]) -> Option<String> {
        if !self.shared {
            return None;
        }
        let others: Vec<&str> = given.iter().filter_map(|(sensor, session)| self.other(*sensor, *session)).collect();
        if !given.is_empty() && others.len() == given.len() {
            return Some(format!("it was given to another app (`{}`)", others[0]));
        }
        match f.role {
            Some(Role::FlowRequest) => flow.map_or_else(|| Some("which request it was is not known".to_owned()), |w| self.of_flow(w)),
            Some(Role::AppFile | Role::DeletedFile) => self.of_file(t, f),
            _ => None,
        }
    }

    fn of_file(&self, t: &TrialEvidence<'_>, f: &Finding) -> Option<String> {
        let digest = f.file.rsplit('/').next().unwrap_or_default();
        let package = t.record.app.package.as_str();
        let is_own = |path: &str| {
            let rest = OWN.iter().find_map(|o| path.strip_prefix(o)?.strip_prefix('/')?.strip_prefix(package));
            rest.is_some_and(|r| r.starts_with('/')) || self.owners.get(path).is_some_and(|o| *o == package)
        };
        let mut first = None;
        for a in t.record.artifacts.iter().filter(|a| a.sha256.to_string() == digest) {
            let name = a.name.trim_start_matches('/');
            let path = match a.role {
                Role::AppFile => Some(name),
                Role::DeletedFile => self.deleted.get(name).copied(),
                _ => continue,
            };
            if path.is_some_and(is_own) {
                return None;
            }
            first = first.or(path);
        }
        Some(match first {
            Some(path) => match self.owners.get(path) {
                Some(owner) => format!("`{path}` is a file of another app (`{owner}`)"),
                None => format!("`{path}` lies where every app may write, and who made it is not known"),
            },
            None => "where the file lay is not known".to_owned(),
        })
    }

    /// A request that others cannot have sent is the app's: around it they sent less than it holds.
    fn of_flow(&self, w: &Flow) -> Option<String> {
        if w.scheme == DNS {
            return Some("which app asked for these names is not known".to_owned());
        }
        let size = w.sent.saturating_add(w.path.len() as u64);
        let ended = w.at.plus(Duration::from_nanos(w.real_end.saturating_sub(w.real)));
        let from = Nanos::saturating(w.at.get().saturating_sub(AROUND.as_nanos() as u64));
        // The last reading comes when the app was ended.
        let to = ended.plus(AROUND).min(self.traffic.last().map_or(Nanos::ZERO, |x| x.to)).max(ended);
        let (mut covered, mut others) = (from, 0u64);
        for x in self.traffic.iter().filter(|x| x.from <= to && x.to >= from) {
            if x.from > covered {
                break;
            }
            covered = covered.max(x.to);
            others = others.saturating_add(x.others);
        }
        if covered < to {
            return Some(format!("which app sent to `{}` at that time is not known", w.host));
        }
        (others >= size)
            .then(|| format!("others in the guest sent {others} bytes at that time, so that these {size} to `{}` may be theirs", w.host))
    }
}

/// Sessions that may have been another app's, and why: no record says who had them, and nothing of them is in the app's own things.
pub(crate) type Nobodys = BTreeMap<(Sensor, u64), String>;

/// Those of a trial.
pub(crate) fn nobodys(t: &TrialEvidence<'_>, whose: &Attribution<'_>) -> Nobodys {
    let why = |d: &Delivered| Some(((d.sensor, d.session), whose.of_session(d.sensor, d.session)?));
    let others = |d: &&Delivered| whose.other(d.sensor, d.session).is_some();
    let mut out: Nobodys = t.record.delivered.iter().filter(|d| !others(d)).filter_map(why).collect();
    if out.is_empty() {
        return out;
    }
    for f in t.analysis.findings.iter().filter(|f| events::rung_of(f.role).is_some() && events::counts(t, f) && events::delivered(t, f)) {
        let given: Vec<(Sensor, u64)> = dates::sessions(t, f).into_iter().collect();
        if given.iter().any(|s| out.contains_key(s)) && whose.of_match(t, f, events::flow_of(t, f), &given).is_none() {
            for s in given {
                out.remove(&s);
            }
        }
    }
    out
}
