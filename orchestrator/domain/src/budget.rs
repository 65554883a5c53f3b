//! How much one lease may write before it ends: observations, progress, artifacts.
//!
//! A worker has bounds of its own and says what they cost ([`crate::reasons`]: loss forbids silence), so an honest one never meets
//! these, which are wider. They are for a worker of a tenant's own that has no bounds: the database and the storage are everybody's.
//! A lease that follows begins anew, and a trial has at most [`crate::lease::LEASES`] of them.

use crate::lease::Millis;

/// Observations of a lease.
pub const OBSERVATIONS: u64 = 400_000;

/// Bytes of them, as JSON.
pub const OBSERVATION_BYTES: u64 = 192 << 20;

/// Artifacts of a lease. A worker bounds their bytes alone; its largest completion cannot name more.
pub const ARTIFACTS: u64 = 600_000;

/// Bytes of uploads of artifacts, as they are begun: one that was broken off and begins anew counts again.
pub const ARTIFACT_BYTES: u64 = 4 << 30;

/// Uploads of artifacts of one trial that are open at a time: a worker sends one after the other, and each lease may leave some.
pub const UPLOADS: u64 = 100;

/// A worker says how far it is four times a second at most; the first of these are for stages, and for clocks that differ.
const PROGRESS_FIRST: u64 = 10_000;
const PROGRESS_A_SECOND: u64 = 5;

/// A lease has written more than one may.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Over {
    /// Observations.
    #[error("a lease hands in at most {OBSERVATIONS} observations")]
    Observations,
    /// Their bytes.
    #[error("a lease hands in at most {OBSERVATION_BYTES} bytes of observations")]
    ObservationBytes,
    /// Progress.
    #[error("a lease says how far it is at most {PROGRESS_A_SECOND} times a second")]
    Progress,
    /// Artifacts.
    #[error("a lease hands in at most {ARTIFACTS} artifacts")]
    Artifacts,
    /// Their bytes.
    #[error("a lease uploads at most {ARTIFACT_BYTES} bytes of artifacts")]
    ArtifactBytes,
    /// Uploads of artifacts that were begun and not ended.
    #[error("a trial has at most {UPLOADS} uploads of artifacts open")]
    Uploads,
}

/// Whether a lease may have so many observations of so many bytes.
pub const fn observations(number: u64, bytes: u64) -> Result<(), Over> {
    if number > OBSERVATIONS {
        Err(Over::Observations)
    } else if bytes > OBSERVATION_BYTES {
        Err(Over::ObservationBytes)
    } else {
        Ok(())
    }
}

/// Whether a lease of this age may have said so often how far it is.
pub const fn progress(number: u64, age: Millis) -> Result<(), Over> {
    let seconds = if age > 0 { age.unsigned_abs() / 1000 } else { 0 };
    if number > PROGRESS_FIRST.saturating_add(seconds.saturating_mul(PROGRESS_A_SECOND)) { Err(Over::Progress) } else { Ok(()) }
}

/// Whether a lease may have so many artifacts.
pub const fn artifacts(number: u64) -> Result<(), Over> {
    if number > ARTIFACTS { Err(Over::Artifacts) } else { Ok(()) }
}

/// Whether a lease may have begun uploads of so many bytes, of which so many are open.
pub const fn uploads(open: u64, bytes: u64) -> Result<(), Over> {
    if bytes > ARTIFACT_BYTES {
        Err(Over::ArtifactBytes)
    } else if open > UPLOADS {
        Err(Over::Uploads)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_is_met_when_it_is_passed_and_not_before() {
        assert_eq!(observations(OBSERVATIONS, OBSERVATION_BYTES), Ok(()));
        assert_eq!(observations(OBSERVATIONS + 1, 0), Err(Over::Observations));
        assert_eq!(observations(1, OBSERVATION_BYTES + 1), Err(Over::ObservationBytes));
        assert_eq!((artifacts(ARTIFACTS), artifacts(ARTIFACTS + 1)), (Ok(()), Err(Over::Artifacts)));
        assert_eq!(uploads(UPLOADS, ARTIFACT_BYTES), Ok(()));
        assert_eq!(uploads(1, ARTIFACT_BYTES + 1), Err(Over::ArtifactBytes));
        assert_eq!(uploads(UPLOADS + 1, 1), Err(Over::Uploads));
    }

    #[test]
    fn a_worker_that_says_how_far_it_is_as_often_as_it_may_never_says_it_too_often() {
        for hour in 0..1000 {
            assert_eq!(progress(4 * 3600 * hour, 3_600_000 * i64::try_from(hour).unwrap()), Ok(()));
        }
        assert_eq!(progress(PROGRESS_FIRST + 1, 0), Err(Over::Progress));
        assert_eq!(progress(PROGRESS_FIRST + 1, -5000), Err(Over::Progress), "a clock that went back gives no more");
    }
}
