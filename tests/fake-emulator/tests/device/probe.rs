//! A phone is proven before the app comes, and what proves it is no part of the trial.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::worker::{Worker, apk, layout};

/// The probe as the stand-in plays it: its own script.
pub(crate) fn probe(folder: &std::path::Path) -> PathBuf {
    let text = include_str!("../../../../images/emulator/probe/assets/stakeout-played.json");
    let filled = [("@PKG@", "org.stakeout.probe"), ("@VERSION_NAME@", "1"), ("@VERSION_CODE@", "1"), ("@TARGET@", "34")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    let path = folder.join("probe.apk");
    std::fs::write(&path, apk(&serde_json::from_str(&filled).unwrap())).unwrap();
    path
}

/// A device with a probe, assigned.
async fn assigned(faults: &str) -> Worker {
    let (folder, mut layout) = layout(faults, false, &[]);
    layout.probe = Some(probe(folder.path()));
    let mut w = Worker::in_layout(folder, layout).await;
    w.ok(json!({"verb": "boot", "api": 34, "locale": "en-US"})).await;
    w.ok(Worker::assignment("grant-all")).await;
    w
}

fn plant() -> Value {
    json!({"verb": "plant", "data": {
        "contacts": [{"name": "O'Neil 王", "phone": "13912345678", "email": ""}]}})
}

#[tokio::test]
async fn a_phone_that_sees_hears_and_reads_is_ready_and_the_probe_leaves_nothing() {
    let mut w = assigned("").await;
    w.ok(plant()).await;
    let said = w.logs().into_iter().find(|l| l.starts_with("probe: ")).expect("it is said");
    assert!(said.contains("the back camera shows frame") && said.contains("lines of contacts"), "{said}");
    w.install(&json!({"package": "net.example.played", "steps": []})).await;
    w.ok(json!({"verb": "launch"})).await;
    w.advance(30).await;
    for fact in ["opened", "delivered", "read", "crashed"] {
        assert_eq!(w.facts(fact), [], "what the probe did is not the app's");
    }
    let files = w.ok(json!({"verb": "snapshot_files", "max_bytes": 1_000_000, "max_files": 10})).await;
    assert_eq!(files["files"], 0);
}

#[tokio::test]
async fn a_phone_whose_apps_no_server_answers_is_not_used_where_every_name_is_answered() {
    let (folder, mut layout) = layout("", false, &[]);
    layout.probe = Some(probe(folder.path()));
    let mut w = Worker::in_layout(folder, layout).await;
    w.ok(json!({"verb": "boot", "api": 34, "locale": "en-US"})).await;
    let mut assignment = Worker::assignment("grant-all");
    assignment["answered"] = json!(true);
    w.ok(assignment).await;
    // There is no gateway here.
    let e = w.ask(plant()).await.unwrap_err();
    assert!(e["message"].as_str().unwrap().contains("the probe's `call`"), "{e}");
}

#[tokio::test]
async fn a_phone_that_is_not_is_not_used_and_the_reason_names_what_failed() {
    for (faults, part, why) in [
        ("scene-magenta", "`back`", "did not open its picture"),
        ("mic-silent", "`sound`", "samples of silence"),
        ("app-crashes", "`launch`", "its process has ended"),
    ] {
        let mut w = assigned(faults).await;
        let e = w.ask(plant()).await.expect_err(faults);
        let said = e["message"].as_str().unwrap();
        assert_eq!(e["code"], "failed", "the device's fault, and another try may go better: {e}");
        assert!(said.contains(part) && said.contains(why), "{faults}: {said}");
    }
}
