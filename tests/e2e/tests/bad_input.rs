//! Wrong input: a clear message that names the thing, a hint, exit code 2, nothing left behind.
#![allow(clippy::unwrap_used)]

use std::{fs, io::Write, os::unix::fs::PermissionsExt, path::Path};

use stakeout_e2e::{Stakeout, app, left_on_the_engine, stderr, text};

/// Exit code 2, the thing named, a hint, and no result.
fn refused(s: &Stakeout, args: &[String], named: &str) {
    let o = s.call(args);
    let said = stderr(&o);
    assert_eq!(o.status.code(), Some(2), "{args:?}: {said}");
    assert!(said.contains(named), "`{named}` is not named: {said}");
    assert!(said.contains("hint: "), "no hint: {said}");
    assert!(!said.contains('\x1b'), "{said:?}");
    assert!(!s.out().join("result.json").exists());
}

fn run_of(s: &Stakeout, apk: &Path, more: &[&str]) -> Vec<String> {
    let mut a = vec!["run".to_owned(), text(apk), "--out".to_owned(), text(&s.out())];
    a.extend(more.iter().map(|m| (*m).to_owned()));
    a
}

fn file(s: &Stakeout, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let p = s.dir.path().join(name);
    fs::write(&p, bytes).unwrap();
    p
}

fn zip_with(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut z = zip::ZipWriter::new(std::io::Cursor::new(vec![]));
    for (n, b) in entries {
        z.start_file(*n, zip::write::SimpleFileOptions::default()).unwrap();
        z.write_all(b).unwrap();
    }
    z.finish().unwrap().into_inner()
}

#[test]
fn what_is_no_app_is_refused() {
    let s = Stakeout::new();
    let good = fs::read(app("quiet")).unwrap();
    let gone = s.dir.path().join("gone.apk");
    refused(&s, &run_of(&s, &gone, &[]), "gone.apk");
    refused(&s, &run_of(&s, s.dir.path(), &[]), "is no file");
    for (name, bytes) in [
        ("text.apk", b"hello".to_vec()),
        ("empty.apk", vec![]),
        ("cut.apk", good[..good.len() / 2].to_vec()),
        ("nomanifest.apk", zip_with(&[("a.txt", b"x")])),
        ("badmanifest.apk", zip_with(&[("AndroidManifest.xml", b"<manifest/>"), ("classes.dex", b"dex")])),
    ] {
        let p = file(&s, name, &bytes);
        refused(&s, &run_of(&s, &p, &[]), name);
    }
    let large = s.dir.path().join("large.apk");
    fs::File::create(&large).unwrap().set_len(4 << 30).unwrap();
    refused(&s, &run_of(&s, &large, &[]), "large.apk");
    let split = file(&s, "split.apk", b"no zip");
    refused(&s, &run_of(&s, &app("quiet"), &["--split", &text(&split)]), "split.apk");
    assert!(left_on_the_engine().is_empty());
}

#[test]
fn an_app_that_was_changed_after_it_was_signed_is_refused() {
    let s = Stakeout::new();
    let mut bytes = fs::read(app("quiet")).unwrap();
    // A byte of the first entry's data.
    bytes[200] ^= 1;
    let p = file(&s, "changed.apk", &bytes);
    refused(&s, &run_of(&s, &p, &[]), "changed.apk");
}

#[test]
fn a_scenario_with_a_mistake_is_refused_with_its_place() {
    let s = Stakeout::new();
    let bad = file(&s, "bad.yaml", b"name: x\nsteps:\n  - launchApp\n  - idle: {state: backgrond, for: 5m}\n");
    refused(&s, &run_of(&s, &app("quiet"), &["--scenario", &text(&bad)]), "bad.yaml:4:");
    refused(&s, &run_of(&s, &app("quiet"), &["--scenario", "no-such"]), "no-such");
    let secret = file(&s, "secret.yaml", b"name: x\nsteps:\n  - launchApp\n  - inputText: {secret: PASSWORD}\n");
    refused(&s, &run_of(&s, &app("quiet"), &["--scenario", &text(&secret)]), "PASSWORD");
}

#[test]
fn a_device_that_is_not_there_is_refused() {
    let s = Stakeout::new();
    refused(&s, &run_of(&s, &app("quiet"), &["--api", "19"]), "19");
    refused(&s, &run_of(&s, &app("quiet"), &["--device", "emulator"]), "emulator");
    let o = s.call(&run_of(&s, &app("quiet"), &["--device", "phone"]));
    assert_eq!(o.status.code(), Some(2));
    assert!(stderr(&o).contains("phone"));
}

#[test]
fn without_an_engine_it_is_said_how_to_get_one() {
    let s = Stakeout::new();
    let o = s.command(&run_of(&s, &app("quiet"), &[])).env("DOCKER_HOST", "unix:///nonexistent/docker.sock").output().unwrap();
    assert_eq!(o.status.code(), Some(2), "{}", stderr(&o));
    assert!(stderr(&o).contains("/nonexistent/docker.sock") && stderr(&o).contains("hint: "), "{}", stderr(&o));
    assert!(!s.out().exists());
}

#[test]
fn results_of_an_earlier_run_are_never_overwritten_silently() {
    let s = Stakeout::new();
    fs::create_dir_all(s.out()).unwrap();
    fs::write(s.out().join("report.html"), "mine").unwrap();
    let o = s.call(&run_of(&s, &app("quiet"), &[]));
    assert_eq!(o.status.code(), Some(2));
    assert!(stderr(&o).contains("--force"), "{}", stderr(&o));
    assert_eq!(fs::read_to_string(s.out().join("report.html")).unwrap(), "mine");
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let s = Stakeout::new();
    let data = s.dir.path().join("data");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("operator.pem"), "x").unwrap();
    fs::set_permissions(data.join("operator.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    refused(&s, &run_of(&s, &app("quiet"), &[]), "operator.pem");
}

#[test]
fn a_disk_that_is_full_is_told() {
    let s = Stakeout::new();
    let o = s.command(&run_of(&s, &app("quiet"), &[])).env("STAKEOUT_CACHE", "/dev/full/x").output().unwrap();
    assert_eq!(o.status.code(), Some(2), "{}", stderr(&o));
    assert!(stderr(&o).contains("STAKEOUT_CACHE"), "{}", stderr(&o));
}
