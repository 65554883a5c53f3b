//! `stakeout verify`.

use std::process::ExitCode;

use stakeout_bundle::{Bundle, BundleError, keys, manifest::LISTED_MAX, verify::verify};
use stakeout_feed::TrialKey;

use crate::{args::VerifyArgs, exit::Failure, output, places};

/// Keys of trials as the orchestrator derives them.
pub(crate) fn derive(root: &[u8; 32], trial: &str, epoch: u32) -> [u8; 32] {
    TrialKey::derive(root, trial, epoch).reveal()
}

pub(crate) fn run(a: &VerifyArgs) -> Result<ExitCode, Failure> {
    let mut trusted = Vec::new();
    for path in &a.key {
        trusted.push(keys::PublicKey::load(path).map_err(Failure::usage)?);
    }
    if a.key.is_empty() {
        trusted = keys::trust_store(&places::trusted()?).map_err(Failure::usage)?;
        let own = places::operator_key()?.with_extension("pub");
        if own.is_file() {
            trusted.push(keys::PublicKey::load(&own).map_err(Failure::usage)?);
        }
    }
    let receipt = match &a.receipt {
        Some(path) => {
            let text = std::fs::read(path)
                .map_err(|e| Failure::hint(format!("`{}` cannot be read: {e}", path.display()), "give the receipt.json of the submit"))?;
            Some(serde_json::from_slice(&text).map_err(|e| Failure::usage(anyhow::anyhow!("`{}` is no receipt: {e}", path.display())))?)
        }
        None => None,
    };
    if !a.bundle.is_file() {
        return Err(Failure::hint(format!("there is no file `{}`", a.bundle.display()), "give the path of a bundle.zip"));
    }
    let checked = Bundle::open(&a.bundle).and_then(|b| verify(&b, &trusted, receipt.as_ref(), &derive));
    let v = match checked {
        Ok(v) => v,
        Err(e) => {
            if a.json {
                output::json(&serde_json::json!({"intact": false, "error": e.to_string()}))?;
            }
            let wrong_input = matches!(e, BundleError::Version { .. } | BundleError::Limit { .. });
            return Err(if wrong_input { Failure::usage(e) } else { Failure::other(e) });
        }
    };
    if v.receipt == Some(false) {
        if a.json {
            output::json(&v)?;
        }
        return Err(Failure::other(anyhow::anyhow!(
            "the bundle is not of the job that the receipt was given for\nhint: ask the operator for the bundle of that job"
        )));
    }
    if a.json {
        output::json(&v)?;
    } else {
        let who = v.signers.join(", ");
        let known = if v.signer_known { "known" } else { "unknown" };
        output::line(&format!("intact: {} entries, {} trials' keys fit their commitments", v.entries, v.trials))?;
        output::line(&format!("signed by {who} ({known})"))?;
        for w in &v.workers {
            let checked = if w.checked { "holds" } else { "not checked, as parts were left out" };
            output::line(&format!("trial {}: worker {} with key {} ({checked})", w.trial, w.worker, w.key))?;
        }
        let unsigned = v.trials.saturating_sub(v.workers.len());
        if unsigned > 0 {
            output::line(&format!("{unsigned} trials have no signature of their worker"))?;
        }
        if v.receipt == Some(true) {
            output::line("the receipt fits")?;
        }
        let never = v.manifest.left_out;
        if never > 0 {
            output::line(&format!("{never} entries did not fit when it was made: its limits are 60,000 entries and 2 GiB"))?;
        }
        let shared = (v.left_out.len() as u64).saturating_sub(never.min(LISTED_MAX));
        if shared > 0 {
            output::line(&format!("{shared} entries were left out when it was shared"))?;
        }
        if !v.signer_known {
            eprintln!(
                "hint: compare the fingerprint with the operator's; then put the key into `{}` or give `--key`",
                places::trusted()?.display()
            );
        }
    }
    Ok(ExitCode::from(if v.signer_known { 0 } else { 3 }))
}
