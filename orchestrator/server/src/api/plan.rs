//! From a submitted document to a job that can be kept: what is refused, room, reuse, estimates.

use stakeout_contract::{
    DeviceKind, JobId, Sha256Digest,
    api::{
        access::Tenant,
        fleet::WorkerMode,
        jobs::{Estimate, JobSpec, Reuse, ScenarioRef},
        problem::Code,
    },
    scenario::{NetworkPolicy, Scenario},
};
use stakeout_domain::wait::Wait;
use stakeout_store::JobRow;

use super::{
    App,
    auth::Caller,
    problem::{Answer, Failed},
    scenarios,
};
use crate::{Secrets, Submission, service::now};

/// Whether a tenant may keep so many bytes more, whatever else is about to come; 0: any at all, as what a job leaves is not known.
pub(crate) async fn room_for(app: &App, tenant: &Tenant, bytes: u64) -> Answer<()> {
    let Some(most) = tenant.quota.bytes else { return Ok(()) };
    let kept = app.service().store().usage(&tenant.id, 1, now()).await?.bytes_kept;
    if kept.saturating_add(bytes) > most {
        return Err(Failed::new(Code::Quota, format!("{kept} of {most} bytes are used")).hint("delete jobs and apps, or ask for more"));
    }
    Ok(())
}

/// Reads the scenario that a job names.
pub(crate) async fn scenario(app: &App, c: &Caller, r: ScenarioRef) -> Answer<Scenario> {
    let parsed = |text: &str| crate::scenarios::parse(text).map_err(|m| scenarios::mistake(&m));
    match r {
        ScenarioRef::Name(name) => {
            let ok = (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            if !ok {
                return Err(Failed::value("scenario", "a scenario's name is 1 to 64 letters, digits, `-` or `_`"));
            }
            parsed(&scenarios::named(app, c, &name).await?.text)
        }
        ScenarioRef::Text { yaml } => parsed(&yaml),
        ScenarioRef::Inline(s) => {
            s.check().map_err(|e| Failed::new(Code::BadScenario, e.to_string()))?;
            Ok(*s)
        }
    }
}

fn check_values(s: &JobSpec) -> Answer<()> {
    if s.trials.is_some_and(|n| !(1..=1000).contains(&n)) {
        return Err(Failed::value("trials", "a job has 1 to 1000 trials"));
    }
    if !(-100..=100).contains(&s.priority) {
        return Err(Failed::value("priority", "a priority is -100 to 100"));
    }
    if s.tags.len() > 20 || s.tags.iter().any(|t| t.is_empty() || t.chars().count() > 64 || t.chars().any(char::is_control)) {
        return Err(Failed::value("tags", "a job has at most 20 tags of 1 to 64 characters"));
    }
    if s.nonce.as_ref().is_some_and(|n| n.len() != 64 || !n.bytes().all(|b| b.is_ascii_hexdigit())) {
        return Err(Failed::value("nonce", "a nonce is 64 hexadecimal digits"));
    }
    if s.delete_after_days.is_some_and(|d| d > 36500) || s.api.is_some_and(|a| !(1..=99).contains(&a)) {
        return Err(Failed::value("delete_after_days", "a job is kept 0 to 36500 days, an API level is 1 to 99"));
    }
    if s.secrets.len() > 50 || s.secrets.iter().any(|(k, v)| k.len() > 64 || !(4..=4096).contains(&v.len())) {
        return Err(Failed::value("secrets", "a secret has 4 to 4096 bytes and a name of at most 64")
            .hint("a short one would be found everywhere: it is searched for in all that is kept"));
    }
    if s.device == DeviceKind::EmulatorFake {
        return Err(Failed::value("device", "`emulator-fake` tests Stakeout itself and says nothing of an app"));
    }
    Ok(())
}

/// A job as it will be planned. Whether its offer was taken up already is asked where the job is kept.
pub(crate) async fn submission(app: &App, c: &Caller, s: JobSpec, offer: Option<JobId>) -> Answer<Submission> {
    check_values(&s)?;
    let found = app.service().store().app(c.tenant(), &s.app).await?;
    let mut scenario = scenario(app, c, s.scenario).await?;
    if let Some(api) = s.api {
        scenario.device.api = api;
    }
    if s.reuse != Reuse::Never && scenario.network.policy == NetworkPolicy::Live && s.reuse == Reuse::Require {
        return Err(Failed::new(Code::NothingToReuse, "under `live` the network is another each time: no job of before answers this one"));
    }
    let keep = |days: u32| i64::from(days) * 24 * 3600 * 1000;
    let delete_after = match (s.delete_after_days, c.tenant.retention_days) {
        (Some(a), Some(b)) => Some(keep(a.min(b))),
        (a, b) => a.or(b).map(keep),
    };
    Ok(Submission {
        tenant: c.tenant().clone(),
        trials: s.trials.unwrap_or(scenario.trials),
        app: found,
        scenario,
        device: s.device,
        feed_mode: s.feed_mode,
        nonce: s.nonce.unwrap_or_default(),
        offer,
        secrets: Secrets::from(s.secrets),
        priority: s.priority,
        tags: s.tags,
        delete_after,
        own_workers_only: c.tenant.own_workers_only,
        with_app: s.with_app,
    })
}

/// The job of before that answers this one, where that is wanted and allowed.
pub(crate) async fn reusable(app: &App, c: &Caller, reuse: Reuse, job: &JobRow) -> Answer<Option<JobRow>> {
    if reuse == Reuse::Never || job.spec.scenario.network.policy == NetworkPolicy::Live {
        return Ok(None);
    }
    let found = app.service().store().same_job(c.tenant(), &job.fingerprint).await?;
    if found.is_none() && reuse == Reuse::Require {
        return Err(Failed::new(
            Code::NothingToReuse,
            "this tenant has no finished job of this app, scenario, device, engine and number of trials",
        )
        .hint("submit it with `reuse: allow`"));
    }
    Ok(found)
}

/// A job that answers from before: nothing of it will run.
pub(crate) fn answered_by(mut job: JobRow, before: &JobRow) -> JobRow {
    job.state = before.state;
    job.ended = Some(job.created);
    job.counts = before.counts;
    job.reused = Some(before.id.clone());
    job.result.clone_from(&before.result);
    job.outcome.clone_from(&before.outcome);
    job.report = before.report;
    job.sealed = None;
    // The keys are those of the job that ran.
    job.secret = before.secret;
    job.spec.nonce.clone_from(&before.spec.nonce);
    job
}

/// What a job would cost.
pub(crate) async fn estimate(app: &App, c: &Caller, s: &Submission, job: &JobRow) -> Answer<Estimate> {
    let store = app.service().store();
    let paces = store.paces(c.tenant(), s.device, &s.scenario.name).await?;
    let known = paces.trials > 0;
    let api = s.scenario.device.api;
    let workers: Vec<_> = store
        .workers(c.tenant(), now())
        .await?
        .into_iter()
        .filter(|w| {
            let can = w.abilities.devices.iter().any(|(k, apis)| *k == s.device && apis.contains(&api));
            let takes = w.alive && w.mode == WorkerMode::Active && w.host.troubles.is_empty();
            // The farm sees all workers, and those of a tenant run only its trials.
            takes && can && (w.tenant == *c.tenant() || (w.tenant.is_farm() && !s.own_workers_only))
        })
        .collect();
    let slots =
        |shared: bool| -> u64 { workers.iter().filter(|w| w.tenant.is_farm() == shared).map(|w| u64::from(w.abilities.slots)).sum() };
    let ahead = store.ahead(c.tenant(), s.device, api, s.priority).await?;
    let wait = Wait {
        own_slots: slots(false),
        shared_slots: slots(true),
        busy: workers.iter().map(|w| u64::from(w.running)).sum::<u64>() >= slots(false) + slots(true),
        weight: c.tenant.weight,
        others: ahead.others,
        ahead: ahead.own,
        running: ahead.running,
        most_running: c.tenant.quota.running_trials,
    };
    let wait_seconds = wait.rounds().filter(|_| known).map(|rounds| rounds * paces.slot_seconds);
    let reusable = reusable(app, c, Reuse::Allow, job).await?.map(|j| j.id);
    Ok(Estimate {
        trials: s.trials,
        virtual_seconds: f64::from(s.trials) * s.scenario.virtual_length().as_secs_f64(),
        slot_seconds: known.then(|| f64::from(s.trials) * paces.slot_seconds),
        bytes: known.then_some((f64::from(s.trials) * paces.bytes) as u64),
        wait_seconds,
        workers: workers.len() as u32,
        based_on: paces.trials,
        reusable,
    })
}

/// SHA-256 of a job's receipt.
pub(crate) fn commitment(job: &JobRow) -> Sha256Digest {
    stakeout_bundle::receipt::Receipt::new(job.id.clone(), &job.secret, &job.spec.nonce).commitment
}
