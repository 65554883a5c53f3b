//! What a submitter is given: an offer before the nonce is told, a receipt after.
//!
//! Both are made from what is kept whenever they are asked for, the same each time, so there is nothing to store. An offer's secret
//! follows from the server's own key and the job's id, which the offer fixes: once it is told, by its digest, neither the secret nor
//! the ids of the trials can be chosen for the nonce that comes. A job without an offer has a secret at random, drawn when its nonce
//! is known: that binds what comes after the receipt, and nothing before it.
//!
//! An offer is taken up once, also when its job was deleted: when that has ended its secret is in its bundle, and whoever got a job
//! with the same secret would know its keys before it runs. The store gives no id twice while an offer may be valid.

use stakeout_bundle::receipt::{Receipt, Terms};
use stakeout_contract::{JobId, api::jobs::Offer, statement::Envelope};
use stakeout_store::JobRow;

use crate::{Service, ServiceError, seal::Sealer, service::now};

/// How long an offer may be taken up, milliseconds.
const VALID: i64 = 3_600_000;
/// Clocks of two orchestrators may differ by so much.
const SKEW: i64 = 60_000;
const _: () = assert!(VALID + SKEW < stakeout_store::IDS_KEPT);

impl Service {
    /// A job that may be submitted, and the commitment to its secret. Nothing is kept.
    pub fn offer(&self) -> Offer {
        self.offer_of(JobId::at(now()))
    }

    /// The offer of a form that comes back, while it is valid; else another.
    pub(crate) fn offer_again(&self, job: &str) -> Offer {
        let again = job.parse::<JobId>().ok().filter(|job| self.offered(job).is_ok());
        again.map_or_else(|| self.offer(), |job| self.offer_of(job))
    }

    fn offer_of(&self, job: JobId) -> Offer {
        Offer { secret: Receipt::of_secret(&secret(&self.sealer, &job)), valid_until_ms: made(&job).unwrap_or_default() + VALID, job }
    }

    /// The secret of a job that was offered. Whoever makes up an id of the same form learns no secret by it.
    pub(crate) fn offered(&self, job: &JobId) -> Result<[u8; 32], ServiceError> {
        let age = made(job).map(|at| now() - at);
        match age {
            Some(age) if (-SKEW..=VALID).contains(&age) => Ok(secret(&self.sealer, job)),
            _ => Err(ServiceError::Offer(job.clone())),
        }
    }
}

fn secret(sealer: &Sealer, job: &JobId) -> [u8; 32] {
    sealer.derive(&format!("job secret {job}"))
}

/// When an id of ours was made, Unix milliseconds (RFC 9562, version 7). None: it is of another form.
fn made(job: &JobId) -> Option<i64> {
    let hex = job.as_str().strip_prefix("job-")?;
    let ours = hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) && hex.as_bytes()[12] == b'7';
    ours.then(|| i64::from_str_radix(&hex[..12], 16).ok())?
}

/// The receipt of a job. One that was submitted to a version before has no terms: its trials have other ids.
pub fn of(job: &JobRow) -> Receipt {
    let receipt = Receipt::new(job.id.clone(), &job.secret, &job.spec.nonce);
    let Some(scenario) = job.spec.scenario_digest else { return receipt };
    receipt.with(Terms {
        format: Terms::FORMAT.to_owned(),
        secret: Receipt::of_secret(&job.secret),
        trials: job.spec.trials,
        app: job.spec.app,
        splits: job.spec.splits.clone(),
        scenario,
        device: job.spec.device,
        api: job.spec.scenario.device.api,
        feed_mode: job.spec.feed_mode,
    })
}

/// The same, signed. None: the job answers from an earlier one, whose submitter has the receipt.
pub(crate) fn signed(job: &JobRow, operator: &stakeout_bundle::keys::SigningKey) -> Result<Option<Envelope>, ServiceError> {
    if job.reused.is_some() {
        return Ok(None);
    }
    Ok(Some(of(job).signed(operator)?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use stakeout_blobs::Blobs;
    use stakeout_contract::api::jobs::Offer;
    use stakeout_store::sqlite::SqliteStore;

    use super::*;

    async fn service(dir: &std::path::Path, sealer: Sealer) -> Service {
        std::fs::create_dir_all(dir).unwrap();
        let store = SqliteStore::open(&dir.join("db")).await.unwrap();
        Service::new(Arc::new(store), Blobs::folder(&dir.join("blobs")).unwrap(), sealer)
    }

    #[tokio::test]
    async fn an_offers_secret_is_fixed_before_the_nonce_and_the_same_at_every_orchestrator() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("seal.key");
        let a = service(&dir.path().join("a"), Sealer::load_or_create(&key).unwrap()).await;
        let b = service(&dir.path().join("b"), Sealer::load_or_create(&key).unwrap()).await;
        let Offer { job, secret, valid_until_ms } = a.offer();
        assert!(valid_until_ms > now());
        assert_eq!(Receipt::of_secret(&b.offered(&job).unwrap()), secret);
        assert_ne!(a.offer().secret, secret);
        assert_eq!(a.offer_again(job.as_str()).secret, secret);
        assert_ne!(a.offer_again("").secret, secret);
    }

    #[tokio::test]
    async fn an_offer_that_is_old_or_of_another_form_is_not_taken_up() {
        let dir = tempfile::tempdir().unwrap();
        let s = service(dir.path(), Sealer::ephemeral().unwrap()).await;
        for bad in ["job-1", "job-0190a0b0000070008000000000000001", "job-ffffffffffff70008000000000000001"] {
            assert!(matches!(s.offered(&bad.parse().unwrap()), Err(ServiceError::Offer(_))), "{bad}");
        }
    }
}
