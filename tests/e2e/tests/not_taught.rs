//! Nothing knows the sample apps: neither by name, nor by what they are built like.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use stakeout_contract::{
    Answer::{NotObserved, Proven, Supported},
    DeviceState::{self, Any, Background, InUse, ScreenOff},
    Kind::{CallLog, Camera, Cell, Contacts, Microphone, Wifi},
    Rung::{Delivered, Opened, Requested, Stored, Transmitted},
};
use stakeout_e2e::{Answers, Stakeout, repository, target, text, truth};

/// Names that only an app's builder can know.
fn names(truth: &serde_json::Value) -> BTreeSet<String> {
    let hosts = truth["hosts"].as_array().unwrap().iter().map(|h| h.as_str().unwrap().to_owned());
    hosts.chain([truth["package"].as_str().unwrap().to_owned()]).collect()
}

/// The same, and all else of a seed that is long enough to be no other word by chance.
fn marks(truth: &serde_json::Value) -> BTreeSet<String> {
    let mut out = names(truth);
    let paths = ["config_url", "upload_url", "report_url", "login_url"].map(|k| truth[k].as_str().and_then(|u| u.splitn(4, '/').nth(3)));
    out.extend(paths.into_iter().flatten().map(|p| format!("/{p}")));
    let account = &truth["account"];
    let others = [&truth["label"], &truth["passing_file"], &account["user"], &account["password"]];
    out.extend(others.into_iter().filter_map(serde_json::Value::as_str).map(str::to_owned));
    out
}

/// Builds apps by a seed; gives the folder that they are in.
fn built(seed: u32, folder: &str, only: &str) -> PathBuf {
    let out = target().join(folder);
    let mut build = Command::new(repository().join("tests/apps/build.sh"));
    let o = build.args([&text(&out), "--seed", &seed.to_string(), "--only", only]).output().unwrap();
    assert!(o.status.success(), "{}", String::from_utf8_lossy(&o.stderr));
    for app in only.split(',') {
        let other = std::fs::read(out.join(format!("{app}.truth.json"))).unwrap();
        let other: serde_json::Value = serde_json::from_slice(&other).unwrap();
        assert!(names(&other).is_disjoint(&names(&truth(app))), "the seed changes no names of {app}");
    }
    out
}

fn run(apps: &Path, app: &str, scenario: &str) -> Answers {
    Stakeout::new().run(&apps.join(app).with_extension("apk"), &apps.join(scenario), &["--trials", "1"])
}

/// How many different values of each planted kind left.
fn left(a: &Answers) -> [usize; 4] {
    [Contacts, CallLog, Wifi, Cell].map(|kind| {
        a.is(kind, Transmitted, Any, Proven);
        let evidence = &a.row(kind, Transmitted, Any).evidence;
        evidence.iter().filter_map(|e| e.canary.as_deref()).collect::<BTreeSet<_>>().len()
    })
}

#[test]
fn an_app_built_by_another_seed_is_answered_alike() {
    let apps = built(4711, "apps-of-another-seed", "loud");
    let a = run(&apps, "loud", "idle-demo.yaml");
    assert_eq!(a.code, 10, "{}", a.stderr);
    for state in [Background, ScreenOff] {
        for kind in [Camera, Microphone] {
            a.is(kind, Stored, state, Proven);
            a.is(kind, Transmitted, state, Proven);
        }
    }
    assert_eq!(left(&a), [25, 40, 6, 3]);
}

#[test]
fn all_three_apps_built_by_a_third_seed_are_answered_alike() {
    let apps = built(7, "apps-of-a-third-seed", "loud,quiet,nag");
    let a = run(&apps, "loud", "scenarios/short.yaml");
    assert_eq!(a.code, 10, "{}", a.stderr);
    for kind in [Camera, Microphone] {
        a.is(kind, Stored, Background, Proven);
        a.is(kind, Transmitted, Background, Proven);
    }
    assert_eq!(left(&a), [5, 5, 3, 2]);

    let quiet = run(&apps, "quiet", "idle-demo.yaml");
    quiet.is(Camera, Stored, InUse, Proven);
    let nag = run(&apps, "nag", "idle-demo.yaml");
    for a in [&quiet, &nag] {
        assert_eq!(a.code, 0, "{}", a.stderr);
        for kind in [Camera, Microphone] {
            for state in DeviceState::IDLE {
                for rung in [Opened, Delivered, Stored, Transmitted] {
                    a.is(kind, rung, *state, NotObserved);
                }
            }
        }
    }
    for kind in [Camera, Microphone] {
        nag.is(kind, Requested, Background, Supported);
    }
}

#[test]
fn no_name_of_a_sample_occurs_in_the_product() {
    // The other two are no samples: the suite of conformance and the emulator's device know them.
    let ours = ["conform.truth.json", "probe.truth.json"];
    let all = std::fs::read_dir(target().join("apps")).unwrap().flatten().map(|e| e.file_name().into_string().unwrap());
    let all: Vec<String> = all.filter(|n| n.ends_with(".truth.json") && !ours.contains(&n.as_str())).collect();
    let known: BTreeSet<String> = all.iter().flat_map(|n| marks(&truth(n.trim_end_matches(".truth.json")))).collect();
    assert!(all.len() > 20 && known.len() > 60, "{} apps, {known:?}", all.len());
    let mut files = 0;
    // All but the tests, what is built and what the clone keeps.
    let rest = |name: &str| name == "tests" || name == ".git" || name.starts_with("target");
    for top in std::fs::read_dir(repository()).unwrap().flatten().filter(|e| e.file_type().unwrap().is_dir()) {
        if rest(top.file_name().to_str().unwrap()) {
            continue;
        }
        read_all(&top.path(), &mut |path, bytes| {
            files += 1;
            let text = String::from_utf8_lossy(bytes);
            for name in &known {
                assert!(!text.contains(name), "`{name}` stands in {}", path.display());
            }
        });
    }
    assert!(files > 300, "{files} files were read");
}

fn read_all(folder: &Path, each: &mut dyn FnMut(&Path, &[u8])) {
    for e in std::fs::read_dir(folder).unwrap().flatten() {
        match e.file_type().unwrap() {
            t if t.is_dir() && e.file_name() != "target" => read_all(&e.path(), each),
            t if t.is_file() => each(&e.path(), &std::fs::read(e.path()).unwrap()),
            _ => {}
        }
    }
}
