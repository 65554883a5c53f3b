use stakeout_contract::Sha256Digest;

use super::*;
use crate::digest::Sha1Digest;

const X64: Host = Host { os: "linux", arch: "x64" };

fn index() -> Index {
    let mut index = Index::parse(include_bytes!("../../tests/fixtures/repository2-1.xml")).unwrap();
    index.merge(Index::parse(include_bytes!("../../tests/fixtures/sys-img2-5.xml")).unwrap());
    index
}

fn lock(packages: Vec<Pin>) -> Lock {
    Lock { format: 1, about: String::new(), packages }
}

/// A pin that says what the index says.
fn pin(path: &str, revision: &str) -> Pin {
    let revision: Revision = revision.parse().unwrap();
    let index = index();
    let archive = index
        .packages
        .iter()
        .find(|p| p.path == path && p.revision == revision)
        .and_then(|p| p.archives.iter().find(|a| a.host_os.as_deref().is_none_or(|o| o == "linux")));
    Pin {
        path: path.into(),
        revision,
        url: archive.map_or("gone.zip".into(), |a| a.url.clone()),
        size: archive.map(|a| a.expected.size),
        sha1: archive.map_or(Sha1Digest::of(b"gone"), |a| a.expected.sha1),
        sha256: Some(Sha256Digest::of(b"bytes")),
        license: Some("test-sdk-license".into()),
        review: Review::Reviewed,
        source: "test".into(),
    }
}

const IMAGE_34: &str = "system-images;android-34;google_apis;x86_64";

#[test]
fn without_a_pin_the_newest_stable_one_is_taken() {
    let tool = tool(&index(), &lock(vec![]), "emulator", &X64).unwrap();
    assert_eq!(
        (tool.revision.to_string().as_str(), tool.url.as_str(), tool.trust),
        ("90.1.12", "emulator-linux_x64-1012.zip", Trust::IndexOnly)
    );
    let image = image(&index(), &lock(vec![]), 34, "x86_64", &X64).unwrap();
    // Revision 20 is in beta, 9 is with the shop.
    assert_eq!((image.revision.to_string().as_str(), image.url.as_str()), ("14", "sys-img/google_apis/x86_64-34_r14.zip"));
    assert_eq!(image.licenses, ["test-sdk-license"]);
}

#[test]
fn a_pin_is_taken_instead_and_brings_its_sha256() {
    let lock = lock(vec![pin("emulator", "90.1.3"), pin(IMAGE_34, "13")]);
    let tool = tool(&index(), &lock, "emulator", &X64).unwrap();
    assert_eq!((tool.revision.to_string().as_str(), tool.trust), ("90.1.3", Trust::Reviewed));
    assert_eq!(tool.expected.sha256, Some(Sha256Digest::of(b"bytes")));
    assert_eq!(image(&index(), &lock, 34, "x86_64", &X64).unwrap().revision, Revision::new(13, 0, 0));
}

#[test]
fn a_pin_may_name_a_preview() {
    let chosen = image(&index(), &lock(vec![pin(IMAGE_34, "20")]), 34, "x86_64", &X64).unwrap();
    assert_eq!(chosen.revision, Revision::new(20, 0, 0));
}

#[test]
fn a_pin_that_the_index_no_longer_lists_stands_alone() {
    let gone = Pin { url: "emulator-linux_x64-900.zip".into(), size: Some(5), ..pin("emulator", "89.0.0") };
    let tool = |pin| super::tool(&index(), &lock(vec![pin]), "emulator", &X64);
    let chosen = tool(gone.clone()).unwrap();
    assert_eq!((chosen.url.as_str(), chosen.expected.size), ("emulator-linux_x64-900.zip", 5));
    assert!(matches!(tool(Pin { size: None, ..gone.clone() }), Err(SdkError::IncompletePin { field: "size", .. })));
    // Its licence is the lock's, and what the package has now.
    let other = tool(Pin { license: Some("older-license".into()), ..gone.clone() }).unwrap();
    assert_eq!(other.licenses, ["older-license", "test-sdk-license"]);
    assert_eq!(tool(Pin { license: None, ..gone.clone() }).unwrap().licenses, ["test-sdk-license"]);
    let nobody = super::tool(&Index::default(), &lock(vec![Pin { license: None, ..gone }]), "emulator", &X64);
    assert!(matches!(nobody, Err(SdkError::IncompletePin { field: "licence", .. })));
}

#[test]
fn a_pin_holds_for_what_was_withdrawn_and_nothing_else_takes_it() {
    let mut index = index();
    for p in index.packages.iter_mut().filter(|p| p.path == IMAGE_34 && p.revision == Revision::new(14, 0, 0)) {
        p.obsolete = true;
    }
    // Without size and licence, which a pin of what is no longer listed would need.
    let pin = Pin { size: None, license: None, ..pin(IMAGE_34, "14") };
    let pinned = image(&index, &lock(vec![pin.clone()]), 34, "x86_64", &X64).unwrap();
    assert_eq!((pinned.revision, pinned.licenses.len()), (Revision::new(14, 0, 0), 1));
    let other = Pin { sha1: Sha1Digest::of(b"other"), ..pin };
    assert!(matches!(image(&index, &lock(vec![other]), 34, "x86_64", &X64), Err(SdkError::LockMismatch { .. })));
    assert_eq!(image(&index, &lock(vec![]), 34, "x86_64", &X64).unwrap().revision, Revision::new(13, 0, 0));
}

#[test]
fn lock_and_index_that_disagree_are_an_error_with_both() {
    let good = pin(IMAGE_34, "14");
    for (field, bad) in [
        ("SHA-1", Pin { sha1: Sha1Digest::of(b"other"), ..good.clone() }),
        ("size", Pin { size: Some(1), ..good.clone() }),
        ("address", Pin { url: "sys-img/google_apis/other.zip".into(), ..good.clone() }),
    ] {
        let e = image(&index(), &lock(vec![bad.clone()]), 34, "x86_64", &X64).unwrap_err();
        let SdkError::LockMismatch { field: f, lock, index, .. } = &e else { panic!("{e}") };
        assert_eq!(*f, field);
        assert_ne!(lock, index);
        assert!(e.to_string().contains(lock.as_str()) && e.to_string().contains(index.as_str()), "{e}");
    }
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    let none = image(&index(), &lock(vec![]), 31, "x86_64", &X64).unwrap_err().to_string();
    // 27 is withdrawn, 35 in beta only, 36.1 no level of its own, 33-ext4 an extension.
    assert!(none.contains("API levels for `x86_64`: 28, 33, 34, 35, 36, 37; ABIs for API 31: none"), "{none}");
    let none = image(&index(), &lock(vec![]), 33, "x86", &X64).unwrap_err().to_string();
    assert!(none.contains("API levels for `x86`: 28; ABIs for API 33: x86_64"), "{none}");
    let odd = image(&index(), &lock(vec![]), 29, "x86_64", &X64).unwrap_err().to_string();
    assert!(odd.contains("sha512"), "{odd}");
}

#[test]
fn previews_other_hosts_and_other_abis_have_their_own_errors() {
    let beta = image(&index(), &lock(vec![]), 35, "x86_64", &X64).unwrap_err();
    assert!(matches!(beta, SdkError::OnlyPreview { channel: "beta", .. }), "{beta}");
    let arm = Host { os: "linux", arch: "aarch64" };
    let host = tool(&index(), &lock(vec![]), "emulator", &arm).unwrap_err();
    let SdkError::Host { offered, .. } = &host else { panic!("{host}") };
    assert_eq!(offered, "linux x64, macosx aarch64, windows x64");
    assert!(matches!(image(&index(), &lock(vec![]), 34, "arm64-v8a", &X64), Err(SdkError::Abi { .. })));
    assert!(matches!(tool(&Index::default(), &lock(vec![]), "emulator", &X64), Err(SdkError::NoPackage(_))));
}

#[test]
fn android_37_is_found_under_its_new_name() {
    let chosen = image(&index(), &lock(vec![]), 37, "x86_64", &X64).unwrap();
    assert_eq!(chosen.path, "system-images;android-37.0;google_apis;x86_64");
}
