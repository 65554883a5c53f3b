//! What this host has: KVM, and images of this project.

use std::{
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
};

use stakeout_agent::Images;
use stakeout_containers::{Engine, Image};
use stakeout_contract::DeviceKind;
use stakeout_sdk::{
    host::{Cpu, HostClass},
    labels,
};

/// What an image of this project is, the base first, in the order in which they are built on each other.
pub(crate) const KINDS: [&str; 9] =
    ["base", "gateway", "java", "jvm", "analysis", "emulator-fake", "emulator-sdk", "emulator", "emulator-baked"];

/// Whether containers may use the host's virtualization.
pub(crate) enum Kvm {
    /// They may.
    Usable(stakeout_containers::Kvm),
    /// They may not.
    Unusable {
        /// Why not.
        why: String,
        /// What mends it.
        mend: &'static str,
    },
}

/// Looks at `/dev/kvm`, or what stands for it.
pub(crate) fn kvm(path: &Path) -> Kvm {
    let no = |why: String, mend| Kvm::Unusable { why: format!("`{}` {why}", path.display()), mend };
    let Ok(file) = std::fs::metadata(path) else {
        return no(
            "is not there".into(),
            "turn on virtualization (VT-x, SVM) in the firmware, or nested virtualization in the cloud; then `modprobe kvm_intel` or `modprobe kvm_amd`",
        );
    };
    if !file.file_type().is_char_device() {
        return no("is no device".into(), "remove it, then `modprobe kvm_intel` or `modprobe kvm_amd`");
    }
    // The emulator is nobody's root: only what others may, or a group that can be given to it.
    match rights(file.mode(), file.gid()) {
        Some(group) => Kvm::Usable(stakeout_containers::Kvm { path: path.to_owned(), group }),
        None => no(
            format!("is root's alone (mode {:o}, group {})", file.mode() & 0o777, file.gid()),
            "`groupadd -rf kvm; chgrp kvm /dev/kvm; chmod 660 /dev/kvm`, and a rule of udev so that it stays: `KERNEL==\"kvm\", GROUP=\"kvm\", MODE=\"0660\"`",
        ),
    }
}

/// The group that must be given to who may read and write; none: nobody but root may.
fn rights(mode: u32, group: u32) -> Option<Option<u32>> {
    match (mode & 0o006 == 0o006, mode & 0o060 == 0o060 && group != 0) {
        (true, _) => Some(None),
        (false, true) => Some(Some(group)),
        (false, false) => None,
    }
}

/// What an image of ours is. It has our label and a name in our repository of that kind: images that somebody built on ours have
/// the label alone.
pub(crate) fn ours(image: &Image) -> Option<&'static str> {
    let label = image.labels.get(labels::IMAGE)?;
    let kind = KINDS.into_iter().find(|k| k == label)?;
    image.tags.iter().any(|t| tag_of(kind, t).is_some()).then_some(kind)
}

/// What stands after `stakeout/KIND:`.
pub(crate) fn tag_of<'a>(kind: &str, name: &'a str) -> Option<&'a str> {
    name.strip_prefix("stakeout/")?.strip_prefix(kind)?.strip_prefix(':')
}

/// Names of an image in our repository of its kind, those for people before those of digests.
pub(crate) fn names<'a>(kind: &str, image: &'a Image) -> Vec<&'a str> {
    let mut out: Vec<&str> = image.tags.iter().map(String::as_str).filter(|t| tag_of(kind, t).is_some()).collect();
    out.sort_by_key(|t| (tag_of(kind, t).is_some_and(is_key), *t));
    out
}

/// Whether a tag is the digest of what an image was made from: sixteen hexadecimal digits.
pub(crate) fn is_key(tag: &str) -> bool {
    tag.len() == 16 && tag.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The class that a bake of this image would be for, on a host with this processor.
pub(crate) fn class(image: &Image, cpu: &Cpu) -> Option<HostClass> {
    HostClass::of_image(cpu.clone(), |k| image.labels.get(k).map(String::as_str))
}

/// Whether a baked image is for a host with this processor: its own labels give the class again. None where it is no bake.
pub(crate) fn fits(image: &Image, cpu: Option<&Cpu>) -> Option<bool> {
    let baked_for = image.labels.get(labels::BAKE_CLASS)?;
    Some(cpu.and_then(|c| class(image, c)).is_some_and(|c| c.key() == *baked_for))
}

/// The bake of an emulator image that this host can load.
pub(crate) fn baked_for<'a>(images: &'a [Image], emulator: &Image, cpu: Option<&Cpu>) -> Option<&'a Image> {
    images
        .iter()
        .find(|i| ours(i) == Some("emulator-baked") && i.labels.get(labels::BAKE_FROM) == Some(&emulator.id) && fits(i, cpu) == Some(true))
}

/// Emulators start from a bake where this host has one that it can load.
pub(crate) async fn prefer_baked(engine: &Engine, images: &mut Images) {
    if images.devices.iter().all(|(kind, ..)| *kind != DeviceKind::Emulator) {
        return;
    }
    // An engine that does not list its images has them all the same: trials boot cold.
    let Ok(all) = engine.images().await else { return };
    let cpu = Cpu::this();
    for (kind, image, _) in &mut images.devices {
        if *kind == DeviceKind::Emulator
            && let Some(baked) = bake_of(&all, image, cpu.as_ref())
        {
            tracing::info!(image = image.as_str(), baked, "emulators start from a snapshot");
            baked.clone_into(image);
        }
    }
}

/// The name of the bake of the image that has this name or id.
fn bake_of<'a>(all: &'a [Image], image: &str, cpu: Option<&Cpu>) -> Option<&'a str> {
    let emulator = all.iter().find(|i| i.id == image || i.tags.iter().any(|t| t == image))?;
    names("emulator-baked", baked_for(all, emulator, cpu)?).first().copied()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An image with a label and names.
    pub(crate) fn image(id: &str, parent: &str, kind: &str, tags: &[&str]) -> Image {
        Image {
            id: id.into(),
            parent: parent.into(),
            tags: tags.iter().map(|t| (*t).to_owned()).collect(),
            labels: [(labels::IMAGE.to_owned(), kind.to_owned())].into(),
            ..Image::default()
        }
    }

    #[test]
    fn who_may_use_kvm_is_read_from_its_rights() {
        assert_eq!(rights(0o20_666, 0), Some(None));
        assert_eq!(rights(0o20_660, 108), Some(Some(108)));
        for (mode, group) in [(0o600, 0), (0o660, 0), (0o640, 108), (0o604, 0)] {
            assert_eq!(rights(mode, group), None, "{mode:o} {group}");
        }
        assert!(matches!(kvm(Path::new("/dev/no-such-device")), Kvm::Unusable { why, .. } if why.contains("not there")));
        assert!(matches!(kvm(Path::new("/proc/self/stat")), Kvm::Unusable { why, .. } if why.contains("no device")));
        // Everybody may use this one on every host.
        assert!(matches!(kvm(Path::new("/dev/null")), Kvm::Usable(k) if k.group.is_none()));
    }

    #[test]
    fn only_what_has_our_label_and_our_name_is_ours() {
        assert_eq!(ours(&image("1", "", "jvm", &["stakeout/jvm:0.1.0"])), Some("jvm"));
        for (kind, tag) in [
            ("jvm", "example.org/jvm:0.1.0"),
            ("jvm", "stakeout/jvmx:0.1.0"),
            ("base", "stakeout-test/containers:busy"),
            ("emulator", "stakeout/emulator-sdk:0.1.0"),
            ("unknown", "stakeout/unknown:1"),
        ] {
            assert_eq!(ours(&image("1", "", kind, &[tag])), None, "{kind} {tag}");
        }
        assert_eq!(ours(&image("1", "", "jvm", &[])), None);
        let two = image("1", "", "jvm", &["stakeout/jvm:0123456789abcdef", "other:x", "stakeout/jvm:0.1.0"]);
        assert_eq!(names("jvm", &two), ["stakeout/jvm:0.1.0", "stakeout/jvm:0123456789abcdef"]);
    }

    #[test]
    fn a_bake_fits_the_class_that_its_labels_give_here_and_the_image_that_it_was_made_from() {
        let cpu = Cpu { vendor: "GenuineIntel".into(), family: 6, model: 85 };
        let mut emulator = image("sha256:e", "", "emulator", &["stakeout/emulator:0.1.0-api34-x86_64"]);
        for (k, v) in [
            (labels::API, "34"),
            (labels::ABI, "x86_64"),
            (labels::CORES, "4"),
            (labels::RAM_MIB, "4096"),
            (labels::EMULATOR, "37.2.12"),
            (labels::SYSTEM_IMAGE, &"a".repeat(64)),
        ] {
            emulator.labels.insert(k.into(), v.into());
        }
        let mut baked = image("sha256:b", "sha256:e", "emulator-baked", &["stakeout/emulator-baked:x"]);
        baked.labels.extend(emulator.labels.iter().filter(|(k, _)| *k != labels::IMAGE).map(|(k, v)| (k.clone(), v.clone())));
        baked.labels.insert(labels::BAKE_CLASS.into(), class(&emulator, &cpu).unwrap().key());
        baked.labels.insert(labels::BAKE_FROM.into(), emulator.id.clone());
        let other_cpu = Cpu { model: 86, ..cpu.clone() };
        assert_eq!((fits(&emulator, Some(&cpu)), fits(&baked, Some(&cpu))), (None, Some(true)));
        assert_eq!((fits(&baked, Some(&other_cpu)), fits(&baked, None)), (Some(false), Some(false)));
        let images = [emulator.clone(), baked.clone()];
        assert_eq!(baked_for(&images, &emulator, Some(&cpu)), Some(&baked));
        assert_eq!(baked_for(&images, &emulator, Some(&other_cpu)), None);
        assert_eq!(bake_of(&images, "stakeout/emulator:0.1.0-api34-x86_64", Some(&cpu)), Some("stakeout/emulator-baked:x"));
        assert_eq!(bake_of(&images, "sha256:e", Some(&cpu)), Some("stakeout/emulator-baked:x"));
        for (name, cpu) in [
            ("stakeout/emulator:0.1.0-api34-x86_64", Some(&other_cpu)),
            ("stakeout/emulator:0.1.0-api28-x86_64", Some(&cpu)),
            ("sha256:e", None),
        ] {
            assert_eq!(bake_of(&images, name, cpu), None, "{name}");
        }
        let newer = Image { id: "sha256:n".into(), ..emulator };
        assert_eq!(baked_for(&images, &newer, Some(&cpu)), None, "it was baked from another image");
    }
}
