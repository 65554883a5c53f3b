//! Versions of packages: `37.2.12`, `14`, `37.3.1-rc2`.

use std::{cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A package's version. Parts that an index leaves out are zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Revision {
    parts: [u32; 3],
    /// A preview comes before the release of the same number.
    preview: Option<u32>,
}

/// Not a version.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a version like `37.2.12`")]
pub struct BadRevision(String);

impl Revision {
    /// A release.
    pub const fn new(major: u32, minor: u32, micro: u32) -> Self {
        Self { parts: [major, minor, micro], preview: None }
    }

    /// The same as a preview.
    #[must_use]
    pub const fn preview(self, preview: Option<u32>) -> Self {
        Self { preview, ..self }
    }

    /// Whether it is a preview.
    pub const fn is_preview(&self) -> bool {
        self.preview.is_some()
    }
}

impl Ord for Revision {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |p: Option<u32>| (p.is_none(), p);
        self.parts.cmp(&other.parts).then_with(|| rank(self.preview).cmp(&rank(other.preview)))
    }
}

impl PartialOrd for Revision {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, micro] = self.parts;
        write!(f, "{major}")?;
        if minor != 0 || micro != 0 {
            write!(f, ".{minor}.{micro}")?;
        }
        self.preview.map_or(Ok(()), |p| write!(f, "-rc{p}"))
    }
}

impl FromStr for Revision {
    type Err = BadRevision;

    fn from_str(s: &str) -> Result<Self, BadRevision> {
        let bad = || BadRevision(s.chars().take(40).collect());
        let number = |t: &str| {
            if t.is_empty() || t.len() > 9 || !t.bytes().all(|b| b.is_ascii_digit()) { Err(bad()) } else { t.parse().map_err(|_| bad()) }
        };
        let (numbers, preview) = match s.split_once("-rc") {
            Some((n, p)) => (n, Some(number(p)?)),
            None => (s, None),
        };
        let mut parts = [0; 3];
        for (i, t) in numbers.split('.').enumerate() {
            *parts.get_mut(i).ok_or_else(bad)? = number(t)?;
        }
        Ok(Self { parts, preview })
    }
}

impl TryFrom<String> for Revision {
    type Error = BadRevision;

    fn try_from(s: String) -> Result<Self, BadRevision> {
        s.parse()
    }
}

impl From<Revision> for String {
    fn from(r: Revision) -> Self {
        r.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn r(s: &str) -> Revision {
        s.parse().unwrap()
    }

    #[test]
    fn versions_are_ordered_by_number_and_a_preview_comes_first() {
        assert!(r("9") < r("14"));
        assert!(r("36.6.11") < r("37.2.5"));
        assert!(r("37.2.5") < r("37.2.12"));
        assert!(r("37.3.0-rc1") < r("37.3.0-rc2") && r("37.3.0-rc2") < r("37.3"));
        assert_eq!(r("37.3"), r("37.3.0"));
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for bad in ["", ".", "1.", "1.2.3.4", "-1", "+1", "1.x", "1-rc", "99999999999"] {
            assert!(bad.parse::<Revision>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_version_survives_being_written(a in 0..1000u32, b in 0..1000u32, c in 0..1000u32, p in prop::option::of(0..100u32)) {
            let v = Revision::new(a, b, c).preview(p);
            prop_assert_eq!(r(&v.to_string()), v);
        }

        #[test]
        fn arbitrary_text_never_panics(s in ".{0,40}") {
            let _ = s.parse::<Revision>();
        }
    }
}
