//! Names of jobs, trials, workers, tenants and their things, and the epoch that fences a lease.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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

impl TrialId {
    /// The id of a job's trial with this number. It follows from the two, so that nobody can choose it for the key that it gives.
    /// Trials of jobs that were made later sort later, those of one job by their number.
    pub fn of(job: &JobId, number: u32) -> Self {
        let digest = Sha256::digest(format!("stakeout-trial {job} {number}"));
        let time: String = job.0.strip_prefix("job-").unwrap_or_default().chars().take(12).collect();
        Self(format!("trial-{time:0<12}{number:04x}{}", hex::encode(&digest[..16])))
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trials_id_follows_from_its_job_and_number_and_sorts_by_both() {
        let jobs = [JobId::generate(), JobId::generate()];
        let ids: Vec<TrialId> = (1..=300).map(|n| TrialId::of(&jobs[0], n)).collect();
        assert!(ids.is_sorted() && ids.iter().all(|id| check(id.as_str()).is_ok()));
        assert_eq!(ids[7], TrialId::of(&jobs[0], 8));
        assert_ne!(ids[7], TrialId::of(&jobs[1], 8));
        assert!(check(TrialId::of(&"job-1".parse().unwrap(), u32::MAX).as_str()).is_ok());
    }
}
