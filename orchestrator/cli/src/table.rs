//! The verdicts in a terminal: a line a claim that matters, a column a device state.

use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use stakeout_contract::{
    Answer, DeviceState, Kind,
    result::{JobResult, Verdict},
};

fn of_verdict(v: &Verdict) -> String {
    match v.verdict {
        Answer::Proven | Answer::Supported => format!("{} x{}", v.verdict, v.count),
        other => other.to_string(),
    }
}

/// Kinds of which something is said beyond `not_tested`, each rung a row.
pub(crate) fn of(r: &JobResult) -> Table {
    let states: Vec<DeviceState> = DeviceState::ALL
        .iter()
        .copied()
        .filter(|s| *s != DeviceState::Any && r.verdicts.iter().any(|v| v.device_state == *s && v.verdict != Answer::NotTested))
        .collect();
    let mut t = Table::new();
    t.load_preset(UTF8_BORDERS_ONLY);
    let mut head = vec!["claim".to_owned(), "any".to_owned()];
    head.extend(states.iter().map(ToString::to_string));
    t.set_header(head);
    for kind in Kind::ALL {
        let row_any = |rung| r.verdicts.iter().find(|v| v.kind == *kind && v.rung == rung && v.device_state == DeviceState::Any);
        let interesting = kind.is_sensor()
            || kind.rungs().iter().any(|rung| row_any(*rung).is_some_and(|v| matches!(v.verdict, Answer::Proven | Answer::Supported)));
        if !interesting {
            continue;
        }
        for rung in kind.rungs() {
            let say = |state: DeviceState| {
                let v = r.verdicts.iter().find(|v| v.kind == *kind && v.rung == *rung && v.device_state == state);
                v.map_or_else(String::new, of_verdict)
            };
            let mut row = vec![format!("{kind} {rung}"), say(DeviceState::Any)];
            row.extend(states.iter().map(|s| say(*s)));
            t.add_row(row);
        }
        let sent: Vec<_> = r.sending.iter().filter(|v| v.kind == *kind).collect();
        if sent.iter().any(|v| matches!(v.verdict, Answer::Proven | Answer::Supported)) {
            let say = |state: &DeviceState| sent.iter().find(|v| v.device_state == *state).map_or_else(String::new, |v| of_verdict(v));
            let mut row = vec![format!("{kind} sent while"), String::new()];
            row.extend(states.iter().map(say));
            t.add_row(row);
        }
    }
    t
}
