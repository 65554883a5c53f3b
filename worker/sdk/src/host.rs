//! The class of hosts that can load a snapshot: a snapshot is tied to processor, emulator, graphics, cores, memory, features and
//! image, so it is baked once for each class and keyed by all of these.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};
use stakeout_contract::Sha256Digest;
use stakeout_protocol::bake::{FEATURES, Window};

use crate::{
    avd::{Avd, GPU},
    digest::Digests,
    index::Revision,
    labels,
};

/// A processor's kind, from `/proc/cpuinfo`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cpu {
    /// `GenuineIntel`, `AuthenticAMD`.
    pub vendor: String,
    /// Family; `CPU architecture` on ARM.
    pub family: u32,
    /// Model; `CPU part` on ARM.
    pub model: u32,
}

/// Bytes of `/proc/cpuinfo` that are looked at: the first processors of a host with hundreds.
const LOOKED_AT: usize = 64 << 10;

impl Cpu {
    /// From the text of `/proc/cpuinfo`. None where any of it is missing or strange: such a host is of no class, as two of them
    /// would share one by what nobody knows. It boots cold.
    pub fn parse(cpuinfo: &str) -> Option<Self> {
        let (mut vendor, mut family, mut model) = (None, None, None);
        let mut end = cpuinfo.len().min(LOOKED_AT);
        while !cpuinfo.is_char_boundary(end) {
            end -= 1;
        }
        let mut seen = BTreeSet::new();
        for (key, value) in cpuinfo[..end].lines().filter_map(|l| l.split_once(':')) {
            let (key, value) = (key.trim(), value.trim());
            // The first processor speaks for all.
            if !matches!(key, "vendor_id" | "CPU implementer" | "cpu family" | "CPU architecture" | "model" | "CPU part")
                || !seen.insert(key)
            {
                continue;
            }
            match key {
                "vendor_id" | "CPU implementer" => {
                    let word: String = value.chars().filter(char::is_ascii_alphanumeric).take(24).collect();
                    vendor = (!word.is_empty()).then_some(word);
                }
                "cpu family" | "CPU architecture" => family = number(value),
                _ => model = number(value),
            }
        }
        Some(Self { vendor: vendor?, family: family?, model: model? })
    }

    /// This host's.
    pub fn this() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/cpuinfo").ok()?)
    }
}

fn number(text: &str) -> Option<u32> {
    let hex = text.strip_prefix("0x").map(|h| u32::from_str_radix(h, 16));
    hex.unwrap_or_else(|| text.parse()).ok()
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.vendor, self.family, self.model)
    }
}

/// All that a snapshot is tied to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HostClass {
    /// The processor.
    pub cpu: Cpu,
    /// The emulator's version.
    pub emulator: Revision,
    /// The graphics mode that it is started with.
    pub gpu: String,
    /// Cores of the guest.
    pub cores: u32,
    /// Memory of the guest, MiB.
    pub ram_mib: u32,
    /// Features that are turned on (`X`) or off (`-X`) when it is started.
    pub features: BTreeSet<String>,
    /// API level of the image.
    pub api: u32,
    /// The image's ABI.
    pub abi: String,
    /// The image's archive.
    pub image: Sha256Digest,
    /// The emulator's window: with another one it is another program. Not part of the text where there is none, so that bakes
    /// from before it was named stay what they are.
    #[serde(default, skip_serializing_if = "Window::is_none")]
    pub window: Window,
}

impl HostClass {
    /// The class of a device on a host.
    pub fn new(cpu: Cpu, emulator: Revision, avd: &Avd, gpu: &str, features: impl IntoIterator<Item = String>, image: &Digests) -> Self {
        Self {
            cpu,
            emulator,
            gpu: gpu.to_owned(),
            cores: avd.cores,
            ram_mib: avd.ram_mib,
            features: features.into_iter().collect(),
            api: avd.api,
            abi: avd.abi.clone(),
            image: image.sha256,
            window: avd.window,
        }
    }

    /// The class of an image on a host, by the labels that a build gives it. None where one is missing or strange.
    pub fn of_image<'a>(cpu: Cpu, label: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let abi = label(labels::ABI).filter(|a| crate::index::plain(a))?;
        Some(Self {
            cpu,
            emulator: label(labels::EMULATOR)?.parse().ok()?,
            gpu: GPU.to_owned(),
            cores: label(labels::CORES)?.parse().ok()?,
            ram_mib: label(labels::RAM_MIB)?.parse().ok()?,
            features: FEATURES.iter().map(|f| (*f).to_owned()).collect(),
            api: label(labels::API)?.parse().ok()?,
            abi: abi.to_owned(),
            image: label(labels::SYSTEM_IMAGE)?.parse().ok()?,
            // An image that does not name it is one without.
            window: label(labels::WINDOW).map_or(Some(Window::None), Window::parse)?,
        })
    }

    /// Sixteen hexadecimal digits that name the class, for tags and snapshots. Hosts with the same key can load each other's.
    pub fn key(&self) -> String {
        // JSON quotes what is in the words, so no two classes have the same text.
        let text = serde_json::to_string(self).unwrap_or_else(|e| unreachable!("words, numbers and a set always have a form: {e}"));
        Sha256Digest::of(format!("stakeout host class 1\n{text}").as_bytes()).to_string().chars().take(16).collect()
    }
}

/// For people: `GenuineIntel-6-85 emulator-37.2.12 swiftshader_indirect 4x4096M api34-x86_64 image-783a40134baf [X]`.
impl fmt::Display for HostClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let image = self.image.short();
        write!(
            f,
            "{} emulator-{} {} {}x{}M api{}-{} image-{image}",
            self.cpu, self.emulator, self.gpu, self.cores, self.ram_mib, self.api, self.abi
        )?;
        self.features.iter().try_for_each(|x| write!(f, " [{x}]"))?;
        if self.window.is_none() { Ok(()) } else { write!(f, " window-{}", self.window.word()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{avd::GPU, digest};

    const INTEL: &str = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Intel(R) Xeon(R)\n\nprocessor\t: 1\nvendor_id\t: Other\nmodel\t\t: 1\n";

    fn class() -> HostClass {
        let digests = digest::of_reader(&b"image"[..]).unwrap().0.finish();
        HostClass::new(
            Cpu::parse(INTEL).unwrap(),
            Revision::new(37, 2, 12),
            &Avd::usual(34, "x86_64"),
            GPU,
            FEATURES.iter().map(|f| (*f).to_owned()),
            &digests,
        )
    }

    #[test]
    fn the_first_processor_speaks_for_the_host() {
        assert_eq!(Cpu::parse(INTEL), Some(Cpu { vendor: "GenuineIntel".into(), family: 6, model: 85 }));
        let arm = "processor : 0\nCPU implementer : 0x41\nCPU architecture: 8\nCPU part : 0xd0c\n";
        assert_eq!(Cpu::parse(arm), Some(Cpu { vendor: "0x41".into(), family: 8, model: 0xd0c }));
        // AMD has processors of model 0.
        assert_eq!(Cpu::parse(&INTEL.replace(": 85", ": 0")).unwrap().model, 0);
    }

    #[test]
    fn a_host_that_does_not_say_all_of_it_is_of_no_class() {
        let without = |key: &str| INTEL.lines().filter(|l| !l.starts_with(key)).collect::<Vec<_>>().join("\n");
        for odd in [
            without("vendor_id"),
            without("cpu family"),
            without("model\t"),
            INTEL.replacen("GenuineIntel", "", 1),
            INTEL.replace(": 6", ": many"),
            INTEL.replace(": 85", ": -1"),
            String::new(),
            ":".into(),
            "\u{0}\u{ffff}:é".into(),
        ] {
            assert_eq!(Cpu::parse(&odd), None, "{odd:?}");
        }
    }

    #[test]
    fn an_image_s_labels_give_the_class_that_it_was_built_for() {
        let class = class();
        let labels = [
            (labels::EMULATOR, "37.2.12".to_owned()),
            (labels::SYSTEM_IMAGE, class.image.to_string()),
            (labels::API, "34".into()),
            (labels::ABI, "x86_64".into()),
            (labels::CORES, "4".into()),
            (labels::RAM_MIB, "4096".into()),
        ];
        let of = |labels: &[(&str, String)]| {
            HostClass::of_image(class.cpu.clone(), |k| labels.iter().find(|(l, _)| *l == k).map(|(_, v)| v.as_str()))
        };
        assert_eq!(of(&labels), Some(class.clone()));
        for i in 0..labels.len() {
            let mut worse = labels.to_vec();
            worse.remove(i);
            assert_eq!(of(&worse), None, "without {}", labels[i].0);
            worse.push((labels[i].0, "\u{1b}[2J".into()));
            assert_eq!(of(&worse), None, "with a strange {}", labels[i].0);
        }
        let mut with = labels.to_vec();
        with.push((labels::WINDOW, "hidden".into()));
        assert_eq!(of(&with), Some(HostClass { window: Window::Hidden, ..class.clone() }));
        with.last_mut().unwrap().1 = "visible".into();
        assert_eq!(of(&with), None, "a window of another version");
    }

    #[test]
    fn everything_that_a_snapshot_is_tied_to_changes_the_key() {
        let class = class();
        let others = [
            HostClass { cpu: Cpu { vendor: "AuthenticAMD".into(), ..class.cpu.clone() }, ..class.clone() },
            HostClass { cpu: Cpu { family: 7, ..class.cpu.clone() }, ..class.clone() },
            HostClass { cpu: Cpu { model: 86, ..class.cpu.clone() }, ..class.clone() },
            HostClass { emulator: Revision::new(37, 2, 13), ..class.clone() },
            HostClass { gpu: "host".into(), ..class.clone() },
            HostClass { cores: 2, ..class.clone() },
            HostClass { ram_mib: 2048, ..class.clone() },
            HostClass { features: BTreeSet::new(), ..class.clone() },
            HostClass { api: 33, ..class.clone() },
            HostClass { abi: "x86".into(), ..class.clone() },
            HostClass { image: Sha256Digest::of(b"other"), ..class.clone() },
            HostClass { window: Window::Hidden, ..class.clone() },
            HostClass { window: Window::Offscreen, ..class.clone() },
        ];
        let keys: BTreeSet<String> = others.iter().chain([&class]).map(HostClass::key).collect();
        assert_eq!(keys.len(), others.len() + 1);
        assert!(keys.iter().all(|k| k.len() == 16));
    }

    #[test]
    fn a_class_keeps_its_key_and_can_be_read() {
        let class = HostClass { features: ["AllowSnapshotMigration".to_owned()].into(), ..class() };
        // The key names snapshots on disk: a change of its form is a change for every lab.
        assert_eq!(class.key(), "dacd207e334b5c55");
        assert_eq!(
            class.to_string(),
            "GenuineIntel-6-85 emulator-37.2.12 swiftshader_indirect 4x4096M api34-x86_64 image-6105d6cc76af [AllowSnapshotMigration]"
        );
        let again: HostClass = serde_json::from_str(&serde_json::to_string(&class).unwrap()).unwrap();
        assert_eq!(again, class);
        let hidden = HostClass { window: Window::Hidden, ..class };
        assert!(hidden.to_string().ends_with("[AllowSnapshotMigration] window-hidden"), "{hidden}");
        let again: HostClass = serde_json::from_str(&serde_json::to_string(&hidden).unwrap()).unwrap();
        assert_eq!(again, hidden);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(s in "(.{0,20}(:|\n)){0,20}") {
            let _ = Cpu::parse(&s);
        }
    }
}
