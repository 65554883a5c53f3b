use super::*;

fn read(text: &str) -> Result<Scenario, String> {
    serde_json::from_str(text).map_err(|e| e.to_string())
}

#[test]
fn a_standby_bucket_is_a_step() {
    let step: Step = serde_json::from_str(r#"{"standbyBucket":"workingSet"}"#).unwrap();
    assert_eq!((step.summary().as_str(), &step), ("standbyBucket workingSet", &Step::StandbyBucket(StandbyBucket::WorkingSet)));
    assert_eq!(serde_json::to_string(&step).unwrap(), r#"{"standbyBucket":"workingSet"}"#);
    let bad = |text: &str| serde_json::from_str::<Step>(text).unwrap_err().to_string();
    assert!(bad(r#"{"standbyBucket":"seldom"}"#).contains("expected one of `active`, `workingSet`, `frequent`, `rare`, `restricted`"));
    assert!(bad(r#""standbyBucket""#).contains("needs parameters"));
}

#[test]
fn a_scenario_survives_its_written_form() {
    let text = r#"{"name":"idle","steps":["launchApp",{"tapOn":"Agree"},{"idle":{"state":"screenOff","for":"8h"}},"reboot",{"idle":{"state":"background","for":"10m"}}]}"#;
    let s = read(text).unwrap();
    s.check().unwrap();
    assert_eq!(serde_json::from_value::<Scenario>(serde_json::to_value(&s).unwrap()).unwrap(), s);
    assert_eq!(s.virtual_length().as_secs(), 8 * 3600 + 600);
    assert_eq!(s.states(), [crate::DeviceState::InUse, crate::DeviceState::ScreenOff, crate::DeviceState::AfterReboot]);
}

#[test]
fn mistakes_are_named() {
    for (text, says) in [
        (r#"{"name":"x","steps":["lunchApp"]}"#, "unknown step `lunchApp`"),
        (r#"{"name":"x","steps":["idle"]}"#, "needs parameters"),
        (r#"{"name":"x","stps":[]}"#, "unknown field `stps`"),
        (r#"{"name":"x","steps":[{"idle":{"state":"backgrond","for":"1m"}}]}"#, "unknown variant `backgrond`"),
        (r#"{"name":"x","steps":[{"idle":{"state":"background","for":"1 week"}}]}"#, "not a length of time"),
    ] {
        let e = read(text).unwrap_err();
        assert!(e.contains(says), "{e}");
    }
}

#[test]
fn lengths_read_and_write_alike() {
    for s in ["90s", "5m", "8h", "1h30m", "2d", "250ms"] {
        let span: Span = s.parse().unwrap();
        assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
    }
    for s in ["", "5", "m", "-1s", "1y", "99999999999999999999s", "1.5h"] {
        assert!(s.parse::<Span>().is_err(), "{s}");
    }
}

#[test]
fn a_start_that_is_no_time_is_refused() {
    let mut s = read(r#"{"name":"x","steps":["launchApp"]}"#).unwrap();
    s.start_at = "yesterday".to_owned();
    assert!(s.check().unwrap_err().to_string().contains("startAt"));
}

#[test]
fn no_trial_holds_its_slot_for_longer_than_a_week() {
    let with = |deadline: &str| read(&format!(r#"{{"name":"x","deadline":"{deadline}","steps":["launchApp"]}}"#)).unwrap().check();
    assert!(with("7d").is_ok() && with("1s").is_ok());
    for out in ["169h", "10000d", "0s"] {
        assert!(with(out).unwrap_err().to_string().contains("`deadline` is out of range"), "{out}");
    }
}

#[test]
fn all_that_is_wrong_is_told_with_the_way_to_it() {
    let s = read(
        r#"{"name":"x","trials":0,"device":{"timezone":"Mars"},"steps":["launchApp",{"pressKey":"hme"}],
            "network":{"stubs":[{"host":"a.example"},{"host":"b.example","status":9}]}}"#,
    );
    let problems = s.unwrap().problems();
    let ways: Vec<&[Part<'_>]> = problems.iter().map(ScenarioProblem::at).collect();
    let expected: [&[Part<'_>]; 4] = [
        &[Part::Key("device"), Part::Key("timezone")],
        &[Part::Key("trials")],
        &[Part::Key("steps"), Part::Index(1), Part::Key("pressKey")],
        &[Part::Key("network"), Part::Key("stubs"), Part::Index(1)],
    ];
    assert_eq!(ways, expected);
}

#[test]
fn what_a_device_could_not_look_for_or_type_is_refused_before_there_is_one() {
    let with =
        |consent: &str, step: &str| read(&format!(r#"{{"name":"x","consent":{consent},"steps":["launchApp",{step}]}}"#)).unwrap().check();
    for good in [r#"{"tapOn":"(?i)ok|好"}"#, r#"{"tapOn":{"id":"a"}}"#, r#"{"tapOn":{"point":[1,2]}}"#, r#"{"inputText":""}"#] {
        assert_eq!(with("[]", good), Ok(()), "{good}");
    }
    for (consent, step, says) in [
        ("[]", r#"{"tapOn":"("}"#, "steps[1].tapOn: `(` is no regular expression"),
        ("[]", r#"{"tapOn":{}}"#, "steps[1]: `tapOn` does not say what"),
        ("[]", r#"{"tapOn":{"optional":true}}"#, "steps[1]: `tapOn` does not say what"),
        ("[]", r#"{"inputText":{"id":"a"}}"#, "steps[1]: `inputText` does not say what is typed"),
        ("[]", r#"{"inputText":{"text":"a","secret":"B"}}"#, "steps[1]: `inputText` does not say what is typed"),
        (r#"["ok","[a"]"#, r#"{"tapOn":"a"}"#, "consent[1]: `[a` is no regular expression"),
    ] {
        let said = with(consent, step).unwrap_err().to_string();
        assert!(said.contains(says) && said.contains("hint: "), "{said}");
    }
    let many = serde_json::to_string(&vec!["a"; CONSENTS + 1]).unwrap();
    assert!(with(&many, r#"{"tapOn":"a"}"#).unwrap_err().to_string().contains("`consent` has 101 expressions"));
}
