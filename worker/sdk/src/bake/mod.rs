//! A bake: boot a phone once on a host with KVM, settle it, save a snapshot, prove that it can be loaded, and keep it as an image
//! for hosts of the same class.
//!
//! It has two halves. [`Bake`] is the plan, as data: the order, the deadlines, and what to do when a stage fails. The half in the
//! container does the work of the stages, one after the other, and says so ([`stakeout_protocol::bake`] is the whole contract). The half on the host ([`run`]) starts the container on a [`Bench`], enforces order and
//! deadlines, begins anew where the plan says so, looks whether the snapshot is really there, and keeps the container as an image.

mod follow;
mod run;

use std::time::Duration;

pub use run::{Baked, Bench, BenchError, Fault, NotBaked, Oven, run};
use serde::{Deserialize, Serialize};
use stakeout_contract::Sha256Digest;
use stakeout_protocol::bake::{GPU, Launch, Machine, OnFailure, Order, SNAPSHOT, Stage, TrustStore, Work, arguments};

use crate::{host::HostClass, labels};

/// The newest API level whose system certificates are read from `/system` alone.
const LAST_WITHOUT_APEX: u32 = 33;

/// A bake.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bake {
    /// The class of hosts that it is for.
    pub class: HostClass,
    /// The image that it starts from.
    pub image: String,
    /// That image's id: a name may move, and a snapshot is tied to these bytes.
    pub from: Sha256Digest,
    /// The image that it makes.
    pub result: String,
    /// In order.
    pub stages: Vec<Stage>,
    /// How often all of it may be begun.
    pub tries: u32,
}

/// How a trial's phone is started where a snapshot was baked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StartPlan {
    /// Longest time of a restore, until ready.
    pub restore: Duration,
    /// Restores that are tried before a cold boot.
    pub restores: u32,
    /// Longest time of a cold boot, until ready.
    pub cold: Duration,
}

/// A restore takes seconds or hangs for ever; a cold boot takes 30 to 120 s on KVM.
pub const START: StartPlan = StartPlan { restore: Duration::from_secs(60), restores: 2, cold: Duration::from_secs(420) };

/// Longest time of a restore with the probe after it, which has its own limit of 90 s.
const PROVEN: Duration = Duration::from_secs(START.restore.as_secs() + 90);

impl Bake {
    /// The bake of a class from an image: its name, and its id.
    pub fn new(class: HostClass, image: &str, from: Sha256Digest) -> Self {
        use OnFailure::{Abort, Again};
        let stage = |work, seconds, on_failure| Stage { work, deadline: Duration::from_secs(seconds), on_failure };
        let machine = Machine {
            gpu: if class.gpu.is_empty() { GPU.to_owned() } else { class.gpu.clone() },
            cores: class.cores,
            ram_mib: class.ram_mib,
            features: class.features.iter().cloned().collect(),
            window: class.window,
        };
        let start = |launch| Work::Start { launch, arguments: arguments(&machine, launch) };
        let store = if class.api > LAST_WITHOUT_APEX { TrustStore::TmpfsAndApex } else { TrustStore::Tmpfs };
        let key = format!("{}-{}", class.key(), from.short());
        let labels = [
            (labels::IMAGE, "emulator-baked".to_owned()),
            (labels::KEY, key.clone()),
            (labels::BAKE_CLASS, class.key()),
            (labels::BAKE_HOST, class.to_string()),
            (labels::BAKE_SNAPSHOT, SNAPSHOT.to_owned()),
            (labels::BAKE_FROM, format!("sha256:{from}")),
        ];
        let labels = labels.map(|(k, v)| (k.to_owned(), v)).to_vec();
        let stages = vec![
            stage(Work::CheckKvm, 20, Abort),
            stage(Work::Tidy, 20, Abort),
            stage(start(Launch::Bake), 90, Again),
            stage(Work::Ready, START.cold.as_secs(), Again),
            stage(Work::Settle, 120, Again),
            stage(Work::Root, 60, Abort),
            stage(Work::Trust { store }, 60, Abort),
            stage(Work::Quiet, 180, Again),
            stage(Work::Save { snapshot: SNAPSHOT.to_owned() }, 300, Again),
            stage(Work::Stop, 150, Again),
            stage(Work::Loadable { arguments: arguments(&machine, Launch::Check) }, 60, Abort),
            // A snapshot that was never loaded is a hope. The first load writes, and a trial cannot.
            stage(start(Launch::Apply), 30, Again),
            stage(Work::Ready, PROVEN.as_secs(), Again),
            stage(Work::Stop, 150, Again),
            stage(Work::Tidy, 20, Abort),
            stage(start(Launch::Restore), 30, Again),
            stage(Work::Ready, PROVEN.as_secs(), Again),
            stage(Work::Stop, 150, Again),
            stage(Work::Commit { labels }, 900, Abort),
        ];
        let result = format!("stakeout/emulator-baked:api{}-{}-{key}", class.api, class.abi);
        Self { class, image: image.to_owned(), from, result, stages, tries: 2 }
    }

    /// The half that is done in the container: all stages but the last, keeping the image, which is the host's.
    pub fn order(&self) -> Order {
        Order { format: 1, stages: self.stages.iter().filter(|s| !matches!(s.work, Work::Commit { .. })).cloned().collect() }
    }

    /// Longest time that all of it may take.
    pub fn longest(&self) -> Duration {
        self.stages.iter().map(|s| s.deadline).sum::<Duration>() * self.tries
    }
}

#[cfg(test)]
mod tests {
    use stakeout_protocol::bake::FEATURES;

    use super::*;
    use crate::{avd::Avd, digest, host::Cpu, index::Revision};

    fn class(api: u32) -> HostClass {
        let digests = digest::of_reader(&b"image"[..]).unwrap().0.finish();
        let cpu = Cpu { vendor: "GenuineIntel".into(), family: 6, model: 85 };
        HostClass::new(cpu, Revision::new(37, 2, 12), &Avd::usual(api, "x86_64"), GPU, FEATURES.iter().map(|f| (*f).to_owned()), &digests)
    }

    fn bake(api: u32) -> Bake {
        Bake::new(class(api), "stakeout/emulator:x", Sha256Digest::of(b"image"))
    }

    fn at(bake: &Bake, want: impl Fn(&Work) -> bool) -> usize {
        bake.stages.iter().position(|s| want(&s.work)).unwrap()
    }

    #[test]
    fn a_snapshot_is_saved_after_the_trust_store_and_loaded_where_it_lies_and_as_a_trial_does_before_it_is_kept() {
        let bake = bake(34);
        let order = [
            at(&bake, |w| matches!(w, Work::CheckKvm)),
            at(&bake, |w| matches!(w, Work::Start { launch: Launch::Bake, .. })),
            at(&bake, |w| matches!(w, Work::Ready)),
            at(&bake, |w| matches!(w, Work::Root)),
            at(&bake, |w| matches!(w, Work::Trust { .. })),
            at(&bake, |w| matches!(w, Work::Save { .. })),
            at(&bake, |w| matches!(w, Work::Loadable { .. })),
            at(&bake, |w| matches!(w, Work::Start { launch: Launch::Apply, .. })),
            at(&bake, |w| matches!(w, Work::Start { launch: Launch::Restore, .. })),
            at(&bake, |w| matches!(w, Work::Commit { .. })),
        ];
        assert!(order.is_sorted(), "{order:?}");
        assert_eq!(order[9], bake.stages.len() - 1);
        assert!(bake.stages.iter().all(|s| !s.deadline.is_zero()));
        assert!(bake.longest() <= Duration::from_secs(2 * 3600));
        let again: Bake = serde_json::from_str(&serde_json::to_string(&bake).unwrap()).unwrap();
        assert_eq!(again, bake);
    }

    #[test]
    fn name_and_labels_say_the_class_and_the_image_that_it_was_baked_from() {
        let (one, other) = (bake(34), Bake::new(class(34), "stakeout/emulator:x", Sha256Digest::of(b"another")));
        let from = Sha256Digest::of(b"image");
        assert_eq!(one.result, format!("stakeout/emulator-baked:api34-x86_64-{}-{}", one.class.key(), from.short()));
        assert_ne!(one.result, other.result);
        // What the engine takes as a tag.
        assert!(one.result.rsplit(':').next().unwrap().len() <= 128);
        let Work::Commit { labels } = &one.stages.last().unwrap().work else { panic!() };
        for (label, value) in [
            ("org.stakeout.image", "emulator-baked".to_owned()),
            ("org.stakeout.bake.class", one.class.key()),
            ("org.stakeout.bake.from", format!("sha256:{from}")),
        ] {
            assert!(labels.contains(&(label.to_owned(), value)), "{label}: {labels:?}");
        }
    }

    #[test]
    fn certificates_are_in_the_apex_from_api_34_on() {
        for (api, store) in [(28, TrustStore::Tmpfs), (33, TrustStore::Tmpfs), (34, TrustStore::TmpfsAndApex)] {
            assert!(bake(api).stages.iter().any(|s| s.work == Work::Trust { store }), "{api}");
        }
    }
}
