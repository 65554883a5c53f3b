//! `5m`, `8h`, `1h30m`: lengths as people write them.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// A length of time, written as numbers with units `d`, `h`, `m`, `s`, `ms`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Span(Duration);

/// A length that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a length of time, write it as `90s`, `5m`, `8h` or `1h30m`")]
pub struct BadSpan(String);

impl Span {
    /// Whole seconds.
    pub const fn from_secs(s: u64) -> Self {
        Self(Duration::from_secs(s))
    }

    /// The length.
    pub const fn get(self) -> Duration {
        self.0
    }
}

const UNITS: [(&str, u64); 5] = [("ms", 1), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)];

impl FromStr for Span {
    type Err = BadSpan;

    fn from_str(s: &str) -> Result<Self, BadSpan> {
        let bad = || BadSpan(s.chars().take(40).collect());
        let (mut rest, mut ms) = (s.trim(), 0u64);
        if rest.is_empty() {
            return Err(bad());
        }
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let n: u64 = rest[..digits].parse().map_err(|_| bad())?;
            rest = &rest[digits..];
            let (unit, factor) = UNITS.iter().find(|(u, _)| rest.starts_with(u)).ok_or_else(bad)?;
            rest = &rest[unit.len()..];
            ms = n.checked_mul(*factor).and_then(|m| ms.checked_add(m)).filter(|m| *m < 1 << 40).ok_or_else(bad)?;
        }
        Ok(Self(Duration::from_millis(ms)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ms = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if ms == 0 {
            return f.write_str("0s");
        }
        for (unit, factor) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
            if ms >= factor {
                write!(f, "{}{unit}", ms / factor)?;
                ms %= factor;
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for Span {
    type Error = BadSpan;

    fn try_from(s: String) -> Result<Self, BadSpan> {
        s.parse()
    }
}

impl From<Span> for String {
    fn from(s: Span) -> Self {
        s.to_string()
    }
}
