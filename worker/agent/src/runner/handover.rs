//! What an orchestrator gets of a trial that ended: record, analysis, artifacts.

use std::collections::BTreeSet;

use jiff::{Timestamp, tz::TimeZone};
use stakeout_bundle::statement::{self, Left as Parts};
use stakeout_contract::{
    Sha256Digest,
    artifact::{Artifact, Role},
    lease::Completion,
    observation::{Fact, LOST_TYPED, Observation},
    statement::Envelope,
    trial::{StateSpan, TrialCost, TrialEnd, TrialRecord},
};
use stakeout_feed::TrialKey;
use tokio::time::Instant;

use super::{Left, Run, Slot};
use crate::{
    Orchestrator, analysis,
    error::Failure,
    keep::{Keep, artifact},
    link::{CellUsage, Cells},
    names,
    record::Ended,
    report::patiently,
    secrets::{self, Scrubber, Wiped, layers},
    talk::Talk,
};

impl<O: Orchestrator, C: Cells> Run<'_, O, C> {
    /// Record, analysis, artifacts: all that the orchestrator gets.
    #[allow(clippy::too_many_arguments, reason = "the parts of a record, joined here once")]
    pub(super) async fn hand_over(
        &mut self,
        slot: &mut Slot<C::Control>,
        talk: Talk,
        left: Left,
        end: TrialEnd,
        timeline: Vec<StateSpan>,
        usage: CellUsage,
        image: String,
        cooperative: bool,
    ) -> Result<Completion, Failure> {
        slot.stage = "analyse";
        let begin = Instant::now();
        let Talk { mut keep, mut record, .. } = talk;
        self.reporter.stage("analyse", record.now().as_secs_f64()).await;
        let io = |e: std::io::Error| Failure::stage("analyse", format!("the worker's folder cannot be written: {e}"));
        let scrubber = record.scrubber.clone();
        for (log, name) in [(record.device_log.text(), "device.log"), (record.gateway_log.text(), "gateway.log")] {
            if !log.is_empty() {
                // Logs decide nothing.
                keep.adopt_bytes(scrubber.text(log).0.as_bytes(), Role::Log, name).map_err(io)?;
            }
        }
        let mut ended = record.end(keep.lost());
        if !scrubber.is_empty() {
            // A gigabyte may be gone through: the lease is renewed meanwhile.
            let (kept, flows, scrubber) = (keep, std::mem::take(&mut ended.flows), scrubber.clone());
            let scrubbed = tokio::task::spawn_blocking(move || {
                let (mut kept, mut flows) = (kept, flows);
                scrub(&mut kept, &scrubber, &mut flows).map(|wiped| (kept, flows, wiped))
            });
            let (kept, flows, mut wiped) = scrubbed.await.map_err(std::io::Error::other).map_err(io)?.map_err(io)?;
            (keep, ended.flows) = (kept, flows);
            wiped += record.wiped;
            if wiped.doubtful > 0 {
                record.worker_fact(Fact::Lost { what: LOST_TYPED.to_owned(), count: wiped.doubtful });
            }
        }
        let har = stakeout_gateway::har::write(
            &ended.flows,
            |digest| std::fs::read(keep.path(digest)).ok(),
            &stakeout_gateway::har::Options::default(),
        );
        keep.adopt_bytes(har.to_string().as_bytes(), Role::Har, "flows.har").map_err(io)?;
        for a in keep.artifacts_mut() {
            if let Some(f) = a.flow.and_then(|id| ended.flows.iter().find(|f| f.id == id)) {
                a.at = Some(f.at);
            }
        }
        let lost = keep_names(&mut keep, record.observations(), &timeline, &mut ended).map_err(io)?;
        if lost > 0 {
            record.worker_fact(Fact::Lost { what: "names that were asked for".to_owned(), count: lost });
        }
        self.reporter.hand_in(&mut record, true).await?;
        let observations = record.observations();

        let key = TrialKey::from_bytes(*self.lease.key.bytes());
        let (_, canaries) = self.planted();
        let mut trial = TrialRecord {
            format: TrialRecord::FORMAT.to_owned(),
            trial: self.lease.trial.clone(),
            job: self.lease.job.clone(),
            epoch: self.lease.epoch,
            number: self.lease.number,
            app: left.app,
            scenario: self.lease.scenario.clone(),
            device: self.lease.device,
            api: self.lease.scenario.device.api,
            image,
            cooperative,
            commitment: Sha256Digest::from_bytes(key.commitment()),
            key: Some(self.lease.key.clone()),
            feed_mode: self.lease.feed_mode,
            started_at: self.device_date(),
            started_real: started_real(self.began),
            timeline,
            clock: ended.clock,
            delivered: ended.delivered,
            canaries,
            artifacts: keep.artifacts().to_vec(),
            end,
            cost: TrialCost::default(),
        };
        let analysis = self.analyse(&keep, &trial).await;
        // The orchestrator has the key and reveals it when it will.
        trial.key = None;
        self.spent("analyse", begin);
        for digest in keep.digests() {
            let (orchestrator, fence, path) = (self.reporter.orchestrator(), self.reporter.fence().clone(), keep.path(&digest));
            patiently(|| orchestrator.put_artifact(&fence, &digest, &path)).await?;
        }
        trial.cost = TrialCost {
            stages: std::mem::take(&mut self.stages),
            wall_seconds: self.began.elapsed().as_secs_f64(),
            virtual_seconds: trial.length().as_secs_f64(),
            cpu_seconds: usage.cpu_seconds,
            peak_memory_bytes: usage.device_memory_bytes,
            kept_bytes: keep.bytes(),
            first_activity_seconds: left.played.first_activity.map_or(0.0, |t| (t - self.began).as_secs_f64()),
        };
        let mut completion = Completion { record: trial, flows: ended.flows, analysis, statement: None };
        completion.statement = Some(self.sign(&completion, observations)?);
        Ok(completion)
    }

    /// Signs what is handed in, so that nobody can change it later behind this worker.
    fn sign(&self, completion: &Completion, observations: &[Observation]) -> Result<Envelope, Failure> {
        let signed = Parts::of(completion, observations)
            .and_then(|left| statement::sign(&self.shop.key, &statement::make(&self.shop.config.worker, &completion.record, &left)));
        signed.map_err(|e| Failure::stage("analyse", format!("the trial cannot be signed: {e}")))
    }

    async fn analyse(&self, keep: &Keep, trial: &TrialRecord) -> stakeout_contract::finding::Analysis {
        let folder = keep.analysis_folder();
        let written = serde_json::to_vec(trial).map_err(std::io::Error::from).and_then(|t| std::fs::write(folder.join("trial.json"), t));
        if let Err(e) = written {
            return analysis::failed(&e.to_string());
        }
        let done = self.shop.cells.analyse(&folder).await;
        // It holds the key.
        let _ = std::fs::remove_file(folder.join("trial.json"));
        match done {
            Ok(output) => {
                let artifacts = keep.artifacts().to_vec();
                // It may be large, and other trials' leases are renewed meanwhile.
                let read = tokio::task::spawn_blocking(move || analysis::parse(&output, &artifacts)).await;
                read.unwrap_or_else(|e| analysis::failed(&e.to_string()))
            }
            Err(reason) => analysis::failed(&reason),
        }
    }

    fn device_date(&self) -> String {
        let Ok(at) = Timestamp::from_millisecond(self.start_millis) else { return String::new() };
        let zone = TimeZone::get(&self.lease.scenario.device.timezone).unwrap_or(TimeZone::UTC);
        at.display_with_offset(zone.to_offset(at)).to_string()
    }
}

fn started_real(began: Instant) -> String {
    let ago = i64::try_from(began.elapsed().as_millis()).unwrap_or(0);
    Timestamp::from_millisecond(Timestamp::now().as_millisecond() - ago).map(|t| t.to_string()).unwrap_or_default()
}

/// Keeps the names that were asked for, as requests. How many found no room.
fn keep_names(keep: &mut Keep, observations: &[Observation], timeline: &[StateSpan], ended: &mut Ended) -> std::io::Result<u64> {
    let mut lost = 0;
    let last = ended.flows.iter().map(|f| f.id).max().unwrap_or(0);
    for (id, asked) in (last.saturating_add(1)..).zip(names::asked(observations, &ended.flows, timeline)) {
        let mut flow = names::flow(&asked, id, &ended.clock);
        let entry = Artifact { flow: Some(id), at: Some(flow.at), ..artifact(Role::FlowRequest, names::HOST) };
        flow.request = keep.adopt_reader(&mut asked.text.as_bytes(), entry, asked.text.len() as u64)?;
        lost += u64::from(flow.request.is_none());
        ended.flows.push(flow);
    }
    Ok(lost)
}

/// Takes secrets out of what was kept. What was overwritten where findings are looked for.
fn scrub(keep: &mut Keep, scrubber: &Scrubber, flows: &mut [stakeout_contract::flow::Flow]) -> std::io::Result<Wiped> {
    let of = |searched: fn(Role) -> bool| -> BTreeSet<Sha256Digest> {
        keep.artifacts().iter().filter(|a| searched(a.role)).map(|a| a.sha256).collect()
    };
    let captures = of(|r| r == Role::Capture);
    let searched = of(|r| !matches!(r, Role::Capture | Role::Har | Role::Screenshot | Role::Log));
    let until = std::time::Instant::now() + layers::WITHIN;
    let mut all = Wiped::default();
    for digest in keep.digests() {
        let mut bytes = std::fs::read(keep.path(&digest))?;
        let wiped = scrubber.bytes(&mut bytes);
        let withheld = layers::withhold(&mut bytes, scrubber, until);
        if searched.contains(&digest) {
            all += wiped;
        }
        if searched.contains(&digest) || captures.contains(&digest) {
            // With an encoded stretch goes whatever else was in it.
            all += Wiped { places: withheld, doubtful: withheld };
        }
        let mut changed = wiped.places + withheld > 0;
        if captures.contains(&digest) {
            bytes = secrets::without_tls_secrets(&bytes);
            changed = true;
        }
        if !changed {
            continue;
        }
        let new = keep.replace(&digest, &bytes)?;
        for f in flows.iter_mut() {
            for d in [&mut f.request, &mut f.response] {
                if *d == Some(digest) {
                    *d = Some(new);
                }
            }
        }
    }
    for a in keep.artifacts_mut() {
        a.name = scrubber.text(std::mem::take(&mut a.name)).0;
    }
    Ok(all)
}
