//! What a device or a worker says in a line of a log and means as a fact: whose a request or a session is, which app it was.
//!
//! These are no facts of their own, as a server of the version before would not know them and could not read the trial. It
//! takes them for lines, and is as cautious as it was.

use std::fmt;

use crate::{Nanos, Sensor, Sha256Digest, observation::Fact, trial::AppFacts};

/// Bytes of TCP that left a real guest between two readings of its kernel's counters, both included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Traffic {
    /// When the first reading was asked for.
    pub from: Nanos,
    /// When the second was there.
    pub to: Nanos,
    /// By sockets of the app's user.
    pub own: u64,
    /// By all others.
    pub others: u64,
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, own, others } = self;
        write!(f, "sent from {} to {}: {own} bytes by the app, {others} by others", from.get(), to.get())
    }
}

impl From<Traffic> for Fact {
    fn from(t: Traffic) -> Self {
        Self::Log { line: t.to_string() }
    }
}

impl Traffic {
    /// Of a fact, if it is one.
    pub fn of(fact: &Fact) -> Option<Self> {
        let Fact::Log { line } = fact else { return None };
        let words: Vec<&str> = line.split(' ').collect();
        let ["sent", "from", from, "to", to, own, "bytes", "by", "the", "app,", others, "by", "others"] = words[..] else { return None };
        let time = |t: &str| Nanos::new(t.parse().ok()?).ok();
        Some(Self { from: time(from)?, to: time(to.strip_suffix(':')?)?, own: own.parse().ok()?, others: others.parse().ok()? })
    }
}

/// A session of a sensor that is another app's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OthersSession {
    /// Which sensor.
    pub sensor: Sensor,
    /// Its number among the app's own.
    pub session: u64,
    /// Whose it is, by Android's books.
    pub package: String,
}

impl fmt::Display for OthersSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "another app's session {} of the {}: {}", self.session, self.sensor, self.package)
    }
}

impl From<OthersSession> for Fact {
    fn from(s: OthersSession) -> Self {
        Self::Log { line: s.to_string() }
    }
}

impl OthersSession {
    /// Of a fact, if it is one.
    pub fn of(fact: &Fact) -> Option<Self> {
        let Fact::Log { line } = fact else { return None };
        let (session, rest) = line.strip_prefix("another app's session ")?.split_once(" of the ")?;
        let (sensor, package) = rest.split_once(": ")?;
        Some(Self { sensor: sensor.parse().ok()?, session: session.parse().ok()?, package: package.to_owned() })
    }
}

/// As what the device installed the app: package and permissions, by which it is decided whose things are and what was declared. The
/// worker's statement holds over its observations, and not over the record's `app`, which an orchestrator completes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InstalledAs(pub Sha256Digest);

/// How its line begins.
const INSTALLED_AS: &str = "installed as ";

impl InstalledAs {
    /// Of what is said of an app: SHA-256 of `["PACKAGE",["PERMISSION", ..]]`.
    pub fn of(app: &AppFacts) -> Self {
        let said = serde_json::json!([app.package, app.permissions]);
        Self(Sha256Digest::of(said.to_string().as_bytes()))
    }

    /// Of a line, if it is one.
    pub fn of_line(line: &str) -> Option<Self> {
        line.strip_prefix(INSTALLED_AS)?.parse().ok().map(Self)
    }
}

impl fmt::Display for InstalledAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{INSTALLED_AS}{}", self.0)
    }
}

impl From<InstalledAs> for Fact {
    fn from(i: InstalledAs) -> Self {
        Self::Log { line: i.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_comes_back_and_other_lines_mean_nothing() {
        let traffic = Traffic { from: Nanos::from_secs(1), to: Nanos::from_secs(3), own: 88_000, others: 0 };
        assert_eq!(Traffic::of(&traffic.into()), Some(traffic));
        let session = OthersSession { sensor: Sensor::Microphone, session: 7, package: "com.other: x".to_owned() };
        assert_eq!(OthersSession::of(&session.clone().into()), Some(session));
        for line in ["sent from 1 to 2: 3 bytes by the app, many by others", "sent", "another app's session x of the camera: y", ""] {
            let fact = Fact::Log { line: line.to_owned() };
            assert!(Traffic::of(&fact).is_none() && OthersSession::of(&fact).is_none(), "{line}");
        }
    }

    #[test]
    fn an_app_is_installed_as_its_package_with_its_permissions() {
        let app = |package: &str, permissions: &[&str]| AppFacts {
            package: package.to_owned(),
            permissions: permissions.iter().map(|p| (*p).to_owned()).collect(),
            ..AppFacts::default()
        };
        let one = InstalledAs::of(&app("a.b", &["p", "q"]));
        assert_eq!(one.0, Sha256Digest::of(br#"["a.b",["p","q"]]"#));
        assert_eq!(InstalledAs::of_line(&one.to_string()), Some(one));
        for other in [app("a.c", &["p", "q"]), app("a.b", &["p"]), app("a.b", &["q", "p"])] {
            assert_ne!(InstalledAs::of(&other), one);
        }
        // A label, a signer and what else is completed later change nothing.
        assert_eq!(InstalledAs::of(&AppFacts { label: "x".to_owned(), ..app("a.b", &["p", "q"]) }), one);
        assert_eq!(InstalledAs::of_line("installed as ****"), None);
    }
}
