//! Names of jobs, trials, workers, tenants and their things, and the epoch that fences a lease.

use std::{
    fmt,
    str::FromStr,
    sync::{Mutex, PoisonError},
};

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

/// A clock that is put right by so little does not change the order of ids, milliseconds.
const PUT_RIGHT: u64 = 1000;

/// An UUID of version 7 with this time (RFC 9562). Those of one millisecond are counted from a random number on, so that they sort as
/// they were made. `uuid`'s own counter never goes back: after a clock was an hour ahead for a moment, its ids would be for an hour.
fn v7(ms: i64) -> uuid::Uuid {
    /// Time and counter of the last one.
    static LAST: Mutex<(u64, u64)> = Mutex::new((0, 0));
    let ms = u64::try_from(ms).unwrap_or(0);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let at = if last.0.checked_sub(ms).is_some_and(|ahead| ahead <= PUT_RIGHT) { last.0 } else { ms };
    let number = if at == last.0 { last.1 + 1 } else { uuid::Uuid::new_v4().as_u64_pair().0 >> 24 };
    *last = (at, number);
    uuid::Uuid::new_v7(uuid::Timestamp::from_unix_time(at / 1000, (at % 1000) as u32 * 1_000_000, number.into(), 42))
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String", extend("pattern" = "^[A-Za-z0-9_-]{1,64}$"))]
        pub struct $name(String);

        impl $name {
            /// A new id by this host's clock; ids that are made later sort later.
            pub fn generate() -> Self {
                Self(format!(concat!($prefix, "{}"), uuid::Uuid::now_v7().simple()))
            }

            /// A new id of this time, Unix milliseconds: of those who share a clock that is not the host's.
            pub fn at(ms: i64) -> Self {
                Self(format!(concat!($prefix, "{}"), v7(ms).simple()))
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
    fn ids_have_the_time_that_is_given_and_sort_as_they_were_made() {
        let ms = 1_700_000_000_000;
        let ids = |ms: i64| (0..1000).map(|_| JobId::at(ms)).collect::<Vec<_>>();
        let of = |id: &JobId| i64::from_str_radix(&id.as_str()[4..16], 16).unwrap();
        // A clock goes on, is put right by half a second, and goes on.
        let all = [ids(ms), ids(ms + 1), ids(ms - 499), ids(ms + 2)].concat();
        assert!(all.is_sorted_by(|a, b| a < b));
        assert_eq!([0, 1000, 2000, 3000].map(|n| of(&all[n]) - ms), [0, 1, 1, 2]);
        assert!(all.iter().all(|id| id.as_str().len() == 36 && &id.as_str()[16..17] == "7" && check(id.as_str()).is_ok()));
        // One that was hours ahead or behind leaves nothing behind.
        for hours in [2, -2, 0] {
            let at = ms + hours * 3_600_000;
            assert_eq!(of(&JobId::at(at)), at);
        }
        assert_eq!(of(&JobId::at(-1)), 0);
    }

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
