//! Probabilities that are too small for careless arithmetic.

use serde::{Deserialize, Serialize};

/// A probability in 0..=1. Values under 1e-300 are kept as 1e-300: a report never prints zero.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "f64", into = "f64")]
#[schemars(with = "f64")]
pub struct Probability(f64);

/// A number outside 0..=1.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a probability: a number from 0 to 1 is expected")]
pub struct NotAProbability(f64);

impl Probability {
    const LEAST: f64 = 1e-300;
    /// Certain.
    pub const ONE: Self = Self(1.0);

    /// Checks the range.
    pub fn new(p: f64) -> Result<Self, NotAProbability> {
        if (0.0..=1.0).contains(&p) { Ok(Self(p.max(Self::LEAST))) } else { Err(NotAProbability(p)) }
    }

    /// From a decimal logarithm; what is over 0 counts as 1.
    pub fn from_log10(l: f64) -> Self {
        if l.is_nan() || l >= 0.0 { Self::ONE } else { Self(10f64.powf(l).max(Self::LEAST)) }
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// This, after `tests` more places were searched (Boole's inequality).
    #[must_use]
    pub fn times(self, tests: f64) -> Self {
        Self((self.0 * tests.max(1.0)).min(1.0))
    }
}

impl TryFrom<f64> for Probability {
    type Error = NotAProbability;

    fn try_from(p: f64) -> Result<Self, NotAProbability> {
        Self::new(p)
    }
}

impl From<Probability> for f64 {
    fn from(p: Probability) -> Self {
        p.0
    }
}

/// The largest corrected probability at which a finding proves: beyond it, a finding is a lead.
pub const PROVEN_AT_MOST: f64 = 1e-9;
