//! What the host is, for the manifest.

use std::{collections::BTreeMap, fs::read_to_string};

/// Kernel, CPU, memory. What cannot be read is left out.
pub(crate) fn facts() -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let mut put = |k: &str, v: Option<String>| {
        if let Some(v) = v.map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()) {
            out.insert(k.to_owned(), v);
        }
    };
    put("kernel", read_to_string("/proc/sys/kernel/osrelease").ok());
    let cpu = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| cpu.lines().find(|l| l.starts_with(name)).and_then(|l| l.split_once(':')).map(|(_, v)| v.to_owned());
    put("cpu", field("model name"));
    put("cpus", Some(cpu.lines().filter(|l| l.starts_with("processor")).count().to_string()));
    let memory = read_to_string("/proc/meminfo").unwrap_or_default();
    put("memory", memory.lines().find(|l| l.starts_with("MemTotal")).and_then(|l| l.split_once(':')).map(|(_, v)| v.to_owned()));
    out
}
