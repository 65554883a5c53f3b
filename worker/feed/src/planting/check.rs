//! Whether a record's canaries are those that its key gives.

use std::collections::BTreeMap;

use stakeout_contract::{
    canary::Canary,
    trial::{KeyHex, TrialRecord},
};

use super::plant;
use crate::TrialKey;

/// Differences that are told one by one.
const TOLD: usize = 8;

/// What a trial with this record's key, scenario and begin was planted with, whatever the record says. None: no trial of this
/// scenario could begin.
pub fn again(record: &TrialRecord, key: &KeyHex) -> Option<Vec<Canary>> {
    let subkeys = TrialKey::from_bytes(*key.bytes()).subkeys();
    let start = record.scenario.start_millis(record.seed())?;
    Some(plant(&record.scenario.plant, &subkeys.canaries, &record.scenario.device.locale, start).1)
}

/// What a record says of planted values and of its begin, from which their dates are drawn, that does not follow from its key, each
/// in a sentence; none: nothing. A record that nobody completed has none, and finds none.
pub fn differs(record: &TrialRecord) -> Vec<String> {
    if record.is_empty() {
        return Vec::new();
    }
    let Some(key) = &record.key else { return vec!["the key is not revealed".to_owned()] };
    let Some(drawn) = again(record, key) else { return vec!["`startAt` of the scenario is no time".to_owned()] };
    let mut out = Vec::new();
    if record.started_millis() != record.scenario.start_millis(record.seed()) {
        out.push(format!("`started_at` is `{}`, which does not follow from the key", record.started_at.escape_debug()));
    }
    let mut said: BTreeMap<&str, Vec<&Canary>> = BTreeMap::new();
    for c in &record.canaries {
        said.entry(&c.id).or_default().push(c);
    }
    for c in &drawn {
        match said.remove(c.id.as_str()).as_deref() {
            None => out.push(format!("the canary `{}` is missing", c.id)),
            Some([one]) => out.extend(changed(one, c)),
            Some(_) => out.push(format!("the canary `{}` stands there twice", c.id)),
        }
    }
    out.extend(said.keys().map(|id| format!("the canary `{}` does not follow from the key", id.escape_debug())));
    let more = out.len().saturating_sub(TOLD);
    out.truncate(TOLD);
    if more > 0 {
        out.push(format!("{more} more of its planted values are others"));
    }
    out
}

/// How one canary is another than was drawn.
fn changed(said: &Canary, drawn: &Canary) -> Option<String> {
    let texts = |c: &Canary| c.needles.iter().map(|n| n.text.clone()).collect::<Vec<_>>();
    if said == drawn {
        None
    } else if said.kind != drawn.kind || said.label != drawn.label || texts(said) != texts(drawn) {
        Some(format!("the canary `{}` has other values than the key gives", drawn.id))
    } else {
        Some(format!("the canary `{}` claims other bits than the key gives", drawn.id))
    }
}

#[cfg(test)]
mod tests {
    use stakeout_contract::{Kind, Sha256Digest, canary::Needle, trial::TrialState};

    use super::*;

    fn record(key: u8) -> TrialRecord {
        let key = TrialKey::from_bytes([key; 32]);
        let mut r: TrialRecord = serde_json::from_value(serde_json::json!({
            "format": "stakeout-trial/1", "trial": "trial-1", "job": "job-1", "epoch": 1, "number": 1,
            "scenario": {"name": "test", "steps": ["launchApp"]}, "device": "jvm", "api": 34, "cooperative": true,
            "commitment": Sha256Digest::from_bytes(key.commitment()), "key": key.to_hex(), "end": {"state": "finished"}}))
        .unwrap();
        let key = r.key.clone().unwrap();
        r.canaries = again(&r, &key).unwrap();
        r.started_at = jiff::Timestamp::from_millisecond(r.scenario.start_millis(r.seed()).unwrap()).unwrap().to_string();
        r
    }

    #[test]
    fn what_the_key_gives_is_no_difference() {
        assert_eq!(differs(&record(3)), [""; 0]);
    }

    #[test]
    fn an_added_changed_missing_or_reweighted_canary_is_named() {
        let told = |change: &dyn Fn(&mut TrialRecord)| {
            let mut r = record(3);
            change(&mut r);
            differs(&r)
        };
        let added = Canary {
            id: "contacts/99".to_owned(),
            kind: Kind::Contacts,
            label: String::new(),
            needles: vec![Needle { text: "what the app always sends".to_owned(), bits: 65 }],
        };
        assert_eq!(told(&|r| r.canaries.push(added.clone())), ["the canary `contacts/99` does not follow from the key"]);
        assert_eq!(
            told(&|r| r.canaries[0].needles[0].text = "what the app always sends".to_owned()),
            ["the canary `contacts/0` has other values than the key gives"]
        );
        assert_eq!(told(&|r| r.canaries[0].needles[0].bits += 1), ["the canary `contacts/0` claims other bits than the key gives"]);
        assert_eq!(told(&|r| drop(r.canaries.remove(0))), ["the canary `contacts/0` is missing"]);
        assert_eq!(told(&|r| r.canaries.push(r.canaries[0].clone())), ["the canary `contacts/0` stands there twice"]);
        assert!(told(&|r| r.started_at = "2024-03-05T00:00:00Z".to_owned())[0].contains("`started_at`"));
        let all = told(&|r| r.canaries.clear());
        assert!(all.len() == TOLD + 1 && all[TOLD].contains("more"), "{all:?}");
    }

    #[test]
    fn a_record_that_nobody_completed_says_nothing_and_one_with_evidence_must() {
        let mut r = record(3);
        r.canaries.clear();
        r.end.state = TrialState::Failed;
        assert_eq!(differs(&r), [""; 0]);
        r.end.state = TrialState::Finished;
        assert!(!differs(&r).is_empty());
    }
}
