//! Whether a bundle says what its bytes say.
//!
//! Everything is compared but costs and versions. Probabilities and scores may differ a little, as another version of a
//! decoder gives other pixels; what they decide may not.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use stakeout_bundle::manifest::Manifest;
use stakeout_contract::{finding::Analysis, result::JobResult};

use crate::exit::Failure;

/// Differences that are listed at most.
const LISTED: usize = 50;
/// What another machine or version may say otherwise.
const FREE: [&str; 4] = ["cost", "engine", "searched", "wall_seconds"];

/// Compares findings, those in artifacts that were left out aside.
pub(super) fn findings(
    folder: &str,
    said: &Analysis,
    found: &Analysis,
    left_out: &BTreeSet<String>,
    differences: &mut Vec<String>,
) -> Result<bool, Failure> {
    let before = differences.len();
    let list = |a: &Analysis| -> Result<Vec<Value>, Failure> {
        let held = |f: &&stakeout_contract::finding::Finding| !left_out.contains(&format!("{folder}{}", f.file));
        let mut v: Vec<Value> =
            a.findings.iter().filter(held).map(serde_json::to_value).collect::<Result<_, _>>().map_err(Failure::other)?;
        v.sort_by_key(order);
        Ok(v)
    };
    let (said, found) = (list(said)?, list(found)?);
    if said.len() != found.len() {
        differences.push(format!("{folder}findings.json has {} findings, found again {}", said.len(), found.len()));
    }
    for (s, f) in said.iter().zip(&found) {
        values(&format!("{folder}findings.json: {}", s["file"].as_str().unwrap_or_default()), s, f, differences);
    }
    Ok(differences.len() == before)
}

/// A finding without its numbers that a decoder can move.
fn order(f: &Value) -> String {
    let mut f = f.clone();
    if let Value::Object(m) = &mut f {
        m.remove("p_false");
        m.remove("score");
    }
    f.to_string()
}

/// Compares results.
pub(super) fn results(said: &JobResult, found: &JobResult, older: bool, differences: &mut Vec<String>) -> Result<bool, Failure> {
    let before = differences.len();
    let mut docs = [said, found].map(|r| serde_json::to_value(r).map_err(Failure::other));
    for d in docs.iter_mut().flatten() {
        bare(d);
        if older {
            as_before(d);
        }
    }
    let [said, found] = docs;
    values("result.json", &said?, &found?, differences);
    Ok(differences.len() == before)
}

/// A result of before it was looked at in which state things were sent, and at what an act of the owner began. A bundle says by its
/// format that it is so old: in a newer one, what is missing was taken out.
pub(super) fn is_older(format: Option<&str>, said: &JobResult) -> bool {
    format == Some(Manifest::FORMER) && said.sending.is_empty() && !said.verdicts.is_empty()
}

/// Takes out what such a result has not.
fn as_before(v: &mut Value) {
    let Value::Object(m) = v else { return };
    m.remove("sending");
    let list = |v: Option<&mut Value>| v.and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
    let without = |mut v: Value, keys: &[&str]| {
        if let Value::Object(m) = &mut v {
            for k in keys {
                m.remove(*k);
            }
        }
        v
    };
    let captures: Vec<Value> = list(m.get_mut("captures")).into_iter().map(|c| without(c, &["begun_by_act"])).collect();
    m.insert("captures".to_owned(), Value::Array(captures));
    for v in m.get_mut("verdicts").and_then(Value::as_array_mut).into_iter().flatten() {
        let evidence: Vec<Value> =
            list(v.get_mut("evidence")).into_iter().map(|e| without(e, &["device_state", "sent_state", "text"])).collect();
        v["evidence"] = Value::Array(evidence);
    }
}

/// Takes out what may differ.
fn bare(v: &mut Value) {
    match v {
        Value::Object(m) => {
            for k in FREE {
                m.remove(k);
            }
            m.values_mut().for_each(bare);
        }
        Value::Array(a) => a.iter_mut().for_each(bare),
        _ => {}
    }
}

fn values(path: &str, said: &Value, found: &Value, differences: &mut Vec<String>) {
    match (said, found) {
        (Value::Object(s), Value::Object(f)) => objects(path, s, f, differences),
        (Value::Array(s), Value::Array(f)) if s.len() == f.len() => {
            for (i, (s, f)) in s.iter().zip(f).enumerate() {
                values(&format!("{path}[{i}]{}", row(s)), s, f, differences);
            }
        }
        (Value::Array(s), Value::Array(f)) => tell(path, &format!("{} entries", s.len()), &f.len().to_string(), differences),
        (Value::Number(s), Value::Number(f)) if near(s.as_f64(), f.as_f64(), path) => {}
        _ if said == found => {}
        _ => tell(path, &cut(said), &cut(found), differences),
    }
}

fn objects(path: &str, said: &Map<String, Value>, found: &Map<String, Value>, differences: &mut Vec<String>) {
    let keys: std::collections::BTreeSet<&String> = said.keys().chain(found.keys()).collect();
    for k in keys {
        values(&format!("{path}.{k}"), said.get(k).unwrap_or(&Value::Null), found.get(k).unwrap_or(&Value::Null), differences);
    }
}

/// Of which claim a row is.
fn row(v: &Value) -> String {
    let word = |k: &str| v.get(k).and_then(Value::as_str);
    match (word("kind"), word("rung"), word("device_state")) {
        (Some(k), Some(r), Some(s)) => format!(" ({k} {r} in {s})"),
        _ => String::new(),
    }
}

/// Equal but for rounding; chances and scores up to a tenth of their logarithm.
fn near(a: Option<f64>, b: Option<f64>, path: &str) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return false };
    if path.ends_with("p_false") && a > 0.0 && b > 0.0 {
        return (a.log10() - b.log10()).abs() <= 0.1 * a.log10().abs().max(1.0);
    }
    if path.ends_with("score") {
        return (a - b).abs() <= 0.1 * a.abs().max(1.0);
    }
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

fn cut(v: &Value) -> String {
    v.to_string().chars().take(120).collect()
}

fn tell(path: &str, said: &str, found: &str, differences: &mut Vec<String>) {
    if differences.len() < LISTED {
        differences.push(format!("{path} is {said}, the bytes say {found}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stakeout_contract::trial::AppFacts;

    use super::*;

    fn differs(said: &Value, found: &Value) -> Vec<String> {
        let mut d = vec![];
        values("r", said, found, &mut d);
        d
    }

    #[test]
    fn rows_that_are_missing_doubled_or_changed_are_told() {
        let row = |answer: &str| json!({"kind": "camera", "rung": "stored", "device_state": "background", "verdict": answer});
        assert!(differs(&json!([row("proven")]), &json!([row("proven")])).is_empty());
        assert_eq!(differs(&json!([]), &json!([row("proven")])).len(), 1);
        assert_eq!(differs(&json!([row("proven"), row("proven")]), &json!([row("proven")])).len(), 1);
        let d = differs(&json!([row("not_observed")]), &json!([row("proven")]));
        assert!(d.len() == 1 && d[0].contains("camera stored in background") && d[0].contains("proven"), "{d:?}");
    }

    #[test]
    fn a_decoder_may_move_a_chance_and_nothing_else() {
        assert!(differs(&json!({"p_false": 1e-40}), &json!({"p_false": 3e-41})).is_empty());
        assert_eq!(differs(&json!({"p_false": 1e-40}), &json!({"p_false": 1e-12})).len(), 1);
        assert_eq!(differs(&json!({"hours": 3.0}), &json!({"hours": 3.1})).len(), 1);
        assert_eq!(differs(&json!({"package": "a"}), &json!({"package": "b"})).len(), 1);
        assert_eq!(differs(&json!({}), &json!({"bound": 1})).len(), 1);
    }

    #[test]
    fn a_bundle_of_today_without_what_was_sent_is_not_taken_for_an_older_one() {
        let verdict = json!({"kind": "camera", "rung": "opened", "device_state": "any", "verdict": "proven", "p_false": null, "bound": null,
            "reasons": [], "evidence": [], "count": 1});
        let stripped: JobResult = serde_json::from_value(json!({
            "format": "stakeout-result/1", "job": "job-1", "state": "finished", "scenario": "s", "device": "jvm 34", "trials": [],
            "app": AppFacts::default(), "verdicts": [verdict], "footprint": {"kept_bytes_per_idle_hour": 0.0, "sent_bytes_per_idle_hour": 0.0,
                "kept_bytes": 0.0, "sent_bytes": 0.0, "idle_hours": 0.0},
            "requests_per_idle_hour": [], "captures": [], "engine": "x",
            "cost": {"trials": 0, "wall_seconds": 0.0, "virtual_seconds": 0.0, "cpu_seconds": 0.0, "peak_memory_bytes": 0, "kept_bytes": 0}}))
        .unwrap();
        assert!(is_older(Some(Manifest::FORMER), &stripped));
        assert!(!is_older(Some(Manifest::FORMAT), &stripped) && !is_older(None, &stripped));
    }

    #[test]
    fn what_an_older_result_has_not_is_not_compared_and_its_answers_are() {
        let old = json!({"captures": [{"kind": "camera"}], "verdicts": [{"verdict": "proven", "evidence": [{"trial": 1, "text": "a"}]}]});
        let new = |answer: &str| {
            json!({"captures": [{"kind": "camera", "begun_by_act": true}], "sending": [{"verdict": "proven"}],
                "verdicts": [{"verdict": answer, "evidence": [{"trial": 1, "text": "b", "device_state": "doze", "sent_state": "doze"}]}]})
        };
        let against = |mut found: Value| {
            let mut old = old.clone();
            as_before(&mut old);
            as_before(&mut found);
            differs(&old, &found).len()
        };
        assert_eq!((against(new("proven")), against(new("supported"))), (0, 1));
    }

    #[test]
    fn costs_and_versions_are_free() {
        let mut v = json!({"cost": {"cpu": 1}, "trials": [{"cost": 2, "number": 1}], "engine": "x"});
        bare(&mut v);
        assert_eq!(v, json!({"trials": [{"number": 1}]}));
    }
}
