//! `stakeout verify`.

use std::process::ExitCode;

use stakeout_bundle::{
    Bundle, BundleError, keys,
    manifest::LISTED_MAX,
    receipt::Given,
    verify::{Rules, Verified, verify},
};
use stakeout_feed::{TrialKey, planting};

use crate::{args::VerifyArgs, exit::Failure, output, places};

/// Keys of trials as the orchestrator derives them, and what a worker plants by them.
const RULES: Rules<'static> =
    Rules { derive: &|root, trial, epoch| TrialKey::derive(root, trial, epoch).reveal(), planted: &planting::differs };

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
            Some(Given::read(&text).map_err(|e| Failure::usage(anyhow::anyhow!("`{}` is no receipt: {e}", path.display())))?)
        }
        None => None,
    };
    if !a.bundle.is_file() {
        return Err(Failure::hint(format!("there is no file `{}`", a.bundle.display()), "give the path of a bundle.zip"));
    }
    let checked = Bundle::open(&a.bundle).and_then(|b| verify(&b, &trusted, receipt.as_ref(), RULES));
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
            "the bundle is not of the receipt: another job, nonce, secret, app, scenario, device or number of trials\nhint: ask the operator for the bundle of that job"
        )));
    }
    if a.json {
        output::json(&v)?;
    } else {
        say(&v)?;
        if !v.signer_known {
            say!(
                "hint: compare the fingerprint with the operator's; then put the key into `{}` or give `--key`",
                places::trusted()?.display()
            );
        }
    }
    Ok(ExitCode::from(if v.signer_known { 0 } else { 3 }))
}

/// What was found, for people.
fn say(v: &Verified) -> Result<(), Failure> {
    let known = |print: &String, known: &[String]| if known.contains(print) { "known" } else { "unknown" };
    output::line(&format!("intact: {} entries, {} trials' keys fit their commitments and what was planted", v.entries, v.trials))?;
    for s in &v.signers {
        output::line(&format!("signed by {s} ({})", known(s, &v.known)))?;
    }
    match &v.manifest.receipt.terms {
        Some(t) => {
            let splits = if t.splits.is_empty() { String::new() } else { format!(" with {} splits", t.splits.len()) };
            output::line(&format!("the receipt binds {} trials of the app {}{splits}, each once, in one scenario", t.trials, t.app))?;
        }
        None => output::line(
            "the receipt is of a former form: nothing binds how many trials there were, of which app and scenario, or who chose their ids",
        )?,
    }
    for w in &v.workers {
        let checked = if w.checked { "holds" } else { "not checked, as parts were left out" };
        output::line(&format!("trial {}: worker {} with key {} ({checked})", w.trial, w.worker, w.key))?;
    }
    let unsigned = v.trials.saturating_sub(v.workers.len());
    if unsigned > 0 {
        output::line(&format!("{unsigned} trials have no signature of their worker"))?;
    }
    for t in &v.again {
        output::line(&format!("trial {} was leased {} times: what an earlier lease saw is not in it", t.trial, t.epoch))?;
    }
    if v.receipt == Some(true) {
        let by = v.receipt_signers.iter().map(|s| format!("{s} ({})", known(s, &v.receipt_known))).collect::<Vec<_>>().join(", ");
        output::line(&if by.is_empty() {
            "the receipt fits; nobody signed it".to_owned()
        } else {
            format!("the receipt fits, signed by {by}")
        })?;
    }
    left_out(v)
}

/// Names of entries that are printed at most.
const NAMED: usize = 20;

/// Which entries were left out, and which trials whole.
fn left_out(v: &Verified) -> Result<(), Failure> {
    for t in &v.trials_left_out {
        output::line(&output::plain(&format!("trial {t} was left out whole: nothing of it counts")))?;
    }
    let never = v.manifest.left_out;
    if never > 0 {
        output::line(&format!("{never} entries did not fit when it was made: its limits are 60,000 entries and 2 GiB"))?;
    }
    let shared = (v.left_out.len() as u64).saturating_sub(never.min(LISTED_MAX));
    if shared > 0 {
        output::line(&format!("{shared} entries were left out when it was shared"))?;
    }
    for name in v.left_out.iter().take(NAMED) {
        output::line(&format!("  {}", output::plain(name)))?;
    }
    if v.left_out.len() > NAMED {
        output::line(&format!("  and {} more (`--json` has all)", v.left_out.len() - NAMED))?;
    }
    Ok(())
}
