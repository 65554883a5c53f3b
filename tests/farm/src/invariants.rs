//! What must hold, whatever was broken.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use jiff::Timestamp;
use serde_json::json;
use stakeout_bundle::Bundle;
use stakeout_client::Client;
use stakeout_contract::{
    JobId, Sha256Digest, TrialId,
    api::{
        events::{Event, What},
        jobs::{Job, Trial},
        page::Page,
    },
    observation::{Fact, Observation},
    trial::{TrialRecord, TrialState},
};

use crate::{server::Place, sim, times::Span};

/// All jobs that the farm has of this run.
pub(crate) async fn tagged(admin: &Client) -> Result<BTreeSet<JobId>> {
    let (mut all, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let page: Page<Job> = admin.get(&format!("v1/jobs?tag=faults&limit=200{cursor}")).await?;
        all.extend(page.items.into_iter().map(|j| j.id));
        match page.next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}

/// Waits until every job has ended.
pub(crate) async fn wait(admin: &Client, jobs: &[JobId]) -> Result<Vec<Job>> {
    let begin = Instant::now();
    let mut ended = Vec::new();
    for id in jobs {
        loop {
            let job: Job = admin.get(&format!("v1/jobs/{id}")).await?;
            if job.state.is_final() {
                ended.push(job);
                break;
            }
            if begin.elapsed() > Duration::from_secs(300) {
                bail!("the job {id} has not ended five minutes after the last fault: {job:?}");
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    Ok(ended)
}

/// What is known of a run beside what its farm says.
pub(crate) struct Seen<'a> {
    /// Completions that were acknowledged to nobody but us.
    pub(crate) late: &'a [(TrialId, u32)],
    /// When it was; none: times are not looked at.
    pub(crate) span: Option<Span>,
}

/// Looks at all of it.
pub(crate) async fn look(admin: &Client, farm: &Place, run: &Seen<'_>, jobs: &[Job]) -> Result<serde_json::Value> {
    // Of each trial, in which epoch it was completed and with how many observations.
    let mut done: BTreeMap<TrialId, BTreeMap<String, Option<u64>>> = BTreeMap::new();
    for (trial, epoch) in run.late {
        done.entry(trial.clone()).or_default().insert(epoch.to_string(), None);
    }
    for n in 0..4 {
        let text = std::fs::read_to_string(farm.dir.join(format!("worker-{n}.done"))).unwrap_or_default();
        for line in text.lines() {
            let mut words = line.split(' ');
            let (Some(trial), Some(epoch), Some(told)) = (words.next(), words.next(), words.next()) else {
                bail!("a worker's log has the line `{line}`");
            };
            done.entry(trial.parse()?).or_default().insert(epoch.to_owned(), Some(told.parse()?));
        }
    }
    let doubled: Vec<_> = done.iter().filter(|(_, epochs)| epochs.len() > 1).map(|(t, _)| t.to_string()).collect();
    if !doubled.is_empty() {
        bail!("completed in two epochs: {doubled:?}");
    }
    let (mut states, mut leases, mut artifacts, mut events, mut observations, mut lost) =
        (BTreeMap::<String, u32>::new(), BTreeMap::<u32, u32>::new(), 0, 0, 0, 0);
    let (mut all, mut finished, mut misdated) = (0_u32, 0_u32, 0_u32);
    let dir = tempfile::tempdir()?;
    for job in jobs {
        *states.entry(format!("job {:?}", job.state).to_lowercase()).or_default() += 1;
        let c = job.trials;
        if c.queued + c.running != 0 || c.finished + c.failed + c.cancelled != c.all {
            bail!("the counts of {} are not those of a job that has ended: {c:?}", job.id);
        }
        let trials: Page<Trial> = admin.get(&format!("v1/jobs/{}/trials?limit=200", job.id)).await?;
        for t in &trials.items {
            *states.entry(format!("trial {:?}", t.state).to_lowercase()).or_default() += 1;
            *leases.entry(t.epoch.0).or_default() += 1;
            all += 1;
            finished += u32::from(t.state == TrialState::Finished);
            // A worker that was killed before it wrote its line had completed all the same: that is no loss.
            if t.state != TrialState::Finished && done.contains_key(&t.id) {
                lost += 1;
            }
            for a in &t.artifacts {
                let path = dir.path().join("artifact");
                admin.download(&format!("v1/trials/{}/artifacts/{}", t.id, a.sha256), &path).await?;
                let bytes = std::fs::read(&path)?;
                if Sha256Digest::of(&bytes) != a.sha256 || bytes.len() as u64 != a.bytes {
                    bail!("the artifact {} of {} is not whole", a.sha256, t.id);
                }
                artifacts += 1;
            }
        }
        run.span.map_or(Ok(()), |s| s.job(job))?;
        events += gapless(admin, job, run.span).await?;
        let bundle = dir.path().join("bundle.zip");
        admin.download(&format!("v1/jobs/{}/bundle", job.id), &bundle).await?;
        let verified = Command::new(&farm.program).arg("verify").arg(&bundle).arg("--key").arg(farm.dir.join("operator.pub")).output()?;
        if !verified.status.success() {
            bail!("the bundle of {} does not verify: {}", job.id, String::from_utf8_lossy(&verified.stderr));
        }
        let parts = Bundle::parse(std::fs::read(&bundle)?)?;
        for t in trials.items.iter().filter(|t| t.state == TrialState::Finished) {
            let kept = told(&parts, t)?;
            let said = done.get(&t.id).and_then(|epochs| epochs.values().next().copied().flatten());
            if said.is_some_and(|n| n != kept) {
                bail!("{} has {kept} observations, its worker told {said:?}", t.id);
            }
            observations += kept;
            let record: TrialRecord = serde_json::from_slice(&parts.read(&format!("trials/{}/trial.json", t.number))?)?;
            let off = record.started_real.parse::<Timestamp>()?.as_millisecond() - job.created_ms;
            // Before its job, or after its end.
            misdated += u32::from(off < -10_000 || off > job.ended_ms.unwrap_or(i64::MAX) - job.created_ms + 10_000);
        }
    }
    // A farm that refuses every completion loses none either.
    if finished == 0 || finished * 2 < all {
        bail!("{finished} of {all} trials finished: {states:?}");
    }
    if lost > 0 {
        bail!("{lost} completions that were acknowledged are not in the store");
    }
    let audit = match run.span {
        Some(s) => Some(s.audit(admin).await?),
        None => None,
    };
    Ok(json!({
        "audit_entries_checked": audit, "trials_dated_by_a_wrong_clock_of_their_worker": misdated,
        "jobs_accepted": jobs.len(), "lost": 0, "doubled": 0, "states": states, "leases_of_a_trial": leases,
        "artifacts_checked": artifacts, "events_checked": events, "observations_checked": observations, "bundles_verified": jobs.len(),
    }))
}

/// How many observations a finished trial has in its bundle: each once, in order, and signed by its worker.
fn told(bundle: &Bundle, trial: &Trial) -> Result<u64> {
    let at = |name: &str| format!("trials/{}/{name}", trial.number);
    if !bundle.names().any(|n| n == at("statement.dsse.json")) {
        bail!("{} finished without its worker's signature", trial.id);
    }
    let mut n = 0;
    for text in bundle.read(&at("observations.jsonl"))?.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
        let o: Observation = serde_json::from_slice(text)?;
        let expected = sim::line(n);
        if !matches!((&o.fact, &expected.fact), (Fact::Log { line: a }, Fact::Log { line: b }) if a == b) {
            bail!("observation {n} of {} is {o:?}", trial.id);
        }
        n += 1;
    }
    Ok(n)
}

/// A job's events have all numbers from 1 on, tell each trial's end once, and the job's end last.
async fn gapless(admin: &Client, job: &Job, span: Option<Span>) -> Result<u64> {
    let (mut after, mut ends) = (0_u64, BTreeMap::<TrialId, u32>::new());
    let mut last = None;
    loop {
        let page: Page<Event> = admin.get(&format!("v1/jobs/{}/event-list?after={after}&limit=200", job.id)).await?;
        for e in &page.items {
            if e.number != after + 1 {
                bail!("after event {after} of {} comes {}", job.id, e.number);
            }
            after = e.number;
            span.map_or(Ok(()), |s| s.event(e))?;
            if let What::Trial { trial, state, .. } = &e.what
                && state.is_final()
            {
                *ends.entry(trial.clone()).or_default() += 1;
            }
            last = Some(e.what.clone());
        }
        if page.next.is_none() {
            break;
        }
    }
    if ends.len() as u32 != job.trials.all || ends.values().any(|n| *n != 1) {
        bail!("{} trials of {} have an end that is told once, of {}", ends.len(), job.id, job.trials.all);
    }
    match last {
        Some(What::Job { state, .. }) if state.is_final() => Ok(after),
        other => bail!("the last event of {} is {other:?}", job.id),
    }
}
