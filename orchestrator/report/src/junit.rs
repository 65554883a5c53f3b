//! JUnit XML: one test case for each claim in each state of the device, so that a pipeline's page shows the ladder.
//!
//! A case fails when its claim is proven or supported at or above the rung that the pipeline gates on while nobody uses
//! the device; it is an error when such a claim is inconclusive, and skipped when it was not tested. What was not
//! observed passes and says its bound. What was sent has a case for each state in which it left, whenever it was captured or
//! read (class `KIND.sent`): it fails in idle states, whatever the rung, and passes with its reasons where a gate does too. Each trial is a case too: one that did not finish is an error.

use std::fmt::Write;

use stakeout_contract::{
    Answer, DeviceState, Rung,
    result::{JobResult, TrialSummary, Verdict},
    trial::TrialState,
};

use crate::{
    ReportError, numbers,
    text::{short, xml},
    words,
};

/// What a case is, beside passed.
enum Outcome {
    Passed,
    Failure(String),
    Error(String),
    Skipped(String),
}

struct Case {
    class: String,
    name: String,
    seconds: f64,
    outcome: Outcome,
    said: String,
}

/// The document.
pub fn junit(result: &JobResult, fail_on: Rung) -> Result<String, ReportError> {
    let claims = result.verdicts.iter().filter(|v| v.device_state != DeviceState::Any || v.rung == Rung::Declared);
    let mut claims: Vec<Case> = claims.map(|v| of_claim(v, fail_on)).collect();
    claims.extend(result.sending.iter().map(of_sending));
    let mut trials: Vec<Case> = result.trials.iter().map(of_trial).collect();
    if trials.is_empty() {
        trials.push(none_counts());
    }
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all = || claims.iter().chain(&trials);
    writeln!(out, "<testsuites name=\"stakeout\" {}>", counts(all()))?;
    suite(&mut out, &format!("claims of {}", short(&result.app.package)), &claims)?;
    suite(&mut out, "trials", &trials)?;
    out.push_str("</testsuites>\n");
    Ok(out)
}

fn counts<'a>(cases: impl Iterator<Item = &'a Case>) -> String {
    let (mut n, mut failures, mut errors, mut skipped, mut time) = (0, 0, 0, 0, 0.0);
    for c in cases {
        n += 1;
        time += c.seconds;
        match c.outcome {
            Outcome::Passed => {}
            Outcome::Failure(_) => failures += 1,
            Outcome::Error(_) => errors += 1,
            Outcome::Skipped(_) => skipped += 1,
        }
    }
    format!("tests=\"{n}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" time=\"{time:.3}\"")
}

fn suite(out: &mut String, name: &str, cases: &[Case]) -> Result<(), ReportError> {
    writeln!(out, "  <testsuite name=\"{}\" {}>", xml(name), counts(cases.iter()))?;
    for c in cases {
        write!(out, "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\">", xml(&c.class), xml(&c.name), c.seconds)?;
        match &c.outcome {
            Outcome::Passed => {}
            Outcome::Failure(why) => write!(out, "<failure message=\"{}\">{}</failure>", xml(why), xml(&c.said))?,
            Outcome::Error(why) => write!(out, "<error message=\"{}\">{}</error>", xml(why), xml(&c.said))?,
            Outcome::Skipped(why) => write!(out, "<skipped message=\"{}\"/>", xml(why))?,
        }
        if matches!(c.outcome, Outcome::Passed) && !c.said.is_empty() {
            write!(out, "<system-out>{}</system-out>", xml(&c.said))?;
        }
        out.push_str("</testcase>\n");
    }
    out.push_str("  </testsuite>\n");
    Ok(())
}

fn of_claim(v: &Verdict, fail_on: Rung) -> Case {
    // `opened` of a sensor and `read` of data are one step of the ladder.
    let floor = if fail_on == Rung::Read { Rung::Opened } else { fail_on };
    let gates = v.device_state.is_idle() && v.rung >= floor;
    let reasons = v.reasons.iter().map(|r| format!("{}: {} (settled by: {})", short(&r.code), short(&r.text), short(&r.settled_by)));
    let reasons = reasons.collect::<Vec<_>>().join("; ");
    let head = format!("{} {}", words::answer(v.verdict), words::state(v.device_state));
    let outcome = match v.verdict {
        Answer::NotTested => Outcome::Skipped(reasons.clone()),
        Answer::Proven | Answer::Supported if gates => Outcome::Failure(head.clone()),
        Answer::Inconclusive if gates => Outcome::Error(reasons.clone()),
        _ => Outcome::Passed,
    };
    let mut said = vec![format!("{head}, count {}", v.count)];
    said.extend(v.p_false.map(|p| format!("probability of a match by chance: {}", numbers::probability(p.get()))));
    said.extend(v.bound.as_ref().map(words::bound));
    said.extend(Some(reasons).filter(|r| !r.is_empty()));
    said.extend(v.evidence.iter().take(10).map(|e| format!("trial {}: {}", e.trial, short(&e.text))));
    Case {
        class: format!("stakeout.{}.{}", v.kind, v.rung),
        name: v.device_state.to_string(),
        seconds: 0.0,
        outcome,
        said: said.join("\n"),
    }
}

fn of_sending(v: &Verdict) -> Case {
    let mut case = Case { class: format!("stakeout.{}.sent", v.kind), ..of_claim(v, v.rung) };
    if matches!(case.outcome, Outcome::Error(_)) && !v.keeps_a_gate_shut() {
        case.outcome = Outcome::Passed;
    }
    case
}

/// Of a job whose verdicts could not be made: a document without a case would be taken for one in which all passed.
fn none_counts() -> Case {
    Case {
        class: "stakeout.trial".to_owned(),
        name: "trials".to_owned(),
        seconds: 0.0,
        outcome: Outcome::Error("no trial counts: nothing is answered".to_owned()),
        said: String::new(),
    }
}

fn of_trial(t: &TrialSummary) -> Case {
    let outcome = if t.end.state == TrialState::Finished {
        Outcome::Passed
    } else {
        Outcome::Error(format!("did not finish, at stage `{}`: {}", short(&t.end.stage), short(&t.end.reason)))
    };
    Case {
        class: "stakeout.trial".to_owned(),
        name: format!("trial {}", t.number),
        seconds: t.cost.wall_seconds,
        outcome,
        said: format!("{} idle on the trial's clock", numbers::hours(t.idle_hours)),
    }
}
