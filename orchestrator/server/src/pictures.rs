//! The recovered picture beside the frame that was fed, for the report.

use stakeout_blobs::TenantBlobs;
use stakeout_contract::{Kind, observation::Facing, trial::FeedMode};
use stakeout_feed::{CameraFeed, TrialKey};
use stakeout_report::Picture;

use crate::finish::TrialData;

/// Pictures in a report at most.
const MOST: usize = 8;
/// Width of a picture in the report, pixels.
const WIDTH: u32 = 320;

/// One for each trial, device state and rung first, the strongest of each.
pub(crate) async fn of(blobs: &TenantBlobs, data: &[TrialData]) -> Vec<Picture> {
    let mut out = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for d in data {
        let mut order: Vec<usize> = (0..d.analysis.findings.len()).collect();
        order.sort_by(|a, b| d.analysis.findings[*a].p_false.get().total_cmp(&d.analysis.findings[*b].p_false.get()));
        for index in order {
            let f = &d.analysis.findings[index];
            let (Kind::Camera, Some([frame, _]), false, None) = (f.kind, f.frames, f.lead, &f.trial) else { continue };
            let at = stakeout_contract::trial::frame_time(frame);
            let state = d.record.state_at(at);
            if out.len() >= MOST || !seen.insert((state, f.role)) {
                continue;
            }
            let Some(artifact) = d.record.artifacts.iter().find(|a| f.file.ends_with(&a.sha256.to_string())) else { continue };
            let found = match blobs.get(&artifact.sha256).await {
                Ok(bytes) => stakeout_evidence::picture(&bytes, f, WIDTH),
                Err(_) => None,
            };
            out.push(Picture { trial: d.record.number, finding: index, found, fed: fed(d, frame, f.facing) });
        }
    }
    out.retain(|p| p.found.is_some() || p.fed.is_some());
    out
}

fn fed(d: &TrialData, frame: u64, facing: Option<Facing>) -> Option<Vec<u8>> {
    let mode = match d.record.feed_mode {
        FeedMode::Pattern => stakeout_feed::FeedMode::Pattern,
        FeedMode::Scene => stakeout_feed::FeedMode::Scene,
    };
    let key = TrialKey::from_bytes(*d.record.key.as_ref()?.bytes()).subkeys();
    let sub = if facing == Some(Facing::Front) { key.camera_front } else { key.camera_back };
    CameraFeed::with_mode(sub, mode).jpeg(frame, WIDTH, WIDTH * 3 / 4, 85).ok()
}
