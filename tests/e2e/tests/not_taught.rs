//! Nothing knows the sample apps: neither by name, nor by what they are built like.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, path::Path, process::Command};

use stakeout_contract::{
    Answer::Proven,
    DeviceState::{Any, Background, ScreenOff},
    Kind::{Camera, Contacts, Microphone, Wifi},
    Rung::{Stored, Transmitted},
};
use stakeout_e2e::{Stakeout, repository, target, text, truth};

/// Names that only an app's builder can know.
fn names(truth: &serde_json::Value) -> BTreeSet<String> {
    let hosts = truth["hosts"].as_array().unwrap().iter().map(|h| h.as_str().unwrap().to_owned());
    hosts.chain([truth["package"].as_str().unwrap().to_owned()]).collect()
}

#[test]
fn an_app_built_by_another_seed_is_answered_alike() {
    let out = target().join("apps-of-another-seed");
    let o =
        Command::new(repository().join("tests/apps/build.sh")).args([&text(&out), "--seed", "4711", "--only", "loud"]).output().unwrap();
    assert!(o.status.success(), "{}", String::from_utf8_lossy(&o.stderr));
    let other: serde_json::Value = serde_json::from_slice(&std::fs::read(out.join("loud.truth.json")).unwrap()).unwrap();
    assert!(names(&other).is_disjoint(&names(&truth("loud"))), "the seed changes no names");

    let s = Stakeout::new();
    let a = s.run(&out.join("loud.apk"), &out.join("idle-demo.yaml"), &["--trials", "1"]);
    assert_eq!(a.code, 10, "{}", a.stderr);
    for state in [Background, ScreenOff] {
        for kind in [Camera, Microphone] {
            a.is(kind, Stored, state, Proven);
            a.is(kind, Transmitted, state, Proven);
        }
    }
    a.is(Contacts, Transmitted, Any, Proven);
    a.is(Wifi, Transmitted, Any, Proven);
}

#[test]
fn no_name_of_a_sample_occurs_in_the_product() {
    let known: BTreeSet<String> = ["loud", "quiet", "nag"].iter().flat_map(|n| names(&truth(n))).collect();
    assert!(known.len() >= 6, "{known:?}");
    let mut files = 0;
    for top in ["orchestrator", "worker", "images"] {
        read_all(&repository().join(top), &mut |path, bytes| {
            files += 1;
            for name in &known {
                let found = bytes.windows(name.len()).any(|w| w == name.as_bytes());
                assert!(!found, "`{name}` stands in {}", path.display());
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
