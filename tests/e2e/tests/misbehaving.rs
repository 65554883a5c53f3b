//! Apps that crash, hang, hog, hide or flood: never a clean verdict, and nothing left behind.
#![allow(clippy::unwrap_used)]

use stakeout_contract::{
    Answer::{Inconclusive, Proven},
    DeviceState::Background,
    Kind::Camera,
    Rung::{Opened, Transmitted},
};
use stakeout_e2e::{Answers, Stakeout, app, left_in_the_cache, left_on_the_engine, scenario, stderr, text, truth};

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
    run("diskfill").never_clean();
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
    let s = Stakeout::new();
    for name in ["nasty", "nasty-zip"] {
        let o = s.call(&[
            "run",
            &text(&app(name)),
            "--scenario",
            &text(&scenario("misbehaving")),
            "--trials",
            "1",
            "--force",
            "--out",
            &text(&s.out()),
        ]);
        let said = stderr(&o);
        assert!(!said.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{name}: {said:?}");
        if let Ok(page) = std::fs::read_to_string(s.out().join("report.html")) {
            assert!(!page.contains("<script>alert") && !page.contains("\u{202e}") && !page.contains('\x1b'), "{name}");
        }
        assert!(!std::path::Path::new("/tmp/climbed").exists());
    }
}
