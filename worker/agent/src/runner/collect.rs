//! The end of a trial in its cell: files, capture, figures, then the cell goes.

use stakeout_contract::{
    artifact::Role,
    observation::Fact,
    trial::{TrialEnd, TrialState},
};
use stakeout_protocol::{
    device::{Snapshot, Stopped, Verb},
    gateway,
};
use tokio::time::{Duration, Instant};

use super::{Run, Slot};
use crate::{
    Orchestrator, collect,
    error::Failure,
    link::{CellControl, CellUsage, Cells},
    talk::{AskError, Side, Talk},
};

/// Real time for collecting, whatever of the trial's own time is left.
const COLLECT_WITHIN: Duration = Duration::from_secs(120);

impl<O: Orchestrator, C: Cells> Run<'_, O, C> {
    /// Everything out of the cell, then the end of the cell. After a failure as much as can be had, and a guest that fails by
    /// its own doing only now has failed all the same.
    pub(super) async fn collect(&mut self, slot: &mut Slot<C::Control>, talk: &mut Talk, end: &mut TrialEnd) -> Result<CellUsage, Failure> {
        slot.stage = "collect";
        let begin = Instant::now();
        self.reporter.stage("collect", talk.record.now().as_secs_f64()).await;
        let until = begin + COLLECT_WITHIN;
        let mut usage = match &slot.control {
            Some(c) => c.usage().await,
            None => CellUsage::default(),
        };
        let files = self.files(talk, until).await;
        let capture = self.capture(talk, until).await;
        for mut e in [files.err(), capture.err()].into_iter().flatten() {
            if end.state == TrialState::Finished {
                if !matches!(e, Failure::Stage { by_app: true, .. }) {
                    return Err(e);
                }
                e = e.with_log(talk.record.log_tail());
                if let Some(failed) = slot.door.end(&e, slot.stage) {
                    *end = failed;
                }
            }
            let what = slot.door.words(&e.to_string(), 300);
            talk.record.worker_fact(Fact::Lost { what, count: 1 });
        }
        if let Ok(s) = talk.device::<Stopped>(Verb::Stop, until.min(Instant::now() + Duration::from_secs(5))).await {
            usage.device_memory_bytes = usage.device_memory_bytes.max(s.peak_kib.saturating_mul(1024));
        }
        slot.destroy().await;
        self.spent("collect", begin);
        Ok(usage)
    }

    async fn files(&self, talk: &mut Talk, until: Instant) -> Result<(), Failure> {
        let limits = &self.shop.config.limits;
        let verb = Verb::SnapshotFiles { max_bytes: limits.files_bytes, max_files: limits.files };
        let snapshot: Snapshot = talk.device(verb, until).await.map_err(collecting)?;
        let blob = talk.take(Side::Device, &snapshot.blob).map_err(collecting)?;
        let mut lost = snapshot.lost_files;
        match blob {
            Some(blob) => {
                let io = |e: std::io::Error| Failure::stage("collect", format!("the app's files cannot be unpacked: {e}"));
                let done = collect::unpack(blob.path(), limits.files, &mut talk.keep).map_err(io)?;
                collect::forget_planted(&mut talk.keep, &self.planted().0);
                lost += done.lost;
            }
            None => lost += snapshot.files.max(1),
        }
        if lost > 0 {
            talk.record.worker_fact(Fact::Lost { what: "files".to_owned(), count: lost });
        }
        let Talk { keep, record, .. } = talk;
        collect::pair_crypto(keep, record.observations());
        let missing = collect::missing(keep, record.observations());
        if missing > 0 {
            record.worker_fact(Fact::Lost { what: "artifacts that the device named".to_owned(), count: missing });
        }
        Ok(())
    }

    async fn capture(&self, talk: &mut Talk, until: Instant) -> Result<(), Failure> {
        let collected: gateway::Collected = talk.gateway(gateway::Verb::Collect, until).await.map_err(collecting)?;
        let kept = match talk.take(Side::Gateway, &collected.capture).map_err(collecting)? {
            Some(blob) => {
                talk.keep.adopt(&blob, crate::keep::artifact(Role::Capture, "capture.pcapng")).map_err(|e| collecting(e.into()))?
            }
            None => false,
        };
        if !kept {
            talk.record.worker_fact(Fact::Lost { what: "capture".to_owned(), count: 1 });
        }
        if collected.lost_packets > 0 {
            talk.record.worker_fact(Fact::Lost { what: "packets".to_owned(), count: collected.lost_packets });
        }
        Ok(())
    }
}

fn collecting(e: AskError) -> Failure {
    Failure::stage("collect", e.to_string()).by_app(e.by_guest())
}
