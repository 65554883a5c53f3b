//! Apps that crash, hang, hog, hide or flood: never a clean verdict, and nothing left behind.
#![allow(clippy::unwrap_used)]

use stakeout_contract::{
    Answer::{Inconclusive, Proven},
    DeviceState::Background,
    Kind::Camera,
    Rung::{Opened, Transmitted},
    trial::TrialState,
};
use stakeout_e2e::{Answers, Stakeout, app, left_in_the_cache, left_on_the_engine, scenario, text, truth};

fn run(name: &str) -> Answers {
    let a = Stakeout::new().run(&app(name), &scenario("misbehaving"), &["--trials", "1"]);
    assert!(left_on_the_engine().is_empty(), "{name}");
    assert!(left_in_the_cache().is_empty(), "{name}");
    a
}

#[test]
fn an_app_that_crashes_at_its_start_is_inconclusive() {
    let a = run("crash");
    a.never_clean();
    assert!(a.says("crashed") || a.says("trial_failed"), "{:#?}", a.result.trials);
}

#[test]
fn an_app_that_never_stops_running_is_inconclusive() {
    let a = run("spin");
    a.never_clean();
    assert!(a.says("clock_held") || a.says("not_responding") || a.says("trial_failed"), "{:#?}", a.result.trials);
}

#[test]
fn an_app_that_takes_all_memory_is_inconclusive() {
    let a = run("hog");
    a.never_clean();
    assert!(a.says("out_of_memory") || a.says("trial_failed"), "{:#?}", a.result.trials);
}

#[test]
fn an_app_that_fills_the_disk_is_inconclusive() {
    let a = run("diskfill");
    a.never_clean();
    // What could not be written is lost evidence, if the device lived; its disk is memory, so it may not have.
    let told = ["evidence_lost", "out_of_memory", "trial_failed"];
    assert!(told.iter().any(|code| a.says(code)), "{:#?}", a.result.trials);
}

#[test]
fn an_app_that_starts_processes_is_inconclusive() {
    let a = run("forks");
    a.never_clean();
    assert!(a.says("escape") || a.says("trial_failed"), "{:#?}", a.result.trials);
}

#[test]
fn an_app_that_needs_native_code_is_inconclusive() {
    let a = run("native");
    a.never_clean();
    assert!(a.says("native_code"));
}

#[test]
fn an_app_that_waits_by_the_kernel_and_by_its_server_waits_by_the_devices_clock() {
    let a = Stakeout::new().run(&app("realtime"), &scenario("../idle-demo"), &["--trials", "1"]);
    a.is(Camera, Transmitted, Background, Proven);
}

#[test]
fn an_app_that_looks_for_the_device_meets_a_phone() {
    let a = run("detects");
    // It does what it would do on a phone, so what it does not do there is no pretence.
    assert_eq!(a.code, 10, "{}", a.stderr);
    a.is(Camera, Transmitted, Background, Proven);
}

#[test]
fn an_app_that_writes_a_hundred_thousand_files_is_inconclusive() {
    let a = run("manyfiles");
    a.never_clean();
    // How far it comes before its thread, which never pauses, is let go depends on the machine: beyond the limit of files, or not.
    let told = ["evidence_lost", "step_failed", "trial_failed", "analysis_incomplete", "clock_held"];
    assert!(told.iter().any(|code| a.says(code)), "{:#?}", a.result.trials);
}

#[test]
fn an_app_that_floods_the_log_is_inconclusive() {
    let a = run("logflood");
    a.never_clean();
    assert!(["evidence_lost", "step_failed", "trial_failed"].iter().any(|code| a.says(code)), "{:#?}", a.result.trials);
}

#[test]
fn an_app_behind_a_login_is_inconclusive_until_it_is_given_an_account() {
    let t = truth("login");
    let s = Stakeout::new();
    let a = s.run(&app("login"), &scenario("misbehaving"), &["--trials", "1"]);
    a.is(Camera, Opened, Background, Inconclusive);
    let secret = t["account"]["password"].as_str().unwrap();
    let file = s.dir.path().join("secret");
    std::fs::write(&file, secret).unwrap();
    let s2 = Stakeout::new();
    let b = s2.run(&app("login"), &scenario("login"), &["--trials", "1", "--secret", &format!("password=file:{}", text(&file))]);
    b.is(Camera, Transmitted, Background, Proven);
    // The secret is nowhere in what is kept, nor in what was said.
    assert!(!b.stderr.contains(secret));
    let bundle = stakeout_bundle::Bundle::open(&s2.out().join("bundle.zip")).unwrap();
    for name in bundle.names() {
        let bytes = bundle.read(name).unwrap();
        assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()), "the secret is in `{name}`");
    }
}

#[test]
fn hostile_text_stays_text() {
    for name in ["nasty", "nasty-zip"] {
        let s = Stakeout::new();
        let (apk, steps, out) = (text(&app(name)), text(&scenario("misbehaving")), text(&s.out()));
        let o = s.call(&["run", &apk, "--scenario", &steps, "--trials", "1", "--out", &out]);
        let printed = String::from_utf8_lossy(&o.stdout).into_owned();
        let a = Answers::read(&s.out(), o);
        // It ran to its end, so all that it says was there to be shown.
        assert_eq!(a.result.trials[0].end.state, TrialState::Finished, "{name}: {}", a.stderr);
        assert!(matches!(a.code, 0 | 11), "{name}: {}: {}", a.code, a.stderr);
        let turns = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!a.stderr.chars().any(turns) && !printed.chars().any(turns), "{name}: {:?} {printed:?}", a.stderr);
        // The page says what the app calls itself, as text.
        assert!(a.result.app.label.contains("<script>alert(1)</script>"), "{name}: {:?}", a.result.app.label);
        let page = s.page();
        assert!(page.contains("<dt>App</dt><dd>&#60;script&#62;alert(1)&#60;/script&#62;\u{fffd}[31m\u{fffd}gnp.exe"), "{name}");
        assert!(!page.contains("<script") && !page.contains("<img src=x") && !page.contains('\u{202e}'), "{name}");
        assert!(!page.contains('\x1b') && !page.contains('\u{7}'), "{name}");
        assert!(!std::path::Path::new("/tmp/climbed").exists());
    }
}
