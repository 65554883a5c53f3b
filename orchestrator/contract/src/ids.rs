//! Names of jobs, trials, workers, tenants and their things, and the epoch that fences a lease.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An id that holds something other than 1 to 64 letters, digits, `-` or `_`.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an id: 1 to 64 letters, digits, `-` or `_` are expected")]
pub struct BadId(String);

fn check(s: &str) -> Result<(), BadId> {
    let ok = (1..=64).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if ok { Ok(()) } else { Err(BadId(s.chars().take(80).collect())) }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String", extend("pattern" = "^[A-Za-z0-9_-]{1,64}$"))]
        pub struct $name(String);

        impl $name {
            /// A new id; ids that are made later sort later.
            pub fn generate() -> Self {
                Self(format!(concat!($prefix, "{}"), uuid::Uuid::now_v7().simple()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(s: &str) -> Result<Self, BadId> {
                check(s)?;
                Ok(Self(s.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;

            fn try_from(s: String) -> Result<Self, BadId> {
                check(&s)?;
                Ok(Self(s))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

id!(
    /// A job: one app, one scenario, one device profile, n trials.
    JobId,
    "job-"
);
id!(
    /// A trial: one run of the scenario on a fresh device.
    TrialId,
    "trial-"
);
id!(
    /// A worker: the program on a host with Docker that leases trials.
    WorkerId,
    "worker-"
);

id!(
    /// A tenant: whose apps, jobs and tokens these are. Chosen by the operator: `acme`.
    TenantId,
    "tenant-"
);
id!(
    /// A token, without its secret part.
    TokenId,
    "token-"
);
id!(
    /// An upload that may be resumed.
    UploadId,
    "upload-"
);
id!(
    /// A webhook.
    HookId,
    "hook-"
);
id!(
    /// One attempt series of telling a webhook one thing.
    DeliveryId,
    "delivery-"
);

impl TenantId {
    /// The tenant of those who run the farm: its admins are the operators, its workers serve all tenants.
    pub fn farm() -> Self {
        Self("farm".to_owned())
    }

    /// Whether it is the operators' own.
    pub fn is_farm(&self) -> bool {
        self.0 == "farm"
    }
}

/// How often a trial has been leased. Only the newest epoch may write; it counts from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Epoch(pub u32);

impl Epoch {
    /// The first lease of a trial.
    pub const FIRST: Self = Self(1);

    /// The lease after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
