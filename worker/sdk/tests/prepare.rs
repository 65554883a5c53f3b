//! From a folder of archives to the contexts of both images, without a network.
#![allow(clippy::unwrap_used, reason = "a test suite")]

mod common;

use std::{collections::BTreeMap, io::Read, path::Path};

use common::{EMULATOR, IMAGE, archive, describe, repository, wanted, write_folder};
use futures_util::StreamExt;
use stakeout_sdk::{Acceptance, LockSource, Origin, SdkError, Sha1Digest, context::Context, lock::Lock, prepare};

/// Entries of a context: path, and mode with content or target.
fn entries(context: &Context) -> BTreeMap<String, String> {
    let mut bytes = Vec::new();
    context.write_tar(&mut bytes).unwrap();
    let mut out = BTreeMap::new();
    for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header().clone();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 0));
        let mut text = Vec::new();
        entry.read_to_end(&mut text).unwrap();
        let shown = format!("{:o} {}", header.mode().unwrap(), String::from_utf8_lossy(&text));
        assert!(out.insert(entry.path().unwrap().display().to_string(), shown).is_none());
    }
    out
}

/// A program and a probe.
fn ours(folder: &Path) -> stakeout_sdk::Ours {
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    stakeout_sdk::Ours {
        program: put("stakeout-device", "program"),
        keeper: put("stakeout-keeper", "keeper"),
        probe: put("probe.apk", "probe"),
    }
}

fn request(folder: &Path) -> stakeout_sdk::Request {
    write_folder(&folder.join("sdk"), &repository());
    wanted(Origin::Folder(folder.join("sdk")), folder)
}

#[tokio::test]
async fn a_folder_gives_both_images_with_all_their_parts() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path());
    request.ours = Some(ours(folder.path()));
    let prepared = prepare(&request, &()).await.unwrap();
    let [images] = &prepared.images[..] else { panic!() };
    let sdk = entries(&images.sdk.context);
    for (path, begin) in [
        ("sdk/emulator/emulator", "755 #!/bin/sh"),
        ("sdk/emulator/source.properties", "644 Pkg"),
        ("sdk/system-images/android-34/google_apis/x86_64/build.prop", "644 ro.build"),
        ("meta/platforms/", "755 "),
        ("meta/platform-tools/", "755 "),
        ("meta/licenses/test-sdk-license", "644 \n"),
        ("avd/stakeout.ini", "644 avd.ini.encoding"),
        ("Dockerfile", "644 # Emulator"),
    ] {
        assert!(sdk.get(path).is_some_and(|c| c.starts_with(begin)), "{path}: {:?}", sdk.get(path));
    }
    assert!(!sdk.keys().any(|path| path.ends_with("/adb")), "the emulator starts a server where it finds one");
    let config = &sdk["avd/stakeout.avd/config.ini"];
    assert!(config.contains("\nimage.sysdir.1=system-images/android-34/google_apis/x86_64/\n"), "{config}");
    assert!(sdk.contains_key("sdk/system-images/android-34/google_apis/x86_64/system.img"));
    assert!(images.unpacked > 1_600_000);
    assert_eq!(prepared.plan.bytes, repository().iter().filter(|(n, _)| !n.contains(".xml")).map(|(_, b)| b.len() as u64).sum::<u64>());

    let device = images.device.as_ref().unwrap();
    assert_eq!(device.arguments["SDK"], images.sdk.tags[0]);
    assert_eq!(device.tags[1], "stakeout/emulator:0.0.0-api34-x86_64");
    let files = entries(&device.context);
    assert_eq!(files["stakeout-device"], "755 program");
    assert_eq!(files["probe.apk"], "755 probe");
    assert_eq!(files["stakeout-keeper"], "755 keeper");
    assert_eq!(files.len(), 4);
}

#[tokio::test]
async fn labels_say_what_is_in_the_image_and_what_was_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let prepared = prepare(&request(folder.path()), &()).await.unwrap();
    let sdk = &prepared.images[0].sdk;
    let files = repository();
    for (label, value) in [
        ("org.stakeout.image", "emulator-sdk".to_owned()),
        ("org.stakeout.emulator.api", "34".into()),
        ("org.stakeout.sdk.emulator.revision", "90.1.12".into()),
        ("org.stakeout.sdk.emulator.sha1", Sha1Digest::of(&files[EMULATOR]).to_string()),
        ("org.stakeout.sdk.system-image.sha256", stakeout_contract::Sha256Digest::of(&files[IMAGE]).to_string()),
        ("org.stakeout.sdk.system-image.trust", "index-only".into()),
        ("org.stakeout.sdk.license.test-sdk-license", prepared.plan.licenses[0].hash.to_string()),
        ("org.stakeout.key", sdk.key.clone()),
    ] {
        assert_eq!(sdk.labels.get(label), Some(&value), "{label}");
        let dockerfile = String::from_utf8(sdk.context.files["Dockerfile"].clone()).unwrap();
        assert!(dockerfile.contains(&format!("\nLABEL {label}=\"{value}\"\n")), "{label}");
    }
}

#[tokio::test]
async fn the_key_changes_with_what_is_in_the_image_and_with_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let request = request(folder.path());
    let key = |p: stakeout_sdk::Prepared| p.images[0].sdk.key.clone();
    let first = key(prepare(&request, &()).await.unwrap());
    assert_eq!(key(prepare(&request, &()).await.unwrap()), first);
    let other_base = stakeout_sdk::Request { base: "stakeout/base:other".into(), ..request.clone() };
    assert_ne!(key(prepare(&other_base, &()).await.unwrap()), first);
    let mut files = repository();
    files.insert(EMULATOR.into(), archive("emulator", &[("emulator", 0o755, b"another")]));
    describe(&mut files);
    write_folder(&folder.path().join("sdk"), &files);
    assert_ne!(key(prepare(&request, &()).await.unwrap()), first);
}

#[tokio::test]
async fn the_program_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let ours = ours(folder.path());
    let program = ours.program.clone();
    let request = stakeout_sdk::Request { ours: Some(ours), ..request(folder.path()) };
    let prepared = prepare(&request, &()).await.unwrap();
    let images = &prepared.images[0];
    let device = images.device.as_ref().unwrap();
    // What is on disk by now is another program; what is built is what the key was made from.
    std::fs::write(&program, "another").unwrap();
    assert_eq!(entries(&device.context)["stakeout-device"], "755 program");
    assert_eq!(device.arguments["STAKEOUT_DEVICE"], stakeout_contract::Sha256Digest::of(b"program").to_string());
    assert_ne!(prepare(&request, &()).await.unwrap().images[0].device.as_ref().unwrap().key, device.key);
    std::fs::write(&program, "").unwrap();
    assert!(matches!(prepare(&request, &()).await, Err(SdkError::Program { .. })));
}

#[tokio::test]
async fn an_image_holds_the_licences_of_what_is_in_it_whatever_else_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let one = request(folder.path());
    // A second level under another licence.
    let mut files = repository();
    files.insert("sys-img/google_apis/x86_64-28_r11.zip".into(), archive("x86_64", &[("system.img", 0o644, b"older")]));
    describe(&mut files);
    let index = files.get_mut("sys-img/google_apis/sys-img2-5.xml").unwrap();
    let text = String::from_utf8(index.clone()).unwrap();
    let at = text.find("path=\"system-images;android-28;google_apis;x86_64\"").unwrap();
    let (before, after) = text.split_at(at);
    let text = format!("{before}{}", after.replacen("uses-license ref=\"test-sdk-license\"", "uses-license ref=\"older-license\"", 1));
    let text = text.replacen("<license ", "<license id=\"older-license\" type=\"text\">Older terms.</license><license ", 1);
    *index = text.into_bytes();
    write_folder(&folder.path().join("sdk"), &files);
    let both = prepare(&stakeout_sdk::Request { apis: vec![28, 34], ..one.clone() }, &()).await.unwrap();
    assert_eq!(both.plan.licenses.len(), 2);
    let alone = prepare(&one, &()).await.unwrap();
    let [older, newer] = &both.images[..] else { panic!() };
    assert_eq!(newer.sdk.key, alone.images[0].sdk.key, "another level changes nothing of this one");
    let label = "org.stakeout.sdk.license.older-license";
    assert!(older.sdk.labels.contains_key(label) && !newer.sdk.labels.contains_key(label));
    let file = "meta/licenses/older-license";
    assert!(older.sdk.context.files.contains_key(file) && !newer.sdk.context.files.contains_key(file));
    assert!(older.sdk.labels.contains_key("org.stakeout.sdk.license.test-sdk-license"), "the emulator's own");
}

#[tokio::test]
async fn what_was_found_out_goes_into_a_candidate_that_can_be_the_next_lock() {
    let folder = tempfile::tempdir().unwrap();
    let request = request(folder.path());
    let lock = folder.path().join("lock.json");
    let before = std::fs::read_to_string(&lock).unwrap();
    let candidate = prepare(&request, &()).await.unwrap().candidate.unwrap();
    assert_eq!(candidate, folder.path().join("lock.candidate.json"));
    assert_eq!(std::fs::read_to_string(&lock).unwrap(), before, "the lock itself is not touched");
    let text = std::fs::read_to_string(&candidate).unwrap().replace("second_hand", "reviewed");
    std::fs::write(&lock, &text).unwrap();
    std::fs::remove_file(&candidate).unwrap();
    let prepared = prepare(&request, &()).await.unwrap();
    assert_eq!(prepared.candidate, None, "nothing is left to review");
    assert_eq!(prepared.images[0].sdk.labels["org.stakeout.sdk.emulator.trust"], "reviewed");
    // The pinned bytes are enforced by their SHA-256 too.
    let mut wrong = Lock::parse(&text).unwrap();
    wrong.packages[0].sha256 = Some(stakeout_contract::Sha256Digest::of(b"other"));
    std::fs::write(&lock, wrong.to_text().unwrap()).unwrap();
    let e = prepare(&request, &()).await.unwrap_err();
    assert!(matches!(e, SdkError::WrongChecksum { kind: "SHA-256", .. }), "{e}");
}

#[tokio::test]
async fn a_folder_is_checked_as_a_server_is() {
    let folder = tempfile::tempdir().unwrap();
    let request = request(folder.path());
    let image = folder.path().join("sdk").join(IMAGE);
    let good = std::fs::read(&image).unwrap();
    std::fs::write(&image, &good[1..]).unwrap();
    assert!(matches!(prepare(&request, &()).await, Err(SdkError::WrongSize { .. })));
    let mut bad = good.clone();
    bad[500] ^= 1;
    std::fs::write(&image, &bad).unwrap();
    assert!(matches!(prepare(&request, &()).await, Err(SdkError::WrongChecksum { .. })));
    assert!(image.exists(), "the user's own file is not removed");
    std::fs::remove_file(&image).unwrap();
    let e = prepare(&request, &()).await.unwrap_err();
    assert!(matches!(&e, SdkError::Missing { name, .. } if name == "x86_64-34_r14.zip"), "{e}");
    let refused = stakeout_sdk::Request { acceptance: Acceptance::NotGiven, ..request };
    assert!(matches!(prepare(&refused, &()).await, Err(SdkError::LicensesNotAccepted(_))));
}

#[tokio::test]
async fn an_archive_that_is_dangerous_is_refused_before_anything_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let request = request(folder.path());
    let mut files = repository();
    files.insert(EMULATOR.into(), archive("emulator/..", &[("outside", 0o755, b"x")]));
    describe(&mut files);
    write_folder(&folder.path().join("sdk"), &files);
    let e = prepare(&request, &()).await.unwrap_err();
    assert!(matches!(&e, SdkError::Archive { name, .. } if name == EMULATOR), "{e}");
}

#[tokio::test]
async fn an_image_that_needs_a_newer_emulator_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let request = stakeout_sdk::Request { apis: vec![36], ..request(folder.path()) };
    assert!(matches!(prepare(&request, &()).await, Err(SdkError::EmulatorTooOld { .. })));
}

#[tokio::test]
async fn the_lock_that_is_built_in_does_not_fit_another_repository() {
    let folder = tempfile::tempdir().unwrap();
    let request = stakeout_sdk::Request { lock: LockSource::BuiltIn, ..request(folder.path()) };
    // It pins an emulator that this folder does not have; its licence is not in this index either.
    let e = prepare(&request, &()).await.unwrap_err();
    assert!(matches!(&e, SdkError::LockMismatch { .. } | SdkError::NoLicenseText { .. }), "{e}");
}

#[tokio::test]
async fn the_stream_is_the_tar_and_ends_with_its_reader() {
    let folder = tempfile::tempdir().unwrap();
    let context = prepare(&request(folder.path()), &()).await.unwrap().images[0].sdk.context.clone();
    let mut whole = Vec::new();
    context.write_tar(&mut whole).unwrap();
    let mut streamed = Vec::new();
    let mut stream = std::pin::pin!(context.clone().into_stream());
    while let Some(piece) = stream.next().await {
        streamed.extend_from_slice(&piece.unwrap());
    }
    assert!(streamed == whole);
    // A reader that goes away ends the writer: the test program would hang at its end otherwise.
    let mut stream = Box::pin(context.clone().into_stream());
    assert!(stream.next().await.unwrap().is_ok());
    drop(stream);
    // A context that cannot be written says so at its end.
    let mut broken = context;
    broken.trees[1].archive = folder.path().join("nothing");
    let mut part = Vec::new();
    broken.write_tar(&mut part).unwrap_err();
    assert!(!part.is_empty() && !part.ends_with(&[0; 1024]), "a part looks like a whole tar");
    let last = broken.into_stream().collect::<Vec<_>>().await.pop().unwrap();
    assert!(last.unwrap_err().to_string().contains("nothing"));
}
