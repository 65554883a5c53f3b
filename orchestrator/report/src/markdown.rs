//! A short table for a pull request's comment or a step's summary.

use std::fmt::Write;

use stakeout_contract::{
    Answer, DeviceState,
    result::{JobResult, Verdict},
    trial::TrialState,
};

use crate::{numbers, text::short, words};

/// What was found, what was not with its bound, and what could not be said.
pub fn markdown(result: &JobResult) -> String {
    let ended = result.trials.iter().filter(|t| t.end.state == TrialState::Finished).count();
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "### Stakeout: {}\n", cell(&result.app.package));
    let app = result.app.sha256.map_or_else(String::new, |d| format!(", SHA-256 `{d}`"));
    let _ = writeln!(
        out,
        "Version {}{app}. Scenario {}, device {}, {ended} of {} trials ended.\n",
        cell(&result.app.version_name),
        cell(&result.scenario),
        cell(&result.device),
        result.trials.len()
    );
    let _ = writeln!(out, "| data | rung | {} |", DeviceState::ALL.iter().map(|s| words::state_head(*s)).collect::<Vec<_>>().join(" | "));
    let _ = writeln!(out, "| --- | --- |{}", " --- |".repeat(DeviceState::ALL.len()));
    let mut hidden = 0;
    for row in result.verdicts.chunk_by(|a, b| a.kind == b.kind && a.rung == b.rung) {
        let [first, ..] = row else { continue };
        if row.iter().all(|v| matches!(v.verdict, Answer::NotObserved | Answer::NotTested)) {
            hidden += 1;
            continue;
        }
        let of = |s: &DeviceState| row.iter().find(|v| v.device_state == *s).map_or_else(String::new, answer);
        let cells: Vec<String> = DeviceState::ALL.iter().map(of).collect();
        let _ = writeln!(out, "| {} | {} | {} |", first.kind, first.rung, cells.join(" | "));
    }
    for row in result.sending.chunk_by(|a, b| a.kind == b.kind) {
        let [first, ..] = row else { continue };
        if row.iter().any(|v| matches!(v.verdict, Answer::Proven | Answer::Supported)) {
            let of = |s: &DeviceState| row.iter().find(|v| v.device_state == *s).map_or_else(String::new, answer);
            let cells: Vec<String> = DeviceState::ALL.iter().map(of).collect();
            let _ = writeln!(out, "| {} | {} | {} |", first.kind, words::SENT_WHILE, cells.join(" | "));
        }
    }
    if hidden > 0 {
        let _ = writeln!(out, "\n{hidden} more rows were not observed or not tested in any state; their bounds are in `result.json`.");
    }
    let mut reasons: Vec<_> = result.verdicts.iter().filter(|v| v.verdict == Answer::Inconclusive).flat_map(|v| &v.reasons).collect();
    reasons.sort();
    reasons.dedup();
    for (i, r) in reasons.iter().enumerate() {
        let head = if i == 0 { "\nInconclusive because:\n" } else { "" };
        let _ = writeln!(out, "{head}- `{}`: {}. Settled by: {}.", cell(&r.code), cell(&r.text), cell(&r.settled_by));
    }
    let _ = writeln!(out, "\nNot observed is not never: each bound holds for this device, scenario, rules and server.");
    out
}

fn answer(v: &Verdict) -> String {
    let mut s = format!("{} {}", words::symbol(v.verdict), words::answer(v.verdict));
    if v.count > 0 {
        let _ = write!(s, " ({})", numbers::count(v.count));
    } else if let Some(b) = v.bound {
        let _ = write!(s, " (at most {} of trials)", numbers::percent(b.share_of_trials));
    }
    s
}

/// Text from a stranger: nothing in it acts in Markdown or in the HTML that Markdown allows.
fn cell(s: &str) -> String {
    let mut out = String::new();
    for c in short(s).chars() {
        if c.is_ascii_punctuation() && !matches!(c, '.' | ',' | ':' | '-' | '/' | '(' | ')' | '%' | '+') {
            match c {
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '&' => out.push_str("&amp;"),
                '@' => out.push_str("&#64;"),
                '`' => out.push('\''),
                c => {
                    out.push('\\');
                    out.push(c);
                }
            }
        } else {
            out.push(c);
        }
    }
    out
}
