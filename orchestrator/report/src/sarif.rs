//! SARIF 2.1.0 (OASIS, 2020): what was found, and what could not be answered, for code scanning pages.
//!
//! A result is a claim that is proven or supported (level `error` or `warning` where an idle phone's sensors or data were
//! used, else `note`), or one that is inconclusive (kind `open`). What was not observed is no result: SARIF's `pass` would
//! say more than a bound does, so it stands with its bound in the run's properties. What left the device is a rule of its own
//! too (`KIND/sent`), by the state in which it left.

use serde_json::{Value, json};
use stakeout_contract::{
    Answer, DeviceState, Kind, Rung,
    result::{JobResult, Verdict},
    trial::TrialState,
};

use crate::{ReportError, numbers, text::short, words};

/// The document.
pub fn sarif(result: &JobResult) -> Result<String, ReportError> {
    let claimed = result.verdicts.iter().filter(|v| has_result(result, v)).map(|v| (Claim::Rung(v.rung), v));
    let sent = result.sending.iter().filter(|v| has_result(result, v)).map(|v| (Claim::Sent, v));
    let shown: Vec<(Claim, &Verdict)> = claimed.chain(sent).collect();
    let mut rules: Vec<(Kind, Claim)> = shown.iter().map(|(claim, v)| (v.kind, *claim)).collect();
    rules.dedup();
    let mut apk = json!({"location": {"uri": "app.apk"}, "roles": ["analysisTarget"]});
    if let Some(d) = result.app.sha256 {
        apk["hashes"] = json!({"sha-256": d.to_string()});
    }
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "Stakeout",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().copied().map(rule).collect::<Vec<_>>(),
            }},
            "automationDetails": {"id": format!("stakeout/{}/{}", short(&result.scenario), result.job)},
            "invocations": [{
                "executionSuccessful": result.state == TrialState::Finished,
                "toolExecutionNotifications": notifications(result),
            }],
            "artifacts": [apk],
            "results": shown.iter().map(|(claim, v)| one(result, *claim, v, &rules)).collect::<Vec<_>>(),
            "properties": {
                "engine": short(&result.engine),
                "device": short(&result.device),
                "notObserved": unseen(result),
                "notTested": result.verdicts.iter().filter(|v| v.verdict == Answer::NotTested).map(words::claim).collect::<Vec<_>>(),
            },
        }],
    });
    serde_json::to_string_pretty(&document).map_err(ReportError::Json)
}

/// Answers in `any` repeat those of single states, unless no state has them.
fn has_result(r: &JobResult, v: &Verdict) -> bool {
    let said = matches!(v.verdict, Answer::Proven | Answer::Supported | Answer::Inconclusive);
    let alone = |o: &&Verdict| o.kind == v.kind && o.rung == v.rung && o.device_state != DeviceState::Any && o.verdict == v.verdict;
    said && (v.device_state != DeviceState::Any || !r.verdicts.iter().any(|o| alone(&o)))
}

/// What a result is of: a rung by the state of the capture, read or request, or what left by the state in which it left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    Rung(Rung),
    Sent,
}

impl Claim {
    fn word(self) -> String {
        match self {
            Self::Rung(r) => r.to_string(),
            Self::Sent => "sent".to_owned(),
        }
    }
}

fn id(kind: Kind, claim: Claim) -> String {
    format!("{kind}/{}", claim.word())
}

fn rule((kind, claim): (Kind, Claim)) -> Value {
    let what = match claim {
        Claim::Rung(rung) => format!("Whether the app reaches the rung `{rung}` for {}, by state of the device.", words::media(kind)),
        Claim::Sent => format!("Whether the app sends {} away, by state of the device when they leave.", words::media(kind)),
    };
    let name = format!("{}: {}", words::kind(kind), claim.word());
    json!({
        "id": id(kind, claim),
        "name": name,
        "shortDescription": {"text": name},
        "fullDescription": {"text": what},
    })
}

fn one(result: &JobResult, claim: Claim, v: &Verdict, rules: &[(Kind, Claim)]) -> Value {
    let used = v.device_state.is_idle() && !v.rung.is_permission();
    let (kind, level) = match v.verdict {
        Answer::Inconclusive => ("open", "none"),
        Answer::Proven if used => ("fail", "error"),
        Answer::Supported if used => ("fail", "warning"),
        _ => ("informational", "none"),
    };
    let mut lines = vec![sentence(claim, v)];
    lines.extend(v.reasons.iter().map(|r| format!("{}: {}. Settled by: {}.", short(&r.code), short(&r.text), short(&r.settled_by))));
    lines.extend(v.evidence.iter().take(5).map(|e| format!("Trial {}: {}", e.trial, short(&e.text))));
    json!({
        "ruleId": id(v.kind, claim),
        "ruleIndex": rules.iter().position(|r| *r == (v.kind, claim)),
        "kind": kind,
        "level": level,
        "message": {"text": lines.join("\n")},
        "locations": [{
            "physicalLocation": {"artifactLocation": {"uri": "app.apk", "index": 0}},
            "logicalLocations": [{"fullyQualifiedName": short(&result.app.package), "kind": "package"}],
        }],
        "partialFingerprints": {"claim/v1": format!("{}/{}/{}", short(&result.app.package), id(v.kind, claim), v.device_state)},
        "occurrenceCount": v.count.max(1),
        "properties": {
            "deviceState": v.device_state,
            "verdict": v.verdict,
            "pFalse": v.p_false,
        },
    })
}

fn sentence(claim: Claim, v: &Verdict) -> String {
    let p = v.p_false.map(|p| format!(", probability of a match by chance {}", numbers::probability(p.get()))).unwrap_or_default();
    format!("{}: {} {} {}{p}.", words::kind(v.kind), claim.word(), words::answer(v.verdict), words::state(v.device_state))
}

fn unseen(result: &JobResult) -> Vec<Value> {
    let of = |v: &Verdict| {
        let bound = v.bound.as_ref().map(words::bound);
        json!({"claim": words::claim(v), "bound": v.bound, "text": bound})
    };
    result.verdicts.iter().filter(|v| v.verdict == Answer::NotObserved).map(of).collect()
}

fn notifications(result: &JobResult) -> Vec<Value> {
    let failed = result.trials.iter().filter(|t| t.end.state != TrialState::Finished);
    failed
        .map(|t| {
            let text = format!("trial {} did not finish, at stage `{}`: {}", t.number, short(&t.end.stage), short(&t.end.reason));
            json!({"level": "error", "message": {"text": text}})
        })
        .collect()
}
