//! A match: this artifact, at this offset, decoded thus, holds that frame, sound or canary.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{Kind, Probability, artifact::Role, observation::Facing};

/// Longest piece of sound that is asked by itself, in seconds.
pub const HEARD_PIECE_MOST: f64 = 0.375;

/// A match that an analysis made. Two findings of one frame are one capture.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Finding {
    /// The file that was searched: in a bundle `artifacts/SHA256`.
    pub file: String,
    /// What the file is, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The flow that the file is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<u32>,
    /// First byte, in `file` itself (before any decoding).
    pub offset: u64,
    /// Bytes, in `file` itself.
    pub length: u64,
    /// What was undone, from the outside in: `["http", "multipart", "gzip", "jpeg"]`.
    pub chain: Vec<String>,
    /// What it is.
    pub kind: Kind,
    /// Which camera.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facing: Option<Facing>,
    /// First and last frame, for the camera.
    pub frames: Option<[u64; 2]>,
    /// Trial seconds from and to, for the microphone.
    pub seconds: Option<[f64; 2]>,
    /// Of a film: the frames that prove, each by itself. Of what lies between them nothing is said. Empty for a single frame, and in
    /// what older analyses wrote, whose `frames` say only that something of that stretch is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<u64>,
    /// Of sound: the stretches, in trial seconds, all of whose pieces (of 0.375 s at most) prove by themselves. Empty if none
    /// does, and in what older analyses wrote: then `seconds` say only that something of that stretch is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<[f64; 2]>,
    /// The canary's id.
    pub canary: Option<String>,
    /// Score `t` of the code, in standard deviations; none for canaries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Probability of such a match by chance, corrected for everything that was searched.
    pub p_false: Probability,
    /// This trial's scene or voice is recognised, or the match is too weak to prove: it forbids `not_observed` only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lead: bool,
    /// Rests on the device's own record (plain text of an encryption), not on the bytes that left: supports, never proves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cooperative: bool,
    /// Which trial key of those that were tried, if it is not the file's own trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<String>,
}

/// What an analysis looked at and could not look into.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Searched {
    /// Files that were searched.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Pictures and sounds that were decoded and read.
    pub media: u64,
    /// Trial keys that were tried.
    pub keys: u64,
    /// What was not looked into, and why: `{file, reason}`. Each turns `not_observed` into `inconclusive` where it matters.
    pub skipped: Vec<Skipped>,
    /// Files with pictures or sounds that were opened and in which nothing of the trial was recognised: `{file, reason}`, where the
    /// reason is `picture` or `sound`. They hide something only if the app was given something that they could be made of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Skipped>,
}

impl Searched {
    /// Entries of what was not looked into that are kept: an app can make as many as it likes.
    pub const SKIPPED_MOST: usize = 10_000;

    /// Keeps so many. One of each sort comes first, as each is a doubt of its own, and how many more there were is said: of a sort that
    /// is kept, or of any, where that is not so.
    pub fn cut(&mut self, most: usize) {
        if self.skipped.len() <= most {
            return;
        }
        let mut seen = HashSet::new();
        let all = std::mem::take(&mut self.skipped);
        let lost = all.len() - most;
        let (sorts, more): (Vec<Skipped>, Vec<Skipped>) = all.into_iter().partition(|s| seen.insert((s.role, s.reason.clone())));
        let role = most.checked_sub(sorts.len()).and_then(|room| more.get(room)?.role);
        self.skipped = sorts.into_iter().chain(more).take(most).collect();
        self.skipped.push(Skipped { file: String::new(), reason: format!("{lost} more that were not looked into"), role });
    }
}

/// A file or part that was not looked into.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Skipped {
    /// The file.
    pub file: String,
    /// Why: `encrypted`, `limit: nesting`, `unsupported: hevc`.
    pub reason: String,
    /// What the app sent (a flow) or kept (a file).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// The document that `analyze --json` of a trial's folder gives to the worker.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Analysis {
    /// The matches.
    pub findings: Vec<Finding>,
    /// What was searched.
    pub searched: Searched,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_was_not_looked_into_each_sort_is_kept_and_the_rest_counted() {
        let one = |file: usize, reason: &str, role| Skipped { file: file.to_string(), reason: reason.to_owned(), role: Some(role) };
        let cut = |skipped: Vec<Skipped>, most| {
            let mut s = Searched { skipped, ..Searched::default() };
            s.cut(most);
            s.skipped.iter().map(|s| (s.role, s.reason.clone())).collect::<Vec<_>>()
        };
        let mut many: Vec<Skipped> = (0..50).map(|n| one(n, "limit: parts", Role::AppFile)).collect();
        many.push(one(50, "limit: parts", Role::FlowRequest));
        many.push(one(51, "encrypted", Role::AppFile));
        let kept = cut(many.clone(), 10);
        assert_eq!(kept.len(), 11);
        for sort in [(Some(Role::FlowRequest), "limit: parts"), (Some(Role::AppFile), "encrypted")] {
            assert!(kept.contains(&(sort.0, sort.1.to_owned())), "{kept:?}");
        }
        assert_eq!(kept[10], (Some(Role::AppFile), "42 more that were not looked into".to_owned()));
        // A sort that has no place may have been of anything.
        assert_eq!(cut(many.clone(), 2).last().unwrap(), &(None, "50 more that were not looked into".to_owned()));
        assert_eq!(cut(many.clone(), 52).len(), 52);
    }
}
