//! What was opened and not recognised.

use std::collections::BTreeSet;

use stakeout_contract::{DeviceState, Rung, Sensor, Sha256Digest, artifact::Role, finding::Skipped, flow::Flow};

use super::{Doubt, Reach, doubt};
use crate::{acts::Acts, dates, events, sent, verdict::TrialEvidence};

/// Pictures and sounds that the app kept or sent, which were opened and not recognised. They can be made of frames or sound only
/// where it was given some: so they are doubts about the states in which it was, and about no others. Of a request, about what was
/// given before it.
pub(super) fn of(t: &TrialEvidence<'_>, acts: &Acts, out: &mut Vec<Doubt>) {
    for u in &t.analysis.searched.unread {
        let (sensor, code) = match u.reason.as_str() {
            "picture" => (Sensor::Camera, "unread_picture"),
            "sound" => (Sensor::Microphone, "unread_sound"),
            _ => continue,
        };
        let Some(rung) = events::rung_of(u.role) else { continue };
        let requests = requests(t, u);
        let until = requests.iter().map(|w| sent::until(t, w)).max();
        let given = t.record.delivered.iter().filter(|d| d.sensor == sensor && until.is_none_or(|u| dates::begins(d).0 <= u));
        let states: BTreeSet<DeviceState> = given.flat_map(|d| dates::states_of(t, acts, d)).collect();
        if states.is_empty() {
            continue;
        }
        let verb = if rung == Rung::Stored { "kept" } else { "sent" };
        let mut d = doubt(
            code,
            format!("the app {verb} a {} in which nothing was recognised, and may have made it of what it was given", u.reason),
            "the artifact, looked at by a person",
            Reach::Only(rung),
        );
        (d.kinds, d.states) = (Some(vec![sensor.into()]), Some(states.into_iter().collect()));
        if !requests.is_empty() {
            let sent: BTreeSet<DeviceState> = requests.iter().flat_map(|w| sent::states(t, acts, w)).collect();
            d.sent = Some(sent.into_iter().collect());
        }
        out.push(d);
    }
}

/// The requests with these bytes; none: it is a file.
fn requests<'a>(t: &TrialEvidence<'a>, u: &Skipped) -> Vec<&'a Flow> {
    let digest: Option<Sha256Digest> = u.file.rsplit('/').next().and_then(|d| d.parse().ok());
    t.flows.iter().filter(|f| u.role == Some(Role::FlowRequest) && f.request.is_some() && f.request == digest).collect()
}
