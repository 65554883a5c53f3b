//! The owner's own pictures and files, where they lie: an app that edits, moves or deletes one keeps no copy of it.
//!
//! They are planted in the shared storage, as a camera and a browser lay them there. What the app does to them leaves their
//! values and their names in a file that the app wrote last, or deleted, and that says nothing of a copy. So a planted file's value is
//! no find in a file at its own place, at one within the shared storage to which it was renamed, or deleted at one of those. Anywhere
//! else it is: in the app's folders, below `Android/`, in another planted file.

use std::collections::{BTreeMap, HashMap};

use stakeout_contract::{
    DeviceKind, Kind, Sha256Digest,
    artifact::Role,
    finding::Finding,
    observation::{Fact, Observation, Source},
};

use crate::verdict::TrialEvidence;

/// Folders in which a device lays planted files.
const FOLDERS: [&str; 3] = ["DCIM/Camera", "Music", "Download"];
/// Names of the shared storage, as facts and snapshots have it.
const SHARED: [&str; 4] = ["media/0/", "data/media/0/", "sdcard/", "storage/emulated/0/"];
/// Below it, what is the apps' own.
const APPS: &str = "Android/";
/// What a keeper calls what it kept.
const DELETED: &str = "deleted/";

/// A path within the shared storage.
fn shared(path: &str) -> Option<&str> {
    let path = path.trim_start_matches('/');
    SHARED.iter().find_map(|s| path.strip_prefix(s))
}

/// Whether a fact tells what became of a file of the shared storage.
pub(crate) fn matters(fact: &Fact) -> bool {
    let Fact::File { path, change, to: Some(_), .. } = fact else { return false };
    matches!(change.as_str(), "renamed" | "deleted" | "replaced") && shared(path).is_some()
}

/// Where the owner's files of a trial lie.
#[derive(Debug)]
pub(crate) struct Photos<'a> {
    /// What lies, or lay, at a path within the shared storage: a canary's id.
    at: HashMap<String, &'a str>,
    /// By the name of what was kept of it.
    deleted: BTreeMap<&'a str, &'a str>,
}

impl<'a> Photos<'a> {
    pub(crate) fn of(t: &TrialEvidence<'a>) -> Self {
        let mut out = Self { at: HashMap::new(), deleted: BTreeMap::new() };
        for c in t.record.canaries.iter().filter(|c| c.kind == Kind::MediaFiles) {
            let name = c.label.replace(['/', '\\'], "_");
            out.at.extend(FOLDERS.iter().map(|folder| (format!("{folder}/{name}"), c.id.as_str())));
        }
        // In a real guest only the device's own keeper is believed.
        let told = |o: &&Observation| o.source == Source::Device || t.record.device == DeviceKind::Jvm;
        for o in t.observations.iter().filter(told).filter(|o| matters(&o.fact)) {
            out.learn(&o.fact);
        }
        out
    }

    fn learn(&mut self, fact: &'a Fact) {
        let Fact::File { path, change, to: Some(to), .. } = fact else { return };
        let Some(id) = shared(path).and_then(|p| self.at.get(p)).copied() else { return };
        if change == "renamed" {
            if let Some(to) = shared(to).filter(|to| !to.starts_with(APPS)) {
                self.at.insert(to.to_owned(), id);
            }
        } else {
            self.deleted.insert(to.trim_start_matches(DELETED), id);
        }
    }

    /// Whether all that a match was found in are the owner's own file, which it is a value of.
    pub(crate) fn own(&self, t: &TrialEvidence<'_>, f: &Finding) -> bool {
        let Some(id) = f.canary.as_deref().filter(|_| f.kind == Kind::MediaFiles) else { return false };
        let digest: Option<Sha256Digest> = f.file.rsplit('/').next().and_then(|d| d.parse().ok());
        let mut files = t.record.artifacts.iter().filter(|a| Some(a.role) == f.role && Some(a.sha256) == digest).peekable();
        let own = |role, name: &str| match role {
            Role::AppFile => shared(name).and_then(|p| self.at.get(p)) == Some(&id),
            Role::DeletedFile => self.deleted.get(name) == Some(&id),
            _ => false,
        };
        files.peek().is_some() && files.all(|a| own(a.role, &a.name))
    }
}
