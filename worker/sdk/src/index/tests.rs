//! The fixtures are written for these tests after the form of Google's files; names, sizes and checksums are made up.

use proptest::prelude::*;

use super::*;

const REPOSITORY: &[u8] = include_bytes!("../../tests/fixtures/repository2-1.xml");
const IMAGES: &[u8] = include_bytes!("../../tests/fixtures/sys-img2-5.xml");

#[test]
fn the_repository_gives_tools_with_all_that_is_needed() {
    let index = Index::parse(REPOSITORY).unwrap();
    let emulators: Vec<_> = index.packages.iter().filter(|p| p.path == "emulator").map(|p| (p.revision.to_string(), p.channel)).collect();
    assert_eq!(
        emulators,
        [
            ("90.3.4-rc2".into(), Channel::Canary),
            ("90.2.7".into(), Channel::Beta),
            ("90.1.12".into(), Channel::Stable),
            ("90.1.3".into(), Channel::Stable)
        ]
    );
    let stable = &index.packages.iter().find(|p| p.revision == Revision::new(90, 1, 12)).unwrap();
    assert_eq!(stable.license.as_deref(), Some("test-sdk-license"));
    assert_eq!(stable.archives.len(), 3);
    let linux = &stable.archives[0];
    assert_eq!((linux.host_os.as_deref(), linux.host_arch.as_deref()), (Some("linux"), Some("x64")));
    assert_eq!(linux.url, "emulator-linux_x64-1012.zip");
    assert!(linux.expected.size > 0);
    // What nobody here asks for is not interpreted.
    assert!(index.packages.iter().all(|p| !p.path.starts_with("build-tools")));
}

#[test]
fn images_have_level_tag_and_abi_and_odd_ones_are_set_aside() {
    let index = Index::parse(IMAGES).unwrap();
    let of = |path: &str| index.packages.iter().find(|p| p.path == path).unwrap_or_else(|| panic!("{path}"));
    let plain = of("system-images;android-34;google_apis;x86_64");
    let details = plain.image.as_ref().unwrap();
    assert_eq!((details.api, details.tag.as_str(), details.abi.as_str()), (Some(34), "google_apis", "x86_64"));
    assert_eq!(plain.min_emulator, Some(Revision::new(33, 1, 0)));
    assert_eq!(of("system-images;android-36.1;google_apis;x86_64").image.as_ref().unwrap().api, None);
    assert_eq!(of("system-images;android-37.0;google_apis;x86_64").image.as_ref().unwrap().api, Some(37));
    assert!(of("system-images;android-33-ext4;google_apis;x86_64").image.as_ref().unwrap().extension);
    assert!(of("system-images;android-Zwieback;google_apis;x86_64").image.as_ref().unwrap().codename);
    let skipped: Vec<_> = index.skipped.iter().map(|(p, _)| p.as_str()).collect();
    assert_eq!(skipped, ["system-images;android-29;google_apis;x86_64", "system-images;android-30;google_apis;x86"]);
    assert!(index.skipped[0].1.contains("sha1"), "{:?}", index.skipped);
}

#[test]
fn licences_come_with_their_whole_text() {
    let mut index = Index::parse(REPOSITORY).unwrap();
    index.merge(Index::parse(IMAGES).unwrap());
    let [license] = index.licenses_with("test-sdk-license")[..] else { panic!("one wording, in both files") };
    assert!(license.text.contains("\"quoted\" & more") && license.text.contains("Second  paragraph"), "{}", license.text);
    assert_eq!(index.licenses_with("test-translator-license").len(), 1);
    assert!(index.licenses_with("nobody").is_empty());
}

#[test]
fn another_document_is_no_index() {
    assert!(matches!(Index::parse(b"<html/>"), Err(BadIndex::Root(_))));
}

proptest! {
    #[test]
    fn a_damaged_index_never_panics(at in 0..4000usize, with in prop::collection::vec(any::<u8>(), 0..8)) {
        for whole in [REPOSITORY, IMAGES] {
            let mut bytes = whole.to_vec();
            let at = at % bytes.len();
            let end = (at + with.len()).min(bytes.len());
            bytes.splice(at..end, with.iter().copied());
            let _ = Index::parse(&bytes);
        }
    }

    #[test]
    fn any_values_in_the_right_places_never_panic(level in ".{0,8}", major in ".{0,12}", size in ".{0,24}", sum in ".{0,50}", url in ".{0,20}", path in ".{0,30}") {
        let esc = |s: &str| s.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        let xml = format!(
            "<sdk-sys-img><remotePackage path=\"system-images;{}\"><type-details><api-level>{}</api-level><abi>x86</abi></type-details><revision><major>{}</major></revision>\
             <archives><archive><complete><size>{}</size><checksum>{}</checksum><url>{}</url></complete></archive></archives></remotePackage></sdk-sys-img>",
            esc(&path), esc(&level), esc(&major), esc(&size), esc(&sum), esc(&url)
        );
        let _ = Index::parse(xml.as_bytes());
    }
}
