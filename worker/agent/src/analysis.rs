//! The detectors' answer, which is hostile: they read what an app made, in a container without power.

use std::collections::HashMap;

use stakeout_contract::{
    Sha256Digest,
    artifact::{Artifact, Role},
    finding::{Analysis, Finding, Searched, Skipped},
};

use crate::text::head;

/// Bytes of the answer.
pub const OUTPUT_MAX: usize = 64 << 20;
/// Findings of a trial; more are left out, and said so.
const FINDINGS_MAX: usize = 100_000;

/// An analysis that did not happen: every verdict that it could have served is `inconclusive`.
pub fn failed(reason: &str) -> Analysis {
    let mut a = Analysis::default();
    a.searched.skipped.push(Skipped { file: String::new(), reason: head(&format!("analysis failed: {reason}"), 600), role: None });
    a
}

/// Reads the answer. A finding counts only if its file is one of the trial's artifacts, lies within it, and says no more than
/// the artifact's own entry; what does not is left out and counted in `searched.skipped`.
pub fn parse(output: &[u8], artifacts: &[Artifact]) -> Analysis {
    let mut a: Analysis = match serde_json::from_slice(output) {
        Ok(a) => a,
        Err(e) => return failed(&format!("its answer cannot be read: {e}")),
    };
    let over = a.findings.len().saturating_sub(FINDINGS_MAX);
    a.findings.truncate(FINDINGS_MAX);
    let (sizes, before) = (Sizes::of(artifacts), a.findings.len());
    a.findings.retain(|f| sizes.fit(f));
    let strange = before - a.findings.len();
    for f in &mut a.findings {
        f.chain.truncate(64);
        f.chain.iter_mut().for_each(|c| *c = head(c, 100));
        f.canary = f.canary.as_deref().map(|c| head(c, 100));
        f.trial = f.trial.as_deref().map(|c| head(c, 100));
    }
    for s in &mut a.searched.skipped {
        (s.file, s.reason) = (head(&s.file, 300), head(&s.reason, 300));
    }
    a.searched.cut(Searched::SKIPPED_MOST);
    for (n, what) in [(strange, "findings that fit no artifact"), (over, "findings beyond the limit")] {
        if n > 0 {
            a.searched.skipped.push(Skipped { file: String::new(), reason: format!("{n} {what}"), role: None });
        }
    }
    a
}

/// How large an artifact is of which a finding may say so much. There may be tens of thousands, several of the same bytes, and
/// each finding is compared with one.
struct Sizes(HashMap<(Sha256Digest, Option<Role>, Option<u32>), u64>);

impl Sizes {
    fn of(artifacts: &[Artifact]) -> Self {
        let mut all = HashMap::with_capacity(artifacts.len());
        for a in artifacts {
            // A finding may leave its role and its flow unsaid.
            for said in [(None, None), (Some(a.role), None), (None, a.flow), (Some(a.role), a.flow)] {
                let size = all.entry((a.sha256, said.0, said.1)).or_insert(a.size);
                *size = a.size.max(*size);
            }
        }
        Self(all)
    }

    fn fit(&self, f: &Finding) -> bool {
        let digest = f.file.strip_prefix("artifacts/").and_then(|d| d.parse().ok());
        let size = digest.and_then(|d| self.0.get(&(d, f.role, f.flow)));
        size.is_some_and(|size| f.offset.checked_add(f.length).is_some_and(|end| end <= *size))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stakeout_contract::{Sha256Digest, artifact::Role};

    use super::*;
    use crate::keep::artifact;

    fn entry() -> Artifact {
        Artifact { sha256: Sha256Digest::of(b"abc"), size: 100, flow: Some(3), ..artifact(Role::FlowRequest, "x") }
    }

    fn finding(file: &str, offset: u64, length: u64, role: &str, flow: u32) -> serde_json::Value {
        json!({"file": file, "offset": offset, "length": length, "chain": ["gzip"], "kind": "camera", "frames": [1, 2], "seconds": null,
            "canary": null, "p_false": 1e-12, "role": role, "flow": flow})
    }

    #[test]
    fn a_finding_must_fit_an_artifact() {
        let file = format!("artifacts/{}", entry().sha256);
        let searched = json!({"files": 1, "bytes": 100, "media": 0, "keys": 1, "skipped": []});
        for (f, kept) in [
            (finding(&file, 0, 100, "flow_request", 3), 1),
            (finding(&file, 1, 100, "flow_request", 3), 0),
            (finding(&file, u64::MAX, 2, "flow_request", 3), 0),
            (finding(&file, 0, 10, "app_file", 3), 0),
            (finding(&file, 0, 10, "flow_request", 4), 0),
            (finding("artifacts/../../etc/passwd", 0, 1, "flow_request", 3), 0),
        ] {
            let a = parse(&serde_json::to_vec(&json!({"findings": [f], "searched": searched})).unwrap(), &[entry()]);
            assert_eq!((a.findings.len(), a.searched.skipped.len()), (kept, 1 - kept), "{f}");
        }
    }

    #[test]
    fn a_hundred_thousand_findings_are_compared_with_one_artifact_each() {
        // All of the same bytes: the worst for whoever looks through those of a digest.
        let artifacts: Vec<Artifact> = (0..40_000).map(|n| Artifact { flow: Some(n), ..entry() }).collect();
        let file = format!("artifacts/{}", entry().sha256);
        let findings: Vec<_> = (0..100_001).map(|n| finding(&file, 0, 100, "flow_request", n % 50_000)).collect();
        let searched = json!({"files": 1, "bytes": 100, "media": 0, "keys": 1, "skipped": []});
        let a = parse(&serde_json::to_vec(&json!({"findings": findings, "searched": searched})).unwrap(), &artifacts);
        assert_eq!(a.findings.len(), 80_000);
        let skipped: Vec<&str> = a.searched.skipped.iter().map(|s| s.reason.as_str()).collect();
        assert_eq!(skipped, ["20000 findings that fit no artifact", "1 findings beyond the limit"]);
    }

    #[test]
    fn ten_thousand_files_of_one_sort_hide_no_request_of_another() {
        let skipped = |n: usize, reason: &str, role: &str| json!({"file": format!("artifacts/{n}"), "reason": reason, "role": role});
        let mut all: Vec<_> = (0..10_001).map(|n| skipped(n, "limit: parts", "app_file")).collect();
        all.push(skipped(10_001, "encrypted or unknown", "flow_request"));
        let searched = json!({"files": 1, "bytes": 100, "media": 0, "keys": 1, "skipped": all});
        let a = parse(&serde_json::to_vec(&json!({"findings": [], "searched": searched})).unwrap(), &[]);
        let kept = &a.searched.skipped;
        assert_eq!(kept.len(), 10_001);
        assert!(kept.iter().any(|s| s.role == Some(Role::FlowRequest)));
        assert_eq!(kept[10_000].reason, "2 more that were not looked into");
    }

    #[test]
    fn an_answer_that_is_none_is_an_analysis_that_did_not_happen() {
        for output in [&b""[..], b"[]]", b"{\"findings\": 3}"] {
            let a = parse(output, &[entry()]);
            assert!(a.searched.skipped[0].reason.starts_with("analysis failed: its answer cannot be read"), "{a:?}");
        }
    }
}
