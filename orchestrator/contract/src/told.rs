//! What a device says in a line of its log and means as a fact: whose a request or a session is.
//!
//! These are no facts of their own, as a server of the version before would not know them and could not read the trial. It
//! takes them for lines, and is as cautious as it was.

use std::fmt;

use crate::{Nanos, Sensor, observation::Fact};

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
}
