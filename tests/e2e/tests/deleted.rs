//! What an app deletes again was stored all the same.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, io::Read};

use stakeout_contract::{
    Answer::Proven,
    DeviceState::{Any, Background},
    Kind::Microphone,
    Rung::Stored,
    artifact::Role,
    trial::TrialRecord,
};
use stakeout_e2e::{Stakeout, app, target, truth};

/// The app encrypts before it keeps anything, so the recorder's own file, which it deletes at once, holds the only plain sound.
#[test]
fn a_recording_that_is_deleted_at_once_is_found_by_its_code() {
    let passing = truth("loud-aes")["passing_file"].as_str().unwrap().to_owned();
    let s = Stakeout::new();
    let a = s.run(&app("loud-aes"), &target().join("apps/idle-demo.yaml"), &["--trials", "1"]);
    a.is(Microphone, Stored, Background, Proven);
    let mut bundle = zip::ZipArchive::new(std::fs::File::open(s.out().join("bundle.zip")).unwrap()).unwrap();
    let mut text = String::new();
    bundle.by_name("trials/1/trial.json").unwrap().read_to_string(&mut text).unwrap();
    let record: TrialRecord = serde_json::from_str(&text).unwrap();
    let deleted: BTreeSet<_> =
        record.artifacts.iter().filter(|x| x.role == Role::DeletedFile && x.name.ends_with(&passing)).map(|x| x.sha256).collect();
    assert!(!deleted.is_empty(), "no `{passing}` among the deleted files: {:#?}", record.artifacts);
    let found = a.row(Microphone, Stored, Any).evidence.iter().chain(&a.row(Microphone, Stored, Background).evidence);
    assert!(found.filter_map(|e| e.artifact).any(|d| deleted.contains(&d)), "{:#?}", a.row(Microphone, Stored, Background));
}
