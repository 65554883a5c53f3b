//! Receipts of jobs on a server: the secret is asked for before the nonce is told, what comes back is checked, and kept.

use std::path::Path;

use reqwest::Method;
use stakeout_bundle::receipt::{Given, Receipt};
use stakeout_client::Client;
use stakeout_contract::{
    Sha256Digest,
    api::{
        jobs::{Job, JobSpec, Offer},
        problem::Code,
    },
};

use super::{farm, run::nonce};
use crate::{exit::Failure, output};

/// The header of an offer.
const OFFER: &str = "Stakeout-Offer";

/// Submits: an offer, then a nonce, the job, its receipt. Offer and nonce are no part of the text that `key` stands for: a repetition
/// chooses anew, and is answered as the first time.
pub(crate) async fn submit(client: &Client, spec: &JobSpec, key: &str) -> Result<Job, Failure> {
    let offer: Option<Offer> = match client.call(Method::POST, "v1/offers", &serde_json::json!({})).await {
        Ok(offer) => Some(offer),
        // A server of a version before has none.
        Err(e) if matches!(e.code(), Some(Code::NotFound | Code::MethodNotAllowed)) => None,
        Err(e) => return Err(farm::failed(e)),
    };
    let nonce = nonce()?;
    // The key is the same only for the same submit: text, app and settings.
    let text = serde_json::to_string(spec).map_err(Failure::other)?;
    let key = Sha256Digest::of(format!("{key}\n{text}").as_bytes()).to_string();
    let taken_up = offer.as_ref().map(|o| format!("{}/{nonce}", o.job));
    let job: Job = client.submit_with("v1/jobs", &key, (OFFER, taken_up.as_deref()), spec).await.map_err(farm::failed)?;
    if offer.as_ref().is_some_and(|o| o.job != job.id) && job.reused.is_none() {
        say!("{}: answered as an earlier submit with this key, whose nonce was chosen then", output::plain(job.id.as_str()));
    }
    if let Some(what) = wrong(&job, spec, offer.as_ref().map(|o| (o, nonce.as_str()))) {
        return Err(Failure::other(anyhow::anyhow!(
            "the server's receipt of {} {what}\nhint: do not take its results for those of your job; ask who runs the server",
            job.id
        )));
    }
    Ok(job)
}

/// What of a receipt is not as was submitted and offered; none: all is, or there is none. `offer`: with the nonce that was chosen for it.
fn wrong(job: &Job, spec: &JobSpec, offer: Option<(&Offer, &str)>) -> Option<&'static str> {
    let Ok(given) = Given::open(job.receipt.as_ref()?) else { return Some("has a signature that does not hold") };
    let Receipt { job: id, nonce, commitment, terms } = given.receipt;
    let Some(terms) = terms else { return Some("does not say what the job is") };
    if id != job.id || commitment != job.commitment {
        return Some("is of another job");
    }
    if terms.app != spec.app || spec.trials.is_some_and(|n| n != terms.trials) || terms.device != spec.device {
        return Some("is of another app, device or number of trials than was submitted");
    }
    // A submit that is answered as it was the first time was offered another job then.
    let (offer, told) = offer.filter(|(o, _)| o.job == id)?;
    if nonce != told {
        return Some("has another nonce than was given");
    }
    (offer.secret != terms.secret).then_some("commits to another secret than was offered before the nonce was told")
}

/// Keeps a job's receipt in a file; says so where there is none to keep.
pub(crate) fn keep(job: &Job, path: &Path) -> Result<(), Failure> {
    let Some(receipt) = &job.receipt else {
        if job.reused.is_none() {
            say!("{}: the server gives no signed receipt", output::plain(job.id.as_str()));
        }
        return Ok(());
    };
    let failed = |e: std::io::Error| Failure::usage(anyhow::anyhow!("`{}` cannot be written: {e}", path.display()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let text = serde_json::to_string_pretty(receipt).map_err(Failure::other)?;
    std::fs::write(path, text + "\n").map_err(failed)
}

#[cfg(test)]
mod tests {
    use stakeout_bundle::{keys::SigningKey, receipt::Terms};
    use stakeout_contract::{DeviceKind, trial::FeedMode};

    use super::*;

    fn spec() -> JobSpec {
        serde_json::from_value(serde_json::json!({"app": Sha256Digest::of(b"app"), "trials": 3})).unwrap()
    }

    fn terms() -> Terms {
        Terms {
            format: Terms::FORMAT.to_owned(),
            secret: Receipt::of_secret(&[9; 32]),
            trials: 3,
            app: Sha256Digest::of(b"app"),
            splits: vec![],
            scenario: Sha256Digest::of(b"scenario"),
            device: DeviceKind::Jvm,
            api: 34,
            feed_mode: FeedMode::Pattern,
        }
    }

    fn job(receipt: &Receipt) -> Job {
        let envelope = receipt.signed(&SigningKey::generate().unwrap()).unwrap();
        serde_json::from_value(serde_json::json!({
            "id": "job-1", "tenant": "farm", "app": Sha256Digest::of(b"app"), "package": "", "scenario": "", "device": "jvm 34",
            "state": "queued", "trials": {"all": 3, "queued": 3, "running": 0, "finished": 0, "failed": 0, "cancelled": 0},
            "priority": 0, "tags": [], "created_ms": 0, "commitment": receipt.commitment, "nonce": receipt.nonce, "receipt": envelope}))
        .unwrap()
    }

    #[test]
    fn a_receipt_of_something_else_than_was_submitted_or_offered_is_noticed() {
        let good = Receipt::new("job-1".parse().unwrap(), &[9; 32], &"ab".repeat(32)).with(terms());
        let offer = |secret: u8| Offer { job: "job-1".parse().unwrap(), secret: Receipt::of_secret(&[secret; 32]), valid_until_ms: 0 };
        let told = "ab".repeat(32);
        assert_eq!(wrong(&job(&good), &spec(), Some((&offer(9), told.as_str()))), None);
        let says = |r: &Receipt, offer: &Offer| wrong(&job(r), &spec(), Some((offer, told.as_str()))).unwrap();
        assert!(says(&good, &offer(8)).contains("another secret"));
        assert!(says(&Receipt { nonce: "cd".repeat(32), ..good.clone() }, &offer(9)).contains("nonce"));
        assert!(says(&good.clone().with(Terms { trials: 1, ..terms() }), &offer(9)).contains("number of trials"));
        assert!(says(&Receipt { terms: None, ..good.clone() }, &offer(9)).contains("does not say"));
        let mut forged = job(&good);
        forged.receipt.as_mut().unwrap().signatures[0].sig = "AAAA".to_owned();
        assert!(wrong(&forged, &spec(), None).unwrap().contains("does not hold"));
    }
}
