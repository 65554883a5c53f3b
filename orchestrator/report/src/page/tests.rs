//! What the page says, what it must never contain, and that nothing is left out.
#![allow(clippy::unwrap_used, reason = "a test may stop")]

use stakeout_contract::{
    Answer, Kind, Sensor,
    artifact::Role,
    canary::Canary,
    observation::Fact,
    result::Reason,
    trial::{TrialEnd, TrialState, Try},
};

use super::Page;
use crate::{
    html, junit, markdown,
    sample::{Sample, sample},
    sarif, words,
};

/// Text as a hostile app gives it: it breaks out of text, attributes, styles, comments, terminals and reading order.
const HOSTILE: &str =
    "</title></style><script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u{1b}[2J\u{202e}gpj.exe\u{0}\u{200b}--><!--]]>";

fn hostile() -> Sample {
    let mut s = sample();
    let bad = || HOSTILE.to_owned();
    for t in &mut s.trials {
        let a = &mut t.record.app;
        (a.label, a.package, a.version_name, a.signers) = (bad(), bad(), bad(), vec![bad()]);
        (t.record.started_at, t.record.started_real) = (bad(), bad());
        t.record.app.permissions.push(format!("android.permission.CAMERA{HOSTILE}"));
        for f in &mut t.flows {
            (f.host, f.method, f.path, f.scheme) = (bad(), bad(), bad(), bad());
        }
        for f in &mut t.analysis.findings {
            f.chain = vec![bad()];
            f.canary = f.canary.as_ref().map(|_| bad());
        }
        for a in &mut t.record.artifacts {
            a.name = bad();
        }
        t.record.canaries = vec![Canary { id: bad(), kind: Kind::Contacts, label: bad(), needles: vec![] }];
        for fact in facts() {
            t.saw(700, fact);
        }
        t.record.artifacts.retain(|a| a.role != Role::AppFile);
    }
    s.trials[2].record.end = TrialEnd { state: TrialState::Failed, stage: bad(), reason: bad(), log: bad() };
    s.scenario.description = bad();
    s.decide();
    (s.result.device, s.result.engine, s.result.scenario) = (bad(), bad(), bad());
    s.result.trials[0].tries.push(Try { stage: bad(), reason: bad(), ..Try::default() });
    for v in &mut s.result.verdicts {
        v.reasons.push(Reason { code: bad(), text: bad(), settled_by: bad() });
        for e in &mut v.evidence {
            (e.text, e.destination) = (bad(), Some(bad()));
        }
    }
    for c in &mut s.result.captures {
        c.destinations = vec![bad(); 5];
    }
    s
}

fn facts() -> Vec<Fact> {
    let bad = || HOSTILE.to_owned();
    vec![
        Fact::Opened { sensor: Sensor::Camera, id: bad(), facing: None, api: bad(), session: 77, preview_visible: false },
        Fact::PermissionRequested { permissions: vec![bad(), format!("android.permission.CAMERA.{HOSTILE}")], answers: vec![bad()] },
        Fact::Read { data: Kind::Sms, what: bad(), rows: None },
        Fact::Refused { sensor: None, data: None, what: bad(), reason: bad() },
        Fact::Crashed { message: bad(), trace: vec![bad()] },
        Fact::Anr { message: bad() },
        Fact::Restarted { reason: bad() },
        Fact::Lost { what: bad(), count: u64::MAX },
        Fact::Escape { what: bad() },
        Fact::NativeLibrary { name: bad(), how: bad() },
        Fact::DexLoaded { path: bad(), artifact: None },
        Fact::LoginScreen { activity: bad() },
        Fact::DialogOpen { activity: bad(), texts: vec![bad()] },
        Fact::Looked { what: bad(), as_phone: false },
        Fact::OutOfMemory { what: bad() },
        Fact::RealTime { what: bad() },
        Fact::TlsRefused { host: bad(), port: 1, reason: bad() },
        Fact::Opaque { host: bad(), port: 1, protocol: bad(), sent: 1, received: 1 },
        Fact::Blocked { protocol: bad(), address: bad(), port: 1, reason: bad() },
        Fact::UnsupportedApi { name: bad(), effect: bad() },
        Fact::ClockHeld { thread: bad(), r#where: bad(), spins: true },
        Fact::Alert { what: bad() },
        Fact::Service { name: bad(), change: bad(), types: vec![bad()], reason: bad() },
        Fact::Alarm { what: bad() },
        Fact::Step { index: 0, step: bad(), outcome: bad() },
    ]
}

#[test]
fn the_context_of_a_made_up_job_reads_as_reviewed() {
    let mut page = Page::of(&sample().input());
    // One of each is enough to be read by a person; what is left out differs in numbers and times only.
    page.timelines.truncate(1);
    page.timelines[0].rows.truncate(8);
    page.table.groups.truncate(1);
    page.table.quiet.retain(|g| g.kind == "Location");
    page.chains.truncate(3);
    page.captures.truncate(3);
    page.canaries.iter_mut().for_each(|t| {
        t.rows.truncate(2);
        t.folded.truncate(1);
    });
    insta::assert_compact_json_snapshot!(page);
}

#[test]
fn a_trial_that_was_run_again_is_told_at_the_top() {
    let mut s = sample();
    assert!(!html(&s.input()).unwrap().contains("run again"));
    let tried = Try { epoch: 1, stage: "script".to_owned(), reason: "the guest died".to_owned(), stopped: false, observations: 12 };
    s.result.trials[1].tries.push(tried);
    let page = html(&s.input()).unwrap();
    assert!(page.contains("Trial 2, lease 1, at stage script, 12 facts: the guest died."), "it is there");
}

#[test]
fn hostile_text_never_acts_in_any_document() {
    let s = hostile();
    let page = html(&s.input()).unwrap();
    let junit = junit(&s.result, stakeout_contract::Rung::Opened).unwrap();
    let documents = [("html", &page), ("sarif", &sarif(&s.result).unwrap()), ("junit", &junit), ("markdown", &markdown(&s.result))];
    for (name, d) in documents {
        for raw in ['\u{1b}', '\u{202e}', '\u{0}', '\u{200b}'] {
            assert!(!d.contains(raw), "{name} has {raw:?}");
        }
    }
    for (name, d) in [("html", &page), ("junit", &junit), ("markdown", &markdown(&s.result))] {
        for raw in ["<script", "<img src=x", "\"'>", "<!--"] {
            assert!(!d.contains(raw), "{name} has {raw}");
        }
    }
    assert!(page.contains("alert(1)"), "the text must be on the page for this test to mean something");
    assert_eq!(page.matches("</title></style>").count() + page.matches("</style>").count(), 1, "the style ends once");
}

#[test]
fn no_attribute_that_acts_holds_anything_but_our_own_words() {
    let page = html(&hostile().input()).unwrap();
    for attribute in ["href=\"", "src=\"", "style=\"", "class=\"", "id=\""] {
        for value in page.split(attribute).skip(1).filter_map(|s| s.split('"').next()) {
            assert!(!value.contains("alert"), "{attribute}{value}");
            let ours = value.starts_with('#')
                || value.starts_with("data:image/jpeg;base64,")
                || !attribute.starts_with(['h', 's'])
                || attribute == "style=\"";
            assert!(ours, "{attribute}{value}");
        }
    }
    // Outside quotes a tag has our names of attributes only; every second piece between quotes is a value.
    for tag in page.split('<').skip(1).filter_map(|t| t.split('>').next()) {
        let names: String = tag.split('"').step_by(2).collect();
        assert!(!names.contains("onerror") && !names.contains("alert"), "{tag}");
    }
}

#[test]
fn every_verdict_is_a_cell_of_the_table() {
    let s = sample();
    let page = Page::of(&s.input());
    let groups = || page.table.groups.iter().chain(&page.table.quiet);
    for v in &s.result.verdicts {
        let row = groups().filter(|g| g.kind == words::kind(v.kind)).flat_map(|g| &g.rows).find(|r| r.rung == v.rung.as_str()).unwrap();
        let column = page.table.heads.iter().position(|h| h.state == words::state_head(v.device_state)).unwrap();
        assert_eq!(row.cells[column].class, v.verdict.as_str(), "{}", words::claim(v));
    }
    let printed = page.print().unwrap();
    for a in Answer::ALL {
        let of = s.result.verdicts.iter().chain(&s.result.sending).filter(|v| v.verdict == *a).count();
        assert!(of > 0, "the sample has no {a}");
        assert_eq!(printed.matches(&format!("<td class=\"{a}\">")).count(), of, "{a}");
    }
}

#[test]
fn no_document_calls_an_app_clean() {
    let mut s = sample();
    s.pictures.clear();
    for d in [
        html(&s.input()).unwrap(),
        sarif(&s.result).unwrap(),
        junit(&s.result, stakeout_contract::Rung::Opened).unwrap(),
        markdown(&s.result),
    ] {
        let word =
            d.split(|c: char| !c.is_alphabetic()).find(|w| ["clean", "safe", "innocuous", "harmless"].contains(&w.to_lowercase().as_str()));
        assert_eq!(word, None);
    }
}

#[test]
fn a_trial_that_failed_is_named_at_the_top_with_its_reason() {
    let mut s = sample();
    s.trials[1].record.end = TrialEnd {
        state: TrialState::Failed,
        stage: "boot".to_owned(),
        reason: "the device did not answer".to_owned(),
        log: String::new(),
    };
    s.decide();
    let page = html(&s.input()).unwrap();
    let at = page.find("2 of 3 trials finished").unwrap();
    assert!(at < page.find("In short").unwrap());
    assert!(page.contains("Trial 2 failed at stage boot: the device did not answer."));
}

#[test]
fn a_job_of_which_no_trial_left_anything_still_has_a_page() {
    let mut s = sample();
    for t in &mut s.trials {
        t.record.end.state = TrialState::Failed;
        (t.record.timeline, t.observations, t.flows, t.analysis) =
            (vec![], vec![], vec![], stakeout_contract::finding::Analysis::default());
        t.record.delivered.clear();
    }
    s.pictures.clear();
    s.decide();
    assert!(html(&s.input()).unwrap().contains("0 of 3 trials finished"));
    s.trials.clear();
    s.result.trials.clear();
    s.result.verdicts.clear();
    assert!(html(&s.input()).is_ok());
}

#[test]
fn a_flood_of_facts_gives_a_page_of_bounded_size() {
    let mut s = sample();
    for i in 0..20_000u64 {
        s.trials[0].saw(
            150 + i / 2,
            Fact::PermissionRequested { permissions: vec!["android.permission.CAMERA".to_owned()], answers: vec!["denied".to_owned()] },
        );
        s.trials[0]
            .saw(150 + i / 2, Fact::UnsupportedApi { name: format!("java.lang.Thing{i}.{}", "x".repeat(5000)), effect: String::new() });
    }
    s.decide();
    let size = html(&s.input()).unwrap().len();
    assert!(size < 1_500_000, "{size}");
}

#[test]
fn sarif_names_each_claim_once_and_says_what_was_not_observed_only_with_its_bound() {
    let s = sample();
    let v: serde_json::Value = serde_json::from_str(&sarif(&s.result).unwrap()).unwrap();
    let run = &v["runs"][0];
    let results = run["results"].as_array().unwrap();
    let find = |id: &str, state: &str| results.iter().find(|r| r["ruleId"] == id && r["properties"]["deviceState"] == state);
    assert_eq!(find("camera/transmitted", "screen_off").unwrap()["level"], "error");
    assert_eq!(find("camera/opened", "in_use").unwrap()["kind"], "informational");
    assert!(find("sms/read", "screen_off").is_none());
    for r in results {
        let rule = &run["tool"]["driver"]["rules"][r["ruleIndex"].as_u64().unwrap() as usize];
        assert_eq!(rule["id"], r["ruleId"]);
        assert_eq!(r["level"] == "none", r["kind"] != "fail", "SARIF 3.27.10: a level other than none needs the kind fail");
    }
    let unseen = run["properties"]["notObserved"].as_array().unwrap();
    assert!(
        !unseen.is_empty()
            && unseen.iter().all(|u| u["bound"]["per_hour"].is_number() || u["claim"].as_str().is_some_and(|c| c.contains("declared")))
    );
}

#[test]
fn what_was_taken_in_use_and_left_while_idle_is_said_by_every_document() {
    let mut s = sample();
    // Of all that left only what the owner photographed, an hour later.
    for t in &mut s.trials {
        let used: Vec<_> = t.record.timeline.iter().filter(|s| s.state == stakeout_contract::DeviceState::InUse).map(|s| s.from).collect();
        let frame = stakeout_contract::trial::frame_at(*used.last().unwrap()) + 5;
        t.record.delivered.retain(|d| d.sensor == Sensor::Camera);
        t.record.delivered.truncate(1);
        (t.record.delivered[0].first, t.record.delivered[0].last) = (frame, frame);
        t.analysis.findings.retain(|f| f.kind == Kind::Camera && f.role == Some(Role::FlowRequest));
        t.analysis.findings.truncate(1);
        t.observations.retain(|o| !matches!(o.fact, Fact::Opened { .. } | Fact::Read { .. }));
        t.analysis.findings[0].frames = Some([frame, frame]);
        t.analysis.findings[0].facing = None;
        let sent = t.flows.iter().find(|w| Some(w.id) == t.analysis.findings[0].flow).unwrap().at;
        assert!(t.record.state_at(sent).unwrap().is_idle());
    }
    s.pictures.clear();
    s.decide();
    assert_eq!(stakeout_domain::gate::gate(&s.result, stakeout_contract::Rung::Opened, 3), stakeout_domain::gate::Gate::SentIdle);
    let page = html(&s.input()).unwrap();
    assert!(page.contains("The app sent pictures from the camera away while") && page.contains("<th scope=\"row\">sent while</th>"));
    assert!(markdown(&s.result).contains("| camera | sent while |"));
    let junit = junit(&s.result, stakeout_contract::Rung::Transmitted).unwrap();
    let failed = |c: &&str| c.contains("classname=\"stakeout.camera.sent\"") && c.contains("<failure");
    assert!(junit.split("</testcase>").any(|c| failed(&c)));
    let v: serde_json::Value = serde_json::from_str(&sarif(&s.result).unwrap()).unwrap();
    let results = v["runs"][0]["results"].as_array().unwrap();
    assert!(results.iter().any(|r| r["ruleId"] == "camera/sent" && r["level"] == "error"));
}

#[test]
fn junit_fails_what_the_gate_fails() {
    let s = sample();
    let at = |rung| junit(&s.result, rung).unwrap();
    let case = |d: &str, class: &str, state: &str| {
        let head = format!("<testcase classname=\"stakeout.{class}\" name=\"{state}\"");
        d.split("</testcase>").find(|c| c.contains(&head)).unwrap().to_owned()
    };
    let opened = at(stakeout_contract::Rung::Opened);
    assert!(case(&opened, "camera.opened", "background").contains("<failure"));
    assert!(case(&opened, "camera.opened", "in_use").contains("<system-out"));
    assert!(case(&opened, "location.read", "background").contains("<error"));
    assert!(case(&opened, "calendar.read", "background").contains("<skipped"));
    assert!(case(&opened, "sms.read", "background").contains("at most 63 % of trials"));
    let sent = at(stakeout_contract::Rung::Transmitted);
    assert!(!case(&sent, "camera.opened", "background").contains("<failure"));
    assert!(case(&sent, "camera.transmitted", "background").contains("<failure"));
    assert_eq!(at(stakeout_contract::Rung::Read), opened, "opened and read are one step");
}

#[test]
fn junit_has_no_error_where_the_gate_has_none() {
    let mut s = sample();
    let background = |v: &&mut stakeout_contract::result::Verdict| v.device_state == stakeout_contract::DeviceState::Background;
    let v = s.result.sending.iter_mut().find(background).unwrap();
    let reason = |code: &str| stakeout_contract::result::Reason { code: code.into(), text: "t".into(), settled_by: "s".into() };
    (v.verdict, v.reasons) = (stakeout_contract::Answer::Inconclusive, vec![reason("unread_picture")]);
    let head = format!("<testcase classname=\"stakeout.{}.sent\" name=\"background\"", v.kind);
    let errors = |s: &Sample| {
        let text = junit(&s.result, stakeout_contract::Rung::Opened).unwrap();
        text.split("</testcase>").find(|c| c.contains(&head)).unwrap().contains("<error")
    };
    assert!(!errors(&s));
    s.result.sending.iter_mut().find(background).unwrap().reasons.push(reason("encrypted"));
    assert!(errors(&s));
}

#[test]
fn the_page_is_the_same_without_what_matters_to_nobody() {
    let mut s = hostile();
    for t in &mut s.trials {
        t.saw(800, Fact::Log { line: "a line".to_owned() });
        t.saw(800, Fact::File { path: "/data/x".to_owned(), change: "written".to_owned(), bytes: Some(7), to: None });
        t.saw(800, Fact::Delivered { sensor: Sensor::Camera, facing: None, session: 1, first: 1, last: 2, count: 2 });
    }
    let whole = html(&s.input()).unwrap();
    let all = s.trials.iter().map(|t| t.observations.len()).sum::<usize>();
    for t in &mut s.trials {
        t.observations.retain(stakeout_domain::matters::to_anyone);
    }
    assert!(s.trials.iter().map(|t| t.observations.len()).sum::<usize>() + 9 <= all);
    assert!(html(&s.input()).unwrap() == whole, "the page reads a fact that is left out");
}
