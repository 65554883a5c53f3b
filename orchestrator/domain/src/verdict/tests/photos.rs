//! What an app does to the owner's own pictures.

use stakeout_contract::{DeviceKind, Sha256Digest, artifact::Artifact, canary::Canary};

use super::*;

const PHOTO: &str = "IMG_20240201_123456789.png";

/// A planted picture's value in files of these roles and names, all of the same bytes.
fn found_in(files: &[(Role, &str)]) -> Sample {
    let sha256 = Sha256Digest::of(b"edited");
    let mut s = silent().found(Kind::MediaFiles, files[0].0, None, None, 1e-30);
    s.record.canaries = vec![Canary { id: "media_files/0".into(), kind: Kind::MediaFiles, label: PHOTO.into(), needles: vec![] }];
    let f = &mut s.analysis.findings[0];
    (f.canary, f.file) = (Some("media_files/0".into()), format!("artifacts/{sha256}"));
    s.record.artifacts = files
        .iter()
        .map(|(role, name)| Artifact {
            sha256,
            size: 1,
            role: *role,
            name: (*name).to_owned(),
            flow: None,
            at: None,
            cipher: None,
            truncated: false,
        })
        .collect();
    s
}

fn change(path: &str, change: &str, to: &str) -> Fact {
    Fact::File { path: path.into(), change: change.into(), bytes: None, to: Some(to.into()) }
}

fn stored_and_read(s: &Sample) -> [Answer; 2] {
    let r = s.decide();
    [Rung::Stored, Rung::Read].map(|rung| said(&r, Kind::MediaFiles, rung, DeviceState::Any))
}

const NOTHING: [Answer; 2] = [Answer::NotObserved; 2];

#[test]
fn a_photo_that_is_edited_moved_or_deleted_where_it_lies_is_no_copy() {
    let at = |folder: &str| format!("{folder}/DCIM/Camera/{PHOTO}");
    for own in [at("media/0"), at("sdcard")] {
        assert_eq!(stored_and_read(&found_in(&[(Role::AppFile, own.as_str())])), NOTHING, "{own}");
    }
    let moved = |to: &str| found_in(&[(Role::AppFile, to)]).saw(100, change(&at("media/0"), "renamed", to));
    assert_eq!(stored_and_read(&moved("media/0/Pictures/Trash/1.png")), NOTHING);
    let gone = found_in(&[(Role::DeletedFile, "00001-x.png")]).saw(100, change(&at("/sdcard"), "deleted", "deleted/00001-x.png"));
    assert_eq!(stored_and_read(&gone), NOTHING);
    // A match that is too weak to prove is none there either.
    let mut weak = found_in(&[(Role::AppFile, at("media/0").as_str())]);
    weak.analysis.findings[0].lead = true;
    assert_eq!(stored_and_read(&weak), NOTHING);
}

#[test]
fn a_copy_of_a_photo_is_one_wherever_else_it_lies() {
    let own = format!("media/0/DCIM/Camera/{PHOTO}");
    let other = "media/0/DCIM/Camera/IMG_20240202_000000000.png";
    for copy in ["data/com.spy/files/x", "media/0/Android/data/com.spy/x.png", "media/0/Pictures/x.png", other] {
        assert_eq!(stored_and_read(&found_in(&[(Role::AppFile, copy)])), [Answer::Proven; 2], "{copy}");
        let both = found_in(&[(Role::AppFile, own.as_str()), (Role::AppFile, copy)]);
        assert_eq!(stored_and_read(&both), [Answer::Proven; 2], "the same bytes at both places: {copy}");
    }
    for away in ["data/com.spy/files/x", "media/0/Android/data/com.spy/x.png"] {
        let taken = found_in(&[(Role::AppFile, away)]).saw(100, change(&own, "renamed", away));
        assert_eq!(stored_and_read(&taken), [Answer::Proven; 2], "{away}");
    }
    let gone = found_in(&[(Role::DeletedFile, "00001-x")]).saw(100, change("data/com.spy/x", "deleted", "deleted/00001-x"));
    assert_eq!(stored_and_read(&gone), [Answer::Proven; 2]);
    let sent = found_in(&[(Role::FlowRequest, own.as_str())]);
    assert_eq!(said(&sent.decide(), Kind::MediaFiles, Rung::Transmitted, DeviceState::Any), Answer::Proven);
}

#[test]
fn in_a_real_guest_an_apps_own_word_moves_no_photo() {
    let to = "sdcard/Pictures/1.png";
    let mut s = found_in(&[(Role::AppFile, to)]).saw(100, change(&format!("/sdcard/DCIM/Camera/{PHOTO}"), "renamed", to));
    s.record.device = DeviceKind::Emulator;
    assert_eq!(stored_and_read(&s), [Answer::Supported; 2], "who made it is not known");
    s.observations[0].source = Source::Device;
    assert_eq!(stored_and_read(&s), NOTHING);
}
