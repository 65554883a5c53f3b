//! What was given in a session that may have been another app's.

use std::collections::BTreeSet;

use stakeout_contract::{DeviceState, Rung};

use super::{Doubt, Reach, doubt};
use crate::{
    acts::Acts,
    attribution::{self, Attribution},
    dates,
    verdict::TrialEvidence,
};

pub(super) fn of(t: &TrialEvidence<'_>, acts: &Acts, out: &mut Vec<Doubt>) {
    for ((sensor, session), why) in attribution::nobodys(t, &Attribution::of(t)) {
        let runs = t.record.delivered.iter().filter(|d| (d.sensor, d.session) == (sensor, session));
        let states: BTreeSet<DeviceState> = runs.flat_map(|d| dates::states_of(t, acts, d)).collect();
        for rung in [Rung::Opened, Rung::Delivered] {
            let mut d = doubt(
                "attribution",
                format!("the feed gave something of the {sensor}, and {why}: it may have been another app's"),
                "the `jvm` device, where the app is alone, or an image without other apps",
                Reach::Only(rung),
            );
            (d.kinds, d.states) = (Some(vec![sensor.into()]), Some(states.iter().copied().collect()));
            out.push(d);
        }
    }
}
