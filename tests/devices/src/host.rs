//! What may matter of the host: a snapshot of an emulator is tied to most of it.

use std::{collections::BTreeMap, fs, path::Path};

use serde::{Deserialize, Serialize};
use stakeout_containers::Engine;

/// A host, without names of people or machines.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HostFacts {
    /// `GenuineIntel`, `AuthenticAMD`.
    pub cpu_vendor: String,
    /// Model as the kernel names it.
    pub cpu_model: String,
    /// Processors that are online.
    pub cores: usize,
    /// KiB.
    pub memory_kib: u64,
    /// `6.1.0-13-amd64`.
    pub kernel: String,
    /// `/dev/kvm` is there.
    pub kvm: bool,
    /// The container engine: version, storage, cgroups.
    pub engine: String,
    /// Name and id of each image: `gateway`, `device`.
    pub images: BTreeMap<String, String>,
}

impl HostFacts {
    /// Of this host, as far as it says.
    pub(crate) async fn here(engine: &Engine, images: &[(&str, &str)]) -> Self {
        let read = |p: &str| fs::read_to_string(p).unwrap_or_default();
        let cpu = read("/proc/cpuinfo");
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let mut ids = BTreeMap::new();
        for (what, image) in images {
            let id = engine.image_id(image).await.unwrap_or_else(|e| e.to_string());
            ids.insert((*what).to_owned(), format!("{image} {id}"));
        }
        Self {
            cpu_vendor: field(&cpu, "vendor_id"),
            cpu_model: field(&cpu, "model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_kib: memory.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            kvm: Path::new("/dev/kvm").exists(),
            engine: engine
                .info()
                .await
                .map_or_else(|e| e.to_string(), |i| format!("{} with {} on cgroups {}", i.version, i.storage, i.cgroups)),
            images: ids,
        }
    }
}

/// The value of the first line `name : value`.
fn field(text: &str, name: &str) -> String {
    let line = text.lines().find_map(|l| l.strip_prefix(name)?.trim_start().strip_prefix(':'));
    line.map(|l| l.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn the_kernels_tables_are_read_by_their_names() {
        let cpu = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: A CPU @ 2.0GHz\n\nprocessor\t: 1\nvendor_id\t: Other\n";
        assert_eq!([field(cpu, "vendor_id"), field(cpu, "model name"), field(cpu, "flags")], ["GenuineIntel", "A CPU @ 2.0GHz", ""]);
        assert_eq!(field("MemTotal:       16384 kB\n", "MemTotal"), "16384 kB");
    }
}
