//! Wrong input: a clear message that names the thing, a hint, exit code 2, nothing left behind.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use stakeout_contract::{result::JobResult, trial::TrialState};
use stakeout_e2e::{Stakeout, app, left_in_the_cache, left_on_the_engine, program, stderr, target, text};

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
    let worse = file(&s, "worse.yaml", b"name: x\ntrials: 0\nsteps:\n  - pressKey: hme\n");
    for place in ["worse.yaml:2:9: ", "worse.yaml:4:15: "] {
        refused(&s, &run_of(&s, &app("quiet"), &["--scenario", &text(&worse)]), place);
    }
    refused(&s, &run_of(&s, &app("quiet"), &["--scenario", "no-such"]), "no-such");
    let secret = file(&s, "secret.yaml", b"name: x\nsteps:\n  - launchApp\n  - inputText: {secret: PASSWORD}\n");
    refused(&s, &run_of(&s, &app("quiet"), &["--scenario", &text(&secret)]), "PASSWORD");
    // No device is booted to find it out.
    let expression = file(&s, "expression.yaml", b"name: x\nsteps:\n  - launchApp\n  - tapOn: \"(\"\n");
    refused(&s, &run_of(&s, &app("quiet"), &["--scenario", &text(&expression)]), "steps[1].tapOn: `(`");
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
fn what_is_refused_late_costs_no_result_of_an_earlier_run() {
    let s = Stakeout::new();
    let (cache, key) = (s.dir.path().join("cache"), s.dir.path().join("cache/worker/worker.pem"));
    fs::create_dir_all(key.parent().unwrap()).unwrap();
    fs::write(&key, "x").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    fs::create_dir_all(s.out()).unwrap();
    fs::write(s.out().join("report.html"), "mine").unwrap();
    let o = s.command(&run_of(&s, &app("quiet"), &["--force"])).env("STAKEOUT_CACHE", &cache).output().unwrap();
    assert_eq!(o.status.code(), Some(2), "{}", stderr(&o));
    assert!(stderr(&o).contains("worker.pem") && stderr(&o).contains("hint: "), "{}", stderr(&o));
    assert_eq!(fs::read_to_string(s.out().join("report.html")).unwrap(), "mine");
    assert_eq!(files_in(&s.out()), ["report.html"]);
}

/// Names of what is in a folder, sorted; none if there is no such folder.
fn files_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).into_iter().flatten().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

/// A disk of so many KiB. It goes with its value.
struct Disk(PathBuf);

impl Disk {
    fn new(s: &Stakeout, name: &str, kib: u64) -> Self {
        let path = s.dir.path().join(name);
        fs::create_dir(&path).unwrap();
        let o = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs", &text(&path)]).output().unwrap();
        assert!(o.status.success(), "{}", stderr(&o));
        Self(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).output();
    }
}

#[test]
fn a_disk_that_is_full_is_told() {
    let s = Stakeout::new();
    let o = s.command(&run_of(&s, &app("quiet"), &[])).env("STAKEOUT_CACHE", "/dev/full/x").output().unwrap();
    assert_eq!(o.status.code(), Some(2), "{}", stderr(&o));
    assert!(stderr(&o).contains("STAKEOUT_CACHE"), "{}", stderr(&o));
    let small = Disk::new(&s, "small", 16);
    let o = s.command(&run_of(&s, &app("quiet"), &[])).env("STAKEOUT_CACHE", &small.0).output().unwrap();
    assert_eq!(o.status.code(), Some(2), "{}", stderr(&o));
    assert!(stderr(&o).contains(&text(&small.0)) && stderr(&o).contains("hint: ") && !s.out().exists(), "{}", stderr(&o));
    assert!(files_in(&small.0.join("runs")).iter().all(|n| n.starts_with('.')), "{:?}", files_in(&small.0.join("runs")));
}

#[test]
fn results_that_find_no_room_leave_none_behind() {
    let s = Stakeout::new();
    // Enough for the receipt, too little for a bundle.
    let small = Disk::new(&s, "small", 32);
    let out = small.0.join("out");
    let brief = file(&s, "brief.yaml", b"name: brief\nsteps:\n  - launchApp\n");
    let o = s.call(&["run", &text(&app("quiet")), "--scenario", &text(&brief), "--trials", "1", "--out", &text(&out)]);
    assert_eq!(o.status.code(), Some(2), "{}", stderr(&o));
    assert!(stderr(&o).contains("no space left") && stderr(&o).contains(&text(&small.0)), "{}", stderr(&o));
    assert!(stderr(&o).contains("hint: ") && stderr(&o).contains("--out"), "{}", stderr(&o));
    assert!(!out.exists(), "{:?}", files_in(&out));
    assert!(left_on_the_engine().is_empty());
}

/// Signs an APK with the sample apps' key.
fn signed(apk: &Path) {
    let keys = target().join("apps/ks.jks");
    let o = Command::new("apksigner")
        .args(["sign", "--ks", &text(&keys), "--ks-pass", "pass:android", "--min-sdk-version", "24", &text(apk)])
        .output()
        .unwrap();
    assert!(o.status.success(), "{}", stderr(&o));
}

/// An APK with this manifest and no code.
fn made_of(s: &Stakeout, name: &str, manifest: &str) -> PathBuf {
    let (xml, apk) = (file(s, &format!("{name}.xml"), manifest.as_bytes()), s.dir.path().join(name));
    let o = Command::new("aapt2").args(["link", "--manifest", &text(&xml), "-o", &text(&apk)]).output().unwrap();
    assert!(o.status.success(), "{}", stderr(&o));
    signed(&apk);
    apk
}

/// The sample app with one entry's bytes replaced, signed again.
fn quiet_with(s: &Stakeout, name: &str, entry: &str, write: &mut dyn FnMut(&mut dyn Write)) -> PathBuf {
    let path = s.dir.path().join(name);
    let mut from = zip::ZipArchive::new(fs::File::open(app("quiet")).unwrap()).unwrap();
    let mut to = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    for i in 0..from.len() {
        let f = from.by_index_raw(i).unwrap();
        if f.name() == entry {
            to.start_file(entry, zip::write::SimpleFileOptions::default()).unwrap();
            write(&mut to);
        } else if !f.name().starts_with("META-INF/") {
            to.raw_copy_file(f).unwrap();
        }
    }
    to.finish().unwrap();
    path
}

#[test]
fn a_zip_bomb_is_not_opened() {
    let s = Stakeout::new();
    let megabyte = vec![0; 1 << 20];
    let bomb = quiet_with(&s, "bomb.apk", "AndroidManifest.xml", &mut |w| (0..300).for_each(|_| w.write_all(&megabyte).unwrap()));
    assert!(fs::metadata(&bomb).unwrap().len() < 1 << 20);
    refused(&s, &run_of(&s, &bomb, &[]), "bomb.apk");
}

#[test]
fn a_split_without_its_base_and_splits_of_another_app_are_refused() {
    let s = Stakeout::new();
    let split = made_of(&s, "part.apk", r#"<manifest package="org.example.part" split="config.en"><application/></manifest>"#);
    let whole = made_of(&s, "whole.apk", r#"<manifest package="org.example.part"><application/></manifest>"#);
    refused(&s, &run_of(&s, &split, &[]), "config.en");
    refused(&s, &run_of(&s, &app("quiet"), &["--split", &text(&split)]), "org.example.part");
    refused(&s, &run_of(&s, &app("quiet"), &["--split", &text(&whole)]), "is no split");
    let bundle = file(&s, "all.apks", &zip_with(&[("base.apk", &fs::read(app("quiet")).unwrap())]));
    refused(&s, &run_of(&s, &bundle, &[]), "all.apks");
    assert!(left_on_the_engine().is_empty());
}

#[test]
fn code_that_does_not_convert_is_named_and_the_refusal_is_kept() {
    let s = Stakeout::new();
    let bad = quiet_with(&s, "code.apk", "classes.dex", &mut |w| w.write_all(b"dex\n035\0 and no more").unwrap());
    signed(&bad);
    let o = s.call(&run_of(&s, &bad, &["--trials", "1"]));
    assert_eq!(o.status.code(), Some(2), "{}", stderr(&o));
    assert!(stderr(&o).contains("classes.dex") && stderr(&o).contains("hint: "), "{}", stderr(&o));
    // A device's refusal is a finding, and its evidence is whole.
    assert_eq!(files_in(&s.out()), ["bundle.zip", "receipt.json", "report.html", "result.json"]);
    let result: JobResult = serde_json::from_slice(&fs::read(s.out().join("result.json")).unwrap()).unwrap();
    let end = &result.trials[0].end;
    assert_eq!((end.state, end.stage.as_str()), (TrialState::Failed, "install"), "{end:?}");
    assert!(end.reason.contains("classes.dex"), "{end:?}");
    let verified = s.call(&["verify", &text(&s.out().join("bundle.zip")), "--receipt", &text(&s.out().join("receipt.json"))]);
    assert_eq!(verified.status.code(), Some(0), "{}", stderr(&verified));
    assert!(left_on_the_engine().is_empty() && left_in_the_cache().is_empty());
}

#[test]
fn a_user_who_may_not_use_the_engine_is_told() {
    let s = Stakeout::new();
    let socket = std::env::var("DOCKER_HOST").ok().and_then(|h| h.strip_prefix("unix://").map(PathBuf::from));
    let socket = socket.unwrap_or_else(|| "/var/run/docker.sock".into());
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o002, 0, "everybody may use this engine");
    // Copies where anybody may read them.
    fs::set_permissions(s.dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let (bin, apk) = (s.dir.path().join("stakeout"), s.dir.path().join("quiet.apk"));
    fs::copy(program("stakeout"), &bin).unwrap();
    fs::copy(app("quiet"), &apk).unwrap();
    let o = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", &text(&bin), "run", &text(&apk), "--out", &text(&s.out())])
        .env("STAKEOUT_DATA", s.dir.path().join("data"))
        .env("STAKEOUT_CACHE", s.dir.path().join("cache"))
        .current_dir(s.dir.path())
        .output()
        .unwrap();
    assert_eq!(o.status.code(), Some(2), "{}", stderr(&o));
    assert!(stderr(&o).contains(&text(&socket)) && stderr(&o).contains("hint: "), "{}", stderr(&o));
    assert!(!s.out().exists());
}

#[test]
fn a_bundle_of_another_version_is_refused() {
    let s = Stakeout::new();
    let b = file(&s, "old.zip", &{
        let mut z = zip::ZipWriter::new(std::io::Cursor::new(vec![]));
        let options = zip::write::SimpleFileOptions::default().last_modified_time(zip::DateTime::default()).unix_permissions(0o644);
        z.start_file("manifest.json", options).unwrap();
        z.write_all(br#"{"format": "stakeout-bundle/0"}"#).unwrap();
        z.finish().unwrap().into_inner()
    });
    for command in ["verify", "analyze"] {
        let o = s.call(&[command, &text(&b)]);
        assert_eq!(o.status.code(), Some(2), "{command}: {}", stderr(&o));
        assert!(stderr(&o).contains("stakeout-bundle/0") && stderr(&o).contains("hint: "), "{command}: {}", stderr(&o));
    }
}
