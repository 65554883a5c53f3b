//! What an operator chose to stand between containers and this host's kernel.

use std::{fmt, str::FromStr};

use crate::seccomp::{Filter, Profile};

/// Chosen for all containers of a process.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Walls {
    /// The filter of system calls.
    pub filter: Filter,
    /// What runs them.
    pub runtimes: Runtimes,
}

impl fmt::Display for Walls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seccomp `{}`, runtime `{}`", self.filter, self.runtimes)
    }
}

/// Names of the engine's runtimes; none: its default.
///
/// Gateway and device have the same: they share a network namespace, and a device whose runtime gives it another would reach
/// nothing, which looks like an app that sends nothing. An analysis shares nothing with anybody.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Runtimes {
    /// Runs gateways and devices. Must be one whose containers can set rules in their kernel (nftables) and share a network.
    pub cell: Option<String>,
    /// Runs analyses.
    pub analysis: Option<String>,
}

impl Runtimes {
    /// What runs a container of this kind.
    pub fn of(&self, profile: Profile) -> Option<&String> {
        match profile {
            Profile::Gateway | Profile::Jvm | Profile::Emulator => self.cell.as_ref(),
            Profile::Analysis => self.analysis.as_ref(),
        }
    }

    /// The first that is none of these.
    pub fn missing(&self, there: &[String]) -> Option<&String> {
        self.cell.iter().chain(&self.analysis).find(|name| !there.contains(name))
    }
}

impl fmt::Display for Runtimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.cell, &self.analysis) {
            (None, None) => f.write_str("the engine's default"),
            (Some(a), Some(b)) if a == b => f.write_str(a),
            (Some(a), Some(b)) => write!(f, "{a},analysis={b}"),
            // Cannot be asked for in words: what runs cells runs analyses too.
            (Some(a), None) => f.write_str(a),
            (None, Some(b)) => write!(f, "analysis={b}"),
        }
    }
}

/// What names no runtime.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not `NAME`, `analysis=NAME`, or both parted by a comma")]
pub struct RuntimesError(String);

impl FromStr for Runtimes {
    type Err = RuntimesError;

    fn from_str(text: &str) -> Result<Self, RuntimesError> {
        let mut r = Self::default();
        for part in text.split(',').filter(|_| !text.is_empty()) {
            let (all, name) = part.strip_prefix("analysis=").map_or((true, part), |name| (false, name));
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
                return Err(RuntimesError(text.to_owned()));
            }
            r.analysis = Some(name.to_owned());
            if all {
                r.cell = Some(name.to_owned());
            }
        }
        Ok(r)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_for_all_containers_or_for_analyses() {
        let read = |text: &str| text.parse::<Runtimes>();
        assert_eq!(read("").unwrap(), Runtimes::default());
        let all = read("kata").unwrap();
        assert!(Profile::ALL.iter().all(|p| all.of(*p).is_some_and(|n| n == "kata")));
        let some = read("analysis=runsc").unwrap();
        assert_eq!((some.of(Profile::Gateway), some.of(Profile::Analysis).map(String::as_str)), (None, Some("runsc")));
        let both = read("kata,analysis=runsc").unwrap();
        assert_eq!(
            (both.of(Profile::Jvm).map(String::as_str), both.of(Profile::Analysis).map(String::as_str)),
            (Some("kata"), Some("runsc"))
        );
        assert_eq!(both.missing(&["runc".into(), "kata".into()]).map(String::as_str), Some("runsc"));
        assert_eq!(both.missing(&["runsc".into(), "kata".into()]), None);
        let said = |text: &str| Walls { filter: Filter::Ours, runtimes: read(text).unwrap() }.to_string();
        assert_eq!(said(""), "seccomp `ours`, runtime `the engine's default`");
        for text in ["runsc", "analysis=runsc", "kata,analysis=runsc"] {
            assert_eq!(said(text), format!("seccomp `ours`, runtime `{text}`"));
        }
        // A device of another runtime than its gateway's would be alone.
        for wrong in ["=", "analysis=", "device=runsc", "gateway=runc", "runsc,", "a b", "analysis=a=b"] {
            assert_eq!(read(wrong), Err(RuntimesError(wrong.into())), "{wrong}");
        }
    }
}
