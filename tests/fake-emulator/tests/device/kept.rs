//! What an app deletes or writes over: the keeper runs for real, on the stand-in's files.

use serde_json::{Value, json};

use crate::{trial::files, worker::Worker};

const PACKAGE: &str = "net.example.played";

fn at(path: &str) -> String {
    format!("/data/data/{PACKAGE}/files/{path}")
}

fn write(on: &str, after: u32, path: &str, text: &str) -> Value {
    json!({"on": on, "after": after, "do": {"write_file": {"path": path, "text": text}}})
}

fn delete(on: &str, after: u32, path: &str) -> Value {
    json!({"on": on, "after": after, "do": {"delete_file": {"path": path}}})
}

/// What the facts say of a change: path, bytes, and what was kept of it, in the order of time.
fn changes(w: &Worker, files: &std::collections::BTreeMap<String, Vec<u8>>, change: &str) -> Vec<(String, f64, Option<String>)> {
    let of = |f: &(f64, Value)| {
        let kept = f.1["to"].as_str().map(|t| String::from_utf8_lossy(&files[t]).into_owned());
        (f.1["path"].as_str().unwrap().to_owned(), f.0, kept)
    };
    w.facts("file").iter().filter(|f| f.1["change"] == change).map(of).collect()
}

/// What is not watched of stored pictures, which this device could see.
fn doubts(w: &Worker) -> Vec<String> {
    let camera = |v: &Value| v["kinds"].as_array().unwrap().contains(&json!("camera")) && v["rung"] == "stored";
    w.facts("not_watched").into_iter().filter(|(_, v)| camera(v)).map(|(_, v)| v["what"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_the_app_deletes_is_kept_and_dated_by_the_guest() {
    let shared = "/sdcard/Download/shared.txt";
    let script = json!({"package": PACKAGE, "steps": [
        write("launch", 5, &at("gone.txt"), "deleted by the app"),
        delete("launch", 25, &at("gone.txt")),
        write("launch", 5, &at("state.txt"), "first"),
        write("launch", 25, &at("state.txt"), "second"),
        write("launch", 5, shared, "shared"),
        delete("launch", 25, shared),
    ]});
    let mut w = Worker::assigned("", "grant-all").await;
    w.install(&script).await;
    w.ok(json!({"verb": "launch"})).await;
    let before = w.advance(15).await as f64 / 1e9;
    w.advance(30).await;
    let after = w.advance(0).await as f64 / 1e9;
    let snapshot = w.ok(json!({"verb": "snapshot_files", "max_bytes": 1_000_000, "max_files": 100})).await;
    let got = files(&w.blobs[&w.last()]);
    let deleted = changes(&w, &got, "deleted");
    let kept = |path: &str| deleted.iter().find(|d| d.0 == path).unwrap_or_else(|| panic!("{deleted:?}")).clone();
    for (path, text) in [(at("gone.txt"), "deleted by the app"), (shared.to_owned(), "shared")] {
        let (_, when, what) = kept(&path);
        assert_eq!(what.as_deref(), Some(text));
        assert!((before..after).contains(&when), "{path} was deleted at {when}, and not between {before} and {after}");
    }
    let replaced = changes(&w, &got, "replaced");
    assert_eq!(replaced.iter().map(|r| (r.0.as_str(), r.2.as_deref())).collect::<Vec<_>>(), [(at("state.txt").as_str(), Some("first"))]);
    let written = changes(&w, &got, "written");
    assert_eq!(written.iter().filter(|f| f.0 == at("state.txt")).count(), 2, "{written:?}");
    assert_eq!(snapshot["lost_files"], 0);
    assert_eq!(doubts(&w), Vec::<String>::new());
    w.ok(json!({"verb": "stop"})).await;
    assert!(w.vanish().await.is_ok());
}

#[tokio::test]
async fn after_a_restart_it_goes_on_and_the_gap_is_told() {
    let script = json!({"package": PACKAGE, "steps": [
        write("launch", 2, &at("a.txt"), "before"),
        delete("launch", 10, &at("a.txt")),
        write("boot", 30, &at("b.txt"), "after"),
        delete("boot", 60, &at("b.txt")),
    ]});
    let mut w = Worker::assigned("", "grant-all").await;
    w.install(&script).await;
    w.ok(json!({"verb": "launch"})).await;
    w.advance(20).await;
    w.ok(json!({"verb": "reboot"})).await;
    w.advance(90).await;
    w.ok(json!({"verb": "snapshot_files", "max_bytes": 1_000_000, "max_files": 100})).await;
    let got = files(&w.blobs[&w.last()]);
    let deleted: Vec<_> = changes(&w, &got, "deleted").into_iter().map(|d| (d.0, d.2)).collect();
    assert_eq!(deleted, [(at("a.txt"), Some("before".to_owned())), (at("b.txt"), Some("after".to_owned()))]);
    let doubts = doubts(&w);
    assert!(doubts.len() == 1 && doubts[0].contains("between a restart of the phone"), "{doubts:?}");
}

#[tokio::test]
async fn without_it_nothing_is_said_of_what_was_deleted() {
    let script = json!({"package": PACKAGE, "steps": [write("launch", 2, &at("a.txt"), "here")]});
    for (fault, says) in [("keeper-refused", "not executable: 64-bit ELF file"), ("keeper-dies=launch", "has ended before its time")] {
        let mut w = Worker::assigned(fault, "grant-all").await;
        w.install(&script).await;
        w.ok(json!({"verb": "launch"})).await;
        w.advance(60).await;
        w.ok(json!({"verb": "snapshot_files", "max_bytes": 1_000_000, "max_files": 100})).await;
        assert!(files(&w.blobs[&w.last()]).contains_key(&format!("files{}", at("a.txt"))), "{fault}");
        let doubts = doubts(&w);
        assert!(doubts.len() == 1 && doubts[0].contains(says), "{fault}: {doubts:?}");
    }
}
