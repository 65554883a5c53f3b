//! `stakeout images` and `stakeout doctor` as a person calls them, without an engine: what needs one is in images/emulator/test.sh.
#![allow(clippy::unwrap_used, reason = "a test suite")]

use std::{
    path::Path,
    process::{Command, Output},
};

const LICENSES: &str = "<license id=\"android-sdk-license\" type=\"text\">Terms\nof a \u{1b}[2Jtest.\n\nSecond paragraph.</license>";

/// Indexes without archives: enough to be asked about the licences.
fn indexes(folder: &Path) {
    let package = |path: &str, details: &str, file: &str| {
        format!(
            "<remotePackage path=\"{path}\">{details}<revision><major>90</major></revision><uses-license ref=\"android-sdk-license\"/>\
             <channelRef ref=\"channel-0\"/><archives><archive><complete><size>7</size><checksum type=\"sha1\">{}</checksum>\
             <url>{file}</url></complete></archive></archives></remotePackage>",
            "a".repeat(40)
        )
    };
    let channel = "<channel id=\"channel-0\">stable</channel>";
    let tools = package("emulator", "", "emulator.zip") + &package("platform-tools", "", "tools.zip");
    std::fs::write(folder.join("repository2-1.xml"), format!("<sdk-repository>{LICENSES}{channel}{tools}</sdk-repository>")).unwrap();
    let details = "<type-details><api-level>34</api-level><tag><id>google_apis</id></tag><abi>x86_64</abi></type-details>";
    let image = package("system-images;android-34;google_apis;x86_64", details, "x86_64-34_r90.zip");
    std::fs::write(folder.join("sys-img2-5.xml"), format!("<sdk-sys-img>{LICENSES}{channel}{image}</sdk-sys-img>")).unwrap();
    std::fs::write(folder.join("lock.json"), "{\"format\":1,\"about\":\"none\",\"packages\":[]}").unwrap();
}

struct Said {
    code: i32,
    out: String,
    err: String,
}

fn stakeout(folder: &Path, arguments: &[&str]) -> Said {
    let program = env!("CARGO_BIN_EXE_stakeout");
    let Output { status, stdout, stderr } = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("STAKEOUT_CACHE", folder.join("cache"))
        .env("STAKEOUT_DATA", folder.join("data"))
        .env("DOCKER_HOST", format!("unix://{}/no-engine.sock", folder.display()))
        .output()
        .unwrap();
    let text = |b: Vec<u8>| String::from_utf8(b).unwrap();
    Said { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
}

const BUILD: [&str; 7] = ["images", "build", "emulator", "--from-dir", ".", "--lock", "lock.json"];

fn build(folder: &Path, more: &[&str]) -> Said {
    stakeout(folder, &[&BUILD, more].concat())
}

#[test]
fn licences_are_shown_and_named_and_never_accepted_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    indexes(folder.path());
    let said = build(folder.path(), &["--api", "34"]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.out.contains("Second paragraph.") && !said.out.contains('\u{1b}'), "{}", said.out);
    // `sdkmanager` keeps this hash of this wording.
    let hash = said.out.lines().next().unwrap().split(['(', ')']).nth(1).unwrap();
    assert_eq!(hash.len(), 40);
    let error = said.err.lines().find(|l| l.starts_with("error: ")).unwrap();
    assert!(error.contains(&format!("`android-sdk-license` ({hash})")), "{error}");
    assert!(said.err.contains("\nhint: ") && said.err.contains("--accept-licenses"), "{}", said.err);
    let fetched = std::fs::read_dir(folder.path().join("cache/sdk/archives")).unwrap().count();
    assert_eq!(fetched, 0, "nothing but the index was looked at");
}

#[test]
fn wrong_wishes_are_told_with_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    indexes(folder.path());
    for (arguments, says) in [
        (&["--api", "33"][..], "API levels for `x86_64`: 34"),
        (&["--api", "34", "--abi", "armeabi"], "hint: `--abi x86_64`"),
        (&["--api", "thirty"], "invalid value 'thirty'"),
        (&["--api", "12"], "12 is not in 26..=99"),
        (&[], "--api <N,N>"),
        (&["--api", "34", "--sdk-index", "https://example.org/"], "cannot be used with"),
    ] {
        let said = build(folder.path(), arguments);
        assert_eq!(said.code, 2, "{arguments:?}: {}", said.err);
        assert!(said.err.contains(says), "{arguments:?}: {}", said.err);
    }
    std::fs::remove_file(folder.path().join("sys-img2-5.xml")).unwrap();
    let said = build(folder.path(), &["--api", "34"]);
    assert!(said.code == 2 && said.err.contains("sys-img2-5.xml` is not in `.`\nhint: docs/emulator-images.md"), "{}", said.err);
    let said = stakeout(folder.path(), &["images", "build", "emulator", "--api", "34", "--sdk-index", "http://mirror.example/"]);
    assert!(said.code == 2 && said.err.contains("not `https`"), "{}", said.err);
}

#[test]
fn what_is_missing_for_a_build_is_said_before_anything_is_fetched() {
    let folder = tempfile::tempdir().unwrap();
    indexes(folder.path());
    let said = build(folder.path(), &["--api", "34", "--accept-licenses", "--device-program", "nothing"]);
    assert!(said.code == 2 && said.err.contains("`nothing` is missing\nhint: `cargo build"), "{}", said.err);
    std::fs::write(folder.path().join("program"), "program").unwrap();
    let no_probe = ["--api", "34", "--accept-licenses", "--device-program", "program", "--probe", "nothing"];
    let said = build(folder.path(), &no_probe);
    assert!(said.code == 2 && said.err.contains("`nothing` is missing\nhint: `make probe`"), "{}", said.err);
    for arguments in [
        &[&BUILD[..], &["--api", "34", "--accept-licenses", "--device-program", "program", "--probe", "program"]].concat()[..],
        &["images", "list"],
        &["images", "prune", "--dry-run"],
    ] {
        let said = stakeout(folder.path(), arguments);
        assert_eq!(said.code, 2, "{arguments:?}");
        assert!(said.err.contains("no container engine") && said.err.contains("\nhint: "), "{arguments:?}: {}", said.err);
    }
}

#[test]
fn help_teaches_by_examples() {
    let folder = tempfile::tempdir().unwrap();
    let said = stakeout(folder.path(), &["images", "build", "emulator", "--help"]);
    assert_eq!(said.code, 0);
    for part in ["Examples:", "--api 28,34 --accept-licenses", "--from-dir /media/sdk", "Exit codes:"] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    assert!(!said.out.contains("--kvm"), "that one is for tests");
    assert!(stakeout(folder.path(), &["images", "prune", "--help"]).out.contains("Stays:"));
}

#[test]
fn doctor_says_what_the_emulator_needs_and_fails_only_for_what_all_devices_need() {
    let folder = tempfile::tempdir().unwrap();
    let said = stakeout(folder.path(), &["doctor", "--json"]);
    assert_eq!(said.code, 1, "there is no engine");
    let checks: Vec<serde_json::Value> = serde_json::from_str(&said.out).unwrap();
    let of = |what: &str| checks.iter().find(|c| c["what"] == what).unwrap_or_else(|| panic!("{what}: {}", said.out));
    assert_eq!(of("Docker engine")["state"], "missing");
    for what in ["processor", "KVM", "emulators", "v4l2loopback"] {
        let check = of(what);
        assert!(check["state"] != "missing", "{check}");
        assert_eq!(check["state"] == "good", check["mend"] == "", "{check}");
    }
    assert!(of("emulators")["found"].as_str().unwrap().contains("the jvm device needs none of this"));
}
