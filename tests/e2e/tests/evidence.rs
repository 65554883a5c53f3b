//! The chain of evidence: a bundle is checked and analysed again by somebody who has nothing else.
#![allow(clippy::unwrap_used, clippy::type_complexity, reason = "a test suite")]

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use stakeout_bundle::{Bundle, Writer, keys::SigningKey};
use stakeout_contract::{artifact::Role, trial::TrialRecord};
use stakeout_e2e::{Stakeout, app, program, repository, stderr, target, text};

/// One run of the accused app, shared by these tests.
fn bundle() -> &'static (Stakeout, PathBuf) {
    static ONE: OnceLock<(Stakeout, PathBuf)> = OnceLock::new();
    ONE.get_or_init(|| {
        let s = Stakeout::new();
        let a = s.run(&app("loud"), &target().join("apps/idle-demo.yaml"), &["--trials", "1"]);
        assert_eq!(a.code, 10, "{}", a.stderr);
        let path = s.out().join("bundle.zip");
        (s, path)
    })
}

fn rewrite(from: &Path, to: &Path, change: &dyn Fn(&str, Vec<u8>) -> Option<Vec<u8>>) {
    let b = Bundle::open(from).unwrap();
    let mut z = zip::ZipWriter::new(std::fs::File::create(to).unwrap());
    for n in b.names() {
        if let Some(bytes) = change(n, b.read(n).unwrap()) {
            z.start_file(n, zip::write::SimpleFileOptions::default()).unwrap();
            std::io::Write::write_all(&mut z, &bytes).unwrap();
        }
    }
    z.finish().unwrap();
}

/// One test, as each test is a process of its own and the run is what takes time.
#[test]
fn a_bundle_is_checked_and_analysed_again_by_somebody_who_has_nothing_else() {
    a_bundle_verifies_against_its_operator_and_nobody_else();
    a_changed_entry_is_named();
    everything_is_found_again_from_the_bytes_alone();
    another_key_finds_nothing_and_a_swapped_artifact_is_told();
    a_record_that_claims_more_than_was_planted_is_named_by_both_commands();
    a_shared_bundle_still_verifies();
    what_the_readme_says_to_do_with_a_result_works();
    the_capture_decrypts_in_tshark_and_the_flows_are_a_har();
}

fn a_bundle_verifies_against_its_operator_and_nobody_else() {
    let (s, path) = bundle();
    assert_eq!(s.call(&["verify", &text(path), "--receipt", &text(&s.out().join("receipt.json"))]).status.code(), Some(0));
    let stranger = Stakeout::new();
    assert_eq!(stranger.call(&["verify", &text(path)]).status.code(), Some(3));
    let key = text(&s.dir.path().join("data/operator.pub"));
    assert_eq!(stranger.call(&["verify", &text(path), "--key", &key]).status.code(), Some(0));
}

fn a_changed_entry_is_named() {
    let (s, path) = bundle();
    let changed = s.dir.path().join("changed.zip");
    rewrite(path, &changed, &|n, mut b| {
        if n == "trials/1/observations.jsonl" {
            b[10] ^= 1;
        }
        Some(b)
    });
    let o = s.call(&["verify", &text(&changed)]);
    assert_eq!(o.status.code(), Some(1));
    assert!(stderr(&o).contains("trials/1/observations.jsonl"), "{}", stderr(&o));
}

fn everything_is_found_again_from_the_bytes_alone() {
    let (s, path) = bundle();
    let o = s.call(&["analyze", &text(path), "--json"]);
    assert_eq!(o.status.code(), Some(0), "{}", stderr(&o));
    let bare = s.dir.path().join("bare.zip");
    rewrite(path, &bare, &|n, b| (!["result.json", "report.html", "trials/1/findings.json"].contains(&n)).then_some(b));
    let again = s.call(&["analyze", &text(&bare), "--json"]);
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
    let findings =
        |o: &std::process::Output| serde_json::from_slice::<serde_json::Value>(&o.stdout).unwrap()["trials"][0]["findings"].clone();
    assert_eq!(findings(&o), findings(&again));
    assert!(findings(&o).as_array().unwrap().len() > 50);
}

fn another_key_finds_nothing_and_a_swapped_artifact_is_told() {
    let (s, path) = bundle();
    let other = s.dir.path().join("other.zip");
    rewrite(path, &other, &|n, b| {
        if n != "trials/1/trial.json" {
            return Some(b);
        }
        let mut r: serde_json::Value = serde_json::from_slice(&b).unwrap();
        let key = [5u8; 32];
        r["key"] = serde_json::json!("05".repeat(32));
        r["commitment"] = serde_json::json!(stakeout_contract::Sha256Digest::of(&key).to_string());
        Some(serde_json::to_vec(&r).unwrap())
    });
    let o = s.call(&["analyze", &text(&other), "--json"]);
    assert_eq!(o.status.code(), Some(1), "{}", stderr(&o));
    let v: serde_json::Value = serde_json::from_slice(&o.stdout).unwrap();
    let proofs = v["trials"][0]["findings"].as_array().unwrap().iter().filter(|f| f["lead"] != true).count();
    assert_eq!(proofs, 0);
    assert!(v["differences"].to_string().contains("canary `contacts/0`"), "{}", v["differences"]);

    let record: TrialRecord = Bundle::open(path).unwrap().json("trials/1/trial.json").unwrap();
    let victim = record.artifacts.iter().find(|a| a.role == Role::FlowRequest && a.size > 2000).unwrap();
    let name = format!("trials/1/artifacts/{}", victim.sha256);
    let swapped = s.dir.path().join("swapped.zip");
    rewrite(path, &swapped, &|n, b| Some(if n == name { b"another".to_vec() } else { b }));
    assert_eq!(s.call(&["analyze", &text(&swapped)]).status.code(), Some(1));

    // A result of another app, and one without what was proven, do not follow from the bytes.
    let forged = s.dir.path().join("forged.zip");
    rewrite(path, &forged, &|n, b| {
        if n != "result.json" {
            return Some(b);
        }
        let mut r: serde_json::Value = serde_json::from_slice(&b).unwrap();
        r["app"]["package"] = serde_json::json!("org.example.other");
        r["verdicts"].as_array_mut().unwrap().retain(|v| v["verdict"] != "proven");
        Some(serde_json::to_vec(&r).unwrap())
    });
    let o = s.call(&["analyze", &text(&forged)]);
    assert_eq!(o.status.code(), Some(1), "{}", stderr(&o));
    assert!(stderr(&o).contains("result.json.app.package") && stderr(&o).contains("result.json.verdicts"), "{}", stderr(&o));
}

fn a_shared_bundle_still_verifies() {
    let (s, path) = bundle();
    let out = s.dir.path().join("shared.zip");
    let o = s.call(&["share", &text(path), "--out", &text(&out), "--without", "trials/*/artifacts/*", "--without", "*/capture.pcapng"]);
    assert_eq!(o.status.code(), Some(0), "{}", stderr(&o));
    let o = s.call(&["verify", &text(&out)]);
    let told = String::from_utf8_lossy(&o.stdout);
    assert!(o.status.code() == Some(0) && told.contains("trials/1/artifacts/") && !told.contains("left out whole"), "{told}");
    // Nothing contradicts what is left, and nobody takes it for the whole.
    let o = s.call(&["analyze", &text(&out)]);
    assert_eq!(o.status.code(), Some(4), "{}", stderr(&o));
    assert!(stderr(&o).contains("the bundle is incomplete"), "{}", stderr(&o));
    let none = s.dir.path().join("none.zip");
    s.call(&["share", &text(path), "--out", &text(&none), "--without", "trials/1/*"]);
    let o = s.call(&["verify", &text(&none)]);
    assert!(String::from_utf8_lossy(&o.stdout).contains("trial 1 was left out whole"), "{o:?}");
}

/// The lines of the README's example that begin from a run's folder, as a reader copies them into a shell.
fn what_the_readme_says_to_do_with_a_result_works() {
    let (s, _) = bundle();
    std::os::unix::fs::symlink(s.out(), s.dir.path().join("result")).unwrap();
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let lines: Vec<&str> = readme
        .lines()
        .filter(|l| ["stakeout report result", "stakeout verify result/", "stakeout share result/"].iter().any(|b| l.starts_with(b)))
        .collect();
    assert!(lines.len() >= 3, "{lines:?}");
    let path = format!("{}:{}", text(program("stakeout").parent().unwrap()), std::env::var("PATH").unwrap());
    for line in lines {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(s.dir.path()).env("PATH", &path).env("STAKEOUT_DATA", s.dir.path().join("data"));
        let o = shell.output().unwrap();
        assert_eq!(o.status.code(), Some(0), "{line}\n{}", stderr(&o));
    }
}

fn a_record_that_claims_more_than_was_planted_is_named_by_both_commands() {
    let (s, path) = bundle();
    let claimed = s.dir.path().join("claimed.zip");
    rewrite(path, &claimed, &|n, b| {
        if n != "trials/1/trial.json" {
            return Some(b);
        }
        let mut r: serde_json::Value = serde_json::from_slice(&b).unwrap();
        let more = serde_json::json!({"id": "contacts/99", "kind": "contacts", "label": "", "needles": [{"text": "POST /", "bits": 65}]});
        r["canaries"].as_array_mut().unwrap().push(more);
        Some(serde_json::to_vec(&r).unwrap())
    });
    let o = s.call(&["analyze", &text(&claimed), "--json"]);
    assert_eq!(o.status.code(), Some(1), "{}", stderr(&o));
    let v: serde_json::Value = serde_json::from_slice(&o.stdout).unwrap();
    assert!(v["differences"].to_string().contains("`contacts/99` does not follow from the key"), "{}", v["differences"]);
    assert!(!v["trials"][0]["findings"].to_string().contains("contacts/99"));
    // Its own operator signs it again: then `verify` has no changed entry to name.
    let operator = SigningKey::load_or_create(&s.dir.path().join("data/operator.pem")).unwrap();
    let (b, again) = (Bundle::open(&claimed).unwrap(), s.dir.path().join("claimed-signed.zip"));
    let mut w = Writer::create(&again).unwrap();
    for n in
        b.names().filter(|n| !["manifest.json", "manifest.dsse.json", "salts.json"].contains(n) && !n.ends_with("/statement.dsse.json"))
    {
        w.add(n, &b.read(n).unwrap()).unwrap();
    }
    w.finish(b.json("manifest.json").unwrap(), &operator).unwrap();
    let o = s.call(&["verify", &text(&again)]);
    assert!(o.status.code() == Some(1) && stderr(&o).contains("`contacts/99` does not follow from the key"), "{}", stderr(&o));
}

fn the_capture_decrypts_in_tshark_and_the_flows_are_a_har() {
    let (s, path) = bundle();
    let b = Bundle::open(path).unwrap();
    let pcap = s.dir.path().join("c.pcapng");
    std::fs::write(&pcap, b.read("trials/1/capture.pcapng").unwrap()).unwrap();
    let o = Command::new("tshark")
        .args(["-r", &text(&pcap), "-Y", "http.request.method == POST", "-T", "fields", "-e", "http.host"])
        .output()
        .unwrap();
    let hosts = String::from_utf8_lossy(&o.stdout);
    assert!(hosts.lines().count() > 3, "{hosts}{}", stderr(&o));
    let har: serde_json::Value = serde_json::from_slice(&b.read("trials/1/flows.har").unwrap()).unwrap();
    assert_eq!(har["log"]["version"], "1.2");
    let entries = har["log"]["entries"].as_array().unwrap();
    assert!(entries.len() > 3);
    // What a browser's importer reads of each entry, of the kind that HAR 1.2 gives it.
    let (string, number, list, object) = ("string", "number", "list", "object");
    let fields = [
        ("/startedDateTime", string),
        ("/time", number),
        ("/cache", object),
        ("/timings/send", number),
        ("/timings/wait", number),
        ("/timings/receive", number),
        ("/request/method", string),
        ("/request/url", string),
        ("/request/httpVersion", string),
        ("/request/cookies", list),
        ("/request/headers", list),
        ("/request/queryString", list),
        ("/request/headersSize", number),
        ("/request/bodySize", number),
        ("/response/status", number),
        ("/response/statusText", string),
        ("/response/httpVersion", string),
        ("/response/cookies", list),
        ("/response/headers", list),
        ("/response/content/size", number),
        ("/response/content/mimeType", string),
        ("/response/redirectURL", string),
        ("/response/headersSize", number),
        ("/response/bodySize", number),
    ];
    for entry in entries {
        for (at, wanted) in fields {
            let found = entry.pointer(at).unwrap_or_else(|| panic!("no `{at}` in {entry:#}"));
            let is = match found {
                serde_json::Value::String(_) => string,
                serde_json::Value::Number(_) => number,
                serde_json::Value::Array(_) => list,
                serde_json::Value::Object(_) => object,
                _ => "something else",
            };
            assert_eq!(is, wanted, "`{at}`: {found}");
        }
        assert!(entry["request"]["url"].as_str().unwrap().starts_with("http"), "{}", entry["request"]["url"]);
    }
}

#[test]
fn files_outside_a_bundle_are_recognised_offline() {
    let s = Stakeout::new();
    let (trial, feed) = (text(&s.dir.path().join("t.json")), text(&s.dir.path().join("feed")));
    assert!(s.call(&["feed", "new", "--out", &trial, "--seed", "7"]).status.success());
    assert!(s.call(&["feed", "render", "--trial", &trial, "--out", &feed, "--frames", "100..102", "--audio", "3..6"]).status.success());
    let o = s.call(&["analyze", &format!("{feed}/frame-00000100.jpg"), &format!("{feed}/audio-3-6.wav"), "--trial", &trial, "--json"]);
    let found: serde_json::Value = serde_json::from_slice(&o.stdout).unwrap_or_else(|e| panic!("{e}: {}", stderr(&o)));
    let has = |f: &dyn Fn(&serde_json::Value) -> bool| found.as_array().unwrap().iter().any(f);
    assert!(has(&|f| f["kind"] == "camera" && f["frames"] == serde_json::json!([100, 100])), "{found:#}");
    assert!(has(&|f| f["kind"] == "microphone" && f["seconds"][0].as_f64().is_some_and(|s| (2.8..3.3).contains(&s))), "{found:#}");
}

#[test]
fn strangers_files_are_refused_or_searched_but_never_believed() {
    let s = Stakeout::new();
    for (name, entry) in [("slip.zip", "../../etc/passwd"), ("abs.zip", "/etc/passwd")] {
        let p = s.dir.path().join(name);
        let mut z = zip::ZipWriter::new(std::fs::File::create(&p).unwrap());
        z.start_file(entry, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut z, b"x").unwrap();
        z.finish().unwrap();
        let o = s.call(&["verify", &text(&p)]);
        assert_eq!(o.status.code(), Some(1), "{}", stderr(&o));
        assert!(stderr(&o).contains("not allowed"), "{}", stderr(&o));
    }
}
